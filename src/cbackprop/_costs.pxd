from libc.stdint cimport uint32_t

from cbackprop._worker cimport Worker


cdef int cost_code(str name) except -1
cdef int custom_error(Worker *me, const uint32_t *examples, Py_ssize_t m, delta) except -1
cdef int add_custom_costs(Worker *me, const uint32_t *examples, Py_ssize_t m, fn, Py_ssize_t n, double *mean) except -1

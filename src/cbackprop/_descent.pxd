cimport cython

from cbackprop._algorithm cimport Step


@cython.final
cdef class Descent:
    cdef Step step
    cdef int error          # which output error
    cdef object delta       # a reader's own function for it, or None


cdef int cost_code(str name) except -1

from libc.stdint cimport uint32_t


cdef int shuffle(object getrandbits, uint32_t *order, Py_ssize_t n, list items) except -1

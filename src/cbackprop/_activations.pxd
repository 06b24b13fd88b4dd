cimport cython
from libc.stdint cimport int32_t

from cbackprop.kernels cimport Activations


@cython.final
cdef class Codes:
    cdef Activations *layer     # layer[2] ... layer[L]
    cdef int32_t *numbers       # what they point to
    cdef int L
    cdef object custom          # where a function of the user's is, in words; None: nowhere
    cdef int code(self, object activation, Py_ssize_t l, object j) except? -2
    cdef int check(self) except -1
    cdef int check_error(self, int error) except -1

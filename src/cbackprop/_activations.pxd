cimport cython
from libc.stdint cimport int32_t

from cbackprop.kernels cimport Activations


@cython.final
cdef class ActivationCodes:
    cdef Activations *layer     # layer[2] ... layer[L]
    cdef int32_t *numbers       # what they point to
    cdef int L
    cdef object custom          # the layer or neuron with a function of the user's, in words; None: there is none
    cdef int code(self, object activation, Py_ssize_t l, object j) except? -2
    cdef int check(self) except -1
    cdef int check_error(self, int error) except -1

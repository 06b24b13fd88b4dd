cimport cython
from libc.stdint cimport int32_t

from cbackprop.kernels cimport Activations


@cython.final
cdef class Codes:
    cdef Activations *layer     # layer[2] ... layer[L]
    cdef int32_t *numbers       # what they point to

cimport cython

from cbackprop._worker cimport Step


@cython.final
cdef class StepOptions:
    cdef Step step
    cdef int error          # which output error
    cdef tuple dropout      # p of the layers 1 .. L-1, or None
    cdef object delta       # delta(z, a, y) of a cost class of the user's, or None

cimport cython

from cbackprop._worker cimport Step


@cython.final
cdef class StepOptions:
    cdef Step step
    cdef int error          # which output error
    cdef object delta       # a reader's own function for it, or None


cdef int cost_code(str name) except -1

from libc.stdint cimport uint32_t

from cbackprop._worker cimport Worker

cdef enum:
    MOST_LATE = 128     # steps that are kept: `taken` counts to 255


cdef double *counted_squares(Worker *me) noexcept nogil
cdef void keep_step(Worker *me) noexcept nogil
cdef void catch_up(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil
cdef void catch_up_all(Worker *me) noexcept nogil
cdef double take_squares(Worker *me) noexcept nogil

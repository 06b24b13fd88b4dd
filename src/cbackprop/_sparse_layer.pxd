from libc.stdint cimport uint32_t

from cbackprop._worker cimport Worker
from cbackprop.kernels cimport Panels


cdef void sparse_weighted_input(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next) noexcept nogil
cdef void defer_update(Worker *me, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil
cdef void prepare_update(Worker *me) noexcept nogil
cdef void apply_pending_update(Worker *me) noexcept nogil
cdef double subtract_sparse_gradient(
    Worker *me, const uint32_t *examples, Py_ssize_t m, double step, const Panels *W) noexcept nogil
cdef void decay_sparse_layer(Worker *me, double decay) noexcept nogil
cdef void multiply_scale_out(Worker *me) noexcept nogil
cdef bint may_skip_zeros(Worker *me) noexcept nogil
cdef void measure_weights(Worker *me) noexcept nogil
cdef double max_abs(Worker *me, const Panels *matrix) noexcept nogil

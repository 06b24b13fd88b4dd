from libc.stdint cimport uint32_t

from cbackprop._worker cimport Worker


cdef void sparse_weighted_input(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next) noexcept nogil
cdef void defer_update(Worker *me, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil
cdef void apply_pending_update(Worker *me) noexcept nogil
cdef void decay_sparse_layer(Worker *me, double decay) noexcept nogil
cdef void multiply_scale_out(Worker *me) noexcept nogil
cdef void measure_magnitudes(Worker *me) noexcept nogil

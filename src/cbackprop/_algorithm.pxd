from libc.stdint cimport uint32_t

from cbackprop._worker cimport Worker


cdef void set_input(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil
cdef void feedforward(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next) noexcept nogil
cdef void feed_layer(
    Worker *me, int l, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next) noexcept nogil
cdef void output_error(Worker *me, const uint32_t *examples) noexcept nogil
cdef void backpropagate(Worker *me) noexcept nogil
cdef void gradient(Worker *me) noexcept nogil
cdef void gradient_descent(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil
cdef uint32_t *mini_batch(Worker *me, Py_ssize_t batch, Py_ssize_t *m) noexcept nogil
cdef void forward_pass(Worker *me, Py_ssize_t batch) noexcept nogil
cdef void backward_pass(Worker *me, Py_ssize_t batch) noexcept nogil
cdef void train(void *worker) noexcept nogil

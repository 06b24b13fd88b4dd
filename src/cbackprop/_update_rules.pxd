from libc.stdint cimport uint32_t

from cbackprop._worker cimport Step, Worker
from cbackprop.kernels cimport LateStep


cdef enum Past:
    NOTHING, VELOCITIES, MOMENTS


cdef struct UpdateRule:
    int n_state                                 # how many states of a layer it keeps between steps, at most MAX_STATE ...
    Past memory                                 # ... and the field of Memory in which they outlast a call
    bint sums_gradient                          # whether it needs room for the gradient: Layer.gradient
    void (*begin)(Worker *me) noexcept nogil    # once for a mini-batch
    void (*update_biases)(Worker *me, int l, double step) noexcept nogil
    void (*update_weights)(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil
    # for rows of w^2 that may take steps late: n of them; NULL: none may
    void (*take_steps)(Worker *me, Py_ssize_t row, const LateStep *step, Py_ssize_t n) noexcept nogil


cdef const UpdateRule *update_rule(const Step *step) noexcept nogil
cdef void finish_updates(Worker *me) noexcept nogil

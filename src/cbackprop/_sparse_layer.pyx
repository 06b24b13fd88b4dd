"""The first layer where its inputs are sparse: only rows of w^2 whose inputs are not 0 are touched.

The update of w^2 waits for the next forward pass, which needs the same rows. L2 decay would touch every weight: we store w^2
divided by a scale and shrink only the scale, multiplying it out before it underflows. Zeros are skipped only while no product can
be infinite, since 0 * infinity is not 0.
"""

from libc.math cimport fabs
from libc.stdint cimport uint32_t

from cbackprop._worker cimport Layer, Step, Worker, is_moderate
from cbackprop.kernels cimport Panels, Sweep, records_list_all


cdef inline double overflow_guard(Worker *me) noexcept nogil:
    """Sums of products of weights and inputs below this stay finite. Past it the zeros are listed too."""
    return 1e300 if me.k.itemsize == 8 else 1e37


cdef void sparse_weighted_input(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """z^2 = w^2 a^1 + b^2 over the inputs that are not 0, after the update of w^2 that is pending."""
    cdef Layer *layer = &me.layer[2]
    cdef Sweep forward
    forward.records = me.source.records
    forward.examples = examples
    forward.m = m
    forward.rows = &layer.a
    forward.bias = layer.b if me.sparse.scale == 1 else NULL
    forward.step = 0
    forward.trains = me.layer[me.L].delta.data is not NULL
    forward.next = next_examples
    forward.n_next = n_next
    if me.sparse.update_pending and me.source.step.mu == 0 and stays_finite(me):
        if me.source.step.is_l1:
            me.k.shrink_signs(me.source.step.weight_decay, &layer.w, layer.p0, layer.p1)
        me.k.sweep(&me.sparse.update, &forward, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
        me.sparse.update_pending = False
    else:
        apply_pending_update(me)
        if not me.sparse.max_abs_weight <= overflow_guard(me):
            list_zeros(me, &forward)
        me.k.sweep(NULL, &forward, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
    if forward.bias is NULL:
        me.k.scale_rows(me.sparse.scale, layer.b, &layer.a, layer.p0, layer.p1)


cdef void decay_sparse_layer(Worker *me, double decay) noexcept nogil:
    """w^2 -> decay w^2, without touching it: only the scale changes, unless it would no longer be a moderate positive number."""
    me.sparse.scale *= decay
    if not is_moderate(me.sparse.scale):
        multiply_scale_out(me)


cdef void multiply_scale_out(Worker *me) noexcept nogil:
    """Makes the stored w^2 what it stands for."""
    cdef Layer *layer = &me.layer[2]
    me.k.scale(me.sparse.scale, &layer.w, layer.p0, layer.p1)
    me.sparse.max_abs_weight *= fabs(me.sparse.scale)
    me.sparse.scale = 1


cdef void defer_update(Worker *me, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """Keeps what the update of w^2 needs until the next forward pass."""
    me.sparse.delta = me.layer[2].delta
    me.sparse.update.records = me.source.records
    me.sparse.update.examples = examples
    me.sparse.update.m = m
    me.sparse.update.rows = &me.sparse.delta
    me.sparse.update.bias = NULL
    me.sparse.update.step = step
    me.sparse.update.trains = False
    me.sparse.update.next = NULL
    me.sparse.update.n_next = 0
    me.sparse.update_pending = True


cdef double largest_gradient(Worker *me) noexcept nogil:
    """No sum over the pending mini-batch is larger."""
    return me.sparse.update.m * me.source.largest * largest(me, &me.sparse.delta)


cdef double largest(Worker *me, const Panels *matrix) noexcept nogil:
    """The largest entry of this worker's panels of a matrix of layer 2."""
    cdef Layer *layer = &me.layer[2]
    cdef Py_ssize_t panel = matrix.rows * matrix.width
    return me.k.largest(
        <char *> matrix.data + layer.p0 * panel * me.k.itemsize, (layer.p1 - layer.p0) * panel)


cdef bint stays_finite(Worker *me) noexcept nogil:
    """Whether w^2 surely stays finite in the pending update; if so `max_abs_weight` grows by what the update can add."""
    cdef double gradient = largest_gradient(me)
    cdef double bound = me.sparse.max_abs_weight + fabs(me.sparse.update.step) * gradient
    if me.source.step.is_l1:
        bound += fabs(me.source.step.weight_decay)
    if gradient <= overflow_guard(me) and bound <= overflow_guard(me):
        me.sparse.max_abs_weight = bound
        return True
    return False


cdef void apply_pending_update(Worker *me) noexcept nogil:
    """w^2 -> w^2 - (eta / m) sum_x delta^2 (a^1)^T, now."""
    cdef Layer *layer = &me.layer[2]
    cdef bint finite
    if not me.sparse.update_pending:
        return
    me.sparse.update_pending = False
    if me.source.step.mu != 0:
        apply_pending_momentum(me)
        return
    finite = stays_finite(me)
    if not finite:
        list_zeros(me, &me.sparse.update)
    if me.source.step.is_l1:
        me.k.shrink_signs(me.source.step.weight_decay, &layer.w, layer.p0, layer.p1)
    me.k.sweep(&me.sparse.update, NULL, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
    if not finite:
        measure_magnitudes(me)


cdef void apply_pending_momentum(Worker *me) noexcept nogil:
    """v^2 -> v^2 - (eta / m) sum_x delta^2 (a^1)^T and what regularisation takes, w^2 -> w^2 + v^2."""
    cdef Layer *layer = &me.layer[2]
    cdef Step *step = &me.source.step
    cdef double gradient = largest_gradient(me), decay = fabs(step.weight_decay)
    if not gradient <= overflow_guard(me):
        list_zeros(me, &me.sparse.update)
    me.k.sweep(&me.sparse.update, NULL, &layer.v, me.sparse.scratch, layer.p0, layer.p1)
    me.k.move(step.is_l1, step.weight_decay, me.velocity_scale, &layer.v, &layer.w, layer.p0, layer.p1)
    me.sparse.max_abs_velocity = (
        step.mu * me.sparse.max_abs_velocity
        + fabs(me.sparse.update.step * me.velocity_scale) * gradient
        + decay * (1 if step.is_l1 else me.sparse.max_abs_weight)
    )
    me.sparse.max_abs_weight += me.sparse.max_abs_velocity
    if not me.sparse.max_abs_weight <= overflow_guard(me):
        measure_magnitudes(me)


cdef void list_zeros(Worker *me, Sweep *sweep) noexcept nogil:
    """Lists every input for the sweep, zeros included, as NumPy's product takes them."""
    records_list_all(me.source.records, sweep.examples, sweep.m, &me.sparse.dense_records)
    sweep.records = &me.sparse.dense_records
    sweep.examples = me.sparse.dense_order
    sweep.trains = False    # a map of codes would leave the zeros out again
    sweep.next = NULL
    sweep.n_next = 0


cdef void measure_magnitudes(Worker *me) noexcept nogil:
    """Finds the largest weight and velocity anew."""
    cdef Layer *layer = &me.layer[2]
    me.sparse.max_abs_weight = largest(me, &layer.w)
    me.sparse.max_abs_velocity = largest(me, &layer.v) * me.velocity_scale if layer.v.data is not NULL else 0

"""The first layer where its inputs are sparse: only rows of w^2 whose inputs are not 0 are touched.

The update of w^2 waits for the next forward pass, which needs the same rows. L2 decay would touch every weight: we store w^2
divided by a scale and shrink only the scale, multiplying it out before it underflows. Zeros are skipped only while no product can
be infinite, since 0 * infinity is not 0. What a matrix that is stored sparsely does not hold is always skipped: see _csr.pyx.
"""

from libc.math cimport INFINITY, fabs
from libc.stdint cimport uint32_t

from cbackprop._late_rows cimport catch_up, catch_up_all
from cbackprop._runtime cimport records_list_all
from cbackprop._worker cimport Layer, Worker, is_moderate
from cbackprop.kernels cimport Panels, Sweep


# ---- forward ----

cdef void sparse_weighted_input(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """z^2 = w^2 a^1 + b^2 over the inputs that are not 0, after the pending update of w^2."""
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
    if me.sparse.late_rows.late:
        # An update that is pending changes rows; a rule whose updates are not has rows to bring up to date.
        if me.sparse.update_pending:
            catch_up(me, me.sparse.update.examples, me.sparse.update.m)
        elif forward.trains:
            catch_up(me, examples, m)
    if me.sparse.update_pending and stays_finite(me):
        me.k.sweep(&me.sparse.update, &forward, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
        me.sparse.update_pending = False
    else:
        apply_pending_update(me)
        if not may_skip_zeros(me):
            list_zeros(me, &forward)
        me.k.sweep(NULL, &forward, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
    if forward.bias is NULL:
        me.k.scale_rows(me.sparse.scale, layer.b, &layer.a, layer.p0, layer.p1)


# ---- the update, either deferred or at once ----

cdef void defer_update(Worker *me, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """w^2 -> w^2 - step sum_x delta^2 (a^1)^T, in the next forward pass."""
    me.sparse.delta = me.layer[2].delta     # whose number of rows changes before that
    me.sparse.update = update_by(me, examples, m, step, &me.sparse.delta)
    me.sparse.update_pending = True


cdef void prepare_update(Worker *me) noexcept nogil:
    """What can be done for the update while delta^2 is not yet known."""
    me.k.sweep_ahead(me.sparse.scratch, me.source.records)


cdef void apply_pending_update(Worker *me) noexcept nogil:
    """The pending update, now."""
    cdef Layer *layer = &me.layer[2]
    cdef bint finite
    if not me.sparse.update_pending:
        return
    me.sparse.update_pending = False
    catch_up(me, me.sparse.update.examples, me.sparse.update.m)
    finite = stays_finite(me)
    if not finite:
        list_zeros(me, &me.sparse.update)
    me.k.sweep(&me.sparse.update, NULL, &layer.w, me.sparse.scratch, layer.p0, layer.p1)
    if not finite:
        measure_weights(me)


cdef double subtract_sparse_gradient(
    Worker *me, const uint32_t *examples, Py_ssize_t m, double step, const Panels *W,
) noexcept nogil:
    """W -> W - step sum_x delta^2 (a^1)^T, now, W being shaped like w^2. No entry of the sum is larger than what is returned."""
    cdef Layer *layer = &me.layer[2]
    cdef Sweep update = update_by(me, examples, m, step, &layer.delta)
    cdef double gradient = max_abs_gradient(me, &update)
    if not (gradient <= overflow_guard(me) or me.source.records.stored):
        list_zeros(me, &update)
    me.k.sweep(&update, NULL, W, me.sparse.scratch, layer.p0, layer.p1)
    return gradient


cdef Sweep update_by(
    Worker *me, const uint32_t *examples, Py_ssize_t m, double step, const Panels *delta,
) noexcept nogil:
    cdef Sweep update
    update.records = me.source.records
    update.examples = examples
    update.m = m
    update.rows = delta
    update.bias = NULL
    update.step = step
    update.trains = False
    update.next = NULL
    update.n_next = 0
    return update


# ---- the scale ----

cdef void decay_sparse_layer(Worker *me, double decay) noexcept nogil:
    """w^2 -> decay w^2, without touching it: only the scale changes, unless it would no longer be a moderate positive number."""
    me.sparse.scale *= decay
    if not is_moderate(me.sparse.scale):
        multiply_scale_out(me)


cdef void multiply_scale_out(Worker *me) noexcept nogil:
    """Makes the kept w^2 the real one."""
    cdef Layer *layer = &me.layer[2]
    catch_up_all(me)
    me.k.scale(me.sparse.scale, &layer.w, layer.p0, layer.p1)
    me.sparse.max_abs_weight *= fabs(me.sparse.scale)
    me.sparse.scale = 1


# ---- the guards against overflow ----

cdef inline double overflow_guard(Worker *me) noexcept nogil:
    """Sums of products of weights and inputs below this stay finite. Past it the zeros are listed too."""
    return 1e300 if me.k.itemsize == 8 else 1e37


cdef bint may_skip_zeros(Worker *me) noexcept nogil:
    """Whether no weight is so large that its product with a zero might not be 0."""
    return me.sparse.max_abs_weight <= overflow_guard(me) or me.source.records.stored


cdef bint stays_finite(Worker *me) noexcept nogil:
    """Whether w^2 surely stays finite in the pending update; if so `max_abs_weight` grows by what the update can add."""
    cdef double gradient = max_abs_gradient(me, &me.sparse.update)
    cdef double bound = me.sparse.max_abs_weight + fabs(me.sparse.update.step) * gradient
    if (gradient <= overflow_guard(me) and bound <= overflow_guard(me)) or me.source.records.stored:
        me.sparse.max_abs_weight = bound
        return True
    return False


cdef double max_abs_gradient(Worker *me, const Sweep *update) noexcept nogil:
    """No sum over the update's mini-batch is larger."""
    return update.m * me.source.max_abs_input * max_abs(me, update.rows)


cdef void measure_weights(Worker *me) noexcept nogil:
    """Finds the largest weight anew. Nothing is known of velocities then."""
    me.sparse.max_abs_weight = max_abs(me, &me.layer[2].w)
    me.sparse.max_abs_velocity = INFINITY


cdef double max_abs(Worker *me, const Panels *matrix) noexcept nogil:
    """The largest |entry| of this worker's panels of a matrix of layer 2."""
    cdef Layer *layer = &me.layer[2]
    cdef Py_ssize_t panel = matrix.rows * matrix.width
    return me.k.largest(
        <char *> matrix.data + layer.p0 * panel * me.k.itemsize, (layer.p1 - layer.p0) * panel)


cdef void list_zeros(Worker *me, Sweep *sweep) noexcept nogil:
    """Lists every input for the sweep, zeros included, as NumPy's product takes them."""
    records_list_all(me.source.records, sweep.examples, sweep.m, &me.sparse.dense_records)
    sweep.records = &me.sparse.dense_records
    sweep.examples = me.sparse.dense_order
    sweep.trains = False    # a map of codes would leave the zeros out again
    sweep.next = NULL
    sweep.n_next = 0

"""The chapter's algorithm: input, feedforward, output error, backpropagate, gradient descent, for a mini-batch at a time.

Every function is run by each worker of a team on its own panels of neurons; a barrier stands where a worker needs what the others
computed. One worker alone passes through the barriers. Layers count from 1, the input layer, to L, the output layer.

A network of which one example is asked (`one_example`) goes the same way over NumPy's own arrays.
"""

from libc.math cimport fabs
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from cbackprop.kernels cimport (
    SOFTMAX, TIMES_DERIVATIVE, Panels, Sweep, barrier_wait, records_list_all, team_goes_on,
)

# What is kept divided by a factor is multiplied out when the factor leaves LEAST_FACTOR .. 1 / LEAST_FACTOR.
cdef double LEAST_FACTOR = 2.0 ** -20


# A sum of products of weights and inputs below these stays finite: past them the zeros of a sparse layer are listed, since
# 0 * infinity is not 0.
cdef inline double safe(Worker *me) noexcept nogil:
    return 1e300 if me.k.itemsize == 8 else 1e37


cdef void set_input(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """Input x: set the activation a^1 of every example of the mini-batch."""
    cdef int l
    cdef Py_ssize_t i
    cdef Layer *layer
    me.turn ^= 1
    for l in range(1, me.L + 1):
        layer = &me.layer[l]
        layer.a.data = layer.a_turns[me.turn]
        layer.a.rows = layer.delta.rows = m
    if me.source.rows is not NULL:
        for i in range(m):
            me.rows[i] = me.source.rows[examples[i]]
        me.k.gather(me.rows, me.source.row_bits, &me.layer[1].a, me.layer[1].p0, me.layer[1].p1)
        if me.layer[1].shared:
            barrier_wait(me.barrier)


cdef void feedforward(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """Feedforward: for each l = 2, 3, ..., L compute z^l = w^l a^{l-1} + b^l and a^l = f(z^l), f being sigma unless another
    activation was chosen."""
    cdef int l
    cdef Layer *layer
    cdef Layer *before
    for l in range(2, me.L + 1):
        layer = &me.layer[l]
        before = &me.layer[l - 1]
        if me.one_example:
            me.k.matvec(layer.w.data, before.a.data, layer.b, layer.a.data, layer.n, before.n)
        elif l == 2 and me.source.records is not NULL:
            sparse_weighted_input(me, examples, m, next_examples, n_next)
        elif l == 2 and me.source.columns.data is not NULL:
            me.k.product_columns(&me.source.columns, &layer.w, layer.b, &layer.a, layer.p0, layer.p1)
        else:
            me.k.product(&before.a, &layer.w, layer.b, &layer.a, layer.p0, layer.p1)
        if layer.z is not NULL:
            memcpy(layer.z, layer.a.data, panels_bytes(me, &layer.a))
        me.k.activate(&layer.f, &layer.a, me.aside, layer.p0, layer.p1)
        if layer.f.all == SOFTMAX:
            softmax(me, layer, m)
        if layer.shared:
            barrier_wait(me.barrier)


cdef inline Py_ssize_t panels_bytes(Worker *me, const Panels *panels) noexcept nogil:
    return (panels.cols + panels.width - 1) // panels.width * panels.width * panels.rows * me.k.itemsize


cdef void softmax(Worker *me, Layer *layer, Py_ssize_t m) noexcept nogil:
    """a^l_j = e^{z^l_j} / sum_k e^{z^l_k}: workers that share a layer take rows, since a row belongs together."""
    if layer.shared:
        barrier_wait(me.barrier)
        me.k.softmax(&layer.a, m * me.number // me.n_workers, m * (me.number + 1) // me.n_workers)
    else:
        me.k.softmax(&layer.a, 0, m)


cdef void sparse_weighted_input(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """z^2 = w^2 a^1 + b^2 over the inputs that are not 0, after the step of w^2 that still waits."""
    cdef Layer *layer = &me.layer[2]
    cdef Sweep forward
    forward.records = me.source.records
    forward.examples = examples
    forward.m = m
    forward.rows = &layer.a
    forward.bias = layer.b if me.factor == 1 else NULL
    forward.step = 0
    forward.trains = me.layer[me.L].delta.data is not NULL
    forward.next = next_examples
    forward.n_next = n_next
    if me.step_waits and me.source.step.mu == 0 and is_safe(me):
        if me.source.step.signs:
            me.k.shrink_signs(me.source.step.shrink, &layer.w, layer.p0, layer.p1)
        me.k.sweep(&me.step, &forward, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
        me.step_waits = False
    else:
        take_waiting_step(me)
        if not me.reach <= safe(me):
            list_zeros(me, &forward)
        me.k.sweep(NULL, &forward, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
    if forward.bias is NULL:
        me.k.scale_rows(me.factor, layer.b, &layer.a, layer.p0, layer.p1)


cdef void output_error(Worker *me, const uint32_t *examples) noexcept nogil:
    """Output error (BP1): delta^L = nabla_a C * sigma'(z^L), with nabla_a C = a^L - y and sigma' (or f') a function of a; or
    delta^L = a^L - y for the cross-entropy of sigmoids and the log-likelihood of a softmax layer."""
    cdef Layer *layer = &me.layer[me.L]
    me.k.subtract_targets(
        &layer.a, me.source.labels, me.source.targets, examples, &layer.delta, layer.p0, layer.p1)
    if me.source.error == TIMES_DERIVATIVE:
        me.k.times_derivative(&layer.f, &layer.a, &layer.delta, me.aside, layer.p0, layer.p1)
    if layer.shared and me.L > 2:
        barrier_wait(me.barrier)


cdef void backpropagate(Worker *me) noexcept nogil:
    """Backpropagate the error (BP2): for each l = L-1, ..., 2 compute delta^l = ((w^{l+1})^T delta^{l+1}) * sigma'(z^l)."""
    cdef int l
    cdef Layer *layer
    cdef Layer *after
    for l in range(me.L - 1, 1, -1):
        layer = &me.layer[l]
        after = &me.layer[l + 1]
        if me.one_example:
            me.k.matvec_transposed(after.w.data, after.delta.data, layer.delta.data, after.n, layer.n)
        else:
            me.k.product_transposed(&after.delta, &after.w, &layer.delta, me.transposed, layer.p0, layer.p1)
        me.k.times_derivative(&layer.f, &layer.a, &layer.delta, me.aside, layer.p0, layer.p1)
        # The others need this delta for the layer before; and none may change w^{l+1} while another still reads it.
        if after.shared or (layer.shared and l > 2):
            barrier_wait(me.barrier)


cdef void gradient_descent(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """Gradient descent: w^l -> w^l - (eta / m) sum_x delta^l (a^{l-1})^T and b^l -> b^l - (eta / m) sum_x delta^l.

    The sums are those of BP3, dC/db^l = delta^l, and BP4, dC/dw^l = delta^l (a^{l-1})^T, over the mini-batch. For one example they
    are asked for themselves, and no step is taken. Regularisation takes (eta lambda / n) w^l, or sgn(w^l) in its place, from w^l
    as well. With momentum all this goes into velocities: v -> mu v - ..., w -> w + v.
    """
    cdef int l
    cdef Layer *layer
    cdef Layer *before
    cdef double step, shrink = me.source.step.shrink, mu = me.source.step.mu
    cdef bint signs = me.source.step.signs
    cdef Panels b, v_b
    if me.one_example:
        for l in range(2, me.L + 1):
            layer = &me.layer[l]
            me.k.outer(layer.delta.data, me.layer[l - 1].a.data, layer.nabla_w, layer.n, me.layer[l - 1].n)
        return
    step = me.source.step.eta / m
    if mu != 0:
        slow_down(me, mu)
    elif me.source.records is not NULL and shrink != 0 and not signs:
        decay_sparse_layer(me, 1 - shrink)
    for l in range(me.L, 1, -1):
        layer = &me.layer[l]
        before = &me.layer[l - 1]
        if mu != 0:
            me.k.subtract_rows(&layer.delta, step / me.unit, layer.v_b, layer.p0, layer.p1)
            b, v_b = one_row(layer, layer.b), one_row(layer, layer.v_b)
            me.k.move(False, 0, me.unit, &v_b, &b, layer.p0, layer.p1)
        else:
            me.k.subtract_rows(&layer.delta, step, layer.b, layer.p0, layer.p1)
        if l == 2 and me.source.records is not NULL:
            let_step_wait(me, examples, m, step / (me.unit if mu != 0 else me.factor))
        elif l == 2 and me.source.columns.data is not NULL:
            me.k.subtract_columns(&me.source.columns, &layer.delta, step, &layer.w, layer.p0, layer.p1)
        elif mu != 0:
            me.k.subtract_outer(&before.a, &layer.delta, 1, step / me.unit, &layer.v, layer.p0, layer.p1)
            me.k.move(signs, shrink, me.unit, &layer.v, &layer.w, layer.p0, layer.p1)
        elif signs:
            me.k.shrink_signs(shrink, &layer.w, layer.p0, layer.p1)
            me.k.subtract_outer(&before.a, &layer.delta, 1, step, &layer.w, layer.p0, layer.p1)
        else:
            me.k.subtract_outer(&before.a, &layer.delta, 1 - shrink, step, &layer.w, layer.p0, layer.p1)


# ---- what is kept divided by a factor ----

cdef inline Panels one_row(Layer *layer, void *data) noexcept nogil:
    """A vector with an element for each neuron of the layer, as a matrix of one row."""
    cdef Panels row = layer.w
    row.data = data
    row.rows = 1
    return row


cdef inline bint is_moderate(double factor) noexcept nogil:
    return LEAST_FACTOR <= factor <= 1 / LEAST_FACTOR


cdef void decay_sparse_layer(Worker *me, double by) noexcept nogil:
    """w^2 -> by w^2, without touching it: it stands for `factor` times what is kept, and only the factor changes.

    Where that is no moderate positive number any more, w^2 is multiplied out.
    """
    cdef Layer *layer = &me.layer[2]
    me.factor *= by
    if not is_moderate(me.factor):
        me.k.scale(me.factor, &layer.w, layer.p0, layer.p1)
        me.reach *= fabs(me.factor)
        me.factor = 1


cdef void slow_down(Worker *me, double mu) noexcept nogil:
    """v -> mu v, for all velocities, likewise."""
    me.unit *= mu
    if not is_moderate(me.unit):
        multiply_unit_out(me)


cdef void multiply_unit_out(Worker *me) noexcept nogil:
    cdef int l
    cdef Layer *layer
    cdef Panels v_b
    for l in range(2, me.L + 1):
        layer = &me.layer[l]
        v_b = one_row(layer, layer.v_b)
        me.k.scale(me.unit, &layer.v, layer.p0, layer.p1)
        me.k.scale(me.unit, &v_b, layer.p0, layer.p1)
    me.unit = 1


cdef void in_plain_units(Worker *me) noexcept nogil:
    """Multiplies everything out, after a step that still waits."""
    cdef Layer *layer = &me.layer[2]
    take_waiting_step(me)
    if me.factor != 1:
        me.k.scale(me.factor, &layer.w, layer.p0, layer.p1)
        me.reach *= fabs(me.factor)
        me.factor = 1
    if me.unit != 1:
        multiply_unit_out(me)


# ---- the sparse first layer ----

cdef void let_step_wait(Worker *me, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """Keeps what the step of w^2 needs until the next forward pass."""
    me.step_delta = me.layer[2].delta
    me.step.records = me.source.records
    me.step.examples = examples
    me.step.m = m
    me.step.rows = &me.step_delta
    me.step.bias = NULL
    me.step.step = step
    me.step.trains = False
    me.step.next = NULL
    me.step.n_next = 0
    me.step_waits = True


cdef double largest_gradient(Worker *me) noexcept nogil:
    """No sum over the waiting mini-batch is larger."""
    return me.step.m * me.source.largest * largest(me, &me.step_delta)


cdef double largest(Worker *me, const Panels *matrix) noexcept nogil:
    """The largest entry of this worker's panels of a matrix of layer 2."""
    cdef Layer *layer = &me.layer[2]
    cdef Py_ssize_t panel = matrix.rows * matrix.width
    return me.k.largest(
        <char *> matrix.data + layer.p0 * panel * me.k.itemsize, (layer.p1 - layer.p0) * panel)


cdef bint is_safe(Worker *me) noexcept nogil:
    """Whether w^2 surely stays finite in the waiting step; if so `reach` grows by what the step can add."""
    cdef double gradient = largest_gradient(me)
    cdef double reach = me.reach + fabs(me.step.step) * gradient
    if me.source.step.signs:
        reach += fabs(me.source.step.shrink)
    if gradient <= safe(me) and reach <= safe(me):
        me.reach = reach
        return True
    return False


cdef void take_waiting_step(Worker *me) noexcept nogil:
    """w^2 -> w^2 - (eta / m) sum_x delta^2 (a^1)^T, now."""
    cdef Layer *layer = &me.layer[2]
    cdef bint safe_step
    if not me.step_waits:
        return
    me.step_waits = False
    if me.source.step.mu != 0:
        move_sparse_layer(me)
        return
    safe_step = is_safe(me)
    if not safe_step:
        list_zeros(me, &me.step)
    if me.source.step.signs:
        me.k.shrink_signs(me.source.step.shrink, &layer.w, layer.p0, layer.p1)
    me.k.sweep(&me.step, NULL, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
    if not safe_step:
        measure_reach(me)


cdef void move_sparse_layer(Worker *me) noexcept nogil:
    """v^2 -> v^2 - (eta / m) sum_x delta^2 (a^1)^T and what regularisation takes, w^2 -> w^2 + v^2."""
    cdef Layer *layer = &me.layer[2]
    cdef Step *step = &me.source.step
    cdef double gradient = largest_gradient(me), shrink = fabs(me.source.step.shrink)
    if not gradient <= safe(me):
        list_zeros(me, &me.step)
    me.k.sweep(&me.step, NULL, &layer.v, me.sweep_scratch, layer.p0, layer.p1)
    me.k.move(step.signs, me.source.step.shrink, me.unit, &layer.v, &layer.w, layer.p0, layer.p1)
    me.reach_v = step.mu * me.reach_v + fabs(me.step.step * me.unit) * gradient + shrink * (1 if step.signs else me.reach)
    me.reach += me.reach_v
    if not me.reach <= safe(me):
        measure_reach(me)


cdef void list_zeros(Worker *me, Sweep *sweep) noexcept nogil:
    """Makes the sweep meet every input, zeros included, as NumPy's product does."""
    records_list_all(me.source.records, sweep.examples, sweep.m, &me.full)
    sweep.records = &me.full
    sweep.examples = me.full_order
    sweep.trains = False    # a map of codes would leave the zeros out again
    sweep.next = NULL
    sweep.n_next = 0


cdef void measure_reach(Worker *me) noexcept nogil:
    me.reach = largest(me, &me.layer[2].w)
    me.reach_v = largest(me, &me.layer[2].v) * me.unit if me.layer[2].v.data is not NULL else 0


# ---- the outer loop over mini-batches ----

cdef uint32_t *mini_batch(Worker *me, Py_ssize_t batch, Py_ssize_t *m) noexcept nogil:
    """The m examples of this mini-batch, of which the last may be shorter."""
    cdef Py_ssize_t start = min(batch * me.source.m, me.source.n)
    m[0] = min(me.source.m, me.source.n - start)
    return me.source.order + start


cdef void forward_pass(Worker *me, Py_ssize_t batch) noexcept nogil:
    cdef Py_ssize_t m, n_next
    cdef const uint32_t *examples = mini_batch(me, batch, &m)
    cdef const uint32_t *next_examples = mini_batch(me, batch + 1, &n_next)
    set_input(me, examples, m)
    feedforward(me, examples, m, next_examples, n_next)


cdef void backward_pass(Worker *me, Py_ssize_t batch) noexcept nogil:
    cdef Py_ssize_t m
    cdef const uint32_t *examples = mini_batch(me, batch, &m)
    backpropagate(me)
    gradient_descent(me, examples, m)


cdef void train(void *worker) noexcept nogil:
    """Stochastic gradient descent over the mini-batches of the shuffled examples, from source.first to the team's end."""
    cdef Worker *me = <Worker *> worker
    cdef Py_ssize_t batch = me.source.first, m
    while True:
        forward_pass(me, batch)
        output_error(me, mini_batch(me, batch, &m))
        backward_pass(me, batch)
        if not team_goes_on(me.barrier, me.number, batch):
            break
        batch += 1

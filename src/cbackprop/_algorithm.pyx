"""The chapter's algorithm: input, feedforward, output error, backpropagate, gradient descent, for a mini-batch at a time.

Every function is run by each worker of a team on its own panels of neurons; a barrier stands where a worker needs what the others
computed. One worker alone passes through the barriers. Layers count from 1, the input layer, to L, the output layer.

A network of which one example is asked (`one_example`) goes the same way over NumPy's own arrays.
"""

from libc.math cimport fabs
from libc.stdint cimport uint32_t

from cbackprop.kernels cimport Sweep, barrier_wait, records_list_all


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
        me.k.activate(&layer.f, &layer.a, me.aside, layer.p0, layer.p1)
        if layer.shared:
            barrier_wait(me.barrier)


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
    forward.bias = layer.b
    forward.step = 0
    forward.trains = me.layer[me.L].delta.data is not NULL
    forward.next = next_examples
    forward.n_next = n_next
    if me.step_waits and is_safe(me, me.step.m):
        me.k.sweep(&me.step, &forward, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
        me.step_waits = False
        return
    take_waiting_step(me)
    if not me.reach <= safe(me):
        list_zeros(me, &forward)
    me.k.sweep(NULL, &forward, &layer.w, me.sweep_scratch, layer.p0, layer.p1)


cdef void output_error(Worker *me, const uint32_t *examples) noexcept nogil:
    """Output error (BP1): delta^L = nabla_a C * sigma'(z^L), with nabla_a C = a^L - y and sigma' (or f') a function of a."""
    cdef Layer *layer = &me.layer[me.L]
    me.k.subtract_targets(
        &layer.a, me.source.labels, me.source.targets, examples, &layer.delta, layer.p0, layer.p1)
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
    are asked for themselves, and no step is taken.
    """
    cdef int l
    cdef Layer *layer
    cdef Layer *before
    cdef double step
    if me.one_example:
        for l in range(2, me.L + 1):
            layer = &me.layer[l]
            me.k.outer(layer.delta.data, me.layer[l - 1].a.data, layer.nabla_w, layer.n, me.layer[l - 1].n)
        return
    step = me.source.eta / m
    for l in range(me.L, 1, -1):
        layer = &me.layer[l]
        before = &me.layer[l - 1]
        me.k.subtract_rows(&layer.delta, step, layer.b, layer.p0, layer.p1)
        if l == 2 and me.source.records is not NULL:
            let_step_wait(me, examples, m, step)
        elif l == 2 and me.source.columns.data is not NULL:
            me.k.subtract_columns(&me.source.columns, &layer.delta, step, &layer.w, layer.p0, layer.p1)
        else:
            me.k.subtract_outer(&before.a, &layer.delta, 1, step, &layer.w, layer.p0, layer.p1)


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


cdef bint is_safe(Worker *me, Py_ssize_t m) noexcept nogil:
    """Whether w^2 surely stays finite in the waiting step; if so `reach` grows by what the step can add."""
    cdef Layer *layer = &me.layer[2]
    cdef Py_ssize_t panel = me.step_delta.rows * me.step_delta.width
    cdef double gradient = m * me.source.largest * me.k.largest(
        <char *> me.step_delta.data + layer.p0 * panel * me.k.itemsize, (layer.p1 - layer.p0) * panel)
    cdef double reach = me.reach + fabs(me.step.step) * gradient
    if gradient <= safe(me) and reach <= safe(me):
        me.reach = reach
        return True
    return False


cdef void take_waiting_step(Worker *me) noexcept nogil:
    """w^2 -> w^2 - (eta / m) sum_x delta^2 (a^1)^T, now."""
    cdef Layer *layer = &me.layer[2]
    if not me.step_waits:
        return
    me.step_waits = False
    if is_safe(me, me.step.m):
        me.k.sweep(&me.step, NULL, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
    else:
        list_zeros(me, &me.step)
        me.k.sweep(&me.step, NULL, &layer.w, me.sweep_scratch, layer.p0, layer.p1)
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
    cdef Layer *layer = &me.layer[2]
    cdef Py_ssize_t panel = layer.w.rows * layer.w.width
    me.reach = me.k.largest(
        <char *> layer.w.data + layer.p0 * panel * me.k.itemsize, (layer.p1 - layer.p0) * panel)


# ---- the outer loop over mini-batches ----

cdef void train(void *worker) noexcept nogil:
    """Stochastic gradient descent over the mini-batches source.first .. source.last - 1 of the shuffled examples."""
    cdef Worker *me = <Worker *> worker
    cdef Source *source = me.source
    cdef Py_ssize_t batch, start, m, n_next
    cdef const uint32_t *examples
    for batch in range(source.first, source.last):
        start = batch * source.m
        m = min(source.m, source.n - start)
        n_next = min(source.m, source.n - start - m)
        examples = source.order + start
        set_input(me, examples, m)
        feedforward(me, examples, m, examples + m, n_next)
        output_error(me, examples)
        backpropagate(me)
        gradient_descent(me, examples, m)

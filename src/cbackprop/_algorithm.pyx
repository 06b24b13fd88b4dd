"""The chapter's section "The backpropagation algorithm": its five steps, its algorithm for a mini-batch, the loop around that.

BP1 to BP4 are the equations that the section begins with. Layers count from 1, the input layer, to L, the output layer.

Each worker of a team runs every function on its own panels of neurons; there is a barrier wherever a worker needs what the others
computed. A worker alone passes through the barriers. With `one_example`, the same steps run on NumPy's arrays directly. A first
layer of sparse inputs has its own file, _sparse_layer.pyx, and so has what a gradient does to the parameters, _update_rules.pyx.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from cbackprop._runtime cimport barrier_arrive, barrier_await, barrier_wait, team_goes_on
from cbackprop._sparse_layer cimport prepare_update, sparse_weighted_input
from cbackprop._update_rules cimport UpdateRule, update_rule
from cbackprop._worker cimport SUM_OF_GRADIENTS, Cost, Layer, Step, Worker, passed_on
from cbackprop.kernels cimport SOFTMAX, TIMES_DERIVATIVE, Panels


# ---- the five steps ----

cdef void set_input(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """Step 1. Input x: set the activation a^1, for every example x of the mini-batch."""
    cdef int l
    cdef Py_ssize_t i
    cdef Layer *layer
    me.buffer ^= 1
    for l in range(1, me.L + 1):
        layer = &me.layer[l]
        layer.a.data = layer.a_buffers[me.buffer]
        layer.a.rows = layer.delta.rows = m
        layer.thinned.data = layer.thinned_buffers[me.buffer]
        layer.thinned.rows = m
    if me.source.masks is not NULL:
        me.masks = me.source.masks + (examples - me.source.order) * me.source.mask_bytes
    if me.source.rows is not NULL:
        for i in range(m):
            me.rows[i] = me.source.rows[examples[i]]
        me.k.gather(me.rows, me.source.row_bits, &me.layer[1].a, me.layer[1].p0, me.layer[1].p1)
        drop_neurons(me, &me.layer[1], &me.layer[1].a, &me.layer[1].thinned)
        if me.layer[1].shared:
            barrier_wait(me.barrier)


cdef void feedforward(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """Step 2. Feedforward: for each l = 2, 3, ..., L compute z^l = w^l a^{l-1} + b^l and a^l = f(z^l).

    f is sigma, or in the chapter's exercises another function.
    """
    cdef int l
    for l in range(2, me.L + 1):
        feed_layer(me, l, examples, m, next_examples, n_next)


cdef void feed_layer(
    Worker *me, int l, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next,
) noexcept nogil:
    """z^l = w^l a^{l-1} + b^l and a^l = f(z^l), for one l."""
    cdef int round
    cdef Layer *layer = &me.layer[l]
    cdef Layer *before = &me.layer[l - 1]
    if me.one_example:
        me.k.matvec(layer.w.data, before.a.data, layer.b, layer.a.data, layer.n, before.n)
    elif l == 2 and me.source.records is not NULL:
        sparse_weighted_input(me, examples, m, next_examples, n_next)
    elif l == 2 and me.source.columns.data is not NULL:
        me.k.product_columns(&me.source.columns, &layer.w, layer.b, &layer.a, layer.p0, layer.p1)
    else:
        me.k.product(passed_on(before), &layer.w, layer.b, &layer.a, layer.p0, layer.p1)
    if layer.z is not NULL:
        memcpy(layer.z, layer.a.data, panels_bytes(me, &layer.a))
    me.k.activate(&layer.f, &layer.a, me.activation_scratch, layer.p0, layer.p1)
    if layer.f.all == SOFTMAX:
        softmax(me, layer, m)
    drop_neurons(me, layer, &layer.a, &layer.thinned)
    if layer.shared:
        round = barrier_arrive(me.barrier)
        if l == 2 and me.source.records is not NULL:
            prepare_update(me)  # while the others finish
        barrier_await(me.barrier, round)


cdef inline void drop_neurons(Worker *me, const Layer *layer, const Panels *whole, const Panels *thinned) noexcept nogil:
    """Dropout: thinned = whole / (1 - p), and 0 where a neuron of the layer drops out."""
    if layer.thinned.data is not NULL:
        me.k.drop(me.masks + layer.mask, me.source.mask_bytes, layer.drop_factor, whole, thinned, layer.p0, layer.p1)


cdef inline Py_ssize_t panels_bytes(Worker *me, const Panels *panels) noexcept nogil:
    return (panels.cols + panels.width - 1) // panels.width * panels.width * panels.rows * me.k.itemsize


cdef void softmax(Worker *me, Layer *layer, Py_ssize_t m) noexcept nogil:
    """a^l_j = e^{z^l_j} / sum_k e^{z^l_k}. Workers that share the layer take rows here, since each sum is over a whole row."""
    if layer.shared:
        barrier_wait(me.barrier)
        me.k.softmax(&layer.a, m * me.number // me.n_workers, m * (me.number + 1) // me.n_workers)
    else:
        me.k.softmax(&layer.a, 0, m)


cdef void output_error(Worker *me, const uint32_t *examples) noexcept nogil:
    """Step 3. Output error (BP1): delta^L = nabla_a C * f'(z^L), with nabla_a C = a^L - y for the quadratic cost.

    For the cross-entropy of sigmoids and the log-likelihood of a softmax layer this is delta^L = a^L - y. Kernels compute f'(z)
    from a = f(z): sigma' = a (1 - a). An example that counts as much as two has twice the error.
    """
    cdef Layer *layer = &me.layer[me.L]
    me.k.subtract_targets(
        &layer.a, me.source.labels, me.source.targets, examples, &layer.delta, layer.p0, layer.p1)
    if me.source.error == TIMES_DERIVATIVE:
        me.k.times_derivative(&layer.f, &layer.a, &layer.delta, me.activation_scratch, layer.p0, layer.p1)
    if me.source.weights is not NULL:
        me.k.weigh_rows(&layer.delta, me.source.weights, examples, layer.p0, layer.p1)
    if layer.shared and me.L > 2:
        barrier_wait(me.barrier)


cdef void backpropagate(Worker *me) noexcept nogil:
    """Step 4. Backpropagate the error (BP2): for each l = L-1, ..., 2 compute delta^l = ((w^{l+1})^T delta^{l+1}) * f'(z^l)."""
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
        me.k.times_derivative(&layer.f, &layer.a, &layer.delta, me.activation_scratch, layer.p0, layer.p1)
        drop_neurons(me, layer, &layer.delta, &layer.delta)
        # The others need this delta for the layer before, and no worker may change w^{l+1} while another still reads it.
        if after.shared or (layer.shared and l > 2):
            barrier_wait(me.barrier)


cdef void gradient(Worker *me) noexcept nogil:
    """Step 5. Output: the gradient (BP3 and BP4) of one example, dC/db^l = delta^l and dC/dw^l = delta^l (a^{l-1})^T.

    For b^l that is delta^l itself, so only w^l is left to do.
    """
    cdef int l
    cdef Layer *layer
    for l in range(2, me.L + 1):
        layer = &me.layer[l]
        me.k.outer(layer.delta.data, me.layer[l - 1].a.data, layer.nabla_w, layer.n, me.layer[l - 1].n)


# ---- the algorithm for a mini-batch: steps 1 to 4 for every x, and in place of step 5 ----

cdef void gradient_descent(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """Gradient descent: for each l = L, L-1, ..., 2 w^l -> w^l - (eta / m) sum_x delta^l (a^{l-1})^T and
    b^l -> b^l - (eta / m) sum_x delta^l.

    The sums are those of BP4, dC_x/dw^l, and BP3, dC_x/db^l. Regularisation and momentum are the update rule's. If examples
    have weights, m is their sum; a mini-batch of which nothing counts makes no step.
    """
    cdef int l
    cdef const UpdateRule *rule = update_rule(&me.source.step)
    cdef Step *options = &me.source.step
    cdef double step
    me.weight = weight_of(me, examples, m)
    if me.weight == 0:
        return
    step = options.eta / me.weight
    me.lmbda_over_n = options.lmbda_over_n / (me.weight if options.decays_by_batch else 1)
    me.weight_decay = options.weight_decay / (me.weight if options.decays_by_batch else 1)
    rule.begin(me)
    for l in range(me.L, 1, -1):
        rule.update_biases(me, l, step)
        rule.update_weights(me, l, examples, m, step)


cdef double weight_of(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """How many examples the mini-batch counts as: m, or the sum of their weights."""
    cdef Py_ssize_t i
    cdef double weight = 0
    if me.source.weights is NULL:
        return m
    for i in range(m):
        weight += me.source.weights[examples[i]]
    return weight


cdef void add_cost(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """C = (1/m) sum_x C_x + (lambda / 2m) sum w^2 of the mini-batch, before its step, times its length is added to the epoch's.

    If examples have weights, m is their sum; where gradients are only summed, so are the costs. One worker forms these sums, so
    that no bit depends on the number of workers; the others leave the parameters alone until it has.
    """
    cdef Cost *cost = me.source.cost
    cdef Py_ssize_t i
    cdef int l
    cdef double squares, weight, factor = 1
    if me.source.weights is not NULL and me.source.step.rule != SUM_OF_GRADIENTS:
        weight = weight_of(me, examples, m)
        factor = m / weight if weight > 0 else 0
    if cost.needs_squares:
        me.sparse.late_rows.factor = factor * me.sparse.scale * me.sparse.scale
    if me.number == 0:
        me.k.costs(
            cost.code, &me.layer[me.L].a, me.source.labels, me.source.targets, examples, cost.low, cost.high, me.cost_of)
        for i in range(m):
            if me.source.weights is NULL:
                cost.of_examples += me.cost_of[i]
            elif me.source.weights[examples[i]] > 0:
                cost.of_examples += factor * me.source.weights[examples[i]] * me.cost_of[i]
        if cost.needs_squares:
            for l in range(3 if me.sparse.late_rows.late else 2, me.L + 1):
                squares = me.k.squares(&me.layer[l].w)
                if l == 2 and me.source.records is not NULL:
                    squares *= me.sparse.scale * me.sparse.scale
                cost.squares += factor * squares
    barrier_wait(me.barrier)


# ---- the outer loop over mini-batches; that over epochs is in Python ----

cdef uint32_t *mini_batch(Worker *me, Py_ssize_t batch, Py_ssize_t *m) noexcept nogil:
    """The m examples of mini-batch number `batch`; the last one may be shorter."""
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
    """Stochastic gradient descent, over the mini-batches of the shuffled examples from source.first on, until the team ends."""
    cdef Worker *me = <Worker *> worker
    cdef Py_ssize_t batch = me.source.first, m
    cdef const uint32_t *examples
    while True:
        forward_pass(me, batch)
        examples = mini_batch(me, batch, &m)
        if me.source.cost is not NULL:
            add_cost(me, examples, m)
        output_error(me, examples)
        backward_pass(me, batch)
        if not team_goes_on(me.barrier, me.number, batch):
            break
        batch += 1

"""The update rules: how the gradient of a mini-batch changes weights and biases.

A rule is a row: how many states it keeps of a layer and where these outlast a call, and three functions. `update_rule` chooses it
by the step's options; the algorithm's five steps know no rule. The `step` that its functions get is eta / m.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from cbackprop._late_rows cimport catch_up_all, counted_squares, keep_step
from cbackprop._sparse_layer cimport (
    apply_pending_update, decay_sparse_layer, defer_update, max_abs, may_skip_zeros, measure_weights, multiply_scale_out,
    subtract_sparse_gradient,
)
from cbackprop._worker cimport (
    AMSGRAD, GRADIENT_DESCENT, MOMENTUM, NESTEROV, ONE_GRADIENT, SUM_OF_GRADIENTS, Layer, Step, Worker, is_moderate,
    passed_on,
)
from cbackprop.kernels cimport LateStep, Panels


cdef inline bint is_sparse(Worker *me, int l) noexcept nogil:
    return l == 2 and me.source.records is not NULL


# ---- gradient descent, plain and with L2 regularisation: w -> (1 - eta lambda / n) w - (eta / m) sum_x dC_x/dw ----

cdef void begin_descent(Worker *me) noexcept nogil:
    if counted_squares(me) is not NULL:
        keep_step(me)
    if me.source.records is not NULL and me.weight_decay != 0:
        decay_sparse_layer(me, 1 - me.weight_decay)


cdef void update_biases(Worker *me, int l, double step) noexcept nogil:
    """b^l -> b^l - step sum_x delta^l."""
    cdef Layer *layer = &me.layer[l]
    me.k.subtract_rows(&layer.delta, step, layer.b, layer.p0, layer.p1)


cdef void update_weights(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """w^l -> (1 - weight_decay) w^l - step sum_x delta^l (a^{l-1})^T."""
    cdef Layer *layer = &me.layer[l]
    if is_sparse(me, l):
        defer_update(me, examples, m, step / me.sparse.scale)
    elif l == 2 and me.source.columns.data is not NULL:
        me.k.subtract_columns(&me.source.columns, &layer.delta, step, &layer.w, layer.p0, layer.p1)
    else:
        me.k.subtract_outer(
            passed_on(&me.layer[l - 1]), &layer.delta, 1 - me.weight_decay, step, &layer.w, layer.p0, layer.p1)


cdef void only_add_squares(Worker *me, Py_ssize_t row, const LateStep *step, Py_ssize_t n) noexcept nogil:
    """Nothing moves in these steps but the rows that they touch. Those count in the cost, before they are touched."""
    cdef Layer *layer = &me.layer[2]
    cdef double factor = 0
    cdef Py_ssize_t k
    for k in range(n):
        factor += step[k].squares
    me.k.late_squares(factor, &layer.w, row, layer.p0, layer.p1, me.sparse.late_rows.squares)


# ---- with L1 regularisation: w -> w - (eta lambda / n) sgn(w) - (eta / m) sum_x dC_x/dw ----

cdef void begin_nothing(Worker *me) noexcept nogil:
    pass


cdef void update_weights_l1(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """w^l -> w^l - weight_decay sgn(w^l) - step sum_x delta^l (a^{l-1})^T."""
    cdef Layer *layer = &me.layer[l]
    me.k.subtract_signs(me.weight_decay, &layer.w, layer.p0, layer.p1)
    if is_sparse(me, l):
        me.sparse.max_abs_weight += fabs(me.weight_decay)
        defer_update(me, examples, m, step)
    else:
        me.k.subtract_outer(passed_on(&me.layer[l - 1]), &layer.delta, 1, step, &layer.w, layer.p0, layer.p1)


# ---- with momentum: v -> mu v - what the rules above take from w, w -> w + v ----

cdef void begin_momentum(Worker *me) noexcept nogil:
    """v -> mu v, for all velocities: only their scale changes."""
    me.velocity_scale *= me.source.step.mu
    if not is_moderate(me.velocity_scale):
        multiply_velocity_scale_out(me)


cdef void update_biases_momentum(Worker *me, int l, double step) noexcept nogil:
    """v_b -> v_b - step sum_x delta^l, b^l -> b^l + v_b."""
    cdef Layer *layer = &me.layer[l]
    cdef Panels b = one_row(layer, layer.b), v_b = one_row(layer, layer.state[0].b)
    me.k.subtract_rows(&layer.delta, step / me.velocity_scale, v_b.data, layer.p0, layer.p1)
    me.k.move(False, 0, me.velocity_scale, &v_b, &b, layer.p0, layer.p1)


cdef void update_weights_momentum(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """v -> v - step sum_x delta^l (a^{l-1})^T - what regularisation takes, w^l -> w^l + v."""
    cdef Layer *layer = &me.layer[l]
    cdef Panels *v = &layer.state[0].w
    cdef Step *options = &me.source.step
    cdef double gradient = 0, scaled_step = step / me.velocity_scale
    if is_sparse(me, l):
        gradient = subtract_sparse_gradient(me, examples, m, scaled_step, v)
    else:
        me.k.subtract_outer(passed_on(&me.layer[l - 1]), &layer.delta, 1, scaled_step, v, layer.p0, layer.p1)
    me.k.move(options.is_l1, me.weight_decay, me.velocity_scale, v, &layer.w, layer.p0, layer.p1)
    if is_sparse(me, l):
        bound_sparse_layer(me, fabs(step) * gradient)


cdef void bound_sparse_layer(Worker *me, double gradient) noexcept nogil:
    """Keeps the bounds of w^2 and of its velocities true after a step that added at most `gradient` to a velocity."""
    cdef Step *options = &me.source.step
    me.sparse.max_abs_velocity = (
        options.mu * me.sparse.max_abs_velocity + gradient
        + fabs(me.weight_decay) * (1 if options.is_l1 else me.sparse.max_abs_weight)
    )
    me.sparse.max_abs_weight += me.sparse.max_abs_velocity
    if not may_skip_zeros(me):
        measure_weights(me)
        me.sparse.max_abs_velocity = max_abs(me, &me.layer[2].state[0].w) * me.velocity_scale


cdef inline Panels one_row(Layer *layer, void *data) noexcept nogil:
    """A vector with an element for each neuron of the layer, as a matrix of one row."""
    cdef Panels row = layer.w
    row.data = data
    row.rows = 1
    return row


cdef void multiply_velocity_scale_out(Worker *me) noexcept nogil:
    """Makes the kept velocities the real ones."""
    cdef int l
    cdef Layer *layer
    cdef Panels v_b
    for l in range(2, me.L + 1):
        layer = &me.layer[l]
        v_b = one_row(layer, layer.state[0].b)
        me.k.scale(me.velocity_scale, &layer.state[0].w, layer.p0, layer.p1)
        me.k.scale(me.velocity_scale, &v_b, layer.p0, layer.p1)
    me.velocity_scale = 1


# ---- rules that need the whole gradient of a weight at once, and move every weight in every step ----

cdef void sum_rows(Worker *me, int l, double step) noexcept nogil:
    """gradient.b = -step sum_x delta^l."""
    cdef Layer *layer = &me.layer[l]
    me.k.subtract_rows(&layer.delta, step, layer.gradient.b, layer.p0, layer.p1)


cdef void sum_gradient(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """gradient.w = -step sum_x delta^l (a^{l-1})^T."""
    cdef Layer *layer = &me.layer[l]
    if is_sparse(me, l):
        subtract_sparse_gradient(me, examples, m, step, &layer.gradient.w)
    else:
        me.k.subtract_outer(passed_on(&me.layer[l - 1]), &layer.delta, 1, step, &layer.gradient.w, layer.p0, layer.p1)


cdef inline void set_bound(Worker *me, int l, double max_abs_weight) noexcept nogil:
    """Keeps the bound of w^2 true after a step that touched every weight of layer l."""
    if is_sparse(me, l):
        me.sparse.max_abs_weight = max_abs_weight


# ---- Nesterov: with the change d of gradient descent v -> mu v + d, w -> w + mu v + d ----

cdef void begin_nesterov(Worker *me) noexcept nogil:
    keep_step(me)


cdef void update_biases_nesterov(Worker *me, int l, double step) noexcept nogil:
    """v_b -> mu v_b - step sum_x delta^l, b^l -> b^l + mu v_b - step sum_x delta^l."""
    cdef Layer *layer = &me.layer[l]
    cdef Panels b = one_row(layer, layer.b), v_b = one_row(layer, layer.state[0].b), d_b = one_row(layer, layer.gradient.b)
    sum_rows(me, l, step)
    me.k.nesterov(False, 0, me.source.step.mu, &d_b, &v_b, &b, layer.p0, layer.p1)


cdef void update_weights_nesterov(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """The same of w^l and v, where d is what gradient descent adds to w^l, with its regularisation."""
    cdef Layer *layer = &me.layer[l]
    cdef Step *options = &me.source.step
    sum_gradient(me, l, examples, m, step)
    if l == 2 and me.sparse.late_rows.late:
        return      # the rows take this step when they catch up
    set_bound(me, l, me.k.nesterov(
        options.is_l1, me.weight_decay, options.mu, &layer.gradient.w, &layer.state[0].w, &layer.w, layer.p0, layer.p1))


cdef void take_nesterov_steps(Worker *me, Py_ssize_t row, const LateStep *step, Py_ssize_t n) noexcept nogil:
    cdef Layer *layer = &me.layer[2]
    me.k.late_nesterov(
        step, n, &layer.gradient.w, &layer.state[0].w, &layer.w, row, layer.p0, layer.p1,
        counted_squares(me))


# ---- Adam and AMSGrad: Kingma and Ba, 2015, algorithm 1; Reddi, Kale and Kumar, 2018, with the bias corrections of Adam ----

cdef void begin_adam(Worker *me) noexcept nogil:
    """t -> t + 1, and the bias corrections of this step: the moments began at 0."""
    cdef Step *options = &me.source.step
    cdef double correction_1, root_2
    me.t += 1
    correction_1 = 1 - power(options.beta_1, me.t)
    root_2 = sqrt(1 - power(options.beta_2, me.t))
    me.adam.beta_1 = options.beta_1
    me.adam.beta_2 = options.beta_2
    me.adam.size = options.eta / correction_1
    me.adam.root_factor = 1 / root_2
    if options.is_epsilon_hat:
        me.adam.size *= root_2
        me.adam.root_factor = 1
    me.adam.epsilon = options.epsilon
    me.adam.is_l1 = options.is_l1


cdef double power(double x, int64_t n) noexcept nogil:
    """x^n by squaring: not by the C library's function, which rounds as it likes."""
    cdef double result = 1
    while n > 0:
        if n & 1:
            result *= x
        x *= x
        n >>= 1
    return result


cdef void update_biases_adam(Worker *me, int l, double step) noexcept nogil:
    """b^l by its moments and the mean of delta^l, which no regularisation adds to."""
    cdef Layer *layer = &me.layer[l]
    cdef Panels gradient = one_row(layer, layer.gradient.b), b = one_row(layer, layer.b)
    cdef Panels first = one_row(layer, layer.state[0].b), second = one_row(layer, layer.state[1].b)
    cdef Panels highest = one_row(layer, layer.state[2].b)
    sum_rows(me, l, -1 / me.weight)
    me.adam.lmbda_over_n = 0
    me.k.adam(
        &me.adam, &gradient, &first, &second, NULL if highest.data is NULL else &highest, &b, layer.p0, layer.p1)


cdef void update_weights_adam(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """w^l by its moments and the mean of delta^l (a^{l-1})^T, with the gradient of the regularisation."""
    cdef Layer *layer = &me.layer[l]
    cdef Panels *highest = &layer.state[2].w
    sum_gradient(me, l, examples, m, -1 / me.weight)
    me.adam.lmbda_over_n = me.lmbda_over_n
    set_bound(me, l, me.k.adam(
        &me.adam, &layer.gradient.w, &layer.state[0].w, &layer.state[1].w, NULL if highest.data is NULL else highest,
        &layer.w, layer.p0, layer.p1))


# ---- no step: the gradient alone, for an optimiser elsewhere: g -> g + sum_x dC_x/dw ----

cdef void add_bias_gradient(Worker *me, int l, double step) noexcept nogil:
    """g_b -> g_b + sum_x delta^l."""
    cdef Layer *layer = &me.layer[l]
    me.k.subtract_rows(&layer.delta, -1, layer.total.b, layer.p0, layer.p1)


cdef void add_weight_gradient(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """g -> g + sum_x delta^l (a^{l-1})^T."""
    cdef Layer *layer = &me.layer[l]
    if is_sparse(me, l):
        subtract_sparse_gradient(me, examples, m, -1, &layer.total.w)
    else:
        me.k.subtract_outer(passed_on(&me.layer[l - 1]), &layer.delta, 1, -1, &layer.total.w, layer.p0, layer.p1)


# ---- no step: the gradient of one mini-batch, for other processes: g = sum_x dC_x/dw ----

cdef void set_bias_gradient(Worker *me, int l, double step) noexcept nogil:
    """g_b = sum_x delta^l."""
    cdef Panels total = one_row(&me.layer[l], me.layer[l].total.b)
    fill_with_zeros(me, l, &total)
    add_bias_gradient(me, l, step)


cdef void set_weight_gradient(Worker *me, int l, const uint32_t *examples, Py_ssize_t m, double step) noexcept nogil:
    """g = sum_x delta^l (a^{l-1})^T."""
    cdef Layer *layer = &me.layer[l]
    if is_sparse(me, l):
        fill_with_zeros(me, l, &layer.total.w)
        add_weight_gradient(me, l, examples, m, step)
    else:
        me.k.set_outer(passed_on(&me.layer[l - 1]), &layer.delta, &layer.total.w, layer.p0, layer.p1)


cdef void fill_with_zeros(Worker *me, int l, const Panels *matrix) noexcept nogil:
    """Makes this worker's panels of a matrix of layer l 0."""
    cdef Py_ssize_t panel = matrix.rows * matrix.width * me.k.itemsize
    memset(<char *> matrix.data + me.layer[l].p0 * panel, 0, (me.layer[l].p1 - me.layer[l].p0) * panel)


# ---- the choice ----

cdef UpdateRule DESCENT_RULE = UpdateRule(
    0, NOTHING, False, begin_descent, update_biases, update_weights, only_add_squares)
cdef UpdateRule L1_RULE = UpdateRule(0, NOTHING, False, begin_nothing, update_biases, update_weights_l1, NULL)
cdef UpdateRule MOMENTUM_RULE = UpdateRule(
    1, VELOCITIES, False, begin_momentum, update_biases_momentum, update_weights_momentum, NULL)
cdef UpdateRule NESTEROV_RULE = UpdateRule(
    1, VELOCITIES, True, begin_nesterov, update_biases_nesterov, update_weights_nesterov, take_nesterov_steps)
cdef UpdateRule ADAM_RULE = UpdateRule(2, MOMENTS, True, begin_adam, update_biases_adam, update_weights_adam, NULL)
cdef UpdateRule AMSGRAD_RULE = UpdateRule(3, MOMENTS, True, begin_adam, update_biases_adam, update_weights_adam, NULL)
cdef UpdateRule SUM_RULE = UpdateRule(0, NOTHING, False, begin_nothing, add_bias_gradient, add_weight_gradient, NULL)
cdef UpdateRule ONE_RULE = UpdateRule(0, NOTHING, False, begin_nothing, set_bias_gradient, set_weight_gradient, NULL)


cdef const UpdateRule *update_rule(const Step *step) noexcept nogil:
    """The rule that these options mean."""
    if step.rule == GRADIENT_DESCENT:
        return &L1_RULE if step.is_l1 else &DESCENT_RULE
    if step.rule == MOMENTUM:
        return &MOMENTUM_RULE
    if step.rule == NESTEROV:
        return &NESTEROV_RULE
    if step.rule == SUM_OF_GRADIENTS:
        return &SUM_RULE
    if step.rule == ONE_GRADIENT:
        return &ONE_RULE
    return &AMSGRAD_RULE if step.rule == AMSGRAD else &ADAM_RULE


cdef void finish_updates(Worker *me) noexcept nogil:
    """Makes weights, biases and velocities the real ones: nothing is pending, no scale is left."""
    apply_pending_update(me)
    catch_up_all(me)
    if me.sparse.scale != 1:
        multiply_scale_out(me)
    if me.velocity_scale != 1:
        multiply_velocity_scale_out(me)

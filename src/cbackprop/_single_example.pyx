"""Single calls of cbackprop.network.Network's `feedforward` and `backprop`, one example over NumPy's own arrays, and of
`backprop_mini_batch` and `feedforward`, a matrix whose columns are the examples."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport (
    backpropagate, feedforward as forward, gradient, gradient_descent, output_error, set_input,
)
from cbackprop._arrays cimport column, contiguous, input_array, is_plain, new_array, real_array, target
from cbackprop._costs cimport custom_error
from cbackprop._isa cimport kernels
from cbackprop._worker cimport Layer, Source, Worker
from cbackprop._parameters cimport Parameters, has_no_layers
from cbackprop._team cimport PARAMETERS, Team
from cbackprop._step_options cimport StepOptions
from cbackprop.kernels cimport Kernels, aligned_calloc, aligned_free

import numpy as np

cnp.import_array()

cdef enum:
    BLOCK = 128     # columns of a matrix that are taken at a time

cdef StepOptions QUADRATIC_COST = StepOptions(0)

cdef uint32_t FIRST = 0     # the order of a single example
cdef uint32_t[BLOCK] IN_ORDER
for column_number in range(BLOCK):
    IN_ORDER[column_number] = column_number


@cython.final
cdef class OneExample:
    """The layers of a network as one example sees them."""

    cdef Worker worker
    cdef Source source
    cdef void *memory

    def __cinit__(self, Parameters p, bint trains, bint keeps_z=False):
        cdef int l
        cdef const Kernels *k = kernels(p.itemsize)
        cdef Py_ssize_t width, used = (p.L + 1) * sizeof(Layer), activation_scratch = 0
        cdef Layer *layer
        p.check()
        used = (used + 63) // 64 * 64
        cdef Py_ssize_t vectors_at = used
        for l in range(2, p.L + 1):
            used += self.padded(p.n[l], p.itemsize) * (2 if trains else 1)
            if p.activations is not None:
                activation_scratch = max(activation_scratch, k.activation_scratch(&p.activations.layer[l], 1))
        used += activation_scratch
        if keeps_z:
            used += self.padded(p.n[p.L], p.itemsize)
        self.memory = aligned_calloc(used)
        if self.memory is NULL:
            raise MemoryError
        memset(&self.source, 0, sizeof(Source))
        memset(&self.worker, 0, sizeof(Worker))
        self.worker.k = k
        self.worker.L = p.L
        self.worker.layer = <Layer *> self.memory
        self.worker.source = &self.source
        self.worker.one_example = True
        used = vectors_at
        for l in range(1, p.L + 1):
            layer = &self.worker.layer[l]
            layer.n = p.n[l]
            layer.p1 = 1
            width = self.padded(p.n[l], p.itemsize)
            layer.a.rows = layer.delta.rows = 1
            layer.a.cols = layer.delta.cols = p.n[l]
            layer.a.width = layer.delta.width = width // p.itemsize
            if l > 1:
                layer.w.data = p.w(l)
                layer.b = p.b(l)
                if p.activations is not None:  # otherwise all 0: sigmoids
                    layer.f = p.activations.layer[l]
                layer.a.data = <char *> self.memory + used
                used += width
                if trains:
                    layer.delta.data = <char *> self.memory + used
                    used += width
        if keeps_z:
            layer.z = <char *> self.memory + used
            used += width
        self.worker.activation_scratch = <char *> self.memory + used

    cdef Py_ssize_t padded(self, Py_ssize_t n, int itemsize) noexcept:
        return (n * itemsize + 63) // 64 * 64

    def __dealloc__(self):
        aligned_free(self.memory)


def feedforward(net, a):
    """The output activations of `net` for a column (n_in, 1) or a matrix (n_in, m) of columns: a new array."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef OneExample one
    cdef Layer *output
    if not is_plain(a, p.n[1]):
        a = input_array(a, p.n[1], "a")
        if a.shape[1] != 1:
            return feedforward_matrix(p, a)
    a = column(a, p.n[1], p.type_num, "a")
    one = OneExample.__new__(OneExample, p, False)
    one.worker.layer[1].a.data = cnp.PyArray_DATA(<cnp.ndarray> a)
    with nogil:
        forward(&one.worker, &FIRST, 1, NULL, 0)
    output = &one.worker.layer[p.L]
    return vector(p, output.n, output.a.data)


cdef object vector(Parameters p, Py_ssize_t n, const void *data):
    """A new (n, 1) array with these numbers."""
    result = new_array(p.type_num, n, 1)
    memcpy(cnp.PyArray_DATA(<cnp.ndarray> result), data, n * p.itemsize)
    return result


cdef object feedforward_matrix(Parameters p, object X):
    X = X.view()    # whose shape stays what it is
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team
    if m == 0:
        return new_array(p.type_num, p.n[p.L], m)
    team = Team(p, None, min(m, BLOCK), 1, False)
    team.load(p)
    if m <= BLOCK:
        return outputs(team, p, X)
    result = new_array(p.type_num, p.n[p.L], m)
    for start in range(0, m, BLOCK):
        result[:, start:start + BLOCK] = outputs(team, p, X[:, start:start + BLOCK])
    return result


cdef object outputs(Team team, Parameters p, object X):
    """The output activations of at most BLOCK columns: a new array."""
    cdef Worker *me = team.workers
    cdef Py_ssize_t m = X.shape[1]
    X = contiguous(X, p.type_num)
    result = new_array(p.type_num, p.n[p.L], m)
    team.read_columns(p.n[1], m, cnp.PyArray_DATA(<cnp.ndarray> X), NULL)
    with nogil:
        set_input(me, IN_ORDER, m)
        forward(me, IN_ORDER, m, NULL, 0)
        me.k.unpack_transposed(&me.layer[p.L].a, cnp.PyArray_DATA(<cnp.ndarray> result))
    return result


def backprop(net, x, y, StepOptions options=QUADRATIC_COST):
    """The gradient (nabla_b, nabla_w) of the cost of one example: two lists of new arrays; `options` says which cost.

    Of m examples, the columns of x and y, nabla_w is the sum and nabla_b has a column each, as in the book; None where a
    cost of the user's must see all columns at once.
    """
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef OneExample one
    cdef Layer *layer
    cdef int l
    cdef list nabla_b = [], nabla_w = []
    if not is_plain(x, p.n[1]):
        x = input_array(x, p.n[1], "x")
        if x.shape[1] != 1:
            y = column_targets(y, p.n[p.L], x.shape[1])
            return None if options.delta is not None else backprop_columns(p, x, y, options)
    x = column(x, p.n[1], p.type_num, "x")
    y = target(y, p.n[p.L], p.type_num, "y")
    x = column(x, p.n[1], p.type_num, "x")  # once more: to read y may have changed it
    if p.activations is not None:
        p.activations.check_error(options.error)
    one = OneExample.__new__(OneExample, p, True, options.delta is not None)
    one.source.error = options.error
    one.source.targets = cnp.PyArray_DATA(<cnp.ndarray> y)
    one.worker.layer[1].a.data = cnp.PyArray_DATA(<cnp.ndarray> x)
    for l in range(2, p.L + 1):
        nabla = new_array(p.type_num, p.n[l], p.n[l - 1])
        one.worker.layer[l].nabla_w = cnp.PyArray_DATA(<cnp.ndarray> nabla)
        nabla_w.append(nabla)
    with nogil:
        forward(&one.worker, &FIRST, 1, NULL, 0)
    if options.delta is not None:
        custom_error(&one.worker, &FIRST, 1, options.delta)
        p.check()
        if not is_plain(x, p.n[1]) or cnp.PyArray_TYPE(<cnp.ndarray> x) != p.type_num:
            raise ValueError("x has changed its shape or type while cost.delta ran")
        # Of the same shape, but perhaps not where they were.
        one.worker.layer[1].a.data = cnp.PyArray_DATA(<cnp.ndarray> x)
        for l in range(2, p.L + 1):
            one.worker.layer[l].w.data = p.w(l)
            one.worker.layer[l].b = p.b(l)
    else:
        output_error(&one.worker, &FIRST)
    with nogil:
        backpropagate(&one.worker)
        gradient(&one.worker)
    for l in range(2, p.L + 1):
        layer = &one.worker.layer[l]
        nabla_b.append(vector(p, layer.n, layer.delta.data))
    return nabla_b, nabla_w


cdef object column_targets(object y, Py_ssize_t n_out, Py_ssize_t m):
    """y as an array (n_out, m) of real numbers, broadcast as NumPy does."""
    array = real_array(y, "y")
    if (
        array.size == 1 and array.ndim <= 2
        or (array.ndim == 2 and array.shape[0] in (1, n_out) and array.shape[1] in (1, m))
        or (n_out == 1 and array.shape == (m,))
    ):
        return np.broadcast_to(array, (n_out, m))
    raise ValueError(
        f"y has shape {array.shape}; this network's output layer has {n_out} neurons and x {m} columns, so it must be "
        f"({n_out}, {m}), ({n_out}, 1) or a single number")


cdef tuple backprop_columns(Parameters p, object X, object Y, StepOptions options):
    """(nabla_b, nabla_w) of the columns of X and Y: each one's own nabla_b beside the other, the sum of nabla_w."""
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team = Team(p, None, max(1, min(m, BLOCK)), 1, True, options)
    cdef list nabla_b = [], nabla_w = None, more_w
    cdef int l
    X = X.view()    # whose shape stays what it is
    team.source.error = options.error
    for l in range(2, p.L + 1):
        nabla_b.append(new_array(p.type_num, p.n[l], m))
    for start in range(0, max(m, 1), BLOCK):
        more_w, _ = sum_of_gradients(team, p, X[:, start:start + BLOCK], Y[:, start:start + BLOCK], None)
        for l in range(2, p.L + 1):
            delta = new_array(p.type_num, p.n[l], min(BLOCK, m - start))
            team.k.unpack_transposed(&team.workers.layer[l].delta, cnp.PyArray_DATA(<cnp.ndarray> delta))
            nabla_b[l - 2][:, start:start + BLOCK] = delta
            if start > 0:
                nabla_w[l - 2] += more_w[l - 2]
        if start == 0:
            nabla_w = more_w
    return nabla_b, nabla_w


def backprop_mini_batch(net, X, Y, StepOptions options=QUADRATIC_COST):
    """The gradients (nabla_b, nabla_w) of the examples that are the columns of X and Y, summed: two lists of new arrays."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team
    cdef list nabla_b, nabla_w, more_b, more_w
    cdef int l
    team = Team(p, None, max(1, min(m, BLOCK)), 1, True, options)
    team.source.error = options.error
    nabla_w, nabla_b = sum_of_gradients(team, p, X[:, :BLOCK], Y[:, :BLOCK], options.delta)
    for start in range(BLOCK, m, BLOCK):
        more_w, more_b = sum_of_gradients(team, p, X[:, start:start + BLOCK], Y[:, start:start + BLOCK], options.delta)
        for l in range(p.L - 1):
            nabla_w[l] += more_w[l]
            nabla_b[l] += more_b[l]
    return nabla_b, nabla_w


cdef tuple sum_of_gradients(Team team, Parameters p, object X, object Y, delta):
    """(nabla_w, nabla_b), summed over at most BLOCK columns of X and Y.

    A step of gradient descent from parameters that are all 0, with eta / m = -1, ends at the sums themselves.
    """
    cdef Worker *me = team.workers
    cdef Py_ssize_t m = X.shape[1]
    X = contiguous(X, p.type_num)
    Y = contiguous(Y.T, p.type_num)
    team.read_columns(p.n[1], m, cnp.PyArray_DATA(<cnp.ndarray> X), cnp.PyArray_DATA(<cnp.ndarray> Y))
    team.source.step.eta = -<double> m
    team.load(p)
    with nogil:
        set_input(me, IN_ORDER, m)
        forward(me, IN_ORDER, m, NULL, 0)
    if delta is not None:
        custom_error(me, IN_ORDER, m, delta)
    else:
        output_error(me, IN_ORDER)
    with nogil:
        backpropagate(me)
        team.fill_with_zeros(PARAMETERS)
        if m > 0:
            gradient_descent(me, IN_ORDER, m)
    return team.store()


def checked_examples(net, x, y):
    """x as an array (n_in, m) of real numbers, where `backprop` would take it and y."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    x = input_array(x, p.n[1], "x")
    if x.shape[1] == 1:
        target(y, p.n[p.L], p.type_num, "y")
    else:
        column_targets(y, p.n[p.L], x.shape[1])
    return x


def checked_input_column(net, x, y):
    """x as a column of real numbers, where it and y are one example."""
    x = checked_examples(net, x, y)
    return column(x, x.shape[0], -1, "x")


def checked_input(net, a):
    """a as a matrix (n_in, m) of the network's type; as it is, where there is no layer to say what it must be."""
    if has_no_layers(net):
        return real_array(a, "a")
    cdef Parameters p = Parameters.__new__(Parameters, net)
    return contiguous(input_array(a, p.n[1], "a"), p.type_num)


def checked_columns(net, X, Y):
    """X as an array (n_in, m) and Y as an array (n_out, m) of real numbers: the columns are the examples."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n_in = p.n[1], n_out = p.n[p.L]
    X, Y = real_array(X, "X"), real_array(Y, "Y")
    X, Y = X.view(), Y.view()   # the caller's own may get another shape while the parameters are read
    if X.ndim != 2 or X.shape[0] != n_in:
        hint = ""
        if X.ndim == 2 and X.shape[1] == n_in:
            hint = "; its columns are the examples: pass X.T"
        elif X.ndim == 1 and X.shape[0] == n_in:
            hint = "; reshape it: X.reshape(-1, 1)"
        raise ValueError(
            f"X has shape {X.shape}; this network's input layer has {n_in} neurons, so it must be ({n_in}, m){hint}")
    m = X.shape[1]
    if Y.shape != (n_out, m):
        hint = ""
        if Y.shape == (m, n_out):
            hint = "; its columns are the targets: pass Y.T"
        elif Y.shape == (n_out,) and m == 1:
            hint = "; reshape it: Y.reshape(-1, 1)"
        raise ValueError(
            f"Y has shape {Y.shape}; this network's output layer has {n_out} neurons and X {m} columns, "
            f"so it must be ({n_out}, {m}){hint}")
    return X, Y

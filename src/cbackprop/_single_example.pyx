"""Single calls of `feedforward` and `backprop`: one example, with the same steps as a mini-batch, over NumPy's own arrays."""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport backpropagate, gradient, output_error
from cbackprop._algorithm cimport feedforward as forward
from cbackprop._arrays cimport column, contiguous, input_array, is_plain, new_array, real_array, target
from cbackprop._costs cimport custom_error
from cbackprop._examples cimport may_be_pixels, warn_of_pixels
from cbackprop._isa cimport kernels
from cbackprop._matrix_based cimport backprop_columns, column_targets, feedforward_columns
from cbackprop._parameters cimport Parameters, has_no_layers
from cbackprop._runtime cimport aligned_calloc, aligned_free
from cbackprop._step_options cimport StepOptions
from cbackprop._worker cimport Layer, Source, Worker
from cbackprop.kernels cimport Kernels

cnp.import_array()

cdef StepOptions QUADRATIC_COST = StepOptions(0)

cdef uint32_t FIRST = 0     # the order of a single example


@cython.final
cdef class OneExample:
    """A network as a worker for one example: weights and biases are NumPy's arrays, where they are."""

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
            self.worker.layer[p.L].z = <char *> self.memory + used
            used += self.padded(p.n[p.L], p.itemsize)
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
            outputs = feedforward_columns(p, a)
            warn_of_pixels(net, p, a.T, "a")
            return outputs
    a = column(a, p.n[1], p.type_num, "a")
    one = OneExample.__new__(OneExample, p, False)
    one.worker.layer[1].a.data = cnp.PyArray_DATA(<cnp.ndarray> a)
    with nogil:
        forward(&one.worker, &FIRST, 1, NULL, 0)
    output = &one.worker.layer[p.L]
    outputs = vector(p, output.n, output.a.data)
    if may_be_pixels(cnp.PyArray_DATA(<cnp.ndarray> a), 8 * p.itemsize, p.itemsize, p.n[1]):
        warn_of_pixels(net, p, a.T, "a")
    return outputs


cdef object vector(Parameters p, Py_ssize_t n, const void *data):
    """A new (n, 1) array with these numbers."""
    result = new_array(p.type_num, n, 1)
    memcpy(cnp.PyArray_DATA(<cnp.ndarray> result), data, n * p.itemsize)
    return result


def backprop(net, x, y, StepOptions options=QUADRATIC_COST):
    """The gradient (nabla_b, nabla_w) of the cost of one example: two lists of new arrays; `options` says which cost.

    Of m examples, the columns of x and y, nabla_w is the sum and nabla_b has a column each, as in the book; None if `delta` is
    the user's, who is to see all columns at once.
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
    x = column(x, p.n[1], p.type_num, "x")  # once more: reading y may have changed it
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
        # Of the same shape, but perhaps in another place.
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


def checked_examples(net, x, y):
    """x as an array (n_in, m) of real numbers; raises what `backprop` would raise for x and y."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    x = input_array(x, p.n[1], "x")
    if x.shape[1] == 1:
        target(y, p.n[p.L], p.type_num, "y")
    else:
        column_targets(y, p.n[p.L], x.shape[1])
    return x


def checked_input_column(net, x, y):
    """x as a column of real numbers; raises if x and y are not one example."""
    x = checked_examples(net, x, y)
    return column(x, x.shape[0], -1, "x")


def checked_input(net, a):
    """a as a matrix (n_in, m) of the network's type; any array if no layer says what it must be."""
    if has_no_layers(net):
        return real_array(a, "a")
    cdef Parameters p = Parameters.__new__(Parameters, net)
    a = contiguous(input_array(a, p.n[1], "a"), p.type_num)
    warn_of_pixels(net, p, a.T, "a")
    return a

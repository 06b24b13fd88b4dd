"""One example at a time, over NumPy's own arrays: `feedforward` and `backprop` of cbackprop.network.Network."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport (
    Layer, Source, Worker, backpropagate, feedforward as forward, gradient_descent, output_error,
)
from cbackprop._examples cimport column, column_error, contiguous, is_plain, real_array, target
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters, new_array
from cbackprop._team cimport Team
from cbackprop.kernels cimport Kernels, aligned_calloc, aligned_free

cnp.import_array()

cdef uint32_t FIRST = 0     # the order of a single example


@cython.final
cdef class OneExample:
    """The layers of a network as one example sees them."""

    cdef Worker worker
    cdef Source source
    cdef void *memory

    def __cinit__(self, Parameters p, bint trains):
        cdef int l
        cdef const Kernels *k = kernels(p.itemsize)
        cdef Py_ssize_t width, used = (p.L + 1) * sizeof(Layer)
        cdef Layer *layer
        used = (used + 63) // 64 * 64
        cdef Py_ssize_t vectors_at = used
        for l in range(2, p.L + 1):
            used += self.padded(p.n[l], p.itemsize) * (2 if trains else 1)
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
                layer.a.data = <char *> self.memory + used
                used += width
                if trains:
                    layer.delta.data = <char *> self.memory + used
                    used += width

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
        a = real_array(a, "a")
        if a.ndim != 2 or a.shape[0] != p.n[1]:
            raise column_error(a.shape, p.n[1], "a")
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
    cdef Py_ssize_t m = X.shape[1]
    cdef Team team
    cdef Worker *me
    result = new_array(p.type_num, p.n[p.L], m)
    if m == 0:
        return result
    X = contiguous(X, p.type_num)
    team = Team(p, None, m, 1, False)
    team.load(p)
    me = team.workers
    with nogil:
        me.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> X), &me.layer[1].a)
        forward(me, NULL, m, NULL, 0)
        me.k.unpack_transposed(&me.layer[p.L].a, cnp.PyArray_DATA(<cnp.ndarray> result))
    return result


def backprop(net, x, y):
    """The gradient (nabla_b, nabla_w) of the cost of one example: two lists of new arrays."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef OneExample one
    cdef Layer *layer
    cdef int l
    cdef list nabla_b = [], nabla_w = []
    x = column(x, p.n[1], p.type_num, "x")
    y = target(y, p.n[p.L], p.type_num, "y")
    one = OneExample.__new__(OneExample, p, True)
    one.source.targets = cnp.PyArray_DATA(<cnp.ndarray> y)
    one.worker.layer[1].a.data = cnp.PyArray_DATA(<cnp.ndarray> x)
    for l in range(2, p.L + 1):
        nabla = new_array(p.type_num, p.n[l], p.n[l - 1])
        one.worker.layer[l].nabla_w = cnp.PyArray_DATA(<cnp.ndarray> nabla)
        nabla_w.append(nabla)
    with nogil:
        forward(&one.worker, &FIRST, 1, NULL, 0)
        output_error(&one.worker, &FIRST)
        backpropagate(&one.worker)
        gradient_descent(&one.worker, &FIRST, 1)
    for l in range(2, p.L + 1):
        layer = &one.worker.layer[l]
        nabla_b.append(vector(p, layer.n, layer.delta.data))
    return nabla_b, nabla_w


def check_example(net, x, y):
    """Raises what `backprop` would."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    column(x, p.n[1], p.type_num, "x")
    target(y, p.n[p.L], p.type_num, "y")


def checked_input(net, a):
    """a as a matrix (n_in, m) of the network's type."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    a = real_array(a, "a")
    if a.ndim != 2 or a.shape[0] != p.n[1]:
        raise column_error(a.shape, p.n[1], "a")
    return contiguous(a, p.type_num)

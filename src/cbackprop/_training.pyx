"""Many examples: `update_mini_batch`, `SGD` and `evaluate` of cbackprop.network.Network."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from cbackprop._examples cimport Examples, is_arrays
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters
from cbackprop._shuffle cimport shuffle
from cbackprop._team cimport EVALUATED, MAX_WORKERS, Team
from cbackprop.kernels cimport CBACKPROP_THREADS, Kernels

from time import perf_counter

cdef enum:
    BLOCK = 1024                    # test examples that `evaluate` packs at a time, and between two looks for Ctrl-C
    # A worker with fewer products of a mini-batch does not pay: with two, 784-30-10 at m = 10 (238,000 products) gained nothing and
    # 784-100-10 (794,000) took two thirds of the time.
    PRODUCTS_A_WORKER = 300000

# Between two looks for Ctrl-C the kernels run for about so many seconds.
cdef double SLICE = 0.05


cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t m, int n_workers, str name, object labelled,
    bint once=False,
):
    """The examples start .. stop - 1 of `data`, laid out for mini-batches of m."""
    cdef const Kernels *k = kernels(p.itemsize)
    cdef Py_ssize_t tile = k.sparse_tile(k.sparse_panel(p.n[2], m, n_workers) * k.lanes)
    # Up to this density skipping zeros is the faster: rows of w^2 that leave the cache between two uses cost more than products do.
    cdef double density = 0.25 if p.n[2] >= 256 else 0.4
    return Examples(data, start, stop, (p.n[1], p.n[p.L]), p.itemsize, tile, density, name, labelled, once)


cdef Py_ssize_t count(object data, Parameters p) except -1:
    return len(data[0]) if is_arrays(data, p.n[1]) else len(data)


cdef uint32_t *in_order(Py_ssize_t n) except NULL:
    """The numbers 0 .. n - 1."""
    cdef Py_ssize_t i
    cdef uint32_t *order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
    if order is NULL:
        raise MemoryError
    for i in range(n):
        order[i] = <uint32_t> i
    return order


def update_mini_batch(net, mini_batch, double eta):
    """One step of gradient descent over the list `mini_batch`: `net` gets new weights and biases."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t m = len(mini_batch)
    cdef Examples examples
    cdef Team team
    cdef uint32_t *order
    if m == 0:
        raise ZeroDivisionError("mini_batch is empty: eta cannot be divided by its length 0")
    examples = packed(p, mini_batch, 0, m, m, 1, "mini_batch", False)
    team = Team(p, examples, m, 1, True)
    order = in_order(m)
    try:
        team.read(examples, order)
        team.load(p)
        with nogil:
            team.train(0, 1, eta)
        weights, biases = team.store(p)
    finally:
        free(order)
    net.weights, net.biases = weights, biases


def evaluate(net, test_data):
    """How many examples of the list of pairs (x, label), or of the arrays (X, Y), `net` answers with their label."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n = count(test_data, p)
    cdef Py_ssize_t start, correct = 0
    cdef Examples examples
    cdef Evaluation evaluation = Evaluation(p)
    for start in range(0, n, BLOCK):
        examples = packed(p, test_data, start, min(n, start + BLOCK), EVALUATED, 1, "test_data", True, True)
        correct += evaluation.count(examples)
    return correct


@cython.final
cdef class Evaluation:
    """Counts right answers of a network with the parameters that it has now."""

    cdef Parameters p
    cdef Team dense, sparse

    def __cinit__(self, Parameters p):
        self.p = p

    cdef Py_ssize_t count(self, Examples examples) except -1:
        cdef Team team = self.sparse if examples.sparse else self.dense
        cdef uint32_t *order
        cdef Py_ssize_t start, stop, correct = 0
        if team is None:
            team = Team(self.p, examples, min(EVALUATED, examples.n), 1, False)
            team.load(self.p)
            if examples.sparse:
                self.sparse = team
            else:
                self.dense = team
        order = in_order(examples.n)
        try:
            team.read(examples, order)
            for start in range(0, examples.n, BLOCK):
                stop = min(examples.n, start + BLOCK)
                with nogil:
                    correct += team.count_correct(start, stop)
                PyErr_CheckSignals()
        finally:
            free(order)
        return correct


@cython.final
cdef class Test:
    """Test data, packed once for all epochs."""

    cdef Examples examples

    def __init__(self, net, test_data):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        self.examples = packed(p, test_data, 0, count(test_data, p), EVALUATED, 1, "test_data", True)

    def evaluate(self, net):
        """How many of the examples `net` answers with their label."""
        return Evaluation(Parameters(net)).count(self.examples)


def check_examples(net, examples, str name):
    """Raises for training examples what training on them would, and returns whether their x look like pixels."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    return packed(p, examples, 0, count(examples, p), 1, 1, name, False).pixels


@cython.final
cdef class Training:
    """One call of SGD: its examples, packed, and the workers that train on them.

    Parameters
    ----------
    net : Network
    training_data : list of (x, y) or pair of arrays (X, Y)
    mini_batch_size : int
    n_threads : int
        At most so many workers; 0: as many as pay.
    processors : int
        How many this process may use.
    """

    cdef Examples examples
    cdef Team team
    cdef uint32_t *places              # where each example stood at first
    cdef readonly Py_ssize_t n          # examples
    cdef readonly list snapshot         # the caller's pairs as they stood at first; None for arrays
    cdef Py_ssize_t m, slice

    def __cinit__(self):
        self.places = NULL

    def __dealloc__(self):
        free(self.places)

    def __init__(self, net, training_data, Py_ssize_t mini_batch_size, int n_threads, int processors):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef bint arrays = is_arrays(training_data, p.n[1])
        cdef Py_ssize_t n = count(training_data, p)
        self.n = n
        self.m = min(mini_batch_size, max(n, 1))
        self.slice = 1
        self.snapshot = None if arrays else list(training_data)
        n_threads = n_workers(p, self.m, n_threads, processors)
        self.examples = packed(
            p, training_data if arrays else self.snapshot, 0, n, self.m, n_threads, "training_data", False)
        self.places = in_order(n)
        self.team = Team(p, self.examples, self.m, n_threads, True)
        self.team.read(self.examples, self.places)

    @property
    def layout(self):
        """How the examples are laid out and who trains on them, in words."""
        kind = "sparse" if self.examples.sparse else "dense"
        workers = "1 thread" if self.team.n_workers == 1 else f"{self.team.n_workers} threads"
        return f"{kind} inputs (density {self.examples.density:.3f}), {workers}"

    @property
    def pixels(self):
        """Whether the inputs look like the grey values 0 to 255 of an image."""
        return self.examples.pixels

    def shuffle(self, getrandbits, list items):
        """Shuffles the examples, and `items` with them where it is not None, as random.shuffle would."""
        shuffle(getrandbits, self.places, self.n, items)

    @property
    def order(self):
        """The examples as they stand now: a permutation of 0 .. n - 1."""
        return [self.places[i] for i in range(self.n)]

    @order.setter
    def order(self, list numbers):
        cdef Py_ssize_t i
        if sorted(numbers) != list(range(self.n)):
            raise ValueError("shuffling training_data did not leave a permutation of it")
        for i in range(self.n):
            self.places[i] = numbers[i]

    def epoch(self, net, double eta):
        """Trains on every mini-batch once. `net` gets new weights and biases: those of a completed mini-batch in any case."""
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef Py_ssize_t done = 0, last, batches = (self.examples.n + self.m - 1) // self.m
        cdef int failed
        cdef double begun, seconds
        if batches == 0:
            return
        self.team.load(p)
        try:
            while done < batches:
                last = min(batches, done + self.slice)
                begun = perf_counter()
                with nogil:
                    failed = self.team.train(done, last, eta)
                if failed:
                    # The system has no thread for us: go on alone from here.
                    net.weights, net.biases = self.team.store(p)
                    p = Parameters(net)
                    self.team = Team(p, self.examples, self.m, 1, True)
                    self.team.read(self.examples, self.places)
                    self.team.load(p)
                    continue
                seconds = perf_counter() - begun
                if seconds < SLICE / 2 and last - done == self.slice:
                    self.slice *= 2
                elif seconds > SLICE and self.slice > 1:
                    self.slice //= 2
                done = last
                PyErr_CheckSignals()
        finally:
            net.weights, net.biases = self.team.store(p)

cdef int n_workers(Parameters p, Py_ssize_t m, int asked, int processors) noexcept:
    """The number of workers: what was asked for, or as many as pay for a mini-batch of m, at most a processor each."""
    cdef int l
    cdef Py_ssize_t products = 0
    cdef int most = min(processors, MAX_WORKERS) if CBACKPROP_THREADS else 1
    if asked == 0:
        for l in range(2, p.L + 1):
            products += m * p.n[l - 1] * p.n[l]
        asked = <int> min(products // PRODUCTS_A_WORKER, MAX_WORKERS)
    return max(1, min(asked, most))

"""Many examples: `update_mini_batch`, `SGD` and `evaluate` of cbackprop.network.Network."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport free, malloc

from cbackprop._descent cimport Descent
from cbackprop._examples cimport Examples, as_arrays, as_it_is_now
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters, copied
from cbackprop._shuffle cimport shuffle
from cbackprop._team cimport EVALUATED, MAX_WORKERS, Team, outputs_and_targets
from cbackprop.kernels cimport CBACKPROP_THREADS, CROSS_ENTROPY, LOG_LIKELIHOOD, QUADRATIC, Kernels

from time import perf_counter

cdef enum:
    BLOCK = 1024                    # test examples that `evaluate` packs at a time, and between two looks for Ctrl-C
    # A worker with fewer products of a mini-batch does not pay: with two, 784-30-10 at m = 10 (238,000 products) gained nothing and
    # 784-100-10 (794,000) took two thirds of the time.
    PRODUCTS_A_WORKER = 300000
    PACKING = 2                     # threads that pack: memory gives no more than two can take

# Between two looks for Ctrl-C the kernels run for about so many seconds.
cdef double SLICE = 0.05


cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t m, int n_workers, str name, bint labelled,
    bint once=False, int n_packing=1,
):
    """The examples start .. stop - 1 of `data`, laid out for mini-batches of m."""
    cdef const Kernels *k = kernels(p.itemsize)
    cdef Py_ssize_t tile = k.sparse_tile(k.sparse_panel(p.n[2], m, n_workers) * k.lanes)
    # Up to this density skipping zeros is the faster: rows of w^2 that leave the cache between two uses cost more than products do.
    cdef double density = 0.25 if p.n[2] >= 256 else 0.4
    return Examples(data, start, stop, (p.n[1], p.n[p.L]), p.itemsize, tile, density, name, labelled, once, n_packing)


cdef Py_ssize_t count(object data, Parameters p) except -1:
    arrays = as_arrays(data, p.n[1])
    return len(data if arrays is None else arrays[0])


cdef uint32_t *in_order(Py_ssize_t n) except NULL:
    """The numbers 0 .. n - 1."""
    cdef Py_ssize_t i
    cdef uint32_t *order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
    if order is NULL:
        raise MemoryError
    for i in range(n):
        order[i] = <uint32_t> i
    return order


def update_mini_batch(net, mini_batch, Descent descent):
    """One step of gradient descent over the list `mini_batch`: `net` gets new weights and biases."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t m
    cdef Examples examples
    cdef Team team
    cdef uint32_t *order
    mini_batch = as_it_is_now(mini_batch)
    m = count(mini_batch, p)
    if m == 0:
        raise ZeroDivisionError("mini_batch is empty: eta cannot be divided by its length 0")
    examples = packed(p, mini_batch, 0, m, m, 1, "mini_batch", False)
    team = Team(p, examples, m, 1, True, descent)
    team.descend(descent)
    order = in_order(m)
    try:
        team.read(examples, order)
        team.load(p)
        if team.momentum:
            team.load_velocities(p, net.velocities)
        if descent.delta is not None:
            team.train_by_own_error(0, 1, descent.delta)
        else:
            with nogil:
                team.train(0, 1)
        team.store_into(net, p)
    finally:
        free(order)


cdef dict COSTS = {"QuadraticCost": QUADRATIC, "CrossEntropyCost": CROSS_ENTROPY, "LogLikelihoodCost": LOG_LIKELIHOOD}


def evaluate(net, data, str name="test_data", bint labelled=True):
    """How many examples of the list of pairs, or of the arrays (X, Y), `net` answers right.

    Each y is the label where `labelled`, otherwise the target, whose largest entry is at the label.
    """
    return measured(net, data, name, labelled, True, None)[0]


def total_cost(net, data, str name, bint labelled, cost):
    """The mean cost of the examples; `cost` is the name of one of the book's, or a function of (a, y)."""
    return measured(net, data, name, labelled, False, cost)[1]


cdef tuple measured(net, data, str name, bint labelled, bint answers, cost):
    """(right answers, mean cost): the examples are packed a block at a time."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n, start, correct = 0
    cdef double mean = 0
    cdef Examples examples
    cdef Evaluation evaluation = Evaluation(p)
    data = as_it_is_now(data)
    n = count(data, p)
    for start in range(0, n, BLOCK):
        examples = packed(p, data, start, min(n, start + BLOCK), EVALUATED, 1, name, labelled, True)
        if labelled and cost is not None:
            check_labels(examples, data, start)
        more_correct, more_mean = evaluation.measure(examples, labelled, answers, cost, n)
        correct += more_correct
        mean += more_mean
    return correct, mean


cdef int check_sizes_of(Examples examples, Parameters p) except -1:
    """What was packed for a network is of no use to one of other inputs, outputs or type."""
    if (p.n[1], p.n[p.L], p.itemsize) != (examples.n_in, examples.n_out, examples.itemsize):
        raise ValueError(
            f"the network has become one of {p.n[1]} inputs and {p.n[p.L]} outputs, float{8 * p.itemsize}; "
            f"{examples.name} was read for {examples.n_in} inputs and {examples.n_out} outputs, float{8 * examples.itemsize}")
    return 0


cdef int check_labels(Examples examples, data, Py_ssize_t start) except -1:
    """A label that is no class has no target, and so no cost."""
    cdef Py_ssize_t i
    for i in range(examples.n):
        if examples.labels[i] < 0:
            arrays = as_arrays(data, examples.n_in)
            y = data[start + i][1] if arrays is None else arrays[1][start + i]
            raise ValueError(
                f"{examples.name}[{start + i}]: y is {y!r}; expected the label of an output neuron, 0 to {examples.n_out - 1}")
    return 0


@cython.final
cdef class Evaluation:
    """Asks a network, with the parameters that it has now, about many examples."""

    cdef Parameters p
    cdef Team dense, sparse

    def __cinit__(self, Parameters p):
        self.p = p

    cdef tuple measure(self, Examples examples, bint labelled, bint answers, cost, Py_ssize_t n):
        """(right answers, sum of costs / n) of these examples, what of it is asked."""
        cdef Team team = self.sparse if examples.sparse else self.dense
        cdef uint32_t *order
        cdef Py_ssize_t i, start, stop, correct = 0
        cdef double[BLOCK] costs
        cdef double *cost_of = NULL
        cdef double mean = 0
        cdef int kind = 0
        cdef const int32_t[::1] from_targets
        cdef const int32_t *classes = NULL
        check_sizes_of(examples, self.p)
        # Another block of the same data may have its records of another kind.
        if team is None or not team.suits(self.p, examples):
            team = Team(self.p, examples, min(EVALUATED, examples.n), 1, False)
            team.load(self.p)
            if examples.sparse:
                self.sparse = team
            else:
                self.dense = team
        if answers:
            if labelled:
                classes = examples.labels
            else:
                from_targets = examples.largest_targets()
                classes = &from_targets[0] if examples.n else NULL
        if isinstance(cost, str):
            kind = COSTS[cost]
            cost_of = costs
        order = in_order(examples.n)
        try:
            team.read(examples, order)
            for start in range(0, examples.n, BLOCK):
                stop = min(examples.n, start + BLOCK)
                if classes is not NULL or cost_of is not NULL:
                    with nogil:
                        correct += team.measure(start, stop, classes, kind, cost_of)
                for i in range(stop - start if cost_of is not NULL else 0):
                    mean += costs[i] / n
                if callable(cost):
                    mean += self.own_costs(team, start, stop, cost, n)
                PyErr_CheckSignals()
        finally:
            free(order)
        return correct, mean

    cdef double own_costs(self, Team team, Py_ssize_t start, Py_ssize_t stop, fn, Py_ssize_t n) except *:
        """The same sum for the reader's fn(a, y), asked of one example after the other."""
        cdef Py_ssize_t first, m
        cdef double mean = 0
        for first in range(start, stop, team.m):
            m = min(team.m, stop - first)
            with nogil:
                team.measure(first, first + m, NULL, 0, NULL)
            a, y = outputs_and_targets(team.workers, self.p.type_num, team.source.order + first, m)
            for i in range(m):
                mean += float(fn(a[:, i:i + 1].copy(), y[:, i:i + 1].copy())) / n
        return mean


@cython.final
cdef class Data:
    """Examples, packed once to be asked about after every epoch: see `evaluate` and `total_cost`."""

    cdef Examples examples
    cdef bint labelled

    def __init__(self, net, data, str name="test_data", bint labelled=True, bint costs=False):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        data = as_it_is_now(data)
        self.examples = packed(p, data, 0, count(data, p), EVALUATED, 1, name, labelled)
        self.labelled = labelled
        if labelled and costs:
            check_labels(self.examples, data, 0)

    def measure(self, net, bint answers, cost):
        """(right answers, mean cost) of what `net` makes of the examples now; a cost of None is not asked for."""
        return Evaluation(Parameters(net)).measure(self.examples, self.labelled, answers, cost, self.examples.n)


def check_examples(net, examples, str name, bint labelled=False):
    """Raises for examples what training on them would, or evaluating them where `labelled`; and returns whether their x look
    like pixels."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    examples = as_it_is_now(examples)
    return packed(p, examples, 0, count(examples, p), 1, 1, name, labelled).pixels


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
    descent : Descent
        Of the steps to come; their momentum may not change.
    """

    cdef Examples examples
    cdef Team team
    cdef Descent descent
    cdef uint32_t *places              # where each example stood at first
    cdef Py_ssize_t n                   # examples
    cdef readonly list snapshot         # the caller's pairs as they stood at first; None for arrays
    cdef Py_ssize_t m, slice

    def __cinit__(self):
        self.places = NULL

    def __dealloc__(self):
        free(self.places)

    def __init__(self, net, training_data, Py_ssize_t mini_batch_size, int n_threads, int processors, Descent descent):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef bint arrays
        cdef Py_ssize_t n
        training_data = as_it_is_now(training_data)
        arrays = as_arrays(training_data, p.n[1]) is not None
        self.snapshot = None if arrays else training_data if type(training_data) is list else copied(training_data)
        n = count(training_data, p) if arrays else len(self.snapshot)
        self.n = n
        self.m = min(mini_batch_size, max(n, 1))
        self.slice = 1
        cdef int n_packing = min(n_threads or processors, PACKING)
        n_threads = 1 if descent.delta is not None else n_workers(p, self.m, n_threads, processors)
        self.examples = packed(
            p, training_data if arrays else self.snapshot, 0, n, self.m, n_threads, "training_data", False, False, n_packing)
        self.places = in_order(n)
        self.descent = descent
        self.new_team(p, n_threads)

    cdef int new_team(self, Parameters p, int n_workers) except -1:
        self.team = Team(p, self.examples, self.m, n_workers, True, self.descent)
        self.team.read(self.examples, self.places)
        return 0

    cdef int load(self, net, Parameters p) except -1:
        self.team.load(p)
        if self.team.momentum:
            self.team.load_velocities(p, net.velocities)
        return 0

    def measure(self, net, bint answers, cost):
        """(right answers, mean cost) of the training data: see `Data`."""
        return Evaluation(Parameters(net)).measure(self.examples, False, answers, cost, self.examples.n)

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
        cdef Py_ssize_t i
        cdef list numbers = []
        # No list comprehension: where memory ends Cython 3.3 gives back what it could not append twice.
        for i in range(self.n):
            numbers.append(self.places[i])
        return numbers

    @order.setter
    def order(self, list numbers):
        cdef Py_ssize_t i
        cdef list places = []
        for i in numbers:   # as ints of C: other numbers compare as they like
            places.append(i)
        ordered = copied(places)    # as sorted(places) would, with the fault of list
        ordered.sort()
        if ordered != copied(range(self.n)):
            raise ValueError("shuffling training_data did not leave a permutation of it")
        for i in range(self.n):
            self.places[i] = places[i]

    def epoch(self, net, Descent descent):
        """Trains on every mini-batch once. `net` gets new weights and biases: those of a completed mini-batch in any case."""
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef Py_ssize_t done = 0, last, batches = (self.examples.n + self.m - 1) // self.m
        cdef int failed = 0
        cdef double begun, seconds
        if batches == 0:
            return
        check_sizes_of(self.examples, p)
        if not self.team.suits(p, self.examples):   # another network has been put in the place of the first
            self.new_team(p, self.team.n_workers)
        self.load(net, p)
        self.team.descend(descent)
        try:
            while done < batches:
                last = min(batches, done + self.slice)
                begun = perf_counter()
                if descent.delta is not None:
                    self.team.train_by_own_error(done, last, descent.delta)
                else:
                    with nogil:
                        failed = self.team.train(done, last)
                if failed:
                    # The system has no thread for us: go on alone from here.
                    self.team.store_into(net, p)
                    p = Parameters(net)
                    self.new_team(p, 1)
                    self.load(net, p)
                    self.team.descend(descent)
                    continue
                seconds = perf_counter() - begun
                if seconds < SLICE / 2 and last - done == self.slice:
                    self.slice *= 2
                elif seconds > SLICE and self.slice > 1:
                    self.slice //= 2
                done = last
                PyErr_CheckSignals()
        finally:
            self.team.store_into(net, p)


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

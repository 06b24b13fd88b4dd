"""Training on many examples: a call of `update_mini_batch`, and a call of `SGD`."""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from cbackprop._arrays cimport contiguous, copied
from cbackprop._costs cimport cost_code
from cbackprop._evaluation cimport Scorer
from cbackprop._examples cimport BY_DENSITY, DENSE, SPARSE, Examples, count, in_order, packed, snapshot_of
from cbackprop._parameters cimport Parameters
from cbackprop._shuffle cimport draws_of, places_after, shuffle, shuffle_as_numpy
from cbackprop._step_options cimport StepOptions
from cbackprop._team cimport MAX_WORKERS, TOTAL, Team
from cbackprop._worker cimport SUM_OF_GRADIENTS
from cbackprop.kernels cimport CBACKPROP_THREADS, MemberTime

from time import perf_counter

import numpy as np

from cbackprop import _pace, _processors

cnp.import_array()

cdef enum:
    # A worker with fewer products of a mini-batch does not pay: with two, 784-30-10 at m = 10 (238,000 products) gained nothing and
    # 784-100-10 (794,000) took two thirds of the time.
    PRODUCTS_A_WORKER = 300000
    # With more, the workers' meetings are nothing beside their work, and to try one alone would cost more than it could gain.
    SURE_PRODUCTS = 20000000
    PACKING_THREADS = 2             # memory gives no more than two can take ...
    MANY_INPUTS = 1 << 21           # ... and fewer inputs than these are packed before a second thread has begun

# Between two looks for Ctrl-C the kernels run for about so many seconds.
cdef double SLICE = 0.05


def update_mini_batch(net, mini_batch, StepOptions options):
    """One step of gradient descent over the list `mini_batch`: `net` gets new weights and biases."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t m
    cdef Examples examples
    cdef Team team
    cdef uint32_t *order
    cdef MemberTime spent
    mini_batch = snapshot_of(mini_batch)
    m = count(mini_batch)
    if m == 0:
        raise ZeroDivisionError("mini_batch is empty: eta cannot be divided by its length 0")
    examples = packed(p, mini_batch, 0, m, "mini_batch", False, m)
    team = Team.__new__(Team, p, examples, m, 1, True, options)
    team.set_step(options)
    order = in_order(m)
    try:
        team.read(examples, order)
        team.load_from(p)
        if options.delta is not None:
            team.train_with_custom_error(0, 1, options.delta)
        else:
            with nogil:
                team.train(0, 1, 0, &spent)
        team.store_into(net, p)
    finally:
        free(order)


@cython.final
cdef class Training:
    """One call of SGD: its examples, packed, and the workers that train on them.

    Parameters
    ----------
    net : Network
    training_data : list of (x, y) or pair of arrays (X, Y)
    mini_batch_size : int
    n_threads : int
        The most workers, never more than the processors granted to this process; 0: as many as pay.
    options : StepOptions
        Of the steps to come; their update rule and dropout may not change.
    sample_weight : ndarray of n real numbers from 0, optional
        For arrays: an example of weight 2 counts as two, in the gradient and in the length of its mini-batch.
    sparse : bool or None
        Whether the inputs are laid out as sparse; None: if their density says so.
    n_of_all : int, optional
        How many examples there are, if `training_data` are only some of them, arrays (X, Y): `pack` and `take` bring the others.
    """

    def __dealloc__(self):
        free(self.permutation)

    def __init__(
        self, net, training_data, Py_ssize_t mini_batch_size, n_threads, StepOptions options, sample_weight=None, sparse=None,
        n_of_all=None,
    ):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef bint arrays
        cdef Py_ssize_t n
        cdef int workers = 1, layout = BY_DENSITY if sparse is None else SPARSE if sparse else DENSE
        if options.dropout is not None and <double> options.dropout[0] > 0:
            layout = DENSE      # what drops out of the inputs is said of all of them
        training_data = snapshot_of(training_data)
        arrays = type(training_data) is tuple
        self.snapshot = None if arrays else training_data if type(training_data) is list else copied(training_data)
        n = count(training_data) if arrays else len(self.snapshot)
        self.n = n
        self.m = min(mini_batch_size, max(n if n_of_all is None else <Py_ssize_t> n_of_all, 1))
        self.slice = 1
        if options.delta is None:
            workers = n_workers(p, self.m, min(n_threads, MAX_WORKERS))
        self.pace = _pace.Pace(workers, products(p, self.m) > workers * SURE_PRODUCTS) if workers > 1 else None
        self.examples = packed(
            p, training_data if arrays else self.snapshot, 0, n, "training_data", False, self.m, n_workers=workers, once=False,
            n_threads=n_packing_threads(p, n, min(n_threads, MAX_WORKERS)), layout=layout)
        if sample_weight is not None:
            self.examples.read_weights(sample_weight)
        self.permutation = in_order(n)
        self.options = options
        self.new_team(p, workers)
        if n_of_all is not None:
            p.let_go()
            self.shapes, self.workers_at_first = p, workers
            self.layout_of_all = SPARSE if self.examples.sparse else DENSE

    cdef int new_team(self, Parameters p, int n_workers) except -1:
        self.team = Team.__new__(Team, p, self.examples, self.m, n_workers, True, self.options)
        self.team.read(self.examples, self.permutation)
        self.team.source.cost = &self.cost if self.costs else NULL
        self.activations = p.memory.activations
        return 0

    cdef int resize(self, Parameters p, int n_workers) except -1:
        """Lets another number of workers go on from here. If that fails, all is as before."""
        cdef Team team = self.team
        try:
            self.new_team(p, n_workers)
            self.team.copy_from(team)
        except BaseException:
            self.team = team
            raise
        return 0

    def pack(self, X, Y, sample_weight=None, threshold=None):
        """More examples, arrays (X, Y) that nobody else writes to, packed as the first ones were: for `take`.

        Any thread may call it, while another one trains: it does not look at the network.

        Parameters
        ----------
        X, Y : ndarray
        sample_weight : ndarray, optional
        threshold : float, optional
            Of one output neuron: from which output on the answer is 1, if not from 1/2.

        Returns
        -------
        Examples
        """
        cdef Examples examples
        if self.shapes is None:
            raise ValueError("n_of_all was not given")
        examples = packed(
            self.shapes, (X, Y), 0, len(X), "training_data", False, self.m, n_workers=self.workers_at_first, once=False,
            n_threads=1, layout=self.layout_of_all, private=True)
        if sample_weight is not None:
            examples.read_weights(sample_weight)
        if threshold is not None:
            examples.targets.answer_from(threshold)
        return examples

    def take(self, Examples examples not None, order):
        """Train on these examples from now on, in this order: an array of integers. If that fails, all is as before."""
        cdef Examples former = self.examples
        cdef uint32_t *former_order = self.permutation
        cdef uint32_t *permutation
        if self.shapes is None:
            raise ValueError("n_of_all was not given")
        numbers = permutation_of(order, examples.n)
        permutation = <uint32_t *> malloc((examples.n + 1) * sizeof(uint32_t))
        if permutation is NULL:
            raise MemoryError
        memcpy(permutation, cnp.PyArray_DATA(<cnp.ndarray> numbers), examples.n * sizeof(uint32_t))
        self.examples, self.permutation = examples, permutation
        try:
            if self.team.is_compatible(self.shapes, examples):
                self.team.read(examples, permutation)
            else:
                self.new_team(self.shapes, self.team.n_workers)
        except BaseException:
            self.examples, self.permutation = former, former_order
            free(permutation)
            raise
        free(former_order)
        self.n = examples.n

    def score_of(self, net, Examples examples not None, bint answers, cost):
        """(right answers, mean cost) of examples that `pack` has packed: see `EvaluationSet`."""
        if self.scorer is None:
            self.scorer = Scorer.__new__(Scorer)
        return self.scorer.score(net, examples, False, answers, cost)

    cdef int follow_pace(self, Parameters p, Py_ssize_t batches, double seconds, const MemberTime *spent) except -1:
        """Goes on with as many workers as are fastest, after a slice of `batches` in so many seconds: see `Pace`."""
        cdef int n = self.pace.workers(
            self.team.n_workers, batches, seconds, spent.used, spent.missing, perf_counter())
        if n != self.team.n_workers:
            self.slice = max(1, self.slice // 8)    # a short trial: it may turn out many times as slow
            try:
                self.resize(p, n)
            except MemoryError:     # two teams at a time need too much; this one goes on
                self.pace = None
                return 0
        if self.pace.settled:
            self.pace = None
        return 0

    def score(self, net, bint answers, cost):
        """(right answers, mean cost) of the training data: see `EvaluationSet`."""
        if self.scorer is None:
            self.scorer = Scorer.__new__(Scorer)
        return self.scorer.score(net, self.examples, False, answers, cost, self.sum_order)

    def sum_in(self, order):
        """From now on, `score` sums costs in this order: an array of integers, a permutation of 0 .. n - 1."""
        self.sum_order = permutation_of(order, self.n)

    def check_classes(self, threshold=None):
        """See `EvaluationSet`."""
        if threshold is not None:
            self.examples.targets.answer_from(threshold)
        self.examples.targets.check_classes()

    @property
    def layout(self):
        """How the inputs are laid out, and how many threads train on them, in words."""
        kind = "sparse" if self.examples.sparse else "dense"
        workers = "1 thread" if self.team.n_workers == 1 else f"{self.team.n_workers} threads"
        return f"{kind} inputs (density {self.examples.density:.3f}), {workers}"

    @property
    def sparse(self):
        """Whether the inputs are laid out as sparse."""
        return self.examples.sparse

    @property
    def pixels(self):
        """Whether the inputs look like the grey values 0 to 255 of an image."""
        return self.examples.pixels

    cdef int shuffle_with(self, user_shuffle, items) except -1:
        """Shuffles the examples, and `items`, the user's list of them, if it is not None, as `user_shuffle` would."""
        self.draws = draws_of(user_shuffle, self.draws)
        if self.draws is not None and (items is None or type(items) is list):
            return shuffle(self.draws, self.permutation, self.n, items)
        if items is None:
            order = self.order
            user_shuffle(order)
        else:
            order = places_after(user_shuffle, items, self.snapshot)
        self.order = order
        return 0

    @property
    def order(self):
        """The examples as shuffled: a permutation of 0 .. n - 1."""
        cdef Py_ssize_t i
        cdef list numbers = []
        # No list comprehension: when memory runs out, Cython 3.3 releases twice what it could not append.
        for i in range(self.n):
            numbers.append(self.permutation[i])
        return numbers

    @order.setter
    def order(self, list numbers):
        cdef Py_ssize_t i
        cdef list order = []
        for i in numbers:   # as ints of C: other numbers compare as they like
            order.append(i)
        ordered = copied(order)     # not by sorted(order): see `copied`
        ordered.sort()
        if ordered != copied(range(self.n)):
            raise ValueError("shuffling training_data did not leave a permutation of it")
        for i in range(self.n):
            self.permutation[i] = order[i]

    def shuffle_by(self, random_state):
        """Shuffles the examples with the numbers that `random_state`, a numpy.random.RandomState, draws for an array of them."""
        if shuffle_as_numpy(random_state, self.permutation, self.n):
            return
        numbers = np.array(self.order, np.int64)
        random_state.shuffle(numbers)
        self.set_order(numbers)

    def set_order(self, numbers):
        """Takes the examples in this order from the next epoch on: an array of integers, a permutation of 0 .. n - 1."""
        memcpy(self.permutation, cnp.PyArray_DATA(<cnp.ndarray> permutation_of(numbers, self.n)), self.n * sizeof(uint32_t))

    def measure_costs(self, str cost, double low, double high, bint squares):
        """From now on, sums up what the mini-batches of each epoch cost, before the step of each: see `costs_of_epoch`.

        Parameters
        ----------
        cost : str
            The name of a built-in cost.
        low, high : float
            An output beyond these counts as they.
        squares : bool
            Whether the weights are summed as well.
        """
        self.cost.code = cost_code(cost)
        self.cost.low, self.cost.high, self.cost.needs_squares = low, high, squares
        self.costs = True
        self.team.source.cost = &self.cost

    @property
    def costs_of_epoch(self):
        """After an epoch: two sums over its mini-batches. Of the mean cost of its examples, times their number; and of sum w^2,
        divided by the weight of an example. With lambda / 2, the second is what L2 regularisation adds to the first."""
        return self.cost.of_examples, self.cost.squares

    def order_array(self):
        """The examples as shuffled, like `order`: a new array of uint32."""
        numbers = new_numbers(self.n)
        memcpy(cnp.PyArray_DATA(numbers), self.permutation, self.n * sizeof(uint32_t))
        return numbers

    cpdef bint epoch(self, net, StepOptions options, masks=None, Py_ssize_t first=0, Py_ssize_t last=-1) except -1:
        """Trains on every mini-batch once, in the order that the last shuffle left; or on those from `first` to before `last`."""
        cdef Parameters p = self.begin(net, options)
        if self.n == 0:
            p.let_go()
            with nogil:     # the loop over epochs is compiled: nowhere else does it let other threads run, or hear of Ctrl-C
                pass
            PyErr_CheckSignals()
            return True
        self.team.set_masks(masks)
        try:
            self.run(p, options, first, last)
        finally:
            try:
                self.team.store_into(net, p)
            finally:
                p.let_go()
        return self.team.finite

    def begin_epochs(self, net, StepOptions options):
        """Takes the parameters of `net` for several epochs, in which nobody else reads or writes them: see `next_epoch`."""
        self.begin(net, options)

    def next_epoch(self, StepOptions options):
        """Trains on every mini-batch once, to the same bits as `epoch`, without giving the parameters back."""
        self.check_begun()
        self.team.set_step(options)
        self.cost.of_examples = self.cost.squares = 0
        self.run(self.parameters, options, 0, -1)
        self.team.finish()

    def end_epochs(self, net):
        """Gives `net` the parameters: those of a completed mini-batch in any case."""
        self.check_begun()
        try:
            self.team.store_into(net, self.parameters)
        finally:
            self.parameters.let_go()

    cdef int check_begun(self) except -1:
        if self.parameters is None or self.parameters.weights is None:
            raise ValueError("begin_epochs comes first")
        return 0

    def gradient(self, net, StepOptions options):
        """(nabla_w, nabla_b), summed over all examples: lists of new arrays. The options' rule is "sum of gradients"."""
        cdef Parameters p
        if self.options.step.rule != SUM_OF_GRADIENTS or options.step.rule != SUM_OF_GRADIENTS:
            raise ValueError("options make steps; expected the rule 'sum of gradients'")
        p = self.begin(net, options)
        try:
            self.team.fill_with_zeros(TOTAL)
            self.run(p, options, 0, -1)
        finally:
            p.let_go()
        return self.team.stored(TOTAL)

    cdef Parameters begin(self, net, StepOptions options):
        """Loads the parameters of `net` for an epoch."""
        cdef Parameters p = self.parameters
        if p is None or not p.read_again(net):
            self.parameters = p = Parameters.__new__(Parameters, net)
        if self.n == 0:
            return p
        self.examples.check_sizes(p)
        if options.delta is not None and not (self.team.keeps_z and self.team.n_workers == 1):
            # The cost has become one of the user's since the last epoch.
            self.pace = None
            self.options = options
            self.slice = 1
            self.new_team(p, 1)
        elif p.memory.activations is not self.activations or not self.team.is_compatible(p, self.examples):
            # The activations or layers have changed.
            self.slice = 1
            self.options = options
            self.new_team(p, self.team.n_workers)
        self.team.load_from(p)
        self.team.set_step(options)
        self.cost.of_examples = self.cost.squares = 0
        return p

    cdef int run(self, Parameters p, StepOptions options, Py_ssize_t first, Py_ssize_t end) except -1:
        """Has the team go through every mini-batch from `first` to before `end` once; -1: to the last."""
        cdef Py_ssize_t begin, done = first, last, ended, batches = (self.examples.n + self.m - 1) // self.m
        cdef double begun, seconds, duration
        cdef bint timed
        cdef MemberTime spent
        if end >= 0:
            batches = min(batches, end)
        if done < 0:
            raise ValueError(f"first is {done}; expected the number of a mini-batch")
        while done < batches:
            begin, last = done, min(batches, done + self.slice)
            # Of a tiny network, two looks at the clock take as long as a third of an epoch.
            timed = self.slice <= batches or self.pace is not None
            duration = SLICE / 16 if self.pace is not None and self.pace.trial else SLICE / 2
            begun = perf_counter() if timed else 0
            if options.delta is not None:
                self.team.train_with_custom_error(done, last, options.delta)
                ended = last
            else:
                with nogil:
                    ended = self.team.train(done, last, duration, &spent)
            if ended == done:
                # The system refused a thread: go on alone from here.
                self.resize(p, 1)
                self.pace = None
                continue
            seconds = perf_counter() - begun if timed else 0
            if ended < last:
                self.slice = ended - done
            elif seconds < SLICE / 2 and last - done == self.slice:
                self.slice *= 2
            elif seconds > SLICE and self.slice > 1:
                self.slice //= 2
            done = ended
            PyErr_CheckSignals()
            if self.pace is not None:
                self.follow_pace(p, done - begin, seconds, &spent)
        return 0


cdef Py_ssize_t products(Parameters p, Py_ssize_t m):
    """The products of a forward pass of m examples."""
    cdef int l
    cdef Py_ssize_t total = 0
    for l in range(2, p.L + 1):
        total += m * p.n[l - 1] * p.n[l]
    return total


cdef object new_numbers(Py_ssize_t n):
    """A new array of n uint32."""
    cdef cnp.npy_intp shape[1]
    shape[0] = n
    return cnp.PyArray_SimpleNew(1, shape, cnp.NPY_UINT32)


cdef object permutation_of(numbers, Py_ssize_t n):
    """An array of integers as a new one of uint32. Raises if it is no permutation of 0 .. n - 1."""
    cdef Py_ssize_t i
    cdef int64_t number = 0
    cdef const int64_t *given
    cdef uint32_t *order
    cdef bint is_permutation = True
    cdef char *seen
    numbers = contiguous(numbers, cnp.NPY_INT64)
    if cnp.PyArray_NDIM(numbers) != 1 or cnp.PyArray_SIZE(numbers) != n:
        raise ValueError(f"order has shape {numbers.shape}; there are {n} examples")
    result = new_numbers(n)
    order = <uint32_t *> cnp.PyArray_DATA(<cnp.ndarray> result)
    given = <const int64_t *> cnp.PyArray_DATA(numbers)
    seen = <char *> calloc(n + 1, 1)
    if seen is NULL:
        raise MemoryError
    for i in range(n):
        number = given[i]   # once: another thread may write to it
        if not 0 <= number < n or seen[number]:
            is_permutation = False
            break
        order[i] = <uint32_t> number
        seen[number] = 1
    free(seen)
    if not is_permutation:
        raise ValueError(f"order[{i}] is {number}; expected each of 0 to {n - 1} once")
    return result


cdef int n_workers(Parameters p, Py_ssize_t m, int n_threads):
    """The number of workers: n_threads, or if that is 0 as many as pay for a mini-batch of m; at most one a processor."""
    if n_threads == 0:
        n_threads = <int> min(products(p, m) // PRODUCTS_A_WORKER, MAX_WORKERS)
    # Only now: to ask for the processors takes longer than a small network's epoch.
    return min(n_threads, _processors.granted()) if n_threads > 1 and CBACKPROP_THREADS else 1


cdef int n_packing_threads(Parameters p, Py_ssize_t n, int n_threads):
    """The number of threads that pack n examples: at most n_threads, unless that is 0."""
    if n_threads == 1 or n * p.n[1] < MANY_INPUTS or not CBACKPROP_THREADS:
        return 1
    return min(n_threads or PACKING_THREADS, PACKING_THREADS, _processors.granted())

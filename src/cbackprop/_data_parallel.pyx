"""Training of which the gradients are summed elsewhere: a mini-batch is spread over several processes (cbackprop/_ranks).

Here the gradient of some examples is summed into an array of the caller's, and a step is taken from the sum over all processes.
Both are panels, layer by layer, as the kernels write them: every process has the same.
"""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.math cimport INFINITY
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from cbackprop._evaluation cimport Scorer
from cbackprop._examples cimport BY_DENSITY, DENSE, SPARSE, Examples, count, in_order, packed, snapshot_of
from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport StepOptions
from cbackprop._team cimport Team
from cbackprop._training cimport permutation_of
from cbackprop._update_rules cimport update_rule
from cbackprop._worker cimport GRADIENT_DESCENT, MOMENTUM, NESTEROV, SUM_OF_GRADIENTS, Layer, Step, Worker
from cbackprop.kernels cimport FloatMode, MemberTime, Panels, flush_subnormals, set_float_mode

from cbackprop import _isa

cnp.import_array()

cdef enum:
    LINE = 64           # bytes of a cache line: where an array of the caller's begins


@cython.final
cdef class DataParallel:
    """The examples that this process has of the training data of one call of SGD, and the workers that train on them.

    Parameters
    ----------
    net : Network
    training_data : list of (x, y) or pair of arrays (X, Y)
    m : int
        The most examples of one `add_gradient`. The layout of the gradient depends on it, and on the next.
    n_workers : int
        The number of threads.
    options : StepOptions
        Of the steps to come; their update rule and dropout may not change.
    sample_weight : ndarray of n real numbers from 0, optional
    sparse : bool or None
        Whether the inputs are laid out as sparse; None: if their density says so.
    """

    cdef Examples examples
    cdef Team team
    cdef Parameters parameters
    cdef StepOptions options
    cdef Scorer scorer
    cdef object activations
    cdef uint32_t *permutation      # (n) the examples in the order of the epoch
    cdef Py_ssize_t n, m
    cdef int n_workers

    def __dealloc__(self):
        free(self.permutation)

    def __init__(
        self, net, training_data, Py_ssize_t m, int n_workers, StepOptions options, sample_weight=None, sparse=None,
    ):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        cdef int layout = BY_DENSITY if sparse is None else SPARSE if sparse else DENSE
        if m < 1 or n_workers < 1:
            raise ValueError(f"m is {m}, and n_workers {n_workers}; expected numbers from 1")
        if options.dropout is not None and <double> options.dropout[0] > 0:
            layout = DENSE      # what drops out of the inputs is said of all of them
        training_data = snapshot_of(training_data)
        self.n = count(training_data)
        self.m = m
        self.n_workers = 1 if options.delta is not None else n_workers
        self.options = options
        self.examples = packed(
            p, training_data, 0, self.n, "training_data", False, m, n_workers=self.n_workers, once=False, n_threads=1,
            layout=layout)
        if self.examples.records.stored:
            raise TypeError("training_data is stored sparsely; expected rows")
        if sample_weight is not None:
            self.examples.read_weights(sample_weight)
        self.permutation = in_order(self.n)
        self.team = Team.__new__(Team, p, self.examples, m, self.n_workers, True, options, True)
        self.team.read(self.examples, self.permutation)
        self.activations = p.memory.activations
        self.parameters = p
        p.let_go()

    def score(self, net, bint answers, cost):
        """(right answers, mean cost) of these examples: see `EvaluationSet`."""
        if self.scorer is None:
            self.scorer = Scorer.__new__(Scorer)
        return self.scorer.score(net, self.examples, False, answers, cost, None)

    def check_classes(self, threshold=None):
        """See `EvaluationSet`."""
        if threshold is not None:
            self.examples.targets.answer_from(threshold)
        self.examples.targets.check_classes()

    @property
    def sparse(self):
        """Whether the inputs are laid out as sparse."""
        return self.examples.sparse

    @property
    def density(self):
        """The share of the inputs that are not 0, of the examples that were looked at."""
        return self.examples.density

    @property
    def pixels(self):
        """Whether the inputs look like the grey values 0 to 255 of an image."""
        return self.examples.pixels

    @property
    def layout(self):
        """How the inputs are laid out, and how many threads train on them, in words."""
        kind = "sparse" if self.examples.sparse else "dense"
        workers = "1 thread" if self.n_workers == 1 else f"{self.n_workers} threads"
        return f"{kind} inputs (density {self.examples.density:.3f}), {workers}"

    @property
    def size(self):
        """The number of elements of a gradient."""
        return self.team.place_total(NULL) // self.team.k.itemsize

    @property
    def panels(self):
        """What the layout of a gradient depends on: the instruction set, and the width of each layer's panels."""
        cdef int l
        cdef list widths = []
        for l in range(2, self.team.L + 1):
            widths.append(self.team.workers[0].layer[l].w.width)
        return _isa.chosen(), widths

    def set_order(self, numbers):
        """Takes the examples in this order from now on: an array of integers, a permutation of 0 .. n - 1."""
        memcpy(self.permutation, cnp.PyArray_DATA(<cnp.ndarray> permutation_of(numbers, self.n)), self.n * sizeof(uint32_t))

    def begin(self, net, StepOptions options, masks=None):
        """Takes the parameters of `net`, until `end`, and the masks of an epoch: a row for each example in the present order."""
        cdef Parameters p = self.parameters
        if not p.read_again(net):
            p = Parameters.__new__(Parameters, net)
        if self.n > 0:
            self.examples.check_sizes(p)
        if p.memory.activations is not self.activations or not self.team.is_compatible(p, self.examples):
            raise ValueError("the network's layers or activations have changed since training began; with comm they cannot")
        self.parameters = p
        self.options = options
        self.team.set_masks(masks)
        self.team.load_from(p)
        self.team.set_step(options)

    def end(self, net):
        """Gives `net` the parameters: those after the last step. Returns whether they are finite."""
        self.check_begun()
        try:
            self.team.store_into(net, self.parameters)
        finally:
            self.parameters.let_go()
        return self.team.finite

    def add_gradient(self, total, Py_ssize_t first, Py_ssize_t n):
        """Writes the sum of the gradients of n examples, from place `first` of the order on, into `total`.

        Parameters
        ----------
        total : ndarray, (size,)
            Of the network's type, contiguous, beginning on a cache line.
        """
        cdef Team team = self.team
        cdef char *base = self.place(total)
        cdef Py_ssize_t ended = 1
        cdef const uint8_t *masks = team.source.masks
        cdef MemberTime spent
        self.check_begun()
        if not (0 <= first and 0 <= n <= self.m and first + n <= self.n):
            raise ValueError(f"examples {first} to {first + n} are not among {self.n}, or more than {self.m}")
        memset(base, 0, team.place_total(base))
        if n == 0:
            return
        team.source.order = self.permutation + first
        team.source.n = n
        team.source.step.rule = SUM_OF_GRADIENTS
        if masks is not NULL:
            team.source.masks = masks + first * team.source.mask_bytes
        try:
            if self.options.delta is not None:
                team.train_with_custom_error(0, 1, self.options.delta)
            else:
                with nogil:
                    ended = team.train(0, 1, 0, &spent)
        finally:
            team.source.order = self.permutation
            team.source.n = self.n
            team.source.step = self.options.step
            team.source.masks = masks
        if ended == 0:
            raise RuntimeError("the system refused a thread; pass n_threads=1")

    def step(self, total, double weight):
        """A step down the mean gradient of a mini-batch, whose sum is `total`, and which counts as `weight` examples."""
        cdef char *base = self.place(total)
        self.check_begun()
        if weight > 0:
            with nogil:
                take_step(self.team, base, weight)

    cdef int check_begun(self) except -1:
        if self.parameters.weights[0] is None:
            raise ValueError("begin comes first")
        return 0

    cdef char *place(self, total) except NULL:
        """Where the array's numbers are."""
        cdef char *base = NULL
        cdef int type_num = cnp.NPY_DOUBLE if self.team.k.itemsize == 8 else cnp.NPY_FLOAT
        if type(total) is cnp.ndarray and cnp.PyArray_TYPE(<cnp.ndarray> total) == type_num:
            base = <char *> cnp.PyArray_DATA(<cnp.ndarray> total)
        if (
            base is NULL or not cnp.PyArray_ISCARRAY(<cnp.ndarray> total) or <size_t> base % LINE != 0
            or cnp.PyArray_SIZE(<cnp.ndarray> total) * self.team.k.itemsize != self.team.place_total(NULL)
        ):
            raise ValueError(f"total is no array of {self.size} elements of the network's type from a cache line on")
        return base


cdef inline Panels one_row(const Panels *matrix, void *data) noexcept nogil:
    """A vector with an element for each column of the matrix, as a matrix of one row."""
    cdef Panels row = matrix[0]
    row.data = data
    row.rows = 1
    return row


cdef void take_step(Team team, char *base, double weight) noexcept nogil:
    """Gradient descent, w^l -> w^l - (eta / m) sum_x delta^l (a^{l-1})^T, or what the rule makes of that sum.

    The first worker takes it for all panels. Layers that each worker has for itself are copied to the others.
    """
    cdef Worker *me = team.workers
    cdef Step *options = &team.source.step
    cdef Layer *layer
    cdef Layer *other
    cdef Panels b, total_b, gradient_b, first_b, second_b, highest_b
    cdef double largest
    cdef int l, w
    cdef FloatMode mode = flush_subnormals()
    team.place_total(base)
    me.weight = weight
    me.lmbda_over_n = options.lmbda_over_n
    me.weight_decay = options.weight_decay
    if options.rule != GRADIENT_DESCENT and options.rule != MOMENTUM:   # those two scale what others of these workers know
        update_rule(options).begin(me)
    for l in range(team.L, 1, -1):
        layer = &me.layer[l]
        b = one_row(&layer.w, layer.b)
        total_b = one_row(&layer.w, layer.total.b)
        gradient_b = one_row(&layer.w, layer.gradient.b)
        first_b = one_row(&layer.w, layer.state[0].b)
        second_b = one_row(&layer.w, layer.state[1].b)
        highest_b = one_row(&layer.w, layer.state[2].b)
        change(me, False, &total_b, &gradient_b, &first_b, &second_b, &highest_b, &b)
        largest = change(
            me, True, &layer.total.w, &layer.gradient.w, &layer.state[0].w, &layer.state[1].w, &layer.state[2].w, &layer.w)
        for w in range(team.n_workers):
            if l == 2:
                team.workers[w].sparse.max_abs_weight = largest
                team.workers[w].sparse.max_abs_velocity = INFINITY
            other = &team.workers[w].layer[l]
            if other.w.data is not layer.w.data:
                memcpy(other.w.data, layer.w.data, n_panels(&layer.w) * layer.w.rows * layer.w.width * me.k.itemsize)
                memcpy(other.b, layer.b, n_panels(&layer.w) * layer.w.width * me.k.itemsize)
    set_float_mode(mode)


cdef inline Py_ssize_t n_panels(const Panels *matrix) noexcept nogil:
    return (matrix.cols + matrix.width - 1) // matrix.width


cdef double change(
    Worker *me, bint decays, Panels *total, Panels *gradient, Panels *first, Panels *second, Panels *highest, Panels *w,
) noexcept nogil:
    """What the rule makes of w and its states; returns the largest |w|. Biases do not decay. See _update_rules.pyx."""
    cdef Step *options = &me.source.step
    cdef Py_ssize_t p1 = n_panels(w)
    cdef double decay = me.weight_decay if decays else 0, step = options.eta / me.weight
    if options.rule == GRADIENT_DESCENT:
        if options.is_l1 and decays:
            me.k.subtract_signs(decay, w, 0, p1)
            decay = 0
        return me.k.subtract_matrix(total, 1 - decay, step, w, 0, p1)
    if options.rule == MOMENTUM:
        me.k.subtract_matrix(total, options.mu, step, first, 0, p1)
        me.k.move(options.is_l1, decay, 1, first, w, 0, p1)
        return me.k.largest(w.data, p1 * w.rows * w.width)
    if options.rule == NESTEROV:
        me.k.subtract_matrix(total, 1, step, gradient, 0, p1)
        return me.k.nesterov(options.is_l1, decay, options.mu, gradient, first, w, 0, p1)
    me.k.subtract_matrix(total, 1, -1 / me.weight, gradient, 0, p1)
    me.adam.lmbda_over_n = me.lmbda_over_n if decays else 0
    return me.k.adam(&me.adam, gradient, first, second, NULL if highest.data is NULL else highest, w, 0, p1)

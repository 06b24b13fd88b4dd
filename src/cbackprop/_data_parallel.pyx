"""Training of which the gradients are summed elsewhere: a mini-batch is spread over several processes (cbackprop/_ranks).

Here the gradient of some examples is written into an array of the caller's, and a step is taken down the sum of such arrays, from
all processes. Those of one machine share memory: there are the gradients, and the parameters, of which each process moves its
panels. All arrays are panels, layer by layer, as the kernels write them, laid out in the same way by every process.
"""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.math cimport INFINITY
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from cbackprop._evaluation cimport Scorer
from cbackprop._examples cimport BY_DENSITY, DENSE, SPARSE, Examples, count, in_order, packed, snapshot_of
from cbackprop._parameters cimport Parameters
from cbackprop._runtime cimport aligned_calloc, aligned_free
from cbackprop._step_options cimport StepOptions
from cbackprop._team cimport Team
from cbackprop._training cimport permutation_of
from cbackprop._update_rules cimport update_rule
from cbackprop._worker cimport GRADIENT_DESCENT, MOMENTUM, NESTEROV, ONE_GRADIENT, Layer, Step, Worker
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
        The most examples of one `write_gradient`. The layout of the gradient depends on it, and on the next.
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
    cdef Py_ssize_t bytes_of_total, bytes_of_state
    cdef object memory, totals      # kept alive: the parameters, and the gradients to add up
    cdef char **bases               # where each of `totals` begins
    cdef Py_ssize_t n_totals
    cdef char *scratch              # the largest panel of a layer

    def __dealloc__(self):
        free(self.permutation)
        free(self.bases)
        aligned_free(self.scratch)

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
        self.bytes_of_total, self.bytes_of_state = self.team.place_total(NULL), self.team.place(NULL)
        self.scratch = <char *> aligned_calloc(self.largest_panel())
        if self.scratch is NULL:
            raise MemoryError
        self.activations = p.memory.activations
        self.parameters = p
        p.let_go()

    cdef Py_ssize_t largest_panel(self):
        """The bytes of the largest panel of weights."""
        cdef int l
        cdef Panels *w
        cdef Py_ssize_t most = LINE
        for l in range(2, self.team.L + 1):
            w = &self.team.workers[0].layer[l].w
            most = max(most, max(w.rows, 1) * w.width * self.team.k.itemsize)
        return most

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
        return self.bytes_of_total // self.team.k.itemsize

    @property
    def state_size(self):
        """The number of elements of the parameters and of what the update rule keeps."""
        return self.bytes_of_state // self.team.k.itemsize

    def place(self, memory, list totals):
        """Where the parameters, what the update rule keeps, and the gradients of a step are from now on. Called once.

        Parameters
        ----------
        memory : ndarray, (state_size,)
            Of the network's type, contiguous, beginning on a cache line. Other processes may share it.
        totals : list of ndarray, (size,)
            As `write_gradient` fills them, here and in other processes. `step` adds them up in this order.
        """
        cdef Py_ssize_t k
        if self.memory is not None or not totals:
            raise ValueError("place is called once, and takes one gradient or more")
        free(self.bases)
        self.bases = <char **> malloc(len(totals) * sizeof(char *))
        if self.bases is NULL:
            raise MemoryError
        for k in range(len(totals)):
            self.bases[k] = self.base_of(totals[k], self.bytes_of_total, "total")
        self.team.place(self.base_of(memory, self.bytes_of_state, "memory"))
        self.n_totals = len(totals)
        self.totals = totals
        self.memory = memory

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
        if self.memory is None:
            raise ValueError("place comes first")
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

    def write_gradient(self, total, Py_ssize_t first, Py_ssize_t n):
        """Writes the sum of the gradients of n examples, from place `first` of the order on, into `total`.

        Parameters
        ----------
        total : ndarray, (size,)
            Of the network's type, contiguous, beginning on a cache line.
        """
        cdef Team team = self.team
        cdef char *base = self.base_of(total, self.bytes_of_total, "total")
        cdef Py_ssize_t ended = 1, n_bytes
        cdef const uint8_t *masks = team.source.masks
        cdef MemberTime spent
        self.check_begun()
        if not (0 <= first and 0 <= n <= self.m and first + n <= self.n):
            raise ValueError(f"examples {first} to {first + n} are not among {self.n}, or more than {self.m}")
        n_bytes = team.place_total(base)
        if n == 0 or team.source.weights is not NULL:   # nothing may count
            memset(base, 0, n_bytes)
        if n == 0:
            return
        team.source.order = self.permutation + first
        team.source.n = n
        team.source.step.rule = ONE_GRADIENT
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

    def step(self, double weight, int part, int n_parts):
        """A step down the mean gradient of a mini-batch, which counts as `weight` examples. It needs no memory.

        Parameters
        ----------
        part, n_parts : int
            This process takes this part of the step, of so many; others who share the memory take the rest.

        Returns
        -------
        float
            The largest |w^2_jk| of this part, for `end_step`.
        """
        cdef double largest = 0
        self.check_begun()
        if not 0 <= part < n_parts:
            raise ValueError(f"part is {part} of {n_parts}")
        if weight > 0:
            self.team.workers[0].weight = weight
            with nogil:
                largest = take_step(self.team, self.bases, self.n_totals, self.scratch, part, n_parts)
        return largest

    def end_step(self, double largest):
        """Once all processes have taken their parts: the largest weight of the first layer is `largest`."""
        cdef int w, l
        cdef Py_ssize_t row
        cdef Layer *layer
        cdef Layer *own
        for w in range(self.n_workers):
            self.team.workers[w].sparse.max_abs_weight = largest
            self.team.workers[w].sparse.max_abs_velocity = INFINITY
            for l in range(2, self.team.L + 1):
                layer = &self.team.workers[0].layer[l]
                own = &self.team.workers[w].layer[l]
                if own.w.data is not layer.w.data:      # a layer that each worker computes for itself
                    row = (layer.n + layer.w.width - 1) // layer.w.width * layer.w.width * self.team.k.itemsize
                    memcpy(own.w.data, layer.w.data, layer.w.rows * row)
                    memcpy(own.b, layer.b, row)

    cdef int check_begun(self) except -1:
        if self.parameters.weights[0] is None:
            raise ValueError("begin comes first")
        return 0

    cdef char *base_of(self, array, Py_ssize_t n_bytes, str name) except NULL:
        """Where the numbers of an array are that has to hold so many bytes."""
        cdef char *base = NULL
        cdef int itemsize = self.team.k.itemsize
        cdef int type_num = cnp.NPY_DOUBLE if itemsize == 8 else cnp.NPY_FLOAT
        if type(array) is cnp.ndarray and cnp.PyArray_TYPE(<cnp.ndarray> array) == type_num:
            base = <char *> cnp.PyArray_DATA(<cnp.ndarray> array)
        if (
            base is NULL or not cnp.PyArray_ISCARRAY(<cnp.ndarray> array) or <size_t> base % LINE != 0
            or cnp.PyArray_SIZE(<cnp.ndarray> array) * itemsize != n_bytes
        ):
            raise ValueError(f"{name} is no array of {n_bytes // itemsize} elements of the network's type from a cache line on")
        return base


# ---- a step ----

cdef double take_step(Team team, char **bases, Py_ssize_t n, char *scratch, int part, int n_parts) noexcept nogil:
    """Gradient descent, w^l -> w^l - (eta / m) sum_x delta^l (a^{l-1})^T, or what the rule makes of that sum.

    The sum is that of n gradients, in their order, each from its base on. Of n_parts processes that share the parameters, this
    one takes its panels of each layer. Returns the largest |w^2_jk| of these.
    """
    cdef Worker *me = team.workers
    cdef Step *options = &team.source.step
    cdef Layer *layer
    cdef Py_ssize_t p, n_panels
    cdef double largest = 0, moved
    cdef int l
    cdef FloatMode mode = flush_subnormals()
    team.place_total(bases[0])
    me.lmbda_over_n = options.lmbda_over_n
    me.weight_decay = options.weight_decay
    if options.rule != GRADIENT_DESCENT and options.rule != MOMENTUM:   # those two scale what other processes do not know
        update_rule(options).begin(me)
    for l in range(team.L, 1, -1):
        layer = &me.layer[l]
        n_panels = (layer.n + layer.w.width - 1) // layer.w.width
        for p in range(n_panels * part // n_parts, n_panels * (part + 1) // n_parts):
            move_panel(me, l, p, False, bases, n, scratch)
            moved = move_panel(me, l, p, True, bases, n, scratch)
            if l == 2 and not (largest != largest or moved <= largest):     # NaN is the largest
                largest = moved
    set_float_mode(mode)
    return largest


cdef double move_panel(
    Worker *me, int l, Py_ssize_t p, bint of_weights, char **bases, Py_ssize_t n, char *scratch,
) noexcept nogil:
    """What the rule makes of panel p of the weights of layer l, or of the biases there. Returns the largest of them.

    Biases do not decay. See _update_rules.pyx.
    """
    cdef Layer *layer = &me.layer[l]
    cdef Step *options = &me.source.step
    cdef Panels w = panel_of(me, &layer.w, layer.b, p, of_weights), total = w, gradient = w
    cdef Panels first = panel_of(me, &layer.state[0].w, layer.state[0].b, p, of_weights)
    cdef Panels second = panel_of(me, &layer.state[1].w, layer.state[1].b, p, of_weights)
    cdef Panels highest = panel_of(me, &layer.state[2].w, layer.state[2].b, p, of_weights)
    cdef double decay = me.weight_decay if of_weights else 0, step = options.eta / me.weight
    cdef Py_ssize_t k, place
    gradient = panel_of(me, &layer.total.w, layer.total.b, p, of_weights)
    place = <char *> gradient.data - bases[0]
    total.data = scratch
    memcpy(scratch, gradient.data, w.rows * w.width * me.k.itemsize)
    for k in range(1, n):
        gradient.data = bases[k] + place
        me.k.subtract_matrix(&gradient, 1, -1, &total, 0, 1)
    if options.rule == GRADIENT_DESCENT:
        if options.is_l1 and of_weights:
            me.k.subtract_signs(decay, &w, 0, 1)
            decay = 0
        return me.k.subtract_matrix(&total, 1 - decay, step, &w, 0, 1)
    if options.rule == MOMENTUM:
        me.k.subtract_matrix(&total, options.mu, step, &first, 0, 1)
        me.k.move(options.is_l1, decay, 1, &first, &w, 0, 1)
        return me.k.largest(w.data, w.rows * w.width)
    if options.rule == NESTEROV:
        me.k.scale(-step, &total, 0, 1)
        return me.k.nesterov(options.is_l1, decay, options.mu, &total, &first, &w, 0, 1)
    me.k.scale(1 / me.weight, &total, 0, 1)
    me.adam.lmbda_over_n = me.lmbda_over_n if of_weights else 0
    return me.k.adam(&me.adam, &total, &first, &second, NULL if highest.data is NULL else &highest, &w, 0, 1)


cdef inline Panels panel_of(Worker *me, const Panels *weights, void *biases, Py_ssize_t p, bint of_weights) noexcept nogil:
    """Panel p of a matrix of weights, or of the biases that lie in its lanes."""
    cdef Panels panel = weights[0]
    panel.cols = panel.width
    if not of_weights:
        panel.data = biases
        panel.rows = 1
    if panel.data is not NULL:
        panel.data = <char *> panel.data + p * panel.rows * panel.width * me.k.itemsize
    return panel

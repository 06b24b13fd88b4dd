"""A team of workers: who computes which panels of which layer, their memory, and how it is filled, read and set to work."""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport backward_pass, forward_pass, mini_batch
from cbackprop._algorithm cimport train as train_member
from cbackprop._arrays cimport new_array
from cbackprop._costs cimport custom_error
from cbackprop._examples cimport Examples
from cbackprop._isa cimport kernels
from cbackprop._late_rows cimport MOST_LATE, take_squares
from cbackprop._memory cimport Memory
from cbackprop._parameters cimport Parameters, are_finite
from cbackprop._runtime cimport (
    aligned_calloc, aligned_free, barrier_destroy, barrier_init, team_end, team_run, team_set_end,
)
from cbackprop._sparse_layer cimport apply_pending_update, measure_weights
from cbackprop._step_options cimport StepOptions
from cbackprop._update_rules cimport MOMENTS, VELOCITIES, finish_updates, update_rule
from cbackprop._worker cimport SUM_OF_GRADIENTS, LateRows, Layer, State, Worker
from cbackprop.kernels cimport (
    Extent, FloatMode, LateStep, MemberTime, Panels, Records, dense_records_bytes, flush_subnormals, set_float_mode,
)

from cbackprop._memory import remember

cnp.import_array()

cdef enum:
    LINE = 64                   # bytes of a cache line: every array starts on one
    LEFT_ROWS = 4               # if a mini-batch has entries for fewer than one row of w^2 in so many, some rows are late
    PRIVATE_PRODUCTS = 32768    # a layer of so few products each worker computes for itself: two barriers cost more


cdef inline void *take(Arena *arena, Py_ssize_t bytes) noexcept nogil:
    cdef void *piece
    if arena is NULL:
        return NULL
    piece = arena.base + arena.used if arena.base is not NULL else NULL
    arena.used += (bytes + LINE - 1) // LINE * LINE
    return piece


cdef inline State part_of(Layer *layer, int k) noexcept nogil:
    """The layer's weights and biases, or number k of the update rule's states of them."""
    cdef State part
    if k == GRADIENT:
        return layer.gradient
    if k == TOTAL:
        return layer.total
    if k != PARAMETERS:
        return layer.state[k]
    part.w = layer.w
    part.b = layer.b
    return part


cdef Panels panels(void *data, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t width) noexcept:
    cdef Panels result
    result.data = data
    result.rows = rows
    result.cols = cols
    result.width = width
    return result


@cython.final
cdef class Team:
    """Workers for mini-batches of up to m examples.

    Parameters
    ----------
    p : Parameters
        The network's sizes and type; its weights and biases are read by `load`.
    examples : Examples or None
        Whether the first layer is to be sparse, and of what kind the records are; None: the inputs are the columns of a matrix.
    m, n_workers : int
    trains : bool
        Whether there is room for backpropagation.
    options : StepOptions or None
        An update rule takes room for its states, a cost class of the user's for z^L.
    shares : bool
        Parameters and the update rule's states will be where `place` says, and gradients go where `place_total` says: in memory
        that processes share.
    """

    def __cinit__(
        self, Parameters p, Examples examples, Py_ssize_t m, int n_workers, bint trains, StepOptions options=None,
        bint shares=False,
    ):
        cdef int w
        cdef Py_ssize_t layers
        if options is not None and p.activations is not None:
            p.activations.check_error(options.error)
        self.k = kernels(p.itemsize)
        self.L = p.L
        self.m = m
        self.n_workers = n_workers
        self.activations = p.activations
        self.sparse = examples is not None and examples.sparse
        self.columns = examples is None
        if self.sparse:
            self.shape = examples.records
            # Rows in no order take several times as long as all of them in a row.
            self.leaves_rows = LEFT_ROWS * m * self.shape.entries < <double> max(examples.n, 1) * self.shape.n_in
        if options is not None:
            self.rule = update_rule(&options.step)
            self.n_state = self.rule.n_state
            self.sums = shares or options.step.rule == SUM_OF_GRADIENTS
            self.shares = shares
        self.dropout = None if options is None else options.dropout
        if self.dropout is not None and len(self.dropout) != self.L - 1:
            raise ValueError(f"dropout is for {len(self.dropout)} layers before the last; the network has {self.L - 1}")
        self.keeps_z = options is not None and options.delta is not None
        memset(&self.source, 0, sizeof(self.source))
        barrier_init(&self.barrier, n_workers)
        layers = (self.L + 1) * sizeof(Layer)
        self.workers = <Worker *> aligned_calloc(n_workers * (sizeof(Worker) + layers))
        if self.workers is NULL:
            raise MemoryError
        for w in range(n_workers):
            self.workers[w].layer = <Layer *> (<char *> &self.workers[n_workers] + w * layers)
        if self.sparse:
            self.source.records = &examples.records
        self.memory = aligned_calloc(self.allocate(p, NULL, trains))
        if self.memory is NULL:
            raise MemoryError
        self.allocate(p, <char *> self.memory, trains)
        self.place_masks(p)

    def __dealloc__(self):
        barrier_destroy(&self.barrier)
        aligned_free(self.workers)
        aligned_free(self.memory)

    cdef Py_ssize_t allocate(self, Parameters p, char *base, bint trains) noexcept:
        """Gives every array its memory from `base` on, and returns the bytes of all; with a NULL base it only counts."""
        cdef Arena arena
        cdef int w, l
        cdef Py_ssize_t transposed, activation_scratch
        cdef Worker *worker
        arena.base = base
        arena.used = 0
        for w in range(self.n_workers):
            worker = &self.workers[w]
            worker.k = self.k
            worker.L = self.L
            worker.source = &self.source
            worker.barrier = &self.barrier
            worker.number = w
            worker.n_workers = self.n_workers
            worker.sparse.scale = worker.velocity_scale = 1
            transposed = activation_scratch = 0
            for l in range(1, self.L + 1):
                self.allocate_layer(p, &arena, w, l, trains)
                activation_scratch = max(activation_scratch, self.k.activation_scratch(&worker.layer[l].f, self.m))
                if trains and l > 2:
                    transposed = max(transposed, self.k.transposed_scratch(
                        &worker.layer[l].delta, &worker.layer[l - 1].delta))
            worker.transposed = take(&arena, transposed)
            worker.activation_scratch = take(&arena, activation_scratch)
            worker.rows = <const void **> take(&arena, self.m * sizeof(void *))
            worker.cost_of = <double *> take(&arena, self.m * sizeof(double) if trains else 0)
            if self.sparse:
                self.allocate_sparse_layer(&arena, worker)
        if self.columns:
            self.source.columns.runs = <int32_t *> take(&arena, (p.n[1] + 2) * sizeof(int32_t))
        return arena.used

    cdef void allocate_layer(self, Parameters p, Arena *arena, int w, int l, bint trains) noexcept:
        cdef int s
        cdef Layer *layer = &self.workers[w].layer[l]
        cdef Py_ssize_t n = p.n[l], vectors, width, n_panels, cells
        cdef Arena *own
        if self.sparse and l == 2:
            vectors = self.k.sparse_panel(n, self.m, self.n_workers)
        else:
            vectors = self.k.dense_panel(n)
        width = vectors * self.k.lanes
        n_panels = (n + width - 1) // width
        cells = n_panels * width * self.k.itemsize
        layer.shared = self.n_workers > 1 and (l <= 2 or p.n[l - 1] * n * self.m > PRIVATE_PRODUCTS)
        if layer.shared and w > 0:
            layer[0] = self.workers[0].layer[l]
        else:
            layer.n = n
            if l > 1:
                if p.activations is not None:  # otherwise all 0: sigmoids
                    layer.f = p.activations.layer[l]
                # What is elsewhere; other workers have a layer of their own here.
                own = NULL if self.shares and w == 0 else arena
                layer.w = panels(take(own, p.n[l - 1] * cells), p.n[l - 1], n, width)
                layer.b = take(own, cells)
                for s in range(self.n_state):
                    layer.state[s].w = panels(take(own, p.n[l - 1] * cells), p.n[l - 1], n, width)
                    layer.state[s].b = take(own, cells)
                if self.rule is not NULL and self.rule.sums_gradient and not self.shares:
                    layer.gradient.w = panels(take(arena, p.n[l - 1] * cells), p.n[l - 1], n, width)
                    layer.gradient.b = take(arena, cells)
                if self.sums:
                    layer.total.w = panels(take(own, p.n[l - 1] * cells), p.n[l - 1], n, width)
                    layer.total.b = take(own, cells)
            if l > 1 or not (self.sparse or self.columns):
                layer.a_buffers[0] = take(arena, self.m * cells)
                layer.a_buffers[1] = take(arena, self.m * cells) if self.n_workers > 1 else layer.a_buffers[0]
            layer.a = panels(layer.a_buffers[0], self.m, n, width)
            if self.drops(l):
                layer.thinned_buffers[0] = take(arena, self.m * cells)
                layer.thinned_buffers[1] = take(arena, self.m * cells) if self.n_workers > 1 else layer.thinned_buffers[0]
            layer.thinned = panels(layer.thinned_buffers[0], self.m, n, width)
            layer.z = take(arena, self.m * cells) if self.keeps_z and l == p.L else NULL
            layer.delta = panels(take(arena, self.m * cells) if trains and l > 1 else NULL, self.m, n, width)
        layer.p0 = n_panels * w // self.n_workers if layer.shared else 0
        layer.p1 = n_panels * (w + 1) // self.n_workers if layer.shared else n_panels

    cdef void allocate_sparse_layer(self, Arena *arena, Worker *worker) noexcept:
        cdef const Records *records = self.source.records
        worker.sparse.scratch = take(arena, self.k.sweep_scratch(records, self.m))
        if records.stored:
            self.allocate_late_rows(arena, worker)
            return      # zeros are never listed
        worker.sparse.dense_records = records[0]
        worker.sparse.dense_records.data = <uint8_t *> take(arena, dense_records_bytes(records, self.m))
        worker.sparse.dense_records.extent = <Extent *> take(arena, self.m * sizeof(Extent))
        worker.sparse.dense_order = <uint32_t *> take(arena, self.m * sizeof(uint32_t))

    cdef void allocate_late_rows(self, Arena *arena, Worker *worker) noexcept:
        cdef LateRows *rows = &worker.sparse.late_rows
        cdef Layer *layer = &worker.layer[2]
        rows.late = self.rule is not NULL and self.rule.take_steps is not NULL and self.shape.hypersparse and self.leaves_rows
        if not rows.late:
            return
        rows.step = <LateStep *> take(arena, MOST_LATE * sizeof(LateStep))
        rows.taken = <uint8_t *> take(arena, layer.w.rows)
        rows.squares = self.workers[0].sparse.late_rows.squares     # each worker adds to those of its panels
        if worker.number == 0:
            rows.squares = <double *> take(arena, (layer.n + layer.w.width) * sizeof(double))

    cdef bint drops(self, int l) noexcept:
        """Whether neurons of layer l drop out."""
        return self.dropout is not None and l < self.L and <double> self.dropout[l - 1] > 0

    cdef int place_masks(self, Parameters p) except -1:
        """Lays out a row of masks, as cbackprop/_dropout.py does."""
        cdef int w, l
        cdef Py_ssize_t n_bytes = 0     # of all layers: those of every worker are the same
        for w in range(self.n_workers):
            n_bytes = 0
            for l in range(1, self.L):
                if self.drops(l):
                    self.workers[w].layer[l].mask = n_bytes
                    self.workers[w].layer[l].drop_factor = 1 / (1 - <double> self.dropout[l - 1])
                    n_bytes += (p.n[l] + 7) // 8
        self.source.mask_bytes = n_bytes + 1
        return 0

    cdef int set_masks(self, masks) except -1:
        """Sets the workers to an epoch's masks, (n, mask_bytes) uint8, in the order of the examples; None: no dropout."""
        if self.dropout is None:
            return 0
        if not (
            type(masks) is cnp.ndarray and cnp.PyArray_TYPE(masks) == cnp.NPY_UINT8 and cnp.PyArray_IS_C_CONTIGUOUS(masks)
            and masks.shape == (self.source.n, self.source.mask_bytes)
        ):
            raise ValueError("the layers changed while masks were drawn for dropout")
        self.masks = masks
        self.source.masks = <const uint8_t *> cnp.PyArray_DATA(masks)
        return 0

    # ---- examples and parameters in, parameters out ----

    cdef bint is_compatible(self, Parameters p, Examples examples) noexcept:
        """Whether the team was made for layers of these sizes, and for examples packed like these."""
        cdef int l
        if self.L != p.L or self.sparse != examples.sparse or (self.sparse and not self.has_room(&examples.records)):
            return False
        for l in range(1, self.L + 1):
            if self.workers[0].layer[l].n != p.n[l]:
                return False
        return True

    cdef bint has_room(self, const Records *records) noexcept:
        """Whether the memory of a sparse first layer fits these records."""
        cdef const Records *shape = &self.shape
        return (
            records.kind == shape.kind and records.tile == shape.tile
            and records.stored == shape.stored and records.hypersparse == shape.hypersparse
            and records.longest <= shape.longest and records.entries <= shape.entries
        )

    cdef int read(self, Examples examples, uint32_t *order) except -1:
        """Sets the workers to `examples`, which are packed like those that the team was made for."""
        cdef int w
        cdef Py_ssize_t i
        self.examples = examples
        self.source.records = &examples.records if self.sparse else NULL
        self.source.rows = examples.rows
        self.source.row_bits = examples.row_bits
        self.source.max_abs_input = examples.max_abs_input
        self.source.labels = examples.targets.labels
        self.source.targets = examples.targets.rows
        self.source.weights = examples.weights
        self.source.order = order
        self.source.n = examples.n
        self.source.m = self.m
        if self.sparse:
            for w in range(self.n_workers):
                self.k.sweep_init(self.workers[w].sparse.scratch, &examples.records, self.m)
                for i in range(0 if examples.records.stored else self.m):
                    self.workers[w].sparse.dense_order[i] = <uint32_t> i
        return 0

    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil:
        """Sets the workers to the columns of X (n_in x m), and the rows of `targets` (m x n_out) or NULL."""
        self.source.columns.data = X
        self.source.columns.rows = n_in
        self.source.columns.cols = m
        self.source.targets = targets
        self.k.find_runs(&self.source.columns)

    cdef int load_from(self, Parameters p) except -1:
        """Copies in the parameters, and what the network's last step kept for the next."""
        cdef Memory memory = p.memory
        self.load(p)
        if self.rule.memory == MOMENTS:
            self.load_moments(p, memory.moments)
        elif self.rule.memory == VELOCITIES:
            self.load_state(p, 0, memory.velocities, "velocities")
        return 0

    cdef int load(self, Parameters p) except -1:
        """Copies in the parameters, as all that the workers know of the past."""
        cdef int w
        p.check()
        self.load_arrays(PARAMETERS, p.weights, p.biases)
        for w in range(self.n_workers):
            self.workers[w].sparse.scale = self.workers[w].velocity_scale = 1
            self.workers[w].t = 0
            self.forget_late_steps(&self.workers[w].sparse.late_rows)
        self.measure()
        return 0

    cdef int load_moments(self, Parameters p, past) except -1:
        """Copies in (t, state, ...), as `stored_moments` gave them. Of other layers, or if there are none, the rule begins anew.

        A state that the last rule did not keep is 0: the maxima of AMSGrad after Adam.
        """
        cdef int k, w
        cdef int64_t t = 0
        cdef bint fits
        if past is not None:
            if not isinstance(past, tuple) or len(past) < 3 or not isinstance(past[0], int):
                raise TypeError(
                    f"moments is {type(past).__name__}; expected (number of steps, first moments, second moments) or None")
            t = past[0]
            if not 0 <= t < <int64_t> 1 << 60:     # more than any training takes
                raise ValueError(f"moments[0] is {t}; expected a number of steps")
        fits = past is not None
        for k in range(self.n_state):
            if not self.load_state(p, k, past[k + 1] if fits and k + 1 < len(past) else None, f"moments[{k + 1}]") and k < 2:
                fits = False
        if not fits:
            t = 0
            for k in range(self.n_state):
                self.fill_with_zeros(k)
        for w in range(self.n_workers):
            self.workers[w].t = t
        return 0

    cdef bint load_state(self, Parameters p, int k, arrays, str name) except -1:
        """Copies in number k of the update rule's states, (of weights, of biases). None, or those of other layers: all are 0.

        Returns whether they fitted.
        """
        cdef list of_weights = None, of_biases = None
        if arrays is not None:
            if not isinstance(arrays, (tuple, list)) or len(arrays) != 2:
                raise TypeError(
                    f"{name} is {type(arrays).__name__}; expected two lists of arrays, of weights and of biases, or None")
            of_weights, of_biases = p.like(arrays[0], f"{name}[0]", True), p.like(arrays[1], f"{name}[1]", False)
        if of_weights is None or of_biases is None:
            self.fill_with_zeros(k)
            return False
        p.check_ready(of_weights, f"{name}[0]", True)
        self.load_arrays(k, of_weights, of_biases)
        return True

    cdef int copy_from(self, Team other) except -1:
        """Copies in what the workers of `other` know of the past, to the bit: it may have more workers or fewer.

        Nothing is multiplied out, as `store` would, which rounds.
        """
        cdef int w, k
        cdef FloatMode mode = flush_subnormals()
        for w in range(other.n_workers):
            apply_pending_update(&other.workers[w])
        set_float_mode(mode)
        for w in range(self.n_workers):
            self.copy_late_rows(&self.workers[w].sparse.late_rows, &other.workers[0].sparse.late_rows)
        self.source.step = other.source.step
        self.source.error = other.source.error
        self.set_masks(other.masks)
        for k in range(GRADIENT if self.rule.sums_gradient and self.is_late() else PARAMETERS, self.n_state):
            of_weights, of_biases = other.stored(k)
            self.load_arrays(k, of_weights, of_biases)
        if self.sums:
            of_weights, of_biases = other.stored(TOTAL)
            self.load_arrays(TOTAL, of_weights, of_biases)
        for w in range(self.n_workers):
            self.workers[w].sparse.scale = other.workers[0].sparse.scale
            self.workers[w].velocity_scale = other.workers[0].velocity_scale
            self.workers[w].t = other.workers[0].t
        self.measure()
        return 0

    cdef void copy_late_rows(self, LateRows *rows, const LateRows *other) noexcept:
        if rows.late:
            rows.n = other.n
            rows.factor = other.factor
            memcpy(rows.step, other.step, MOST_LATE * sizeof(LateStep))
            memcpy(rows.taken, other.taken, self.workers[0].layer[2].w.rows)
            memcpy(rows.squares, other.squares, self.workers[0].layer[2].n * sizeof(double))

    cdef void forget_late_steps(self, LateRows *rows) noexcept:
        if rows.late:
            if rows.n > 0 and self.rule.sums_gradient:
                self.fill_with_zeros(GRADIENT)
            rows.n = 0
            memset(rows.taken, 0, self.workers[0].layer[2].w.rows)
            memset(rows.squares, 0, self.workers[0].layer[2].n * sizeof(double))

    cdef bint is_late(self) noexcept:
        """Whether rows of w^2 may take steps late."""
        return self.workers[0].sparse.late_rows.late

    cdef int store_into(self, net, Parameters p) except -1:
        """Gives `net`, which was read as `p`, the parameters, and what this step keeps for the next, as new arrays.

        If nobody could tell new arrays from the old ones, the old ones are overwritten: for a tiny network, to make arrays takes
        longer than to train.
        """
        cdef list weights = p.weights, biases = p.biases
        cdef bint overwrites
        self.finish()
        overwrites = p.may_be_overwritten(net)
        if not overwrites:
            weights, biases = self.stored(PARAMETERS)
        if self.rule.memory == MOMENTS:
            remember(net, moments=self.stored_moments())
        elif self.rule.memory == VELOCITIES:
            remember(net, velocities=self.stored(0))
        if overwrites:  # after all that can fail
            self.unpack_into(PARAMETERS, weights, biases)
        self.finite = are_finite(weights) and are_finite(biases)
        if not overwrites:
            net.weights, net.biases = weights, biases
        return 0

    cdef void finish(self) noexcept:
        """Applies what is pending: weights and biases are then what they stand for."""
        cdef int w
        cdef FloatMode mode = flush_subnormals()
        for w in range(self.n_workers):
            finish_updates(&self.workers[w])
        set_float_mode(mode)
        if self.source.cost is not NULL:
            self.source.cost.squares += take_squares(&self.workers[0])

    cdef tuple store(self):
        """The parameters as (weights, biases), lists of new arrays."""
        self.finish()
        return self.stored(PARAMETERS)

    cdef tuple stored(self, int k):
        """(weights, biases), or number k of the update rule's states of both, as lists of new arrays."""
        cdef int l, type_num = cnp.NPY_DOUBLE if self.k.itemsize == 8 else cnp.NPY_FLOAT
        cdef Layer *layer
        cdef list of_weights = [], of_biases = []
        for l in range(2, self.L + 1):
            layer = &self.workers[0].layer[l]
            of_weights.append(new_array(type_num, layer.n, layer.w.rows))
            of_biases.append(new_array(type_num, layer.n, 1))
        self.unpack_into(k, of_weights, of_biases)
        return of_weights, of_biases

    cdef tuple stored_moments(self):
        """What a rule that counts its steps keeps for the next call: (t, state, ...)."""
        if self.n_state == 2:
            return self.workers[0].t, self.stored(0), self.stored(1)
        return self.workers[0].t, self.stored(0), self.stored(1), self.stored(2)

    cdef void unpack_into(self, int k, list of_weights, list of_biases) noexcept:
        """Writes the parameters, or number k of the update rule's states of them, into arrays of their shapes."""
        cdef int l
        cdef Layer *layer
        cdef State part
        for l in range(2, self.L + 1):
            layer = &self.workers[0].layer[l]
            part = part_of(layer, k)
            self.k.unpack_transposed(&part.w, cnp.PyArray_DATA(<cnp.ndarray> of_weights[l - 2]))
            memcpy(cnp.PyArray_DATA(<cnp.ndarray> of_biases[l - 2]), part.b, layer.n * self.k.itemsize)

    cdef int load_arrays(self, int k, list of_weights, list of_biases) except -1:
        """Copies in what `stored` gave, or what is like it."""
        cdef int w, l
        cdef Layer *layer
        cdef State part
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w == 0 or not layer.shared:
                    part = part_of(layer, k)
                    self.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> of_weights[l - 2]), &part.w)
                    memcpy(part.b, cnp.PyArray_DATA(<cnp.ndarray> of_biases[l - 2]), layer.n * self.k.itemsize)
        return 0

    cdef void fill_with_zeros(self, int k) noexcept nogil:
        """Makes every weight and bias 0, or number k of the update rule's states of them."""
        cdef int w, l
        cdef Py_ssize_t row_bytes
        cdef Layer *layer
        cdef State part
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w == 0 or not layer.shared:
                    part = part_of(layer, k)
                    row_bytes = (layer.n + part.w.width - 1) // part.w.width * part.w.width * self.k.itemsize
                    memset(part.w.data, 0, part.w.rows * row_bytes)
                    memset(part.b, 0, row_bytes)

    cdef Py_ssize_t place(self, char *base) noexcept nogil:
        """Puts the parameters and the update rule's states at `base`; returns how many bytes they take."""
        cdef int l, k
        cdef Arena arena
        cdef State part
        arena.base = base
        arena.used = 0
        for l in range(2, self.L + 1):
            for k in range(PARAMETERS, self.n_state):
                part = self.taken(&arena, l, k)
                self.set_part(l, k, &part)
        return arena.used

    cdef Py_ssize_t place_total(self, char *base) noexcept nogil:
        """Has gradients go to `base`, layer by layer in panels; returns how many bytes they take."""
        cdef int l
        cdef Arena arena
        cdef State part
        arena.base = base
        arena.used = 0
        for l in range(2, self.L + 1):
            part = self.taken(&arena, l, TOTAL)
            self.set_part(l, TOTAL, &part)
        return arena.used

    cdef State taken(self, Arena *arena, int l, int k) noexcept nogil:
        """`part_of` layer l of the first worker, in new memory."""
        cdef Layer *layer = &self.workers[0].layer[l]
        cdef State part = part_of(layer, k)
        cdef Py_ssize_t row = (layer.n + part.w.width - 1) // part.w.width * part.w.width * self.k.itemsize
        part.w.data = take(arena, part.w.rows * row)
        part.b = take(arena, row)
        return part

    cdef void set_part(self, int l, int k, const State *part) noexcept nogil:
        """Makes it `part_of` layer l of the first worker, and of those that share the layer with it."""
        cdef int w
        cdef Layer *layer
        for w in range(self.n_workers):
            layer = &self.workers[w].layer[l]
            if w > 0 and not layer.shared:
                continue
            if k == TOTAL:
                layer.total = part[0]
            elif k == PARAMETERS:
                layer.w = part.w
                layer.b = part.b
            else:
                layer.state[k] = part[0]

    cdef void measure(self) noexcept:
        cdef int w
        if self.sparse and not self.shape.stored:
            for w in range(self.n_workers):
                measure_weights(&self.workers[w])

    # ---- work ----

    cdef void set_step(self, StepOptions options) noexcept:
        """Says how the next steps are to be taken, by the update rule that the team was made for."""
        self.source.step = options.step
        self.source.error = options.error

    cdef Py_ssize_t train(self, Py_ssize_t first, Py_ssize_t last, double duration, MemberTime *spent) noexcept nogil:
        """Trains on the mini-batches first .. last - 1 and returns last. Several workers stop at an earlier one, which is returned,
        after `duration` seconds.

        If the system refuses a thread, nothing is done and `first` is returned. `spent`: see `team_run`.
        """
        cdef int w
        cdef void *members[MAX_WORKERS]
        self.source.first = first
        team_set_end(&self.barrier, last - 1, duration)
        for w in range(self.n_workers):
            members[w] = &self.workers[w]
        if team_run(&self.barrier, train_member, members, spent) != 0:
            return first
        return team_end(&self.barrier) + 1

    cdef int train_with_custom_error(self, Py_ssize_t first, Py_ssize_t last, delta) except -1:
        """Trains on them alone, with the output error that the user's delta(z, a, y) gives.

        An exception raised there leaves the parameters of the mini-batch before.
        """
        cdef Worker *me = self.workers
        cdef Py_ssize_t batch, m
        cdef uint32_t *examples
        cdef FloatMode mode
        for batch in range(first, last):
            examples = mini_batch(me, batch, &m)
            with nogil:
                mode = flush_subnormals()
                forward_pass(me, batch)
                set_float_mode(mode)
            custom_error(me, examples, m, delta)
            with nogil:
                mode = flush_subnormals()
                backward_pass(me, batch)
                set_float_mode(mode)
        return 0

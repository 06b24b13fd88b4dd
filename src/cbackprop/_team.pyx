"""A team of workers and their memory: who computes which panels of which layer, and where everything stands."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport backward_pass, feedforward, forward_pass, mini_batch, set_input
from cbackprop._algorithm cimport train as train_member
from cbackprop._step_options cimport StepOptions
from cbackprop._examples cimport Examples
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters, are_finite, new_array
from cbackprop._sparse_layer cimport apply_pending_update, measure_magnitudes
from cbackprop._update_rules cimport finish_updates
from cbackprop._worker cimport Layer, Worker
from cbackprop.kernels cimport (
    Extent, FloatMode, MemberTime, Panels, Records, aligned_calloc, aligned_free, barrier_destroy, barrier_init, flush_subnormals,
    record_lines, set_float_mode, team_end, team_run, team_set_end,
)

from cbackprop._memory import remember

import numpy as np

cnp.import_array()

cdef enum:
    LINE = 64                   # bytes of a cache line: every array starts on one
    PRIVATE_PRODUCTS = 32768    # a layer of so few products each worker computes for itself: two barriers cost more


cdef inline void *take(Arena *arena, Py_ssize_t bytes) noexcept:
    cdef void *piece = arena.base + arena.used if arena.base is not NULL else NULL
    arena.used += (bytes + LINE - 1) // LINE * LINE
    return piece


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
        Whether the first layer is to be sparse, and how the records are laid out; None: the inputs are the columns of a matrix.
    m, n_workers : int
    trains : bool
        Whether there is room for the way back as well.
    options : StepOptions or None
        Momentum takes room for velocities, a reader's own output error for z^L.
    """

    def __cinit__(self, Parameters p, Examples examples, Py_ssize_t m, int n_workers, bint trains, StepOptions options=None):
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
        self.kind = examples.records.kind if self.sparse else -1
        self.momentum = options is not None and options.step.mu != 0
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
        self.memory = aligned_calloc(self.lay_out(p, NULL, trains))
        if self.memory is NULL:
            raise MemoryError
        self.lay_out(p, <char *> self.memory, trains)

    def __dealloc__(self):
        barrier_destroy(&self.barrier)
        aligned_free(self.workers)
        aligned_free(self.memory)

    cdef Py_ssize_t lay_out(self, Parameters p, char *base, bint trains) noexcept:
        """Gives every array its place from `base` on, and returns the bytes they take; with a NULL base it only counts."""
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
                self.lay_out_layer(p, &arena, w, l, trains)
                activation_scratch = max(activation_scratch, self.k.activation_scratch(&worker.layer[l].f, self.m))
                if trains and l > 2:
                    transposed = max(transposed, self.k.transposed_scratch(
                        &worker.layer[l].delta, &worker.layer[l - 1].delta))
            worker.transposed = take(&arena, transposed)
            worker.activation_scratch = take(&arena, activation_scratch)
            worker.rows = <const void **> take(&arena, self.m * sizeof(void *))
            if self.sparse:
                self.lay_out_sweep(&arena, worker)
        if self.columns:
            self.source.columns.runs = <int32_t *> take(&arena, (p.n[1] + 2) * sizeof(int32_t))
        return arena.used

    cdef void lay_out_layer(self, Parameters p, Arena *arena, int w, int l, bint trains) noexcept:
        cdef Layer *layer = &self.workers[w].layer[l]
        cdef Py_ssize_t n = p.n[l], vectors, width, n_panels, cells
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
                layer.w = panels(take(arena, p.n[l - 1] * cells), p.n[l - 1], n, width)
                layer.b = take(arena, cells)
                if self.momentum:
                    layer.v = panels(take(arena, p.n[l - 1] * cells), p.n[l - 1], n, width)
                    layer.v_b = take(arena, cells)
            if l > 1 or not (self.sparse or self.columns):
                layer.a_buffers[0] = take(arena, self.m * cells)
                layer.a_buffers[1] = take(arena, self.m * cells) if self.n_workers > 1 else layer.a_buffers[0]
            layer.a = panels(layer.a_buffers[0], self.m, n, width)
            layer.z = take(arena, self.m * cells) if self.keeps_z and l == p.L else NULL
            layer.delta = panels(take(arena, self.m * cells) if trains and l > 1 else NULL, self.m, n, width)
        layer.p0 = n_panels * w // self.n_workers if layer.shared else 0
        layer.p1 = n_panels * (w + 1) // self.n_workers if layer.shared else n_panels

    cdef void lay_out_sweep(self, Arena *arena, Worker *worker) noexcept:
        cdef const Records *records = self.source.records
        worker.sparse.scratch = take(arena, self.k.sweep_scratch(records, self.m))
        worker.sparse.dense_records = records[0]
        worker.sparse.dense_records.data = <uint8_t *> take(arena, 64 * self.m * record_lines(records, records.n_in))
        worker.sparse.dense_records.extent = <Extent *> take(arena, self.m * sizeof(Extent))
        worker.sparse.dense_order = <uint32_t *> take(arena, self.m * sizeof(uint32_t))

    # ---- examples and parameters in, parameters out ----

    cdef bint is_compatible(self, Parameters p, Examples examples) noexcept:
        """Whether the team was made for layers of these sizes, and for examples laid out like these."""
        cdef int l
        if self.L != p.L or self.sparse != examples.sparse or (self.sparse and self.kind != examples.records.kind):
            return False
        for l in range(1, self.L + 1):
            if self.workers[0].layer[l].n != p.n[l]:
                return False
        return True

    cdef int read(self, Examples examples, uint32_t *order) except -1:
        """Makes `examples`, laid out like those that the team was made for, the ones to work on."""
        cdef int w
        cdef Py_ssize_t i
        self.examples = examples
        self.source.records = &examples.records if self.sparse else NULL
        self.source.rows = examples.rows
        self.source.row_bits = examples.row_bits
        self.source.largest = examples.largest
        self.source.labels = examples.labels
        self.source.targets = examples.targets
        self.source.order = order
        self.source.n = examples.n
        self.source.m = self.m
        if self.sparse:
            for w in range(self.n_workers):
                self.k.sweep_init(self.workers[w].sparse.scratch, &examples.records, self.m)
                for i in range(self.m):
                    self.workers[w].sparse.dense_order[i] = <uint32_t> i
        return 0

    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil:
        """Makes the columns of X (n_in x m), and the rows of `targets` (m x n_out) or NULL, the examples to work on."""
        self.source.columns.data = X
        self.source.columns.rows = n_in
        self.source.columns.cols = m
        self.source.targets = targets
        self.k.find_runs(&self.source.columns)

    cdef int load(self, Parameters p) except -1:
        """Copies the parameters in, as all that the workers know of the past."""
        cdef int w, l
        cdef Layer *layer
        p.check()
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w == 0 or not layer.shared:
                    self.k.pack_transposed(p.w(l), &layer.w)
                    memcpy(layer.b, p.b(l), layer.n * self.k.itemsize)
        for w in range(self.n_workers):
            self.workers[w].sparse.scale = self.workers[w].velocity_scale = 1
            if self.sparse:
                measure_magnitudes(&self.workers[w])
        return 0

    cdef int load_velocities(self, Parameters p, velocities) except -1:
        """Copies the velocities (of weights, of biases) in; None, or those of other layers: all are 0."""
        cdef int w, l
        cdef Layer *layer
        cdef list v_w = None, v_b = None
        if velocities is not None:
            if not isinstance(velocities, (tuple, list)) or len(velocities) != 2:
                raise TypeError(
                    f"velocities is {type(velocities).__name__}; expected two lists of arrays, of weights and of biases, or None")
            v_w, v_b = p.like(velocities[0], "velocities[0]", True), p.like(velocities[1], "velocities[1]", False)
            if v_w is None or v_b is None:  # the network had other layers then
                v_w = None
            else:
                p.check_ready(v_w, "velocities[0]", True)
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w > 0 and layer.shared:
                    continue
                if v_w is None:
                    memset(layer.v.data, 0, layer.v.rows * self.row_bytes(layer))
                    memset(layer.v_b, 0, self.row_bytes(layer))
                else:
                    self.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> v_w[l - 2]), &layer.v)
                    memcpy(layer.v_b, cnp.PyArray_DATA(<cnp.ndarray> v_b[l - 2]), layer.n * self.k.itemsize)
        for w in range(self.n_workers):
            if self.sparse:
                measure_magnitudes(&self.workers[w])
        return 0

    cdef int take_over(self, Team other) except -1:
        """Copies in what the workers of `other` know of the past, to the bit: it may have more workers or fewer.

        Nothing is multiplied out, as `store` would, which rounds.
        """
        cdef int w, l, type_num = cnp.NPY_DOUBLE if self.k.itemsize == 8 else cnp.NPY_FLOAT
        cdef Layer *layer
        cdef Layer *before
        cdef FloatMode mode = flush_subnormals()
        for w in range(other.n_workers):
            apply_pending_update(&other.workers[w])
        set_float_mode(mode)
        self.source.step = other.source.step
        self.source.error = other.source.error
        for l in range(2, self.L + 1):
            before = &other.workers[0].layer[l]
            array = new_array(type_num, before.n, before.w.rows)
            for w in range(self.n_workers):
                layer = &self.workers[w].layer[l]
                if w > 0 and layer.shared:
                    continue
                self.k.unpack_transposed(&before.w, cnp.PyArray_DATA(<cnp.ndarray> array))
                self.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> array), &layer.w)
                memcpy(layer.b, before.b, before.n * self.k.itemsize)
                if self.momentum:
                    self.k.unpack_transposed(&before.v, cnp.PyArray_DATA(<cnp.ndarray> array))
                    self.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> array), &layer.v)
                    memcpy(layer.v_b, before.v_b, before.n * self.k.itemsize)
        for w in range(self.n_workers):
            self.workers[w].sparse.scale = other.workers[0].sparse.scale
            self.workers[w].velocity_scale = other.workers[0].velocity_scale
            if self.sparse:
                measure_magnitudes(&self.workers[w])
        return 0

    cdef tuple store(self, Parameters p):
        """The parameters as (weights, biases), lists of new arrays; a step that waits is taken first."""
        cdef int w
        cdef FloatMode mode = flush_subnormals()
        for w in range(self.n_workers):
            finish_updates(&self.workers[w])
        set_float_mode(mode)
        return self.stored(p, False)

    cdef tuple stored(self, Parameters p, bint velocities):
        """(weights, biases), or the velocities of both, as lists of new arrays."""
        cdef int l
        cdef Layer *layer
        cdef list of_weights = [], of_biases = []
        for l in range(2, self.L + 1):
            layer = &self.workers[0].layer[l]
            weight = new_array(p.type_num, layer.n, p.n[l - 1])
            self.k.unpack_transposed(&layer.v if velocities else &layer.w, cnp.PyArray_DATA(<cnp.ndarray> weight))
            of_weights.append(weight)
            bias = new_array(p.type_num, layer.n, 1)
            memcpy(cnp.PyArray_DATA(<cnp.ndarray> bias), layer.v_b if velocities else layer.b, layer.n * self.k.itemsize)
            of_biases.append(bias)
        return of_weights, of_biases

    cdef int store_into(self, net, Parameters p) except -1:
        """Gives `net` the parameters, and the velocities where there are any, as new arrays."""
        weights, biases = self.store(p)
        self.finite = are_finite(weights) and are_finite(biases)
        if self.momentum:
            velocities = self.stored(p, True)
            remember(net, velocities=velocities)
        net.weights, net.biases = weights, biases
        return 0

    cdef void forget(self) noexcept nogil:
        """Makes every weight and bias 0."""
        cdef int w, l
        cdef Layer *layer
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w == 0 or not layer.shared:
                    memset(layer.w.data, 0, layer.w.rows * self.row_bytes(layer))
                    memset(layer.b, 0, self.row_bytes(layer))

    cdef Py_ssize_t row_bytes(self, const Layer *layer) noexcept nogil:
        """The bytes of a row of the layer's weights, the ends of panels with them."""
        return (layer.n + layer.w.width - 1) // layer.w.width * layer.w.width * self.k.itemsize

    # ---- work ----

    cdef void set_step(self, StepOptions options) noexcept:
        """Makes this the way in which the next steps are taken: the momentum that the team was made for."""
        self.source.step = options.step
        self.source.error = options.error

    cdef Py_ssize_t train(self, Py_ssize_t first, Py_ssize_t last, double duration, MemberTime *spent) noexcept nogil:
        """Trains on the mini-batches first .. last - 1 and returns last; several workers return an earlier one when so
        many seconds have passed.

        Where the system refused a thread nothing is done, and `first` returned. `spent`: see `team_run`.
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
        """The same, alone, with the output error that the reader's delta(z, a, y) gives.

        An exception raised there leaves the parameters of the mini-batch before.
        """
        cdef Worker *me = self.workers
        cdef Py_ssize_t batch, m
        cdef uint32_t *examples
        cdef int type_num = cnp.NPY_DOUBLE if self.k.itemsize == 8 else cnp.NPY_FLOAT
        cdef FloatMode mode
        for batch in range(first, last):
            examples = mini_batch(me, batch, &m)
            with nogil:
                mode = flush_subnormals()
                forward_pass(me, batch)
                set_float_mode(mode)
            custom_error(me, type_num, examples, m, delta)
            with nogil:
                mode = flush_subnormals()
                backward_pass(me, batch)
                set_float_mode(mode)
        return 0

    cdef Py_ssize_t score(
        self, Py_ssize_t start, Py_ssize_t stop, const int32_t *classes, int cost, double *cost_of,
    ) noexcept nogil:
        """How many of these examples the network answers with their class.

        `classes` are numbered like the examples. Where `cost_of` is not NULL, cost_of[i - start] is what example i costs.
        """
        cdef Worker *me = self.workers
        cdef Py_ssize_t i, m, correct = 0, first = start
        cdef uint32_t *examples
        cdef int32_t answers[EVALUATED]
        cdef FloatMode mode = flush_subnormals()
        while start < stop:
            m = min(self.m, stop - start)
            examples = self.source.order + start
            set_input(me, examples, m)
            feedforward(me, examples, m, examples + m, max(0, min(self.m, stop - start - m)))
            if classes is not NULL:
                if self.examples.thresholded:
                    threshold(&me.layer[self.L].a, me.k.itemsize, answers)
                else:
                    me.k.argmax(&me.layer[self.L].a, answers)
                for i in range(m):
                    correct += answers[i] == classes[examples[i]]
            if cost_of is not NULL:
                me.k.costs(
                    cost, &me.layer[self.L].a, self.source.labels, self.source.targets, examples, cost_of + start - first)
            start += m
        set_float_mode(mode)
        return correct


cdef void threshold(const Panels *A, Py_ssize_t itemsize, int32_t *answers) noexcept nogil:
    """answers[i] = 1 where the one output of row i is >= 1/2, otherwise 0."""
    cdef Py_ssize_t i
    for i in range(A.rows):
        if itemsize == 8:
            answers[i] = (<const double *> A.data)[i * A.width] >= 0.5
        else:
            answers[i] = (<const float *> A.data)[i * A.width] >= 0.5


# ---- a reader's own cost ----

cdef object columns_of(Worker *me, int type_num, void *data):
    """What stands in `data`, laid out like the output activations, as a new array (n_out, m)."""
    cdef Panels outputs = me.layer[me.L].a
    outputs.data = data
    array = new_array(type_num, outputs.cols, outputs.rows)
    me.k.unpack_transposed(&outputs, cnp.PyArray_DATA(<cnp.ndarray> array))
    return array


cdef tuple outputs_and_targets(Worker *me, int type_num, const uint32_t *examples, Py_ssize_t m):
    """(a^L, y) of the mini-batch: two new arrays (n_out, m)."""
    cdef Py_ssize_t i, n = me.layer[me.L].n, itemsize = me.k.itemsize
    cdef const char *targets = <const char *> me.source.targets
    rows = new_array(type_num, m, n)
    cdef char *to = cnp.PyArray_BYTES(<cnp.ndarray> rows)
    if me.source.labels is not NULL:
        memset(to, 0, m * n * itemsize)
    for i in range(m):
        if me.source.labels is NULL:
            memcpy(to + i * n * itemsize, targets + examples[i] * n * itemsize, n * itemsize)
        elif me.source.labels[examples[i]] >= 0:
            rows[i, me.source.labels[examples[i]]] = 1
    return columns_of(me, type_num, me.layer[me.L].a.data), rows.T


cdef int custom_error(Worker *me, int type_num, const uint32_t *examples, Py_ssize_t m, delta) except -1:
    """Output error: delta^L = delta(z^L, a^L, y), asked of the reader's function for one example after the other."""
    cdef Layer *layer = &me.layer[me.L]
    z = columns_of(me, type_num, layer.z)
    a, y = outputs_and_targets(me, type_num, examples, m)
    errors = new_array(type_num, layer.n, m)
    for i in range(m):
        error = np.asarray(delta(z[:, i:i + 1].copy(), a[:, i:i + 1].copy(), y[:, i:i + 1].copy()))
        if error.dtype.kind not in "biuf":
            raise TypeError(f"cost.delta returned dtype {error.dtype}; expected real numbers")
        if error.shape != (layer.n, 1):
            raise ValueError(f"cost.delta returned shape {error.shape}; expected ({layer.n}, 1), like z, a and y")
        errors[:, i:i + 1] = error
    me.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> errors), &layer.delta)
    return 0

"""A team of workers and their memory: who computes which panels of which layer, and where everything stands."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset

from cbackprop._algorithm cimport Layer, Worker, feedforward, measure_reach, set_input, take_waiting_step
from cbackprop._algorithm cimport train as train_member
from cbackprop._examples cimport Examples
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters, new_array
from cbackprop.kernels cimport (
    Panels, Records, aligned_calloc, aligned_free, barrier_destroy, barrier_init, record_lines, team_run,
)

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
    """

    def __cinit__(self, Parameters p, Examples examples, Py_ssize_t m, int n_workers, bint trains):
        cdef int w
        cdef Py_ssize_t layers
        self.k = kernels(p.itemsize)
        self.L = p.L
        self.m = m
        self.n_workers = n_workers
        self.activations = p.activations
        self.sparse = examples is not None and examples.sparse
        self.columns = examples is None
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
        cdef Py_ssize_t transposed, aside
        cdef Worker *worker
        arena.base = base
        arena.used = 0
        for w in range(self.n_workers):
            worker = &self.workers[w]
            worker.k = self.k
            worker.L = self.L
            worker.source = &self.source
            worker.barrier = &self.barrier
            transposed = aside = 0
            for l in range(1, self.L + 1):
                self.lay_out_layer(p, &arena, w, l, trains)
                aside = max(aside, self.k.activation_scratch(&worker.layer[l].f, self.m))
                if trains and l > 2:
                    transposed = max(transposed, self.k.transposed_scratch(
                        &worker.layer[l].delta, &worker.layer[l - 1].delta))
            worker.transposed = take(&arena, transposed)
            worker.aside = take(&arena, aside)
            worker.rows = <const void **> take(&arena, self.m * sizeof(void *))
            if self.sparse:
                self.lay_out_sweep(&arena, worker)
        if self.columns:
            self.source.columns.runs = <int32_t *> take(&arena, (p.n[1] + 2) * sizeof(int32_t))
        return arena.used

    cdef void lay_out_layer(self, Parameters p, Arena *arena, int w, int l, bint trains) noexcept:
        cdef Layer *layer = &self.workers[w].layer[l]
        cdef Py_ssize_t n = p.n[l], vectors, width, np, cells
        if self.sparse and l == 2:
            vectors = self.k.sparse_panel(n, self.m, self.n_workers)
        else:
            vectors = self.k.dense_panel(n)
        width = vectors * self.k.lanes
        np = (n + width - 1) // width
        cells = np * width * self.k.itemsize
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
            if l > 1 or not (self.sparse or self.columns):
                layer.a_turns[0] = take(arena, self.m * cells)
                layer.a_turns[1] = take(arena, self.m * cells) if self.n_workers > 1 else layer.a_turns[0]
            layer.a = panels(layer.a_turns[0], self.m, n, width)
            layer.delta = panels(take(arena, self.m * cells) if trains and l > 1 else NULL, self.m, n, width)
        layer.p0 = np * w // self.n_workers if layer.shared else 0
        layer.p1 = np * (w + 1) // self.n_workers if layer.shared else np

    cdef void lay_out_sweep(self, Arena *arena, Worker *worker) noexcept:
        cdef const Records *records = self.source.records
        worker.sweep_scratch = take(arena, self.k.sweep_scratch(records, self.m))
        worker.full = records[0]
        worker.full.data = <uint8_t *> take(arena, 64 * self.m * record_lines(records, records.n_in))
        worker.full.start = <uint32_t *> take(arena, (self.m + 1) * sizeof(uint32_t))
        worker.full_order = <uint32_t *> take(arena, self.m * sizeof(uint32_t))

    # ---- examples and parameters in, parameters out ----

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
                self.k.sweep_init(self.workers[w].sweep_scratch, &examples.records, self.m)
                for i in range(self.m):
                    self.workers[w].full_order[i] = <uint32_t> i
        return 0

    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil:
        """Makes the columns of X (n_in x m), and the rows of `targets` (m x n_out) or NULL, the examples to work on."""
        self.source.columns.data = X
        self.source.columns.rows = n_in
        self.source.columns.cols = m
        self.source.targets = targets
        self.k.find_runs(&self.source.columns)

    cdef void load(self, Parameters p) noexcept:
        """Copies the parameters in."""
        cdef int w, l
        cdef Layer *layer
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                if w == 0 or not layer.shared:
                    self.k.pack_transposed(p.w(l), &layer.w)
                    memcpy(layer.b, p.b(l), layer.n * self.k.itemsize)
        if self.sparse:
            for w in range(self.n_workers):
                measure_reach(&self.workers[w])

    cdef tuple store(self, Parameters p):
        """The parameters as (weights, biases), lists of new arrays; a step that waits is taken first."""
        cdef int w, l
        cdef Layer *layer
        cdef list weights = [], biases = []
        for w in range(self.n_workers):
            take_waiting_step(&self.workers[w])
        for l in range(2, self.L + 1):
            layer = &self.workers[0].layer[l]
            weight = new_array(p.type_num, layer.n, p.n[l - 1])
            self.k.unpack_transposed(&layer.w, cnp.PyArray_DATA(<cnp.ndarray> weight))
            weights.append(weight)
            bias = new_array(p.type_num, layer.n, 1)
            memcpy(cnp.PyArray_DATA(<cnp.ndarray> bias), layer.b, layer.n * self.k.itemsize)
            biases.append(bias)
        return weights, biases

    cdef void forget(self) noexcept nogil:
        """Makes every weight and bias 0."""
        cdef int w, l
        cdef Py_ssize_t row
        cdef Layer *layer
        for w in range(self.n_workers):
            for l in range(2, self.L + 1):
                layer = &self.workers[w].layer[l]
                row = (layer.n + layer.w.width - 1) // layer.w.width * layer.w.width * self.k.itemsize
                if w == 0 or not layer.shared:
                    memset(layer.w.data, 0, layer.w.rows * row)
                    memset(layer.b, 0, row)

    # ---- work ----

    cdef int train(self, Py_ssize_t first, Py_ssize_t last, double eta) noexcept nogil:
        """Trains on the mini-batches first .. last - 1; -1 where the system refused a thread, and nothing was done."""
        cdef int w
        cdef void *members[MAX_WORKERS]
        self.source.first = first
        self.source.last = last
        self.source.eta = eta
        for w in range(self.n_workers):
            members[w] = &self.workers[w]
        return team_run(self.n_workers, train_member, members)

    cdef Py_ssize_t count_correct(self, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
        """How many of these examples the network answers with their label: the first largest a^L_j is at j = label."""
        cdef Worker *me = self.workers
        cdef Py_ssize_t i, m, correct = 0
        cdef uint32_t *examples
        cdef int32_t answers[EVALUATED]
        while start < stop:
            m = min(self.m, stop - start)
            examples = self.source.order + start
            set_input(me, examples, m)
            feedforward(me, examples, m, NULL, 0)
            me.k.argmax(&me.layer[self.L].a, answers)
            for i in range(m):
                correct += answers[i] == self.source.labels[examples[i]]
            start += m
        return correct

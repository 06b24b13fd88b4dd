"""Packs examples, (x, y) pairs or (X, Y) arrays of any real type, once for the kernels.

Everything that can be wrong with them is found here, before anything has changed; what is packed is trusted from then on.
"""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.math cimport INFINITY, floor
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from cbackprop._arrays cimport contiguous, convert, copied, real_at
from cbackprop._csr cimport Csr
from cbackprop._inputs cimport Inputs, has_plain_rows
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters
from cbackprop._runtime cimport aligned_free, aligned_malloc, count_nonzeros, packing_add, packing_begin, records_shape
from cbackprop._targets cimport Targets
from cbackprop.kernels cimport (
    PACKED, PACK_MISFIT, PACK_NO_MEMORY, PACK_TOO_MUCH, VALUES_CODED, VALUES_FLOAT32, VALUES_FLOAT64, Extent, Kernels,
    Packing, Row,
)

import numpy as np

from cbackprop import _warnings

cnp.import_array()

cdef enum:
    PROBES = 64             # examples that tell the inputs' density to a few percent
    SPARSE_INPUTS = 32      # a row of fewer is not worth an index
    LOOKED_AT = 1000        # rows, to tell whether they are pixels

cdef enum:
    NOT_PIXELS      # not all numbers are whole ones from 0 to 255
    BITS            # they are, 0 and 1 alone
    PIXELS          # they are, and reach past 1


cdef Py_ssize_t count(object data) except -1:
    """The number of examples in a list of pairs or a tuple (X, Y)."""
    return len(data[0] if type(data) is tuple else data)


cdef object snapshot_of(object data):
    """`data`, or a copy of it if it is a list, which another thread may change while it is read."""
    return copied(data) if type(data) is list else data


cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, str name, bint labelled, Py_ssize_t m, int n_workers=1,
    bint once=False, int n_threads=1, int layout=BY_DENSITY, bint private=False,
):
    """The examples start .. stop - 1 of `data`, packed for the network p and for mini-batches of m.

    Parameters
    ----------
    data : list of (x, y) pairs, or tuple (X, Y) of plain arrays
        As cbackprop._data has recognised them. X may be a `Csr`, and Y None: then there are no targets.
    name : str
        What errors call the data.
    labelled : bool
        Test data: y is the number of a class. Otherwise y is the target a^L.
    n_workers : int
        How many workers will share the panels of w^2.
    once : bool
        Whether they will be read only once: then it does not pay to find codes for their values.
    n_threads : int
        How many pack the examples.
    layout : int
        DENSE, SPARSE, or BY_DENSITY, which may be another for the same examples in another order.
    private : bool
        Whether nobody else writes to the arrays: then other threads may run while records are written.
    """
    cdef Examples examples = Examples.__new__(Examples)
    cdef Inputs inputs = Inputs.__new__(Inputs)
    cdef const Kernels *k = kernels(p.itemsize)
    # Up to this density skipping zeros is the faster: rows of w^2 that leave the cache between two uses cost more than products do.
    cdef double limit = 0.25 if p.n[2] >= 256 else 0.4
    examples.n = stop - start
    examples.n_in = p.n[1]
    if examples.n >= 2**32 - 1:
        raise ValueError(f"{name} has {examples.n} examples; at most 2**32 - 2 can be packed")
    examples.targets.allocate(examples.n, p.n[p.L], p.itemsize, name, start)
    inputs.allocate(examples.n, examples.n_in, name, start)
    inputs.private = private
    if type(data) is tuple:
        examples.read_arrays(inputs, data, stop, labelled)
    else:
        examples.read_pairs(inputs, data, stop, labelled)
    if type(data) is tuple and type(data[0]) is Csr:
        examples.pack_csr(data[0], start, k.sparse_tile(k.sparse_panel(p.n[2], m, n_workers) * k.lanes))
    elif examples.is_sparse(inputs, limit, layout):
        examples.pack_records(inputs, k.sparse_tile(k.sparse_panel(p.n[2], m, n_workers) * k.lanes), once, n_threads)
    else:
        examples.pack_rows(inputs)
    return examples


def check_examples(net, data, str name, bint labelled=False, bint answers=False, threshold=None):
    """Raises what training on the examples would, or counting right `answers`. Returns whether their x look like pixels."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Examples examples
    data = snapshot_of(data)
    examples = packed(p, data, 0, count(data), name, labelled, 1)
    if threshold is not None:
        examples.targets.answer_from(threshold)
    if answers:
        examples.targets.check_classes()
    return examples.pixels


cdef uint32_t *in_order(Py_ssize_t n) except NULL:
    """The numbers of n examples, 0 .. n - 1, in memory to be freed by the caller."""
    cdef Py_ssize_t i
    cdef uint32_t *order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
    if order is NULL:
        raise MemoryError
    for i in range(n):
        order[i] = <uint32_t> i
    return order


@cython.final
cdef class Examples:
    """A run of examples, packed: see `packed`."""

    def __cinit__(self):
        self.targets = Targets.__new__(Targets)

    def __dealloc__(self):
        aligned_free(self.records.data)
        free(self.records.extent)
        free(self.rows)
        free(self.weights)
        aligned_free(self.copied_rows)

    # ---- y, and who finds x ----

    cdef int read_pairs(self, Inputs inputs, object data, Py_ssize_t stop, bint labelled) except -1:
        cdef Py_ssize_t i
        cdef list pairs
        if type(data) is list and inputs.start == 0 and len(<list> data) == stop:
            pairs = data
        else:
            pairs = []
            for i in range(inputs.start, stop):
                pairs.append(data[i])
        inputs.order_by_address(pairs)
        if not self.targets.read_plain_pairs(pairs, inputs.order, labelled):
            inputs.order_of_data()
            pairs = self.targets.read_pairs(pairs, labelled)
        inputs.data = pairs
        return 0

    cdef int read_arrays(self, Inputs inputs, object data, Py_ssize_t stop, bint labelled) except -1:
        X, Y = data
        if type(X) is not Csr:
            X = X.view()    # whose shape stays what it is
        if len(X.shape) != 2 or X.shape[1] != self.n_in:
            raise ValueError(
                f"{inputs.name}: X has shape {X.shape}; it must have {self.n_in} columns, one example a row")
        if X.shape[0] < stop:
            raise ValueError(f"{inputs.name}: X has {X.shape[0]} rows; it had {stop} when it was counted")
        if Y is not None:
            self.targets.read_array(X, Y.view(), labelled)
        inputs.data = X
        return 0

    cdef int read_weights(self, object weights) except -1:
        """How much each example counts, from an array of so many real numbers from 0."""
        cdef Py_ssize_t i
        cdef double total = 0
        if not isinstance(weights, np.ndarray):
            raise TypeError(f"sample_weight is {type(weights).__name__}; expected an array of real numbers")
        if weights.dtype.kind not in "biuf":
            raise TypeError(f"sample_weight has dtype {weights.dtype}; expected real numbers")
        weights = contiguous(weights, cnp.NPY_DOUBLE)
        if weights.ndim != 1 or cnp.PyArray_SIZE(weights) != self.n:
            raise ValueError(f"sample_weight has shape {weights.shape}; {self.targets.name} has {self.n} examples")
        self.weights = <double *> malloc((self.n + 1) * sizeof(double))
        if self.weights is NULL:
            raise MemoryError
        memcpy(self.weights, cnp.PyArray_DATA(weights), self.n * sizeof(double))
        for i in range(self.n):
            if not 0 <= self.weights[i] < INFINITY:
                raise ValueError(f"sample_weight[{i}] is {self.weights[i]}; expected a finite number from 0")
            total += self.weights[i]
        if not total < INFINITY:
            raise ValueError("sample_weight adds up to inf; expected a finite sum")
        return 0

    # ---- x ----

    cdef int new_extents(self) except -1:
        """Makes room for the places of n records."""
        self.records.extent = <Extent *> malloc((self.n + 1) * sizeof(Extent))
        if self.records.extent is NULL:
            raise MemoryError
        return 0

    cdef int pack_csr(self, Csr X, Py_ssize_t start, Py_ssize_t tile) except -1:
        """The sparse layout, of a matrix that is stored so."""
        self.new_extents()
        self.sparse = True
        self.density = X.pack(&self.records, start, self.n, tile, self.targets.name) / max(1.0, <double> self.n * self.n_in)
        return 0

    cdef bint is_sparse(self, Inputs inputs, double limit, int layout) except -1:
        """Whether zeros are worth skipping, by the density of the inputs in examples spread evenly over the data."""
        cdef Py_ssize_t probe, probes = min(self.n, PROBES), nonzeros = 0
        cdef Row row
        for probe in range(probes):
            x = inputs.array(probe * self.n // probes)
            row.x = cnp.PyArray_DATA(x)
            row.bits = 8 * cnp.PyArray_ITEMSIZE(x)
            nonzeros += count_nonzeros(&row, self.n_in)
        self.density = nonzeros / (<double> max(1, probes * self.n_in))
        self.sparse = self.n > 0 and self.n_in >= SPARSE_INPUTS and (
            self.density <= limit if layout == BY_DENSITY else layout == SPARSE)
        return self.sparse

    cdef int pack_records(self, Inputs inputs, Py_ssize_t tile, bint once, int n_threads) except -1:
        """The sparse layout: records of the smallest kind that holds every value exactly."""
        cdef int kind
        cdef Packing *packing = <Packing *> malloc(sizeof(Packing))
        try:
            if packing is NULL:
                raise MemoryError
            self.new_extents()
            packing.records = &self.records
            packing.of_floats = kernels(4)
            packing.of_doubles = kernels(8)
            for kind in range(VALUES_FLOAT32 if once else VALUES_CODED, VALUES_FLOAT64 + 1):
                records_shape(&self.records, kind, self.n_in, tile)
                packing.may_be_grey = True
                if self.write_records(inputs, packing, n_threads):
                    break
                if packing.values.greys:
                    packing.may_be_grey = False
                    if self.write_records(inputs, packing, n_threads):
                        break
            memcpy(self.records.table, packing.values.table, sizeof(packing.values.table))
            if kind == VALUES_CODED:
                self.pixels = pixel_range(packing.values.table, 64, packing.values.n_values) == PIXELS
            self.max_abs_input = packing.values.largest
            self.density = packing.nonzeros / (<double> self.n * self.n_in)
        finally:
            free(packing)
        return 0

    cdef bint write_records(self, Inputs inputs, Packing *packing, int n_threads) except -1:
        """Writes a record for every example; False if a value does not fit their kind."""
        cdef Py_ssize_t m, first = 0
        cdef int status = packing_begin(packing, self.n, self.density)
        while status == PACKED and first < self.n:
            m = inputs.locate(first)
            if m == 0:
                return self.write_records(inputs, packing, n_threads)
            if inputs.private:
                with nogil:
                    status = packing_add(packing, inputs.rows, inputs.order + first, m, n_threads)
            else:
                status = packing_add(packing, inputs.rows, inputs.order + first, m, n_threads)
            first += m
        if status == PACK_NO_MEMORY:
            raise MemoryError
        if status == PACK_TOO_MUCH:
            raise ValueError(f"{inputs.name} takes more than 2**38 bytes when packed")
        return status != PACK_MISFIT

    cdef int pack_rows(self, Inputs inputs) except -1:
        """The dense layout: the rows of the user's own X if they are doubles or floats, otherwise of a copy."""
        cdef Py_ssize_t i
        cdef int values
        self.rows = <const void **> malloc((self.n + 1) * sizeof(void *))
        if self.rows is NULL:
            raise MemoryError
        if type(inputs.data) is not list and has_plain_rows(inputs.data):
            self.X = inputs.data
            self.row_bits = 8 * cnp.PyArray_ITEMSIZE(self.X)
            for i in range(self.n):
                self.rows[i] = cnp.PyArray_BYTES(self.X) + (inputs.start + i) * cnp.PyArray_STRIDE(self.X, 0)
        else:
            self.row_bits = 32
            if not self.copy_rows(inputs):
                self.row_bits = 64
                self.copy_rows(inputs)
        for i in range(self.n):
            values = pixel_range(self.rows[i], self.row_bits, self.n_in)
            self.pixels = values != NOT_PIXELS and (self.pixels or values == PIXELS)
            if values == NOT_PIXELS:
                break
        return 0

    cdef bint copy_rows(self, Inputs inputs) except -1:
        """Copies the inputs as reals of `row_bits` bits; False if they are doubles and the network needs all of their bits."""
        cdef Py_ssize_t k, m, first = 0, size = self.row_bits // 8
        cdef uint32_t e
        cdef char *row
        aligned_free(self.copied_rows)
        self.copied_rows = aligned_malloc(max(1, self.n * self.n_in * size))
        if self.copied_rows is NULL:
            raise MemoryError
        while first < self.n:
            m = inputs.locate(first)
            if m == 0:
                return self.copy_rows(inputs)
            for k in range(m):
                if inputs.rows[k].bits > self.row_bits and self.targets.itemsize > size:
                    return False
                e = inputs.order[first + k]
                row = <char *> self.copied_rows + e * self.n_in * size
                self.rows[e] = row
                convert(inputs.rows[k].x, inputs.rows[k].bits // 8, row, size, self.n_in)
            first += m
        return True

    cdef int check_sizes(self, Parameters p) except -1:
        """Raises if the network has other inputs, outputs or another type than the one that the examples were packed for."""
        if p.n[1] != self.n_in or p.n[p.L] != self.targets.n_out or p.itemsize != self.targets.itemsize:
            raise ValueError(
                f"the network now has {p.n[1]} inputs and {p.n[p.L]} outputs and is float{8 * p.itemsize}; when "
                f"{self.targets.name} was read, it had {self.n_in} inputs and {self.targets.n_out} outputs and was "
                f"float{8 * self.targets.itemsize}")
        return 0


cdef int pixel_range(const void *x, int bits, Py_ssize_t n) noexcept nogil:
    """Whether the n reals at x are grey values of an image: NOT_PIXELS, BITS or PIXELS."""
    cdef Py_ssize_t k
    cdef double number
    cdef int values = BITS
    for k in range(n):
        number = real_at(x, bits, k)
        if not (0 <= number <= 255 and floor(number) == number):
            return NOT_PIXELS
        if number > 1:
            values = PIXELS
    return values


cdef bint may_be_pixels(const void *x, int bits, Py_ssize_t stride, Py_ssize_t n) noexcept nogil:
    """Whether some of n reals, `stride` bytes apart, are 2 or more.

    Of many reals it looks at each 23rd, because it is called for every single example.
    """
    cdef Py_ssize_t k = 0, step = 1 if n < 64 else 23
    while k < n:
        if real_at(<const char *> x + k * stride, bits, 0) >= 2:
            return True
        k += step
    return False


cdef int warn_of_pixels(object net, Parameters p, cnp.ndarray X, str name) except -1:
    """Warns, once a network, if the first rows of X look like pixels: an array with one example a row.

    The first row must hold one: then the others are looked at. To be called when all is computed, since a warning may run any
    code.
    """
    cdef cnp.ndarray first
    if p.memory.warned_of_pixels or cnp.PyArray_DIM(X, 0) == 0:
        return 0
    first = X
    if cnp.PyArray_TYPE(first) not in (cnp.NPY_DOUBLE, cnp.NPY_FLOAT) or not cnp.PyArray_ISBEHAVED_RO(first):
        first = contiguous(X[:1], p.type_num)
    if may_be_pixels(
        cnp.PyArray_DATA(first), 8 * cnp.PyArray_ITEMSIZE(first), cnp.PyArray_STRIDE(first, 1), p.n[1],
    ):
        first = contiguous(X[:LOOKED_AT], p.type_num)
        if pixel_range(cnp.PyArray_DATA(first), 8 * p.itemsize, p.n[1] * cnp.PyArray_DIM(first, 0)) == PIXELS:
            _warnings.of_pixels_once(net, name)
    return 0

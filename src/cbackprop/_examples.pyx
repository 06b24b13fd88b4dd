"""Reads examples, (x, y) pairs or (X, Y) arrays of any real type, and packs them once for the kernels.

Everything that can be wrong with them is found here, before anything has changed; what is packed is trusted from then on.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from cbackprop._arrays cimport column, contiguous, exact_type, is_plain, label, target
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport copied
from cbackprop.kernels cimport (
    PACK_MISFIT, PACK_NO_MEMORY, PACK_TOO_MUCH, PACKED, VALUES_CODED, VALUES_FLOAT32, VALUES_FLOAT64, Extent,
    Packing, Records, Row, aligned_free, aligned_malloc, by_address, count_nonzeros, packing_add, packing_begin,
    records_shape,
)

import numpy as np

cdef object INT64 = np.int64

# Borrowed: to count references of 50,000 examples is to write to all of them.
cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t i)
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t i)

cdef extern from "numpy/arrayobject.h":
    bint PyArray_IsIntegerScalar(object x)

cnp.import_array()

# The inputs' density decides between the two layouts; so many examples tell it to a few percent.
cdef enum:
    PROBES = 64
cdef enum:
    SPARSE_INPUTS = 32      # a row of fewer is not worth an index

cdef enum:
    INPUTS_A_LOOK = 1 << 26     # that are packed between two looks for Ctrl-C: a tenth of a second
    EXAMPLES_A_LOOK = 1 << 16
    CONVERTED_ROWS = 1024       # of an X of another type, at a time

cdef enum:
    ONE_HOT_NONE = -1    # all zeros
    ONE_HOT_NOT = -2


cdef inline double real_at(const void *x, int bits, Py_ssize_t k) noexcept nogil:
    """Number k of x, wherever it is aligned."""
    cdef double wide
    cdef float narrow
    if bits == 64:
        memcpy(&wide, <const char *> x + 8 * k, 8)
        return wide
    memcpy(&narrow, <const char *> x + 4 * k, 4)
    return narrow


cdef int one_hot(const void *y, int bits, Py_ssize_t n) noexcept nogil:
    """The place of the single 1 among zeros in the n reals at y, or why there is none."""
    cdef Py_ssize_t j, zeros = 0, ones = 0, place = 0
    cdef double number
    for j in range(n):      # without branches: where the 1 is cannot be predicted
        number = real_at(y, bits, j)
        zeros += number == 0
        ones += number == 1
        place += j * (number == 1)
    if zeros + ones < n or ones > 1:
        return ONE_HOT_NOT
    return <int> place if ones == 1 else ONE_HOT_NONE


@cython.final
cdef class Examples:
    """A run of examples, packed.

    Parameters
    ----------
    data : list of (x, y) pairs, or tuple (X, Y) of plain arrays
        As cbackprop._data has recognised them.
    start, stop : int
        Which of them.
    sizes : (n_in, n_out)
    itemsize : int
        Of the network's type, in bytes.
    tile : int
        Inputs of a tile of the sparse layout.
    density : float
        Of nonzero inputs, up to which the sparse layout is taken.
    name : str
        What errors call the data.
    labelled : bool
        Test data: y is the number of a class. Otherwise y is the target a^L.
    once : bool
        They will be read once only, for which finding codes for their values does not pay.
    n_threads : int
        That pack, where it pays. The GIL is held all the while: it keeps the caller's arrays as they are.
    """

    def __cinit__(self):
        memset(&self.records, 0, sizeof(Records))
        self.rows = NULL
        self.labels = NULL
        self.targets = NULL
        self.inputs = NULL
        self.order = NULL
        self.found = NULL

    def __dealloc__(self):
        aligned_free(self.records.data)
        free(self.records.extent)
        free(self.rows)
        free(self.labels)
        free(self.targets)
        aligned_free(self.inputs)
        free(self.order)
        free(self.found)

    def __init__(self, data, Py_ssize_t start, Py_ssize_t stop, sizes, int itemsize, Py_ssize_t tile, double density,
                 str name, bint labelled, bint once, int n_threads):
        self.n = stop - start
        self.n_in, self.n_out = sizes
        self.itemsize = itemsize
        self.density = density
        self.name = name
        self.n_threads = n_threads
        if self.n >= 2**32 - 1:
            raise ValueError(f"{name} has {self.n} examples; at most 2**32 - 2 can be packed")
        self.thresholded = type(data) is tuple and self.n_out == 1
        if type(data) is tuple:
            X, Y = data[0].view(), data[1].view()   # whose shapes stay what they are
            if X.ndim != 2 or X.shape[1] != self.n_in:
                raise ValueError(f"{name}: X has shape {X.shape}; it must have {self.n_in} columns, one example a row")
            if X.shape[0] < stop:
                raise ValueError(f"{name}: X has {X.shape[0]} rows; it had {stop} when it was counted")
            self.new_order()
            self.read_array_targets(X, Y, start, stop, labelled)
            inputs = X
        else:
            inputs = self.read_pairs(data, start, stop, labelled)
        self.held = inputs
        if self.is_sparse(inputs, start):
            self.pack_records(inputs, start, tile, VALUES_FLOAT32 if once else VALUES_CODED)
            self.held = None
        else:
            self.pack_rows(inputs, start)
        self.converted = None
        free(self.order)
        free(self.found)
        self.order = NULL
        self.found = NULL

    # ---- x ----

    cdef str where(self, Py_ssize_t i, str what):
        return f"{self.name}[{i}]: {what}"

    cdef object input(self, object inputs, Py_ssize_t start, Py_ssize_t i):
        """The inputs of example i as a contiguous array of floats or doubles."""
        if type(inputs) is list:
            x = (<tuple> (<list> inputs)[i])[0]
            return x if is_plain(x, self.n_in) else column(x, self.n_in, -1, self.where(start + i, "x"))
        x = inputs[start + i]
        return contiguous(x, exact_type(x.dtype))

    cdef int new_order(self) except -1:
        """The order to pack in: that of the data."""
        cdef Py_ssize_t i
        self.most = max(1, min(self.n, EXAMPLES_A_LOOK, INPUTS_A_LOOK // max(1, self.n_in)))
        self.order = <uint32_t *> malloc((self.n + 1) * sizeof(uint32_t))
        self.found = <Row *> malloc(self.most * sizeof(Row))
        if self.order is NULL or self.found is NULL:
            raise MemoryError
        for i in range(self.n):
            self.order[i] = <uint32_t> i
        self.by_address = False
        return 0

    cdef int order_by_address(self, list pairs) except -1:
        """Loaders make pairs one after the other, with their arrays. Shuffled they stand all over memory, so they are read in the
        order of their addresses."""
        cdef Py_ssize_t i
        cdef const void **address = <const void **> malloc((self.n + 1) * sizeof(void *))
        if address is NULL:
            raise MemoryError
        for i in range(self.n):
            address[i] = PyList_GET_ITEM(pairs, i)
        by_address(address, self.order, self.n)
        free(address)
        self.by_address = True
        return 0

    cdef void order_of_list(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.n):
            self.order[i] = <uint32_t> i
        self.by_address = False

    cdef Py_ssize_t find(self, object inputs, Py_ssize_t start, Py_ssize_t first) except -1:
        """Finds the inputs of the examples order[first], order[first + 1] ...: how many. They stay where they are as long as
        nothing of Python runs. 0: one of them is to be converted, which goes in the order of the list: begin again."""
        cdef Py_ssize_t m = 0, most = min(self.most, self.n - first)
        cdef PyObject *plain
        if first - self.looked >= self.most:
            self.looked = first
            PyErr_CheckSignals()
        if type(inputs) is list:
            while m < most:
                plain = PyTuple_GET_ITEM(<object> PyList_GET_ITEM(inputs, self.order[first + m]), 0)
                if not is_plain(<object> plain, self.n_in):
                    break
                self.found[m].x = cnp.PyArray_DATA(<cnp.ndarray> plain)
                self.found[m].bits = 8 * cnp.PyArray_ITEMSIZE(<cnp.ndarray> plain)
                m += 1
            if m > 0:
                return m
            if self.by_address:
                self.order_of_list()
                return 0
            x = self.input(inputs, start, self.order[first])
            most = 1
        elif has_plain_rows(inputs):
            x = inputs[start + first:start + first + most]
        else:
            most = min(most, CONVERTED_ROWS)
            x = contiguous(inputs[start + first:start + first + most], exact_type(inputs.dtype))
        self.converted = x
        for m in range(most):
            self.found[m].x = cnp.PyArray_BYTES(<cnp.ndarray> x) + m * cnp.PyArray_STRIDE(<cnp.ndarray> x, 0)
            self.found[m].bits = 8 * cnp.PyArray_ITEMSIZE(<cnp.ndarray> x)
        return most

    cdef bint is_sparse(self, object inputs, Py_ssize_t start) except -1:
        """Whether zeros are worth skipping, by the density of the inputs in examples spread evenly over the data."""
        cdef Py_ssize_t probe, probes = min(self.n, PROBES), nonzeros = 0
        cdef double limit = self.density
        cdef Row row
        for probe in range(probes):
            x = self.input(inputs, start, probe * self.n // probes)
            row.x = cnp.PyArray_DATA(x)
            row.bits = 8 * cnp.PyArray_ITEMSIZE(x)
            nonzeros += count_nonzeros(&row, self.n_in)
        self.density = nonzeros / (<double> max(1, probes * self.n_in))
        self.sparse = self.n > 0 and self.n_in >= SPARSE_INPUTS and self.density <= limit
        return self.sparse

    cdef int pack_records(self, object inputs, Py_ssize_t start, Py_ssize_t tile, int smallest) except -1:
        """The sparse layout, in the smallest kind of records, from `smallest` on, that holds every value exactly."""
        cdef int kind
        cdef Packing *packing = <Packing *> malloc(sizeof(Packing))
        self.records.extent = <Extent *> malloc((self.n + 1) * sizeof(Extent))
        try:
            if packing is NULL or self.records.extent is NULL:
                raise MemoryError
            packing.records = &self.records
            packing.of_floats = kernels(4)
            packing.of_doubles = kernels(8)
            for kind in range(smallest, VALUES_FLOAT64 + 1):
                records_shape(&self.records, kind, self.n_in, tile)
                packing.may_be_grey = True
                if self.write_records(inputs, start, packing):
                    break
                if packing.values.greys:
                    packing.may_be_grey = False
                    if self.write_records(inputs, start, packing):
                        break
            memcpy(self.records.table, packing.values.table, sizeof(packing.values.table))
            if kind == VALUES_CODED:
                self.pixels = pixel_range(packing.values.table, 64, packing.values.n_values) == 2
            self.largest = packing.values.largest
            self.density = packing.nonzeros / (<double> self.n * self.n_in)
        finally:
            free(packing)
        return 0

    cdef bint write_records(self, object inputs, Py_ssize_t start, Packing *packing) except -1:
        """Writes a record for every example; False where a value does not fit their kind."""
        cdef Py_ssize_t m, first = 0
        cdef int status = packing_begin(packing, self.n, self.density)
        self.looked = 0
        while status == PACKED and first < self.n:
            m = self.find(inputs, start, first)
            if m == 0:
                return self.write_records(inputs, start, packing)
            status = packing_add(packing, self.found, self.order + first, m, self.n_threads)
            first += m
        if status == PACK_NO_MEMORY:
            raise MemoryError
        if status == PACK_TOO_MUCH:
            raise ValueError(f"{self.name} takes more than 2**38 bytes when packed")
        return status != PACK_MISFIT

    cdef int pack_rows(self, object inputs, Py_ssize_t start) except -1:
        """The dense layout: the caller's own X where its rows are doubles or floats, otherwise a copy."""
        cdef Py_ssize_t i
        cdef int kind
        self.rows = <const void **> malloc((self.n + 1) * sizeof(void *))
        if self.rows is NULL:
            raise MemoryError
        if type(inputs) is not list and has_plain_rows(inputs):
            self.row_bits = 8 * cnp.PyArray_ITEMSIZE(inputs)
            for i in range(self.n):
                self.rows[i] = cnp.PyArray_BYTES(inputs) + (start + i) * cnp.PyArray_STRIDE(inputs, 0)
        else:
            self.held = None
            self.row_bits = 32
            if not self.copy_rows(inputs, start):
                self.row_bits = 64
                self.copy_rows(inputs, start)
        for i in range(self.n):
            kind = pixel_range(self.rows[i], self.row_bits, self.n_in)
            self.pixels = kind > 0 and (self.pixels or kind == 2)
            if kind == 0:
                break
        return 0

    cdef bint copy_rows(self, object inputs, Py_ssize_t start) except -1:
        """Copies the inputs as reals of `row_bits` bits; False where they are doubles that do not fit the network's float."""
        cdef Py_ssize_t k, m, first = 0, size = self.row_bits // 8
        cdef uint32_t e
        cdef char *row
        aligned_free(self.inputs)
        self.inputs = aligned_malloc(max(1, self.n * self.n_in * size))
        if self.inputs is NULL:
            raise MemoryError
        self.looked = 0
        while first < self.n:
            m = self.find(inputs, start, first)
            if m == 0:
                return self.copy_rows(inputs, start)
            for k in range(m):
                if self.found[k].bits > self.row_bits and self.itemsize > size:
                    return False
                e = self.order[first + k]
                row = <char *> self.inputs + e * self.n_in * size
                self.rows[e] = row
                convert(self.found[k].x, self.found[k].bits // 8, row, size, self.n_in)
            first += m
        return True

    # ---- y ----

    cdef list read_pairs(self, object data, Py_ssize_t start, Py_ssize_t stop, bint labelled):
        """The pairs as tuples, which hold the arrays; each y becomes a label or a target."""
        cdef Py_ssize_t i
        cdef list pairs
        if type(data) is list and start == 0 and len(<list> data) == stop:
            pairs = data
        else:
            pairs = []
            for i in range(start, stop):
                pairs.append(data[i])
        self.new_labels()
        self.new_order()
        self.order_by_address(pairs)
        if self.read_plain_pairs(pairs, labelled):
            return pairs
        self.order_of_list()
        # From the first on, so that of two mistakes the first is named.
        if pairs is data:
            pairs = copied(pairs)
        for i in range(self.n):
            pair = pairs[i]
            if type(pair) is not tuple or len(<tuple> pair) != 2:
                pairs[i] = pair = self.unpack(pair, start + i)
            y = (<tuple> pair)[1]
            if not labelled:
                self.put_target(i, y if is_plain(y, self.n_out) else target(y, self.n_out, -1, self.where(start + i, "y")))
            elif PyArray_IsIntegerScalar(y):
                self.put_label(i, y)
            else:
                self.labels[i] = label(y, self.n_out, self.where(start + i, "y"))
        return pairs

    cdef bint read_plain_pairs(self, list pairs, bint labelled) except -1:
        """The same where all pairs are tuples and all y plain, for which nothing of Python runs; False where one is not."""
        cdef Py_ssize_t i
        cdef PyObject *pair
        cdef PyObject *y
        for i in range(self.n):
            pair = PyList_GET_ITEM(pairs, self.order[i])
            if not PyTuple_CheckExact(<object> pair) or PyTuple_GET_SIZE(<object> pair) != 2:
                return False
            y = PyTuple_GET_ITEM(<object> pair, 1)
            if labelled and (type(<object> y) is int or type(<object> y) is INT64):
                self.put_label(self.order[i], <object> y)
            elif not labelled and is_plain(<object> y, self.n_out):
                self.put_target(self.order[i], <object> y)
            else:
                return False
        return True

    cdef int put_label(self, Py_ssize_t i, object y) except -1:
        cdef int overflow
        cdef int64_t number = PyLong_AsLongLongAndOverflow(y, &overflow)
        self.labels[i] = <int32_t> number if not overflow and 0 <= number < self.n_out else -1
        return 0

    cdef object unpack(self, object pair, Py_ssize_t i):
        try:
            x, y = pair
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.where(i, '')}expected a pair (x, y), got {type(pair).__name__}") from None
        return x, y

    cdef int new_labels(self) except -1:
        self.labels = <int32_t *> malloc((self.n + 1) * sizeof(int32_t))
        if self.labels is NULL:
            raise MemoryError
        memset(self.labels, 0xff, (self.n + 1) * sizeof(int32_t))   # -1: ONE_HOT_NONE, and no class
        return 0

    cdef int put_target(self, Py_ssize_t i, object y) except -1:
        """Keeps a one-hot target as its label, and all targets as rows once one of them is not one-hot."""
        cdef int place
        cdef Py_ssize_t e, row = self.n_out * self.itemsize
        if self.targets is NULL:
            place = one_hot(cnp.PyArray_DATA(y), 8 * cnp.PyArray_ITEMSIZE(y), self.n_out)
            if place != ONE_HOT_NOT:
                self.labels[i] = place
                return 0
            self.targets = calloc(self.n, row)
            if self.targets is NULL:
                raise MemoryError
            for e in range(self.n):
                if self.labels[e] >= 0:
                    if self.itemsize == 8:
                        (<double *> self.targets)[e * self.n_out + self.labels[e]] = 1
                    else:
                        (<float *> self.targets)[e * self.n_out + self.labels[e]] = 1
            free(self.labels)
            self.labels = NULL
        convert(cnp.PyArray_DATA(y), cnp.PyArray_ITEMSIZE(y), <char *> self.targets + i * row, self.itemsize, self.n_out)
        return 0

    cdef object classes(self):
        """The class of each target, as an array of int32: the place of its first largest entry, 0 for a target of zeros; or
        the 0 or 1 itself where examples are thresholded."""
        cdef cnp.npy_intp shape[2]
        cdef Py_ssize_t i
        cdef int32_t[::1] places
        if self.targets is NULL:
            places = np.zeros(self.n, np.int32)
            for i in range(self.n):
                places[i] = self.labels[i] == 0 if self.thresholded else max(self.labels[i], 0)
            return places.base
        shape[0] = self.n
        shape[1] = self.n_out
        targets = cnp.PyArray_SimpleNewFromData(
            2, shape, cnp.NPY_DOUBLE if self.itemsize == 8 else cnp.NPY_FLOAT, self.targets)
        return np.argmax(targets, axis=1).astype(np.int32)

    cdef int check_classes(self, Py_ssize_t start) except -1:
        """Raises where no answer can be right: a target of one output neuron is neither 0 nor 1."""
        cdef Py_ssize_t i
        if self.thresholded and self.targets is not NULL:
            for i in range(self.n):
                number = real_at(self.targets, 8 * self.itemsize, i)
                if number != 0 and number != 1:
                    raise ValueError(
                        f"{self.name}: Y[{start + i}] is {number}; the accuracy of one output neuron counts a >= 1/2 against "
                        f"labels 0 and 1")
        return 0

    cdef int read_array_targets(self, object X, object Y, Py_ssize_t start, Py_ssize_t stop, bint labelled) except -1:
        cdef Py_ssize_t i
        cdef int64_t[::1] classes
        for array, letter in ((X, "X"), (Y, "Y")):
            if array.dtype.kind not in "biuf":
                raise TypeError(f"{self.name}: {letter} has dtype {array.dtype}; expected real numbers")
        if Y.ndim not in (1, 2) or Y.shape[0] != X.shape[0] or (Y.ndim == 2 and Y.shape[1] != self.n_out):
            hint = "; its transpose would fit: pass Y.T" if Y.shape == (self.n_out, X.shape[0]) else ""
            labels = "numbers" if self.n_out == 1 else "whole-number labels"
            raise ValueError(
                f"{self.name}: Y has shape {Y.shape}; for an X of shape {X.shape} it must hold "
                f"{X.shape[0]} {labels} or be ({X.shape[0]}, {self.n_out}){hint}"
            )
        if Y.ndim == 1 and self.n_out == 1:
            Y = Y.reshape(-1, 1)
        if Y.ndim == 1 and Y.dtype.kind not in "iu":
            raise TypeError(
                f"{self.name}: Y has dtype {Y.dtype}; labels must be whole numbers of an integer type: pass Y.astype(int)")
        self.new_labels()
        Y = Y[start:stop]
        if Y.ndim == 2 and not labelled:
            Y = contiguous(Y, exact_type(Y.dtype))
            for i in range(self.n):
                self.put_target(i, Y[i])
            return 0
        if Y.ndim == 2:
            Y = np.argmax(Y, axis=1)
        else:
            # Labels that another thread writes after they were checked would be places outside of arrays.
            Y = Y.copy()
        outside = (Y < 0) | (Y >= self.n_out)    # before the cast: a large uint64 is no int64
        if not labelled and outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"{self.name}: Y[{start + i}] is {Y[i]}; this network's output layer has {self.n_out} neurons, "
                f"so labels must be 0 to {self.n_out - 1}"
            )
        # Not np.where: it ends in a SystemError where memory ends.
        Y = Y.astype(np.int64)
        Y[outside] = -1
        classes = Y
        for i in range(self.n):
            self.labels[i] = <int32_t> classes[i]
        return 0


cdef bint has_plain_rows(object X):
    """Each row of X is doubles or floats of the processor's own, one after the other."""
    return (
        cnp.PyArray_TYPE(X) in (cnp.NPY_DOUBLE, cnp.NPY_FLOAT)
        and cnp.PyArray_ISNOTSWAPPED(X)
        and (cnp.PyArray_DIM(X, 1) == 1 or cnp.PyArray_STRIDE(X, 1) == cnp.PyArray_ITEMSIZE(X))
    )


cdef void convert(const void *source, Py_ssize_t source_size, void *out, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    if source_size == size:
        memcpy(out, source, n * size)
    elif size == 8:
        for k in range(n):
            (<double *> out)[k] = (<const float *> source)[k]
    else:
        for k in range(n):
            (<float *> out)[k] = <float> (<const double *> source)[k]


cdef int pixel_range(const void *x, int bits, Py_ssize_t n) noexcept nogil:
    """0: not all of x are whole numbers from 0 to 255; 1: they are, up to 1; 2: they are, and reach past 1."""
    cdef Py_ssize_t k
    cdef double number
    cdef int kind = 1
    for k in range(n):
        number = real_at(x, bits, k)
        if not (0 <= number <= 255 and floor(number) == number):
            return 0
        if number > 1:
            kind = 2
    return kind


cdef object snapshot_of(object data):
    """`data`, or a copy of the list where it is one: another thread may change its list while it is read."""
    return copied(data) if type(data) is list else data

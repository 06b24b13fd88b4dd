"""Matrices that are stored sparsely, as SciPy's CSR: their rows become records without ever being dense.

What such a matrix does not store adds nothing to z and nothing to the gradient, also where a weight is infinite, as in SciPy's
products. Zeros of a dense X do (0 * infinity is NaN), as in NumPy's.
"""

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from cbackprop._arrays cimport contiguous, exact_type
from cbackprop._runtime cimport pack_csr, records_shape
from cbackprop.kernels cimport (
    CSR_BAD_INDEX, CSR_MISFIT, CSR_NO_MEMORY, CSR_TOO_MUCH, VALUES_FLOAT32, VALUES_FLOAT64, CsrResult, Records,
)

import numpy as np

cnp.import_array()

cdef enum:
    WIDEST_TILE = 65534     # indices have 16 bits, and pairs of inputs stay together
    FEWEST_ENTRIES = 8      # of an example in a tile: with fewer, its loop costs more than its products


@cython.final
cdef class Csr:
    """The rows of a CSR matrix: row i has the entries k = indptr[i] .. indptr[i + 1] - 1, data[k] in the column indices[k].

    Parameters
    ----------
    data : ndarray
        Of a real type.
    indices, indptr : ndarray
        Of an integer type. The columns of a row may come in any order; entries of the same column are added up.
    n_in : int
        The columns of the matrix.
    name : str
        What errors call the matrix.

    Raises
    ------
    TypeError, ValueError
        If these arrays are no CSR matrix. The columns are checked as they are read.
    """

    def __cinit__(self, data, indices, indptr, Py_ssize_t n_in, str name="X"):
        for array, part in ((data, "data"), (indices, "indices"), (indptr, "indptr")):
            if not isinstance(array, np.ndarray) or array.ndim != 1:
                raise TypeError(f"{name}.{part} is {type(array).__name__}; expected an array of one dimension")
            if array.dtype.kind not in ("biuf" if part == "data" else "iu"):
                raise TypeError(
                    f"{name}.{part} has dtype {array.dtype}; expected {'real' if part == 'data' else 'whole'} numbers")
        if not 0 <= n_in < 2147483648:
            raise ValueError(f"{name} has {n_in} columns; expected from 0 to 2**31 - 1")
        self.n_in = n_in
        self.data = contiguous(data, exact_type(data.dtype))
        self.indices = contiguous(indices, cnp.NPY_INT32 if indices.dtype.itemsize <= 4 and indices.dtype != np.uint32
                                  else cnp.NPY_INT64)
        self.rows.data = cnp.PyArray_DATA(self.data)
        self.rows.data_bits = 8 * cnp.PyArray_ITEMSIZE(self.data)
        self.rows.indices = cnp.PyArray_DATA(self.indices)
        self.rows.index_bits = 8 * cnp.PyArray_ITEMSIZE(self.indices)
        self.n = cnp.PyArray_SIZE(indptr) - 1
        if self.n < 0:
            raise ValueError(f"{name}.indptr is empty; it must hold one number more than there are rows")
        self.read_indptr(contiguous(indptr, cnp.NPY_INT64))
        for i in range(self.n):
            if self.indptr[i] > self.indptr[i + 1]:
                raise ValueError(
                    f"{name}.indptr[{i + 1}] is {self.indptr[i + 1]}, and {name}.indptr[{i}] is {self.indptr[i]}; it must ascend")
        stored = min(cnp.PyArray_SIZE(self.data), cnp.PyArray_SIZE(self.indices))
        if self.indptr[0] < 0 or self.indptr[self.n] > stored:
            raise ValueError(
                f"{name}.indptr goes from {self.indptr[0]} to {self.indptr[self.n]}; data and indices hold {stored} entries")

    def __dealloc__(self):
        free(self.indptr)

    def __len__(self):
        return self.n

    @property
    def shape(self):
        return self.n, self.n_in

    @property
    def dtype(self):
        return self.data.dtype

    cdef int read_indptr(self, object indptr) except -1:
        self.indptr = <int64_t *> malloc((self.n + 1) * sizeof(int64_t))
        if self.indptr is NULL:
            raise MemoryError
        memcpy(self.indptr, cnp.PyArray_DATA(indptr), (self.n + 1) * sizeof(int64_t))
        self.rows.indptr = self.indptr
        return 0

    cdef double mean_entries(self, Py_ssize_t first, Py_ssize_t n) noexcept:
        """The mean number of entries of these n rows."""
        return (self.indptr[first + n] - self.indptr[first]) / <double> max(n, 1)

    cdef Py_ssize_t pack(self, Records *records, Py_ssize_t first, Py_ssize_t n, Py_ssize_t tile, str name) except -1:
        """Packs the rows first .. first + n - 1 as records, for panels that are best served by such tiles. Returns the number
        of nonzeros."""
        cdef CsrResult result
        cdef int status = CSR_MISFIT, kind
        records.stored = True
        records.hypersparse = self.mean_entries(first, n) * tile < FEWEST_ENTRIES * self.n_in
        if records.hypersparse:
            tile = min(<Py_ssize_t> WIDEST_TILE, max(tile, (self.n_in + 1) // 2 * 2))
        for kind in range(VALUES_FLOAT32, VALUES_FLOAT64 + 1):
            records_shape(records, kind, self.n_in, tile)
            with nogil:
                status = pack_csr(records, &self.rows, first, n, &result)
            if status != CSR_MISFIT:
                break
        if status == CSR_NO_MEMORY:
            raise MemoryError
        if status == CSR_TOO_MUCH:
            raise ValueError(f"{name} takes more than 2**38 bytes when packed")
        if status == CSR_BAD_INDEX:
            raise ValueError(
                f"{name}: row {result.row} of X has an entry in column {result.index}; X has {self.n_in} columns")
        return result.nonzeros

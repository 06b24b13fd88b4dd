"""Where the inputs of the user's examples are in memory, the x of each pair or the rows of X, some thousand at a time."""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from cbackprop._arrays cimport PyList_GET_ITEM, PyTuple_GET_ITEM, column, contiguous, entry, exact_type, is_plain
from cbackprop._runtime cimport by_address
from cbackprop.kernels cimport Row

cnp.import_array()

cdef enum:
    INPUTS_A_LOOK = 1 << 26     # that are read between two looks for Ctrl-C: a tenth of a second
    EXAMPLES_A_LOOK = 1 << 16
    CONVERTED_ROWS = 1024       # of an X of another type, at a time


@cython.final
cdef class Inputs:
    """The inputs of a run of examples. The GIL is held as long as they are in use: it keeps the user's arrays as they are.

    Unless they are `private`: then nobody else writes to them.
    """

    def __dealloc__(self):
        free(self.order)
        free(self.rows)

    cdef int allocate(self, Py_ssize_t n, Py_ssize_t n_in, str name, Py_ssize_t start) except -1:
        """Makes room for the places of n inputs. The order is that of the data."""
        self.n = n
        self.n_in = n_in
        self.name = name
        self.start = start
        self.block = max(1, min(n, EXAMPLES_A_LOOK, INPUTS_A_LOOK // max(1, n_in)))
        self.order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
        self.rows = <Row *> malloc(self.block * sizeof(Row))
        if self.order is NULL or self.rows is NULL:
            raise MemoryError
        self.order_of_data()
        return 0

    cdef void order_of_data(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.n):
            self.order[i] = <uint32_t> i
        self.by_address = False

    cdef int order_by_address(self, list pairs) except -1:
        """Loaders make pairs one after the other, with their arrays. Shuffled, these lie all over memory, so they are read in
        the order of their addresses."""
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

    cdef object array(self, Py_ssize_t i):
        """The inputs of example i as a contiguous array of floats or doubles."""
        if type(self.data) is list:
            x = (<tuple> (<list> self.data)[i])[0]
            return x if is_plain(x, self.n_in) else column(x, self.n_in, -1, entry(self.name, self.start + i, "x"))
        x = self.data[self.start + i]
        return contiguous(x, exact_type(x.dtype))

    cdef Py_ssize_t locate(self, Py_ssize_t first) except -1:
        """Puts into `rows` where the inputs of the examples order[first], order[first + 1] ... are, and returns how many.

        They stay there as long as no Python code runs. 0: one of them must be converted, which is done in the order of the
        data: begin again at 0.
        """
        cdef Py_ssize_t m = 0, most = min(self.block, self.n - first), begin = self.start + first
        cdef PyObject *plain
        if first == 0:
            self.last_look = 0
        elif first - self.last_look >= self.block:
            self.last_look = first
            PyErr_CheckSignals()
        if type(self.data) is list:
            while m < most:
                plain = PyTuple_GET_ITEM(<object> PyList_GET_ITEM(self.data, self.order[first + m]), 0)
                if not is_plain(<object> plain, self.n_in):
                    break
                self.rows[m].x = cnp.PyArray_DATA(<cnp.ndarray> plain)
                self.rows[m].bits = 8 * cnp.PyArray_ITEMSIZE(<cnp.ndarray> plain)
                m += 1
            if m > 0:
                return m
            if self.by_address:
                self.order_of_data()
                return 0
            x = self.array(self.order[first])
            most = 1
        elif has_plain_rows(self.data):
            x = self.data[begin:begin + most]
        else:
            most = min(most, CONVERTED_ROWS)
            x = contiguous(self.data[begin:begin + most], exact_type(self.data.dtype))
        self.converted = x
        for m in range(most):
            self.rows[m].x = cnp.PyArray_BYTES(<cnp.ndarray> x) + m * cnp.PyArray_STRIDE(<cnp.ndarray> x, 0)
            self.rows[m].bits = 8 * cnp.PyArray_ITEMSIZE(<cnp.ndarray> x)
        return most


cdef bint has_plain_rows(object X):
    """Each row of X is doubles or floats of the processor's own, one after the other."""
    return (
        cnp.PyArray_TYPE(X) in (cnp.NPY_DOUBLE, cnp.NPY_FLOAT)
        and cnp.PyArray_ISNOTSWAPPED(X)
        and (cnp.PyArray_DIM(X, 1) == 1 or cnp.PyArray_STRIDE(X, 1) == cnp.PyArray_ITEMSIZE(X))
    )

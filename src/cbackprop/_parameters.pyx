"""Reads a network's parameters for the kernels, and checks them: they are plain attributes that a reader may replace."""

cimport cython
cimport numpy as cnp
from cpython.list cimport PyList_GetSlice
from cpython.number cimport PyNumber_Index
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdlib cimport free, malloc

from cbackprop._activations cimport Codes

import numpy as np

cnp.import_array()


cdef list copied(object items):
    """A new list of `items`: of a list, which another thread may be changing, as it is at one moment.

    Where memory ends, list(items) of CPython 3.11 and 3.12 keeps a reference to the list or tuple for good.
    """
    cdef list copy = []
    if type(items) is list:
        return PyList_GetSlice(items, 0, PY_SSIZE_T_MAX)
    for item in items:
        copy.append(item)
    return copy


cdef object new_array(int type_num, Py_ssize_t rows, Py_ssize_t cols):
    cdef cnp.npy_intp shape[2]
    shape[0] = rows
    shape[1] = cols
    return cnp.PyArray_SimpleNew(2, shape, type_num)


cdef inline bint is_ready(object array, Py_ssize_t rows, Py_ssize_t cols, int type_num) noexcept:
    return (
        cnp.PyArray_CheckExact(array)
        and cnp.PyArray_NDIM(<cnp.ndarray> array) == 2
        and cnp.PyArray_TYPE(<cnp.ndarray> array) == type_num
        and cnp.PyArray_DIM(<cnp.ndarray> array, 0) == rows
        and cnp.PyArray_DIM(<cnp.ndarray> array, 1) == cols
        and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> array)
        and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray> array)
    )


cdef object checked(object array, Py_ssize_t rows, Py_ssize_t cols, int type_num, str name, int l):
    """`array` as a contiguous (rows, cols) array of the network's type; the network keeps its own."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}[{l - 2}] has dtype {array.dtype}; expected real numbers")
    if array.shape != (rows, cols):
        raise ValueError(
            f"{name}[{l - 2}] has shape {array.shape}; by this network's sizes it must be ({rows}, {cols})"
        )
    return cnp.PyArray_FROM_OTF(
        array, type_num, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_NOTSWAPPED | cnp.NPY_ARRAY_FORCECAST)


def check_sizes(sizes):
    """The layers' numbers of neurons as a list of ints; TypeError or ValueError where they cannot be that."""
    if isinstance(sizes, (str, bytes)):
        raise TypeError(f"sizes is {type(sizes).__name__}; expected a list of whole numbers, one a layer")
    cdef list numbers
    cdef Py_ssize_t i
    try:
        numbers = copied(sizes)
    except TypeError:
        raise TypeError(
            f"sizes is {type(sizes).__name__}; expected a list of whole numbers, one a layer") from None
    if len(numbers) < 2:
        raise ValueError(f"sizes has {len(numbers)} layers; a network has at least an input and an output layer")
    for i in range(len(numbers)):
        n = numbers[i]
        if type(n) is not int:
            try:
                numbers[i] = n = PyNumber_Index(n)
            except TypeError:
                raise TypeError(f"sizes[{i}] is {n!r}; expected a whole number of neurons") from None
            numbers[i] = n = int.__index__(n)   # a subclass of int compares as it likes
        if not 0 <= n < 2147483648:
            raise ValueError(f"sizes[{i}] is {n}; expected at most 2**31 - 1 neurons")
    return numbers


@cython.final
cdef class Parameters:
    """The sizes, weights and biases of `net`, checked.

    Raises
    ------
    TypeError, ValueError
        Where they do not fit each other, naming the one that does not.
    """

    def __cinit__(self, net):
        cdef int l
        cdef list sizes = check_sizes(net.sizes)
        self.L = <int> len(sizes)
        self.n = <Py_ssize_t *> malloc((self.L + 1) * sizeof(Py_ssize_t))
        if self.n is NULL:
            raise MemoryError
        for l in range(self.L):
            self.n[l + 1] = sizes[l]
        dtype = net.dtype
        self.type_num = (<cnp.dtype?> dtype).type_num
        if self.type_num != cnp.NPY_DOUBLE and self.type_num != cnp.NPY_FLOAT:
            raise TypeError(f"dtype is {dtype}; expected float64 or float32")
        self.itemsize = 8 if self.type_num == cnp.NPY_DOUBLE else 4
        self.weights = self.read(net.weights, "weights", True)
        self.biases = self.read(net.biases, "biases", False)
        activations = net._activations
        self.activations = None if activations is None else Codes.__new__(Codes, activations.layers, sizes)

    def __dealloc__(self):
        free(self.n)

    cdef list read(self, object arrays, str name, bint are_weights):
        cdef int l
        cdef Py_ssize_t cols = 1
        cdef list ready
        try:
            ready = copied(arrays)
        except TypeError:
            raise TypeError(f"{name} is {type(arrays).__name__}; expected a list of arrays, one a layer") from None
        if len(ready) != self.L - 1:
            raise ValueError(f"{name} has {len(ready)} arrays; a network of {self.L} layers has {self.L - 1}")
        for l in range(2, self.L + 1):
            if are_weights:
                cols = self.n[l - 1]
            if not is_ready(ready[l - 2], self.n[l], cols, self.type_num):
                ready[l - 2] = checked(ready[l - 2], self.n[l], cols, self.type_num, name, l)
        return ready

    cdef int check(self) except -1:
        """Raises where the kernels must not run: an activation is the user's own function, or a parameter is no longer as it was
        read, since whatever was read after it may have run anything."""
        if self.activations is not None:
            self.activations.check()
        self.check_ready(self.weights, "weights", True)
        return self.check_ready(self.biases, "biases", False)

    cdef int check_ready(self, list arrays, str name, bint are_weights) except -1:
        """The same of arrays that `read` has returned."""
        cdef int l
        for l in range(2, self.L + 1):
            if not is_ready(arrays[l - 2], self.n[l], self.n[l - 1] if are_weights else 1, self.type_num):
                raise ValueError(f"{name}[{l - 2}] has changed its shape or type while others were read")
        return 0

    cdef void *w(self, int l) noexcept:
        return cnp.PyArray_DATA(<cnp.ndarray> self.weights[l - 2])

    cdef void *b(self, int l) noexcept:
        return cnp.PyArray_DATA(<cnp.ndarray> self.biases[l - 2])

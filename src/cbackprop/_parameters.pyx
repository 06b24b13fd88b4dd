"""Reads a network's parameters for the kernels, and checks them: they are plain attributes that the user may replace."""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.list cimport PyList_GET_SIZE, PyList_SetItem
from cpython.number cimport PyNumber_Index
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc

from cbackprop._activations cimport ActivationCodes
from cbackprop._arrays cimport copied
from cbackprop._isa cimport kernels
from cbackprop._memory cimport Memory

import numpy as np

cnp.import_array()


cdef extern from *:
    """
    /* Whether `net` keeps weights and biases in its dictionary, and nothing watches them. */
    static int has_plain_attributes(PyObject *net, PyObject *weights, PyObject *biases) {
    #ifdef Py_GIL_DISABLED
        return 0; /* nor can references be counted */
    #else
        PyTypeObject *type = Py_TYPE(net);
        return type->tp_getattro == PyObject_GenericGetAttr && type->tp_setattro == PyObject_GenericSetAttr
               && !_PyType_Lookup(type, weights) && !_PyType_Lookup(type, biases);
    #endif
    }

    static int is_private(PyObject *array) {
        PyArrayObject *a = (PyArrayObject *)array;
        return Py_REFCNT(array) == 2 && PyArray_CHKFLAGS(a, NPY_ARRAY_OWNDATA | NPY_ARRAY_WRITEABLE) && !PyArray_BASE(a)
               && !((PyArrayObject_fields *)a)->weakreflist;
    }
    """
    bint has_plain_attributes(object net, object weights, object biases) noexcept
    bint is_private(PyObject *array) noexcept
    Py_ssize_t references "Py_REFCNT" (object of) noexcept
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t i) noexcept


cdef inline bint is_matrix(object array, int type_num) noexcept:
    """Whether `array` is a plain contiguous matrix of this type."""
    return (
        cnp.PyArray_CheckExact(array)
        and cnp.PyArray_NDIM(<cnp.ndarray> array) == 2
        and cnp.PyArray_TYPE(<cnp.ndarray> array) == type_num
        and cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> array)
        and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray> array)
    )


cdef inline Py_ssize_t n_rows(object matrix) noexcept:
    return cnp.PyArray_DIM(<cnp.ndarray> matrix, 0)


cdef inline Py_ssize_t n_cols(object matrix) noexcept:
    return cnp.PyArray_DIM(<cnp.ndarray> matrix, 1)


cdef object as_matrix(object array, int type_num, str name, Py_ssize_t i):
    """`array` as a contiguous matrix of the network's type; the network keeps what it has."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}[{i}] has dtype {array.dtype}; expected real numbers")
    if array.ndim != 2:
        hint = f", ({array.size}, 1)" if name == "biases" and array.ndim == 1 else ""
        raise ValueError(f"{name}[{i}] has shape {array.shape}; expected a matrix{hint}")
    return cnp.PyArray_FROM_OTF(
        array, type_num, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_NOTSWAPPED | cnp.NPY_ARRAY_FORCECAST)


cdef list matrices(object arrays, int type_num, str name):
    """`arrays` as a new list of such matrices."""
    cdef list ready
    cdef Py_ssize_t i
    try:
        ready = copied(arrays)
    except TypeError:
        raise TypeError(f"{name} is {type(arrays).__name__}; expected a list of arrays, one a layer") from None
    for i in range(len(ready)):
        if not is_matrix(ready[i], type_num):
            ready[i] = as_matrix(ready[i], type_num, name, i)
    check_matrices(ready, type_num, name)
    return ready


cdef int check_matrices(list ready, int type_num, str name) except -1:
    """Raises if one of them is no longer such a matrix: reading the next one may have run any code."""
    cdef Py_ssize_t i
    for i in range(len(ready)):
        if not is_matrix(ready[i], type_num):
            raise changed(name, i)
    return 0


cdef object changed(str name, Py_ssize_t i):
    return ValueError(f"{name}[{i}] has changed its shape or type while others were read")


def check_sizes(sizes):
    """The layers' numbers of neurons as a list of ints; raises if they cannot be that."""
    if isinstance(sizes, (str, bytes)):
        raise TypeError(f"sizes is {type(sizes).__name__}; expected a list of whole numbers, one a layer")
    cdef list numbers
    cdef Py_ssize_t i
    try:
        numbers = copied(sizes)
    except TypeError:
        raise TypeError(
            f"sizes is {type(sizes).__name__}; expected a list of whole numbers, one a layer") from None
    for i in range(len(numbers)):
        n = numbers[i]
        if type(n) is not int:
            try:
                numbers[i] = n = PyNumber_Index(n)
            except TypeError:
                raise TypeError(f"sizes[{i}] is {n!r}; expected a whole number of neurons") from None
            numbers[i] = n = int.__index__(n)   # a subclass of int compares as it likes
        if not 0 <= n < 2147483648:
            raise ValueError(f"sizes[{i}] is {n}; expected a number of neurons from 0 to 2**31 - 1")
    return numbers


@cython.final
cdef class Parameters:
    """The weights and biases of `net`, checked: their shapes at this moment say what the network is.

    Raises
    ------
    TypeError, ValueError
        Where they do not fit each other, naming the two that do not.
    """

    def __cinit__(self, net):
        cdef int l
        cdef list weights
        cdef Memory memory = net._cbackprop
        self.memory = memory
        self.type_num = (<cnp.dtype?> memory.dtype).type_num
        self.itemsize = 8 if self.type_num == cnp.NPY_DOUBLE else 4
        self.weights = weights = matrices(net.weights, self.type_num, "weights")
        self.biases = matrices(net.biases, self.type_num, "biases")
        if len(weights) == 0 and len(self.biases) == 0:
            raise ValueError("weights is empty: this network has no layer after its input layer")
        if len(weights) != len(self.biases):
            raise ValueError(
                f"weights has {len(weights)} arrays and biases {len(self.biases)}; "
                f"each layer after the input layer has one of both")
        self.L = <int> len(weights) + 1
        self.n = <Py_ssize_t *> malloc((self.L + 1) * sizeof(Py_ssize_t))
        if self.n is NULL:
            raise MemoryError
        check_matrices(weights, self.type_num, "weights")   # once more: reading the biases may have changed them
        self.n[1] = n_cols(weights[0])
        for l in range(2, self.L + 1):
            self.n[l] = n_rows(weights[l - 2])
        self.check_fit()
        activations = memory.activations
        self.activations = None if activations is None else ActivationCodes.__new__(
            ActivationCodes, activations.of_layers(self.L), self.sizes())

    def __dealloc__(self):
        free(self.n)

    cdef list sizes(self):
        cdef int l
        cdef list numbers = []
        for l in range(1, self.L + 1):
            numbers.append(self.n[l])
        return numbers

    cdef int check_fit(self) except -1:
        """Raises if two of the matrices do not fit together."""
        cdef int l
        cdef Py_ssize_t rows
        cdef list weights = self.weights, biases = self.biases
        for l in range(2, self.L + 1):
            if n_cols(weights[l - 2]) != self.n[l - 1]:
                rows = n_rows(biases[l - 2]) if n_cols(biases[l - 2]) == 1 else self.n[l]
                raise ValueError(
                    f"weights[{l - 2}] has shape {weights[l - 2].shape}, and weights[{l - 3}] has shape "
                    f"{weights[l - 3].shape}: they do not fit together, weights[{l - 2}] must be ({rows}, {self.n[l - 1]})")
            if n_rows(biases[l - 2]) != self.n[l] or n_cols(biases[l - 2]) != 1:
                raise ValueError(
                    f"biases[{l - 2}] has shape {biases[l - 2].shape}, and weights[{l - 2}] has shape "
                    f"{weights[l - 2].shape}: they do not fit together, biases[{l - 2}] must be ({self.n[l]}, 1)")
        return 0

    cdef bint read_again(self, net) except -1:
        """Reads the arrays of `net` once more; False, with nothing read, if they or the network are not what they were."""
        weights, biases = net.weights, net.biases
        if not (
            net._cbackprop is self.memory
            and type(weights) is list and self.are_ready(weights, True)
            and type(biases) is list and self.are_ready(biases, False)
        ):
            return False
        set_items(self.weights, weights)
        set_items(self.biases, biases)
        return True

    cdef void let_go(self) noexcept:
        """Keeps the shapes, and no array: until it is read again the network's arrays are the user's alone."""
        cdef Py_ssize_t i
        for i in range(self.L - 1):
            put(self.weights, i, None)
            put(self.biases, i, None)

    cdef bint may_be_overwritten(self, net) except -1:
        """Whether only `net` and this object know these arrays, so that nobody could tell new ones in their place from them."""
        if not has_plain_attributes(net, "weights", "biases"):
            return False
        weights, biases = net.weights, net.biases
        return (
            are_same(weights, self.weights) and are_same(biases, self.biases)
            and references(weights) == 2 and references(biases) == 2    # the network's, and those here
            and are_private(self.weights) and are_private(self.biases)
            and self.are_ready(self.weights, True) and self.are_ready(self.biases, False)
        )

    cdef list like(self, object arrays, str name, bint are_weights):
        """`arrays` as matrices too; None if their shapes are not those of the weights, or of the biases."""
        cdef int l
        cdef list ready = matrices(arrays, self.type_num, name)
        if len(ready) != self.L - 1:
            return None
        for l in range(2, self.L + 1):
            if n_rows(ready[l - 2]) != self.n[l] or n_cols(ready[l - 2]) != (self.n[l - 1] if are_weights else 1):
                return None
        return ready

    cdef int check(self) except -1:
        """Raises if the kernels must not run: an activation is a function of the user's, or a parameter is no longer as it was
        read, since reading others may have run any code."""
        if self.activations is not None:
            self.activations.check()
        self.check_ready(self.weights, "weights", True)
        return self.check_ready(self.biases, "biases", False)

    cdef int check_ready(self, list arrays, str name, bint are_weights) except -1:
        """Raises if one of these arrays is no longer as it was read."""
        cdef int l
        for l in range(2, self.L + 1):
            if not self.is_ready(arrays[l - 2], l, are_weights):
                raise changed(name, l - 2)
        return 0

    cdef bint are_ready(self, list arrays, bint are_weights) noexcept:
        """Whether the list has an array for each layer, and the kernels can take all of them."""
        cdef int l
        if PyList_GET_SIZE(arrays) != self.L - 1:
            return False
        for l in range(2, self.L + 1):
            if not self.is_ready(arrays[l - 2], l, are_weights):
                return False
        return True

    cdef bint is_ready(self, object array, int l, bint are_weights) noexcept:
        """Whether the kernels can take the array as the weights, or the biases, of layer l."""
        return (
            is_matrix(array, self.type_num)
            and n_rows(array) == self.n[l]
            and n_cols(array) == (self.n[l - 1] if are_weights else 1)
        )

    cdef void *w(self, int l) noexcept:
        return cnp.PyArray_DATA(<cnp.ndarray> self.weights[l - 2])

    cdef void *b(self, int l) noexcept:
        return cnp.PyArray_DATA(<cnp.ndarray> self.biases[l - 2])


cdef int set_items(list items, list those) except -1:
    """Puts the items of `those`, a list of the same length, into `items`: three times as fast as a new list."""
    cdef Py_ssize_t i
    for i in range(PyList_GET_SIZE(items)):
        put(items, i, those[i])
    return 0


cdef inline void put(list items, Py_ssize_t i, object item) noexcept:
    """items[i] = item, for an i that is in the list: Cython would make sure of that."""
    Py_INCREF(item)
    PyList_SetItem(items, i, item)


cdef bint are_same(object arrays, list those) noexcept:
    """Whether the list `arrays` holds the very arrays of `those`."""
    cdef Py_ssize_t i
    if type(arrays) is not list or PyList_GET_SIZE(arrays) != PyList_GET_SIZE(those):
        return False
    for i in range(PyList_GET_SIZE(those)):
        if PyList_GET_ITEM(arrays, i) is not PyList_GET_ITEM(those, i):
            return False
    return True


cdef bint are_private(list arrays) noexcept:
    """Whether each array owns its memory and is known to two lists alone."""
    cdef Py_ssize_t i
    for i in range(PyList_GET_SIZE(arrays)):
        if not is_private(PyList_GET_ITEM(arrays, i)):
            return False
    return True


def layer_sizes(net):
    """The numbers of neurons of all layers, as the arrays of `net` have them."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    return p.sizes()


cpdef bint has_empty_layer(net) except -1:
    """Whether `net` has no layers, or one without neurons: there is nothing to compute."""
    cdef Py_ssize_t i
    cdef list weights
    arrays = net.weights
    try:
        weights = arrays if type(arrays) is list else copied(arrays)
    except TypeError:
        return False    # reading the parameters will raise
    for i in range(len(weights)):
        w = weights[i]
        if isinstance(w, cnp.ndarray):
            if cnp.PyArray_SIZE(<cnp.ndarray> w) == 0:
                return True
        elif isinstance(w, (list, tuple)) and len(w) == 0:
            return True
    return len(weights) == 0 and has_no_layers(net)


cpdef bint has_no_layers(net) except -1:
    """Whether `net` is an input layer alone."""
    weights, biases = net.weights, net.biases
    return isinstance(weights, (list, tuple)) and isinstance(biases, (list, tuple)) and not weights and not biases


cdef bint are_finite(list matrices) noexcept:
    """Whether none of these matrices has NaN or infinities."""
    for matrix in matrices:
        # NaN compares false.
        if not kernels(cnp.PyArray_ITEMSIZE(<cnp.ndarray> matrix)).largest(
                cnp.PyArray_DATA(<cnp.ndarray> matrix), cnp.PyArray_SIZE(<cnp.ndarray> matrix)) < INFINITY:
            return False
    return True


def is_finite(weights, biases):
    """Whether all of these arrays are finite; those that cannot be parameters count as finite."""
    try:
        return are_finite(matrices(weights, cnp.NPY_DOUBLE, "weights") + matrices(biases, cnp.NPY_DOUBLE, "biases"))
    except (TypeError, ValueError):
        return True

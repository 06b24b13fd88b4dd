"""What each example should give, the y of its pair or a row of Y, read and checked: its label or its target a^L.

One-hot targets are kept as labels too, which is all that the kernels need of them.
"""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from cbackprop._arrays cimport (
    PyList_GET_ITEM, PyTuple_GET_ITEM, contiguous, convert, copied, entry, exact_type, is_plain, label, real_at, target,
)

import numpy as np

cdef object INT64 = np.int64

cdef extern from "numpy/arrayobject.h":
    bint PyArray_IsIntegerScalar(object x)

cnp.import_array()

cdef enum:
    NOT_ONE_HOT = -2


@cython.final
cdef class Targets:
    """The labels or the targets of a run of examples."""

    def __dealloc__(self):
        free(self.labels)
        free(self.rows)

    cdef int allocate(self, Py_ssize_t n, Py_ssize_t n_out, int itemsize, str name, Py_ssize_t start) except -1:
        """Makes room for n labels."""
        self.n = n
        self.n_out = n_out
        self.itemsize = itemsize
        self.name = name
        self.start = start
        self.labels = <int32_t *> malloc((n + 1) * sizeof(int32_t))
        if self.labels is NULL:
            raise MemoryError
        memset(self.labels, 0xff, (n + 1) * sizeof(int32_t))    # NO_CLASS
        return 0

    # ---- of pairs ----

    cdef bint read_plain_pairs(self, list pairs, const uint32_t *order, bint labelled) except -1:
        """Reads each y, in this order, while all pairs are tuples and all y plain, so that no Python code runs; False where
        one is not."""
        cdef Py_ssize_t i
        cdef PyObject *pair
        cdef PyObject *y
        for i in range(self.n):
            pair = PyList_GET_ITEM(pairs, order[i])
            if not PyTuple_CheckExact(<object> pair) or PyTuple_GET_SIZE(<object> pair) != 2:
                return False
            y = PyTuple_GET_ITEM(<object> pair, 1)
            if labelled and (type(<object> y) is int or type(<object> y) is INT64):
                self.put_label(order[i], <object> y)
            elif not labelled and is_plain(<object> y, self.n_out):
                self.put_target(order[i], <object> y)
            else:
                return False
        return True

    cdef list read_pairs(self, list pairs, bint labelled):
        """Reads each y, from the first on, so that of two mistakes the first is named. Returns the pairs, now all tuples."""
        cdef Py_ssize_t i
        cdef list tuples = copied(pairs)
        for i in range(self.n):
            pair = tuples[i]
            if type(pair) is not tuple or len(<tuple> pair) != 2:
                tuples[i] = pair = self.unpack(pair, i)
            y = (<tuple> pair)[1]
            if not labelled:
                if not is_plain(y, self.n_out):
                    y = target(y, self.n_out, -1, entry(self.name, self.start + i, "y"))
                self.put_target(i, y)
            elif PyArray_IsIntegerScalar(y):
                self.put_label(i, y)
            else:
                self.labels[i] = label(y, self.n_out, entry(self.name, self.start + i, "y"))
        return tuples

    cdef object unpack(self, object pair, Py_ssize_t i):
        try:
            x, y = pair
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{entry(self.name, self.start + i, '')}expected a pair (x, y), got {type(pair).__name__}") from None
        return x, y

    cdef int put_label(self, Py_ssize_t i, object y) except -1:
        cdef int overflow
        cdef int64_t number = PyLong_AsLongLongAndOverflow(y, &overflow)
        self.labels[i] = <int32_t> number if not overflow and 0 <= number < self.n_out else NO_CLASS
        return 0

    cdef int put_target(self, Py_ssize_t i, object y) except -1:
        """Keeps a one-hot target as its label, and all targets as rows once one of them is not one-hot."""
        cdef int place
        if self.rows is NULL:
            place = one_hot(cnp.PyArray_DATA(y), 8 * cnp.PyArray_ITEMSIZE(y), self.n_out)
            if place != NOT_ONE_HOT:
                self.labels[i] = place
                return 0
            self.labels_to_rows()
        convert(
            cnp.PyArray_DATA(y), cnp.PyArray_ITEMSIZE(y),
            <char *> self.rows + i * self.n_out * self.itemsize, self.itemsize, self.n_out)
        return 0

    cdef int labels_to_rows(self) except -1:
        cdef Py_ssize_t e
        self.rows = calloc(self.n, self.n_out * self.itemsize)
        if self.rows is NULL:
            raise MemoryError
        for e in range(self.n):
            if self.labels[e] != NO_CLASS:
                if self.itemsize == 8:
                    (<double *> self.rows)[e * self.n_out + self.labels[e]] = 1
                else:
                    (<float *> self.rows)[e * self.n_out + self.labels[e]] = 1
        free(self.labels)
        self.labels = NULL
        return 0

    # ---- of arrays ----

    cdef int read_array(self, object X, object Y, bint labelled) except -1:
        """Reads the rows of Y that belong to these examples."""
        cdef Py_ssize_t i
        self.of_arrays = True
        if self.n_out == 1:
            self.answer_from(0.5)
        check_arrays(X, Y, self.n_out, self.name)
        if Y.ndim == 1 and self.n_out == 1:
            Y = Y.reshape(-1, 1)
        Y = Y[self.start:self.start + self.n]
        if Y.ndim == 2 and not labelled:
            Y = contiguous(Y, exact_type(Y.dtype))
            for i in range(self.n):
                self.put_target(i, Y[i])
            return 0
        # A copy: labels that another thread writes after they were checked would be places outside of arrays.
        return self.read_labels(np.argmax(Y, axis=1) if Y.ndim == 2 else Y.copy(), not labelled)

    cdef int read_labels(self, object Y, bint checks) except -1:
        """Keeps whole numbers as labels; with `checks` all of them must be classes."""
        cdef Py_ssize_t i
        cdef const int64_t *numbers
        outside = (Y < 0) | (Y >= self.n_out)    # before the cast: a large uint64 is no int64
        if checks and outside.any():
            i = int(np.argmax(outside))
            raise ValueError(
                f"{self.name}: Y[{self.start + i}] is {Y[i]}; this network's output layer has {self.n_out} neurons, "
                f"so labels must be 0 to {self.n_out - 1}"
            )
        # Not np.where, which ends in a SystemError when memory runs out.
        Y = Y.astype(np.int64)
        Y[outside] = NO_CLASS
        numbers = <const int64_t *> cnp.PyArray_DATA(<cnp.ndarray> Y)
        for i in range(self.n):
            self.labels[i] = <int32_t> numbers[i]
        return 0

    # ---- as classes ----

    cdef void answer_from(self, double threshold) noexcept:
        """From now on the class of the one output is 1 if it is at least `threshold`, otherwise 0."""
        self.thresholded = True
        self.threshold = threshold

    cdef object classes(self):
        """The class of each target, as an array of int32: the place of its first largest entry, 0 for a target of zeros; or
        the 0 or 1 itself if answers are thresholded."""
        cdef cnp.npy_intp shape[2]
        cdef Py_ssize_t i
        cdef int32_t *places
        if self.rows is NULL:
            numbers = np.zeros(self.n, np.int32)
            places = <int32_t *> cnp.PyArray_DATA(<cnp.ndarray> numbers)
            for i in range(self.n):
                places[i] = self.labels[i] == 0 if self.thresholded else max(self.labels[i], 0)
            return numbers
        shape[0] = self.n
        shape[1] = self.n_out
        targets = cnp.PyArray_SimpleNewFromData(
            2, shape, cnp.NPY_DOUBLE if self.itemsize == 8 else cnp.NPY_FLOAT, self.rows)
        return np.argmax(targets, axis=1).astype(np.int32)

    cdef int check_classes(self) except -1:
        """Raises if no answer can be right: a target of one output neuron is neither 0 nor 1."""
        cdef Py_ssize_t i
        if self.thresholded and self.rows is not NULL:
            for i in range(self.n):
                number = real_at(self.rows, 8 * self.itemsize, i)
                if number != 0 and number != 1:
                    y = f": Y[{self.start + i}]" if self.of_arrays else f"[{self.start + i}]: y"
                    raise ValueError(
                        f"{self.name}{y} is {number}; the accuracy of one output neuron counts a >= "
                        f"{'1/2' if self.threshold == 0.5 else self.threshold} against labels 0 and 1")
        return 0

    cdef int check_labels(self, object data) except -1:
        """Raises if a label is no class: it has no target, and so no cost."""
        cdef Py_ssize_t i
        for i in range(self.n):
            if self.labels[i] == NO_CLASS:
                y = data[1][self.start + i] if type(data) is tuple else data[self.start + i][1]
                raise ValueError(
                    f"{self.name}[{self.start + i}]: y is {y!r}; expected the label of an output neuron, 0 to {self.n_out - 1}")
        return 0


cpdef int check_arrays(X, Y, Py_ssize_t n_out, str name) except -1:
    """Raises if arrays of these shapes and types are not the examples of a network with so many outputs."""
    for array, letter in ((X, "X"), (Y, "Y")):
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}: {letter} has dtype {array.dtype}; expected real numbers")
    if Y.ndim not in (1, 2) or Y.shape[0] != X.shape[0] or (Y.ndim == 2 and Y.shape[1] != n_out):
        hint = "; its transpose would fit: pass Y.T" if Y.shape == (n_out, X.shape[0]) else ""
        labels = "numbers" if n_out == 1 else "whole-number labels"
        raise ValueError(
            f"{name}: Y has shape {Y.shape}; for an X of shape {X.shape} it must hold "
            f"{X.shape[0]} {labels} or be ({X.shape[0]}, {n_out}){hint}"
        )
    if Y.ndim == 1 and n_out > 1 and Y.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: Y has dtype {Y.dtype}; labels must be whole numbers of an integer type: pass Y.astype(int)")
    return 0


cdef int one_hot(const void *y, int bits, Py_ssize_t n) noexcept nogil:
    """The place of the single 1 among zeros in the n reals at y; NO_CLASS if all are 0."""
    cdef Py_ssize_t j, zeros = 0, ones = 0, place = 0
    cdef double number
    for j in range(n):      # without branches: where the 1 is cannot be predicted
        number = real_at(y, bits, j)
        zeros += number == 0
        ones += number == 1
        place += j * (number == 1)
    if zeros + ones < n or ones > 1:
        return NOT_ONE_HOT
    return <int> place if ones == 1 else NO_CLASS

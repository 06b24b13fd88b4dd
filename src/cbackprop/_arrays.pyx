"""What the user passes, one array or list at a time: checked, converted, copied. Each error names the argument."""

cimport cbackprop.numpy_api as cnp
from cpython.list cimport PyList_GetSlice
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.math cimport floor
from libc.string cimport memcpy

import numpy as np

cnp.import_array()


cdef str entry(str name, Py_ssize_t i, str part):
    """How errors name a part, x or y, of example i of the user's data."""
    return f"{name}[{i}]: {part}"


cdef bint is_plain(object x, Py_ssize_t n) noexcept:
    """Whether x is an (n, 1) array of the processor's own doubles or floats, contiguous."""
    cdef int type_num
    if not cnp.PyArray_CheckExact(x) or cnp.PyArray_NDIM(<cnp.ndarray> x) != 2:
        return False
    type_num = cnp.PyArray_TYPE(<cnp.ndarray> x)
    return (
        (type_num == cnp.NPY_DOUBLE or type_num == cnp.NPY_FLOAT)
        and cnp.PyArray_DIM(<cnp.ndarray> x, 0) == n
        and cnp.PyArray_DIM(<cnp.ndarray> x, 1) == 1
        and cnp.PyArray_ISBEHAVED_RO(<cnp.ndarray> x)
        and (n == 1 or cnp.PyArray_STRIDE(<cnp.ndarray> x, 0) == cnp.PyArray_ITEMSIZE(<cnp.ndarray> x))
    )


cdef object real_array(object x, str name):
    """x as an array of real numbers."""
    try:
        array = np.asarray(x)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} cannot be read as an array: {error}") from None
    if array.dtype.kind not in "biuf":
        hint = ""
        if array.dtype.kind in "US" or (array.dtype.kind == "O" and isinstance(x, str)):
            hint = "; read the numbers: x.astype(float)"
            if name.endswith("y"):
                hint = "; number the classes from 0: classes, y = numpy.unique(names, return_inverse=True)"
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers, got {type(x).__name__}{hint}")
    return array


cdef object contiguous(object array, int type_num):
    """The numbers of `array` as the processor's own doubles or floats, contiguous: `array` itself if it is that already."""
    return cnp.PyArray_FROM_OTF(
        array, type_num, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_NOTSWAPPED | cnp.NPY_ARRAY_FORCECAST,
    )


cdef int exact_type(object dtype):
    """The smaller of float and double that holds every number of `dtype`."""
    return cnp.NPY_FLOAT if dtype.kind == "b" or dtype.itemsize <= (4 if dtype.kind == "f" else 2) else cnp.NPY_DOUBLE


cdef object column_error(tuple shape, Py_ssize_t n, str name):
    hint, letter = "", name.split()[-1]
    if len(shape) == 1 and shape[0] == n:
        hint = f"; reshape it: {letter}.reshape(-1, 1)"
    elif len(shape) == 2 and shape[1] == n:
        hint = f"; its transpose would fit, an example a column: pass {letter}.T"
    return ValueError(
        f"{name} has shape {shape}; this network's input layer has {n} neurons, so it must be ({n}, 1){hint}"
    )


cdef object column(object x, Py_ssize_t n, int type_num, str name):
    """x as a contiguous (n, 1) array of the type asked for, or of the one that holds it exactly where `type_num` is -1."""
    if is_plain(x, n) and (type_num < 0 or cnp.PyArray_TYPE(<cnp.ndarray> x) == type_num):
        return x
    array = input_array(x, n, name)
    if array.shape[1] != 1:
        raise column_error(array.shape, n, name)
    return contiguous(array, exact_type(array.dtype) if type_num < 0 else type_num)


cdef object input_array(object x, Py_ssize_t n, str name):
    """x as a matrix (n, m) of real numbers; a single number stands for one input, as in the book."""
    array = real_array(x, name)
    if n == 1 and array.shape in ((), (1,)):
        return array.reshape(1, 1)
    if array.ndim != 2 or array.shape[0] != n:
        raise column_error(array.shape, n, name)
    return array


cdef object target(object y, Py_ssize_t n_out, int type_num, str name):
    """y as a contiguous (n_out, 1) array, of the type that holds it where `type_num` is -1; a single number stands for n_out
    equal ones, as in the book."""
    if is_plain(y, n_out) and (type_num < 0 or cnp.PyArray_TYPE(<cnp.ndarray> y) == type_num):
        return y
    array = real_array(y, name)
    if array.shape in ((), (1,), (1, 1)) and array.shape != (n_out, 1):
        array = np.full((n_out, 1), array.reshape(()))
    if array.ndim != 2 or array.shape[0] != n_out or array.shape[1] != 1:
        hint = f"; reshape it: {name.split()[-1]}.reshape(-1, 1)" if array.shape == (n_out,) else ""
        raise ValueError(
            f"{name} has shape {array.shape}; this network's output layer has {n_out} neurons, "
            f"so it must be ({n_out}, 1) or a single number{hint}"
        )
    return contiguous(array, exact_type(array.dtype) if type_num < 0 else type_num)


cdef object label(object y, Py_ssize_t n_out, str name):
    """The class that y names, which is not of an integer type; -1 if there is no such class."""
    array = real_array(y, name)
    if array.size != 1:
        hint = "; one-hot targets are for training data, test data takes labels" \
            if array.size == n_out else ""
        raise ValueError(f"{name} has shape {array.shape}; expected a label, the number of the class of x{hint}")
    number = array.reshape(-1)[0]
    return int(number) if 0 <= number < n_out and number == floor(number) else -1


cdef list copied(object items):
    """A new list of `items`: of a list, which another thread may be changing, as it is at one moment.

    When memory runs out, list(items) of CPython 3.11 and 3.12 keeps a reference to the list or tuple for good.
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


cdef void convert(const void *source, Py_ssize_t source_size, void *out, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    """n doubles or floats, of `source_size` bytes each, as doubles or floats of `size` bytes."""
    cdef Py_ssize_t k
    if source_size == size:
        memcpy(out, source, n * size)
    elif size == 8:
        for k in range(n):
            (<double *> out)[k] = (<const float *> source)[k]
    else:
        for k in range(n):
            (<float *> out)[k] = <float> (<const double *> source)[k]

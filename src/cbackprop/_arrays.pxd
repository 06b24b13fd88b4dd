from cpython.object cimport PyObject
from libc.string cimport memcpy


# The items of a list or a tuple, borrowed: counting the references of 50,000 examples would write to all of them.
cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(object items, Py_ssize_t i)
    PyObject *PyTuple_GET_ITEM(object items, Py_ssize_t i)


cdef str entry(str name, Py_ssize_t i, str part)
cdef bint is_plain(object x, Py_ssize_t n) noexcept
cdef object real_array(object x, str name)
cdef object contiguous(object array, int type_num)
cdef int exact_type(object dtype)
cdef object column_error(tuple shape, Py_ssize_t n, str name)
cdef object column(object x, Py_ssize_t n, int type_num, str name)
cdef object input_array(object x, Py_ssize_t n, str name)
cdef object target(object y, Py_ssize_t n_out, int type_num, str name)
cdef object label(object y, Py_ssize_t n_out, str name)
cdef object new_array(int type_num, Py_ssize_t rows, Py_ssize_t cols)
cdef list copied(object items)
cdef void convert(const void *source, Py_ssize_t source_size, void *out, Py_ssize_t size, Py_ssize_t n) noexcept nogil


cdef inline double real_at(const void *x, int bits, Py_ssize_t k) noexcept nogil:
    """Number k of x, wherever it is aligned."""
    cdef double wide
    cdef float narrow
    if bits == 64:
        memcpy(&wide, <const char *> x + 8 * k, 8)
        return wide
    memcpy(&narrow, <const char *> x + 4 * k, 4)
    return narrow

"""What we use of NumPy's C API. Parsing NumPy's own .pxd for every module took a third of Cython's time."""

cdef extern from "numpy/arrayobject.h" nogil:
    ctypedef Py_ssize_t npy_intp

    ctypedef class numpy.ndarray [object PyArrayObject, check_size ignore]:
        pass

    ctypedef class numpy.dtype [object PyArray_Descr, check_size ignore]:
        cdef int type_num

    enum:
        NPY_DOUBLE
        NPY_FLOAT
        NPY_INT32
        NPY_INT64
        NPY_UINT8
        NPY_UINT32
        NPY_ARRAY_IN_ARRAY
        NPY_ARRAY_NOTSWAPPED
        NPY_ARRAY_FORCECAST

    bint PyArray_IS_C_CONTIGUOUS(ndarray array) noexcept
    bint PyArray_ISBEHAVED_RO(ndarray array) noexcept
    bint PyArray_ISCARRAY(ndarray array) noexcept
    bint PyArray_ISNOTSWAPPED(ndarray array) noexcept
    int PyArray_NDIM(ndarray array) noexcept
    int PyArray_TYPE(ndarray array) noexcept
    Py_ssize_t PyArray_DIM(ndarray array, int axis) noexcept
    Py_ssize_t PyArray_STRIDE(ndarray array, int axis) noexcept
    Py_ssize_t PyArray_SIZE(ndarray array) noexcept
    Py_ssize_t PyArray_ITEMSIZE(ndarray array) noexcept
    void *PyArray_DATA(ndarray array) noexcept
    char *PyArray_BYTES(ndarray array) noexcept

cdef extern from "numpy/arrayobject.h":
    int import_array "_import_array" () except -1
    bint PyArray_CheckExact(object array) noexcept
    object PyArray_FROM_OTF(object array, int type_num, int requirements)
    object PyArray_SimpleNew(int ndim, npy_intp *shape, int type_num)
    object PyArray_SimpleNewFromData(int ndim, npy_intp *shape, int type_num, void *data)

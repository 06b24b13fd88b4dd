"""The sigmoid of single numbers and of arrays."""

cimport cbackprop.numpy_api as cnp

from cbackprop._isa cimport kernels

from cbackprop.reference import network as reference

import numpy as np

cnp.import_array()


def sigmoid(z):
    """See cbackprop.network.sigmoid."""
    cdef object a
    if isinstance(z, (int, float)) and not isinstance(z, np.generic):
        z = np.float64(z)
    array = np.asarray(z)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if (isinstance(z, np.ndarray) and not cnp.PyArray_CheckExact(z)) or kind not in "iuf" or (kind == "f" and size not in (4, 8)):
        # Half and long doubles, complex numbers and subclasses of ndarray are left to NumPy.
        return reference.sigmoid(z)
    array = cnp.PyArray_FROM_OTF(
        array, cnp.NPY_FLOAT if kind == "f" and size == 4 else cnp.NPY_DOUBLE,
        cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_NOTSWAPPED)
    a = np.empty(array.shape, array.dtype)
    kernels(array.dtype.itemsize).sigmoid_array(
        cnp.PyArray_DATA(<cnp.ndarray> array), cnp.PyArray_DATA(<cnp.ndarray> a), cnp.PyArray_SIZE(<cnp.ndarray> array))
    return a if a.ndim else a[()]

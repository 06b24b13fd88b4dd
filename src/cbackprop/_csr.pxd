cimport cython
from libc.stdint cimport int64_t

from cbackprop.kernels cimport CsrRows, Records


@cython.final
cdef class Csr:
    cdef readonly Py_ssize_t n, n_in
    cdef object data, indices       # kept alive, contiguous and of the processor's own types
    cdef int64_t *indptr            # (n + 1) a copy
    cdef CsrRows rows
    cdef int read_indptr(self, object indptr) except -1
    cdef double mean_entries(self, Py_ssize_t first, Py_ssize_t n) noexcept
    cdef Py_ssize_t pack(self, Records *records, Py_ssize_t first, Py_ssize_t n, Py_ssize_t tile, str name) except -1

cimport cython
cimport cbackprop.numpy_api as cnp
from libc.stdint cimport uint32_t

from cbackprop._csr cimport Csr
from cbackprop._inputs cimport Inputs
from cbackprop._parameters cimport Parameters
from cbackprop._targets cimport Targets
from cbackprop.kernels cimport Packing, Records


cdef enum:
    BY_DENSITY = -1
    DENSE = 0
    SPARSE = 1


@cython.final
cdef class Examples:
    cdef Py_ssize_t n, n_in
    cdef Targets targets
    cdef bint sparse                # the inputs are ...
    cdef Records records            # ... records of those that are not 0, or ...
    cdef const void **rows          # ... (n) rows of all of them ...
    cdef int row_bits               # ... as 64- or 32-bit reals ...
    cdef void *copied_rows          # ... in memory of ours, or ...
    cdef object X                   # ... in the user's array
    cdef double density             # of the inputs that were looked at: all of them, if sparse
    cdef double max_abs_input       # if sparse
    cdef double *weights            # (n) how much each counts, or NULL: each 1
    cdef bint pixels                # whole numbers from 0 to 255 that reach past 1
    cdef int read_pairs(self, Inputs inputs, object data, Py_ssize_t stop, bint labelled) except -1
    cdef int read_arrays(self, Inputs inputs, object data, Py_ssize_t stop, bint labelled) except -1
    cdef int read_weights(self, object weights) except -1
    cdef int new_extents(self) except -1
    cdef int pack_csr(self, Csr X, Py_ssize_t start, Py_ssize_t tile) except -1
    cdef bint is_sparse(self, Inputs inputs, double limit, int layout) except -1
    cdef int pack_records(self, Inputs inputs, Py_ssize_t tile, bint once, int n_threads) except -1
    cdef bint write_records(self, Inputs inputs, Packing *packing, int n_threads) except -1
    cdef int pack_rows(self, Inputs inputs) except -1
    cdef bint copy_rows(self, Inputs inputs) except -1
    cdef int check_sizes(self, Parameters p) except -1


cdef bint may_be_pixels(const void *x, int bits, Py_ssize_t stride, Py_ssize_t n) noexcept nogil
cdef int warn_of_pixels(object net, Parameters p, cnp.ndarray X, str name) except -1
cdef Py_ssize_t count(object data) except -1
cdef object snapshot_of(object data)
cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, str name, bint labelled, Py_ssize_t m, int n_workers=*,
    bint once=*, int n_threads=*, int layout=*, bint private=*)
cdef uint32_t *in_order(Py_ssize_t n) except NULL

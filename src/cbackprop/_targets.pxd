cimport cython
from libc.stdint cimport int32_t, uint32_t


cdef enum:
    NO_CLASS = -1


@cython.final
cdef class Targets:
    cdef Py_ssize_t n, n_out
    cdef Py_ssize_t start               # the place of the first in the user's data, for errors, ...
    cdef str name                       # ... and what they call the data
    cdef int32_t *labels                # (n) the class of each example, or NO_CLASS; NULL where not all are one-hot: then ...
    cdef void *rows                     # ... (n x n_out) every target y, in the network's type
    cdef int itemsize
    cdef bint of_arrays                 # they were read from an array Y, not from pairs
    cdef bint thresholded               # the class of the one output is whether a >= ...; otherwise the first largest a_j's
    cdef double threshold               # ... this
    cdef int allocate(self, Py_ssize_t n, Py_ssize_t n_out, int itemsize, str name, Py_ssize_t start) except -1
    cdef bint read_plain_pairs(self, list pairs, const uint32_t *order, bint labelled) except -1
    cdef list read_pairs(self, list pairs, bint labelled)
    cdef object unpack(self, object pair, Py_ssize_t i)
    cdef int put_label(self, Py_ssize_t i, object y) except -1
    cdef int put_target(self, Py_ssize_t i, object y) except -1
    cdef int labels_to_rows(self) except -1
    cdef int read_array(self, object X, object Y, bint labelled) except -1
    cdef int read_labels(self, object Y, bint checks) except -1
    cdef void answer_from(self, double threshold) noexcept
    cdef object classes(self)
    cdef int check_classes(self) except -1
    cdef int check_labels(self, object data) except -1

from libc.stdint cimport int32_t, uint32_t

from cbackprop.kernels cimport Packing, Records, Row


cdef class Examples:
    cdef Py_ssize_t n, n_in, n_out
    cdef double density                 # of the inputs that were looked at: all of them, where sparse
    cdef bint sparse
    cdef Records records                # where sparse
    cdef const void **rows              # (n) where dense: row e has the inputs of example e ...
    cdef int row_bits                   # ... as 64- or 32-bit reals
    cdef int32_t *labels                # (n) the class of each example, or NULL where ...
    cdef void *targets                  # ... (n x n_out) its target a^L, in the network's type
    cdef int itemsize
    cdef object name, held
    cdef void *inputs                   # what `rows` points into, where it is ours
    cdef double largest                 # input, in absolute value, where sparse
    cdef bint thresholded               # the class of the one output is whether a >= 1/2; otherwise the first largest a_j's
    cdef bint pixels                    # whole numbers from 0 to 255 that reach past 1
    # While they are packed:
    cdef int n_threads
    cdef uint32_t *order                # (n) in which they are packed
    cdef bint by_address                # ... which is that of the pairs' addresses, not of the data
    cdef Row *found                     # (most) the inputs of the next of them ...
    cdef object converted               # ... and what they are in where that is ours
    cdef Py_ssize_t most, looked        # examples at a time; packed at the last look for Ctrl-C
    cdef list read_pairs(self, object data, Py_ssize_t start, Py_ssize_t stop, bint labelled)
    cdef bint read_plain_pairs(self, list pairs, bint labelled) except -1
    cdef int put_label(self, Py_ssize_t i, object y) except -1
    cdef object unpack(self, object pair, Py_ssize_t i)
    cdef int new_labels(self) except -1
    cdef int put_target(self, Py_ssize_t i, object y) except -1
    cdef int read_array_targets(self, object X, object Y, Py_ssize_t start, Py_ssize_t stop, bint labelled) except -1
    cdef str where(self, Py_ssize_t i, str what)
    cdef object input(self, object inputs, Py_ssize_t start, Py_ssize_t i)
    cdef int new_order(self) except -1
    cdef int order_by_address(self, list pairs) except -1
    cdef void order_of_list(self) noexcept
    cdef Py_ssize_t find(self, object inputs, Py_ssize_t start, Py_ssize_t first) except -1
    cdef bint is_sparse(self, object inputs, Py_ssize_t start) except -1
    cdef int pack_records(self, object inputs, Py_ssize_t start, Py_ssize_t tile, int smallest) except -1
    cdef bint write_records(self, object inputs, Py_ssize_t start, Packing *packing) except -1
    cdef object classes(self)
    cdef int check_classes(self, Py_ssize_t start) except -1
    cdef int pack_rows(self, object inputs, Py_ssize_t start) except -1
    cdef bint copy_rows(self, object inputs, Py_ssize_t start) except -1


cdef object snapshot_of(object data)

cimport cython
from libc.stdint cimport uint32_t

from cbackprop.kernels cimport Row


@cython.final
cdef class Inputs:
    cdef object data                    # a list of pairs, all tuples, or an array X
    cdef Py_ssize_t n, n_in
    cdef Py_ssize_t start               # the place of the first in the user's data, for errors, ...
    cdef str name                       # ... and what they call the data
    cdef bint private                   # nobody else writes to them: the GIL need not be held
    cdef uint32_t *order                # (n) in which they are read
    cdef bint by_address                # ... which is that of the pairs' addresses, not of the data
    cdef Row *rows                      # (block) the inputs that were located last ...
    cdef object converted               # ... and the array that they are in, where that is ours
    cdef Py_ssize_t block               # the most examples that are located at a time
    cdef Py_ssize_t last_look           # the first example that was located after the last look for Ctrl-C
    cdef int allocate(self, Py_ssize_t n, Py_ssize_t n_in, str name, Py_ssize_t start) except -1
    cdef void order_of_data(self) noexcept
    cdef int order_by_address(self, list pairs) except -1
    cdef object array(self, Py_ssize_t i)
    cdef Py_ssize_t locate(self, Py_ssize_t first) except -1


cdef bint has_plain_rows(object X)

cimport cython
from libc.stdint cimport uint32_t

from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop._team cimport Team


@cython.final
cdef class Evaluation:
    cdef Parameters p
    cdef Team dense, sparse
    cdef tuple score(self, Examples examples, bint labelled, bint answers, cost, Py_ssize_t n)
    cdef double custom_costs(self, Team team, Py_ssize_t start, Py_ssize_t stop, fn, Py_ssize_t n) except *


cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t m, int n_workers, str name, bint labelled,
    bint once=*, int n_packing=*)
cdef Py_ssize_t count(object data) except -1
cdef uint32_t *in_order(Py_ssize_t n) except NULL
cdef int check_sizes_of(Examples examples, Parameters p) except -1

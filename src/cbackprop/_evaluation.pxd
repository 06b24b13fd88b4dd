cimport cython

from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop._team cimport Team


@cython.final
cdef class Evaluation:
    cdef Parameters p
    cdef Team dense, sparse
    cdef bint read_again(self, net) except -1
    cdef tuple score(self, Examples examples, bint labelled, bint answers, cost, Py_ssize_t n, sum_order=*)
    cdef Team team_for(self, Examples examples)
    cdef double custom_costs(self, Team team, Py_ssize_t start, Py_ssize_t stop, fn, Py_ssize_t n) except *


@cython.final
cdef class Scorer:
    cdef Evaluation evaluation  # the last one
    cdef tuple score(self, net, Examples examples, bint labelled, bint answers, cost, order=*)

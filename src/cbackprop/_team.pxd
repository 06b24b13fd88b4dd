cimport cython
from libc.stdint cimport uint32_t

from cbackprop._activations cimport Codes
from cbackprop._algorithm cimport Source, Worker
from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop.kernels cimport Barrier, Kernels


cdef enum:
    MAX_WORKERS = 64
    EVALUATED = 128         # examples that are evaluated together


# Hands out one piece of memory after the other; with no base it only adds up how much that is.
cdef struct Arena:
    char *base
    Py_ssize_t used


@cython.final
cdef class Team:
    cdef const Kernels *k
    cdef int L
    cdef readonly int n_workers
    cdef readonly bint sparse
    cdef bint columns               # the inputs are read from a matrix of the caller's, unpacked
    cdef Py_ssize_t m               # the longest mini-batch that there is room for
    cdef Source source
    cdef Worker *workers            # and their layers
    cdef void *memory               # one allocation: every array of every worker
    cdef Barrier barrier
    cdef Examples examples          # kept alive, as are
    cdef Codes activations
    cdef Py_ssize_t lay_out(self, Parameters p, char *base, bint trains) noexcept
    cdef void lay_out_layer(self, Parameters p, Arena *arena, int w, int l, bint trains) noexcept
    cdef void lay_out_sweep(self, Arena *arena, Worker *worker) noexcept
    cdef int read(self, Examples examples, uint32_t *order) except -1
    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil
    cdef void load(self, Parameters p) noexcept
    cdef tuple store(self, Parameters p)
    cdef void forget(self) noexcept nogil
    cdef int train(self, Py_ssize_t first, Py_ssize_t last, double eta) noexcept nogil
    cdef Py_ssize_t count_correct(self, Py_ssize_t start, Py_ssize_t stop) noexcept nogil

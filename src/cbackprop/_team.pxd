cimport cython
from libc.stdint cimport int32_t, uint32_t

from cbackprop._activations cimport Codes
from cbackprop._step_options cimport StepOptions
from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop._worker cimport Layer, Source, Worker
from cbackprop.kernels cimport Barrier, Kernels, MemberTime


cdef enum:
    MAX_WORKERS = 64
    EVALUATED = 64         # examples that are evaluated together


# Hands out one piece of memory after the other; with no base it only adds up how much that is.
cdef struct Arena:
    char *base
    Py_ssize_t used


@cython.final
cdef class Team:
    cdef const Kernels *k
    cdef int L
    cdef int n_workers
    cdef bint sparse
    cdef int kind                   # of the records, where sparse
    cdef bint momentum              # there is room for velocities
    cdef bint finite                # the parameters that were stored last
    cdef bint keeps_z               # ... for a copy of z^L
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
    cdef bint is_compatible(self, Parameters p, Examples examples) noexcept
    cdef int read(self, Examples examples, uint32_t *order) except -1
    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil
    cdef int load(self, Parameters p) except -1
    cdef int take_over(self, Team other) except -1
    cdef int load_velocities(self, Parameters p, velocities) except -1
    cdef tuple store(self, Parameters p)
    cdef tuple stored(self, Parameters p, bint velocities)
    cdef int store_into(self, net, Parameters p) except -1
    cdef void forget(self) noexcept nogil
    cdef Py_ssize_t row_bytes(self, const Layer *layer) noexcept nogil
    cdef void set_step(self, StepOptions options) noexcept
    cdef Py_ssize_t train(self, Py_ssize_t first, Py_ssize_t last, double duration, MemberTime *spent) noexcept nogil
    cdef int train_with_custom_error(self, Py_ssize_t first, Py_ssize_t last, delta) except -1
    cdef Py_ssize_t score(
        self, Py_ssize_t start, Py_ssize_t stop, const int32_t *classes, int cost, double *cost_of) noexcept nogil


cdef int custom_error(Worker *me, int type_num, const uint32_t *examples, Py_ssize_t m, delta) except -1
cdef tuple outputs_and_targets(Worker *me, int type_num, const uint32_t *examples, Py_ssize_t m)
cdef object columns_of(Worker *me, int type_num, void *data)

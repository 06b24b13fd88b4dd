cimport cython
from libc.stdint cimport uint32_t

from cbackprop._activations cimport ActivationCodes
from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport StepOptions
from cbackprop._update_rules cimport UpdateRule
from cbackprop._worker cimport LateRows, Source, State, Worker
from cbackprop.kernels cimport Barrier, Kernels, MemberTime, Records


cdef enum:
    MAX_WORKERS = 64
    # where another number means a state of the update rule:
    PARAMETERS = -1     # the weights and biases
    GRADIENT = -2       # Layer.gradient
    TOTAL = -3          # Layer.total


# Hands out one piece of memory after the other; without a base it only adds up their bytes.
cdef struct Arena:
    char *base
    Py_ssize_t used


@cython.final
cdef class Team:
    cdef const Kernels *k
    cdef int L
    cdef int n_workers
    cdef bint sparse
    cdef Records shape              # of the records, if sparse
    cdef bint leaves_rows           # a mini-batch leaves most rows of w^2 alone
    cdef const UpdateRule *rule     # NULL if nothing is to be updated
    cdef int n_state                # of the rule
    cdef bint sums                  # gradients go to Layer.total
    cdef bint shares                # parameters, states and gradients are where `place` and `place_total` say
    cdef tuple dropout              # p of the layers 1 .. L-1; None without dropout
    cdef object masks               # kept alive: of this epoch
    cdef bint finite                # the parameters that were stored last
    cdef bint keeps_z               # there is room for a copy of z^L
    cdef bint columns               # the inputs are the columns of a matrix of the user's, read where they are
    cdef Py_ssize_t m               # the longest mini-batch that there is room for
    cdef Source source
    cdef Worker *workers            # and their layers
    cdef void *memory               # one allocation: every array of every worker
    cdef Barrier barrier
    cdef Examples examples          # kept alive, like
    cdef ActivationCodes activations
    cdef Py_ssize_t allocate(self, Parameters p, char *base, bint trains) noexcept
    cdef void allocate_layer(self, Parameters p, Arena *arena, int w, int l, bint trains) noexcept
    cdef void allocate_sparse_layer(self, Arena *arena, Worker *worker) noexcept
    cdef void allocate_late_rows(self, Arena *arena, Worker *worker) noexcept
    cdef void copy_late_rows(self, LateRows *rows, const LateRows *other) noexcept
    cdef void forget_late_steps(self, LateRows *rows) noexcept
    cdef bint is_late(self) noexcept
    cdef bint drops(self, int l) noexcept
    cdef int place_masks(self, Parameters p) except -1
    cdef int set_masks(self, masks) except -1
    cdef bint is_compatible(self, Parameters p, Examples examples) noexcept
    cdef bint has_room(self, const Records *records) noexcept
    cdef int read(self, Examples examples, uint32_t *order) except -1
    cdef void read_columns(self, Py_ssize_t n_in, Py_ssize_t m, const void *X, const void *targets) noexcept nogil
    cdef int load_from(self, Parameters p) except -1
    cdef int load(self, Parameters p) except -1
    cdef int load_moments(self, Parameters p, past) except -1
    cdef bint load_state(self, Parameters p, int k, arrays, str name) except -1
    cdef int copy_from(self, Team other) except -1
    cdef int store_into(self, net, Parameters p) except -1
    cdef void finish(self) noexcept
    cdef tuple store(self)
    cdef tuple stored(self, int k)
    cdef tuple stored_moments(self)
    cdef void unpack_into(self, int k, list of_weights, list of_biases) noexcept
    cdef int load_arrays(self, int k, list of_weights, list of_biases) except -1
    cdef Py_ssize_t place(self, char *base) noexcept nogil
    cdef Py_ssize_t place_total(self, char *base) noexcept nogil
    cdef State taken(self, Arena *arena, int l, int k) noexcept nogil
    cdef void set_part(self, int l, int k, const State *part) noexcept nogil
    cdef void fill_with_zeros(self, int k) noexcept nogil
    cdef void measure(self) noexcept
    cdef void set_step(self, StepOptions options) noexcept
    cdef Py_ssize_t train(self, Py_ssize_t first, Py_ssize_t last, double duration, MemberTime *spent) noexcept nogil
    cdef int train_with_custom_error(self, Py_ssize_t first, Py_ssize_t last, delta) except -1

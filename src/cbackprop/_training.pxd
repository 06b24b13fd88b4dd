cimport cython
from libc.stdint cimport uint32_t

from cbackprop._evaluation cimport Scorer
from cbackprop._examples cimport Examples
from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport StepOptions
from cbackprop._team cimport Team
from cbackprop._worker cimport Cost
from cbackprop.kernels cimport MemberTime


@cython.final
cdef class Training:
    cdef Examples examples
    cdef Team team
    cdef Parameters parameters          # what the last epoch knew of the network's
    cdef Parameters shapes              # of the layers, without arrays, if more examples will be taken: see `pack`; ...
    cdef int workers_at_first, layout_of_all    # ... and how they are packed
    cdef object activations             # that the team was made for
    cdef StepOptions options
    cdef Scorer scorer                  # of the training data; None until it is asked
    cdef object pace                    # how many workers are fastest; None if one works alone
    cdef object draws                   # from what the last shuffle drew: see `draws_of`
    cdef uint32_t *permutation          # (n) the examples as shuffled, by their numbers
    cdef Cost cost                      # of the mini-batches of the last epoch ...
    cdef bint costs                     # ... if it is asked for
    cdef object sum_order               # (n) of the costs in `score`, uint32; None: as the examples came
    cdef Py_ssize_t n                   # examples
    cdef readonly list snapshot         # the user's pairs in their first order; None for arrays
    cdef Py_ssize_t m, slice            # examples of a mini-batch; mini-batches between two looks for Ctrl-C
    cdef int new_team(self, Parameters p, int n_workers) except -1
    cdef int resize(self, Parameters p, int n_workers) except -1
    cdef int follow_pace(self, Parameters p, Py_ssize_t batches, double seconds, const MemberTime *spent) except -1
    cdef int shuffle_with(self, user_shuffle, items) except -1
    cpdef bint epoch(self, net, StepOptions options, masks=*, Py_ssize_t first=*, Py_ssize_t last=*) except -1
    cdef int check_begun(self) except -1
    cdef Parameters begin(self, net, StepOptions options)
    cdef int run(self, Parameters p, StepOptions options, Py_ssize_t first, Py_ssize_t end) except -1


cdef object permutation_of(numbers, Py_ssize_t n)

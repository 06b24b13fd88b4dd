cimport cython

from cbackprop._activations cimport ActivationCodes
from cbackprop._memory cimport Memory


@cython.final
cdef class Parameters:
    cdef int L              # layers
    cdef Py_ssize_t *n      # n[1] ... n[L]: their neurons
    cdef int type_num       # NumPy's number of the element type ...
    cdef int itemsize       # ... and its bytes
    cdef list weights       # contiguous arrays of that type
    cdef list biases
    cdef ActivationCodes activations  # None: sigmoids all
    cdef Memory memory      # of the network when it was read
    cdef list sizes(self)
    cdef int check_fit(self) except -1
    cdef bint read_again(self, net) except -1
    cdef void let_go(self) noexcept
    cdef bint may_be_overwritten(self, net) except -1
    cdef list like(self, object arrays, str name, bint are_weights)
    cdef int check(self) except -1
    cdef int check_ready(self, list arrays, str name, bint are_weights) except -1
    cdef bint are_ready(self, list arrays, bint are_weights) noexcept
    cdef bint is_ready(self, object array, int l, bint are_weights) noexcept
    cdef void *w(self, int l) noexcept
    cdef void *b(self, int l) noexcept


cdef bint are_finite(list matrices) noexcept
cpdef bint has_no_layers(net) except -1
cpdef bint has_empty_layer(net) except -1

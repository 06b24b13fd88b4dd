cimport cython


@cython.final
cdef class Memory:
    cdef readonly object module         # cbackprop._overrides.Module of the network's class
    cdef readonly object dtype          # of the parameters and of all arithmetic: NumPy's float64 or float32
    cdef readonly object activations    # LayerActivations; None: every neuron is a sigmoid
    cdef readonly object layout         # how the last SGD laid the inputs out, in words; or None
    cdef readonly object velocities     # with momentum: (of weights, of biases), two lists of arrays; or None
    # With Adam: (t, first moments, second moments), with AMSGrad also their maxima: t is the number of steps taken, and each of the
    # others is (of weights, of biases). Or None.
    cdef readonly object moments
    cdef readonly object history        # a list with an entry for each epoch of the last SGD; None before the first
    cdef readonly object progress       # where the last SGD ended: see cbackprop/_progress.py; None before the first
    cdef readonly object generator      # the initial weights were drawn from it; None: from NumPy's global one
    cdef readonly bint warned_of_pixels     # by `feedforward` or `predict`, which warn a network's user once

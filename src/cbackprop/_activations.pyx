"""The activations of a network's layers and neurons, as the kernels take them."""

cimport cython
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free, malloc

from cbackprop.kernels cimport LINEAR, RELU, SIGMOID, SOFTMAX, SOFTPLUS, TANH, Activations

cdef dict CODES = {"sigmoid": SIGMOID, "linear": LINEAR, "tanh": TANH, "relu": RELU, "softplus": SOFTPLUS, "softmax": SOFTMAX}


@cython.final
cdef class Codes:
    """The named activations of each layer, and of the neurons that have another.

    A function of the reader's own stands as a sigmoid: no kernel runs where there is one, but the sizes are checked.

    Parameters
    ----------
    layers : list of (str or Activation, dict of int to the same)
        For each layer after the input layer its activation, and that of each modified neuron.
    sizes : list of int
        Of the network as it is now.

    Raises
    ------
    ValueError
        Where the network has other layers than the activations were chosen for.
    """

    def __cinit__(self, list layers, list sizes):
        cdef Py_ssize_t l, L = len(sizes), n_own = 0
        cdef Activations *f
        cdef int32_t *free_place
        if len(layers) != L - 1:
            raise ValueError(f"sizes has {L} layers; the activations were chosen for a network of {len(layers) + 1}")
        for _, modified in layers:
            n_own += len(modified)
        self.layer = <Activations *> calloc(L + 1, sizeof(Activations))
        self.numbers = free_place = <int32_t *> malloc((2 * n_own + 1) * sizeof(int32_t))
        if self.layer is NULL or self.numbers is NULL:
            raise MemoryError
        for l in range(2, L + 1):
            name, modified = layers[l - 2]
            f = &self.layer[l]
            f.all = CODES.get(name, SIGMOID)
            f.n_own = len(<dict> modified)
            f.column = free_place
            f.own = free_place + f.n_own
            for j, name in (<dict> modified).items():
                if j >= sizes[l - 1]:
                    raise ValueError(f"neuron {j} of layer {l} has an activation of its own; the layer has {sizes[l - 1]}")
                free_place[0] = j
                free_place[f.n_own] = CODES.get(name, SIGMOID)
                free_place += 1
            free_place += f.n_own

    def __dealloc__(self):
        free(self.layer)
        free(self.numbers)

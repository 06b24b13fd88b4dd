"""The activations of a network's layers and neurons, as the kernels take them."""

cimport cython
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free, malloc

from cbackprop.kernels cimport N_ACTIVATIONS, SOFTMAX, TIMES_DERIVATIVE, Activations, activation_name

from cbackprop.activations import NAMES, Activation

cdef enum:
    CUSTOM = -1     # a function of the user's, which no kernel can call

cdef dict CODES = {}
for code in range(N_ACTIVATIONS):
    CODES[activation_name(code).decode()] = code
if CODES.keys() != set(NAMES):
    raise ImportError(
        "cbackprop/activations.py and src/kernels/registry.h must name the same activations; only one of them names "
        + ", ".join(sorted(CODES.keys() ^ set(NAMES))))


def compiled_codes():
    """The activations that the kernels know: name -> code."""
    return CODES.copy()


@cython.final
cdef class ActivationCodes:
    """The activation of each layer, and of the neurons that have another, as codes.

    A function of the user's has no code. No kernel computes its network (`check` raises), but its sizes are checked here.

    Parameters
    ----------
    layers : list of (str or Activation, dict of int to the same)
        For each layer after the input layer its activation, and that of each modified neuron.
    sizes : list of int
        The network's, as they are now.

    Raises
    ------
    ValueError
        Where the network has other layers than the activations were chosen for, or something is not an activation.
    """

    def __cinit__(self, list layers, list sizes):
        cdef Py_ssize_t l, L = len(sizes), n_modified = 0
        cdef Activations *f
        cdef int32_t *free_place
        if len(layers) != L - 1:
            raise ValueError(f"sizes has {L} layers; the activations were chosen for a network of {len(layers) + 1}")
        for _, modified in layers:
            n_modified += len(modified)
        self.L = <int> L
        self.layer = <Activations *> calloc(L + 1, sizeof(Activations))
        self.numbers = free_place = <int32_t *> malloc((2 * n_modified + 1) * sizeof(int32_t))
        if self.layer is NULL or self.numbers is NULL:
            raise MemoryError
        for l in range(2, L + 1):
            activation, modified = layers[l - 2]
            f = &self.layer[l]
            f.all = self.code(activation, l, None)
            f.n_exceptions = len(<dict> modified)
            f.column = free_place
            f.exception = free_place + f.n_exceptions
            if f.all == SOFTMAX and (l < L or f.n_exceptions > 0):
                raise ValueError(f"layer {l} is softmax, which is for an output layer as a whole")
            for j, activation in (<dict> modified).items():
                if j >= sizes[l - 1]:
                    raise ValueError(f"neuron {j} of layer {l} has its own activation, but the layer has {sizes[l - 1]} neurons")
                free_place[0] = j
                free_place[f.n_exceptions] = self.code(activation, l, j)
                if free_place[f.n_exceptions] == SOFTMAX:
                    raise ValueError(f"neuron {j} of layer {l} is softmax, which is for an output layer as a whole")
                free_place += 1
            free_place += f.n_exceptions

    def __dealloc__(self):
        free(self.layer)
        free(self.numbers)

    cdef int code(self, object activation, Py_ssize_t l, object j) except? -2:
        """The code of layer l's activation, or of its neuron j's."""
        code = CODES.get(activation)
        if code is not None:
            return code
        holder = f"layer {l}" if j is None else f"neuron {j} of layer {l}"
        if not isinstance(activation, Activation):
            raise ValueError(f"the activation of {holder} is {activation!r}; expected one of {', '.join(CODES)}, or an Activation")
        self.custom = holder
        return CUSTOM

    cdef int check(self) except -1:
        """Raises if the kernels cannot compute these activations."""
        if self.custom is not None:
            raise TypeError(f"the activation of {self.custom} is the user's own function, which the compiled kernels cannot call")
        return 0

    cdef int check_error(self, int error) except -1:
        """Raises if this output error (see registry.h) is not defined for the output layer."""
        if error == TIMES_DERIVATIVE and self.layer[self.L].all == SOFTMAX:
            raise ValueError("the output layer is softmax, and this cost needs the derivative of each neuron by itself")
        return 0

"""What a step of gradient descent does, and the costs, as the kernels take them."""

cimport cython

from cbackprop.kernels cimport CUSTOM_DELTA, N_COSTS, cost_name, cost_output_error

from cbackprop.costs import COSTS

cdef dict CODES = {}
for code in range(N_COSTS):
    CODES[cost_name(code).decode()] = code
if CODES.keys() != COSTS.keys():
    raise ImportError(
        "cbackprop/costs.py and src/kernels/registry.h must name the same costs; only one of them names "
        + ", ".join(sorted(CODES.keys() ^ COSTS.keys())))


def compiled_codes():
    """The costs that the kernels know: name -> code."""
    return CODES.copy()


cdef int cost_code(str name) except -1:
    """The kernels' code of a built-in cost."""
    if name not in CODES:
        raise ValueError(f"{name!r} is no cost of the kernels; they have {', '.join(CODES)}")
    return CODES[name]


@cython.final
cdef class StepOptions:
    """How a gradient is to change the parameters, and what the output error is.

    Parameters
    ----------
    eta : float
        The learning rate.
    weight_decay : float
        eta * lambda / n of the regularisation; NaN and 0 differ, as in the book.
    is_l1 : bool
        L1 regularisation in place of L2.
    mu : float
        The momentum.
    cost : object
        Of network2: its ``delta`` is the output error where `builtin_delta` is None. Otherwise that names whose it is.
    """

    def __cinit__(self, double eta, double weight_decay=0, bint is_l1=False, double mu=0, str builtin_delta="QuadraticCost", cost=None):
        self.step.eta = eta
        self.step.weight_decay = weight_decay
        self.step.is_l1 = is_l1
        self.step.mu = mu
        if builtin_delta is None:
            self.error = CUSTOM_DELTA
            self.delta = cost.delta
        else:
            self.error = cost_output_error(cost_code(builtin_delta))

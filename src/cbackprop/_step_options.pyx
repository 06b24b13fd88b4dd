"""The options of a step of gradient descent, as the kernels take them."""

cimport cython

from cbackprop._costs cimport cost_code
from cbackprop.kernels cimport CUSTOM_DELTA, cost_output_error


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
    builtin_delta : str or None
        The built-in cost whose output error it is; None: that of `cost`.
    cost : object
        A cost class of the user's, whose ``delta`` is called.
    """

    def __cinit__(
        self, double eta, double weight_decay=0, bint is_l1=False, double mu=0, str builtin_delta="QuadraticCost", cost=None,
    ):
        self.step.eta = eta
        self.step.weight_decay = weight_decay
        self.step.is_l1 = is_l1
        self.step.mu = mu
        if builtin_delta is None:
            self.error = CUSTOM_DELTA
            self.delta = cost.delta
        else:
            self.error = cost_output_error(cost_code(builtin_delta))

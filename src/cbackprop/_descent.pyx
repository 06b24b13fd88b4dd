"""What a step of gradient descent does, as the kernels take it."""

cimport cython

from cbackprop._algorithm cimport DIFFERENCE, OWN_DELTA, TIMES_DERIVATIVE


@cython.final
cdef class Descent:
    """How the parameters follow the gradient.

    Parameters
    ----------
    eta : float
        The learning rate.
    shrink : float
        eta * lambda / n of the regularisation; NaN and 0 differ, as in the book.
    signs : bool
        L1 regularisation in place of L2.
    mu : float
        The momentum.
    cost : object
        Of network2: its ``delta`` is the output error where `own_error` is None. Otherwise that names whose it is.
    """

    def __cinit__(self, double eta, double shrink=0, bint signs=False, double mu=0, str own_error="QuadraticCost", cost=None):
        self.step.eta = eta
        self.step.shrink = shrink
        self.step.signs = signs
        self.step.mu = mu
        if own_error is None:
            self.error = OWN_DELTA
            self.delta = cost.delta
        else:
            self.error = TIMES_DERIVATIVE if own_error == "QuadraticCost" else DIFFERENCE

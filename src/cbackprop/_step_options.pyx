"""The options of a step of gradient descent, as the kernels take them."""

cimport cython

from cbackprop._costs cimport cost_code
from cbackprop._worker cimport ADAM, AMSGRAD, GRADIENT_DESCENT, MOMENTUM, NESTEROV, SUM_OF_GRADIENTS
from cbackprop.kernels cimport CUSTOM_DELTA, cost_output_error

from cbackprop import _arguments

cdef dict RULES = {
    "gradient descent": GRADIENT_DESCENT,
    "momentum": MOMENTUM,
    "nesterov": NESTEROV,
    "adam": ADAM,
    "amsgrad": AMSGRAD,
    "sum of gradients": SUM_OF_GRADIENTS,
}


@cython.final
cdef class StepOptions:
    """How a gradient is to change the parameters, and what the output error is.

    Parameters
    ----------
    eta : float
        The learning rate.
    builtin_delta : str or None
        The built-in cost whose output error it is; None: that of `cost`.
    cost : object
        A cost class of the user's, whose ``delta`` is called.
    lmbda_over_n : float or None
        lambda / n of the regularisation. None is not 0: as in the book's two modules, an infinite eta times 0 is NaN.
        With `decays_by_batch`, lambda.
    is_l1 : bool
        L1 regularisation in place of L2.
    rule : {"gradient descent", "momentum", "nesterov", "adam", "amsgrad", "sum of gradients"}
        The last makes no step: see `Training.gradient`.
    mu : float
        The momentum.
    beta_1, beta_2, epsilon : float
        Adam's. Epsilon is a normal number of the network's type.
    is_epsilon_hat : bool
        Epsilon is added to the root of the second moment before its bias correction, as in the shorter form of the paper's
        section 2, where it is called epsilon hat, and as in scikit-learn; otherwise after it, as in algorithm 1 and in PyTorch.
    dropout : tuple of float or None
        For each of the layers 1 .. L-1 the probability that a neuron drops out: then `Training.epoch` gets masks.
    decays_by_batch : bool
        The n of lambda / n is the length of each mini-batch, as in scikit-learn.
    """

    def __cinit__(
        self, double eta, str builtin_delta="QuadraticCost", cost=None, lmbda_over_n=None, bint is_l1=False, *,
        str rule="gradient descent", double mu=0, double beta_1=0.9, double beta_2=0.999, double epsilon=1e-8,
        bint is_epsilon_hat=False, tuple dropout=None, bint decays_by_batch=False,
    ):
        self.step.rule = RULES[rule]
        self.step.eta = eta
        if lmbda_over_n is not None:
            self.step.lmbda_over_n = lmbda_over_n
            self.step.weight_decay = eta * self.step.lmbda_over_n
        self.step.is_l1 = is_l1
        self.step.mu = mu
        self.step.beta_1 = beta_1
        self.step.beta_2 = beta_2
        self.step.epsilon = epsilon
        self.step.is_epsilon_hat = is_epsilon_hat
        self.dropout = dropout
        self.step.decays_by_batch = decays_by_batch
        if builtin_delta is None:
            self.error = CUSTOM_DELTA
            self.delta = cost.delta
        else:
            self.error = cost_output_error(cost_code(builtin_delta))


cdef class PlainSteps:
    """Steps of plain gradient descent down the quadratic cost."""

    cdef object eta             # of the last step
    cdef StepOptions last

    def options(self, eta):
        """The step with this learning rate, described to the kernels."""
        if eta is not self.eta or type(eta) is not float:   # a float cannot change
            self.last, self.eta = StepOptions(_arguments.number(eta, "eta")), eta
        return self.last

"""A drop-in replacement for the book's network.py that trains in C.

You may replace a method, in a subclass or on an instance, or this module's ``sigmoid`` or ``sigmoid_prime``.
Your replacement is called just as the book's code would call it: the methods below then run the NumPy
reference that they inherit. Otherwise they run the compiled kernels.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _elementwise, _warnings
from cbackprop._compiled import (
    Compiled,
    Scores,
    Trainer,
    correct_answers,
    make_step,
)
from cbackprop._data import DataSet, read_for_evaluation, recognised
from cbackprop._epochs import TestReport, run_epochs
from cbackprop._memory import Memory, real_dtype
from cbackprop._overrides import Module, builtin
from cbackprop._parameters import check_sizes
from cbackprop._step_options import StepOptions
from cbackprop.activations import Activation, read_activations
from cbackprop.reference.network import ReferenceNetwork, draw_parameters, output_error, set_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Activation", "Network", "np", "random", "sigmoid", "sigmoid_prime"]


@builtin
def sigmoid(z: ArrayLike) -> Any:
    """The sigmoid function.

    Parameters
    ----------
    z : number or array_like

    Returns
    -------
    float or ndarray
        1 / (1 + e^−z) of each element, within 2 units in the last place; float32 stays float32.
    """
    return _elementwise.sigmoid(z)


@builtin
def sigmoid_prime(z: ArrayLike) -> Any:
    """The sigmoid's derivative, σ′(z) = σ(z)·(1 − σ(z)), element by element."""
    a = sigmoid(z)
    return a * (1 - a)


MODULE: Module = Module(
    globals(),
    output_error,
    gradient_methods=("cost_derivative", "backprop"),
    evaluation_methods=("feedforward", "evaluate"),
    step_options=lambda net: StepOptions(0.0),
)


class Network(Compiled, ReferenceNetwork):
    """A feedforward network trained by stochastic gradient descent.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    dtype : {numpy.float64, numpy.float32}, keyword only
        The type of the parameters and of all arithmetic. A float32 network starts from the same random
        numbers, rounded.
    activation : str, Activation, or a list of them, keyword only
        What layers compute from z: ``"sigmoid"``, ``"linear"``, ``"tanh"``, ``"relu"`` (whose derivative at
        0 is taken to be 0), ``"softplus"``, or functions of your own. One for all layers, or a list with one
        for each layer after the input layer. It does not change the initial weights.
    neuron_activations : dict, keyword only
        Single neurons that compute something else: ``{(l, j): activation}`` for neuron j, counted from 0,
        of layer l = 2, …, L.

    Attributes
    ----------
    num_layers : int
    sizes : sequence of int
        As given.
    biases : list of ndarray, (n, 1) each
    weights : list of ndarray, (n_out, n_in) each
        Plain attributes: the next call sees what you assign to them or write into them.
        Training replaces the arrays and leaves the old ones as they were.

    Raises
    ------
    TypeError, ValueError
        If `sizes` is not a sequence of whole numbers from 0, `dtype` is another type, or an activation is
        unknown or is for a layer or neuron that does not exist.
    """

    _cbackprop = Memory(MODULE)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dtype: DTypeLike = np.float64,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
    ) -> None:
        check_sizes(sizes)
        dtype = real_dtype(dtype)
        activations = read_activations(sizes, activation, neuron_activations)
        if activations and activations.layers[-1][0] == "softmax":
            raise ValueError(
                "activation is 'softmax'; that output layer is network2's, with LogLikelihoodCost"
            )
        set_up(self, sizes, dtype, activations)
        draw_parameters(self, sizes)

    @builtin
    def update_mini_batch(self, mini_batch: Iterable[tuple[ArrayLike, ArrayLike]], eta: float) -> None:
        """One step of gradient descent: w → w − (η/m) Σ_x ∂C_x/∂w, and the same for b.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta : float
            The learning rate η.

        Raises
        ------
        ZeroDivisionError
            If the mini-batch is empty.
        ValueError, TypeError
            As in `backprop`. The message names the example, and nothing has changed.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # type: ignore[arg-type]  # as in the book: an iterator is a TypeError
        _update(self, recognised(self, mini_batch, "mini_batch"), _arguments.number(eta, "eta"))

    @builtin
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Any] | None = None,
        *,
        n_threads: int | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Train by stochastic gradient descent, printing a line after each epoch.

        Parameters
        ----------
        training_data : list of (x, y), or a pair of arrays (X, Y)
            A list is shuffled in place before each epoch, as in the book; any other iterable is read
            once. X is (n, n_in), one example a row; Y is (n, n_out), or (n,) whole-number labels. The
            contents of the examples are read once, at the start.
        epochs, mini_batch_size : int
            The last mini-batch of an epoch may be shorter.
        eta : float
            The learning rate η.
        test_data : list of (x, label), or a pair of arrays, optional
            Evaluated after each epoch.
        n_threads : int, optional
            The most threads to use; by default the number in CBACKPROP_NUM_THREADS, or as many as make
            this network faster. The result is the same to the last bit.
        sample_weight : array_like, (n,), optional
            For arrays: how much each example counts. An example of weight 2 counts as two, in the gradient
            and in the length m of its mini-batch; a mini-batch of which nothing counts makes no step.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong. The message names it and the example, and nothing has changed.
        KeyboardInterrupt
            After Ctrl-C. The network holds the parameters of a completed mini-batch.
        """
        epochs = _arguments.whole(epochs, "epochs")
        mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
        n_threads = _arguments.threads(n_threads)
        custom_update = MODULE.replaced_method(self, ("update_mini_batch",)) is not None
        if not custom_update:
            _arguments.number(eta, "eta")
        examples = DataSet(self, training_data, "training_data", only_pairs=custom_update)
        tests = Scores(self, read_for_evaluation(self, test_data, "test_data", ("evaluate",)))
        tests.warn_of_one_output()
        trainer = Trainer(
            self, examples, mini_batch_size, n_threads, _Step(self), sample_weight=sample_weight
        )
        report = TestReport(self, tests.data.n, tests.correct)
        run_epochs(self, epochs, eta, trainer.train_epoch, report.after_epoch)

    @builtin
    def evaluate(self, test_data: Iterable[Any]) -> int:
        """The number of examples that the network answers with their label.

        Parameters
        ----------
        test_data : list of (x, label), or a pair of arrays (X, Y)
            As in `SGD`; Y is labels, or one-hot rows.

        Returns
        -------
        int
            The number of x for which the first largest a^L_j is at j = label.

        Raises
        ------
        ValueError, TypeError
            If an example has the wrong shape or type. The message names it.
        """
        tests = DataSet(self, test_data, "test_data")
        _warnings.of_one_output(self, tests)
        return correct_answers(self, tests)


class _Step:
    """One step of gradient descent within SGD, for `Trainer`."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.eta: Any = None
        self.last_options: Any = None

    def options(self, eta: Any) -> StepOptions:
        """The step, described to the kernels."""
        if eta is not self.eta or type(eta) is not float:  # a float cannot change
            self.last_options, self.eta = StepOptions(_arguments.number(eta, "eta")), eta
        return self.last_options

    def update(self, mini_batch: list[Any], eta: Any) -> None:
        """The step, made as in the book."""
        if MODULE.replaced_method(self.net, ("update_mini_batch",)):
            self.net.update_mini_batch(mini_batch, eta)
        else:
            _update(self.net, mini_batch, _arguments.number(eta, "eta"))


def _update(net: Network, examples: Any, eta: float) -> None:
    """What the package's own `update_mini_batch` does with recognised examples."""
    pairs = make_step(net, examples, lambda: StepOptions(eta))
    if pairs is not None:
        ReferenceNetwork.update_mini_batch(net, pairs, eta)

"""A drop-in replacement of the book's network2.py that trains from C, with chapter 3's exercises as options.

As in `cbackprop.network`, whatever a reader replaces is called just as the book's code would call it. A
reader's own cost class is asked for the output error and the cost alone; the rest stays compiled.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _elementwise, _warnings, costs
from cbackprop._compiled import (
    Compiled,
    Scores,
    Trainer,
    correct_answers,
    mean_cost,
    read_for_evaluation,
    update_mini_batch,
)
from cbackprop._data import DataSet, recognised
from cbackprop._epochs import Monitoring
from cbackprop._memory import Memory, offered, real_dtype, remember
from cbackprop._overrides import Module, builtin
from cbackprop._parameters import check_sizes, layer_sizes
from cbackprop._step_options import StepOptions
from cbackprop.activations import Activation
from cbackprop.costs import CrossEntropyCost, LogLikelihoodCost, QuadraticCost
from cbackprop.reference.network2 import (
    ReferenceNetwork2,
    output_error,
    penalty,
    vectorized_result,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from os import PathLike

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from cbackprop._data import Untouched
    from cbackprop._evaluation import EvaluationSet
    from cbackprop._training import Training

__all__ = [
    "Activation",
    "CrossEntropyCost",
    "LogLikelihoodCost",
    "Network",
    "QuadraticCost",
    "json",
    "load",
    "np",
    "random",
    "sigmoid",
    "sigmoid_prime",
    "sys",
    "vectorized_result",
]


@builtin
def sigmoid(z: ArrayLike) -> Any:
    """The sigmoid function, element by element: see `cbackprop.network.sigmoid`."""
    return _elementwise.sigmoid(z)


@builtin
def sigmoid_prime(z: ArrayLike) -> Any:
    """The sigmoid's derivative, σ′(z) = σ(z)·(1 − σ(z)), by the `sigmoid` of this module."""
    a = sigmoid(z)
    return a * (1 - a)


def step_options_of(
    net: Any, eta: float = 0.0, weight_decay: float = 0.0, regularization: str = "L2", mu: float = 0.0
) -> StepOptions:
    """How the kernels are to follow the gradient of the network's cost."""
    cost, activations = net.cost, net._cbackprop.activations
    if activations is not None or not costs.takes_derivative(cost):
        costs.check(cost, activations, len(net.weights) + 1)
    return StepOptions(eta, weight_decay, regularization == "L1", mu, costs.builtin_delta(cost), cost)


MODULE: Module = Module(
    globals(),
    output_error,
    gradient_methods=("backprop",),
    evaluation_methods=("feedforward", "accuracy", "total_cost"),
    step_options=step_options_of,
)


class Network(Compiled, ReferenceNetwork2):
    """A feedforward network with a choice of cost, regularisation and momentum.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    cost : class
        `CrossEntropyCost`, `QuadraticCost`, `LogLikelihoodCost`, whose output layer is softmax, or one of
        the reader's own, with static methods ``fn(a, y)`` and ``delta(z, a, y)``.
    dtype, activation, neuron_activations : keyword only
        As in `cbackprop.network.Network`. With `LogLikelihoodCost` a single `activation` is that of the
        hidden layers; a list may end with ``"softmax"``.

    Attributes
    ----------
    num_layers, sizes, biases, weights, cost
        As in the book: plain attributes, read anew by every call.
    history : list of dict
        Once `SGD` has run, for each epoch of its last call: ``epoch``, ``eta``, the ``seconds`` of training,
        ``monitoring_seconds``, and what was monitored by its name: ``training_cost``,
        ``training_accuracy``, ``evaluation_cost``, ``evaluation_accuracy``.
    velocities : (list of ndarray, list of ndarray)
        Once a step with momentum was made: those of the weights and of the biases. An attribute `history`
        or `velocities` of the user's own takes the place of ours, and is neither read nor written.

    Raises
    ------
    TypeError, ValueError
        As in `cbackprop.network.Network`, and where `cost` is none or does not belong to the output layer.
    """

    _cbackprop = Memory(MODULE)

    def __init__(
        self,
        sizes: Sequence[int],
        cost: Any = CrossEntropyCost,
        *,
        dtype: DTypeLike = np.float64,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
    ) -> None:
        check_sizes(sizes)
        dtype = real_dtype(dtype)
        super().__init__(
            sizes, cost, dtype=dtype, activation=activation, neuron_activations=neuron_activations
        )

    @offered
    def velocities(self) -> Any:
        """With momentum: those of the weights and of the biases."""
        return self._cbackprop.velocities

    @builtin
    def update_mini_batch(
        self,
        mini_batch: Iterable[tuple[ArrayLike, ArrayLike]],
        eta: float,
        lmbda: float,
        n: int,
        *,
        regularization: str = "L2",
        mu: float = 0.0,
    ) -> None:
        """One step of gradient descent on the regularised cost.

        ::

            L2   w → (1 − ηλ/n) w − (η/m) Σ_x ∂C_x/∂w
            L1   w → w − (ηλ/n) sgn(w) − (η/m) Σ_x ∂C_x/∂w
                 b → b − (η/m) Σ_x ∂C_x/∂b

        With momentum, µ > 0, what is added above goes into velocities: v → µv + (…), w → w + v.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta, lmbda : float
            The learning rate η and the regularisation parameter λ.
        n : int
            The size of the whole training data.
        regularization : {"L2", "L1"}
        mu : float
            The momentum µ, 0 to 1; `velocities` are carried on.

        Raises
        ------
        ZeroDivisionError
            Where the mini-batch is empty or n is 0.
        ValueError, TypeError
            As `backprop`, naming the example; nothing has changed then.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # type: ignore[arg-type]  # as the book asks, so that an iterator is a TypeError
        eta, lmbda = _arguments.number(eta, "eta"), _arguments.number(lmbda, "lmbda")
        size = _arguments.number(n, "n")
        mu = _checked_options(regularization, mu)
        if size == 0:
            raise ZeroDivisionError("n is 0: lmbda cannot be divided by it")
        _update(self, recognised(self, mini_batch, "mini_batch"), eta, lmbda, size, regularization, mu)

    @builtin
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Iterable[Any] | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        *,
        regularization: str = "L2",
        mu: float = 0.0,
        early_stopping_n: int = 0,
        restore_best: bool = False,
        eta_halving_n: int = 0,
        n_threads: int | None = None,
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train by stochastic gradient descent; after each epoch, measure and print what is monitored.

        Parameters
        ----------
        training_data : list of (x, y), or a pair of arrays (X, Y)
            As in `cbackprop.network.Network.SGD`.
        epochs, mini_batch_size : int
        eta, lmbda : float
            The learning rate η, and the regularisation parameter λ.
        evaluation_data : list of (x, label), or a pair of arrays, optional
        monitor_evaluation_cost, monitor_evaluation_accuracy : bool
        monitor_training_cost, monitor_training_accuracy : bool
            What is printed, returned and kept in `history`.
        regularization : {"L2", "L1"}
            Of the weights: (λ/2n) Σ w², or (λ/n) Σ |w|, is added to the cost.
        mu : float
            The momentum µ, 0 to 1: see `update_mini_batch`. Velocities begin at 0.
        early_stopping_n : int
            Stop when the accuracy on the evaluation data has not risen above its best for so many epochs; 0:
            do not.
        restore_best : bool
            Put back, at the end, the parameters of the epoch with the best accuracy on the evaluation data.
        eta_halving_n : int
            Halve η each time that accuracy has not risen above its best for so many epochs, and stop when η
            has come down to 1/128; 0: do not.
        n_threads : int, optional
            As in `cbackprop.network.Network.SGD`.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : lists
            One number an epoch each, or none where it was not monitored. An accuracy is a number of examples.

        Raises
        ------
        ValueError, TypeError
            Where an argument is wrong, naming it and the example; nothing has changed then.
        KeyboardInterrupt
            The network then holds the parameters of a completed mini-batch; so it does after an error in a
            reader's own cost.
        """
        epochs = _arguments.whole(epochs, "epochs")
        mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
        early_stopping_n = _arguments.whole(early_stopping_n, "early_stopping_n", 0)
        eta_halving_n = _arguments.whole(eta_halving_n, "eta_halving_n", 0)
        n_threads, mu = _arguments.threads(n_threads), _checked_options(regularization, mu)
        custom_update = MODULE.replaced_method(self, ("update_mini_batch",)) is not None
        if not custom_update:
            _arguments.number(eta, "eta")
        monitored = wanted(
            evaluation_cost=monitor_evaluation_cost,
            evaluation_accuracy=monitor_evaluation_accuracy,
            training_cost=monitor_training_cost,
            training_accuracy=monitor_training_accuracy,
        )
        rules = wanted(
            early_stopping_n=early_stopping_n, restore_best=restore_best, eta_halving_n=eta_halving_n
        )
        measured = {*monitored, *(["evaluation_accuracy"] if rules else [])}
        computes_costs = any(name.endswith("_cost") for name in measured) and not MODULE.replaced_method(
            self, ("total_cost",)
        )
        if not custom_update or computes_costs:
            costs.check(self.cost, self._cbackprop.activations, len(self.weights) + 1)
            _arguments.number(lmbda, "lmbda")
        examples = DataSet(self, training_data, "training_data", only_pairs=custom_update)
        n = examples.n
        tests = _read_evaluation_data(self, evaluation_data, measured, monitored, rules)
        if n == 0 and "training_cost" in monitored:
            raise ZeroDivisionError("training_data is empty: monitor_training_cost has no mean")
        step = _Step(self, lmbda, n, regularization, mu)
        evaluation = _Scores(step, "evaluation", tests, measured)
        trainer = Trainer(self, examples, mini_batch_size, n_threads, step)
        training = _Scores(step, "training", examples, measured, trainer.packed)
        _ = training.warn_of_one_output() or evaluation.warn_of_one_output()
        if self._cbackprop.velocities is not None:
            remember(self, velocities=None)

        def train_epoch(eta: float) -> bool:
            training.forget()
            evaluation.forget()
            return trainer.train_epoch(eta)

        return Monitoring(
            self,
            train_epoch,
            training.measures() | evaluation.measures(),
            {"training_accuracy": n, "evaluation_accuracy": tests.n},
            monitored,
            early_stopping_n,
            restore_best,
            eta_halving_n,
        ).run(epochs, eta)

    @builtin
    def accuracy(self, data: Iterable[Any], convert: bool = False) -> int:
        """How many of the examples the network answers with their label.

        Parameters
        ----------
        data : list of (x, y), or a pair of arrays (X, Y)
        convert : bool
            Whether y is a target column, as in the training data, in place of a label. Of arrays, Y says
            itself.

        Returns
        -------
        int

        Raises
        ------
        ValueError, TypeError
            Where an example has the wrong shape or type, naming it.
        """
        examples = DataSet(self, data, "data")
        _warnings.of_one_output(self, examples)
        return correct_answers(self, examples, labelled=not convert)

    @builtin
    def total_cost(
        self, data: Iterable[Any], lmbda: float, convert: bool = False, *, regularization: str = "L2"
    ) -> float:
        """The mean of C_x over `data`, plus (λ/2n) Σ w² or, for L1, (λ/n) Σ |w|.

        Parameters
        ----------
        data : list of (x, y), or a pair of arrays (X, Y)
        lmbda : float
            The regularisation parameter λ.
        convert : bool
            Whether y is a label, as in the evaluation data, in place of a target column. Of arrays, Y says
            itself.
        regularization : {"L2", "L1"}

        Returns
        -------
        float

        Raises
        ------
        ZeroDivisionError
            Where `data` is empty.
        ValueError, TypeError
            Where an example has the wrong shape or type, or a label no output neuron, naming it.
        """
        lmbda = _arguments.number(lmbda, "lmbda")
        _checked_options(regularization, 0.0)
        examples = DataSet(self, data, "data")
        n = examples.n
        if n == 0:
            raise ZeroDivisionError("data is empty: its cost has no mean")
        if not convert or MODULE.has_builtin("vectorized_result"):
            mean = mean_cost(self, examples, examples.is_labelled(convert), _cost_function)
            if mean is not None:
                return mean + penalty(self, lmbda, n, regularization)
        if examples.is_arrays:
            convert = False
        cost = 0.0
        for i, (x, y) in enumerate(examples.training_pairs()):
            target = _target(self, y, f"data[{i}]") if convert else y
            if np.asarray(target).dtype.kind in "biu":
                target = np.asarray(target, np.float64)  # -y of an unsigned 1 is 255, of a bool an error
            cost += float(self.cost.fn(self.feedforward(x), target)) / n
        return cost + penalty(self, lmbda, n, regularization)

    def save(self, filename: str | bytes | PathLike[str]) -> None:
        """Save the network to a file: in the book's JSON, or as NumPy's npz where that is the suffix.

        Parameters
        ----------
        filename : str or path
            Written whole or not at all: until the end the old file stays. Every number is kept to its last
            bit, NaN and infinities too. The file's sizes are those that `weights` and `biases` have.

        Raises
        ------
        TypeError, ValueError
            Where an activation of the user's own cannot be saved, parameters do not fit together, or the name
            ends as another format's does (.onnx, .pt, .pth, .pkl, .pickle, .h5, .keras, .safetensors, .h).
        """
        from cbackprop._files import networks  # noqa: PLC0415  (few need it, and it takes time to import)

        networks.write(self, filename)


def load(filename: str | bytes | PathLike[str], cost: Any = None) -> Network:
    """The network in a file that `Network.save`, or the book's, has written.

    Parameters
    ----------
    filename : str or path
    cost : class, optional
        Takes the place of the one that the file names. Otherwise that is looked up in this module, as in the
        book: pass a class of your own, or put it here first (``network2.MyCost = MyCost``).

    Returns
    -------
    Network
        Its arrays are the file's. `sizes` is what the file notes, which need not agree with them: the book
        writes the old list after neurons were cut out.

    Raises
    ------
    ValueError
        Where the file is damaged or no network, naming it and what is wrong.
    TypeError
        Where `cost` is none.
    OSError
        Where it cannot be read.
    """
    from cbackprop._files import networks  # noqa: PLC0415

    saved = networks.read(filename)
    name = os.fsdecode(filename)
    what = "not an intact network"
    if cost is None:
        # In the module as it is now, as the book does: a user's class that was put here is found.
        module = sys.modules[__name__]
        cost = getattr(module, saved["cost"], None)
        if not costs.is_cost(cost):
            known = [key for key, value in sorted(vars(module).items()) if costs.is_cost(value)]
            raise ValueError(
                f"{name}: the cost is {saved['cost']!r}; {__name__} has the costs {', '.join(known)}. "
                f"For another, pass load(filename, cost=...), or put its class into the module first"
            )
    else:
        costs.check_functions(cost)
        what = "not a network for this cost"
    try:
        activations = networks.activations_of(saved, cost)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {what}: {error}") from error
    return networks.restored(Network, saved, cost, activations)


def _update(
    net: Network, examples: Any, eta: float, lmbda: float, n: Any, regularization: str, mu: float
) -> None:
    """One step over recognised examples, where `update_mini_batch` is the package's own."""
    pairs = update_mini_batch(
        net, examples, lambda: step_options_of(net, eta, eta * (lmbda / n), regularization, mu)
    )
    if pairs is not None:
        ReferenceNetwork2.update_mini_batch(net, pairs, eta, lmbda, n, regularization=regularization, mu=mu)


class _Step:
    """One step of gradient descent within SGD, for `Trainer`: what `update_mini_batch` is given beside η."""

    def __init__(self, net: Network, lmbda: Any, n: int, regularization: str, mu: float) -> None:
        self.net, self.lmbda, self.n, self.regularization, self.mu = net, lmbda, n, regularization, mu

    def options(self, eta: Any) -> StepOptions:
        """The step as the kernels take it."""
        eta, lmbda = _arguments.number(eta, "eta"), _arguments.number(self.lmbda, "lmbda")
        weight_decay = eta * (lmbda / self.n) if self.n else 0.0
        return step_options_of(self.net, eta, weight_decay, self.regularization, self.mu)

    def update(self, mini_batch: list[Any], eta: Any) -> None:
        """The step as the book takes it."""
        if not MODULE.replaced_method(self.net, ("update_mini_batch",)):
            numbers = _arguments.number(eta, "eta"), _arguments.number(self.lmbda, "lmbda")
            _update(self.net, mini_batch, *numbers, self.n, self.regularization, self.mu)
            return
        options = self.penalty_options()
        if self.mu:
            options["mu"] = self.mu
        self.net.update_mini_batch(mini_batch, eta, self.lmbda, self.n, **options)

    def penalty_options(self) -> dict[str, Any]:
        """How a replaced `update_mini_batch` or `total_cost` learns of a regularisation that is not L2."""
        return {"regularization": self.regularization} if self.regularization != "L2" else {}


class _Scores(Scores):
    """Accuracy and cost on the training data or on the evaluation data, from one pass over them an epoch."""

    def __init__(
        self,
        step: _Step,
        name: str,
        data: DataSet | Untouched,
        measured: Collection[str],
        packed: Training | None = None,
    ) -> None:
        self.step, self.name = step, name
        self.scored: tuple[int, float] | None = None
        super().__init__(
            step.net,
            data,
            labelled=name == "evaluation",
            wants_accuracy=f"{name}_accuracy" in measured,
            wants_cost=f"{name}_cost" in measured,
            packed=packed,
        )

    def measures(self) -> dict[str, Callable[[], Any]]:
        """What `Monitoring` is to call for each number."""
        return {f"{self.name}_cost": self.cost, f"{self.name}_accuracy": self.correct}

    def cost(self) -> float:
        """The mean cost now, as `total_cost` has it."""
        net, step = self.net, self.step
        if (
            self.packed is None
            or MODULE.replaced(net, ("feedforward", "total_cost"))
            or not self.has_targets()
        ):
            convert = {"convert": True} if self.labelled else {}
            return net.total_cost(self.data.given, step.lmbda, **convert, **step.penalty_options())
        return self.score(self.packed)[1] + penalty(net, step.lmbda, self.data.n, step.regularization)

    def has_targets(self) -> bool:
        """Whether the package itself makes the target of a label."""
        return MODULE.has_builtin("vectorized_result")

    def forget(self) -> None:
        """The network has changed."""
        self.scored = None

    def score(self, packed: Training | EvaluationSet) -> tuple[int, float]:
        """See `Scores`."""
        if self.scored is None:
            cost = _cost_function(self.net) if self.wants_cost else None
            self.scored = packed.score(self.net, self.wants_accuracy, cost)
        return self.scored


def _read_evaluation_data(
    net: Network, data: Any, measured: Collection[str], monitored: list[str], rules: list[str]
) -> DataSet | Untouched:
    """The evaluation data, checked for the rules that need them."""
    readers = {"evaluation_accuracy": "accuracy", "evaluation_cost": "total_cost"}
    evaluation = read_for_evaluation(
        net, data, "evaluation_data", [method for name, method in readers.items() if name in measured]
    )
    needed_by = [f"monitor_{name}" for name in sorted(monitored) if name in readers] + rules
    if needed_by and not evaluation.n:
        state = "empty" if data is not None else None
        raise ValueError(f"evaluation_data is {state}; {needed_by[0]} needs it")
    if rules:
        _check_stopping(net, evaluation, rules[0])
    return evaluation


def _check_stopping(net: Network, data: DataSet | Untouched, rule: str) -> None:
    """Raise where no accuracy can say when to stop."""
    if MODULE.replaced_method(net, ("accuracy",)):
        return
    way_out = (
        "give the network an output neuron for each class, replace `accuracy`, or monitor the cost "
        "(monitor_evaluation_cost=True) and choose the number of epochs from `history`"
    )
    if layer_sizes(net)[-1] == 1:
        raise ValueError(
            f"{rule} goes by the accuracy on evaluation_data, which says nothing of one output neuron: "
            f"{way_out}"
        )
    if isinstance(data, DataSet) and data.is_arrays and data.examples[1].ndim == 2:
        Y = data.examples[1]
        if not ((Y == 0) | (Y == 1)).all():
            raise ValueError(
                f"{rule} goes by the accuracy on evaluation_data, and its targets are real numbers, not "
                f"classes: {way_out}"
            )


def _cost_function(net: Network) -> Any:
    """What the kernels are to take for the cost: a name, or the user's own function."""
    costs.check(net.cost, net._cbackprop.activations, len(net.weights) + 1)
    return costs.builtin_fn(net.cost) or net.cost.fn


def _target(net: Network, label: Any, name: str) -> NDArray[np.float64]:
    """The target of a label, as long as the output layer unless `vectorized_result` is replaced."""
    if not MODULE.has_builtin("vectorized_result"):
        return vectorized_result(label)
    n_out = layer_sizes(net)[-1]
    if not (isinstance(label, (int, np.integer)) and 0 <= label < n_out):
        raise ValueError(f"{name}: y is {label!r}; expected the label of an output neuron, 0 to {n_out - 1}")
    return np.eye(n_out)[:, [int(label)]]


def _checked_options(regularization: str, mu: float) -> float:
    """µ as a float, where both are in order."""
    if regularization not in ("L1", "L2"):
        raise ValueError(f"regularization is {regularization!r}; expected 'L2' or 'L1'")
    mu = _arguments.number(mu, "mu")
    if not 0 <= mu <= 1:
        raise ValueError(f"mu is {mu}; expected a momentum from 0 to 1")
    return mu

"""A drop-in replacement for the book's network2.py that trains in C, with chapter 3's exercises as options.

As in `cbackprop.network`, whatever you replace is called just as the book's code would call it. With a cost
class of your own, only its ``fn`` and ``delta`` run in Python; the rest stays compiled.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _elementwise, _rule, _warnings, costs
from cbackprop._call import call_of
from cbackprop._compiled import Compiled, correct_answers, make_step, mean_cost
from cbackprop._data import DataSet, checked_threshold, recognised
from cbackprop._dropout import Dropout, checked_dropout
from cbackprop._epochs import Monitoring
from cbackprop._flat import Flat
from cbackprop._memory import Memory, offered, real_dtype, remember
from cbackprop._overrides import Module, builtin
from cbackprop._parameters import check_sizes, layer_sizes
from cbackprop._random_state import generator_of, seed_of
from cbackprop._rule import BETA_1, BETA_2, EPSILON, PLAIN, Rule
from cbackprop._scores import CostScores, cost_function, forgetting, penalty_of, read_evaluation_data
from cbackprop._step_options import StepOptions
from cbackprop._stopping import Rules
from cbackprop.activations import Activation
from cbackprop.costs import CrossEntropyCost, LogLikelihoodCost, PoissonCost, QuadraticCost
from cbackprop.reference.network2 import (
    ReferenceNetwork2,
    output_error,
    penalty,
    vectorized_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from numpy.random import Generator
    from numpy.typing import ArrayLike, DTypeLike, NDArray


__all__ = [
    "Activation",
    "CrossEntropyCost",
    "LogLikelihoodCost",
    "Network",
    "PoissonCost",
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
    """The sigmoid's derivative, σ′(z) = σ(z)·(1 − σ(z)), from this module's `sigmoid`."""
    a = sigmoid(z)
    return a * (1 - a)


def step_options_of(
    net: Any,
    eta: float = 0.0,
    lmbda_over_n: float = 0.0,
    regularization: str = "L2",
    rule: Rule = PLAIN,
    dropout: tuple[float, ...] | None = None,
) -> StepOptions:
    """A step down the gradient of the network's cost, described to the kernels."""
    cost, activations = net.cost, net._cbackprop.activations
    if activations is not None or not costs.suits_sigmoids(cost):
        costs.check(cost, activations, len(net.weights) + 1)
    delta, is_l1 = costs.builtin_delta(cost), regularization == "L1"
    if rule is PLAIN and dropout is None:  # a small network's step is not much longer than the call below
        return StepOptions(eta, delta, cost, lmbda_over_n, is_l1)
    return StepOptions(
        eta,
        delta,
        cost,
        lmbda_over_n,
        is_l1,
        rule=rule.rule,
        mu=rule.mu,
        beta_1=rule.beta_1,
        beta_2=rule.beta_2,
        epsilon=rule.epsilon,
        dropout=dropout,
    )


MODULE: Module = Module(
    globals(),
    output_error,
    gradient_methods=("backprop",),
    evaluation_methods=("feedforward", "accuracy", "total_cost"),
    step_options=step_options_of,
)


class Network(Flat, Compiled, ReferenceNetwork2):
    """A feedforward network with a choice of cost, regularisation and momentum.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    cost : class
        `CrossEntropyCost`, `QuadraticCost`, `LogLikelihoodCost` with its softmax output layer, or a class of
        your own with static methods ``fn(a, y)`` and ``delta(z, a, y)``.
    dtype, activation, neuron_activations, random_state : keyword only
        As in `cbackprop.network.Network`. With `LogLikelihoodCost` a single `activation` is that of the
        hidden layers; a list may end with ``"softmax"``. `default_weight_initializer` and
        `large_weight_initializer`, called later, go on drawing from `random_state`.

    Attributes
    ----------
    num_layers, sizes, biases, weights, cost
        As in the book: plain attributes, which every call reads again.
    history : list of dict
        After `SGD`, an entry for each epoch of its last call, and of those that it resumed: ``epoch``,
        ``eta``, ``seconds`` (of training), ``monitoring_seconds``, and what was monitored: ``training_cost``,
        ``training_accuracy``, ``evaluation_cost``, ``evaluation_accuracy``. ``history.columns()`` is a dict
        of lists, a column for each of these.
    velocities : (list of ndarray, list of ndarray)
        After a step with momentum, Nesterov's too: those of the weights and of the biases. Your own attribute
        `history` or `velocities` replaces the package's, which neither reads nor writes it.

    Raises
    ------
    TypeError, ValueError
        As in `cbackprop.network.Network`, and if `cost` is not a cost or does not fit the output layer.
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
        random_state: int | Generator | None = None,
    ) -> None:
        check_sizes(sizes)
        dtype = real_dtype(dtype)
        super().__init__(
            sizes,
            cost,
            dtype=dtype,
            activation=activation,
            neuron_activations=neuron_activations,
            random_state=generator_of(random_state),
        )

    @offered
    def velocities(self) -> Any:
        """With momentum: the velocities of the weights and of the biases."""
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
        rule: str | None = None,
        beta_1: float = BETA_1,
        beta_2: float = BETA_2,
        epsilon: float = EPSILON,
    ) -> None:
        """One step of gradient descent on the regularised cost.

        ::

            L2   w → (1 − ηλ/n) w − (η/m) Σ_x ∂C_x/∂w
            L1   w → w − (ηλ/n) sgn(w) − (η/m) Σ_x ∂C_x/∂w
                 b → b − (η/m) Σ_x ∂C_x/∂b

        These are the changes of gradient descent. Of the other rules,

        ::

            momentum   v → µv + (the change above), w → w + v
            nesterov   v → µv − η∇, w → w + µv − η∇
            adam       m → β₁m + (1 − β₁)∇, v → β₂v + (1 − β₂)∇²,
                       w → w − η m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁^t) and v̂ = v / (1 − β₂^t) in step t
            amsgrad    as adam, with the largest v so far in v̂

        with ∇ the mean gradient over the mini-batch, to which regularisation adds (λ/n) w or (λ/n) sgn(w).
        Velocities and moments are 0 before the first step, and continue from the last one.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta, lmbda : float
            The learning rate η and the regularisation parameter λ.
        n : int
            The size of the whole training data.
        regularization : {"L2", "L1"}
        mu : float
            The momentum µ, 0 to 1, of the rules "momentum" and "nesterov".
        rule : {"gradient descent", "momentum", "nesterov", "adam", "amsgrad"}, optional
            By default "momentum" if µ > 0, otherwise "gradient descent". The last three change every weight
            in every step, also those of inputs that are 0. On MNIST with 100 hidden neurons, a step of "adam"
            takes 3.7 times as long as one of gradient descent for mini-batches of 10, 1.1 times for 200.
        beta_1, beta_2, epsilon : float
            β₁ and β₂, each from 0 to below 1, and ε of "adam" and "amsgrad".

        Raises
        ------
        ZeroDivisionError
            If the mini-batch is empty or n is 0.
        ValueError, TypeError
            As in `backprop`. The message names the example, and nothing has changed.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # type: ignore[arg-type]  # as in the book: an iterator is a TypeError
        eta, lmbda = _arguments.number(eta, "eta"), _arguments.number(lmbda, "lmbda")
        size = _arguments.number(n, "n")
        if regularization != "L2":
            _check_regularization(regularization)
        options = _rule.checked(rule, mu, beta_1, beta_2, epsilon, self._cbackprop.dtype)
        if size == 0:
            raise ZeroDivisionError("n is 0: lmbda cannot be divided by it")
        _update(self, recognised(self, mini_batch, "mini_batch"), eta, lmbda, size, regularization, options)

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
        rule: str | None = None,
        beta_1: float = BETA_1,
        beta_2: float = BETA_2,
        epsilon: float = EPSILON,
        dropout: float | Sequence[float] = 0.0,
        early_stopping_n: int = 0,
        restore_best: bool = False,
        eta_halving_n: int = 0,
        n_threads: int | None = None,
        sample_weight: ArrayLike | None = None,
        stop_on: str = "evaluation_accuracy",
        min_delta: float = 0.0,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Any, dict[str, Any]], Any]] | None = None,
        random_state: int | Generator | None = None,
        resume: bool | str | bytes | PathLike[str] = False,
        threshold: float | None = None,
        checkpoint: str | bytes | PathLike[str] | None = None,
        every: float = 1,
        block: int | None = None,
        window: int | None = None,
        comm: Any = None,
        deterministic: bool | int = False,
        average_every: int | None = None,
        timeout: float | None = None,
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
            The momentum µ, 0 to 1.
        rule, beta_1, beta_2, epsilon : optional
            The update rule and its numbers: see `update_mini_batch`. Velocities and moments begin at 0.
        dropout : float, or sequence of float
            The probability p that a hidden neuron is left out of a step, drawn for each example of each
            mini-batch; or a p for each of the layers 1 … L−1, the input layer first. The activations of the
            neurons that stay are multiplied by 1 / (1 − p). So no weight has to be halved afterwards, as in
            the book, and evaluation is that of the whole network. With p > 0 for the input layer, inputs that
            are 0 are not skipped. With replaced methods it is an error.
        early_stopping_n : int
            Stop after this many epochs without a better accuracy on the evaluation data; 0: never.
        restore_best : bool
            At the end, restore the parameters of the epoch with the best accuracy on the evaluation data.
        eta_halving_n : int
            Halve η after this many epochs without a better accuracy, and stop when it reaches 1/128 of its
            first value; 0: never.
        n_threads : int, optional
            As in `cbackprop.network.Network.SGD`.
        sample_weight : array_like, (n,), optional
            As in `cbackprop.network.Network.SGD`. The n of λ/n is then the sum of the weights. What is
            monitored counts each example once.
        stop_on : {"evaluation_accuracy", "evaluation_cost"}
            What the three rules above go by. The cost is what `monitor_evaluation_cost` shows, and better if
            it is lower; it suits targets that are numbers (regression), given as arrays.
        min_delta : float
            By how much more than this an epoch must be better than the best one before: of an accuracy a
            number of examples, of a cost a difference.
        verbose : bool
            Whether the lines are printed.
        callbacks : list of callable, optional
            Functions, each called as f(net, entry) after every epoch; `entry` is that of `history`. If one
            returns something true, training stops.
        random_state : int or numpy.random.Generator, optional
            As in `cbackprop.network.Network.SGD`. It draws what drops out as well, before the order of each
            epoch; without it, a generator does so that is seeded from `numpy.random`.
        resume : bool or path
            True: go on where the last call of SGD ended: velocities and moments, η as often halved as it was,
            the best number and the epochs waited for a better one, `history`, the order of the examples and
            what drops out. 10 epochs are 5 + 5, bit for bit; see `cbackprop.network.Network.SGD`. After
            `restore_best` training goes on from the parameters that it had reached, unless the network was
            changed or pickled since. An unpickled network sums the training cost of a list in another order.

            The name of a checkpoint: go on with the call that wrote it, as in
            `cbackprop.network.Network.SGD`; `history`, the lists returned and what the rules above know are
            those of the whole call.
        threshold : float, optional
            As in `accuracy`, for both data.
        checkpoint, every : optional
            As in `cbackprop.network.Network.SGD`. The file also holds velocities and moments, η, `history`,
            and what the rules above know, with the best parameters.
        block, window : optional
            As in `cbackprop.network.Network.SGD`. Training data that are monitored are read once more.
        comm, deterministic, average_every, timeout : optional
            As in `cbackprop.network.Network.SGD`. With `sample_weight`, the n of λ/n is the joint sum.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : lists
            One number for each epoch of this call; empty if it was not monitored. An accuracy is a number of
            examples.

        Raises
        ------
        ValueError, TypeError, OSError
            As in `cbackprop.network.Network.SGD`.
        KeyboardInterrupt
            After Ctrl-C. The network holds the parameters of a completed mini-batch, as after an error in
            your own cost.

        Examples
        --------
        A progress bar, with tqdm:

        >>> from tqdm import tqdm
        >>> with tqdm(total=30, unit="epoch") as bar:
        ...
        ...     def show(net, entry):
        ...         bar.update()
        ...         bar.set_postfix(right=entry["evaluation_accuracy"])
        ...
        ...     options = {"monitor_evaluation_accuracy": True, "verbose": False, "callbacks": [show]}
        ...     lists = net.SGD(training_data, 30, 10, 0.5, 5.0, evaluation_data, **options)
        """
        with call_of(self, block, window, comm, deterministic, average_every, timeout) as call:
            epochs = _arguments.whole(epochs, "epochs")
            mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
            early_stopping_n = _arguments.whole(early_stopping_n, "early_stopping_n", 0)
            eta_halving_n = _arguments.whole(eta_halving_n, "eta_halving_n", 0)
            n_threads = _arguments.threads(n_threads)
            _check_regularization(regularization)
            checked_rule = _rule.checked(rule, mu, beta_1, beta_2, epsilon, self._cbackprop.dtype)
            thinning = checked_dropout(self, dropout)
            rules = Rules(early_stopping_n, restore_best, eta_halving_n, stop_on, min_delta)
            functions = call.callbacks(callbacks)
            seed_of(random_state)
            threshold = checked_threshold(self, threshold)
            checkpoints, resumed, random_state = call.take_up(checkpoint, every, resume, random_state)
            custom_update = MODULE.replaced_method(self, ("update_mini_batch",)) is not None
            if not custom_update:
                _arguments.number(eta, "eta")
            monitored = {
                "evaluation_cost": monitor_evaluation_cost,
                "evaluation_accuracy": monitor_evaluation_accuracy,
                "training_cost": monitor_training_cost,
                "training_accuracy": monitor_training_accuracy,
            }
            verbose = verbose and call.is_first
            monitoring = Monitoring(self, monitored, rules, verbose, functions, checkpoints)
            measured = monitoring.measured
            measures_costs = "training_cost" in measured or "evaluation_cost" in measured
            if not custom_update or (measures_costs and not MODULE.replaced_method(self, ("total_cost",))):
                costs.check(self.cost, self._cbackprop.activations, len(self.weights) + 1)
                _arguments.number(lmbda, "lmbda")

            examples = call.training_data(training_data, mini_batch_size, custom_update, threshold)
            tests = read_evaluation_data(self, evaluation_data, monitoring, threshold)
            examples, tests = call.share(examples, sample_weight), call.share(tests)
            if examples.n == 0 and monitor_training_cost:
                raise ZeroDivisionError("training_data is empty: monitor_training_cost has no mean")
            step = _Step(self, lmbda, examples.n, regularization, checked_rule, thinning)

            def options() -> dict[str, Any]:
                return {
                    "mini_batch_size": mini_batch_size,
                    "eta": eta,
                    "lmbda": lmbda,
                    "regularization": regularization,
                    **step.rule._asdict(),
                    "dropout": None if thinning is None else thinning.probabilities(len(self.weights) + 1),
                    **rules.options,
                    "random_state": random_state,
                    "threshold": threshold,
                    **{f"monitor_{name}": bool(value) for name, value in monitored.items()},
                    "training_data": examples,
                    "evaluation_data": tests,
                    "sample_weight": sample_weight,
                }

            resumed = call.open(checkpoints, epochs, options, resumed)
            evaluation = call.scores(CostScores, step, tests, measured)
            trainer = call.trainer(
                examples, mini_batch_size, n_threads, step, thinning, sample_weight, resumed
            )
            training = call.scores(CostScores, step, examples, measured, trainer.packed)
            if not training.warn_of_one_output():
                evaluation.warn_of_one_output()
            order = call.order(trainer, random_state, resumed)
            memory = self._cbackprop
            if resumed is None and not (memory.velocities is None and memory.moments is None):
                remember(self, velocities=None, moments=None)
            remaining, next_eta = checkpoints.start(order, epochs, eta, monitoring)
            train_epoch = forgetting(order.train_epoch, training, evaluation)
            measures = training.measures() | evaluation.measures()
            return monitoring.run(remaining, next_eta, train_epoch, measures, order.progress, resumed)

    @builtin
    def accuracy(self, data: Iterable[Any], convert: bool = False, *, threshold: float | None = None) -> int:
        """The number of examples that the network answers with their label.

        Parameters
        ----------
        data : list of (x, y), or a pair of arrays (X, Y)
        convert : bool
            Whether y is a target column, as in the training data, not a label. In arrays, Y itself shows
            which it is.
        threshold : float, optional
            Of one output neuron: each y, whatever `convert` is, is 1 or 0, and says whether the output is at
            least this. By default so with ½ for arrays; of pairs the count is the book's, which says nothing
            of one output and comes with a warning.

        Returns
        -------
        int

        Raises
        ------
        ValueError, TypeError
            If an example has the wrong shape or type, or `threshold` is given for several output neurons. The
            message names it.
        """
        examples = DataSet(self, data, "data", threshold=checked_threshold(self, threshold))
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
            Whether y is a label, as in the evaluation data, not a target column. In arrays, Y itself shows
            which it is.
        regularization : {"L2", "L1"}

        Returns
        -------
        float

        Raises
        ------
        ZeroDivisionError
            If `data` is empty.
        ValueError, TypeError
            If an example has the wrong shape or type, or a label no output neuron. The message names it.
        """
        lmbda = _arguments.number(lmbda, "lmbda")
        _check_regularization(regularization)
        examples = DataSet(self, data, "data")
        n = examples.n
        if n == 0:
            raise ZeroDivisionError("data is empty: its cost has no mean")
        if not convert or MODULE.has_builtin("vectorized_result"):
            mean = mean_cost(self, examples, examples.is_labelled(convert), cost_function)
            if mean is not None:
                return mean + penalty_of(self, lmbda, n, regularization)
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
        """Save the network to a file, as npz if the name ends in .npz, otherwise in the book's JSON.

        Parameters
        ----------
        filename : str or path
            It is written whole or not at all: until the end the old file stays. Every number is kept to the
            last bit, NaN and infinities included. `sizes` in the file follows from `weights` and `biases`.

        Raises
        ------
        TypeError, ValueError
            If the network has an activation function of your own, which a file cannot hold, if `weights` and
            `biases` do not fit together, or if the name belongs to another format (.onnx, .pt, .pth, .pkl,
            .pickle, .h5, .keras, .safetensors, .h).
        """
        from cbackprop._files import networks  # noqa: PLC0415  (slow to import, and few need it)

        networks.write(self, filename, self.cost)


def load(filename: str | bytes | PathLike[str], cost: Any = None) -> Network:
    """The network in a file that `Network.save`, or the book's code, wrote.

    Parameters
    ----------
    filename : str or path
    cost : class, optional
        Replaces the cost that the file names. By default that name is looked up in this module, as in the
        book. So pass a class of your own, or put it here first (``network2.MyCost = MyCost``).

    Returns
    -------
    Network
        It has the arrays of the file. `sizes` is the file's note, which need not agree with them: after
        neurons were cut out, the book still writes the old list.

    Raises
    ------
    ValueError
        If the file is damaged or holds no network. The message names it and what is wrong.
    TypeError
        If `cost` is not a cost.
    OSError
        If the file cannot be read.
    """
    from cbackprop._files import description, networks  # noqa: PLC0415

    saved = networks.read(filename)
    name = os.fsdecode(filename)
    what = "not an intact network"
    if cost is None:
        # As in the book, in the module as it is now: it may hold a class of the user's.
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
        activations = description.activations_of(saved, cost)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {what}: {error}") from error
    net = description.restored(Network, saved, activations)
    net.cost = cost
    return net


def _update(
    net: Network, examples: Any, eta: float, lmbda: float, n: Any, regularization: str, rule: Rule
) -> None:
    """What the package's own `update_mini_batch` does with recognised examples."""
    pairs = make_step(net, examples, lambda: step_options_of(net, eta, lmbda / n, regularization, rule))
    if pairs is not None:
        options = {"regularization": regularization, **rule._asdict()}
        ReferenceNetwork2.update_mini_batch(net, pairs, eta, lmbda, n, **options)


class _Step:
    """One step of gradient descent within SGD, for `Trainer`."""

    def __init__(
        self,
        net: Network,
        lmbda: Any,
        n: float,
        regularization: str,
        rule: Rule,
        dropout: Dropout | None = None,
    ) -> None:
        self.net, self.lmbda, self.n, self.regularization, self.rule = net, lmbda, n, regularization, rule
        self.dropout = dropout

    def options(self, eta: Any) -> StepOptions:
        """The step, described to the kernels."""
        eta, lmbda = _arguments.number(eta, "eta"), _arguments.number(self.lmbda, "lmbda")
        lmbda_over_n = lmbda / self.n if self.n else 0.0
        dropout = None
        if self.dropout is not None:
            dropout = self.dropout.probabilities(len(self.net.weights) + 1)
        return step_options_of(self.net, eta, lmbda_over_n, self.regularization, self.rule, dropout)

    def update(self, mini_batch: list[Any], eta: Any) -> None:
        """The step, made as in the book."""
        if not MODULE.replaced_method(self.net, ("update_mini_batch",)):
            numbers = _arguments.number(eta, "eta"), _arguments.number(self.lmbda, "lmbda")
            _update(self.net, mini_batch, *numbers, self.n, self.regularization, self.rule)
            return
        options = self.penalty_options() | self.rule.given()
        self.net.update_mini_batch(mini_batch, eta, self.lmbda, int(self.n), **options)

    def penalty_options(self) -> dict[str, Any]:
        """What tells a replaced `update_mini_batch` or `total_cost` that the regularisation is not L2."""
        return {"regularization": self.regularization} if self.regularization != "L2" else {}


def _target(net: Network, label: Any, name: str) -> NDArray[np.float64]:
    """The target for a label, as long as the output layer unless `vectorized_result` is replaced."""
    if not MODULE.has_builtin("vectorized_result"):
        return vectorized_result(label)
    n_out = layer_sizes(net)[-1]
    if not (isinstance(label, (int, np.integer)) and 0 <= label < n_out):
        raise ValueError(f"{name}: y is {label!r}; expected the label of an output neuron, 0 to {n_out - 1}")
    return np.eye(n_out)[:, [int(label)]]


def _check_regularization(regularization: str) -> None:
    """Raise a ValueError if it has no such name."""
    if regularization not in ("L1", "L2"):
        raise ValueError(f"regularization is {regularization!r}; expected 'L2' or 'L1'")

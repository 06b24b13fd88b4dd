"""The NumPy reference of network2: chapter 3's network, a line of NumPy for each of its equations.

It is to `cbackprop.network2` what `cbackprop.reference.network` is to `cbackprop.network`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _rule, costs
from cbackprop._dropout import checked_dropout
from cbackprop._epochs import History, Monitoring, checked_callbacks
from cbackprop._memory import Memory, offered, remember
from cbackprop._overrides import Module, builtin
from cbackprop._random_state import generator_of
from cbackprop._rule import BETA_1, BETA_2, EPSILON
from cbackprop._stopping import Rules
from cbackprop.activations import read_activations
from cbackprop.costs import CrossEntropyCost
from cbackprop.reference.dropout import sizes_of, thinned_sums_of_gradients
from cbackprop.reference.network import (
    ReferenceLayers,
    Shuffling,
    as_list,
    count_correct,
    draw_parameters,
    set_up,
    sigmoid,
    sigmoid_prime,
    sums_of_gradients,
    train_on_pairs,
)
from cbackprop.reference.update_rules import Step, make_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from cbackprop.activations import Activation

__all__ = ["ReferenceNetwork2", "np", "random", "sigmoid", "sigmoid_prime", "vectorized_result"]


@builtin
def vectorized_result(j: int) -> NDArray[np.float64]:
    """The column (10, 1) that is 1 at place j and 0 elsewhere: the target of the digit j."""
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


def output_error(net: Any, z: Any, a: Any, y: Any) -> Any:
    """δ^L, by the network's cost."""
    if costs.takes_derivative(net.cost):
        return (a - y) * net._cbackprop.module.f_prime(net, len(net.weights) + 1, z)
    return net.cost.delta(z, a, y)


MODULE: Module = Module(globals(), output_error, ("backprop",), ("feedforward", "accuracy", "total_cost"))


def penalty(net: Any, lmbda: float, n: int, regularization: str) -> float:
    """What regularisation adds to the cost."""
    # The user may have assigned weights of another type, which rounds differently.
    weights = [np.asarray(w, net._cbackprop.dtype) for w in net.weights]
    if regularization == "L1":
        return (lmbda / n) * sum(float(np.abs(w).sum(dtype=np.float64)) for w in weights)
    return 0.5 * (lmbda / n) * sum(float(np.linalg.norm(w)) ** 2 for w in weights)


class ReferenceNetwork2(ReferenceLayers):
    """The network of the book's network2.py. `cbackprop.network2.Network` explains the options."""

    cost: Any
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
        activation = costs.with_output(cost, sizes, activation)
        activations = read_activations(sizes, activation, neuron_activations)
        costs.check(cost, activations, max(len(sizes), 1))
        set_up(self, sizes, dtype, activations, generator_of(random_state))
        self.cost = cost
        self.default_weight_initializer()

    @offered
    def history(self) -> History | None:
        """An entry for each epoch of the last `SGD`, and of those that it resumed."""
        history = self._cbackprop.history
        # A pickle of an earlier version has a plain list.
        return history if history is None or isinstance(history, History) else History(history)

    @property
    def velocities(self) -> Any:
        """With momentum: the velocities of the weights and of the biases."""
        return self._cbackprop.velocities

    @velocities.setter
    def velocities(self, velocities: Any) -> None:
        remember(self, velocities=velocities)

    def default_weight_initializer(self) -> None:
        """Draw biases from the normal distribution, and weights divided by √n_in: few neurons saturate."""
        draw_parameters(self, self.sizes, np.sqrt)

    def large_weight_initializer(self) -> None:
        """Draw biases and weights from the normal distribution, as in chapter 1."""
        draw_parameters(self, self.sizes)

    def backprop_mini_batch(
        self, X: ArrayLike, Y: ArrayLike
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The sum of the gradients of the examples, the columns of X and Y."""
        if costs.builtin_delta(self.cost) is None:  # the user's, which takes one example at a time
            X, Y = np.asarray(X), np.asarray(Y)
            return sums_of_gradients(self, ((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1])))
        return super().backprop_mini_batch(X, Y)

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

        That is the rule "gradient descent"; `cbackprop.reference.update_rules` has the others.
        """
        options = _rule.checked(rule, mu, beta_1, beta_2, epsilon, self._cbackprop.dtype)
        sums = sums_of_gradients(self, mini_batch)
        m = len(mini_batch)  # type: ignore[arg-type]  # as in the book: an iterator is a TypeError
        make_step(self, Step(*sums, m, eta, lmbda / n, regularization, options))

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
        stop_on: str = "evaluation_accuracy",
        min_delta: float = 0.0,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Any, dict[str, Any]], Any]] | None = None,
        random_state: int | Generator | None = None,
        resume: bool = False,
        threshold: float | None = None,
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Stochastic gradient descent; return the book's four lists of what was monitored."""
        training_data, evaluation_data = as_list(training_data), as_list(evaluation_data or ())
        n = len(training_data)
        options: dict[str, Any] = {"regularization": regularization}
        numbers: dict[str, Any] = {
            "mu": mu,
            "rule": rule,
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
        }
        checked = _rule.checked(**numbers, dtype=self._cbackprop.dtype)
        counting: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
        thinning = checked_dropout(self, dropout)
        shuffling = Shuffling(self, training_data, random_state, resume, thinning)
        if not resume:
            remember(self, velocities=None, moments=None)

        def train_epoch(eta: float) -> bool:
            masks = iter(() if thinning is None else thinning.masks(sizes_of(self), n))

            def update(mini_batch: list[Any]) -> None:
                if thinning is None:
                    self.update_mini_batch(mini_batch, eta, lmbda, n, **numbers, **options)
                else:
                    sums = thinned_sums_of_gradients(self, mini_batch, thinning, masks)
                    make_step(self, Step(*sums, len(mini_batch), eta, lmbda / n, regularization, checked))

            return train_on_pairs(self, shuffling.pairs(), mini_batch_size, update, shuffles=False)

        n_tests = len(evaluation_data)
        measures: dict[str, Any] = {
            "training_cost": (lambda: self.total_cost(training_data, lmbda, **options), n),
            "training_accuracy": (lambda: self.accuracy(training_data, convert=True, **counting), n),
            "evaluation_cost": (
                lambda: self.total_cost(evaluation_data, lmbda, convert=threshold is None, **options),
                n_tests,
            ),
            "evaluation_accuracy": (lambda: self.accuracy(evaluation_data, **counting), n_tests),
        }
        monitored = {
            "evaluation_cost": monitor_evaluation_cost,
            "evaluation_accuracy": monitor_evaluation_accuracy,
            "training_cost": monitor_training_cost,
            "training_accuracy": monitor_training_accuracy,
        }
        rules = Rules(early_stopping_n, restore_best, eta_halving_n, stop_on, min_delta)
        monitoring = Monitoring(self, monitored, rules, verbose, checked_callbacks(callbacks))
        return monitoring.run(epochs, eta, train_epoch, measures, shuffling.progress, shuffling.resumed)

    def accuracy(self, data: Iterable[Any], convert: bool = False, *, threshold: float | None = None) -> int:
        """The number of examples that the network answers right; `convert` if y is a target, not a label.

        With a threshold, y is 1 or 0, and says whether the one output is at least the threshold.
        """
        return count_correct(self, data, convert, threshold)

    def total_cost(
        self, data: Iterable[Any], lmbda: float, convert: bool = False, *, regularization: str = "L2"
    ) -> float:
        """The mean of C_x over `data`, plus (λ/2n) Σ w² or, for L1, (λ/n) Σ |w|.

        `convert` if y is a label, not a target.
        """
        n = len(data)  # type: ignore[arg-type]  # as in the book
        cost = 0.0
        for x, y in data:
            target = np.eye(len(self.biases[-1]))[:, [y]] if convert else y
            cost += float(self.cost.fn(self.feedforward(x), target)) / n
        return cost + penalty(self, lmbda, n, regularization)

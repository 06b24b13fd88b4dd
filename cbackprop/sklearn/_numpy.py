"""Training in NumPy, where hidden neurons have a function of the user's own, which no kernel can call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop._rule import Rule
from cbackprop.costs import COSTS
from cbackprop.reference.update_rules import Step, make_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cbackprop.sklearn._layers import Layers


class NumpyStep(NamedTuple):
    """The steps of an epoch.

    Parameters
    ----------
    eta, alpha : float
        The learning rate, and the regularisation: (α/2m) Σ w² is added to the cost of a mini-batch of m.
    rule : dict
        The update rule, as `StepOptions` takes it.
    """

    eta: float
    alpha: float
    rule: dict[str, Any]

    def of_mini_batch(self, layers: Layers, sums: Sums) -> Step:
        """The next step of these layers, as the reference makes it."""
        options = {name: value for name, value in self.rule.items() if name != "is_epsilon_hat"}
        rule = Rule(**options)
        if rule.rule == "adam":  # whose ε scikit-learn adds before the bias correction of the second moment
            moments = layers._cbackprop.moments
            t = 1 if moments is None else moments[0] + 1
            rule = rule._replace(epsilon=rule.epsilon / np.sqrt(1 - rule.beta_2**t))
        m: Any = sums.weight  # a sum of weights, for the number of examples
        return Step(sums.nabla_b, sums.nabla_w, m, self.eta, self.alpha / m, "L2", rule)


class Sums(NamedTuple):
    """Over the examples of a mini-batch, by their weights: ∂C_x/∂b, ∂C_x/∂w, C_x, and the weights."""

    nabla_b: list[NDArray[Any]]
    nabla_w: list[NDArray[Any]]
    cost: float
    weight: float


class NumpyTraining:
    """What `cbackprop._training.Training` is to the solvers.

    Parameters
    ----------
    X : ndarray or SciPy matrix, (n, n_in)
    Y : ndarray, (n, n_out)
    mini_batch_size : int
    sample_weight : ndarray, (n,), or None
    cost : str
        The name of a cost, with the output layer for which its error is a − y.

    Attributes
    ----------
    costs_of_epoch : (float, float)
        As there.
    """

    def __init__(
        self, X: Any, Y: NDArray[Any], mini_batch_size: int, sample_weight: NDArray[Any] | None, cost: str
    ) -> None:
        self.X, self.Y, self.m, self.cost = X, Y, mini_batch_size, COSTS[cost]
        self.weights = sample_weight
        self.order = np.arange(X.shape[0])
        self.bounds = -np.inf, np.inf
        self.costs_of_epoch = 0.0, 0.0

    def measure_costs(self, cost: str, low: float, high: float, squares: bool) -> None:
        """Count outputs beyond `low` and `high` as these in the costs."""
        self.bounds = low, high

    def shuffle_by(self, random_state: np.random.RandomState) -> None:
        """Shuffle the examples."""
        random_state.shuffle(self.order)

    def mini_batches(self) -> Iterator[NDArray[np.intp]]:
        """The numbers of the examples of each mini-batch."""
        return (self.order[start : start + self.m] for start in range(0, len(self.order), self.m))

    def epoch(self, layers: Layers, step: NumpyStep) -> None:
        """Train on every mini-batch once."""
        of_examples = of_weights = 0.0
        for batch in self.mini_batches():
            sums = self.sums(layers, batch)
            if sums.weight == 0:
                continue
            of_examples += sums.cost * len(batch) / sums.weight
            of_weights += sum(float(np.vdot(w, w)) for w in layers.weights) * len(batch) / sums.weight
            make_step(layers, step.of_mini_batch(layers, sums))
        self.costs_of_epoch = of_examples, of_weights

    def gradient(self, layers: Layers, _: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """(nabla_w, nabla_b), summed over all examples."""
        parts = [self.sums(layers, batch) for batch in self.mini_batches()]
        self.costs_of_epoch = sum(part.cost for part in parts), 0.0
        nabla_w: list[Any] = [sum(terms) for terms in zip(*(part.nabla_w for part in parts))]
        nabla_b: list[Any] = [sum(terms) for terms in zip(*(part.nabla_b for part in parts))]
        return nabla_w, nabla_b

    def sums(self, layers: Layers, batch: NDArray[np.intp]) -> Sums:
        """What the examples of these numbers add up to."""
        X, Y = self.X[batch], self.Y[batch].astype(layers.dtype)
        zs, activations = layers.fed_forward(X)
        error, weight = activations[-1] - Y, float(len(batch))
        limited = np.clip(activations[-1], *self.bounds)
        if self.weights is None:
            cost = float(self.cost.fn(limited, Y))
        else:
            weights = self.weights[batch]
            error *= weights[:, np.newaxis]
            cost, weight = 0.0, float(weights.sum())
            for factor, a, y in zip(weights, limited, Y):
                cost += float(factor * self.cost.fn(a, y)) if factor > 0 else 0.0
        nabla_b: list[NDArray[Any]] = []
        nabla_w: list[NDArray[Any]] = []
        for l in range(len(layers.weights) - 1, -1, -1):
            nabla_b.insert(0, error.sum(axis=0)[:, np.newaxis])
            nabla_w.insert(0, np.ascontiguousarray((activations[l].T @ error).T))
            if l > 0:
                error = (error @ layers.weights[l]) * layers.f_prime(l + 1, zs[l - 1])
        return Sums(nabla_b, nabla_w, cost, weight)

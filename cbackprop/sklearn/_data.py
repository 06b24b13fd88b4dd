"""What an estimator learns from, as the compiled modules take it, and how its predictions are scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import r2_score

from cbackprop._training import Training
from cbackprop.sklearn._layers import rows_of
from cbackprop.sklearn._numpy import NumpyTraining

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cbackprop.sklearn._layers import Layers

# By scikit-learn's name of the output activation: the cost that has the error a − y with it.
COSTS = {
    "softmax": "LogLikelihoodCost",
    "logistic": "CrossEntropyCost",
    "identity": "QuadraticCost",
    "exp": "PoissonCost",
}


class TrainingData:
    """Examples: a row of X, a row of Y, and how much they count.

    Parameters
    ----------
    X : ndarray or sparse matrix, (n, n_in)
    Y : ndarray, (n, n_out)
        Targets; of classes, columns that are True at the class.
    sample_weight : ndarray, (n,), or None
    out_activation : str
        Of the network, by scikit-learn's name.
    """

    def __init__(
        self, X: Any, Y: NDArray[Any], sample_weight: NDArray[Any] | None, out_activation: str
    ) -> None:
        self.X, self.Y, self.n, self.n_out = X, Y, X.shape[0], Y.shape[1]
        self.sample_weight, self.cost = sample_weight, COSTS[out_activation]

    def training(self, layers: Layers, mini_batch_size: int, n_threads: int, step: Any) -> Any:
        """The examples for mini-batches of this size: packed, or where no kernel can train as they are.

        `step` is a `StepOptions`, or for those a `NumpyStep`.
        """
        if layers.is_custom:
            X = self.X.tocsr() if hasattr(self.X, "tocsr") else self.X
            return NumpyTraining(X, self.Y, mini_batch_size, self.sample_weight, self.cost)
        targets = np.argmax(self.Y, axis=1) if self.cost == "LogLikelihoodCost" else self.Y
        data = rows_of(self.X), targets
        return Training(layers, data, mini_batch_size, n_threads, step, self.sample_weight)

    def measure_costs(self, training: Any, dtype: np.dtype[Any], squares: bool) -> None:
        """Have the costs of each epoch summed, probabilities being kept off 0 and 1 as in scikit-learn."""
        low, high = -np.inf, np.inf
        if self.cost in ("LogLikelihoodCost", "CrossEntropyCost"):
            eps = float(np.finfo(dtype).eps)
            low, high = eps, 1 - eps
        training.measure_costs(self.cost, low, high, squares)

    def cost_of_outputs(self, total: float) -> float:
        """A sum of C_x, as scikit-learn counts it: a squared error is the mean over the outputs."""
        return total / self.n_out if self.cost == "QuadraticCost" else total


class ValidationData:
    """Examples by which a fit is scored after each epoch.

    Parameters
    ----------
    X : ndarray or sparse matrix, (n, n_in)
    Y : ndarray, (n, n_out)
    sample_weight : ndarray, (n,), or None
    out_activation : str
    """

    def __init__(
        self, X: Any, Y: NDArray[Any], sample_weight: NDArray[Any] | None, out_activation: str
    ) -> None:
        self.X, self.Y, self.sample_weight, self.out_activation = X, Y, sample_weight, out_activation

    def score(self, layers: Layers, n_threads: int | None) -> float:
        """The accuracy, where all labels of an example count as one; of a regression R², or NaN."""
        if not layers.is_custom:
            self.X = rows_of(self.X)
        outputs = layers.outputs(self.X, n_threads)
        if self.out_activation == "softmax":
            right = np.argmax(outputs, axis=1) == np.argmax(self.Y, axis=1)
        elif self.out_activation == "logistic":
            right = ((outputs > 0.5) == self.Y).all(axis=1)
        elif np.isfinite(outputs).all():
            return float(r2_score(self.Y, outputs, sample_weight=self.sample_weight))
        else:
            return float("nan")
        return float(np.average(right, weights=self.sample_weight))

"""The solver `lbfgs`: SciPy's, on the cost and the gradient of all examples."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from cbackprop._epochs import checked_callbacks
from cbackprop._step_options import StepOptions
from cbackprop.sklearn._layers import threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cbackprop.sklearn._data import TrainingData
    from cbackprop.sklearn._layers import Layers

TOGETHER = 256  # examples that go through the network at a time


class Objective:
    """The regularised cost C, and its gradient, of a vector with all weights and all biases.

    C = (1/n) Σ_x C_x + (α/2n) Σ w², where n is the sum of the weights of the examples if they have any.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    layers : Layers
        Gets the parameters of each vector.
    data : TrainingData
    """

    def __init__(self, estimator: Any, layers: Layers, data: TrainingData) -> None:
        self.layers, self.data, self.alpha = layers, data, float(estimator.alpha)
        self.options = StepOptions(0.0, rule="sum of gradients", builtin_delta=data.cost)
        self.training: Any = data.training(layers, TOGETHER, threads(estimator.n_threads), self.options)
        data.measure_costs(self.training, layers.dtype, False)
        self.n = data.n if data.sample_weight is None else float(data.sample_weight.sum())

    @property
    def vector(self) -> NDArray[np.float64]:
        """The parameters of `layers` as one vector."""
        arrays = self.layers.weights + self.layers.biases
        return np.concatenate([array.ravel() for array in arrays]).astype(np.float64)

    @vector.setter
    def vector(self, vector: NDArray[np.float64]) -> None:
        layers, start = self.layers, 0
        shapes = [array.shape for array in layers.weights + layers.biases]
        arrays: list[Any] = []
        for shape in shapes:
            stop = start + shape[0] * shape[1]
            arrays.append(vector[start:stop].reshape(shape).astype(layers.dtype))
            start = stop
        layers.weights, layers.biases = arrays[: len(layers.weights)], arrays[len(layers.weights) :]

    def __call__(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """C and ∂C/∂vector."""
        self.vector = vector
        layers = self.layers
        nabla_w, nabla_b = self.training.gradient(layers, self.options)
        cost = self.data.cost_of_outputs(self.training.costs_of_epoch[0])
        cost += 0.5 * self.alpha * sum(float(np.vdot(w, w)) for w in layers.weights)
        nabla_w = [nabla + self.alpha * w for nabla, w in zip(nabla_w, layers.weights)]
        gradient = np.concatenate([nabla.ravel() for nabla in nabla_w + nabla_b]).astype(np.float64)
        return cost / self.n, gradient / self.n


def fit_lbfgs(estimator: Any, layers: Layers, data: TrainingData) -> None:
    """Minimise the cost from the parameters of `layers`, which end at the minimum found."""
    objective = Objective(estimator, layers, data)
    callbacks = checked_callbacks(estimator.callbacks)
    iterations = itertools.count()
    stopped = False

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal stopped
        objective.vector = intermediate_result.x
        estimator.coefs_, estimator.intercepts_ = layers.coefs, layers.intercepts
        estimator.loss_ = float(intermediate_result.fun)
        assert callbacks is not None
        stopped = callbacks.stop(estimator, {"epoch": next(iterations), "loss": estimator.loss_})
        if stopped:
            raise StopIteration

    result = minimize(
        objective,
        objective.vector,
        method="L-BFGS-B",
        jac=True,
        callback=None if callbacks is None else after_iteration,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    objective.vector = result.x
    if estimator.verbose:
        print(f"{result.nit} iterations of lbfgs, {result.nfev} gradients, loss = {result.fun:.8f}")
    estimator.n_iter_ = min(int(result.nit), estimator.max_iter)
    estimator.loss_ = float(result.fun)
    if result.status != 0 and not stopped:
        warnings.warn(
            f"lbfgs has not converged after {result.nit} iterations: {result.message}. Scale the data, or "
            f"allow more iterations (max_iter, max_fun)",
            ConvergenceWarning,
            stacklevel=5,
        )

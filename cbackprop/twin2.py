"""The plain NumPy twin of network2: chapter 3's network, a line of NumPy for each of its equations.

As `cbackprop.twin` is to `cbackprop.network`: the path taken for whatever a reader has replaced, the oracle
of the tests, the baseline of the benchmarks.
"""

import random

import numpy as np

from cbackprop import costs
from cbackprop._learning import learn
from cbackprop.costs import CrossEntropyCost
from cbackprop.twin import PlainLayers

__all__ = ["PlainNetwork2", "vectorized_result"]


def vectorized_result(j):
    """The column (10, 1) that is 1 at place j and 0 elsewhere: the target of the digit j."""
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


class PlainNetwork2(PlainLayers):
    """The network of the book's network2.py; what its options mean stands in `cbackprop.network2.Network`."""

    # What the book's own objects, unpickled here, lack.
    velocities = None
    history = ()

    def __init__(
        self, sizes, cost=CrossEntropyCost, *, dtype=np.float64, activation="sigmoid", neuron_activations=None
    ):
        self.cost = cost
        self.history = []
        activation = costs.with_output(cost, sizes, activation)
        super().__init__(sizes, dtype=dtype, activation=activation, neuron_activations=neuron_activations)

    def _initialize(self):
        costs.check(self.cost, self._activations)
        self.default_weight_initializer()

    def default_weight_initializer(self):
        """Biases are normal random numbers, weights such numbers over √n_in: few neurons saturate."""
        self._draw_parameters(np.sqrt)

    def large_weight_initializer(self):
        """Biases and weights are normal random numbers, as in chapter 1."""
        self._draw_parameters()

    def _output_error(self, z, a, y):
        """δ^L, as the cost says."""
        if costs.own_delta(self.cost) == "QuadraticCost":
            return (a - y) * self._f_prime(len(self.weights) + 1, z)
        return self.cost.delta(z, a, y)

    def backprop_mini_batch(self, X, Y):
        """The gradients of the examples that are the columns of X and Y, summed."""
        if costs.own_delta(self.cost) is None:  # a reader's, which is asked for one example at a time
            return self._sums_of_gradients((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1]))
        return super().backprop_mini_batch(X, Y)

    def update_mini_batch(self, mini_batch, eta, lmbda, n, *, regularization="L2", mu=0.0):
        """One step of gradient descent on the regularised cost.

        ::

            L2   w → (1 − ηλ/n) w − (η/m) Σ_x ∂C_x/∂w
            L1   w → w − (ηλ/n) sgn(w) − (η/m) Σ_x ∂C_x/∂w
                 b → b − (η/m) Σ_x ∂C_x/∂b

        With momentum, µ > 0, what is added above goes into velocities, which begin at 0: v → µv + (…), w → w
        + v.
        """
        nabla_b, nabla_w = self._sums_of_gradients(mini_batch)
        shrink = self.dtype.type(eta * (lmbda / n))
        step = self.dtype.type(eta / len(mini_batch))
        penalty = np.sign if regularization == "L1" else np.positive
        if mu == 0:
            if regularization == "L2":
                weights = [(1 - shrink) * w - step * nabla for w, nabla in zip(self.weights, nabla_w)]
            else:
                weights = [w - shrink * np.sign(w) - step * nabla for w, nabla in zip(self.weights, nabla_w)]
            biases = [b - step * nabla for b, nabla in zip(self.biases, nabla_b)]
            velocities = self.velocities
        else:
            v_w, v_b = self.velocities or [
                [np.zeros_like(p) for p in ps] for ps in (self.weights, self.biases)
            ]
            mu = self.dtype.type(mu)
            v_w = [
                mu * v - shrink * penalty(w) - step * nabla for v, w, nabla in zip(v_w, self.weights, nabla_w)
            ]
            v_b = [mu * v - step * nabla for v, nabla in zip(v_b, nabla_b)]
            weights = [w + v for w, v in zip(self.weights, v_w)]
            biases = [b + v for b, v in zip(self.biases, v_b)]
            velocities = v_w, v_b
        self.weights, self.biases, self.velocities = weights, biases, velocities

    def SGD(
        self,
        training_data,
        epochs,
        mini_batch_size,
        eta,
        lmbda=0.0,
        evaluation_data=None,
        monitor_evaluation_cost=False,
        monitor_evaluation_accuracy=False,
        monitor_training_cost=False,
        monitor_training_accuracy=False,
        *,
        regularization="L2",
        mu=0.0,
        early_stopping_n=0,
        restore_best=False,
        eta_halving_n=0,
    ):
        """Stochastic gradient descent, monitored; returns the four lists of what was monitored."""
        if not isinstance(training_data, list):
            training_data = list(training_data)
        if evaluation_data is not None and not isinstance(evaluation_data, list):
            evaluation_data = list(evaluation_data)
        n = len(training_data)
        self.velocities = None

        def train_epoch(eta):
            random.shuffle(training_data)
            for start in range(0, n, mini_batch_size):
                mini_batch = training_data[start : start + mini_batch_size]
                self.update_mini_batch(mini_batch, eta, lmbda, n, regularization=regularization, mu=mu)

        measures = {
            "training_cost": lambda: self.total_cost(training_data, lmbda, regularization=regularization),
            "training_accuracy": lambda: self.accuracy(training_data, convert=True),
            "evaluation_cost": lambda: self.total_cost(
                evaluation_data, lmbda, True, regularization=regularization
            ),
            "evaluation_accuracy": lambda: self.accuracy(evaluation_data),
        }
        monitored = {
            "evaluation_cost": monitor_evaluation_cost,
            "evaluation_accuracy": monitor_evaluation_accuracy,
            "training_cost": monitor_training_cost,
            "training_accuracy": monitor_training_accuracy,
        }
        return learn(
            self,
            epochs,
            eta,
            train_epoch,
            measures,
            {"training_accuracy": n, "evaluation_accuracy": len(evaluation_data or ())},
            {name for name, wanted in monitored.items() if wanted},
            early_stopping_n,
            restore_best,
            eta_halving_n,
        )

    def accuracy(self, data, convert=False):
        """How many examples the network answers right; `convert` where y is the target column."""
        return sum(int(np.argmax(self.feedforward(x)) == (np.argmax(y) if convert else y)) for x, y in data)

    def total_cost(self, data, lmbda, convert=False, *, regularization="L2"):
        """The mean of C_x over `data`, plus (λ/2n) Σ w² or, for L1, (λ/n) Σ |w|.

        `convert` where y is the digit, not the target column.
        """
        cost = 0.0
        for x, y in data:
            target = np.eye(self.sizes[-1])[:, [y]] if convert else y
            cost += float(self.cost.fn(self.feedforward(x), target)) / len(data)
        return cost + self._penalty(lmbda, len(data), regularization)

    def _penalty(self, lmbda, n, regularization):
        """What regularisation adds to the cost."""
        # A reader may have put weights of another type here: their rounding is not the network's.
        weights = [np.asarray(w, self.dtype) for w in self.weights]
        if regularization == "L1":
            return (lmbda / n) * sum(float(np.abs(w).sum(dtype=np.float64)) for w in weights)
        return 0.5 * (lmbda / n) * sum(float(np.linalg.norm(w)) ** 2 for w in weights)

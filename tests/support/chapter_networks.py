"""Networks of every cost and kind of layer, with three outputs, for the tests of the chapter."""

import numpy as np

from cbackprop import network, network2
from cbackprop.network import Activation
from cbackprop.reference.network2 import ReferenceNetwork2


class QuarticCost:
    """C_x = Σ_j (a_j − y_j)⁴, over sigmoid neurons."""

    @staticmethod
    def fn(a, y):
        return float(np.sum((a - y) ** 4))

    @staticmethod
    def delta(z, a, y):
        return 4 * (a - y) ** 3 * a * (1 - a)


class SoftmaxQuarticCost(QuarticCost):
    """The same cost over a softmax layer: δ_j = a_j (g_j − Σ_m g_m a_m), where g = ∂C/∂a."""

    @staticmethod
    def delta(z, a, y):
        g = 4 * (a - y) ** 3
        return a * (g - np.sum(g * a))


def _of(kind, sizes=(4, 5, 4, 3), **options):
    def make():
        np.random.seed(4)
        return kind(list(sizes), **options)

    return make


_OWN = Activation(np.sin, np.cos)
NETWORKS = {
    "network": _of(network.Network),
    "network, mixed": _of(
        network.Network, activation=["tanh", "softplus", "linear"], neuron_activations={(4, 1): "sigmoid"}
    ),
    "quadratic": _of(network2.Network, cost=network2.QuadraticCost),
    "quadratic, tanh": _of(network2.Network, cost=network2.QuadraticCost, activation="tanh"),
    "cross-entropy": _of(network2.Network),
    "cross-entropy, modified neurons": _of(
        network2.Network, neuron_activations={(2, 1): "tanh", (3, 0): "linear"}
    ),
    "cross-entropy, own activation": _of(network2.Network, activation=[_OWN, "tanh", "sigmoid"]),
    "log-likelihood": _of(network2.Network, cost=network2.LogLikelihoodCost),
    "log-likelihood, tanh": _of(network2.Network, cost=network2.LogLikelihoodCost, activation="tanh"),
    "log-likelihood, no hidden layer": _of(network2.Network, (4, 3), cost=network2.LogLikelihoodCost),
    "Poisson": _of(network2.Network, cost=network2.PoissonCost),
    "own cost": _of(network2.Network, cost=QuarticCost),
    "own cost, softmax": _of(
        network2.Network, cost=SoftmaxQuarticCost, activation=["sigmoid", "tanh", "softmax"]
    ),
    "own cost, own activation": _of(network2.Network, cost=QuarticCost, activation=[_OWN, _OWN, "sigmoid"]),
    "float32": _of(network2.Network, dtype=np.float32),
    "reference": _of(ReferenceNetwork2, cost=network2.LogLikelihoodCost),
    "wide": _of(network2.Network, (40, 30, 3)),
}

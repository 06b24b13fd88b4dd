"""Tiny examples, files and networks, and what the user may bring: what every_call.py calls with."""

import atexit
import gc
import json
import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from cbackprop import activations, network, network2
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support import small_mnist
from support.examples import labelled

SIZES = [40, 7, 3]
rng = np.random.default_rng(0)
SPARSE = [(rng.random((40, 1)) * (rng.random((40, 1)) < 0.2), np.eye(3)[:, [k % 3]]) for k in range(24)]
DENSE = [(rng.random((40, 1)), rng.random((3, 1))) for _ in range(18)]
TESTS = labelled(SPARSE)
X, LABELS = np.hstack([x for x, _ in SPARSE]).T.copy(), np.arange(24) % 3
TARGETS = np.eye(3)[LABELS]
ODD_X = np.asfortranarray(X.astype(">f4"))  # which no kernel reads as it is
x, y = DENSE[0]
BITS = np.arange(24) % 2  # for one output neuron
BIT_PAIRS = [(column, int(bit)) for (column, _), bit in zip(TESTS, BITS, strict=True)]
NUMBERS_OF_ROWS = [(column, 0.25) for column, _ in TESTS]
DENSE_X = np.hstack([column for column, _ in DENSE]).T.copy()
NUMBERS = [(0.1 * k, 0.5) for k in range(6)]  # for one input
PAIR = rng.random((3, 1)), np.array([[1.0], [0.0]])  # for `small`
a, z = rng.random((3, 1)), rng.normal(size=(3, 1))
# Dense but for those that are looked at first, so that their records outgrow what was taken for them.
GROWING = [(rng.random((40, 1)) * (k % 2), np.eye(3)[:, [k % 3]]) for k in range(128)]
MONITORS = [True] * 4


def tidy_up():
    """Drop garbage, and the names that the interpreter has looked up, each of which it keeps for a while."""
    gc.collect()
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    forget()


# ---- files ----

FOLDER = Path(tempfile.mkdtemp(prefix="every-call-"))
atexit.register(shutil.rmtree, FOLDER)
JSON, NPZ, HEADER = FOLDER / "net.json", FOLDER / "net.npz", FOLDER / "net.h"
QUADRATIC_JSON, QUADRATIC_NPZ = FOLDER / "quadratic.json", FOLDER / "quadratic.npz"
IDX = small_mnist.write_idx(FOLDER / "idx")
KERAS = small_mnist.write(FOLDER / "mnist.npz", small_mnist.keras_npz())
PICKLE = small_mnist.write(FOLDER / "mnist.pkl", small_mnist.python2_pickle(small_mnist.book_arrays()))
network2.Network(SIZES).save(JSON)
network2.Network(SIZES).save(NPZ)
network.Network(SIZES).save(QUADRATIC_JSON)
HALF_JSON = small_mnist.write(FOLDER / "half.json", JSON.read_bytes()[:300])
OTHER_JSON = FOLDER / "other.json"
OTHER_JSON.write_text(json.dumps({**json.loads(JSON.read_text()), "biases": [[[1.0]]] * 2}), encoding="ascii")
HALF_NPZ = small_mnist.write(FOLDER / "half.npz", NPZ.read_bytes()[:-300])
HALF_MNIST = small_mnist.write(FOLDER / "half.pkl", PICKLE.read_bytes()[:2000])
NO_MNIST = small_mnist.write(FOLDER / "no.pkl", pickle.dumps(os.getcwd))
HALF_IDX = small_mnist.write_idx(FOLDER / "half-idx")
small_mnist.write(HALF_IDX / "t10k-labels-idx1-ubyte", b"\0\0\x08\1\0\0")
CHECKPOINT, OTHER_CHECKPOINT = FOLDER / "run.npz", FOLDER / "other.npz"
network.Network(SIZES).SGD(SPARSE[:], 0, 10, 0.1, checkpoint=OTHER_CHECKPOINT)


# ---- what the user may bring ----


class OwnCost:
    """Asked for the cost and the output error, an example at a time."""

    @staticmethod
    def fn(a, y):
        return float(np.sum((a - y) ** 4))

    @staticmethod
    def delta(z, a, y):
        return 4 * (a - y) ** 3


class RaisingCost(OwnCost):
    """A cost whose second delta fails."""

    calls = 0

    @classmethod
    def delta(cls, z, a, y):
        cls.calls += 1
        if cls.calls % 2 == 0:
            raise ArithmeticError
        return a - y


class InterruptedCost(OwnCost):
    """A cost whose delta is interrupted by Ctrl-C."""

    @staticmethod
    def delta(z, a, y):
        raise KeyboardInterrupt


class Replaced(network.Network):
    """A network with a replaced method of the book: the NumPy reference computes."""

    def cost_derivative(self, output_activations, y):
        return 2 * (output_activations - y)


class Raising(network.Network):
    """A network whose backprop fails."""

    def backprop(self, x, y):
        raise ArithmeticError


class Replaced2(network2.Network):
    """A network2 with a replaced feedforward."""

    def feedforward(self, a):
        return super().feedforward(a) * 1.0


class Liar:
    """No array, whatever it says."""

    def __array__(self, dtype=None, copy=None):
        raise ArithmeticError


def double(z):
    return 2 * z


def two(z):
    return np.full_like(z, 2.0)


OWN = activations.Activation(double, two)
LAYERS = activations.LayerActivations(SIZES, ["relu", OWN], {(3, 1): "tanh"})

CHECKPOINT, OTHER_CHECKPOINT = FOLDER / "run.npz", FOLDER / "other.npz"
network.Network(SIZES).SGD(SPARSE[:], 0, 10, 0.1, checkpoint=OTHER_CHECKPOINT)


# ---- networks ----


def plain():
    return network.Network(SIZES)


WIDE = network.Network([40, 2000, 3])


def narrow():
    return network.Network(SIZES, dtype=np.float32)


def mixed():
    return network.Network(SIZES, activation=["tanh", "linear"], neuron_activations={(2, 3): "relu"})


def own():
    return network.Network(SIZES, activation=OWN)


def one_input():
    return network.Network([1, 4, 1])


def one_output():
    return network.Network([40, 7, 1])


def one_output2():
    return network2.Network([40, 7, 1])


def cut():
    """A network that began with another layer."""
    net = network.Network([*SIZES, 5])
    net.weights.pop(), net.biases.pop()
    return net


def placeholder():
    """A network that began with none."""
    net, filled = network2.Network([]), better()
    net.weights, net.biases = filled.weights, filled.biases
    return net


class OwnEvaluate(network.Network):
    """A network whose evaluate takes test data of any form."""

    def evaluate(self, test_data):
        return len(test_data)


def own_evaluate():
    return OwnEvaluate(SIZES)


def small():
    return network.Network([3, 2, 2])


def replaced():
    return Replaced(SIZES)


def raising():
    return Raising(SIZES)


def better():
    return network2.Network(SIZES)


def quadratic():
    return network2.Network(SIZES, cost=network2.QuadraticCost, activation="softplus", dtype=np.float32)


def softmax():
    return network2.Network(SIZES, cost=network2.LogLikelihoodCost)


def own_cost():
    return network2.Network(SIZES, cost=OwnCost)


def raising_cost():
    return network2.Network(SIZES, cost=RaisingCost)


def interrupted_cost():
    return network2.Network(SIZES, cost=InterruptedCost)


def replaced2():
    return Replaced2(SIZES)


def reference():
    return ReferenceNetwork(SIZES)


def reference_network2():
    return ReferenceNetwork2(SIZES)


def nothing():
    return None


def other_weights():
    net = plain()
    net.weights = [net.weights[0], np.zeros((3, 8))]
    return net


def unsaveable():
    return network2.Network(SIZES, cost=network2.QuadraticCost, activation=OWN)

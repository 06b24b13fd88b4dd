"""`copy` gives a network that shares nothing with the first; `repr` says what a network is."""

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.activations import Activation
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import same_bits
from support.both import each_module, each_path, train, use_path
from support.examples import dense_examples

SIZES = [6, 5, 3]
DATA = dense_examples(23, SIZES)


class Noted(network.Network):
    """A network with an attribute of the user's."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.notes = ["mine"]


# ---- copy ----


@each_module
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_copy_trains_alike_and_apart(module, dtype, capsys):
    net = module.Network(SIZES, dtype=dtype, activation=["tanh", "sigmoid"])
    train(net, DATA[:])
    copied = net.copy()
    assert type(copied) is type(net) and copied.dtype == dtype and same_bits(net, copied)
    before = [w.copy() for w in net.weights]
    train(copied, DATA[:])
    assert all(map(np.array_equal, net.weights, before))
    train(net, DATA[:])
    assert same_bits(net, copied)
    copied.weights[0][0, 0] += 1
    copied.biases.pop()
    assert len(net.biases) == 2 and net.weights[0][0, 0] != copied.weights[0][0, 0]


def test_what_a_copy_of_network2_has(capsys):
    net = network2.Network(SIZES, network2.LogLikelihoodCost)
    net.SGD(DATA[:], 2, 5, 0.5, mu=0.5, monitor_training_cost=True)
    copied = net.copy()
    assert copied.cost is net.cost and copied.history == net.history and copied.history is not net.history
    assert all(a is not b and np.array_equal(a, b) for a, b in zip(copied.velocities[0], net.velocities[0]))


def test_a_subclass_and_attributes_of_one_s_own():
    net = Noted(SIZES)
    copied = net.copy()
    assert type(copied) is Noted and copied.notes == ["mine"] and copied.notes is not net.notes


# ---- repr ----


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (
            lambda: network.Network([784, 30, 10]),
            "<Network 784-30-10, sigmoid, QuadraticCost, float64, 23,860 parameters>",
        ),
        (
            lambda: network2.Network([4, 3, 2], network2.LogLikelihoodCost, dtype=np.float32),
            "<Network 4-3-2, sigmoid, softmax, LogLikelihoodCost, float32, 23 parameters>",
        ),
        (
            lambda: network2.Network([4, 3], type("Mine", (), network2.QuadraticCost.__dict__ | {})),
            "<Network 4-3, sigmoid, Mine, float64, 15 parameters>",
        ),
        (
            lambda: network.Network([4, 3, 2, 2], activation="tanh", neuron_activations={(2, 1): "relu"}),
            "<Network 4-3-2-2, tanh (1 neuron modified), QuadraticCost, float64, 29 parameters>",
        ),
        (lambda: network.Network([4, 2], activation=Activation(np.sin, np.cos)), "sin"),
        (lambda: Noted([4, 2]), "<Noted 4-2, "),
        (
            lambda: ReferenceNetwork([4, 2]),
            "<ReferenceNetwork 4-2, sigmoid, QuadraticCost, float64, 10 parameters>",
        ),
        (lambda: network.Network([4]), "<Network, an input layer alone>"),
        (lambda: network.Network([1, 0]), "1-0"),
    ],
)
def test_what_it_says(net, words):
    assert words in repr(net())


@each_module
def test_the_arrays_say_the_sizes(module):
    net = module.Network([4, 3, 2])
    net.weights, net.biases = [np.ones((7, 5))], [np.ones((7, 1))]
    assert "5-7, " in repr(net) and "42 parameters" in repr(net)


@each_module
@each_path
def test_it_changes_nothing_and_holds_after_training(module, path, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    before = repr(net)
    train(net, DATA[:])
    assert repr(net) == before


def test_a_cost_of_one_s_own():
    class Mine(network.Network):
        def cost_derivative(self, output_activations, y):
            return output_activations - y

    assert "a cost of its own" in repr(Mine([4, 2]))


@each_module
@pytest.mark.parametrize(
    "weights", [None, 7, "abc", [None], [np.ones(3)], [np.ones((2, 3)), np.ones((4, 4))]], ids=repr
)
def test_it_never_fails(module, weights):
    net = module.Network([4, 3, 2])
    net.weights = weights
    assert "Network object at 0x" in repr(net)
    del net.weights
    assert "Network object at 0x" in repr(net)
    assert "Network object at 0x" in repr(module.Network.__new__(module.Network))


def test_a_repr_of_one_s_own_wins():
    class Mine(network.Network):
        def __repr__(self):
            return "mine"

    assert repr(Mine([4, 2])) == "mine"

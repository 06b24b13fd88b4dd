"""What a user changes between two epochs of one call of SGD counts for the next."""

import collections
import random
import sys

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import same_bits
from support.examples import digit_examples, labelled

EXAMPLES = digit_examples(60, 40, 3)


@pytest.fixture
def after_epoch(monkeypatch):
    """after_epoch(module, j, action): run `action` when epoch j has been printed."""

    def install(module, j, action):
        def say(text):
            if text.startswith((f"Epoch {j} ", f"Epoch {j}:")):
                action()

        monkeypatch.setattr(module, "print", say, raising=False)

    return install


class OwnCost:
    """The cross-entropy, computed by the user."""

    fn = staticmethod(network2.CrossEntropyCost.fn)

    @staticmethod
    def delta(z, a, y):
        return a - y


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("options", [{}, {"mu": 0.5}, {"regularization": "L1"}])
def test_a_cost_of_the_users_takes_over(n_threads, options, after_epoch):
    """Afterwards a built-in cost takes over again."""
    nets = []
    for change in (True, False):
        np.random.seed(1)
        random.seed(1)
        net = network2.Network([40, 30, 3])
        nets.append(net)
        if change:
            after_epoch(network2, 1, lambda net=net: setattr(net, "cost", OwnCost))
        net.SGD(list(EXAMPLES), 3, 10, 0.1, 0.1, n_threads=n_threads, **options)
        if change:
            assert net.cost is OwnCost
            after_epoch(network2, 0, lambda net=net: setattr(net, "cost", network2.CrossEntropyCost))
        net.SGD(list(EXAMPLES), 3, 10, 0.1, 0.1, n_threads=n_threads, **options)
    for ours, expected in zip(nets[0].weights, nets[1].weights, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def test_other_activations_take_over(after_epoch):
    """Training and evaluation use the same ones."""

    def train(change):
        np.random.seed(1)
        random.seed(1)
        net = network.Network([40, 5, 3])
        other = network.Network([40, 5, 3], activation="tanh")
        other.weights, other.biases = net.weights, net.biases
        if change:
            after_epoch(network, 0, lambda: net.__dict__.update(_cbackprop=other.__dict__["_cbackprop"]))
            net.SGD(EXAMPLES[:], 2, 10, 0.1)
            return net
        after_epoch(network, 9, None)
        order = EXAMPLES[:]
        net.SGD(order, 1, 10, 0.1)
        other.weights, other.biases = net.weights, net.biases
        other.SGD(order, 1, 10, 0.1)
        return other

    assert same_bits(train(True), train(False))


def test_an_evaluate_that_is_taken_back(capsys):
    """From then on the class's own `evaluate` gets the data as they came."""
    net = network.Network([40, 5, 3])
    tests = (np.array([x.ravel() for x, _ in EXAMPLES]), np.array([int(y.argmax()) for _, y in EXAMPLES]))

    def evaluate(test_data):
        del net.evaluate
        return -1

    net.evaluate = evaluate
    net.SGD(EXAMPLES[:], 2, 10, 0.1, test_data=tests)
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].startswith("Epoch 0: -1") and lines[1].startswith(f"Epoch 1: {net.evaluate(tests)} /")


class Unlike:
    """A key that equals no name, and says so by an error."""

    def __init__(self, name):
        self.name = name

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        raise RuntimeError("not to be compared")


def test_a_key_that_cannot_be_compared_is_the_users_error(capsys):
    net = network.Network([40, 5, 3])
    net.__dict__[Unlike("backprop")] = 1
    with pytest.raises(RuntimeError, match="not to be compared"):
        net.SGD(EXAMPLES[:], 1, 10, 0.1)


def test_attributes_in_a_dictionary_of_the_users(capsys):
    nets = []
    for kind in (dict, collections.OrderedDict, type("Mine", (dict,), {})):
        np.random.seed(1)
        random.seed(1)
        net = network.Network([40, 5, 3])
        net.__dict__ = kind(net.__dict__)
        net.SGD(EXAMPLES[:], 2, 10, 0.1)
        nets.append(net)
    assert same_bits(nets[0], nets[1]) and same_bits(nets[0], nets[2])


def test_a_stream_that_replaces_itself(monkeypatch):
    class Fickle:
        def write(self, text):
            pass

        @property
        def flush(self):
            sys.stdout = sys.__stdout__
            return lambda: None

    for _ in range(20):
        monkeypatch.setattr(sys, "stdout", Fickle())
        network.Network([40, 5, 3]).SGD(EXAMPLES[:], 1, 10, 0.1)


@pytest.mark.parametrize("tests", [None, labelled(EXAMPLES)], ids=["complete", "evaluated"])
def test_resizing_an_array_between_epochs(tests, after_epoch):
    """Nothing of the package's refers to the arrays then."""
    net = network.Network([40, 5, 3])
    resized = []
    after_epoch(network, 1, lambda: (net.weights[1].resize((3, 5)), resized.append(True)))
    net.SGD(EXAMPLES[:], 4, 10, 0.1, test_data=tests)
    assert resized


@pytest.mark.parametrize("owner", ["instance", "class"])
def test_draws_that_are_replaced(owner, after_epoch, monkeypatch):
    """A generator's getrandbits is the user's too, from the next epoch on."""
    generator, calls, examples, expected = random.Random(5), [], EXAMPLES[:12], EXAMPLES[:12]
    plain, other = generator.getrandbits, random.Random(5)
    for _ in range(4):
        other.shuffle(expected)

    def counted(bits):
        calls.append(bits)
        return plain(bits)

    def replace():
        if owner == "instance":
            generator.getrandbits = counted
        else:
            monkeypatch.setattr(random.Random, "getrandbits", lambda self, bits: counted(bits))

    monkeypatch.setattr(network, "random", generator)
    after_epoch(network, 1, replace)
    network.Network([40, 5, 3]).SGD(examples, 4, 10, 0.1)
    assert calls
    assert [id(pair) for pair in examples] == [id(pair) for pair in expected]

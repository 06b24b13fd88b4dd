"""evaluate counts as the book does: an int, the first maximum, labels that are any number."""

import numpy as np
import pytest

from cbackprop.network import Network
from support.agreement import network_and_reference
from support.examples import digit_examples


def test_evaluate_counts_as_the_reference(capsys):
    net, plain = network_and_reference([784, 30, 10])
    tests = digit_examples(300, labels=True)
    count = net.evaluate(tests)
    assert type(count) is int
    assert count == plain.evaluate(tests)
    assert net.evaluate(iter(tests)) == net.evaluate(tuple(tests)) == count
    assert net.evaluate([]) == 0 and type(net.evaluate([])) is int


def test_the_first_maximum_wins_a_tie():
    net = Network([2, 4])
    net.weights, net.biases = [np.zeros((4, 2))], [np.array([[0.0], [1.0], [1.0], [1.0]])]
    x = np.ones((2, 1))
    assert [net.evaluate([(x, label)]) for label in range(4)] == [0, 1, 0, 0]
    net.biases = [np.array([[0.0], [50.0], [1e9], [np.inf]])]  # all are 1.0 once rounded
    assert [net.evaluate([(x, label)]) for label in range(4)] == [0, 1, 0, 0]


def test_a_nan_is_a_maximum_as_for_argmax():
    net = Network([2, 4])
    net.weights, net.biases = [np.zeros((4, 2))], [np.array([[9.0], [0.0], [np.nan], [np.nan]])]
    assert [net.evaluate([(np.ones((2, 1)), label)]) for label in range(4)] == [0, 0, 1, 0]


@pytest.mark.parametrize("label", [2, 2.0, np.int64(2), np.uint8(2), np.float32(2), np.array(2)], ids=repr)
def test_labels_of_any_number_type(label):
    net = Network([2, 3])
    net.weights, net.biases = [np.zeros((3, 2))], [np.array([[0.0], [0.0], [1.0]])]
    assert net.evaluate([(np.ones((2, 1)), label)]) == 1


@pytest.mark.parametrize("label", [-1, 3, 2.5, 10**30, np.nan], ids=repr)
def test_labels_out_of_range_are_never_right(label):
    net = Network([2, 3])
    net.weights, net.biases = [np.zeros((3, 2))], [np.array([[0.0], [0.0], [1.0]])]
    assert net.evaluate([(np.ones((2, 1)), label)]) == 0


def test_zeros_that_are_listed_in_a_later_block_of_another_kind():
    """1,024 examples are packed at a time, here first as floats and then as doubles; so large a weight makes
    the kernels meet every input, zeros included, in memory that was laid out for the first block."""
    rng = np.random.default_rng(0)
    net, plain = network_and_reference([40, 3, 2])
    X = np.zeros((2048, 40))
    X[:1024, 0] = 1
    X[1024:, :6] = rng.normal(0, 3, (1024, 6))
    for each in (net, plain):
        each.weights[0][:, 39] = 1e305
    labels = [int(np.argmax(plain.feedforward(x.reshape(-1, 1)))) for x in X]
    assert net.evaluate((X, np.array(labels))) == 2048

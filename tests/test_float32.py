"""A float32 network: the same numbers, rounded; never more rounding than the type demands.

One float32 unit in the last place is 1.2e-7 of a number; 100 mini-batches at eta = 0.3 add up to
a few dozen of them, which is what the tolerances below allow.
"""

import random

import numpy as np
import pytest

from cbackprop.network import Network
from support.agreement import (
    copy_parameters,
    in_float64,
    network_and_reference,
    parameter_difference,
    worst_difference,
)
from support.examples import dense_classes, digit_examples

DATA = {"sparse": digit_examples, "dense": dense_classes}


def test_initial_numbers_are_the_float64_ones_rounded():
    np.random.seed(8)
    double = Network([20, 9, 4])
    state = repr(np.random.get_state())
    np.random.seed(8)
    single = Network([20, 9, 4], dtype=np.float32)
    assert repr(np.random.get_state()) == state
    for f8, f4 in zip(double.weights + double.biases, single.weights + single.biases, strict=True):
        assert f4.dtype == np.float32
        np.testing.assert_array_equal(f4, f8.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, "float32", "f4", np.dtype("f4")], ids=str)
def test_the_type_may_be_named_as_in_numpy(dtype):
    assert Network([2, 3], dtype=dtype).weights[0].dtype == np.float32


@pytest.mark.parametrize("call", ["feedforward", "backprop", "update", "SGD"])
def test_everything_stays_float32(call, capsys):
    net = Network([20, 9, 10], dtype=np.float32)
    examples = digit_examples(30, 20)
    x, y = examples[0]
    if call == "feedforward":
        assert net.feedforward(x.astype(np.float64)).dtype == np.float32
    elif call == "backprop":
        nabla_b, nabla_w = net.backprop(x, y)
        assert {g.dtype for g in nabla_b + nabla_w} == {np.dtype(np.float32)}
    elif call == "update":
        net.update_mini_batch(examples, 3.0)
    else:
        net.SGD(examples, 1, 10, 3.0)
    assert {p.dtype for p in net.weights + net.biases} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", DATA)
def test_gradients(kind):
    net, plain = network_and_reference([784, 30, 10], scaled=True, dtype=np.float32)
    for x, y in DATA[kind](5, 784):
        ours, expected = net.backprop(x, y), plain.backprop(x, y)
        assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < 1e-5


@pytest.mark.parametrize("kind", DATA)
def test_a_hundred_mini_batches_agree_with_references_of_both_types(kind, capsys):
    net, plain = network_and_reference([784, 30, 10], dtype=np.float32)
    double = in_float64(net)
    for each in (net, plain, double):
        random.seed(2)
        each.SGD(list(DATA[kind](1000, 784)), 1, 10, 0.3)
    assert parameter_difference(net, plain) < 1e-5
    assert parameter_difference(net, double) < 1e-5


def test_a_mini_batch_is_summed_before_it_is_subtracted():
    """A thousand gradients too small, each alone, to move a float32 weight; together they do."""
    net, _ = network_and_reference([784, 30, 10], scaled=True, dtype=np.float32)
    double = in_float64(net)
    before = [w.copy() for w in net.weights]
    mini_batch = digit_examples(1) * 1000
    largest = np.abs(double.backprop(*mini_batch[0])[1][1]).max()
    eta = 1e-5 / largest  # 1e-8 of a weight an example
    net.update_mini_batch(mini_batch, eta)
    double.update_mini_batch(mini_batch, eta)
    moved = before[1].astype(np.float64) - net.weights[1]
    expected = before[1].astype(np.float64) - double.weights[1]
    assert np.abs(moved - expected).max() <= np.spacing(np.abs(before[1]).max())


def test_a_mini_batch_of_sgd_is_summed_before_it_is_subtracted(capsys):
    examples = digit_examples(1) * 1000
    net, plain = network_and_reference([784, 30, 10], scaled=True, dtype=np.float32)
    double = in_float64(net)
    before = [w.astype(np.float64) for w in net.weights]
    gradient = double.backprop(*examples[0])[1]
    for layer in (0, 1):
        eta = 1e-5 / np.abs(gradient[layer]).max()
        copy_parameters(plain, net)
        net.SGD(list(examples), 1, 1000, eta)
        moved = before[layer] - net.weights[layer]
        one_ulp = np.spacing(np.float32(np.abs(before[layer]).max()))
        assert np.abs(moved - eta * gradient[layer]).max() <= one_ulp

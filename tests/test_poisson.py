"""PoissonCost and its output layer e^z: counts, learnt by their likelihood."""

import random

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import network2_and_reference, parameter_difference, worst_difference

RNG = np.random.default_rng(0)
X = RNG.random((60, 7))
COUNTS = RNG.poisson(np.exp(X[:, :2] * 2)).astype(float)
ULP = {np.float64: 2.0**-52, np.float32: 2.0**-23}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_e_to_the_z(dtype):
    limit = np.log(np.finfo(dtype).max) - 1
    z = np.concatenate([np.linspace(-limit + 2, limit, 4001), [0.0, -0.0, 1e-30]]).astype(dtype)
    net = network.Network([1, 1], activation="exponential", dtype=dtype)
    net.weights, net.biases = [np.ones((1, 1), dtype)], [np.zeros((1, 1), dtype)]
    ours = net.feedforward(z.reshape(1, -1))[0].astype(np.float64)
    expected = np.exp(z.astype(np.float64))
    assert np.abs(ours / expected - 1).max() <= 3 * ULP[dtype]
    assert np.isnan(net.feedforward(np.full((1, 1), np.nan, dtype))).all()
    assert net.feedforward(np.full((1, 1), 2000, dtype)) == np.inf
    assert net.feedforward(np.full((1, 1), -2000, dtype)) == 0


@pytest.mark.parametrize("options", [{}, {"lmbda": 0.3, "mu": 0.5}], ids=str)
def test_training_is_that_of_the_reference(options, capsys):
    net, plain = network2_and_reference(
        [7, 5, 2], cost=network2.PoissonCost, activation=["tanh", "exponential"]
    )
    pairs = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, COUNTS, strict=True)]
    lists = []
    for one in (net, plain):
        random.seed(1)
        lists.append(one.SGD(list(pairs), 5, 10, 0.05, monitor_training_cost=True, **options))
    assert parameter_difference(net, plain) <= 1e-12
    assert worst_difference([lists[0][2]], [lists[1][2]]) <= 1e-12
    assert lists[0][2][-1] < lists[0][2][0]


def test_the_error_is_the_derivative_of_the_cost():
    z, y, h = np.array([[-1.0], [0.3], [2.0]]), np.array([[0.0], [3.0], [1.0]]), 1e-6
    difference = [
        (
            network2.PoissonCost.fn(np.exp(z + h * e), y) - network2.PoissonCost.fn(np.exp(z - h * e), y)
        ) / (2 * h)
        for e in np.eye(3)[:, :, np.newaxis]
    ]  # fmt: skip
    np.testing.assert_allclose(network2.PoissonCost.delta(z, np.exp(z), y).ravel(), difference, rtol=1e-7)


def test_another_output_layer_is_an_error():
    with pytest.raises(ValueError, match="PoissonCost belongs to exponential neurons"):
        network2.Network([7, 2], cost=network2.PoissonCost, activation=["tanh"])

"""What network2 costs does not depend on the type in which the user keeps weights and targets."""

import numpy as np
import pytest

from cbackprop import network2

X = np.ones((2, 1))


@pytest.mark.parametrize("dtype", ["f8", "u1", "i1", "?"])
@pytest.mark.parametrize("cost", [network2.CrossEntropyCost, network2.LogLikelihoodCost])
def test_targets_of_any_type_where_feedforward_is_replaced(cost, dtype):
    """-y of uint8 1 is 255, and of a bool an error."""
    net = network2.Network([2, 2], cost)
    data = [(X, np.array([[0], [1]], dtype)), (X, np.array([[1], [0]], dtype))]
    expected = net.total_cost(data, 0.0)
    net.feedforward = lambda a: network2.Network.feedforward(net, a)
    assert net.total_cost(data, 0.0) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4"])
@pytest.mark.parametrize("regularization", ["L2", "L1"])
def test_weights_of_another_type_are_penalised_in_the_networks(dtype, regularization):
    net = network2.Network([2, 3])
    net.weights = [w.astype(dtype) for w in net.weights]
    data = [(X, np.ones((3, 1)))]
    found = net.total_cost(data, 1.0, regularization=regularization)
    net.weights = [w.astype(np.float64) for w in net.weights]
    assert found == pytest.approx(net.total_cost(data, 1.0, regularization=regularization), rel=1e-14)

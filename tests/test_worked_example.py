"""A 2-2-1 network worked by hand: numbers that no program of ours had a part in.

The weights are chosen so that every weighted input is ln 3, ln 2 or 0, for sigma(ln k) is k/(k+1)
and sigma' is k/(k+1)^2: everything below is a fraction that can be checked with a pencil.

    x = (1, 2)      layer 2: w = ((ln 3, 0), (0, (ln 2)/2)), b = (0, 0)
                             z = (ln 3, ln 2), a = (3/4, 2/3), sigma'(z) = (3/16, 2/9)
    y = 1           layer 3: w = (4, -3), b = -1
                             z = 3 - 2 - 1 = 0, a = 1/2, sigma'(z) = 1/4

    BP1  delta_3 = (1/2 - 1) 1/4                       = -1/8
    BP2  delta_2 = (4, -3) (-1/8) * (3/16, 2/9)        = (-3/32, 1/12)
    BP3  dC/db   = delta
    BP4  dC/dw_3 = delta_3 a_2 = (-3/32, -1/12)
         dC/dw_2 = delta_2 x   = ((-3/32, -3/16), (1/12, 1/6))
"""

from math import log

import numpy as np
import pytest

from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import worst_difference

X = np.array([[1.0], [2.0]])
Y = np.array([[1.0]])
NABLA_B = [np.array([[-3 / 32], [1 / 12]]), np.array([[-1 / 8]])]
NABLA_W = [np.array([[-3 / 32, -3 / 16], [1 / 12, 1 / 6]]), np.array([[-3 / 32, -1 / 12]])]
EXACT = 1e-14


@pytest.fixture(params=[Network, ReferenceNetwork])
def net(request):
    """The hand-worked network: compiled, and as the NumPy reference."""
    net = request.param([2, 2, 1])
    net.weights = [np.array([[log(3), 0.0], [0.0, log(2) / 2]]), np.array([[4.0, -3.0]])]
    net.biases = [np.zeros((2, 1)), np.array([[-1.0]])]
    return net


def test_feedforward(net):
    assert abs(net.feedforward(X)[0, 0] - 1 / 2) < EXACT


def test_backprop(net):
    nabla_b, nabla_w = net.backprop(X, Y)
    assert worst_difference(nabla_b, NABLA_B) < EXACT
    assert worst_difference(nabla_w, NABLA_W) < EXACT


def test_one_step_of_gradient_descent(net):
    # Two examples, the second with y = 0: only the sign of (a - y) turns, so the two gradients
    # cancel; with y = 1 three times and y = 0 once, half of one gradient is left of the mean.
    w, b = net.weights, net.biases
    net.update_mini_batch([(X, Y), (X, Y), (X, 0 * Y), (X, Y)], 2.0)
    assert worst_difference(net.weights, [w[k] - 2.0 * NABLA_W[k] / 2 for k in range(2)]) < EXACT
    assert worst_difference(net.biases, [b[k] - 2.0 * NABLA_B[k] / 2 for k in range(2)]) < EXACT


def test_opposite_examples_cancel(net):
    w, b = net.weights, net.biases
    net.update_mini_batch([(X, Y), (X, 0 * Y)], 2.0)
    assert worst_difference(net.weights, w) < EXACT
    assert worst_difference(net.biases, b) < EXACT


@pytest.mark.filterwarnings("ignore:training_data holds whole numbers")
def test_sgd_takes_the_same_step(net, capsys):
    w = net.weights
    net.SGD([(X, Y)], 1, 1, 8.0)
    assert worst_difference(net.weights, [w[k] - 8.0 * NABLA_W[k] for k in range(2)]) < EXACT
    assert capsys.readouterr().out == "Epoch 0 complete\n"


def test_cost_derivative(net):
    np.testing.assert_array_equal(net.cost_derivative(np.array([[0.5]]), Y), [[-0.5]])

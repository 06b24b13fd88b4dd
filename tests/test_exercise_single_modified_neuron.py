"""Exercise: backpropagation with a single modified neuron, as a student of the chapter would work it.

What must be changed in the algorithm? Where the modified neuron is in layer l, its activation is
a^l_j = f(z^l_j), and in BP1 or BP2 its σ′(z^l_j) becomes f′(z^l_j). Nothing else.
"""

import numpy as np
import pytest

from cbackprop import chapter
from cbackprop.network import Activation, Network, sigmoid, sigmoid_prime


def square(z):
    return z**2


def square_prime(z):
    return 2 * z


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


def by_hand(net, x, y, modified, f, f_prime):
    """The book's backprop for three layers, with f and f_prime for the neuron `modified`."""

    def activation(layer, z):
        a = sigmoid(z)
        if layer == modified[0]:
            a[modified[1]] = f(z[modified[1]])
        return a

    def slope(layer, z):
        slopes = sigmoid_prime(z)
        if layer == modified[0]:
            slopes[modified[1]] = f_prime(z[modified[1]])
        return slopes

    z2 = np.dot(net.weights[0], x) + net.biases[0]
    a2 = activation(2, z2)
    z3 = np.dot(net.weights[1], a2) + net.biases[1]
    a3 = activation(3, z3)
    delta3 = (a3 - y) * slope(3, z3)
    delta2 = np.dot(net.weights[1].T, delta3) * slope(2, z2)
    return a3, [delta2, delta3], [np.dot(delta2, x.T), np.dot(delta3, a2.T)]


@pytest.mark.parametrize("neuron", [(2, 1), (2, 3), (3, 0)])
@pytest.mark.parametrize(
    "activation, f, f_prime",
    [
        (Activation(square, square_prime), square, square_prime),
        ("tanh", np.tanh, tanh_prime),
        ("linear", lambda z: z, np.ones_like),
    ],
    ids=["square", "tanh", "linear"],
)
def test_only_its_own_slope_changes(neuron, activation, f, f_prime):
    net = Network([3, 4, 2], neuron_activations={neuron: activation})
    x, y = np.random.rand(3, 1), np.random.rand(2, 1)

    a3, nabla_b, nabla_w = by_hand(net, x, y, neuron, f, f_prime)
    found_b, found_w = net.backprop(x, y)

    np.testing.assert_allclose(net.feedforward(x), a3, rtol=1e-12)
    for found, expected in zip([*found_b, *found_w], [*nabla_b, *nabla_w], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert chapter.check_gradient(net, x, y).difference < 1e-7


def test_numbers_that_a_pencil_can_check():
    """A network 1-2-1 in which every z is a whole number and neuron 0 of layer 2 squares.

    x = 3       layer 2: w = (1, 0), b = (-1, 0)     z = (2, 0)    a = (2² = 4, σ(0) = 1/2)
    y = 0       layer 3: w = (1, -8), b = 0          z = 0         a = 1/2

    BP1  δ_3 = 1/2 · 1/4 = 1/8
    BP2  δ_2 = ((1 · 1/8) · f′(2), (-8 · 1/8) · σ′(0)) = (1/2, -1/4)
    BP4  dC/dw_3 = δ_3 a_2 = (1/2, 1/16), dC/dw_2 = δ_2 x = (3/2, -3/4)
    """
    net = Network([1, 2, 1], neuron_activations={(2, 0): Activation(square, square_prime)})
    net.weights = [np.array([[1.0], [0.0]]), np.array([[1.0, -8.0]])]
    net.biases = [np.array([[-1.0], [0.0]]), np.array([[0.0]])]

    nabla_b, nabla_w = net.backprop(np.array([[3.0]]), np.array([[0.0]]))

    np.testing.assert_allclose(nabla_b[1], [[1 / 8]], rtol=1e-14)
    np.testing.assert_allclose(nabla_b[0], [[1 / 2], [-1 / 4]], rtol=1e-14)
    np.testing.assert_allclose(nabla_w[1], [[1 / 2, 1 / 16]], rtol=1e-14)
    np.testing.assert_allclose(nabla_w[0], [[3 / 2], [-3 / 4]], rtol=1e-14)


def test_the_other_neurons_go_on_as_before():
    np.random.seed(1)
    usual = Network([3, 4, 2])
    np.random.seed(1)
    modified = Network([3, 4, 2], neuron_activations={(3, 1): Activation(square, square_prime)})
    x, y = np.random.rand(3, 1), np.random.rand(2, 1)
    assert modified.feedforward(x)[0] == pytest.approx(usual.feedforward(x)[0], rel=1e-14)
    assert modified.feedforward(x)[1] != pytest.approx(usual.feedforward(x)[1], rel=1e-3)
    assert modified.backprop(x, y)[0][1][0] == pytest.approx(usual.backprop(x, y)[0][1][0], rel=1e-12)

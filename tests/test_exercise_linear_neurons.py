"""Exercise: backpropagation with linear neurons, as a student of the chapter would work it.

With σ(z) = z throughout, σ′(z) = 1, and the algorithm becomes a^l = w^l a^{l-1} + b^l,
δ^L = ∇_a C and δ^l = (w^{l+1})^T δ^{l+1}; BP3 and BP4 stay as they are.
"""

import numpy as np

from cbackprop import chapter
from cbackprop.network import Network


def backprop_with_linear_neurons(net, x, y):
    """The algorithm rewritten: no σ and no σ′ in it."""
    activations = [x]
    for b, w in zip(net.biases, net.weights, strict=True):
        activations.append(np.dot(w, activations[-1]) + b)
    deltas = [activations[-1] - y]
    for w in reversed(net.weights[1:]):
        deltas.insert(0, np.dot(w.T, deltas[0]))
    return deltas, [np.dot(delta, a.T) for delta, a in zip(deltas, activations[:-1], strict=True)]


def test_the_rewritten_algorithm():
    net = Network([4, 5, 3, 2], activation="linear")
    x, y = np.random.randn(4, 1), np.random.randn(2, 1)
    found, expected = net.backprop(x, y), backprop_with_linear_neurons(net, x, y)
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
    assert chapter.check_gradient(net, x, y).difference < 1e-7


def test_numbers_that_a_pencil_can_check():
    """x = (1, 2), layer 2: w = ((1, 1), (2, -1)), b = (0, 1), layer 3: w = (3, -2), b = -4, y = 1.

    a_2 = (3, 1)        a_3 = 9 - 2 - 4 = 3
    δ_3 = 3 - 1 = 2     δ_2 = (3, -2) · 2 = (6, -4)
    dC/dw_3 = (6, 2)    dC/dw_2 = ((6, 12), (-4, -8))
    """
    net = Network([2, 2, 1], activation="linear")
    net.weights = [np.array([[1.0, 1.0], [2.0, -1.0]]), np.array([[3.0, -2.0]])]
    net.biases = [np.array([[0.0], [1.0]]), np.array([[-4.0]])]
    x, y = np.array([[1.0], [2.0]]), np.array([[1.0]])

    assert net.feedforward(x) == 3
    nabla_b, nabla_w = net.backprop(x, y)
    np.testing.assert_array_equal(nabla_b[1], [[2]])
    np.testing.assert_array_equal(nabla_b[0], [[6], [-4]])
    np.testing.assert_array_equal(nabla_w[1], [[6, 2]])
    np.testing.assert_array_equal(nabla_w[0], [[6, 12], [-4, -8]])


def test_the_network_is_one_linear_map():
    net = Network([3, 6, 4, 2], activation="linear")
    X = np.random.randn(3, 7)
    w = net.weights[2] @ net.weights[1] @ net.weights[0]
    b = net.feedforward(np.zeros((3, 1)))
    np.testing.assert_allclose(net.feedforward(X), w @ X + b, rtol=1e-10, atol=1e-12)


def test_it_learns_a_line(capsys):
    net = Network([1, 1], activation="linear")
    training_data = [(np.array([[x]]), np.array([[2 * x - 1]])) for x in np.linspace(-1, 1, 21)]
    net.SGD(training_data, 100, 7, 0.5)
    assert capsys.readouterr().out.splitlines()[-1] == "Epoch 99 complete"
    np.testing.assert_allclose([net.weights[0].item(), net.biases[0].item()], [2, -1], rtol=1e-10)

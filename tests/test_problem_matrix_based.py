"""Problem: the fully matrix-based approach over a mini-batch, as a student of the chapter would work it."""

import numpy as np
import pytest

from cbackprop.network import Activation, Network, sigmoid, sigmoid_prime


def sum_of_backprop(net, X, Y):
    """What the book's loop over a mini-batch adds up, one column after the other."""
    nabla_b = [np.zeros(b.shape) for b in net.biases]
    nabla_w = [np.zeros(w.shape) for w in net.weights]
    for x, y in zip(X.T, Y.T, strict=True):
        delta_nabla_b, delta_nabla_w = net.backprop(x.reshape(-1, 1), y.reshape(-1, 1))
        nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b, strict=True)]
        nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w, strict=True)]
    return nabla_b, nabla_w


def matrix_based(net, X, Y):
    """The pseudocode that the problem asks for, in NumPy, for a network of sigmoids."""
    activations, zs = [X], []
    for b, w in zip(net.biases, net.weights, strict=True):
        zs.append(np.dot(w, activations[-1]) + b)  # b is added to every column
        activations.append(sigmoid(zs[-1]))
    delta = (activations[-1] - Y) * sigmoid_prime(zs[-1])
    nabla_b, nabla_w = [], []
    for l in range(len(net.weights) - 1, -1, -1):
        nabla_b.insert(0, delta.sum(axis=1, keepdims=True))
        nabla_w.insert(0, np.dot(delta, activations[l].T))
        if l:
            delta = np.dot(net.weights[l].T, delta) * sigmoid_prime(zs[l - 1])
    return nabla_b, nabla_w


def assert_same(found, expected):
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("m", [1, 2, 10, 32, 300])
def test_it_is_the_sum_over_the_columns(m):
    net = Network([20, 15, 10])
    X, Y = np.random.rand(20, m), np.random.rand(10, m)
    found = net.backprop_mini_batch(X, Y)
    assert_same(found, sum_of_backprop(net, X, Y))
    assert_same(found, matrix_based(net, X, Y))


def test_other_neurons_too():
    net = Network(
        [6, 5, 4, 3], activation=["tanh", "relu", "linear"], neuron_activations={(2, 1): "softplus"}
    )
    X, Y = np.random.randn(6, 12), np.random.rand(3, 12)
    assert_same(net.backprop_mini_batch(X, Y), sum_of_backprop(net, X, Y))
    net = Network([6, 5, 3], neuron_activations={(2, 1): Activation(np.sin, np.cos)})
    assert_same(net.backprop_mini_batch(X, Y), sum_of_backprop(net, X, Y))


def test_update_mini_batch_rewritten_with_it():
    """One step of gradient descent by the matrix-based gradient is the step that the network takes."""
    net, eta, m = Network([12, 8, 4]), 3.0, 10
    X, Y = np.random.rand(12, m), np.random.rand(4, m)
    nabla_b, nabla_w = net.backprop_mini_batch(X, Y)
    weights = [w - (eta / m) * nw for w, nw in zip(net.weights, nabla_w, strict=True)]
    biases = [b - (eta / m) * nb for b, nb in zip(net.biases, nabla_b, strict=True)]

    net.update_mini_batch([(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X.T, Y.T, strict=True)], eta)

    for ours, theirs in zip([*net.weights, *net.biases], [*weights, *biases], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def test_the_forward_pass_takes_the_same_matrix():
    net = Network([12, 8, 4])
    X = np.random.rand(12, 9)
    columns = [net.feedforward(X[:, [column]]) for column in range(9)]
    np.testing.assert_allclose(net.feedforward(X), np.hstack(columns), rtol=1e-12)

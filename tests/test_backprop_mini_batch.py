"""`backprop_mini_batch(X, Y)`: the gradient of a mini-batch's columns, all by matrix products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import network
from cbackprop.network import Activation, Network
from support.agreement import network_and_reference, nothing_changes, worst_difference


def summed(net, X, Y):
    nabla_b, nabla_w = [np.zeros_like(b) for b in net.biases], [np.zeros_like(w) for w in net.weights]
    for j in range(X.shape[1]):
        for totals, ones in zip((nabla_b, nabla_w), net.backprop(X[:, [j]], Y[:, [j]]), strict=True):
            for total, one in zip(totals, ones, strict=True):
                np.add(total, one, out=total)
    return nabla_b, nabla_w


def worst(found, expected):
    return max(worst_difference(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


@pytest.mark.parametrize("m", [0, 1, 2, 7, 16, 32, 257])
@pytest.mark.parametrize("sizes", [[2, 3, 1], [784, 30, 10], [33, 17, 65, 10], [9, 5]], ids=str)
def test_the_sum_over_the_columns(sizes, m):
    net, plain = network_and_reference(sizes, scaled=True)
    X, Y = np.random.rand(sizes[0], m) * (np.random.rand(sizes[0], m) < 0.3), np.random.rand(sizes[-1], m)
    with nothing_changes(net):
        found = net.backprop_mini_batch(X, Y)
    assert worst(found, summed(plain, X, Y)) <= 1e-10
    assert worst(found, plain.backprop_mini_batch(X, Y)) <= 1e-10


@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=5),
    m=st.integers(1, 40),
    zero_rows=st.floats(0, 1),
    activation=st.sampled_from(["sigmoid", "tanh", "relu", "linear", "softplus"]),
)
def test_any_shape(sizes, m, zero_rows, activation):
    net, plain = network_and_reference(sizes, scaled=True, activation=activation)
    rng = np.random.default_rng(m)
    X, Y = rng.standard_normal((sizes[0], m)), rng.random((sizes[-1], m))
    X[rng.random(sizes[0]) < zero_rows] = 0
    assert worst(net.backprop_mini_batch(X, Y), summed(plain, X, Y)) <= 1e-10


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda X: X.astype(np.float32),
        lambda X: X.astype(">f8"),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1][::-1],
        lambda X: X > 0.5,
        np.ndarray.tolist,
    ],
)
def test_any_layout_and_type(change):
    net, plain = network_and_reference([12, 8, 4])
    X, Y = change(np.random.rand(12, 9)), change(np.random.rand(4, 9))
    assert (
        worst(net.backprop_mini_batch(X, Y), plain.backprop_mini_batch(np.asarray(X), np.asarray(Y, float)))
        <= 1e-10
    )


def test_float32():
    net, plain = network_and_reference([40, 30, 10], scaled=True, dtype=np.float32)
    X, Y = np.random.rand(40, 32), np.random.rand(10, 32)
    found = net.backprop_mini_batch(X, Y)
    assert all(array.dtype == np.float32 for arrays in found for array in arrays)
    assert worst(found, plain.backprop_mini_batch(X, Y)) <= 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["X", "Y", "weights"])
def test_what_is_not_finite_spreads_as_in_numpy(where, value):
    net, plain = network_and_reference([20, 8, 4])
    X, Y = np.random.rand(20, 9), np.random.rand(4, 9)
    X[5:15] = 0  # zero rows are skipped only where they meet finite numbers
    if where == "weights":
        net.weights[0][3, 7] = plain.weights[0][3, 7] = value
    else:
        {"X": X, "Y": Y}[where][2, 3] = value
    with np.errstate(all="ignore"):
        expected = plain.backprop_mini_batch(X, Y)
    found = net.backprop_mini_batch(X, Y)
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        finite = np.isfinite(theirs)
        np.testing.assert_allclose(ours[finite], theirs[finite], rtol=1e-9, atol=1e-12)


def test_replaced_methods_are_called_for_each_column():
    class CrossEntropy(Network):
        def cost_derivative(self, output_activations, y):
            assert output_activations.shape == (3, 1)
            return (output_activations - y) / (output_activations * (1 - output_activations))

    class Twice(Network):
        def backprop(self, x, y):
            nabla_b, nabla_w = super().backprop(x, y)
            return [2 * b for b in nabla_b], [2 * w for w in nabla_w]

    X, Y = np.random.rand(5, 6), np.random.rand(3, 6)
    for cls in (CrossEntropy, Twice):
        net = cls([5, 4, 3])
        assert worst(net.backprop_mini_batch(X, Y), summed(net, X, Y)) <= 1e-12


def test_own_activations_and_a_replaced_sigmoid(monkeypatch):
    X, Y = np.random.rand(5, 6), np.random.rand(3, 6)
    net = Network([5, 4, 3], neuron_activations={(2, 2): Activation(np.sin, np.cos)})
    assert worst(net.backprop_mini_batch(X, Y), summed(net, X, Y)) <= 1e-12
    monkeypatch.setattr(network, "sigmoid", lambda z: np.tanh(z) / 2 + 0.5)
    net = Network([5, 4, 3])
    assert worst(net.backprop_mini_batch(X, Y), summed(net, X, Y)) <= 1e-12


@pytest.mark.parametrize(
    "X, Y, error, words",
    [
        (np.ones((9, 5)), np.ones((3, 9)), ValueError, ["X has shape", "pass X.T"]),
        (np.ones(5), np.ones((3, 1)), ValueError, ["X has shape", "X.reshape"]),
        (np.ones((5, 9)), np.ones((9, 3)), ValueError, ["Y has shape", "pass Y.T"]),
        (np.ones((5, 9)), np.ones((3, 8)), ValueError, ["Y has shape", r"\(3, 9\)"]),
        (np.ones((5, 1)), np.ones(3), ValueError, ["Y has shape", "Y.reshape"]),
        (np.ones((5, 9, 1)), np.ones((3, 9)), ValueError, ["X has shape"]),
        (np.ones((5, 9), complex), np.ones((3, 9)), TypeError, ["X has dtype complex128"]),
        (np.ones((5, 9)), np.full((3, 9), "a"), TypeError, ["Y has dtype"]),
        (None, np.ones((3, 9)), TypeError, ["X"]),
    ],
)
def test_bad_input(X, Y, error, words):
    net = Network([5, 4, 3])
    with nothing_changes(net), pytest.raises(error) as raised:
        net.backprop_mini_batch(X, Y)
    for word in words:
        raised.match(word)


def test_the_arrays_are_new_and_the_arguments_untouched():
    net = Network([5, 4, 3])
    X, Y = np.random.rand(5, 6), np.random.rand(3, 6)
    X.setflags(write=False)
    Y.setflags(write=False)
    first, second = net.backprop_mini_batch(X, Y), net.backprop_mini_batch(X, Y)
    for one, other in zip([*first[0], *first[1]], [*second[0], *second[1]], strict=True):
        assert one.flags.owndata and one.flags.writeable and not np.shares_memory(one, other)
        assert one.tobytes() == other.tobytes()

"""Gradients agree with the NumPy reference to 1e-10 for any sizes, and with differences of the cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop.network import Network
from support.agreement import difference, network_and_reference, parameter_difference, worst_difference
from support.examples import dense_examples, digit_examples

TOLERANCE = 1e-10
# Weights after a step this long are the gradient and nothing else, to the last digit but a few:
# comparing them compares the gradient of the whole mini-batch, which no method returns.
ETA = 2.0**60

widths = st.integers(1, 70)
shapes = st.lists(widths, min_size=2, max_size=13)
seeds = st.integers(0, 2**31)


def check_backprop(sizes, seed=0, examples=None):
    net, plain = network_and_reference(sizes, seed, scaled=True)
    for x, y in examples or dense_examples(2, sizes, seed):
        ours, expected = net.backprop(x, y), plain.backprop(x, y)
        assert worst_difference(ours[0], expected[0]) < TOLERANCE
        assert worst_difference(ours[1], expected[1]) < TOLERANCE
        assert difference(net.feedforward(x), plain.feedforward(x)) < TOLERANCE


def check_mini_batch(sizes, m, seed=0, examples=None):
    net, plain = network_and_reference(sizes, seed, scaled=True)
    mini_batch = examples or dense_examples(m, sizes, seed)
    net.update_mini_batch(mini_batch, ETA)
    plain.update_mini_batch(mini_batch, ETA)
    assert parameter_difference(net, plain) < TOLERANCE


@given(shapes, seeds)
def test_backprop_of_any_sizes(sizes, seed):
    check_backprop(sizes, seed)


@given(st.lists(widths, min_size=2, max_size=6), st.integers(1, 70), seeds)
def test_mini_batch_of_any_length(sizes, m, seed):
    check_mini_batch(sizes, m, seed)


@pytest.mark.parametrize(
    "sizes",
    [
        [1, 1],
        [1, 1, 1],
        [2, 3, 1],
        [1] * 13,
        [7] * 13,
        [30] * 13,
        [5, 1, 5],
        [1, 70, 1],
        [1000, 1],
        [1, 1000],
        [1, 1000, 1],
        [1000, 1000, 10],
        [784, 10],
        [784, 100, 10],
        [300, 257, 129],
    ],
    ids=str,
)
def test_narrow_wide_and_deep(sizes):
    check_backprop(sizes)
    check_mini_batch(sizes, 3)


@pytest.mark.parametrize(
    "width", [n + d for n in (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256) for d in (-1, 0, 1)]
)
def test_widths_around_a_tile(width):
    check_backprop([width, width, 10])
    check_mini_batch([20, width, width], 5)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 257])
@pytest.mark.parametrize("sizes", [[40, 30, 10], [40, 5, 7, 3]], ids=str)
def test_mini_batch_lengths_around_a_tile(sizes, m):
    check_mini_batch(sizes, m)


@pytest.mark.parametrize("m", [1, 10, 16, 17, 100])
def test_sparse_examples(m):
    check_mini_batch([784, 30, 10], m, examples=digit_examples(m))
    check_backprop([784, 30, 10], examples=digit_examples(m)[:3])


def test_the_books_own_initial_weights():
    net, plain = network_and_reference([784, 30, 10])
    for x, y in digit_examples(5):
        ours, expected = net.backprop(x, y), plain.backprop(x, y)
        assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < TOLERANCE


def test_inputs_all_zero_and_hardly_any():
    blank = np.zeros((50, 1))
    spot = blank.copy()
    spot[17] = 0.5
    check_mini_batch([50, 9, 4], 4, examples=[(x, np.full((4, 1), 0.3)) for x in (blank, spot, spot, blank)])


def test_the_same_example_many_times_counts_each_time():
    check_mini_batch([30, 20, 10], 6, examples=dense_examples(1, [30, 20, 10]) * 6)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), seeds)
def test_gradient_is_the_slope_of_the_cost(sizes, seed):
    """Central differences of C = |a - y|^2 / 2: no code shared with backpropagation."""
    net, _ = network_and_reference(sizes, seed, scaled=True)
    x, y = dense_examples(1, sizes, seed)[0]
    nabla_b, nabla_w = net.backprop(x, y)
    step = 1e-5  # the error is about step^2 + 2e-16 / step

    def cost():
        return 0.5 * float(np.sum((net.feedforward(x) - y) ** 2))

    for parameters, nabla in ((net.biases, nabla_b), (net.weights, nabla_w)):
        for p, g in zip(parameters, nabla, strict=True):
            place = tuple(np.random.default_rng(seed).integers(0, p.shape))
            p[place] += step
            above = cost()
            p[place] -= 2 * step
            below = cost()
            p[place] += step
            assert abs((above - below) / (2 * step) - g[place]) < 2e-10


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 20), seeds)
def test_feedforward_of_a_matrix_is_that_of_its_columns(n_in, columns, n_out, seed):
    net, plain = network_and_reference([n_in, 11, n_out], seed, scaled=True)
    a = np.random.default_rng(seed).uniform(-1, 1, (n_in, columns))
    ours = net.feedforward(a)
    assert ours.shape == (n_out, columns)
    assert difference(ours, plain.feedforward(a)) < TOLERANCE
    for j in range(columns):
        assert difference(ours[:, j : j + 1], net.feedforward(a[:, j : j + 1])) < TOLERANCE


def test_wide_matrix_feedforward():
    net, plain = network_and_reference([60, 50, 10])
    a = np.random.default_rng(0).uniform(0, 1, (60, 5000))
    assert difference(net.feedforward(a), plain.feedforward(a)) < TOLERANCE


@pytest.mark.parametrize("sizes", [[2, 0, 1], [0, 3], [3, 0]], ids=str)
def test_an_empty_layer_is_as_in_numpy(sizes):
    net, plain = network_and_reference(sizes)
    x, y = np.ones((sizes[0], 1)), np.ones((sizes[-1], 1))
    np.testing.assert_allclose(net.feedforward(x), plain.feedforward(x), rtol=1e-15)
    ours, expected = net.backprop(x, y), plain.backprop(x, y)
    assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < TOLERANCE
    net.update_mini_batch([(x, y)], 1.0)
    plain.update_mini_batch([(x, y)], 1.0)
    assert parameter_difference(net, plain) < TOLERANCE


def test_returned_arrays_are_the_callers_own():
    net = Network([4, 3, 2])
    x, y = dense_examples(1, [4, 3, 2])[0]
    first = net.backprop(x, y)
    assert isinstance(first, tuple) and isinstance(first[0], list) and isinstance(first[1], list)
    kept = [np.array(g) for g in first[0] + first[1]]
    parameters = [np.array(p) for p in net.biases + net.weights]
    other_x, other_y = dense_examples(1, [4, 3, 2], seed=9)[0]
    second = net.backprop(other_x, other_y)
    for g, k in zip(first[0] + first[1], kept, strict=True):
        np.testing.assert_array_equal(g, k)  # not a buffer that the second call wrote to
        assert g.dtype == np.float64 and g.flags.writeable
    again = [np.array(g) for g in second[0] + second[1]]
    for g in first[0] + first[1]:
        g[...] = 99.0
    for g, k in zip(second[0] + second[1], again, strict=True):
        np.testing.assert_array_equal(g, k)
    for p, k in zip(net.biases + net.weights, parameters, strict=True):
        np.testing.assert_array_equal(p, k)


def test_gradients_are_shaped_like_the_parameters():
    net = Network([7, 5, 3])
    nabla_b, nabla_w = net.backprop(*dense_examples(1, [7, 5, 3])[0])
    assert [g.shape for g in nabla_b] == [b.shape for b in net.biases]
    assert [g.shape for g in nabla_w] == [w.shape for w in net.weights]

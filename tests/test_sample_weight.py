"""`sample_weight` in SGD: an example of weight 2 counts as two, whatever the network and its options."""

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import copy_parameters, in_float64, parameter_difference, same_bits
from support.examples import as_arrays, dense_classes, digit_examples

N, SIZES = 37, [40, 12, 10]
DATA = {"sparse": digit_examples, "dense": dense_classes}
COUNTS = np.random.default_rng(5).integers(0, 4, N)  # some of them 0
NETWORKS = {
    "network": (network.Network, {}, {}),
    "network2": (network2.Network, {}, {"lmbda": 0.7}),
    "L1": (network2.Network, {"cost": network2.QuadraticCost}, {"lmbda": 0.2, "regularization": "L1"}),
    "momentum": (network2.Network, {"cost": network2.LogLikelihoodCost}, {"lmbda": 0.3, "mu": 0.7}),
}


class OwnCost:
    fn = staticmethod(network2.CrossEntropyCost.fn)
    delta = staticmethod(lambda z, a, y: a - y)


NETWORKS["a cost of the user's"] = network2.Network, {"cost": OwnCost}, {"lmbda": 0.7}


def two_networks(kind, **options):
    make, its_own, training = NETWORKS[kind]
    first = make(SIZES, **its_own, **options)
    return first, copy_parameters(first, make(SIZES, **its_own, **options)), training


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("data", DATA)
def test_a_whole_number_equals_repeated_rows(kind, data):
    X, Y = as_arrays(DATA[data](N, SIZES[0]))
    weighted, repeated, training = two_networks(kind)
    weighted.SGD((X, Y), 5, N, 0.5, sample_weight=COUNTS, **training)
    rows = np.repeat(np.arange(N), COUNTS)
    repeated.SGD((X[rows], Y[rows]), 5, len(rows), 0.5, **training)
    assert parameter_difference(weighted, repeated) <= 1e-12


@pytest.mark.parametrize("data", DATA)
def test_float32(data):
    X, Y = as_arrays(DATA[data](N, SIZES[0]))
    single, double, _ = two_networks("network", dtype=np.float32)
    single.SGD((X, Y), 3, 5, 0.5, sample_weight=COUNTS / 3)
    assert parameter_difference(single, in_float64(double)) > 1e-3  # it learnt
    assert {w.dtype for w in single.weights} == {np.dtype(np.float32)}


@pytest.mark.parametrize("data", DATA)
def test_a_step_is_that_of_the_equation(data):
    """w → w − (η / Σ s) Σ s ∂C/∂w, the weights being fractions."""
    X, Y = as_arrays(DATA[data](N, SIZES[0]))
    weights = np.random.default_rng(3).random(N)
    net, plain, _ = two_networks("network")
    net.SGD((X, Y), 1, N, 0.5, sample_weight=weights)
    gradients = [plain.backprop(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y, strict=True)]
    for which, arrays in enumerate((plain.biases, plain.weights)):
        for layer, array in enumerate(arrays):
            total = sum(s * g[which][layer] for s, g in zip(weights, gradients, strict=True))
            array[...] = array - 0.5 / weights.sum() * total
    assert parameter_difference(net, plain) <= 1e-13


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("kind", ["network", "momentum"])
def test_weights_of_one_change_nothing(kind, data):
    X, Y = as_arrays(DATA[data](N, SIZES[0]))
    weighted, plain, training = two_networks(kind)
    for net, options in ((weighted, {"sample_weight": np.ones(N)}), (plain, {})):
        network.random.seed(4)
        net.SGD((X, Y), 3, 5, 0.5, **options, **training)
    assert same_bits(weighted, plain)


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_does_not_count_makes_no_step(kind):
    X, Y = as_arrays(digit_examples(N, SIZES[0]))
    net, before, training = two_networks(kind)
    net.SGD((X, Y), 2, 5, 0.5, sample_weight=np.zeros(N), **training)
    assert same_bits(net, before)


def test_an_example_of_weight_0_may_hold_anything():
    """Its error is NaN, and still not part of the sum."""
    X, Y = as_arrays(dense_classes(N, SIZES[0]))
    net, plain, _ = two_networks("network")
    weights = np.ones(N)
    weights[4] = 0
    Y[4] = np.nan
    net.SGD((X, Y), 1, N, 0.5, sample_weight=weights)
    kept = weights > 0
    plain.SGD((X[kept], Y[kept]), 1, N, 0.5)
    assert parameter_difference(net, plain) <= 1e-12


def test_threads_change_no_bit():
    X, Y = as_arrays(digit_examples(200, SIZES[0]))
    one, two, _ = two_networks("network2")
    weights = np.random.default_rng(3).random(200)
    for net, n_threads in ((one, 1), (two, 2)):
        network.random.seed(4)
        net.SGD((X, Y), 2, 50, 0.5, sample_weight=weights, n_threads=n_threads)
    assert same_bits(one, two)


@pytest.mark.parametrize(
    "weights, error, words",
    [
        (np.ones(N - 1), ValueError, ["sample_weight", "(36,)", "37"]),
        (np.ones((N, 1)), ValueError, ["sample_weight", "(37, 1)"]),
        (np.full(N, -1.0), ValueError, ["sample_weight[0]", "-1.0"]),
        (np.full(N, np.nan), ValueError, ["sample_weight[0]", "nan"]),
        (np.full(N, np.inf), ValueError, ["sample_weight[0]", "inf"]),
        (np.full(N, 1e308), ValueError, ["sample_weight", "adds up to inf"]),
        (np.full(N, "1"), TypeError, ["sample_weight", "<U1"]),
        (np.full(N, 1j), TypeError, ["sample_weight", "complex128"]),
        ("balanced", TypeError, ["sample_weight", "<U8"]),
    ],
)
def test_errors_come_before_anything_has_changed(weights, error, words):
    X, Y = as_arrays(digit_examples(N, SIZES[0]))
    net, before, _ = two_networks("network2")
    with pytest.raises(error) as raised:
        net.SGD((X, Y), 1, 5, 0.5, sample_weight=weights)
    for word in words:
        assert word in str(raised.value)
    assert same_bits(net, before)


def test_pairs_have_no_weights():
    net, before, _ = two_networks("network")
    with pytest.raises(TypeError, match=r"sample_weight goes with a pair of arrays"):
        net.SGD(digit_examples(N, SIZES[0]), 1, 5, 0.5, sample_weight=np.ones(N))
    assert same_bits(net, before)


def test_the_book_s_methods_know_no_weights():
    net, before, _ = two_networks("network")
    net.backprop = lambda x, y: network.Network.backprop(net, x, y)
    with pytest.raises(TypeError, match=r"sample_weight is for compiled training.*backprop"):
        net.SGD(as_arrays(digit_examples(N, SIZES[0])), 1, 5, 0.5, sample_weight=np.ones(N))
    assert same_bits(net, before)

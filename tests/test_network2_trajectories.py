"""network2 agrees with its NumPy reference in every option: gradients to 1e-10, trajectories to 1e-8."""

import itertools
import random

import numpy as np
import pytest

from cbackprop import network2
from support.agreement import (
    difference,
    network2_and_reference,
    parameter_difference,
    same_bits,
    worst_difference,
)
from support.examples import as_arrays, dense_classes, digit_examples

SIZES = [40, 13, 7, 5]
COSTS = ["QuadraticCost", "CrossEntropyCost", "LogLikelihoodCost"]
TOLERANCE = {np.float64: 1e-8, np.float32: 2e-3}
EXAMPLES = {
    "sparse": digit_examples(107, 40, 5),
    "dense": dense_classes(107, 40, 5),
    "soft": [(x, 0.8 * y + 0.1) for x, y in digit_examples(107, 40, 5)],
}


def pair(cost, sizes=SIZES, **options):
    return network2_and_reference(sizes, getattr(network2, cost), **options)


def trained(net, examples, m, eta, lmbda, evaluation, epochs=3, **options):
    random.seed(6)
    return net.SGD(list(examples), epochs, m, eta, lmbda, evaluation, True, True, True, True, **options)


def compare(cost, kind, lmbda, regularization, mu, m, dtype=np.float64, eta=0.3, saturates=False):
    net, reference = pair(cost, dtype=dtype)
    evaluation = digit_examples(31, 40, 5, seed=9, labels=True)
    options = {"regularization": regularization, "mu": mu}
    ours = trained(net, EXAMPLES[kind], m, eta, lmbda, evaluation, **options)
    expected = trained(reference, EXAMPLES[kind], m, eta, lmbda, evaluation, **options)
    assert net.backend.startswith("compiled")
    assert parameter_difference(net, reference) < TOLERANCE[dtype]
    for mine, theirs in zip(ours[::2], expected[::2], strict=True):
        # The cost of an output that has run against 1 depends on the last bit of 1 - a.
        assert saturates or difference(mine, theirs) < TOLERANCE[dtype]
    if dtype == np.float64:
        assert ours[1::2] == expected[1::2]
    if mu:
        for mine, theirs in zip(net.velocities, reference.velocities, strict=True):
            assert worst_difference(mine, theirs) < 10 * TOLERANCE[dtype]


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(("lmbda", "regularization"), [(0.0, "L2"), (0.5, "L2"), (0.5, "L1")])
@pytest.mark.parametrize("mu", [0.0, 0.9])
def test_every_pair_of_options(capsys, cost, kind, lmbda, regularization, mu):
    # sgn(w) jumps where w is rounded past 0, which float32 does somewhere in any trajectory: L1 is held step
    # by step.
    dtypes = (np.float64, np.float32) if regularization == "L2" else (np.float64,)
    for m, dtype in itertools.product((1, 10, 16, 33), dtypes):
        # The steps of single examples are small: in large ones, with momentum, float32's rounding grows to
        # chaos.
        compare(cost, kind, lmbda, regularization, mu, m, dtype, eta=0.3 if m > 1 else 0.03)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize("lmbda", [-3.0, 60.0, 356.0, 400.0, 713.0, 800.0])
@pytest.mark.parametrize("mu", [0.0, 1e-3, 0.5, 1.0])
def test_decay_beyond_the_usual(capsys, kind, lmbda, mu):
    """The factor 1 - eta lambda / n grows past 1, comes to nearly 0, and turns negative."""
    compare("CrossEntropyCost", kind, lmbda, "L2", mu, 10, saturates=lmbda == 800)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_decay_of_exactly_everything(capsys, kind):
    compare("QuadraticCost", kind, 107.0, "L2", 0.0, 10, eta=1.0)


@pytest.mark.parametrize("lmbda", [20.0, -2.0])
def test_strong_decay_over_many_mini_batches(capsys, lmbda):
    """The factor that holds the decay is multiplied out again and again."""
    net, reference = pair("CrossEntropyCost", [40, 3, 5])
    examples = [(x * 0, y) for x, y in EXAMPLES["sparse"]]  # nothing to learn: no weight but decays
    net.SGD(list(examples), 600, 1, 0.01, lmbda)
    factor = (1 - 0.01 * lmbda / 107) ** (600 * 107)
    assert difference(net.weights[0], reference.weights[0] * factor) < 1e-9


def check_nans(net, reference, kind, eta, **options):
    """Train both; what is NaN in one is NaN in the other."""
    with np.errstate(all="ignore"):
        for one in (net, reference):
            random.seed(1)
            one.SGD(list(EXAMPLES[kind]), 1, 10, eta, 0.5, **options)
    for a, b in zip(net.weights, reference.weights, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize("eta", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_what_is_not_finite_propagates(capsys, eta, kind):
    check_nans(*pair("CrossEntropyCost"), kind, eta)


@pytest.mark.parametrize("mu", [0.0, 0.9])
@pytest.mark.parametrize("regularization", ["L2", "L1"])
def test_a_weight_that_is_not_finite(capsys, mu, regularization):
    both = pair("CrossEntropyCost")
    for one in both:
        one.weights[0][2, 5] = np.inf
    check_nans(*both, "sparse", 0.5, regularization=regularization, mu=mu)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("mu", [0.0, 0.9])
@pytest.mark.parametrize("regularization", ["L2", "L1"])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_two_threads_change_no_bit(capsys, cost, mu, regularization, kind):
    nets = []
    for n_threads in (1, 2):
        net, _ = pair(cost, [40, 130, 90, 5], scaled=True)
        random.seed(6)
        net.SGD(
            list(EXAMPLES[kind]), 2, 10, 0.3, 2.0, regularization=regularization, mu=mu, n_threads=n_threads
        )
        nets.append(net)
    assert same_bits(*nets)


@pytest.mark.parametrize("cost", COSTS)
def test_a_layer_of_outputs_shared_by_threads(capsys, cost):
    nets = []
    for n_threads in (1, 2):
        net, reference = pair(cost, [40, 5])
        random.seed(6)
        net.SGD(list(EXAMPLES["dense"]), 2, 33, 0.3, n_threads=n_threads)
        nets.append(net)
    random.seed(6)
    reference.SGD(list(EXAMPLES["dense"]), 2, 33, 0.3)
    assert same_bits(*nets) and parameter_difference(net, reference) < 1e-8


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("sizes", [[1, 1], [40, 5], [3, 70, 17, 2], SIZES])
def test_gradients(cost, sizes):
    net, reference = pair(cost, sizes)
    examples = dense_classes(9, sizes[0], sizes[-1])
    for x, y in examples:
        for mine, theirs in zip(net.backprop(x, y), reference.backprop(x, y), strict=True):
            assert worst_difference(mine, theirs) < 1e-10
    X, Y = (array.T for array in as_arrays(examples))
    for mine, theirs in zip(net.backprop_mini_batch(X, Y), reference.backprop_mini_batch(X, Y), strict=True):
        assert worst_difference(mine, theirs) < 1e-10


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("regularization", ["L2", "L1"])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_one_step_after_the_other(dtype, regularization, kind):
    """`update_mini_batch` carries velocities on, through steps without momentum too."""
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    net, reference = pair("CrossEntropyCost", dtype=dtype)
    for k, mu in enumerate((0.9, 0.9, 0.5, 0.0, 0.9)):
        for one in (net, reference):
            one.update_mini_batch(
                EXAMPLES[kind][10 * k : 10 * k + 10], 0.5, 1.0, 107, mu=mu, regularization=regularization
            )
        assert parameter_difference(net, reference) < tolerance
        for mine, theirs in zip(net.velocities, reference.velocities, strict=True):
            assert worst_difference(mine, theirs) < tolerance
        reference.weights, reference.biases = list(net.weights), list(net.biases)
        reference.velocities = net.velocities

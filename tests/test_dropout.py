"""Dropout: as in the reference with the same masks, whose draws are what they are said to be."""

import copy
import itertools
import random
from functools import partial

import numpy as np
import pytest

from cbackprop import _dropout, _processors, network2
from cbackprop._dropout import Dropout, factors
from support.agreement import (
    copy_parameters,
    network2_and_reference,
    nothing_changes,
    parameter_difference,
    same_bits,
)
from support.examples import dense_classes, digit_examples

SIZES = [40, 13, 7, 5]
EXAMPLES = {"sparse": digit_examples(107, 40, 5), "dense": dense_classes(107, 40, 5)}
TOLERANCE = {np.float64: 1e-8, np.float32: 2e-3}
DROPOUTS = {
    "hidden": 0.5,
    "each its own": [0.2, 0.5, 0.9],
    "a layer": [0.0, 0.0, 0.25],
    "inputs": [0.5, 0, 0],
}
each_dropout = pytest.mark.parametrize("dropout", DROPOUTS.values(), ids=DROPOUTS)
each_kind = pytest.mark.parametrize("kind", EXAMPLES)


class SteepCost:
    """A cost of the user's."""

    @staticmethod
    def fn(a, y):
        return float(np.sum((a - y) ** 2))

    @staticmethod
    def delta(z, a, y):
        return 2 * (a - y) * a * (1 - a)


def trained(net, examples, m=10, eta=0.2, epochs=3, seed=7, **options):
    random.seed(6)
    net.SGD(list(examples), epochs, m, eta, random_state=seed, **options)
    return net


@each_dropout
@each_kind
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_trajectories(capsys, dropout, kind, dtype):
    rules = {"mu": 0.0}, {"mu": 0.5, "lmbda": 0.5}, {"rule": "adam", "eta": 0.01, "epsilon": 1e-4}
    for rule, m in itertools.product(rules, (1, 10, 33)):
        net, reference = network2_and_reference(SIZES, dtype=dtype)
        for one in (net, reference):
            trained(one, EXAMPLES[kind], m, **{"eta": 0.2 if m > 1 else 0.02, "dropout": dropout, **rule})
        skips_zeros = kind == "sparse" and (dropout == 0.5 or dropout[0] == 0)
        assert net.backend.startswith("compiled") and ("sparse" in net.backend) == skips_zeros
        assert parameter_difference(net, reference) < TOLERANCE[dtype]


@pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.LogLikelihoodCost, SteepCost])
@pytest.mark.parametrize("sizes", [[2, 3, 1], [40, 5], [33, 65, 31, 5], [9, 8, 16, 17, 2]])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_odd_shapes_costs_and_activations(capsys, cost, sizes, activation):
    layers = [activation] * (len(sizes) - 2)
    for make, dtype in itertools.product((digit_examples, dense_classes), TOLERANCE):
        net, reference = network2_and_reference(
            sizes, cost, dtype=dtype, activation=[*layers, "softmax" if "Log" in cost.__name__ else "sigmoid"]
        )
        for one in (net, reference):
            trained(one, make(23, sizes[0], sizes[-1]), 7, 0.05, dropout=[0.4] * (len(sizes) - 1))
        assert parameter_difference(net, reference) < TOLERANCE[dtype]


@each_dropout
@each_kind
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_two_threads_change_no_bit(capsys, monkeypatch, dropout, kind, dtype):
    monkeypatch.setattr(_processors, "granted", lambda: 2)
    nets = []
    for n_threads in (1, 2):
        net, _ = network2_and_reference([40, 130, 90, 5], dtype=dtype)
        nets.append(trained(net, EXAMPLES[kind], dropout=dropout, n_threads=n_threads))
    assert "2 threads" in nets[1].backend
    assert same_bits(*nets)


def test_no_dropout_is_no_dropout(capsys):
    """Not a bit changes, and no mask is drawn."""
    plain, _ = network2_and_reference(SIZES)
    without = np.random.default_rng(1)
    trained(plain, EXAMPLES["sparse"], seed=without)
    for dropout in (0, 0.0, [0, 0, 0], (0.0, 0, 0), np.zeros(3), np.float32(0)):
        net, _ = network2_and_reference(SIZES)
        state, generator = repr(np.random.get_state()), np.random.default_rng(1)
        trained(net, EXAMPLES["sparse"], seed=generator, dropout=dropout)
        assert same_bits(net, plain)
        assert repr(np.random.get_state()) == state
        assert generator.bit_generator.state == without.bit_generator.state


def test_a_seed_a_generator_and_numpys_seed(capsys):
    nets = [network2_and_reference(SIZES)[0] for _ in range(6)]
    np.random.seed(3)
    seeds = [7, np.int8(7), np.random.default_rng(7), 8, None, None]
    for i, (net, seed) in enumerate(zip(nets, seeds)):
        if i >= 4:
            np.random.seed(3)
        trained(net, EXAMPLES["sparse"], seed=seed, dropout=0.5)
    assert same_bits(nets[0], nets[1]) and same_bits(nets[0], nets[2])
    assert not same_bits(nets[0], nets[3])
    assert same_bits(nets[4], nets[5]) and not same_bits(nets[4], nets[0])


def dropout_from(seed, dropout):
    """What SGD draws its masks with for random_state=seed."""
    result = Dropout(dropout)
    result.generator = np.random.default_rng(seed)
    return result


def test_each_epoch_draws_masks_and_then_the_order(capsys):
    given = np.random.default_rng(9)
    trained(network2.Network(SIZES), EXAMPLES["dense"], epochs=2, seed=given, dropout=0.5)
    dropout, masks = dropout_from(9, 0.5), []
    for _ in range(2):
        masks.append(dropout.masks(SIZES, 107))
        dropout.generator.permutation(107)
    assert (masks[0] != masks[1]).any()
    assert given.bit_generator.state == dropout.generator.bit_generator.state


def test_masks_go_on_where_those_before_ended():
    dropout = dropout_from(9, 0.5)
    rows = np.concatenate([dropout.masks(SIZES, 107), dropout.masks(SIZES, 107)])
    np.testing.assert_array_equal(rows, dropout_from(9, 0.5).masks(SIZES, 214))


@pytest.mark.parametrize("random_state", [None, 7])
def test_resumed_masks(capsys, random_state):
    """Ten epochs are five and five, also where random.shuffle draws the order; see tests/test_resume.py."""
    nets = []
    for epochs in ((4,), (1, 3)):
        np.random.seed(3)
        random.seed(6)
        net, _ = network2_and_reference(SIZES)
        for k, n in enumerate(epochs):
            net.SGD(
                tuple(EXAMPLES["sparse"]), n, 10, 0.1, dropout=[0.1, 0.5, 0.5], random_state=random_state,
                resume=k > 0,
            )  # fmt: skip
        nets.append(net)
    assert same_bits(*nets)


# ---- the masks ----


def test_masks_are_drawn_with_these_probabilities():
    sizes, probabilities = [11, 30, 8, 17, 3], (0.1, 0.5, 0.0, 0.9)
    n = 4000
    rows = dropout_from(5, probabilities).masks(sizes, n)
    assert rows.shape == (n, 2 + 4 + 3 + 1) and not rows[:, -1].any()
    dtype = np.dtype(np.float64)
    kept = [factors(probabilities, sizes, row, dtype) for row in rows]
    assert all(of_layers[2] is None for of_layers in kept)
    for l, p in ((0, 0.1), (1, 0.5), (3, 0.9)):
        stays = np.hstack([of_layers[l] for of_layers in kept])
        assert stays.shape == (sizes[l], n)
        assert set(np.unique(stays)) == {0.0, 1 / (1 - p)}
        # Five standard deviations, for each neuron, and for each pair of neurons that are neighbours.
        share = (stays > 0).mean(axis=1)
        assert abs(share - (1 - p)).max() < 5 * np.sqrt(p * (1 - p) / n)
        both = ((stays > 0)[1:] & (stays > 0)[:-1]).mean(axis=1)
        assert abs(both - (1 - p) ** 2).max() < 5 * np.sqrt((1 - p) ** 2 * (1 - (1 - p) ** 2) / n)


def test_masks_do_not_depend_on_blocks(monkeypatch):
    expected = dropout_from(5, 0.3).masks(SIZES, 107)
    for block in (1, 21, 1000):
        monkeypatch.setattr(_dropout, "BLOCK", block)
        np.testing.assert_array_equal(dropout_from(5, 0.3).masks(SIZES, 107), expected)


def test_the_mean_of_thinned_networks_is_the_whole_one(capsys):
    """What stays is multiplied by 1 / (1 - p): the mean over the masks is that of the whole."""
    options = {"activation": "linear"}
    net, whole = (network2_and_reference([6, 8, 2], network2.QuadraticCost, **options)[0] for _ in range(2))
    x, y = dense_classes(1, 6, 2)[0]
    X, Y = np.tile(x.T, (100_000, 1)), np.tile(y.T, (100_000, 1))
    before = copy.deepcopy(net)
    net.SGD((X, Y), 1, 100_000, 1.0, dropout=0.5, random_state=1)
    whole.SGD((X, Y), 1, 100_000, 1.0)
    # That of b^3 is linear in a^2: the mean over the masks.
    moved, expected = (each.biases[1] - before.biases[1] for each in (net, whole))
    assert np.abs(moved - expected).max() < 0.02 * np.abs(expected).max()
    assert np.abs(moved - expected).max() > 0


def test_what_is_dropped_is_not_learnt(capsys):
    """In a mini-batch of one, weights from and to the neurons that drop out stay as they are."""
    net, _ = network2_and_reference([5, 64, 3])
    before = copy.deepcopy(net)
    net.SGD([(np.ones((5, 1)), np.zeros((3, 1)))], 1, 1, 0.5, dropout=0.5, random_state=2)
    stays = np.unpackbits(dropout_from(2, 0.5).masks([5, 64, 3], 1)[0][:8], bitorder="little").astype(bool)
    assert 16 < stays.sum() < 48
    for moved in (
        (net.weights[0] != before.weights[0]).all(axis=1),
        (net.biases[0] != before.biases[0]).ravel(),
        (net.weights[1] != before.weights[1]).all(axis=0),
    ):
        np.testing.assert_array_equal(moved, stays)
    np.testing.assert_array_equal(net.weights[0][~stays], before.weights[0][~stays])


@each_kind
def test_evaluation_is_of_the_whole_network(capsys, kind):
    evaluation = digit_examples(31, 40, 5, seed=9, labels=True)
    results = []
    for one in network2_and_reference(SIZES):
        random.seed(6)
        results.append(
            one.SGD(
                list(EXAMPLES[kind]), 2, 10, 0.2, 0.1, evaluation, True, True, True, True,
                dropout=0.5, random_state=3,
            )
        )  # fmt: skip
    ours, expected = results
    assert ours[1::2] == expected[1::2]
    np.testing.assert_allclose(ours[::2], expected[::2], rtol=1e-10)


# ---- options ----


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dropout": 1.0}, ValueError, "dropout is 1.0; expected a probability from 0 to below 1"),
        ({"dropout": -0.1}, ValueError, "dropout is -0.1"),
        ({"dropout": np.nan}, ValueError, "dropout is nan"),
        ({"dropout": "0.5"}, TypeError, "dropout is '0.5'"),
        ({"dropout": None}, TypeError, "dropout is None"),
        ({"dropout": [0.5]}, ValueError, "dropout has 1 numbers; expected 3"),
        ({"dropout": [0.5] * 4}, ValueError, "dropout has 4 numbers; expected 3"),
        ({"dropout": [0.5, 0.5, 2]}, ValueError, r"dropout\[2\] is 2.0"),
        ({"dropout": [0.5, 0.5, "p"]}, TypeError, r"dropout\[2\] is 'p'"),
        ({"dropout": np.full((3, 1), 0.5)}, TypeError, r"dropout\[0\] is"),
        ({"dropout": 0.5, "random_state": "7"}, TypeError, "random_state is '7'; expected a seed"),
        ({"dropout": 0.5, "random_state": -1}, ValueError, "random_state is -1; expected at least 0"),
        ({"random_state": 0.5}, TypeError, "random_state is 0.5"),
    ],
)
def test_errors(options, error, message):
    net = network2.Network(SIZES)
    with nothing_changes(net, EXAMPLES["dense"]), pytest.raises(error, match=message):
        net.SGD(EXAMPLES["dense"], 1, 10, 0.1, **options)


@pytest.mark.parametrize("name", ["backprop", "update_mini_batch"])
def test_replaced_methods_would_not_hear_of_it(capsys, name):
    net = network2.Network(SIZES)
    setattr(net, name, partial(getattr(net, name)))
    with (
        nothing_changes(net, EXAMPLES["dense"]),
        pytest.raises(ValueError, match="dropout is the package's own"),
    ):
        net.SGD(EXAMPLES["dense"], 1, 10, 0.1, dropout=0.5)
    trained(net, EXAMPLES["dense"], dropout=0.0)


def between_epochs(change):
    """A network that changes after its first epoch."""

    class Changing(network2.Network):
        def accuracy(self, *arguments, **options):
            if not hasattr(self, "changed"):
                self.changed = True
                change(self)
            return 0

    return Changing(SIZES)


def test_a_method_replaced_between_epochs(capsys):
    net = between_epochs(lambda net: setattr(net, "backprop", partial(net.backprop)))
    with pytest.raises(ValueError, match="dropout is the package's own"):
        net.SGD(EXAMPLES["dense"], 3, 10, 0.1, monitor_training_accuracy=True, dropout=0.5)


def cut(net):
    """Cut off the last layer, and some neurons before it."""
    net.weights, net.biases = net.weights[:2], net.biases[:2]
    net.weights[0], net.biases[0] = net.weights[0][:9], net.biases[0][:9]
    net.weights[1] = np.vstack([net.weights[1][:5, :9]])
    net.biases[1] = net.biases[1][:5]


def test_layers_that_change_between_epochs(capsys):
    net, expected = between_epochs(cut), network2.Network(SIZES)
    copy_parameters(net, expected)
    generators = [np.random.default_rng(3) for _ in range(2)]
    examples = list(EXAMPLES["sparse"])
    random.seed(2)
    net.SGD(
        list(examples), 3, 10, 0.1, monitor_training_accuracy=True, dropout=0.5, random_state=generators[0]
    )
    random.seed(2)
    expected.SGD(examples, 1, 10, 0.1, dropout=0.5, random_state=generators[1])
    cut(expected)
    expected.SGD(examples, 2, 10, 0.1, dropout=0.5, random_state=generators[1])
    assert same_bits(net, expected)


def test_a_list_does_not_fit_other_layers(capsys):
    net = between_epochs(cut)
    with pytest.raises(ValueError, match="dropout has 3 numbers; expected 2"):
        net.SGD(EXAMPLES["dense"], 3, 10, 0.1, monitor_training_accuracy=True, dropout=[0.1, 0.5, 0.5])
    assert len(net.weights) == 2 and all(np.isfinite(w).all() for w in net.weights)

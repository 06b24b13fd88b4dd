"""Every public call of network2.Network beside its reference, over its options and whatever data there is."""

import copy
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import network2
from support.agreement import network2_and_reference, nothing_changes, same_bits
from support.strategies import (
    LAYOUTS,
    RUN,
    STEP,
    array_pairs,
    assert_near,
    assert_new,
    assert_same_places,
    check_backprop,
    check_backprop_mini_batch,
    check_feedforward,
    exact_products,
    examples,
    is_bounded,
    laid_out,
    lengths,
    matrices,
    networks,
    own_arrays,
    pairs,
    passed_on,
    places,
    plainly,
    printed,
    seeds,
    shapes,
    small_shapes,
    unchanged,
)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
data = st.data()
# The output layer that belongs to each cost; None: any.
OUTPUTS = {
    network2.QuadraticCost: None,
    network2.CrossEntropyCost: "sigmoid",
    network2.LogLikelihoodCost: "softmax",
}


@st.composite
def networks2(draw, sizes=shapes, **options):
    """A network of any cost, and its reference."""
    cost = draw(st.sampled_from(list(OUTPUTS)))

    def make(sizes, seed, **options):
        neurons = options.get("neuron_activations")
        if neurons and OUTPUTS[cost]:
            options["neuron_activations"] = {
                place: f for place, f in neurons.items() if place[0] < len(sizes)
            }
        # Not scaled: network2's own weights are.
        return network2_and_reference(sizes, cost, seed, **{**options, "scaled": False})

    return draw(networks(sizes, make=make, output=OUTPUTS[cost], **options))


def learning_rate(net, draw):
    """A learning rate that training does not run away with."""
    eta = draw.draw(st.sampled_from([0.0, 0.02, 0.2]))
    return eta if is_bounded(net) else eta / (20 * max(net.sizes))


regularizations = st.sampled_from(["L2", "L1"])
lmbdas = st.sampled_from([0.0, 0.1, 2.0, -0.5])
mus = st.sampled_from([0.0, 0.5, 0.9, 1.0])


def has_slope(both):
    """Whether the cost's output error is its derivative times σ′; otherwise it is a − y."""
    return both[1].cost is network2.QuadraticCost


def assert_costs_near(ours, expected, tolerance):
    """A cost is the sum of one rounding for each output, whatever is left of it."""
    assert len(ours) == len(expected)
    for mine, theirs in zip(ours, expected):
        assert abs(mine - theirs) <= tolerance * max(1.0, abs(theirs))


def labelled(net, draw, count):
    """Evaluation data in a form of its own, and the list of pairs (x, label) that they stand for.

    Arrays with one output neuron have no labels, but targets: see test_one_output.py.
    """
    if net.sizes[-1] > 1 and draw.draw(st.booleans()):
        arrays, columns, labels = draw.draw(array_pairs(net, count, "labels"))
        return arrays, [(x, int(label)) for (x, _), label in zip(plainly(columns), labels)]
    rng = np.random.default_rng(draw.draw(seeds))
    kind = draw.draw(st.sampled_from([int, np.uint8, np.int64]))
    result = [(x, kind(rng.integers(net.sizes[-1]))) for x, _ in draw.draw(pairs(net, count))]
    return result, [(np.array(x, np.float64), int(y)) for x, y in result]


# ---- one call each ----


@examples(60)
@given(networks2(), data)
def test_feedforward(both, draw):
    check_feedforward(both, draw)


@examples(60)
@given(networks2(), data)
def test_backprop(both, draw):
    check_backprop(both, draw, has_slope(both))


@examples(60)
@given(networks2(), data)
def test_backprop_mini_batch(both, draw):
    check_backprop_mini_batch(both, draw, has_slope(both))


@examples(80)
@given(networks2(), lengths, regularizations, lmbdas, st.lists(mus, min_size=1, max_size=3), data)
def test_update_mini_batch(both, m, regularization, lmbda, momenta, draw):
    """Steps one after the other, with and without momentum: velocities are carried on."""
    net, plain = both
    mini_batch, eta = draw.draw(pairs(net, m)), learning_rate(net, draw)
    n = draw.draw(st.sampled_from([1, m, 50, 2.5]))
    plain_batch, tolerance = plainly(mini_batch), STEP[net.dtype.itemsize]
    for mu in momenta:
        kept = [own_arrays(net), net._cbackprop.velocities]
        # Decay and a step can leave next to nothing of a weight: its rounding is that of what it was.
        before = [np.abs(p).max() for p in own_arrays(net)]
        options = {"regularization": regularization, "mu": mu}
        with unchanged(mini_batch, *kept):
            assert net.update_mini_batch(mini_batch, eta, lmbda, n, **options) is None
        plain.update_mini_batch(plain_batch, eta, lmbda, n, **options)
        assert_new(own_arrays(net), mini_batch, kept)
        scales = [max(was, np.abs(p).max()) for was, p in zip(before, own_arrays(plain))]
        assert_near(own_arrays(net), own_arrays(plain), tolerance, scales)
        velocities = net._cbackprop.velocities
        assert (velocities is None) == (plain.velocities is None)
        pairs_of_velocities = zip(velocities or (), plain.velocities or (), (net.weights, net.biases))
        for mine, theirs, side in pairs_of_velocities:
            # Steps may cancel to less than the rounding of the weights that they are added to.
            scales = [max(np.abs(v).max(), np.abs(p).max()) for v, p in zip(theirs, side)]
            assert_near(mine, theirs, tolerance, scales)
        plain.weights, plain.biases, plain.velocities = list(net.weights), list(net.biases), velocities


@examples(60)
@given(networks2(), lengths, regularizations, lmbdas, st.sampled_from(["nesterov", "adam", "amsgrad"]), data)
def test_update_rules(both, m, regularization, lmbda, rule, draw):
    """Steps one after the other, each from the same parameters and from what either network kept itself."""
    net, plain = both
    mini_batch, eta = draw.draw(pairs(net, m)), learning_rate(net, draw)
    plain_batch, tolerance = plainly(mini_batch), STEP[net.dtype.itemsize]
    options = {"regularization": regularization, "rule": rule}
    if rule == "nesterov":
        options["mu"] = draw.draw(mus)
    else:  # with a small epsilon, the sign of a gradient of next to nothing would decide
        options["beta_1"], options["beta_2"] = draw.draw(st.sampled_from([(0.9, 0.999), (0.0, 0.5)]))
        options["epsilon"] = draw.draw(st.sampled_from([1.0, 8.0]))
    for _ in range(3):
        kept = own_arrays(net)
        before = [np.abs(p).max() for p in kept]
        with unchanged(mini_batch, kept):
            net.update_mini_batch(mini_batch, eta, lmbda, 50, **options)
        plain.update_mini_batch(plain_batch, eta, lmbda, 50, **options)
        assert_new(own_arrays(net), mini_batch, kept)
        scales = [max(was, np.abs(p).max()) for was, p in zip(before, own_arrays(plain))]
        assert_near(own_arrays(net), own_arrays(plain), tolerance, scales)
        plain.weights, plain.biases = list(net.weights), list(net.biases)


@examples(50)
@given(networks2(), st.sampled_from([0, 1, 2, 15, 16, 17, 129]), data)
def test_accuracy(both, n, draw):
    net, plain = both
    tests, expected = labelled(net, draw, n)
    if isinstance(tests, list):  # labels that no neuron has count as wrong answers
        odd = draw.draw(st.lists(st.sampled_from([-1, 200, 2**70, 0.5, 1.0, True]), max_size=3))
        tests, expected = ([*some, *((some[0][0], y) for y in odd if some)] for some in (tests, expected))
    columns = draw.draw(pairs(net, n))
    with unchanged(tests, columns, own_arrays(net)), nothing_changes(net):
        assert net.accuracy(tests) == plain.accuracy(expected)
        found = net.accuracy(columns, convert=True)
    assert type(found) is int and found == plain.accuracy(plainly(columns), convert=True)


@examples(60)
@given(networks2(), st.sampled_from([1, 2, 15, 16, 17, 129]), regularizations, lmbdas, data)
def test_total_cost(both, n, regularization, lmbda, draw):
    net, plain = both
    options, tolerance = {"regularization": regularization}, STEP[net.dtype.itemsize]
    tests, labels = labelled(net, draw, n)
    columns = draw.draw(pairs(net, n))
    rows, rows_as_columns, _ = draw.draw(array_pairs(net, n))
    with unchanged(tests, columns, rows, own_arrays(net)), nothing_changes(net):
        found = [
            net.total_cost(tests, lmbda, convert=True, **options),
            net.total_cost(columns, lmbda, **options),
            net.total_cost(rows, lmbda, **options),
        ]
    expected = [
        plain.total_cost(labels, lmbda, convert=True, **options),
        plain.total_cost(plainly(columns), lmbda, **options),
        plain.total_cost(plainly(rows_as_columns), lmbda, **options),
    ]
    assert all(type(cost) is float for cost in found)
    assert_costs_near(found, expected, tolerance)


# ---- SGD ----


def run(net, training_data, *arguments, **options):
    """The lists that `SGD` returns, what it prints but for costs, and `random`'s state after it."""
    random.seed(7)
    with printed() as text:
        lists = net.SGD(training_data, *arguments, **options)
    return lists, re.sub(r"(Cost on \w+ data): .*", r"\1", text.getvalue()), random.getstate()


@examples(120)
@given(networks2(small_shapes), regularizations, lmbdas, mus, data)
def test_sgd(both, regularization, lmbda, mu, draw):
    net, plain = both
    if net.dtype == np.float32:
        regularization = "L2"  # sgn(w) jumps where float32 rounds w past 0: held step by step above
    n, epochs = draw.draw(st.integers(1, 30)), draw.draw(st.integers(0, 4))
    m, eta = draw.draw(st.sampled_from([1, 2, 3, 7, 16, 17, 100])), learning_rate(net, draw)
    lmbda = min(lmbda, n / 5)  # less than grows without end at mu = 1
    if draw.draw(st.booleans()):
        given_data, columns, _ = draw.draw(array_pairs(net, n))
    else:
        given_data = columns = draw.draw(pairs(net, n))
    tests, labels = labelled(net, draw, draw.draw(st.sampled_from([1, 2, 9])))
    monitors = [draw.draw(st.booleans()) for _ in range(4)]
    if net.sizes[-1] == 1 and given_data is not columns:
        monitors[3] = False  # of arrays it goes by 1/2, of pairs not: test_one_output.py
    options = {"regularization": regularization, "mu": mu}
    if net.sizes[-1] > 1:  # the accuracy of one output neuron cannot say when to stop
        options |= {
            "early_stopping_n": draw.draw(st.integers(0, 2)),
            "eta_halving_n": draw.draw(st.integers(0, 2)),
            "restore_best": draw.draw(st.booleans()),
        }
    plain_columns = plainly(columns)
    expected = run(
        plain, plain_order := list(plain_columns), epochs, m, eta, lmbda, labels, *monitors, **options
    )
    kept, trained = own_arrays(net), []
    for n_threads in (1, 2):
        one = copy.copy(net)
        own = list(given_data) if isinstance(given_data, list) else given_data
        with unchanged(given_data, tests, kept):
            found = run(one, own, epochs, m, eta, lmbda, tests, *monitors, **options, n_threads=n_threads)
        assert found[1:] == expected[1:]
        assert found[0][1::2] == expected[0][1::2]
        for mine, theirs in zip(found[0][::2], expected[0][::2], strict=True):
            assert_costs_near(mine, theirs, RUN[net.dtype.itemsize])
        assert [entry["eta"] for entry in one.history] == [entry["eta"] for entry in plain.history]
        if isinstance(own, list):
            assert places(own, columns) == places(plain_order, plain_columns)
        trained.append((one, found[0]))
    assert same_bits(trained[0][0], trained[1][0]) and trained[0][1] == trained[1][1]
    assert_near(own_arrays(one), own_arrays(plain), RUN[net.dtype.itemsize])
    if epochs:
        assert_new(own_arrays(one), given_data, kept)


METHODS = ["backprop", "update_mini_batch", "accuracy", "total_cost", "feedforward"]


@examples(40)
@given(networks2(small_shapes), st.sets(st.sampled_from(METHODS), min_size=1), st.integers(1, 9), data)
def test_methods_replaced_by_equal_ones(both, names, n, draw):
    net, plain = both
    methods = {name: passed_on(network2.Network, name) for name in names}
    net.__class__ = type("Mine", (network2.Network,), methods)
    columns, (tests, labels) = draw.draw(pairs(net, n)), labelled(net, draw, 5)
    eta, mu = learning_rate(net, draw), draw.draw(mus)
    found = run(net, list(columns), 2, 4, eta, 0.1, tests, True, True, True, True, mu=mu)
    expected = run(plain, plainly(columns), 2, 4, eta, 0.1, labels, True, True, True, True, mu=mu)
    assert found[1:] == expected[1:] and found[0][1::2] == expected[0][1::2]
    assert_near(own_arrays(net), own_arrays(plain), RUN[net.dtype.itemsize])


# ---- parameters, NaN, errors, files ----


@examples(40)
@given(networks2(small_shapes), st.sampled_from(LAYOUTS), st.sampled_from(["<f2", ">f4", ">f8", "g"]), data)
def test_replaced_parameters(both, how, dtype, draw):
    net, plain = both
    weights, biases = ([laid_out(p.astype(dtype), how) for p in side] for side in (net.weights, net.biases))
    net.weights, net.biases = weights, biases
    plain.weights, plain.biases = ([np.array(p, net.dtype) for p in side] for side in (weights, biases))
    batch = draw.draw(pairs(net, 5))
    options = {"regularization": draw.draw(regularizations), "mu": draw.draw(mus)}
    tolerance = STEP[net.dtype.itemsize]
    with unchanged(weights, biases, batch):
        assert_costs_near(
            [net.total_cost(batch, 0.5)], [plain.total_cost(plainly(batch), 0.5)], 10 * tolerance
        )
        eta = learning_rate(net, draw)
        net.update_mini_batch(batch, eta, 0.5, 9, **options)
        plain.update_mini_batch(plainly(batch), eta, 0.5, 9, **options)
    assert_new(own_arrays(net), weights, biases)
    assert_near(own_arrays(net), own_arrays(plain), tolerance)


@examples(40)
@given(networks2(small_shapes), st.sampled_from([np.nan, np.inf, -np.inf]), regularizations, mus, data)
def test_a_parameter_that_is_not_finite(both, value, regularization, mu, draw):
    net, plain = both
    side, l = draw.draw(st.sampled_from(["weights", "biases"])), draw.draw(st.integers(0, len(net.sizes) - 2))
    place = draw.draw(st.integers(0, getattr(net, side)[l].size - 1))
    for one in (net, plain):
        getattr(one, side)[l].flat[place] = value
    batch = draw.draw(pairs(net, 3))
    for one, own in ((net, batch), (plain, plainly(batch))):
        with exact_products():
            one.update_mini_batch(own, 0.01, 0.1, 9, regularization=regularization, mu=mu)
    assert_same_places(own_arrays(net), own_arrays(plain), 1e2 * STEP[net.dtype.itemsize])


BAD = [
    ({"mu": 1.5}, ValueError),
    ({"mu": "1"}, TypeError),
    ({"lmbda": None}, TypeError),
    ({"eta": 1j}, TypeError),
    ({"regularization": "L3"}, ValueError),
    ({"mini_batch_size": 0}, ValueError),
    ({"early_stopping_n": -1}, ValueError),
    ({"eta_halving_n": 1.5}, TypeError),
    ({"evaluation_data": None, "restore_best": True}, ValueError),
    ({"evaluation_data": [], "monitor_evaluation_cost": True}, ValueError),
    ({"n_threads": 0}, ValueError),
]


@examples(60)
@given(networks2(small_shapes), st.one_of(st.sampled_from(BAD), st.sampled_from(["x", "y", "label"])), data)
def test_whatever_is_wrong_is_refused_and_nothing_changes(both, wrong, draw):
    net, _ = both
    batch, (tests, _) = draw.draw(pairs(net, 4)), labelled(net, draw, 3)
    call = {"training_data": batch, "epochs": 1, "mini_batch_size": 2, "eta": 0.5, "evaluation_data": tests}
    error = ValueError
    if wrong == "x":
        batch[draw.draw(st.integers(0, 3))] = (np.zeros((net.sizes[0] + 1, 1)), 0.5)
    elif wrong == "y":
        batch[draw.draw(st.integers(0, 3))] = (batch[0][0], np.zeros((net.sizes[-1] + 2, 1)))
    elif wrong == "label":
        x = np.zeros((net.sizes[0], 1))
        call |= {"evaluation_data": [(x, 0), (x, net.sizes[-1])], "monitor_evaluation_cost": True}
        with nothing_changes(net), pytest.raises(ValueError):
            net.total_cost(call["evaluation_data"], 0.5, convert=True)
    else:
        options, error = wrong
        call |= options
    with unchanged(batch, tests, own_arrays(net)), nothing_changes(net, batch), printed() as text:
        with pytest.raises(error):
            net.SGD(**call)
        if wrong in ("x", "y"):
            with pytest.raises(error):
                net.update_mini_batch(batch, 0.5, 0.1, 4)
            with pytest.raises(error):
                net.total_cost(batch, 0.5)
    assert text.getvalue() == ""


@examples(40)
@given(
    networks2(small_shapes), st.sampled_from(["net", "net.json", "net.npz"]), st.sampled_from(LAYOUTS), data
)
def test_save_and_load(both, name, how, draw):
    net, _ = both
    special = draw.draw(
        st.lists(st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e-310]), max_size=4)
    )
    for i, value in enumerate(special):
        array = own_arrays(net)[i % len(own_arrays(net))]
        array.flat[i % array.size] = value
    net.weights, net.biases = ([laid_out(p, how) for p in side] for side in (net.weights, net.biases))
    with tempfile.TemporaryDirectory() as folder, unchanged(own_arrays(net)):
        net.save(Path(folder, name))
        again = network2.load(Path(folder, name))
    assert same_bits(net, again)
    assert again.cost is net.cost and list(again.sizes) == list(net.sizes) and again.dtype == net.dtype
    x = np.array(draw.draw(matrices(net.sizes[0], 3)), np.float64)
    np.testing.assert_array_equal(again.feedforward(x), net.feedforward(x))

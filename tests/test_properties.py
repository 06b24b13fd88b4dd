"""Every public call of network.Network beside its reference, over all sizes, types and layouts."""

import copy
import io
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cbackprop.network import Network
from support.agreement import nothing_changes, same_bits
from support.examples import labelled
from support.strategies import (
    DTYPES,
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
    is_tame,
    laid_out,
    lengths,
    matrices,
    networks,
    numbers,
    own_arrays,
    pairs,
    passed_on,
    places,
    plainly,
    printed,
    seeds,
    sizes_of_terms,
    small_shapes,
    target,
    unchanged,
)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
data = st.data()


def eta_for(net, draw):
    """A learning rate that training does not run away with."""
    eta = draw.draw(st.sampled_from([0.0, 0.02, 0.3, -0.1]))
    return eta if is_bounded(net) else eta / (20 * max(net.sizes))


def data_to_evaluate(net, draw, count):
    """Test data in one of its forms, and the list of pairs that they stand for.

    Arrays with one output neuron have no labels, but targets: see test_one_output.py.
    """
    if net.sizes[-1] > 1 and draw.draw(st.booleans()):
        arrays, columns, labels = draw.draw(array_pairs(net, count))
        return arrays, [(x, label) for (x, _), label in zip(plainly(columns), labels)]
    n_out, rng = net.sizes[-1], np.random.default_rng(draw.draw(seeds))
    kinds = draw.draw(st.lists(st.integers(0, 7), min_size=1, max_size=4))

    def label(i):
        k = int(rng.integers(n_out))
        odd = [True, 2**70, -(2**63), np.nan][k % 4]
        labels = [k, np.uint8(k), np.array(k), float(k), k + 0.5, n_out + k, -1 - k, odd]
        return labels[kinds[i % len(kinds)]]

    xs = [x for x, _ in draw.draw(pairs(net, count))]
    tests = [(x, label(i)) for i, x in enumerate(xs)]
    return tests, [(np.array(x, np.float64), y) for x, y in tests]


# ---- one call each ----


@examples(60)
@given(networks(), data)
def test_feedforward(both, draw):
    check_feedforward(both, draw)


@examples(60)
@given(networks(), data)
def test_backprop(both, draw):
    check_backprop(both, draw)


@examples(60)
@given(networks(), data)
def test_backprop_mini_batch(both, draw):
    check_backprop_mini_batch(both, draw)


@examples(80)
@given(networks(), lengths, data)
def test_update_mini_batch(both, m, draw):
    net, plain = both
    mini_batch, eta = draw.draw(pairs(net, m)), eta_for(net, draw)
    kept = own_arrays(net)
    with unchanged(mini_batch, kept):
        assert net.update_mini_batch(draw.draw(st.sampled_from([list, tuple]))(mini_batch), eta) is None
    assert_new(own_arrays(net), mini_batch, kept)
    plain.update_mini_batch(plainly(mini_batch), eta)
    assert {p.dtype for p in own_arrays(net)} == {net.dtype}
    assert_near(own_arrays(net), own_arrays(plain), STEP[net.dtype.itemsize])


@examples(40)
@given(networks(), data)
def test_evaluate(both, draw):
    net, plain = both
    tests, expected = data_to_evaluate(net, draw, draw.draw(st.sampled_from([0, 1, 2, 7, 16, 33, 129])))
    with unchanged(tests, own_arrays(net)), nothing_changes(net):
        correct = net.evaluate(tests)
        if isinstance(tests, list):
            assert net.evaluate(iter(tests)) == correct
    assert type(correct) is int and correct == plain.evaluate(expected)


@examples(30)
@given(networks(small_shapes), data)
def test_cost_derivative(both, draw):
    net, plain = both
    a, y = (draw.draw(matrices(net.sizes[-1], 1)) for _ in range(2))
    a = np.array(a, net.dtype)
    y = np.array(y, np.float64)
    with unchanged(a, y):
        ours = net.cost_derivative(a, y)
    assert_new([ours], a, y)
    np.testing.assert_array_equal(ours, plain.cost_derivative(a, y))


# ---- SGD ----


def run(net, training_data, *arguments, **options):
    """What `SGD` prints, and the state that it leaves `random` in."""
    random.seed(7)
    with printed() as text:
        assert net.SGD(training_data, *arguments, **options) is None
    return text.getvalue(), random.getstate()


@examples(60)
@given(networks(), data)
def test_sgd(both, draw):
    net, plain = both
    n, epochs = draw.draw(st.integers(0, 40)), draw.draw(st.integers(0, 3))
    m = draw.draw(st.sampled_from([1, 2, 3, 7, 16, 17, 33, 100]))
    eta = eta_for(net, draw)
    form = draw.draw(st.sampled_from(["list", "list", "tuple", "iterator", "arrays"]))
    if form == "arrays":
        given_data, columns, _ = draw.draw(array_pairs(net, n))
    else:
        given_data = columns = draw.draw(pairs(net, n))
        if form == "tuple":
            assume(n != 2)  # two pairs in a tuple, of arrays (1, 1), can be read as (X, Y)
            given_data = tuple(given_data)
    tests, plain_tests = None, None
    if draw.draw(st.booleans()):
        tests, plain_tests = data_to_evaluate(net, draw, draw.draw(st.sampled_from([0, 1, 9])))
    kept, plain_columns = own_arrays(net), plainly(columns)
    expected = run(plain, plain_order := list(plain_columns), epochs, m, eta, plain_tests)
    trained = []
    for n_threads in (1, 2):
        one, own = copy.copy(net), given_data
        if form == "list":
            own = list(given_data)
        elif form == "iterator":
            own = iter(given_data)
        with unchanged(given_data, tests, kept):
            found = run(one, own, epochs, m, eta, tests, n_threads=n_threads)
        assert found == expected
        if form == "list":  # shuffled as the reference's was
            assert places(own, columns) == places(plain_order, plain_columns)
        trained.append(one)
    assert same_bits(*trained)
    assert_near(own_arrays(one), own_arrays(plain), RUN[net.dtype.itemsize])
    if n and epochs:
        assert_new(own_arrays(one), given_data, kept)


# ---- arguments and parameters that are odd ----


def every_call(net, plain, examples_, tolerance):
    """Each public call on the same examples, compared."""
    plain_examples = plainly(examples_)
    with unchanged(examples_, own_arrays(net)):
        for (x, y), (x0, y0) in zip(examples_[:3], plain_examples):
            assert_near([net.feedforward(x)], [plain.feedforward(x0)], tolerance)
            scales = sizes_of_terms(plain, x0, y0)
            for mine, theirs, scale in zip(net.backprop(x, y), plain.backprop(x0, y0), scales, strict=True):
                assert_near(mine, theirs, tolerance, scale)
        X = np.hstack([x for x, _ in examples_])
        Y = np.hstack([np.broadcast_to(y, (net.sizes[-1], 1)) for _, y in examples_])
        X0, Y0 = np.array(X, np.float64), np.array(Y, np.float64)
        scales = sizes_of_terms(plain, X0, Y0)
        found, expected = net.backprop_mini_batch(X, Y), plain.backprop_mini_batch(X0, Y0)
        for mine, theirs, scale in zip(found, expected, scales, strict=True):
            assert_near(mine, theirs, tolerance, scale)
        labels = [k % net.sizes[-1] for k in range(len(examples_))]
        tests = [[(x, k) for (x, _), k in zip(some, labels)] for some in (examples_, plain_examples)]
        assert net.evaluate(tests[0]) == plain.evaluate(tests[1])
        eta = 0.3 if is_bounded(net) else 0.01 / max(net.sizes)
        net.update_mini_batch(examples_, eta)
        plain.update_mini_batch(plain_examples, eta)
        assert_near(own_arrays(net), own_arrays(plain), tolerance)
        found = (
            run(net, list(examples_), 1, 3, eta, tests[0]),
            run(plain, plain_examples, 1, 3, eta, tests[1]),
        )
        assert found[0] == found[1]
        assert_near(own_arrays(net), own_arrays(plain), 10 * tolerance)  # three steps more


def strange(parameters, how, dtype, rng):
    """Parameters of these shapes in another layout and type, or all in one memory."""
    if how != "one memory":
        return [laid_out(p.astype(dtype), how) for p in parameters]
    most = max(p.size for p in parameters)
    memory = rng.uniform(-1, 1, most + 3).astype(dtype)
    result = []
    for i, p in enumerate(parameters):
        part = memory[i % 3 : i % 3 + p.size]
        result.append(part.reshape(p.shape) if i % 2 else part[::-1].reshape(p.shape[::-1]).T)
    return result


@examples(60)
@given(networks(small_shapes), st.integers(1, 7), data)
def test_replaced_parameters(both, m, draw):
    net, plain = both
    rng = np.random.default_rng(draw.draw(seeds))
    how = draw.draw(st.sampled_from([*LAYOUTS, "one memory", "one memory"]))
    dtype = draw.draw(st.sampled_from(DTYPES))
    weights = strange(net.weights, how, dtype, rng)
    biases = strange(net.biases, how, draw.draw(st.sampled_from(DTYPES)), rng)
    if how != "one memory" and np.dtype(dtype).kind in "bu":
        weights = [laid_out(numbers(rng, w.shape, "sparse", dtype), how) for w in weights]
    container = draw.draw(st.sampled_from([list, tuple]))
    net.weights, net.biases = container(weights), container(biases)
    plain.weights = [np.array(w, np.float64).astype(net.dtype) for w in weights]
    plain.biases = [np.array(b, np.float64).astype(net.dtype) for b in biases]
    # Uniform weights are not scaled by the width: keep to neurons that bound what comes of them.
    assume(is_bounded(net) or len(net.sizes) < 4)
    kept, examples_ = [*weights, *biases], draw.draw(pairs(net, m))
    assume(is_tame(plain, np.hstack([x for x, _ in plainly(examples_)])))
    with unchanged(kept):
        every_call(net, plain, examples_, STEP[net.dtype.itemsize])
    assert_new(own_arrays(net), kept)


@examples(30)
@given(st.integers(1, 40), st.lists(st.integers(1, 20), max_size=2), data)
def test_examples_that_are_the_networks_own_arrays(n, rest, draw):
    """x is a bias of the network, y another: they are read, never written, and the step replaces them."""
    net, plain = draw.draw(networks(st.just([n, *rest, n])))
    x = y = net.biases[-1]
    plain_examples = plainly([(x, y)])
    eta = eta_for(net, draw)
    with unchanged(own_arrays(net)):
        ours, expected = net.backprop(x, y), plain.backprop(*plain_examples[0])
        scales = sizes_of_terms(plain, *plain_examples[0])
        for mine, theirs, scale in zip(ours, expected, scales, strict=True):
            assert_near(mine, theirs, STEP[net.dtype.itemsize], scale)
        net.update_mini_batch([(x, y)] * 3, eta)
        plain.update_mini_batch(plain_examples * 3, eta)
        assert_near(own_arrays(net), own_arrays(plain), STEP[net.dtype.itemsize])
        run(net, [(x, y)] * 5, 2, 2, eta)
        run(plain, plain_examples * 5, 2, 2, eta)
    assert_near(own_arrays(net), own_arrays(plain), RUN[net.dtype.itemsize])


METHODS = ["cost_derivative", "backprop", "update_mini_batch", "evaluate", "feedforward"]


@examples(40)
@given(networks(small_shapes), st.sets(st.sampled_from(METHODS), min_size=1), st.integers(1, 7), data)
def test_methods_replaced_by_equal_ones(both, names, m, draw):
    net, plain = both
    methods = {name: passed_on(Network, name) for name in names}
    if draw.draw(st.booleans()):
        net.__class__ = type("Mine", (Network,), methods)
    else:
        for name, method in methods.items():
            setattr(net, name, method.__get__(net))
    assert any(name in net.backend for name in names)
    every_call(net, plain, draw.draw(pairs(net, m)), STEP[net.dtype.itemsize])


# ---- what is not finite ----


def same_when_not_finite(net, plain, batch, eta):
    """Each call on `batch`, by the places of NaN and of infinities."""
    tolerance = STEP[net.dtype.itemsize]
    for x, y in batch:
        assert_same_places([net.feedforward(x)], [plain.feedforward(x)], tolerance)
        for mine, theirs in zip(net.backprop(x, y), plain.backprop(x, y), strict=True):
            # Cancellation is not what is looked at here.
            assert_same_places(mine, theirs, 1e3 * tolerance)
    tests = labelled(batch, net.sizes[-1])
    assert net.evaluate(tests) == plain.evaluate(tests)
    for one in (net, plain):
        one.update_mini_batch(batch, eta)
    assert_same_places(own_arrays(net), own_arrays(plain), tolerance)
    found = run(net, list(batch), 1, 2, eta), run(plain, list(batch), 1, 2, eta)
    assert found[0] == found[1]
    assert_same_places(own_arrays(net), own_arrays(plain), RUN[net.dtype.itemsize])


@examples(60)
@given(small_shapes, seeds, data)
def test_not_finite(sizes, seed, draw):
    """NaN and infinities in one place of a parameter, an input, a target or eta: as in NumPy, all over.

    But not as in `np.dot` of a single 0 and a row with an infinity, of which BLAS makes a row of zeros: the
    contract says NaN, and NumPy's own product does.
    """
    net, plain = draw.draw(
        networks(st.just(sizes)).filter(lambda both: both[0]._cbackprop.activations is None)
    )
    rng = np.random.default_rng(seed)
    value = draw.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    batch = [
        (numbers(rng, (sizes[0], 1), kind, "f8"), target(rng, sizes[-1], "soft", "f8", "plain"))
        for kind in draw.draw(st.lists(st.sampled_from(["sparse", "dense", "zeros"]), min_size=1, max_size=9))
    ]
    eta = 0.5
    where = draw.draw(st.sampled_from(["weights", "biases", "x", "y", "eta"]))
    if where == "eta":
        eta = value
    elif where in ("x", "y"):
        array = batch[rng.integers(len(batch))][where == "y"]
        array.flat[rng.integers(array.size)] = value
    else:
        layer = rng.integers(len(sizes) - 1)
        place = rng.integers(getattr(net, where)[layer].size)
        for one in (net, plain):
            getattr(one, where)[layer].flat[place] = value
    with exact_products():
        same_when_not_finite(net, plain, batch, eta)


# ---- what is wrong ----


def bad_x(n, rng):
    """An x that is no column of n real numbers, and the error that says so."""
    shape = [(n + 1, 1), (n, 2), (n,), (n, 1, 1), (1, n + 1), (0, 1)][rng.integers(6)]
    kinds = [(np.zeros(shape), ValueError), (np.zeros((n, 1), complex), TypeError)]
    kinds += [(np.zeros((n, 1), object), TypeError), (np.full((n, 1), "1"), TypeError), (None, TypeError)]
    return kinds[rng.integers(len(kinds))]


def bad_y(n, rng):
    """A y that is neither such a column nor a number."""
    shape = [(n + 2, 1), (n, 2), (n + 1,), (1, 1, 1), (1, n + 1), (0,)][rng.integers(6)]
    kinds = [(np.zeros(shape), ValueError), (np.zeros((n, 1), complex), TypeError), (1j, TypeError)]
    kinds += [(np.zeros((n, 1), object), TypeError), ("1", TypeError), (None, TypeError)]
    return kinds[rng.integers(len(kinds))]


def bad_parameter(net, rng):
    """Spoil one of the network's parameters; returns the error that says so."""
    side, l = ["weights", "biases"][rng.integers(2)], rng.integers(len(net.sizes) - 1)
    rows, cols = getattr(net, side)[l].shape
    spoilt, error = [
        (np.zeros((rows + 1, cols)), ValueError),
        (np.zeros((rows, cols + 1)), ValueError),
        (np.zeros(rows), ValueError),
        (np.zeros((rows, cols), complex), TypeError),
        (None, TypeError),
    ][rng.integers(5)]
    getattr(net, side)[l] = spoilt
    return error


@examples(100)
@given(networks(small_shapes), st.integers(1, 7), st.booleans(), data)
def test_whatever_is_wrong_is_refused_and_nothing_changes(both, m, replaced, draw):
    net, _ = both
    if replaced:
        net.cost_derivative = lambda a, y: a - y
    rng = np.random.default_rng(draw.draw(seeds))
    good = draw.draw(pairs(net, m))
    batch, i = list(good), int(rng.integers(m))
    where = draw.draw(st.sampled_from(["x", "y", "parameter", "eta", "mini_batch_size", "pair"]))
    eta, size = 0.5, 3
    if where == "x":
        bad, error = bad_x(net.sizes[0], rng)
        batch[i] = (bad, good[i][1])
    elif where == "y":
        bad, error = bad_y(net.sizes[-1], rng)
        batch[i] = (good[i][0], bad)
    elif where == "parameter":
        error = bad_parameter(net, rng)
    elif where == "eta":
        eta, error = [("1", TypeError), (1j, TypeError), (None, TypeError), (10**400, ValueError)][
            rng.integers(4)
        ]
    elif where == "mini_batch_size":
        size, error = [(0, ValueError), (-2, ValueError), (1.5, TypeError)][rng.integers(3)]
    else:
        batch[i], error = [(None, TypeError), ((good[i][0],), ValueError), (5, TypeError)][rng.integers(3)]
    calls = [lambda: net.SGD(batch, 1, size, eta)]
    if where != "mini_batch_size":
        calls.append(lambda: net.update_mini_batch(batch, eta))
    # With one output, a y that is a number suits any number of columns.
    columns = where == "x" and np.shape(bad) == (net.sizes[0], 2) and net.sizes[-1] == 1
    if where in ("x", "y", "parameter") and not columns:
        calls.append(lambda: net.backprop(*batch[i]))
    if where in ("x", "parameter"):
        calls.append(lambda: net.evaluate([(x, 0) for x, _ in batch]))
    if where == "parameter":
        calls.append(lambda: net.feedforward(good[0][0]))
    before = list(net.weights), list(net.biases)
    with unchanged(batch, *before), printed() as text:
        for call in calls:
            state, order = random.getstate(), list(batch)
            with pytest.raises(error):
                call()
            assert random.getstate() == state
            assert all(a is b for a, b in zip(batch, order, strict=True))
            assert all(
                a is b for a, b in zip([*net.weights, *net.biases], before[0] + before[1], strict=True)
            )
    assert text.getvalue() == io.StringIO().getvalue()

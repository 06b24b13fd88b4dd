"""What network2 says that a network costs, and how many answers are right, is what the book's would say."""

import random
import warnings

import numpy as np
import pytest

from cbackprop import network2
from support import the_book2
from support.agreement import copy_parameters, network2_and_reference
from support.examples import as_arrays, dense_classes, digit_examples

pytestmark = pytest.mark.filterwarnings("error")
SIZES = [40, 9, 10]
COSTS = {
    "quadratic": network2.QuadraticCost,
    "cross-entropy": network2.CrossEntropyCost,
    "log-likelihood": network2.LogLikelihoodCost,
}
BOOK = {"quadratic": the_book2.Quadratic, "cross-entropy": the_book2.CrossEntropy}
LABELS = digit_examples(37, 40, labels=True)
COLUMNS = digit_examples(37, 40)
LARGEST = np.finfo(np.float64).max


def pair(cost, sizes=SIZES, **options):
    return network2_and_reference(sizes, COSTS[cost], **options)


@pytest.mark.parametrize("cost", COSTS)
def test_delta_is_the_derivative_of_fn(cost):
    """δ^L_j = ∂C/∂z^L_j, by central differences; for users who build on the classes."""
    fn, delta = COSTS[cost].fn, COSTS[cost].delta

    def f(z):
        return np.exp(z) / np.exp(z).sum() if cost == "log-likelihood" else network2.sigmoid(z)

    rng = np.random.default_rng(4)
    z, y, h = rng.normal(size=(5, 1)), np.eye(5)[:, [2]], 1e-6
    steps = h * np.eye(5)
    slopes = [(fn(f(z + step[:, None]), y) - fn(f(z - step[:, None]), y)) / (2 * h) for step in steps]
    np.testing.assert_allclose(delta(z, f(z), y).ravel(), slopes, rtol=1e-6, atol=1e-9)


def both_at(cost, biases):
    """The network and the book's, of outputs that their biases alone decide."""
    sizes = [3, len(biases)]
    nets = network2.Network(sizes, COSTS[cost]), the_book2.Network(sizes, BOOK[cost])
    for net in nets:
        net.weights, net.biases = [np.zeros((len(biases), 3))], [np.array(biases, float).reshape(-1, 1)]
    return nets


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("regularization", ["L2", "L1"])
@pytest.mark.parametrize("lmbda", [0.0, 5.0, -1.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_labels_and_arrays_cost_what_the_reference_says(cost, regularization, lmbda, dtype):
    net, plain = pair(cost, dtype=dtype)
    expected = plain.total_cost(COLUMNS, lmbda, regularization=regularization)
    rel = 1e-12 if dtype == np.float64 else 1e-5
    for data, convert in (
        (COLUMNS, False),
        (LABELS, True),
        (as_arrays(COLUMNS), False),
        (as_arrays(LABELS), True),
    ):
        found = net.total_cost(data, lmbda, convert, regularization=regularization)
        assert type(found) is float
        assert found == pytest.approx(expected, rel=rel)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 128, 129, 300])
def test_any_number_of_examples(cost, n):
    net, plain = pair(cost)
    for make in (digit_examples, dense_classes):
        data = make(n, 40)
        assert net.total_cost(data, 0.3) == pytest.approx(plain.total_cost(data, 0.3), rel=1e-12)
        assert net.accuracy(data, convert=True) == plain.accuracy(data, convert=True)


@pytest.mark.parametrize("cost", COSTS)
def test_both_ways_of_accuracy(cost):
    net, plain = pair(cost)
    expected = plain.accuracy(LABELS)
    assert type(net.accuracy(LABELS)) is int
    assert net.accuracy(LABELS) == net.accuracy(COLUMNS, convert=True) == expected
    assert net.accuracy(as_arrays(LABELS)) == net.accuracy(as_arrays(COLUMNS)) == expected


def test_the_first_largest_output_answers():
    net = network2.Network([2, 4])
    net.weights, net.biases = [np.zeros((4, 2))], [np.array([[0.0], [1.0], [1.0], [0.5]])]
    x = np.ones((2, 1))
    assert [net.accuracy([(x, label)]) for label in range(4)] == [0, 1, 0, 0]
    ties = [(x, np.array([[0.0], [1.0], [1.0], [0.0]])), (x, np.array([[0.5], [0.2], [0.5], [0.0]]))]
    assert [net.accuracy([tie], convert=True) for tie in ties] == [1, 0]


@pytest.mark.parametrize("cost", BOOK)
@pytest.mark.parametrize("wrong", [False, True])
def test_an_output_of_exactly_0_or_1(cost, wrong):
    """0 ln 0 counts as 0, and an infinite term as the largest float: the book's nan_to_num."""
    net, book = both_at(cost, [1000.0, -1000.0, 2.0, -0.5])
    x, y = np.ones((3, 1)), np.array([[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_array_equal(net.feedforward(x)[:2], [[1.0], [0.0]])
    if wrong:
        y[0] = 0.0
    with np.errstate(all="ignore"):
        expected = book.total_cost([(x, y)], 0.0)
    assert net.total_cost([(x, y)], 0.0) == pytest.approx(expected, rel=1e-13)
    assert (expected == LARGEST) == (wrong and cost == "cross-entropy")
    assert COSTS[cost].fn(net.feedforward(x), y) == pytest.approx(expected, rel=1e-13)


def test_an_infinite_mean_is_infinite_and_its_parts_are_not():
    """Wrong outputs of one example overflow together, one in each of two does not: as in the book."""
    net, book = both_at("cross-entropy", [1000.0, 1000.0, -1000.0])
    x, one, three = np.ones((3, 1)), np.array([[0.0], [1.0], [0.0]]), np.array([[0.0], [0.0], [1.0]])
    for data in ([(x, one), (x, one)], [(x, one), (x, three)], [(x, three)]):
        with np.errstate(all="ignore"):
            expected = book.total_cost(data, 0.0)
        assert net.total_cost(data, 0.0) == expected
    assert np.isinf(expected)


@pytest.mark.parametrize("form", ["list", "arrays"])
@pytest.mark.parametrize("places", [[0], [3, 7], range(37)], ids=str)
def test_a_target_of_zeros_is_a_target(form, places, capsys):
    """None of the classes: it costs what it costs, and its first largest entry is at 0."""
    net, plain = pair("cross-entropy")
    net.biases[1][0] = plain.biases[1][0] = 9.0  # so that 0 is the answer
    data = [(x, 0 * y if k in places else y) for k, (x, y) in enumerate(COLUMNS)]
    given = as_arrays(data) if form == "arrays" else data
    lists = net.SGD(given, 1, 10, 0.0, monitor_training_cost=True, monitor_training_accuracy=True)
    expected = plain.total_cost(data, 0.0), plain.accuracy(data, convert=True)
    assert net.accuracy(given, convert=True) == lists[3][0] == expected[1]
    assert net.total_cost(given, 0.0) == pytest.approx(expected[0], rel=1e-12)
    assert lists[2][0] == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("cost", COSTS)
def test_saturated_training_is_monitored_without_a_warning_of_numpy(cost, capsys):
    """Weights of hundreds: outputs are 0 and 1, right and wrong, and the mean of some costs is infinite."""
    net, plain = pair(cost)
    for each in (net, plain):
        each.weights = [400.0 * w for w in each.weights]
    lists = []
    for each in (net, plain):
        random.seed(1)
        with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lists.append(each.SGD(list(COLUMNS), 2, 10, 0.0, 0.0, LABELS, True, True, True, True))
        expected = ["epoch 0: the cost on"] if np.isinf(lists[-1][2][0]) else []
        assert [str(warning.message)[:20] for warning in caught] == expected
    for mine, theirs in zip(*lists, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize("cost", COSTS)
def test_monitoring_is_the_public_methods(cost, capsys):
    net = pair(cost)[0]
    lists = net.SGD(list(COLUMNS), 1, 10, 0.3, 2.0, LABELS, True, True, True, True)
    assert lists[0] == pytest.approx([net.total_cost(LABELS, 2.0, convert=True)], rel=1e-13)
    assert lists[1] == [net.accuracy(LABELS)]
    assert lists[2] == pytest.approx([net.total_cost(COLUMNS, 2.0)], rel=1e-13)
    assert lists[3] == [net.accuracy(COLUMNS, convert=True)]


def test_monitoring_of_arrays_is_that_of_lists(capsys):
    results = []
    for training, evaluation in ((list(COLUMNS), LABELS), (as_arrays(COLUMNS), as_arrays(LABELS))):
        net = pair("cross-entropy")[0]
        random.seed(2)
        results.append(net.SGD(training, 2, 10, 0.3, 2.0, evaluation, True, True, True, True))
    for mine, theirs in zip(*results, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-13)


@pytest.mark.parametrize("label", [-1, 10, 11])
@pytest.mark.parametrize("form", ["list", "arrays"])
def test_a_label_that_is_no_output_neuron(label, form):
    data = [*LABELS[:5], (LABELS[0][0], label)]
    with pytest.raises(ValueError, match=r"data\[5\]: y .* 0 to 9"):
        network2.Network(SIZES).total_cost(as_arrays(data) if form == "arrays" else data, 0.0, convert=True)


@pytest.mark.parametrize("classes", [2, 3, 26])
def test_labels_of_as_many_classes_as_outputs(classes):
    """The book's vectorized_result knows ten; `convert` takes the network's own number."""
    net, plain = pair("cross-entropy", [40, 6, classes])
    labels = digit_examples(20, 40, classes, labels=True)
    expected = plain.total_cost(digit_examples(20, 40, classes), 0.1)
    assert net.total_cost(labels, 0.1, convert=True) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("where", ["weights", "biases", "x", "y"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_not_finite(cost, value, where):
    net, plain = pair(cost)
    data = [(x.copy(), y.copy()) for x, y in COLUMNS]
    if where in ("weights", "biases"):
        getattr(net, where)[1][2, 0] = value
        copy_parameters(net, plain)
    else:
        data[5][where == "y"][3] = value
    with np.errstate(all="ignore"):
        expected = plain.total_cost(data, 0.0)
    assert net.total_cost(data, 0.0) == pytest.approx(expected, rel=1e-12, nan_ok=True)

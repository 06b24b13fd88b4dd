"""NaN and infinities propagate as in NumPy, also where zero inputs are skipped: 0 * inf is NaN.

SGD warns, once and with the epoch, where they arise in the parameters or in a cost.
"""

import random
import warnings

import numpy as np
import pytest

from cbackprop import network, network2
from support import both
from support.agreement import network_and_reference, warnings_of
from support.both import each_module, each_path, train, update, use_path
from support.children import run_python
from support.examples import dense_examples, digit_examples, labelled

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
SIZES = [40, 9, 10]
DATA = {"sparse": lambda n: digit_examples(n, 40), "dense": lambda n: dense_examples(n, SIZES)}


def assert_same(ours, expected):
    """NaN where the reference has NaN, the same infinities, and the rest to 1e-10."""
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_array_equal(np.where(np.isinf(a), a, 0), np.where(np.isinf(b), b, 0))
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max(initial=0.0)
        assert np.abs(a[finite] - b[finite]).max(initial=0.0) <= 1e-10 * scale


def never_lit(examples):
    """Return an input that is zero in every example, and one that is not."""
    lit = np.any([x[:, 0] != 0 for x, _ in examples], axis=0)
    return int(np.argmin(lit)), int(np.argmax(lit))


def compare(net, plain, examples, *, m=5, eta=0.5):
    x, y = examples[0]
    assert_same([net.feedforward(x)], [plain.feedforward(x)])
    ours, expected = net.backprop(x, y), plain.backprop(x, y)
    assert_same(ours[0] + ours[1], expected[0] + expected[1])
    tests = labelled(examples, 10)
    assert net.evaluate(tests) == plain.evaluate(tests)
    for each in (net, plain):
        random.seed(4)
        each.SGD(list(examples), 1, m, eta)
    assert_same(net.weights + net.biases, plain.weights + plain.biases)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("kind", DATA)
class TestOneBadNumber:
    def test_in_the_first_weights_where_every_input_is_zero(self, kind, value, capsys):
        examples = DATA[kind](20)
        if kind == "sparse":
            for x, _ in examples:
                x[17] = 0
            assert all(x[17] == 0 for x, _ in examples)
        net, plain = network_and_reference(SIZES)
        for each in (net, plain):
            each.weights[0][3, 17] = value
        compare(net, plain, examples)
        assert kind == "dense" or np.isnan(net.weights[0][3]).all()

    def test_in_the_first_weights_where_inputs_are_not(self, kind, value, capsys):
        examples = DATA[kind](20)
        net, plain = network_and_reference(SIZES)
        for each in (net, plain):
            each.weights[0][3, never_lit(examples)[1]] = value
        compare(net, plain, examples)

    def test_in_a_later_weight(self, kind, value, capsys):
        net, plain = network_and_reference(SIZES)
        for each in (net, plain):
            each.weights[1][3, 2] = value
        compare(net, plain, DATA[kind](20))

    @pytest.mark.parametrize("layer", [0, 1])
    def test_in_a_bias(self, kind, value, layer, capsys):
        net, plain = network_and_reference(SIZES)
        for each in (net, plain):
            each.biases[layer][3] = value
        compare(net, plain, DATA[kind](20))

    def test_in_an_input(self, kind, value, capsys):
        examples = DATA[kind](20)
        examples[13][0][6] = value
        net, plain = network_and_reference(SIZES)
        compare(net, plain, examples)

    def test_in_a_target(self, kind, value, capsys):
        """An infinite delta times a zero input is NaN: skipping the zero must not hide it."""
        examples = DATA[kind](20)
        examples[13][1][6] = value
        net, plain = network_and_reference(SIZES)
        compare(net, plain, examples)

    def test_in_a_target_of_one_mini_batch(self, kind, value, capsys):
        examples = DATA[kind](20)
        examples[13][1][6] = value
        net, plain = network_and_reference(SIZES)
        net.update_mini_batch(examples, 0.5)
        plain.update_mini_batch(examples, 0.5)
        assert_same(net.weights + net.biases, plain.weights + plain.biases)

    def test_as_eta(self, kind, value, capsys):
        net, plain = network_and_reference(SIZES)
        compare(net, plain, DATA[kind](20), m=20, eta=value)


@pytest.mark.parametrize("kind", DATA)
def test_an_infinity_that_arises_during_training(kind, capsys):
    """The first step's eta carries W to +-inf; the second must then meet NaN, as in NumPy."""
    examples = DATA[kind](10)
    net, plain = network_and_reference(SIZES)
    for each in (net, plain):
        random.seed(4)
        each.SGD(list(examples), 3, 5, np.inf)
    assert_same(net.weights + net.biases, plain.weights + plain.biases)


def test_feedforward_of_a_matrix_keeps_columns_apart():
    net, plain = network_and_reference(SIZES)
    a = np.hstack([x for x, _ in dense_examples(30, SIZES)])
    a[5, 7], a[6, 9], a[0, 21] = np.nan, np.inf, -np.inf
    ours = net.feedforward(a)
    assert_same([ours], [plain.feedforward(a)])
    assert np.isnan(ours).any(axis=0).nonzero()[0].tolist() == [7]


def test_no_error_and_no_python_exception_from_bad_numbers(capsys):
    net, _ = network_and_reference(SIZES)
    examples = DATA["dense"](10)
    examples[3][0][...] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        net.SGD(examples, 2, 3, 0.5, test_data=[(examples[3][0], 1)])
    assert capsys.readouterr().out.count("\n") == 2


EXTREMES = """
import itertools, warnings
import numpy as np
from cbackprop.network import Network
warnings.simplefilter("ignore")
big = [1e308, -1e308, 5e-324, np.inf, 10**400, -10**400, 1e-400, np.longdouble("1e4000")]
for sizes in ([1, 1], [3, 2, 1], [784, 30, 10]):
    for eta, scale in itertools.product(big + [0.5], [1e308, -1e308, 5e-324, 0.0, 1.0, np.nan]):
        for dtype in (np.float64, np.float32):
            x = np.full((sizes[0], 1), scale)
            x[::3] = 0
            net = Network(sizes, dtype=dtype)
            for call in (lambda: net.SGD([(x, x[:1])] * 5, 2, 2, eta, test_data=[(x, 0)]),
                         lambda: net.update_mini_batch([(x, 1.0)] * 3, eta),
                         lambda: net.backprop(x, 1e308), lambda: net.feedforward(x)):
                try:
                    call()
                except (OverflowError, ValueError, TypeError):
                    pass
for label in (10**400, -10**400, 2**63, 2**64, 1e400):
    try:
        Network([1, 1]).evaluate([(np.ones((1, 1)), label)])
    except (OverflowError, ValueError, TypeError):
        pass
for m in (2**31, 2**63 - 1, 2**63, 10**30):
    try:
        Network([1, 1]).SGD([(np.ones((1, 1)), 1.0)] * 3, 1, m, 0.5)
    except (OverflowError, ValueError):
        pass
print("still alive")
"""


def test_no_size_of_eta_or_data_kills_the_process(tmp_path):
    child = run_python(EXTREMES, tmp_path)
    assert child.stdout.endswith("still alive\n")


# ---- one warning, where a number became NaN or infinite ----


def nonfinite_warnings(call):
    """The package's own RuntimeWarnings; NumPy has some of its own on the path of replaced methods."""
    return [w for w in warnings_of(call, RuntimeWarning)[1] if "became NaN or infinite" in str(w.message)]


def check_warning(caught, epoch, what="a weight or bias"):
    assert [w.category for w in caught] == [RuntimeWarning]
    assert str(caught[0].message).startswith(f"epoch {epoch}: {what} became NaN or infinite")
    for words in ("learning rate eta", "too large", "inputs", "not scaled"):
        assert words in str(caught[0].message)
    assert caught[0].filename in (__file__, both.__file__)


def spoilt(net, at, value=np.nan):
    """`net`, with a count after each epoch that puts a bad number among the weights after epoch `at`."""
    calls = []

    def count(*_):
        calls.append(1)
        if len(calls) == at + 1:
            net.weights[0][0, 0] = value
        return 0

    net.evaluate = net.accuracy = count
    return net


@each_module
@each_path
@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_that_become_nan_are_warned_of_once(module, path, kind, value, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    examples = DATA[kind](20)
    examples[13][0][6] = value
    check_warning(nonfinite_warnings(lambda: train(net, examples, epochs=3)), 0)
    assert not all(np.isfinite(w).all() for w in net.weights)
    assert nonfinite_warnings(lambda: train(net, examples, epochs=2)) == []  # they were so from the start


@each_module
@each_path
def test_the_epoch_in_which_they_became_so_is_named(module, path, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    examples = dense_examples(20, SIZES)
    tests = [(examples[0][0], 1)]
    # network2 counts twice in an epoch, for the list and for the line.
    at = 3 if module is network2 else 1
    check_warning(nonfinite_warnings(lambda: train(spoilt(net, at), examples, epochs=5, tests=tests)), 2)


@each_module
@each_path
@pytest.mark.parametrize("eta", [np.inf, 1e308, 1e200])
def test_a_learning_rate_that_is_far_too_large(module, path, eta, capsys, monkeypatch):
    cost = [] if module is network else [network2.QuadraticCost]
    net = use_path(path, module.Network(SIZES, *cost, activation=["sigmoid", "linear"]), monkeypatch)
    caught = nonfinite_warnings(lambda: train(net, dense_examples(20, SIZES), epochs=4, eta=eta))
    assert len(caught) == 1 and "eta" in str(caught[0].message)


@each_module
@each_path
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["weights", "biases"])
@pytest.mark.parametrize("layer", [0, 1])
def test_none_where_they_were_so_from_the_start(module, path, value, where, layer, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    getattr(net, where)[layer][0, 0] = value
    assert nonfinite_warnings(lambda: train(net, dense_examples(20, SIZES))) == []


@each_module
@each_path
def test_none_in_the_ordinary_course_of_things(module, path, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    net.weights[0][0, 0] = 1e300  # large is not infinite
    tests = labelled(dense_examples(5, SIZES), 10)
    assert nonfinite_warnings(lambda: train(net, dense_examples(20, SIZES), tests=tests)) == []
    assert nonfinite_warnings(lambda: train(net, [], epochs=2)) == []
    assert nonfinite_warnings(lambda: train(net, dense_examples(20, SIZES), epochs=0)) == []


@each_path
@pytest.mark.parametrize("own", [True, False], ids=["own cost", "own total_cost"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_cost_that_becomes_infinite(path, own, value, capsys, monkeypatch):
    calls = []

    def cost(*_, **__):
        calls.append(1)
        return value if len(calls) > 2 * (20 if own else 1) else 1.0

    class Cost(network2.QuadraticCost):
        fn = staticmethod(cost)

    net = use_path(path, network2.Network(SIZES, Cost), monkeypatch)
    if not own:
        net.total_cost = cost
    examples = dense_examples(20, SIZES)
    call = lambda: net.SGD(list(examples), 5, 5, 0.5, monitor_training_cost=True)  # noqa: E731
    check_warning(nonfinite_warnings(call), 2, "the cost on training data")


def test_a_cost_on_evaluation_data_is_named(capsys):
    net = network2.Network(SIZES)
    net.total_cost = lambda *_, **__: np.inf
    tests = [(x, 1) for x, _ in dense_examples(5, SIZES)]
    call = lambda: net.SGD(dense_examples(20, SIZES), 2, 5, 0.5, 0.0, tests, True)  # noqa: E731
    check_warning(nonfinite_warnings(call), 0, "the cost on evaluation data")


@pytest.mark.parametrize("cost", ["1.5", None, [1.0], 10**400, np.float32(1)], ids=lambda c: type(c).__name__)
def test_a_cost_of_one_s_own_that_is_no_number_is_one_s_own(cost, capsys):
    net = network2.Network(SIZES)
    net.total_cost = lambda *_, **__: cost
    found = []
    examples = dense_examples(20, SIZES)
    call = lambda: found.append(net.SGD(examples, 1, 5, 0.5, monitor_training_cost=True))  # noqa: E731
    assert nonfinite_warnings(call) == []
    assert found[0][2][0] is cost


@each_module
@each_path
def test_only_sgd_warns(module, path, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    x, y = dense_examples(1, SIZES)[0]
    x[3] = np.nan
    calls = [lambda: net.feedforward(x), lambda: net.backprop(x, y), lambda: update(net, [(x, y)])]
    assert [w for call in calls for w in nonfinite_warnings(call)] == []
    assert np.isnan(net.weights[0]).any()


@each_module
def test_the_warning_as_an_error_leaves_the_epoch(module, capsys):
    """It comes after the epoch that it names, before that is printed."""
    net = module.Network(SIZES)
    examples = dense_examples(20, SIZES)
    examples[3][0][...] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="epoch 0"):
            train(net, examples)
    assert np.isnan(net.weights[0]).any()


@each_module
def test_parameters_that_numpy_alone_can_read_are_no_concern(module, capsys):
    """An own update_mini_batch may put anything there."""

    class Mine(module.Network):
        def update_mini_batch(self, mini_batch, *more):
            self.weights, self.biases = [np.array([[object()]])], "no arrays at all"

        def evaluate(self, test_data):
            return 0

    assert nonfinite_warnings(lambda: train(Mine(SIZES), dense_examples(4, SIZES))) == []

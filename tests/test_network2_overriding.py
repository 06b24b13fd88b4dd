"""Whatever the user of network2 replaces is called just as the book would call it."""

import random

import numpy as np
import pytest

from cbackprop import network2
from cbackprop.reference.network2 import ReferenceNetwork2
from support import the_book2
from support.agreement import difference, parameter_difference, same_bits, worst_difference
from support.examples import Table, as_arrays, dense_classes, digit_examples

SIZES = [40, 12, 10]
EVALUATION = digit_examples(17, 40, seed=9, labels=True)
DATA = {"sparse": digit_examples(53, 40), "dense": dense_classes(53, 40)}


def run(net, data, epochs=2, monitor=True, **options):
    random.seed(3)
    return net.SGD(list(data), epochs, 10, 0.5, 1.0, EVALUATION, *[monitor] * 4, **options)


def seeded(make):
    np.random.seed(1)
    return make()


class OwnCost:
    """A fourth power: neither its error nor its value is one of the package's."""

    calls = 0

    @staticmethod
    def fn(a, y):
        OwnCost.calls += 1
        assert a.shape == y.shape == (10, 1)
        return float(np.sum((a - y) ** 4) / 4)

    @staticmethod
    def delta(z, a, y):
        assert z.shape == a.shape == y.shape == (10, 1)
        return (a - y) ** 3 * network2.sigmoid_prime(z)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("options", [{}, {"mu": 0.9}, {"regularization": "L1"}])
def test_an_own_cost_class_stays_compiled(capsys, kind, options):
    net = seeded(lambda: network2.Network(SIZES, OwnCost))
    reference = seeded(lambda: ReferenceNetwork2(SIZES, OwnCost))
    ours, expected = run(net, DATA[kind], **options), run(reference, DATA[kind], **options)
    assert net.backend.startswith("compiled")
    assert parameter_difference(net, reference) < 1e-8
    assert all(difference(a, b) < 1e-8 for a, b in zip(ours, expected, strict=True))
    x, y = DATA[kind][0]
    for mine, theirs in zip(net.backprop(x, y), reference.backprop(x, y), strict=True):
        assert max(difference(a, b) for a, b in zip(mine, theirs, strict=True)) < 1e-10
    OwnCost.calls = 0
    net.total_cost(DATA[kind], 0.0)
    assert OwnCost.calls == 53


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("options", [{}, {"mu": 0.9}, {"regularization": "L1"}])
def test_an_own_cost_class_in_single_calls(kind, options):
    net = seeded(lambda: network2.Network(SIZES, OwnCost))
    reference = seeded(lambda: ReferenceNetwork2(SIZES, OwnCost))
    examples = DATA[kind] * 4  # more columns than are taken at a time
    X, Y = np.hstack([x for x, _ in examples]), np.hstack([y for _, y in examples])
    for ours, expected in zip(
        net.backprop_mini_batch(X, Y), reference.backprop_mini_batch(X, Y), strict=True
    ):
        assert worst_difference(ours, expected) < 1e-10
    for _ in range(3):
        net.update_mini_batch(examples, 0.5, 1.0, 53, **options)
        reference.update_mini_batch(examples, 0.5, 1.0, 53, **options)
    assert parameter_difference(net, reference) < 1e-10


@pytest.mark.parametrize("m", [0, 1, 7])
def test_an_own_cost_is_asked_for_one_example_at_a_time_where_an_activation_is_own_too(m):
    tanh = network2.Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    net = seeded(lambda: network2.Network(SIZES, OwnCost, activation=[tanh, "sigmoid"]))
    reference = seeded(lambda: network2.Network(SIZES, OwnCost, activation=["tanh", "sigmoid"]))
    X, Y = (array[:m].T for array in as_arrays(DATA["dense"]))
    for ours, expected in zip(
        net.backprop_mini_batch(X, Y), reference.backprop_mini_batch(X, Y), strict=True
    ):
        assert worst_difference(ours, expected) < 1e-10


def test_an_own_cost_of_functions_without_a_hash(capsys):
    class Function:
        def __init__(self, f):
            self.f = f

        def __call__(self, *arguments):
            return self.f(*arguments)

        __eq__ = object.__eq__
        __hash__ = None

    class Cost:
        fn, delta = Function(OwnCost.fn), Function(OwnCost.delta)

    net = seeded(lambda: network2.Network(SIZES, Cost))
    same = seeded(lambda: network2.Network(SIZES, OwnCost))
    assert run(net, DATA["sparse"]) == run(same, DATA["sparse"])
    assert same_bits(net, same)


class OwnValue(network2.CrossEntropyCost):
    @staticmethod
    def fn(a, y):
        return 7.0


class OwnError(network2.CrossEntropyCost):
    @staticmethod
    def delta(z, a, y):
        return 2 * (a - y)


@pytest.mark.parametrize("cost", [OwnValue, OwnError])
def test_a_cost_with_one_own_function(capsys, cost):
    net, reference = (
        seeded(lambda: network2.Network(SIZES, cost)),
        seeded(lambda: ReferenceNetwork2(SIZES, cost)),
    )
    ours, expected = run(net, DATA["sparse"]), run(reference, DATA["sparse"])
    assert parameter_difference(net, reference) < 1e-8
    assert all(difference(a, b) < 1e-8 for a, b in zip(ours, expected, strict=True))


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("fails_at", [1, 10, 11, 34, 60])
def test_an_error_in_an_own_cost_leaves_a_completed_mini_batch(capsys, kind, fails_at):
    calls = []

    class Fails(OwnCost):
        @staticmethod
        def delta(z, a, y):
            calls.append(1)
            if len(calls) == fails_at:
                raise RuntimeError("no cost today")
            return OwnCost.delta(z, a, y)

    nets = []
    for make in (network2.Network, ReferenceNetwork2):
        calls.clear()
        nets.append(seeded(lambda: make(SIZES, Fails)))  # noqa: B023
        with pytest.raises(RuntimeError, match="no cost today"):
            run(nets[-1], DATA[kind])
    assert parameter_difference(*nets) < 1e-9


@pytest.mark.parametrize(
    ("result", "error"), [(np.zeros(10), ValueError), (0.0, ValueError), ("no", TypeError)]
)
def test_what_an_own_error_must_return(capsys, result, error):
    class Wrong(OwnCost):
        @staticmethod
        def delta(z, a, y):
            return result

    net = seeded(lambda: network2.Network(SIZES, Wrong))
    before = [w.copy() for w in net.weights]
    with pytest.raises(error, match=r"cost\.delta returned"):
        run(net, DATA["sparse"])
    with pytest.raises(error, match=r"cost\.delta returned"):
        net.backprop(*DATA["sparse"][0])
    assert all(np.array_equal(a, b) for a, b in zip(before, net.weights, strict=True))


@pytest.mark.parametrize("where", ["subclass", "instance"])
@pytest.mark.parametrize("name", ["feedforward", "backprop", "update_mini_batch", "accuracy", "total_cost"])
def test_a_replaced_method_is_called_as_the_book_calls_it(capsys, where, name):
    """It gets the calls, with their arguments, that the book's own module makes."""
    recorded = []
    for module, cost in ((network2, network2.CrossEntropyCost), (the_book2, the_book2.CrossEntropy)):
        calls, own = [], getattr(module.Network, name)

        def replaced(self, *args, _own=own, _single_example=calls, **kwargs):
            shapes = [np.shape(a) if isinstance(a, np.ndarray) else type(a).__name__ for a in args]
            _single_example.append((shapes, sorted(kwargs)))
            return _own(self, *args, **kwargs)

        if where == "subclass":
            net = seeded(lambda: type("Sub", (module.Network,), {name: replaced})(SIZES, cost))  # noqa: B023
        else:
            net = seeded(lambda: module.Network(SIZES, cost))  # noqa: B023
            setattr(net, name, lambda *args, _net=net, **kwargs: replaced(_net, *args, **kwargs))
        lists = run(net, DATA["sparse"])
        recorded.append((calls, lists, net))
    assert [shapes for shapes, _ in recorded[0][0]] == [shapes for shapes, _ in recorded[1][0]]
    assert recorded[0][0] == recorded[1][0]
    assert parameter_difference(recorded[0][2], recorded[1][2]) < 1e-8
    assert all(difference(a, b) < 1e-8 for a, b in zip(recorded[0][1], recorded[1][1], strict=True))


@pytest.mark.parametrize("rows", ["labels", "one-hot"])
def test_a_replaced_backprop_gets_the_rows_of_arrays_as_columns(rows):
    net, reference = seeded(lambda: network2.Network(SIZES)), seeded(lambda: ReferenceNetwork2(SIZES))
    X, Y = as_arrays(DATA["dense"])
    own, shapes = net.backprop, set()

    def backprop(x, y):
        shapes.add((x.shape, y.shape))
        return own(x, y)

    net.backprop = backprop
    net.update_mini_batch((X, Y if rows == "one-hot" else np.argmax(Y, axis=1)), 0.5, 1.0, 53)
    reference.update_mini_batch(DATA["dense"], 0.5, 1.0, 53)
    assert shapes == {((40, 1), (10, 1))}
    assert parameter_difference(net, reference) < 1e-10


def test_a_replaced_initializer(capsys):
    class Zero(network2.Network):
        def default_weight_initializer(self):
            self.biases = [np.zeros((n, 1)) for n in self.sizes[1:]]
            self.weights = [np.zeros((n, k)) for k, n in zip(self.sizes, self.sizes[1:])]

    assert all(not w.any() for w in Zero(SIZES).weights)


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_prime", "vectorized_result"])
def test_a_replaced_function_of_the_module(monkeypatch, capsys, name):
    own, calls = getattr(network2, name), []

    def replaced(z):
        calls.append(1)
        return 0.5 * own(z)

    monkeypatch.setattr(network2, name, replaced)
    net = seeded(lambda: network2.Network(SIZES))
    expected = seeded(lambda: ReferenceNetwork2(SIZES))
    ours, theirs = run(net, DATA["sparse"], 1), run(expected, DATA["sparse"], 1)
    assert calls
    if name == "vectorized_result":
        assert ours[0] != theirs[0] and ours[1:] != [] and parameter_difference(net, expected) < 1e-9
    else:
        assert net.backend == "numpy: cbackprop.network2.sigmoid or sigmoid_prime is replaced"
        assert parameter_difference(net, expected) > 1e-6


def test_the_cost_may_be_assigned(capsys):
    net = seeded(lambda: network2.Network(SIZES))
    net.cost = network2.QuadraticCost
    reference = seeded(lambda: ReferenceNetwork2(SIZES, network2.QuadraticCost))
    run(net, DATA["sparse"]), run(reference, DATA["sparse"])
    assert parameter_difference(net, reference) < 1e-8
    net.cost = network2.LogLikelihoodCost
    with pytest.raises(ValueError, match="softmax"):
        net.backprop(*DATA["sparse"][0])
    with pytest.raises(ValueError, match="softmax"):
        run(net, DATA["sparse"])


# ---- an argument of a replaced method is the replacement's ----

GIVEN = {
    "a dict": {"x": np.zeros((7, 40)), "y": np.zeros(7)},
    "triples": [(1, 2, 3)] * 4,
    "two arrays of another form": (np.zeros((3, 9)), np.zeros((5, 9))),
    "a table": Table(np.zeros((5, 6))),
    "two tables": (Table(np.zeros((5, 2))), Table(["a"] * 5)),
    "a range": range(11),
}


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("custom_update", [False, True], ids=["compiled", "own update"])
def test_own_measures_get_the_evaluation_data_as_they_came(kind, custom_update, capsys):
    given, seen = GIVEN[kind], []

    class Mine(network2.Network):
        def accuracy(self, data, convert=False):
            seen.append(("accuracy", data, convert))
            return 3

        def total_cost(self, data, lmbda, convert=False):
            seen.append(("total_cost", data, lmbda, convert))
            return 0.25

    if custom_update:
        Mine.update_mini_batch = lambda self, mini_batch, eta, lmbda, n: None
    net, lmbda = Mine(SIZES), 5  # an int that stays an int
    lists = net.SGD(list(DATA["sparse"]), 1, 10, 0.5, lmbda, given, True, True)
    assert lists == ([0.25], [3], [], [])
    assert [call[0] for call in seen] == ["total_cost", "accuracy", "accuracy"]
    assert all(call[1] is given for call in seen)
    assert seen[0][2] is lmbda and seen[0][3] is True and seen[1][2] is False
    assert f"Accuracy on evaluation data: 3 / {len(given)}\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["accuracy", "total_cost"])
def test_one_own_measure_gets_the_list_that_the_package_reads_too(name, capsys):
    seen = []

    def own(self, data, *arguments, **options):
        seen.append(data)
        return getattr(network2.Network, name)(self, data, *arguments, **options)

    net, same = (
        seeded(lambda kind=kind: kind(SIZES))
        for kind in (type("Mine", (network2.Network,), {name: own}), network2.Network)
    )
    random.seed(3)
    ours = net.SGD(list(DATA["sparse"]), 2, 10, 0.5, 1.0, EVALUATION, True, True)
    random.seed(3)
    expected = same.SGD(list(DATA["sparse"]), 2, 10, 0.5, 1.0, EVALUATION, True, True)
    assert all(data is EVALUATION for data in seen) and len(seen) == (4 if name == "accuracy" else 2)
    assert all(difference(a, b) < 1e-12 for a, b in zip(ours, expected, strict=True))


def test_training_data_for_own_measures(capsys):
    """The user's own list, in the order that it has then."""
    data, seen = list(DATA["sparse"]), []

    class Mine(network2.Network):
        def accuracy(self, data, convert=False):
            seen.append((data, convert))
            return 0

        def total_cost(self, data, lmbda, convert=False):
            seen.append((data, convert))
            return 0.0

    Mine(SIZES).SGD(data, 1, 10, 0.5, 0.1, monitor_training_cost=True, monitor_training_accuracy=True)
    assert [convert for _, convert in seen] == [False, True] and all(given is data for given, _ in seen)


@pytest.mark.parametrize("lmbda", [[5.0, 0.1], {"w": 1}, 5, None, "five", np.ones(2)], ids=repr)
def test_an_own_update_mini_batch_gets_lmbda_as_it_came(lmbda, capsys):
    seen = []

    class Mine(network2.Network):
        def update_mini_batch(self, mini_batch, eta, lmbda, n):
            seen.append((lmbda, n))

    Mine(SIZES).SGD(list(DATA["sparse"]), 1, 20, 0.5, lmbda)
    assert len(seen) == 3 and all(given is lmbda and n == 53 for given, n in seen)


@pytest.mark.parametrize("cost", [None, "mine", object()], ids=repr)
def test_with_an_own_update_mini_batch_the_cost_is_one_s_own_too(cost, capsys):
    """An own update and no cost that the package would count: nobody asks what `cost` is."""

    class Mine(network2.Network):
        def update_mini_batch(self, mini_batch, eta, lmbda, n):
            pass

    net = Mine(SIZES)
    net.cost = cost
    net.SGD(list(DATA["sparse"]), 1, 20, 0.5, evaluation_data=EVALUATION, monitor_evaluation_accuracy=True)
    assert net.history[0]["evaluation_accuracy"] == net.accuracy(EVALUATION)

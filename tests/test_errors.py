"""What is wrong is said, by name and place, before anything has changed."""

import random
import re
import warnings

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.network import Activation, Network
from support.agreement import network_and_reference, nothing_changes, warnings_of
from support.both import each_module, each_path, right_answers, update, use_path
from support.both import train as train_seeded
from support.examples import Table, as_arrays, dense_examples, digit_examples, labelled

SIZES = [6, 5, 3]


def good(n=20):
    return dense_examples(n, SIZES)


def column(n, dtype=float):
    return np.zeros((n, 1), dtype)


class NoArray:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("not today")


BAD_X = {
    "too short": (column(5), ValueError, ["x", "(5, 1)", "6", "(6, 1)"]),
    "too long": (column(7), ValueError, ["x", "(7, 1)", "6", "(6, 1)"]),
    "a row": (np.zeros((1, 6)), ValueError, ["x", "(1, 6)", "(6, 1)"]),
    "1-D": (np.zeros(6), ValueError, ["x", "(6,)", "(6, 1)", "reshape"]),
    "1-D of another length": (np.zeros(5), ValueError, ["x", "(5,)", "6"]),
    "3-D": (np.zeros((6, 1, 1)), ValueError, ["x", "(6, 1, 1)", "(6, 1)"]),
    "a number": (0.5, (ValueError, TypeError), ["x"]),
    "None": (None, TypeError, ["x"]),
    "complex": (column(6, complex), TypeError, ["x", "complex128"]),
    "objects": (column(6, object), TypeError, ["x", "object"]),
    "strings": (np.full((6, 1), "a"), TypeError, ["x", "U1"]),
    "bytes": (np.full((6, 1), b"a"), TypeError, ["x", "S1"]),
    "dates": (column(6, "M8[s]"), TypeError, ["x", "datetime64"]),
    "records": (column(6, [("a", "f8")]), TypeError, ["x"]),
    "rows of two lengths": ([[1.0], [2.0, 3.0]] * 3, ValueError, ["x", "cannot be read as an array"]),
    "no array after all": (NoArray(), TypeError, ["x", "cannot be read as an array: not today"]),
}
BAD_Y = {
    "too short": (column(2), ValueError, ["y", "(2, 1)", "3", "(3, 1)"]),
    "too long": (column(4), ValueError, ["y", "(4, 1)", "(3, 1)"]),
    "1-D": (np.zeros(3), ValueError, ["y", "(3,)", "(3, 1)"]),
    "a row": (np.zeros((1, 3)), ValueError, ["y", "(1, 3)", "(3, 1)"]),
    "two columns": (np.zeros((3, 2)), ValueError, ["y", "(3, 2)", "(3, 1)"]),
    "3-D of one": (np.zeros((1, 1, 1)), ValueError, ["y", "(1, 1, 1)"]),
    "empty": (np.zeros(0), ValueError, ["y", "(0,)"]),
    "None": (None, TypeError, ["y"]),
    "complex": (column(3, complex), TypeError, ["y", "complex128"]),
    "a complex number": (1j, TypeError, ["y"]),
    "objects": (column(3, object), TypeError, ["y", "object"]),
    "strings": (np.full((3, 1), "a"), TypeError, ["y", "U1"]),
    "a string": ("seven", TypeError, ["y"]),
}


def one_row(bad):
    """Turn a dictionary of bad arguments into pytest's parameters, by their names."""
    return pytest.mark.parametrize("value, kind, words", list(bad.values()), ids=list(bad))


def check_message(error, words):
    message = str(error.value)
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}", message)]
    assert not missing, f"{missing} not in: {message}"


@pytest.fixture(params=["compiled", "replaced", "own activation"])
def net(request):
    """A network on the compiled path, and two where something is replaced: one set of checks."""
    np.random.seed(1)
    if request.param == "own activation":
        return Network(SIZES, activation=Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2))
    net = Network(SIZES)
    if request.param == "replaced":
        net.cost_derivative = lambda a, y: a - y
    return net


@pytest.mark.parametrize("call", ["backprop", "update_mini_batch", "SGD", "SGD with tests"])
class TestBadExamples:
    def refuse(self, net, call, example, *, kind, words):
        examples = good()
        examples[17] = example
        where = {"backprop": [], "update_mini_batch": ["mini_batch[17]"]}
        with nothing_changes(net, examples), pytest.raises(kind) as error:
            if call == "backprop":
                net.backprop(*example)
            elif call == "update_mini_batch":
                net.update_mini_batch(examples, 0.5)
            else:
                net.SGD(examples, 1, 5, 0.5, test_data=[(good(1)[0][0], 1)] if "tests" in call else None)
        check_message(error, words + where.get(call, ["training_data[17]"]))

    @one_row(BAD_X)
    def test_x(self, net, call, value, kind, words):
        self.refuse(net, call, (value, good(1)[0][1]), kind=kind, words=words)

    @one_row(BAD_Y)
    def test_y(self, net, call, value, kind, words):
        self.refuse(net, call, (good(1)[0][0], value), kind=kind, words=words)


@one_row({name: bad for name, bad in BAD_X.items() if name != "a number"})
def test_feedforward_refuses(net, value, kind, words):
    with nothing_changes(net), pytest.raises(kind) as error:
        net.feedforward(value)
    check_message(error, [word for word in words if word not in ("x", "(6, 1)")])


@pytest.mark.parametrize("call", ["update_mini_batch", "SGD"])
def test_two_columns_are_no_example(net, call):
    """`backprop` alone takes them, as in the book."""
    examples = good()
    examples[17] = np.zeros((6, 2)), examples[17][1]
    with nothing_changes(net, examples), pytest.raises(ValueError) as error:
        net.update_mini_batch(examples, 0.5) if call == "update_mini_batch" else net.SGD(examples, 1, 5, 0.5)
    where = "mini_batch[17]" if call == "update_mini_batch" else "training_data[17]"
    check_message(error, [where, "x", "(6, 2)", "(6, 1)"])


def test_the_contracts_own_message():
    net = Network([784, 30, 10])
    examples = digit_examples(20)
    examples[17] = (column(783), examples[17][1])
    with pytest.raises(ValueError) as error:
        net.SGD(examples, 1, 10, 3.0)
    for part in ("training_data[17]", "x has shape (783, 1)", "784", "(784, 1)"):
        assert part in str(error.value)


def test_the_first_bad_example_is_named(net):
    examples = good()
    examples[3], examples[9] = (column(5), examples[3][1]), (column(4), examples[9][1])
    with pytest.raises(ValueError, match=r"training_data\[3\]"):
        net.SGD(examples, 1, 5, 0.5)
    with pytest.raises(ValueError, match=r"mini_batch\[3\]"):
        net.update_mini_batch(examples, 0.5)


@pytest.mark.parametrize("example", [None, 5, (), (column(6),), (column(6), column(3), 1), "xy"], ids=repr)
def test_what_is_no_pair(net, example):
    examples = good()
    examples[4] = example
    with nothing_changes(net, examples):
        with pytest.raises((ValueError, TypeError), match=r"training_data\[4\]"):
            net.SGD(examples, 1, 5, 0.5)
        with pytest.raises((ValueError, TypeError), match=r"mini_batch\[4\]"):
            net.update_mini_batch(examples, 0.5)


BAD_TESTS = {
    "x too short": ((column(5), 1), ValueError, ["(5, 1)", "(6, 1)"]),
    "x 1-D": ((np.zeros(6), 1), ValueError, ["(6,)", "reshape"]),
    "x complex": ((column(6, complex), 1), TypeError, ["complex128"]),
    "one-hot label": ((column(6), column(3)), (ValueError, TypeError), ["one-hot", "label"]),
    "1-D one-hot label": ((column(6), np.zeros(3)), (ValueError, TypeError), ["one-hot", "label"]),
    "no pair": ((column(6),), (ValueError, TypeError), []),
}


@one_row(BAD_TESTS)
def test_test_data(net, value, kind, words):
    tests = [(x, 1) for x, _ in good(5)]
    tests[3] = value
    examples = good()
    with nothing_changes(net, examples):
        with pytest.raises(kind) as error:
            net.evaluate(tests)
        check_message(error, ["test_data[3]", *words])
        with pytest.raises(kind) as error:
            net.SGD(examples, 1, 5, 0.5, test_data=tests)
        check_message(error, ["test_data[3]", *words])


BAD_SGD = {
    "mini_batch_size 0": ({"mini_batch_size": 0}, ValueError, ["mini_batch_size", "0"]),
    "mini_batch_size -3": ({"mini_batch_size": -3}, ValueError, ["mini_batch_size", "-3"]),
    "mini_batch_size 2.5": ({"mini_batch_size": 2.5}, TypeError, ["mini_batch_size"]),
    "mini_batch_size '5'": ({"mini_batch_size": "5"}, TypeError, ["mini_batch_size"]),
    "mini_batch_size None": ({"mini_batch_size": None}, TypeError, ["mini_batch_size"]),
    "epochs 1.5": ({"epochs": 1.5}, TypeError, ["epochs"]),
    "epochs None": ({"epochs": None}, TypeError, ["epochs"]),
    "eta text": ({"eta": "3.0"}, TypeError, ["eta"]),
    "eta None": ({"eta": None}, TypeError, ["eta"]),
    "eta complex": ({"eta": 3j}, TypeError, ["eta"]),
    "eta list": ({"eta": [3.0]}, TypeError, ["eta"]),
    "eta array": ({"eta": np.array([3.0, 1.0])}, (TypeError, ValueError), ["eta"]),
    "training_data None": ({"training_data": None}, TypeError, ["training_data"]),
    "training_data number": ({"training_data": 5}, TypeError, ["training_data"]),
    "test_data number": ({"test_data": 5}, TypeError, ["test_data"]),
}


@one_row(BAD_SGD)
def test_sgd_refuses(net, value, kind, words, capsys):
    examples = good()
    arguments = {"training_data": examples, "epochs": 1, "mini_batch_size": 5, "eta": 0.5} | value
    with nothing_changes(net, examples), pytest.raises(kind) as error:
        net.SGD(**arguments)
    check_message(error, words)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("eta", ["3.0", None, 3j, [3.0], object()], ids=repr)
def test_update_mini_batch_refuses_eta(net, eta):
    with nothing_changes(net), pytest.raises(TypeError, match="eta"):
        net.update_mini_batch(good(3), eta)


@pytest.mark.parametrize("empty", [[], ()], ids=repr)
def test_an_empty_mini_batch_is_a_division_by_zero(net, empty):
    with nothing_changes(net), pytest.raises(ZeroDivisionError):
        net.update_mini_batch(empty, 0.5)


def replaced(position, value):
    """Return a function that puts `value` at one place of a network's parameters."""
    side, index = position

    def replace(net):
        if index is None:
            setattr(net, side, value)
        else:
            getattr(net, side)[index] = value

    return replace


BAD_PARAMETERS = {
    "too few neurons": (("weights", 0), np.zeros((4, 6)), ValueError, ["weights[0]", "(4, 6)", "biases[0]"]),
    "weights too wide": (("weights", 1), np.zeros((3, 7)), ValueError, ["weights[1]", "(3, 7)", "(3, 5)"]),
    "weights turned": (("weights", 1), np.zeros((5, 3)), ValueError, ["weights[1]", "(5, 3)", "(3, 5)"]),
    "weights 1-D": (("weights", 1), np.zeros(15), ValueError, ["weights[1]", "(15,)"]),
    "a number for weights": (("weights", 1), 1.0, (ValueError, TypeError), ["weights[1]"]),
    "biases 1-D": (("biases", 0), np.zeros(5), ValueError, ["biases[0]", "(5,)", "(5, 1)"]),
    "biases a row": (("biases", 1), np.zeros((1, 3)), ValueError, ["biases[1]", "(1, 3)"]),
    "biases too long": (("biases", 1), column(4), ValueError, ["biases[1]", "(4, 1)", "(3, 1)"]),
    "complex weights": (("weights", 0), np.zeros((5, 6), complex), TypeError, ["weights[0]", "complex128"]),
    "object weights": (("weights", 0), np.zeros((5, 6), object), TypeError, ["weights[0]", "object"]),
    "string biases": (("biases", 0), np.full((5, 1), "a"), TypeError, ["biases[0]", "U1"]),
    "weights None": (("weights", 0), None, TypeError, ["weights[0]"]),
    "one layer of weights": (("weights", None), [np.zeros((5, 6))], ValueError, ["weights"]),
    "no weights": (("weights", None), [], ValueError, ["weights"]),
    "a layer too many": (("biases", None), [column(5), column(3), column(2)], ValueError, ["biases"]),
    "no list of weights": (("weights", None), None, TypeError, ["weights"]),
}


@pytest.mark.parametrize("call", ["feedforward", "backprop", "update", "SGD", "evaluate"])
@pytest.mark.parametrize(
    "position, value, kind, words", list(BAD_PARAMETERS.values()), ids=list(BAD_PARAMETERS)
)
def test_parameters_that_do_not_fit(position, value, kind, words, call):
    net = Network(SIZES)
    net.update_mini_batch(good(3), 0.5)
    replaced(position, value)(net)
    side = {"weights": list(net.weights or []), "biases": list(net.biases)}
    examples = good()
    order, state = list(examples), random.getstate()
    x, y = examples[0]
    calls = {
        "feedforward": lambda: net.feedforward(x),
        "backprop": lambda: net.backprop(x, y),
        "update": lambda: net.update_mini_batch(examples, 0.5),
        "SGD": lambda: net.SGD(examples, 1, 5, 0.5),
        "evaluate": lambda: net.evaluate([(x, 1)]),
    }
    with pytest.raises(kind) as error:
        calls[call]()
    check_message(error, words)
    assert all(a is b for a, b in zip(net.weights or [], side["weights"], strict=True))
    assert all(a is b for a, b in zip(net.biases, side["biases"], strict=True))
    assert random.getstate() == state
    assert all(a is b for a, b in zip(examples, order, strict=True))


def test_a_network_can_be_used_after_an_error(capsys):
    """Mending what was wrong is enough."""
    net, plain = network_and_reference(SIZES)
    keep = net.weights[1]
    net.weights[1] = np.zeros((5, 3))
    with pytest.raises(ValueError):
        net.SGD(good(), 1, 5, 0.5)
    net.weights[1] = keep
    with pytest.raises(ValueError):
        net.backprop(column(5), column(3))
    for each in (net, plain):
        random.seed(1)
        each.SGD(good(), 1, 5, 0.5)
    np.testing.assert_allclose(net.weights[1], plain.weights[1], rtol=1e-12)


BAD_ARRAYS = {
    "Y too short": ((np.zeros((9, 6)), np.zeros((8, 3))), ValueError, ["8", "9"]),
    "labels too short": ((np.zeros((9, 6)), np.zeros(8, int)), ValueError, ["8", "9"]),
    "Y of two columns": ((np.zeros((9, 6)), np.zeros((9, 2))), ValueError, ["(9, 2)", "3"]),
    "a label too large": ((np.zeros((9, 6)), np.array([0, 1, 2, 3, 0, 0, 0, 0, 0])), ValueError, ["3"]),
    "a label below 0": ((np.zeros((9, 6)), np.array([0, 1, 2, -1, 0, 0, 0, 0, 0])), ValueError, ["-1"]),
    "complex X": ((np.zeros((9, 6), complex), np.zeros(9, int)), TypeError, ["complex128"]),
    "object Y": ((np.zeros((9, 6)), np.zeros((9, 3), object)), TypeError, ["object"]),
    "X of 5 columns": ((np.zeros((9, 5)), np.zeros((9, 3))), (ValueError, TypeError), []),
    "labels that are no integers": ((np.zeros((9, 6)), np.zeros(9)), TypeError, ["float64", "whole numbers"]),
    "more examples than a record's number counts": (
        (np.broadcast_to(0.5, (2**32, 6)), np.broadcast_to(np.int8(1), 2**32)),  # of one number each
        ValueError,
        ["training_data has 4294967296 examples"],
    ),
}


@one_row(BAD_ARRAYS)
def test_arrays_that_do_not_fit(net, value, kind, words, capsys):
    with nothing_changes(net), pytest.raises(kind) as error:
        net.SGD(value, 1, 5, 0.5)
    check_message(error, words)


def test_float_labels_as_test_data(net):
    with nothing_changes(net), pytest.raises(TypeError, match="test_data: Y has dtype float32"):
        net.evaluate((np.zeros((9, 6)), np.zeros(9, np.float32)))


BAD_SIZES = {
    "negative": ([3, -1], ValueError),
    "fraction": ([3, 2.5], TypeError),
    "text": (["3", 2], TypeError),
    "text alone": ("32", TypeError),
    "bytes": (b"32", TypeError),
    "a number": (5, TypeError),
    "None": (None, TypeError),
}


@pytest.mark.parametrize("sizes, kind", list(BAD_SIZES.values()), ids=list(BAD_SIZES))
def test_sizes(sizes, kind):
    with pytest.raises(kind):
        Network(sizes)


@pytest.mark.parametrize("dtype", [int, complex, object, "f2", "U3", ">f8"], ids=repr)
def test_a_network_is_float64_or_float32(dtype):
    state = repr(np.random.get_state())
    if dtype == ">f8":  # the same numbers: either way of taking it is right, a crash is not
        assert Network([3, 2], dtype=dtype).feedforward(column(3)).shape == (2, 1)
        return
    with pytest.raises((ValueError, TypeError), match="dtype"):
        Network([3, 2], dtype=dtype)
    assert repr(np.random.get_state()) == state


# Pixels that nobody divided by 255.


def whole_numbers(largest, dtype=float):
    rng = np.random.default_rng(0)
    examples = [(rng.integers(0, largest + 1, (6, 1)).astype(dtype), np.zeros((3, 1))) for _ in range(20)]
    examples[7][0][2] = largest
    return examples


@pytest.mark.parametrize("largest", [2, 128, 255])
@pytest.mark.parametrize("dtype", [float, np.float32, np.uint8, np.int64])
@pytest.mark.parametrize("form", ["list", "arrays"])
def test_pixels_to_255_are_warned_about_once(largest, dtype, form, capsys):
    examples = whole_numbers(largest, dtype)
    if form == "arrays":
        examples = (np.hstack([x for x, _ in examples]).T, np.zeros((20, 3)))
    caught = warnings_of(lambda: Network(SIZES).SGD(examples, 3, 5, 0.5))[1]
    assert len(caught) == 1
    assert "255" in str(caught[0].message)
    assert caught[0].filename == __file__  # it points at the user's line


@pytest.mark.parametrize(
    "examples",
    [
        whole_numbers(1),
        whole_numbers(256),
        whole_numbers(1000),
        [(x / 2, y) for x, y in whole_numbers(255)],
        good(),
        digit_examples(20, 6, 3),
    ],
    ids=["0 and 1", "to 256", "to 1000", "halves", "between 0 and 1", "scaled pixels"],
)
def test_other_data_is_not_warned_about(examples, capsys):
    assert warnings_of(lambda: Network(SIZES).SGD(examples, 1, 5, 0.5))[1] == []


@pytest.mark.parametrize("call", ["backprop", "update", "evaluate"])
def test_steps_and_evaluations_do_not_warn(call):
    """SGD does; `feedforward` and `predict` too: tests/test_pixels.py."""
    examples = whole_numbers(255)
    net, (x, y) = Network(SIZES), examples[7]
    calls = {
        "backprop": lambda: net.backprop(x, y),
        "update": lambda: net.update_mini_batch(examples, 0.5),
        "evaluate": lambda: net.evaluate([(x, 1)]),
    }
    assert warnings_of(calls[call])[1] == []


def test_the_warning_as_an_error_comes_before_any_change(net):
    examples = whole_numbers(255)
    with warnings.catch_warnings(), nothing_changes(net, examples):
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            net.SGD(examples, 1, 5, 0.5)


# ---- near misses: named as what they are ----


def train(net, data, tests=None):
    """From the random state as it is, which an error must leave."""
    return train_seeded(net, data, tests=tests, seed=None)


X, LABELS = as_arrays(good(9))[0], np.arange(9) % 3
TARGETS = np.eye(3)[LABELS]
NAMES = np.array(["cat", "dog", "owl"])[LABELS]


class Sparse:
    """A matrix of SciPy's: no array, and no list."""

    shape = (9, 6)

    def __len__(self):
        raise TypeError("sparse array length is ambiguous")

    def toarray(self):
        return X


class Sulking(Table):
    """As a tensor that asks for its gradient: it has an `__array__` that refuses."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach() first")


NEARLY = {
    "a column too many": ((np.c_[LABELS, X], LABELS), ValueError, ["X", "(9, 7)", "6 columns", "6 neurons"]),
    "a column too few": ((X[:, 1:], LABELS), ValueError, ["X", "(9, 5)", "6 columns"]),
    "transposed": ((X.T, LABELS), ValueError, ["X", "(6, 9)", "6 columns", "transpose would fit", "X.T"]),
    "both transposed": ((X.T, TARGETS.T), ValueError, ["X", "(6, 9)", "X.T"]),
    "Y transposed": ((X, TARGETS.T), ValueError, ["Y", "(3, 9)", "(9, 3)", "(9, 6)", "Y.T"]),
    "images": (
        (X.reshape(9, 2, 3), LABELS),
        ValueError,
        ["X", "(9, 2, 3)", "6 columns", "X.reshape(len(X), -1)"],
    ),
    "X of one dimension": ((X[:, 0], LABELS), ValueError, ["X", "(9,)", "6 columns", "one example a row"]),
    "one example alone": ((X[0], LABELS[0]), ValueError, ["X", "(6,)", "6 columns"]),
    "a table transposed": ((Table(X.T), LABELS), ValueError, ["X", "(6, 9)", "X.T"]),
    "a table too wide": ((Table(np.c_[LABELS, X]), Table(LABELS)), ValueError, ["X", "(9, 7)", "6 columns"]),
    "lists too wide": (
        (np.c_[LABELS, X].tolist(), LABELS.tolist()),
        ValueError,
        ["X", "(9, 7)", "6 columns"],
    ),
    "Y a column of labels": (
        (X, LABELS[:, np.newaxis]),
        ValueError,
        ["Y", "(9, 1)", "9 whole-number labels", "(9, 3)"],
    ),
    "Y too short": ((X, LABELS[:8]), ValueError, ["Y", "(8,)", "(9, 6)", "9 whole-number labels"]),
    "Y a list too short": ((X, LABELS[:8].tolist()), ValueError, ["Y", "(8,)", "(9, 6)"]),
    "Y of three dimensions": ((X, TARGETS.reshape(9, 3, 1)), ValueError, ["Y", "(9, 3, 1)", "(9, 6)"]),
    "Y a number": ((X, 1), ValueError, ["Y", "int", "()", "(9, 6)"]),
    "Y None": ((X, None), (TypeError, ValueError), ["Y", "NoneType"]),
    "Y a dict": ((X, {"y": LABELS}), (TypeError, ValueError), ["Y", "dict"]),
    "Y of rows of two lengths": (
        (X, [[1, 0, 0], [0, 1]] + [[1, 0, 0]] * 7),
        ValueError,
        ["Y", "cannot be read as an array"],
    ),
    "Y that refuses": ((X, Sulking(LABELS)), RuntimeError, ["Y", "detach"]),
    "float labels": ((X, LABELS * 1.0), TypeError, ["Y", "float64", "whole numbers"]),
    "names": ((X, NAMES), TypeError, ["Y", "strings", "numpy.unique", "return_inverse"]),
    "names in a list": ((X, NAMES.tolist()), TypeError, ["Y", "strings", "numpy.unique"]),
    "names in a table": ((Table(X), Table(NAMES)), TypeError, ["Y", "strings", "numpy.unique"]),
    "names as objects": ((X, NAMES.astype(object)), TypeError, ["Y", "strings", "numpy.unique"]),
    "names as bytes": ((X, NAMES.astype("S")), TypeError, ["Y", "strings", "numpy.unique"]),
    "names in rows": ((X, NAMES[:, np.newaxis]), TypeError, ["Y", "strings", "numpy.unique"]),
    "a sparse X": ((Sparse(), LABELS), TypeError, ["X", "Sparse", "X.toarray()"]),
    "X of strings": ((X.astype(str), LABELS), TypeError, ["X", "real numbers"]),
    "X of objects": ((X.astype(object), LABELS), TypeError, ["X", "object", "real numbers"]),
    "X complex": ((X * 1j, LABELS), TypeError, ["X", "complex128"]),
}
CALLS = {
    "SGD": (["training_data"] * 2, train),
    "update": (["mini_batch"] * 2, update),
    "tests": (["test_data", "evaluation_data"], lambda net, data: train(net, good(), tests=data)),
    "right answers": (["test_data", "data"], right_answers),
    "total_cost": ([None, "data"], lambda net, data: net.total_cost(data, 0.0)),
}


@each_module
@each_path
@pytest.mark.parametrize("container", [tuple, list])
@one_row(NEARLY)
def test_arrays_that_are_nearly_a_pair(module, path, container, value, kind, words, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    for names, made in CALLS.values():
        name = names[module is network2]
        if name is not None:
            with nothing_changes(net), pytest.raises(kind) as error:
                made(net, container(value))
            check_message(error, [name, *words])
    assert capsys.readouterr().out == ""


@each_module
@each_path
@pytest.mark.parametrize(
    "value, words",
    [
        ((np.linspace(0, 1, 9), np.zeros(9)), ["X", "(9,)", "1 columns", "X.reshape(-1, 1)"]),
        (([0.1, 0.2, 0.3], [1, 0, 1]), ["X", "(3,)", "X.reshape(-1, 1)"]),
        ((np.zeros((1, 9)), np.zeros(9)), ["X", "(1, 9)", "X.T"]),
    ],
    ids=["an array", "lists", "a row"],
)
def test_one_input_in_one_dimension(module, path, value, words, capsys, monkeypatch):
    net = use_path(path, module.Network([1, 4, 1]), monkeypatch)
    for call in (train, update, right_answers):
        with nothing_changes(net), pytest.raises(ValueError) as error:
            call(net, value)
        check_message(error, words)


@each_module
@each_path
@pytest.mark.parametrize(
    "a, words",
    [
        (np.zeros((9, 6)), ["a has shape (9, 6)", "6 neurons", "(6, 1)", "transpose would fit", "a.T"]),
        (np.zeros((1, 6)), ["a has shape (1, 6)", "a.T"]),
        (np.zeros((9, 6)).tolist(), ["a has shape (9, 6)", "a.T"]),
        (Table(np.zeros((9, 6))), ["a has shape (9, 6)", "a.T"]),
        (np.zeros(6), ["a has shape (6,)", "a.reshape(-1, 1)"]),
        (np.zeros((9, 7)), ["a has shape (9, 7)", "(6, 1)"]),
        (np.zeros((9, 3, 2)), ["a has shape (9, 3, 2)", "(6, 1)"]),
    ],
    ids=lambda value: str(np.shape(value)) if not isinstance(value, list) else "",
)
def test_a_matrix_of_rows_for_feedforward(module, path, a, words, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    with nothing_changes(net), pytest.raises(ValueError) as error:
        net.feedforward(a)
    check_message(error, words)


@each_module
@each_path
def test_a_matrix_of_rows_for_backprop(module, path, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    with pytest.raises(ValueError) as error:
        net.backprop(X, TARGETS)
    check_message(error, ["x has shape (9, 6)", "x.T"])
    for function in (net.backprop_mini_batch,):
        with pytest.raises(ValueError) as error:
            function(X, TARGETS)
        check_message(error, ["X has shape (9, 6)", "X.T"])
        with pytest.raises(ValueError) as error:
            function(X.T, TARGETS)
        check_message(error, ["Y has shape (9, 3)", "Y.T"])


@each_module
@each_path
@pytest.mark.parametrize("label", ["cat", np.str_("cat"), b"cat", np.array(["cat"])], ids=repr)
def test_string_labels_in_pairs(module, path, label, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    tests = labelled(good(5))
    tests[3] = tests[3][0], label
    for call in (right_answers, lambda net, tests: train(net, good(), tests=tests)):
        with nothing_changes(net), pytest.raises(TypeError) as error:
            call(net, tests)
        check_message(error, ["y", "numpy.unique"])
        assert "[3]" in str(error.value)
    assert capsys.readouterr().out == ""
    if path == "methods":
        return  # an own backprop gets its y as it came
    examples = good()
    examples[4] = examples[4][0], label
    with nothing_changes(net, examples), pytest.raises(TypeError) as error:
        train(net, examples)
    check_message(error, ["training_data[4]", "y", "numpy.unique"])


NO_DATA = {
    "a number": (5, TypeError, ["int", "list of pairs", "pair of arrays"]),
    "None": (None, TypeError, ["NoneType", "list of pairs", "pair of arrays"]),
    "X alone": (X, (TypeError, ValueError), ["[0]", "pair (x, y)"]),
    "a table alone": (Table(X), (TypeError, ValueError), ["[0]", "pair (x, y)"]),
    "a dict": ({"X": X, "y": LABELS}, (TypeError, ValueError), ["[0]", "pair (x, y)"]),
    "three arrays": ((X, LABELS, LABELS), (TypeError, ValueError), ["[0]"]),
    "one array in a tuple": ((X,), (TypeError, ValueError), ["[0]"]),
    "rows of x and y together": (np.c_[X, LABELS].tolist(), (TypeError, ValueError), ["[0]", "pair (x, y)"]),
}


@each_module
@each_path
@one_row(NO_DATA)
def test_what_is_no_data_at_all(module, path, value, kind, words, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    for call in (train, right_answers):
        if path == "methods" and isinstance(value, (dict, list, tuple, np.ndarray, Table)):
            continue  # an own backprop or feedforward gets each example as it is
        with nothing_changes(net), pytest.raises(kind) as error:
            call(net, value)
        check_message(error, [word for word in words if not word.startswith("[")])
        assert all(word in str(error.value) for word in words)


# ---- arrays of other layers that do not fit together ----

UNFIT = {
    "neurons cut out of one matrix": (
        lambda net: net.weights.__setitem__(0, net.weights[0][:4]),
        ["weights[0]", "(4, 6)", "biases[0]", "(5, 1)", "(4, 1)"],
    ),
    "of the biases alone": (
        lambda net: net.biases.__setitem__(0, net.biases[0][:4]),
        ["weights[0]", "(5, 6)", "biases[0]", "(4, 1)", "(5, 1)"],
    ),
    "not out of the next layer": (
        lambda net: (
            net.weights.__setitem__(0, net.weights[0][:4]),
            net.biases.__setitem__(0, net.biases[0][:4]),
        ),
        ["weights[1]", "(3, 5)", "weights[0]", "(4, 6)", "(3, 4)"],
    ),
    "a layer cut out of the middle": (
        lambda net: (net.weights.insert(1, np.zeros((8, 5))), net.biases.insert(1, np.zeros((8, 1)))),
        ["weights[2]", "(3, 5)", "weights[1]", "(8, 5)", "(3, 8)"],
    ),
    "biases forgotten": (lambda net: net.weights.pop(), ["weights", "biases", "1", "2"]),
    "weights forgotten": (lambda net: net.biases.append(np.zeros((2, 1))), ["weights", "biases", "2", "3"]),
    "nothing left": (lambda net: (net.weights.clear(), net.biases.clear()), ["weights", "no layer"]),
}


@each_module
@each_path
@pytest.mark.parametrize("change, words", list(UNFIT.values()), ids=list(UNFIT))
def test_two_arrays_that_do_not_fit_are_both_named(module, path, change, words, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    change(net)
    (x, y), examples = good(1)[0], good()
    calls = {
        "feedforward": lambda: net.feedforward(x),
        "backprop": lambda: net.backprop(x, y),
        "columns": lambda: net.backprop_mini_batch(x, y),
        "update": lambda: update(net, examples),
        "SGD": lambda: train(net, examples),
        "arrays": lambda: train(net, as_arrays(examples)),
        "right": lambda: right_answers(net, [(x, 1)]),
        "cost": lambda: net.total_cost([(x, y)], 0.0),
    }
    if module is network:
        del calls["cost"]
    if not net.weights:  # then feedforward goes through no layer, as in the book
        calls = {name: call for name, call in calls.items() if name not in ("feedforward", "right", "cost")}
    arrays = list(net.weights), list(net.biases)
    for call in calls.values():
        with pytest.raises(ValueError) as error:
            call()
        check_message(error, words)
    for now, then in zip((net.weights, net.biases), arrays, strict=True):
        assert all(a is b for a, b in zip(now, then, strict=True))

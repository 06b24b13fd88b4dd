"""One output neuron has no argmax: the book's count of it comes with a warning, and arrays count a >= 1/2."""

import random
import re
import warnings

import numpy as np
import pytest

from cbackprop import network, network2
from support import both
from support.agreement import nothing_changes, warnings_of
from support.both import each_module, each_path, name_of, right_answers, train, use_path
from support.examples import Table

SIZES = [6, 5, 1]
rng = np.random.default_rng(4)
X = rng.random((23, 6))
BITS = (X[:, 0] > 0.5).astype(int)
PAIRS = [(x.reshape(-1, 1), np.array([[float(bit)]])) for x, bit in zip(X, BITS, strict=True)]
LABELLED = [(x, int(bit)) for (x, _), bit in zip(PAIRS, BITS, strict=True)]
TARGETS = {
    "whole numbers": BITS,
    "bytes": BITS.astype(np.uint8),
    "bools": BITS == 1,
    "floats": BITS * 1.0,
    "float32": BITS.astype(np.float32),
    "a column": BITS[:, np.newaxis],
    "a column of bools": BITS[:, np.newaxis] == 1,
    "a list": BITS.tolist(),
    "a list of bools": (BITS == 1).tolist(),
    "a table": Table(BITS),
}


def check_warning(caught, name):
    assert len(caught) == 1
    for words in (
        f"{name}: this network has one output neuron",
        "says nothing",
        "arrays (X, Y)",
        "0 and 1",
        "1/2",
    ):
        assert words in str(caught[0].message)
    assert caught[0].filename in (__file__, both.__file__)  # it points at the user's line


def outputs(net):
    return np.array([net.feedforward(x.reshape(-1, 1)).item() for x in X])


def centred(net):
    """`net` with the last bias such that about half of its answers are 1."""
    a = outputs(net)
    net.biases[-1] = net.biases[-1] - np.median(np.log(a / (1 - a)))
    expected = int(((outputs(net) >= 0.5) == BITS).sum())
    assert 0 < (outputs(net) >= 0.5).sum() < 23 and expected != 23 - BITS.sum()
    return net, expected


# ---- lists of pairs: the book's count, and a warning ----


@each_module
@each_path
@pytest.mark.parametrize("labels", [[0] * 23, [1] * 23, BITS.tolist(), [0.5, 0, 1, 7] * 5], ids=str)
def test_pairs_are_counted_as_in_the_book_with_a_warning(module, path, labels, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    tests = [(x, y) for (x, _), y in zip(PAIRS, labels)]
    count, caught = warnings_of(lambda: right_answers(net, tests))
    assert count == labels.count(0) and type(count) is int
    check_warning(caught, "data" if module is network2 else "test_data")


@each_module
@each_path
@pytest.mark.parametrize("epochs", [1, 3])
def test_one_warning_in_a_call_of_sgd(module, path, epochs, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    _, caught = warnings_of(lambda: train(net, list(PAIRS), epochs=epochs, tests=LABELLED))
    check_warning(caught, "evaluation_data" if module is network2 else "test_data")
    assert capsys.readouterr().out.count(f"{23 - BITS.sum()} / 23") == epochs


@each_path
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("evaluation", [False, True])
@pytest.mark.parametrize("costs", [False, True])
def test_one_warning_whatever_is_monitored(path, training, evaluation, costs, capsys, monkeypatch):
    net = use_path(path, network2.Network(SIZES), monkeypatch)
    tests = [(x, 0) for x, _ in PAIRS]
    _, caught = warnings_of(
        lambda: net.SGD(list(PAIRS), 2, 5, 0.5, 0.0, tests, costs, evaluation, costs, training)
    )
    if training or evaluation:
        check_warning(caught, "training_data" if training else "evaluation_data")
    else:
        assert caught == []


@each_module
@each_path
def test_no_warning_where_nothing_is_counted(module, path, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    assert warnings_of(lambda: train(net, list(PAIRS)))[1] == []
    assert warnings_of(lambda: train(net, list(PAIRS), tests=[] if module is network else None))[1] == []
    assert warnings_of(lambda: right_answers(net, []))[1] == []
    if module is network2:
        assert warnings_of(lambda: net.total_cost(PAIRS, 0.0))[1] == []
    two = module.Network([6, 5, 2])
    assert warnings_of(lambda: train(two, [(x, 0.5) for x, _ in PAIRS], tests=LABELLED))[1] == []


@each_module
def test_no_warning_for_a_count_of_one_s_own(module, capsys):
    class Mine(module.Network):
        def evaluate(self, test_data):
            return sum(int((self.feedforward(x).item() > 0.5) == y) for x, y in test_data)

        def accuracy(self, data, convert=False):
            return self.evaluate(data)

    net = Mine(SIZES)
    assert warnings_of(lambda: train(net, list(PAIRS), tests=LABELLED))[1] == []
    assert warnings_of(lambda: right_answers(net, LABELLED))[1] == []


@each_module
@each_path
def test_the_warning_as_an_error_comes_before_any_change(module, path, monkeypatch, capsys):
    net, examples = use_path(path, module.Network(SIZES), monkeypatch), list(PAIRS)
    with warnings.catch_warnings(), nothing_changes(net, examples):
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="one output neuron"):
            train(net, examples, tests=LABELLED, seed=None)
    assert capsys.readouterr().out == ""


@each_module
def test_layers_cut_off_down_to_one_output(module):
    """The arrays say that there is one output now, not `sizes`."""
    net = module.Network([6, 1, 3])
    net.weights.pop(), net.biases.pop()
    count, caught = warnings_of(lambda: right_answers(net, LABELLED))
    assert count == 23 - BITS.sum()
    check_warning(caught, "data" if module is network2 else "test_data")


# ---- arrays: a >= 1/2 ----


@each_module
@each_path
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_count_a_half_and_more(module, path, kind, dtype, monkeypatch):
    net, expected = centred(module.Network(SIZES, dtype=dtype))
    use_path(path, net, monkeypatch)
    count, caught = warnings_of(lambda: right_answers(net, (X, TARGETS[kind])))
    assert count == expected and type(count) is int and caught == []
    assert right_answers(net, (Table(X), TARGETS[kind])) == expected
    if module is network2:
        assert net.accuracy((X, TARGETS[kind]), convert=True) == expected


@each_module
@each_path
def test_a_half_counts_as_one(module, path, monkeypatch):
    net = module.Network([6, 1])
    net.weights, net.biases = [np.zeros((1, 6))], [np.zeros((1, 1))]
    use_path(path, net, monkeypatch)
    assert right_answers(net, (X, np.ones(23))) == 23 and right_answers(net, (X, np.zeros(23))) == 0
    net.biases = [np.full((1, 1), -1e-9)]
    assert right_answers(net, (X, np.ones(23))) == 0 and right_answers(net, (X, np.zeros(23))) == 23
    net.biases = [np.full((1, 1), np.nan)]  # not at least 1/2
    assert right_answers(net, (X, np.ones(23))) == 0 and right_answers(net, (X, np.zeros(23))) == 23


@each_module
@each_path
@pytest.mark.parametrize("kind", ["floats", "bools", "a column", "a table"])
def test_arrays_in_sgd(module, path, kind, capsys, monkeypatch):
    """The count follows the network, and a network that learns comes to know them all."""
    net, expected = centred(module.Network(SIZES))
    use_path(path, net, monkeypatch)
    given = X, TARGETS[kind]
    _, caught = warnings_of(lambda: train(net, given, epochs=2, eta=0.0, tests=given))
    assert caught == []
    assert re.findall(r"(\d+) / 23", capsys.readouterr().out) == [str(expected)] * 2
    train(net, given, epochs=400, eta=3.0, tests=given)
    counts = re.findall(r"(\d+) / 23", capsys.readouterr().out)
    assert counts[-1] == str(int(((outputs(net) >= 0.5) == BITS).sum())) and int(counts[-1]) >= 22


@each_path
def test_every_monitor_of_arrays(path, capsys, monkeypatch):
    net, expected = centred(network2.Network(SIZES))
    use_path(path, net, monkeypatch)
    call = lambda: net.SGD((X, BITS == 1), 1, 5, 0.0, 0.0, (X, BITS * 1.0), True, True, True, True)  # noqa: E731
    (evaluation_cost, evaluation, training_cost, training), caught = warnings_of(call)
    assert caught == [] and evaluation == training == [expected]
    assert evaluation_cost == training_cost
    np.testing.assert_allclose(evaluation_cost, net.total_cost(PAIRS, 0.0), rtol=1e-12)


@each_module
@each_path
@pytest.mark.parametrize("bad", [0.3, -1, 2, np.nan, np.inf], ids=repr)
def test_targets_that_are_no_classes_cannot_be_counted(module, path, bad, capsys, monkeypatch):
    """Training on them is right; to count answers is an error that names the first."""
    net = use_path(path, module.Network(SIZES), monkeypatch)
    Y = BITS * 1.0
    Y[17] = bad
    with nothing_changes(net), pytest.raises(ValueError, match=r"Y\[17\] is .*labels 0 and 1"):
        right_answers(net, (X, Y))
    with nothing_changes(net), pytest.raises(ValueError, match=r"Y\[17\] is .*labels 0 and 1"):
        train(net, (X, Y), tests=(X, Y), seed=None)
    assert capsys.readouterr().out == ""
    if np.isfinite(bad):
        train(net, (X, Y))
        assert np.isfinite(net.weights[0]).all()


# ---- stopping by an accuracy that says nothing ----

RULES = {"early_stopping_n": 2, "restore_best": True, "eta_halving_n": 2}
GIVEN = {"pairs": LABELLED, "arrays": (X, BITS), "real numbers": (X, X[:, 0])}


@each_path
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("given", GIVEN)
def test_stopping_by_the_accuracy_of_one_output_is_refused(path, rule, given, capsys, monkeypatch):
    net, examples = use_path(path, network2.Network(SIZES), monkeypatch), list(PAIRS)
    with nothing_changes(net, examples), pytest.raises(ValueError) as error:
        net.SGD(examples, 5, 5, 0.5, evaluation_data=GIVEN[given], **{rule: RULES[rule]})
    for words in (
        rule,
        "accuracy",
        "one output neuron",
        "monitor_evaluation_cost=True",
        "replace `accuracy`",
    ):
        assert words in str(error.value)
    assert capsys.readouterr().out == ""


@each_path
@pytest.mark.parametrize("rule", RULES)
def test_so_it_is_for_real_targets(path, rule, capsys, monkeypatch):
    net, examples = use_path(path, network2.Network([6, 5, 2]), monkeypatch), [(x, 0.5) for x, _ in PAIRS]
    with nothing_changes(net, examples), pytest.raises(ValueError) as error:
        net.SGD(examples, 5, 5, 0.5, evaluation_data=(X, X[:, :2]), **{rule: RULES[rule]})
    for words in (rule, "accuracy", "real numbers", "monitor_evaluation_cost=True"):
        assert words in str(error.value)
    net.SGD(examples, 1, 5, 0.5, evaluation_data=(X, np.eye(2)[BITS]), **{rule: RULES[rule]})
    net.SGD(examples, 1, 5, 0.5, evaluation_data=LABELLED, **{rule: RULES[rule]})


@pytest.mark.parametrize("rule", RULES)
def test_an_accuracy_of_one_s_own_may_stop(rule, capsys):
    class Mine(network2.Network):
        def accuracy(self, data, convert=False):
            return 5

    net = Mine(SIZES)
    _, caught = warnings_of(
        lambda: net.SGD(list(PAIRS), 9, 5, 0.5, evaluation_data=LABELLED, **{rule: RULES[rule]})
    )
    assert caught == []
    assert len(net.history) == {"early_stopping_n": 3}.get(rule, 9)


@each_module
def test_the_shuffle_is_the_list_s(module, capsys):
    """As many random numbers are drawn for arrays of one output as for a list of that length."""
    net = module.Network(SIZES)
    states = []
    for data in (list(PAIRS), (X, BITS)):
        train(net, data)
        states.append(random.getstate())
    assert states[0] == states[1] and name_of(net) in module.__name__


@pytest.mark.parametrize("module", [network, network2])
@pytest.mark.parametrize("answer", [np.array([[0.7]]), np.array([0.7]), 0.7, [[0.7]]], ids=repr)
def test_a_feedforward_of_one_s_own_may_return_any_one_number(module, answer):
    class Mine(module.Network):
        def feedforward(self, a):
            return answer

    assert right_answers(Mine(SIZES), (X, BITS)) == BITS.sum()

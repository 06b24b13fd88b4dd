"""``threshold``: one output neuron answers 1 from there on, for pairs too. Without it the book counts."""

import warnings

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import nothing_changes, warnings_of
from support.both import each_module, each_path, name_of, reference_of, right_answers, use_path

SIZES = [6, 5, 1]
rng = np.random.default_rng(4)
X = rng.random((230, 6))
BITS = (X[:, 0] > 0.5).astype(int)
COLUMNS = [x.reshape(-1, 1) for x in X]
PAIRS = [(x, np.array([[float(bit)]])) for x, bit in zip(COLUMNS, BITS, strict=True)]
LABELS = {
    "whole numbers": BITS.tolist(),
    "NumPy's": list(BITS),
    "bools": (BITS == 1).tolist(),
    "floats": list(BITS * 1.0),
    "columns": [y for _, y in PAIRS],
    "0-d": [np.array(bit) for bit in BITS],
}
THRESHOLDS = [0.5, 0.25, 0, 1, -3, 2, np.float32(0.75)]


def count(net, data, **options):
    return net.accuracy(data, **options) if name_of(net) == "network2" else net.evaluate(data, **options)


def outputs(net):
    return np.array([net.feedforward(x).item() for x in COLUMNS])


def centred(net):
    """`net` with outputs around ½."""
    a = outputs(net)
    net.biases[-1] = net.biases[-1] - np.median(np.log(a / (1 - a)))
    return net


@each_module
@each_path
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pairs_are_compared_with_it(module, path, labels, threshold, dtype, monkeypatch):
    net = use_path(path, centred(module.Network(SIZES, dtype=dtype)), monkeypatch)
    data = list(zip(COLUMNS, LABELS[labels], strict=True))
    expected = int(((outputs(net) >= threshold) == BITS).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = count(net, data, threshold=threshold)
        assert count(net, (X, BITS), threshold=threshold) == found
        assert reference_of(net).predict(X, threshold=threshold).tolist() == list(
            net.predict(X, threshold=threshold)
        )
    assert type(found) is int and abs(found - expected) <= (dtype == np.float32)
    assert (net.predict(X, threshold=threshold) == BITS).sum() == found
    if module is network2:
        assert net.accuracy(data, convert=True, threshold=threshold) == found


@each_module
def test_without_it_the_book_counts(module):
    net = centred(module.Network(SIZES))
    data = list(zip(COLUMNS, BITS.tolist(), strict=True))
    found, caught = warnings_of(lambda: right_answers(net, data))
    assert found == 230 - BITS.sum() and "threshold=0.5" in str(caught[0].message)
    assert count(net, (X, BITS)) == ((outputs(net) >= 0.5) == BITS).sum()


@each_module
@each_path
@pytest.mark.parametrize("kind", ["pairs", "arrays"])
def test_sgd_counts_by_it(module, path, kind, capsys, monkeypatch):
    net = use_path(path, centred(module.Network(SIZES, random_state=1)), monkeypatch)
    labelled = (X, BITS) if kind == "arrays" else list(zip(COLUMNS, BITS.tolist(), strict=True))
    entries = []

    def look(net, entry):
        entries.append((entry["evaluation_accuracy"], int(((outputs(net) >= 0.45) == BITS).sum())))

    options = {"threshold": 0.45, "callbacks": [look], "random_state": 1}
    if module is network:
        options["test_data"] = labelled
    else:
        options |= {"evaluation_data": labelled, "monitor_evaluation_accuracy": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.SGD(PAIRS[:], 4, 10, 3.0, **options)
    assert len({ours for ours, _ in entries}) > 1 and all(ours == theirs for ours, theirs in entries)
    assert f"{entries[-1][0]} / 230" in capsys.readouterr().out


@each_path
@pytest.mark.parametrize("kind", ["pairs", "columns", "arrays"])
def test_everything_that_network2_monitors(path, kind, capsys, monkeypatch):
    """The cost takes the 0 or 1 as the target; rules of the accuracy work."""
    net = use_path(path, network2.Network(SIZES, random_state=1), monkeypatch)
    labelled = {
        "pairs": list(zip(COLUMNS, BITS.tolist(), strict=True)),
        "columns": PAIRS,
        "arrays": (X, BITS),
    }[kind]
    options = {"threshold": 0.5, "early_stopping_n": 3, "restore_best": True, "random_state": 1}
    lists = net.SGD(PAIRS[:], 60, 10, 1.0, 0.0, labelled, True, True, True, True, **options)
    assert lists[0] == pytest.approx(lists[2], rel=1e-12) and lists[1] == lists[3]
    assert len(lists[1]) < 60 and max(lists[1]) > 200
    assert ((outputs(net) >= 0.5) == BITS).sum() == max(lists[1])
    assert net.total_cost(PAIRS, 0.0) == pytest.approx(lists[0][lists[1].index(max(lists[1]))], rel=1e-12)


@each_module
def test_a_count_of_one_s_own_gets_the_data_as_in_the_book(module, capsys):
    net = module.Network(SIZES)
    name = "accuracy" if module is network2 else "evaluate"
    seen = []
    setattr(net, name, lambda *arguments: seen.append(arguments) or 3)
    data = list(zip(COLUMNS, BITS.tolist(), strict=True))
    if module is network2:
        net.SGD(PAIRS[:], 1, 10, 1.0, 0.0, data, monitor_evaluation_accuracy=True, threshold=0.5)
    else:
        net.SGD(PAIRS[:], 1, 10, 1.0, data, threshold=0.5)
    assert seen and all(arguments[0] is data and len(arguments) == 1 for arguments in seen)


@each_module
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.5], r"\[0\]: y is 0.5; the accuracy of one output"),
        ([1, 0, 2], r"\[2\]: y is 2"),
        ([0, "1"], r"\[1\]: y"),
    ],
    ids=str,
)
def test_labels_that_no_answer_can_equal(module, labels, message):
    net = module.Network(SIZES)
    data = list(zip(COLUMNS, labels))
    with nothing_changes(net, data), pytest.raises((ValueError, TypeError), match=message):
        count(net, data, threshold=0.5)
    options = {"evaluation_data": data, "monitor_evaluation_accuracy": True} if module is network2 else {}
    with nothing_changes(net, PAIRS), pytest.raises((ValueError, TypeError), match=message):
        net.SGD(PAIRS, 1, 10, 1.0, threshold=0.5, **(options or {"test_data": data}))


@each_module
@pytest.mark.parametrize(
    ("threshold", "error", "message"),
    [
        ("0.5", TypeError, "threshold is '0.5'"),
        (float("nan"), ValueError, "threshold is NaN"),
        (1j, TypeError, "1j"),
    ],
)
def test_what_is_no_threshold(module, threshold, error, message):
    net = module.Network(SIZES)
    for call in (
        lambda: count(net, PAIRS, threshold=threshold),
        lambda: net.predict(X, threshold=threshold),
        lambda: net.SGD(PAIRS, 1, 10, 1.0, threshold=threshold),
    ):
        with nothing_changes(net, PAIRS), pytest.raises(error, match=message):
            call()


@each_module
def test_several_output_neurons_have_none(module):
    net = module.Network([6, 5, 2])
    data = [(x, 1) for x in COLUMNS]
    targets = [(x, np.eye(2)[:, [1]]) for x in COLUMNS]
    for call in (
        lambda: count(net, data, threshold=0.5),
        lambda: net.predict(X, threshold=0.5),
        lambda: net.SGD(targets, 1, 10, 1.0, threshold=0.5),
    ):
        with nothing_changes(net, targets), pytest.raises(ValueError, match="this network has 2"):
            call()

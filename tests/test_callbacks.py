"""Functions of the user's are called after each epoch and may stop training; lines can be left unprinted."""

import inspect
import random
import textwrap
import types

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import nothing_changes, same_bits
from support.both import each_module, each_path, name_of, reference_of, train, use_path
from support.examples import as_arrays, dense_examples, labelled

SIZES = [6, 5, 3]
DATA = dense_examples(23, SIZES)
TESTS = labelled(dense_examples(11, SIZES, seed=5))


def seeded(module, *arguments, **options):
    np.random.seed(1)
    random.seed(1)
    return module.Network(SIZES, *arguments, **options)


def options_of(net, tests=TESTS):
    """The arguments that have `tests` evaluated after each epoch."""
    if name_of(net) == "network2":
        return {"evaluation_data": tests, "monitor_evaluation_accuracy": True}
    return {"test_data": tests}


@each_module
@each_path
def test_each_is_called_after_each_epoch(module, path, capsys, monkeypatch):
    net, plain = (use_path(path, seeded(module), monkeypatch) for _ in range(2))
    seen = []

    def first(*arguments):
        seen.append(("first", *arguments, capsys.readouterr().out))

    def second(net, entry):
        seen.append(("second", net, entry, [w.copy() for w in net.weights]))

    random.seed(2)
    net.SGD(DATA[:], 3, 5, 0.5, callbacks=[first, second], **options_of(net))
    assert [who for who, *_ in seen] == ["first", "second"] * 3
    assert all(who is net for _, who, *_ in seen)
    random.seed(2)
    capsys.readouterr()
    train(plain, DATA[:], 3, tests=TESTS, seed=2)
    printed = capsys.readouterr().out
    assert "".join(said for *_, said in seen[::2]) == printed  # the line is there before the call
    assert same_bits(net, plain)
    for j, (_, _, entry, weights) in enumerate(seen[1::2]):
        assert entry is seen[2 * j][2]
        assert entry["epoch"] == j and entry["eta"] == 0.5 and entry["seconds"] > 0
        assert f"{entry['evaluation_accuracy']} / 11" in printed
        assert (j == 2) == all(map(np.array_equal, weights, net.weights))
    if name_of(net) == "network2":
        assert all(a is b for a, b in zip(net.history, [entry for _, _, entry, _ in seen[1::2]], strict=True))


@each_module
@pytest.mark.parametrize("true", [True, 1, "stop", np.True_, [0]], ids=repr)
def test_a_true_value_stops(module, true, capsys):
    net, plain = seeded(module), seeded(module)
    called = []
    callbacks = [lambda net, entry: true if entry["epoch"] == 1 else 0, lambda net, entry: called.append(1)]
    for one, epochs, options in ((net, 9, {"callbacks": callbacks}), (plain, 2, {})):
        random.seed(2)
        one.SGD(DATA[:], epochs, 5, 0.5, **options)
    assert len(called) == 2  # the others are called all the same
    assert same_bits(net, plain)


@each_module
@pytest.mark.parametrize("false", [None, False, 0, "", np.False_], ids=repr)
def test_a_false_value_does_not(module, false, capsys):
    net = seeded(module)
    called = []
    net.SGD(DATA[:], 3, 5, 0.5, callbacks=(lambda net, entry: called.append(1) or false,))
    assert len(called) == 3


@each_module
def test_what_a_callback_changes_counts_for_the_next_epoch(module, capsys):
    """Clipped weights, say."""
    net, plain = seeded(module), seeded(module)

    def clip(net, entry):
        net.weights = [np.clip(w, -0.1, 0.1) for w in net.weights]

    random.seed(2)
    net.SGD(DATA[:], 3, 5, 0.5, callbacks=[clip])
    random.seed(2)
    data = DATA[:]
    for _ in range(3):
        plain.SGD(data, 1, 5, 0.5)
        clip(plain, None)
    assert same_bits(net, plain)


@each_module
def test_an_error_in_a_callback_is_the_user_s(module, capsys):
    net = seeded(module)

    def fail(net, entry):
        raise ArithmeticError("mine")

    with pytest.raises(ArithmeticError, match="mine"):
        net.SGD(DATA[:], 3, 5, 0.5, callbacks=[fail])
    if name_of(net) == "network2":
        assert len(net.history) == 1
    net.SGD(DATA[:], 1, 5, 0.5)


@each_module
@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (3, "callbacks is 3; expected a list of functions"),
        (len, r"expected a list of functions: callbacks=\[f\]"),
        ([len, 3], r"callbacks\[1\] is 3; expected a function"),
    ],
)
def test_what_is_no_list_of_functions(module, callbacks, message):
    net = seeded(module)
    with nothing_changes(net, DATA), pytest.raises(TypeError, match=message):
        net.SGD(DATA, 1, 5, 0.5, callbacks=callbacks)


@each_module
def test_keyword_only(module):
    """The book's positional arguments stay what they are."""
    for method in (module.Network.__init__, module.Network.SGD):
        for parameter in inspect.signature(method).parameters.values():
            if parameter.name in ("callbacks", "verbose", "random_state", "resume", "threshold", "stop_on"):
                assert parameter.kind is parameter.KEYWORD_ONLY


# ---- lines ----


@each_module
@each_path
def test_nothing_is_printed_if_not_verbose(module, path, capsys, monkeypatch):
    net, plain = (use_path(path, seeded(module), monkeypatch) for _ in range(2))
    monkeypatch.setattr(module, "print", lambda text: 1 / 0, raising=False)
    options = {"early_stopping_n": 1, "eta_halving_n": 1} if name_of(net) == "network2" else {}
    random.seed(2)
    quiet = net.SGD(DATA[:], 5, 5, 0.0, verbose=False, **options, **options_of(net))
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(module, "print", print, raising=False)
    random.seed(2)
    assert plain.SGD(DATA[:], 5, 5, 0.0, **options, **options_of(plain)) == quiet
    assert capsys.readouterr().out and same_bits(net, plain)


@each_module
def test_an_evaluate_of_one_s_own_is_called_without_lines_too(module, capsys):
    net = seeded(module)
    called = []
    name = "accuracy" if module is network2 else "evaluate"
    setattr(net, name, lambda data: called.append(data) or 7)
    net.SGD(DATA[:], 3, 5, 0.5, verbose=False, **options_of(net))
    assert len(called) == 3 and all(data is TESTS for data in called)


# ---- history as columns ----


def test_history_as_columns(capsys):
    net = seeded(network2)
    net.SGD(DATA[:], 2, 5, 0.5, verbose=False, **options_of(net))
    net.SGD(DATA[:], 1, 5, 0.5, verbose=False, resume=True, monitor_training_cost=True)
    columns = net.history.columns()
    assert columns["epoch"] == [0, 1, 2] and columns["eta"] == [0.5] * 3
    assert columns["evaluation_accuracy"] == [entry["evaluation_accuracy"] for entry in net.history[:2]] + [
        None
    ]
    assert columns["training_cost"] == [None, None, net.history[2]["training_cost"]]
    assert isinstance(net.history, list) and all(type(entry) is dict for entry in net.history)
    assert reference_of(net).SGD(DATA[:], 0, 5, 0.5) == ([], [], [], [])


# ---- the example ----


def test_the_example_with_tqdm(capsys):
    """That of the docstring, as it is written there."""
    tqdm = pytest.importorskip("tqdm")
    lines = inspect.getdoc(network2.Network.SGD).split("\n")
    code = "\n".join(line[4:] for line in lines if line[:3] in (">>>", "..."))
    bars = []

    class Bar(tqdm.tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            bars.append(self)

    given = {"net": seeded(network2), "training_data": DATA[:], "evaluation_data": TESTS}
    code = code.replace("from tqdm import tqdm", "").replace("30", "3")
    exec(textwrap.dedent(code), {**given, "tqdm": Bar})
    (bar,) = bars
    assert bar.n == bar.total == 3 and f"right={given['net'].accuracy(TESTS)}" in bar.postfix
    assert "Epoch" not in capsys.readouterr().out


@each_module
def test_arrays_too(module, capsys):
    """A callback sees the same network however the data are given."""
    ends = []
    for data in (DATA[:], as_arrays(DATA)):
        net = seeded(module)
        weights = []
        net.SGD(data, 3, 5, 0.5, callbacks=[lambda net, entry, w=weights: w.append(net.weights[0].tobytes())])
        ends.append(weights)
    assert len(ends[0]) == 3 and ends[0] == ends[1]


def test_any_object_with_call(capsys):
    net = seeded(network)
    state = types.SimpleNamespace(n=0)

    class Counter:
        def __call__(self, net, entry):
            state.n += 1

    net.SGD(DATA[:], 2, 5, 0.5, callbacks=iter([Counter(), Counter()]))
    assert state.n == 4

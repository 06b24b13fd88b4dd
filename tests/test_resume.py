"""``resume=True`` goes on where the last call of SGD ended: 10 epochs are 5 + 5, bit for bit."""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import parameter_difference, same_bits
from support.both import each_module, each_path, name_of, use_path
from support.examples import as_arrays, digit_examples, labelled

SIZES = [40, 6, 3]
DATA = digit_examples(33, 40, 3)
TESTS = labelled(digit_examples(14, 40, 3, seed=5))
PLANS = [(10,), (5, 5), (3, 0, 1, 6)]
KINDS = {
    "list": lambda: DATA[:],
    "tuple": lambda: tuple(DATA),
    "iterator": lambda: iter(DATA),
    "arrays": lambda: as_arrays(DATA),
    "twins": lambda: tuple(DATA[:20] + DATA[:13]),
}
OPTIONS = {
    "plain": {},
    "momentum": {"mu": 0.5, "lmbda": 0.1},
    "moments": {"rule": "amsgrad", "lmbda": 0.1, "epsilon": 1e-4},
    "halving": {"evaluation_data": TESTS, "eta_halving_n": 1, "mu": 0.5},
    "the best": {"evaluation_data": TESTS, "restore_best": True, "mu": 0.5, "eta_halving_n": 3},
    "training data": {"monitor_training_cost": True, "monitor_training_accuracy": True, "lmbda": 0.1},
    "by the cost": {
        "evaluation_data": as_arrays(TESTS),
        "stop_on": "evaluation_cost",
        "restore_best": True,
        "min_delta": 1e-3,
        "eta_halving_n": 2,
    },
}


def run(module, plan, kind, path="compiled", between=lambda net: net, monkeypatch=None, **options):
    """A network that is trained so, and the lines printed."""
    np.random.seed(1)
    random.seed(1)
    net = use_path(path, module.Network(SIZES), monkeypatch)
    data = KINDS[kind]()
    for k, epochs in enumerate(plan):
        if kind == "iterator":
            data = KINDS[kind]()
        if k:
            net = between(net)
        net.SGD(data, epochs, 7, 1.0, resume=k > 0, **options)
    return net


@each_module
@each_path
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", ["global", "seed", "generator"])
def test_ten_epochs_are_five_and_five(module, path, kind, seeds, capsys, monkeypatch):
    tests = {"test_data": TESTS} if module is network else {"evaluation_data": TESTS}
    if module is network2:
        tests["monitor_evaluation_accuracy"] = True
    nets, printed = [], []
    for plan in PLANS:
        random_state = {"global": None, "seed": 7, "generator": np.random.default_rng(7)}[seeds]
        nets.append(
            run(module, plan, kind, path, monkeypatch=monkeypatch, random_state=random_state, **tests)
        )
        printed.append((capsys.readouterr().out, repr(random.getstate())))
    assert same_bits(nets[0], nets[1]) and same_bits(nets[0], nets[2])
    assert printed[0] == printed[1] == printed[2] and "Epoch 9" in printed[0][0]


def without_seconds(history):
    return [{name: value for name, value in entry.items() if "seconds" not in name} for entry in history]


@each_path
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", ["list", "arrays"])
@pytest.mark.parametrize("random_state", [None, 7])
def test_rules_velocities_and_history_go_on(path, name, kind, random_state, capsys, monkeypatch):
    nets = [
        run(network2, plan, kind, path, monkeypatch=monkeypatch, random_state=random_state, **OPTIONS[name])
        for plan in PLANS
    ]
    for net in nets[1:]:
        assert same_bits(net, nets[0])
        assert without_seconds(net.history) == without_seconds(nets[0].history)
        if name == "moments":
            (t, *moments), (expected_t, *expected) = net._cbackprop.moments, nets[0]._cbackprop.moments
            assert t == expected_t
            for ours, theirs in zip(moments, expected, strict=True):
                assert all(all(map(np.array_equal, *each)) for each in zip(ours, theirs, strict=True))
        if "mu" in OPTIONS[name]:
            for ours, theirs in zip(net.velocities, nets[0].velocities, strict=True):
                assert all(map(np.array_equal, ours, theirs))
    assert [entry["epoch"] for entry in nets[0].history] == list(range(len(nets[0].history)))
    if "eta_halving_n" in OPTIONS[name] and name != "by the cost":
        assert nets[0].history[-1]["eta"] < 1  # else the test shows nothing


def test_patience_goes_on(capsys):
    """Two epochs without improvement before, one after: the third is one too many."""
    accuracies = iter([5, 4, 4, 3, 9, 9])
    net = network2.Network(SIZES)
    net.accuracy = lambda data, convert=False: next(accuracies)
    options = {"evaluation_data": TESTS, "early_stopping_n": 3}
    net.SGD(DATA[:], 3, 7, 0.5, **options)
    assert len(net.history) == 3
    net.SGD(DATA[:], 3, 7, 0.5, resume=True, **options)
    assert len(net.history) == 4
    # After a stop the patience begins again, with the best number as it was.
    net.SGD(DATA[:], 2, 7, 0.5, resume=True, **options)
    assert len(net.history) == 6


def test_a_schedule_that_ended_stops_at_the_next_halving(capsys):
    net = network2.Network(SIZES)
    net.accuracy = lambda data, convert=False: 1
    options = {"evaluation_data": TESTS, "eta_halving_n": 1}
    net.SGD(DATA[:], 50, 7, 1.0, **options)
    n = len(net.history)
    net.SGD(DATA[:], 50, 7, 1.0, resume=True, **options)
    assert len(net.history) == n + 1 and net.history[-1]["eta"] == 1 / 128


@pytest.mark.parametrize(
    "way", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy, lambda net: net.copy()]
)
@pytest.mark.parametrize("kind", ["list", "arrays"])
@pytest.mark.parametrize("name", ["momentum", "halving", "moments"])
def test_a_copy_goes_on_as_the_network_would(way, kind, name, capsys):
    nets = [
        run(network2, plan, kind, between=way, random_state=7, **OPTIONS[name]) for plan in ((10,), (5, 5))
    ]
    assert same_bits(*nets) and without_seconds(nets[0].history) == without_seconds(nets[1].history)


@each_module
def test_a_copy_knows_the_order_of_arrays(module, capsys):
    nets = [run(module, plan, "arrays", between=lambda net: net.copy()) for plan in ((10,), (5, 5))]
    assert same_bits(*nets)


def test_two_copies_do_not_draw_from_each_other(capsys):
    net = run(network2, (5,), "arrays", random_state=7)
    first, second = copy.copy(net), copy.copy(net)
    for one in (first, second):
        one.SGD(as_arrays(DATA), 5, 7, 1.0, resume=True)
    assert same_bits(first, second) and same_bits(first, run(network2, (10,), "arrays", random_state=7))


def test_the_seed_may_be_left_out_and_another_one_begins_anew(capsys):
    whole = run(network2, (10,), "arrays", random_state=7)
    net = run(network2, (5,), "arrays", random_state=7)
    others = {}
    for random_state in (None, 7, 8):
        others[random_state] = net.copy()
        others[random_state].SGD(as_arrays(DATA), 5, 7, 1.0, resume=True, random_state=random_state)
    assert same_bits(others[None], whole) and same_bits(others[7], whole)
    assert not same_bits(others[8], whole)


@each_module
def test_a_network_that_was_not_trained_begins(module, capsys):
    nets = []
    for resume in (False, True):
        np.random.seed(1)
        random.seed(1)
        nets.append(module.Network(SIZES))
        nets[-1].SGD(DATA[:], 2, 7, 0.5, resume=resume)
    assert same_bits(*nets) and "Epoch 1" in capsys.readouterr().out


def test_without_it_everything_begins_anew(capsys):
    net = run(network2, (5,), "arrays", mu=0.5, evaluation_data=TESTS, eta_halving_n=1)
    net.SGD(as_arrays(DATA), 1, 7, 1.0)
    assert [entry["epoch"] for entry in net.history] == [0] and net.history[0]["eta"] == 1.0
    assert not hasattr(net, "velocities") or net.velocities is None


def test_the_best_parameters_are_not_lost(capsys):
    """Nor the user's: what was changed since is what training goes on from."""
    accuracies = iter([3, 9, 5, 4, 4])
    net = network2.Network(SIZES)
    net.accuracy = lambda data, convert=False: next(accuracies)
    options = {"evaluation_data": TESTS, "restore_best": True}
    net.SGD(DATA[:], 3, 7, 0.5, **options)
    best = [w.copy() for w in net.weights]
    edited = net.copy()
    edited.accuracy = lambda data, convert=False: 1
    edited.weights[0][0, 0] += 100
    net.SGD(DATA[:], 2, 7, 0.5, resume=True, **options)
    assert all(map(np.array_equal, net.weights, best))  # no later epoch was better
    edited.SGD(DATA[:], 1, 7, 1e-9, resume=True, **options)
    assert edited.weights[0][0, 0] > 90


def test_arrays_that_were_kept_are_not_written_to(capsys):
    net = run(network2, (5,), "arrays", evaluation_data=TESTS, restore_best=True)
    kept = net.weights[:], [w.copy() for w in net.weights]
    net.SGD(as_arrays(DATA), 3, 7, 1.0, resume=True, evaluation_data=TESTS, restore_best=True)
    assert all(map(np.array_equal, *kept))


@each_module
def test_other_data(module, capsys):
    """An order of another length is none of theirs."""
    net = run(module, (5,), "arrays")
    state = random.getstate()
    net.SGD(as_arrays(DATA[:20]), 2, 7, 1.0, resume=True)
    plain = run(module, (5,), "arrays")
    random.setstate(state)
    plain.SGD(as_arrays(DATA[:20]), 2, 7, 1.0)
    assert same_bits(net, plain)


def test_layers_that_changed(capsys):
    """Velocities of other layers are zeros, as in every step."""
    net = run(network2, (3,), "arrays", mu=0.5)
    net.weights = [np.ones((4, 40)), np.ones((3, 4))]
    net.biases = [np.zeros((4, 1)), np.zeros((3, 1))]
    net.SGD(as_arrays(DATA), 1, 7, 0.5, mu=0.5, resume=True)
    assert net.weights[0].shape == (4, 40) and np.isfinite(net.weights[0]).all()


@pytest.mark.parametrize("n_hidden", [30, 260])
def test_the_layout_stays_whatever_the_order(n_hidden, capsys):
    """At a density near the limit, what 64 examples of the list say of it depends on the order.

    With λ > 0 the two layouts round differently.
    """
    limit = 0.25 if n_hidden >= 256 else 0.4
    rng = np.random.default_rng(3)
    densities = rng.permutation(np.repeat([limit - 0.2, limit + 0.2], 500))
    data = [
        ((rng.random((64, 1)) < d) * rng.random((64, 1)), np.eye(3)[:, [k % 3]])
        for k, d in enumerate(densities)
    ]
    layouts = set()
    for seed in range(8):
        nets = []
        for plan in ((3,), (1, 1, 1)):
            random.seed(seed)
            nets.append(network2.Network([64, n_hidden, 3], random_state=seed))
            items = random.sample(data, 1000)
            for k, epochs in enumerate(plan):
                nets[-1].SGD(items, epochs, 50, 0.5, 1.0, resume=k > 0)
        assert same_bits(*nets)
        layouts.add(nets[0].backend.split(", ")[2].split()[0])
    assert layouts == {"sparse", "dense"}  # else the test shows nothing


@each_module
def test_after_an_interruption(module, capsys):
    net = run(module, (2,), "arrays")

    def interrupt(net, entry):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net.SGD(as_arrays(DATA), 3, 7, 1.0, resume=True, callbacks=[interrupt])
    capsys.readouterr()
    net.SGD(as_arrays(DATA), 1, 7, 1.0, resume=True)
    assert "Epoch 3" in capsys.readouterr().out or name_of(net) == "network"


def test_the_reference_resumes_too(capsys):
    nets = []
    for kind in (network2.Network, ReferenceNetwork2):
        net = kind(SIZES, random_state=3)
        for k in range(3):
            net.SGD(DATA[:], 2, 7, 0.5, 0.1, TESTS, mu=0.5, eta_halving_n=1, random_state=7, resume=k > 0)
        nets.append(net)
    assert parameter_difference(*nets) < 1e-8
    assert [entry["eta"] for entry in nets[0].history] == [entry["eta"] for entry in nets[1].history]

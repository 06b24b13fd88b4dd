"""The rules of network2 go by the accuracy or by the cost on the evaluation data: `stop_on`, `min_delta`."""

import itertools
import math

import numpy as np
import pytest

from cbackprop import network2
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import copy_parameters, nothing_changes, parameter_difference
from support.both import each_path, use_path
from support.examples import as_arrays, digit_examples

SIZES = [40, 6, 10]
DATA = digit_examples(23, 40)
EVALUATION = digit_examples(11, 40, labels=True)
COST = {"evaluation_data": EVALUATION, "stop_on": "evaluation_cost"}


def scripted(costs=(), accuracies=()):
    """A network whose numbers on the evaluation data are these, epoch after epoch."""
    net = network2.Network(SIZES)
    costs, accuracies = (itertools.chain(numbers, itertools.repeat(0.0)) for numbers in (costs, accuracies))
    net.total_cost = lambda data, lmbda, convert=False: next(costs)
    net.accuracy = lambda data, convert=False: next(accuracies)
    return net


@pytest.mark.parametrize(
    ("costs", "n", "min_delta", "epochs"),
    [
        ([5, 4, 3, 3, 3], 2, 0.0, 5),
        ([5, 6], 1, 0.0, 2),
        ([5, 6, 4, 5, 4, 4], 3, 0.0, 6),
        ([9, 8.5, 8, 7.5, 8, 8], 2, 0.5, 5),  # 8.5 and 7.5 are better by no more than it
        ([9, 8.4, 7.8, 7.8, 7.8], 2, 0.5, 5),
        ([math.inf, 5, 6, 6], 2, 0.0, 4),
        ([math.nan, math.nan, 5], 2, 0.0, 2),
        ([math.nan, 5, math.nan, math.nan, 1], 2, 0.0, 4),
        ([math.nan, 5, 4, math.nan, 3, 3, 3], 2, 0.0, 7),
        ([-1, -2, -3, -3, -3], 2, 0.0, 5),
    ],
)
@pytest.mark.filterwarnings("ignore:epoch:RuntimeWarning")
def test_a_lower_cost_is_better(costs, n, min_delta, epochs, capsys):
    net = scripted(costs)
    lists = net.SGD(list(DATA), epochs, 10, 0.1, early_stopping_n=n, min_delta=min_delta, **COST)
    assert len(net.history) == epochs and lists == ([], [], [], [])
    assert f"no improvement on evaluation data in {n} epochs\n" in capsys.readouterr().out
    np.testing.assert_array_equal([entry["evaluation_cost"] for entry in net.history], costs[:epochs])


@pytest.mark.parametrize(
    ("accuracies", "min_delta", "epochs"),
    [([1, 2, 3, 4, 5, 5, 5], 0, 7), ([1, 2, 3, 4, 5], 5, 3), ([1, 3, 5, 6, 7, 7], 1, 7), ([2, 3, 3], 0.5, 4)],
)
def test_min_delta_of_an_accuracy_is_a_number_of_examples(accuracies, min_delta, epochs, capsys):
    net = scripted(accuracies=accuracies)
    options = {"early_stopping_n": 2, "min_delta": min_delta}
    net.SGD(list(DATA), 20, 10, 0.1, evaluation_data=EVALUATION, **options)
    assert len(net.history) == epochs


@each_path
def test_the_parameters_of_the_lowest_cost_come_back(path, capsys, monkeypatch):
    net = use_path(path, network2.Network(SIZES), monkeypatch)
    seen = []
    options = {
        "restore_best": True,
        "callbacks": [lambda net, _: seen.append([w.copy() for w in net.weights])],
    }
    net.SGD(list(DATA), 8, 10, 12.0, 0.1, **options, **COST)
    costs = [entry["evaluation_cost"] for entry in net.history]
    best = costs.index(min(costs))
    assert best < 7  # else the last would do
    assert all(map(np.array_equal, net.weights, seen[best]))
    assert net.total_cost(EVALUATION, 0.1, convert=True) == pytest.approx(min(costs), rel=1e-12)


def test_the_learning_rate_is_halved_by_the_cost_as_in_the_reference(capsys):
    net = network2.Network(SIZES)
    nets = [net, copy_parameters(net, ReferenceNetwork2(SIZES))]
    for one in nets:
        one.SGD(list(DATA), 9, 10, 3.0, 0.5, eta_halving_n=1, mu=0.5, random_state=2, **COST)
    etas = [[entry["eta"] for entry in one.history] for one in nets]
    assert etas[0] == etas[1] and etas[0][-1] < 3.0
    assert parameter_difference(*nets) < 1e-8


@pytest.mark.parametrize("path", ["compiled", "methods"])
def test_regression_stops(path, capsys, monkeypatch):
    """Numbers have no accuracy: by it the rules refuse them, by the cost they work."""
    X = np.random.default_rng(0).random((400, 1))
    Y = np.sin(3 * X)
    net = network2.Network([1, 8, 1], network2.QuadraticCost, activation=["tanh", "linear"], random_state=1)
    use_path(path, net, monkeypatch)
    data = (X[:300], Y[:300]), 300, 10, 0.2
    options = {"evaluation_data": (X[300:], Y[300:]), "early_stopping_n": 10, "verbose": False}
    with pytest.raises(ValueError, match="stop_on='evaluation_cost'"):
        net.SGD(*data, **options)
    net.SGD(*data, **options, stop_on="evaluation_cost", min_delta=1e-4, restore_best=True, random_state=1)
    costs = [entry["evaluation_cost"] for entry in net.history]
    assert 20 < len(costs) < 300 and min(costs) < 0.01 * costs[0]
    assert np.abs(net.predict_proba(X[300:]) - Y[300:]).mean() < 0.03


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"stop_on": "training_cost"},
            ValueError,
            "stop_on is 'training_cost'; expected 'evaluation_accuracy'",
        ),
        ({"stop_on": None}, ValueError, "stop_on is None"),
        ({"stop_on": ["evaluation_cost"]}, ValueError, "stop_on is"),
        ({"min_delta": -0.1}, ValueError, "min_delta is -0.1; expected a finite number from 0"),
        ({"min_delta": math.nan}, ValueError, "min_delta is nan"),
        ({"min_delta": math.inf}, ValueError, "min_delta is inf"),
        ({"min_delta": "1"}, TypeError, "min_delta is '1'"),
        ({"early_stopping_n": 1, "stop_on": "evaluation_cost"}, ValueError, "early_stopping_n needs it"),
    ],
)
def test_errors_change_nothing(options, error, message):
    net = network2.Network(SIZES)
    with nothing_changes(net, DATA), pytest.raises(error, match=message):
        net.SGD(DATA, 1, 10, 0.1, **options)


def test_the_default_is_the_accuracy(capsys):
    net = network2.Network(SIZES)
    net.SGD(as_arrays(DATA), 1, 10, 0.1, evaluation_data=EVALUATION, early_stopping_n=5)
    assert "evaluation_accuracy" in net.history[0] and "evaluation_cost" not in net.history[0]

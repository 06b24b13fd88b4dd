"""Bad input to network2: a clear error that names the argument, and nothing has changed."""

import numpy as np
import pytest

from cbackprop import network2
from cbackprop._memory import remember
from support.agreement import nothing_changes
from support.examples import digit_examples

SIZES = [40, 6, 10]
DATA = digit_examples(23, 40)
LABELS = digit_examples(11, 40, labels=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lmbda": "5"}, TypeError, "lmbda is '5'"),
        ({"lmbda": 1j}, TypeError, "lmbda"),
        ({"eta": None}, TypeError, "eta is None"),
        ({"regularization": "l2"}, ValueError, "regularization is 'l2'; expected 'L2' or 'L1'"),
        ({"mu": 1.5}, ValueError, "mu is 1.5"),
        ({"mu": -0.1}, ValueError, "mu is -0.1"),
        ({"mu": np.nan}, ValueError, "mu is nan"),
        ({"mu": "fast"}, TypeError, "mu is 'fast'"),
        ({"early_stopping_n": -1}, ValueError, "early_stopping_n is -1"),
        ({"early_stopping_n": 1.5}, TypeError, "early_stopping_n is 1.5"),
        (
            {"early_stopping_n": 2, "evaluation_data": None},
            ValueError,
            "evaluation_data is None; early_stopping_n",
        ),
        ({"eta_halving_n": 2, "evaluation_data": []}, ValueError, "evaluation_data is empty; eta_halving_n"),
        ({"restore_best": True, "evaluation_data": None}, ValueError, "restore_best needs it"),
        ({"monitor_evaluation_cost": True, "evaluation_data": None}, ValueError, "monitor_evaluation_cost"),
        (
            {"monitor_evaluation_accuracy": True, "evaluation_data": []},
            ValueError,
            "monitor_evaluation_accuracy",
        ),
        ({"mini_batch_size": 0}, ValueError, "mini_batch_size is 0"),
        ({"n_threads": 0}, ValueError, "n_threads is 0"),
        ({"training_data": [*DATA, (np.ones((39, 1)), DATA[0][1])]}, ValueError, r"training_data\[23\]: x"),
        ({"training_data": [(x.ravel(), y) for x, y in DATA]}, ValueError, r"training_data\[0\]: x"),
        (
            {"evaluation_data": [*LABELS, (LABELS[0][0], 10)], "monitor_evaluation_cost": True},
            ValueError,
            r"evaluation_data\[11\]: y",
        ),
        (
            {"evaluation_data": DATA, "monitor_evaluation_accuracy": True},
            Exception,
            r"evaluation_data\[0\]: y",
        ),
        ({"training_data": [], "monitor_training_cost": True}, ZeroDivisionError, "training_data is empty"),
    ],
)
def test_sgd(capsys, arguments, error, message):
    net = network2.Network(SIZES)
    data = list(DATA)
    call = {"training_data": data, "epochs": 2, "mini_batch_size": 10, "eta": 0.5, "evaluation_data": LABELS}
    with nothing_changes(net, data), pytest.raises(error, match=message):
        net.SGD(**(call | arguments))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([], 0.1, 0.0, 10), {}, ZeroDivisionError, "mini_batch is empty"),
        ((DATA, 0.1, 0.0, 0), {}, ZeroDivisionError, "n is 0"),
        ((DATA, "a", 0.0, 10), {}, TypeError, "eta"),
        ((DATA, 0.1, None, 10), {}, TypeError, "lmbda"),
        ((DATA, 0.1, 0.0, "n"), {}, TypeError, "n is"),
        ((DATA, 0.1, 0.0, 10), {"mu": 2}, ValueError, "mu"),
        ((DATA, 0.1, 0.0, 10), {"regularization": None}, ValueError, "regularization"),
        ((iter(DATA), 0.1, 0.0, 10), {}, TypeError, "len"),
        (([(DATA[0][0], np.ones((9, 1)))], 0.1, 0.0, 10), {}, ValueError, r"mini_batch\[0\]: y"),
    ],
)
def test_update_mini_batch(arguments, options, error, message):
    net = network2.Network(SIZES)
    with nothing_changes(net), pytest.raises(error, match=message):
        net.update_mini_batch(*arguments, **options)


def test_velocities_that_do_not_fit():
    net = network2.Network(SIZES)
    remember(net, velocities=5)
    with nothing_changes(net), pytest.raises(TypeError, match="velocities is int; expected two lists"):
        net.update_mini_batch(DATA, 0.1, 0.0, 10, mu=0.5)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((SIZES, "CrossEntropyCost"), {}, TypeError, "cost is 'CrossEntropyCost'.*no fn"),
        ((SIZES, None), {}, TypeError, "cost is None"),
        ((SIZES, type("Half", (), {"fn": print})), {}, TypeError, "no delta"),
        ((SIZES,), {"activation": "tanh"}, ValueError, "'tanh'.*CrossEntropyCost belongs to sigmoid"),
        ((SIZES,), {"neuron_activations": {(3, 2): "relu"}}, ValueError, "partly another"),
        ((SIZES, network2.QuadraticCost), {"activation": ["sigmoid", "softmax"]}, ValueError, "go together"),
        ((SIZES, network2.LogLikelihoodCost), {"activation": ["tanh", "sigmoid"]}, ValueError, "go together"),
        ((SIZES,), {"activation": ["softmax", "sigmoid"]}, ValueError, "output layer alone"),
        ((SIZES,), {"dtype": int}, TypeError, "dtype"),
        (([3, -1],), {}, ValueError, r"sizes\[1\] is -1"),
    ],
)
def test_network(arguments, options, error, message):
    state = repr(np.random.get_state())
    with pytest.raises(error, match=message):
        network2.Network(*arguments, **options)
    assert repr(np.random.get_state()) == state


def test_accuracy_and_total_cost():
    net = network2.Network(SIZES)
    assert net.accuracy([]) == 0
    with pytest.raises(ZeroDivisionError, match="data is empty"):
        net.total_cost([], 0.0)
    with pytest.raises(ValueError, match=r"data\[2\]: y is -1; expected the label"):
        net.total_cost([*LABELS[:2], (LABELS[0][0], -1)], 0.0, convert=True)
    assert net.accuracy([(LABELS[0][0], -1), (LABELS[0][0], 10)]) == 0
    with pytest.raises(ValueError, match=r"data\[0\]: y is 10; .* 0 to 9"):
        net.total_cost([(LABELS[0][0], 10)], 0.0, convert=True)
    with pytest.raises(ValueError, match=r"data\[0\]: y"):
        net.total_cost([(LABELS[0][0], np.ones((9, 1)))], 0.0)
    with pytest.raises(TypeError, match="lmbda"):
        net.total_cost(DATA, "0")
    with pytest.raises(ValueError, match="regularization"):
        net.total_cost(DATA, 0.0, regularization=2)
    with pytest.raises(TypeError, match="data"):
        net.accuracy(3)


OWN = network2.Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2)


@pytest.mark.parametrize("activation", ["tanh", OWN], ids=["compiled", "own"])
@pytest.mark.parametrize(
    ("example", "error", "message"),
    [
        ((np.ones((39, 1)), 1), ValueError, r"\[5\]: x has shape \(39, 1\)"),
        ((np.ones((40, 1), complex), 1), TypeError, r"\[5\]: x has dtype complex128"),
        ((LABELS[0][0], np.eye(10)[:, [3]]), ValueError, r"\[5\]: y .* one-hot"),
        ((LABELS[0][0],), ValueError, r"\[5\]: expected a pair"),
    ],
)
def test_what_is_measured(capsys, activation, example, error, message):
    net = network2.Network(SIZES, activation=[activation, "sigmoid"])
    labels, data = [*LABELS[:5], example, *LABELS[6:]], list(DATA)
    with nothing_changes(net, data):
        with pytest.raises(error, match=f"^evaluation_data{message}"):
            net.SGD(data, 2, 10, 0.5, 0.0, labels, monitor_evaluation_accuracy=True)
        with pytest.raises(error, match=f"^data{message}"):
            net.accuracy(labels)
    assert capsys.readouterr().out == ""
    with pytest.raises(error, match=r"^data\[5\]: "):
        net.total_cost(labels, 0.0, convert=True)


def test_an_array_that_shrinks_while_it_is_measured():
    """X is read a block of 1,024 at a time, and the user's cost runs in between."""
    X, Y = np.random.rand(1500, 40), np.zeros(1500, int)
    calls = []

    class Shrinks(network2.QuadraticCost):
        @staticmethod
        def fn(a, y):
            calls.append(1)
            if len(calls) == 1024:
                X.resize((1200, 40), refcheck=False)
            return 0.0

    net = network2.Network(SIZES, Shrinks)
    with pytest.raises(ValueError, match="X has 1200 rows; it had 1500 when it was counted"):
        net.total_cost((X, Y), 0.0, convert=True)


def test_empty_training_data_is_epochs_with_nothing_in_them(capsys):
    net = network2.Network(SIZES)
    with nothing_changes(net):
        assert net.SGD([], 2, 10, 0.5, 1.0) == ([], [], [], [])
    assert capsys.readouterr().out == "Epoch 0 training complete\n\nEpoch 1 training complete\n\n"

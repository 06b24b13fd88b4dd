"""Early stopping, the learning-rate schedule, history, and costs at the ends of the sigmoid."""

import itertools
import random
import signal
import threading

import numpy as np
import pytest

from cbackprop import network2
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import parameter_difference
from support.examples import digit_examples

SIZES = [40, 6, 10]
DATA = digit_examples(23, 40)
EVALUATION = digit_examples(11, 40, labels=True)


def scripted(accuracies):
    """A network whose accuracy on the evaluation data is this, epoch after epoch."""
    net = network2.Network(SIZES)
    numbers = itertools.chain(accuracies, itertools.repeat(0))
    net.accuracy = lambda data, convert=False: next(numbers)
    return net


@pytest.mark.parametrize(
    ("accuracies", "n", "epochs"),
    [([1, 2, 3, 3, 3], 2, 5), ([5], 1, 2), ([0, 0, 0], 2, 3), ([1, 0, 2, 1, 1, 1], 3, 6), (range(30), 2, 20)],
)
def test_early_stopping(capsys, accuracies, n, epochs):
    net = scripted(accuracies)
    lists = net.SGD(list(DATA), 20, 10, 0.1, 0.0, EVALUATION, early_stopping_n=n)
    assert len(net.history) == epochs and lists == ([], [], [], [])
    stopped = f"Early stopping: no improvement on evaluation data in {n} epochs\n" in capsys.readouterr().out
    assert stopped == (epochs < 20)


def test_the_best_parameters_come_back(capsys):
    seen = []
    net = network2.Network(SIZES)
    numbers = iter([3, 7, 5, 6, 1, 2])

    def accuracy(data, convert=False):
        seen.append([w.copy() for w in net.weights])
        return next(numbers)

    net.accuracy = accuracy
    net.SGD(list(DATA), 6, 10, 0.5, evaluation_data=EVALUATION, restore_best=True, early_stopping_n=3)
    assert len(seen) == 5
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, seen[1], strict=True))


def test_the_learning_rate_is_halved_down_to_a_128th(capsys):
    net = scripted([9])
    net.SGD(list(DATA), 100, 10, 1.0, evaluation_data=EVALUATION, eta_halving_n=3)
    etas = [entry["eta"] for entry in net.history]
    assert etas == [1.0] * 4 + [2.0**-k for k in range(1, 7) for _ in range(3)]
    assert "Learning rate 0.0078125: " in capsys.readouterr().out


def test_the_halved_rate_is_what_trains(capsys):
    nets = [network2.Network(SIZES), ReferenceNetwork2(SIZES)]
    nets[1].weights, nets[1].biases = list(nets[0].weights), list(nets[0].biases)
    for net in nets:
        numbers = iter([4, 4, 4, 5, 5, 5, 5])
        net.accuracy = lambda data, convert=False, numbers=numbers: next(numbers)
        random.seed(2)
        net.SGD(list(DATA), 7, 10, 2.0, 0.5, EVALUATION, eta_halving_n=1, mu=0.5)
    assert parameter_difference(*nets) < 1e-8


def test_history(capsys):
    net = network2.Network(SIZES)
    assert not hasattr(net, "history")  # until then the name is the user's
    lists = net.SGD(list(DATA), 3, 10, 0.5, 0.1, EVALUATION, True, False, True, True)
    names = {
        "epoch",
        "eta",
        "seconds",
        "monitoring_seconds",
        "evaluation_cost",
        "training_cost",
        "training_accuracy",
    }
    assert [entry["epoch"] for entry in net.history] == [0, 1, 2]
    assert all(set(entry) == names and entry["seconds"] > 0 for entry in net.history)
    assert [entry["evaluation_cost"] for entry in net.history] == lists[0]
    net.SGD(list(DATA), 1, 10, 0.5)
    assert len(net.history) == 1 and "training_cost" not in net.history[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "cost", [network2.CrossEntropyCost, network2.QuadraticCost, network2.LogLikelihoodCost]
)
@pytest.mark.parametrize("bias", [800.0, -800.0, -730.0, 37.0, 36.0, 1e-9, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_costs_at_the_ends_of_the_sigmoid(capsys, cost, bias, dtype):
    """What the book's nan_to_num gives, for outputs of exactly 0 and 1 and others, without a warning."""
    net = network2.Network([3, 4], cost, dtype=dtype)
    net.weights = [np.zeros((4, 3), dtype)]
    net.biases = [np.array([[bias], [0.5], [-1.0], [2.0]], dtype)]
    x, soft = np.ones((3, 1)), np.array([[0.25], [1.0], [0.0], [0.5]])
    for y in (*np.eye(4)[:, :, np.newaxis], soft):
        expected = cost.fn(net.feedforward(x), y.astype(dtype))
        if dtype == np.float32 and np.isinf(expected):
            continue  # twice float32's largest number, which our sum in float64 holds
        rel = 1e-13 if dtype == np.float64 else 1e-5
        assert net.total_cost([(x, y)], 0.0) == pytest.approx(float(expected), rel=rel, nan_ok=True)
        assert network2.CrossEntropyCost.fn(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])) == 0


def test_the_logarithm_keeps_its_digits(capsys):
    """-ln a for outputs from the smallest to the one before 1, beside numpy.log."""
    net = network2.Network([1, 1], network2.QuadraticCost, activation="linear")
    net.weights, net.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
    net.cost = type(
        "Own", (), {"fn": network2.LogLikelihoodCost.fn, "delta": staticmethod(lambda z, a, y: a - y)}
    )
    rng = np.random.default_rng(0)
    wide, near_1 = 10.0 ** rng.uniform(-323, 308, 500), 1 - 10.0 ** rng.uniform(-16, -1, 500)
    for a in (*wide, *near_1, *rng.uniform(0.5, 2.0, 500), 5e-324, 1.0):
        ours, expected = net.total_cost([(np.array([[a]]), np.ones((1, 1)))], 0.0), -np.log(a)
        assert abs(ours - expected) <= 4e-16 * abs(expected)


def test_the_cost_of_l1(capsys):
    net = network2.Network(SIZES)
    plain = net.total_cost(DATA, 0.0)
    penalty = 2.5 / 23 * sum(np.abs(w).sum() for w in net.weights)
    assert net.total_cost(DATA, 2.5, regularization="L1") == pytest.approx(plain + penalty, rel=1e-12)
    lists = net.SGD(list(DATA), 1, 10, 0.1, 2.5, monitor_training_cost=True, regularization="L1")
    assert lists[2][0] == pytest.approx(net.total_cost(DATA, 2.5, regularization="L1"), rel=1e-12)


def test_targets_that_are_not_one_hot(capsys):
    data = [(x, 0.7 * y + 0.05) for x, y in DATA]
    net = network2.Network(SIZES)
    reference = ReferenceNetwork2(SIZES)
    reference.weights, reference.biases = net.weights, net.biases
    assert net.accuracy(data, convert=True) == reference.accuracy(data, convert=True)
    lists = net.SGD(list(data), 1, 10, 0.1, monitor_training_accuracy=True)
    assert lists[3] == [net.accuracy(data, convert=True)]


def test_rows_of_targets_are_targets_wherever_they_stand(capsys):
    """In arrays Y says itself what it is: the cost is that of the rows, also on evaluation data."""
    X, Y = np.array([x.ravel() for x, _ in DATA]), np.array([0.7 * y.ravel() + 0.05 for _, y in DATA])
    pairs = [(x, 0.7 * y + 0.05) for x, y in DATA]
    net = network2.Network(SIZES)
    assert net.total_cost((X, Y), 0.0, convert=True) == net.total_cost(pairs, 0.0)
    lists = net.SGD(list(DATA), 1, 10, 0.1, 0.0, (X, Y), True, True)
    assert lists[0] == [pytest.approx(net.total_cost(pairs, 0.0), rel=1e-13)]
    assert lists[1] == [net.accuracy(pairs, convert=True)]


def test_labels_have_the_networks_outputs_on_the_plain_path(capsys):
    data = digit_examples(9, 40, 3, labels=True)
    net = network2.Network([40, 4, 3])
    expected = net.total_cost(data, 0.5, convert=True)
    net.feedforward = lambda a: network2.Network.feedforward(net, a)
    assert net.total_cost(data, 0.5, convert=True) == pytest.approx(expected, rel=1e-13)
    with pytest.raises(ValueError, match=r"data\[0\]: y is 3; expected the label"):
        net.total_cost([(data[0][0], 3)], 0.5, convert=True)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to a thread are POSIX")
@pytest.mark.parametrize("options", [{}, {"mu": 0.9}, {"regularization": "L1"}])
def test_ctrl_c_leaves_a_completed_mini_batch(capsys, options):
    """Every parameter after an interrupt is finite, rebound whole, and the network trains on."""
    net = network2.Network([40, 30, 10])
    main, examples = threading.get_ident(), digit_examples(300, 40)
    before = net.weights[0]
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            net.SGD(examples, 10**9, 10, 0.01, 0.1, **options)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, handler)
    assert net.weights[0] is not before and all(np.isfinite(w).all() for w in net.weights + net.biases)
    net.SGD(list(DATA), 1, 10, 0.1)

"""Every name that the book's classes do not use is the user's: the package neither reads nor writes it."""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import chapter, network, network2
from support.agreement import parameter_difference, same_bits
from support.both import each_module, each_path, name_of, right_answers, update, use_path
from support.examples import dense_examples, labelled

SIZES = [6, 5, 3]
BOOK = {"network": {"num_layers", "sizes", "biases", "weights"}}
BOOK["network2"] = BOOK["network"] | {"cost"}
OURS = "_cbackprop"  # the one name that no user would choose
NAMES = [
    "velocities",
    "history",
    "dtype",
    "backend",
    "module",
    "memory",
    "_activations",
    "_layout",
    "_f",
    "_f_prime",
    "_cost",
    "_training",
    "_count",
    "_examples",
    "_target",
    "_descent",
    "_shuffle",
    "_replaced",
    "_dtype",
    "_memory",
    "_module",
    "_packed",
    "predict",
    "predict_proba",
    "copy",
    "save",
    "progress",
    "generator",
    "callbacks",
    "threshold",
    "parameters",
    "flat_gradient",
    "_anything",
]


def raising(self):
    raise RuntimeError("not yours to read")


KINDS = {
    "int": 7,
    "list": ["mine"],
    "None": None,
    "method": lambda self, *arguments: 1 / 0,
    "property": property(raising),
}
each_name = pytest.mark.parametrize("name", NAMES)


def run(net):
    """Every call of a network, and SGD with all that it remembers."""
    examples = dense_examples(12, SIZES)
    (x, y), tests = examples[0], labelled(examples)
    net.feedforward(x), net.backprop(x, y), net.backprop_mini_batch(x, y)
    update(net, examples), right_answers(net, tests)
    random.seed(3)
    if name_of(net) == "network2":
        net.total_cost(examples, 0.1)
        options = {"mu": 0.5, "early_stopping_n": 2, "restore_best": True}
        return net.SGD(examples, 2, 5, 0.5, 0.1, tests, True, True, True, True, **options)
    chapter.numerical_gradient(net, x, y)
    return net.SGD(examples, 2, 5, 0.5, tests)


def seeded(kind, *arguments, **options):
    np.random.seed(1)
    return kind(SIZES, *arguments, **options)


@each_module
@pytest.mark.parametrize("kind", KINDS)
@each_name
def test_a_name_in_a_subclass(module, name, kind, capsys):
    value = KINDS[kind]
    Mine = type("Mine", (module.Network,), {name: value})
    net, plain = seeded(Mine), seeded(module.Network)
    assert run(net) == run(plain)
    assert same_bits(net, plain)
    assert vars(Mine)[name] is value and name not in vars(net)
    assert set(vars(net)) <= BOOK[name_of(net)] | {OURS}
    copied = copy.deepcopy(net)
    assert run(copied) == run(plain) and same_bits(copied, plain)


@each_module
@each_path
@each_name
def test_a_name_on_an_instance(module, path, name, capsys, monkeypatch):
    mine = ["mine"]
    net, plain = seeded(module.Network), seeded(module.Network)
    use_path(path, net, monkeypatch)
    setattr(net, name, mine)
    run(net), run(plain)
    assert parameter_difference(net, plain) < 1e-10
    assert getattr(net, name) is mine and mine == ["mine"]
    delattr(net, name)
    assert name not in vars(net)


@each_module
@each_name
def test_a_name_that_was_set_before_the_network_was_made(module, name, capsys):
    class Mine(module.Network):
        def __init__(self, sizes):
            setattr(self, name, ["mine"])
            super().__init__(sizes)

    net, plain = seeded(Mine), seeded(module.Network)
    run(net), run(plain)
    assert same_bits(net, plain) and getattr(net, name) == ["mine"]


@each_module
@pytest.mark.parametrize("slots", [True, False])
def test_names_in_slots(module, slots, capsys):
    """A slot that nobody has filled raises an AttributeError when it is read."""
    body = {"__slots__": ("history", "velocities", "dtype", "backend", "_layout")} if slots else {}
    net, plain = seeded(type("Mine", (module.Network,), body)), seeded(module.Network)
    assert run(net) == run(plain)
    assert same_bits(net, plain)


@each_module
def test_a_new_network_has_the_book_s_attributes_and_no_other(module):
    net = module.Network([2, 3, 1])
    assert set(vars(net)) == BOOK[name_of(net)]


@each_module
def test_calls_leave_no_attribute_but_one(module, capsys):
    net = seeded(module.Network)
    run(net)
    assert set(vars(net)) - {OURS} == BOOK[name_of(net)]


@each_module
@each_path
def test_training_sets_weights_and_biases_alone(module, path, capsys, monkeypatch):
    """As seen by a __setattr__ of the user's."""
    written = set()

    class Watched(module.Network):
        def __setattr__(self, name, value):
            written.add(name)
            super().__setattr__(name, value)

    net = Watched(SIZES)
    assert written == BOOK[name_of(net)]
    use_path(path, net, monkeypatch)
    written.clear()
    run(net)
    assert written == {"weights", "biases"}


@each_module
def test_what_is_offered_gives_way_and_comes_back(module, capsys):
    net = seeded(module.Network, dtype=np.float32)
    offered = ["backend", "dtype"] + ["history", "velocities"] * (name_of(net) == "network2")
    run(net)
    ours = {name: getattr(net, name) for name in offered}
    assert ours["dtype"] == np.float32 and ours["backend"].startswith("compiled")
    for name in offered:
        setattr(net, name, "mine")
    run(net)
    assert {getattr(net, name) for name in offered} == {"mine"}
    assert {w.dtype for w in net.weights} == {np.dtype(np.float32)}  # a note of the user's changes nothing
    for name in offered:
        delattr(net, name)
    assert net.dtype == np.float32 and net.backend == ours["backend"]
    if name_of(net) == "network2":
        assert len(net.history) == 2 and len(net.velocities[0]) == 2


class Momentum(network2.Network):
    """Chapter 3's exercise, by someone who calls the list `velocities`."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.velocities = [np.zeros(w.shape) for w in self.weights]

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        total = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            total = [t + g for t, g in zip(total, self.backprop(x, y)[1])]
        step = eta / len(mini_batch)
        self.velocities = [0.5 * v - step * g for v, g in zip(self.velocities, total)]
        self.weights = [w + v for w, v in zip(self.weights, self.velocities)]


def test_momentum_of_one_s_own(capsys):
    net, plain = seeded(Momentum), seeded(network2.Network)
    examples = dense_examples(12, SIZES)
    random.seed(3)
    net.SGD(list(examples), 2, 5, 0.5)
    velocities = [np.zeros(w.shape) for w in plain.weights]
    random.seed(3)
    for _ in range(2):
        random.shuffle(examples)
        for k in range(0, 12, 5):
            batch = examples[k : k + 5]
            gradient = plain.backprop_mini_batch(*(np.hstack(columns) for columns in zip(*batch)))[1]
            velocities = [0.5 * v - 0.5 / len(batch) * g for v, g in zip(velocities, gradient)]
            plain.weights = [w + v for w, v in zip(plain.weights, velocities)]
    assert parameter_difference(net, plain) < 1e-12
    assert all(np.allclose(a, b, rtol=1e-10) for a, b in zip(net.velocities, velocities, strict=True))


class KeepsCurve(network2.Network):
    """A network whose `history` is a dict that its own `accuracy` fills."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.history = {"accuracy": []}

    def accuracy(self, data, convert=False):
        right = super().accuracy(data, convert)
        self.history["accuracy"].append(right)
        return right


def test_a_history_of_one_s_own(capsys):
    net = seeded(KeepsCurve)
    tests = labelled(dense_examples(7, SIZES))
    found = net.SGD(
        dense_examples(12, SIZES), 3, 5, 0.5, evaluation_data=tests, monitor_evaluation_accuracy=True
    )
    # The book asks twice in an epoch, for the list and for the line.
    assert net.history["accuracy"] == [n for n in found[1] for _ in range(2)]
    copied = pickle.loads(pickle.dumps(net))
    assert copied.history == net.history
    del net.history
    assert [entry["evaluation_accuracy"] for entry in net.history] == found[1]


@each_module
def test_a_float32_network_whose_dtype_is_the_user_s(module, capsys):
    class Mine(module.Network):
        dtype = "column-major"

    net, plain = seeded(Mine, dtype=np.float32), seeded(module.Network, dtype=np.float32)
    run(net), run(plain)
    assert same_bits(net, plain) and net.weights[0].dtype == np.float32
    net = pickle.loads(pickle.dumps(seeded(network.Network, dtype=np.float32)))
    net.dtype = "column-major"
    update(net, dense_examples(4, SIZES))
    assert net.weights[0].dtype == np.float32

"""Whatever the user replaces is called as the book's own methods would call it.

The book is taught by changing it: another cost, another neuron, a look inside backprop. Each test
replaces something in the network and the same thing in the reference, and compares what both come to.
"""

import inspect
import itertools
import random
from unittest import mock

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.network import Network
from cbackprop.reference import network as reference
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import (
    copy_parameters,
    difference,
    network_and_reference,
    parameter_difference,
    worst_difference,
)
from support.both import each_module, reference_of, right_answers
from support.both import train as train_both
from support.examples import Table, as_arrays, dense_examples, labelled

SIZES = [6, 5, 4, 3]
TOLERANCE = 1e-12
METHODS = ["cost_derivative", "backprop", "update_mini_batch", "evaluate", "feedforward"]
# What `backend` says as long as nothing is replaced.
UNTOUCHED = Network(SIZES).backend


def some_labelled(n):
    return labelled(dense_examples(n, SIZES))


def train(net, epochs=2):
    """Train on 23 examples in mini-batches of 5, with 7 tests after each epoch."""
    random.seed(12)
    net.SGD(dense_examples(23, SIZES), epochs, 5, 0.5, test_data=some_labelled(7))


def cross_entropy_like(self, output_activations, y):
    return 3.0 * (output_activations - y) + 0.1


def clipped_backprop(self, x, y):
    nabla_b, nabla_w = type(self).__mro__[1].backprop(self, x, y)
    return [np.clip(g, -0.01, 0.01) for g in nabla_b], [np.clip(g, -0.01, 0.01) for g in nabla_w]


def decaying_update(self, mini_batch, eta):
    type(self).__mro__[1].update_mini_batch(self, mini_batch, eta)
    self.weights = [0.99 * w for w in self.weights]


def errors_instead(self, test_data):
    return len(test_data) - type(self).__mro__[1].evaluate(self, test_data)


def upside_down(self, a):
    return -type(self).__mro__[1].feedforward(self, a)


REPLACEMENTS = dict(
    zip(
        METHODS,
        [cross_entropy_like, clipped_backprop, decaying_update, errors_instead, upside_down],
        strict=True,
    )
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["subclass", "instance", "class"])
def test_a_replaced_method_is_used(method, how, monkeypatch, capsys):
    nets, lines = [], []
    for kind in (Network, ReferenceNetwork):
        if how == "subclass":
            net = type("Mine", (kind,), {method: REPLACEMENTS[method]})(SIZES)
        else:
            # An empty class between, so that the replacement can still reach the original.
            base = type("Base", (kind,), {})
            net = base(SIZES)
            if how == "instance":
                setattr(net, method, REPLACEMENTS[method].__get__(net))
            else:
                monkeypatch.setattr(base, method, REPLACEMENTS[method])
        nets.append(net)
    copy_parameters(*reversed(nets))
    for net in nets:
        train(net)
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1]
    assert parameter_difference(*nets) < TOLERANCE
    assert method in nets[0].backend


@pytest.mark.parametrize("method", METHODS)
def test_a_method_replaced_in_the_class_itself(method, monkeypatch, capsys):
    """`Network.cost_derivative = ...`, in a notebook, after networks have been made."""
    net, plain = network_and_reference(SIZES)
    original = getattr(Network, method)
    calls = []

    def counted(self, *args):
        calls.append(args)
        return original(self, *args)

    monkeypatch.setattr(Network, method, counted)
    assert method in net.backend
    train(net)
    train(plain)
    expected = {
        "cost_derivative": 46,
        "backprop": 46,
        "update_mini_batch": 10,
        "evaluate": 2,
        "feedforward": 14,
    }[method]
    assert len(calls) == expected
    assert parameter_difference(net, plain) < TOLERANCE
    monkeypatch.undo()
    assert net.backend.split()[0] == UNTOUCHED.split()[0]


class Recorder:
    """Replaces a method by one that notes its arguments and then does the same."""

    def __init__(self, net, method):
        self.calls = []
        self.original = getattr(net, method)
        setattr(net, method, self)

    def __call__(self, *args):
        self.calls.append(args)
        return self.original(*args)


@pytest.mark.parametrize("method, n_first", [("backprop", 6), ("cost_derivative", 3)])
def test_a_method_gets_columns_once_an_example(method, n_first, capsys):
    """The first argument is x, or the output activations."""
    net, plain = network_and_reference(SIZES)
    recorder = Recorder(net, method)
    train(net)
    train(plain)
    assert len(recorder.calls) == 2 * 23
    assert {(first.shape, y.shape) for first, y in recorder.calls} == {((n_first, 1), (3, 1))}
    assert parameter_difference(net, plain) < TOLERANCE


def test_cost_derivative_in_single_calls():
    net, plain = network_and_reference(SIZES)
    recorder = Recorder(net, "cost_derivative")
    examples = dense_examples(4, SIZES)
    net.backprop(*examples[0])
    assert len(recorder.calls) == 1
    np.testing.assert_allclose(recorder.calls[0][0], plain.feedforward(examples[0][0]), rtol=1e-13)
    np.testing.assert_array_equal(recorder.calls[0][1], examples[0][1])
    net.update_mini_batch(examples, 0.5)
    assert len(recorder.calls) == 5


def test_a_mini_batch_calls_backprop_in_its_order():
    net, _ = network_and_reference(SIZES)
    recorder = Recorder(net, "backprop")
    examples = dense_examples(4, SIZES)
    net.update_mini_batch(examples, 0.5)
    assert len(recorder.calls) == 4
    for (x, y), (x0, y0) in zip(recorder.calls, examples, strict=True):
        np.testing.assert_array_equal(x, x0)
        np.testing.assert_array_equal(y, y0)


def test_update_mini_batch_gets_slices_of_the_shuffled_list(capsys):
    net = Network(SIZES)
    recorder = Recorder(net, "update_mini_batch")
    examples = dense_examples(23, SIZES)
    net.SGD(examples, 1, 5, 0.25)
    assert [len(mini_batch) for mini_batch, _ in recorder.calls] == [5, 5, 5, 5, 3]
    assert [eta for _, eta in recorder.calls] == [0.25] * 5
    # The very objects of the user's list, in the order that the list has now.
    given = [example for mini_batch, _ in recorder.calls for example in mini_batch]
    assert [id(e) for e in given] == [id(e) for e in examples]


def test_evaluate_calls_feedforward_once_a_test(capsys):
    net = Network(SIZES)
    recorder = Recorder(net, "feedforward")
    count = net.evaluate(some_labelled(7))
    assert len(recorder.calls) == 7
    assert {a.shape for (a,) in recorder.calls} == {(6, 1)}
    del net.feedforward
    assert net.evaluate(some_labelled(7)) == count


def test_feedforward_is_not_on_the_way_of_training(capsys):
    """The book's backprop has its own forward pass: a replaced feedforward is not called."""
    net, plain = network_and_reference(SIZES)
    recorder = Recorder(net, "feedforward")
    examples = dense_examples(4, SIZES)
    net.backprop(*examples[0])
    net.update_mini_batch(examples, 0.5)
    plain.update_mini_batch(examples, 0.5)
    assert recorder.calls == []
    assert parameter_difference(net, plain) < TOLERANCE


def test_sgd_calls_evaluate_once_an_epoch_and_not_without_test_data(capsys):
    net = Network(SIZES)
    recorder = Recorder(net, "evaluate")
    net.SGD(dense_examples(4, SIZES), 3, 2, 0.5, test_data=some_labelled(2))
    assert len(recorder.calls) == 3
    net.SGD(dense_examples(4, SIZES), 3, 2, 0.5)
    assert len(recorder.calls) == 3


def test_removing_the_replacement_brings_the_compiled_path_back(capsys):
    net, plain = network_and_reference(SIZES)
    compiled = net.backend
    net.cost_derivative = lambda a, y: 0 * a
    assert net.backend != compiled
    train(net)
    assert parameter_difference(net, plain) == 0.0
    del net.cost_derivative
    assert net.backend == compiled
    train(net)
    train(plain)
    assert parameter_difference(net, plain) < TOLERANCE


def test_a_replacement_put_in_by_evaluate_counts_from_the_next_epoch(capsys):
    nets = network_and_reference(SIZES)
    for net in nets:

        def evaluate(test_data, net=net):
            net.cost_derivative = lambda a, y: 2.0 * (a - y)
            return 0

        net.evaluate = evaluate
        train(net, epochs=3)
    assert parameter_difference(*nets) < TOLERANCE


@pytest.mark.parametrize("labels", [False, True])
def test_so_it_does_where_the_data_are_arrays(labels, capsys):
    """The book's methods then get the pairs in the order that the epoch before left them in."""
    examples = dense_examples(23, SIZES)
    X, Y = as_arrays(examples)
    if labels:
        Y = np.argmax(Y, axis=1)
        examples = [(x, np.eye(SIZES[-1])[:, [k]]) for (x, _), k in zip(examples, Y, strict=True)]
    net, plain = network_and_reference(SIZES)
    for each, data in ((net, (X, Y)), (plain, examples)):

        def evaluate(test_data, each=each):
            each.cost_derivative = lambda a, y: 2.0 * (a - y)
            return 0

        each.evaluate = evaluate
        random.seed(3)
        each.SGD(data, 3, 5, 0.5, test_data=[(X[0].reshape(-1, 1), 1)])
    assert parameter_difference(net, plain) < TOLERANCE


def test_mock_patches(capsys):
    net, plain = network_and_reference(SIZES)
    with mock.patch.object(
        Network, "backprop", autospec=True, side_effect=ReferenceNetwork.backprop
    ) as backprop:
        train(net)
        assert backprop.call_count == 46
    train(plain)
    assert parameter_difference(net, plain) < TOLERANCE


def test_a_subclass_that_replaces_nothing_is_compiled(capsys):
    class Mine(Network):
        """As users do it: a name of their own and something more."""

        def total(self):
            return sum(w.size for w in self.weights)

    net, plain = network_and_reference(SIZES, network=Mine)
    assert net.backend == Network(SIZES).backend
    train(net)
    train(plain)
    assert net.total() == 6 * 5 + 5 * 4 + 4 * 3
    assert parameter_difference(net, plain) < TOLERANCE


@pytest.mark.parametrize("call_super", [True, False])
def test_a_subclass_with_its_own_initial_weights(call_super, capsys):
    class Scaled(Network):
        def __init__(self, sizes):
            if call_super:
                super().__init__(sizes)
            self.num_layers = len(sizes)
            self.sizes = sizes
            rng = np.random.default_rng(3)
            self.biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
            self.weights = [
                rng.normal(size=(n_out, n_in)) / n_in**0.5 for n_in, n_out in itertools.pairwise(sizes)
            ]

    net = Scaled(SIZES)
    plain = copy_parameters(net, ReferenceNetwork(SIZES))
    x, y = dense_examples(1, SIZES)[0]
    assert difference(net.feedforward(x), plain.feedforward(x)) < TOLERANCE
    assert worst_difference(net.backprop(x, y)[1], plain.backprop(x, y)[1]) < 1e-10
    train(net)
    train(plain)
    assert parameter_difference(net, plain) < TOLERANCE


def test_a_subclass_that_calls_its_base(capsys):
    class Chatty(Network):
        steps = 0

        def update_mini_batch(self, mini_batch, eta):
            self.steps += 1
            return super().update_mini_batch(mini_batch, eta)

        def evaluate(self, test_data):
            return super().evaluate(test_data)

    net, plain = network_and_reference(SIZES, network=Chatty)
    train(net)
    printed = capsys.readouterr().out
    train(plain)
    assert capsys.readouterr().out == printed
    assert net.steps == 10
    assert parameter_difference(net, plain) < TOLERANCE


# The sigmoid is looked up in the module when it is used, as functions are.


def soft(z):
    return 0.5 * (np.tanh(z) + 1.2)


def soft_prime(z):
    return 0.5 * (1 - np.tanh(z) ** 2)


def gradient_by_the_chapter(net, x, y, f, f_prime):
    """BP1 to BP4 once more, for any neuron f, with the outer products written out."""
    a, z = [np.ravel(x)], []
    for w, b in zip(net.weights, net.biases, strict=True):
        z.append(w @ a[-1] + b[:, 0])
        a.append(f(z[-1]))
    delta = (a[-1] - np.ravel(y)) * f_prime(z[-1])
    nabla_b, nabla_w = [], []
    for layer in reversed(range(len(z))):
        nabla_b.insert(0, delta.reshape(-1, 1))
        nabla_w.insert(0, np.outer(delta, a[layer]))
        if layer:
            delta = net.weights[layer].T @ delta * f_prime(z[layer - 1])
    return nabla_b, nabla_w


@pytest.mark.parametrize("which", ["sigmoid", "sigmoid_prime", "both"])
def test_a_replaced_sigmoid_is_used(which, monkeypatch, capsys):
    net, _ = network_and_reference(SIZES)
    f, f_prime = network.sigmoid, network.sigmoid_prime
    if which in ("sigmoid", "both"):
        monkeypatch.setattr(network, "sigmoid", soft)
        f = soft

        def f_prime(z):  # the book's sigmoid_prime calls the module's sigmoid
            return soft(z) * (1 - soft(z))

    if which in ("sigmoid_prime", "both"):
        monkeypatch.setattr(network, "sigmoid_prime", soft_prime)
        f_prime = soft_prime
    assert net.backend != UNTOUCHED and "sigmoid" in net.backend
    examples = dense_examples(5, SIZES)
    for x, y in examples:
        ours, expected = net.backprop(x, y), gradient_by_the_chapter(net, x, y, f, f_prime)
        assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < 1e-10
    a = examples[0][0]
    for w, b in zip(net.weights, net.biases, strict=True):
        a = f(w @ a + b)
    assert difference(net.feedforward(examples[0][0]), a) < TOLERANCE

    def step_of(net):
        gradients = [gradient_by_the_chapter(net, x, y, f, f_prime)[1] for x, y in examples]
        return [w - 0.5 / 5 * sum(g[k] for g in gradients) for k, w in enumerate(net.weights)]

    expected = step_of(net)
    net.update_mini_batch(examples, 0.5)
    assert worst_difference(net.weights, expected) < TOLERANCE
    expected = step_of(net)
    net.SGD(examples, 1, 5, 0.5)
    assert worst_difference(net.weights, expected) < TOLERANCE
    monkeypatch.undo()
    assert net.backend.split()[0] == UNTOUCHED.split()[0]


def test_a_replaced_sigmoid_reaches_evaluate_and_feedforward_alike(monkeypatch):
    net = Network([2, 3])
    tests = [(np.ones((2, 1)), label) for label in range(3)]
    worst = int(np.argmin(net.feedforward(np.ones((2, 1)))))
    monkeypatch.setattr(network, "sigmoid", lambda z: -z)
    assert [net.evaluate([test]) for test in tests] == [int(k == worst) for k in range(3)]


def test_a_replaced_sigmoid_is_called_with_columns(monkeypatch):
    shapes, slopes = [], []
    original, original_prime = network.sigmoid, network.sigmoid_prime
    monkeypatch.setattr(network, "sigmoid", lambda z: shapes.append(z.shape) or original(z))
    monkeypatch.setattr(network, "sigmoid_prime", lambda z: slopes.append(z.shape) or original_prime(z))
    net = Network(SIZES)
    net.feedforward(np.ones((6, 1)))
    assert shapes == [(5, 1), (4, 1), (3, 1)]
    net.update_mini_batch(dense_examples(2, SIZES), 0.5)
    assert slopes == [(3, 1), (4, 1), (5, 1)] * 2


def test_a_replacement_in_the_module_of_the_reference_does_not_reach_the_network(monkeypatch, capsys):
    net, plain = network_and_reference(SIZES)
    train(plain)
    monkeypatch.setattr(reference, "sigmoid", soft)
    train(net)
    assert parameter_difference(net, plain) < TOLERANCE


def test_methods_can_be_looked_at():
    """`inspect` and `help` show the book's signatures."""
    for method, parameters in {
        "feedforward": ["a"],
        "backprop": ["x", "y"],
        "update_mini_batch": ["mini_batch", "eta"],
        "evaluate": ["test_data"],
        "cost_derivative": ["output_activations", "y"],
    }.items():
        names = list(inspect.signature(getattr(Network, method)).parameters)
        assert names[: 1 + len(parameters)] == ["self", *parameters]
        assert getattr(Network, method).__doc__
    names = list(inspect.signature(Network.SGD).parameters)
    assert names[:6] == ["self", "training_data", "epochs", "mini_batch_size", "eta", "test_data"]


# ---- an argument of a replaced method is the replacement's ----


class Sized:
    """Test data of the user's own making: a length and nothing else that is known."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __bool__(self):
        raise ValueError("The truth value of a Sized is ambiguous")

    def __iter__(self):
        raise AssertionError("nobody reads me")


TESTS = {
    "a dict": {"x": np.zeros((7, 6)), "y": np.zeros(7)},
    "rows": Sized(7),
    "an array": np.zeros((7, 9)),
    "strings": ["a.png", "b.png"],
    "text": "some text",
    "triples": [(1, 2, 3)] * 4,
    "two arrays of another form": (np.zeros((3, 9)), np.zeros((5, 9))),
    "a list of two arrays": [np.zeros((3, 9)), np.zeros((5, 9))],
    "a pair of arrays": (np.zeros((5, 6)), np.zeros(5, int)),
    "two tables": (Table(np.zeros((5, 2))), Table(["a"] * 5)),
    "a table": Table(np.zeros((5, 6))),
    "a set": {1, 2, 3},
    "a range": range(11),
}
# A pair of arrays is as many examples as it has rows; of all else the book asks for the length.
LENGTHS = {"a pair of arrays": 5}
each_test_data = pytest.mark.parametrize("kind", TESTS)
each_update = pytest.mark.parametrize("custom_update", [False, True], ids=["compiled", "own update"])


def no_step(self, mini_batch, eta, *more):
    """Replaces update_mini_batch where training is not what matters."""


@each_update
@each_test_data
def test_an_own_evaluate_gets_the_test_data_as_they_came(kind, custom_update, capsys):
    given, seen = TESTS[kind], []

    class Mine(Network):
        def evaluate(self, test_data):
            seen.append(test_data)
            return "three"

    if custom_update:
        Mine.update_mini_batch = no_step
    Mine(SIZES).SGD(dense_examples(4, SIZES), 2, 2, 0.5, test_data=given)
    assert len(seen) == 2 and all(data is given for data in seen)
    n = LENGTHS.get(kind, len(given))
    assert capsys.readouterr().out == f"Epoch 0: three / {n}\nEpoch 1: three / {n}\n"


@each_module
@pytest.mark.parametrize(
    "iterable", [iter, lambda tests: (test for test in tests), lambda tests: zip(*zip(*tests))]
)
def test_test_data_of_no_length_are_read_once_into_a_list(module, iterable, capsys):
    tests, seen = [("any", "thing"), (1, 2), (3, 4)], []

    class Mine(module.Network):
        def evaluate(self, test_data):
            seen.append(test_data)
            return len(test_data)

        accuracy = evaluate

    train_both(Mine(SIZES), dense_examples(4, SIZES), tests=iterable(tests))
    assert all(type(data) is list and data == tests for data in seen)
    assert len({id(data) for data in seen}) == 1
    assert "3 / 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    "nothing", [{}, Sized(0), [], (), set(), "", iter([])], ids=lambda n: type(n).__name__
)
def test_no_test_data_are_none_for_an_own_evaluate_too(nothing, capsys):
    class Mine(Network):
        def evaluate(self, test_data):
            raise AssertionError

    Mine(SIZES).SGD(dense_examples(4, SIZES), 1, 2, 0.5, test_data=nothing)
    assert capsys.readouterr().out == "Epoch 0 complete\n"


@each_module
@pytest.mark.parametrize(
    "eta", [[0.5, 0.1], {"w": 1}, 1, True, None, "fast", np.float32(0.5), np.ones(2)], ids=repr
)
def test_an_own_update_mini_batch_gets_eta_as_it_came(module, eta, capsys):
    seen = []

    class Mine(module.Network):
        def update_mini_batch(self, mini_batch, eta, *more):
            seen.append((eta, more))

    train_both(Mine(SIZES), dense_examples(4, SIZES), m=2, eta=eta)
    assert len(seen) == 4 and all(given is eta for given, _ in seen)
    assert {more for _, more in seen} == ({(0.0, 4)} if module is network2 else {()})


@each_module
def test_an_own_update_mini_batch_gets_the_examples_as_they_came(module, capsys):
    """Slices of the list that the user gave, whatever is in it."""
    data, seen = [("any", "thing", k) for k in range(7)], []
    expected = list(data)
    random.seed(3)
    random.shuffle(expected)

    class Mine(module.Network):
        def update_mini_batch(self, mini_batch, eta, *more):
            seen.append(mini_batch)

    train_both(Mine(SIZES), data, epochs=1, m=3)
    assert [len(batch) for batch in seen] == [3, 3, 1]
    given = [example for batch in seen for example in batch]
    assert all(a is b for a, b in zip(given, expected, strict=True))


@each_module
def test_a_list_of_two_examples_of_one_s_own_is_no_pair_of_arrays(module, capsys):
    data, seen = [np.zeros((3, 9)), np.zeros((5, 9))], []

    class Mine(module.Network):
        def update_mini_batch(self, mini_batch, eta, *more):
            seen.extend(mini_batch)

    train_both(Mine(SIZES), data, epochs=1, m=1)
    assert {id(example) for example in seen} == {id(example) for example in data}


@each_module
def test_an_own_backprop_gets_y_as_it_came(module, capsys):
    """A target may be anything to it: the checks belong to the code that uses the value."""
    seen = []

    class Mine(module.Network):
        def backprop(self, x, y):
            seen.append((x, y))
            return [np.zeros(b.shape) for b in self.biases], [np.zeros(w.shape) for w in self.weights]

    examples = [("an image", "seven"), (np.zeros(3), {"label": 7}), (None, object())]
    train_both(Mine(SIZES), list(examples), epochs=1, m=2)
    assert {(id(x), id(y)) for x, y in seen} == {(id(x), id(y)) for x, y in examples}


def test_a_feedforward_of_one_s_own_with_any_x(capsys):
    """`evaluate` is the package's and reads the label; x is for `feedforward` alone."""

    class Mine(Network):
        def feedforward(self, a):
            return np.eye(3)[:, [len(a) % 3]]

    net, tests = Mine(SIZES), [("a", 1), ("bb", 2), ("ccc", 1)]
    assert net.evaluate(tests) == 2
    net.SGD(dense_examples(4, SIZES), 1, 2, 0.5, test_data=tests)
    assert capsys.readouterr().out == "Epoch 0: 2 / 3\n"


# ---- names of the module are looked up at the call ----


class Numpy:
    """NumPy with some functions replaced: a proxy for debugging, or another array library."""

    def __init__(self, **functions):
        self.__dict__.update(functions)

    def __getattr__(self, name):
        return getattr(np, name)


@each_module
def test_a_replaced_np_is_used(module, monkeypatch, capsys):
    net = module.Network(SIZES)
    plain, calls = reference_of(net), {"dot": 0, "argmax": 0}

    def counted(name):
        def function(*arguments, **options):
            calls[name] += 1
            return getattr(np, name)(*arguments, **options)

        return function

    compiled = net.backend
    monkeypatch.setattr(module, "np", Numpy(dot=counted("dot"), argmax=counted("argmax")))
    assert net.backend == f"numpy: {module.__name__}.np is replaced"
    examples = dense_examples(10, SIZES)
    tests = labelled(examples)
    net.feedforward(examples[0][0])
    assert calls == {"dot": 3, "argmax": 0}
    net.backprop(*examples[0])
    assert calls["dot"] == 3 + 3 + 2 + 3
    assert right_answers(net, tests) == right_answers(plain, tests)
    assert calls["argmax"] == 10
    train_both(net, list(examples)), train_both(plain, list(examples))
    assert parameter_difference(net, plain) < TOLERANCE
    monkeypatch.undo()
    assert net.backend.split(",")[0] == compiled.split(",")[0]


@each_module
def test_initial_numbers_come_from_the_module_s_np(module, monkeypatch):
    generator = np.random.RandomState(7)
    monkeypatch.setattr(module, "np", Numpy(random=generator))
    net, same = module.Network(SIZES), np.random.RandomState(7)
    for b in net.biases:
        np.testing.assert_array_equal(b, same.randn(*b.shape))


@each_module
def test_the_shuffle_is_that_of_the_module_s_random(module, monkeypatch, capsys):
    state, calls = random.getstate(), []

    class Generator:
        @staticmethod
        def shuffle(items):
            calls.append(items)
            items.reverse()

    monkeypatch.setattr(module, "random", Generator)
    examples = dense_examples(7, SIZES)
    kept = list(examples)
    net = module.Network(SIZES)
    plain = reference_of(net)
    random.setstate(state)
    (net.SGD)(examples, 3, 2, 0.5)
    assert random.getstate() == state and len(calls) == 3 and all(items is examples for items in calls)
    assert [id(e) for e in examples] == [id(e) for e in kept[::-1]]
    monkeypatch.undo()
    monkeypatch.setattr(random, "shuffle", list.reverse)
    plain.SGD(kept, 3, 2, 0.5)
    assert parameter_difference(net, plain) < TOLERANCE

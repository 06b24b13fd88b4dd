"""Other activations than the sigmoid, and single modified neurons: the chapter's two exercises, compiled."""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import _isa, chapter, network
from cbackprop.network import Activation, Network
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import (
    copy_parameters,
    network_and_reference,
    nothing_changes,
    parameter_difference,
    same_bits,
    worst_difference,
)
from support.children import run_python
from support.examples import as_arrays, dense_examples, digit_examples

NAMES = ["sigmoid", "linear", "tanh", "relu", "softplus"]
SMOOTH = ["sigmoid", "linear", "tanh", "softplus"]
MIXED = {
    "each layer another": ([7, 9, 17, 8, 5], ["tanh", "relu", "softplus", "linear"], None),
    "one modified neuron": ([20, 30, 10], "sigmoid", {(2, 3): "tanh"}),
    "many modified neurons": (
        [12, 33, 9, 4],
        ["relu", "tanh", "sigmoid"],
        {(2, 0): "sigmoid", (2, 32): "linear", (2, 8): "softplus", (3, 4): "relu", (4, 0): "linear"},
    ),
    "a whole layer modified": ([6, 4, 3], "sigmoid", {(2, j): "tanh" for j in range(4)}),
    "no hidden layer": ([40, 10], "linear", {(2, 9): "sigmoid"}),
}


def square(z):
    return z * z


def square_prime(z):
    return 2 * z


def gradients_agree(net, plain, x, y, tolerance=1e-10):
    for ours, expected in zip(net.backprop(x, y), plain.backprop(x, y), strict=True):
        assert worst_difference(ours, expected) <= tolerance


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", [[2, 3, 1], [5, 4], [13, 17, 9], [70, 65, 33, 10]], ids=str)
def test_a_named_activation_agrees_with_the_reference(name, sizes):
    net, plain = network_and_reference(sizes, scaled=True, activation=name)
    X = np.random.randn(sizes[0], 11)
    for a in (X[:, :1], X):
        assert worst_difference([net.feedforward(a)], [plain.feedforward(a)]) <= 1e-13
    gradients_agree(net, plain, X[:, :1], np.random.rand(sizes[-1], 1))


@pytest.mark.parametrize("sizes, activation, neurons", MIXED.values(), ids=MIXED)
def test_a_mixed_network_agrees_with_the_reference(sizes, activation, neurons):
    net, plain = network_and_reference(sizes, scaled=True, activation=activation, neuron_activations=neurons)
    X = np.random.randn(sizes[0], 19)
    for a in (X[:, :1], X):
        assert worst_difference([net.feedforward(a)], [plain.feedforward(a)]) <= 1e-13
    gradients_agree(net, plain, X[:, :1], np.random.rand(sizes[-1], 1))


def trained(net, examples, epochs=3, m=10, eta=0.05, **options):
    random.seed(5)
    net.SGD(examples, epochs, m, eta, **options)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("data", ["sparse", "dense"])
@pytest.mark.parametrize("name", [*NAMES, "mixed"])
def test_three_epochs_follow_the_reference(name, data, n_threads, capsys):
    sizes = [784, 30, 10] if data == "sparse" else [20, 30, 10]
    options = {"activation": name}
    if name == "mixed":
        options = {
            "activation": ["relu", "sigmoid"],
            "neuron_activations": {(2, 29): "tanh", (3, 1): "linear"},
        }
    net, plain = network_and_reference(sizes, scaled=True, **options)
    examples = digit_examples(103) if data == "sparse" else dense_examples(103, sizes)
    trained(plain, list(examples), eta=0.01)
    trained(net, list(examples), eta=0.01, n_threads=n_threads)
    assert parameter_difference(net, plain) <= 1e-8
    assert net.backend.startswith("compiled") and f"{data} inputs" in net.backend
    before = copy_parameters(plain, Network(sizes, **options))
    assert parameter_difference(net, before) <= 1e-8 and np.all(np.isfinite(net.weights[0]))


@pytest.mark.parametrize("name", NAMES)
def test_update_mini_batch_and_evaluate(name):
    net, plain = network_and_reference([784, 12, 10], scaled=True, activation=name)
    examples = digit_examples(23)
    net.update_mini_batch(examples, 0.05)
    plain.update_mini_batch(examples, 0.05)
    assert parameter_difference(net, plain) <= 1e-10
    test = digit_examples(200, labels=True)
    assert net.evaluate(test) == plain.evaluate(test)
    X, Y = as_arrays(test)
    assert net.evaluate((X, Y.astype(int))) == plain.evaluate(test)


@pytest.mark.parametrize("name", NAMES)
def test_float32(name):
    net, plain = network_and_reference([30, 20, 10], scaled=True, activation=name, dtype=np.float32)
    x, y = np.random.randn(30, 1), np.random.rand(10, 1)
    assert net.feedforward(x).dtype == np.float32
    gradients_agree(net, plain, x, y, 1e-5)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_is_that_of_the_cost(name):
    net = Network([6, 8, 5, 3], activation=name, neuron_activations={(2, 1): "tanh", (3, 0): "softplus"})
    net.weights = [w / 2 for w in net.weights]
    check = chapter.check_gradient(net, np.random.randn(6, 1), np.random.rand(3, 1))
    assert check and check.difference < 1e-7


def through_one_neuron(name, z, dtype=np.float64):
    """f(z) and f'(z) as the kernels have them: one weight 1, and the gradient of C where a - y is 1."""
    net = Network([1, 1], activation=name, dtype=dtype)
    net.weights, net.biases = [np.ones((1, 1), dtype)], [np.zeros((1, 1), dtype)]
    a = net.feedforward(np.array([[z]], dtype))
    return a.item(), net.backprop(np.array([[z]], dtype), a - 1)[0][0].item()


@pytest.mark.parametrize("z", [1e4, -1e4, 1e300, -1e300, np.inf, -np.inf, 709.0, -745.2, 40.0, -40.0])
@pytest.mark.parametrize("name", NAMES)
def test_extremes(name, z):
    plain = ReferenceNetwork([1, 1], activation=name)
    with np.errstate(all="ignore"):
        expected = plain._cbackprop.module.f(plain, 2, np.array([[z]])).item()
    f, _ = through_one_neuron(name, z)
    assert f == pytest.approx(expected, rel=1e-14, abs=5e-324)


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan(name):
    assert np.isnan(through_one_neuron(name, np.nan)[0])


@pytest.mark.parametrize("z", [np.nan, np.inf, -np.inf, 1e4, -1e4])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("error")
def test_nothing_warns(name, z):
    x = np.array([[z]])
    for net in (Network([1, 1], activation=name), ReferenceNetwork([1, 1], activation=name)):
        net.weights, net.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
        net._cbackprop.module.f(net, 2, x)
        net._cbackprop.module.f_prime(net, 2, x)
    Network([1, 1], activation=name).feedforward(x)


@pytest.mark.parametrize(
    "name, z, f, f_prime",
    [
        ("relu", 0.0, 0, 0),
        ("relu", 5e-324, 5e-324, 1),
        ("relu", -1e4, 0, 0),
        ("tanh", 1e4, 1, 0),
        ("tanh", -1e4, -1, 0),
        ("softplus", 1e4, 1e4, 1),
        ("softplus", -1e4, 0, 0),
        ("softplus", 0.0, np.log(2), 0.5),
        ("linear", -1e4, -1e4, 1),
    ],
)
def test_values_known_by_heart(name, z, f, f_prime):
    assert through_one_neuron(name, z) == (
        pytest.approx(f, rel=4e-16, abs=0),
        pytest.approx(f_prime, abs=1e-12),
    )


@pytest.mark.parametrize("z", [1e-3, 1e-8, -1e-8, 1e-300, -1e-300, 5e-324])
def test_tanh_keeps_the_digits_of_small_numbers(z):
    assert through_one_neuron("tanh", z)[0] == pytest.approx(np.tanh(z), rel=1e-15, abs=0)


@pytest.mark.parametrize("z", [-30.0, -300.0, -700.0])
def test_softplus_keeps_the_digits_of_small_numbers(z):
    f, f_prime = through_one_neuron("softplus", z)
    assert f == pytest.approx(np.exp(z), rel=1e-13, abs=0)
    # f is added to y = f - 1 and taken away again: only what a - y keeps of 1 is left to compare.
    assert f_prime == pytest.approx(np.exp(z), rel=1e-13, abs=0)


@pytest.mark.parametrize("name", ["tanh", "softplus"])
@pytest.mark.parametrize("dtype, units", [(np.float64, 4), (np.float32, 4)])
def test_within_a_few_units_in_the_last_place(name, dtype, units):
    z = np.concatenate(
        [np.linspace(-30, 30, 4001), np.logspace(-30, 0, 500), -np.logspace(-30, 0, 500)]
    ).astype(dtype)
    net = Network([1, 1], activation=name, dtype=dtype)
    net.weights, net.biases = [np.ones((1, 1), dtype)], [np.zeros((1, 1), dtype)]
    found = net.feedforward(z.reshape(1, -1)).ravel().astype(np.longdouble)
    wide = z.astype(np.longdouble)
    true = np.tanh(wide) if name == "tanh" else np.logaddexp(np.longdouble(0), wide)
    assert np.all(
        np.abs(found - true) <= units * np.spacing(np.abs(true).astype(dtype)).astype(np.longdouble)
    )


@pytest.mark.parametrize("data", ["sparse", "dense"])
def test_what_diverges_diverges_as_in_numpy(data, capsys):
    sizes = [784, 30, 10] if data == "sparse" else [20, 30, 10]
    net, plain = network_and_reference(sizes, activation="linear")
    examples = digit_examples(200) if data == "sparse" else dense_examples(200, sizes)
    with np.errstate(all="ignore"):
        trained(plain, list(examples), eta=50.0)
    trained(net, list(examples), eta=50.0)
    for ours, expected in zip(net.weights + net.biases, plain.weights + plain.biases, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    assert any(np.isnan(w).any() for w in plain.weights)


# ---- the default, and what the user brings ----


def test_the_sigmoid_by_name_is_the_default(capsys):
    nets = []
    for options in ({}, {"activation": "sigmoid"}, {"activation": ["sigmoid"] * 2, "neuron_activations": {}}):
        np.random.seed(4)
        nets.append(Network([784, 30, 10], **options))
        trained(nets[-1], digit_examples(60))
    assert all(same_bits(nets[0], net) for net in nets[1:])


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_are_the_book_s(name):
    np.random.seed(4)
    default = Network([4, 5, 2])
    np.random.seed(4)
    assert same_bits(default, Network([4, 5, 2], activation=name))


def test_own_functions_run_through_numpy(capsys):
    own = Activation(square, square_prime)
    options = {"activation": ["tanh", own], "neuron_activations": {(2, 1): Activation(np.sin, np.cos)}}
    net, plain = network_and_reference([20, 6, 3], scaled=True, **options)
    assert net.backend == "numpy: the activation of neuron 1 of layer 2 is a function of the user's"
    X = np.random.randn(20, 4)
    np.testing.assert_array_equal(net.feedforward(X), plain.feedforward(X))
    gradients_agree(net, plain, X[:, :1], np.random.rand(3, 1), 0)
    examples = dense_examples(31, [20, 6, 3])
    trained(plain, list(examples))
    trained(net, list(examples))
    assert parameter_difference(net, plain) == 0
    assert chapter.check_gradient(net, X[:, :1], np.random.rand(3, 1))


def test_own_functions_may_return_a_number():
    net = Network([3, 2], activation=Activation(lambda z: 2 * z, lambda z: 2))
    x, y = np.random.rand(3, 1), np.random.rand(2, 1)
    a = net.feedforward(x)
    np.testing.assert_allclose(net.backprop(x, y)[0][0], (a - y) * 2)


@pytest.mark.parametrize(
    "f, message",
    [(lambda z: z[0], "returned shape"), (lambda z: z.astype(complex), "returned dtype complex128")],
)
def test_own_functions_that_return_something_else(f, message):
    net = Network([3, 2], activation=Activation(f, np.ones_like))
    with (
        nothing_changes(net),
        pytest.raises((ValueError, TypeError), match=f"activation of layer 2 {message}"),
    ):
        net.feedforward(np.ones((3, 1)))


def test_a_replaced_sigmoid_counts_where_the_sigmoid_is(monkeypatch):
    monkeypatch.setattr(network, "sigmoid", lambda z: 0 * z + 0.25)
    net = Network([3, 4, 2], activation=["tanh", "sigmoid"])
    assert np.all(net.feedforward(np.ones((3, 1))) == 0.25)
    assert "sigmoid" in net.backend and net.backend.startswith("numpy")
    assert Network([3, 2], activation="tanh").backend.startswith("compiled")


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_copies_keep_their_activations(again):
    net = Network(
        [5, 4, 3],
        activation=["tanh", "relu"],
        neuron_activations={(3, 1): "linear", (2, 0): Activation(square, square_prime)},
    )
    x = np.random.randn(5, 2)
    np.testing.assert_array_equal(again(net).feedforward(x), net.feedforward(x))


# ---- bad input ----


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"activation": "sigmoyd"}, ValueError, ["'sigmoyd'", *map(repr, NAMES)]),
        ({"activation": ["tanh", "tanh", "tanh"]}, ValueError, ["activation has 3 entries", "takes 2"]),
        ({"activation": []}, ValueError, ["0 entries"]),
        ({"activation": ["tanh", "Tanh"]}, ValueError, [r"activation\[1\]", "'Tanh'"]),
        ({"activation": np.tanh}, TypeError, ["activation", "Activation\\(f, f_prime\\)"]),
        ({"activation": None}, TypeError, ["activation is None"]),
        ({"neuron_activations": {(1, 0): "tanh"}}, ValueError, [r"\(1, 0\)", "input layer", "2 to 3"]),
        ({"neuron_activations": {(4, 0): "tanh"}}, ValueError, [r"\(4, 0\)", "no layer 4"]),
        ({"neuron_activations": {(2, 4): "tanh"}}, ValueError, [r"\(2, 4\)", "no neuron 4", "0 to 3"]),
        ({"neuron_activations": {(2, -1): "tanh"}}, ValueError, [r"\(2, -1\)", "no neuron -1"]),
        ({"neuron_activations": {(2, 0): "tan"}}, ValueError, [r"neuron_activations\[\(2, 0\)\]", "'tan'"]),
        ({"neuron_activations": {2: "tanh"}}, TypeError, ["key 2", r"\(l, j\)"]),
        ({"neuron_activations": {(2, 0.5): "tanh"}}, TypeError, [r"\(2, 0.5\)"]),
        ({"neuron_activations": [((2, 0), "tanh")]}, TypeError, ["neuron_activations is list"]),
        ({"neuron_activations": {(3, 0): "softmax"}}, ValueError, [r"\(3, 0\)", "output layer as a whole"]),
        (
            {"activation": ["tanh", "softmax"], "neuron_activations": {(3, 0): "tanh"}},
            ValueError,
            [r"\(3, 0\)", "output layer as a whole"],
        ),
    ],
)
@pytest.mark.parametrize("cls", [Network, ReferenceNetwork])
def test_errors_come_before_random_numbers_are_drawn(cls, options, error, words):
    state = repr(np.random.get_state())
    with pytest.raises(error) as raised:
        cls([3, 4, 2], **options)
    for word in words:
        raised.match(word)
    assert repr(np.random.get_state()) == state


def test_a_softmax_output_layer_is_network2s():
    state = repr(np.random.get_state())
    with pytest.raises(ValueError, match="that output layer is network2's, with LogLikelihoodCost"):
        Network([3, 4, 2], activation=["tanh", "softmax"])
    assert repr(np.random.get_state()) == state


@pytest.mark.parametrize(
    "arguments, name", [((np.tanh,), "f_prime"), ((None, np.tanh), "f"), ((np.tanh, 3), "f_prime")]
)
def test_an_activation_needs_both_functions(arguments, name):
    with pytest.raises(TypeError, match=rf"^{name} is "):
        Activation(*arguments)


def test_layers_changed_behind_its_back():
    net = Network([3, 4, 2], activation="tanh", neuron_activations={(2, 3): "relu"})
    net.weights, net.biases = [np.ones((3, 3)), np.ones((2, 3))], [np.ones((3, 1)), np.ones((2, 1))]
    with pytest.raises(ValueError, match="neuron 3 of layer 2"):
        net.feedforward(np.ones((3, 1)))
    other = Network([3, 4, 4, 2])
    net.weights, net.biases = other.weights, other.biases
    with pytest.raises(ValueError, match=r"weights has 3 arrays; .* chosen for a network of 2 layers after"):
        net.feedforward(np.ones((3, 1)))


def test_every_instruction_set_agrees(tmp_path):
    code = """
import numpy as np
from support.agreement import network_and_reference, parameter_difference
from support.examples import digit_examples
from cbackprop import _isa
for name in ("linear", "tanh", "relu", "softplus"):
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-3)):
        options = {"activation": name, "neuron_activations": {(2, 5): "sigmoid"}, "dtype": dtype}
        net, plain = network_and_reference([784, 30, 10], scaled=True, **options)
        examples = digit_examples(40)
        for k in range(0, 40, 10):
            net.update_mini_batch(examples[k:k + 10], 0.05)
            plain.update_mini_batch(examples[k:k + 10], 0.05)
        assert parameter_difference(net, plain) <= tolerance, (name, dtype)
print(_isa.chosen())
"""
    for isa in _isa.found():
        assert run_python(code, tmp_path, env={"CBACKPROP_ISA": isa}).stdout.strip() == isa

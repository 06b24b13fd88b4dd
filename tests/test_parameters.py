"""The arrays in `weights` and `biases` at the call are the network, and `sizes` is a note that nothing reads.

What the user edits, assigns, cuts off or adds is seen by the next call.
"""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import chapter, network, network2
from support.agreement import (
    copy_parameters,
    difference,
    network_and_reference,
    parameter_difference,
    worst_difference,
)
from support.both import (
    MODULES,
    each_module,
    each_path,
    name_of,
    reference_of,
    right_answers,
    train,
    update,
    use_path,
)
from support.examples import as_arrays, dense_examples, labelled


@pytest.mark.parametrize(
    "edit", ["in place", "one", "list", "fortran", "float32", "strided", "tuple", "read-only", "big-endian"]
)
@pytest.mark.parametrize("call", ["feedforward", "backprop", "update", "SGD", "evaluate"])
def test_edited_and_assigned_parameters_are_seen(edit, call, capsys):
    net, plain = network_and_reference([6, 5, 3])
    examples = dense_examples(12, [6, 5, 3])
    tests = labelled(dense_examples(30, [6, 5, 3]))
    net.update_mini_batch(examples, 0.5)  # the network has settled into its own arrays
    copy_parameters(net, plain)
    rng = np.random.default_rng(0)
    new = [rng.normal(size=w.shape).astype(np.float32).astype(np.float64) for w in net.weights]
    if edit == "in place":
        net.weights[0][1, 2] += 2.0
        net.biases[1][0] -= 2.0
        plain.weights[0][1, 2] += 2.0
        plain.biases[1][0] -= 2.0
    elif edit == "one":
        net.weights[1] = new[1]
        plain.weights[1] = new[1].copy()
    else:
        kinds = {
            "list": list,
            "fortran": lambda ws: [np.asfortranarray(w) for w in ws],
            "float32": lambda ws: [w.astype(np.float32) for w in ws],
            "strided": lambda ws: [np.repeat(np.repeat(w, 2, 0), 3, 1)[::2, ::3] for w in ws],
            "tuple": tuple,
            "read-only": lambda ws: [np.broadcast_to(w, w.shape) for w in ws],
            "big-endian": lambda ws: [w.astype(">f8") for w in ws],
        }
        net.weights = kinds[edit](new)
        plain.weights = [w.copy() for w in new]
    for each in (net, plain):
        random.seed(3)
        if call == "update":
            each.update_mini_batch(examples, 0.5)
        elif call == "SGD":
            each.SGD(list(examples), 2, 5, 0.5)
    if call == "feedforward":
        np.testing.assert_allclose(
            net.feedforward(examples[0][0]), plain.feedforward(examples[0][0]), rtol=1e-13
        )
    elif call == "backprop":
        for ours, expected in zip(
            net.backprop(*examples[0])[1], plain.backprop(*examples[0])[1], strict=True
        ):
            np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-15)
    elif call == "evaluate":
        assert net.evaluate(tests) == plain.evaluate(tests)
    else:
        assert parameter_difference(net, plain) < 1e-12
        assert {w.dtype for w in net.weights} == {np.dtype(np.float64)}


# ---- other layers than the network began with ----

SIZES = [6, 5, 4, 3]


def cut_off_the_output(net):
    net.weights.pop(), net.biases.pop()


def cut_off_the_input(net):
    del net.weights[0], net.biases[0]


def leave_one_layer(net):
    net.weights, net.biases = net.weights[:1], net.biases[:1]


def insert_a_layer(net):
    rng = np.random.default_rng(0)
    net.weights[1:1] = [rng.normal(size=(7, 5)), rng.normal(size=(5, 7))]
    net.biases[1:1] = [rng.normal(size=(7, 1)), rng.normal(size=(5, 1))]


def add_an_output_layer(net):
    rng = np.random.default_rng(0)
    net.weights.append(rng.normal(size=(2, 3)))
    net.biases.append(rng.normal(size=(2, 1)))


def cut_out_neurons(net):
    stay = [0, 1, 3]
    net.weights[0], net.biases[0] = net.weights[0][stay], net.biases[0][stay]
    net.weights[1] = net.weights[1][:, stay]


def cut_out_inputs(net):
    net.weights[0] = net.weights[0][:, ::2]


def cut_out_an_output(net):
    net.weights[-1], net.biases[-1] = net.weights[-1][:2], net.biases[-1][:2]


def widen(net):
    net.weights[0] = np.vstack([net.weights[0], net.weights[0] + 0.1])
    net.biases[0] = np.vstack([net.biases[0], net.biases[0] - 0.1])
    net.weights[1] = np.hstack([net.weights[1], 0.5 * net.weights[1]])


def another_network(net):
    rng = np.random.default_rng(0)
    net.weights = [rng.normal(size=(3, 40)), rng.normal(size=(10, 3))]
    net.biases = [rng.normal(size=(3, 1)), rng.normal(size=(10, 1))]


CHANGES = [
    cut_off_the_output,
    cut_off_the_input,
    leave_one_layer,
    insert_a_layer,
    add_an_output_layer,
    cut_out_neurons,
    cut_out_inputs,
    cut_out_an_output,
    widen,
    another_network,
]
each_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


def ends(net):
    """(n_in, n_out), as the arrays have them."""
    return net.weights[0].shape[1], net.weights[-1].shape[0]


def check_all_calls(net, tolerance=1e-10):
    """Compare every call with that of a reference of these arrays."""
    plain, (n_in, n_out) = reference_of(net), ends(net)
    examples = dense_examples(17, [n_in, n_out])
    (x, y), tests = examples[0], labelled(examples, n_out)
    X, Y = (np.hstack(columns) for columns in zip(*examples))
    assert difference(net.feedforward(x), plain.feedforward(x)) < tolerance
    assert difference(net.feedforward(X), plain.feedforward(X)) < tolerance
    for columns in ((x, y), (X, Y)):
        for ours, expected in zip(net.backprop(*columns), plain.backprop(*columns), strict=True):
            assert worst_difference(ours, expected) < tolerance
    for ours, expected in zip(net.backprop_mini_batch(X, Y), plain.backprop_mini_batch(X, Y), strict=True):
        assert worst_difference(ours, expected) < tolerance
    assert right_answers(net, tests) == right_answers(plain, tests)
    labels = np.array([label for _, label in tests])
    assert right_answers(net, (as_arrays(examples)[0], labels)) == right_answers(plain, tests)
    if name_of(net) == "network2":
        for data, convert in ((examples, False), (tests, True)):
            assert (
                difference(net.total_cost(data, 2.0, convert), plain.total_cost(data, 2.0, convert))
                < tolerance
            )
    update(net, examples[:5]), update(plain, examples[:5])
    assert parameter_difference(net, plain) < tolerance
    train(net, list(examples), tests=tests), train(plain, list(examples), tests=tests)
    assert parameter_difference(net, plain) < tolerance
    train(net, as_arrays(examples)), train(plain, list(examples))
    assert parameter_difference(net, plain) < tolerance


@each_module
@each_path
@each_change
def test_other_layers_are_seen_by_every_call(module, path, change, capsys, monkeypatch):
    net = use_path(path, module.Network(list(SIZES)), monkeypatch)
    train(net, dense_examples(9, SIZES))  # what is remembered of the network as it was is of no use now
    change(net)
    check_all_calls(net)
    assert net.sizes == SIZES and net.num_layers == 4


@each_change
def test_so_they_are_with_momentum_from_before(change):
    """Velocities of other shapes begin at 0, as those of a new network do."""
    net = network2.Network(SIZES)
    net.update_mini_batch(dense_examples(5, SIZES), 0.5, 0.1, 9, mu=0.5)
    change(net)
    examples, new = dense_examples(5, ends(net)), reference_of(net)
    if change is not cut_out_inputs:
        assert [v.shape for v in net.velocities[0]] != [w.shape for w in net.weights]
    for _ in range(2):
        net.update_mini_batch(examples, 0.5, 0.1, 9, mu=0.5)
        new.update_mini_batch(examples, 0.5, 0.1, 9, mu=0.5)
    assert parameter_difference(net, new) < 1e-12


@each_module
@each_change
@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["deepcopy", "pickle"]
)
def test_other_layers_are_copied_and_pickled(module, change, way, capsys):
    net = module.Network(list(SIZES))
    change(net)
    reference = way(net)
    assert reference.sizes == SIZES and parameter_difference(reference, net) == 0.0
    check_all_calls(reference)


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
@each_change
def test_other_layers_are_saved_and_loaded(change, name, tmp_path, capsys):
    net = network2.Network(list(SIZES))
    change(net)
    net.save(tmp_path / name)
    loaded = network2.load(tmp_path / name)
    assert parameter_difference(loaded, net) == 0.0
    check_all_calls(loaded)


@each_change
def test_the_chapter_sees_other_layers(change):
    net = network.Network(list(SIZES))
    change(net)
    x, y = dense_examples(1, ends(net))[0]
    nabla_b, nabla_w = net.backprop(x, y)
    assert chapter.check_gradient(net, x, y)
    assert worst_difference(chapter.path_sum_gradient(net, x, y), nabla_w) < 1e-12
    assert worst_difference(chapter.numerical_gradient(net, x, y, scheme="central")[0], nabla_b) < 1e-7
    found = chapter.perturbation(net, x, y, (2, 0, 1), 1e-6)
    assert len(found.layers) == len(net.weights)
    assert abs(found.real - 1e-6 * nabla_w[0][0, 1]) < 1e-10
    sums = sum(path.product for path in chapter.paths(net, x, y, (2, 0, 1)))
    assert abs(sums - nabla_w[0][0, 1]) < 1e-12


@each_module
@each_path
def test_the_callers_list_of_sizes_is_the_callers(module, path, capsys, monkeypatch):
    """A loop over widths writes the next one into the list that the networks before were made from."""
    sizes, nets = [3, 4, 2], []
    for width in (4, 5, 6):
        sizes[1] = width
        nets.append(module.Network(sizes))
    sizes[:] = [99]
    for width, net in zip((4, 5, 6), nets, strict=True):
        use_path(path, net, monkeypatch)
        assert [w.shape for w in net.weights] == [(width, 3), (2, width)]
        check_all_calls(net)


@each_module
@pytest.mark.parametrize("note", [None, "wide", [], [7], (3, 2, 2), 5, {"input": 6}], ids=repr)
def test_sizes_may_be_assigned_anything(module, note, capsys):
    net = module.Network(list(SIZES))
    net.sizes = net.num_layers = note
    check_all_calls(net)
    assert net.sizes is note and net.num_layers is note
    del net.sizes, net.num_layers
    check_all_calls(net)


@each_module
@each_path
@pytest.mark.parametrize("sizes", [[0], [4], [], [0, 0], [0, 3], [3, 0, 2]], ids=str)
def test_placeholders_are_filled_in(module, path, sizes, capsys, monkeypatch):
    net = module.Network(sizes)
    assert len(net.weights) == len(net.biases) == max(len(sizes) - 1, 0)
    net.sizes, net.num_layers = [3, 4, 2], 3
    rng = np.random.default_rng(0)
    net.weights = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]
    net.biases = [rng.normal(size=(4, 1)), rng.normal(size=(2, 1))]
    check_all_calls(use_path(path, net, monkeypatch))


@each_module
def test_a_placeholder_may_be_filled_in_by_a_subclass(module, capsys):
    """The subclass reads its parameters from elsewhere and needs no random numbers."""

    class Filled(module.Network):
        def __init__(self, weights, biases):
            super().__init__([0])
            self.weights, self.biases = weights, biases

    net = module.Network(SIZES)
    check_all_calls(Filled(net.weights, net.biases))


@each_module
@pytest.mark.parametrize("sizes", [[], [4]], ids=str)
def test_an_input_layer_alone_gives_back_its_input(module, sizes):
    """As in the book, where feedforward goes through no layer."""
    net, a = module.Network(sizes), np.ones((4, 1))
    out = net.feedforward(a)
    assert (out == a).all() and out is not a
    assert right_answers(net, [(a, 0), (np.eye(4)[:, [2]], 2)]) == 2
    with pytest.raises(ValueError, match="no layer"):
        net.backprop(a, a)
    with pytest.raises(ValueError, match="no layer"):
        train(net, [(a, a)] * 3)


@each_module
@each_path
@pytest.mark.parametrize("sizes", [[3, 4, 2], [3, 3, 3]], ids=str)
@pytest.mark.parametrize("kind", ["tuple", "array"])
def test_parameters_in_a_tuple_or_in_an_array(module, path, sizes, kind, capsys, monkeypatch):
    """np.save(net.weights) of the book's time: an array of arrays, or of numbers if all layers are alike."""
    net = use_path(path, module.Network(sizes), monkeypatch)
    plain = reference_of(net)
    for name in ("weights", "biases"):
        arrays = getattr(net, name)
        if kind == "tuple":
            box = tuple(arrays)
        elif len({a.shape for a in arrays}) == 1:
            box = np.array(arrays)
        else:
            box = np.empty(len(arrays), object)
            box[:] = arrays
        setattr(net, name, box)
    x, y = dense_examples(1, sizes)[0]
    assert difference(net.feedforward(x), plain.feedforward(x)) < 1e-13
    assert worst_difference(net.backprop(x, y)[1], plain.backprop(x, y)[1]) < 1e-12
    assert right_answers(net, [(x, 1)]) == right_answers(plain, [(x, 1)])
    examples = dense_examples(7, sizes)
    update(net, examples), update(plain, examples)
    assert parameter_difference(net, plain) < 1e-12
    train(net, list(examples)), train(plain, list(examples))
    assert parameter_difference(net, plain) < 1e-12


@each_module
def test_a_float32_network_stays_one_with_other_layers(module, capsys):
    net = module.Network(SIZES, dtype=np.float32)
    cut_out_neurons(net), insert_a_layer_of_three(net)
    plain = reference_of(net)
    x, y = dense_examples(1, SIZES)[0]
    assert net.feedforward(x).dtype == np.float32
    assert difference(net.feedforward(x), plain.feedforward(x)) < 1e-5
    assert worst_difference(net.backprop(x, y)[1], plain.backprop(x, y)[1]) < 1e-4
    train(net, dense_examples(9, SIZES))
    assert {w.dtype for w in net.weights} == {np.dtype(np.float32)}


def insert_a_layer_of_three(net):
    """Insert float64 arrays, which np.ones makes."""
    net.weights.insert(1, 0.1 * np.ones((3, 3)))
    net.biases.insert(1, np.zeros((3, 1)))


@pytest.mark.parametrize("name", list(MODULES))
def test_activations_stay_with_their_layers(name):
    """Layers that were cut off take theirs along; one that was added has that of all others, if it is one."""
    kind = {
        "network": network.Network,
        "network2": lambda *a, **k: network2.Network(*a, network2.QuadraticCost, **k),
    }[name]
    x = dense_examples(1, SIZES)[0][0]
    net = kind(SIZES, activation=["tanh", "relu", "linear"])
    cut_off_the_output(net)
    w, b = net.weights, net.biases
    expected = np.maximum(w[1] @ np.tanh(w[0] @ x + b[0]) + b[1], 0)
    np.testing.assert_allclose(net.feedforward(x), expected, rtol=1e-12)
    net = kind(SIZES, activation="tanh")
    add_an_output_layer(net)
    a = x
    for w, b in zip(net.weights, net.biases, strict=True):
        a = np.tanh(w @ a + b)
    np.testing.assert_allclose(net.feedforward(x), a, rtol=1e-12)
    net = kind(SIZES, activation=["tanh", "relu", "linear"])
    add_an_output_layer(net)
    for call in (
        lambda: net.feedforward(x),
        lambda: net.backprop(x, np.ones((2, 1))),
        lambda: update(net, [(x, 1.0)]),
    ):
        with pytest.raises(
            ValueError, match="weights has 4 arrays; the activations were chosen for a network of 3"
        ):
            call()

"""`chapter.trace`: every z, a and δ of an example, by the number of its layer, as in `backprop`."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import network, network2
from cbackprop.chapter import check_gradient, trace
from cbackprop.network import Activation
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import nothing_changes, worst_difference
from support.chapter_networks import NETWORKS, QuarticCost
from support.examples import dense_examples

SIZES = [4, 5, 3]
y = np.array([[0.0], [1.0], [0.0]])


def agrees(net, x, y, tolerance=1e-10):
    """Whether the trace's arrays are the net's gradient, and obey the equations."""
    found = trace(net, x, y)
    L = len(net.weights) + 1
    layers = range(2, L + 1)
    assert list(found.a) == [1, *layers]
    for by_layer in (found.z, found.delta, found.nabla_w, found.nabla_b):
        assert list(by_layer) == list(layers)
    np.testing.assert_allclose(found.a[L], net.feedforward(x), rtol=tolerance, atol=tolerance)
    for l in layers:
        w, b = net.weights[l - 2], net.biases[l - 2]
        np.testing.assert_allclose(found.z[l], np.dot(w, found.a[l - 1]) + b, rtol=1e-6, atol=1e-12)
        assert found.z[l].shape == found.a[l].shape == found.delta[l].shape == b.shape
    nabla_b, nabla_w = net.backprop(x, y)
    assert worst_difference(list(found.delta.values()), nabla_b) < tolerance
    assert worst_difference(list(found.nabla_b.values()), nabla_b) < tolerance
    assert worst_difference(list(found.nabla_w.values()), nabla_w) < tolerance
    return found


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(0, 2**31))
def test_it_is_what_backprop_computes(sizes, seed):
    np.random.seed(seed)
    x, target = dense_examples(1, sizes, seed)[0]
    for net in (network.Network(sizes), network2.Network(sizes), ReferenceNetwork(sizes)):
        agrees(net, x, target)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_cost_and_activation(name):
    net = NETWORKS[name]()
    (x, _) = dense_examples(1, [len(net.weights[0].T), 3])[0]
    with nothing_changes(net):
        found = agrees(net, x, y, 1e-5 if net.dtype == np.float32 else 1e-10)
    a = found.a[len(net.weights) + 1]
    expected = net.cost.fn(a, y) if isinstance(net, ReferenceNetwork2) else 0.5 * np.sum((a - y) ** 2)
    assert found.cost == pytest.approx(float(expected), rel=1e-14)


def test_a_network_worked_by_hand():
    net = network.Network([2, 2, 1], activation="linear")
    net.weights = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])]
    net.biases = [np.array([[0.5], [-0.5]]), np.array([[1.0]])]
    found = trace(net, np.array([[1.0], [-1.0]]), 2.0)
    assert found.a[1].tolist() == [[1.0], [-1.0]]
    assert found.z[2].tolist() == found.a[2].tolist() == [[-0.5], [-1.5]]
    assert found.z[3].tolist() == [[-10.5]]
    assert found.delta[3].tolist() == [[-12.5]] and found.delta[2].tolist() == [[-62.5], [-75.0]]
    assert found.nabla_w[3].tolist() == [[6.25, 18.75]] and found.nabla_w[2].tolist() == [
        [-62.5, 62.5],
        [-75.0, 75.0],
    ]
    assert found.cost == 0.5 * 12.5**2


def test_replaced_functions_are_used_and_replaced_passes_are_not(monkeypatch):
    x = dense_examples(1, SIZES)[0][0]
    for module in (network, network2):
        net = module.Network(SIZES)
        usual = trace(net, x, y)
        net.backprop = net.feedforward = None
        assert worst_difference(list(trace(net, x, y).delta.values()), list(usual.delta.values())) == 0
        with monkeypatch.context() as patch:
            patch.setattr(module, "sigmoid", np.sin)
            patch.setattr(module, "sigmoid_prime", np.cos)
            np.testing.assert_array_equal(trace(net, x, y).a[2], np.sin(usual.z[2]))


class Quartic(network.Network):
    def cost_derivative(self, output_activations, y):
        return 4 * (output_activations - y) ** 3


def test_a_replaced_cost_derivative_has_a_cost_if_it_is_given():
    net, x = Quartic(SIZES), dense_examples(1, SIZES)[0][0]
    found = agrees(net, x, y)
    assert found.cost is None and "unknown" in repr(found)
    found = trace(net, x, y, cost=QuarticCost.fn)
    assert found.cost == QuarticCost.fn(found.a[3], y)
    with pytest.raises(TypeError, match="cost is int; expected a function"):
        trace(net, x, y, cost=3)


@pytest.mark.parametrize("module", [network, network2])
def test_a_number_is_the_target_of_every_output(module):
    net, x = module.Network(SIZES), dense_examples(1, SIZES)[0][0]
    for number in (0.25, np.float32(0.25), np.array(0.25), [[0.25]]):
        found, column = trace(net, x, number), trace(net, x, np.full((3, 1), 0.25))
        assert found.cost == column.cost
        np.testing.assert_array_equal(found.delta[2], column.delta[2])
        assert worst_difference(list(found.delta.values()), net.backprop(x, number)[0]) < 1e-14
    net = module.Network([1, 2, 3])
    assert trace(net, 0.5, y).a[1].tolist() == [[0.5]]


def test_the_arrays_are_the_callers():
    net, x = network.Network(SIZES, activation="linear"), dense_examples(1, SIZES)[0][0]
    found = trace(net, x, y)
    arrays = [
        array
        for by_layer in (found.z, found.a, found.delta, found.nabla_w, found.nabla_b)
        for array in by_layer.values()
    ]
    for array in arrays:
        assert array.flags.writeable and array.dtype == np.float64
        for other in (*arrays, *net.weights, *net.biases, x, y):
            assert other is array or not np.shares_memory(other, array)


def test_a_layer_that_is_not_there():
    net, x = network2.Network(SIZES), dense_examples(1, SIZES)[0][0]
    found = trace(net, x, y)
    for l in (0, 4, -1, "a", 2.5):
        with pytest.raises(IndexError, match=rf"^a\[{l!r}\]: this network has a\^l for l = 1 to 3$"):
            found.a[l]
    for name in ("z", "delta", "nabla_w", "nabla_b"):
        with pytest.raises(IndexError, match=rf"^{name}\[1\]: .* for l = 2 to 3$"):
            getattr(found, name)[1]
    assert found.a[np.int64(3)] is found.a[3]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.cost = 0


@pytest.mark.parametrize("module", [network, network2])
def test_an_input_layer_alone_has_nothing_to_trace(module):
    with pytest.raises(ValueError, match="weights is empty"):
        trace(module.Network([3]), y, y)


def test_what_is_shown():
    net = network2.Network([30, 12, 3], cost=network2.LogLikelihoodCost)
    found = trace(net, dense_examples(1, [30, 3])[0][0], y)
    assert repr(found) == f"<Trace 30-12-3, C = {found.cost:.6g}>"
    lines = str(found).splitlines()
    assert lines[0] == f"30-12-3, C = {found.cost:.6g}" and lines[1].split() == ["l", "j", "z", "a", "δ"]
    assert len(lines) == 2 + 12 + 12 + 3
    assert "19 more" in lines[13] and f"{found.a[1][10, 0]:.6g}" in lines[12]
    assert lines[-1].split() == [
        *("3", "2"),
        *(f"{of[3][2, 0]:.6g}" for of in (found.z, found.a, found.delta)),
    ]
    table = found._repr_html_()
    assert table.count("<tr>") == table.count("</tr>") == len(lines) - 1
    assert f"<td>{found.delta[3][2, 0]:.6g}</td>" in table


def test_copies_and_pickles():
    found = trace(network.Network(SIZES), dense_examples(1, SIZES)[0][0], y)
    for copied in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        np.testing.assert_array_equal(copied.delta[2], found.delta[2])
        with pytest.raises(IndexError, match=r"delta\[1\]"):
            copied.delta[1]


def test_wrong_arguments():
    x = dense_examples(1, SIZES)[0][0]
    for net in (network.Network(SIZES), network2.Network(SIZES), ReferenceNetwork2(SIZES)):
        with pytest.raises(ValueError, match=r"\(4, 1\)"):
            trace(net, x[:2], y)
        with pytest.raises(ValueError, match=r"\(3, 1\)"):
            trace(net, x, y[:2])
        with pytest.raises(TypeError, match="real numbers"):
            trace(net, x, y * 1j)
        net.weights[1] = np.zeros((3, 4))
        with pytest.raises(ValueError, match="weights"):
            trace(net, x, y)
    with pytest.raises(TypeError, match=r"net is list; expected a cbackprop\.network\.Network"):
        trace([3, 2], x, y)


def test_a_delta_or_a_cost_of_the_wrong_kind():
    x = dense_examples(1, SIZES)[0][0]

    class Wrong(QuarticCost):
        pass

    net = network2.Network(SIZES, cost=Wrong)
    Wrong.delta = staticmethod(lambda z, a, y: a.T)
    with pytest.raises(ValueError, match=r"cost\.delta returned an array of shape \(1, 3\)"):
        trace(net, x, y)
    Wrong.delta = staticmethod(lambda z, a, y: "much")
    with pytest.raises(ValueError, match=r"cost\.delta returned an array .* dtype <U4"):
        trace(net, x, y)
    Wrong.delta, Wrong.fn = QuarticCost.delta, staticmethod(lambda a, y: a)
    with pytest.raises(ValueError, match=r"cost returned an array of shape \(3, 1\)"):
        trace(net, x, y)
    net.cost = network2.LogLikelihoodCost
    with pytest.raises(ValueError, match="softmax"):
        trace(net, x, y)


def test_what_the_users_functions_change_is_theirs():
    class Changing(QuarticCost):
        @staticmethod
        def fn(a, y):
            y -= a
            a[:] = 7
            return QuarticCost.fn(y, 0)

        @staticmethod
        def delta(z, a, y):
            error = QuarticCost.delta(z, a, y)
            z[:] = a[:] = y[:] = np.nan
            return error

    x, target = dense_examples(1, SIZES)[0]
    np.random.seed(0)
    usual = trace(network2.Network(SIZES, cost=QuarticCost), x, target)
    np.random.seed(0)
    kept = target.copy()
    found = trace(network2.Network(SIZES, cost=Changing), x, target)
    np.testing.assert_array_equal(target, kept)
    assert found.cost == pytest.approx(usual.cost)
    for by_layer, expected in ((found.z, usual.z), (found.a, usual.a), (found.delta, usual.delta)):
        assert worst_difference(list(by_layer.values()), list(expected.values())) < 1e-14


def test_numbers_that_are_not_finite_propagate():
    net, x = network.Network(SIZES), dense_examples(1, SIZES)[0][0]
    x[1] = np.nan
    found = trace(net, x, y)
    assert np.isnan(found.cost) and np.isnan(found.delta[2]).all()
    assert not check_gradient(net, x, y)
    assert np.isfinite(
        trace(network.Network(SIZES, activation=Activation(np.tanh, np.cos)), y[[0, 1, 2, 0]], y).cost
    )

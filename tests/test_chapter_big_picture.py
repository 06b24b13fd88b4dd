"""The big picture, equations (47) to (53): small changes spread along paths, and a gradient sums them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbackprop import network2
from cbackprop.chapter import Path, check_gradient, path_sum_gradient, paths, perturbation
from cbackprop.network import Activation, Network
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import nothing_changes, worst_difference
from support.chapter_networks import NETWORKS
from support.examples import dense_examples


def network_and_example(sizes, seed=3, **options):
    np.random.seed(seed)
    net = Network(sizes, **options)
    return net, *dense_examples(1, sizes, seed)[0]


@settings(max_examples=100)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=6), st.integers(0, 2**31))
def test_the_sum_over_paths_is_the_gradient(sizes, seed):
    net, x, y = network_and_example(sizes, seed)
    found = path_sum_gradient(net, x, y)
    assert worst_difference(found, net.backprop(x, y)[1]) < 1e-10


@pytest.mark.parametrize(
    "sizes",
    [[1] * 12, [2] * 12, [1, 300, 300], [300, 300, 1], [300, 30, 10], [10, 9, 8, 7, 6], [7, 5]],
    ids=str,
)
def test_deep_and_wide(sizes):
    net, x, y = network_and_example(sizes)
    assert worst_difference(path_sum_gradient(net, x, y), net.backprop(x, y)[1]) < 1e-10


def test_other_activations_and_costs():
    options = {"activation": ["tanh", "softplus", "linear"], "neuron_activations": {(3, 1): "sigmoid"}}
    sizes = [4, 3, 5, 2]
    for net in (
        network_and_example(sizes, **options)[0],
        network_and_example(sizes, activation=Activation(np.sin, np.cos))[0],
    ):
        x, y = dense_examples(1, sizes)[0]
        assert worst_difference(path_sum_gradient(net, x, y), net.backprop(x, y)[1]) < 1e-10
        net.cost_derivative = lambda a, y: (a - y) ** 3
        assert worst_difference(path_sum_gradient(net, x, y), net.backprop(x, y)[1]) < 1e-10
    net, x, y = network_and_example(sizes, dtype=np.float32)
    assert worst_difference(path_sum_gradient(net, x, y), net.backprop(x, y)[1]) < 1e-5


def count(sizes):
    """Paths from every weight, counted one neuron after another."""
    return sum(sizes[l - 1] * math.prod(sizes[l:]) for l in range(1, len(sizes)))


@pytest.mark.parametrize("sizes", [[3, 2], [2, 3, 4], [2, 3, 1, 2]], ids=str)
def test_max_paths_counts_over_all_weights(sizes):
    net, x, y = network_and_example(sizes)
    walked = sum(
        len(list(paths(net, x, y, (l, j, k))))
        for l in range(2, len(sizes) + 1)
        for j in range(sizes[l - 1])
        for k in range(sizes[l - 2])
    )
    assert walked == count(sizes)
    path_sum_gradient(net, x, y, max_paths=walked)
    with pytest.raises(ValueError, match=rf"\b{walked} paths .* max_paths = {walked - 1}$"):
        path_sum_gradient(net, x, y, max_paths=walked - 1)


def test_too_many_paths_are_counted_and_not_walked():
    sizes = [30] * 40
    net, x, y = network_and_example(sizes)
    with pytest.raises(ValueError, match=str(count(sizes))):
        path_sum_gradient(net, x, y)


def test_deeper_than_pythons_own_stack():
    sizes = [1] * 1500
    net, x, y = network_and_example(sizes)
    assert len(list(paths(net, x, y, (2, 0, 0)))) == 1
    assert len(path_sum_gradient(Network([1] * 100), x, y)) == 99


def test_the_paths_of_one_weight():
    sizes = [3, 2, 4, 2]
    net, x, y = network_and_example(sizes)
    nabla_w = net.backprop(x, y)[1]
    found = list(paths(net, x, y, weight=(2, 1, 2)))
    assert [path.neurons for path in found] == [(1, q, m) for q in range(4) for m in range(2)]
    assert all(isinstance(path, Path) and type(path.product) is float for path in found)
    assert sum(path.product for path in found) == pytest.approx(nabla_w[0][1, 2], rel=1e-12)
    (last,) = paths(net, x, y, weight=(4, 1, 3))
    assert last.neurons == (1,) and last.product == pytest.approx(nabla_w[2][1, 3], rel=1e-12)


def test_a_product_is_that_of_its_factors():
    sizes = [2, 2, 2]
    net, x, y = network_and_example(sizes)
    z2 = net.weights[0] @ x + net.biases[0]
    a2 = 1 / (1 + np.exp(-z2))
    a3 = 1 / (1 + np.exp(-(net.weights[1] @ a2 + net.biases[1])))
    product = (a3 - y)[0] * (a3 * (1 - a3))[0] * net.weights[1][0, 1] * (a2 * (1 - a2))[1] * x[0]
    path = next(iter(paths(net, x, y, (2, 1, 0))))
    assert path.neurons == (1, 0) and path.product == pytest.approx(product.item(), rel=1e-13)


@pytest.mark.parametrize(
    "options",
    [{}, {"activation": ["tanh", "softplus", "sigmoid"], "neuron_activations": {(3, 0): "tanh"}}],
    ids=["sigmoid", "mixed"],
)
def test_a_small_change_is_predicted_to_first_order(options):
    sizes = [3, 4, 3, 2]
    net, x, y = network_and_example(sizes, **options)
    weight = (2, 1, 2)
    coarse, fine = (perturbation(net, x, y, weight, dw) for dw in (1e-2, 1e-3))
    for before, after in zip(coarse.layers, fine.layers, strict=True):
        errors = [np.abs(change.predicted - change.real).max() for change in (before, after)]
        # The error of a prediction of first order is of second order: a hundredth for a tenth of dw.
        assert np.log10(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    ratios = [abs(1 - found.real / found.predicted) for found in (coarse, fine)]
    assert np.log10(ratios[0] / ratios[1]) == pytest.approx(1, abs=0.1)


def test_what_changes_and_by_how_much():
    sizes = [3, 4, 3, 2]
    net, x, y = network_and_example(sizes)
    found = perturbation(net, x, y, (2, 1, 2), 0.25)
    assert [change.l for change in found.layers] == [2, 3, 4]
    assert [change.real.shape for change in found.layers] == [(4, 1), (3, 1), (2, 1)]
    assert np.flatnonzero(found.layers[0].real).tolist() == [1]
    assert np.flatnonzero(found.layers[0].predicted).tolist() == [1]
    nabla_w = net.backprop(x, y)[1][0][1, 2]
    assert found.predicted == pytest.approx(nabla_w * 0.25, rel=1e-12)
    before = net.feedforward(x)
    net.weights[0][1, 2] += 0.25
    after = net.feedforward(x)
    np.testing.assert_allclose(found.layers[-1].real, after - before, rtol=1e-11)
    cost = 0.5 * np.sum((after - y) ** 2) - 0.5 * np.sum((before - y) ** 2)
    assert found.real == pytest.approx(cost, rel=1e-11)


def test_a_change_of_an_output_weight_and_another_cost():
    net, x, y = network_and_example([3, 2])
    net.cost_derivative = lambda a, y: 4 * (a - y) ** 3
    with pytest.raises(ValueError, match="cost_derivative is replaced"):
        perturbation(net, x, y, (2, 0, 0), 1e-3)
    found = perturbation(net, x, y, (2, 0, 0), 1e-6, cost=lambda a, y: np.sum((a - y) ** 4))
    assert found.real == pytest.approx(found.predicted, rel=1e-4)
    assert check_gradient(net, x, y, cost=lambda a, y: np.sum((a - y) ** 4))


@pytest.mark.parametrize(
    "weight", [(1, 0, 0), (4, 0, 0), (2, 4, 0), (2, 0, 3), (2, -1, 0), (3, 0, -1), (3, 2, 0), (3, 0, 4)]
)
def test_a_weight_outside_the_network(weight):
    net, x, y = network_and_example([3, 4, 2])
    with pytest.raises(ValueError, match="weight is"):
        paths(net, x, y, weight)  # before the first path is taken
    with pytest.raises(ValueError, match="weight is"):
        perturbation(net, x, y, weight, 0.1)


def test_errors_come_before_anything_is_computed():
    def fails(z):
        raise AssertionError("computed")

    net, x, y = network_and_example([3, 4, 2], activation=Activation(fails, fails))
    with pytest.raises(ValueError, match=r"\b32 paths"):
        path_sum_gradient(net, x, y, max_paths=2)
    for weight, dw in (((5, 0, 0), 1e-3), ((2, 0, 0), 0.0)):
        with pytest.raises(ValueError, match="is"):
            perturbation(net, x, y, weight, dw)


def test_a_network_of_the_reference_and_nothing_of_it_changes():
    np.random.seed(5)
    net, (x, y) = ReferenceNetwork([3, 4, 2]), dense_examples(1, [3, 4, 2])[0]
    with nothing_changes(net):
        assert worst_difference(path_sum_gradient(net, x, y), net.backprop(x, y)[1]) < 1e-10
        perturbation(net, x, y, (2, 0, 0), 1e-3)
        list(paths(net, x, y, (2, 0, 0)))


def test_wrong_arguments():
    net, x, y = network_and_example([3, 4, 2])
    for weight in ((2, 0), 2, "abc", (2.0, 0, 0)):
        with pytest.raises(TypeError, match="expected three whole numbers"):
            paths(net, x, y, weight)
    for dw in (0, 1e-30, np.inf, np.nan):
        with pytest.raises(ValueError, match="dw is"):
            perturbation(net, x, y, (2, 0, 0), dw)
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        path_sum_gradient(net, x[:2], y)
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        paths(net, x[:2], y, (2, 0, 0))
    with pytest.raises(TypeError, match="max_paths"):
        path_sum_gradient(net, x, y, max_paths="many")


RIGHT_ANSWER = np.array([[0.0], [1.0], [0.0]])


def tolerance_of(name):
    """Of a user's cost over softmax, ∂C/∂a^L is found from differences."""
    return {"float32": 1e-5, "own cost, softmax": 1e-8}.get(name, 1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_sum_over_paths_is_the_gradient_of_every_cost(name):
    net = NETWORKS[name]()
    x = dense_examples(1, [net.weights[0].shape[1], 3])[0][0]
    nabla_w = net.backprop(x, RIGHT_ANSWER)[1]
    with nothing_changes(net):
        assert worst_difference(path_sum_gradient(net, x, RIGHT_ANSWER), nabla_w) < tolerance_of(name)
    for l, nabla in enumerate(nabla_w, 2):
        for j, k in ((0, 1), (2, 0)):
            products = [path.product for path in paths(net, x, RIGHT_ANSWER, (l, j, k))]
            assert abs(sum(products) - nabla[j, k]) < tolerance_of(name) * np.abs(nabla).max()


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "float32"])
def test_a_small_change_is_predicted_to_first_order_with_every_cost(name):
    net = NETWORKS[name]()
    x = dense_examples(1, [net.weights[0].shape[1], 3])[0][0]
    before = net.feedforward(x)
    cost = net.cost.fn if isinstance(net, ReferenceNetwork2) else lambda a, y: 0.5 * np.sum((a - y) ** 2)
    for l in range(2, len(net.weights) + 2):
        nabla = net.backprop(x, RIGHT_ANSWER)[1][l - 2]
        found = perturbation(net, x, RIGHT_ANSWER, (l, 1, 2), 1e-3)
        assert found.predicted == pytest.approx(nabla[1, 2] * 1e-3, rel=1e-10)
        net.weights[l - 2][1, 2] += 1e-3
        after = net.feedforward(x)
        net.weights[l - 2][1, 2] -= 1e-3
        np.testing.assert_allclose(found.layers[-1].real, after - before, rtol=1e-9, atol=1e-13)
        difference = float(cost(after, RIGHT_ANSWER)) - float(cost(before, RIGHT_ANSWER))
        assert found.real == pytest.approx(difference, rel=1e-9, abs=1e-14)
        assert found.real == pytest.approx(found.predicted, rel=0.02)
        for change in found.layers:
            np.testing.assert_allclose(change.predicted, change.real, rtol=0.02, atol=1e-6)


def test_a_path_through_softmax_by_hand():
    net = network2.Network([2, 2, 3], cost=network2.LogLikelihoodCost)
    x, (y0, y1) = dense_examples(1, [2, 2])[0][0], (0.25, 0.75)
    y = np.array([[y0], [y1], [0.0]])
    a2 = 1 / (1 + np.exp(-(net.weights[0] @ x + net.biases[0])))
    e = np.exp(net.weights[1] @ a2 + net.biases[1])
    a = (e / e.sum()).ravel()
    found = {path.neurons: path.product for path in paths(net, x, y, (2, 1, 0))}
    assert list(found) == [(1, 0), (1, 1), (1, 2)]
    # ∂a^3_0/∂a^2_1 is a sum over all z^3_j, which each a^3_m depends on.
    rate = sum(a[0] * ((j == 0) - a[j]) * net.weights[1][j, 1] for j in range(3))
    first = (a2 * (1 - a2))[1, 0] * x[0, 0]
    assert found[1, 0] == pytest.approx(-y0 / a[0] * rate * first, rel=1e-12)
    assert found[1, 2] == 0
    # A weight of the softmax layer itself changes all its activations.
    found = {path.neurons: path.product for path in paths(net, x, y, (3, 0, 1))}
    assert list(found) == [(0,), (1,), (2,)]
    assert found[1,] == pytest.approx(-y1 / a[1] * -a[1] * a[0] * a2[1, 0], rel=1e-12)


def test_max_paths_counts_those_of_a_softmax_layer():
    for sizes in ([3, 2], [2, 3, 4], [2, 3, 1, 2]):
        np.random.seed(0)
        net = network2.Network(sizes, cost=network2.LogLikelihoodCost)
        x, y = dense_examples(1, sizes)[0]
        walked = sum(
            len(list(paths(net, x, y, (l, j, k))))
            for l in range(2, len(sizes) + 1)
            for j in range(sizes[l - 1])
            for k in range(sizes[l - 2])
        )
        path_sum_gradient(net, x, y, max_paths=walked)
        with pytest.raises(ValueError, match=rf"\b{walked} paths"):
            path_sum_gradient(net, x, y, max_paths=walked - 1)


@pytest.mark.parametrize("cost", [network2.CrossEntropyCost, network2.LogLikelihoodCost])
def test_saturated_outputs_lose_no_path(cost):
    net = network2.Network([4, 5, 3], cost=cost)
    x = dense_examples(1, [4, 3])[0][0]
    net.biases[-1][:] = [[800.0], [-800.0], [-800.0]]  # the wrong answer, for certain: ∂C/∂a^L_1 is infinite
    nabla_w = net.backprop(x, RIGHT_ANSWER)[1]
    assert np.abs(nabla_w[1]).max() > 0.1
    assert worst_difference(path_sum_gradient(net, x, RIGHT_ANSWER), nabla_w) < 1e-10
    assert perturbation(net, x, RIGHT_ANSWER, (2, 0, 0), 1e-3).predicted == pytest.approx(
        nabla_w[0][0, 0] * 1e-3, rel=1e-10
    )

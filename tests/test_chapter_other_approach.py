"""The other approach, equation (46): differences of the cost, and `backprop` held against them."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import network, network2
from cbackprop.chapter import check_gradient, numerical_gradient, one_pass
from cbackprop.network import Activation, Network
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import nothing_changes, worst_difference
from support.chapter_networks import NETWORKS, QuarticCost, SoftmaxQuarticCost
from support.examples import dense_examples

MIXED = {
    "activation": ["tanh", "softplus", "linear", "sigmoid"],
    "neuron_activations": {(2, 1): "linear", (4, 0): "softplus", (5, 2): "tanh"},
}


def example(sizes):
    return dense_examples(1, sizes)[0]


def by_copies(net, x, y, steps):
    """The gradient as the chapter tells it: the whole network again for each parameter."""
    nabla = []
    for arrays in (net.biases, net.weights):
        nabla.append([])
        for array in arrays:
            nabla[-1].append(np.empty_like(array))
            for place in np.ndindex(array.shape):
                costs, value = [], array[place]
                for step in steps:
                    array[place] = value + step
                    costs.append(0.5 * np.sum((net.feedforward(x) - y) ** 2))
                array[place] = value
                nabla[-1][-1][place] = (costs[0] - costs[1]) / (steps[0] - steps[1])
    return nabla


@pytest.mark.parametrize("scheme, steps", [("forward", (2**-7, 0)), ("central", (2**-7, -(2**-7)))])
@pytest.mark.parametrize(
    "sizes, options", [([3, 2], {}), ([5, 4, 3], {}), ([3, 4, 2, 3, 4], MIXED), ([1] * 6, {})], ids=str
)
def test_it_is_the_quotient_that_whole_passes_give(sizes, options, scheme, steps):
    net, (x, y) = Network(sizes, **options), example(sizes)
    expected = by_copies(net, x, y, steps)
    with nothing_changes(net):
        found = numerical_gradient(net, x, y, epsilon=2**-7, scheme=scheme)
    # A coarse step, so that the quotient differs from the derivative and must agree with the quotient.
    for ours, quotient, exact in zip(found, expected, net.backprop(x, y), strict=True):
        assert worst_difference(ours, quotient) < 1e-11
        assert worst_difference(quotient, exact) > 1e-9


@pytest.mark.parametrize("scheme, order", [("forward", 1), ("central", 2)])
def test_the_error_falls_at_the_order_of_the_scheme(scheme, order):
    net, (x, y) = Network([4, 5, 3]), example([4, 5, 3])
    exact = net.backprop(x, y)[1]
    errors = [
        worst_difference(numerical_gradient(net, x, y, epsilon=epsilon, scheme=scheme)[1], exact)
        for epsilon in (1e-2, 1e-3)
    ]
    assert np.log10(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.integers(0, 2**31))
def test_backprop_of_any_sizes_passes(sizes, seed):
    np.random.seed(seed)
    net, (x, y) = Network(sizes), dense_examples(1, sizes, seed)[0]
    assert check_gradient(net, x, y)
    assert check_gradient(net, x, y, scheme="forward")


@pytest.mark.parametrize("name", ["sigmoid", "linear", "tanh", "relu", "softplus"])
def test_every_activation_passes(name):
    sizes = [6, 5, 4, 3]
    result = check_gradient(Network(sizes, activation=name), *example(sizes))
    assert result and result.difference < 1e-7


def test_modified_neurons_the_users_functions_and_the_reference_pass():
    sizes, own = [3, 4, 2, 3, 4], [3, 5, 4]
    assert check_gradient(Network(sizes, **MIXED), *example(sizes)).difference < 1e-7
    assert check_gradient(ReferenceNetwork(sizes, **MIXED), *example(sizes)).difference < 1e-7
    net = Network(own, activation=Activation(np.sin, np.cos), neuron_activations={(3, 1): "tanh"})
    assert check_gradient(net, *example(own)).difference < 1e-7


def test_the_books_network_and_a_float32_network_pass():
    x, y = example([784, 30, 10])
    assert check_gradient(Network([784, 30, 10]), x, y, tolerance=1e-7)
    net = Network([20, 10, 5], dtype=np.float32)
    result = check_gradient(net, *example([20, 10, 5]))
    assert result and net.weights[0].dtype == np.float32


def test_a_replaced_sigmoid_is_the_one_that_counts(monkeypatch):
    net, (x, y) = Network([4, 5, 3]), example([4, 5, 3])
    usual = numerical_gradient(net, x, y)[1]
    monkeypatch.setattr(network, "sigmoid", np.sin)
    monkeypatch.setattr(network, "sigmoid_prime", np.cos)
    assert check_gradient(net, x, y).difference < 1e-7
    assert worst_difference(numerical_gradient(net, x, y)[1], usual) > 1e-3


class Wrong(Network):
    """A sign is wrong in one place."""

    def backprop(self, x, y):
        nabla_b, nabla_w = super().backprop(x, y)
        nabla_w[1][2, 3] *= -1
        return nabla_b, nabla_w


def test_a_wrong_gradient_is_found_and_named():
    sizes = [3, 4, 5]
    net, (x, y) = Wrong(sizes), example(sizes)
    result = check_gradient(net, x, y)
    assert not result and not result.agrees
    assert (result.parameter, result.l, result.j, result.k) == ("w", 3, 2, 3)
    assert result.backprop == net.backprop(x, y)[1][1][2, 3]
    assert result.numerical == pytest.approx(-result.backprop, rel=1e-6)
    text = str(result)
    assert "DISAGREE" in text and "layer 3, j = 2, k = 3" in text and f"{result.backprop:.12g}" in text


def test_a_wrong_bias_is_named_and_nan_is_no_agreement():
    net, (x, y) = Network([3, 4, 2]), example([3, 4, 2])
    right = net.backprop(x, y)
    right[0][0][1] += 1
    net.backprop = lambda x, y: right
    result = check_gradient(net, x, y)
    assert (result.agrees, result.parameter, result.l, result.j, result.k) == (False, "b", 2, 1, None)
    right[0][0][1] = np.nan
    assert not check_gradient(net, x, y)
    right[0][0][1] = np.inf
    result = check_gradient(net, x, y)
    assert (bool(result), result.parameter, result.l, result.j) == (False, "b", 2, 1)
    right[0][0] = right[0][0][1:]
    with pytest.raises(ValueError, match=r"nabla_b\[0\] of shape \(3, 1\); expected \(4, 1\)"):
        check_gradient(net, x, y)
    del right[0][0]
    with pytest.raises(ValueError, match="backprop returned 1 arrays nabla_b; expected 2"):
        check_gradient(net, x, y)


class CrossEntropy(Network):
    def cost_derivative(self, output_activations, y):
        return (output_activations - y) / (output_activations * (1 - output_activations))


def cross_entropy(a, y):
    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))


def test_another_cost_must_be_given():
    net, (x, y) = CrossEntropy([4, 5, 3]), example([4, 5, 3])
    for function in (numerical_gradient, check_gradient):
        with pytest.raises(ValueError, match="cost_derivative is replaced"):
            function(net, x, y)
    assert check_gradient(net, x, y, cost=cross_entropy).difference < 1e-7
    net = Network([4, 5, 3])
    net.cost_derivative = types.MethodType(CrossEntropy.cost_derivative, net)
    with pytest.raises(ValueError, match="cost_derivative is replaced"):
        check_gradient(net, x, y)
    assert check_gradient(net, x, y, cost=cross_entropy).difference < 1e-7


class Softmax(Network):
    """Its output layer is a softmax, so that each output depends on every z^L."""

    def feedforward(self, a):
        for b, w in zip(self.biases[:-1], self.weights[:-1]):
            a = network.sigmoid(np.dot(w, a) + b)
        powers = np.exp(np.dot(self.weights[-1], a) + self.biases[-1])
        return powers / powers.sum(axis=0)

    def backprop(self, x, y):
        a = network.sigmoid(np.dot(self.weights[0], x) + self.biases[0])
        delta = self.feedforward(x) - y
        before = np.dot(self.weights[1].T, delta) * a * (1 - a)
        return [before, delta], [np.dot(before, x.T), np.dot(delta, a.T)]


class LogitsSoftmax(Softmax):
    """Softmax whose output layer has no sigmoid, so that backprop's own a^L has no logarithm."""

    def __init__(self, sizes):
        super().__init__(sizes, activation=["sigmoid", "linear"])


def test_the_cost_is_taken_of_what_the_replaced_feedforward_returns():
    net, (x, _) = LogitsSoftmax([4, 5, 3]), example([4, 5, 3])
    y = np.array([[0.0], [1.0], [0.0]])
    net.biases[1][1] = -9.0
    assert net.biases[1][1] + net.weights[1][1] @ np.ones(5) < 0
    with np.errstate(all="raise"):
        assert check_gradient(net, x, y, cost=lambda a, y: -np.sum(y * np.log(a))).difference < 1e-7


def test_a_replaced_feedforward_must_return_a_column():
    net, (x, y) = Network([4, 5, 3]), example([4, 5, 3])
    net.feedforward = lambda a: Network.feedforward(net, a).ravel()
    with nothing_changes(net), pytest.raises(ValueError, match=r"of shape \(3,\); expected \(3, 1\)"):
        numerical_gradient(net, x, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_replaced_feedforward_is_called_and_the_network_put_back(dtype):
    sizes = [4, 5, 3]
    net, (x, _) = Softmax(sizes, dtype=dtype), example(sizes)
    y = np.array([[0.0], [1.0], [0.0]])
    with nothing_changes(net):
        result = check_gradient(net, x, y, cost=lambda a, y: -np.sum(y * np.log(a)))
    assert result and net.dtype == dtype


def test_the_network_is_put_back_after_an_error():
    net, (x, y) = Network([4, 5, 3]), example([4, 5, 3])
    calls = []

    def feedforward(self, a):
        calls.append(a)
        if len(calls) == 7:
            raise ArithmeticError
        return Network.feedforward(self, a)

    net.feedforward = types.MethodType(feedforward, net)
    with nothing_changes(net), pytest.raises(ArithmeticError):
        numerical_gradient(net, x, y)


def test_each_weight_costs_no_copy_of_the_network(monkeypatch):
    sizes = [50, 40, 30, 20]
    net, (x, y) = Network(sizes), example(sizes)
    passes = []
    own = Network.feedforward
    monkeypatch.setattr(Network, "feedforward", lambda self, a: passes.append(np.shape(a)) or own(self, a))
    numerical_gradient(net, x, y)
    # Only the last layers, from a^3 on, and only for the parameters of layer 2, in one matrix each.
    assert passes == [(30, 40), (30, 40 * 50)]


def test_parameters_as_the_user_may_leave_them():
    net, (x, y) = Network([4, 5, 3]), example([4, 5, 3])
    net.weights[0] = np.asfortranarray(net.weights[0])
    net.weights[1] = np.round(net.weights[1] * 8).astype(np.int64)
    net.biases[0].flags.writeable = False
    assert check_gradient(net, x, y).difference < 1e-7
    assert check_gradient(net, x.astype(np.float32), 1)
    assert check_gradient(net, (x > 0.5), y.astype(np.float16))


def test_what_a_vanishing_epsilon_vanishes_against():
    net, (x, y) = Network([3, 4, 2]), example([3, 4, 2])
    net.weights[1][1, 2] = 1e9
    with (
        nothing_changes(net),
        pytest.raises(ValueError, match=r"weights\[1\]\[1, 2\], which is 1000000000\.0$"),
    ):
        numerical_gradient(net, x, y, epsilon=1e-9)
    net.weights[1][1, 2] = 1.0
    net.biases[0][3] = np.inf
    with pytest.raises(ValueError, match=r"vanishes against biases\[0\]\[3, 0\], which is inf"):
        check_gradient(net, x, y)


@pytest.mark.parametrize("epsilon", [0, -1e-6, np.nan, np.inf])
def test_epsilon_must_be_positive(epsilon):
    net, (x, y) = Network([3, 2]), example([3, 2])
    with pytest.raises(ValueError, match="epsilon is"):
        numerical_gradient(net, x, y, epsilon=epsilon)


def test_wrong_arguments():
    net, (x, y) = Network([3, 2]), example([3, 2])
    with pytest.raises(TypeError, match="epsilon"):
        numerical_gradient(net, x, y, epsilon="small")
    with pytest.raises(ValueError, match="scheme is 'backward'"):
        numerical_gradient(net, x, y, scheme="backward")
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        numerical_gradient(net, x[:2], y)
    with pytest.raises(ValueError, match=r"\(2, 1\)"):
        check_gradient(net, x, np.ones((3, 1)))
    with pytest.raises(TypeError, match="expected a function"):
        numerical_gradient(net, x, y, cost=3)
    with pytest.raises(ValueError, match=r"cost returned an array of shape \(2, 1\)"):
        numerical_gradient(net, x, y, cost=lambda a, y: a - y)
    with pytest.raises(TypeError, match="cost returned 'much'; expected a real number"):
        numerical_gradient(net, x, y, cost=lambda a, y: "much")
    with pytest.raises(ValueError, match="tolerance is -1"):
        check_gradient(net, x, y, tolerance=-1)
    with pytest.raises(TypeError, match=r"net is list; expected a cbackprop\.network\.Network"):
        numerical_gradient([3, 2], x, y)
    with pytest.raises(ValueError, match="net has no weights and no biases"):
        check_gradient(Network([3, 0]), x, np.ones((0, 1)))


def test_errors_come_before_anything_is_computed():
    def fails(z):
        raise AssertionError("computed")

    net, (x, y) = Network([3, 2], activation=Activation(fails, fails)), example([3, 2])
    for wrong in ({"epsilon": 0}, {"epsilon": 1e-300}, {"scheme": "both"}, {"cost": 1}):
        for function in (numerical_gradient, check_gradient):
            with pytest.raises((ValueError, TypeError), match=f"{next(iter(wrong))} is"):
                function(net, x, y, **wrong)
    net.cost_derivative = fails
    with pytest.raises(ValueError, match="cost_derivative is replaced"):
        check_gradient(net, x, y)


def test_a_cost_derivative_of_the_wrong_shape():
    net, (x, y) = Network([3, 2]), example([3, 2])
    net.backprop = lambda x, y: Network([3, 2]).backprop(x, y)
    net.cost_derivative = lambda a, y: (a - y).T
    with pytest.raises(ValueError, match=r"cost_derivative returned an array of shape \(1, 2\)"):
        check_gradient(net, x, y, cost=lambda a, y: np.sum(a))


def test_numbers_that_are_not_finite_propagate():
    net, (x, y) = Network([3, 2]), example([3, 2])
    x[1] = np.nan
    nabla_b, nabla_w = numerical_gradient(net, x, y)
    assert np.isnan(nabla_b[0]).all() and np.isnan(nabla_w[0]).all()
    assert not check_gradient(net, x, y)


def test_in_many_chunks_as_in_one(monkeypatch):
    sizes = [7, 6, 5, 4]
    net, (x, y) = Network(sizes), example(sizes)
    whole = numerical_gradient(net, x, y, epsilon=2**-7)
    monkeypatch.setattr(one_pass, "COLUMN_ENTRIES", 11)
    for ours, expected in zip(numerical_gradient(net, x, y, epsilon=2**-7), whole, strict=True):
        assert worst_difference(ours, expected) < 1e-11


RIGHT_ANSWER = np.array([[0.0], [1.0], [0.0]])


@pytest.mark.parametrize("scheme", ["forward", "central"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_cost_of_network2_passes(name, scheme):
    net = NETWORKS[name]()
    x = example([net.weights[0].shape[1], 3])[0]
    with nothing_changes(net):
        result = check_gradient(net, x, RIGHT_ANSWER, scheme=scheme)
    assert result
    assert result.difference < (1e-4 if net.dtype == np.float32 else 1e-5 if scheme == "forward" else 1e-7)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("float32", "wide")])
def test_it_is_the_quotient_that_whole_passes_of_network2_give(name):
    net = NETWORKS[name]()
    x = example([4, 3])[0]
    cost = net.cost.fn if isinstance(net, ReferenceNetwork2) else lambda a, y: 0.5 * np.sum((a - y) ** 2)
    found = numerical_gradient(net, x, RIGHT_ANSWER, epsilon=2**-7, scheme="central")
    for arrays, nabla in zip((net.biases, net.weights), found, strict=True):
        for array, ours in zip(arrays, nabla, strict=True):
            expected = np.empty_like(array)
            for place in np.ndindex(array.shape):
                value, costs = array[place], []
                for step in (2**-7, -(2**-7)):
                    array[place] = value + step
                    costs.append(float(cost(net.feedforward(x), RIGHT_ANSWER)))
                array[place] = value
                expected[place] = (costs[0] - costs[1]) * 2**6
            assert worst_difference([ours], [expected]) < 1e-10


def test_a_wrong_delta_of_network2_is_found():
    class Wrong(QuarticCost):
        @staticmethod
        def delta(z, a, y):
            return 2 * QuarticCost.delta(z, a, y)

    x = example([4, 3])[0]
    result = check_gradient(network2.Network([4, 5, 3], cost=Wrong), x, RIGHT_ANSWER)
    assert not result and result.backprop == pytest.approx(2 * result.numerical, rel=1e-5)
    # δ = a − y is the derivative of −Σ y ln a only if y sums to 1.
    net = network2.Network([4, 5, 3], cost=network2.LogLikelihoodCost)
    assert check_gradient(net, x, np.array([[0.2], [0.3], [0.5]]))
    assert not check_gradient(net, x, np.array([[1.0], [1.0], [0.0]]))


def test_another_cost_in_place_of_network2s():
    net, x = NETWORKS["own cost"](), example([4, 3])[0]
    twice = numerical_gradient(net, x, RIGHT_ANSWER, cost=lambda a, y: 2 * QuarticCost.fn(a, y))
    usual = numerical_gradient(net, x, RIGHT_ANSWER)
    assert worst_difference(twice[1], [2 * nabla for nabla in usual[1]]) < 1e-6
    assert not check_gradient(net, x, RIGHT_ANSWER, cost=lambda a, y: 2 * QuarticCost.fn(a, y))


@pytest.mark.parametrize("cost", [network2.CrossEntropyCost, network2.LogLikelihoodCost])
def test_saturated_outputs_of_network2_pass(cost):
    net, x = network2.Network([4, 5, 3], cost=cost), example([4, 3])[0]
    net.biases[-1][:] = [[-40.0], [45.0], [-38.0]]
    assert check_gradient(net, x, RIGHT_ANSWER)
    net.biases[-1][1] = 12.0
    assert check_gradient(net, x, RIGHT_ANSWER)


def test_a_replaced_feedforward_and_sigmoid_of_network2_count(monkeypatch):
    net, x = network2.Network([4, 5, 3]), example([4, 3])[0]
    monkeypatch.setattr(network, "sigmoid", np.sin)  # of the other module
    assert check_gradient(net, x, RIGHT_ANSWER)
    calls = []
    net.feedforward = lambda a: calls.append(a) or network2.Network.feedforward(net, a)
    with nothing_changes(net):
        assert check_gradient(net, x, RIGHT_ANSWER)
    assert len(calls) > 2 * (5 * 4 + 5 + 3 * 5 + 3)
    net = network2.Network([4, 5, 3], cost=network2.QuadraticCost)
    monkeypatch.setattr(network2, "sigmoid", np.tanh)
    monkeypatch.setattr(network2, "sigmoid_prime", lambda z: 1 - np.tanh(z) ** 2)
    assert check_gradient(net, x, RIGHT_ANSWER)


def test_a_cost_that_does_not_fit_the_output_layer():
    net, x = network2.Network([4, 5, 3]), example([4, 3])[0]
    for cost in (network2.LogLikelihoodCost, network2.PoissonCost):
        net.cost = cost
        with pytest.raises(ValueError, match="output layer"):
            numerical_gradient(net, x, RIGHT_ANSWER)
    net.cost = int
    with pytest.raises(TypeError, match="cost is"):
        check_gradient(net, x, RIGHT_ANSWER)
    net = network2.Network([4, 3], cost=SoftmaxQuarticCost, activation="softmax")
    SoftmaxQuarticCost.fn = staticmethod(lambda a, y: a)
    try:
        with pytest.raises(ValueError, match=r"cost returned an array of shape \(3, 1\)"):
            numerical_gradient(net, x, RIGHT_ANSWER)
    finally:
        del SoftmaxQuarticCost.fn

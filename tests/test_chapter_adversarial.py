"""`chapter.adversarial`: a bounded change of x, down ∂C/∂x, that makes the network answer as wanted."""

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.chapter import adversarial
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import nothing_changes
from support.chapter_networks import NETWORKS
from support.examples import digit_examples

SIZES = [60, 12, 10]


def trained(kind=network.Network, **options):
    net = kind(SIZES, random_state=3, **options)
    eta = 3.0 if kind is network.Network else 0.5
    net.SGD(digit_examples(300, 60), 10, 10, eta, verbose=False, random_state=3)
    return net


KINDS = {
    "network": (network.Network, {}),
    "float32": (network.Network, {"dtype": np.float32}),
    "cross-entropy": (network2.Network, {}),
    "log-likelihood": (network2.Network, {"cost": network2.LogLikelihoodCost}),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_trained_network_is_misled(name):
    kind, options = KINDS[name]
    net = trained(kind, **options)
    reached = 0
    for x, _ in digit_examples(3, 60, seed=8, labels=True):
        kept = x.copy()
        for label in range(10):
            with nothing_changes(net):
                found = adversarial(net, x, label, size=0.5)
            np.testing.assert_array_equal(x, kept)
            answer = int(np.argmax(net.feedforward(found.x)))
            assert found.answer == answer and found.label == label
            assert bool(found) is found.reached is (answer == label)
            assert found.x.shape == (60, 1) and found.x.dtype == np.float64
            assert found.x.min() >= 0 and found.x.max() <= 1
            assert found.change == np.abs(found.x - x).max() <= 0.5 + 1e-12
            assert found.change <= 0.02 * found.steps + 1e-12
            reached += found.reached
    assert reached >= 27


def test_a_step_goes_down_the_gradient_of_the_cost():
    net = trained()
    x = digit_examples(1, 60, seed=8)[0][0].astype(np.float64)
    answer = int(net.predict(x.T)[0])
    label = (answer + 1) % 10
    y = np.eye(10)[:, [label]]
    gradient = np.empty_like(x)
    for k in range(60):
        costs = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[k] += step
            costs.append(0.5 * np.sum((net.feedforward(moved) - y) ** 2))
        gradient[k] = costs[0] - costs[1]
    found = adversarial(net, x, label, step=1e-3, max_steps=1, bounds=None)
    assert found.steps == 1 and not found
    large = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
    np.testing.assert_allclose((found.x - x)[large], -1e-3 * np.sign(gradient)[large], rtol=1e-9)


def test_what_it_answers_already_needs_no_change():
    net, (x, _) = trained(), digit_examples(1, 60)[0]
    label = int(net.predict(x.T)[0])
    found = adversarial(net, x, label)
    assert found and found.steps == 0 and found.change == 0
    np.testing.assert_array_equal(found.x, x)
    assert not np.shares_memory(found.x, x)
    assert str(found) == f"the answer is {label} after 0 steps, which change no input by more than 0"


def test_how_far_it_gets_is_said():
    net, (x, _) = trained(), digit_examples(1, 60)[0]
    label = (int(net.predict(x.T)[0]) + 1) % 10
    for options in ({"max_steps": 0}, {"size": 1e-6}):
        found = adversarial(net, x, label, **options)
        assert not found and found.answer != label and f"{label} is NOT reached" in str(found)
        assert found.steps == options.get("max_steps", 100)
        assert found.change <= 1.01e-6


def test_the_same_arguments_give_the_same_bits():
    net, (x, _) = trained(), digit_examples(1, 60)[0]
    first, second = (adversarial(net, x, 4) for _ in range(2))
    assert first.x.tobytes() == second.x.tobytes() and first[1:] == second[1:]


def test_bounds_as_asked():
    net, (x, _) = trained(), digit_examples(1, 60)[0]
    x = x * 3 - 1
    label = (int(net.predict(x.T)[0]) + 1) % 10
    with pytest.raises(ValueError, match=r"x\[\d+\] is -1\.0; expected a finite number from 0\.0 to 1\.0"):
        adversarial(net, x, label)
    found = adversarial(net, x, label, bounds=(-1, 2), size=2)
    assert found.steps and found.x.min() >= -1 and found.x.max() <= 2
    found = adversarial(net, x, label, bounds=None, size=2)
    assert found.steps and found.x.min() < -1


def test_one_output_neuron_answers_0_or_1():
    net = network.Network([4, 1])
    net.weights[0][:], net.biases[0][:] = [[1.0, -2.0, 3.0, -1.0]], 0.1
    x = np.full((4, 1), 0.5)
    for label in (0, 1):
        found = adversarial(net, x, label)
        assert found and found.answer == int(net.feedforward(found.x)[0, 0] >= 0.5) == label
    with pytest.raises(ValueError, match="label is 2; this network's answers are 0 to 1"):
        adversarial(net, x, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_cost_and_activation(name):
    net = NETWORKS[name]()
    x = np.full((net.weights[0].shape[1], 1), 0.5)
    for label in range(3):
        found = adversarial(net, x, label, bounds=None, size=20, step=0.1)
        assert found.answer == int(np.argmax(net.feedforward(found.x))) and found.steps <= 100


def test_replaced_methods_are_called():
    class Other(network.Network):
        def feedforward(self, a):
            return 1 - super().feedforward(a)

        def backprop(self, x, y):
            return super().backprop(x, 1 - y)

    x = np.full((6, 1), 0.5)
    for kind in (Other, ReferenceNetwork):
        net = kind([6, 3])
        net.weights[0][:], net.biases[0][:] = np.tile(np.eye(3), 2), 0.0
        net.weights[0][0, 0] += 0.1
        for label in range(3):
            found = adversarial(net, x, label)
            assert found and np.argmax(net.feedforward(found.x)) == label


def test_a_gradient_that_is_not_finite_ends_it():
    net = network.Network([4, 3, 2], random_state=1)
    net.weights[0][0, 0] = np.nan
    x = np.full((4, 1), 0.5)
    found = adversarial(net, x, 1 - int(net.predict(x.T)[0]))
    assert not found and found.steps == 0 and np.isfinite(found.x).all()


def test_wrong_arguments():
    net, x = network.Network([4, 3, 2]), np.full((4, 1), 0.5)
    for label, error in ((-1, ValueError), (2, ValueError), (1.0, TypeError), ("1", TypeError)):
        with pytest.raises(error, match="label is"):
            adversarial(net, x, label)
    for name in ("size", "step"):
        for value, error in ((0, ValueError), (np.nan, ValueError), (np.inf, ValueError), ("a", TypeError)):
            with pytest.raises(error, match=f"{name} is"):
                adversarial(net, x, 1, **{name: value})
    for value, error in ((-1, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="max_steps is"):
            adversarial(net, x, 1, max_steps=value)
    for bounds in (3, (1, 2, 3), ("a", "b"), (0, None)):
        with pytest.raises(TypeError, match="bounds"):
            adversarial(net, x, 1, bounds=bounds)
    for bounds in ((1, 0), (np.nan, 1)):
        with pytest.raises(ValueError, match="bounds"):
            adversarial(net, x, 1, bounds=bounds)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"x\[0\] is"):
            adversarial(net, np.full((4, 1), bad), 1, bounds=None)
    with pytest.raises(ValueError, match=r"\(4, 1\)"):
        adversarial(net, x[:2], 1)
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        adversarial(net, np.full((4, 2), 0.5), 1)
    with pytest.raises(TypeError, match="real numbers"):
        adversarial(net, x * 1j, 1)
    with pytest.raises(TypeError, match="net is list"):
        adversarial([3, 2], x, 1)


def test_no_output_and_bounds_that_are_none():
    with pytest.raises(ValueError, match="no output neuron"):
        adversarial(network.Network([3, 0]), np.zeros((3, 1)), 0)
    for bounds in ((1, 0), (0, float("nan"))):
        with pytest.raises(ValueError, match="expected \\(least, largest\\)"):
            adversarial(network.Network([3, 2]), np.zeros((3, 1)), 0, bounds=bounds)

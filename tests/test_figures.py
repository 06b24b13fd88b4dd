"""The figures draw what the network holds."""

import sys

import numpy as np
import pytest

from cbackprop import figures, network, network2
from support.examples import digit_examples


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib", reason="matplotlib, the extra `plot`, is not installed")


def test_learning_curves(matplotlib, capsys):
    net = network2.Network([60, 8, 10])
    evaluation = digit_examples(20, 60, labels=True)
    net.SGD(digit_examples(40, 60), 3, 10, 0.5, 1.0, evaluation, True, True, True, True)
    cost, accuracy = figures.learning_curves(net.history, 40, 20).axes
    assert (cost.get_title(), accuracy.get_ylabel()) == ("Cost", "accuracy (%)")
    training, _ = cost.lines
    np.testing.assert_array_equal(training.get_ydata(), [entry["training_cost"] for entry in net.history])
    _, evaluated = accuracy.lines
    np.testing.assert_array_equal(
        evaluated.get_ydata(), [5 * entry["evaluation_accuracy"] for entry in net.history]
    )
    assert figures.learning_curves(net.history).axes[1].get_ylabel() == "accuracy (examples)"


def test_only_what_was_monitored(matplotlib, capsys):
    net = network2.Network([60, 8, 10])
    net.SGD(digit_examples(40, 60), 2, 10, 0.5, monitor_training_accuracy=True)
    (axes,) = figures.learning_curves(net.history).axes
    assert axes.get_title() == "Accuracy" and len(axes.lines) == 1
    net.SGD(digit_examples(40, 60), 2, 10, 0.5)
    with pytest.raises(ValueError, match="monitor_"):
        figures.learning_curves(net.history)
    with pytest.raises(ValueError, match="monitor_"):
        figures.learning_curves([])


def test_what_was_monitored_for_some_epochs_alone(matplotlib, capsys):
    net = network2.Network([60, 8, 10])
    net.SGD(digit_examples(40, 60), 2, 10, 0.5)
    net.SGD(digit_examples(40, 60), 1, 10, 0.5, monitor_training_accuracy=True, resume=True)
    (axes,) = figures.learning_curves(net.history).axes
    right = net.history[2]["training_accuracy"]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [np.nan, np.nan, right])


def test_weight_images(matplotlib):
    net = network.Network([6, 5, 2])
    figure = figures.weight_images(net, shape=(2, 3))
    images = [axes.images[0] for axes in figure.axes if axes.images][:5]
    for j, image in enumerate(images):
        np.testing.assert_array_equal(image.get_array(), net.weights[0][j].reshape(2, 3))
        assert image.get_clim() == (-np.abs(net.weights[0]).max(), np.abs(net.weights[0]).max())
    with pytest.raises(ValueError, match=r"shape is left out.*6 inputs"):
        figures.weight_images(net)
    figures.weight_images(network2.Network([9, 3, 2]))


@pytest.mark.parametrize(
    ("shape", "error"),
    [(6, TypeError), ("23", TypeError), ((2.0, 3.0), TypeError), ((1, 2, 3), ValueError),
     ((2, 2), ValueError), ((-2, -3), ValueError), ((0, 6), ValueError)],
)  # fmt: skip
def test_shapes_that_are_none(shape, error, matplotlib):
    with pytest.raises(error, match="shape is"):
        figures.weight_images(network.Network([6, 5, 2]), shape)


def test_weights_of_what_is_no_network(matplotlib):
    with pytest.raises(TypeError, match="net is of"):
        figures.weight_images(3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_leave_the_scale(bad, matplotlib):
    net = network.Network([4, 3, 2])
    net.weights[0][:] = 0.5
    net.weights[0][0, 0] = bad
    assert figures.weight_images(net).axes[0].images[0].get_clim() == (-0.5, 0.5)
    net.weights[0][:] = 0
    assert figures.weight_images(net).axes[0].images[0].get_clim() == (-1, 1)


def test_arguments_of_learning_curves(matplotlib):
    history = [{"epoch": 0, "training_accuracy": 5}]
    for n, error in ((0, ValueError), (-5, ValueError), ("40", TypeError), (2.5, TypeError)):
        with pytest.raises(error, match="n_training is"):
            figures.learning_curves(history, n)
    for wrong in (None, network.Network([4, 3, 2]), [1]):
        with pytest.raises(TypeError, match=r"net\.history"):
            figures.learning_curves(wrong)
    with pytest.raises(ValueError, match=r"history\[1\] has no 'epoch'; expected net\.history"):
        figures.learning_curves([*history, {"training_accuracy": 5}])
    for name in ("epoch", "training_accuracy"):
        for wrong in ("5", None, [1, 2], np.ones(2), True, 1j, 10**400):
            with pytest.raises(TypeError, match=rf"history\[1\]\['{name}'\] is .*; expected a number"):
                figures.learning_curves([*history, {**history[0], name: wrong}])
    mixed = [{"epoch": np.int64(0), "training_cost": np.float32(1)}, {"epoch": 1.0, "training_cost": np.nan}]
    figures.learning_curves(mixed)
    figures.learning_curves([*mixed, {"epoch": 2}])


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"cbackprop\[plot\]"):
        figures.weight_images(network.Network([4, 3, 2]))


@pytest.mark.parametrize("sizes", [[4], [4, 0], [0, 3]])
def test_weight_images_of_no_weights(matplotlib, sizes):
    with pytest.raises(ValueError, match="no weights of a first hidden layer"):
        figures.weight_images(network.Network(sizes))

"""The figures draw what the network holds."""

import sys

import numpy as np
import pytest
from agreement import digit_examples

from cbackprop import figures, network, network2


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


def test_weight_images(matplotlib):
    net = network.Network([6, 5, 2])
    figure = figures.weight_images(net, shape=(2, 3))
    images = [axes.images[0] for axes in figure.axes if axes.images][:5]
    for j, image in enumerate(images):
        np.testing.assert_array_equal(image.get_array(), net.weights[0][j].reshape(2, 3))
        assert image.get_clim() == (-np.abs(net.weights[0]).max(), np.abs(net.weights[0]).max())
    with pytest.raises(ValueError, match=r"shape is \(2, 2\).*6"):
        figures.weight_images(net)
    figures.weight_images(network2.Network([9, 3, 2]))


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"cbackprop\[plot\]"):
        figures.weight_images(network.Network([4, 3, 2]))

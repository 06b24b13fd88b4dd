"""`LiveCurves`, a callback of SGD: its figure is that of `learning_curves`, after every epoch."""

import sys
import types

import numpy as np
import pytest

from cbackprop import figures, network, network2
from support.examples import digit_examples

pytest.importorskip("matplotlib", reason="matplotlib, the extra `plot`, is not installed")
Figure = pytest.importorskip("matplotlib.figure").Figure

SIZES = [36, 8, 10]
TRAINING, TESTS = digit_examples(40, 36), digit_examples(20, 36, labels=True)
MONITORS = {
    "evaluation_data": TESTS,
    "monitor_evaluation_cost": True,
    "monitor_evaluation_accuracy": True,
    "monitor_training_cost": True,
    "monitor_training_accuracy": True,
    "verbose": False,
}


def lines_of(figure):
    return [[(line.get_label(), *map(tuple, line.get_data())) for line in axes.lines] for axes in figure.axes]


def test_it_draws_what_learning_curves_draws():
    net, live = network2.Network(SIZES), figures.LiveCurves(40, 20)
    assert live.figure is None and live.history == []
    seen = []

    def look(net, entry):
        seen.append((live.figure, len(live.history), len(live.figure.axes[0].lines[0].get_xdata())))

    net.SGD(list(TRAINING), 3, 10, 0.5, callbacks=[live, look], **MONITORS)
    assert [(n, points) for _, n, points in seen] == [(1, 1), (2, 2), (3, 3)]
    assert all(figure is live.figure for figure, _, _ in seen)
    assert live.history == list(net.history)
    assert lines_of(live.figure) == lines_of(figures.learning_curves(net.history, 40, 20))
    assert [axes.get_ylabel() for axes in live.figure.axes] == ["cost", "accuracy (%)"]


def test_training_goes_on_and_begins_anew():
    net, live = network2.Network(SIZES), figures.LiveCurves()
    assert live(net, {"epoch": 0, "training_cost": 1.0}) is None
    net.SGD(list(TRAINING), 2, 10, 0.5, callbacks=[live], **MONITORS)
    assert [entry["epoch"] for entry in live.history] == [0, 1]
    net.SGD(list(TRAINING), 2, 10, 0.5, callbacks=[live], resume=True, **MONITORS)
    assert [entry["epoch"] for entry in live.history] == [0, 1, 2, 3]
    net.SGD(list(TRAINING), 1, 10, 0.5, callbacks=[live], **MONITORS)
    assert [entry["epoch"] for entry in live.history] == [0] and len(live.figure.axes) == 2


def test_the_other_module():
    net, live = network.Network(SIZES), figures.LiveCurves(n_evaluation=20)
    net.SGD(list(TRAINING), 2, 10, 3.0, TESTS, callbacks=[live], verbose=False)
    ((line,),) = lines_of(live.figure)
    right = [5 * entry["evaluation_accuracy"] for entry in live.history]
    assert line == ("evaluation data", (0, 1), tuple(right))
    with pytest.raises(ValueError, match="test_data"):
        net.SGD(list(TRAINING), 2, 10, 3.0, callbacks=[figures.LiveCurves()], verbose=False)


def test_axes_of_the_users_are_redrawn():
    figure = Figure()
    grid = figure.subplots(1, 3)
    live = figures.LiveCurves(ax=grid[1:])
    draws = []
    figure.canvas.draw_idle = lambda: draws.append(len(grid[1].lines[0].get_xdata()))
    net = network2.Network(SIZES)
    net.SGD(list(TRAINING), 3, 10, 0.5, callbacks=[live], **MONITORS)
    assert live.figure is figure and draws == [1, 2, 3]
    assert not grid[0].lines and len(grid[1].lines) == len(grid[2].lines) == 2


def test_in_a_notebook_one_output_is_updated(monkeypatch):
    shown = []

    class Image:
        def __init__(self, data, format):
            assert format == "png" and data.startswith(b"\x89PNG")
            self.data = data

    class Handle:
        def update(self, image):
            shown.append(("update", image.data))

    def display(image, display_id):
        assert display_id is True
        shown.append(("display", image.data))
        return Handle()

    ipython, ipython_display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.version_info = (9, 0)  # matplotlib looks
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython_display.Image, ipython_display.display = Image, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython_display)
    net = network2.Network(SIZES)
    net.SGD(list(TRAINING), 3, 10, 0.5, callbacks=[figures.LiveCurves()], **MONITORS)
    assert [what for what, _ in shown] == ["display", "update", "update"]
    assert len({data for _, data in shown}) == 3
    # A terminal's IPython has no kernel: nothing is displayed there.
    for shell in (types.SimpleNamespace(), None):
        ipython.get_ipython = lambda shell=shell: shell
        figures.LiveCurves()(net, {"epoch": 0, "training_cost": 1.0})
    assert len(shown) == 3


def test_training_is_not_changed():
    nets = [network2.Network(SIZES, random_state=5) for _ in range(2)]
    for net, callbacks in zip(nets, (None, [figures.LiveCurves()]), strict=True):
        net.SGD(list(TRAINING), 2, 10, 0.5, callbacks=callbacks, random_state=5, **MONITORS)
    for one, other in zip(nets[0].weights, nets[1].weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_arguments():
    for n, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="n_training is"):
            figures.LiveCurves(n)
        with pytest.raises(error, match="n_evaluation is"):
            figures.LiveCurves(n_evaluation=n)
    with pytest.raises(TypeError, match="ax is int"):
        figures.LiveCurves(ax=3)
    with pytest.raises(ValueError, match="expected 2, for cost and accuracy"):
        network2.Network(SIZES).SGD(
            list(TRAINING), 1, 10, 0.5, callbacks=[figures.LiveCurves(ax=Figure().subplots())], **MONITORS
        )

"""Every figure draws into the user's axes, too, and nowhere else."""

import sys

import numpy as np
import pytest

from cbackprop import figures, network
from support.children import run_python
from support.examples import digit_examples

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib, the extra `plot`, is not installed")
Figure = pytest.importorskip("matplotlib.figure").Figure

NET = network.Network([36, 5, 10], random_state=1)
TESTS = digit_examples(40, 36, labels=True)
X, Y = TESTS[0][0], np.eye(10)[:, [3]]
HISTORY = [{"epoch": 0, "training_cost": 2.0}, {"epoch": 1, "training_cost": 1.0}]

CALLS = {
    "learning_curves": lambda **ax: figures.learning_curves(HISTORY, **ax),
    "weight_images": lambda **ax: figures.weight_images(NET, **ax),
    "misclassified": lambda **ax: figures.misclassified(NET, TESTS, limit=4, **ax),
    "confusion_matrix": lambda **ax: figures.confusion_matrix(NET, TESTS, **ax),
    "network_diagram": lambda **ax: figures.network_diagram(NET, X, Y, max_neurons=4, **ax),
    "path": lambda **ax: figures.path(NET, X, Y, (2, 1, 0), **ax),
}


def test_no_figure_is_forgotten():
    assert set(CALLS) == set(figures.__all__) - {"LiveCurves"}


def drawn(axes):
    """How many things are in an Axes and in those inside of it."""
    lists = axes.lines, axes.images, axes.patches, axes.collections, axes.texts
    return sum(map(len, lists)) + sum(drawn(child) for child in axes.child_axes)


@pytest.mark.parametrize("name", CALLS)
def test_one_axes_of_the_users(name):
    figure = Figure(figsize=(9, 4))
    left, right = figure.subplots(1, 2)
    assert CALLS[name](ax=right) is figure
    assert drawn(right) and not drawn(left)
    figure.canvas.draw()


@pytest.mark.parametrize("name", CALLS)
def test_axes_of_a_subfigure_and_a_new_figure(name):
    figure = Figure()
    subfigure = figure.subfigures(1, 2)[1]
    assert CALLS[name](ax=subfigure.subplots()) is figure
    new = CALLS[name]()
    assert isinstance(new, Figure)
    new.canvas.draw()
    assert new._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_axes(name):
    for ax in (3, "ax", [], [3], np.zeros(2), Figure()):
        with pytest.raises(TypeError, match=r"ax is \w+; expected a matplotlib Axes"):
            CALLS[name](ax=ax)


@pytest.mark.parametrize("name, n", [("weight_images", 5), ("misclassified", 4)])
def test_an_axes_for_each_image(name, n):
    grid = Figure().subplots(2, 3)
    CALLS[name](ax=grid)
    assert [len(axes.images) for axes in grid.ravel()] == [1] * n + [0] * (6 - n)
    with pytest.raises(ValueError, match=rf"ax has 3 axes; expected one, or as many as the {n} images"):
        CALLS[name](ax=list(Figure().subplots(1, 3)))


def test_as_many_axes_as_panels():
    history = [{"epoch": 0, "training_cost": 2.0, "evaluation_accuracy": 3}]
    for ax in (Figure().subplots(), Figure().subplots(1, 3)):
        with pytest.raises(ValueError, match=r"ax has \d axes; expected 2, for cost and accuracy"):
            figures.learning_curves(history, ax=ax)
    pair = Figure().subplots(2, 1)
    figures.learning_curves(history, ax=pair)
    assert [axes.get_title() for axes in pair] == ["Cost", "Accuracy"]
    for name in ("confusion_matrix", "network_diagram", "path"):
        with pytest.raises(ValueError, match="ax has 2 axes; expected one"):
            CALLS[name](ax=pair)


@pytest.mark.parametrize("name", CALLS)
def test_without_matplotlib(name, monkeypatch):
    for module in [module for module in sys.modules if module.startswith("matplotlib.figure")]:
        monkeypatch.setitem(sys.modules, module, None)
    for options in ({}, {"ax": 3}):
        with pytest.raises(ImportError, match=r"pip install \"cbackprop\[plot\]\""):
            CALLS[name](**options)


def test_importing_the_module_does_not_import_matplotlib(tmp_path):
    run_python("import sys, cbackprop.figures; assert 'matplotlib' not in sys.modules", tmp_path)

"""`network_diagram` and `path` draw what backpropagation computes."""

import math
import re

import numpy as np
import pytest

from cbackprop import figures, network, network2
from cbackprop.chapter import paths, trace
from support.agreement import nothing_changes
from support.chapter_networks import NETWORKS
from support.examples import dense_examples

pytest.importorskip("matplotlib", reason="matplotlib, the extra `plot`, is not installed")
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from cbackprop.figures._axes import NEGATIVE, POSITIVE, short

Y = np.array([[0.0], [1.0], [0.0]])


def input_of(net):
    return dense_examples(1, [net.weights[0].shape[1], 3])[0][0]


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def columns_of(axes):
    """The circles by their x: the (x, y) of the neurons of each layer, the topmost first."""
    columns = {}
    for patch in axes.patches:
        if isinstance(patch, Circle):
            columns.setdefault(round(patch.center[0], 6), []).append(tuple(patch.center))
    return [sorted(columns[x], key=lambda place: -place[1]) for x in sorted(columns)]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_neuron_has_its_numbers_and_every_line_its_gradient(name):
    net = NETWORKS[name]()
    x = input_of(net)
    with nothing_changes(net):
        axes = figures.network_diagram(net, x, Y, max_neurons=50).axes[0]
    found = trace(net, x, Y)
    columns = columns_of(axes)
    assert [len(column) for column in columns] == [len(a) for a in found.a.values()]
    written = {tuple(round(p, 6) for p in text.get_position()): text.get_text() for text in axes.texts}
    for l, column in enumerate(columns, 1):
        for j, (left, middle) in enumerate(column):
            beside = [text for (p, q), text in written.items() if p == left and abs(q - middle) < 0.3]
            expected = [short(found.a[l][j, 0])] + ([short(found.delta[l][j, 0])] if l > 1 else [])
            assert sorted(beside) == sorted(expected)
    (lines,) = (one for one in axes.collections if isinstance(one, LineCollection))
    places = {
        tuple(np.round(place, 6)): (l, j)
        for l, column in enumerate(columns, 1)
        for j, place in enumerate(column)
    }
    largest = max(np.abs(nabla).max() for nabla in found.nabla_w.values())
    widest = max(lines.get_linewidths())
    assert len(lines.get_segments()) == sum(nabla.size for nabla in found.nabla_w.values())
    for segment, width, colour in zip(
        lines.get_segments(), lines.get_linewidths(), lines.get_colors(), strict=True
    ):
        (before, k), (l, j) = (places[tuple(np.round(end, 6))] for end in segment)
        assert before == l - 1
        nabla = found.nabla_w[l][j, k]
        assert width == pytest.approx(max(widest * math.sqrt(abs(nabla) / largest), 0.25))
        expected = "0.85" if nabla == 0 else POSITIVE if nabla > 0 else NEGATIVE
        assert to_rgb(colour[:3]) == to_rgb(expected)
    assert f"C = {found.cost:.4g}" == axes.get_title()


def test_of_wide_layers_the_largest_are_drawn():
    net = network2.Network([400, 30, 10], random_state=1)
    x, y = dense_examples(1, [400, 10])[0]
    axes = figures.network_diagram(net, x, y, max_neurons=6).axes[0]
    found = trace(net, x, y)
    assert [len(column) for column in columns_of(axes)] == [6, 6, 6]
    texts = texts_of(axes)
    for text in ("input", "layer 2", "layer 3", "and 394 more", "and 24 more", "and 4 more"):
        assert text in texts
    largest = sorted(np.argsort(-np.abs(found.delta[2].ravel()))[:6].tolist())
    column = columns_of(axes)[1]
    numbers = [
        int(text.get_text())
        for place in column
        for text in axes.texts
        if re.fullmatch(r"\d+", text.get_text()) and math.dist(text.get_position(), place) < 0.55
        and text.get_position()[0] < place[0]
    ]  # fmt: skip
    assert numbers == largest


def test_what_is_not_finite_or_zero_or_unknown_is_drawn():
    net = network.Network([3, 4, 3], random_state=1)
    x = input_of(net)
    net.weights[1][0, 0] = np.nan
    figures.network_diagram(net, x, Y).canvas.draw()
    net.weights[1][:] = 0
    net.cost_derivative = lambda a, y: 0 * a
    figure = figures.network_diagram(net, x, Y)
    figure.canvas.draw()
    assert figure.axes[0].get_title() == ""  # what C is, nobody says
    figures.path(net, x, Y, (2, 0, 0)).canvas.draw()
    figures.network_diagram(network.Network([3, 0, 3]), x, Y).canvas.draw()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_factors_of_a_path_multiply_to_its_product(name):
    net = NETWORKS[name]()
    x = input_of(net)
    L = len(net.weights) + 1
    for l in range(2, L + 1):
        weight = (l, 1, 2)
        found = list(paths(net, x, Y, weight))
        for path in (found[0], found[-1]):
            with nothing_changes(net):
                axes = figures.path(net, x, Y, weight, path).axes[0]
            factors = [text for text in texts_of(axes) if "\n= " in text]
            assert len(factors) == len(path.neurons) + 1
            numbers = [float(text.split("\n= ")[1].replace("−", "-")) for text in factors]
            assert math.prod(numbers) == pytest.approx(path.product, rel=0.25, abs=1e-300)
            assert axes.get_title() == f"product of the factors: {short(path.product)}"
            assert rf"/\partial w^{{{l}}}_{{1,2}}$" in factors[0]
            assert factors[-1].startswith(rf"$\partial C/\partial a^{{{L}}}_{{{path.neurons[-1]}}}$")
            for m, (p, q) in enumerate(zip(path.neurons, path.neurons[1:], strict=False), l + 1):
                assert rf"\partial a^{{{m}}}_{{{q}}}/\partial a^{{{m - 1}}}_{{{p}}}" in factors[m - l]
        strongest = max(found, key=lambda path: abs(path.product))
        title = figures.path(net, x, Y, weight).axes[0].get_title()
        assert title == f"product of the factors: {short(strongest.product)}"
    same = figures.path(net, x, Y, weight, list(found[-1].neurons)).axes[0].get_title()
    assert same == f"product of the factors: {short(found[-1].product)}"


def test_the_neurons_of_the_path_are_always_drawn():
    net = network.Network([400, 30, 10], random_state=1)
    x, y = dense_examples(1, [400, 10])[0]
    axes = figures.path(net, x, y, (2, 17, 311), (17, 8), max_neurons=3).axes[0]
    assert [len(column) for column in columns_of(axes)] == [3, 3, 3]
    texts = texts_of(axes)
    assert {"311", "17", "8", "and 397 more", "$C$"} <= set(texts)


def test_wrong_arguments():
    net, x = network.Network([3, 4, 3]), np.full((3, 1), 0.5)
    for function in (figures.network_diagram, lambda net, x, y, **o: figures.path(net, x, y, (2, 0, 0), **o)):
        with pytest.raises(TypeError, match="net is int"):
            function(3, x, Y)
        with pytest.raises(ValueError, match=r"\(3, 1\)"):
            function(net, x[:2], Y)
        for most, error in ((0, ValueError), (1.5, TypeError)):
            with pytest.raises(error, match="max_neurons is"):
                function(net, x, Y, max_neurons=most)
    for weight, error in (((4, 0, 0), ValueError), ((2, 0), TypeError)):
        with pytest.raises(error, match="weight is"):
            figures.path(net, x, Y, weight)
    for neurons in ((1, 0), (0,), (0, 3), (0, -1), (0, 0, 0)):
        with pytest.raises(ValueError, match=r"path is \("):
            figures.path(net, x, Y, (2, 0, 0), neurons)
    for neurons in (3, "ab", (0, 1.0)):
        with pytest.raises(TypeError, match="path is"):
            figures.path(net, x, Y, (2, 0, 0), neurons)


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0"), (-0.0, "0"), (0.12345, "0.123"), (-0.0123, "−0.0123"), (0.00123, "1.2e−3"), (1.0, "1"),
     (-4321.0, "−4.3e3"), (math.inf, "inf"), (math.nan, "nan")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert short(value) == text

"""One path from a weight to the cost, with the factors of equation (51)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments
from cbackprop.chapter.big_picture import Path, beginnings, rate_factors
from cbackprop.chapter.one_pass import OnePass
from cbackprop.figures._axes import NEGATIVE, POSITIVE, one_axes, short
from cbackprop.figures._neurons import RADIUS, WIDTH, chosen, columns_of, figsize_of, set_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from cbackprop.figures._neurons import Column
    from cbackprop.reference.network import ReferenceLayers


def path(
    net: ReferenceLayers,
    x: ArrayLike,
    y: ArrayLike,
    weight: Sequence[int],
    path: Path | Sequence[int] | None = None,
    *,
    max_neurons: int = 6,
    ax: Any = None,
) -> Any:
    """Draw one path by which a change of a weight reaches the cost, with its factors of equation (51).

    Parameters
    ----------
    net, x, y, weight
        As in `cbackprop.chapter.paths`.
    path : Path, or sequence of int, optional
        A path that `cbackprop.chapter.paths` has found, or its neurons j, q, …, m, one in each layer from l
        to L. By default the path with the largest product.
    max_neurons : int
        The most neurons of a layer to draw: those on the path, and those of the largest |a|.
    ax : matplotlib.axes.Axes, optional
        By default that of a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The layers from l − 1 on, and the cost. At each line of the path is its factor: ∂a^l_j/∂w^l_jk at the
        weight, ∂a/∂a at each further line, ∂C/∂a^L_m at the last. Red is above 0, blue below. The title has
        their product.

    Raises
    ------
    ValueError, TypeError
        As in `cbackprop.chapter.paths`, if `path` is not a path of this weight, `max_neurons` not a whole
        number from 1, or `ax` not an Axes.
    ImportError
        If matplotlib is missing.
    """
    one_pass = OnePass(net, x, y)
    l, j, k = one_pass.place(weight)
    max_neurons = _arguments.whole(max_neurons, "max_neurons", 1)
    neurons = _strongest(one_pass, l, j, k) if path is None else _checked(one_pass, l, j, path)
    on_path = dict(enumerate((k, *neurons), l - 1))
    columns = columns_of(
        {m: (one_pass.n[m], chosen(one_pass.a[m], max_neurons, [neuron])) for m, neuron in on_path.items()}
    )
    figure, axes = one_axes(ax, figsize=figsize_of(columns, WIDTH))
    set_up(axes, columns, WIDTH)
    _draw_network(axes, columns, on_path)
    places = [columns[m].place(neuron) for m, neuron in on_path.items()]
    places.append((places[-1][0] + WIDTH, 0.0))
    for i, (label, factor) in enumerate(_factors(one_pass, l, j, k, neurons)):
        _draw_factor(axes, places[i], places[i + 1], label, factor)
    axes.text(
        *places[-1], "$C$", ha="center", va="center", fontsize=11, zorder=4,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.2"},
    )  # fmt: skip
    product = _product(one_pass, l, j, k, neurons)
    axes.set_title(f"product of the factors: {short(product)}", fontsize=10)
    return figure


def _checked(one_pass: OnePass, l: int, j: int, path: Any) -> tuple[int, ...]:
    """The neurons of `path`, a path of a weight into neuron j of layer l."""
    given = path.neurons if isinstance(path, Path) else path
    try:
        neurons = tuple(map(operator.index, given))
    except TypeError:
        raise TypeError(
            f"path is {path!r}; expected a chapter.Path, or the numbers of its neurons, j, q, …, m"
        ) from None
    n = [one_pass.n[m] for m in range(l, one_pass.L + 1)]
    if len(neurons) != len(n):
        raise ValueError(f"path is {neurons}; expected {len(n)} neurons, one in each layer from {l} on")
    for m, (neuron, size) in enumerate(zip(neurons, n), l):
        if not 0 <= neuron < size:
            raise ValueError(f"path is {neurons}; layer {m} has neurons 0 to {size - 1}")
    if neurons[0] != j and not one_pass.is_coupled(l):
        raise ValueError(
            f"path is {neurons}; the weight leads to neuron {j} of layer {l}, so it begins there"
        )
    return neurons


def _strongest(one_pass: OnePass, l: int, j: int, k: int) -> tuple[int, ...]:
    """The neurons of the path whose product is the largest in size."""
    best = np.full(one_pass.n[l], -1.0)  # by neuron: the largest product of a path that ends there
    for begun, first in beginnings(one_pass, l)[j]:
        best[begun[0]] = abs(first[k])
    before = []
    for rates in rate_factors(one_pass, l).values():
        products = best[:, np.newaxis] * np.abs(rates)
        products[best < 0] = -1
        before.append(products.argmax(axis=0))
        best = products.max(axis=0)
    neurons = [int(np.argmax(best))]
    for came_from in reversed(before):
        neurons.append(int(came_from[neurons[-1]]))
    return tuple(reversed(neurons))


def _product(one_pass: OnePass, l: int, j: int, k: int, neurons: tuple[int, ...]) -> float:
    """The path's product, as `cbackprop.chapter.paths` has it."""
    product = next(rates[k] for first, rates in beginnings(one_pass, l)[j] if first == neurons[:1])
    for (p, q), rates in zip(zip(neurons, neurons[1:]), rate_factors(one_pass, l).values()):
        product *= rates[p][q]
    return float(product)


def _factors(one_pass: OnePass, l: int, j: int, k: int, neurons: tuple[int, ...]) -> list[tuple[str, float]]:
    """The factors of equation (51) along the path, each with its formula, from the weight on."""
    dz = np.zeros((one_pass.n[l], 1))
    dz[j] = one_pass.a[l - 1][k]
    first = one_pass.change_of_a(l, dz)[neurons[0], 0]
    factors = [(rf"\partial a^{{{l}}}_{{{neurons[0]}}}/\partial w^{{{l}}}_{{{j},{k}}}", float(first))]
    for m, (p, q) in enumerate(zip(neurons, neurons[1:]), l + 1):
        rate = one_pass.neuron_rate(m)[q, p]
        factors.append((rf"\partial a^{{{m}}}_{{{q}}}/\partial a^{{{m - 1}}}_{{{p}}}", float(rate)))
    end = neurons[-1]
    last = one_pass.cost_derivative()[end, 0]
    return [*factors, (rf"\partial C/\partial a^{{{one_pass.L}}}_{{{end}}}", float(last))]


def _draw_network(axes: Any, columns: dict[int, Column], on_path: dict[int, int]) -> None:
    """Draw the neurons, and in the background the lines between them."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415
    from matplotlib.patches import Circle  # noqa: PLC0415

    lines = [
        [columns[m].place(p), columns[m + 1].place(q)]
        for m in columns
        if m + 1 in columns
        for p in columns[m].neurons
        for q in columns[m + 1].neurons
    ]
    axes.add_collection(LineCollection(lines, linewidths=0.5, colors="0.85", zorder=1))
    for m, column in columns.items():
        for neuron in column.neurons:
            is_on_path = neuron == on_path[m]
            colours = ("0.9", "0.1", "black") if is_on_path else ("white", "0.7", "0.5")
            axes.add_patch(
                Circle(
                    column.place(neuron), RADIUS, facecolor=colours[0], edgecolor=colours[1],
                    linewidth=1.6 if is_on_path else 0.8, zorder=3,
                )
            )  # fmt: skip
            axes.text(
                *column.place(neuron), f"{neuron}", ha="center", va="center", fontsize=8, color=colours[2],
                zorder=4,
            )  # fmt: skip


def _draw_factor(
    axes: Any, start: tuple[float, float], end: tuple[float, float], label: str, factor: float
) -> None:
    """Draw a line of the path, with its factor beside it."""
    colour = "0.4" if not factor else POSITIVE if factor > 0 else NEGATIVE
    axes.annotate(
        "", end, start, zorder=2,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 2.2, "shrinkA": 17, "shrinkB": 17},
    )  # fmt: skip
    axes.text(
        (start[0] + end[0]) / 2, (start[1] + end[1]) / 2, f"${label}$\n= {short(factor)}",
        ha="center", va="center", fontsize=8.5, color=colour, zorder=5, linespacing=1.3,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
    )  # fmt: skip

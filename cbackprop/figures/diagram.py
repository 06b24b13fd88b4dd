"""A network and one example: the backward pass as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments
from cbackprop.chapter.tracing import trace
from cbackprop.figures._axes import DIVERGING, NEGATIVE, POSITIVE, one_axes, short
from cbackprop.figures._neurons import RADIUS, chosen, columns_of, figsize_of, set_up, write_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from cbackprop.chapter.tracing import Trace
    from cbackprop.figures._neurons import Column
    from cbackprop.reference.network import ReferenceLayers

LEGEND = 1.15  # its height, in the unit of the neurons' distances


def network_diagram(
    net: ReferenceLayers, x: ArrayLike, y: ArrayLike, *, max_neurons: int = 10, ax: Any = None
) -> Any:
    """Draw the network with what backpropagation computes of an example.

    The upper half of a neuron has the colour of its activation a^l_j, the lower half that of its error δ^l_j.
    A line has the colour of the sign of ∂C/∂w^l_jk = a^{l−1}_k δ^l_j, by (BP4), and its width grows as the
    square root of the size.

    Parameters
    ----------
    net : Network
        From network or network2.
    x, y : array_like
        One example, as in `backprop`.
    max_neurons : int
        The most neurons of a layer to draw: those of the largest |δ|, or in the input layer of the largest
        |a|. The diagram says how many are left out.
    ax : matplotlib.axes.Axes, optional
        By default that of a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError, TypeError
        As in `cbackprop.chapter.trace`, and if `max_neurons` is not a whole number from 1, or `ax` not an
        Axes.
    ImportError
        If matplotlib is missing.
    """
    max_neurons = _arguments.whole(max_neurons, "max_neurons", 1)
    found = trace(net, x, y)
    columns = columns_of(
        {l: (len(a), chosen(found.delta.get(l, a), max_neurons)) for l, a in found.a.items()}
    )
    figure, axes = one_axes(ax, figsize=figsize_of(columns, below=LEGEND))
    bottom = set_up(axes, columns, below=LEGEND)
    width = min(4.5, 25 / max(len(column.neurons) for column in columns.values()))
    largest = _draw_edges(axes, found, columns, width)
    scales = _scales(found, columns)
    for l, column in columns.items():
        for j in column.neurons:
            delta = found.delta[l][j, 0] if l in found.delta else None
            _draw_neuron(axes, column, j, found.a[l][j, 0], delta, scales)
    _draw_legend(axes, bottom, scales, largest, width)
    if found.cost is not None:
        axes.set_title(f"C = {found.cost:.4g}", fontsize=10)
    return figure


def _scales(found: Trace, columns: dict[int, Column]) -> tuple[Any, Any]:
    """The colours of activations and of errors, as matplotlib's mappables."""
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415
    from matplotlib.colors import Normalize  # noqa: PLC0415

    def shown(by_layer: dict[int, Any]) -> Any:
        values = np.concatenate(
            [by_layer[l][column.neurons, 0] for l, column in columns.items() if l in by_layer]
        )
        return values[np.isfinite(values)]

    a, delta = shown(found.a), shown(found.delta)
    largest = float(np.abs(delta).max(initial=0)) or 1.0
    activations = Normalize(min(0.0, float(a.min(initial=0))), max(1.0, float(a.max(initial=1))))
    return ScalarMappable(activations, "Greys"), ScalarMappable(Normalize(-largest, largest), DIVERGING)


def _draw_edges(axes: Any, found: Trace, columns: dict[int, Column], width: float) -> float:
    """Draw ∂C/∂w between the neurons that are shown; return the largest size of them, which has `width`."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415

    ends, values = [], []
    for l, nabla in found.nabla_w.items():
        for j in columns[l].neurons:
            for k in columns[l - 1].neurons:
                ends.append([columns[l - 1].place(k), columns[l].place(j)])
                values.append(nabla[j, k])
    sizes = np.abs(np.array(values, np.float64))
    finite = np.isfinite(sizes)
    largest = float(sizes.max(where=finite, initial=0))
    widths = np.where(finite, width * np.sqrt(np.where(finite, sizes, 0) / (largest or 1.0)), 1.0)
    order = np.argsort(widths, kind="stable")  # the widest on top
    colours = [
        "0.85" if not (np.isfinite(value) and value) else POSITIVE if value > 0 else NEGATIVE
        for value in values
    ]
    axes.add_collection(
        LineCollection(
            [ends[i] for i in order],
            linewidths=[max(widths[i], 0.25) for i in order],
            colors=[colours[i] for i in order],
            alpha=0.75,
            zorder=1,
        )
    )
    return largest


def _draw_neuron(
    axes: Any, column: Column, j: int, a: float, delta: float | None, scales: tuple[Any, Any]
) -> None:
    """A circle: the upper half shows a, the lower half δ. An input has no δ."""
    from matplotlib.patches import Circle, Wedge  # noqa: PLC0415

    x, y = column.place(j)
    parts = [(0, 360, 0.0, a, scales[0])]
    if delta is not None:
        parts = [(0, 180, 0.42 * RADIUS, a, scales[0]), (180, 360, -0.42 * RADIUS, delta, scales[1])]
    for start, end, shift, value, scale in parts:
        colour = scale.to_rgba(value)
        axes.add_patch(Wedge((x, y), RADIUS, start, end, facecolor=colour, edgecolor="none", zorder=2))
        is_dark = np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5
        axes.text(
            *(x, y + shift, short(value)),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if is_dark else "black",
            zorder=4,
        )
    axes.add_patch(Circle((x, y), RADIUS, fill=False, edgecolor="0.2", linewidth=0.8, zorder=3))
    write_number(axes, column, j)


def _draw_legend(axes: Any, y: float, scales: tuple[Any, Any], largest: float, width: float) -> None:
    """Below the network: the scale of a, that of δ, and the lines."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    left, right = axes.get_xlim()
    whole = right - left
    for scale, start, name in ((scales[0], 0.04, "$a$"), (scales[1], 0.36, r"$\delta$")):
        place = left + start * whole, y - 0.8, 0.24 * whole, 0.2
        bar = axes.inset_axes(place, transform=axes.transData)
        colourbar = axes.figure.colorbar(scale, cax=bar, orientation="horizontal")
        ticks = [scale.norm.vmin, (scale.norm.vmin + scale.norm.vmax) / 2, scale.norm.vmax]
        colourbar.set_ticks(ticks, labels=[short(tick) for tick in ticks])
        bar.tick_params(labelsize=7, length=2, pad=1)
        bar.set_title(name, fontsize=9, pad=2)
    lines = [
        Line2D(
            [], [], color=colour, linewidth=width, label=rf"$\partial C/\partial w$ {sign}{short(largest)}"
        )
        for colour, sign in ((POSITIVE, "= "), (NEGATIVE, "= −"))
    ]
    axes.legend(
        handles=lines,
        loc="center right",
        bbox_to_anchor=(right, y - 0.7),
        bbox_transform=axes.transData,
        fontsize=7.5,
        frameon=False,
        handlelength=1.6,
    )

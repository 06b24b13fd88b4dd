"""Neurons in columns, a column for each layer: what the diagrams of networks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

RADIUS = 0.4  # of a neuron; neurons of a column are at least 1 apart
WIDTH = 3.4  # from layer to layer


class Column(NamedTuple):
    """The neurons of a layer that are drawn: their numbers, and where each is."""

    l: int
    n: int
    neurons: list[int]
    x: float
    y: list[float]

    def place(self, j: int) -> tuple[float, float]:
        """Where neuron j is."""
        return self.x, self.y[self.neurons.index(j)]


def chosen(sizes: NDArray[Any], most: int, always: Iterable[int] = ()) -> list[int]:
    """The numbers of at most so many neurons, in order: `always`, then those of the largest |size|."""
    by_size = np.argsort(-np.abs(np.ravel(sizes)), kind="stable").tolist()
    return sorted(list(dict.fromkeys([*always, *by_size]))[:most])


def columns_of(layers: dict[int, tuple[int, list[int]]]) -> dict[int, Column]:
    """The columns of layers, given by number the size of each and the neurons to draw, centred on y = 0."""
    height = max(len(neurons) for _, neurons in layers.values())
    first = min(layers)
    columns = {}
    for l, (n, neurons) in layers.items():
        apart = min(height / max(len(neurons), 1), 1.6)
        y = [apart * ((len(neurons) - 1) / 2 - i) for i in range(len(neurons))]
        columns[l] = Column(l, n, neurons, WIDTH * (l - first), y)
    return columns


def figsize_of(
    columns: dict[int, Column], extra_width: float = 0.0, below: float = 0.0
) -> tuple[float, float]:
    """A figure's size for these columns, so that numbers fit into neurons."""
    height = max(len(column.neurons) for column in columns.values())
    return 0.62 * (WIDTH * (len(columns) - 1) + extra_width + 1.6), 0.62 * (height + below + 1.9)


def set_up(axes: Any, columns: dict[int, Column], extra_width: float = 0.0, below: float = 0.0) -> float:
    """Turn `axes` into paper for the columns, with a head for each; return y where `below` begins."""
    drawn = [column for column in columns.values() if column.neurons]
    top = max((column.y[0] for column in drawn), default=0.0) + RADIUS + 0.35
    bottom = min((column.y[-1] for column in drawn), default=0.0) - RADIUS - 0.2
    for column in columns.values():
        kind = "input" if column.l == 1 else f"layer {column.l}"
        axes.text(column.x, top, kind, ha="center", va="bottom", fontsize=9)
        left_out = column.n - len(column.neurons)
        if left_out:
            y = (column.y[-1] if column.neurons else 0.0) - RADIUS - 0.15
            axes.text(column.x, y, f"and {left_out:,} more", ha="center", va="top", fontsize=8, color="0.35")
            bottom = min(bottom, y - 0.45)
    x = [column.x for column in columns.values()]
    axes.set(
        xlim=(min(x) - 0.8, max(x) + extra_width + 0.8), ylim=(bottom - below, top + 0.5), aspect="equal"
    )
    axes.set_axis_off()
    return bottom


def write_number(axes: Any, column: Column, j: int) -> None:
    """Beside neuron j, write its number, if not all neurons of the column are drawn."""
    if len(column.neurons) == column.n:
        return
    x, y = column.place(j)
    axes.text(
        *(x - RADIUS, y + 0.8 * RADIUS, f"{j}"),
        ha="center",
        va="center",
        fontsize=6.5,
        color="0.25",
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
    )

"""The axes that a figure is drawn into: new ones, or the user's."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

# Of ColorBrewer's RdBu, which those who are colour-blind can tell apart as well.
POSITIVE, NEGATIVE = "#b2182b", "#2166ac"
DIVERGING = "RdBu_r"


def new_figure(**options: Any) -> Any:
    """A figure outside of pyplot's global state, for scripts, notebooks and threads alike."""
    require_matplotlib()
    from cbackprop.figures._figure import Figure  # noqa: PLC0415

    return Figure(layout="constrained", **options)


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install, if matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415  (takes a second, and is an extra)
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "cbackprop[plot]"') from error


def axes_of(ax: Any) -> list[Any]:
    """The user's `ax`, an Axes or several, as a list."""
    require_matplotlib()
    from matplotlib.axes import Axes  # noqa: PLC0415

    if isinstance(ax, Axes):
        return [ax]
    several = ax.ravel() if isinstance(ax, np.ndarray) else ax
    found = list(several) if isinstance(several, (list, tuple, np.ndarray)) else []
    if not found or not all(isinstance(one, Axes) for one in found):
        raise TypeError(f"ax is {type(ax).__name__}; expected a matplotlib Axes, or an array of them")
    return found


def figure_of(axes: Any) -> Any:
    """The whole figure that an Axes is in."""
    figure = axes.figure
    while figure.figure is not None and figure.figure is not figure:
        figure = figure.figure  # of a subfigure
    return figure


def one_axes(ax: Any, **options: Any) -> tuple[Any, Any]:
    """(figure, axes) for one drawing: `ax`, or those of a new figure."""
    if ax is None:
        figure = new_figure(**options)
        return figure, figure.subplots()
    axes = axes_of(ax)
    if len(axes) != 1:
        raise ValueError(f"ax has {len(axes)} axes; expected one")
    return figure_of(axes[0]), axes[0]


def grid_of_axes(ax: Any, n: int, **options: Any) -> tuple[Any, list[Any]]:
    """(figure, axes) for n images in a grid. One `ax` is divided among them; of several, each takes one."""
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    if ax is None:
        figure = new_figure(**options)
        axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    else:
        axes = axes_of(ax)
        figure = figure_of(axes[0])
        if len(axes) == 1 and n > 1:
            axes[0].set_axis_off()
            width, height = 1 / columns, 1 / rows
            corners = [(k % columns * width, 1 - (k // columns + 1) * height) for k in range(n)]
            axes = [
                axes[0].inset_axes((x, y + 0.12 * height, 0.9 * width, 0.68 * height)) for x, y in corners
            ]
        if len(axes) < n:
            raise ValueError(f"ax has {len(axes)} axes; expected one, or as many as the {n} images")
    for one in axes:
        one.set_axis_off()
    return figure, axes


def image_shape(shape: Any, n_in: int) -> tuple[int, ...]:
    """`shape`, rows and columns of an image of all inputs, checked; by default a square."""
    if shape is None:
        side = math.isqrt(n_in)
        if side * side != n_in:
            raise ValueError(
                f"shape is left out, and {n_in} inputs do not make a square; "
                f"give shape=(rows, columns) whose product is {n_in}"
            )
        shape = side, side
    try:
        image = tuple(operator.index(number) for number in shape)
    except TypeError:
        raise TypeError(f"shape is {shape!r}; expected two whole numbers, rows and columns") from None
    if len(image) != 2 or min(image) < 1 or math.prod(image) != n_in:
        raise ValueError(
            f"shape is {image}; expected two positive numbers whose product is {n_in}, the inputs"
        )
    return image


def short(value: float) -> str:
    """A number in few characters: 0.123, −0.0123, 1.2e−3."""
    if value == 0 or not math.isfinite(value):
        text = f"{value + 0.0:g}"  # −0 is 0
    elif 0.01 <= abs(value) < 1000:
        text = f"{value:.3g}"
    else:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")

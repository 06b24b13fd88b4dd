"""Figures of what a network learns. They need matplotlib: ``pip install "cbackprop[plot]"``."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbackprop.reference.network import ReferenceLayers

__all__ = ["learning_curves", "weight_images"]

COLOURS: dict[str, str] = {"training": "tab:blue", "evaluation": "tab:orange"}


def learning_curves(
    history: Sequence[dict[str, Any]], n_training: int | None = None, n_evaluation: int | None = None
) -> Any:
    """Draw cost and accuracy over the epochs.

    Parameters
    ----------
    history : list of dict
        A network's `history`: see `cbackprop.network2.Network`.
    n_training, n_evaluation : int, optional
        The number of examples. Accuracies are drawn in per cent of it, otherwise as numbers of examples.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for the cost and one for the accuracy, if they were monitored.

    Raises
    ------
    ValueError
        If nothing was monitored, or a number of examples is not positive.
    TypeError
        If `history` is not a list of dict, or a number of examples is not a whole number.
    ImportError
        If matplotlib is missing.
    """
    if not isinstance(history, (list, tuple)) or not all(isinstance(entry, dict) for entry in history):
        raise TypeError(f"history is of {type(history)}; expected net.history, a list of dict")
    counts = {
        data: None if n is None else _count(f"n_{data}", n)
        for data, n in (("training", n_training), ("evaluation", n_evaluation))
    }
    epochs = [entry["epoch"] for entry in history]
    curves = {
        (quantity, data): [entry.get(f"{data}_{quantity}", math.nan) for entry in history]
        for quantity in ("cost", "accuracy")
        for data in ("training", "evaluation")
        if any(f"{data}_{quantity}" in entry for entry in history)
    }
    if not curves:
        raise ValueError("history holds neither cost nor accuracy; call SGD with monitor_...=True")
    quantities = sorted({quantity for quantity, _ in curves}, reverse=True)
    figure = _figure(figsize=(5 * len(quantities), 4))
    for axes, quantity in zip(np.atleast_1d(figure.subplots(1, len(quantities))), quantities):
        drawn = {data: values for (name, data), values in curves.items() if name == quantity}
        in_per_cent = quantity == "accuracy" and all(counts[data] for data in drawn)
        for data, values in drawn.items():
            scaled = [100 * value / counts[data] for value in values] if in_per_cent else values
            axes.plot(epochs, scaled, label=f"{data} data", color=COLOURS[data])
        unit = {"cost": "", "accuracy": " (%)" if in_per_cent else " (examples)"}[quantity]
        axes.set(xlabel="epoch", ylabel=f"{quantity}{unit}", title=quantity.capitalize())
        axes.legend()
    return figure


def weight_images(net: ReferenceLayers, shape: tuple[int, int] | None = None) -> Any:
    """Draw the weights of each neuron of the first hidden layer as an image of its inputs.

    Parameters
    ----------
    net : Network
        From network or network2.
    shape : (int, int), optional
        Rows and columns of an image; by default a square.

    Returns
    -------
    matplotlib.figure.Figure
        The images in a grid, on one scale: red above 0, blue below.

    Raises
    ------
    ValueError
        If `shape` does not have as many pixels as the network has inputs, or is left out and that number is
        not a square.
    TypeError
        If `net` is not a network, or `shape` is not two whole numbers.
    ImportError
        If matplotlib is missing.
    """
    if not hasattr(net, "weights"):
        raise TypeError(f"net is of {type(net)}; expected a network")
    weights = np.asarray(net.weights[0], np.float64)
    n_hidden, n_in = weights.shape
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
    columns = math.ceil(math.sqrt(n_hidden))
    rows = math.ceil(n_hidden / columns)
    figure = _figure(figsize=(1.2 * columns + 1, 1.2 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    # If training diverged, the finite weights are still drawn. A scale from 0 to 0 would have no middle.
    largest = float(np.abs(weights).max(where=np.isfinite(weights), initial=0)) or 1.0
    for j, axes in enumerate(grid):
        axes.set_axis_off()
        if j < n_hidden:
            picture = axes.imshow(weights[j].reshape(image), cmap="RdBu_r", vmin=-largest, vmax=largest)
            axes.set_title(str(j), fontsize=7)
    figure.colorbar(picture, ax=list(grid))
    return figure


def _count(name: str, n: Any) -> int:
    """`n`, a positive whole number, as an int."""
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} is {n!r}; expected a whole number of examples") from None
    if count < 1:
        raise ValueError(f"{name} is {count}; expected a positive number of examples")
    return count


def _figure(**options: Any) -> Any:
    """A figure outside of pyplot's global state, for scripts, notebooks and threads alike."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (takes a second, and is an extra)
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "cbackprop[plot]"') from error
    return Figure(layout="constrained", **options)

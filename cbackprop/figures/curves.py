"""Cost and accuracy over the epochs: after training, and while it goes on."""

from __future__ import annotations

import math
import numbers
import sys
from typing import TYPE_CHECKING, Any

from cbackprop import _arguments
from cbackprop.figures._axes import axes_of, figure_of, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS: dict[str, str] = {"training": "tab:blue", "evaluation": "tab:orange"}


def learning_curves(
    history: Sequence[dict[str, Any]],
    n_training: int | None = None,
    n_evaluation: int | None = None,
    *,
    ax: Any = None,
) -> Any:
    """Draw cost and accuracy over the epochs.

    Parameters
    ----------
    history : list of dict
        A network's `history`: see `cbackprop.network2.Network`.
    n_training, n_evaluation : int, optional
        The number of examples. Accuracies are drawn in per cent of it, otherwise as numbers of examples.
    ax : matplotlib.axes.Axes, or an array of them, optional
        An Axes for each panel.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for the cost and one for the accuracy, if they were monitored.

    Raises
    ------
    ValueError
        If nothing was monitored, an entry has no epoch, a number of examples is not positive, or `ax` has
        other axes than one for each panel.
    TypeError
        If `history` is not a list of dict, or holds what is no number in place of one, a number of examples
        is not a whole number, or `ax` is not axes.
    ImportError
        If matplotlib is missing.
    """
    if not isinstance(history, (list, tuple)) or not all(isinstance(entry, dict) for entry in history):
        raise TypeError(f"history is of {type(history)}; expected net.history, a list of dict")
    counts = _counts(n_training, n_evaluation)
    quantities = _quantities(history)
    _check_numbers(history, quantities)
    if ax is None:
        figure = new_figure(figsize=(5 * len(quantities), 4))
        panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    else:
        panels = axes_of(ax)
        figure = figure_of(panels[0])
    _draw(history, quantities, counts, panels)
    return figure


def _counts(n_training: Any, n_evaluation: Any) -> dict[str, int | None]:
    """The numbers of examples, checked."""
    return {
        data: None if n is None else _arguments.whole(n, f"n_{data}", 1)
        for data, n in (("training", n_training), ("evaluation", n_evaluation))
    }


def _quantities(history: Sequence[dict[str, Any]]) -> list[str]:
    """Which of cost and accuracy were monitored."""
    found = [
        quantity
        for quantity in ("cost", "accuracy")
        if any(f"{data}_{quantity}" in entry for data in COLOURS for entry in history)
    ]
    if not found:
        raise ValueError(
            "history holds neither cost nor accuracy; call SGD with monitor_...=True, or network.py's with "
            "test_data"
        )
    return found


def _check_numbers(history: Sequence[dict[str, Any]], quantities: list[str]) -> None:
    """Raise an error that names what in `history` cannot be drawn."""
    names = ["epoch", *(f"{data}_{quantity}" for quantity in quantities for data in COLOURS)]
    for i, entry in enumerate(history):
        if "epoch" not in entry:
            raise ValueError(f"history[{i}] has no 'epoch'; expected net.history")
        for name in names:
            value = entry.get(name, 0)
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not is_number or (isinstance(value, int) and abs(value) > sys.float_info.max):
                raise TypeError(f"history[{i}][{name!r}] is {value!r}; expected a number, as in net.history")


def _draw(
    history: Sequence[dict[str, Any]],
    quantities: list[str],
    counts: dict[str, int | None],
    panels: Sequence[Any],
) -> None:
    """Draw a panel for each quantity."""
    if len(panels) != len(quantities):
        raise ValueError(
            f"ax has {len(panels)} axes; expected {len(quantities)}, for {' and '.join(quantities)}"
        )
    epochs = [entry["epoch"] for entry in history]
    for axes, quantity in zip(panels, quantities):
        drawn = {
            data: [entry.get(f"{data}_{quantity}", math.nan) for entry in history]
            for data in COLOURS
            if any(f"{data}_{quantity}" in entry for entry in history)
        }
        in_per_cent = quantity == "accuracy" and all(counts[data] for data in drawn)
        for data, values in drawn.items():
            scaled = [100 * value / (counts[data] or 1) for value in values] if in_per_cent else values
            # A line of one point would not be seen.
            marker = "o" if len(epochs) == 1 else None
            axes.plot(epochs, scaled, label=f"{data} data", color=COLOURS[data], marker=marker)
        unit = {"cost": "", "accuracy": " (%)" if in_per_cent else " (examples)"}[quantity]
        axes.set(xlabel="epoch", ylabel=f"{quantity}{unit}", title=quantity.capitalize())
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()


class LiveCurves:
    """Learning curves that are drawn again after every epoch: ``net.SGD(..., callbacks=[LiveCurves()])``.

    In a notebook the figure appears once and is updated. Elsewhere its canvas is redrawn: that of `ax`, if a
    window shows it. Without a display nothing is shown, and `figure` can be saved at any time.

    Parameters
    ----------
    n_training, n_evaluation : int, optional
        As in `learning_curves`.
    ax : matplotlib.axes.Axes, or an array of them, keyword only
        Axes to draw into, one for each panel of `learning_curves`. They are cleared after each epoch.

    Attributes
    ----------
    figure : matplotlib.figure.Figure or None
        The figure; None before the first epoch.
    history : list of dict
        What has been drawn: the entry of each epoch. Training that begins anew, at epoch 0, begins it anew.

    Raises
    ------
    ValueError, TypeError, ImportError
        As `learning_curves`; at the first epoch, if nothing is monitored.
    """

    def __init__(
        self, n_training: int | None = None, n_evaluation: int | None = None, *, ax: Any = None
    ) -> None:
        self.history: list[dict[str, Any]] = []
        self.figure: Any = None
        self._counts = _counts(n_training, n_evaluation)
        self._axes = None if ax is None else axes_of(ax)
        self._display: Any = None

    def __call__(self, net: Any, entry: dict[str, Any]) -> None:
        """Draw the epoch that `entry` tells of. Training goes on: the result is None."""
        if self.history and entry["epoch"] <= self.history[-1]["epoch"]:
            self.history.clear()
        self.history.append(dict(entry))
        quantities = _quantities(self.history)
        panels = self._axes
        if panels is not None:
            self.figure = figure_of(panels[0])
            for axes in panels:
                axes.clear()
        else:
            if self.figure is None:
                self.figure = new_figure(figsize=(5 * len(quantities), 4))
            self.figure.clear()
            panels = self.figure.subplots(1, len(quantities), squeeze=False)[0]
        _draw(self.history, quantities, self._counts, panels)
        self._show()

    def _show(self) -> None:
        if not _is_notebook():
            self.figure.canvas.draw_idle()
            self.figure.canvas.flush_events()
            return
        from IPython.display import Image, display  # noqa: PLC0415  (is there, for this runs in it)

        from cbackprop.figures._figure import png_of  # noqa: PLC0415

        image = Image(data=png_of(self.figure), format="png")
        if self._display is None:
            self._display = display(image, display_id=True)
        else:
            self._display.update(image)


def _is_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")

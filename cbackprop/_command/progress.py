"""What `train` shows while it trains: a bar on a terminal, the lines of SGD elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Counts the epochs, and draws the bar if there is one.

    Parameters
    ----------
    epochs : int
        How many there will be at most.
    n_evaluation : int
        The number of examples that accuracies are out of.

    Attributes
    ----------
    done : int
        The number of epochs that are complete.
    bar : object or None
        Without it, SGD prints its lines.
    """

    def __init__(self, epochs: int, n_evaluation: int) -> None:
        self.n_evaluation, self.done = n_evaluation, 0
        self.bar = _bar(epochs)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def after_epoch(self, net: Any, entry: dict[str, Any]) -> None:
        """A callback for SGD."""
        self.done += 1
        if self.bar is None:
            return
        shown = {}
        if "evaluation_accuracy" in entry:
            shown["right"] = f"{entry['evaluation_accuracy']} / {self.n_evaluation}"
        for name in ("evaluation_cost", "training_cost"):
            if name in entry:
                shown[name.replace("_", " ")] = f"{entry[name]:.4g}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()


def _bar(epochs: int) -> Any:
    """A bar, if this is a terminal and tqdm is installed."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return None
    try:
        from tqdm import tqdm  # noqa: PLC0415  (an extra)
    except ImportError:
        return None
    return tqdm(total=epochs, unit="epoch", dynamic_ncols=True)

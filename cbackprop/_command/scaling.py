"""How the columns of a table are scaled before a network sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHOICES = ("auto", "standard", "pixels", "none")


class Scaling(NamedTuple):
    """An input is (number − shift) / scale, a shift and a scale for each column."""

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """The inputs for rows of numbers."""
        return (X - self.shift) / self.scale

    @classmethod
    def of_notes(cls, notes: dict[str, Any]) -> Scaling:
        """The scaling that a file notes."""
        return cls(np.array(notes["shift"], np.float64), np.array(notes["scale"], np.float64))


def chosen(X: NDArray[np.float64], how: str) -> tuple[Scaling, str]:
    """The scaling by one of `CHOICES`, learned from the training data, and a sentence that says it."""
    n = X.shape[1]
    if how == "auto":
        whole = X.min() >= 0 and 1 < X.max() <= 255 and not (X % 1).any()
        how = "pixels" if whole and X.max() > 100 and n >= 16 else "standard"
    if how == "pixels":
        return Scaling(np.zeros(n), np.full(n, 256.0)), "the numbers are divided by 256, as grey values are"
    if how == "none":
        return Scaling(np.zeros(n), np.ones(n)), "the numbers are not scaled"
    shift, scale = X.mean(axis=0), X.std(axis=0)
    constant = ~(scale > 1e-12 * np.abs(shift).clip(1e-300))
    scale[constant] = 1
    return Scaling(shift, scale), "each column is scaled to mean 0 and standard deviation 1"

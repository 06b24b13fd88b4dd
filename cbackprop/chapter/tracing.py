"""One example's z, a and δ of every layer, to look at."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cbackprop.chapter.cost_of_output import checked_cost, costs_of, tells_no_cost
from cbackprop.chapter.one_pass import OnePass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from numpy.typing import ArrayLike

    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]
    _Cost: TypeAlias = Callable[[_Array, Any], Any]

ROWS_OF_A_LAYER = 12  # of the tables that show a trace


class ByLayer(dict[int, NDArray[np.float64]]):
    """Arrays by the number of their layer, as the chapter counts: a dict of l to an array.

    Its `name` is the letter that errors call it by. A layer that it does not have is an IndexError.
    """

    def __init__(self, name: str, arrays: dict[int, _Array]) -> None:
        super().__init__(arrays)
        self.name = name

    def __missing__(self, l: Any) -> _Array:
        raise IndexError(
            f"{self.name}[{l!r}]: this network has {self.name}^l for l = {min(self)} to {max(self)}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What `trace` found. Every array is new, in float64; dicts have them by the number of the layer.

    Attributes
    ----------
    z : dict of int to ndarray, (n_l, 1)
        The weighted inputs z^l, l = 2 … L.
    a : dict of int to ndarray, (n_l, 1)
        The activations a^l, l = 1 … L; a^1 is x.
    delta : dict of int to ndarray, (n_l, 1)
        The errors δ^l, l = 2 … L.
    nabla_w, nabla_b : dict of int to ndarray
        ∂C/∂w^l, (n_l, n_{l−1}), and ∂C/∂b^l, (n_l, 1), l = 2 … L.
    cost : float or None
        C_x; None if only a replaced `cost_derivative` tells of it.
    """

    z: ByLayer
    a: ByLayer
    delta: ByLayer
    nabla_w: ByLayer
    nabla_b: ByLayer
    cost: float | None

    def _title(self) -> str:
        sizes = "-".join(str(len(a)) for a in self.a.values())
        return f"{sizes}, C = {'unknown' if self.cost is None else format(self.cost, '.6g')}"

    def _rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """The rows of a table: l, j, z, a and δ, and for long layers how many neurons it leaves out."""
        for l, a in self.a.items():
            shown = len(a) if len(a) <= ROWS_OF_A_LAYER else ROWS_OF_A_LAYER - 1
            for j in range(shown):
                z, delta = (
                    format(by_layer[l][j, 0], ".6g") if l in by_layer else ""
                    for by_layer in (self.z, self.delta)
                )
                yield str(l), str(j), z, format(a[j, 0], ".6g"), delta
            if shown < len(a):
                yield str(l), "…", f"{len(a) - shown} more", "", ""

    def __repr__(self) -> str:
        return f"<Trace {self._title()}>"

    def __str__(self) -> str:
        lines = [f"{l:>3} {j:>4} {z:>13} {a:>13} {delta:>13}" for l, j, z, a, delta in self._rows()]
        return "\n".join([self._title(), f"{'l':>3} {'j':>4} {'z':>13} {'a':>13} {'δ':>13}", *lines])

    def _repr_html_(self) -> str:
        """The same table for notebooks."""
        rows = [
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in self._rows()
        ]
        head = "".join(f"<th>{letter}</th>" for letter in ("l", "j", "z", "a", "δ"))
        return (
            f"<table><caption>{html.escape(self._title())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def trace(net: ReferenceLayers, x: ArrayLike, y: ArrayLike, *, cost: _Cost | None = None) -> Trace:
    """What backpropagation computes of one example: every z^l, a^l and δ^l, and the gradient.

    The chapter's algorithm, step by step: a^1 = x; z^l = w^l a^{l−1} + b^l and a^l = σ(z^l); δ^L = ∇_a C ⊙
    σ′(z^L) (BP1); δ^l = ((w^{l+1})^T δ^{l+1}) ⊙ σ′(z^l) (BP2); ∂C/∂b^l = δ^l (BP3); ∂C/∂w^l = δ^l (a^{l−1})^T
    (BP4).

    Parameters
    ----------
    net : Network
        From network or network2, with any activations and cost. Replaced functions of z, and a replaced
        `cost_derivative`, are used. A replaced `backprop` or `feedforward` is not called: the trace shows
        what the equations give for the network's parameters, so that yours can be compared with it.
    x, y : array_like
        One example, as in `backprop`: y is a column (n_out, 1), or a number, the target of every output
        neuron. It is not a label: `cbackprop.mnist_loader.vectorized_result` makes the column of a digit.
    cost : callable, optional
        As in `numerical_gradient`.

    Returns
    -------
    Trace
        ``z[l]``, ``a[l]``, ``delta[l]``, ``nabla_w[l]``, ``nabla_b[l]`` and ``cost``. Printed, it is a table.

    Raises
    ------
    ValueError, TypeError
        If an argument, or an array in `weights` or `biases`, has the wrong shape or type.
    """
    one_pass = OnePass(net, x, y)
    C = None
    if cost is not None or not tells_no_cost(net):
        C = float(costs_of(checked_cost(net, cost), one_pass.a[one_pass.L], one_pass.y)[0])
    layers = range(2, one_pass.L + 1)
    delta = {l: one_pass.delta[l].copy() for l in layers}
    return Trace(
        ByLayer("z", {l: one_pass.z[l].copy() for l in layers}),
        ByLayer("a", {l: a.copy() for l, a in one_pass.a.items()}),
        ByLayer("delta", delta),
        ByLayer("nabla_w", {l: np.dot(delta[l], one_pass.a[l - 1].T) for l in layers}),
        ByLayer("nabla_b", {l: delta[l].copy() for l in layers}),
        C,
    )

"""The big picture: a small change on its way to the cost, and the gradient as a sum over paths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments
from cbackprop.chapter.differences import checked_cost, costs_of
from cbackprop.chapter.one_pass import OnePass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceNetwork

    _Array: TypeAlias = NDArray[np.float64]
    _Cost: TypeAlias = Callable[[_Array, Any], Any]


class LayerChange(NamedTuple):
    """The change of the activations of layer l, predicted and real, both (n, 1)."""

    l: int
    predicted: _Array
    real: _Array


class Perturbation(NamedTuple):
    """How a small change of a weight spreads: a `LayerChange` for each layer l to L, and ΔC."""

    layers: list[LayerChange]
    predicted: float
    real: float


class Path(NamedTuple):
    """A path from a weight to the cost: neurons j, q, …, m of layers l, l+1, …, L, and its rate factor."""

    neurons: tuple[int, ...]
    product: float


def perturbation(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    weight: Sequence[int],
    dw: float,
    *,
    cost: _Cost | None = None,
) -> Perturbation:
    """Follow a small change of one weight through the network, layer by layer.

    Parameters
    ----------
    net : Network
    x, y : array_like
        One example, as in `backprop`.
    weight : (l, j, k)
        The weight from neuron k of layer l − 1 to neuron j of layer l; l = 2 … L, j and k from 0.
    dw : float
        The change Δw^l_jk.
    cost : callable, optional
        As in `numerical_gradient`.

    Returns
    -------
    Perturbation
        ``layers``: for each layer from l on, the change of its activations, `predicted` to first order and
        `real`. Equation (48) predicts Δa^l_j; equations (49) and (50), summed over the neurons of the layer
        before, predict those of the next layers. ``predicted`` and ``real``: ΔC by equation (47), and as it
        is.

    Raises
    ------
    ValueError, TypeError
        If the network has no such weight, if Δw is too small to change it, or as in `numerical_gradient`.
    """
    one_pass = OnePass(net, x, y)
    l, j, k = one_pass.place(weight)
    cost = checked_cost(net, cost)
    dw = _arguments.number(dw, "dw")
    w = one_pass.w[l][j, k]
    if w + dw == w or not math.isfinite(dw):
        raise ValueError(f"dw is {dw}: it must be finite and change the weight, which is {w}")
    predicted = np.zeros((one_pass.n[l], 1))
    predicted[j] = one_pass.weight_rate(l)[j, k] * dw
    z = one_pass.z[l].copy()
    z[j] += dw * one_pass.a[l - 1][k]
    real = one_pass.f(l, z) - one_pass.a[l]
    layers = [LayerChange(l, predicted, real)]
    for m in range(l + 1, one_pass.L + 1):
        predicted = np.dot(one_pass.neuron_rate(m), predicted)
        real = one_pass.f(m, one_pass.z[m] + np.dot(one_pass.w[m], real)) - one_pass.a[m]
        layers.append(LayerChange(m, predicted, real))
    a = one_pass.a[one_pass.L]
    if cost is None:
        dC = np.sum((a - one_pass.y + real / 2) * real)  # ½‖a + Δa − y‖² − ½‖a − y‖², where nothing cancels
    else:
        dC = costs_of(cost, a + real, one_pass.y)[0] - costs_of(cost, a, one_pass.y)[0]
    return Perturbation(layers, float(np.sum(one_pass.cost_derivative() * predicted)), float(dC))


def paths(net: ReferenceNetwork, x: ArrayLike, y: ArrayLike, weight: Sequence[int]) -> Iterator[Path]:
    """All paths by which a change of one weight reaches the cost, each with its product of equation (51).

    Parameters
    ----------
    net, x, y, weight
        As in `perturbation`.

    Returns
    -------
    iterator of Path
        ``neurons``: j, q, …, m, one in each layer from l to L. ``product``: the rate factor of the path,
        ∂C/∂a^L_m … ∂a^{l+1}_q/∂a^l_j · ∂a^l_j/∂w^l_jk. By equation (53) the products sum to ∂C/∂w^l_jk.

    Raises
    ------
    ValueError, TypeError
        If the network has no such weight, or an argument has the wrong shape or type.
    """
    one_pass = OnePass(net, x, y)
    l, j, k = one_pass.place(weight)
    start = float(one_pass.weight_rate(l)[j, k])
    return (Path(neurons, product) for neurons, product in walk(*rate_factors(one_pass, l), l, j, start))


def path_sum_gradient(
    net: ReferenceNetwork, x: ArrayLike, y: ArrayLike, *, max_paths: int = 10**6
) -> list[_Array]:
    """The gradient of the weights as sums over paths, equations (52) and (53).

    Every path from every weight is walked, and its product of rate factors is added to the weight's sum.
    Unlike backpropagation, it sums nothing on the way.

    Parameters
    ----------
    net, x, y
        As in `backprop`.
    max_paths : int
        The largest number of paths to walk, from all weights together.

    Returns
    -------
    nabla_w : list of ndarray
        ∂C/∂w, shaped like `weights`, in float64.

    Raises
    ------
    ValueError
        If there are more paths than that, before any is walked; the message has their number. If an argument
        has the wrong shape.
    """
    one_pass = OnePass(net, x, y)
    max_paths = _arguments.whole(max_paths, "max_paths")
    count, onwards = 0, 1
    for l in range(one_pass.L, 1, -1):
        onwards *= one_pass.n[l]  # ways through layers l … L
        count += one_pass.n[l - 1] * onwards
    if count > max_paths:
        raise ValueError(
            f"this network has {count} paths from its weights to the cost, over max_paths = {max_paths}"
        )
    rates, last = rate_factors(one_pass, 2)
    nabla_w = []
    for l in range(2, one_pass.L + 1):
        starts = one_pass.weight_rate(l)
        sums = np.zeros_like(starts)
        for j in range(one_pass.n[l]):
            # From neuron j on, the paths of all weights into it are the same: they are walked together.
            for _, products in walk(rates, last, l, j, starts[j]):
                sums[j] += products
        nabla_w.append(sums)
    return nabla_w


def rate_factors(one_pass: OnePass, first: int) -> tuple[dict[int, list[list[float]]], list[float]]:
    """The factors of equation (51) past layer `first`: ∂a^l_q/∂a^{l-1}_j as rates[l][j][q], and ∂C/∂a^L_m."""
    rates = {l: one_pass.neuron_rate(l).T.tolist() for l in range(first + 1, one_pass.L + 1)}
    return rates, one_pass.cost_derivative().ravel().tolist()


def walk(
    rates: dict[int, list[list[float]]], last: list[float], l: int, j: int, start: Any
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield every path from neuron j of layer l to the cost, with `start` times its factors, depth first."""
    L = max(rates, default=l)
    begun: list[tuple[tuple[int, ...], Any]] = [((j,), start)]
    while begun:
        neurons, product = begun.pop()
        layer = l + len(neurons) - 1
        if layer == L:
            yield neurons, product * last[neurons[-1]]
            continue
        factors = rates[layer + 1][neurons[-1]]
        begun += [((*neurons, q), product * factors[q]) for q in range(len(factors) - 1, -1, -1)]

"""The big picture: a small change on its way to the cost, and the gradient as a sum over paths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments
from cbackprop.chapter.cost_of_output import checked_cost, costs_of, softmax_cost_rate
from cbackprop.chapter.one_pass import OnePass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]
    _Begun: TypeAlias = list[tuple[tuple[int, ...], Any]]
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
    net: ReferenceLayers,
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
    dz = np.zeros((one_pass.n[l], 1))
    dz[j] = dw * one_pass.a[l - 1][k]
    predicted = one_pass.change_of_a(l, dz)
    real = one_pass.f(l, one_pass.z[l] + dz) - one_pass.a[l]
    layers = [LayerChange(l, predicted, real)]
    for m in range(l + 1, one_pass.L + 1):
        dz = np.dot(one_pass.w[m], predicted)
        predicted = one_pass.change_of_a(m, dz)
        real = one_pass.f(m, one_pass.z[m] + np.dot(one_pass.w[m], real)) - one_pass.a[m]
        layers.append(LayerChange(m, predicted, real))
    a = one_pass.a[one_pass.L]
    if cost is None:
        dC = np.sum((a - one_pass.y + real / 2) * real)  # ½‖a + Δa − y‖² − ½‖a − y‖², where nothing cancels
    else:
        with np.errstate(invalid="ignore"):  # where both are infinite
            dC = costs_of(cost, a + real, one_pass.y)[0] - costs_of(cost, a, one_pass.y)[0]
    # ∂C/∂a^L Δa^L, by way of z^L: δ^L is finite where ∂C/∂a^L need not be.
    return Perturbation(layers, float(np.sum(one_pass.output_error() * dz)), float(dC))


def paths(net: ReferenceLayers, x: ArrayLike, y: ArrayLike, weight: Sequence[int]) -> Iterator[Path]:
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

    Notes
    -----
    Each activation of a softmax layer depends on all z^L of it, so that ∂a^L_m/∂a^{L−1}_n is a sum,
    Σ_j ∂a^L_m/∂z^L_j w^L_jn, and a weight w^L_jk has a path (m,) to the cost for each m, not only for j. If
    the cost over a softmax layer is a class of your own, ∂C/∂a^L is computed from differences of its ``fn``.
    """
    one_pass = OnePass(net, x, y)
    l, j, k = one_pass.place(weight)
    begun = [(neurons, float(rates[k])) for neurons, rates in beginnings(one_pass, l)[j]]
    return (Path(neurons, product) for neurons, product in walk(rate_factors(one_pass, l), l, begun))


def path_sum_gradient(
    net: ReferenceLayers, x: ArrayLike, y: ArrayLike, *, max_paths: int = 10**6
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
        count += one_pass.n[l - 1] * onwards * (one_pass.n[l] if one_pass.is_coupled(l) else 1)
    if count > max_paths:
        raise ValueError(
            f"this network has {count} paths from its weights to the cost, over max_paths = {max_paths}"
        )
    rates = rate_factors(one_pass, 2)
    nabla_w = []
    for l in range(2, one_pass.L + 1):
        sums = np.zeros((one_pass.n[l], one_pass.n[l - 1]))
        # From neuron j on, the paths of all weights into it are the same: they are walked together.
        for j, begun in enumerate(beginnings(one_pass, l)):
            for _, products in walk(rates, l, begun):
                sums[j] += products
        nabla_w.append(sums)
    return nabla_w


def beginnings(one_pass: OnePass, l: int) -> list[_Begun]:
    """For each neuron j of layer l, where the paths of its weights begin: neurons, and a factor for each k.

    It is ∂a^l_j/∂w^l_jk. In the last layer it is the whole product, ∂C/∂a^L_m ∂a^L_m/∂w^L_jk: m is j, or in a
    softmax layer, where a weight changes all activations, any neuron.
    """
    a = one_pass.a[l - 1].ravel()
    if one_pass.is_coupled(l):
        rates = softmax_cost_rate(one_pass)
        return [[((m,), rates[m, j] * a) for m in range(one_pass.n[l])] for j in range(one_pass.n[l])]
    starts = one_pass.output_error() * a if l == one_pass.L else one_pass.weight_rate(l)
    return [[((j,), starts[j])] for j in range(one_pass.n[l])]


def rate_factors(one_pass: OnePass, first: int) -> dict[int, list[list[float]]]:
    """The factors of equation (51) past layer `first`: ∂a^l_q/∂a^{l-1}_j as rates[l][j][q].

    Those of the last layer are multiplied by ∂C/∂a^L_q. Of cross-entropy that is infinite where σ′(z^L_q) is
    0, but their product, δ^L_q, is not.
    """
    L = one_pass.L
    rates = {l: one_pass.neuron_rate(l) for l in range(first + 1, L)}
    if first < L:
        w = one_pass.w[L]
        is_softmax = one_pass.is_coupled(L)
        rates[L] = np.dot(softmax_cost_rate(one_pass), w) if is_softmax else one_pass.output_error() * w
    return {l: rate.T.tolist() for l, rate in rates.items()}


def walk(rates: dict[int, list[list[float]]], l: int, begun: _Begun) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield every path that goes on from those `begun` in layer l, with its product, depth first."""
    L = max(rates, default=l)
    begun = begun[::-1]
    while begun:
        neurons, product = begun.pop()
        layer = l + len(neurons) - 1
        if layer >= L:
            yield neurons, product
            continue
        factors = rates[layer + 1][neurons[-1]]
        begun += [((*neurons, q), product * factors[q]) for q in range(len(factors) - 1, -1, -1)]

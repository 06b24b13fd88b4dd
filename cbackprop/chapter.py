"""What the chapter shows beside its algorithm: the other approach, and the big picture.

The gradient from differences of the cost (equation (46)), `backprop` held against it, a small change of a
weight followed through the network (equations (47) to (50)), and the gradient as a sum over paths
(equations (51) to (53)). Layers are numbered as in the chapter, the input layer 1 and the output layer L;
neurons count from 0. All arithmetic is in float64, also for a float32 network. A network's replaced
`cost_derivative` and functions of z are the ones that count everywhere; a replaced `feedforward` counts
where the cost is taken differences of.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments
from cbackprop._differences import (
    checked_cost,
    checked_epsilon,
    costs_by_feedforward,
    costs_by_layer,
    costs_of,
    is_replaced,
    output_of,
    steps_of,
)
from cbackprop._one_pass import OnePass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceNetwork

    _Arrays: TypeAlias = list[NDArray[np.float64]]
    _Cost: TypeAlias = Callable[[NDArray[np.float64], Any], Any]
    _Scheme: TypeAlias = Literal["forward", "central"]

__all__ = [
    "GradientCheck",
    "LayerChange",
    "Path",
    "Perturbation",
    "check_gradient",
    "numerical_gradient",
    "path_sum_gradient",
    "paths",
    "perturbation",
]

TOLERANCE: dict[str, float] = {"forward": 1e-5, "central": 1e-7}
FLOAT32_TOLERANCE: float = 1e-4


class GradientCheck(NamedTuple):
    """What `check_gradient` found, true where the gradients agree: ``assert check_gradient(net, x, y)``."""

    agrees: bool
    difference: float
    parameter: str
    l: int
    j: int
    k: int | None
    backprop: float
    numerical: float

    def __bool__(self) -> bool:
        return self.agrees

    def __str__(self) -> str:
        place = f"layer {self.l}, j = {self.j}" + ("" if self.k is None else f", k = {self.k}")
        verdict = "agree" if self.agrees else "DISAGREE"
        return (
            f"the gradients {verdict}: most different is dC/d{self.parameter} of {place}, "
            f"{self.backprop:.12g} by backprop and {self.numerical:.12g} by equation (46), "
            f"{self.difference:.1e} of the largest apart"
        )


class LayerChange(NamedTuple):
    """The change of the activations of layer l: the one predicted and the one that happens, both (n, 1)."""

    l: int
    predicted: NDArray[np.float64]
    real: NDArray[np.float64]


class Perturbation(NamedTuple):
    """How a small change of a weight spreads: a `LayerChange` for each layer l to L, and ΔC."""

    layers: list[LayerChange]
    predicted: float
    real: float


class Path(NamedTuple):
    """A path from a weight to the cost: neurons j, q, …, m of layers l, l+1, …, L, and its rate factor."""

    neurons: tuple[int, ...]
    product: float


# ---- the other approach ----


def numerical_gradient(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "forward",
    cost: _Cost | None = None,
) -> tuple[_Arrays, _Arrays]:
    """The gradient from differences of the cost, equation (46): a pass for each weight and bias.

    ∂C/∂w_j ≈ (C(w + ε e_j) − C(w)) / ε. No copy of the network is made: of each pass only the layers that
    the weight can change are computed, for many weights at a time.

    Parameters
    ----------
    net : Network
        Or a subclass. Where `feedforward` is replaced it is called for each weight in turn, with the one
        weight changed in `net` for as long as the call takes.
    x, y : array_like
        One example, as in `backprop`.
    epsilon : float, optional
        The small change ε > 0; by default 2⁻²⁶ (forward) or 2⁻¹⁷ (central).
    scheme : {"forward", "central"}
        Equation (46) as it stands, or (C(w + ε e_j) − C(w − ε e_j)) / 2ε.
    cost : callable, optional
        C as a function of (a, y), a the output column; by default ½‖a − y‖².

    Returns
    -------
    nabla_b, nabla_w : lists of ndarray
        ∂C/∂b and ∂C/∂w, shaped like `biases` and `weights`, in float64.

    Raises
    ------
    ValueError, TypeError
        Where ε is not positive or vanishes against a weight, naming it; where `cost_derivative` is replaced
        and no `cost` belongs to it; where an argument has the wrong shape or type.
    """
    one_pass = OnePass(net, x, y)
    cost = checked_cost(net, cost)
    epsilon = checked_epsilon(epsilon, scheme)
    changes = (epsilon,) if scheme == "forward" else (epsilon, -epsilon)
    steps = steps_of(one_pass, changes)
    if is_replaced(net, "feedforward"):
        C, costs = costs_by_feedforward(one_pass, cost, changes)
    else:
        C, costs = costs_by_layer(one_pass, cost, steps)
    nabla: dict[str, _Arrays] = {"biases": [], "weights": []}
    for (name, l), step in steps.items():
        if scheme == "forward":
            quotient = (costs[name, l][0] - C) / step[0]
        else:
            quotient = (costs[name, l][0] - costs[name, l][1]) / (step[0] - step[1])
        nabla[name].append(quotient)
    return nabla["biases"], nabla["weights"]


def check_gradient(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "central",
    cost: _Cost | None = None,
    tolerance: float | None = None,
) -> GradientCheck:
    """Holds `net.backprop(x, y)` against the differences of equation (46).

    Parameters
    ----------
    net, x, y, epsilon, scheme, cost
        As in `numerical_gradient`.
    tolerance : float, optional
        The largest difference allowed, relative to the largest entry of the gradient; by default 1e-7
        (central), 1e-5 (forward) or 1e-4 (a float32 network). What the rounding of C can make of the
        differences, some units in its last place over ε, is allowed on top: in a gradient smaller than
        that, differences show nothing.

    Returns
    -------
    GradientCheck
        Whether the two agree, and the weight or bias that disagrees most, with both values; printed, it
        is a sentence. `difference` is relative to the largest entry; `k` is None for a bias.

    Raises
    ------
    ValueError, TypeError
        As `numerical_gradient`, and where `backprop` returns other shapes than those of the parameters.
    """
    if tolerance is not None:
        tolerance = _arguments.number(tolerance, "tolerance")
        if not tolerance >= 0:
            raise ValueError(f"tolerance is {tolerance}; expected a number >= 0")
    numerical = numerical_gradient(net, x, y, epsilon=epsilon, scheme=scheme, cost=cost)
    by_backprop = net.backprop(x, y)
    if tolerance is None:
        tolerance = TOLERANCE[scheme] if net._cbackprop.dtype == np.float64 else FLOAT32_TOLERANCE
    entries = []
    for name, ours, expected in zip("bw", by_backprop, numerical):
        if len(ours) != len(expected):
            raise ValueError(f"backprop returned {len(ours)} arrays nabla_{name}; expected {len(expected)}")
        for l, (one, other) in enumerate(zip(ours, expected), 2):
            one = np.asarray(one, np.float64)  # noqa: PLW2901
            if one.shape != other.shape:
                raise ValueError(
                    f"backprop returned nabla_{name}[{l - 2}] of shape {one.shape}; expected {other.shape}"
                )
            if one.size:
                apart = np.abs(one - other)
                apart[np.isnan(apart)] = np.inf
                j, k = np.unravel_index(np.argmax(apart), apart.shape)
                where = name, l, int(j), None if name == "b" else int(k), float(one[j, k]), float(other[j, k])
                entries.append((float(apart[j, k]), max(np.abs(one).max(), np.abs(other).max()), where))
    if not entries:
        raise ValueError("net has no weights and no biases")
    most, _, where = max(entries, key=operator.itemgetter(0))
    largest = max(size for _, size, _ in entries)
    one_pass = OnePass(net, x, y)
    output = output_of(one_pass)
    C = abs(costs_of(checked_cost(net, cost), output, one_pass.y)[0])
    reach = C + float(np.abs(one_pass.cost_derivative() * output).sum())
    rounding = 8 * 2.0**-53 * reach / checked_epsilon(epsilon, scheme) if math.isfinite(reach) else 0.0
    difference = float(most / largest) if 0 < largest < math.inf else most
    agrees = math.isfinite(most) and most <= tolerance * largest + rounding
    return GradientCheck(bool(agrees), difference, *where)


# ---- the big picture ----


def perturbation(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    weight: Sequence[int],
    dw: float,
    *,
    cost: _Cost | None = None,
) -> Perturbation:
    """Follows a small change of one weight through the network, layer by layer.

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
        ``layers``: for each layer from l on the change of its activations, `predicted` to first order and
        `real`. Equation (48) predicts Δa^l_j, equations (49) and (50), summed over the neurons of the layer
        before, those of the next layers. ``predicted`` and ``real``: ΔC by equation (47), and as it is.

    Raises
    ------
    ValueError, TypeError
        Where the weight is outside the network, where Δw vanishes against it, or as `numerical_gradient`.
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
        ``neurons``: j, q, …, m, one of each layer from l to L. ``product``: the rate factor of the path,
        ∂C/∂a^L_m … ∂a^{l+1}_q/∂a^l_j · ∂a^l_j/∂w^l_jk. By equation (53) the products sum to ∂C/∂w^l_jk.

    Raises
    ------
    ValueError, TypeError
        Where the weight is outside the network, or an argument has the wrong shape or type.
    """
    one_pass = OnePass(net, x, y)
    l, j, k = one_pass.place(weight)
    start = float(one_pass.weight_rate(l)[j, k])
    return (Path(neurons, product) for neurons, product in walk(*rate_factors(one_pass, l), l, j, start))


def path_sum_gradient(
    net: ReferenceNetwork, x: ArrayLike, y: ArrayLike, *, max_paths: int = 10**6
) -> _Arrays:
    """The gradient of the weights as sums over paths, equations (52) and (53).

    Every path from every weight is walked, and its product of rate factors added to the weight's sum: nothing
    is summed on the way, as backpropagation does.

    Parameters
    ----------
    net, x, y
        As in `backprop`.
    max_paths : int
        The largest number of paths to walk, over all weights.

    Returns
    -------
    nabla_w : list of ndarray
        ∂C/∂w, shaped like `weights`, in float64.

    Raises
    ------
    ValueError
        Where there are more paths, with their number, before any is walked; or where an argument has the
        wrong shape.
    """
    one_pass = OnePass(net, x, y)
    max_paths = _arguments.whole(max_paths, "max_paths")
    count, onwards = 0, 1
    for l in range(one_pass.L, 1, -1):
        onwards *= one_pass.n[l]  # ways through one neuron each of layers l … L
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
            # The weights into neuron j have the same ways on: their paths are walked side by side.
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
    """Every path from neuron j of layer l to the cost, with `start` times its factors, depth first."""
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

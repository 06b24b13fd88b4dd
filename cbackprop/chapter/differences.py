"""The other approach: the gradient from differences of the cost, and `backprop` compared with it."""

from __future__ import annotations

import contextlib
import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments
from cbackprop._memory import FLOAT64, remember
from cbackprop.chapter.cost_of_output import checked_cost, costs_of, is_replaced
from cbackprop.chapter.one_pass import OnePass

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]
    _Cost: TypeAlias = Callable[[_Array, Any], Any]
    _Scheme: TypeAlias = Literal["forward", "central"]
    # By the name of the parameters and the number of the layer; an array for each step.
    _ByParameter: TypeAlias = dict[tuple[str, int], list[_Array]]

# Where rounding (it grows as 1/ε) and the neglected terms (they grow as ε or ε²) are about as large.
EPSILON = {"forward": 2.0**-26, "central": 2.0**-17}
TOLERANCE = {"forward": 1e-5, "central": 1e-7}
FLOAT32_TOLERANCE = 1e-4


class GradientCheck(NamedTuple):
    """What `check_gradient` found; true if the gradients agree: ``assert check_gradient(net, x, y)``."""

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


def numerical_gradient(
    net: ReferenceLayers,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "forward",
    cost: _Cost | None = None,
) -> tuple[list[_Array], list[_Array]]:
    """The gradient from differences of the cost, equation (46): a pass for each weight and bias.

    ∂C/∂w_j ≈ (C(w + ε e_j) − C(w)) / ε. The network is not copied. Each pass computes only the layers that
    the weight can change, for many weights at a time.

    Parameters
    ----------
    net : Network
        From network or network2, or a subclass. A replaced `feedforward` is called once for each weight,
        which is changed in `net` for the duration of the call.
    x, y : array_like
        One example, as in `backprop`.
    epsilon : float, optional
        The small change ε > 0; by default 2⁻²⁶ (forward) or 2⁻¹⁷ (central).
    scheme : {"forward", "central"}
        Equation (46) itself, or (C(w + ε e_j) − C(w − ε e_j)) / 2ε.
    cost : callable, optional
        C as a function of (a, y), a the output column; by default ½‖a − y‖², or in network2 the ``fn`` of
        the network's cost.

    Returns
    -------
    nabla_b, nabla_w : lists of ndarray
        ∂C/∂b and ∂C/∂w, shaped like `biases` and `weights`, in float64.

    Raises
    ------
    ValueError, TypeError
        If ε is not positive, or so small that it does not change a weight, which the message names; if
        `cost_derivative` is replaced and no `cost` is given; if an argument has the wrong shape or type.
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
    nabla: dict[str, list[_Array]] = {"biases": [], "weights": []}
    for (name, l), step in steps.items():
        if scheme == "forward":
            quotient = (costs[name, l][0] - C) / step[0]
        else:
            quotient = (costs[name, l][0] - costs[name, l][1]) / (step[0] - step[1])
        nabla[name].append(quotient)
    return nabla["biases"], nabla["weights"]


def check_gradient(
    net: ReferenceLayers,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "central",
    cost: _Cost | None = None,
    tolerance: float | None = None,
) -> GradientCheck:
    """Compare `net.backprop(x, y)` with the differences of equation (46).

    Parameters
    ----------
    net, x, y, epsilon, scheme, cost
        As in `numerical_gradient`.
    tolerance : float, optional
        The largest difference allowed, relative to the largest entry of the gradient; by default 1e-7
        (central), 1e-5 (forward) or 1e-4 (a float32 network). The rounding error of C, a few units in its
        last place over ε, is allowed on top: about a gradient smaller than that, differences say nothing.

    Returns
    -------
    GradientCheck
        Whether the two agree, and the weight or bias that disagrees most, with both values. Printed, it is a
        sentence. `difference` is relative to the largest entry; `k` is None for a bias.

    Raises
    ------
    ValueError, TypeError
        As in `numerical_gradient`, and if `backprop` returns arrays of other shapes than the parameters'.
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


def checked_epsilon(epsilon: float | None, scheme: str) -> float:
    """`epsilon` as a float; by default the one that suits the scheme best."""
    if scheme not in EPSILON:
        raise ValueError(f"scheme is {scheme!r}; expected 'forward' or 'central'")
    if epsilon is None:
        return EPSILON[scheme]
    epsilon = _arguments.number(epsilon, "epsilon")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon is {epsilon}; expected a small number > 0")
    return epsilon


def step_of(array: _Array, change: float, name: str, l: int) -> _Array:
    """How much each entry of a parameter really changes when `change` is added to it."""
    vanishes = array + change == array
    if vanishes.any():
        j, k = np.argwhere(vanishes)[0]
        raise ValueError(
            f"epsilon is {abs(change)}, so small that it vanishes against {name}[{l - 2}][{j}, {k}], "
            f"which is {array[j, k]}"
        )
    return (array + change) - array


def steps_of(one_pass: OnePass, changes: tuple[float, ...]) -> _ByParameter:
    """The steps of every parameter, by (name, l): one array for each of `changes`."""
    return {
        (name, l): [step_of(array, change, name, l) for change in changes]
        for name, arrays in (("biases", one_pass.b), ("weights", one_pass.w))
        for l, array in arrays.items()
    }


def costs_by_layer(one_pass: OnePass, cost: _Cost | None, steps: _ByParameter) -> tuple[float, _ByParameter]:
    """C as it is, and C after each step of each parameter, computed from the layer of the step on.

    A step of b^l_j is a step of z^l_j; a step of w^l_jk is one of z^l_j, a^{l-1}_k times as large.
    """

    def costs(l: int, dz: _Array) -> _Array:
        columns = [costs_of(cost, a, one_pass.y) for a in one_pass.outputs(l, dz)]
        return np.concatenate(columns or [np.zeros(0)]).reshape(dz.shape)

    found: _ByParameter = {}
    for (name, l), pair in steps.items():
        inputs = 1 if name == "biases" else one_pass.a[l - 1].T
        found[name, l] = [costs(l, step * inputs) for step in pair]
    return costs_of(cost, one_pass.a[one_pass.L], one_pass.y)[0], found


def output_of(one_pass: OnePass) -> _Array:
    """a^L, the output whose cost is computed: from `feedforward` if that is replaced."""
    if not is_replaced(one_pass.net, "feedforward"):
        return one_pass.a[one_pass.L]
    a = np.asarray(one_pass.net.feedforward(one_pass.x.copy()))
    if a.shape != (one_pass.n[one_pass.L], 1):
        raise ValueError(
            f"feedforward returned an array of shape {a.shape}; expected ({one_pass.n[one_pass.L]}, 1)"
        )
    return a


def costs_by_feedforward(
    one_pass: OnePass, cost: _Cost | None, changes: tuple[float, ...]
) -> tuple[float, _ByParameter]:
    """What `costs_by_layer` returns, from a replaced `feedforward`. At the end the network is restored."""
    net = one_pass.net

    def C() -> float:
        return costs_of(cost, output_of(one_pass), one_pass.y)[0]

    def costs(array: _Array, change: float) -> _Array:
        found = np.empty_like(array)
        for place, value in np.ndenumerate(array):
            array[place] = value + change
            found[place] = C()
            array[place] = value
        return found

    with contextlib.ExitStack() as stack:
        changed = {
            "weights": [w.copy() for w in one_pass.w.values()],
            "biases": [b.copy() for b in one_pass.b.values()],
        }
        memory = net._cbackprop
        if memory.dtype != np.float64:
            stack.callback(net.__dict__.__setitem__, "_cbackprop", memory)
            remember(net, dtype=FLOAT64)
        for name, value in changed.items():
            stack.callback(setattr, net, name, getattr(net, name))
            setattr(net, name, value)
        found = {
            (name, l): [costs(array, change) for change in changes]
            for name in ("biases", "weights")
            for l, array in enumerate(getattr(net, name), 2)
        }
        return C(), found

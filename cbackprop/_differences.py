"""The costs that equation (46) takes the differences of, for cbackprop.chapter."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments
from cbackprop._memory import FLOAT64, remember
from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from cbackprop._one_pass import OnePass

    _Array: TypeAlias = NDArray[np.float64]
    _Cost: TypeAlias = Callable[[_Array, Any], Any]
    # By the name of the parameters and the number of the layer; an array for each step.
    _ByParameter: TypeAlias = dict[tuple[str, int], list[_Array]]

# Where rounding (it grows as 1/ε) and the neglected terms (they grow as ε or ε²) are about as large.
EPSILON = {"forward": 2.0**-26, "central": 2.0**-17}


def checked_epsilon(epsilon: float | None, scheme: str) -> float:
    """`epsilon` as a float, or what the scheme does best with."""
    if scheme not in EPSILON:
        raise ValueError(f"scheme is {scheme!r}; expected 'forward' or 'central'")
    if epsilon is None:
        return EPSILON[scheme]
    epsilon = _arguments.number(epsilon, "epsilon")
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon is {epsilon}; expected a small number > 0")
    return epsilon


def step_of(array: _Array, change: float, name: str, l: int) -> _Array:
    """By how much each entry of a parameter really changes when `change` is added to it."""
    vanishes = array + change == array
    if vanishes.any():
        j, k = np.argwhere(vanishes)[0]
        raise ValueError(
            f"epsilon is {abs(change)}, so small that it vanishes against {name}[{l - 2}][{j}, {k}], "
            f"which is {array[j, k]}"
        )
    return (array + change) - array


def steps_of(one_pass: OnePass, changes: tuple[float, ...]) -> _ByParameter:
    """The steps of every parameter, by (name, l): an array for each of `changes`."""
    return {
        (name, l): [step_of(array, change, name, l) for change in changes]
        for name, arrays in (("biases", one_pass.b), ("weights", one_pass.w))
        for l, array in arrays.items()
    }


def is_replaced(net: ReferenceNetwork, name: str) -> bool:
    """Whether the method `name` is another than the package's own, in a subclass or on the instance."""
    return getattr(getattr(net, name), "__func__", None) not in (
        getattr(Network, name),
        getattr(ReferenceNetwork, name),
    )


def checked_cost(net: ReferenceNetwork, cost: _Cost | None) -> _Cost | None:
    """`cost`, or None for ½‖a − y‖², which no replaced `cost_derivative` can be trusted to derive."""
    if cost is None and is_replaced(net, "cost_derivative"):
        raise ValueError(
            "cost_derivative is replaced, so the cost is not known to be ½‖a − y‖²: give the cost that it is "
            "the derivative of, as cost=lambda a, y: ..."
        )
    if cost is not None and not callable(cost):
        raise TypeError(f"cost is {type(cost).__name__}; expected a function of (a, y)")
    return cost


def costs_of(cost: _Cost | None, a: _Array, y: Any) -> _Array:
    """C for each column of `a`."""
    if cost is None:
        return 0.5 * np.sum((a - y) ** 2, axis=0)
    costs = [np.asarray(cost(a[:, [column]], y)) for column in range(a.shape[1])]
    for one in costs:
        if one.size != 1:
            raise ValueError(f"cost returned an array of shape {one.shape}; expected a number")
        if one.dtype.kind not in "biuf":
            raise TypeError(f"cost returned {one.item()!r}; expected a real number")
    return np.array([one.item() for one in costs], np.float64)


def costs_by_layer(one_pass: OnePass, cost: _Cost | None, steps: _ByParameter) -> tuple[float, _ByParameter]:
    """C as it is, and for each step of each parameter: of a pass only the layers from the step on.

    A step of b^l_j is one of z^l_j, a step of w^l_jk one of z^l_j by a^{l-1}_k times as much.
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
    """a^L, the output that the cost is a function of: that of `feedforward` where it is replaced."""
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
    """The same by a `feedforward` that the reader has replaced; the network is put back at the end."""
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
        own = {
            "weights": [w.copy() for w in one_pass.w.values()],
            "biases": [b.copy() for b in one_pass.b.values()],
        }
        memory = net._cbackprop
        if memory.dtype != np.float64:
            stack.callback(net.__dict__.__setitem__, "_cbackprop", memory)
            remember(net, dtype=FLOAT64)
        for name, value in own.items():
            stack.callback(setattr, net, name, getattr(net, name))
            setattr(net, name, value)
        found = {
            (name, l): [costs(array, change) for change in changes]
            for name in ("biases", "weights")
            for l, array in enumerate(getattr(net, name), 2)
        }
        return C(), found

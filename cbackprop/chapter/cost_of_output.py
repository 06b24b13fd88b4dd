"""The cost C as a function of the output a^L: its value, and its derivatives for paths.

network.py has the quadratic cost, or one that only a replaced `cost_derivative` tells of. network2 has a
class with `fn(a, y)`, the cost, and `delta(z, a, y)`, the output error δ^L.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import costs
from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from cbackprop.chapter.one_pass import OnePass
    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]
    _Cost: TypeAlias = Callable[[_Array, Any], Any]

# By which part of itself each output is changed to differentiate a cost of the user's over a softmax layer.
OUTPUT_STEP = 2.0**-17


def is_replaced(net: ReferenceLayers, name: str) -> bool:
    """Whether the method `name` is replaced, in a subclass or on the instance."""
    return getattr(getattr(net, name), "__func__", None) not in (
        getattr(Network, name),
        getattr(ReferenceNetwork, name),
    )


def tells_no_cost(net: ReferenceLayers) -> bool:
    """Whether `net` has a replaced `cost_derivative`, which need not be the derivative of ½‖a − y‖²."""
    return not isinstance(net, ReferenceNetwork2) and is_replaced(net, "cost_derivative")


def checked_cost(net: ReferenceLayers, cost: _Cost | None) -> _Cost | None:
    """The cost as a function of (a, y): `cost`, or the network's own; None for ½‖a − y‖²."""
    if cost is not None and not callable(cost):
        raise TypeError(f"cost is {type(cost).__name__}; expected a function of (a, y)")
    if cost is not None:
        return cost
    if tells_no_cost(net):
        raise ValueError(
            "cost_derivative is replaced, so the cost is not known to be ½‖a − y‖²: give the cost that it is "
            "the derivative of, as cost=lambda a, y: ..."
        )
    if not isinstance(net, ReferenceNetwork2) or costs.builtin_fn(net.cost) == "QuadraticCost":
        return None
    return net.cost.fn


def costs_of(cost: _Cost | None, a: _Array, y: Any) -> _Array:
    """C of each column of `a`."""
    if cost is None:
        return 0.5 * np.sum((a - y) ** 2, axis=0)
    # A copy, because the user's function may change its arguments.
    found = [np.asarray(cost(a[:, [column]], copy.copy(y))) for column in range(a.shape[1])]
    for one in found:
        if one.size != 1:
            raise ValueError(f"cost returned an array of shape {one.shape}; expected a number")
        if one.dtype.kind not in "biuf":
            raise TypeError(f"cost returned {one.item()!r}; expected a real number")
    return np.array([one.item() for one in found], np.float64)


def checked_column(values: Any, shape: tuple[int, ...], name: str, broadcasts: bool = False) -> _Array:
    """What the user's function `name` returned, as a column; `broadcasts` if a number will do."""
    array = np.asarray(values)
    expected = ((), (1,), (1, 1), shape) if broadcasts else (shape,)
    if array.dtype.kind not in "biuf" or array.shape not in expected:
        raise ValueError(
            f"{name} returned an array of shape {array.shape} and dtype {array.dtype}; "
            f"expected real numbers of shape {shape}"
        )
    return np.broadcast_to(array.astype(np.float64), shape)


def ratio(p: _Array, q: _Array) -> _Array:
    """p/q, and 0 where p is 0, whatever q is."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(p == 0, 0.0, p / q)


def derivative(one_pass: OnePass) -> _Array:
    """∂C/∂a^L_m of network2's cost, (n_L, 1).

    It follows from δ^L: by (BP1), δ^L_m = ∂C/∂a^L_m f′(z^L_m). Where f′ is 0, or the layer a softmax, δ^L
    does not tell; so the package's own costs have their formulas here. A cost class of the user's over a
    softmax layer is differentiated numerically.
    """
    a, y = one_pass.a[one_pass.L], one_pass.y
    name = costs.builtin_delta(one_pass.cost)
    if name == "QuadraticCost":
        return a - y
    if name == "CrossEntropyCost":
        return ratio(1 - y, 1 - a) - ratio(y, a)
    if name == "LogLikelihoodCost":
        return -ratio(y, a)
    if not one_pass.is_softmax:
        return ratio(one_pass.output_error(), one_pass.f_prime(one_pass.L))
    return numerical_derivative(one_pass.cost.fn, a, y)


def numerical_derivative(cost: _Cost, a: _Array, y: _Array) -> _Array:
    """∂C/∂a_m from differences of the cost, with steps relative to a_m: softmax's outputs may be tiny."""
    steps = np.diagflat(a * OUTPUT_STEP)
    return ratio(
        (costs_of(cost, a + steps, y) - costs_of(cost, a - steps, y))[:, np.newaxis],
        2 * a * OUTPUT_STEP,
    )


def softmax_cost_rate(one_pass: OnePass) -> _Array:
    """∂C/∂a^L_m ∂a^L_m/∂z^L_j of a softmax layer, C's change by way of the output m: a matrix, entry (m, j).

    It is computed as one, for where a^L_m is 0, the first factor may be infinite.
    """
    if costs.builtin_delta(one_pass.cost) == "LogLikelihoodCost":  # −(y_m/a_m) ∂a^L_m/∂z^L_j
        return np.dot(one_pass.y, one_pass.a[one_pass.L].T) - np.diagflat(one_pass.y)
    return one_pass.cost_derivative() * one_pass.softmax_rate()

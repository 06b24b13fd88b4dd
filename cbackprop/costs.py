"""The cost functions of chapter 3, each with its output error.

A cost is a class with two static methods: ``fn(a, y)``, the cost C_x of the output a^L for the target y, and
``delta(z, a, y)``, the error δ^L of the output layer. A reader's own class needs no more than these.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop.reference import network as reference

if TYPE_CHECKING:
    from cbackprop.activations import Activation, LayerActivations

__all__ = ["CrossEntropyCost", "LogLikelihoodCost", "QuadraticCost"]


class QuadraticCost:
    """C_x = ½‖a − y‖²."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`."""
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """δ^L = (a − y) ⊙ σ′(z), σ′ being that of the module network2 now, as in the book."""
        module = sys.modules.get("cbackprop.network2", reference)
        return (a - y) * module.sigmoid_prime(z)


class CrossEntropyCost:
    """C_x = −Σ_j [y_j ln a_j + (1 − y_j) ln(1 − a_j)], for an output layer of sigmoid neurons."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`.

        0·ln 0 counts as 0, and an infinite term as the largest number there is: what NumPy's nan_to_num
        makes of them.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """δ^L = a − y: the σ′(z) of the output neurons cancels."""
        return a - y


class LogLikelihoodCost:
    """C_x = −Σ_j y_j ln a_j, which is −ln a_y of the right class y, for a softmax output layer."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`; infinities as in `CrossEntropyCost`."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.sum(np.nan_to_num(-y * np.log(a)))

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """δ^L = a − y."""
        return a - y


# A row for each built-in cost: its class, and the output layer for which f′ cancels in delta; None: for none.
# src/kernels/registry.h has the same names, or nothing is imported.
_ROWS = ((QuadraticCost, None), (CrossEntropyCost, "sigmoid"), (LogLikelihoodCost, "softmax"))
COSTS: dict[str, Any] = {cost.__name__: cost for cost, _ in _ROWS}
_OUTPUTS: dict[str | None, str | None] = {cost.__name__: output for cost, output in _ROWS}
_DELTAS = {cost.delta: cost.__name__ for cost in COSTS.values()}
_FNS = {cost.fn: cost.__name__ for cost in COSTS.values()}


def builtin_delta(cost: Any) -> str | None:
    """Whose output error `cost` has: the name of a class above, or None where ``delta`` is the user's."""
    return _named(cost, "delta", _DELTAS)


def builtin_fn(cost: Any) -> str | None:
    """Whose ``fn`` `cost` has, likewise."""
    return _named(cost, "fn", _FNS)


def _named(cost: Any, name: str, names: dict[Any, str]) -> str | None:
    function = getattr(cost, name, None)
    try:
        return names.get(function)
    except TypeError:  # not hashable, so not ours
        return None


def takes_derivative(cost: Any) -> bool:
    """Whether the error of `cost` is ours, and is (a − y) ⊙ f′(z) whatever the output layer's f is."""
    return _OUTPUTS.get(builtin_delta(cost), "") is None


def is_cost(cost: Any) -> bool:
    """Whether `cost` has the two functions of one."""
    return callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))


def check_functions(cost: Any) -> None:
    """Raise where `cost` lacks a function of one."""
    for name, arguments in (("fn", "(a, y)"), ("delta", "(z, a, y)")):
        if not callable(getattr(cost, name, None)):
            raise TypeError(
                f"cost is {cost!r}; expected a class with the static methods fn(a, y) and delta(z, a, y), "
                f"and it has no {name}{arguments}"
            )


def check(cost: Any, activations: LayerActivations | None = None, L: int | None = None) -> None:
    """Raise where `cost` is none, or does not belong to the output layer of these activations.

    Parameters
    ----------
    cost : object
    activations : LayerActivations or None
        None: every neuron is a sigmoid.
    L : int, optional
        The number of the output layer, where the network no longer has the layers it began with.
    """
    check_functions(cost)
    if L == 1:
        return  # an input layer alone: its output layer is still to come
    output: str | Activation = "sigmoid"
    modified: dict[int, Any] = {}
    if activations is not None:
        output, modified = activations.layers[-1] if L is None else activations.of_layer(L)
    delta = builtin_delta(cost)
    wanted = _OUTPUTS.get(delta)
    if wanted not in (None, "softmax") and (output != wanted or modified):
        raise ValueError(
            f"the output layer's activation is {'partly another' if modified else repr(output)}; the error "
            f"a − y of {delta} belongs to {wanted} neurons: choose activation=[..., {wanted!r}] or "
            f"another cost"
        )
    if (wanted == "softmax") != (output == "softmax") and delta is not None:
        raise ValueError(
            f"the output layer's activation is {output!r} and the cost {delta}; "
            f"LogLikelihoodCost and a softmax output layer go together"
        )


def default_output(cost: Any) -> str:
    """The activation of the output layer where none was chosen."""
    return _OUTPUTS.get(builtin_delta(cost)) or "sigmoid"


def with_output(cost: Any, sizes: Any, activation: Any) -> Any:
    """The list of activations where `cost` has an output layer of its own, else `activation` as it is."""
    output = default_output(cost)
    if output == "sigmoid" or isinstance(activation, (list, tuple)):
        return activation
    return [activation] * (len(sizes) - 2) + [output][: max(len(sizes) - 1, 0)]

"""The cost functions of chapter 3, each with its output error.

A cost is a class with two static methods: ``fn(a, y)``, the cost C_x of the output a^L for the target y, and
``delta(z, a, y)``, the error δ^L of the output layer. A class of your own needs no more than these.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop.reference import network as reference

if TYPE_CHECKING:
    from cbackprop.activations import Activation, LayerActivations

__all__ = ["CrossEntropyCost", "LogLikelihoodCost", "PoissonCost", "QuadraticCost"]


class QuadraticCost:
    """C_x = ½‖a − y‖²."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`."""
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """δ^L = (a − y) ⊙ σ′(z). As in the book, σ′ is the one that network2 has now."""
        module = sys.modules.get("cbackprop.network2", reference)
        return (a - y) * module.sigmoid_prime(z)


class CrossEntropyCost:
    """C_x = −Σ_j [y_j ln a_j + (1 − y_j) ln(1 − a_j)], for an output layer of sigmoid neurons."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`.

        0·ln 0 counts as 0, and an infinite term as the largest float, as NumPy's nan_to_num has it.
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


class PoissonCost:
    """C_x = Σ_j [y_j ln(y_j / a_j) − y_j + a_j], half the Poisson deviance, for an output layer of e^z."""

    @staticmethod
    def fn(a: Any, y: Any) -> Any:
        """The cost of the output `a` for the target `y`; infinities as in `CrossEntropyCost`."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            logarithms = np.where(np.asarray(y) > 0, np.nan_to_num(y * (np.log(y) - np.log(a))), 0.0)
        return np.sum(logarithms - y + a)

    @staticmethod
    def delta(z: Any, a: Any, y: Any) -> Any:
        """δ^L = a − y."""
        return a - y


# A row for each built-in cost: its class, and the output layer for which f′ cancels in delta, or None.
# src/kernels/registry.h must have the same names, or the import fails.
_ROWS = (
    (QuadraticCost, None),
    (CrossEntropyCost, "sigmoid"),
    (LogLikelihoodCost, "softmax"),
    (PoissonCost, "exponential"),
)
COSTS: dict[str, Any] = {cost.__name__: cost for cost, _ in _ROWS}
_OUTPUTS: dict[str | None, str | None] = {cost.__name__: output for cost, output in _ROWS}
_DELTAS = {cost.delta: cost.__name__ for cost in COSTS.values()}
_FNS = {cost.fn: cost.__name__ for cost in COSTS.values()}


def builtin_delta(cost: Any) -> str | None:
    """The name of the class above whose ``delta`` `cost` has, or None if it is the user's."""
    return _named(cost, "delta", _DELTAS)


def builtin_fn(cost: Any) -> str | None:
    """The name of the class above whose ``fn`` `cost` has, or None if it is the user's."""
    return _named(cost, "fn", _FNS)


def _named(cost: Any, name: str, names: dict[Any, str]) -> str | None:
    function = getattr(cost, name, None)
    try:
        return names.get(function)
    except TypeError:  # not hashable, so not one of these
        return None


def takes_derivative(cost: Any) -> bool:
    """Whether `cost` has the built-in error (a − y) ⊙ f′(z), which suits any f of the output layer."""
    return _OUTPUTS.get(builtin_delta(cost), "") is None


def suits_sigmoids(cost: Any) -> bool:
    """Whether `cost` has a built-in error that suits an output layer of sigmoid neurons."""
    return _OUTPUTS.get(builtin_delta(cost), "") in (None, "sigmoid")


def is_cost(cost: Any) -> bool:
    """Whether `cost` has both functions of a cost."""
    return callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))


def check_functions(cost: Any) -> None:
    """Raise a TypeError if `cost` lacks one of them."""
    for name, arguments in (("fn", "(a, y)"), ("delta", "(z, a, y)")):
        if not callable(getattr(cost, name, None)):
            raise TypeError(
                f"cost is {cost!r}; expected a class with the static methods fn(a, y) and delta(z, a, y), "
                f"and it has no {name}{arguments}"
            )


def check(cost: Any, activations: LayerActivations | None = None, L: int | None = None) -> None:
    """Raise if `cost` is not a cost, or does not fit the output layer of these activations.

    Parameters
    ----------
    cost : object
    activations : LayerActivations or None
        None if every neuron is a sigmoid.
    L : int, optional
        The number of the output layer, if the network may no longer have the layers it had at first.
    """
    check_functions(cost)
    if L == 1:
        return  # an input layer alone: the output layer is still to be added
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
    """The activation of the output layer if none was chosen."""
    return _OUTPUTS.get(builtin_delta(cost)) or "sigmoid"


def with_output(cost: Any, sizes: Any, activation: Any) -> Any:
    """`activation`, with the output layer that `cost` needs if it needs one."""
    output = default_output(cost)
    if output == "sigmoid" or isinstance(activation, (list, tuple)):
        return activation
    return [activation] * (len(sizes) - 2) + [output][: max(len(sizes) - 1, 0)]

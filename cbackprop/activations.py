"""The activation functions that a layer, or a single neuron, may have instead of the sigmoid.

Each is a line of NumPy here. The kernels' functions of the same names are in
src/kernels/templates/activations.h.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Function: TypeAlias = Callable[[NDArray[Any]], Any]
    _Choice: TypeAlias = "str | Activation"
    _Layer: TypeAlias = tuple[_Choice, dict[int, _Choice]]

__all__ = ["Activation", "LayerActivations", "exponential", "linear", "relu", "softplus", "tanh"]


class Activation:
    """An activation function of your own.

    Parameters
    ----------
    f : callable
        f(z), element by element for an array of any shape.
    f_prime : callable
        Its derivative f′(z), likewise. Either may return a single number for all elements.

    Notes
    -----
    A network that has one computes with NumPy. It can be pickled if both functions can, which must then have
    a name in a module.
    """

    def __init__(self, f: _Function, f_prime: _Function | None = None) -> None:
        if not callable(f):
            raise TypeError(f"f is {f!r}; expected a function of z")
        if not callable(f_prime):
            raise TypeError(
                f"f_prime is {f_prime!r}; backpropagation needs the derivative of f: Activation(f, f_prime)"
            )
        self.f: _Function = f
        self.f_prime: _Function = f_prime

    def __repr__(self) -> str:
        return f"Activation({self.f!r}, {self.f_prime!r})"


def linear(z: NDArray[Any]) -> NDArray[Any]:
    """The linear neuron of the chapter's second exercise: f(z) = z."""
    return z


def linear_prime(z: NDArray[Any]) -> NDArray[Any]:
    """f′(z) = 1."""
    return np.ones_like(z)


def tanh(z: NDArray[Any]) -> NDArray[Any]:
    """The hyperbolic tangent."""
    return np.tanh(z)


def tanh_prime(z: NDArray[Any]) -> NDArray[Any]:
    """1 − tanh² z, as a product that keeps its digits if tanh z is near ±1."""
    return (1 - np.tanh(z)) * (1 + np.tanh(z))


def relu(z: NDArray[Any]) -> NDArray[Any]:
    """max(z, 0), the rectified linear unit."""
    return np.maximum(z, 0)


def relu_prime(z: NDArray[Any]) -> NDArray[Any]:
    """1 if z > 0, otherwise 0, even at z = 0, where the function has no derivative."""
    return (z > 0).astype(z.dtype)


def softplus(z: NDArray[Any]) -> NDArray[Any]:
    """ln(1 + e^z), computed so that e^z cannot overflow."""
    with np.errstate(invalid="ignore"):  # NaN stays NaN without a warning, as everywhere else
        return np.logaddexp(0, z)


def softplus_prime(z: NDArray[Any]) -> NDArray[Any]:
    """The sigmoid of z: 1 − e^−a where a = ln(1 + e^z)."""
    return -np.expm1(-softplus(z))


def exponential(z: NDArray[Any]) -> NDArray[Any]:
    """e^z, for an output layer of positive numbers such as counts."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(z)


def exponential_prime(z: NDArray[Any]) -> NDArray[Any]:
    """e^z."""
    return exponential(z)


def softmax(z: NDArray[Any]) -> NDArray[Any]:
    """e^z_j / Σ_k e^z_k of each column, computed so that nothing overflows. For output layers alone."""
    with np.errstate(invalid="ignore"):
        e = np.exp(z - z.max(axis=0, keepdims=True))
        return e / e.sum(axis=0, keepdims=True)


# A row for each activation with a name: f and f′. src/kernels/registry.h must have the same names, or the
# import fails. The sigmoid is not here: users may replace it in network.py or network2.py.
_NAMED = {
    "linear": (linear, linear_prime),
    "tanh": (tanh, tanh_prime),
    "relu": (relu, relu_prime),
    "softplus": (softplus, softplus_prime),
    "exponential": (exponential, exponential_prime),
    # Its error comes from its cost, not from a derivative of each neuron.
    "softmax": (softmax, None),
}
NAMES: tuple[str, ...] = ("sigmoid", *_NAMED)


class LayerActivations:
    """The activation of each layer, and of each neuron that has another.

    Parameters
    ----------
    sizes : sequence of int
        Of the network.
    activation : str, Activation, or a list of them with one entry for each layer after the input layer
    neuron_activations : dict of (l, j) to str or Activation, or None
        For neuron j, counted from 0, of layer l = 2, …, L.

    Attributes
    ----------
    layers : list of (str or Activation, dict)
        For each layer after the input layer: its activation, and by j those of its modified neurons.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: _Choice | Sequence[_Choice] = "sigmoid",
        neuron_activations: dict[tuple[int, int], _Choice] | None = None,
    ) -> None:
        L, n = len(sizes), max(len(sizes) - 1, 0)
        if isinstance(activation, (list, tuple)):
            if len(activation) != n:
                raise ValueError(
                    f"activation has {len(activation)} entries; a network of {L} layers takes {n}, "
                    f"one for each layer after the input layer"
                )
            chosen = [_checked(one, f"activation[{i}]") for i, one in enumerate(activation)]
        else:
            # A placeholder without layers still knows what its layers will compute.
            chosen = [_checked(activation, "activation")] * max(n, 1)
        if "softmax" in chosen[:-1]:
            raise ValueError("activation is 'softmax' in a hidden layer; it is for the output layer alone")
        self.layers: list[_Layer] = [(one, {}) for one in chosen]
        if neuron_activations is None:
            return
        if not isinstance(neuron_activations, dict):
            raise TypeError(
                f"neuron_activations is {type(neuron_activations).__name__}; "
                f"expected a dict of (l, j) to an activation"
            )
        for place, one in neuron_activations.items():
            l, j = _place(place, sizes)
            layer, modified = self.layers[l - 2]
            one = _checked(one, f"neuron_activations[{place!r}]")  # noqa: PLW2901
            if "softmax" in (one, layer):
                raise ValueError(f"neuron_activations[{place!r}]: softmax is for an output layer as a whole")
            if one != layer:
                modified[j] = one

    def of_layers(self, L: int) -> list[_Layer]:
        """`layers` for a network that now has L layers.

        Activations belong to the layers that the network had at first. A layer that was cut off took its own
        with it. One that was added has the activation of the others, if these are alike.

        Raises
        ------
        ValueError
            If a layer was added and the others are not alike.
        """
        n = L - 1
        if n <= len(self.layers):
            return self.layers[:n]
        first = self.layers[0] if self.layers else ("sigmoid", {})
        if any(layer != first or layer[1] for layer in self.layers):
            raise ValueError(
                f"weights has {n} arrays; the activations were chosen for a network of {len(self.layers)} "
                f"layers after its input layer: make a new Network(sizes, "
                f"activation=[...]) and give it these arrays"
            )
        return [first] * n

    def of_layer(self, l: int) -> _Layer:
        """The entry of `of_layers` for layer l = 2, 3, …, however many layers there are now."""
        if l - 2 < len(self.layers):
            return self.layers[l - 2]
        return self.of_layers(len(self.layers) + 2)[-1]

    def all_used(self) -> Iterator[tuple[_Choice, str]]:
        """Yield every activation in use, and in words where it is used."""
        for l, (layer, modified) in enumerate(self.layers, 2):
            yield layer, f"layer {l}"
            for j, one in modified.items():
                yield one, f"neuron {j} of layer {l}"

    @functools.cached_property
    def uses_sigmoid(self) -> bool:
        """Whether any neuron is a sigmoid."""
        return any(one == "sigmoid" for one, _ in self.all_used())

    def only_sigmoid(self) -> bool:
        """Whether all neurons are sigmoids."""
        return all(one == "sigmoid" for one, _ in self.all_used())

    @functools.cached_property
    def custom(self) -> str | None:
        """Where the user's own function is first used, in words, or None."""
        return next((where for one, where in self.all_used() if isinstance(one, Activation)), None)

    def f(self, l: int, z: NDArray[Any], sigmoid: _Function) -> NDArray[Any]:
        """f(z) of layer l, given the sigmoid to use. Each row of z is a neuron."""
        return self._applied(l, z, sigmoid, 0)

    def f_prime(self, l: int, z: NDArray[Any], sigmoid_prime: _Function) -> NDArray[Any]:
        """f′(z) of layer l, given the derivative of the sigmoid."""
        return self._applied(l, z, sigmoid_prime, 1)

    def _applied(self, l: int, z: NDArray[Any], sigmoid: _Function, which: int) -> NDArray[Any]:
        layer, modified = self.of_layer(l)
        result = np.empty_like(z)
        result[...] = _values(layer, which, z, sigmoid, f"layer {l}")
        for j, one in modified.items():
            result[j : j + 1] = _values(one, which, z[j : j + 1], sigmoid, f"neuron {j} of layer {l}")
        return result


def read_activations(
    sizes: Sequence[int],
    activation: _Choice | Sequence[_Choice],
    neuron_activations: dict[tuple[int, int], _Choice] | None,
) -> LayerActivations | None:
    """The arguments as LayerActivations, or None if every neuron is a sigmoid."""
    activations = LayerActivations(sizes, activation, neuron_activations)
    return None if activations.only_sigmoid() else activations


def _checked(activation: Any, name: str) -> _Choice:
    """`activation`, if it is one."""
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str):
        if activation not in NAMES:
            raise ValueError(
                f"{name} is {activation!r}; expected one of {', '.join(map(repr, NAMES))}, "
                f"or an Activation(f, f_prime)"
            )
        return str(activation)
    hint = "; a function alone has no derivative: pass Activation(f, f_prime)" if callable(activation) else ""
    raise TypeError(f"{name} is {activation!r}; expected a name or an Activation{hint}")


def _place(place: Any, sizes: Sequence[int]) -> tuple[int, int]:
    """The (l, j) of a neuron after the input layer."""
    try:
        l, j = place
        l, j = operator.index(l), operator.index(j)
    except (TypeError, ValueError):
        raise TypeError(
            f"neuron_activations has the key {place!r}; expected (l, j), the numbers of a layer and a neuron"
        ) from None
    if not 2 <= l <= len(sizes):
        raise ValueError(
            f"neuron_activations[{place!r}]: there is no layer {l} to modify; this network's layers are "
            f"1, the input layer, which has no activation, and 2 to {len(sizes)}"
        )
    if not 0 <= j < sizes[l - 1]:
        raise ValueError(
            f"neuron_activations[{place!r}]: there is no neuron {j}; layer {l} has neurons 0 to "
            f"{sizes[l - 1] - 1}"
        )
    return l, j


def _values(activation: _Choice, which: int, z: NDArray[Any], sigmoid: _Function, where: str) -> Any:
    """f(z), or f′(z) if `which` is 1."""
    if activation == "sigmoid":
        return sigmoid(z)
    if not isinstance(activation, Activation):
        named: Any = _NAMED[activation][which]
        return named(z)
    function = activation.f_prime if which else activation.f
    values = np.asarray(function(z))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"the activation of {where} returned dtype {values.dtype}; expected real numbers")
    if values.shape not in ((), z.shape):
        raise ValueError(
            f"the activation of {where} returned shape {values.shape} for z of shape {z.shape}; "
            f"expected the same shape"
        )
    return values

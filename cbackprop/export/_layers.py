"""A network's layers as every format takes them: arrays and names, and no code of the user's."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop._compiled import Compiled
from cbackprop._files.description import arrays_of, sizes_of
from cbackprop.activations import LayerActivations, read_activations

if TYPE_CHECKING:
    from collections.abc import Container
    from types import ModuleType

    from numpy.typing import NDArray


class Layer(NamedTuple):
    """A layer after the input layer: z = w a + b, a = f(z).

    Attributes
    ----------
    w : ndarray, (n_out, n_in)
    b : ndarray, (n_out,)
        Arrays of their own, contiguous, in this processor's byte order.
    activation : str
    neurons : dict of int to str
        The activations of the neurons that have another.
    """

    w: NDArray[Any]
    b: NDArray[Any]
    activation: str
    neurons: dict[int, str]

    def by_activation(self) -> dict[str, list[int]]:
        """Which neurons have each activation, that of the layer first."""
        found: dict[str, list[int]] = {self.activation: []}
        for j in range(len(self.b)):
            found.setdefault(self.neurons.get(j, self.activation), []).append(j)
        return {name: neurons for name, neurons in found.items() if neurons}

    def with_groups(self, groups: dict[str, list[int]], where: str) -> Layer:
        """This layer with other activations, given as in `by_activation` by what is at `where`."""
        if sorted(j for neurons in groups.values() for j in neurons) != list(range(len(self.b))):
            raise ValueError(f"{where} has other neurons than the {len(self.b)} of the layer before")
        first, *others = groups
        return self._replace(activation=first, neurons={j: name for name in others for j in groups[name]})

    def runs(self) -> list[tuple[str, int, int]]:
        """(activation, begin, end) of neighbours that have the same, in order."""
        found: list[tuple[str, int, int]] = []
        begin = 0
        for j in sorted(self.neurons):
            if begin < j:
                found.append((self.activation, begin, j))
            if found and found[-1][0] == self.neurons[j] and found[-1][2] == j:
                found[-1] = (self.neurons[j], found[-1][1], j + 1)
            else:
                found.append((self.neurons[j], j, j + 1))
            begin = j + 1
        if begin < len(self.b):
            found.append((self.activation, begin, len(self.b)))
        return found


class Layers(NamedTuple):
    """The layers after the input layer.

    Attributes
    ----------
    layers : list of Layer
    sizes : list of int
        Of all layers, the input layer first.
    dtype : numpy.dtype
        float64 or float32.
    """

    layers: list[Layer]
    sizes: list[int]
    dtype: np.dtype[Any]


def order_of(groups: dict[str, list[int]]) -> list[int]:
    """Where each neuron is once the neurons of `groups` stand one group after the other."""
    together = [j for neurons in groups.values() for j in neurons]
    places = [0] * len(together)
    for place, j in enumerate(together):
        places[j] = place
    return places


def layers_of(net: Any, tool: str, known: Container[str]) -> Layers:
    """The layers of `net`, a network or a fitted estimator of cbackprop.sklearn.

    Parameters
    ----------
    net : object
    tool : str
        What the layers are for, in words.
    known : container of str
        The activations that it has.

    Raises
    ------
    TypeError
        If `net` is no network, or what it computes is a function of the user's.
    ValueError
        If there is nothing to compute, the arrays do not fit together, or the tool lacks an activation.
    """
    weights, biases, dtype, activations, module = _parts(net)
    weights, biases = arrays_of(weights, "weights", dtype), arrays_of(biases, "biases", dtype)
    sizes = sizes_of(weights, biases)
    if not weights or 0 in sizes:
        what = f"a layer of no neurons: its sizes are {sizes}" if weights else "an input layer alone"
        raise ValueError(f"net has {what}; there is nothing that {tool} could compute")
    reason = None if module is None else module.replaced(net, ("feedforward",))
    if activations is not None and activations.custom:
        reason = f"the activation of {activations.custom} is a function of your own"
    if reason:
        raise TypeError(f"{reason}, which {tool} cannot hold")
    chosen: list[Any] = (
        [("sigmoid", {})] * len(weights) if activations is None else activations.of_layers(len(sizes))
    )
    neurons: dict[Any, Any] = {
        (l, j): one for l, (_, modified) in enumerate(chosen, 2) for j, one in modified.items()
    }
    read_activations(sizes, [one for one, _ in chosen], neurons)  # an error if it has other layers now
    layers = [
        Layer(np.array(w, dtype, order="C"), np.array(b, dtype).ravel(), str(one), names)
        for w, b, (one, names) in zip(weights, biases, chosen)
    ]
    for l, layer in enumerate(layers, 2):
        for one in layer.by_activation():
            if one not in known:
                raise ValueError(f"layer {l} has {one} neurons, which {tool} does not have")
    return Layers(layers, sizes, dtype)


def _parts(net: Any) -> tuple[Any, Any, np.dtype[Any], LayerActivations | None, Any]:
    """weights, biases, dtype, activations, and the module in which functions may be replaced."""
    if isinstance(net, Compiled):
        memory = net._cbackprop
        return net.weights, net.biases, memory.dtype, memory.activations, memory.module
    if not is_estimator(net):
        raise TypeError(
            f"net is of {type(net)}; expected a network of cbackprop.network or cbackprop.network2, or a "
            f"fitted estimator of cbackprop.sklearn"
        )
    if not hasattr(net, "coefs_"):
        raise ValueError(f"net is a {type(net).__name__} that has not been fitted; call its fit first")
    from cbackprop.sklearn._layers import Layers as EstimatorLayers  # noqa: PLC0415  (scikit-learn is an extra)

    layers = EstimatorLayers(net.coefs_, net.intercepts_, net.activation, net.out_activation_)
    return layers.weights, layers.biases, layers._cbackprop.dtype, layers.activations, None


def is_estimator(net: Any) -> bool:
    """Whether `net` is an estimator of cbackprop.sklearn. Before that is imported, nothing is."""
    module = sys.modules.get("cbackprop.sklearn._base")
    return module is not None and isinstance(net, module.MultilayerPerceptron)


def path_of(path: Any) -> Any:
    """`path`, if it is the name of a file."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"path is {path!r}; expected the name of a file")
    return path


def library(name: str, function: str, install: str) -> ModuleType:
    """The module of this name, or an ImportError that says what to install."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{function} needs {name.partition('.')[0]}: {install}") from error

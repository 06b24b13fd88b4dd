"""A network of the layers that another tool has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import costs, network, network2
from cbackprop._files.description import restored, sizes_of
from cbackprop.activations import read_activations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbackprop.export._layers import Layer


def network_of(layers: Sequence[Layer], cost: Any) -> Any:
    """The network of these layers, whose arrays become its own.

    With a cost it is network2's. Without one it is network.py's, or network2's if the output is softmax.

    Raises
    ------
    TypeError, ValueError
        If there are no layers, they do not fit together, or the cost is none or not for this output layer.
    """
    types = sorted({layer.w.dtype.name for layer in layers})
    if len(types) != 1:
        if not types:
            raise ValueError("there is no layer with weights")
        raise TypeError(f"the layers are of {' and '.join(types)}; expected one type")
    weights = [layer.w for layer in layers]
    biases = [layer.b.reshape(-1, 1) for layer in layers]
    sizes = sizes_of(weights, biases)
    names = [layer.activation for layer in layers]
    neurons: dict[Any, Any] = {
        (l, j): one for l, layer in enumerate(layers, 2) for j, one in layer.neurons.items()
    }
    activations = read_activations(sizes, names, neurons)
    if cost is None and names[-1] == "softmax":
        cost = costs.LogLikelihoodCost
    if cost is not None:
        costs.check(cost, activations)
    saved = {"sizes": sizes, "dtype": weights[0].dtype, "weights": weights, "biases": biases}
    net: Any = restored(network.Network if cost is None else network2.Network, saved, activations)
    if cost is not None:
        net.cost = cost
    return net


def checked_arrays(w: Any, b: Any, where: str) -> tuple[Any, Any]:
    """Copies of a layer's w, (n_out, n_in), and b, (n_out,), contiguous, if both are float64 or float32.

    `b` may be None: then it is 0.
    """
    b = np.zeros(len(w), w.dtype) if b is None else b
    for name, array in (("weight", w), ("bias", b)):
        if array.dtype not in (np.float64, np.float32):
            raise TypeError(f"the {name} of {where} is {array.dtype}; networks are float64 or float32")
    if w.dtype != b.dtype:
        raise TypeError(f"the weight of {where} is {w.dtype} and its bias {b.dtype}; expected one type")
    return np.array(w, w.dtype, order="C"), np.array(b, b.dtype)

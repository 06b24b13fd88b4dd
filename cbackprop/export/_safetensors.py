"""Networks as safetensors files, which hold all their options, and back: read without trust."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import costs, network, network2
from cbackprop._compiled import Compiled
from cbackprop._files.description import (
    activations_of,
    arrays_of,
    description_of,
    read_description,
    restored,
    sizes_of,
)
from cbackprop._files.whole import replacing
from cbackprop.export._layers import library, path_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from numpy.typing import NDArray

INSTALL = 'pip install "cbackprop[export]"'
KEY = "cbackprop"  # of the metadata, whose one entry it is: of several the library writes any first
TYPES: dict[str, str] = {"float64": "F64", "float32": "F32"}
CLASSES: dict[str, Any] = {"network": network.Network, "network2": network2.Network}


def to_safetensors(net: Any, path: str | bytes | PathLike[str]) -> None:
    """Write a network as a safetensors file, with all its options.

    Parameters
    ----------
    net : Network
        Of network or network2.
    path : str or path
        It is written whole or not at all.

    Raises
    ------
    TypeError
        If `net` is no network, an activation is a function of your own, network's `cost_derivative` is
        replaced, or `path` is no name of a file.
    ValueError
        If `weights` and `biases` do not fit together.
    ImportError
        If safetensors is missing.
    OSError
        If the file cannot be written.

    Notes
    -----
    The tensors are ``0.weight``, (n_out, n_in), ``0.bias``, (n_out,), ``2.weight``, …, in the network's type
    and to the last bit: the names of `to_torch`, whose module can load them::

        cbackprop.export.to_torch(net).load_state_dict(safetensors.torch.load_file("digits.safetensors"))

    The metadata has one entry, ``cbackprop``: JSON with the sizes, the activations, the type and the name of
    the cost. Velocities and history are not in the file; a pickle keeps them.
    """
    if not isinstance(net, Compiled):
        raise TypeError(f"net is of {type(net)}; expected a network of network or network2")
    memory = net._cbackprop
    weights = arrays_of(net.weights, "weights", memory.dtype)
    biases = arrays_of(net.biases, "biases", memory.dtype)
    sizes = sizes_of(weights, biases, getattr(net, "sizes", None))
    cost = getattr(net, "cost", None)
    if isinstance(net, network.Network):
        replaced = memory.module.replaced_method(net, ("cost_derivative",))
        if replaced:
            raise TypeError(f"{replaced}: a file of parameters cannot hold that cost; pickle the network")
        cost = costs.QuadraticCost
    description = description_of(net, sizes, cost)
    if reason := memory.module.replaced_function(net, ("feedforward",)):
        raise TypeError(f"{reason}, which safetensors cannot hold")
    description["module"] = "network" if isinstance(net, network.Network) else "network2"
    path = path_of(path)
    library("safetensors", "to_safetensors", INSTALL)
    from safetensors.numpy import save  # noqa: PLC0415  (an extra)

    tensors = {}
    for i, (w, b) in enumerate(zip(weights, biases)):
        weight, bias = _names(i)
        little_endian = w.dtype.newbyteorder("<")
        tensors[weight] = np.ascontiguousarray(w, little_endian)
        tensors[bias] = np.ascontiguousarray(b.ravel(), little_endian)
    data = save(tensors, {KEY: json.dumps(description)})
    with replacing(path, "wb") as file:
        file.write(data)


def from_safetensors(path: str | bytes | PathLike[str], *, cost: Any = None) -> Any:
    """Read the network in a file that `to_safetensors` wrote.

    Parameters
    ----------
    path : str or path
    cost : class, optional
        For a network of network2, a cost class of your own in place of the one that the file names.

    Returns
    -------
    cbackprop.network.Network or cbackprop.network2.Network
        As it was written: the same class, options and parameters, to the last bit.

    Raises
    ------
    ValueError
        If the file is damaged or holds no such network, or if it names a cost that network2 does not have and
        `cost` is left out. The message names the file and what is wrong.
    TypeError
        If `path` is no name of a file, or `cost` no cost.
    ImportError
        If safetensors is missing.
    OSError
        If the file cannot be read.

    Notes
    -----
    The file is not trusted, and nothing in it is executed. Files of other programs have no such metadata.
    """
    path = path_of(path)
    if cost is not None:
        costs.check_functions(cost)
    deserialize = library("safetensors", "from_safetensors", INSTALL).deserialize
    with open(path, "rb") as file:
        data = file.read()
    name = os.fsdecode(path)
    try:
        saved, module = _read(deserialize, data)
    except MemoryError:
        raise
    except Exception as error:  # on a damaged file, the library can fail in any way
        raise ValueError(f"{name}: not an intact network: {error}") from error
    if module == "network" and (cost is not None or saved["cost"] != "QuadraticCost"):
        raise ValueError(f"{name}: it holds a network of network.py, which has no cost but the quadratic one")
    if module == "network2" and cost is None:
        cost = getattr(network2, saved["cost"], None)
        if not costs.is_cost(cost):
            raise ValueError(
                f"{name}: the cost is {saved['cost']!r}, which cbackprop.network2 does not have: pass "
                f"from_safetensors(path, cost=...)"
            )
    try:
        activations = activations_of(saved, cost or costs.QuadraticCost)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not an intact network: {error}") from error
    net = restored(CLASSES[module], saved, activations)
    if module == "network2":
        net.cost = cost
    return net


def _names(i: int) -> tuple[str, str]:
    """The names of weights[i] and biases[i]: `to_torch` has an activation after each layer."""
    return f"{2 * i}.weight", f"{2 * i}.bias"


def _read(deserialize: Callable[[bytes], Any], data: bytes) -> tuple[dict[str, Any], str]:
    """The description of a network, with its parameters, and the module that it is of."""
    tensors = dict(deserialize(data))  # which checks the header, and that the tensors fill the file
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.get("__metadata__")
    if type(metadata) is not dict or KEY not in metadata:
        raise ValueError(f"its metadata has no {KEY}: cbackprop did not write it")
    description = json.loads(metadata[KEY])
    module = description.pop("module", None) if type(description) is dict else None
    if module not in CLASSES:
        raise ValueError(f"module is {module!r}; expected one of {', '.join(CLASSES)}")
    saved = read_description(description)
    n_layers = len(tensors) // 2
    names = [_names(i) for i in range(n_layers)]
    if sorted(tensors) != sorted(name for pair in names for name in pair):
        raise ValueError("it holds other tensors than a network's")
    saved["weights"] = [_array(tensors, weight, saved["dtype"], 2) for weight, _ in names]
    saved["biases"] = [_array(tensors, bias, saved["dtype"], 1).reshape(-1, 1) for _, bias in names]
    sizes = sizes_of(saved["weights"], saved["biases"], saved["sizes"])
    if saved["sizes"] != sizes:
        raise ValueError(f"sizes is not {sizes}, which is what its tensors say")
    return saved, module


def _array(tensors: dict[str, Any], name: str, dtype: np.dtype[Any], ndim: int) -> NDArray[Any]:
    """The tensor of this name, as an array of its own, if it has this type and number of dimensions."""
    tensor = tensors[name]
    if tensor["dtype"] != TYPES[dtype.name]:
        raise ValueError(f"{name} has dtype {tensor['dtype']}; expected {TYPES[dtype.name]}")
    if len(tensor["shape"]) != ndim:
        raise ValueError(f"{name} has shape {tensor['shape']}; expected {ndim} dimensions")
    array = np.frombuffer(tensor["data"], dtype.newbyteorder("<")).reshape(tensor["shape"])
    return np.array(array, dtype, order="C")

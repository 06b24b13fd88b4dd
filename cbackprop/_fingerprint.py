"""What a call of SGD is told by, so that a checkpoint of another one is refused: network, options, data."""

from __future__ import annotations

from reprlib import repr as short
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _parameters
from cbackprop._data import DataSet
from cbackprop._random_states import name_of
from cbackprop._warnings import parameters_of

if TYPE_CHECKING:
    from cbackprop._data import Untouched

DATA = "training_data", "evaluation_data", "test_data", "sample_weight"
BLOCK = 1 << 20  # bytes that are put in order at a time


def fingerprint(net: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The call of SGD of `net` with these options, in JSON's types.

    Raises
    ------
    TypeError
        If an option is nothing that JSON knows, or if the network has no parameters.
    """
    memory = net._cbackprop
    weights, biases = parameters_of(net)
    if weights is None or biases is None:
        raise TypeError("this network has no weights and biases, which a checkpoint is to hold")
    is_network2 = "cost_derivative" not in memory.module.gradient_methods
    return {
        "network": "network2" if is_network2 else "network",
        "sizes": sizes_of(net),
        "dtype": memory.dtype.name,
        "activation": activation_names(net),
        "cost": name_of_function(net.cost) if is_network2 else "QuadraticCost",
        **{name: value_of(value, name) for name, value in options.items()},
    }


def sizes_of(net: Any) -> list[Any]:
    """The number of neurons of each layer; the shapes of the arrays if these do not fit together yet."""
    try:
        return list(_parameters.layer_sizes(net))
    except (TypeError, ValueError):
        return [list(np.shape(array)) for array in (*net.weights, *net.biases)]


def activation_names(net: Any) -> list[Any]:
    """For each layer after the first: the name of its activation, and of those of single neurons."""
    activations = net._cbackprop.activations
    if activations is None:
        return []
    return [
        [name_of_function(one), {str(j): name_of_function(other) for j, other in modified.items()}]
        for one, modified in activations.of_layers(len(net.weights) + 1)
    ]


def name_of_function(function: Any) -> str:
    """The name of a built-in activation or cost, or of the user's own."""
    if isinstance(function, str):
        return function
    if hasattr(function, "f_prime"):
        return f"Activation({name_of_function(function.f)}, {name_of_function(function.f_prime)})"
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def value_of(value: Any, name: str) -> Any:
    """The option `name` in JSON's types: data as their digest."""
    if name in DATA:
        return digest_of(value)
    if isinstance(value, np.random.Generator):
        return name_of(value)
    return in_json(value, name)


def in_json(value: Any, name: str) -> Any:
    """`value` as a number, a string, None or a list of them. If it is none, a TypeError names it."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.shape == ()):
        value = value.item()
    if value is None or isinstance(value, str):
        return value
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (list, tuple)):
        return [in_json(item, name) for item in value]
    raise TypeError(f"{name} is {value!r}; a checkpoint holds numbers and strings")


def compare(call: dict[str, Any], saved: Any, filename: str) -> None:
    """Raise a ValueError, which names the first difference, if `saved` is the fingerprint of another call."""
    if type(saved) is not dict or saved.keys() != call.keys():
        raise ValueError(f"{filename} is a checkpoint of another version, or of another network's SGD")
    for name, value in call.items():
        if is_same(value, saved[name]):
            continue
        if name in DATA:
            raise ValueError(
                f"{name} is not what {filename} was written with: other examples, or in another order (a "
                f"list that was shuffled has to be made again)"
            )
        raise ValueError(f"{name} is {value!r}; {filename} was written with {short(saved[name])}")


def is_same(first: Any, second: Any) -> bool:
    """Whether two values in JSON's types are equal; NaN equals NaN."""
    return bool(first == second) or (first != first and second != second)  # noqa: PLR0124


# ---- data ----


def digest_of(data: DataSet | Untouched | Any) -> str:
    """A digest of examples in their order: equal if they have the same types, shapes and bits.

    Of what is no array of numbers, which only the user's own methods read, just the type counts.
    """
    import hashlib  # noqa: PLC0415  (4 ms of the package's import)

    state = hashlib.blake2b(digest_size=16)
    if hasattr(data, "digest"):  # of several ranks
        state.update(data.digest().encode())
    elif not isinstance(data, DataSet):
        if hasattr(data, "n"):  # untouched
            state.update(f"{data.n}".encode())
            for part in getattr(data, "sample", ()):  # read in blocks
                add(state, part)
        else:
            add(state, data)
    else:
        state.update(f"{data.n};{data.is_arrays}".encode())
        for item in data.examples:
            for part in (item,) if data.is_arrays or not isinstance(item, (tuple, list)) else item:
                add(state, part)
    return state.hexdigest()


def add(state: Any, data: Any) -> None:
    """Add one array to a digest."""
    try:
        array = data if type(data) is np.ndarray else np.asarray(data)
    except Exception:  # whatever the user has put there; if it matters, training says so
        array = None
    if array is None or array.dtype.kind not in "biufcSU":
        state.update(f"{type(data).__qualname__};".encode())
        return
    state.update(f"{array.dtype.str}{array.shape};".encode())
    if array.nbytes <= BLOCK:
        state.update(array.tobytes())
        return
    rows = max(1, BLOCK * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        state.update(np.ascontiguousarray(array[start : start + rows]).data)

"""A network in JSON's types, without its parameters: what the files of networks say beside the numbers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cbackprop.activations import Activation, LayerActivations, read_activations
from cbackprop.costs import COSTS, check, default_output
from cbackprop.reference.network import set_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Network = TypeVar("_Network", bound=ReferenceLayers)

DTYPES: tuple[str, ...] = ("float64", "float32")
OURS: str = "cbackprop"
WORDS: set[str] = {"dtype", "activation", "neuron_activations"}
NOTES: str = "data"  # see `data_notes`
BOOKS: set[str] = {"sizes", "weights", "biases", "cost"}
MOST_NEURONS: int = 2**31 - 1  # of a layer


def arrays_of(arrays: Any, name: str, dtype: np.dtype[Any]) -> list[NDArray[Any]]:
    """`arrays`, a network's weights or biases, as arrays of this type."""
    try:
        arrays = list(arrays)
    except TypeError:
        raise TypeError(
            f"{name} is {type(arrays).__name__}; expected a list of arrays, one a layer"
        ) from None
    result = []
    for i, array in enumerate(arrays):
        array = np.asarray(array)  # noqa: PLW2901
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}[{i}] has dtype {array.dtype}; expected real numbers")
        result.append(array.astype(dtype, copy=False))
    return result


def sizes_of(weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]], note: Any = ()) -> list[int]:
    """The number of neurons of each layer, from arrays that fit together.

    If there are no arrays, `note` may say how many inputs the one layer has.
    """
    if len(weights) != len(biases):
        raise ValueError(
            f"weights has {len(weights)} arrays and biases {len(biases)}; "
            f"each has one for each layer after the input layer"
        )
    for i, (w, b) in enumerate(zip(weights, biases)):
        if w.ndim != 2:
            raise ValueError(f"weights[{i}] has shape {w.shape}; expected a matrix (n_out, n_in)")
        if b.shape != (w.shape[0], 1):
            raise ValueError(
                f"weights[{i}] has shape {w.shape} and biases[{i}] {b.shape}; they do not fit together, "
                f"which needs biases of ({w.shape[0]}, 1)"
            )
        if i > 0 and w.shape[1] != weights[i - 1].shape[0]:
            raise ValueError(
                f"weights[{i - 1}] has shape {weights[i - 1].shape} and weights[{i}] {w.shape}; they do not "
                f"fit together: what leaves one layer enters the next"
            )
    if weights:
        return [weights[0].shape[1], *(w.shape[0] for w in weights)]
    return list(note) if _is_sizes(note) and len(note) == 1 else []


def _is_sizes(sizes: Any) -> bool:
    return type(sizes) in (list, tuple) and all(type(n) is int and 0 <= n <= MOST_NEURONS for n in sizes)


def description_of(net: Any, sizes: list[int], cost: Any) -> dict[str, Any]:
    """`net` in JSON's types, without its parameters."""
    name = getattr(cost, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"cost is {cost!r}; to be saved it must be a class, which has a name")
    words = {}
    if net._cbackprop.dtype != np.float64:
        words["dtype"] = net._cbackprop.dtype.name
    activations = net._cbackprop.activations
    layers = [] if activations is None else activations.of_layers(max(len(sizes), 1))
    neurons = {(l, j): one for l, (_, modified) in enumerate(layers, 2) for j, one in modified.items()}
    layers = ["sigmoid"] * (len(sizes) - 1) if activations is None else [one for one, _ in layers]
    for one in (*layers, *neurons.values()):
        if isinstance(one, Activation):
            raise TypeError(f"{one!r} is a function of the user's own, which a file cannot hold")
    read_activations(sizes, layers, neurons)  # an error if the network has other layers now
    if layers != _default_layers(sizes, COSTS.get(name)):
        words["activation"] = layers
    if neurons:
        words["neuron_activations"] = {f"{l},{j}": one for (l, j), one in neurons.items()}
    description = {"sizes": sizes, "cost": name}
    return {**description, OURS: words} if words else description


def _default_layers(sizes: list[int], cost: Any) -> list[str]:
    """The activations that need not be written."""
    return (["sigmoid"] * (len(sizes) - 2) + [default_output(cost)])[: max(len(sizes) - 1, 0)]


# ---- reading ----


def read_description(data: Any) -> dict[str, Any]:
    """The description in `data`, which may be anything: checked, and with the defaults."""
    if type(data) is not dict:
        raise ValueError(f"expected an object with {', '.join(sorted(BOOKS))}, got {type(data).__name__}")
    if missing := {"sizes", "cost"} - set(data):
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if type(data["sizes"]) is not list or any(type(n) is not int for n in data["sizes"]):
        raise ValueError("sizes is not a list of whole numbers")
    for n in data["sizes"]:
        if not 0 <= n <= MOST_NEURONS:
            raise ValueError(f"sizes holds {n}; expected at most {MOST_NEURONS} neurons")
    if type(data["cost"]) is not str:
        raise ValueError("cost is not a name")
    words = _read_words(data[OURS]) if OURS in data else _read_old_words(data)
    return {"sizes": data["sizes"], "cost": data["cost"], **words}


def _read_words(words: Any) -> dict[str, Any]:
    """The words under our key. A ValueError if they are wrong: only this package writes them."""
    if type(words) is not dict:
        raise ValueError(f"{OURS} is not an object")
    if unknown := set(words) - WORDS - {NOTES}:
        raise ValueError(f"{OURS} holds {', '.join(sorted(unknown))}, which this version does not know")
    dtype, activation = words.get("dtype", "float64"), words.get("activation")
    if dtype not in DTYPES:
        raise ValueError("dtype is neither float64 nor float32")
    if activation is not None and (
        type(activation) is not list or any(type(a) is not str for a in activation)
    ):
        raise ValueError("activation is not a list of names")
    neurons = words.get("neuron_activations")
    if neurons is not None:
        if type(neurons) is not dict or any(type(a) is not str for a in neurons.values()):
            raise ValueError("neuron_activations does not hold names")
        neurons = {tuple(int(number) for number in place.split(",")): a for place, a in neurons.items()}
    return {
        "dtype": np.dtype(dtype),
        "activation": activation,
        "neuron_activations": neurons,
        NOTES: words.get(NOTES),
    }


def _read_old_words(data: dict[str, Any]) -> dict[str, Any]:
    """These words among the book's keys, where the first version of the package wrote them.

    They are ours if the package could have written all of them, and if there is no other key. Otherwise they
    are the user's own, "activation": "relu" say, and ignored as in the book. A damaged word in an old file is
    ignored too; then again, no damaged number in a JSON is ever noticed.
    """
    if set(data) <= BOOKS | WORDS:
        with contextlib.suppress(ValueError, TypeError):
            words = _read_words({word: data[word] for word in WORDS & set(data)})
            read_activations(data["sizes"], words["activation"] or "sigmoid", words["neuron_activations"])
            return words
    return _read_words({})


def activations_of(saved: dict[str, Any], cost: Any) -> LayerActivations | None:
    """The activations in the result of `networks.read`, or None if every neuron is a sigmoid.

    If the file names none, the cost that it names determines the output layer; if that name is the user's,
    `cost` does. Raises a ValueError if a network with this cost cannot have these activations.
    """
    sizes = sizes_of(saved["weights"], saved["biases"])
    layers = saved["activation"]
    if layers is None:
        layers = _default_layers(sizes, COSTS.get(saved["cost"], cost))
    activations = read_activations(sizes, layers, saved["neuron_activations"])
    if sizes:
        check(cost, activations)
    return activations


def restored(
    network_class: type[_Network], saved: dict[str, Any], activations: LayerActivations | None
) -> _Network:
    """The network of `networks.read`, with the activations of `activations_of`, and without a cost."""
    net = network_class.__new__(network_class)
    set_up(net, saved["sizes"], saved["dtype"], activations)
    net.weights, net.biases = saved["weights"], saved["biases"]
    return net

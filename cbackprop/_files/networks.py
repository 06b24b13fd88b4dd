"""Networks in files, in the book's JSON or in npz: read without trust, written whole or not at all.

A file of network.py's network is one of network2's with the quadratic cost: they have the same equations.

The JSON is that of the book's network2, to the letter: ``sizes``, ``weights``, ``biases``, ``cost``. Options
that the book does not have are under one more key, ``cbackprop``, unless they have their defaults: ``dtype``,
``activation``, ``neuron_activations``. NaN and infinities are kept, as ``NaN`` and ``Infinity``, which
Python's json writes and reads. Other keys are the user's, and are ignored as in the book.

The npz holds ``network``, the bytes of the same JSON without the parameters, and the arrays ``weights_0``,
``biases_0``, … They are little-endian and not compressed.

The arrays define the network, and ``sizes`` is written to match. In a JSON that is read, ``sizes`` is only a
note, which becomes ``net.sizes`` and need not match: once neurons were cut out, the book writes the old list.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np

from cbackprop._files import npz
from cbackprop.activations import Activation, LayerActivations, read_activations
from cbackprop.costs import COSTS, check, default_output
from cbackprop.reference.network import set_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Network = TypeVar("_Network", bound=ReferenceLayers)

DTYPES: tuple[str, ...] = ("float64", "float32")
OURS: str = "cbackprop"
WORDS: set[str] = {"dtype", "activation", "neuron_activations"}
BOOKS: set[str] = {"sizes", "weights", "biases", "cost"}
# Names by which programs expect another format.
OTHER_FORMATS: tuple[str, ...] = (
    ".onnx",
    ".pt",
    ".pth",
    ".pkl",
    ".pickle",
    ".h5",
    ".keras",
    ".safetensors",
    ".h",
)
MOST_NEURONS: int = 2**31 - 1  # of a layer


def restored(
    network_class: type[_Network], saved: dict[str, Any], activations: LayerActivations | None
) -> _Network:
    """The network in the result of `read`, with the activations of `activations_of`, and without a cost."""
    net = network_class.__new__(network_class)
    set_up(net, saved["sizes"], saved["dtype"], activations)
    net.weights, net.biases = saved["weights"], saved["biases"]
    return net


def _name(filename: str | bytes | os.PathLike[str]) -> str:
    return os.fsdecode(filename).lower()


# ---- writing ----


def write(net: Any, filename: str | bytes | os.PathLike[str], cost: Any) -> None:
    """Write `net`, which has this cost, to a file. See `cbackprop.network2.Network.save`."""
    if _name(filename).endswith(OTHER_FORMATS):
        raise ValueError(
            f"filename is {os.fsdecode(filename)!r}, which names another format; networks are saved in the "
            f"book's JSON (.json, no suffix, or an unknown one) or as NumPy's .npz"
        )
    weights = _arrays(net.weights, "weights", net._cbackprop.dtype)
    biases = _arrays(net.biases, "biases", net._cbackprop.dtype)
    sizes = _sizes(weights, biases, getattr(net, "sizes", None))
    description = _description(net, sizes, cost)
    if _name(filename).endswith(".npz"):
        arrays: dict[str, Any] = {"network": np.frombuffer(json.dumps(description).encode(), np.uint8)}
        for name, parameters in (("weights", weights), ("biases", biases)):
            for i, array in enumerate(parameters):
                arrays[f"{name}_{i}"] = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        with _replacing(filename, "wb") as file:
            np.savez(file, **arrays)
        return
    # The keys in the order of the book's files.
    data = {
        "sizes": description.pop("sizes"),
        "weights": [w.tolist() for w in weights],
        "biases": [b.tolist() for b in biases],
        **description,
    }
    with _replacing(filename, "w") as file:
        json.dump(data, file)


def _arrays(arrays: Any, name: str, dtype: np.dtype[Any]) -> list[NDArray[Any]]:
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


def _sizes(weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]], note: Any = ()) -> list[int]:
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


def _description(net: Any, sizes: list[int], cost: Any) -> dict[str, Any]:
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


def activations_of(saved: dict[str, Any], cost: Any) -> LayerActivations | None:
    """The activations in the result of `read`, or None if every neuron is a sigmoid.

    If the file names none, the cost that it names determines the output layer; if that name is the user's,
    `cost` does. Raises a ValueError if a network with this cost cannot have these activations.
    """
    sizes = _sizes(saved["weights"], saved["biases"])
    layers = saved["activation"]
    if layers is None:
        layers = _default_layers(sizes, COSTS.get(saved["cost"], cost))
    activations = read_activations(sizes, layers, saved["neuron_activations"])
    if sizes:
        check(cost, activations)
    return activations


def read(filename: str | bytes | os.PathLike[str]) -> dict[str, Any]:
    """The description of the network in a file, with its ``weights`` and ``biases``.

    Raises
    ------
    ValueError
        If anything is wrong with the file, which the message names.
    OSError
        If the file cannot be opened.
    MemoryError
        If there is not enough memory for it.
    """
    with open(filename, "rb") as file:
        try:
            return (_read_npz if _name(filename).endswith(".npz") else _read_json)(file)
        except MemoryError:
            raise
        # On a damaged file, any of the libraries that read it can fail.
        except Exception as error:
            raise ValueError(f"{os.fsdecode(filename)}: not an intact network: {error}") from error


def _read_description(data: Any) -> dict[str, Any]:
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
    if unknown := set(words) - WORDS:
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
    return {"dtype": np.dtype(dtype), "activation": activation, "neuron_activations": neurons}


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


def _read_json(file: IO[bytes]) -> dict[str, Any]:
    data = json.load(file)
    network = _read_description(data)
    for name in ("weights", "biases"):
        if type(data.get(name)) is not list:
            raise ValueError(f"{name} is not a list of matrices")
        network[name] = [_matrix(rows, network["dtype"], f"{name}[{i}]") for i, rows in enumerate(data[name])]
    # An empty list does not say how long its rows would be.
    n_in = network["sizes"][0] if network["sizes"] else 0
    for i, w in enumerate(network["weights"]):
        if len(w) == 0:
            network["weights"][i] = w.reshape(0, n_in)
        n_in = len(w)
    network["biases"] = [b.reshape(0, 1) if len(b) == 0 else b for b in network["biases"]]
    _sizes(network["weights"], network["biases"])
    return network


def _matrix(rows: Any, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """Lists of numbers as an array. A ValueError if they are not equally long, or hold anything else."""
    if type(rows) is not list:
        raise ValueError(f"{name} is not a list of rows")
    if rows and type(rows[0]) is not list:
        raise ValueError(f"{name}[0] is not a row of numbers")
    n_cols = len(rows[0]) if rows else 0
    for i, row in enumerate(rows):
        if type(row) is not list or len(row) != n_cols or not {*map(type, row)} <= {int, float}:
            raise ValueError(f"{name}[{i}] is not a row of {n_cols} numbers")
    return np.array(rows, dtype).reshape(len(rows), n_cols)


def _read_npz(file: IO[bytes]) -> dict[str, Any]:
    with npz.opened(file) as archive:
        entries = archive.infolist()
        n_layers = len(entries) // 2
        names = ["network", *(f"{name}_{i}" for name in ("weights", "biases") for i in range(n_layers))]
        if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in names):
            raise ValueError("it holds other arrays than a network's, or some twice")
        text = npz.array_in(archive, "network", 1, ("u1",))
        network = _read_description(json.loads(text.tobytes()))
        for name in ("weights", "biases"):
            network[name] = [
                npz.array_in(archive, f"{name}_{i}", 2, ("f4", "f8")).astype(network["dtype"])
                for i in range(n_layers)
            ]
    sizes = _sizes(network["weights"], network["biases"], network["sizes"])
    # Only this package writes npz files, and always with the sizes of the arrays.
    if network["sizes"] != sizes:
        raise ValueError(f"sizes is not {sizes}, which is what its arrays say")
    return network


# ---- files that are written whole or not at all ----


@contextlib.contextmanager
def _replacing(filename: str | bytes | os.PathLike[str], mode: str) -> Iterator[IO[Any]]:
    """A file to write into. It replaces `filename` at the end, and not before."""
    encoding = None if "b" in mode else "ascii"
    target = os.path.realpath(os.fsdecode(filename))
    try:
        old = os.stat(target)
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(
        old.st_mode
    ):  # /dev/stdout or a pipe: there is nothing to keep whole
        with open(target, mode, encoding=encoding) as file:
            yield file
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}")
    try:
        with open(temporary, mode.replace("w", "x"), encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if old is not None:
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

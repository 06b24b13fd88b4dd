"""Networks in files, in the book's JSON or in npz: read without trust, written whole or not at all.

A file of network.py's network is one of network2's with the quadratic cost: they have the same equations.

The JSON is that of the book's network2, to the letter: ``sizes``, ``weights``, ``biases``, ``cost``. Options
that the book does not have are under one more key, ``cbackprop``, unless they have their defaults: ``dtype``,
``activation``, ``neuron_activations``; and ``data``, what the command notes of the data (`data_notes`). NaN
and infinities are kept, as ``NaN`` and ``Infinity``, which Python's json writes and reads. Other keys are the
user's, and are ignored as in the book.

The npz holds ``network``, the bytes of the same JSON without the parameters, and the arrays ``weights_0``,
``biases_0``, … They are little-endian and not compressed.

The arrays define the network, and ``sizes`` is written to match. In a JSON that is read, ``sizes`` is only a
note, which becomes ``net.sizes`` and need not match: once neurons were cut out, the book writes the old list.
"""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cbackprop._files import data_notes, npz
from cbackprop._files.description import (
    NOTES,
    OURS,
    arrays_of,
    description_of,
    read_description,
    sizes_of,
)
from cbackprop._files.whole import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names by which programs expect another format, and what makes a file of it.
OTHER_FORMATS: dict[str, str] = {
    ".onnx": "cbackprop.export.to_onnx(net, filename) writes it",
    ".safetensors": "cbackprop.export.to_safetensors(net, filename) writes it",
    ".h": "cbackprop.export.to_c(net, filename) writes a C header",
    ".pt": "cbackprop.export.to_torch(net) makes a module that torch.save writes",
    ".pth": "cbackprop.export.to_torch(net) makes a module that torch.save writes",
    ".keras": "cbackprop.export.to_keras(net) makes a model that has save(filename)",
    ".h5": "cbackprop.export.to_keras(net) makes a model that has save(filename)",
    ".pkl": "pickle.dump(net, file) writes it",
    ".pickle": "pickle.dump(net, file) writes it",
}


def _name(filename: str | bytes | os.PathLike[str]) -> str:
    return os.fsdecode(filename).lower()


# ---- writing ----


def write(
    net: Any, filename: str | bytes | os.PathLike[str], cost: Any, notes: dict[str, Any] | None = None
) -> None:
    """Write `net`, which has this cost, to a file, with notes on its data.

    See `cbackprop.network2.Network.save` and `data_notes`.
    """
    for suffix, writer in OTHER_FORMATS.items():
        if _name(filename).endswith(suffix):
            raise ValueError(
                f"filename is {os.fsdecode(filename)!r}, which names another format; {writer}. Networks are "
                f"saved in the book's JSON (.json, no suffix, or an unknown one) or as NumPy's .npz"
            )
    weights = arrays_of(net.weights, "weights", net._cbackprop.dtype)
    biases = arrays_of(net.biases, "biases", net._cbackprop.dtype)
    sizes = sizes_of(weights, biases, getattr(net, "sizes", None))
    description = description_of(net, sizes, cost)
    if notes is not None:
        data_notes.check(notes, sizes)
        description.setdefault(OURS, {})[NOTES] = notes
    if _name(filename).endswith(".npz"):
        arrays: dict[str, Any] = {"network": np.frombuffer(json.dumps(description).encode(), np.uint8)}
        for name, parameters in (("weights", weights), ("biases", biases)):
            for i, array in enumerate(parameters):
                arrays[f"{name}_{i}"] = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        with replacing(filename, "wb") as file:
            np.savez(file, **arrays)
        return
    # The keys in the order of the book's files.
    data = {
        "sizes": description.pop("sizes"),
        "weights": [w.tolist() for w in weights],
        "biases": [b.tolist() for b in biases],
        **description,
    }
    with replacing(filename, "w") as file:
        json.dump(data, file)


# ---- reading ----


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
            network = (_read_npz if _name(filename).endswith(".npz") else _read_json)(file)
            if network[NOTES] is not None:
                data_notes.check(network[NOTES], sizes_of(network["weights"], network["biases"]))
            return network
        except MemoryError:
            raise
        # On a damaged file, any of the libraries that read it can fail.
        except Exception as error:
            raise ValueError(f"{os.fsdecode(filename)}: not an intact network: {error}") from error


def _read_json(file: IO[bytes]) -> dict[str, Any]:
    data = json.load(file)
    network = read_description(data)
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
    sizes_of(network["weights"], network["biases"])
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
        network = read_description(json.loads(text.tobytes()))
        for name in ("weights", "biases"):
            network[name] = [
                npz.array_in(archive, f"{name}_{i}", 2, ("f4", "f8")).astype(network["dtype"])
                for i in range(n_layers)
            ]
    sizes = sizes_of(network["weights"], network["biases"], network["sizes"])
    # Only this package writes npz files, and always with the sizes of the arrays.
    if network["sizes"] != sizes:
        raise ValueError(f"sizes is not {sizes}, which is what its arrays say")
    return network

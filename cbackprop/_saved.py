"""Networks in files: the book's JSON, and npz. What is read is not trusted, what is written is whole or not
there.

The JSON is that of the book's network2, to the letter: ``sizes``, ``weights``, ``biases``, ``cost``. What
the book has no
word for stands in ``dtype``, ``activation`` and ``neuron_activations``, where it is not the default. NaN and
infinities are kept, as ``NaN`` and ``Infinity``, which Python's json writes and reads.

The npz holds ``network``, the same JSON without the parameters as bytes, and the arrays ``weights_0``,
``biases_0``, ... little-endian, not compressed.
"""

import contextlib
import json
import os
import stat
import zipfile

import numpy as np

from cbackprop import _parameters
from cbackprop.activations import Activation
from cbackprop.costs import with_output

REQUIRED = {"sizes", "cost"}
DTYPES = ("float64", "float32")


def write(net, filename):
    """Write `net` to the file; see `cbackprop.network2.Network.save`."""
    description = _description(net)
    weights = [_array(w, f"weights[{i}]", net._cbackprop.dtype) for i, w in enumerate(net.weights)]
    biases = [_array(b, f"biases[{i}]", net._cbackprop.dtype) for i, b in enumerate(net.biases)]
    _check_shapes(description["sizes"], weights, biases)
    if _is_npz(filename):
        arrays = {"network": np.frombuffer(json.dumps(description).encode(), np.uint8)}
        for name, parameters in (("weights", weights), ("biases", biases)):
            for i, array in enumerate(parameters):
                arrays[f"{name}_{i}"] = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        with _replacing(filename, "wb") as file:
            np.savez(file, **arrays)
        return
    # The book's order of keys, which its files show.
    data = {
        "sizes": description.pop("sizes"),
        "weights": [w.tolist() for w in weights],
        "biases": [b.tolist() for b in biases],
        **description,
    }
    with _replacing(filename, "w") as file:
        json.dump(data, file)


def read(filename):
    """The description of the network in the file, with its ``weights`` and ``biases``.

    Raises
    ------
    ValueError
        Whatever is wrong with the file, which it names.
    OSError
        Where the file cannot be opened.
    MemoryError
        Where there is no memory for it.
    """
    with open(filename, "rb") as file:
        try:
            return _read_npz(file) if _is_npz(filename) else _read_json(file)
        except MemoryError:
            raise
        # A damaged file can fail in any of the libraries that read it.
        except Exception as error:
            raise ValueError(f"{os.fsdecode(filename)}: not an intact network: {error}") from error


def _is_npz(filename):
    return os.fsdecode(filename).lower().endswith(".npz")


# ---- what a network is, but for its parameters ----


def _description(net):
    """The description of `net`: what JSON can say."""
    name = getattr(net.cost, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"cost is {net.cost!r}; to be saved it must be a class, which has a name")
    description = {"sizes": _parameters.check_sizes(net.sizes), "cost": name}
    if net._cbackprop.dtype != np.float64:
        description["dtype"] = net._cbackprop.dtype.name
    if net._cbackprop.activations is not None:
        layers = [activation for activation, _ in net._cbackprop.activations.layers]
        neurons = {
            f"{l},{j}": activation
            for l, (_, modified) in enumerate(net._cbackprop.activations.layers, 2)
            for j, activation in modified.items()
        }
        for activation in (*layers, *neurons.values()):
            if isinstance(activation, Activation):
                raise TypeError(f"{activation!r} is a function of the reader's own, which a file cannot hold")
        if neurons or layers != with_output(net.cost, net.sizes, "sigmoid"):
            description["activation"] = layers
        if neurons:
            description["neuron_activations"] = neurons
    return description


def _read_description(data):
    """The same, checked, with the defaults of what it does not say; `data` may be anything."""
    if type(data) is not dict:
        raise ValueError(f"expected an object with {', '.join(sorted(REQUIRED))}, got {type(data).__name__}")
    if missing := REQUIRED - set(data):
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    if type(data["sizes"]) is not list or any(type(n) is not int for n in data["sizes"]):
        raise ValueError("sizes is not a list of whole numbers")
    if type(data["cost"]) is not str:
        raise ValueError("cost is not a name")
    dtype, activation = data.get("dtype", "float64"), data.get("activation")
    if dtype not in DTYPES:
        raise ValueError("dtype is neither float64 nor float32")
    if activation is not None and (
        type(activation) is not list or any(type(a) is not str for a in activation)
    ):
        raise ValueError("activation is not a list of names")
    neurons = data.get("neuron_activations")
    if neurons is not None:
        if type(neurons) is not dict or any(type(a) is not str for a in neurons.values()):
            raise ValueError("neuron_activations does not hold names")
        neurons = {tuple(int(number) for number in place.split(",")): a for place, a in neurons.items()}
    return {
        "sizes": _parameters.check_sizes(data["sizes"]),
        "cost": data["cost"],
        "dtype": np.dtype(dtype),
        "activation": activation,
        "neuron_activations": neurons,
    }


# ---- parameters ----


def _shapes(sizes):
    return [(n_out, n_in) for n_in, n_out in zip(sizes, sizes[1:])], [(n, 1) for n in sizes[1:]]


def _array(array, name, dtype):
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers")
    return array.astype(dtype, copy=False)


def _check_shapes(sizes, weights, biases):
    for name, arrays, shapes in zip(("weights", "biases"), (weights, biases), _shapes(sizes)):
        if len(arrays) != len(shapes):
            raise ValueError(
                f"{name} has {len(arrays)} arrays; a network of {len(sizes)} layers has {len(shapes)}"
            )
        for i, (array, shape) in enumerate(zip(arrays, shapes)):
            if array.shape != shape:
                raise ValueError(f"{name}[{i}] has shape {array.shape}; by the sizes it must be {shape}")


def _read_json(file):
    data = json.load(file)
    network = _read_description(data)
    for name, shapes in zip(("weights", "biases"), _shapes(network["sizes"])):
        lists = data.get(name)
        if type(lists) is not list or len(lists) != len(shapes):
            raise ValueError(f"{name} is not a list of {len(shapes)} matrices")
        network[name] = [
            _matrix(rows, shape, network["dtype"], f"{name}[{i}]")
            for i, (rows, shape) in enumerate(zip(lists, shapes))
        ]
    return network


def _matrix(rows, shape, dtype, name):
    """Lists of lists as an array, which is made only where they are of this shape."""
    n_rows, n_cols = shape
    if type(rows) is not list or len(rows) != n_rows:
        raise ValueError(f"{name} is not a list of {n_rows} rows")
    for i, row in enumerate(rows):
        if type(row) is not list or len(row) != n_cols or not {*map(type, row)} <= {int, float}:
            raise ValueError(f"{name}[{i}] is not a row of {n_cols} numbers")
    return np.array(rows, dtype).reshape(shape)


def _read_npz(file):
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            # Nothing here is larger than the file: no entry can unpack to more.
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
                raise ValueError(f"{entry.filename} is compressed, or longer than the file")
        text = _read_npy(archive, "network", None, ("u1",))
        network = _read_description(json.loads(text.tobytes()))
        names = ["network"]
        for name, shapes in zip(("weights", "biases"), _shapes(network["sizes"])):
            if len(shapes) > len(entries):
                raise ValueError(f"it has {len(entries)} arrays for a network of {len(shapes) + 1} layers")
            network[name] = []
            for i, shape in enumerate(shapes):
                array = _read_npy(archive, f"{name}_{i}", shape, ("f4", "f8"))
                network[name].append(array.astype(network["dtype"]))
                names.append(f"{name}_{i}")
        if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in names):
            raise ValueError("it holds other arrays than the network's, or some twice")
    return network


def _read_npy(archive, name, shape, types):
    """The array of this name, if it has this shape (None: any of one dimension) and one of these types."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as source:
        if np.lib.format.read_magic(source) != (1, 0):
            raise ValueError(f"{name} is not an npy file of version 1")
        found, is_fortran, dtype = np.lib.format.read_array_header_1_0(source)
        if dtype.str[1:] not in types:
            raise ValueError(f"{name} has dtype {dtype}; expected {' or '.join(types)}")
        if found != shape and (shape is not None or len(found) != 1):
            raise ValueError(f"{name} has shape {found}; by the sizes it must be {shape}")
        data = source.read()
    n_items = 1
    for length in found:
        n_items *= length
    if len(data) != n_items * dtype.itemsize:
        raise ValueError(f"{name} is {len(data):,} bytes long, which a shape of {found} is not")
    return np.frombuffer(data, dtype).reshape(found, order="F" if is_fortran else "C")


# ---- files that are whole or not there ----


@contextlib.contextmanager
def _replacing(filename, mode):
    """A file to write into, that takes the place of `filename` at the end, and not before."""
    encoding = None if "b" in mode else "ascii"
    target = os.path.realpath(os.fsdecode(filename))
    try:
        old = os.stat(target)
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):  # /dev/stdout, a pipe: nothing to keep whole
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

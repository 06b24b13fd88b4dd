"""Reads MNIST from its three kinds of file, none of which is trusted.

A file may be damaged, or made to harm. So nothing is allocated because a header asks for it,
nothing that a file names is imported or called, and whatever is wrong ends in a ValueError that
names the file. `read` and `read_sample` return the training, validation and test data, each a
pair of images (n, 784) and digits (n,).
"""

import gzip
import io
import math
import os
import pickle
import pickletools
import re
import struct
import zipfile
import zlib
from importlib import resources

import numpy as np

# The book's pickle unpacks to 220 MB and to 440 MB if its pixels are float64: the largest
# that MNIST can be. Whatever unpacks to more is refused before it fills the memory.
LARGEST = 512 * 2**20
PIECE = 2**20

SAMPLE = "mnist_sample.npz"

IDX_FILES = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def read(path):
    """Read a file, or a folder with the four IDX files or with one of the others."""
    if os.path.isdir(path):
        return _read_folder(path)
    return _parse(_read_file(path), path)


def read_sample():
    """Read the sample that ships in this package, also where the package is a zip archive."""
    sample = resources.files(__package__).joinpath("data", SAMPLE)
    return _parse(io.BytesIO(sample.read_bytes()), SAMPLE)


def _parse(stream, name):
    """Read a pickle (gzipped or not) or npz from a BytesIO; messages call it ``name``."""
    stream = _gunzip(stream, name)
    start = _first_bytes(stream, 4)
    if start[:1] == b"\x80":
        return _read_pickle(stream, name)
    if start == b"PK\x03\x04":
        return _read_npz(stream, name)
    if start[:3] == b"\0\0\x08":
        raise ValueError(f"{name}: this is one IDX file; give the folder that holds all four")
    raise ValueError(
        f"{name}: not an MNIST file: expected a pickle of protocol 2 or later, gzipped or not, "
        f"or an npz, but it begins with {start!r}"
    )


def _read_folder(folder):
    paths = {stem: _idx_path(folder, stem) for stem in IDX_FILES}
    if all(paths.values()):
        arrays = [_read_idx(paths[stem], n_dimensions) for stem, n_dimensions in IDX_FILES.items()]
        return _split(*arrays, folder)
    for file_name in ("mnist.pkl.gz", "mnist.npz"):
        path = os.path.join(folder, file_name)
        if os.path.exists(path):
            return read(path)
    missing = [f"{stem}-idx{IDX_FILES[stem]}-ubyte" for stem in IDX_FILES if not paths[stem]]
    raise FileNotFoundError(
        f"{folder}: this folder holds neither mnist.pkl.gz nor mnist.npz nor the four IDX files; "
        f"of these it lacks {', '.join(missing)} (with or without .gz)"
    )


def _idx_path(folder, stem):
    # Some tools write a full stop for the second hyphen: train-images.idx3-ubyte.
    for separator in "-.":
        for ending in ("", ".gz"):
            name = f"{stem}{separator}idx{IDX_FILES[stem]}-ubyte{ending}"
            if os.path.isfile(path := os.path.join(folder, name)):
                return path
    return None


def _read_file(path):
    with open(path, "rb") as file:
        return _read_capped(file, path)


def _read_capped(source, name):
    """Read to the end of ``source`` in pieces, or raise where it passes `LARGEST` bytes."""
    stream = io.BytesIO()
    while piece := source.read(PIECE):
        if stream.tell() + len(piece) > LARGEST:
            raise ValueError(f"{name}: holds more than {LARGEST:,} bytes; MNIST never does")
        stream.write(piece)
    stream.seek(0)
    return stream


def _first_bytes(stream, n_bytes):
    start = stream.read(n_bytes)
    stream.seek(0)
    return start


def _gunzip(stream, name):
    """Return ``stream`` unpacked if it is gzipped, which its first bytes tell, not its name."""
    if _first_bytes(stream, 2) != b"\x1f\x8b":
        return stream
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            return _read_capped(unpacked, name)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{name}: damaged or truncated gzip data: {error}") from error


# IDX: a magic number, the length of each dimension, and the bytes.


def _read_idx(path, n_dimensions):
    data = _gunzip(_read_file(path), path).getvalue()
    magic = bytes((0, 0, 8, n_dimensions))
    header = 4 + 4 * n_dimensions
    if data[:4] != magic or len(data) < header:
        raise ValueError(
            f"{path}: not an IDX file of bytes in {n_dimensions} dimensions: expected it to begin "
            f"with {magic!r} and the dimensions, but it begins with {data[:header]!r}"
        )
    shape = struct.unpack(f">{n_dimensions}I", data[4:header])
    name = f"{path}: truncated or damaged: an array"
    return _array(data, "u1", shape, False, name, start=header)


# npz: a zip archive of npy files, each a header and the bytes.

# NumPy evaluates the header as Python and allocates what it says before reading; the four
# headers of MNIST are simple enough for a pattern.
NPY_HEADER = re.compile(
    rb" *\{ *'descr': *'([<>|]?(?:u1|i8))', *'fortran_order': *(True|False), *"
    rb"'shape': *\((\d{1,12}(?:, *\d{1,12}){0,2}),?\),? *\}\s*"
)


def _read_npz(stream, name):
    try:
        with zipfile.ZipFile(stream) as archive:
            arrays = [_read_npy(archive, f"{key}.npy") for key in NPZ_ARRAYS]
    except MemoryError:
        raise
    # On damaged archives zipfile raises a dozen kinds of exception.
    except Exception as error:
        raise ValueError(f"{name}: not an intact mnist.npz as Keras has it: {error}") from error
    return _split(*arrays, name)


def _read_npy(archive, member):
    entry = archive.getinfo(member)
    # Other methods (LZMA) allocate what their headers ask for.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member} is packed by a method that is neither stored nor deflated")
    with archive.open(entry) as source:
        data = _read_capped(source, member).getvalue()
    length_code = {1: "<H", 2: "<I"}.get(data[6] if len(data) > 12 else None)
    if data[:6] != b"\x93NUMPY" or length_code is None:
        raise ValueError(f"{member} is not an npy file of version 1 or 2")
    start = 8 + struct.calcsize(length_code)
    end = start + struct.unpack(length_code, data[8:start])[0]
    found = NPY_HEADER.fullmatch(data[start:end])
    if found is None:
        raise ValueError(f"{member} does not hold uint8 or int64 numbers of up to 3 dimensions")
    dtype = found[1].decode()
    shape = tuple(int(length) for length in found[3].split(b","))
    return _array(data, dtype, shape, found[2] == b"True", member, start=end)


# The pickle: tuples of arrays, written by Python 2.

# All that a pickle of arrays in tuples needs, from Python 2 (protocol 2) and 3 (up to 4).
PICKLE_OPCODES = {
    "PROTO", "FRAME", "STOP", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "MARK", "EMPTY_TUPLE",
    "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET",
    "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
    "SHORT_BINSTRING", "BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "SHORT_BINUNICODE",
    "BINUNICODE",
}  # fmt: skip
# The book's pickle has 168 opcodes. Few of them means shallow nesting, a short memo, no delay.
MOST_OPCODES = 1000


def _read_pickle(stream, name):
    try:
        _check_opcodes(stream)
        stream.seek(0)
        parts = _ArrayUnpickler(stream, fix_imports=False, encoding="bytes").load()
        arrays = _six_arrays(parts)
        # One array may be named six times over; copied, it would take six times the memory.
        if sum(array.nbytes for array in arrays) > stream.seek(0, io.SEEK_END):
            raise ValueError("its arrays overlap")
        stream.close()
    except MemoryError:
        raise
    # A damaged pickle can fail in any operation that its opcodes ask for.
    except Exception as error:
        raise ValueError(f"{name}: not an intact pickle of MNIST: {error}") from error
    # Copies: the unpickled arrays are read-only, in the byte order of the file.
    arrays = [array.astype(array.dtype.newbyteorder("="), order="C") for array in arrays]
    return tuple(_checked(*arrays[i : i + 2], name) for i in (0, 2, 4))


def _check_opcodes(stream):
    """Raise unless the pickle consists of a few harmless operations on bytes that are there.

    The unpickler believes a length, or a place in its memo, and allocates it: 10 bytes can ask
    for 60 GB. Here the operations are read and not carried out.

    Where more is asked of a frame than is left, the unpickler drops the rest, and so reads other operations
    than stand there one after the other.
    """
    end_of_frame = 0
    for count, (opcode, argument, start) in enumerate(pickletools.genops(stream), start=1):
        if start < end_of_frame and (opcode.name == "FRAME" or stream.tell() > end_of_frame):
            raise ValueError("its frames overlap or end amid an operation")
        if opcode.name == "FRAME":
            end_of_frame = stream.tell() + argument
        if opcode.name not in PICKLE_OPCODES:
            raise ValueError(f"it uses {opcode.name}, which no pickle of arrays in tuples needs")
        if count > MOST_OPCODES:
            raise ValueError(f"it has more than {MOST_OPCODES} operations")
        if opcode.name == "LONG_BINPUT" and argument > MOST_OPCODES:
            raise ValueError(f"it asks for {argument:,} places to remember objects in")


def _six_arrays(parts):
    """Return the arrays of three pairs of stand-ins in one list."""
    pairs = parts if type(parts) is tuple and len(parts) == 3 else ()
    items = [item for pair in pairs if type(pair) is tuple and len(pair) == 2 for item in pair]
    arrays = [item.array for item in items if type(item) is _PickledArray]
    if len(arrays) != 6 or any(array is None for array in arrays):
        raise ValueError("it does not hold three pairs (images, labels) of arrays")
    return arrays


class _PickledDtype:
    """Stands in for ``numpy.dtype`` while a pickle is read."""

    def __init__(self, code, *_):
        code = code.decode("ascii") if type(code) is bytes else code
        if code not in ("f4", "f8", "u1", "i8"):
            raise ValueError("it has an array whose type is none of f4, f8, u1 and i8")
        self.code = code

    def __setstate__(self, state):
        _, order, *_ = state
        order = order.decode("ascii") if type(order) is bytes else order
        if order not in ("<", ">", "|"):
            raise ValueError("it has an array whose byte order is unknown")
        self.code = order + self.code[-2:]


class _PickledArray:
    """Stands in for ``numpy.ndarray``, and for the function that makes one, while reading.

    NumPy's own ``__setstate__`` crashes on some states (an object dtype over bytes), so the state
    is kept from it.
    """

    def __init__(self, kind, *_):
        if kind is not _PickledArray:
            raise ValueError("it has an array that is not a plain numpy.ndarray")
        self.array = None

    def __setstate__(self, state):
        _, shape, dtype, is_fortran, data = state
        types = [type(item) for item in (shape, dtype, is_fortran, data)]
        if types != [tuple, _PickledDtype, bool, bytes]:
            raise ValueError("it has an array whose state is not shape, type, order and bytes")
        if len(shape) not in (1, 2) or any(type(length) is not int for length in shape):
            raise ValueError("it has an array that is neither a vector nor a matrix")
        self.array = _array(data, dtype.code, shape, is_fortran, "an array")


STAND_INS = {
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledDtype,
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows the names of an array's parts and nothing else."""

    def find_class(self, module, name):
        """Return the stand-in for what the pickle names."""
        try:
            return STAND_INS[module, name]
        except KeyError:
            named = f"{module}.{name}"[:60]
            raise ValueError(f"it names {named!r}, which no array of numbers needs") from None


# What all kinds of file have in common.


def _array(data, dtype, shape, is_fortran, name, *, start=0):
    """Return the bytes from ``start`` seen as an array, once its shape is known to match them.

    Nothing is copied. ``data`` is bytes, never a BytesIO's buffer: the garbage collector of
    Python 3.12 crashes where such a buffer is still in use.
    """
    dtype = np.dtype(dtype)
    n_bytes = len(data) - start
    if min(shape) < 1 or math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{name} of shape {shape} and type {dtype.name} cannot consist of {n_bytes:,} bytes")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if is_fortran else "C")


def _split(x_train, y_train, x_test, y_test, name):
    """Return MNIST's two parts (n, 28, 28), (n,) as the book's three, in its numbers.

    The last sixth of the training images, 10,000 of MNIST's 60,000, is the validation data.
    """
    for x in (x_train, x_test):
        if x.shape[1:] != (28, 28) or x.dtype != np.uint8:
            raise ValueError(f"{name}: expected images (n, 28, 28) of uint8, got {x.shape} of {x.dtype}")
    cut = len(x_train) - len(x_train) // 6
    parts = ((x_train[:cut], y_train[:cut]), (x_train[cut:], y_train[cut:]), (x_test, y_test))
    return tuple(_checked(_book_pixels(x), y, name) for x, y in parts)


def _book_pixels(x):
    """Return images (n, 28, 28) of bytes as rows (n, 784) of float32, divided by 256."""
    # dtype: NumPy 1 would make float16 of a uint8 array and a small scalar.
    return np.divide(x.reshape(len(x), 784), 256, dtype=np.float32)


def _checked(x, y, name):
    """Return images and labels, these as int64, if together they can be a part of MNIST."""
    if x.ndim != 2 or x.shape[1] != 784 or not len(x):
        raise ValueError(f"{name}: expected images (n, 784) with n > 0, got an array {x.shape}")
    if y.shape != x.shape[:1]:
        raise ValueError(f"{name}: expected a label for each image, got {len(x)} and {y.shape}")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise ValueError(f"{name}: expected labels that are whole numbers from 0 to 9")
    return x, y.astype(np.int64)

"""Reads MNIST from its three kinds of file, none of which is trusted.

A file may be damaged, or made to do harm. So no header decides how much memory is allocated, nothing
that a file names is imported or called, and every fault ends in a ValueError that names the file:
"not a form that is read here" if the file may be intact, "damaged or truncated" if it is not. `read`
and `read_sample` return the training, validation and test data, each a pair of images (n, 784) and
digits (n,).
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import re
import struct
import zipfile
import zlib
from importlib import resources
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from cbackprop._files import array_pickles
from cbackprop._files.array_pickles import Array
from cbackprop._files.pickle_machine import NotReadHere

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    _Part: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]
    _Parts: TypeAlias = tuple[_Part, _Part, _Part]

# A packed file may unpack to 512 MiB or to 250 times its size, whichever is more. MNIST is packed 14 to
# 1, as text 54 to 1, one image repeated 210 to 1, and a bomb of zeros 1032 to 1.
ALWAYS_ALLOWED = 512 * 2**20
HIGHEST_RATIO = 250
PIECE = 2**20

SAMPLE = "mnist_sample.npz"

IDX_FILES = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")

# Protocols 0 and 1 have no header: lists and tuples begin, until the first array names its function.
PICKLE_START = re.compile(rb"\x80|(?:[(\]l]|p\d{1,9}\n|q.){1,20}c[\w.]+\n", re.DOTALL)


def read(path: str) -> _Parts:
    """Read a file, or a folder that holds the four IDX files or one of the others."""
    if os.path.isdir(path):
        return _read_folder(path)
    with open(path, "rb") as file, _errors_name(path):
        return _parse(file)


def read_sample() -> _Parts:
    """Read the sample in this package, even if the package is in a zip archive."""
    sample = resources.files("cbackprop").joinpath("data", SAMPLE)
    with _errors_name(SAMPLE):
        return _parse(io.BytesIO(sample.read_bytes()))


@contextlib.contextmanager
def _errors_name(name: str) -> Iterator[None]:
    """Turn errors in reading the file ``name`` into a ValueError that names it."""
    try:
        yield
    except MemoryError:
        raise
    except NotReadHere as error:
        raise ValueError(f"{name}: not an MNIST file, or not a form that is read here: {error}") from error
    # zipfile raises a dozen kinds of exception on damaged archives.
    except Exception as error:
        raise ValueError(f"{name}: damaged or truncated: {error}") from error


def _parse(file: IO[bytes]) -> _Parts:
    """Read a pickle or an npz, gzipped or not."""
    stream = _unpacked(file)
    try:
        parts = _parse_unpacked(stream)
    except Exception:
        # If the checksum is wrong, the file is damaged, whatever its content looks like.
        _read_on(stream, ALWAYS_ALLOWED)
        raise
    _read_on(stream)
    return parts


def _parse_unpacked(stream: io.BufferedReader) -> _Parts:
    start = stream.peek(200)[:200]
    if PICKLE_START.match(start):
        return _read_pickle(stream)
    if start[:4] == b"PK\x03\x04":
        return _read_npz(stream)
    if start[:3] == b"\0\0\x08":
        raise NotReadHere("this is one IDX file; give the folder that holds all four")
    raise NotReadHere(
        f"expected a pickle of arrays or an npz, gzipped or not, but it begins with {start[:8]!r}"
    )


def _read_folder(folder: str) -> _Parts:
    paths = {stem: path for stem in IDX_FILES if (path := _idx_path(folder, stem))}
    if len(paths) == len(IDX_FILES):
        arrays = [_read_idx(paths[stem], n_dimensions) for stem, n_dimensions in IDX_FILES.items()]
        with _errors_name(folder):
            return _split(*arrays)
    for file_name in ("mnist.pkl.gz", "mnist.npz"):
        path = os.path.join(folder, file_name)
        if os.path.exists(path):
            return read(path)
    missing = [f"{stem}-idx{IDX_FILES[stem]}-ubyte" for stem in IDX_FILES if stem not in paths]
    raise FileNotFoundError(
        f"{folder}: this folder holds neither mnist.pkl.gz nor mnist.npz nor the four IDX files; "
        f"of these it lacks {', '.join(missing)} (with or without .gz)"
    )


def _idx_path(folder: str, stem: str) -> str | None:
    # Some tools write a full stop for the second hyphen: train-images.idx3-ubyte.
    for separator in "-.":
        for ending in ("", ".gz"):
            name = f"{stem}{separator}idx{IDX_FILES[stem]}-ubyte{ending}"
            if os.path.isfile(path := os.path.join(folder, name)):
                return path
    return None


# Unpacking, in pieces: only what is kept stays in memory.


def _unpacked(file: IO[bytes]) -> io.BufferedReader:
    """Return a BufferedReader of the content of ``file``, which is gzipped or not."""
    if not file.seekable():
        file = io.BytesIO(_read_all(file, ALWAYS_ALLOWED))
    return io.BufferedReader(_Unpacked(file), PIECE)


class _Unpacked(io.RawIOBase):
    """Reads a gzip file unpacked, or a file that is not packed, up to a limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.limit = _most_bytes(file.seek(0, io.SEEK_END))
        self.n_read = 0
        # Its first bytes say what it is, not its name.
        file.seek(0)
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self.source: Any = gzip.GzipFile(fileobj=file) if is_packed else file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            n_bytes = self.source.readinto(buffer)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"gzip data: {error}") from error
        self.n_read += n_bytes
        _check_size(self.n_read, self.limit)
        return n_bytes

    def tell(self) -> int:
        return self.n_read


def _most_bytes(packed_size: int) -> int:
    return max(ALWAYS_ALLOWED, HIGHEST_RATIO * packed_size)


def _check_size(n_bytes: int, limit: float) -> None:
    if n_bytes > limit:
        raise NotReadHere(f"it unpacks to more than {limit:,} bytes, too many for its size")


def _read_all(source: IO[bytes] | io.BufferedReader, limit: float) -> bytearray:
    """Return all of ``source``. If it is longer than ``limit`` bytes, that is an error."""
    data = bytearray()
    while piece := source.read(PIECE):
        data += piece
        _check_size(len(data), limit)
    return data


def _read_on(stream: io.BufferedReader, n_bytes: float = math.inf) -> None:
    """Read up to the end, where gzip's checksum is, but at most ``n_bytes``. Keep nothing."""
    while n_bytes > 0 and (piece := stream.read(PIECE)):
        n_bytes -= len(piece)


# IDX: a magic number, the length of each dimension, and the bytes.


def _read_idx(path: str, n_dimensions: int) -> NDArray[Any]:
    with open(path, "rb") as file, _errors_name(path):
        data = _read_all(_unpacked(file), math.inf)
        header = 4 + 4 * n_dimensions
        if data[:4] != bytes((0, 0, 8, n_dimensions)) or len(data) < header:
            raise NotReadHere(
                f"expected an IDX file of bytes in {n_dimensions} dimensions, "
                f"but it begins with {bytes(data[:header])!r}"
            )
        shape = struct.unpack(f">{n_dimensions}I", data[4:header])
        return _array(data, "u1", shape, False, "an array", start=header)


# npz: a zip archive of npy files, each a header and the bytes.

# NumPy evaluates the header as Python, and allocates as much as it says before reading. MNIST's
# four headers are simple enough for a pattern.
NPY_HEADER = re.compile(
    rb" *\{ *'descr': *'([<>|]?(?:u1|i8))', *'fortran_order': *(True|False), *"
    rb"'shape': *\((\d{1,12}(?:, *\d{1,12}){0,2}),?\),? *\}\s*"
)


def _read_npz(stream: io.BufferedReader) -> _Parts:
    # zipfile begins at the end of an archive.
    data = io.BytesIO(_read_all(stream, math.inf))
    with zipfile.ZipFile(data) as archive:
        limit = _most_bytes(data.seek(0, io.SEEK_END))
        arrays = [_read_npy(archive, f"{key}.npy", limit) for key in NPZ_ARRAYS]
    return _split(*arrays)


def _read_npy(archive: zipfile.ZipFile, member: str, limit: int) -> NDArray[Any]:
    try:
        entry = archive.getinfo(member)
    except KeyError:
        raise NotReadHere(f"expected a mnist.npz as Keras has it, but it has no {member}") from None
    # Other methods (LZMA) allocate as much as their headers say.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotReadHere(f"{member} is packed by a method that is neither stored nor deflated")
    with archive.open(entry) as source:
        data = _read_all(source, limit)
    length_code = {1: "<H", 2: "<I"}.get(data[6]) if len(data) > 12 else None
    if data[:6] != b"\x93NUMPY" or length_code is None:
        raise NotReadHere(f"{member} is not an npy file of version 1 or 2")
    start = 8 + struct.calcsize(length_code)
    end = start + struct.unpack(length_code, data[8:start])[0]
    found = NPY_HEADER.fullmatch(data[start:end])
    if found is None:
        raise NotReadHere(f"{member} does not hold uint8 or int64 numbers of up to 3 dimensions")
    dtype = found[1].decode()
    shape = tuple(int(length) for length in found[3].split(b","))
    return _array(data, dtype, shape, found[2] == b"True", member, start=end)


# The pickle: three pairs of images and labels. The book's holds arrays; what its expand_mnist.py
# writes holds lists of 250,000 arrays (784,) and as many numbers.


def _read_pickle(stream: io.BufferedReader) -> _Parts:
    try:
        pairs = _three_pairs(array_pickles.read(stream))
    except NotReadHere as error:
        raise NotReadHere(f"expected a pickle of three pairs (images, labels), but {error}") from error
    # A pickle can name one array many times, for 2 bytes each. Test data that also serve as validation
    # data are named twice.
    if sum(len(image.data) for x, _ in pairs for image in _listed(x)) > 2 * stream.tell():
        raise NotReadHere("its arrays overlap: they would take far more memory than the file")
    training, validation, test = (_checked(_pixels(x), _digits(y)) for x, y in pairs)
    return training, validation, test


def _three_pairs(parts: Any) -> Any:
    """Return ``parts`` if it consists of images and labels, each an `Array` or a list."""
    if not _is_sequence(parts, 3) or not all(_is_sequence(pair, 2) for pair in parts):
        raise NotReadHere("it holds something else")
    for x, y in parts:
        if not all(type(image) is Array for image in _listed(x)):
            raise NotReadHere("its images are neither an array nor a list of arrays")
        if type(y) is not Array and set(map(type, _listed(y))) != {int}:
            raise NotReadHere("its labels are neither an array nor a list of whole numbers")
        if not all(image.data for image in _listed(x)) or (type(y) is Array and not y.data):
            raise ValueError("it does not hold three pairs of arrays: one was never filled")
    return parts


def _is_sequence(item: Any, length: int) -> bool:
    return type(item) in (tuple, list) and len(item) == length


def _listed(item: Any) -> Any:
    return item if type(item) in (tuple, list) else (item,)


def _pixels(item: Any) -> NDArray[Any]:
    """Return images (n, 784), copied into this processor's byte order."""
    if type(item) is Array:
        x = item.view()
        return x.astype(x.dtype.newbyteorder("="), order="C")
    shapes = {image.shape for image in item}
    if not shapes or not shapes <= {(784,), (784, 1)}:
        raise NotReadHere(f"expected a list of images (784,), got images {sorted(shapes)[:3]}")
    dtypes = {dtype.newbyteorder("=") for dtype in {image.dtype for image in item}}
    # Whole numbers are pixels on a scale of their own.
    if len(dtypes) > 1 and any(dtype.kind != "f" for dtype in dtypes):
        raise NotReadHere("expected a list of images of one type")
    x = np.empty((len(item), 784), np.result_type(*dtypes))
    for row, image in zip(x, item, strict=True):
        row[:] = image.view().reshape(784)
    return x


def _digits(item: Any) -> NDArray[Any]:
    """Return labels as an array, with -1 for any that is not a digit: it may not fit into int64."""
    if type(item) is Array:
        return item.view()
    return np.array([label if 0 <= label <= 9 else -1 for label in item])


# For all kinds of file.


def _array(
    data: bytearray, dtype: str, shape: tuple[int, ...], is_fortran: bool, name: str, *, start: int = 0
) -> NDArray[Any]:
    """Return the bytes from ``start`` on as an array, if its shape matches them.

    Nothing is copied. ``data`` is a bytearray, never a BytesIO's buffer: the garbage collector of
    Python 3.12 crashes if such a buffer is still in use.
    """
    kind = np.dtype(dtype)
    n_bytes = len(data) - start
    if min(shape) < 1 or math.prod(shape) * kind.itemsize != n_bytes:
        raise ValueError(f"{name} of shape {shape} and type {kind.name} cannot consist of {n_bytes:,} bytes")
    return np.frombuffer(data, kind, offset=start).reshape(shape, order="F" if is_fortran else "C")


def _split(
    x_train: NDArray[Any], y_train: NDArray[Any], x_test: NDArray[Any], y_test: NDArray[Any]
) -> _Parts:
    """Return MNIST's two parts (n, 28, 28), (n,) as the book's three, on its scale.

    The last sixth of the training images, 10,000 of MNIST's 60,000, is the validation data.
    """
    for x in (x_train, x_test):
        if x.shape[1:] != (28, 28) or x.dtype != np.uint8:
            raise NotReadHere(f"expected images (n, 28, 28) of uint8, got {x.shape} of {x.dtype}")
    cut = len(x_train) - len(x_train) // 6
    parts = ((x_train[:cut], y_train[:cut]), (x_train[cut:], y_train[cut:]), (x_test, y_test))
    training, validation, test = (_checked(_book_pixels(x), y) for x, y in parts)
    return training, validation, test


def _book_pixels(x: NDArray[Any]) -> NDArray[np.float32]:
    """Return images (n, 28, 28) of bytes as rows (n, 784) of float32, divided by 256."""
    # Without dtype, NumPy 1 would divide a uint8 array by a small scalar in float16.
    return np.divide(x.reshape(len(x), 784), 256, dtype=np.float32)


def _checked(x: NDArray[Any], y: NDArray[Any]) -> _Part:
    """Return images and labels, the labels as int64, if they can be a part of MNIST."""
    if x.ndim != 2 or x.shape[1] != 784 or not len(x):
        raise NotReadHere(f"expected images (n, 784) with n > 0, got an array {x.shape}")
    if y.shape != x.shape[:1]:
        raise NotReadHere(f"expected a label for each image, got {len(x)} and {y.shape}")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise NotReadHere("expected labels that are whole numbers from 0 to 9")
    return x, y.astype(np.int64)

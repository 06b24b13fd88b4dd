"""Reads a pickle of arrays in lists and tuples, from a file that is not trusted.

A name in the file is looked up in `NAMES`, a table of this module's functions, so nothing is
imported, and no code of NumPy's runs on the file's orders. NumPy's own way to fill an array crashes
on some states: numbers in an array of objects, for one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._files.pickle_machine import Machine, NotReadHere

if TYPE_CHECKING:
    import io

    from numpy.typing import NDArray

DTYPES = (b"f2", b"f4", b"f8", b"i1", b"i2", b"i4", b"i8", b"u1", b"u2", b"u4", b"u8")


def read(file: io.BufferedReader) -> Any:
    """Return the content of the pickle at the position of a BufferedReader.

    Lists, tuples, whole numbers, bool and None come as themselves, arrays as `Array`, NumPy's whole
    numbers as int, bytes and Latin-1 text as bytes or bytearray.

    Raises
    ------
    NotReadHere
        If the pickle may be intact, but holds something that is not read here.
    Exception
        Of any other kind, if it is damaged.
    """
    return Machine(file, NAMES).run()


class Dtype:
    """A ``numpy.dtype``: its code comes first, its byte order with the state."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.dtype: np.dtype[Any] | None = None

    def set_state(self, state: Any) -> None:
        _, order, *_ = state
        if order not in (b"<", b">", b"|"):
            raise ValueError("it has an array whose byte order is unknown")
        self.dtype = np.dtype((order + self.code).decode())


class Array:
    """A ``numpy.ndarray``: its type, shape, order and bytes."""

    __slots__ = ("data", "dtype", "is_fortran", "shape")

    data: bytes | bytearray
    dtype: np.dtype[Any]
    is_fortran: bool
    shape: tuple[int, ...]

    def __init__(self) -> None:
        self.data = b""  # not filled yet

    def set_state(self, state: Any) -> None:
        """Take the state that NumPy gave the array, if its parts fit together."""
        _, shape, dtype, is_fortran, data = state
        if type(dtype) is not Dtype or type(is_fortran) is not bool:
            raise ValueError("it has an array whose state is not shape, type, order and bytes")
        self.fill(shape, dtype.dtype, is_fortran, data)

    def fill(self, shape: Any, dtype: np.dtype[Any] | None, is_fortran: bool, data: Any) -> None:
        if type(shape) is not tuple or dtype is None or type(data) not in (bytes, bytearray):
            raise ValueError("it has an array whose state is not shape, type, order and bytes")
        if len(shape) not in (1, 2) or set(map(type, shape)) != {int}:
            raise NotReadHere("it has an array that is neither a vector nor a matrix")
        if 0 in shape:
            raise NotReadHere(f"it has an empty array {shape}")
        if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(
                f"an array of shape {shape} and type {dtype.name} cannot consist of {len(data):,} bytes"
            )
        self.shape, self.dtype, self.is_fortran, self.data = shape, dtype, is_fortran, data

    def view(self) -> NDArray[Any]:
        """Return a NumPy array on the same bytes."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


# The functions that a pickle may name. Each is called with the arguments that the pickle gives.


def _ndarray(kind: Any, *_: Any) -> Array:
    """Replace ``numpy.ndarray``, and the function that makes an array of it."""
    if kind is not _ndarray:
        raise NotReadHere("it has an array that is not a plain numpy.ndarray")
    return Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> Array:
    """Return the array that protocol 5 builds from its bytes at once."""
    if type(dtype) is not Dtype or order not in (b"C", b"F", b"K"):
        raise ValueError("it has an array whose state is not shape, type, order and bytes")
    if order == b"K" and axis_order not in ((0,), (0, 1)):
        raise NotReadHere("it has an array whose axes are in another order")
    array = Array()
    array.fill(shape, dtype.dtype, order == b"F", data)
    return array


def _dtype(code: Any, *_: Any) -> Dtype:
    if code not in DTYPES:
        known = ", ".join(known.decode() for known in DTYPES)
        raise NotReadHere(f"it has numbers whose type is none of {known}")
    return Dtype(code)


def _scalar(dtype: Any, data: Any) -> int:
    """Return a NumPy whole number as an int."""
    if type(dtype) is not Dtype or dtype.dtype is None or type(data) is not bytes:
        raise ValueError("it has a number that is not a type and its bytes")
    if len(data) != dtype.dtype.itemsize:
        raise ValueError("it has a number that is not a type and its bytes")
    if dtype.dtype.kind == "f":
        raise NotReadHere("it has single numbers that are not whole")
    is_big_endian = dtype.dtype.str[0] == ">"
    return int.from_bytes(data, "big" if is_big_endian else "little", signed=dtype.dtype.kind == "i")


def _encode(text: Any, encoding: Any) -> bytes | bytearray:
    """Return bytes that Python 3 wrote as text, in protocols without bytes."""
    if encoding != b"latin1" or type(text) not in (bytes, bytearray):
        raise NotReadHere("it calls _codecs.encode for something else than bytes")
    return text


NAMES: dict[tuple[bytes, bytes], Any] = {
    (b"numpy", b"ndarray"): _ndarray,
    (b"numpy", b"dtype"): _dtype,
    (b"_codecs", b"encode"): _encode,
}
# NumPy 1 and 2.
for _core in (b"numpy.core", b"numpy._core"):
    NAMES[_core + b".multiarray", b"_reconstruct"] = _ndarray
    NAMES[_core + b".multiarray", b"scalar"] = _scalar
    NAMES[_core + b".numeric", b"_frombuffer"] = _frombuffer

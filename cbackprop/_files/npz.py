"""NumPy's npz: arrays in a zip that is not compressed, read without trust."""

from __future__ import annotations

import contextlib
import os
import zipfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

LONGEST: int = 2**31 - 1  # dimension of an array


@contextlib.contextmanager
def opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip in `file`, none of whose entries takes more memory than the file is long."""
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
                raise ValueError(f"{entry.filename} is compressed, or longer than the file")
        if sum(entry.file_size for entry in entries) > size:
            raise ValueError("its arrays overlap: together they are longer than the file")
        yield archive


def array_in(archive: zipfile.ZipFile, name: str, ndim: int, types: Sequence[str]) -> NDArray[Any]:
    """The array of this name, if it has `ndim` dimensions and one of the `types`. It cannot be written to."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as source:
        if np.lib.format.read_magic(source) != (1, 0):
            raise ValueError(f"{name} is not an npy file of version 1")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(source)
        if dtype.str[1:] not in types:
            raise ValueError(f"{name} has dtype {dtype}; expected {' or '.join(types)}")
        if len(shape) != ndim or not all(0 <= n <= LONGEST for n in shape):
            raise ValueError(f"{name} has shape {shape}; expected {ndim} dimensions, of at most {LONGEST}")
        data = source.read()
    n_items = 1
    for length in shape:
        n_items *= length
    if len(data) != n_items * dtype.itemsize:
        raise ValueError(f"{name} is {len(data):,} bytes long, which a shape of {shape} is not")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")

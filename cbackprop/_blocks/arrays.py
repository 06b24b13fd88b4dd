"""Sources of rows: files of numbers, and whatever has a shape, a dtype and slices, as Zarr and HDF5 have."""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Read = Callable[[int, int, NDArray[Any]], None]


GAPPED_BYTES = 1 << 20  # that are read at once of rows with something else between them


class Source(Protocol):
    """An array that is read some rows at a time.

    Attributes
    ----------
    where : str
        What errors call it: the name of its file, if it has one.
    shape : tuple of int
    dtype : numpy.dtype
        In the processor's byte order.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def opened(self) -> contextlib.AbstractContextManager[Read]:
        """read(start, stop, out) for a while: it reads the rows start … stop − 1 into `out`, an array."""

    def expect(self, start: int, stop: int) -> None:
        """Hear that these rows will be read soon, while it is open."""


def source_of(array: Any, name: str) -> Source:
    """`array`, which errors call `name`, as a source.

    Raises
    ------
    TypeError, ValueError, OSError
        If it is no array, or a memmap that cannot be read in blocks.
    """
    if hasattr(type(array), "toarray"):
        raise TypeError(
            f"{name} is {type(array).__name__}, which is stored sparsely; block goes with dense rows"
        )
    try:
        is_array = isinstance(array, np.ndarray) or has_slices(array)
    except Exception as error:  # HDF5 has its own for a closed file
        raise ValueError(f"{name} cannot be read: {error}") from error
    if not is_array:
        if not (isinstance(array, (list, tuple, memoryview)) or hasattr(type(array), "__array__")):
            raise TypeError(f"{name} is {type(array).__name__}; expected an array, one example a row")
        try:
            array = np.asarray(array)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"{name} cannot be read as an array: {error}") from None
    mapped = memmap_under(array)
    if mapped is not None and 0 not in array.shape and array.dtype.kind in "biuf" and array.ndim in (1, 2):
        return FileRows(array, mapped, name)
    return Slices(array)


@contextlib.contextmanager
def naming(what: str) -> Iterator[None]:
    """Have ordinary errors say what could not be read."""
    try:
        yield
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is None:  # a library's own
            raise OSError(f"{what} cannot be read: {error}") from error
        raise OSError(error.errno, f"{what}: {error.strerror}") from error
    except Exception as error:  # each library has its own
        raise ValueError(f"{what} cannot be read: {error}") from error


def has_slices(array: Any) -> bool:
    """Whether it is like an array, as a dataset of HDF5 or Zarr is, and its shape is known."""
    shape = getattr(array, "shape", None)
    return (
        not hasattr(type(array), "iloc")  # of pandas, whose slices may go by labels
        and isinstance(getattr(array, "dtype", None), np.dtype)
        and isinstance(shape, tuple)
        and all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape)
        and hasattr(type(array), "__getitem__")
    )


class Slices:
    """Whatever has a shape, a dtype and slices."""

    def __init__(self, array: Any) -> None:
        self.shape = tuple(int(n) for n in array.shape)
        self.dtype = array.dtype.newbyteorder("=")
        self.array = array
        file = getattr(getattr(array, "file", None), "filename", None)  # of HDF5
        place = getattr(array, "store_path", None) or getattr(array, "store", None)  # of Zarr
        self.where = str(file or place or type(array).__name__)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """See `Source`."""
        yield self.read_direct if hasattr(type(self.array), "read_direct") else self.read

    def expect(self, start: int, stop: int) -> None:
        """See `Source`. Nothing is done."""

    def read(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Read by a slice, which is another array."""
        part = np.asarray(self.array[start:stop])
        if part.shape != out.shape or part.dtype.newbyteorder("=") != out.dtype:
            raise ValueError(
                f"a slice has shape {part.shape} and dtype {part.dtype}; expected {out.shape} and {out.dtype}"
            )
        out[...] = part

    def read_direct(self, start: int, stop: int, out: NDArray[Any]) -> None:
        """Read as HDF5 can, into `out` itself."""
        if tuple(self.array.shape) != self.shape:
            raise ValueError(f"it has shape {self.array.shape}; when SGD was called, it had {self.shape}")
        self.array.read_direct(out, np.s_[start:stop])


# ---- files that numpy.memmap maps ----


def memmap_under(array: Any) -> Any:
    """The memmap whose file has the numbers of `array`; None if there is none, or the file may differ."""
    base = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    if not isinstance(base, np.memmap) or getattr(base, "_mmap", None) is None:
        return None
    # Changes to a copy on write are in memory alone. A file without a name cannot be opened again.
    return base if base.filename is not None and base.mode != "c" else None


class FileRows:
    """Rows of a file, read without mapping them: pages that are mapped count as memory of the process.

    A file that was cut short is an error here, and would be the end of a process that has mapped it.
    """

    def __init__(self, array: NDArray[Any], mapped: Any, name: str) -> None:
        self.where = os.fsdecode(mapped.filename)
        self.shape, self.stored = array.shape, array.dtype
        self.dtype = array.dtype.newbyteorder("=")
        self.row_bytes = array.itemsize * (array.shape[1] if array.ndim == 2 else 1)
        self.stride = array.strides[0] if len(array) > 1 else self.row_bytes
        has_gaps = array.ndim == 2 and array.shape[1] > 1 and array.strides[1] != array.itemsize
        if self.stride < self.row_bytes or has_gaps:
            raise ValueError(
                f"{name}: the rows of this memmap do not lie one after the other in {self.where}; block goes "
                f"with a file in C order"
            )
        # With what lies between them, rows may be far longer than the block that they go to.
        is_dense = self.stride == self.row_bytes
        self.n_at_once = len(array) if is_dense else max(1, GAPPED_BYTES // self.stride)
        granularity = mmap.ALLOCATIONGRANULARITY
        in_map = address(array) - address(np.frombuffer(mapped._mmap, np.uint8))
        self.start = in_map + mapped.offset - mapped.offset % granularity
        self.end = self.start + (len(array) - 1) * self.stride + self.row_bytes
        self.file: Any = None  # that is open
        with naming(f"{name} ({self.where})"), open(self.where, "rb", buffering=0) as file:
            self.identity = identity(file)
            self.check(file)
            for row in (0, len(array) - 1):
                there = np.empty(array.shape[1:], self.dtype)
                self.read_from(file, row, row + 1, there[np.newaxis])
                if there.tobytes() != np.asarray(array[row]).astype(self.dtype).tobytes():
                    raise ValueError("it does not hold the numbers of this memmap; open it again")

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """See `Source`."""
        with open(self.where, "rb", buffering=0) as file:
            self.check(file)
            self.file = file

            def read(start: int, stop: int, out: NDArray[Any]) -> None:
                for first in range(start, stop, self.n_at_once):
                    end = min(first + self.n_at_once, stop)
                    self.read_from(file, first, end, out[first - start : end - start])

            yield read

    def expect(self, start: int, stop: int) -> None:
        """See `Source`. The system reads ahead: the disk is not idle while rows are copied."""
        if hasattr(os, "posix_fadvise"):
            place, n_bytes = self.start + start * self.stride, (stop - start) * self.stride
            os.posix_fadvise(self.file.fileno(), place, n_bytes, os.POSIX_FADV_WILLNEED)

    def check(self, file: Any) -> None:
        """Raise an error if it is another file, or a part is missing."""
        size = os.fstat(file.fileno()).st_size
        if identity(file) != self.identity:
            raise ValueError("it is not the file that it was when SGD was called")
        if size < self.end:
            raise ValueError(f"it has {size} bytes, and the last row ends at byte {self.end}")

    def read_from(self, file: Any, start: int, stop: int, out: NDArray[Any]) -> None:
        """Read the rows start … stop − 1."""
        is_dense = self.stride == self.row_bytes
        n_bytes = (stop - start - 1) * self.stride + self.row_bytes
        raw: Any = out.reshape(-1).view(np.uint8) if is_dense else np.empty(n_bytes, np.uint8)
        file.seek(self.start + start * self.stride)
        done = 0
        while done < n_bytes:
            n = file.readinto(raw[done:])
            if not n:
                raise ValueError(f"it ends after {self.start + start * self.stride + done} bytes")
            done += n
        if not is_dense:
            strides = (self.stride, self.stored.itemsize)[: len(self.shape)]
            out[...] = np.ndarray((stop - start, *self.shape[1:]), self.stored, raw, strides=strides)
        elif not self.stored.isnative:
            out.byteswap(inplace=True)


def address(array: NDArray[Any]) -> int:
    """Where an array begins in memory."""
    return int(array.__array_interface__["data"][0])


def identity(file: Any) -> tuple[int, int]:
    """What tells an open file from others."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino

"""The training data of a call of SGD that reads them in blocks."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cbackprop import _arguments, _parameters
from cbackprop._blocks.arrays import naming, source_of
from cbackprop._data import near_miss
from cbackprop._targets import check_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Read = Callable[[int, int, NDArray[Any], NDArray[Any]], None]

WINDOW = 16  # blocks, unless the user says how many
SAMPLED_ROWS, SAMPLED_BLOCKS = 64, 8


def checked_blocks(block: Any, window: Any) -> tuple[int, int]:
    """The options `block` and `window` of SGD."""
    if block is None:
        raise ValueError(f"window is {window!r}, a number of blocks, and block is None")
    window = WINDOW if window is None else _arguments.whole(window, "window", 1)
    return _arguments.whole(block, "block", 1), window


class Examples(Protocol):
    """A source of examples."""

    n: int
    n_columns: int
    x_dtype: np.dtype[Any]
    y_dtype: np.dtype[Any]
    y_shape: tuple[int, ...]  # of one y
    y_where: str  # what errors call the file, or the array, with y

    def starts(self, block: int) -> NDArray[np.int64]:
        """The first row of each block of at most `block` rows, and the number of all rows."""

    def opened(self) -> contextlib.AbstractContextManager[Read]:
        """read(start, stop, X, Y) for a while: it reads the rows start … stop − 1 into these arrays."""

    def expect(self, start: int, stop: int) -> None:
        """Hear that these rows will be read soon, while it is open."""


class Arrays:
    """A pair of arrays (X, Y), each from where it is."""

    def __init__(self, X: Any, Y: Any, name: str) -> None:
        self.name = name
        self.X, self.Y = source_of(X, f"{name}: X"), source_of(Y, f"{name}: Y")
        self.shapes = self.X.shape, self.Y.shape
        self.n = self.X.shape[0] if self.X.shape else 0
        self.n_columns = self.X.shape[-1] if self.X.shape else 0
        self.x_dtype, self.y_dtype, self.y_shape = self.X.dtype, self.Y.dtype, self.Y.shape[1:]
        self.y_where = self.Y.where

    def starts(self, block: int) -> NDArray[np.int64]:
        """See `Examples`."""
        return np.append(np.arange(0, self.n, block), self.n)

    def expect(self, start: int, stop: int) -> None:
        """See `Examples`."""
        self.X.expect(start, stop)
        self.Y.expect(start, stop)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """See `Examples`."""
        with (
            opened_as(self.X, f"{self.name}: X") as read_x,
            opened_as(self.Y, f"{self.name}: Y") as read_y,
        ):

            def read(start: int, stop: int, X: NDArray[Any], Y: NDArray[Any]) -> None:
                read_x(start, stop, X)
                read_y(start, stop, Y)

            yield read


@contextlib.contextmanager
def opened_as(source: Any, name: str) -> Iterator[Callable[[int, int, NDArray[Any]], None]]:
    """What reads `source`, with errors that name it and the rows."""
    with naming(f"{name} ({source.where})"):
        opened = source.opened()
        read = opened.__enter__()

    def read_rows(start: int, stop: int, out: NDArray[Any]) -> None:
        with naming(f"{name} ({source.where}), rows {start} to {stop - 1}"):
            read(start, stop, out)

    try:
        yield read_rows
    finally:
        opened.__exit__(None, None, None)


class BlockedData:
    """Training data, recognised: see `cbackprop._data.DataSet`, whose place it takes.

    Parameters
    ----------
    net : Network
    data : pair of arrays (X, Y), or (name of a file, name of the column with y)
    name : str
        What errors call the data.
    blocks : tuple of int
        The options `block` and `window`.
    mini_batch_size : int
    threshold : float, optional

    Attributes
    ----------
    source : Examples
    starts : ndarray of int
        See `Examples`.
    window, m : int
        How many blocks are shuffled together; the length of a mini-batch.
    n_in_window : int
        No window has more rows than these.
    sample : tuple of ndarray
        X and Y of some rows of some blocks, spread over the data.

    Raises
    ------
    TypeError, ValueError, OSError
        If they do not suit the network or the options. The message says what was expected.
    """

    is_arrays = True
    is_users_list = only_pairs = False

    def __init__(
        self,
        net: Any,
        data: Any,
        name: str,
        blocks: tuple[int, int],
        mini_batch_size: int,
        threshold: float | None,
    ) -> None:
        self.given, self.name = data, name
        sizes = _parameters.layer_sizes(net)
        self.n_out = sizes[-1]
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise TypeError(
                f"{name} is {type(data).__name__}; block goes with a pair of arrays (X, Y), or the name of a "
                f"file and that of its column with y"
            )
        first, second = data
        self.source = examples_of(first, second, name)
        shapes = self.source.shapes
        X, Y = (
            np.broadcast_to(np.zeros((), dtype), shape)  # that take no memory
            for dtype, shape in zip((self.source.x_dtype, self.source.y_dtype), shapes)
        )
        if X.dtype.kind in "biuf" and (X.ndim != 2 or X.shape[1] != sizes[0]):
            raise near_miss(X, sizes[0], f"{name}: X")
        check_arrays(X, Y, self.n_out, name)
        self.n = n = self.source.n
        block, self.window = blocks
        if n == 0:
            raise ValueError(f"{name} has no rows")
        if block > n:
            raise ValueError(f"block is {block}; {name} has {n} rows")
        self.m = min(mini_batch_size, n)
        self.n_in_window = min(block * self.window, n)
        if self.m > self.n_in_window:
            raise ValueError(
                f"mini_batch_size is {mini_batch_size}; a window of {self.window} blocks has "
                f"{self.n_in_window} rows"
            )
        self.starts = self.source.starts(block)
        if threshold is None and self.n_out == 1:
            threshold = 0.5
        self.threshold, self.is_thresholded = threshold, threshold is not None
        self.needs_answers = False
        self.sample = self.read_sample()

    def is_labelled(self, labelled: bool) -> bool:
        """See `DataSet`. No y is a label if it is the answer of one output neuron."""
        return labelled and not self.is_thresholded and len(self.source.y_shape) == 0

    def read_sample(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The first rows of some blocks."""
        n_blocks = len(self.starts) - 1
        n_sampled = min(SAMPLED_BLOCKS, n_blocks)
        parts = []
        with self.opened() as read:
            for i in range(n_sampled):
                block = i * n_blocks // n_sampled
                start, end = int(self.starts[block]), int(self.starts[block + 1])
                n = min(SAMPLED_ROWS // n_sampled, end - start)
                X = np.empty((n, self.source.n_columns), self.source.x_dtype)
                Y = np.empty((n, *self.source.y_shape), self.source.y_dtype)
                read(start, start + n, X, Y)
                parts.append((X, Y))
        X, Y = (np.concatenate(arrays) for arrays in zip(*parts))
        return X, Y

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """See `Examples`. Each y is checked as it is read."""
        with self.source.opened() as read:

            def read_checked(start: int, stop: int, X: NDArray[Any], Y: NDArray[Any]) -> None:
                read(start, stop, X, Y)
                self.check_targets(start, Y)

            yield read_checked

    def check_targets(self, start: int, Y: NDArray[Any]) -> None:
        """Raise a ValueError if a label is no class; `start` is the number of the first row."""
        if Y.ndim == 1 and self.n_out > 1:
            n_out = self.n_out
            wrong = (Y < 0) | (n_out <= Y)
            expected = f"this network's output layer has {n_out} neurons, so labels must be 0 to {n_out - 1}"
        elif self.needs_answers and self.is_thresholded:
            wrong = ((Y != 0) & (Y != 1)).reshape(len(Y))
            expected = "the accuracy of one output neuron counts answers against labels 0 and 1"
        else:
            return
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"{self.name}: Y[{start + row}] ({self.source.y_where}) is {Y[row].item()}; {expected}"
            )


def examples_of(first: Any, second: Any, name: str) -> Any:
    """The source that these are: arrays X and Y, or the names of a file, or of several, and of a column."""
    names = first if isinstance(first, (list, tuple)) and len(first) > 0 else [first]
    if all(isinstance(each, (str, bytes, os.PathLike)) for each in names):
        from cbackprop._blocks.tables import Table  # noqa: PLC0415  (pyarrow is an extra)

        return Table([os.fsdecode(each) for each in names], second, name)
    return Arrays(first, second, name)

"""A second thread, which reads and packs the next window while the first trains on the one before."""

from __future__ import annotations

import itertools
import queue
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from numpy.typing import NDArray

    from cbackprop._blocks.data import BlockedData
    from cbackprop._blocks.plan import Plan

LOOK = 0.1  # seconds between two looks for Ctrl-C, where waiting for a thread cannot be interrupted


class Buffer:
    """Room for the examples of a window."""

    def __init__(self, data: BlockedData, n: int) -> None:
        self.X = np.empty((n, data.source.n_columns), data.source.x_dtype)
        self.Y = np.empty((n, *data.source.y_shape), data.source.y_dtype)
        self.rows = np.empty(n, np.int64)  # their numbers in the data


class Window(NamedTuple):
    """Examples to train on.

    Parameters
    ----------
    first, last : int
        The number in the epoch of its first mini-batch, and of its last + 1.
    X, Y : ndarray
    order : ndarray of int
        Of all of its examples; those that are left to the next window are the last.
    generator : Generator
        What else it draws from.
    packed : Examples or None
    """

    first: int
    last: int
    X: NDArray[Any]
    Y: NDArray[Any]
    order: NDArray[Any]
    generator: np.random.Generator
    packed: Any


class Reader:
    """The windows of one pass over the data, one after the other.

    Parameters
    ----------
    data : BlockedData
    plan : Plan
    buffers : two Buffers
        One is filled while the other is trained on.
    pack : callable or None
        pack(X, Y, rows) packs these examples, whose numbers in the data are `rows`.
    batch : int
        The mini-batch of the epoch with which the pass begins.
    """

    def __init__(
        self,
        data: BlockedData,
        plan: Plan,
        buffers: tuple[Buffer, Buffer],
        pack: Callable[[Any, Any, Any], Any] | None,
        batch: int = 0,
    ) -> None:
        self.data, self.plan, self.buffers, self.pack, self.batch = data, plan, buffers, pack, batch
        self.windows: Generator[Window, None, None] = self.read()
        self.ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.is_free = threading.Semaphore(1)  # the second buffer is, at first
        self.is_first, self.stopped = True, False
        self.thread: threading.Thread | None = threading.Thread(
            target=self.work, name="cbackprop-reader", daemon=True
        )

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped = True
        self.is_free.release()
        if self.thread is not None and self.thread.ident is not None:  # it was started
            while self.thread.is_alive():  # a second Ctrl-C ends the wait for a disk that hangs
                self.thread.join(LOOK)
        self.windows.close()

    def __iter__(self) -> Iterator[Window]:
        return self

    def __next__(self) -> Window:
        """The next window. The last one, whose buffer is filled again, is no longer in use."""
        if self.is_first and self.thread is not None:
            try:
                self.thread.start()
            except RuntimeError:  # the system refuses a thread: go on without
                self.thread = None
        if self.thread is None:
            return next(self.windows)
        if not self.is_first:
            self.is_free.release()
        self.is_first = False
        while True:
            try:
                window = self.ready.get(timeout=LOOK)
                break
            except queue.Empty:
                if not self.thread.is_alive() and self.ready.empty():  # a fork has no threads but one
                    raise RuntimeError("the thread that reads training_data is gone") from None
        if isinstance(window, BaseException):
            raise window
        if window is None:
            raise StopIteration
        return window

    def work(self) -> None:
        """What the thread does."""
        if self.stopped:  # Ctrl-C came while it was started: nobody will wait for its end
            return
        try:
            for window in self.windows:
                self.ready.put(window)
                self.is_free.acquire()
                if self.stopped:
                    return
            self.ready.put(None)
        except BaseException as error:  # to be raised in the thread that trains
            self.ready.put(error)

    def read(self) -> Generator[Window, None, None]:
        """Read and pack one window after the other."""
        data, plan = self.data, self.plan
        window, first = plan.begin(self.batch)
        left: tuple[Any, ...] = ()
        with data.opened() as read:
            for i in range(first, plan.n_windows):
                buffer = self.buffers[i % 2]
                n_carried, n = plan.n_carried(i), plan.n_carried(i) + plan.n_rows(i)
                # Of a window before the one that is wanted, only the end is.
                n_left = len(left[0]) if left else 0
                for part, given in zip((buffer.X, buffer.Y, buffer.rows), left):
                    part[n_carried - n_left : n_carried] = given
                done = n_carried
                ranges = plan.ranges(i)
                following = ranges[1:] + (plan.ranges(i + 1)[:1] if i + 1 < plan.n_windows else [])
                for (start, stop), ahead in itertools.zip_longest(ranges, following):
                    if self.stopped:
                        return
                    if ahead is not None:
                        data.source.expect(*ahead)
                    end = done + stop - start
                    read(start, stop, buffer.X[done:end], buffer.Y[done:end])
                    buffer.rows[done:end] = np.arange(start, stop)
                    done = end
                order, generator = plan.places(i)
                batches = plan.batches(i)
                n_trained = min((batches[1] - batches[0]) * plan.m, n)
                rest = order[n_trained:]
                left = buffer.X[rest], buffer.Y[rest], buffer.rows[rest]
                if i < window:
                    continue
                X, Y = buffer.X[:n], buffer.Y[:n]
                packed = None if self.pack is None else self.pack(X, Y, buffer.rows[:n])
                yield Window(*batches, X, Y, order, generator, packed)

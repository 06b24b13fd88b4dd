"""Which rows are read when in an epoch, and the order in which they are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Plan:
    """An epoch over blocks.

    The blocks are put in random order and dealt out to windows, as evenly as they can be. The examples of a
    window are shuffled together. One window follows another as the parts of one list do: what is left of a
    window after its last whole mini-batch begins the first mini-batch of the next.

    All of this follows from the seed, each window's part from the seed and the number of the window: an epoch
    that was begun in another process can go on in its middle.

    Parameters
    ----------
    starts : ndarray of int, (n_blocks + 1,)
        The first row of each block, and the number of all rows.
    window : int
        How many blocks a window has, at most.
    m : int
        The length of a mini-batch.
    seed : int or None
        None: everything in the order of the rows.

    Attributes
    ----------
    n_windows, n_batches : int
    """

    def __init__(self, starts: NDArray[np.int64], window: int, m: int, seed: int | None) -> None:
        n_blocks = len(starts) - 1
        self.starts, self.m, self.seed = starts, m, seed
        self.n_windows = -(-n_blocks // window)
        blocks = np.arange(n_blocks) if seed is None else self.generator().permutation(n_blocks)
        self.windows = np.array_split(blocks, self.n_windows)
        lengths = np.diff(starts)
        # How many rows there are up to the end of each window, that of no window first.
        self.rows = np.cumsum([0, *(int(lengths[blocks].sum()) for blocks in self.windows)], dtype=np.int64)
        self.n_batches = -(-int(self.rows[-1]) // m)

    def generator(self, *window: int) -> np.random.Generator:
        """What draws the order of the blocks, or what a window draws from."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=window))

    def ranges(self, window: int) -> list[tuple[int, int]]:
        """The rows of each of its blocks: first, and last + 1. Neighbours are one."""
        ranges: list[tuple[int, int]] = []
        for block in self.windows[window]:
            start, stop = int(self.starts[block]), int(self.starts[block + 1])
            if ranges and ranges[-1][1] == start:
                start = ranges.pop()[0]
            ranges.append((start, stop))
        return ranges

    def n_rows(self, window: int) -> int:
        """How many rows its blocks have."""
        return int(self.rows[window + 1] - self.rows[window])

    def n_carried(self, window: int) -> int:
        """How many examples the windows before leave to it."""
        return int(self.rows[window]) % self.m

    def batches(self, window: int) -> tuple[int, int]:
        """The number of its first mini-batch in the epoch, and of its last + 1."""
        first, last = int(self.rows[window]) // self.m, int(self.rows[window + 1]) // self.m
        return first, self.n_batches if window == self.n_windows - 1 else last

    def places(self, window: int) -> tuple[NDArray[Any], np.random.Generator]:
        """The order of its examples, those left to it first; and what draws all else for it."""
        n_carried, n = self.n_carried(window), self.n_rows(window)
        generator = self.generator(window)
        order = np.arange(n) if self.seed is None else generator.permutation(n)
        return np.concatenate([np.arange(n_carried), n_carried + order]), generator

    def begin(self, batch: int) -> tuple[int, int]:
        """The window of a mini-batch, and the first window that has to be read for it."""
        window = 0
        while self.batches(window)[1] <= batch and window < self.n_windows - 1:
            window += 1
        first, n = window, self.n_carried(window)
        while n > 0:
            first -= 1
            n -= self.n_rows(first)
        return window, first

"""Sums over all ranks of arrays as long as a gradient, one for each step.

Ranks of one machine share memory: each adds up its own slice of what all of them have written, which takes a
tenth of the time of MPI's Allreduce. Between machines, one rank of each calls MPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbackprop._ranks._exchange import Exchange

LINE = 64  # bytes of a cache line
BLOCK = 1 << 15  # elements that are added up at a time: they stay in a cache
RANKS_OF_A_NODE: int | None = None  # tests make several machines of one


class Sums:
    """Rows that the ranks fill, and their sum, in the rows' order.

    Parameters
    ----------
    exchange : Exchange
    size : int
        The length of a row.
    owners : sequence of int
        The rank that fills each row.
    dtype : dtype
    in_order : bool
        Whether all rows are added one after the other, so that the sum is the same to the last bit whoever
        fills them. Otherwise sums of machines are added up by MPI.

    Attributes
    ----------
    mine : dict of int to ndarray, (size,)
        The rows of this rank.
    total : ndarray, (size,)
        Their sum, after `add_up`. The next call of it overwrites it, once all ranks have come there.
    """

    def __init__(
        self,
        exchange: Exchange,
        size: int,
        owners: Sequence[int],
        dtype: np.dtype[Any],
        in_order: bool,
    ) -> None:
        self.exchange, self.in_order = exchange, in_order
        MPI, comm = exchange.MPI, exchange.comm
        node = comm.Split_type(MPI.COMM_TYPE_SHARED, exchange.rank)
        if RANKS_OF_A_NODE is not None:
            whole, node = node, node.Split(node.Get_rank() // RANKS_OF_A_NODE, exchange.rank)
            whole.Free()
        self.node = node
        self.is_first = node.Get_rank() == 0
        self.leaders = comm.Split(0 if self.is_first else MPI.UNDEFINED, exchange.rank)
        n_nodes, number = (
            (self.leaders.Get_size(), self.leaders.Get_rank()) if self.is_first else (0, 0)
        )
        self.n_nodes, number = node.bcast((n_nodes, number))
        self.node_of = comm.allgather(number)
        rows = [k for k, owner in enumerate(owners) if self.has_all or self.node_of[owner] == number]
        self.owners = owners

        # Each row, and the sum, have a line more: what a rank says with it.
        stride = (size * dtype.itemsize + LINE - 1) // LINE * LINE + LINE
        self.window = MPI.Win.Allocate_shared(
            (stride * (len(rows) + 1) + LINE) if self.is_first else 0, 1, comm=node
        )
        memory = np.frombuffer(self.window.Shared_query(0)[0], np.uint8)
        start = -memory.ctypes.data % LINE
        if len(set(node.allgather(start))) > 1:
            raise RuntimeError("shared memory begins within a cache line, at another place for each rank")
        whole_rows = [
            memory[start + k * stride : start + (k + 1) * stride].view(dtype) for k in range(len(rows) + 1)
        ]
        self.status = (stride - LINE) // dtype.itemsize
        self.whole_total = whole_rows.pop()
        if len(rows) == 1 and self.n_nodes == 1:
            self.whole_total = whole_rows[0]
        self.rows = dict(zip(rows, whole_rows))
        self.whole = {k: self.rows[k] for k in rows if owners[k] == exchange.rank}
        self.mine = {k: row[:size] for k, row in self.whole.items()}
        self.total = self.whole_total[:size]
        for row in self.whole.values():
            row[:] = 0
        self.said = next(iter(self.whole.values()))[self.status :] if self.whole else None
        length, n_here = len(self.whole_total), node.Get_size()
        per_rank = (length + n_here - 1) // n_here
        lines = LINE // dtype.itemsize
        per_rank = (per_rank + lines - 1) // lines * lines
        first = min(node.Get_rank() * per_rank, length)
        last = min(first + per_rank, length)
        self.blocks = [
            (self.whole_total[i : min(i + BLOCK, last)], [row[i : min(i + BLOCK, last)] for row in whole_rows])
            for i in range(first, last, BLOCK)
            if self.whole_total is not whole_rows[0]
        ]
        self.window.Lock_all(MPI.MODE_NOCHECK)

    @property
    def has_all(self) -> bool:
        """Whether every machine has every row."""
        return self.in_order and self.n_nodes > 1

    def say(self, word: float) -> None:
        """Add a word to the next sum that all ranks hear of: `add_up` returns the sum of their words."""
        assert self.said is not None
        self.said[0] = word

    def add_up(self) -> float:
        """Wait until every rank has filled its rows, and add them up. Returns the sum of what the ranks say."""
        self.meet()
        if self.has_all:
            if self.is_first:
                for k, owner in enumerate(self.owners):
                    self.wait(self.leaders.Ibcast(self.rows[k], self.node_of[owner]))
            self.meet()
        for total, rows in self.blocks:
            if len(rows) == 1:
                total[:] = rows[0]
                continue
            np.add(rows[0], rows[1], out=total)
            for row in rows[2:]:
                np.add(total, row, out=total)
        self.meet()
        if self.n_nodes > 1 and not self.in_order:
            if self.is_first:
                self.wait(self.leaders.Iallreduce(self.exchange.MPI.IN_PLACE, self.whole_total))
            self.meet()
        return float(self.whole_total[self.status])

    def meet(self) -> None:
        """Wait for the ranks of this machine; what each has written before, all see afterwards."""
        if self.node.Get_size() > 1:
            self.window.Sync()
            self.wait(self.node.Ibarrier())
            self.window.Sync()

    def wait(self, request: Any) -> None:
        """Wait for a request on the memory of this object."""
        self.exchange.wait(request, self)

    def close(self) -> None:
        """Free the memory: all ranks call this, or none."""
        self.window.Unlock_all()
        for views in (self.rows, self.whole, self.mine):
            views.clear()
        self.blocks = []
        self.window.Free()
        for comm in (self.leaders, self.node):
            if comm != self.exchange.MPI.COMM_NULL:
                comm.Free()

"""What the ranks of one machine share: rows of numbers, the sum of the rows, and the parameters.

Each rank adds up its own slice of what all have written there, in a tenth of the time that MPI's Allreduce
takes. Between machines, one rank of each calls MPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._ranks._exchange import Interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbackprop._ranks._exchange import Exchange

LINE = 64  # bytes of a cache line
BLOCK = 1 << 15  # elements that are added up at a time: they stay in a cache


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
        fills them. Otherwise the sums of machines are added up by MPI.
    state_size : int
        The length of `state`.

    Attributes
    ----------
    mine : dict of int to ndarray, (size,)
        The rows of this rank.
    summands : list of ndarray, (size,)
        After `gather`: what is to be added up, in this order, for the sum over all ranks.
    total : ndarray, (size,)
        After `add_up`: the sum.
    state : ndarray, (state_size,)
        More memory that the ranks of a machine share.
    number, n_here : int
        Which of the ranks of this machine this is, and how many they are.
    """

    def __init__(
        self,
        exchange: Exchange,
        size: int,
        owners: Sequence[int],
        dtype: np.dtype[Any],
        in_order: bool,
        state_size: int = 0,
    ) -> None:
        self.exchange, self.owners = exchange, owners
        self.window: Any = None
        with Interrupts() as interrupts:
            self.allocate(size, owners, dtype, in_order, state_size)
        interrupts.raise_now()

    def allocate(
        self, size: int, owners: Sequence[int], dtype: np.dtype[Any], in_order: bool, state_size: int
    ) -> None:
        """Have the ranks of this machine share memory, and lay it out."""
        exchange = self.exchange
        node = exchange.node
        self.node, self.leaders = node, exchange.leaders
        self.number, self.n_here = node.Get_rank(), node.Get_size()
        self.is_first = self.number == 0
        machine = exchange.machine
        self.machine_of = exchange.exchange(machine)
        self.is_alone = exchange.n_machines == 1
        self.sends_rows = in_order and not self.is_alone
        numbers = [
            k for k, owner in enumerate(owners) if self.sends_rows or self.machine_of[owner] == machine
        ]

        # One piece of memory: the rows, their sum, the state, and a line of words of each rank and of all.
        row_bytes, state_bytes = (-(-n * dtype.itemsize // LINE) * LINE for n in (size, state_size))
        words = (self.n_here + 1) * LINE
        n_bytes = (len(numbers) + 1) * row_bytes + state_bytes + words
        exchange.opened.append(self)
        self.share(n_bytes + LINE if self.is_first else 0)
        memory = np.frombuffer(self.window.Shared_query(0)[0], np.uint8)
        start = -memory.ctypes.data % LINE
        memory = memory[start : start + n_bytes]
        rows = [memory[i * row_bytes :][: size * dtype.itemsize].view(dtype) for i in range(len(numbers) + 1)]
        self.total = rows.pop()
        self.rows = dict(zip(numbers, rows))
        self.mine = {k: self.rows[k] for k in numbers if owners[k] == exchange.rank}
        self.state = memory[(len(numbers) + 1) * row_bytes :][: state_size * dtype.itemsize].view(dtype)
        self.words = memory[n_bytes - words :].view(np.float64).reshape(-1, LINE // 8)
        self.summands = rows if self.is_alone or self.sends_rows else [self.total]

        slice_of_rank = -(-size // (self.n_here * LINE)) * LINE
        first = min(self.number * slice_of_rank, size)
        last = min(first + slice_of_rank, size)
        self.blocks = [
            (self.total[i : min(i + BLOCK, last)], [row[i : min(i + BLOCK, last)] for row in rows])
            for i in range(first, last, BLOCK)
        ]
        for mine in self.mine.values():
            mine[:] = 0
        self.words[self.number] = self.words[-1] = 0
        places = exchange.exchange((machine, start))  # from here on others write: all is 0 before
        if len(set(places)) > exchange.n_machines:
            raise RuntimeError("the memory that ranks share does not begin at the same place of a cache line")

    def share(self, n_bytes: int) -> None:
        """Have the ranks of this machine share memory, so many bytes from this rank."""
        exchange = self.exchange
        exchange.exchange()  # an error before is told here; a call follows that all ranks have to make
        window = exchange.MPI.Win.Allocate_shared(n_bytes, 1, comm=self.node)
        window.Lock_all(exchange.MPI.MODE_NOCHECK)
        exchange.exchange()  # all have it, and will free it
        self.window = window

    def gather(self, word: float = 0.0) -> bool:
        """Wait until every rank has filled its rows. Returns whether a rank has said a word other than 0."""
        self.words[self.number, 0] = word
        self.meet()
        if self.is_alone:
            return bool(self.words[: self.n_here, 0].any())
        if not self.sends_rows:
            self.add_blocks()
            self.meet()
        if self.is_first:
            self.words[-1, 0] = self.words[: self.n_here, 0].sum()
            self.wait(self.leaders.Iallreduce(self.exchange.MPI.IN_PLACE, self.words[-1, :1]))
            if self.sends_rows:
                for k, owner in enumerate(self.owners):
                    self.wait(self.leaders.Ibcast(self.rows[k], self.machine_of[owner]))
            else:
                self.wait(self.leaders.Iallreduce(self.exchange.MPI.IN_PLACE, self.total))
        self.meet()
        return bool(self.words[-1, 0])

    def add_up(self, word: float = 0.0) -> bool:
        """`gather`, and add up: `total` is then the sum, until the next call."""
        said = self.gather(word)
        if self.is_alone or self.sends_rows:
            self.add_blocks()
            self.meet()
        return said

    def add_blocks(self) -> None:
        """Add up this rank's slice of the rows."""
        with np.errstate(all="ignore"):
            for total, rows in self.blocks:
                total[:] = rows[0]
                for row in rows[1:]:
                    np.add(total, row, out=total)

    def largest(self, number: float) -> float:
        """Wait for the ranks of this machine; return the largest of what they give here, NaN if one is."""
        if self.n_here == 1:
            return number
        self.words[self.number, 1] = number
        self.meet()
        return float(self.words[: self.n_here, 1].max())

    def meet(self) -> None:
        """Wait for the ranks of this machine; what each has written before, all see afterwards."""
        if self.n_here > 1:
            self.window.Sync()
            self.wait(self.node.Ibarrier())
            self.window.Sync()

    def wait(self, request: Any) -> None:
        """Wait for a request on the memory of this object."""
        self.exchange.wait(request, self)

    def close(self) -> None:
        """Free the memory: all ranks call this, or none."""
        if self.window is not None:
            self.window.Unlock_all()
            self.window.Free()

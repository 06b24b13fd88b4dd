"""The steps of an epoch: each rank's part of the gradient, their sum, and the same step everywhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _warnings
from cbackprop._data_parallel import DataParallel
from cbackprop._memory import remember
from cbackprop._parameters import is_finite
from cbackprop._ranks._exchange import Interrupts
from cbackprop._ranks._shares import owner_of, places_in
from cbackprop._ranks._sums import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cbackprop._progress import Progress
    from cbackprop._ranks._exchange import Exchange
    from cbackprop._ranks._shares import Shared


class RankTrainer:
    """What `Trainer` is for one process, for the examples that this rank has of all.

    Parameters
    ----------
    exchange : Exchange
    net : Network
    shared : Shared
        The training data.
    n_strata : int or None
        The option `deterministic`.
    mini_batch_size, n_threads : int
        Of the joint mini-batch; of each rank.
    step, dropout, resumed
        As for `Trainer`.
    """

    def __init__(
        self,
        exchange: Exchange,
        net: Any,
        shared: Shared,
        n_strata: int | None,
        mini_batch_size: int,
        n_threads: int,
        step: Any,
        dropout: Any,
        resumed: Progress | None,
    ) -> None:
        self.exchange, self.net, self.shared, self.step, self.dropout = exchange, net, shared, step, dropout
        self.data = shared
        self.parts: Any = None
        self.pairs = self.items = None
        self.mini_batch_size = mini_batch_size
        # Where each mini-batch ends, in the joint order and in this rank's strata.
        n_batches = -(-shared.n // mini_batch_size)
        m = min(mini_batch_size, shared.n)
        ends = np.minimum(np.arange(n_batches + 1, dtype=np.int64) * m, shared.n)
        self.lengths = np.diff(ends)
        self.ends = {v: places_in(shared.sizes, v, ends) for v in shared.mine}
        self.starts: dict[int, int] = {}
        start = 0
        for v, data in shared.mine.items():
            self.starts[v] = start
            start += data.n
        longest = max((int(np.diff(end).max()) for end in self.ends.values()), default=1)
        longest = max(1, *exchange.exchange(longest))
        sparse = self.sparse_inputs(longest, n_threads) if resumed is None else resumed.sparse
        self.packed = DataParallel(
            net, shared.local.examples, longest, n_threads, step.options(0.0), shared.weights, sparse
        )
        self.check_layout()
        if self.packed.pixels and exchange.rank == 0:
            _warnings.of_pixels(shared.name)
        if self.packed.layout != net._cbackprop.layout:
            remember(net, layout=self.packed.layout)
        owners = list(range(exchange.size))
        if n_strata is not None:
            owners = [owner_of(v, n_strata, exchange.size) for v in range(n_strata)]
        self.sums = Sums(
            exchange,
            self.packed.size,
            owners,
            net._cbackprop.dtype,
            in_order=n_strata is not None,
            state_size=self.packed.state_size,
        )
        self.packed.place(self.sums.state, self.sums.summands)
        self.weights_of_batches: NDArray[Any] = self.lengths
        if shared.weights is not None:
            step.n = float(self.joint({v: part.sum() for v, part in self.parts_of(shared.weights).items()}))

    def sparse_inputs(self, longest: int, n_threads: int) -> bool:
        """Whether inputs are laid out as sparse: what the first examples of the joint data say."""
        first = next((v for v, n in enumerate(self.shared.sizes) if n), 0)
        mine = None
        if first in self.shared.mine:
            examples = self.shared.mine[first].examples
            few = tuple(part[:64] for part in examples) if type(examples) is tuple else examples[:64]
            mine = DataParallel(self.net, few, longest, n_threads, self.step.options(0.0)).sparse
        return next(bool(answer) for answer in self.exchange.exchange(mine) if answer is not None)

    def check_layout(self) -> None:
        """Raise, on all ranks, if their kernels lay out a gradient in different ways."""
        layouts = self.exchange.exchange((*self.packed.panels, self.packed.size))
        for rank, layout in enumerate(layouts):
            if layout[0] != layouts[0][0]:
                raise ValueError(
                    f"rank {rank} has the instruction set {layout[0]}, and rank 0 {layouts[0][0]}; set the "
                    f"environment variable CBACKPROP_ISA of all to one that all have"
                )
            if layout != layouts[0]:
                raise RuntimeError(f"rank {rank} lays out a gradient as {layout}, and rank 0 as {layouts[0]}")

    # ---- weights of examples ----

    def parts_of(self, numbers: NDArray[Any]) -> dict[int, NDArray[Any]]:
        """Numbers of the examples of this rank, by strata."""
        return {v: numbers[start : start + self.shared.sizes[v]] for v, start in self.starts.items()}

    def joint(self, mine: dict[int, Any]) -> Any:
        """The sum over the strata of all ranks, in their order."""
        everyone = {v: part for each in self.exchange.exchange(mine) for v, part in each.items()}
        return sum(everyone[v] for v in sorted(everyone))

    def weigh(self, order: NDArray[Any]) -> None:
        """Sum up what the examples of each mini-batch of an epoch count, in this order of them."""
        if self.shared.weights is None:
            return
        mine = {}
        for v, weights in self.parts_of(self.shared.weights[order]).items():
            ends = self.ends[v].tolist()
            mine[v] = np.array([weights[i:j].sum() for i, j in zip(ends, ends[1:])])
        self.weights_of_batches = self.joint(mine)

    # ---- an epoch ----

    def train_packed(self, options: Any, masks: Any) -> bool:
        """See `Trainer`."""
        epoch = partial(self.epoch, options, masks)
        return epoch(0, len(self.lengths)) if self.parts is None else self.parts.train(epoch)

    def epoch(self, options: Any, masks: Any, first: int, last: int) -> bool:
        """Train on the mini-batches from `first` to before `last`.

        Returns whether the parameters are finite.
        """
        net, packed, sums = self.net, self.packed, self.sums
        own = [(sums.mine[v], self.starts[v], self.ends[v].tolist()) for v in self.starts]
        lengths = self.weights_of_batches.tolist()
        packed.begin(net, options, masks)
        failed: BaseException | None = None
        stops, finite = False, True
        with Interrupts() as interrupts:  # after the check, the other ranks are told in the sums alone
            try:
                self.check_parameters()
                for b in range(first, last):
                    try:
                        for total, start, ends in own:
                            packed.write_gradient(total, start + ends[b], ends[b + 1] - ends[b])
                        interrupts.raise_now()
                    except BaseException as error:
                        failed = error
                    stops = sums.gather(0.0 if failed is None else 1.0)
                    if stops:
                        break
                    largest = packed.step(lengths[b], sums.number, sums.n_here)
                    packed.end_step(sums.largest(largest))
            finally:
                finite = packed.end(net)
        if failed is not None:
            raise failed
        if stops:
            self.exchange.exchange()  # raises what the other rank says
        interrupts.raise_now()
        return finite

    def check_parameters(self) -> None:
        """Raise, on all ranks, if a callback has changed the parameters of some."""
        net = self.net
        sums = self.exchange.exchange(sum_of_bits([*net.weights, *net.biases]))
        if len(set(sums)) == 1 or not any(self.exchange.exchange(is_finite(net.weights, net.biases))):
            return  # equal, or all have NaN, of which there are many
        rank = next(rank for rank, number in enumerate(sums) if number != sums[0])
        raise ValueError(
            f"the parameters of rank {rank} are not those of rank 0: a callback has changed them on one rank "
            f"and not on the other"
        )


def sum_of_bits(arrays: list[Any]) -> int:
    """A sum of the arrays' bits, at the speed of memory, which differs if one number does."""
    total = 0
    for array in arrays:
        words = (
            np.ascontiguousarray(array).ravel().view(np.uint32 if array.dtype == np.float32 else np.uint64)
        )
        total = total * 31 + int(words.sum(dtype=np.uint64))
    return total % 2**64

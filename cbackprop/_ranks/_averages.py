"""Local SGD: each rank takes some steps for itself, then the parameters of all are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._memory import remember
from cbackprop._ranks._exchange import Interrupts
from cbackprop._ranks._sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from cbackprop._ranks._exchange import Exchange
    from cbackprop._ranks._shares import Shared


class Averaging:
    """What divides an epoch into rounds of a few steps, and averages after each.

    Velocities and moments are averaged, too: after a round all ranks are equal. A rank counts by the number
    of examples that it trained on in the round. After an error the parameters are those of the last average.

    Parameters
    ----------
    exchange : Exchange
    net : Network
    data : Shared
        The training data.
    m : int
        Examples of a mini-batch of one rank.
    every : int
        Steps of a round.
    """

    def __init__(self, exchange: Exchange, net: Any, data: Shared, m: int, every: int) -> None:
        self.exchange, self.net, self.m, self.every = exchange, net, m, every
        self.sizes = data.sizes
        self.n_batches = [-(-n // m) for n in data.sizes]
        self.sums: Sums | None = None

    def train(self, epoch: Callable[[int, int], bool]) -> bool:
        """Train round by round.

        epoch(first, last) trains on this rank's mini-batches from `first` to before `last`.
        """
        rank, is_finite = self.exchange.rank, True
        own = self.n_batches[rank]
        failed: BaseException | None = None
        with Interrupts() as interrupts:
            before = self.state()
            self.exchange.exchange()  # an error before is told here; later ones with the sums
            for first in range(0, max(self.n_batches), self.every):
                mean = None
                try:
                    try:
                        interrupts.raises = True
                        interrupts.raise_now()
                        if first < own:
                            is_finite = epoch(first, min(first + self.every, own))
                    finally:
                        interrupts.raises = False
                except BaseException as error:
                    failed = error
                if self.sums is None:
                    try:
                        self.sums = self.sums_of_state()
                        self.exchange.exchange()  # all have them
                    except BaseException:  # all ranks raise it
                        self.restore(before)
                        raise
                try:
                    if failed is None:
                        self.give(first)
                        mean = self.mean()
                except BaseException as error:
                    failed = error
                if self.sums.add_up(0.0 if failed is None else 1.0):
                    self.restore(before)
                    break
                before = self.take(mean)
        if failed is not None:
            raise failed
        self.exchange.exchange()  # raises what another rank says
        interrupts.raise_now()
        return is_finite

    # ---- the state of a network: parameters, velocities, moments ----

    def state(self) -> tuple[Any, Any, Any, Any]:
        """The arrays of the network, which training replaces, and what its last step kept."""
        net, memory = self.net, self.net._cbackprop
        return list(net.weights), list(net.biases), memory.velocities, memory.moments

    def restore(self, state: tuple[Any, Any, Any, Any]) -> None:
        """Give the network a state."""
        self.net.weights, self.net.biases, velocities, moments = state
        remember(self.net, velocities=velocities, moments=moments)

    def sums_of_state(self) -> Sums:
        """Rows for a state of each rank. One without examples keeps what the others' steps keep."""
        size = sum(array.size for array in arrays_of(self.state()))
        _, _, velocities, moments = self.state()
        kept = velocities is not None, None if moments is None else len(moments) - 1
        told = self.exchange.exchange((size, kept))
        if not self.n_batches[self.exchange.rank]:
            self.keep(*next(kept for n, (_, kept) in zip(self.n_batches, told) if n))
        return Sums(
            self.exchange,
            max(size for size, _ in told) + 1,
            range(self.exchange.size),
            self.net._cbackprop.dtype,
            in_order=False,
        )

    def keep(self, has_velocities: bool, n_moments: int | None) -> None:
        """Keep velocities and moments of this kind, which are 0."""
        net = self.net

        def zeros() -> tuple[Any, Any]:
            return [np.zeros_like(w) for w in net.weights], [np.zeros_like(b) for b in net.biases]

        moments = None if n_moments is None else (0, *(zeros() for _ in range(n_moments)))
        remember(net, velocities=zeros() if has_velocities else None, moments=moments)

    def give(self, first: int) -> None:
        """Write the state of this rank, by its share of the round, for the average of all."""
        sums, rank = self.sums, self.exchange.rank
        assert sums is not None
        trained = [min((first + self.every) * self.m, n) - min(first * self.m, n) for n in self.sizes]
        share = trained[rank] / sum(trained)
        row, state = sums.mine[rank], self.state()
        row[:] = 0
        if share:
            start = 0
            for array in arrays_of(state):
                np.multiply(array.ravel(), share, out=row[start : start + array.size], casting="same_kind")
                start += array.size
            row[-1] = share * (0 if state[3] is None else state[3][0])

    def mean(self) -> tuple[Any, list[tuple[NDArray[Any], NDArray[Any]]]]:
        """Make room for the average.

        Returns a state of empty arrays, and each of them with its place in the sum, for `take`, which needs
        no memory: once there is an average, all ranks take it.
        """
        assert self.sums is not None
        weights, biases, velocities, moments = self.state()
        total, places, start = self.sums.total, [], 0

        def empty(arrays: list[Any]) -> list[Any]:
            nonlocal start
            result = []
            for array in arrays:
                room = np.empty(array.shape, total.dtype)
                places.append((room, total[start : start + array.size].reshape(array.shape)))
                start += array.size
                result.append(room)
            return result

        weights, biases = empty(weights), empty(biases)
        if velocities is not None:
            velocities = tuple(empty(side) for side in velocities)
        if moments is not None:
            moments = (0, *(tuple(empty(side) for side in each) for each in moments[1:]))
        return (weights, biases, velocities, moments), places

    def take(self, mean: Any) -> tuple[Any, Any, Any, Any]:
        """Give the network the average of all ranks, and return it."""
        assert self.sums is not None
        (weights, biases, velocities, moments), places = mean
        for room, place in places:
            room[...] = place
        if moments is not None:
            moments = round(float(self.sums.total[-1])), *moments[1:]
        self.restore((weights, biases, velocities, moments))
        return list(weights), list(biases), velocities, moments


def arrays_of(state: tuple[Any, Any, Any, Any]) -> Iterator[NDArray[Any]]:
    """All arrays of a state, in one order."""
    weights, biases, velocities, moments = state
    yield from weights
    yield from biases
    if velocities is not None:
        for side in velocities:
            yield from side
    if moments is not None:
        for each in moments[1:]:
            for side in each:
                yield from side

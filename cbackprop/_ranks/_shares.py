"""How examples are divided: among ranks, among strata, and over the mini-batches of an epoch.

A stratum is what one call of the kernels takes its part of a mini-batch from. Each rank's own examples are
one; with ``deterministic``, the joint data are cut into a fixed number of strata, whoever has them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._data import DataSet, Untouched
from cbackprop._fingerprint import add, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cbackprop._ranks._exchange import Exchange
    from cbackprop._scores import Scores

NO_DATA = "missing"
N_STRATA = 12  # as many whole ones for each of 1, 2, 3, 4, 6 and 12 ranks


def owner_of(v: int, n_strata: int, n_ranks: int) -> int:
    """The rank that has stratum v."""
    return v * n_ranks // n_strata


def bounds_of(n: int, n_strata: int) -> list[int]:
    """Where the strata of n examples begin, and the last one ends."""
    return [v * n // n_strata for v in range(n_strata + 1)]


def places_in(sizes: list[int], v: int, seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many examples of stratum v are among the first `seen` of an epoch, for each of these numbers.

    The strata are halved again and again; each half gets its share, rounded. So every mini-batch has its full
    length, every example comes once, and the parts of equal strata differ by little.
    """
    low, high = 0, len(sizes)
    while high - low > 1:
        middle = (low + high) // 2
        of_left = seen * sum(sizes[low:middle]) // max(sum(sizes[low:high]), 1)
        if v < middle:
            seen, high = of_left, middle
        else:
            seen, low = seen - of_left, middle
    return seen


class Shared:
    """Training or evaluation data of which each rank has a part.

    Parameters
    ----------
    exchange : Exchange
    data : DataSet or Untouched
        The part of this rank.
    n_strata : int or None
        Into how many strata the joint data are cut; None: each rank's part is one.
    weights : ndarray or None
        How much each example counts.

    Attributes
    ----------
    n : int
        The number of examples of all ranks.
    sizes : list of int
        That of each stratum.
    mine : dict of int to DataSet
        The strata of this rank.
    local : DataSet or Untouched
        All of these.
    """

    is_users_list = False

    def __init__(self, exchange: Exchange, data: Any, n_strata: int | None, weights: Any = None) -> None:
        self.exchange = exchange
        self.name, self.is_arrays, self.is_thresholded = data.name, data.is_arrays, data.is_thresholded
        self.given, self.local, self.weights = data.given, data, weights
        kinds = exchange.exchange((data.n, kind_of(data), weights is not None))
        self.check_kinds(kinds, n_strata is not None)
        if data.n == 0:  # then nobody minds what was passed, and it is as on the others
            self.weights = np.empty(0) if any(weighted for n, _, weighted in kinds if n) else None
        ns = [n for n, _, _ in kinds]
        self.n = sum(ns)
        missing = next((rank for rank, kind in enumerate(kinds) if kind[1] == NO_DATA), None)
        if n_strata is not None and missing is not None and self.n:
            raise ValueError(
                f"{self.name} is missing on rank {missing}; with deterministic each rank passes a shard, "
                f"which may be empty arrays"
            )
        if n_strata is None or not isinstance(data, DataSet):
            self.sizes, self.mine = ns, {exchange.rank: data}
            return
        bounds = bounds_of(self.n, n_strata)
        self.sizes = [end - start for start, end in zip(bounds, bounds[1:])]
        self.mine = self.cut(data, ns, bounds)

    def check_kinds(self, kinds: list[Any], exchanges: bool) -> None:
        """Raise a ValueError, on all ranks, if their data are of different kinds.

        A rank without examples may say anything, unless it gets others'.
        """
        held = {
            rank: kind[1:]
            for rank, kind in enumerate(kinds)
            if kind[0] > 0 or (exchanges and kind[1] != NO_DATA)
        }
        first = next(iter(held), None)
        for rank, (kind, weighted) in held.items():
            if first is not None and kind != held[first][0]:
                raise ValueError(
                    f"{self.name} is {kind} on rank {rank}, and {held[first][0]} on rank {first}; expected "
                    f"the same kind on all ranks"
                )
            if first is not None and weighted != held[first][1]:
                raise ValueError(f"sample_weight is given on rank {rank if weighted else first} alone")

    def cut(self, data: DataSet, ns: list[int], bounds: list[int]) -> dict[int, DataSet]:
        """The strata of this rank. Examples that another rank has are sent."""
        rank, n_ranks, n_strata = self.exchange.rank, self.exchange.size, len(bounds) - 1
        start = sum(ns[:rank])
        kept: dict[int, list[tuple[int, Any]]] = {}
        sent: list[list[tuple[int, int, Any]]] = [[] for _ in range(n_ranks)]  # by the rank that has it then
        for v in range(n_strata):
            first, last = max(bounds[v] - start, 0), min(bounds[v + 1] - start, data.n)
            if first < last:
                piece = self.piece(data, first, last)
                owner = owner_of(v, n_strata, n_ranks)
                if owner == rank:
                    kept.setdefault(v, []).append((start + first, piece))
                else:
                    sent[owner].append((v, start + first, piece))
        arrived = self.exchange.send(sent)
        for v, place, piece in (each for pieces in arrived for each in pieces):
            kept.setdefault(v, []).append((place, piece))
        mine: dict[int, DataSet] = {}
        weights = []
        for v in range(n_strata):
            if owner_of(v, n_strata, n_ranks) != rank:
                continue
            pieces = [piece for _, piece in sorted(kept.get(v, []), key=lambda each: each[0])]
            examples, weight = self.joined(data, pieces)
            mine[v] = DataSet(data.net, examples, data.name, data.only_pairs, data.threshold)
            weights.append(weight)
        if any(arrived) or any(sent):
            whole, _ = self.joined(data, [(each.examples, None) for each in mine.values()])
            self.local = DataSet(data.net, whole, data.name, data.only_pairs, data.threshold)
        if self.weights is not None:
            self.weights = np.concatenate(weights)
        return mine

    def piece(self, data: DataSet, first: int, last: int) -> Any:
        """Examples `first` to before `last` of this rank, and their weights."""
        part = slice(first, last)
        weights = None if self.weights is None else self.weights[part]
        return (
            tuple(each[part] for each in data.examples) if data.is_arrays else data.examples[part]
        ), weights

    def joined(self, data: DataSet, pieces: list[Any]) -> tuple[Any, Any]:
        """The pieces of a stratum as one."""
        if not pieces:
            return self.piece(data, 0, 0)
        if len(pieces) == 1:
            return pieces[0]
        weights = None if pieces[0][1] is None else np.concatenate([weight for _, weight in pieces])
        if not data.is_arrays:
            return [pair for examples, _ in pieces for pair in examples], weights
        return tuple(np.concatenate(parts) for parts in zip(*(examples for examples, _ in pieces))), weights

    def is_labelled(self, labelled: bool) -> bool:
        """See `DataSet`."""
        return bool(self.local.is_labelled(labelled))

    def digest(self) -> str:
        """A digest of the joint examples, by strata: all ranks ask for it together."""
        mine = {}
        start = 0
        for v, data in self.mine.items():
            state = hashlib.blake2b(digest_of(data).encode(), digest_size=16)
            if self.weights is not None:
                add(state, self.weights[start : start + data.n])
            start += data.n
            mine[v] = state.hexdigest()
        everyone = {v: text for each in self.exchange.exchange(mine) for v, text in each.items()}
        return hashlib.blake2b(
            "".join(everyone[v] for v in sorted(everyone)).encode(), digest_size=16
        ).hexdigest()


def kind_of(data: Any) -> str:
    """What errors call this kind of data."""
    if isinstance(data, Untouched):
        return "for a replaced method" if data.n else NO_DATA
    if not data.is_arrays:
        return "a list of pairs"
    return "arrays (X, Y) with labels" if data.examples[1].ndim == 1 else "arrays (X, Y) with rows of targets"


class JointScores:
    """How well the network answers the examples of all ranks: each scores its own.

    Parameters
    ----------
    exchange : Exchange
    data : Shared
    scores : dict of int to Scores
        Of each stratum of this rank. Those of costs have no regularisation in them.
    name : str
        "training" or "evaluation".
    penalty : callable, optional
        penalty(n) is what regularisation adds to the cost of n examples.
    """

    def __init__(
        self,
        exchange: Exchange,
        data: Shared,
        scores: dict[int, Scores],
        name: str = "",
        penalty: Callable[[int], float] | None = None,
    ) -> None:
        self.exchange, self.data, self.name, self.penalty = exchange, data, name, penalty
        self.scores = {v: each for v, each in scores.items() if each.data.n}
        self.known: dict[str, Any] = {}

    def warn_of_one_output(self) -> bool:
        """See `Scores`. Only the first rank warns."""
        if self.exchange.rank or not self.scores:
            return False
        return next(iter(self.scores.values())).warn_of_one_output()

    def forget(self) -> None:
        """Forget the latest score: the network changes."""
        self.known.clear()
        for score in self.scores.values():
            if hasattr(score, "forget"):
                score.forget()

    def correct(self) -> int:
        """The number of right answers on all ranks."""
        if "correct" not in self.known:
            mine = sum(score.correct() for score in self.scores.values())
            self.known["correct"] = sum(self.exchange.exchange(mine))
        return self.known["correct"]

    def cost(self) -> float:
        """The mean cost over the examples of all ranks, with regularisation."""
        assert self.penalty is not None
        if "cost" not in self.known:
            mine = {v: score.data.n * score.cost() for v, score in self.scores.items()}  # type: ignore[attr-defined]
            sums = {v: cost for each in self.exchange.exchange(mine) for v, cost in each.items()}
            mean = sum(sums[v] for v in sorted(sums)) / self.data.n
            self.known["cost"] = mean + self.penalty(self.data.n)
        return self.known["cost"]

    def measures(self) -> dict[str, tuple[Callable[[], Any], int]]:
        """What `Monitoring` calls for each number."""
        n = self.data.n
        return {f"{self.name}_cost": (self.cost, n), f"{self.name}_accuracy": (self.correct, n)}

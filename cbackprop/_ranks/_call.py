"""One call of SGD on all ranks: what it is made of in place of what one process has."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _processors
from cbackprop._call import Call
from cbackprop._checkpoint import Checkpoints, checkpoints_of
from cbackprop._epochs import NO_CHECKPOINTS, Callbacks
from cbackprop._evaluation import EvaluationSet
from cbackprop._fingerprint import DATA, fingerprint, is_same
from cbackprop._memory import remember
from cbackprop._order import Order
from cbackprop._parameters import layer_sizes
from cbackprop._random_state import generator_of, resumed_generator, seed_of
from cbackprop._ranks._averages import Averaging
from cbackprop._ranks._exchange import Exchange, checked_comm, checked_timeout
from cbackprop._ranks._shares import N_STRATA, JointScores, Shared, kind_of
from cbackprop._ranks._training import RankTrainer
from cbackprop._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cbackprop._epochs import NoCheckpoints
    from cbackprop._progress import Progress

PRODUCTS_OF_A_THREAD = 300000  # as in _training.pyx


class Ranks(Call):
    """The ranks of one call of SGD, and their options: see `Call`, whose place it takes.

    Parameters
    ----------
    net : Network
    comm, deterministic, average_every, timeout, block, window
        The options of SGD. An error in `comm` or `timeout` is this rank's alone: nobody can be told.

    Attributes
    ----------
    is_first : bool
        Whether this is rank 0, which prints and writes.
    """

    def __init__(
        self,
        net: Any,
        comm: Any,
        deterministic: Any,
        average_every: Any,
        timeout: Any,
        block: Any = None,
        window: Any = None,
    ) -> None:
        super().__init__(net)
        if comm is None:
            given = {"deterministic": deterministic, "average_every": average_every, "timeout": timeout}
            unset = None, False, np.False_
            name = next(name for name, value in given.items() if all(value is not other for other in unset))
            raise ValueError(f"{name} is {given[name]!r}, and comm is None: it is for several ranks")
        self.exchange = Exchange(checked_comm(comm), checked_timeout(timeout))
        self.rank, self.size = self.exchange.rank, self.exchange.size
        self.is_first = self.rank == 0
        self.given = deterministic, average_every
        self.blocks = block, window
        self.n_strata: int | None = None
        self.average_every: int | None = None
        self.generator: np.random.Generator | None = None
        self.all_scores: list[JointScores] = []
        self.strata: dict[int, Any] = {}  # of the training data

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        """End the call on all ranks: if it has failed on one, with its error."""
        try:
            if error is None:
                self.exchange.exchange()
            else:
                self.exchange.fail(error)
        except BaseException as last:
            if last is not error:
                self.exchange.fail(last)
            raise
        finally:
            self.exchange.close()

    # ---- before anything changes ----

    def callbacks(self, callbacks: Any) -> Callbacks:
        """Callbacks that stop on all ranks if one stops."""
        return JointCallbacks(self.exchange, super().callbacks(callbacks))

    def check_options(self) -> None:
        """Raise if an option is wrong."""
        block, window = self.blocks
        if not (block is None and window is None):
            raise ValueError(f"block is {block!r}, and there is a comm: blocks are for one process")
        deterministic, average_every = self.given
        if isinstance(deterministic, (bool, np.bool_)):
            self.n_strata = N_STRATA if deterministic else None
        else:
            self.n_strata = _arguments.whole(deterministic, "deterministic", 1)
        if self.n_strata is not None and self.n_strata < self.size:
            raise ValueError(
                f"deterministic cuts the data into {self.n_strata} strata, and comm has {self.size} ranks; "
                f"pass deterministic={self.size} or more, which gives other bits"
            )
        if average_every is not None:
            self.average_every = _arguments.whole(average_every, "average_every", 1)
            if self.n_strata is not None:
                raise ValueError("average_every cannot be combined with deterministic")

    def compare_options(self) -> None:
        """Raise, on all ranks, if these options differ: what ranks tell each other next depends on them."""
        names = "deterministic", "average_every"
        told = self.exchange.exchange(((self.n_strata, self.average_every), self.given))
        for rank, (values, given) in enumerate(told):
            for name, value, first, own, of_0 in zip(names, values, told[0][0], given, told[0][1]):
                if value != first:
                    raise ValueError(f"{name} is {own!r} on rank {rank}, and {of_0!r} on rank 0")

    def take_up(
        self, checkpoint: Any, every: Any, resume: Any, random_state: Any
    ) -> tuple[Checkpoints | NoCheckpoints, Progress | None, Any]:
        """Rank 0's checkpoints, progress and random state."""
        self.exchange.interrupts.raise_now()
        self.check_options()
        self.compare_options()
        told: Any = None
        checkpoints: Checkpoints | NoCheckpoints = NO_CHECKPOINTS
        resumed = None
        if self.is_first:
            checkpoints = checkpoints_of(checkpoint, every, resume)
            resumed = self.net._cbackprop.progress if resume else None
            if self.average_every is not None and checkpoints is not NO_CHECKPOINTS and every < 1:
                raise ValueError(f"every is {every!r}; with average_every a checkpoint follows whole epochs")
            generator = generator_of(random_state)
            if generator is None and resumed is None:
                generator = np.random.default_rng(random.getrandbits(63))
            if isinstance(checkpoints, Checkpoints):
                told = checkpoints.every, checkpoints.source, checkpoints.contents
            if resumed is not None and resumed.generator is None:
                raise ValueError("resume=True goes on with a call that had a comm; the last one had none")
            told = told, resumed and resumed._replace(order=None, first_places=None), generator, random_state
        told, others_progress, generator, random_state_of_0 = self.exchange.exchange(told)[0]
        if not self.is_first:
            resumed, random_state = others_progress, random_state_of_0
            if told is not None:
                checkpoints = Checkpoints(None, told[0], None)
                checkpoints.source, checkpoints.contents = told[1:]
        elif isinstance(random_state, np.random.Generator):
            generator = random_state
        self.generator = generator
        return checkpoints, resumed, random_state

    def share(self, data: Any, sample_weight: Any = None) -> Shared:
        """The joint data of which this is the shard of this rank."""
        weights = None
        if sample_weight is not None:
            if not data.is_arrays:
                raise TypeError(
                    f"sample_weight goes with a pair of arrays (X, Y); {data.name} is {kind_of(data)}"
                )
            weights = np.asarray(sample_weight)
            if weights.shape != (data.n,):
                raise ValueError(f"sample_weight has shape {weights.shape}; expected ({data.n},)")
            if weights.dtype.kind not in "biuf":
                raise TypeError(f"sample_weight has dtype {weights.dtype}; expected real numbers")
            weights = weights.astype(np.float64)
        return Shared(self.exchange, data, self.n_strata, weights)

    def open(
        self, checkpoints: Any, epochs: int, options: Callable[[], dict[str, Any]], resumed: Progress | None
    ) -> Any:
        """Raise, on all ranks, if their networks or options differ; return where to go on from."""
        given = options()
        call = fingerprint(self.net, {name: value for name, value in given.items() if name not in DATA})
        call["epochs"] = epochs
        calls = self.exchange.exchange(call)
        first = calls[0]
        for rank, other in enumerate(calls):
            if other.keys() != first.keys():
                raise ValueError(f"rank {rank} calls another network's SGD than rank 0")
            for name, value in other.items():
                if not is_same(value, first[name]):
                    raise ValueError(f"{name} is {value!r} on rank {rank}, and {first[name]!r} on rank 0")
        kind = f"{self.n_strata} strata" if self.n_strata else f"{self.size} ranks"
        if self.average_every:
            kind += f", averaged every {self.average_every} steps"
        # The digest of the joint data has their weights in it.
        joint = {"comm": kind} | given | {"sample_weight": None}
        return super().open(checkpoints, epochs, lambda: joint, resumed)

    def scores(
        self, kind: Any, step: Any, data: Shared, measured: Collection[str], packed: Any = None
    ) -> JointScores:
        """Scores of all ranks; `kind` is the class of those of one stratum."""
        name = data.name.removesuffix("_data")
        costs = f"{name}_cost" in measured
        scores = {}
        for v, part in data.mine.items():
            ready = packed
            if packed is not None and self.n_strata is not None:
                ready = EvaluationSet(self.net, part.examples, part.name, False, costs) if part.n else None
            scores[v] = kind(step, part, measured, ready)
            scores[v].is_part = True
        joint = JointScores(self.exchange, data, scores, name, scores[v].penalty)
        self.all_scores.append(joint)
        return joint

    # ---- from here on something changes ----

    def trainer(
        self,
        data: Shared,
        mini_batch_size: int,
        n_threads: int,
        step: Any,
        dropout: Any,
        sample_weight: Any,
        resumed: Progress | None,
    ) -> Any:
        """What trains on the shard of this rank: see `Trainer`."""
        net = self.net
        module = net._cbackprop.module
        reason = module.replaced(net, module.training_methods)
        if reason:
            raise TypeError(f"comm is for compiled training; this network trains with NumPy: {reason}")
        if data.n == 0:
            raise ValueError(f"{data.name} is empty on all ranks; with comm there has to be an example")
        part = -(-mini_batch_size // self.size)
        if self.average_every is not None and mini_batch_size % self.size:
            raise ValueError(
                f"mini_batch_size is {mini_batch_size}; with average_every it must be a multiple of the "
                f"number of ranks, {self.size}: each trains alone on its share"
            )
        self.strata = data.mine
        sizes = [w.shape for w in net.weights]
        n_threads = self.threads(n_threads, part * sum(rows * columns for rows, columns in sizes))
        if self.average_every is None:
            trainer: Any = RankTrainer(
                self.exchange, net, data, self.n_strata, mini_batch_size, n_threads, step, dropout, resumed
            )
            self.take_parameters()
            return trainer
        trainer = Trainer(net, data.local, part, n_threads, step, dropout, sample_weight, resumed)
        if data.weights is not None:
            step.n = sum(self.exchange.exchange(float(np.sum(data.weights))))
        trainer.parts = Averaging(self.exchange, net, data, part, self.average_every)
        self.take_parameters()
        return trainer

    def take_parameters(self) -> None:
        """Give the network the parameters, velocities and moments of rank 0.

        Up to here nothing has changed.
        """
        net, memory = self.net, self.net._cbackprop
        told = (net.weights, net.biases, memory.velocities, memory.moments) if self.is_first else None
        weights, biases, velocities, moments = self.exchange.exchange(told)[0]
        self.exchange.exchange()  # all have them, or none takes them
        if not self.is_first:
            net.weights, net.biases = weights, biases
            remember(net, velocities=velocities, moments=moments)

    def threads(self, n_threads: int, products: int) -> int:
        """How many threads each rank works with: all the same number, at most its share of processors."""
        affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        place = self.exchange.MPI.Get_processor_name(), affinity
        places = self.exchange.exchange(place)
        n_here, granted = places.count(place), _processors.granted()
        self.exchange.is_crowded = n_here > granted
        most = max(1, granted // n_here)
        wanted = n_threads or products // PRODUCTS_OF_A_THREAD
        return max(1, min(self.exchange.exchange(min(wanted, most))))

    def order(self, trainer: Any, random_state: Any, resumed: Progress | None) -> RankOrder:
        """The order of the examples: see `Order`."""
        return RankOrder(self, trainer, random_state, resumed)


class JointCallbacks(Callbacks):
    """The callbacks of this rank, and whether one of any rank stops."""

    def __init__(self, exchange: Exchange, callbacks: Callbacks | None) -> None:
        super().__init__(callbacks.functions if callbacks is not None else ())
        self.exchange = exchange

    def stop(self, net: Any, entry: dict[str, Any]) -> bool:
        """See `Callbacks`."""
        return any(self.exchange.exchange(super().stop(net, entry)))


class RankOrder(Order):
    """The order of each stratum's examples, drawn from one random state, the epoch and the stratum's number.

    Every rank has the same random state, and takes two numbers from it for each epoch.
    """

    def __init__(self, ranks: Ranks, trainer: Any, random_state: Any, resumed: Progress | None) -> None:
        self.trainer, self.ranks = trainer, ranks
        if resumed is None:
            self.seed, self.generator = seed_of(random_state), ranks.generator
        else:
            self.seed, self.generator = resumed_generator(random_state, resumed)
        self.train_epoch = self.train_epoch_as_drawn

    def train_epoch_as_drawn(self, eta: Any) -> bool:
        """See `Order`."""
        trainer, generator = self.trainer, self.generator
        assert generator is not None
        for score in self.ranks.all_scores:
            score.forget()
        keys = [int(key) for key in generator.integers(0, 2**63, 2)]
        orders, masks = [], []
        start = 0
        for v, data in self.ranks.strata.items():
            sequence = np.random.SeedSequence(keys, spawn_key=(v,))
            drawing = np.random.Generator(np.random.PCG64(sequence))
            orders.append(start + drawing.permutation(data.n))
            start += data.n
            if trainer.dropout is not None:
                trainer.dropout.generator = drawing
                masks.append(trainer.dropout.masks(layer_sizes(trainer.net), data.n))
        order = np.concatenate(orders)
        packed: Any = trainer.packed
        packed.set_order(order)
        if isinstance(trainer, RankTrainer):
            trainer.weigh(order)
        return bool(trainer.train_packed(trainer.step.options(eta), np.concatenate(masks) if masks else None))

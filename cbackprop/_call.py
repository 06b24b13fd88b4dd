"""What a call of SGD is made of: in one process that has all examples in memory, in blocks, or on ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._checkpoint import checkpoints_of
from cbackprop._data import DataSet
from cbackprop._epochs import checked_callbacks
from cbackprop._order import Order
from cbackprop._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cbackprop._checkpoint import Checkpoints
    from cbackprop._epochs import Callbacks, NoCheckpoints
    from cbackprop._progress import Progress


def call_of(
    net: Any, block: Any, window: Any, comm: Any, deterministic: Any, average_every: Any, timeout: Any
) -> Call:
    """The call that these options of SGD mean."""
    is_deterministic = not (deterministic is False or deterministic is np.False_)
    if comm is not None or is_deterministic or average_every is not None or timeout is not None:
        from cbackprop._ranks import Ranks  # noqa: PLC0415  (few need it)

        return Ranks(net, comm, deterministic, average_every, timeout, block, window)
    if not (block is None and window is None):
        from cbackprop._blocks import BlockedCall  # noqa: PLC0415  (few need it)

        return BlockedCall(net, block, window)
    return Call(net)


class Call:
    """A call of SGD in one process, with all examples in memory.

    `BlockedCall` and `Ranks` take its place, and say what differs. Everything is an error until `order`
    before anything has changed.

    Attributes
    ----------
    is_first : bool
        Whether this process prints.
    """

    is_first = True
    order: Any = Order

    def __init__(self, net: Any) -> None:
        self.net = net

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        pass

    def callbacks(self, callbacks: Any) -> Callbacks | None:
        """The option `callbacks`."""
        return checked_callbacks(callbacks)

    def take_up(
        self, checkpoint: Any, every: Any, resume: Any, random_state: Any
    ) -> tuple[Checkpoints | NoCheckpoints, Progress | None, Any]:
        """The checkpoints, where an earlier call ended, if this one resumes it, and the random state."""
        resumed = self.net._cbackprop.progress if resume else None
        return checkpoints_of(checkpoint, every, resume), resumed, random_state

    def training_data(
        self, data: Any, mini_batch_size: int, only_pairs: bool, threshold: float | None
    ) -> Any:
        """The training data, recognised."""
        return DataSet(self.net, data, "training_data", only_pairs, threshold)

    def share(self, data: Any, sample_weight: Any = None) -> Any:
        """The data of all processes, of which `data` are those of this one."""
        return data

    def open(
        self,
        checkpoints: Checkpoints | NoCheckpoints,
        epochs: int,
        options: Callable[[], dict[str, Any]],
        resumed: Progress | None,
    ) -> Progress | None:
        """Where to go on from: see `Checkpoints.open`."""
        return checkpoints.open(self.net, epochs, options, resumed)

    def scores(self, kind: Any, step: Any, data: Any, measured: Collection[str], packed: Any = None) -> Any:
        """What scores the data, of this `kind`: see `Scores`."""
        return kind(step, data, measured, packed)

    def trainer(
        self,
        data: Any,
        mini_batch_size: int,
        n_threads: int,
        step: Any,
        dropout: Any,
        sample_weight: Any,
        resumed: Progress | None,
    ) -> Any:
        """What trains on the data. With `sample_weight`, their sum is the step's n."""
        trainer = Trainer(self.net, data, mini_batch_size, n_threads, step, dropout, sample_weight, resumed)
        if trainer.weights is not None:
            step.n = float(trainer.weights.sum())
        return trainer

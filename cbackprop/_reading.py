"""How a call of SGD comes by its examples: all at once, or in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cbackprop._data import DataSet
from cbackprop._order import Order
from cbackprop._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Collection

    from cbackprop._training import Training


class Reading(NamedTuple):
    """The classes that do it.

    Parameters
    ----------
    data : callable
        data(net, training_data, name, only_pairs, threshold) recognises the training data.
    trainer, order : callable
        As `Trainer` and `Order`.
    scored : callable
        scored(trainer, measured) is what scores the training data, given what is measured.
    options : dict
        What `Checkpoints` has to compare of it.
    """

    data: Any
    trainer: Any
    order: Any
    scored: Any
    options: dict[str, int]


def packed(trainer: Trainer, measured: Collection[str]) -> Training | None:
    """The examples as they were packed to be trained on."""
    return trainer.packed


WHOLE = Reading(DataSet, Trainer, Order, packed, {})


def reading_of(block: Any, window: Any, mini_batch_size: int, comm: Any = None) -> Reading:
    """What these options of SGD mean.

    Raises
    ------
    TypeError, ValueError
        If they are no whole numbers from 1, there is a window without a block, or a block with a comm.
    """
    if block is None and window is None:
        return WHOLE
    if comm is not None:
        raise ValueError(f"block is {block!r}, and there is a comm: blocks are for one process")
    from cbackprop import _blocks  # noqa: PLC0415  (few need it)

    blocks = _blocks.checked_blocks(block, window)

    def data(net: Any, training_data: Any, name: str, only_pairs: bool, threshold: float | None) -> Any:
        return _blocks.BlockedData(net, training_data, name, blocks, mini_batch_size, threshold)

    options = dict(zip(("block", "window"), blocks))
    return Reading(data, _blocks.BlockTrainer, _blocks.BlockOrder, _blocks.scored, options)

"""How a call of SGD comes by its examples: all at once, or in blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

from cbackprop._data import DataSet
from cbackprop._order import Order
from cbackprop._trainer import Trainer


class Reading(NamedTuple):
    """The classes that do it.

    Parameters
    ----------
    data : callable
        data(net, training_data, name, only_pairs, threshold) recognises the training data.
    trainer, order : callable
        As `Trainer` and `Order`.
    options : dict
        What `Checkpoints` has to compare of it.
    """

    data: Any
    trainer: Any
    order: Any
    options: dict[str, int]


WHOLE = Reading(DataSet, Trainer, Order, {})


def reading_of(block: Any, window: Any, mini_batch_size: int) -> Reading:
    """What these options of SGD mean.

    Raises
    ------
    TypeError, ValueError
        If they are no whole numbers from 1, or there is a window without a block.
    """
    if block is None and window is None:
        return WHOLE
    from cbackprop import _blocks  # noqa: PLC0415  (few need it)

    blocks = _blocks.checked_blocks(block, window)

    def data(net: Any, training_data: Any, name: str, only_pairs: bool, threshold: float | None) -> Any:
        return _blocks.BlockedData(net, training_data, name, blocks, mini_batch_size, threshold)

    options = dict(zip(("block", "window"), blocks))
    return Reading(data, _blocks.BlockTrainer, _blocks.BlockOrder, options)

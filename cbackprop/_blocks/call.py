"""A call of SGD that reads its training data in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbackprop._blocks.data import BlockedData, checked_blocks
from cbackprop._blocks.training import BlockOrder, BlockTrainer
from cbackprop._call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class BlockedCall(Call):
    """See `Call`. `block` and `window` are the options of SGD."""

    order = BlockOrder

    def __init__(self, net: Any, block: Any, window: Any) -> None:
        super().__init__(net)
        self.block, self.window = block, window

    def take_up(self, checkpoint: Any, every: Any, resume: Any, random_state: Any) -> Any:
        """See `Call`."""
        taken_up = super().take_up(checkpoint, every, resume, random_state)
        self.block, self.window = checked_blocks(self.block, self.window)
        return taken_up

    def training_data(
        self, data: Any, mini_batch_size: int, only_pairs: bool, threshold: float | None
    ) -> BlockedData:
        """See `Call`."""
        blocks = self.block, self.window
        return BlockedData(self.net, data, "training_data", blocks, mini_batch_size, threshold)

    def open(self, checkpoints: Any, epochs: int, options: Callable[[], dict[str, Any]], resumed: Any) -> Any:
        """See `Call`."""
        blocks = {"block": self.block, "window": self.window}
        return super().open(checkpoints, epochs, lambda: blocks | options(), resumed)

    def scores(self, kind: Any, step: Any, data: Any, measured: Collection[str], packed: Any = None) -> Any:
        """See `Call`. The training data are a TypeError if a replaced method would need all at once."""
        if isinstance(data, BlockedData):
            module = self.net._cbackprop.module
            reason = module.replaced(self.net, (*module.training_methods, *module.evaluation_methods))
            for name in sorted(measured):
                if reason and name.startswith("training_"):
                    raise TypeError(f"monitor_{name} of data in blocks is for compiled training: {reason}")
        return super().scores(kind, step, data, measured, packed)

    def trainer(self, *arguments: Any) -> BlockTrainer:
        """See `Call`."""
        return BlockTrainer(self.net, *arguments)

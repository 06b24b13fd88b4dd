from collections.abc import Sequence
from typing import Any

from cbackprop.reference.network import ReferenceLayers

__all__ = ["learning_curves", "weight_images"]

COLOURS: dict[str, str]

def learning_curves(
    history: Sequence[dict[str, Any]], n_training: int | None = None, n_evaluation: int | None = None
) -> Any: ...
def weight_images(net: ReferenceLayers, shape: tuple[int, int] | None = None) -> Any: ...

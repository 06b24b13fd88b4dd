from os import PathLike
from typing import Any

from cbackprop.activations import LayerActivations
from cbackprop.network2 import Network

DTYPES: tuple[str, ...]
OURS: str
WORDS: set[str]
BOOKS: set[str]
OTHER_FORMATS: tuple[str, ...]
MOST_NEURONS: int

def restored(
    network_class: type[Network], saved: dict[str, Any], cost: Any, activations: LayerActivations | None
) -> Network: ...
def write(net: Any, filename: str | bytes | PathLike[str]) -> None: ...
def activations_of(saved: dict[str, Any], cost: Any) -> LayerActivations | None: ...
def read(filename: str | bytes | PathLike[str]) -> dict[str, Any]: ...

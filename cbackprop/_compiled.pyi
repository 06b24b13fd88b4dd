from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray

from cbackprop._data import DataSet
from cbackprop._memory import offered

class Compiled:
    backend: offered[str]
    def feedforward(self, a: ArrayLike) -> NDArray[Any]: ...
    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...
    def backprop_mini_batch(
        self, X: ArrayLike, Y: ArrayLike
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...

class Epochs:
    net: Any
    data: DataSet
    update: Callable[..., None]
    step_options: Callable[..., Any]
    packed: Any
    pairs: list[Any] | None
    def __init__(
        self,
        net: Any,
        data: DataSet,
        mini_batch_size: int,
        n_threads: int,
        update: Callable[..., None],
        step_options: Callable[..., Any],
    ) -> None: ...
    def train(self, eta: Any) -> bool: ...
    def unpack(self) -> None: ...

def places_after(
    shuffle: Callable[[list[Any]], None], items: list[Any], snapshot: list[Any]
) -> list[int]: ...
def checks_examples(net: Any, examples: Any, *methods: str) -> bool: ...
def old_memory(state: dict[str, Any]) -> dict[str, Any]: ...
def thresholded_answers(net: Any, data: DataSet) -> int: ...

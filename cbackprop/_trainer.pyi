from collections.abc import Callable
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbackprop._checkpoint import Checkpoints
from cbackprop._data import DataSet
from cbackprop._dropout import Dropout
from cbackprop._progress import Progress
from cbackprop._step_options import StepOptions
from cbackprop._training import Training

class _Step(Protocol):
    def options(self, eta: Any) -> StepOptions: ...
    def update(self, mini_batch: list[Any], eta: Any) -> None: ...

@final
class Trainer:
    net: Any
    data: DataSet
    step: _Step
    mini_batch_size: int
    dropout: Dropout | None
    packed: Training | None
    pairs: list[Any] | None
    unshuffled: list[Any]
    items: list[Any] | None
    weights: NDArray[Any] | None
    parts: Checkpoints | None
    def __init__(
        self,
        net: Any,
        data: DataSet,
        mini_batch_size: int,
        n_threads: int,
        step: _Step,
        dropout: Dropout | None = None,
        sample_weight: ArrayLike | None = None,
        resumed: Progress | None = None,
    ) -> None: ...
    def train_epoch(self, eta: Any) -> bool: ...
    def masks(self) -> NDArray[np.uint8] | None: ...
    def train_packed(self, options: StepOptions, masks: NDArray[np.uint8] | None) -> bool: ...
    def train_on_pairs(self, eta: Any) -> bool: ...
    def update(self, eta: Any) -> Callable[[list[Any]], None]: ...
    def check_pairs_will_do(self) -> None: ...
    def unpacked(self) -> list[Any]: ...

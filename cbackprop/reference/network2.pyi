from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cbackprop._memory import offered
from cbackprop._overrides import Module
from cbackprop.activations import Activation
from cbackprop.reference.network import ReferenceLayers
from cbackprop.reference.network import sigmoid as sigmoid
from cbackprop.reference.network import sigmoid_prime as sigmoid_prime

__all__ = ["ReferenceNetwork2", "sigmoid", "sigmoid_prime", "vectorized_result"]

MODULE: Module

def output_error(net: Any, z: Any, a: Any, y: Any) -> Any: ...
def penalty(net: Any, lmbda: float, n: int, regularization: str) -> float: ...
def fitting_velocities(net: Any) -> Any: ...
def vectorized_result(j: int) -> NDArray[np.float64]: ...

class ReferenceNetwork2(ReferenceLayers):
    cost: Any
    history: offered[list[dict[str, Any]]]
    @property
    def velocities(self) -> Any: ...
    @velocities.setter
    def velocities(self, velocities: Any) -> None: ...
    def __init__(
        self,
        sizes: Sequence[int],
        cost: Any = ...,
        *,
        dtype: DTypeLike = ...,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
    ) -> None: ...
    def default_weight_initializer(self) -> None: ...
    def large_weight_initializer(self) -> None: ...
    def update_mini_batch(
        self,
        mini_batch: Iterable[tuple[ArrayLike, ArrayLike]],
        eta: float,
        lmbda: float,
        n: int,
        *,
        regularization: str = "L2",
        mu: float = 0.0,
    ) -> None: ...
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Iterable[Any] | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        *,
        regularization: str = "L2",
        mu: float = 0.0,
        early_stopping_n: int = 0,
        restore_best: bool = False,
        eta_halving_n: int = 0,
    ) -> tuple[list[float], list[int], list[float], list[int]]: ...
    def accuracy(self, data: Iterable[Any], convert: bool = False) -> int: ...
    def total_cost(
        self, data: Iterable[Any], lmbda: float, convert: bool = False, *, regularization: str = "L2"
    ) -> float: ...

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cbackprop._memory import offered
from cbackprop._overrides import Module
from cbackprop.activations import Activation, LayerActivations

__all__ = ["ReferenceLayers", "ReferenceNetwork", "sigmoid", "sigmoid_prime"]

def sigmoid(z: Any) -> Any: ...
def sigmoid_prime(z: Any) -> Any: ...
def output_error(net: Any, z: Any, a: Any, y: Any) -> Any: ...
def set_up(net: Any, sizes: Sequence[int], dtype: Any, activations: LayerActivations | None) -> None: ...
def draw_parameters(net: Any, sizes: Sequence[int], spread: Any = ...) -> None: ...
def activations_and_errors(net: Any, x: Any, y: Any) -> tuple[list[Any], list[Any]]: ...
def sums_of_gradients(net: Any, mini_batch: Any) -> tuple[list[Any], list[Any]]: ...

MODULE: Module

class ReferenceLayers:
    num_layers: int
    sizes: Sequence[int]
    dtype: offered[np.dtype[Any]]
    biases: list[NDArray[Any]]
    weights: list[NDArray[Any]]
    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dtype: DTypeLike = ...,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
    ) -> None: ...
    def feedforward(self, a: ArrayLike) -> NDArray[Any]: ...
    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...
    def backprop_mini_batch(
        self, X: ArrayLike, Y: ArrayLike
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...

class ReferenceNetwork(ReferenceLayers):
    def cost_derivative(self, output_activations: Any, y: Any) -> Any: ...
    def update_mini_batch(self, mini_batch: Iterable[tuple[ArrayLike, ArrayLike]], eta: float) -> None: ...
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Any] | None = None,
    ) -> None: ...
    def evaluate(self, test_data: Iterable[Any]) -> int: ...

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbackprop.reference.network import ReferenceNetwork

__all__ = [
    "GradientCheck",
    "LayerChange",
    "Path",
    "Perturbation",
    "check_gradient",
    "numerical_gradient",
    "path_sum_gradient",
    "paths",
    "perturbation",
]

_Arrays: TypeAlias = list[NDArray[np.float64]]
_Cost: TypeAlias = Callable[[NDArray[np.float64], Any], Any]
_Scheme: TypeAlias = Literal["forward", "central"]

TOLERANCE: dict[str, float]
FLOAT32_TOLERANCE: float

class GradientCheck(NamedTuple):
    agrees: bool
    difference: float
    parameter: str
    l: int
    j: int
    k: int | None
    backprop: float
    numerical: float
    def __bool__(self) -> bool: ...

class LayerChange(NamedTuple):
    l: int
    predicted: NDArray[np.float64]
    real: NDArray[np.float64]

class Perturbation(NamedTuple):
    layers: list[LayerChange]
    predicted: float
    real: float

class Path(NamedTuple):
    neurons: tuple[int, ...]
    product: float

def numerical_gradient(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "forward",
    cost: _Cost | None = None,
) -> tuple[_Arrays, _Arrays]: ...
def check_gradient(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    scheme: _Scheme = "central",
    cost: _Cost | None = None,
    tolerance: float | None = None,
) -> GradientCheck: ...
def perturbation(
    net: ReferenceNetwork,
    x: ArrayLike,
    y: ArrayLike,
    weight: Sequence[int],
    dw: float,
    *,
    cost: _Cost | None = None,
) -> Perturbation: ...
def paths(net: ReferenceNetwork, x: ArrayLike, y: ArrayLike, weight: Sequence[int]) -> Iterator[Path]: ...
def path_sum_gradient(
    net: ReferenceNetwork, x: ArrayLike, y: ArrayLike, *, max_paths: int = ...
) -> _Arrays: ...
def rate_factors(one_pass: Any, first: int) -> tuple[dict[int, list[list[float]]], list[float]]: ...
def walk(
    rates: dict[int, list[list[float]]], last: list[float], l: int, j: int, start: Any
) -> Iterator[tuple[tuple[int, ...], Any]]: ...

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final, overload

import numpy as np

from cbackprop._epochs import History
from cbackprop._overrides import Module
from cbackprop._progress import Progress
from cbackprop.activations import LayerActivations

_T = TypeVar("_T")

__test__: dict[str, str]
FLOAT64: np.dtype[np.float64]

@final
class Memory:
    module: Module
    dtype: np.dtype[Any]
    activations: LayerActivations | None
    layout: str | None
    velocities: Any
    history: History | None
    progress: Progress | None
    generator: np.random.Generator | None
    moments: Any
    warned_of_pixels: bool
    def __init__(
        self,
        module: Module | None,
        dtype: Any = ...,
        activations: LayerActivations | None = None,
        layout: str | None = None,
        velocities: Any = None,
        history: History | None = None,
        progress: Progress | None = None,
        generator: np.random.Generator | None = None,
        moments: Any = None,
    ) -> None: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Memory: ...

def real_dtype(dtype: Any) -> np.dtype[Any]: ...
def remember(
    net: Any,
    dtype: Any = ...,
    activations: Any = ...,
    layout: Any = ...,
    velocities: Any = ...,
    history: Any = ...,
    progress: Any = ...,
    generator: Any = ...,
    moments: Any = ...,
    warned_of_pixels: Any = ...,
) -> None: ...

class offered(Generic[_T]):
    value_of: Callable[[Any], _T | None]
    def __init__(self, value_of: Callable[[Any], _T | None]) -> None: ...
    @overload
    def __get__(self, net: None, kind: Any = None) -> offered[_T]: ...
    @overload
    def __get__(self, net: Any, kind: Any = None) -> _T: ...

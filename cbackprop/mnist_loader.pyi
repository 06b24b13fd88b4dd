import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_data", "load_data_wrapper", "np", "vectorized_result"]

# float32, except where the file is a pickle whose images have another type.
_Images: TypeAlias = NDArray[Any]
_Part: TypeAlias = tuple[_Images, NDArray[np.int64]]
_Path: TypeAlias = str | os.PathLike[str]

def load_data(path: _Path | None = None) -> tuple[_Part, _Part, _Part]: ...
def load_data_wrapper(
    path: _Path | None = None,
) -> tuple[
    list[tuple[_Images, NDArray[np.float64]]],
    list[tuple[_Images, np.int64]],
    list[tuple[_Images, np.int64]],
]: ...
def vectorized_result(j: Any) -> NDArray[np.float64]: ...

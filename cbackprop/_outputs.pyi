from typing import Any

from numpy.typing import NDArray

def outputs(
    net: Any, X: Any, name: str = "X", n_threads: int = 0, warns_of_pixels: bool = False
) -> NDArray[Any]: ...

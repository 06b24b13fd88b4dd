from typing import Any

from numpy.typing import NDArray

from cbackprop._step_options import StepOptions

def backprop_mini_batch(
    net: Any, X: Any, Y: Any, options: StepOptions = ...
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]: ...
def checked_columns(net: Any, X: Any, Y: Any) -> tuple[NDArray[Any], NDArray[Any]]: ...

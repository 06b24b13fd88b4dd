from collections.abc import Callable, Iterator
from typing import Any

from typing_extensions import disjoint_base

from cbackprop._warnings import Health

__test__: dict[str, str]

def run_epochs(
    net: Any,
    numbers: Iterator[int],
    eta: Any,
    train_epoch: Callable[[Any], bool],
    after_epoch: Callable[[int, Any, Health], tuple[Any, bool]],
) -> None: ...
def say_nothing(text: str) -> None: ...

@disjoint_base
class TestReport:
    net: Any
    n: int
    correct: Callable[[], int]
    say: Callable[[str], None]
    epochs: int
    def __init__(self, net: Any, n: int, correct: Callable[[], int], verbose: bool = True) -> None: ...
    def run(self, epochs: int, eta: Any, train_epoch: Callable[[Any], bool], first: int = 0) -> None: ...
    def after_epoch(self, j: int, eta: Any, health: Health) -> tuple[Any, bool]: ...

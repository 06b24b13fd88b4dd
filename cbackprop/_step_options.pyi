from typing import Any, Self, final

@final
class StepOptions:
    def __new__(
        cls,
        eta: float,
        weight_decay: float = 0.0,
        is_l1: bool = False,
        mu: float = 0.0,
        builtin_delta: str | None = "QuadraticCost",
        cost: Any = None,
    ) -> Self: ...

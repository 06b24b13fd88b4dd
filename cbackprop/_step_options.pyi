from typing import Any, Self, final

from typing_extensions import disjoint_base

@final
class StepOptions:
    def __new__(
        cls,
        eta: float,
        builtin_delta: str | None = "QuadraticCost",
        cost: Any = None,
        lmbda_over_n: float | None = None,
        is_l1: bool = False,
        *,
        rule: str = "gradient descent",
        mu: float = 0.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        is_epsilon_hat: bool = False,
        dropout: tuple[float, ...] | None = None,
        decays_by_batch: bool = False,
    ) -> Self: ...

@disjoint_base
class PlainSteps:
    def options(self, eta: Any) -> StepOptions: ...

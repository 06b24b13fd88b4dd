"""The update rule of a step and its numbers, as the options of network2 name them, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

# What Adam's paper found good.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
NAMES = "gradient descent", "momentum", "nesterov", "adam", "amsgrad"


class Rule(NamedTuple):
    """An update rule. `rule` is its name."""

    rule: str = "gradient descent"
    mu: float = 0.0
    beta_1: float = BETA_1
    beta_2: float = BETA_2
    epsilon: float = EPSILON

    def given(self) -> dict[str, Any]:
        """The options that say this to a replaced `update_mini_batch`: those that are not the default."""
        implied = Rule("momentum" if self.mu else "gradient descent")
        return {name: value for name, value in self._asdict().items() if value != getattr(implied, name)}


PLAIN = Rule()


def checked(
    rule: str | None, mu: float, beta_1: float, beta_2: float, epsilon: float, dtype: DTypeLike
) -> Rule:
    """The rule that the options mean, for a network of this type."""
    if rule is None and beta_1 is BETA_1 and beta_2 is BETA_2 and epsilon is EPSILON and type(mu) is float:
        # The defaults, as they are: the checks below would be a tenth of a small network's step.
        if mu == 0:
            return PLAIN
        if 0 < mu <= 1:
            return Rule._make(("momentum", mu, BETA_1, BETA_2, EPSILON))  # in half of the class's own time
    if not isinstance(rule, str) and rule is not None:
        raise TypeError(f"rule is {rule!r}; expected a name or None")
    if rule is not None and rule not in NAMES:
        raise ValueError(f"rule is {rule!r}; expected one of {', '.join(map(repr, NAMES))}, or None")
    mu = _arguments.number(mu, "mu")
    if not 0 <= mu <= 1:
        raise ValueError(f"mu is {mu}; expected a momentum from 0 to 1")
    if rule is None:
        rule = "momentum" if mu else "gradient descent"
    if mu and rule not in ("momentum", "nesterov"):
        raise ValueError(f"mu is {mu}; expected 0, since {rule!r} has no momentum")
    betas = _arguments.number(beta_1, "beta_1"), _arguments.number(beta_2, "beta_2")
    for name, beta in zip(("beta_1", "beta_2"), betas):
        if not 0 <= beta < 1:
            raise ValueError(f"{name} is {beta}; expected a number from 0 to below 1")
    return Rule(rule, mu, *betas, _checked_epsilon(epsilon, dtype))


def _checked_epsilon(epsilon: float, dtype: DTypeLike) -> float:
    """ε as a float.

    A second moment below the smallest normal number counts as 0. Were ε smaller than the root of that number,
    such a weight would jump.
    """
    epsilon = _arguments.number(epsilon, "epsilon")
    least = float(np.sqrt(np.finfo(dtype).tiny))
    if not least <= epsilon < np.inf:
        raise ValueError(
            f"epsilon is {epsilon}; expected a finite number from {least:.2g} on, the root of the smallest "
            f"normal {np.dtype(dtype)}"
        )
    return epsilon

"""When network2 stops, halves η, and which parameters were the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cbackprop import _arguments
from cbackprop._progress import Standing, digest

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = "early_stopping_n", "restore_best", "eta_halving_n"
MEASURES = "evaluation_accuracy", "evaluation_cost"
STOPPED = "Early stopping: no improvement on evaluation data in {} epochs"
HALVED = "Learning rate {}: no improvement on evaluation data in {} epochs"
HALVINGS = 7  # of the learning rate: training ends at 1/128 of it


class Patience:
    """The rule "no improvement in n epochs". If n is 0, it never applies."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.waited = 0

    def is_over(self, improved: bool) -> bool:
        """Whether this epoch is the n-th in a row without improvement. Counting then starts again."""
        self.waited = 0 if improved else self.waited + 1
        if self.n == 0 or self.waited < self.n:
            return False
        self.waited = 0
        return True


class Rules:
    """The rules that go by a number measured on the evaluation data.

    Parameters
    ----------
    early_stopping_n, restore_best, eta_halving_n, stop_on, min_delta
        As in `cbackprop.network2.Network.SGD`.

    Attributes
    ----------
    options : dict of str to object
        These.
    names : list of str
        Those of the rules in force.
    measure : str
        The name of the number.
    """

    def __init__(
        self,
        early_stopping_n: int,
        restore_best: bool,
        eta_halving_n: int,
        stop_on: str = MEASURES[0],
        min_delta: float = 0.0,
    ) -> None:
        if not isinstance(stop_on, str) or stop_on not in MEASURES:
            raise ValueError(f"stop_on is {stop_on!r}; expected {' or '.join(map(repr, MEASURES))}")
        self.min_delta = _arguments.number(min_delta, "min_delta")
        if not 0 <= self.min_delta < math.inf:
            raise ValueError(f"min_delta is {min_delta!r}; expected a finite number from 0")
        self.measure, self.restore_best = stop_on, restore_best
        self.stopping, self.halving = Patience(early_stopping_n), Patience(eta_halving_n)
        self.options = {
            "early_stopping_n": early_stopping_n,
            "restore_best": bool(restore_best),
            "eta_halving_n": eta_halving_n,
            "stop_on": stop_on,
            "min_delta": min_delta,
        }
        self.names = [name for name in RULES if self.options[name]]
        self.best: Any = None
        self.best_parameters: Any = None
        self.halvings = 0

    def improves(self, value: Any) -> bool:
        """Whether `value` is better than the best so far, by more than `min_delta`. NaN never is."""
        best, is_cost = self.best, self.measure == "evaluation_cost"
        if best is None:
            return not is_cost or bool(value == value)  # noqa: PLR0124
        if self.min_delta:
            best = best - self.min_delta if is_cost else best + self.min_delta
        return bool(value < best if is_cost else value > best)

    def decide(self, net: Any, eta: float, value: Any, say: Callable[[str], None]) -> tuple[float, bool]:
        """The η of the next epoch, and whether training stops, now that `value` was measured."""
        improved = self.improves(value)
        if improved:
            self.best = value
            if self.restore_best:
                self.best_parameters = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
        stops = self.stopping.is_over(improved)
        if stops:
            say(STOPPED.format(self.stopping.n))
        if self.halving.is_over(improved):
            eta, self.halvings = eta / 2, self.halvings + 1
            stops = stops or self.halvings >= HALVINGS
            say(HALVED.format(eta, self.halving.n))
        return eta, stops

    # ---- from one call of SGD to the next ----

    def resume(self, net: Any, eta: Any, standing: Standing) -> Any:
        """Go on from where the rules stood; return what η has become.

        If `net` has the best parameters because they were restored, it gets those that training had reached.
        """
        self.halvings = standing.halvings
        if self.halvings:
            eta = eta / 2**self.halvings
        is_same = standing.reached is not None and digest(net.weights, net.biases) == standing.digest
        if standing.measure == self.measure:
            self.best = standing.best
            self.stopping.waited, self.halving.waited = standing.epochs_waited
        if is_same and self.restore_best:
            self.best_parameters = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
        elif self.restore_best:
            self.best = None  # whose parameters are not known any more
        if is_same:
            net.weights, net.biases = ([array.copy() for array in arrays] for arrays in standing.reached)
        return eta

    def restore(self, net: Any) -> Standing | None:
        """Give `net` its best parameters, if that is a rule; return where the rules stand."""
        standing = self.standing()
        if self.best_parameters and standing is not None:
            reached = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
            net.weights, net.biases = self.best_parameters
            standing = standing._replace(reached=reached, digest=digest(*self.best_parameters))
        return standing

    def standing(self) -> Standing | None:
        """Where the rules stand, or None if they have done nothing yet."""
        if not self.names and not self.halvings:
            return None
        waited = self.stopping.waited, self.halving.waited
        return Standing(self.measure, self.best, waited, self.halvings)

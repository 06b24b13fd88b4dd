"""The loop over epochs, with monitoring and stopping: for network, network2 and their NumPy reference."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from cbackprop._memory import remember
from cbackprop._warnings import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MONITORED = {
    "training_cost": "Cost on training data: {}",
    "training_accuracy": "Accuracy on training data: {} / {}",
    "evaluation_cost": "Cost on evaluation data: {}",
    "evaluation_accuracy": "Accuracy on evaluation data: {} / {}",
}
STOPPED = "Early stopping: no improvement on evaluation data in {} epochs"
HALVED = "Learning rate {}: no improvement on evaluation data in {} epochs"
HALVINGS = 7  # of the learning rate: training ends at 1/128 of it


def run_epochs(
    net: Any,
    epochs: int,
    eta: Any,
    train_epoch: Callable[[Any], bool],
    after_epoch: Callable[[int, Any, Health], tuple[Any, bool]],
) -> None:
    """Train `net` for at most `epochs` epochs.

    Parameters
    ----------
    net : Network
    epochs : int
    eta : float
        The learning rate η of the first epoch.
    train_epoch : callable
        train_epoch(eta) trains on every mini-batch once. It returns whether the parameters are finite.
    after_epoch : callable
        after_epoch(j, eta, health) reports on epoch j. It returns the next η and whether training stops.
    """
    health = Health(net)
    for j in range(epochs):
        finite = train_epoch(eta)
        if j == 0 or not finite:
            health.look(j, finite)
        eta, stops = after_epoch(j, eta, health)
        if stops:
            break


def mini_batches(pairs: list[Any], size: int) -> Iterator[list[Any]]:
    """The mini-batches of one epoch; the last may be shorter."""
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


class TestReport:
    """What network.py prints after an epoch.

    Parameters
    ----------
    net : Network
    n : int
        The number of test examples.
    correct : callable
        correct() is the number that the network answers right.
    """

    def __init__(self, net: Any, n: int, correct: Callable[[], int]) -> None:
        self.say, self.n, self.correct = net._cbackprop.module.print, n, correct

    def after_epoch(self, j: int, eta: Any, health: Health) -> tuple[Any, bool]:
        """Print the line of epoch j."""
        if self.n:
            self.say(f"Epoch {j}: {self.correct()} / {self.n}")
        else:
            self.say(f"Epoch {j} complete")
        return eta, False


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


class Monitoring:
    """What network2 measures, prints and decides after an epoch.

    Parameters
    ----------
    net : Network
        Its `history` gets an entry for each epoch: a dict of ``epoch``, ``eta``, the ``seconds`` of training,
        ``monitoring_seconds``, and what was measured.
    monitored : dict of str to bool
        By the names in `MONITORED`: whether it is printed and returned.
    early_stopping_n, restore_best, eta_halving_n
        The rules, as in `cbackprop.network2.Network.SGD`. They go by the accuracy on the evaluation data.

    Attributes
    ----------
    monitored, rules : list of str
        What is monitored, and the names of the rules in force.
    measured : set of str
        What is measured: what is monitored, and what the rules go by.
    """

    def __init__(
        self,
        net: Any,
        monitored: dict[str, bool],
        early_stopping_n: int,
        restore_best: bool,
        eta_halving_n: int,
    ) -> None:
        self.net, self.restore_best = net, restore_best
        self.stopping, self.halving = Patience(early_stopping_n), Patience(eta_halving_n)
        rules = {
            "early_stopping_n": early_stopping_n,
            "restore_best": restore_best,
            "eta_halving_n": eta_halving_n,
        }
        self.rules = [name for name, value in rules.items() if value]
        self.monitored = [name for name, value in monitored.items() if value]
        self.measured = {*self.monitored, *(["evaluation_accuracy"] if self.rules else [])}
        self.measures: dict[str, tuple[Callable[[], Any], int]] = {}
        self.say = net._cbackprop.module.print
        self.best: Any = None
        self.best_parameters: Any = None
        self.halvings = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []

    def run(
        self,
        epochs: int,
        eta: float,
        train_epoch: Callable[[Any], bool],
        measures: dict[str, tuple[Callable[[], Any], int]],
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train; return the book's four lists of what was monitored.

        Parameters
        ----------
        epochs, eta, train_epoch
            As in `run_epochs`.
        measures : dict of str to (callable, int)
            By the names in `MONITORED`: measure(), and how many examples it looks at.
        """
        net, self.measures = self.net, measures

        def timed_epoch(eta: Any) -> bool:
            begun = time.perf_counter()
            is_finite = train_epoch(eta)
            self.seconds = time.perf_counter() - begun
            return is_finite

        if net._cbackprop.history is not None:
            remember(net, history=None)
        try:
            run_epochs(net, epochs, eta, timed_epoch, self.after_epoch)
        finally:
            remember(net, history=self.history)  # only now: during training the name is the user's
        if self.best_parameters:
            net.weights, net.biases = self.best_parameters
        names = "evaluation_cost", "evaluation_accuracy", "training_cost", "training_accuracy"
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = (
            [entry[name] for entry in self.history] if name in self.monitored else [] for name in names
        )
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def after_epoch(self, j: int, eta: float, health: Health) -> tuple[float, bool]:
        """Measure, print and record epoch j, and decide how to go on."""
        begun = time.perf_counter()
        self.say(f"Epoch {j} training complete")
        entry: dict[str, Any] = {"epoch": j, "eta": eta, "seconds": self.seconds}
        for name, line in MONITORED.items():
            if name in self.monitored:
                measure, n = self.measures[name]
                entry[name] = measure()
                # The book computes the accuracy that it prints last a second time.
                shown = measure() if name == "evaluation_accuracy" else entry[name]
                self.say(line.format(shown, n))
                if name.endswith("_cost"):
                    health.look(j, is_finite_cost(entry[name]), f"the cost on {name.split('_')[0]} data")
        if self.rules and "evaluation_accuracy" not in entry:
            entry["evaluation_accuracy"] = self.measures["evaluation_accuracy"][0]()
        entry["monitoring_seconds"] = time.perf_counter() - begun
        self.history.append(entry)
        stops = False
        if self.rules:
            eta, stops = self.decide(eta, entry["evaluation_accuracy"])
        self.say("")
        return eta, stops

    def decide(self, eta: float, accuracy: int) -> tuple[float, bool]:
        """The η of the next epoch, and whether training stops."""
        improved = self.best is None or accuracy > self.best
        if improved:
            self.best = accuracy
            if self.restore_best:
                net = self.net
                self.best_parameters = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
        stops = self.stopping.is_over(improved)
        if stops:
            self.say(STOPPED.format(self.stopping.n))
        if self.halving.is_over(improved):
            eta, self.halvings = eta / 2, self.halvings + 1
            stops = stops or self.halvings == HALVINGS
            self.say(HALVED.format(eta, self.halving.n))
        return eta, stops


def is_finite_cost(cost: Any) -> bool:
    """Whether a cost is finite. Anything that is not a number counts as finite."""
    try:
        return math.isfinite(cost)
    except (TypeError, OverflowError):
        return True

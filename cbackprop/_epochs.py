"""The loop over epochs of `SGD`, of network, network2 and their reference: monitoring and stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from cbackprop._memory import remember
from cbackprop._warnings import Health

MONITORED = {
    "training_cost": "Cost on training data: {}",
    "training_accuracy": "Accuracy on training data: {} / {}",
    "evaluation_cost": "Cost on evaluation data: {}",
    "evaluation_accuracy": "Accuracy on evaluation data: {} / {}",
}
STOPPED = "Early stopping: no improvement on evaluation data in {} epochs"
HALVED = "Learning rate {}: no improvement on evaluation data in {} epochs"
HALVINGS = 7  # of the learning rate: at 1/128 training ends


def run_epochs(
    net: Any,
    epochs: int,
    eta: Any,
    train_epoch: Callable[[Any], bool],
    after_epoch: Callable[[int, Any, Health], tuple[Any, bool]],
) -> None:
    """Train `net` for at most so many epochs.

    Parameters
    ----------
    net : Network
    epochs : int
    eta : float
        The learning rate η of the first epoch.
    train_epoch : callable
        train_epoch(eta) trains on every mini-batch once, and returns whether the parameters are finite.
    after_epoch : callable
        after_epoch(j, eta, health) reports on epoch j; it returns the next η, and whether training stops.
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
        correct() is how many of them the network answers right now.
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
    """The rule "no improvement in n epochs"; n = 0 is never."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.waited = 0

    def is_over(self, improved: bool) -> bool:
        """Whether the epoch just ended was the n-th without improvement; counting begins anew then."""
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
        Its history gets an entry for each epoch: a dict of ``epoch``, ``eta``, the ``seconds`` that training
        took, ``monitoring_seconds``, and what was monitored.
    train_epoch : callable
        See `run_epochs`.
    measures, counts : dict
        By the names in `MONITORED`: a function of no argument, and how many examples it looks at.
    monitored : collection of str
        What is printed and returned.
    early_stopping_n, eta_halving_n : int
        Epochs without improvement of the evaluation accuracy after which training stops, and after which η
        is halved.
    restore_best : bool
        Whether the parameters of the best epoch are put back at the end.
    """

    def __init__(
        self,
        net: Any,
        train_epoch: Callable[[Any], bool],
        measures: dict[str, Callable[[], Any]],
        counts: dict[str, int],
        monitored: Any,
        early_stopping_n: int,
        restore_best: bool,
        eta_halving_n: int,
    ) -> None:
        self.net, self.train_epoch = net, train_epoch
        self.measures, self.counts, self.monitored = measures, counts, monitored
        self.say = net._cbackprop.module.print
        self.stopping, self.halving = Patience(early_stopping_n), Patience(eta_halving_n)
        self.restore_best = restore_best
        self.follows_accuracy = bool(early_stopping_n or eta_halving_n or restore_best)
        self.best: Any = None
        self.best_parameters: Any = None
        self.halvings = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []

    def run(self, epochs: int, eta: float) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train; the book's four lists of what was monitored."""
        net = self.net
        if net._cbackprop.history is not None:
            remember(net, history=None)
        try:
            run_epochs(net, epochs, eta, self.timed_epoch, self.after_epoch)
        finally:
            remember(net, history=self.history)  # not before: until then the name is the user's
        if self.best_parameters:
            net.weights, net.biases = self.best_parameters
        names = "evaluation_cost", "evaluation_accuracy", "training_cost", "training_accuracy"
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = (
            [entry[name] for entry in self.history] if name in self.monitored else [] for name in names
        )
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def timed_epoch(self, eta: float) -> bool:
        """Train one epoch, and keep how long it took."""
        begun = time.perf_counter()
        is_finite = self.train_epoch(eta)
        self.seconds = time.perf_counter() - begun
        return is_finite

    def after_epoch(self, j: int, eta: float, health: Health) -> tuple[float, bool]:
        """Measure, print and record epoch j; decide how to go on."""
        begun = time.perf_counter()
        self.say(f"Epoch {j} training complete")
        entry: dict[str, Any] = {"epoch": j, "eta": eta, "seconds": self.seconds}
        for name, line in MONITORED.items():
            if name in self.monitored:
                entry[name] = self.measures[name]()
                # The book computes the accuracy that it prints last a second time.
                shown = self.measures[name]() if name == "evaluation_accuracy" else entry[name]
                self.say(line.format(shown, self.counts.get(name)))
                if name.endswith("_cost"):
                    health.look(j, is_finite(entry[name]), f"the cost on {name.split('_')[0]} data")
        if self.follows_accuracy and "evaluation_accuracy" not in entry:
            entry["evaluation_accuracy"] = self.measures["evaluation_accuracy"]()
        entry["monitoring_seconds"] = time.perf_counter() - begun
        self.history.append(entry)
        stops = False
        if self.follows_accuracy:
            eta, stops = self.decide(eta, entry["evaluation_accuracy"])
        self.say("")
        return eta, stops

    def decide(self, eta: float, accuracy: int) -> tuple[float, bool]:
        """The next epoch's η, and whether training stops."""
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


def is_finite(cost: Any) -> bool:
    """Whether a cost is finite. What a user's cost returns beside numbers counts as finite."""
    try:
        return math.isfinite(cost)
    except (TypeError, OverflowError):
        return True

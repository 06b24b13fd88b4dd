"""The loop over epochs of network2: what is monitored and printed, and when training stops."""

import math
import time

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


class Patience:
    """The rule "no improvement in n epochs"; n = 0 is never."""

    def __init__(self, n):
        self.n = n
        self.waited = 0

    def is_over(self, improved):
        """Whether the epoch just ended was the n-th without improvement; counting begins anew then."""
        self.waited = 0 if improved else self.waited + 1
        if self.n == 0 or self.waited < self.n:
            return False
        self.waited = 0
        return True


def learn(
    net, epochs, eta, train_epoch, measures, counts, monitored, early_stopping_n, restore_best, halving_n
):
    """Train `net` for at most so many epochs.

    Parameters
    ----------
    net : object
        Its history gets an entry for each epoch: a dict of ``epoch``, ``eta``, the ``seconds`` that
        training took and ``monitoring_seconds``, and what was monitored.
    epochs : int
    eta : float
    train_epoch : callable
        train_epoch(eta) trains on every mini-batch once, and returns whether the parameters are finite.
    measures, counts : dict
        By the names in `MONITORED`: a function of no argument, and how many examples it looks at.
    monitored : set of str
        What is printed and returned.
    early_stopping_n, halving_n : int
        Epochs without improvement of the evaluation accuracy after which training stops, and after which η
        is halved.
    restore_best : bool
        Whether the parameters of the best epoch are put back at the end.

    Returns
    -------
    evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : lists
    """
    lists = {name: [] for name in MONITORED}
    stopping, halving = Patience(early_stopping_n), Patience(halving_n)
    halvings, best, best_parameters = 0, None, None
    watched = early_stopping_n or halving_n or restore_best
    history = []
    if net._cbackprop.history is not None:
        remember(net, history=None)
    say = net._cbackprop.module.print
    health = Health(net)
    try:
        for j in range(epochs):
            begun = time.perf_counter()
            is_finite = train_epoch(eta)
            trained = time.perf_counter()
            health.look(j, is_finite)
            say(f"Epoch {j} training complete")
            entry = {"epoch": j, "eta": eta, "seconds": trained - begun}
            for name, line in MONITORED.items():
                if name in monitored:
                    entry[name] = measures[name]()
                    lists[name].append(entry[name])
                    # The book asks once more for the accuracy that it prints last.
                    shown = measures[name]() if name == "evaluation_accuracy" else entry[name]
                    say(line.format(shown, counts.get(name)))
                    if name.endswith("_cost"):
                        health.look(j, is_number(entry[name]), f"the cost on {name.split('_')[0]} data")
            if watched and "evaluation_accuracy" not in entry:
                entry["evaluation_accuracy"] = measures["evaluation_accuracy"]()
            entry["monitoring_seconds"] = time.perf_counter() - trained
            history.append(entry)
            stops = False
            if watched:
                improved = best is None or entry["evaluation_accuracy"] > best
                if improved:
                    best = entry["evaluation_accuracy"]
                    if restore_best:
                        best_parameters = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
                stops = stopping.is_over(improved)
                if stops:
                    say(STOPPED.format(early_stopping_n))
                if halving.is_over(improved):
                    eta, halvings = eta / 2, halvings + 1
                    stops = stops or halvings == HALVINGS
                    say(HALVED.format(eta, halving_n))
            say("")
            if stops:
                break
    finally:
        remember(net, history=history)  # not before: until then the name is the user's
    if best_parameters:
        net.weights, net.biases = best_parameters
    return (
        lists["evaluation_cost"],
        lists["evaluation_accuracy"],
        lists["training_cost"],
        lists["training_accuracy"],
    )


def is_number(cost):
    """Whether a cost is finite; one of the user's that is no number is none of our business."""
    try:
        return math.isfinite(cost)
    except (TypeError, OverflowError):
        return True

"""What happens after an epoch: monitoring, callbacks, history; for network, network2 and their reference."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from cbackprop._loop import TestReport, run_epochs, say_nothing
from cbackprop._memory import remember

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cbackprop._checkpoint import Checkpoints
    from cbackprop._order import Order
    from cbackprop._progress import Progress, Standing
    from cbackprop._stopping import Rules
    from cbackprop._warnings import Health

MONITORED = {
    "training_cost": "Cost on training data: {}",
    "training_accuracy": "Accuracy on training data: {} / {}",
    "evaluation_cost": "Cost on evaluation data: {}",
    "evaluation_accuracy": "Accuracy on evaluation data: {} / {}",
}


def mini_batches(pairs: list[Any], size: int) -> Iterator[list[Any]]:
    """The mini-batches of one epoch; the last may be shorter."""
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


class Callbacks:
    """The user's functions, each called as f(net, entry) after every epoch."""

    def __init__(self, functions: tuple[Callable[[Any, dict[str, Any]], Any], ...]) -> None:
        self.functions = functions

    def stop(self, net: Any, entry: dict[str, Any]) -> bool:
        """Call each of them; return whether one of the results was true."""
        stops = False
        for function in self.functions:
            if function(net, entry):
                stops = True
        return stops


def checked_callbacks(callbacks: Any) -> Callbacks | None:
    """The option `callbacks` of `SGD`; None if there are none. A TypeError if it does not hold functions."""
    if callbacks is None:
        return None
    try:
        functions = tuple(callbacks)
    except TypeError:
        hint = ": callbacks=[f]" if callable(callbacks) else ""
        raise TypeError(f"callbacks is {callbacks!r}; expected a list of functions{hint}") from None
    for i, function in enumerate(functions):
        if not callable(function):
            raise TypeError(f"callbacks[{i}] is {function!r}; expected a function f(net, entry)")
    return Callbacks(functions) if functions else None


class NoCheckpoints:
    """What takes the place of `Checkpoints` in a call of SGD that has none."""

    done = 0

    def open(
        self, net: Any, epochs: int, options: Callable[[], dict[str, Any]], resumed: Progress | None
    ) -> Progress | None:
        """Where to go on from: where an earlier call ended, if this one begins there."""
        return resumed

    def start(
        self, order: Order, epochs: int, eta: Any, monitoring: Monitoring | None = None
    ) -> tuple[int, Any]:
        """How many epochs remain, and η for the next one."""
        return epochs, eta

    def begin(self, eta: Any) -> None:
        """Nothing is written before training,"""

    def after_epoch(self, eta: Any, stops: bool) -> None:
        """nor after an epoch."""

    def close(self) -> None:
        """Nothing is held."""


NO_CHECKPOINTS = NoCheckpoints()


def timed(train_epoch: Callable[[Any], bool], report: CallbackReport | Monitoring) -> Callable[[Any], bool]:
    """`train_epoch`, of which ``report.seconds`` says how long it took."""
    clock = time.perf_counter

    def timed_epoch(eta: Any) -> bool:
        begun = clock()
        is_finite = train_epoch(eta)
        report.seconds = clock() - begun
        return is_finite

    return timed_epoch


class CallbackReport(TestReport):
    """A `TestReport` that calls callbacks too, and has checkpoints written."""

    def __init__(
        self,
        net: Any,
        n: int,
        correct: Callable[[], int],
        verbose: bool,
        callbacks: Callbacks,
        checkpoints: Checkpoints | NoCheckpoints,
    ) -> None:
        super().__init__(net, n, correct, verbose)
        self.callbacks, self.checkpoints = callbacks, checkpoints
        self.seconds = 0.0

    def run(self, epochs: int, eta: Any, train_epoch: Callable[[Any], bool], first: int = 0) -> None:
        """See `TestReport`."""
        super().run(epochs, eta, timed(train_epoch, self), first)

    def after_epoch(self, j: int, eta: Any, health: Health) -> tuple[Any, bool]:
        """Print the line of epoch j, and call the callbacks."""
        entry = {"epoch": j, "eta": eta, "seconds": self.seconds}
        if self.n:
            entry["evaluation_accuracy"] = correct = self.correct()
            self.say(f"Epoch {j}: {correct} / {self.n}")
        else:
            self.say(f"Epoch {j} complete")
        stops = self.callbacks.stop(self.net, entry)
        self.checkpoints.after_epoch(eta, stops)
        return eta, stops


def report_of(
    net: Any,
    n: int,
    correct: Callable[[], int],
    verbose: bool,
    callbacks: Callbacks | None,
    checkpoints: Checkpoints | NoCheckpoints = NO_CHECKPOINTS,
) -> TestReport:
    """The report that these options of `SGD` mean."""
    if callbacks is None and checkpoints is NO_CHECKPOINTS:
        return TestReport(net, n, correct, verbose)
    return CallbackReport(net, n, correct, verbose, callbacks or Callbacks(()), checkpoints)


class History(list[dict[str, Any]]):
    """A list with an entry, a dict, for each epoch."""

    def columns(self) -> dict[str, list[Any]]:
        """Return a dict with a list for each key: its values, epoch after epoch, None where there is none."""
        keys = dict.fromkeys(key for entry in self for key in entry)
        return {key: [entry.get(key) for entry in self] for key in keys}


class Monitoring:
    """What network2 measures, prints and decides after an epoch.

    Parameters
    ----------
    net : Network
        Its `history` gets an entry for each epoch: a dict of ``epoch``, ``eta``, the ``seconds`` of training,
        ``monitoring_seconds``, and what was measured.
    monitored : dict of str to bool
        By the names in `MONITORED`: whether it is printed and returned.
    rules : Rules
    verbose : bool
        Whether lines are printed.
    callbacks : Callbacks, optional
    checkpoints : Checkpoints or NoCheckpoints, optional

    Attributes
    ----------
    monitored : list of str
        What is monitored.
    measured : set of str
        What is measured: what is monitored, and what the rules go by.
    """

    def __init__(
        self,
        net: Any,
        monitored: dict[str, bool],
        rules: Rules,
        verbose: bool = True,
        callbacks: Callbacks | None = None,
        checkpoints: Checkpoints | NoCheckpoints = NO_CHECKPOINTS,
    ) -> None:
        self.net, self.rules, self.verbose, self.callbacks = net, rules, verbose, callbacks
        self.checkpoints = checkpoints
        self.is_ruled = bool(rules.names)
        # In the order in which they are printed.
        self.monitored = [name for name in MONITORED if monitored[name]]
        self.measured = {*self.monitored, *([rules.measure] if self.is_ruled else [])}
        self.measures: dict[str, tuple[Callable[[], Any], int]] = {}
        self.say = net._cbackprop.module.print if verbose else say_nothing
        self.seconds = 0.0
        self.history = History()

    def run(
        self,
        epochs: int,
        eta: float,
        train_epoch: Callable[[Any], bool],
        measures: dict[str, tuple[Callable[[], Any], int]],
        progress: Callable[[int, Standing | None], Progress],
        resumed: Progress | None = None,
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train; return the book's four lists of what was monitored.

        Parameters
        ----------
        epochs, eta, train_epoch
            As in `run_epochs`.
        measures : dict of str to (callable, int)
            By the names in `MONITORED`: measure(), and how many examples it looks at.
        progress : callable
            progress(epochs, standing) is what a later call needs to know to go on.
        resumed : Progress, optional
            Where to go on from.
        """
        net, self.measures, first = self.net, measures, 0
        if resumed is not None:
            self.history += net._cbackprop.history or ()
            first = resumed.epochs
            if resumed.standing is not None:
                eta = self.rules.resume(net, eta, resumed.standing)
        n_done = self.checkpoints.done  # of this call, in another process
        n_before, standing = len(self.history) - n_done, None
        if net._cbackprop.history is not None:
            remember(net, history=None)
        try:
            self.checkpoints.begin(eta)
            numbers = iter(range(first, first + epochs))
            run_epochs(net, numbers, eta, timed(train_epoch, self), self.after_epoch)
            standing = self.rules.restore(net)
        finally:
            self.checkpoints.close()
            entries = self.history[n_before:]
            reached = progress(first - n_done + len(entries), standing or self.rules.standing())
            # Only now: during training the name is the user's.
            remember(net, history=self.history, progress=reached)
        names = "evaluation_cost", "evaluation_accuracy", "training_cost", "training_accuracy"
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = (
            [entry[name] for entry in entries] if name in self.monitored else [] for name in names
        )
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def after_epoch(self, j: int, eta: float, health: Health) -> tuple[float, bool]:
        """Measure, print and record epoch j, and decide how to go on."""
        begun = time.perf_counter()
        self.say(f"Epoch {j} training complete")
        entry: dict[str, Any] = {"epoch": j, "eta": eta, "seconds": self.seconds}
        for name in self.monitored:
            measure, n = self.measures[name]
            entry[name] = measure()
            # The book computes the accuracy that it prints last a second time.
            again = name == "evaluation_accuracy" and self.verbose
            self.say(MONITORED[name].format(measure() if again else entry[name], n))
            if name.endswith("_cost"):
                health.look(j, is_finite_cost(entry[name]), f"the cost on {name.split('_')[0]} data")
        measure_name = self.rules.measure if self.is_ruled else None
        if measure_name is not None and measure_name not in entry:
            entry[measure_name] = self.measures[measure_name][0]()
        entry["monitoring_seconds"] = time.perf_counter() - begun
        self.history.append(entry)
        stops = False
        if measure_name is not None:
            eta, stops = self.rules.decide(self.net, eta, entry[measure_name], self.say)
        self.say("")
        if self.callbacks is not None and self.callbacks.stop(self.net, entry):
            stops = True
        self.checkpoints.after_epoch(eta, stops)
        return eta, stops


def is_finite_cost(cost: Any) -> bool:
    """Whether a cost is finite. Anything that is not a number counts as finite."""
    try:
        return math.isfinite(cost)
    except (TypeError, OverflowError):
        return True

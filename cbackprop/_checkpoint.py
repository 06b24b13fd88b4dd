"""Checkpoints: files from which another process goes on with a call of SGD, to the same bits."""

from __future__ import annotations

import errno
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _random_states
from cbackprop._checkpoint_checks import RULE_GROUPS, checked_place, shapes
from cbackprop._epochs import NO_CHECKPOINTS, History
from cbackprop._fingerprint import compare, fingerprint, in_json
from cbackprop._memory import remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cbackprop._epochs import Monitoring, NoCheckpoints
    from cbackprop._files.checkpoints import Contents
    from cbackprop._order import Order
    from cbackprop._progress import Progress
    from cbackprop._stopping import Rules


def checkpoints_of(checkpoint: Any, every: Any, resume: Any) -> Checkpoints | NoCheckpoints:
    """What these options of SGD mean.

    Raises
    ------
    TypeError, ValueError, OSError
        If one of them is wrong, or there is no such folder, or no such file to go on from.
    """
    if checkpoint is None and type(resume) is bool and every == 1:
        return NO_CHECKPOINTS
    source = name_of_file(resume, "resume") if isinstance(resume, (str, bytes, os.PathLike)) else None
    filename = None if checkpoint is None else name_of_file(checkpoint, "checkpoint")
    if filename is None and source is None:
        if every != 1:
            raise ValueError(f"every is {every!r}, and checkpoint names no file")
        return NO_CHECKPOINTS
    return Checkpoints(filename, checked_every(every), source)


def name_of_file(name: Any, argument: str) -> str:
    """The option `argument`, a path."""
    try:
        text = os.fsdecode(name)
    except TypeError:
        raise TypeError(f"{argument} is {name!r}; expected the name of a file") from None
    if not text:
        raise ValueError(f"{argument} is empty; expected the name of a file")
    return text


def checked_every(every: Any) -> float:
    """The option `every`: a whole number of epochs from 1, or a part of one."""
    is_number = isinstance(every, (int, float, np.integer, np.floating)) and not isinstance(every, bool)
    if is_number and (0 < every < 1 or (every >= 1 and every == every // 1)):
        return every if every < 1 else int(every)
    kind = ValueError if is_number else TypeError
    raise kind(f"every is {every!r}; expected a whole number of epochs, or a part of one between 0 and 1")


def check_writable(filename: str) -> None:
    """Raise an OSError if a file of this name cannot be written for a reason that can be seen beforehand."""
    folder = os.path.dirname(os.path.realpath(filename))
    if os.path.isdir(filename):
        raise IsADirectoryError(errno.EISDIR, "checkpoint is a folder; expected the name of a file", filename)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "checkpoint: there is no such folder", folder)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "checkpoint: no permission to write into its folder", filename)


class Checkpoints:
    """The checkpoints of one call of SGD: the one that it goes on from, and those that it writes.

    Parameters
    ----------
    filename : str or None
        Where to write.
    every : int or float
        A checkpoint after so many epochs, or after such a part of each.
    source : str or None
        What to go on from. It may be missing if it is also where to write: then the call begins.

    Attributes
    ----------
    done : int
        How many epochs of this call are completed.
    """

    def __init__(self, filename: str | None, every: float, source: str | None) -> None:
        from cbackprop._files import checkpoints  # noqa: PLC0415  (slow to import, and few need it)

        self.files = checkpoints
        self.filename, self.every = filename, every
        if filename is not None:
            check_writable(filename)
        writes_there = None not in (source, filename) and checkpoints.same_file(str(source), str(filename))
        self.writes_first = not writes_there
        self.contents: Contents | None = None
        if source is not None and (os.path.exists(source) or not writes_there):
            self.contents = checkpoints.read(source)
        elif writes_there:
            self.writes_first = True
        self.source = source
        self.done = self.epochs = self.first = 0
        self.is_over = False
        # Of a place within an epoch: the mini-batches done, and what its beginning was like.
        self.part = self.n_batches = self.batch = 0
        self.eta: Any = None
        self.states: dict[str, Any] | None = None
        self.order_before: NDArray[Any] | None = None
        self.later: dict[str, Any] | None = None

    # ---- before training ----

    def open(
        self, net: Any, epochs: int, options: Callable[[], dict[str, Any]], resumed: Progress | None
    ) -> Progress | None:
        """Where to go on from. Nothing changes yet.

        Parameters
        ----------
        net : Network
        epochs : int
            Of the whole call.
        options : callable
            options() is what the numbers depend on: options of SGD by their names, and data as `DataSet`.
        resumed : Progress or None
            Where an earlier call ended, if this one begins there.

        Raises
        ------
        ValueError
            If the checkpoint is of another call, or damaged: the message names the file and what is wrong.
        TypeError
            If an option cannot be written.
        """
        self.net, self.epochs = net, epochs
        given = options()
        n = given["training_data"].n
        m = given["mini_batch_size"]
        self.n_batches = (n + m - 1) // m
        if self.every < 1 and self.n_batches > 1:
            self.part = max(1, int(self.every * self.n_batches))
        random_state = given["random_state"]
        # Whole epochs change no number; parts of one may be rounded otherwise.
        self.call = fingerprint(net, given | {"every": self.every if self.part else 1})
        if random_state is None:
            _random_states.python_generator(net._cbackprop.module.shuffle)
        elif isinstance(random_state, np.random.Generator):
            _random_states.state_of(random_state, "random_state")
        if self.contents is None:
            self.first = 0 if resumed is None else resumed.epochs
            return resumed
        assert self.source is not None
        compare(self.call, self.contents.words.get("call"), self.source)
        try:
            place = checked_place(self.contents, self.call, n, self.n_batches if self.part else 0)
        except MemoryError:
            raise
        except Exception as error:  # Python and NumPy have their own of a state that is none
            raise ValueError(f"{self.source}: not an intact checkpoint: {error}") from error
        words = self.contents.words
        begun = words["done"] + (words["batch"] > 0)
        if begun > epochs and not words["is_over"]:
            raise ValueError(f"epochs is {epochs}; {self.source} was written in or after epoch {begun}")
        self.states, self.later, self.first = place.states, place.later, words["epoch"] - words["done"]
        return place.progress

    # ---- from here on something changes ----

    def start(
        self, order: Order, epochs: int, eta: Any, monitoring: Monitoring | None = None
    ) -> tuple[int, Any]:
        """Bring the network and everything random to the place of the checkpoint, if there is one.

        Returns
        -------
        epochs, eta
            How many epochs remain, and η for the next one.
        """
        net, contents = self.net, self.contents
        self.order, self.monitoring = order, monitoring
        self.train_whole = order.train_epoch
        if self.part:
            order.trainer.parts, order.train_epoch = self, self.train_epoch
        if contents is None:
            return epochs, eta
        groups, words = contents.groups, contents.words
        net.weights, net.biases = groups["parameters"]
        moments = tuple(groups[name] for name in RULE_GROUPS[1:] if name in groups)
        remember(
            net,
            velocities=groups.get("velocities"),
            moments=(words["t"], *moments) if moments else None,
            history=None if words["history"] is None else History(words["history"]),
        )
        assert self.states is not None
        _random_states.restore(order, self.states)
        self.done, self.batch, self.is_over = words["done"], words["batch"], words["is_over"]
        if monitoring is not None and words["rules"] is not None:
            restore_rules(monitoring.rules, words["rules"], groups.get("best"))
            if words["rules"]["halvings"]:
                eta = words["eta"]
        return 0 if self.is_over else max(epochs - self.done, 0), eta

    def begin(self, eta: Any) -> None:
        """Write the first checkpoint, before training: from now on the file is there, and can be written."""
        if self.writes_first:
            self.write(eta)

    def close(self) -> None:
        """Let go of the data: training is over."""
        self.order.trainer.parts = None
        del self.order, self.monitoring, self.train_whole

    # ---- between two epochs ----

    def after_epoch(self, eta: Any, stops: bool) -> None:
        """Write a checkpoint if one is due, now that an epoch is completed; `eta` is that of the next."""
        self.done += 1
        self.is_over = bool(stops)
        if stops or self.done >= self.epochs or self.part or self.done % self.every == 0:
            self.write(eta)

    def write(self, eta: Any, batch: int = 0) -> None:
        """Write a checkpoint; `batch` is how many mini-batches of another epoch are completed."""
        if self.filename is None:
            return
        net, order, monitoring = self.net, self.order, self.monitoring
        memory = net._cbackprop
        now = _random_states.states_of(order)
        words: dict[str, Any] = {
            "call": self.call,
            "epoch": self.first + self.done,
            "done": self.done,
            "batch": batch,
            "is_over": self.is_over,
            "eta": in_json(eta, "eta"),
            "history": None if monitoring is None else [entry_in_json(entry) for entry in monitoring.history],
            "rules": None,
            "seed": order.seed,
            "sparse": None if order.trainer.packed is None else order.trainer.packed.sparse,
            "states": self.states if batch else now,
            "later": now if batch else None,
            "t": None,
        }
        groups = {"parameters": both_sides(net.weights, net.biases)}
        if memory.velocities is not None:
            groups["velocities"] = both_sides(*memory.velocities)
        if memory.moments is not None:
            words["t"], *moments = memory.moments
            groups |= {f"moments_{k}": both_sides(*each) for k, each in enumerate(moments, 1)}
        if any(
            shapes(groups.get(name, groups["parameters"])) != shapes(groups["parameters"])
            for name in RULE_GROUPS
        ):
            # They are of the layers before: a step takes them for 0.
            words["t"] = None
            groups = {"parameters": groups["parameters"]}
        if monitoring is not None:
            rules = monitoring.rules
            words["rules"] = {
                "best": in_json(rules.best, rules.measure),
                "waited": [rules.stopping.waited, rules.halving.waited],
                "halvings": rules.halvings,
            }
            if rules.best_parameters:
                groups["best"] = both_sides(*rules.best_parameters)
        orders = {
            "order": self.order_before if batch else self.order_now(),
            "first_places": order.first_places,
        }
        present = {name: numbers for name, numbers in orders.items() if numbers is not None}
        self.files.write(self.filename, self.files.Contents(words, groups, present))

    def order_now(self) -> NDArray[Any] | None:
        """Where each example was at the beginning of the call; None if it is where it was."""
        order = self.order
        if order.generator is not None:
            return None
        numbers = order.order()
        if numbers is None and order.trainer.pairs is not None:
            raise ValueError(
                "training_data holds other pairs than at first: a checkpoint cannot say their order"
            )
        return numbers

    # ---- within an epoch ----

    def train_epoch(self, eta: Any) -> bool:
        """Train for an epoch, of whose beginning a checkpoint will tell."""
        self.eta, self.states = eta, _random_states.states_of(self.order)
        self.order_before = self.order_now()
        return self.train_whole(eta)

    def train(self, epoch: Callable[[int, int], bool]) -> bool:
        """Train part by part: epoch(first, last) trains on the mini-batches from `first` to before `last`."""
        first = self.taken_up()
        while True:
            last = min(first - first % self.part + self.part, self.n_batches)
            is_finite = epoch(first, last)
            if last == self.n_batches:
                return is_finite
            self.write(self.eta, last)
            first = last

    def counted(self, update: Callable[[list[Any]], None]) -> Callable[[list[Any]], None]:
        """`update` of the book's methods, for the mini-batches of an epoch that are not yet done."""
        numbers = itertools.count(1)
        first = self.batch

        def update_one(mini_batch: list[Any]) -> None:
            number = next(numbers)
            if number <= first:
                return
            if number == first + 1:
                self.taken_up()
            update(mini_batch)
            if number % self.part == 0 and number < self.n_batches:
                self.write(self.eta, number)

        return update_one

    def taken_up(self) -> int:
        """How many mini-batches of this epoch are done: some if it was begun in another process."""
        batch, self.batch = self.batch, 0
        if batch:
            assert self.later is not None
            _random_states.restore(self.order, self.later)
        return batch


def both_sides(weights: Any, biases: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """(weights, biases), or what is shaped as they, as arrays that a checkpoint can hold."""
    sides = []
    for side, name in ((weights, "weights"), (biases, "biases")):
        arrays = []
        for i, array in enumerate(side):
            array = np.asarray(array)  # noqa: PLW2901
            if array.dtype.kind in "biu" or array.dtype == np.float16:
                array = array.astype(np.float64)  # noqa: PLW2901
            if array.dtype not in (np.float32, np.float64):
                raise TypeError(
                    f"{name}[{i}] has dtype {array.dtype}; a checkpoint holds float64 and float32"
                )
            arrays.append(array)
        sides.append(arrays)
    return sides[0], sides[1]


def entry_in_json(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of `history`, which callbacks may have added to."""
    return {str(name): in_json(value, f"{name} of an epoch") for name, value in entry.items()}


def restore_rules(rules: Rules, saved: dict[str, Any], best: tuple[Any, Any] | None) -> None:
    """Bring network2's rules to where they were."""
    rules.best, rules.halvings = saved["best"], saved["halvings"]
    rules.stopping.waited, rules.halving.waited = saved["waited"]
    rules.best_parameters = best

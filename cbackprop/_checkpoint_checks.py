"""What a checkpoint says, checked before anything changes: the file may be anyone's."""

from __future__ import annotations

import sys
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _random_states
from cbackprop._progress import Progress

if TYPE_CHECKING:
    from cbackprop._files.checkpoints import Contents

WORDS = {"call", "epoch", "done", "batch", "is_over", "eta", "history", "rules", "seed", "sparse", "states"}
WORDS |= {"later", "t"}
MOMENTS = "moments_1", "moments_2", "moments_3"
RULE_GROUPS = "velocities", *MOMENTS
MOST_STEPS = 2**59  # half of what Adam can count
NUMBERS = int, float, bool


class Place(NamedTuple):
    """Where to go on from."""

    progress: Progress
    states: dict[str, Any]  # of what draws, at the beginning of the epoch
    later: dict[str, Any] | None  # within the epoch, if it was begun


def checked_place(contents: Contents, call: dict[str, Any], n: int, n_batches: int) -> Place:
    """The place in a checkpoint, whose words and arrays may be anything but ``call``.

    Parameters
    ----------
    contents : Contents
    call : dict
        The fingerprint of the call that goes on, which the checkpoint has, too.
    n, n_batches : int
        The number of examples, and of mini-batches, 0 if checkpoints are written after whole epochs.

    Raises
    ------
    ValueError
        Saying what is wrong.
    """
    words = contents.words
    if words.keys() != WORDS:
        raise ValueError("it has other entries")
    check_numbers(words, n_batches)
    check_groups(contents, call)
    check_history(words["history"], words["done"], call)
    check_rules(words, call, "best" in contents.groups)
    for name, numbers in contents.orders.items():
        if len(numbers) != n or not np.array_equal(np.sort(numbers), np.arange(n)):
            raise ValueError(f"{name} is no order of {n} examples")
    states = _random_states.checked(words["states"])
    later = None if words["later"] is None else _random_states.checked(words["later"])
    if (later is None) != (words["batch"] == 0) or (later is not None and later.keys() != states.keys()):
        raise ValueError("later does not go with the place within the epoch")
    check_drawing(words["seed"], states, call)
    progress = Progress(
        words["epoch"],
        words["seed"],
        states.get("generator"),
        states.get("masks"),
        contents.orders.get("order"),
        contents.orders.get("first_places"),
        words["sparse"],
        is_within_call=True,
    )
    return Place(progress, states, later)


def check_numbers(words: dict[str, Any], n_batches: int) -> None:
    """Raise a ValueError if the numbers that say the place are none, or cannot be."""
    limits = {"epoch": MOST_STEPS, "done": words["epoch"], "batch": max(n_batches - 1, 0)}
    for name, most in limits.items():
        if type(words[name]) is not int or not 0 <= words[name] <= most:
            raise ValueError(f"{name} is {short(words[name])}")
    t, seed, sparse = words["t"], words["seed"], words["sparse"]
    if type(words["is_over"]) is not bool or not (sparse is None or type(sparse) is bool):
        raise ValueError("is_over or sparse is no bool")
    if not (t is None or (type(t) is int and 0 <= t < MOST_STEPS)):
        raise ValueError(f"t is {short(t)}")
    if not (seed is None or (type(seed) is int and seed >= 0)):
        raise ValueError(f"seed is {short(seed)}")


def check_groups(contents: Contents, call: dict[str, Any]) -> None:
    """Raise a ValueError if the arrays are not shaped like the parameters of a network that can go on.

    Its hidden layers may have been changed in training, its inputs and outputs may not.
    """
    groups, n_moments = contents.groups, sum(name in contents.groups for name in MOMENTS)
    if "parameters" not in groups:
        raise ValueError("it has no parameters")
    if n_moments not in (0, 2, 3) or not all(name in groups for name in MOMENTS[:n_moments]):
        raise ValueError("one of the moments is missing")
    if (n_moments > 0) != (contents.words["t"] is not None):
        raise ValueError("t does not go with the moments")
    for name, (weights, biases) in groups.items():
        for i, (w, b) in enumerate(zip(weights, biases)):
            if b.shape != (len(w), 1) or (i > 0 and w.shape[1] != len(weights[i - 1])):
                raise ValueError(f"{name}: the arrays of its layers do not fit together")
        sizes = [weights[0].shape[1], *map(len, weights)] if weights else call["sizes"][:1]
        if name not in RULE_GROUPS and (sizes[0], sizes[-1]) != (call["sizes"][0], call["sizes"][-1]):
            raise ValueError(f"{name} has other inputs or outputs than the network")
        if call.get("dropout") is not None and 0 in sizes:
            raise ValueError(f"{name} has a layer of no neurons, where dropout has nothing to leave out")
        if name in RULE_GROUPS and shapes(groups[name]) != shapes(groups["parameters"]):
            raise ValueError(f"{name} has other shapes than the parameters")


def shapes(sides: tuple[Any, Any]) -> list[Any]:
    """The shapes of the arrays of all layers."""
    return [[array.shape for array in side] for side in sides]


def check_history(history: Any, done: int, call: dict[str, Any]) -> None:
    """Raise a ValueError if this is not the history of a call of which so many epochs are done."""
    if call["network"] != "network2":
        if history is not None:
            raise ValueError("it has a history, which network's SGD does not keep")
        return
    if type(history) is not list or len(history) < done:
        raise ValueError("history does not have an entry for each epoch")
    monitored = {name.removeprefix("monitor_") for name in call if name.startswith("monitor_") and call[name]}
    for j, entry in enumerate(history):
        if type(entry) is not dict or not entry.keys() >= {"epoch", "eta"}:
            raise ValueError(f"history[{j}] is no entry of an epoch")
        if j >= len(history) - done and not entry.keys() >= monitored:
            raise ValueError(f"history[{j}] lacks what is monitored")


def check_rules(words: dict[str, Any], call: dict[str, Any], has_best: bool) -> None:
    """Raise a ValueError if this does not say where network2's rules stand."""
    rules = words["rules"]
    if call["network"] != "network2":
        if rules is not None or has_best:
            raise ValueError("it has rules, which network's SGD does not know")
        return
    if type(rules) is not dict or rules.keys() != {"best", "waited", "halvings"}:
        raise ValueError("rules does not say where they are")
    waited, halvings, best = rules["waited"], rules["halvings"], rules["best"]
    if type(waited) is not list or [type(n) for n in waited] != [int, int] or min(waited) < 0:
        raise ValueError(f"waited is {short(waited)}")
    if type(halvings) is not int or halvings < 0 or not (best is None or is_number(best)):
        raise ValueError(f"halvings is {short(halvings)}, and the best number {short(best)}")
    if halvings and not is_number(words["eta"]):
        raise ValueError(f"eta is {short(words['eta'])}")


def is_number(value: Any) -> bool:
    """Whether this is a number, and no whole one that is larger than any float."""
    return type(value) in NUMBERS and not (type(value) is int and abs(value) > sys.float_info.max)


def check_drawing(seed: int | None, states: dict[str, Any], call: dict[str, Any]) -> None:
    """Raise a ValueError if this call does not draw from what the states are of."""
    generator, random_state = states.get("generator"), call["random_state"]
    if random_state is not None:
        given = seed if generator is None or seed is not None else _random_states.name_of(generator)
        if generator is None or given != random_state:
            raise ValueError("the states of generators are not those of random_state")
    if seed is not None and (generator is None or _random_states.name_of(generator) != "PCG64"):
        raise ValueError("the state is not of the generator that a seed makes")
    if call.get("dropout") is not None and generator is None and "masks" not in states:
        raise ValueError("the state of what draws dropout's masks is missing")
    if "masks" in states and _random_states.name_of(states["masks"]) != "PCG64":
        raise ValueError("the state is not of the generator that draws dropout's masks")

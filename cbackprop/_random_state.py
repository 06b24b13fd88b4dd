"""Random numbers for those who pass `random_state`: from a seed, or from a generator of theirs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments

if TYPE_CHECKING:
    from numpy.random import Generator

    from cbackprop._progress import Progress


def generator_of(random_state: Any) -> Generator | None:
    """The generator that `random_state` means, or None if the book's global ones draw.

    Raises
    ------
    TypeError, ValueError
        If it is no whole number from 0, no generator and not None.
    """
    if random_state is None or isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(seed_of(random_state))


def seed_of(random_state: Any) -> int | None:
    """The seed that `random_state` is, or None if it is something else that it may be."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return None
    try:
        return _arguments.whole(random_state, "random_state", 0)
    except TypeError:
        raise TypeError(
            f"random_state is {random_state!r}; expected a seed (a whole number from 0), a "
            f"numpy.random.Generator or None"
        ) from None


def resumed_generator(random_state: Any, progress: Progress | None) -> Generator | None:
    """The generator for a call of SGD that goes on from `progress`.

    It is that of the call before, unless `random_state` is a generator or another seed.
    """
    seed = seed_of(random_state)
    if progress is None or progress.generator is None or (random_state is not None and seed is None):
        return generator_of(random_state)
    if seed is not None and seed != progress.seed:
        return generator_of(random_state)
    if progress.seed is None:
        return progress.generator  # the user's own
    # A copy: another copy of the network may resume from the same place.
    return copy.deepcopy(progress.generator)

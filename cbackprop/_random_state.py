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


def resumed_generator(random_state: Any, resumed: Progress | None) -> tuple[int | None, Generator | None]:
    """The seed, if there is one, and the generator of a call of SGD, which may resume another.

    The generator is that of the call before, unless `random_state` is a generator or another seed.
    """
    seed = seed_of(random_state)
    if (
        resumed is None
        or resumed.generator is None
        or not (random_state is None or (seed is not None and seed == resumed.seed))
    ):
        return seed, generator_of(random_state)
    if resumed.seed is None:
        return None, resumed.generator  # the user's own
    # A copy: another copy of the network may resume from the same place.
    return resumed.seed, copy.deepcopy(resumed.generator)


def generator_of_masks(generator: Generator | None, resumed: Progress | None) -> Generator:
    """What draws the masks of dropout: what draws the order, if it is a generator.

    If it is the global `random`, masks have a generator of their own, seeded from `numpy.random`.
    """
    if generator is not None:
        return generator
    if resumed is not None and resumed.masks is not None:
        return copy.deepcopy(resumed.masks)
    return np.random.default_rng(np.random.randint(0, 2**32, 4, np.uint32))

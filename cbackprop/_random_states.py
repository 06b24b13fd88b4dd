"""The states of random number generators in JSON's types, and back: for checkpoints.

What is read is checked first. NumPy takes some states that it then reads beyond.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from cbackprop._order import Order

# By the name of NumPy's bit generator: what its numbers, those that are no arrays, stay below.
BELOW: dict[str, dict[str, int]] = {
    "MT19937": {"pos": 625},
    "PCG64": {"state": 2**128, "inc": 2**128, "has_uint32": 2, "uinteger": 2**32},
    "PCG64DXSM": {"state": 2**128, "inc": 2**128, "has_uint32": 2, "uinteger": 2**32},
    "Philox": {"buffer_pos": 5, "has_uint32": 2, "uinteger": 2**32},
    "SFC64": {"has_uint32": 2, "uinteger": 2**32},
}
LEGACY = "MT19937"  # of NumPy's global generator


# ---- NumPy's generators ----


def state_of(generator: Generator, name: str) -> Any:
    """The state of the generator that is called `name`. A TypeError if it is none of NumPy's."""
    kind = name_of(generator)
    if kind not in BELOW:
        raise TypeError(f"{name} draws from {kind}; a checkpoint holds NumPy's own: {', '.join(BELOW)}")
    return plain(generator.bit_generator.state)


def name_of(generator: Generator) -> str:
    """The name of its bit generator: NumPy's name if it is NumPy's."""
    kind = type(generator.bit_generator)
    is_numpys = getattr(np.random, kind.__name__, None) is kind
    return kind.__name__ if is_numpys else f"{kind.__module__}.{kind.__qualname__}"


def generator_in(state: Any) -> Generator:
    """A generator in this state, which `state_of` gave, or a file. A ValueError if it is none."""
    kind = state.get("bit_generator") if type(state) is dict else None
    if type(kind) is not str or kind not in BELOW:
        raise ValueError("a generator's state names no bit generator of NumPy's")
    bit_generator = getattr(np.random, kind)(0)
    bit_generator.state = like(bit_generator.state, state, BELOW[kind])
    return np.random.Generator(bit_generator)


def plain(state: Any) -> Any:
    """NumPy's dict in JSON's types."""
    if isinstance(state, dict):
        return {name: plain(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def like(template: Any, state: Any, below: dict[str, int], name: str = "state") -> Any:
    """`state`, which may be anything, as NumPy takes it. A ValueError if it is not made like `template`."""
    if isinstance(template, dict):
        if type(state) is not dict or state.keys() != template.keys():
            raise ValueError("a generator's state has other entries than NumPy's")
        return {key: like(value, state[key], below, key) for key, value in template.items()}
    if isinstance(template, np.ndarray):
        largest = np.iinfo(template.dtype).max
        if (
            type(state) is not list
            or len(state) != len(template)
            or not all(type(number) is int and 0 <= number <= largest for number in state)
        ):
            raise ValueError(f"{name} of a generator's state is not {len(template)} {template.dtype}")
        return np.array(state, template.dtype)
    if isinstance(template, str):
        if state != template:
            raise ValueError(f"{name} of a generator's state is not {template!r}")
    elif type(template) is float:
        if type(state) is not float:
            raise ValueError(f"{name} of a generator's state is no number")
    elif type(state) is not int or not 0 <= state < below.get(name, 2):
        raise ValueError(f"{name} of a generator's state is out of range")
    return state


# ---- the global generators ----


def python_generator(shuffle: Any) -> random.Random:
    """The generator that the module's random.shuffle draws from. A ValueError if that is the user's own."""
    generator = getattr(shuffle, "__self__", None)
    if type(generator) is not random.Random or shuffle.__func__ is not random.Random.shuffle:
        raise ValueError(
            "random.shuffle is replaced, and a checkpoint cannot hold the state of what draws in its place; "
            "pass random_state, or no checkpoint"
        )
    return generator


def checked_python_state(state: Any) -> tuple[Any, ...]:
    """What `random.setstate` takes, from JSON. A ValueError if it is not in order."""
    if type(state) is not list or len(state) != 3 or type(state[1]) is not list:
        raise ValueError("the state of random is not made like one")
    version, words, gauss = state
    if (
        version != 3
        or not all(type(word) is int and 0 <= word < 2**32 for word in words)
        or not (gauss is None or type(gauss) is float)
    ):
        raise ValueError("the state of random does not hold its numbers")
    random.Random().setstate((version, tuple(words), gauss))
    return version, tuple(words), gauss


def checked_numpy_state(state: Any) -> Any:
    """What `numpy.random.set_state` takes, from JSON. A ValueError if it is not in order."""
    template = np.random.RandomState(0).get_state(legacy=False)
    return like(template, state, BELOW[LEGACY])


# ---- those of a call of SGD ----


def global_generator(order: Order) -> random.Random:
    """What draws the order if no generator does."""
    return python_generator(order.trainer.net._cbackprop.module.shuffle)


def states_of(order: Order) -> dict[str, Any]:
    """The states of all that one call of SGD draws from, in JSON's types.

    If that is no generator of its own, it is the global `random`, and what `numpy.random` draws in the user's
    functions belongs to the run as well.
    """
    if order.generator is not None:
        return {"generator": state_of(order.generator, "random_state")}
    states: dict[str, Any] = {
        "random": python_generator(order.trainer.net._cbackprop.module.shuffle).getstate()
    }
    in_numpy = np.random.get_state(legacy=False)
    if in_numpy["bit_generator"] == LEGACY:
        states["numpy"] = plain(in_numpy)
    if order.trainer.dropout is not None:
        states["masks"] = state_of(order.trainer.dropout.generator, "dropout")
    return states


def checked(states: Any) -> dict[str, Any]:
    """`states` from a file: as NumPy and Python take them, generators as generators. May be a ValueError."""
    checks = {
        "generator": generator_in,
        "masks": generator_in,
        "random": checked_python_state,
        "numpy": checked_numpy_state,
    }
    if type(states) is not dict or not states.keys() <= checks.keys():
        raise ValueError("the states of generators are not made like those of a checkpoint")
    if ("generator" in states) == ("random" in states):
        raise ValueError("the states of generators do not say what draws the order")
    return {name: checks[name](state) for name, state in states.items()}


def restore(order: Order, states: dict[str, Any]) -> None:
    """Put all that a call of SGD draws from into these states, which are checked."""
    if order.generator is not None:
        order.generator.bit_generator.state = states["generator"].bit_generator.state
        return
    global_generator(order).setstate(states["random"])
    if "numpy" in states and np.random.get_state(legacy=False)["bit_generator"] == LEGACY:
        np.random.set_state(states["numpy"])
    if order.trainer.dropout is not None:
        order.trainer.dropout.generator.bit_generator.state = states["masks"].bit_generator.state

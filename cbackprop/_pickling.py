"""How networks are pickled and copied. Pickles of every earlier version can be loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from cbackprop._memory import Memory, remember
from cbackprop.activations import LayerActivations

# The attributes in which networks of earlier versions kept what the package remembers.
EARLIER_NAMES = {
    "_activations": "activations",
    "dtype": "dtype",
    "velocities": "velocities",
    "history": "history",
}


class Pickled:
    """A mixin for networks. Their state is their attributes, and loads in every later version."""

    _cbackprop: Memory

    def __getstate__(self) -> Any:
        state: Any = super().__getstate__()
        slots: dict[str, Any] = {}
        if isinstance(state, tuple):  # of a subclass with __slots__
            state, slots = state
        # A copy, in one step: another thread may be adding an attribute.
        state = {} if state is None else state.copy()
        if "_activations" in state:  # the user's own: it must not look like a pickle of an earlier version
            state.setdefault("_cbackprop", self._cbackprop)
        return (state, slots) if slots else state

    def __setstate__(self, state: Any) -> None:
        slots: dict[str, Any] = {}
        if isinstance(state, tuple):
            state, slots = state
        state = dict(state)
        remembered = {} if "_cbackprop" in state else earlier_memory(state)
        # The book's own objects have four or five attributes; the class provides the rest.
        if {"num_layers", "sizes", "biases", "weights"} <= state.keys():
            self.__dict__.clear()
        self.__dict__.update(state)
        if remembered:
            remember(self, **remembered)
        for name, value in slots.items():
            setattr(self, name, value)


def earlier_memory(state: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version remembered of a network, removed from the attributes in `state`."""
    activations, dtype = state.get("_activations", state), state.get("dtype")
    if not (activations is None or isinstance(activations, LayerActivations)):
        return {}
    if not isinstance(dtype, np.dtype):
        return {}
    return {now: state.pop(name) for name, now in EARLIER_NAMES.items() if name in state}

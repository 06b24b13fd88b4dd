"""The scalar arguments of the book's methods, checked. An error says what was expected and what came."""

from __future__ import annotations

import numbers
import operator
from typing import Any

import numpy as np

from cbackprop import _runtime


def whole(value: Any, name: str, least: int | None = None) -> int:
    """`value` as an int. If it is below `least`, that is an error."""
    if type(value) is int and (least is None or value >= least):
        return value
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected a whole number") from None
    if least is not None and value < least:
        raise ValueError(f"{name} is {value}; expected at least {least}")
    return value


def number(value: Any, name: str) -> float:
    """`value` as a float. It may be any real number, NumPy's included."""
    if type(value) is float:
        return value
    if isinstance(value, np.ndarray):
        real = value.shape == () and value.dtype.kind in "biuf"
    else:
        real = hasattr(type(value), "__float__") or isinstance(value, numbers.Real)
    if not real:
        raise TypeError(f"{name} is {value!r}; expected a real number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is larger than any float64") from None


def threads(n_threads: int | None) -> int:
    """The most threads to use, by the argument or else by CBACKPROP_NUM_THREADS; 0 if neither says."""
    if n_threads is not None:
        return whole(n_threads, "n_threads", 1)
    text = _runtime.num_threads_variable()
    if not text:
        return 0
    try:
        return whole(int(text), "CBACKPROP_NUM_THREADS", 1)
    except ValueError:
        raise ValueError(f"CBACKPROP_NUM_THREADS is {text!r}; expected a whole number from 1") from None

"""Reads the arguments of the book's methods, and says clearly what is wrong with them."""

import numbers
import operator
import os
import random
import warnings

import numpy as np

OWN_SHUFFLE = random.Random.shuffle


def whole(value, name, least=None):
    """`value` as an int, at least `least`."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; expected a whole number") from None
    if least is not None and value < least:
        raise ValueError(f"{name} is {value}; expected at least {least}")
    return value


def number(value, name):
    """`value` as a float: any real number, also one of NumPy's."""
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


def threads(n_threads):
    """The number of threads asked for, by the argument or by CBACKPROP_NUM_THREADS; 0 where by none."""
    if n_threads is not None:
        return whole(n_threads, "n_threads", 1)
    text = os.environ.get("CBACKPROP_NUM_THREADS")
    if not text:
        return 0
    try:
        return whole(int(text), "CBACKPROP_NUM_THREADS", 1)
    except ValueError:
        raise ValueError(f"CBACKPROP_NUM_THREADS is {text!r}; expected a whole number from 1") from None


def own_draws(shuffle):
    """`getrandbits` of the generator that `shuffle` draws from; None if it is not Python's random.shuffle."""
    generator = getattr(shuffle, "__self__", None)
    if type(generator) is random.Random and shuffle.__func__ is OWN_SHUFFLE:
        return generator.getrandbits
    return None


def places_after(shuffle, items, snapshot):
    """Shuffles the list `items`, and returns for each pair where it stood in the list `snapshot`."""
    shuffle(items)
    places = {}
    for place, pair in enumerate(snapshot):
        places.setdefault(id(pair), []).append(place)
    try:
        return [places[id(pair)].pop() for pair in items]
    except (KeyError, IndexError):
        raise ValueError("shuffling training_data changed the pairs in it") from None


def listed(data, name):
    """`data` as a list."""
    try:
        return data if isinstance(data, list) else list(data)
    except TypeError:
        raise TypeError(
            f"{name} is {type(data).__name__}; expected a list of pairs or a pair of arrays"
        ) from None


def pairs(X, Y, n_out=None):
    """The book's list of pairs for the arrays (X, Y).

    Labels become one-hot columns of n_out, or stay labels where it is None.
    """
    if n_out is None:
        labels = Y if Y.ndim == 1 else np.argmax(Y, axis=1)
        return [(x.reshape(-1, 1), label) for x, label in zip(X, labels)]
    targets = Y if Y.ndim == 2 else np.arange(n_out) == Y[:, np.newaxis]
    return [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, targets * 1.0)]


def warn_of_pixels():
    """One UserWarning: inputs of 0 to 255 drive every sigmoid to its end."""
    warnings.warn(
        "training_data holds whole numbers that reach past 1 and not past 255, like the grey values of "
        "an image: the book's inputs lie between 0 and 1, and a network learns badly from larger ones. "
        "Divide them by 256.",
        UserWarning,
        stacklevel=4,  # whoever called SGD
    )

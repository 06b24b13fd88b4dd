"""The parameters of the estimators, checked when they are used: `set_params` takes anything."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from cbackprop import _arguments
from cbackprop._epochs import checked_callbacks
from cbackprop.activations import Activation
from cbackprop.sklearn._layers import ACTIVATIONS

STOCHASTIC = ("sgd", "adam")
CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "solver": ("lbfgs", *STOCHASTIC),
    "learning_rate": ("constant", "invscaling", "adaptive"),
}
SWITCHES = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping")
# The least and the greatest number, and which of them are themselves excluded.
RANGES = {
    "alpha": (0, np.inf, "greatest"),
    "learning_rate_init": (0, np.inf, "both"),
    "power_t": (0, np.inf, "greatest"),
    "tol": (0, np.inf, "greatest"),
    "momentum": (0, 1, "neither"),
    "validation_fraction": (0, 1, "greatest"),
    "beta_1": (0, 1, "greatest"),
    "beta_2": (0, 1, "greatest"),
    "epsilon": (0, np.inf, "both"),
}
COUNTS = ("max_iter", "max_fun", "n_iter_no_change")  # of which the last two may be infinite


def check_parameters(estimator: Any) -> list[int]:
    """Raise if a parameter is wrong, naming it; return the sizes of the hidden layers.

    Raises
    ------
    InvalidParameterError
        scikit-learn's, a ValueError and a TypeError: if a parameter has the wrong type or is out of its
        range.
    """
    try:
        return _checked(estimator)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(str(error)) from None


def _checked(estimator: Any) -> list[int]:
    """See `check_parameters`."""
    for name, choices in (*CHOICES.items(), ("loss", estimator._losses)):
        value = getattr(estimator, name)
        if name == "activation" and not isinstance(value, str) and callable(value):
            raise TypeError("activation is a function, which has no derivative: pass Activation(f, f_prime)")
        if name == "activation" and isinstance(value, Activation):
            continue
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}")
    for name in SWITCHES:
        value = getattr(estimator, name)
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} is {value!r}; expected True or False")
    for name, (least, greatest, excluded) in RANGES.items():
        value = _arguments.number(getattr(estimator, name), name)
        inside = least < value if excluded == "both" else least <= value
        inside = inside and (value <= greatest if excluded == "neither" else value < greatest)
        if not inside:
            from_ = "above" if excluded == "both" else "from"
            to = "" if greatest == np.inf else f" {'to' if excluded == 'neither' else 'to below'} {greatest}"
            raise ValueError(f"{name} is {value}; expected a number {from_} {least}{to}")
    for name in COUNTS:
        value = getattr(estimator, name)
        if name == "max_iter" or not (isinstance(value, numbers.Real) and value == np.inf):
            _arguments.whole(value, name, 1)
    if estimator.batch_size != "auto":
        _arguments.whole(estimator.batch_size, "batch_size", 1)
    if not isinstance(estimator.verbose, (bool, np.bool_)):
        _arguments.whole(estimator.verbose, "verbose", 0)
    if estimator.restore_best not in (None, True, False):
        raise TypeError(f"restore_best is {estimator.restore_best!r}; expected True, False or None")
    check_callbacks(estimator.callbacks)
    if estimator.n_threads is not None:
        _arguments.whole(estimator.n_threads, "n_threads", 1)
    return hidden_sizes(estimator.hidden_layer_sizes)


def check_callbacks(callbacks: Any) -> None:
    """Raise a TypeError if `callbacks` is no list of functions."""
    if isinstance(callbacks, (list, tuple)):
        if any(hasattr(one, "on_fit_task_end") for one in callbacks):
            raise TypeError("callbacks has one of scikit-learn's: pass those to set_callbacks")
    elif hasattr(callbacks, "__next__"):
        raise TypeError("callbacks is an iterator, which lasts for one fit; expected a list of functions")
    checked_callbacks(callbacks)


def hidden_sizes(sizes: Any) -> list[int]:
    """`hidden_layer_sizes` as a list: a whole number is a single layer."""
    name = "hidden_layer_sizes"
    if isinstance(sizes, (str, bytes)) or not hasattr(sizes, "__iter__"):
        sizes = [sizes]
    return [_arguments.whole(n, f"{name}[{l}]" if len(sizes) > 1 else name, 1) for l, n in enumerate(sizes)]

"""Warnings of results that mean nothing, each given once, at the user's own line."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from cbackprop import _parameters
from cbackprop._memory import remember

PACKAGE = os.path.dirname(__file__) + os.sep


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def of_pixels(name: str) -> None:
    """Warn of inputs from 0 to 255, which saturate every sigmoid."""
    warn(
        f"{name} holds whole numbers that reach past 1 and not past 255, like the grey values of an image. "
        f"The book's inputs lie between 0 and 1; a network learns badly from more, and one that learned from "
        f"those answers at random. Divide them by 256, or read images with cbackprop.images.",
        UserWarning,
    )


def of_pixels_once(net: Any, name: str) -> None:
    """Warn of them, and remember that the user of `net` was warned."""
    of_pixels(name)
    remember(net, warned_of_pixels=True)


def of_one_output(net: Any, data: Any) -> bool:
    """Warn that the book's count of right answers does not depend on a network with one output neuron.

    Return whether it did.
    """
    if data.is_arrays or data.is_thresholded or data.n == 0 or not has_one_output(net):
        return False
    warn(
        f"{data.name}: this network has one output neuron, and the largest of one output is always output "
        f"0. So the count of right answers, made as in the book, says nothing about the network. Pass arrays "
        f"(X, Y) with Y of 0 and 1, for which an output of at least 1/2 counts as 1, pass threshold=0.5 for "
        f"pairs with such a y, or give the network an output neuron for each class.",
        UserWarning,
    )
    return True


def parameters_of(net: Any) -> tuple[Any, Any]:
    """(weights, biases), or two Nones: a network with only the user's methods needs no parameters."""
    return getattr(net, "weights", None), getattr(net, "biases", None)


def has_one_output(net: Any) -> bool:
    """Whether the output layer has one neuron. False if the parameters do not say."""
    try:
        return not _parameters.has_empty_layer(net) and _parameters.layer_sizes(net)[-1] == 1
    except (TypeError, ValueError, AttributeError):
        return False


class Health:
    """Warns once in a call of SGD, when a parameter or a cost of `net` has become NaN or infinite."""

    def __init__(self, net: Any) -> None:
        # Training leaves these arrays as they are, because they are referred to here: whether they were
        # finite can be looked up later.
        self.at_first: tuple[Any, Any] | None = parameters_of(net)
        self.watches = True

    def look(self, epoch: int, is_finite: bool, what: str = "a weight or bias") -> None:
        """Note whether `what` is finite after this epoch."""
        at_first, self.at_first = self.at_first, None
        if is_finite or not self.watches:
            return
        self.watches = False
        if at_first and not _parameters.is_finite(*at_first):
            return
        warn(
            f"epoch {epoch}: {what} became NaN or infinite. The usual causes are a learning rate eta that is "
            f"too large, and inputs that are not scaled to about 0 to 1.",
            RuntimeWarning,
        )

"""Arguments that verbs share, and types of arguments, whose errors say what came and what was expected."""

from __future__ import annotations

import argparse
import math

DATA_HELP = (
    "the book's mnist.pkl.gz, Keras' mnist.npz, or the folder of the four IDX files (default: what the "
    "environment variable CBACKPROP_MNIST names, else mnist.pkl.gz in ../data or here, else a sample inside "
    "this package with a tenth of the images)"
)


def count(text: str) -> int:
    """A whole number from 1."""
    return _whole(text, 1)


def count_from_0(text: str) -> int:
    """A whole number from 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least}")
    return number


def rate(text: str) -> float:
    """A finite number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def from_0(text: str) -> float:
    """A finite number from 0."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return number


def share(text: str) -> float:
    """A number from 0 to below 1."""
    number = _number(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to below 1")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def seed(text: str) -> int:
    """A whole number that seeds `random` and `numpy.random`."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 4294967295")
    return number


def sizes(text: str) -> list[int]:
    """The numbers of neurons of two or more layers."""
    numbers = _numbers(text, "784,30,10")
    if len(numbers) < 2 or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give two or more layers of at least 1 neuron")
    return numbers


def hidden(text: str) -> list[int]:
    """The numbers of neurons of the hidden layers; none of them for "none"."""
    if text == "none":
        return []
    numbers = _numbers(text, "100,30")
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a layer has at least 1 neuron")
    return numbers


def _numbers(text: str, example: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of whole numbers with commas between, like {example}"
        ) from None


def names(text: str) -> list[str]:
    """Names with commas between."""
    return [name for name in text.split(",") if name]


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the file of a saved network."""
    parser.add_argument(
        "file", metavar="FILE", help="a network, as `cbackprop train` or `net.save` writes it"
    )


def add_ignore(group: argparse._ActionsContainer) -> None:
    """Add the columns of a table that are left out."""
    group.add_argument(
        "--ignore", type=names, default=[], metavar="COLUMN,...", help="of a table: columns to leave out"
    )

"""What `train` learns from and measures on, and what the saved file is to say of the data."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop._command import scaling
from cbackprop._command.examples import (
    Examples,
    is_folder_of_images,
    is_table,
    read_examples,
    read_mnist,
)
from cbackprop._command.parser import Refused
from cbackprop._command.tables import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHARE = 0.2  # of the examples, that are kept to measure on


class TrainingData(NamedTuple):
    """Examples to train on, examples to measure on, or None, and notes: see `cbackprop._files.data_notes`."""

    training: Examples
    validation: Examples | None
    notes: dict[str, Any]


def validation(text: str) -> float | str:
    """The argument of --validation: a share of the examples, or a path."""
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a share from 0 to below 1 nor a path")
    return share


def read(arguments: argparse.Namespace, say: Callable[[str], None]) -> TrainingData:
    """The data that the arguments name; say(sentence) is told what was decided."""
    path = arguments.data
    if path is not None and is_table(path):
        return _read_table(arguments, say)
    for option in ("target", "ignore", "scale"):
        if getattr(arguments, option):
            raise Refused(f"--{option} is for tables, and {path or 'MNIST'} is none")
    if path is not None and is_folder_of_images(path):
        training, held_out = _divided(read_examples(path, Wanted()), arguments)
        _describe(path, training, held_out, say)
    else:
        training, held_out = _read_mnist(path, arguments, say)
    return TrainingData(training, held_out, {"kind": "images", "classes": training.classes})


def _read_mnist(
    path: str | None, arguments: argparse.Namespace, say: Callable[[str], None]
) -> tuple[Examples, Examples | None]:
    if path is not None and not os.path.exists(path):
        raise Refused(f"there is no {path}")
    parts, is_sample = read_mnist(path)
    for name, part in parts.items():
        if part.X.size and part.X.max() > 1:
            say(f"the {name} images are divided by 256")
            parts[name] = part._replace(X=part.X / 256)
    training = parts["training"]
    held_out = parts["validation"] if len(parts["validation"].X) else None
    if arguments.validation is not None:
        training, held_out = _divided(training, arguments)
    _describe(
        "the sample of MNIST in this package" if is_sample else path or "MNIST", training, held_out, say
    )
    if is_sample:
        say("--data takes all of MNIST")
    return training, held_out


def _read_table(arguments: argparse.Namespace, say: Callable[[str], None]) -> TrainingData:
    wanted = Wanted(target=arguments.target, ignored=arguments.ignore)
    training, held_out = _divided(read_examples(arguments.data, wanted), arguments)
    _describe(arguments.data, training, held_out, say)
    scales, sentence = scaling.chosen(training.X, arguments.scale or "auto")
    say(f"{sentence} (--scale)")
    notes = {
        "kind": "table",
        "classes": training.classes,
        "target": arguments.target,
        "columns": training.columns,
        "shift": scales.shift.tolist(),
        "scale": scales.scale.tolist(),
    }
    if held_out is not None:
        held_out = held_out._replace(X=scales.apply(held_out.X))
    return TrainingData(training._replace(X=scales.apply(training.X)), held_out, notes)


def _divided(examples: Examples, arguments: argparse.Namespace) -> tuple[Examples, Examples | None]:
    """Examples to train on and to measure on, as --validation says."""
    given = SHARE if arguments.validation is None else arguments.validation
    if isinstance(given, str):
        if is_table(given) != (examples.columns is not None):
            raise Refused(f"--validation {given} is not of the kind of the training data")
        wanted = Wanted(columns=examples.columns, target=arguments.target)
        return examples, read_examples(given, wanted).labelled_by(examples.classes, given)
    held_out = _drawn(examples.labels, given, np.random.default_rng(arguments.seed))
    if not held_out.any():
        return examples, None
    return examples.part(~held_out), examples.part(held_out)


def _drawn(labels: NDArray[np.int64], share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Which examples are kept to measure on: so many of each class, but never all of it."""
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        n = min(round(share * len(places)), len(places) - 1)
        chosen[generator.permutation(places)[:n]] = True
    return chosen


def _describe(what: str, training: Examples, held_out: Examples | None, say: Callable[[str], None]) -> None:
    """Say how many examples there are; refuse those that teach nothing."""
    present = np.unique(training.labels)
    if len(present) < 2:
        names = ", ".join(training.classes[i] for i in present)
        raise Refused(f"{what}: all examples are of one class, {names}; expected two or more")
    measured = "none to measure on" if held_out is None else f"{len(held_out.X):,} to measure on"
    say(f"{what}: {len(training.X):,} examples to train on, {measured}, {len(training.classes)} classes")

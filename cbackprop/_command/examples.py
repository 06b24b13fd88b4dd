"""The examples of a verb: MNIST, a folder of images by class, or a table. The path tells which."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import mnist_loader
from cbackprop._blocks.tables import PARQUET
from cbackprop._command.parser import Refused
from cbackprop._command.tables import CSV, Wanted, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

IMAGES = (".png", ".jpg", ".jpeg")
PARTS = ("training", "validation", "test")
DIGITS = [str(digit) for digit in range(10)]


class Examples(NamedTuple):
    """Inputs, one example a row, and the number of the class of each."""

    X: NDArray[Any]
    labels: NDArray[np.int64]
    classes: list[str]
    columns: list[str] | None = None  # of a table

    def part(self, chosen: NDArray[Any]) -> Examples:
        """The examples at these places."""
        return self._replace(X=self.X[chosen], labels=self.labels[chosen])

    def labelled_by(self, classes: Sequence[str], name: str) -> Examples:
        """The same, with the numbers of these classes: a network's."""
        unknown = [self.classes[i] for i in np.unique(self.labels) if self.classes[i] not in classes]
        if unknown:
            raise Refused(
                f"{name} has the class {unknown[0]!r}, which the network does not have; it has "
                f"{', '.join(classes[:12])}"
            )
        numbers = [classes.index(one) if one in classes else -1 for one in self.classes]
        return self._replace(labels=np.array(numbers)[self.labels], classes=list(classes))


def is_table(path: str) -> bool:
    """Whether the name is that of a table."""
    return path.lower().endswith((*CSV, *PARQUET))


def is_folder_of_images(path: str) -> bool:
    """Whether the path leads to a folder of folders with images."""
    return os.path.isdir(path) and any(
        image.lower().endswith(IMAGES) for _, images in _by_class(path) for image in images
    )


def read_examples(path: str, wanted: Wanted) -> Examples:
    """The examples in a table or a folder of images."""
    if is_table(path):
        if wanted.target is None:
            raise Refused(f"{path} is a table: --target names the column with the class")
        rows = read_table(path, wanted)
        assert rows.classes is not None
        classes, labels = numbered(rows.classes, f"{path}: {wanted.target}")
        return Examples(rows.X, labels, classes, rows.columns)
    return read_folder(path)


def numbered(names: Sequence[str], what: str) -> tuple[list[str], NDArray[np.int64]]:
    """The different names in order, numbers by their value, and the place of each name among them."""
    classes = sorted(set(names))
    try:
        values = {name: float(name) for name in classes}
    except ValueError:
        pass
    else:
        classes.sort(key=values.__getitem__)
        fraction = next((name for name in classes if not values[name].is_integer()), None)
        if fraction is not None:
            raise Refused(f"{what} holds {fraction}; expected classes, and a number with a fraction is none")
    if len(classes) > 100 and len(classes) > len(names) / 2:
        raise Refused(
            f"{what} has {len(classes):,} different values in {len(names):,} rows: those are no classes"
        )
    places = {name: i for i, name in enumerate(classes)}
    return classes, np.array([places[name] for name in names], np.int64)


# ---- folders of images ----


def read_folder(path: str) -> Examples:
    """The images of FOLDER/CLASS/*.png, .jpg and .jpeg, made as MNIST has them."""
    from cbackprop.images import read_digits  # noqa: PLC0415  (few verbs need it)

    classes: list[str] = []
    files: list[str] = []
    labels: list[int] = []
    for one, names in _by_class(path):
        images = sorted(name for name in names if name.lower().endswith(IMAGES))
        if not images:
            continue
        labels += [len(classes)] * len(images)
        classes.append(one)
        files += [os.path.join(path, one, name) for name in images]
    if not files:
        raise Refused(
            f"{path} holds neither MNIST nor images by class, {os.path.join(path, 'CLASS', 'IMAGE.png')}"
        )
    return Examples(read_digits(files), np.array(labels), classes)


def _by_class(path: str) -> list[tuple[str, list[str]]]:
    """The folders in a folder, and the files in each; not those that are hidden."""
    folders = sorted(
        entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith(".")
    )
    return [(name, os.listdir(os.path.join(path, name))) for name in folders]


# ---- MNIST ----


def read_mnist(path: str | None) -> tuple[dict[str, Examples], bool]:
    """The parts of MNIST by name, and whether they are the sample in the package."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parts = mnist_loader.load_data(path)
    return {name: Examples(X, labels, DIGITS) for name, (X, labels) in zip(PARTS, parts, strict=True)}, bool(
        caught
    )

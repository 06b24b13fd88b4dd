"""What a network answers wrong: the examples themselves, and which label is taken for which."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _examples, _parameters
from cbackprop._data import DataSet
from cbackprop.chapter.one_pass import check_network
from cbackprop.figures._axes import axes_of, grid_of_axes, image_shape, one_axes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from cbackprop.reference.network import ReferenceLayers

ROWS_AT_A_TIME = 1024  # of a list of pairs, which is not copied as a whole
MOST_CLASSES_WITH_NUMBERS = 25


def misclassified(
    net: ReferenceLayers,
    test_data: Iterable[Any],
    shape: tuple[int, int] | None = None,
    *,
    limit: int = 25,
    ax: Any = None,
) -> Any:
    """Draw the examples that the network answers wrong, each with its label and the answer.

    Parameters
    ----------
    net : Network
        From network or network2.
    test_data : list of (x, label), or a pair of arrays (X, Y)
        As in `evaluate`. Of one output neuron, the answer is 1 where a ≥ ½.
    shape : (int, int), optional
        Rows and columns of an image; by default a square.
    limit : int
        The most images to draw: the first ones.
    ax : matplotlib.axes.Axes, or an array of them, optional
        One is divided among the images; of several, each takes an image.

    Returns
    -------
    matplotlib.figure.Figure
        Images in a grid. A title such as ``3 → 5`` says that the label is 3 and the answer 5; below the image
        is the number of the example in `test_data`.

    Raises
    ------
    ValueError
        If there are no examples, an example has the wrong shape or a label that the network never answers,
        or `shape`, `limit` or `ax` does not fit.
    TypeError
        If `net` is not a network, or another argument has the wrong type.
    ImportError
        If matplotlib is missing.
    """
    limit = _arguments.whole(limit, "limit", 1)
    data = _recognised(net, test_data)
    image = image_shape(shape, _parameters.layer_sizes(net)[0])
    wrong: list[tuple[int, NDArray[Any], int, int]] = []
    n_wrong = 0
    for first, X, labels, answers in _answered(net, data):
        places = np.flatnonzero(labels != answers)
        n_wrong += len(places)
        for i in places[: limit - len(wrong)].tolist():
            wrong.append((first + i, X[i].reshape(image), int(labels[i]), int(answers[i])))
    columns = math.ceil(math.sqrt(max(len(wrong), 1)))
    rows = math.ceil(max(len(wrong), 1) / columns)
    figsize = max(1.15 * columns, 3.2), 1.35 * rows + 0.5
    figure, grid = grid_of_axes(ax, max(len(wrong), 1), figsize=figsize)
    title = f"{n_wrong:,} of {data.n:,} misclassified"
    if n_wrong > len(wrong):
        title += f", the first {len(wrong)}"
    if ax is None:
        figure.suptitle(title, fontsize=11)
    elif len(axes_of(ax)) == 1:
        axes_of(ax)[0].set_title(title, fontsize=11)
    for axes, (i, picture, label, answer) in zip(grid, wrong):
        axes.imshow(picture, cmap="Greys")
        axes.set_title(f"{label} → {answer}", fontsize=10, pad=3)
        axes.text(
            *(0.5, -0.02, f"{i}"), transform=axes.transAxes, ha="center", va="top", fontsize=7, color="0.4"
        )
    return figure


def confusion_matrix(net: ReferenceLayers, test_data: Iterable[Any], *, ax: Any = None) -> Any:
    """Draw how often each label gets each answer.

    Parameters
    ----------
    net, test_data
        As in `misclassified`.
    ax : matplotlib.axes.Axes, optional
        By default that of a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        A matrix of counts, labels in rows and answers in columns. Right answers, on the diagonal, are grey.
        Wrong ones have the darker a colour, the more there are. The image's array is the matrix.

    Raises
    ------
    ValueError, TypeError, ImportError
        As in `misclassified`.
    """
    data = _recognised(net, test_data)
    n = max(_parameters.layer_sizes(net)[-1], 2)
    counts = np.zeros((n, n), np.int64)
    for _, _, labels, answers in _answered(net, data):
        np.add.at(counts, (labels, answers), 1)
    side = min(max(0.5 * n + 1.2, 3.5), 12)
    figure, axes = one_axes(ax, figsize=(side + 0.6, side))
    is_right = np.eye(n, dtype=bool)
    mistakes = np.ma.array(counts, mask=is_right)
    most = int(counts[~is_right].max(initial=0)) or 1
    axes.imshow(np.where(is_right, 1.0, np.nan), cmap="Greys", vmin=0, vmax=6)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=most)
    if n <= MOST_CLASSES_WITH_NUMBERS:
        for label, answer in np.argwhere(counts).tolist():
            dark = label != answer and counts[label, answer] > 0.6 * most
            axes.text(
                *(answer, label, f"{counts[label, answer]:,}"),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
        axes.set(xticks=range(n), yticks=range(n))
    right = int(counts[is_right].sum())
    axes.set(xlabel="answer", ylabel="label", title=f"{right:,} of {data.n:,} right: {right / data.n:.2%}")
    return figure


def _recognised(net: Any, test_data: Any) -> DataSet:
    """`test_data`, checked as `evaluate` checks it."""
    check_network(net)
    threshold = 0.5 if _parameters.layer_sizes(net)[-1] == 1 else None
    data = DataSet(net, test_data, "test_data", threshold=threshold)
    if data.n == 0:
        raise ValueError("test_data has no examples")
    _examples.check_examples(net, data.examples, data.name, data.is_labelled(True), True, data.threshold)
    return data


def _answered(
    net: Any, data: DataSet
) -> Iterator[tuple[int, NDArray[Any], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, for a run of examples: the number of the first, X, the labels and the answers."""
    n_classes = max(_parameters.layer_sizes(net)[-1], 2)
    pairs = data.test_pairs()
    for first in range(0, data.n, ROWS_AT_A_TIME):
        run = pairs[first : first + ROWS_AT_A_TIME]
        X = np.array([np.ravel(x) for x, _ in run])
        labels = np.array([np.asarray(label, np.float64).item() for _, label in run])
        unknown = ~((labels >= 0) & (labels < n_classes) & (labels == np.floor(labels)))
        if unknown.any():
            i = int(np.argmax(unknown))
            raise ValueError(
                f"test_data[{first + i}]: the label is {labels[i]:g}; this network's answers are 0 to "
                f"{n_classes - 1}"
            )
        answers = np.asarray(net.predict(X))
        if answers.shape != labels.shape or not np.isin(answers, range(n_classes)).all():
            raise ValueError(
                f"predict is replaced, and its answers are not {len(X)} labels from 0 to {n_classes - 1}"
            )
        yield first, X, labels.astype(np.int64), answers.astype(np.int64)

"""The MNIST digits, as the book's ``mnist_loader`` returns them, or a sample if they are missing.

The first of these that exists is read:

1. the argument ``path``;
2. the environment variable ``CBACKPROP_MNIST``, read at each call;
3. ``../data/mnist.pkl.gz`` and ``./mnist.pkl.gz``, where the book's scripts expect it;
4. a sample of 7,000 digits inside this package, with a ``UserWarning``.

A path may lead to the book's ``mnist.pkl.gz``, to Keras' ``mnist.npz``, or to a folder with the four
IDX files (gzipped or not). All give the same arrays, bit for bit. It may also lead to the book's data
pickled again, by Python 2 or 3 in any protocol from 0 to 5, or to what the book's
``expand_mnist.py`` writes: 250,000 images in lists.

Files are not trusted. Nothing in them is run, and reading one allocates memory only for bytes that
it holds. A packed file may unpack to 512 MiB or to 250 times its own size, whichever is more.
"""

from __future__ import annotations

import errno
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    # float32, unless the file is a pickle whose images have another type.
    _Images: TypeAlias = NDArray[Any]
    _Part: TypeAlias = tuple[_Images, NDArray[np.int64]]
    _Path: TypeAlias = str | os.PathLike[str]

# `np` is there because `from mnist_loader import *` brings it in the book.
__all__ = ["load_data", "load_data_wrapper", "np", "vectorized_result"]

BOOK_PATHS = (os.path.join("..", "data", "mnist.pkl.gz"), "mnist.pkl.gz")


def load_data(path: _Path | None = None) -> tuple[_Part, _Part, _Part]:
    """Return MNIST as three pairs of arrays: training, validation and test data.

    Parameters
    ----------
    path : str or os.PathLike, optional
        A file or folder with MNIST. By default it is looked for as this module's docstring says.

    Returns
    -------
    training_data, validation_data, test_data : tuple of (ndarray, ndarray)
        The images, an array (n, 784) with one image a row, float32 from 0 for white to 255/256
        for black, and their digits, an array (n,) of int64. MNIST has 50,000, 10,000 and 10,000.
        Images in a pickle keep their type and scale: uint8 or float64, say.

    Raises
    ------
    FileNotFoundError
        If the path, given or named by ``CBACKPROP_MNIST``, does not exist or holds no MNIST.
    ValueError
        If a file is damaged or truncated, or has another form. The message says which of the two,
        and names the file and what is wrong.

    Warns
    -----
    UserWarning
        If no file was found, so that the sample (5,000, 1,000 and 1,000 images) replaces it.
    """
    return _load(path)


def load_data_wrapper(
    path: _Path | None = None,
) -> tuple[
    list[tuple[_Images, NDArray[np.float64]]],
    list[tuple[_Images, np.int64]],
    list[tuple[_Images, np.int64]],
]:
    """Return MNIST as three lists of pairs, the form in which ``Network`` takes it.

    Parameters
    ----------
    path : str or os.PathLike, optional
        As in `load_data`, with the same errors and warning.

    Returns
    -------
    training_data : list of (x, y)
        x is an image, an array (784, 1); y is its digit as a unit vector, an array (10, 1).
    validation_data, test_data : list of (x, y)
        x as above; y is the digit itself, an int64.
    """
    (x_training, y_training), *others = _load(path)
    targets = map(vectorized_result, y_training)
    training_data = list(zip(_columns(x_training), targets, strict=True))
    validation_data, test_data = (list(zip(_columns(x), y, strict=True)) for x, y in others)
    return training_data, validation_data, test_data


def vectorized_result(j: Any) -> NDArray[np.float64]:
    """Return the unit vector (10, 1), float64, with 1.0 in row ``j``: the target of digit ``j``."""
    digit = np.asarray(j)
    # As an index, which the book uses it for, True would set all ten rows and -1 the last one.
    if digit.size != 1 or digit.dtype.kind not in "iu":
        raise TypeError(f"j must be one whole number from 0 to 9, not {j!r}")
    digit = digit.item()
    if not 0 <= digit <= 9:
        raise ValueError(f"j must be a digit from 0 to 9, not {digit}")
    e = np.zeros((10, 1))
    e[digit] = 1.0
    return e


def _columns(x: _Images) -> list[_Images]:
    """Return the rows of ``x`` (n, 784) as a list of columns (784, 1), views into ``x``."""
    return [np.reshape(row, (784, 1)) for row in x]


def _load(path: _Path | None) -> tuple[_Part, _Part, _Part]:
    """Find MNIST and read it. Both public functions call this directly: the warning counts on it."""
    # Imported here, so that a script with its own data does not wait for zip and gzip.
    from cbackprop._files import mnist  # noqa: PLC0415

    if path is not None:
        return mnist.read(_existing(path, "the path given to the MNIST loader"))
    if named := os.environ.get("CBACKPROP_MNIST"):
        named = _existing(named, "the path in the environment variable CBACKPROP_MNIST")
        return mnist.read(named)
    for book_path in BOOK_PATHS:
        if os.path.isfile(book_path):
            return mnist.read(book_path)
    warnings.warn(
        "MNIST was not found, so this is a sample of it: 5,000 training, 1,000 validation and "
        "1,000 test images. For all 70,000, put the book's mnist.pkl.gz into ../data or here, or "
        "set CBACKPROP_MNIST (or the argument path) to mnist.pkl.gz, to Keras' mnist.npz or to "
        "the folder with the four IDX files.",
        UserWarning,
        stacklevel=3,
    )
    return mnist.read_sample()


def _existing(path: _Path, origin: str) -> str:
    """Return ``path`` as a string, or raise a FileNotFoundError that says where the path comes from."""
    path = os.path.expanduser(os.fsdecode(path))
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, f"{origin} does not exist", path)
    return path

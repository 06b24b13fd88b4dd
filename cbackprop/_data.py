"""The door: data of every kind are recognised here, once.

Beyond it, examples are either a `list` of (x, y), or a `tuple` (X, Y) of plain arrays, one example a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

NUMBER_CLASSES = "number the classes from 0: classes, Y = numpy.unique(names, return_inverse=True)"


class DataSet:
    """Training or evaluation data, recognised.

    Parameters
    ----------
    net : Network
        Its first and last layer say which arrays fit.
    data : list of (x, y), pair of arrays (X, Y), or an iterable of pairs, which is read here
    name : str
        What errors call the data.
    only_pairs : bool
        Only the user's own methods will read the examples. Anything but a pair of arrays is passed to them
        unchecked.
    threshold : float, optional
        Of one output neuron: from which output on the answer is 1. Of arrays it is ½ by default.

    Attributes
    ----------
    given : object
        The data as they came, for a replaced method. An iterator has become a list.
    examples : list or tuple
        The list of pairs, or the arrays (X, Y).
    is_arrays : bool
        Whether the examples are a pair of arrays.
    n : int
        The number of examples.
    is_users_list : bool
        Whether the examples are the very list that was given.
    threshold : float or None
        From which output on the answer of one output neuron is 1; None: the answer is the place of the
        largest output.
    is_thresholded : bool
        Whether there is one. Then each y is the answer itself, 0 or 1.
    """

    def __init__(
        self, net: Any, data: Any, name: str, only_pairs: bool = False, threshold: float | None = None
    ) -> None:
        self.net, self.name, self.only_pairs = net, name, only_pairs
        self.examples = recognised(net, data, name, only_pairs)
        self.is_arrays = type(self.examples) is tuple
        self.given = self.examples if is_iterator(data) else data
        self.n = len(self.examples[0]) if self.is_arrays else len(self.examples)
        self.is_users_list = self.examples is data
        if threshold is None and self.is_arrays and _parameters.layer_sizes(net)[-1] == 1:
            threshold = 0.5
        self.threshold = threshold
        self.is_thresholded = threshold is not None

    def is_labelled(self, labelled: bool) -> bool:
        """Whether each y is a label. Rows of targets are not, nor are numbers for one output neuron."""
        if self.is_thresholded:
            return False
        return labelled and not (self.is_arrays and self.examples[1].ndim == 2)

    def refuse_names(self) -> None:
        """Raise a TypeError if a pair's label is a string, which no output neuron's number equals."""
        for i, pair in enumerate(() if self.is_arrays else self.examples):
            y = pair[1] if isinstance(pair, (tuple, list)) and len(pair) == 2 else None
            if isinstance(y, (str, bytes)) or (isinstance(y, np.ndarray) and y.dtype.kind in "US"):
                raise TypeError(f"{self.name}[{i}]: y is {y!r}; {NUMBER_CLASSES}")

    def training_pairs(self) -> list[Any]:
        """The examples as the book's list of (x, y), each a column."""
        return training_pairs(self.net, self.examples)

    def test_pairs(self) -> list[Any]:
        """The examples as the book's list of (x, label)."""
        if not self.is_arrays:
            return self.examples
        X, Y = self.examples
        labels = Y.ravel() if Y.ndim == 1 or self.is_thresholded else np.argmax(Y, axis=1)
        return [(x.reshape(-1, 1), label) for x, label in zip(X, labels)]


def training_pairs(net: Any, examples: Any) -> list[Any]:
    """Recognised examples as the book's list of (x, y), each a column."""
    if type(examples) is not tuple:
        return examples
    X, Y = examples
    n_out = _parameters.layer_sizes(net)[-1]
    if Y.ndim == 1 and n_out == 1:
        Y = Y.reshape(-1, 1)
    elif Y.ndim == 1:
        Y = np.arange(n_out) == Y[:, np.newaxis]
    # In the network's own type, or a replaced cost would compute in float16.
    Y = Y.astype(net._cbackprop.dtype) if Y.dtype.kind in "biuf" else Y * 1.0
    return [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)]


def is_missing(data: Any) -> bool:
    """Whether `data` is None or empty, so that the book's `if data:` would skip it."""
    if data is None:
        return True
    try:
        return not data
    except Exception:  # the truth value of an array or a table is an error
        return False


def is_iterator(data: Any) -> bool:
    """Whether `data` has no length: it can perhaps be read only once."""
    return not hasattr(type(data), "__len__")


class Untouched:
    """Evaluation data in a form that only a replaced method understands."""

    is_arrays = is_thresholded = False
    threshold = None

    def __init__(self, data: Any, name: str) -> None:
        self.given, self.name, self.n = data, name, len(data)


def read_for_evaluation(
    net: Any, data: Any, name: str, methods: Iterable[str], threshold: float | None = None
) -> DataSet | Untouched:
    """Evaluation data for `methods`, which get them as they came if all of these are replaced."""
    if is_missing(data):
        return Untouched((), name)
    module = net._cbackprop.module
    if not all(module.replaced_method(net, (method,)) for method in methods):
        return DataSet(net, data, name, threshold=threshold)
    if isinstance(data, (list, tuple)) or is_iterator(data):
        return DataSet(net, data, name, only_pairs=True)
    return Untouched(data, name)


def listed(data: Any, name: str) -> list[Any]:
    """`data` as a list."""
    try:
        return data if isinstance(data, list) else list(data)
    except TypeError:
        raise TypeError(
            f"{name} is {type(data).__name__}; expected a list of pairs or a pair of arrays"
        ) from None


def recognised(net: Any, data: Any, name: str, only_pairs: bool = False) -> Any:
    """`data` as a list of pairs, or as a tuple (X, Y) of arrays.

    Raises
    ------
    TypeError, ValueError
        If `data` is neither. The message says what a near miss lacks.
    """
    if type(data) is list and len(data) != 2:
        return data
    if not isinstance(data, (list, tuple)):
        return listed(data, name)
    container: Any = list if isinstance(data, list) else tuple
    # A subclass may say anything about its length and its items.
    if container.__len__(data) != 2:
        return listed(data, name)
    first, second = container.__getitem__(data, slice(2))
    if _is_pair(first, container) and _is_pair(second, container):
        return listed(data, name)
    X = _as_array(first, f"{name}: X", only_pairs)
    if X is None:
        return listed(data, name)
    try:
        sizes = _parameters.layer_sizes(net)
    except (TypeError, ValueError, AttributeError):
        if only_pairs or container is list:
            return listed(data, name)
        raise
    if X.ndim == 2 and X.shape[1] == sizes[0]:
        return X, _targets(second, X, name)
    if only_pairs or X.dtype == object or (len(X) == 2 and X.ndim > 1 and X.shape[-1] == 1):
        return listed(data, name)
    raise near_miss(X, sizes[0], f"{name}: X")


def rows(net: Any, X: Any) -> NDArray[Any]:
    """X, one example a row, as a plain array, which `net` can be asked about.

    Raises
    ------
    TypeError, ValueError
        If X is no array, or has other columns than the network has inputs.
    """
    array = _as_array(X, "X", False)
    n_in = _parameters.layer_sizes(net)[0]
    if array is None:
        raise TypeError(f"X is {type(X).__name__}; expected an array (n, {n_in}), one example a row")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"X has dtype {array.dtype}; expected real numbers")
    if array.ndim != 2 or array.shape[1] != n_in:
        raise near_miss(array, n_in, "X")
    return array


def checked_threshold(net: Any, threshold: Any) -> float | None:
    """The option `threshold` as a float, or None; a ValueError if the network has several output neurons."""
    if threshold is None:
        return None
    threshold = _arguments.number(threshold, "threshold")
    if threshold != threshold:  # noqa: PLR0124
        raise ValueError("threshold is NaN; expected a number, from which on an output is the answer 1")
    n_out = _parameters.layer_sizes(net)[-1]
    if n_out != 1:
        raise ValueError(
            f"threshold is {threshold}; it is for one output neuron, and this network has {n_out}: their "
            f"answer is the first largest output"
        )
    return threshold


def _is_pair(item: Any, container: type) -> bool:
    """Whether one of the two items of `data` is an example (x, y), rather than a matrix or a list of labels.

    A tuple of two is an example unless its own first item is a row of numbers. In a list, a list of two is
    one too, and so is an array of two that may be x and y.
    """
    if type(item) is tuple and len(item) == 2:
        return type(item[0]) is not tuple or len(item[0]) < 2
    if container is tuple:
        return False
    if isinstance(item, (list, tuple)):
        return len(item) == 2
    return (
        type(item) is np.ndarray
        and len(item.shape) > 0
        and len(item) == 2
        and (item.dtype == object or item.ndim == 1 or item.shape[-1] == 1)
    )


def _as_array(data: Any, name: str, only_pairs: bool) -> NDArray[Any] | None:
    """`data` as a plain array, if it is an array, nested lists or anything with `__array__`; else None."""
    if hasattr(type(data), "toarray") and not only_pairs:  # a SciPy matrix would pass for an example
        raise TypeError(f"{name} is {type(data).__name__}, which is stored sparsely; pass X.toarray()")
    if not (isinstance(data, (list, tuple, memoryview)) or hasattr(type(data), "__array__")):
        return None
    try:
        # A subclass of ndarray may say anything about its shape, its length and its rows.
        array = np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:
        if only_pairs or (isinstance(data, (list, tuple)) and len(data) == 2):  # x and y of two shapes
            return None
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name} cannot be read as an array: {error}") from None
    return array if array.ndim else None


def near_miss(X: NDArray[Any], n_in: int, name: str) -> ValueError:
    """The error for an X, called `name`, whose rows do not fit the input layer."""
    hint = ""
    if X.ndim == 2 and X.shape[0] == n_in:
        hint = "; its transpose would fit: pass X.T"
    elif X.ndim == 1 and n_in == 1:
        hint = "; reshape it: X.reshape(-1, 1)"
    elif X.ndim == 1 and len(X) == n_in:
        hint = "; of one example, make a row: X.reshape(1, -1)"
    elif X.ndim > 2 and len(X) and X.size == len(X) * n_in:
        hint = "; reshape it: X.reshape(len(X), -1)"
    return ValueError(
        f"{name} has shape {X.shape}; this network's input layer has {n_in} neurons, so the array "
        f"must have {n_in} columns, one example a row{hint}"
    )


def _targets(Y: Any, X: NDArray[Any], name: str) -> NDArray[Any]:
    """Y as an array of labels or targets."""
    try:
        array = np.asarray(Y)
    except (TypeError, ValueError, RuntimeError) as error:
        raise type(error)(f"{name}: Y cannot be read as an array: {error}") from None
    if array.dtype.kind in "USTO" and any(isinstance(y, (str, bytes)) for y in array.ravel()[:1].tolist()):
        raise TypeError(f"{name}: Y holds strings; {NUMBER_CLASSES}")
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name}: Y is {type(Y).__name__} of shape {array.shape}; for an X of shape {X.shape} it must "
            f"hold {len(X)} labels or targets, one example a row"
        )
    return array

"""The small data sets that the tests train on."""

import numpy as np


def dense_examples(n, sizes, seed=2):
    """Return n pairs (x, y) of columns, every input other than zero."""
    rng = np.random.default_rng(seed)
    return [(rng.uniform(0.05, 1.0, (sizes[0], 1)), rng.uniform(0.0, 1.0, (sizes[-1], 1))) for _ in range(n)]


def digit_examples(n, n_in=784, classes=10, seed=3, labels=False):
    """Return n pairs that look like MNIST: float32 multiples of 1/256, four fifths of them zero.

    Each class has a pattern of its own that can be learnt; x is noisy around it.
    """
    rng = np.random.default_rng(seed)
    patterns = rng.random((classes, n_in)) < 0.25
    examples = []
    for label in rng.integers(0, classes, n):
        lit = patterns[label] & (rng.random(n_in) < 0.8)
        x = (lit * rng.integers(1, 256, n_in) / 256).astype(np.float32).reshape(n_in, 1)
        y = np.zeros((classes, 1))
        y[label] = 1.0
        examples.append((x, label if labels else y))
    return examples


def dense_classes(n, n_in=784, classes=10, seed=3):
    """Return n pairs of ten classes that can be learnt, with every input other than zero.

    Inputs are small: 784 of them times the book's initial weights must not saturate the sigmoid,
    or training at eta = 3 is chaos, in which nothing can be compared.
    """
    rng = np.random.default_rng(seed)
    patterns = rng.normal(0.0, 2.0 / np.sqrt(n_in), (classes, n_in, 1))
    labels = rng.integers(0, classes, n)
    noise = rng.normal(0.0, 0.5 / np.sqrt(n_in), (n, n_in, 1))
    return [(patterns[k] + noise[i], np.eye(classes)[:, [k]]) for i, k in enumerate(labels)]


def labelled(examples, classes=3):
    """Return test data: the x of these examples, with the labels 0, 1, 2, 0, …"""
    return [(x, k % classes) for k, (x, _) in enumerate(examples)]


def as_arrays(examples):
    """Return a list of pairs as two arrays (X, Y), one example a row."""
    return (
        np.array([np.ravel(x) for x, _ in examples]),
        np.array([np.ravel(y) if np.ndim(y) else y for _, y in examples]),
    )


class Table:
    """What a DataFrame, a Series or a tensor is to the network: no array, no list, but `__array__`."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    @property
    def shape(self):
        return np.shape(self.values)

    def __bool__(self):
        raise ValueError("The truth value of a Table is ambiguous")

    def __eq__(self, other):
        return Table(np.asarray(self) == other)

    __hash__ = None

    def __getitem__(self, key):
        raise KeyError(key)  # as a DataFrame, whose columns have names

    def __iter__(self):
        return iter(["a", "b"])

"""The jobs to time: networks, mini-batch lengths and data, the same for every peer."""

import dataclasses
import functools
import os
import random
import warnings

import numpy as np


@dataclasses.dataclass(frozen=True)
class Shape:
    """A row of the benchmark: what is trained, and how.

    `checked` is the number of mini-batches after which every peer's parameters are compared;
    `epochs` is the number whose seconds are given, `learned` the number trained to see that all
    learn; `softmax_eta` is the rate for a peer that trains softmax and cross-entropy instead
    (default: a sixth of `eta`); `slow` says that peers which would take minutes
    here are left out; `saturated` starts from the book's initial weights, which put most
    sigmoids of a wide layer on their flat ends, where errors get subnormal; `times_shuffles` says that
    every peer draws the order of an epoch while it is timed. Elsewhere the peers get theirs beforehand:
    they would shuffle 50,000 numbers by a faster way than the book's.
    """

    name: str
    sizes: tuple
    m: int
    eta: float = 3.0
    data: str = "MNIST"
    epochs: int = 1
    learned: int = 1
    softmax_eta: float | None = None
    checked: int = 100
    slow: bool = False
    saturated: bool = False
    times_shuffles: bool = False


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("784-30-10, 10", (784, 30, 10), 10),
        Shape("784-100-10, 10", (784, 100, 10), 10),
        # scikit-learn starts from smaller weights, and at a third of this rate stays on its plateau.
        Shape("784-30-30-30-30-10, 10", (784, 30, 30, 30, 30, 10), 10, eta=2.0, learned=3, softmax_eta=1.0),
        Shape("784-10, 10", (784, 10), 10, eta=1.0),
        Shape("784-100-10, 100", (784, 100, 10), 100),
        Shape("784-512-512-10, 128", (784, 512, 512, 10), 128, eta=0.1, checked=4, slow=True),
        Shape(
            "1024-2048-2048-10, 256", (1024, 2048, 2048, 10), 256, eta=0.5, data="dense", checked=2, slow=True
        ),
        Shape("784-10, 10, saturated", (784, 10), 10, saturated=True),
        Shape(
            "784-512-512-10, 128, saturated",
            (784, 512, 512, 10),
            128,
            eta=0.5,
            checked=4,
            slow=True,
            saturated=True,
        ),
        Shape("2-3-1, 4", (2, 3, 1), 4, data="XOR", epochs=10_000, learned=300, times_shuffles=True),
    )
}


ROWS = "random rows"


@dataclasses.dataclass(frozen=True)
class Job:
    """A shape with its data and its starting parameters in one dtype.

    X (n, n_in), Y (n, n_out) and X_test hold one example a row; `labels` and `test_labels` are
    whole numbers, or None where the job is no classification.
    """

    shape: Shape
    source: str
    X: np.ndarray
    Y: np.ndarray
    labels: np.ndarray | None
    X_test: np.ndarray | None
    test_labels: np.ndarray | None
    weights: list
    biases: list

    @property
    def n(self):
        """Number of training examples."""
        return len(self.X)

    @property
    def density(self):
        """Share of the inputs that are not zero."""
        return np.count_nonzero(self.X) / self.X.size

    def head(self, n):
        """Return the job on its first `n` examples."""
        labels = None if self.labels is None else self.labels[:n]
        return dataclasses.replace(self, X=self.X[:n], Y=self.Y[:n], labels=labels)


def orders(n, epochs, seed):
    """Yield the order of the `n` examples in each epoch, as SGD draws it from `random`.

    SGD shuffles one list again and again, so each epoch's order starts from the one before.
    """
    draw, order = random.Random(seed), list(range(n))
    for _ in range(epochs):
        draw.shuffle(order)
        yield np.array(order)


def start(sizes, dtype, saturated=False, seed=1):
    """Return weights and biases for every peer to start from.

    Normal numbers, as in the book. Unless `saturated`, the weights are divided by the root of the
    number of inputs: otherwise wide layers start saturated, and numbers near the smallest
    representable slow some peers and not others.
    """
    draw = np.random.default_rng(seed)
    biases = [draw.standard_normal((n_out, 1)).astype(dtype) for n_out in sizes[1:]]
    weights = [
        (draw.standard_normal((n_out, n_in)) / (1 if saturated else np.sqrt(n_in))).astype(dtype)
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    for parameters in (*weights, *biases):
        parameters.setflags(write=False)  # a peer that trains these would start all others askew
    return weights, biases


def one_hot(labels, n_out, dtype):
    """Return the rows that have a one where `labels` says."""
    return np.eye(n_out, dtype=dtype)[labels]


def n_rows(shape, sample):
    """Return how many random rows a shape is trained on: many, and several mini-batches of them."""
    return max(1_280 if sample else 5_120, 4 * shape.m)


def random_rows(shape, dtype, sample):
    """Return X, labels, X_test, test_labels: rows, each the mean of noise and of its label's pattern.

    The patterns are random noughts and ones. So there is something to learn, and a peer that does not learn
    is found out.
    """
    n, n_test = n_rows(shape, sample), 1_000
    n_in, n_out = shape.sizes[0], shape.sizes[-1]
    draw = np.random.default_rng(0)
    labels = draw.integers(0, max(2, n_out), n + n_test)
    patterns = draw.integers(0, 2, (max(2, n_out), n_in)).astype(np.float32)
    X = ((draw.random((n + n_test, n_in), dtype=np.float32) + patterns[labels]) / 2).astype(dtype)
    return X[:n], labels[:n], X[n:], labels[n:]


@functools.cache
def mnist(sample=False):
    """Return (X, labels, X_test, test_labels, source) of MNIST, or of the package's sample.

    The full set comes from where the environment variable CBACKPROP_MNIST points.
    """
    from cbackprop import mnist_loader

    path = os.environ.get("CBACKPROP_MNIST")
    if sample:
        os.environ.pop("CBACKPROP_MNIST", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample warns that it is one; `source` says so
        training, _, test = mnist_loader.load_data()
    if sample and path is not None:
        os.environ["CBACKPROP_MNIST"] = path
    full = len(training[0]) == 50_000
    return (*training, *test, "MNIST" if full else "the package's sample of MNIST")


def make(shape, dtype, sample=False):
    """Return the job of `shape` in `dtype`; `sample` takes the small embedded data."""
    job = with_data(shape, dtype, sample)
    for examples in (job.X, job.Y):
        examples.setflags(write=False)  # a peer that shuffles these would change what all others train
    return job


def with_data(shape, dtype, sample):
    """Return the job whose data the shape names."""
    weights, biases = start(shape.sizes, dtype, shape.saturated)
    n_in, n_out = shape.sizes[0], shape.sizes[-1]
    if shape.data == "rows":
        X, labels, X_test, test_labels = random_rows(shape, dtype, sample)
        if n_out == 1:
            return Job(shape, ROWS, X, labels[:, None].astype(dtype), None, None, None, weights, biases)
        Y = one_hot(labels, n_out, dtype)
        return Job(shape, ROWS, X, Y, labels, X_test, test_labels, weights, biases)
    if shape.data == "XOR":
        X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
        Y = np.array([[0], [1], [1], [0]], dtype)
        return Job(shape, "XOR", X, Y, None, None, None, weights, biases)
    if shape.data == "dense":
        draw = np.random.default_rng(0)
        n = 1_280 if sample else 5_120
        X = draw.random((n, n_in), dtype=np.float32).astype(dtype)
        labels = draw.integers(0, n_out, n)
        return Job(
            shape,
            "uniform random numbers",
            X,
            one_hot(labels, n_out, dtype),
            labels,
            None,
            None,
            weights,
            biases,
        )
    X, labels, X_test, test_labels, source = mnist(sample)
    return Job(
        shape,
        source,
        np.ascontiguousarray(X, dtype),
        one_hot(labels, n_out, dtype),
        np.asarray(labels),
        np.asarray(X_test, dtype),
        np.asarray(test_labels),
        weights,
        biases,
    )


def outputs(X, weights, biases):
    """Return the network's outputs, one row an example, in float64.

    The same few lines for every peer, so that none is judged by its own code.
    """
    a = np.asarray(X, np.float64)
    with np.errstate(over="ignore"):
        for w, b in zip(weights, biases, strict=True):
            a = 1 / (1 + np.exp(-(a @ np.asarray(w, np.float64).T + np.ravel(b))))
    return a


def cost(job, outputs_of, examples=2_000):
    """Return the quadratic cost over the first training examples."""
    a = outputs_of(job.X[:examples])
    return float(((a - job.Y[:examples]) ** 2).sum() / (2 * len(a)))


def accuracy(job, outputs_of):
    """Return the share of the test examples recognised, or None where there are none."""
    if job.X_test is None:
        return None
    return float((outputs_of(job.X_test).argmax(axis=1) == job.test_labels).mean())

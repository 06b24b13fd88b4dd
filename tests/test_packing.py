"""How examples are packed changes nothing: their order in memory, the threads, where a value comes first."""

import random

import numpy as np
import pytest

from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import parameter_difference, same_bits, warnings_of

N, N_IN = 6000, 784  # enough inputs for a second thread that packs
LATE = 4500  # in the second thread's half


@pytest.fixture(scope="module")
def images():
    """Rows that look like MNIST's, and a label each."""
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 256, (N, N_IN)).astype(np.float32) / np.float32(256)
    rows[rng.random((N, N_IN)) > 0.19] = 0
    return rows, rng.integers(0, 10, N)


def sparse_where_looked(X):
    """The examples that tell the density beforehand have fewer nonzeros than the others."""
    X = X.copy()
    X[np.arange(64) * N // 64, 80:] = 0
    return X


def with_late(value, dtype=np.float32, most=200 / 256):
    """A change of a data set: a value that first comes near its end."""

    def changed(X):
        X = np.minimum(X, most).astype(dtype)
        X[LATE, 300] = value
        return X

    return changed


KINDS = {
    "float32": lambda X: X,
    "float64": lambda X: X.astype(np.float64),
    "k / 255": lambda X: np.round(X * 256).astype(np.float32) / np.float32(255),
    "whole numbers": lambda X: np.floor(X * 256) % 4,
    "zeros and ones": lambda X: (X > 0).astype(np.float32),
    "k / 255, float64": lambda X: np.round(X * 256.0) / 255,
    "one less than grey": with_late(-1 / 256),
    "one more than grey": with_late(256 / 256),
    "a new value": with_late(1.5),
    "a value too many": with_late(1.5, most=1),
    "no float32": with_late(1 / 3, np.float64),
    "a denormal": with_late(1e-42),
    "minus zero": with_late(-0.0),
    "infinity": with_late(np.inf),
    "NaN": with_late(np.nan),
    "continuous float32": lambda X: X * np.linspace(0.5, 1, N_IN, dtype=np.float32),
    "continuous with infinity": lambda X: with_late(np.inf)(X * np.linspace(0.5, 1, N_IN, dtype=np.float32)),
    "continuous float64": lambda X: X * np.linspace(0.5, 1, N_IN),
    "more than expected": sparse_where_looked,
    "dense": lambda X: X + np.float32(0.25),
}


def trained(data, network=Network, **options):
    """A network trained for an epoch."""
    np.random.seed(1)
    random.seed(1)
    net = network([N_IN, 12, 10])
    with np.errstate(all="ignore"):
        net.SGD(data, 1, 10, 0.5, **options)
    return net


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_order_and_threads(kind, images, capsys):
    """A shuffled list of pairs, on one thread and on two, as the rows of an array in that order."""
    X, labels = KINDS[kind](images[0]), images[1]
    order = np.arange(N) ^ 1  # neighbours in memory are the other way round
    Y = np.eye(10)[labels[order]]
    pairs = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X[order], Y, strict=True)]
    shuffled = [pairs[i] for i in order]
    rows = trained((X, labels), n_threads=1)
    one = trained(list(shuffled), n_threads=1)
    two = trained(list(shuffled), n_threads=2)
    plain = trained(list(shuffled), network=ReferenceNetwork)
    if np.isfinite(plain.weights[0]).all():
        assert parameter_difference(rows, plain) < 1e-9
    else:
        for ours, expected in zip(rows.weights, plain.weights, strict=True):
            np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    for other in (one, two):
        # Which of two NaNs a sum gives is the compiler's choice.
        for a, b in zip(rows.weights + rows.biases, other.weights + other.biases, strict=True):
            np.testing.assert_array_equal(a, b)
    assert rows.backend.partition("(")[2][:14] == one.backend.partition("(")[2][:14]  # the density


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("step", [2, 1000])
def test_float32_and_float64_in_one_list(step, grey, images, capsys):
    """A third, or k / 255, is another number in each of them."""
    X, labels = images[0][:1500].astype(np.float64), images[1]
    X = np.round(X * 256) / 255 if grey else np.where(X > 0.5, 1 / 3, X)
    narrow = np.arange(len(X)) % step == step // 2  # of 1000: too few for the first look
    X[narrow] = X[narrow].astype(np.float32)
    Y = np.eye(10)[labels[: len(X)]]
    wide = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y, strict=True)]
    mixed = [
        (x.astype(np.float32), y) if small else (x, y) for small, (x, y) in zip(narrow, wide, strict=True)
    ]
    assert same_bits(trained(mixed), trained(wide))


@pytest.mark.parametrize("most, warned", [(1, False), (2, True), (255, True)])
def test_pixels_are_seen_in_many_examples(most, warned, images, capsys):
    """Whole numbers past 1 are what is warned of, not the greys that there could be."""
    X = np.minimum(np.floor(images[0][:1500] * 256), most)
    assert bool(warnings_of(lambda: trained((X, images[1][:1500])), Warning)[1]) == warned


def test_what_is_changed_between_two_calls_is_seen(images, capsys):
    """Nothing is remembered of data that the same list held a call ago."""
    X, labels = images[0].copy(), images[1]
    data = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, np.eye(10)[labels], strict=True)]
    first = trained(list(data))
    X[LATE, 300] = 0.25 if X[LATE, 300] != 0.25 else 0.5
    assert not same_bits(first, trained(list(data)))


class Turns:
    """An x that, when it is read, makes another one, which was plain, an array of another type."""

    def __init__(self, other, array):
        self.other, self.array = other, array

    def __array__(self, dtype=None, copy=None):
        self.other.dtype = np.int32
        return self.array


def test_an_array_that_is_changed_while_another_is_read(images, capsys):
    """Whole numbers in the place of the floats: as if it had been so at first."""
    X, labels = images[0][:100].copy(), images[1]
    Y = np.eye(10)[labels[:100]]
    pairs = [(x.reshape(-1, 1).copy(), y.reshape(-1, 1)) for x, y in zip(X, Y, strict=True)]
    hostile = list(pairs)
    hostile[3] = (Turns(pairs[90][0], pairs[3][0].copy()), pairs[3][1])
    net = trained(hostile)
    plain = [(x.copy(), y) for x, y in pairs]
    assert plain[90][0].dtype == np.int32
    assert same_bits(net, trained(plain))

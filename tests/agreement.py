"""How the tests compare networks, and the small data sets that they train on.

Differences are relative to the largest entry of the expected array: a gradient's small entries
are sums of large terms that cancel, so their own size says nothing about rounding.
"""

import contextlib
import os
import random
import subprocess
import sys

import numpy as np

from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork

# Whether a sanitizer's allocator, which keeps what was freed, has taken the place of malloc.
SANITIZED = "san" in os.environ.get("LD_PRELOAD", "")


def difference(ours, expected):
    """Return max |ours - expected| / max |expected|; infinite if shapes or NaNs disagree."""
    ours, expected = np.asarray(ours), np.asarray(expected)
    if ours.shape != expected.shape or not np.array_equal(np.isnan(ours), np.isnan(expected)):
        return np.inf
    if expected.size == 0:
        return 0.0
    gap = np.abs(ours.astype(np.float64) - expected.astype(np.float64)).max()
    scale = np.abs(expected).max().astype(np.float64)
    return float(gap / scale) if scale else float(gap)


def worst_difference(ours, expected):
    """Return the worst `difference` of two lists of arrays."""
    if len(ours) != len(expected):
        return np.inf
    return max((difference(a, b) for a, b in zip(ours, expected, strict=True)), default=0.0)


def parameter_difference(net, plain):
    """Return the worst relative difference of two networks' weights and biases."""
    return max(worst_difference(net.weights, plain.weights), worst_difference(net.biases, plain.biases))


def same_bits(first, second):
    """Whether two networks' parameters are equal bit for bit."""
    pairs = zip(first.weights + first.biases, second.weights + second.biases, strict=True)
    return all(a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in pairs)


def copy_parameters(source, target):
    """Give `target` the parameters of `source`, as arrays of its own."""
    target.weights = [w.copy() for w in source.weights]
    target.biases = [b.copy() for b in source.biases]
    return target


def network_and_reference(
    sizes, seed=1, scaled=False, network=Network, reference=ReferenceNetwork, **options
):
    """Return a network and a NumPy reference with the same parameters.

    `scaled` divides weights by sqrt(n_in): wide layers then stay off the sigmoid's flat ends,
    where sigma' = s (1 - s) has no digits left to compare.
    """
    np.random.seed(seed)
    plain = reference(sizes, **options)
    if scaled:
        plain.weights = [(w / np.sqrt(max(w.shape[1], 1))).astype(w.dtype) for w in plain.weights]
    np.random.seed(seed)
    return copy_parameters(plain, network(sizes, **options)), plain


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


def as_arrays(examples):
    """Return a list of pairs as two arrays (X, Y), one example a row."""
    return (
        np.array([np.ravel(x) for x, _ in examples]),
        np.array([np.ravel(y) if np.ndim(y) else y for _, y in examples]),
    )


def train_step_by_step(net, examples, mini_batch_size, eta, epochs=1):
    """Train as `SGD` does, through public calls alone: shuffle, slice, `update_mini_batch`."""
    for _ in range(epochs):
        random.shuffle(examples)
        for k in range(0, len(examples), mini_batch_size):
            net.update_mini_batch(examples[k : k + mini_batch_size], eta)


@contextlib.contextmanager
def nothing_changes(net, examples=()):
    """Check on leaving that parameters, random states and the examples' order are as they were."""
    lists = net.weights, net.biases
    arrays = [list(lists[0]), list(lists[1])]
    values = [np.array(a, copy=True) for side in arrays for a in side]
    order = [id(example) for example in examples]
    state, np_state = random.getstate(), repr(np.random.get_state())
    yield
    assert net.weights is lists[0] and net.biases is lists[1]
    for now, then in zip(lists, arrays, strict=True):
        assert len(now) == len(then) and all(a is b for a, b in zip(now, then, strict=True))
    for now, then in zip([a for side in arrays for a in side], values, strict=True):
        np.testing.assert_array_equal(now, then)
    assert [id(example) for example in examples] == order
    assert random.getstate() == state
    assert repr(np.random.get_state()) == np_state


def run_python(code, folder, env=None, timeout=120):
    """Run `code` in a fresh interpreter, away from the sources, and return what came of it.

    Where an escape would be a crash or a hang, it must be the child that dies, not the tests.
    """
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env,
        timeout=timeout,
        check=False,
        capture_output=True,
        text=True,
    )

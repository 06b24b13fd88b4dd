"""How the tests compare networks.

Differences are relative to the largest entry of the expected array: a gradient's small entries
are sums of large terms that cancel, so their own size says nothing about rounding.
"""

import contextlib
import random
import warnings

import numpy as np

from cbackprop.network import Network
from cbackprop.network2 import CrossEntropyCost
from cbackprop.network2 import Network as Network2
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2


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


def in_float64(net):
    """Return a reference in float64 with the parameters of `net`."""
    double = ReferenceNetwork([1])
    double.weights = [w.astype(np.float64) for w in net.weights]
    double.biases = [b.astype(np.float64) for b in net.biases]
    return double


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


def network2_and_reference(sizes, cost=CrossEntropyCost, seed=1, **options):
    """Return a network of network2 and a NumPy reference with the same parameters."""
    options = {"cost": cost, **options}
    return network_and_reference(sizes, seed, network=Network2, reference=ReferenceNetwork2, **options)


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


def warnings_of(call, kind=UserWarning):
    """Return what `call` returns, and its warnings of this kind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, [w for w in caught if issubclass(w.category, kind)]

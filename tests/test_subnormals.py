"""Subnormal numbers count as 0 in training and evaluation, and nowhere else."""

import contextlib
import io
import random
import signal
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbackprop import network, network2
from cbackprop._subnormals import are_flushed, can_be_flushed, flushing
from cbackprop.reference.network2 import ReferenceNetwork2
from support import every_call
from support.agreement import copy_parameters, network_and_reference, same_bits
from support.examples import digit_examples

pytestmark = pytest.mark.skipif(
    not can_be_flushed(), reason="the package cannot tell this processor to flush subnormal numbers"
)

CALLS = {name: (make, call) for name, make, call in every_call.calls_of(every_call.RIGHT)}
WRONG_CALLS = {name: (make, call) for name, make, call in every_call.calls_of(every_call.WRONG)}
SMALLEST = {dtype: float(np.finfo(dtype).smallest_normal) for dtype in (np.float64, np.float32)}


def flushed_now():
    """Whether a subnormal number that NumPy computes now becomes 0."""
    return (np.array([SMALLEST[np.float64]]) * 0.5)[0] == 0


def test_the_context_reaches_numpy_and_ends():
    assert not flushed_now()
    with flushing():
        assert flushed_now()
        with flushing():
            pass
        assert flushed_now()
    assert not flushed_now()
    with pytest.raises(ZeroDivisionError), flushing():
        raise ZeroDivisionError
    assert not flushed_now()


@pytest.mark.parametrize("name", CALLS)
def test_no_public_call_leaves_the_mode_behind(name):
    make, call = CALLS[name]
    net = make()
    with contextlib.redirect_stdout(io.StringIO()):
        call(net)
    assert not are_flushed()


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_no_error_leaves_the_mode_behind(name):
    make, call = WRONG_CALLS[name]
    net = make()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(BaseException):
        call(net)
    assert not are_flushed()


class WatchingCost(network2.QuadraticCost):
    """Notes the mode in which the user's functions run."""

    seen: ClassVar[list] = []

    @staticmethod
    def fn(a, y):
        WatchingCost.seen.append(("fn", flushed_now()))
        return 0.5 * float(((a - y) ** 2).sum())

    @staticmethod
    def delta(z, a, y):
        WatchingCost.seen.append(("delta", flushed_now()))
        return a - y


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_users_functions_run_with_subnormals(n_threads, monkeypatch):
    seen = WatchingCost.seen = []
    examples = digit_examples(20)
    monkeypatch.setattr(network2, "print", lambda text: seen.append(("print", flushed_now())), raising=False)
    net = network2.Network([784, 10, 10], WatchingCost)
    net.SGD(examples, 1, 5, 0.1, monitor_training_cost=True, n_threads=n_threads)

    class Watching(network.Network):
        def evaluate(self, test_data):
            seen.append(("evaluate", flushed_now()))
            return 0

    Watching([784, 10, 10]).SGD(examples, 1, 5, 0.1, test_data=examples, n_threads=n_threads)
    assert {name for name, _ in seen} == {"fn", "delta", "print", "evaluate"}
    assert not any(flushed for _, flushed in seen)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupt_leaves_no_mode_behind(n_threads, capsys):
    net = network.Network([784, 30, 10])
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            net.SGD(digit_examples(1000), 10**6, 10, 0.1, n_threads=n_threads)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not are_flushed()


def tiny_errors(dtype):
    """A network of one example whose gradient is subnormal: ∂C/∂w = (a − y) σ′(z) x, with a tiny x."""
    net = network.Network([1, 1], dtype=dtype)
    net.weights, net.biases = [np.ones((1, 1), dtype)], [np.zeros((1, 1), dtype)]
    return net, np.full((1, 1), SMALLEST[dtype] / 2, dtype), np.ones((1, 1), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_single_calls_keep_subnormals(dtype):
    net, x, y = tiny_errors(dtype)
    for _, nabla_w in (net.backprop(x, y), net.backprop_mini_batch(x, y)):
        assert 0 < abs(float(nabla_w[0][0, 0])) < SMALLEST[dtype]
    low = np.full((1, 1), np.log(SMALLEST[dtype]) - 2, dtype)
    assert 0 < float(network.sigmoid(low)[0, 0]) < SMALLEST[dtype]
    assert 0 < float(net.feedforward(low)[0, 0]) < SMALLEST[dtype]
    assert 0 < float(net.feedforward(np.hstack([low, low]))[0, 1]) < SMALLEST[dtype]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("epochs", [None, 1])
def test_training_flushes_them(dtype, epochs, capsys):
    net, x, y = tiny_errors(dtype)
    net.weights = [np.zeros((1, 1), dtype)]
    if epochs is None:
        net.update_mini_batch([(x, y)], 1.0)
    else:
        net.SGD([(x, y)], epochs, 1, 1.0)
    assert net.weights[0][0, 0] == 0  # NumPy's step is (1 - 1/2)/4 of a subnormal number
    assert net.biases[0][0, 0] == 0.125


def saturating(module, dtype, sizes, seed, **options):
    """A network and its reference whose neurons saturate: weights of hundreds."""
    reference = ReferenceNetwork2 if module is network2 else None
    classes = {"network": network2.Network, "reference": reference} if reference else {}
    net, plain = network_and_reference(sizes, seed=seed, dtype=dtype, **classes, **options)
    plain.weights = [
        w * w.dtype.type(40 * np.sqrt(w.shape[1]) if module is network2 else 40) for w in plain.weights
    ]
    return copy_parameters(plain, net), plain


def run(net, examples, epochs=2, **options):
    random.seed(3)
    with contextlib.redirect_stdout(io.StringIO()):
        net.SGD(list(examples), epochs, 5, 0.5, **options)
    return net


@settings(deadline=None)
@given(
    dtype=st.sampled_from([np.float64, np.float32]),
    module=st.sampled_from([network, network2]),
    hidden=st.lists(st.integers(1, 40), min_size=0, max_size=3),
    seed=st.integers(0, 2**16),
    sparse=st.booleans(),
)
def test_saturated_networks_step_as_the_flushed_reference(dtype, module, hidden, seed, sparse):
    """Each step agrees up to rounding; the next starts from there."""
    rng = np.random.default_rng(seed)
    X = rng.random((20, 40)) * (rng.random((20, 40)) < (0.2 if sparse else 1))
    examples = [(x.reshape(-1, 1), np.eye(3)[:, [i % 3]]) for i, x in enumerate(X)]
    net, plain = saturating(module, dtype, [40, *hidden, 3], seed)
    arguments = (0.5, 0.1, 20) if module is network2 else (0.5,)
    tolerance = 1e-9 if dtype is np.float64 else 2e-3
    for start in range(0, 20, 5):
        copy_parameters(plain, net)
        before = net.weights + net.biases
        net.update_mini_batch(examples[start : start + 5], *arguments)
        with flushing():
            plain.update_mini_batch(examples[start : start + 5], *arguments)
        # Near s = 1, the 1 - s of sigma' is off by a rounding of 1, which each layer's weights enlarge.
        largest = [max(1.0, float(np.abs(w).max())) for w in plain.weights]
        rounding = 16 * np.finfo(dtype).eps * np.prod(largest)
        for old, ours, expected in zip(
            before, net.weights + net.biases, plain.weights + plain.biases, strict=True
        ):
            step = np.abs(expected - old).max()
            assert np.abs(ours - expected).max() <= tolerance * step + rounding


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[784, 10], [784, 100, 30, 10], [784, 30, 30, 30, 30, 10]])
def test_the_same_bits_with_more_threads(dtype, sizes):
    """Every worker flushes, not the calling thread alone."""
    examples = digit_examples(60)
    first, second = (
        run(saturating(network, dtype, sizes, 1)[0], examples, n_threads=n_threads) for n_threads in (1, 2)
    )
    assert same_bits(first, second)

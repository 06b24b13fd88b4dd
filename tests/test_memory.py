"""Memory: one packed copy of the data while SGD runs, and nothing left behind afterwards."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

from cbackprop.network import Network
from support.children import run_python
from support.examples import dense_examples, digit_examples

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's figures")

PEAK = """
import resource, sys
import numpy as np
from cbackprop.network import Network
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
rng = np.random.default_rng(0)
n = 20000
examples = []
for k in range(n):
    x = ((rng.random((784, 1), np.float32) < {density}) * np.float32(k % 255 + 1) / 256)
    examples.append((x.astype(np.float32), np.eye(10)[:, [k % 10]]))
net = Network([784, 30, 10])
net.SGD(examples[:200], 1, 10, 0.1)
net.weights
before = peak()
net.SGD(examples, 1, 10, 0.1)
print(peak() - before)
"""


@linux
@pytest.mark.parametrize("density, copies", [(1.1, 1.0), (0.19, 0.6)])
def test_sgd_needs_one_packed_copy(density, copies, tmp_path):
    """float32 data is packed as float32 when dense, and in less where most of it is zero."""
    child = run_python(PEAK.format(density=density), tmp_path)
    one_copy = 20000 * (784 * 4 + 10 * 8)
    assert int(child.stdout.split()[-1]) < copies * one_copy + 8e6


ARRAYS = """
import resource
import numpy as np
from cbackprop.network import Network
X = np.random.default_rng(0).random((40000, 784), np.float32)
Y = np.zeros(40000, int)
net = Network([784, 30, 10])
net.evaluate((X[:100], Y[:100]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
net.evaluate((X, Y))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""


@linux
def test_evaluate_of_arrays_copies_at_most_what_it_was_given(tmp_path):
    child = run_python(ARRAYS, tmp_path)
    assert int(child.stdout) < 40000 * 784 * 4 + 8e6


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def every_call(net, examples):
    x, y = examples[0]
    net.feedforward(x)
    net.backprop(x, y)
    net.update_mini_batch(examples[:10], 0.1)
    net.evaluate([(x, 1) for x, _ in examples])
    net.SGD(list(examples), 1, 10, 0.1)
    for bad in (
        lambda: net.feedforward(None),
        lambda: net.evaluate([(x, y)]),
        lambda: net.backprop(x[:5], y),
        lambda: net.update_mini_batch([(x, None)], 0.1),
        lambda: net.SGD([*examples, (x[:5], y)], 1, 10, 0.1),
    ):
        with pytest.raises((ValueError, TypeError)):
            bad()


@linux
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_nothing_leaks(kind, capsys):
    """Two hundred rounds of every call, right and wrong, over a network of half a megabyte."""
    examples = digit_examples(50) if kind == "sparse" else dense_examples(50, [784, 10])
    net = Network([784, 80, 10])
    for _ in range(20):
        every_call(net, examples)
    gc.collect()
    tracemalloc.start()
    every_call(net, examples)
    traced = tracemalloc.get_traced_memory()[0]
    before = resident()
    for _ in range(200):
        every_call(net, examples)
    gc.collect()
    leaked = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    assert resident() - before < 20e6  # 200 lost copies of the weights alone would be 100 MB
    assert leaked < 1.5e6


def test_references_to_the_examples_are_given_back(capsys):
    examples = digit_examples(50)
    x, y = examples[0]
    net = Network([784, 20, 10])
    every_call(net, examples)
    gc.collect()
    before = sys.getrefcount(x), sys.getrefcount(y), sys.getrefcount(examples[0])
    for _ in range(5):
        every_call(net, examples)
    gc.collect()
    assert (sys.getrefcount(x), sys.getrefcount(y), sys.getrefcount(examples[0])) == before


def test_a_network_is_freed_with_its_last_name(capsys):
    tracemalloc.start()
    examples = dense_examples(50, [300, 10])
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(3):
        net = Network([300, 300, 10])
        net.SGD(list(examples), 1, 10, 0.1)
        del net
        gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert left < 0.5 * np.zeros((300, 300)).nbytes

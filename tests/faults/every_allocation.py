"""Run public calls again and again, their 1st, 2nd, 3rd … allocation failing: a child of test_faults.py.

Always MemoryError, or the call's own result where the allocation was not vital; parameters are those of
before, or of the completed call. Prints a line for each call, and exits with 1 after the first that breaks
the rule. The blocks that are lost are printed, not judged: Python's own list(…) loses some (3.11 and 3.12).
"""

import collections
import ctypes
import gc
import io
import itertools
import os
import random
import re
import shutil
import sys
import tempfile
import traceback

import numpy as np

from cbackprop import network, network2

sys.stdout = io.StringIO()
allocator = ctypes.CDLL(sys.argv[1])
rng = np.random.default_rng(0)
SIZES = [40, 7, 3]
EXAMPLES = [(rng.random((40, 1)) * (rng.random((40, 1)) < 0.2), np.eye(3)[:, [k % 3]]) for k in range(24)]
DENSE = [(rng.random((40, 1)), rng.random((3, 1))) for _ in range(9)]
TESTS = [(x, k % 3) for k, (x, _) in enumerate(EXAMPLES)]
X, Y = np.hstack([x for x, _ in EXAMPLES]).T.copy(), np.arange(24) % 3
COLUMNS, TARGETS = X.T, np.eye(3)[:, Y]
x, y = DENSE[0]
FOLDER = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
MONITORS = [True] * 4


def saved(name):
    path = os.path.join(FOLDER, name)
    network2.Network(SIZES).save(path)
    return path


JSON, NPZ = saved("net.json"), saved("net.npz")
# A block that is given back is kept for the next call, unless it is of another size.
WIDE = network.Network([40, 2000, 3])
MIXED = network.Network(SIZES, activation="tanh", neuron_activations={(2, 1): "relu", (3, 0): "linear"})
# Dense but for those that are looked at first, so that their records outgrow what was taken for them.
GROWING = [(rng.random((40, 1)) * (k % 2), np.eye(3)[:, [k % 3]]) for k in range(128)]
CALLS = {
    "Network": (network, lambda net: network.Network(SIZES)),
    "feedforward": (network, lambda net: net.feedforward(x)),
    "feedforward, columns": (network, lambda net: net.feedforward(COLUMNS)),
    "feedforward, another size": (network, lambda net: (WIDE.feedforward(x), net.feedforward(x))),
    "feedforward, activations": (network, lambda _: MIXED.feedforward(x)),
    "backprop": (network, lambda net: net.backprop(x, y)),
    "backprop_mini_batch": (network, lambda net: net.backprop_mini_batch(COLUMNS, TARGETS)),
    "update_mini_batch, sparse": (network, lambda net: net.update_mini_batch(EXAMPLES[:10], 0.1)),
    "update_mini_batch, dense": (network, lambda net: net.update_mini_batch(DENSE, 0.1)),
    "update_mini_batch, records that grow": (network, lambda net: net.update_mini_batch(GROWING, 0.1)),
    "evaluate": (network, lambda net: net.evaluate(TESTS)),
    "evaluate, arrays": (network, lambda net: net.evaluate((X, Y))),
    "SGD": (network, lambda net: net.SGD(list(EXAMPLES), 1, 24, 0.1, TESTS)),
    "SGD, dense": (network, lambda net: net.SGD(DENSE * 2, 1, 18, 0.1)),
    "SGD, arrays, two threads": (network, lambda net: net.SGD((X, Y), 1, 24, 0.1, n_threads=2)),
    "network2: backprop": (network2, lambda net: net.backprop(x, y)),
    "network2: update_mini_batch": (network2, lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 9)),
    "network2: SGD": (
        network2,
        lambda net: net.SGD(list(EXAMPLES), 1, 24, 0.1, 5.0, TESTS, *MONITORS, mu=0.5, early_stopping_n=2),
    ),
    "network2: SGD, restore_best": (
        network2,
        lambda net: net.SGD(list(EXAMPLES), 1, 24, 0.1, 5.0, TESTS, early_stopping_n=2, restore_best=True),
    ),
    "network2: accuracy": (network2, lambda net: net.accuracy(TESTS)),
    "network2: total_cost": (network2, lambda net: net.total_cost(TESTS, 5.0, convert=True)),
    "network2: save, JSON": (network2, lambda net: net.save(JSON)),
    "network2: save, npz": (network2, lambda net: net.save(NPZ)),
    "network2: load, JSON": (network2, lambda net: network2.load(JSON)),
    "network2: load, npz": (network2, lambda net: network2.load(NPZ)),
}


def bits(net):
    return b"".join(p.tobytes() for p in net.weights + net.biases)


def seeded(module):
    """A network that is the same each time, and the same random numbers to come."""
    np.random.seed(1)
    random.seed(1)
    return module.Network(SIZES)


def stop():
    """End the failing, which may still strike while it is being ended."""
    while True:
        try:
            return allocator.stop()
        except MemoryError:
            pass


def is_foreign(error):
    """Whether a function of NumPy's or Python's lost its MemoryError on the way: some do."""
    return isinstance(error, SystemError) and re.match("<built-in .* returned NULL without", str(error))


def one_pass(name, module, call):
    """Fail each allocation in turn, until the call needs no more of them."""
    outcomes = collections.Counter()
    net = seeded(module)
    call(net)
    done = bits(net)
    for n in itertools.count(1):
        net, error = seeded(module), None
        before = bits(net)
        try:
            allocator.fail_at(n)
            call(net)
        except BaseException as raised:
            error = raised
        if not stop():
            return outcomes
        if error is None:
            outcomes["did without"] += 1
        elif isinstance(error, MemoryError):
            outcomes["MemoryError"] += 1
        elif is_foreign(error):
            outcomes["lost by NumPy or Python"] += 1
        else:
            traceback.print_exception(error)
            sys.exit(f"{name}: allocation {n} failed, and this came")
        if bits(net) not in ((done,) if error is None else (before, done)):
            traceback.print_exception(error)
            sys.exit(f"{name}: allocation {n} failed and left other parameters")
        if name.endswith(("JSON", "npz")):
            network2.load(JSON), network2.load(NPZ)
            if len(os.listdir(FOLDER)) != 2:
                sys.exit(f"{name}: allocation {n} failed and left {os.listdir(FOLDER)}")
        del net, error


for name, (module, call) in CALLS.items():
    if len(sys.argv) > 2 and sys.argv[2] not in name:
        continue
    in_use = []
    for _ in range(6):
        outcomes = one_pass(name, module, call)
        gc.collect()
        in_use.append(allocator.live())
    # The first passes fill caches; what is lost where an allocation fails is lost in every pass.
    lost = min(after - before for before, after in itertools.pairwise(in_use[1:]))
    print(f"{name}: {dict(outcomes)}, {lost} blocks more with each pass", file=sys.__stdout__, flush=True)
shutil.rmtree(FOLDER)

"""Networks that threads share, with and without a global interpreter lock.

A Python without the lock is where the tests of the first half can fail; every Python runs them. For longer
than the two seconds that they take each by default, set CBACKPROP_STRESS_SECONDS.
"""

import os
import sys
import sysconfig

import pytest

from support.children import run_python

SECONDS = float(os.environ.get("CBACKPROP_STRESS_SECONDS", "2"))
PACE = "import sys; sys.setswitchinterval(1e-5); SECONDS = %r" % SECONDS  # noqa: UP031  (code has braces)

# What the children share: run(calls) calls each of them over and over in its own thread, until time is up,
# and at least once, however many others want the processors.
THREADS = """
import copy, os, pickle, random, threading, time, traceback
import numpy as np
from cbackprop import network, network2
from cbackprop._memory import remember
sys.stdout = open(os.devnull, "w")
failed = []

def run(calls, seconds):
    stop = time.perf_counter() + seconds
    start = threading.Barrier(len(calls))
    made = [0] * len(calls)
    def loop(number, call):
        try:
            start.wait()
            while (time.perf_counter() < stop or not made[number]) and not failed:
                call()
                made[number] += 1
        except BaseException:
            failed.append(traceback.format_exc())
            start.abort()
    threads = [threading.Thread(target=loop, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(failed[0])
"""

# Every row of the first weights is the same, every column of the second too: each step moves them alike, and
# an array of which one half is older than the other would show.
ALL_CALLS = """
SIZES = [64, 33, 2]
rng = np.random.default_rng(0)
dense = [(rng.random((64, 1)), np.eye(2)[:, [k % 2]]) for k in range(60)]
sparse = [(x * (rng.random((64, 1)) < 0.2), y) for x, y in dense]
tests = [(x, 0) for x, _ in dense]
X = np.array([x.ravel() for x, _ in sparse])
Y = np.array([y.ravel() for _, y in sparse])
first, second = network.Network(SIZES), network2.Network(SIZES, cost=network2.QuadraticCost)

def alike():
    row, columns = rng.normal(size=(1, 64)), np.full((2, 33), 0.3)
    return [np.tile(row, (33, 1)), columns], [np.zeros((33, 1)), np.zeros((2, 1))]

starts = [alike() for _ in range(20)]

def check(weights, biases):
    assert [w.shape for w in weights] == [(33, 64), (2, 33)], [w.shape for w in weights]
    assert [b.shape for b in biases] == [(33, 1), (2, 1)], [b.shape for b in biases]
    for array in (weights[0], weights[1].T, biases[0]):
        assert np.isfinite(array).all()
        gap = np.abs(array - array[0]).max()
        assert gap <= 1e-9 * max(1.0, np.abs(array).max()), f"torn: {gap}"

def reassign(net):
    weights, biases = random.choice(starts)
    net.weights = [w.copy() for w in weights]
    net.biases = [b.copy() for b in biases]
    if net is second:
        remember(net, velocities=None)

def read(net):
    check(net.weights, net.biases)

def pickled(net):
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), copy.copy(net)):
        check(other.weights, other.biases)

def gradients(net):
    x, y = random.choice(sparse)
    nabla_b, nabla_w = net.backprop(x, y)
    assert nabla_w[0].shape == (33, 64) and nabla_b[0].shape == (33, 1)
    net.backprop_mini_batch(X.T, Y.T)

def answers(net):
    a = net.feedforward(random.choice(dense)[0])
    assert a.shape == (2, 1) and ((0 <= a) & (a <= 1)).all()
    assert net.feedforward(X.T).shape == (2, 60)

for net in (first, second):
    net.weights, net.biases = alike()

def calls_of(step):
    # `step` turns these rows into eight threads, each of which goes through its calls in turn.
    turns = [
        [lambda: first.SGD(list(sparse), 1, 7, 0.1, test_data=tests),
         lambda: second.SGD(list(sparse), 1, 7, 0.1, 0.1, tests, True, True, True, True, mu=0.5)],
        [lambda: first.SGD((X, Y), 1, 10, 0.1, n_threads=2),
         lambda: second.SGD((X, Y), 2, 10, 0.1, 0.1, tests, restore_best=True, regularization="L1")],
        [lambda: first.update_mini_batch(sparse[:10], 0.1),
         lambda: second.update_mini_batch(dense[:10], 0.1, 0.1, 60, mu=0.5)],
        [lambda: second.update_mini_batch(sparse[:10], 0.1, 0.1, 60),
         lambda: first.update_mini_batch(dense[:3], 0.1)],
        [lambda: gradients(first), lambda: gradients(second),
         lambda: answers(first), lambda: answers(second)],
        [lambda: first.evaluate(tests), lambda: second.accuracy(tests),
         lambda: second.total_cost(sparse, 0.1)],
        [lambda: reassign(first), lambda: reassign(second)],
        [lambda: read(first), lambda: read(second), lambda: pickled(first), lambda: pickled(second)],
    ]
    return [step(each) for each in turns]

def in_turn(calls):
    def call():
        for one in calls:
            one()
    return call

calls = calls_of(in_turn)
"""

STRESS = """
run(calls, SECONDS)
for net in (first, second):
    check(net.weights, net.biases)
sys.stderr.write("still alive")
"""

# What is left after many calls: memory blocks of Python's, and references to what all calls were given (but
# for labels: all of Python holds the number 0). What calls leak is there in every round; one round may find
# a thread's last list not yet gone. A debug build's sys.gettotalrefcount says more, but only where NumPy is
# built for it too: a wheel's references do not count.
COUNT = """
import gc
given = [item for pair in dense + sparse for item in (pair, *pair)] + tests + [X, Y, first, second]
def left():
    gc.collect()
    return sys.getallocatedblocks(), sum(map(sys.getrefcount, given))

def growth(work):
    counts = []
    for _ in range(6):
        work()
        counts.append(left())
    return [(later[0] - sooner[0], later[1] - sooner[1]) for sooner, later in zip(counts[2:], counts[3:])]

def alone():
    for call in calls:
        for _ in range(20):
            call()

for _ in range(30):    # until Python's own lists of blocks to use again are full, most slowly those of 3.12
    alone()
# One block that one call leaked would be 20 after `alone`, and some hundreds after threads, which keep more.
for work, limit in ((alone, 20), (lambda: run(calls, max(0.5, SECONDS / 6)), 50)):
    grown = growth(work)
    sys.stderr.write(f"{grown} ")
    assert min(blocks for blocks, _ in grown) < limit, grown
    assert any(references == 0 for _, references in grown), grown
"""


def child(code, folder):
    """Run the code in a Python that keeps its lock off, where it has a choice; it must end well."""
    env = {"PYTHON_GIL": "0"} if sysconfig.get_config_var("Py_GIL_DISABLED") else None
    return run_python(PACE + THREADS + code, folder, env=env, timeout=8 * SECONDS + 240).stderr


def test_eight_threads_that_share_two_networks(tmp_path):
    assert child(ALL_CALLS + STRESS, tmp_path).endswith("still alive")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts what CPython counts")
def test_nothing_is_lost_or_kept(tmp_path):
    print(child(ALL_CALLS + COUNT, tmp_path))


LISTS = """
SIZES = [40, 8, 3]
rng = np.random.default_rng(1)
def examples(n):
    return [(rng.random((40, 1)) * (rng.random((40, 1)) < 0.3), np.eye(3)[:, [k % 3]]) for k in range(n)]
nets = [network.Network(SIZES) for _ in range(4)]
def allowed(call, *errors):
    def tried():
        try:
            call()
        except errors as error:
            assert not isinstance(error, RuntimeError) or "length" in str(error), error
    return tried
"""

# A list that several calls of SGD shuffle at once stays a permutation of what it was. (Without the
# lock Python's own random.shuffle in two threads does not keep it one, so it has no place here.)
SHUFFLED = """
shared = examples(3000)
before = sorted(map(id, shared))
def look():
    for x, y in shared:
        assert x.shape == (40, 1) and y.shape == (3, 1)
    random.choice(shared)
run([lambda net=net: net.SGD(shared, 3, 500, 0.1) for net in nets] + [look], SECONDS)
assert sorted(map(id, shared)) == before
assert all(sys.getrefcount(pair) < 20 for pair in shared)
"""

# Another thread shortens and refills the lists that are being read: an error says so, or the call goes well.
RESIZED = """
full, labelled = examples(200), [(x, 1) for x, _ in examples(200)]
shared, tests = list(full), list(labelled)
X, Y = np.array([x.ravel() for x, _ in full]), np.arange(200) % 3
pair = [X, Y]
def resize():
    for items, whole in ((shared, full), (tests, labelled)):
        del items[random.randrange(200):]
        items.clear()
        items.extend(whole)
def swap():
    pair[:] = [X[:5].copy(), Y[:5].copy()]
    pair[:] = [X, Y]
def write_labels():
    Y[:] = 1000000
    Y[:] = 1
run([resize, swap, write_labels] + [
    allowed(call, RuntimeError, IndexError, ValueError, ZeroDivisionError) for call in (
        lambda: nets[0].SGD(shared, 2, 10, 0.1, test_data=tests),
        lambda: nets[1].SGD(pair, 2, 10, 0.1, test_data=pair),
        lambda: nets[2].update_mini_batch(shared, 0.1),
        lambda: nets[3].evaluate(tests),
        lambda: nets[3].evaluate(pair),
    )
], SECONDS)
"""

# So do the lists of a network's own arrays, which the user may change in place. What is pickled meanwhile is
# a network of lists that stay: CPython 3.13's pickle itself crashes on a list that another thread empties.
PARAMETERS = """
net = nets[0]
data = examples(50)
x, y = data[0]
weights, biases = net.weights, net.biases
arrays = [w.copy() for w in weights], [b.copy() for b in biases]
net2 = network2.Network(SIZES)
def resize():
    for items, whole in zip((weights, biases), arrays):
        items.pop()
        items.extend([None, None])
        items.clear()
        items.extend(w.copy() for w in whole)
def put_back():
    net.weights, net.biases = weights, biases
    net2.weights, net2.biases = weights, biases
def add_attributes():
    for k in range(50):
        setattr(nets[1], f"note{k}", k)
    for k in range(50):
        delattr(nets[1], f"note{k}")
run([resize, put_back, add_attributes, lambda: pickle.dumps(nets[1])] + [
    allowed(call, IndexError, ValueError, TypeError) for call in (
        lambda: net.feedforward(x), lambda: net.backprop(x, y), lambda: net.update_mini_batch(data, 0.1),
        lambda: net2.update_mini_batch(data, 0.1, 0.1, 50, mu=0.5),
        lambda: net.evaluate([(x, 1)] * 50),
    )
], SECONDS)
"""


@pytest.mark.parametrize("code", [SHUFFLED, RESIZED, PARAMETERS], ids=["shuffled", "resized", "parameters"])
def test_lists_that_another_thread_changes(code, tmp_path):
    child(LISTS + code, tmp_path)


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has its lock")
def test_importing_leaves_the_lock_off(tmp_path):
    code = """
import sys, warnings
warnings.simplefilter("error")
import numpy
assert not sys._is_gil_enabled()
import cbackprop, cbackprop.network2, cbackprop.chapter, cbackprop.mnist_loader
assert not sys._is_gil_enabled()
"""
    run_python(code, tmp_path, env={"PYTHON_GIL": None})

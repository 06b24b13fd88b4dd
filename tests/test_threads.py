"""Networks in threads: side by side they train in parallel; sharing one never breaks it."""

import os
import random
import re
import sys
import threading
import time

import numpy as np
import pytest

from cbackprop import _pace, _processors, network2
from cbackprop._csr import Csr
from cbackprop._step_options import StepOptions
from cbackprop._training import Training
from cbackprop.network import Network
from support.agreement import same_bits
from support.children import SANITIZED, run_python
from support.examples import dense_examples, digit_examples


def train_alone(seed):
    """Train a network without touching the global random state, which threads would share."""
    rng = np.random.default_rng(seed)
    net = Network([60, 20, 10])
    net.weights = [rng.normal(size=w.shape) for w in net.weights]
    net.biases = [rng.normal(size=b.shape) for b in net.biases]
    mini_batch = digit_examples(50, 60, seed=seed)
    for _ in range(200):
        net.update_mini_batch(mini_batch, 0.5)
    net.SGD(mini_batch[:1] * 500, 3, 10, 0.5)  # the same example: no order to depend on
    return net


def side_by_side(calls):
    """Make each of these calls in a thread of its own, and return when all have ended."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_networks_in_threads_get_what_they_get_alone(capsys):
    expected = [train_alone(seed) for seed in range(4)]
    found = {}
    side_by_side([lambda seed=seed: found.update({seed: train_alone(seed)}) for seed in range(4)])
    for net, alone in zip(map(found.get, range(4)), expected, strict=True):
        assert same_bits(net, alone)


class Marks:
    """A stream that notes each line, as E. Unlike a file's, its `write` keeps the GIL."""

    def __init__(self):
        self.seen = ""

    def write(self, text):
        if text != "\n":
            self.seen += "E"

    def flush(self):
        pass


def test_a_network_trains_within_a_single_epoch_of_another(monkeypatch):
    """Whole calls of one network, (), fall between the lines E of two epochs of another.

    Python is told never to take the GIL from a thread. So a thread that held it for an epoch, or held a lock
    that the other needs, would let no whole call in between. What counts is the order, not the clock.
    """
    marks = Marks()
    monkeypatch.setattr(sys, "stdout", marks)
    examples, ended = dense_examples(300, [784, 10]) * 20, threading.Event()
    until = time.perf_counter() + 60  # where it fails

    def is_shown():
        return re.search(r"E[()]*\(\)[()]*E", marks.seen)

    def train_long_epochs():
        net = Network([784, 200, 10])
        try:
            while not is_shown() and time.perf_counter() < until:
                marks.seen += "SGD "
                net.SGD(examples[:], 3, 10, 0.1, n_threads=1)
        finally:
            ended.set()

    def train_briefly():
        net = Network([784, 30, 10])
        while not ended.is_set():
            marks.seen += "("
            net.update_mini_batch(examples[:10], 0.1)
            marks.seen += ")"
            time.sleep(0.01)  # much less than an epoch

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        side_by_side([train_long_epochs, train_briefly])
    finally:
        sys.setswitchinterval(interval)
    assert is_shown(), marks.seen[:200]


SHARED = """
import random, sys, threading, time
import numpy as np
from cbackprop.network import Network
sys.stdout = open("/dev/null", "w")
rng = np.random.default_rng(0)
sizes = [64, 33, 10]
examples = [(rng.random((64, 1)) * (rng.random((64, 1)) < 0.3), np.eye(10)[:, [k % 10]])
            for k in range(100)]
net = Network(sizes)
stop = time.perf_counter() + 1.5
def until_then(call):
    def loop():
        while time.perf_counter() < stop:
            call()
    return threading.Thread(target=loop)
x, y = examples[0]
tests = [(x, 3)] * 50
threads = [until_then(call) for call in (
    lambda: net.SGD(list(examples), 2, 10, 0.1, test_data=tests),
    lambda: net.SGD(list(examples), 2, 7, 0.1, n_threads=2),
    lambda: net.update_mini_batch(examples[:10], 0.1),
    lambda: net.update_mini_batch(examples[:3], 0.1),
    lambda: net.backprop(x, y), lambda: net.feedforward(x), lambda: net.evaluate(tests),
    lambda: setattr(net, "weights", [w.copy() for w in net.weights]),
)]
for t in threads: t.start()
for t in threads: t.join()
assert [w.shape for w in net.weights] == [(33, 64), (10, 33)]
assert all(np.isfinite(p).all() for p in net.weights + net.biases)
sys.stderr.write("still alive")
"""


def test_one_network_in_many_threads_never_crashes(tmp_path):
    child = run_python(SHARED, tmp_path)
    assert child.stderr == "still alive"


def test_one_network_in_many_threads_never_tears_an_array(capsys):
    """Neurons that start alike and see the same stay alike, unless an array is torn.

    Every row of the first weights is the same, every column of the second too, so each step moves
    all rows by the same amount. An array of which one half is older than the other would show.
    """
    sizes = [50, 40, 1]
    net = Network(sizes)
    rng = np.random.default_rng(0)
    net.weights = [np.tile(rng.normal(size=(1, 50)), (40, 1)), np.full((1, 40), 0.3)]
    net.biases = [np.zeros((40, 1)), np.zeros((1, 1))]
    examples = [(rng.random((50, 1)), np.array([[float(k % 2)]])) for k in range(30)]
    stop = time.perf_counter() + 1.0
    seen, torn = set(), []

    def write(call):
        while time.perf_counter() < stop:
            call()

    def read():
        while time.perf_counter() < stop:
            w = net.weights[0]
            rows = w.copy()
            seen.add(rows[0, 0])
            if np.abs(rows - rows[0]).max() > 1e-9 * np.abs(rows).max():
                torn.append(rows)

    calls = (
        lambda: net.SGD(list(examples), 1, 5, 0.5),
        lambda: net.update_mini_batch(examples, 0.5),
    )
    side_by_side([read, *(lambda call=call: write(call) for call in calls)])
    assert len(seen) > 10  # the weights were seen to move
    assert not torn


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_train(tmp_path):
    """Nothing that training leaves behind may hang a child: multiprocessing forks on Linux."""
    code = """
import os, random, sys
import numpy as np
from cbackprop.network import Network
rng = np.random.default_rng(0)
examples = [(rng.random((300, 1)), rng.random((10, 1))) for _ in range(200)]
net = Network([300, 200, 10])
net.SGD(list(examples), 1, 50, 0.1, n_threads=2)
child = os.fork()
if child == 0:
    net.SGD(list(examples), 1, 50, 0.1, n_threads=2)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
net.SGD(list(examples), 1, 50, 0.1, n_threads=2)
"""
    run_python(code, tmp_path, timeout=60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_no_thread_is_left_after_a_call(capsys):
    before = len(os.listdir("/proc/self/task"))
    net = Network([784, 100, 10])
    net.SGD(digit_examples(300), 2, 100, 0.1, n_threads=3)
    time.sleep(0.05)
    assert len(os.listdir("/proc/self/task")) <= before


BITS = """
import hashlib, random
import numpy as np
from cbackprop.network import Network
random.seed(3); np.random.seed(3)
rng = np.random.default_rng(3)
examples = [(rng.random((300, 1)), rng.random((10, 1))) for _ in range(120)]
net = Network([300, 90, 10])
net.SGD(examples, 2, 40, 3.0)
print(hashlib.sha256(b"".join(p.tobytes() for p in net.weights + net.biases)).hexdigest())
"""


def test_the_environment_sets_the_number_and_never_the_bits(tmp_path):
    outputs = set()
    for number in ("1", "2", "5", None):
        outputs.add(run_python(BITS, tmp_path, env={"CBACKPROP_NUM_THREADS": number}).stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize("text", ["0", "-2", "1.5", "two"])
def test_a_variable_that_is_no_number_of_threads(text, monkeypatch):
    monkeypatch.setenv("CBACKPROP_NUM_THREADS", text)
    state = random.getstate()
    with pytest.raises(ValueError, match=f"CBACKPROP_NUM_THREADS is '{text}'"):
        Network([2, 1]).SGD(dense_examples(4, [2, 1]), 1, 2, 0.1)
    assert random.getstate() == state


@pytest.mark.parametrize(
    "n_threads, kind", [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)]
)
def test_n_threads_that_is_no_number_of_threads(n_threads, kind):
    state = random.getstate()
    with pytest.raises(kind, match="n_threads"):
        Network([2, 1]).SGD(dense_examples(4, [2, 1]), 1, 2, 0.1, n_threads=n_threads)
    assert random.getstate() == state


# ---- a team that loses its processors ----


class Changing(_pace.Pace):
    """Has another number of workers after every slice, whatever they got."""

    numbers = ()
    slices = ()

    def workers(self, workers, batches, seconds, used, missing, now):
        numbers, slices = type(self).numbers, type(self).slices
        slices.append(workers)
        return numbers[len(slices) % len(numbers)]


@pytest.fixture
def changing(monkeypatch):
    monkeypatch.setattr(_processors, "granted", lambda: 4)
    monkeypatch.setattr(_pace, "Pace", Changing)
    monkeypatch.setattr(Changing, "numbers", (1, 4, 2, 3, 1, 1, 4))
    monkeypatch.setattr(Changing, "slices", [])


OPTIONS = {
    "plain": {},
    "L2": {"lmbda": 5.0},
    "L2 past the least factor": {"lmbda": 1400.0},
    "L1": {"lmbda": 5.0, "regularization": "L1"},
    "momentum": {"mu": 0.7},
    "momentum and L2": {"mu": 0.7, "lmbda": 5.0},
    "momentum and L1": {"mu": 0.7, "lmbda": 5.0, "regularization": "L1"},
    "Nesterov and L2": {"rule": "nesterov", "mu": 0.7, "lmbda": 5.0},
    "Adam and L2": {"rule": "adam", "lmbda": 5.0},
    "dropout": {"dropout": [0.0, 0.3, 0.5], "random_state": 5, "mu": 0.7},
    "AMSGrad and L1": {"rule": "amsgrad", "lmbda": 5.0, "regularization": "L1"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", [digit_examples, dense_examples])
def test_the_number_of_workers_may_change_at_any_time_and_never_the_bits(
    kind, dtype, options, changing, capsys
):
    """What is pending then moves too: a sparse layer's last step, its decay factor, the velocities."""
    sizes = [90, 70, 60, 10]
    examples = kind(150, sizes[0]) if kind is digit_examples else kind(150, sizes)

    def trained(n_threads):
        np.random.seed(3)
        random.seed(3)
        net = network2.Network(sizes, dtype=dtype)
        net.SGD(list(examples), 3, 4, 0.1, n_threads=n_threads, **options)
        return net

    alone = trained(1)
    assert not Changing.slices
    changed = trained(4)
    assert same_bits(changed, alone)
    if "mu" in options:
        for v, expected in zip(changed.velocities, alone.velocities, strict=True):
            assert [array.tobytes() for array in v] == [array.tobytes() for array in expected]
    if "rule" in options and "mu" not in options:
        (t, *moments), (steps, *expected) = changed._cbackprop.moments, alone._cbackprop.moments
        assert t == steps == 3 * 38
        assert [[[a.tobytes() for a in side] for side in state] for state in moments] == [
            [[a.tobytes() for a in side] for side in state] for state in expected
        ]
    assert set(Changing.slices) == {1, 2, 3, 4}
    assert ("sparse" in alone.backend) == (kind is digit_examples)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rule", [{}, {"rule": "nesterov", "mu": 0.7}, {"rule": "adam"}], ids=str)
def test_rows_that_are_late_may_get_other_workers(rule, dtype, changing):
    """The steps that rows of a stored matrix have yet to take move too, and the gradient of the first."""
    rng = np.random.default_rng(0)
    n, n_in = 150, 3000
    columns = rng.integers(0, n_in, 10 * n)
    X = Csr(rng.standard_normal(10 * n), columns, np.arange(0, 10 * n + 1, 10), n_in)
    step = StepOptions(0.1, builtin_delta="LogLikelihoodCost", lmbda_over_n=0.05, **rule)

    def trained(n_threads):
        np.random.seed(3)
        net = network2.Network([n_in, 70, 10], cost=network2.LogLikelihoodCost, dtype=dtype)
        training = Training(net, (X, np.arange(n) % 10), 4, n_threads, step)
        training.measure_costs("LogLikelihoodCost", 1e-10, 1 - 1e-10, True)
        training.begin_epochs(net, step)
        for _ in range(3):
            training.next_epoch(step)
        training.end_epochs(net)
        return net, training.costs_of_epoch

    alone, costs = trained(1)
    changed, costs_changed = trained(4)
    assert same_bits(changed, alone)
    np.testing.assert_allclose(costs_changed, costs, rtol=1e-12 if dtype is np.float64 else 1e-5)
    assert set(Changing.slices) == {1, 2, 3, 4}


def on_one_processor(code, folder):
    """Run `code` in a child that sees sixteen processors and has one."""
    start = """
import contextlib, io, os, random, sys, time
import numpy as np
from support.agreement import same_bits
from support.examples import dense_examples, digit_examples
from cbackprop import _pace, _processors
from cbackprop.network import Network
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
_processors.granted = lambda: 16
def trained(sizes, examples, epochs, m, n_threads):
    np.random.seed(1)
    random.seed(1)
    net = Network(sizes)
    with contextlib.redirect_stdout(io.StringIO()):
        net.SGD(list(examples), epochs, m, 0.1, n_threads=n_threads)
    return net
"""
    run_python(start + code, folder, timeout=300)


needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="no processor can be taken from a child"
)


@needs_affinity
@pytest.mark.skipif(SANITIZED, reason="the sanitizer's own work is many times that of the kernels")
@pytest.mark.parametrize("sizes, m", [([784, 30, 10], 100), ([784, 100, 10], 10)], ids=str)
@pytest.mark.parametrize("kind", ["digit_examples(1000)", "dense_examples(1000, [784, 10])"])
def test_sixteen_threads_on_one_processor_do_little_more_work_than_one(kind, sizes, m, tmp_path):
    """It was 8 to 27 times as much. Others on the machine do not lengthen processor time."""
    code = f"""
sizes, m, examples = {sizes}, {m}, {kind} * 3
ratios = []
for _ in range(5):
    took = []
    for n_threads in (1, 16):
        begun = time.process_time()
        net = trained(sizes, examples, 20, m, n_threads)  # the first mini-batches are of all workers
        took.append(time.process_time() - begun)
    ratios.append(took[1] / took[0])
    assert net.backend.endswith("16 threads")
    if sum(ratio < 1.3 for ratio in ratios) == 2:
        break
else:
    raise AssertionError(ratios)
"""
    on_one_processor(code, tmp_path)


@needs_affinity
@pytest.mark.parametrize("kind", ["digit_examples(300)", "dense_examples(300, [784, 10])"])
def test_a_team_without_its_processors_still_looks_for_ctrl_c(kind, tmp_path):
    """Even where it stays as large: no slice lasts much longer for it. And it ends with the same bits."""
    code = f"""
slices = []
class Stubborn(_pace.Pace):
    def workers(self, workers, batches, seconds, used, missing, now):
        slices.append(seconds)
        return workers
_pace.Pace = Stubborn
sizes, examples = [784, 100, 10], {kind} * 8
alone = trained(sizes, examples, 3, 10, 1)
assert not slices
assert same_bits(trained(sizes, examples, 3, 10, 16), alone)
assert len(slices) > 10
slices.sort()
assert slices[len(slices) * 9 // 10] < 0.2, slices
"""
    on_one_processor(code, tmp_path)

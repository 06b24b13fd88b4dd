"""What must not break a network: no memory, Ctrl-C at any moment, a full disk, a fork, an exit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from cbackprop import network, network2
from support.children import SANITIZED, run_python

SUPPORT = Path(__file__).resolve().parent / "support"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@linux
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
@pytest.mark.skipif(sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has no other allocator")
def test_every_failed_allocation_is_a_memory_error(tmp_path):
    """Every public function. Parameters stay, and no block is lost: see support/every_allocation.py."""
    library = tmp_path / "failing_malloc.so"
    source = SUPPORT / "failing_malloc.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    env = {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc", "TMPDIR": str(tmp_path)}
    child = run_python(SUPPORT / "every_allocation.py", tmp_path, library, env=env, timeout=300)
    assert child.stdout.count("MemoryError") > 50  # calls that come to an allocation of compiled code


INTERRUPTS = 1000


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_thousand_interrupts_each_leave_a_completed_mini_batch(capsys):
    """Ctrl-C after a random time, all through SGD; the parameters are those after some mini-batch."""
    sizes, m, epochs = [40, 30, 10], 10, 2
    rng = np.random.default_rng(0)
    examples = [(rng.random((40, 1)), rng.random((10, 1))) for _ in range(600)]
    tests = [(x, 3) for x, _ in examples]

    def seeded():
        np.random.seed(1)
        random.seed(1)
        return network.Network(sizes)

    def flat(net):
        return np.concatenate([p.ravel() for p in net.weights + net.biases])

    net, copy = seeded(), list(examples)
    states = [flat(net)]
    for _ in range(epochs):
        random.shuffle(copy)
        for k in range(0, len(copy), m):
            net.update_mini_batch(copy[k : k + m], 3.0)
            states.append(flat(net))
    states = np.array(states)
    between = np.abs(np.diff(states, axis=0)).max(axis=1).min()
    assert between > 1e-6  # else any parameters would be near some state

    def ring(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    interrupted, states_seen = 0, set()
    longest = 0.02
    draw = random.Random(2)
    try:
        while interrupted < INTERRUPTS:
            net = seeded()
            try:
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, longest))
                net.SGD(list(examples), epochs, m, 3.0, test_data=tests)
                signal.setitimer(signal.ITIMER_REAL, 0)
                longest *= 0.9  # it had ended before
            except KeyboardInterrupt:
                interrupted += 1
                longest *= 1.001
            gaps = np.abs(states - flat(net)).max(axis=1)
            assert gaps.min() < 1e-3 * between
            states_seen.add(int(gaps.argmin()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(states_seen) > 5  # the kernels look for Ctrl-C after 1, 3, 7, … mini-batches


@linux
@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_a_full_disk_leaves_the_old_file(name, tmp_path):
    """No file of this child may grow past some size, as on a full disk; the folder stays as it was."""
    old = network2.Network([50, 40, 10])
    old.save(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    code = f"""
import resource, signal
from cbackprop import network2
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
net = network2.Network([50, 40, 10])
for bytes_left in (0, 1, 100, 4096, 10000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, resource.RLIM_INFINITY))
    try:
        net.save({str(tmp_path / name)!r})
    except OSError:
        continue
    raise SystemExit(f"{{bytes_left}} bytes were enough")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)  # what counts lines writes them now
"""
    run_python(code, tmp_path)
    assert (tmp_path / name).read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@linux
@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="net"):
        network2.Network([3, 2]).save(tmp_path / "net.json")
    tmp_path.chmod(0o700)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        network2.Network([3, 2]).save(tmp_path / "no" / "net.json")
    with pytest.raises(OSError, match="net"):
        (tmp_path / "net.json").mkdir()
        network2.Network([3, 2]).save(tmp_path / "net.json")


@pytest.mark.parametrize("kind", [network.Network, network2.Network])
@pytest.mark.parametrize(
    "sizes",
    [[2**31, 2], [2, 2**31], [2**40, 2**40], [2**63, 2], [2**64 + 1, 2], [-1, 2], [3, -(2**40)], [2**62, 4]],
    ids=str,
)
def test_sizes_that_no_memory_holds(sizes, kind):
    """No allocation of a size that wrapped round: an error before any number is drawn."""
    np.random.seed(4)
    state = np.random.get_state()[1].copy()
    with pytest.raises((ValueError, MemoryError, OverflowError)):
        kind(sizes)
    if min(sizes) < 0:
        np.testing.assert_array_equal(np.random.get_state()[1], state)


# What is printed goes nowhere, not into a file: of one that a thread is writing to, CPython leaves the lock
# locked at a fork, and may give up at the program's end ("could not acquire lock for BufferedWriter at
# interpreter shutdown").
WHILE_OTHERS_TRAIN = """
import multiprocessing, sys, threading, time
import numpy as np
from cbackprop import network
from support.children import Nowhere
from support.examples import dense_examples
sys.stdout = Nowhere()
examples = dense_examples(100, [300, 10])
"""

CHILDREN = """
def train(seed):
    np.random.seed(seed)
    net = network.Network([300, 60, 10])
    net.SGD(list(examples), 2, 10, 0.1, n_threads=2)
    return float(sum(abs(w).sum() for w in net.weights))

if __name__ == "__main__":
    stop = False
    def keep_training():
        net = network.Network([300, 60, 10])
        while not stop:
            net.SGD(list(examples), 1, 10, 0.1, n_threads=2)
    threads = [threading.Thread(target=keep_training) for _ in range(2)]
    for thread in threads: thread.start()
    time.sleep(0.2)
    for _ in range(3):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map(train, range(4))
        assert len(set(found)) == 4
    stop = True
    for thread in threads: thread.join()
    sys.stderr.write("all ended")
"""


@linux
@pytest.mark.skipif(SANITIZED, reason="a child of a fork waits for locks of AddressSanitizer's allocator")
def test_forks_while_others_train(tmp_path):
    """multiprocessing forks in the midst of other threads' kernels: the children train and end."""
    child = run_python(
        "import warnings; warnings.simplefilter('ignore')\n" + WHILE_OTHERS_TRAIN + CHILDREN, tmp_path
    )
    assert child.stderr.endswith("all ended")


EXIT = """
net = network.Network([300, 60, 10])
for _ in range(3):
    threading.Thread(
        target=lambda: [net.SGD(list(examples), 1, 10, 0.1, n_threads=2) for _ in range(10**6)], daemon=True
    ).start()
time.sleep(0.3)
"""


def test_the_program_may_end_while_threads_train(tmp_path):
    for _ in range(3):
        run_python(WHILE_OTHERS_TRAIN + EXIT, tmp_path, timeout=60)


RAISING = ("feedforward", "backprop", "update_mini_batch", "evaluate", "cost_derivative")


@pytest.mark.parametrize("kind, evaluating", [(network.Network, "evaluate"), (network2.Network, "accuracy")])
@pytest.mark.parametrize("name", RAISING)
@pytest.mark.parametrize("times", [0, 1, 3])
def test_an_exception_in_a_replaced_method_comes_out_and_leaves_the_step_before(
    kind, evaluating, name, times, capsys
):
    """It is raised as it is, at the first call or later; parameters are those of the last whole update."""
    name = evaluating if name == "evaluate" else name
    if not hasattr(kind, name):
        pytest.skip(f"{kind.__module__} has no {name}")

    class Stop(Exception):
        pass

    calls, updates = [], []

    class Own(kind):
        def update_mini_batch(self, *arguments):
            if name == "update_mini_batch":
                count()
            super().update_mini_batch(*arguments)
            updates.append([p.copy() for p in self.weights + self.biases])

    def count():
        calls.append(1)
        if len(calls) > times:
            raise Stop

    if name != "update_mini_batch":

        def method(self, *arguments, **options):
            count()
            return getattr(kind, name)(self, *arguments, **options)

        setattr(Own, name, method)
    rng = np.random.default_rng(5)
    examples = [(rng.random((5, 1)), rng.random((2, 1))) for _ in range(12)]
    net = Own([5, 4, 2])
    updates.append([p.copy() for p in net.weights + net.biases])
    tests = [(x, 1) for x, _ in examples]
    with pytest.raises(Stop):
        if kind is network.Network:
            net.SGD(examples, 4, 3, 0.5, test_data=tests)
        else:
            net.SGD(examples, 4, 3, 0.5, 0.1, tests, False, True)
    for ours, expected in zip(net.weights + net.biases, updates[-1], strict=True):
        np.testing.assert_array_equal(ours, expected)

"""Make every public call again and again, its 1st, 2nd, 3rd … allocation failing: a child of test_faults.py.

    LD_PRELOAD=LIBRARY PYTHONMALLOC=malloc python every_allocation.py LIBRARY [words]

LIBRARY is failing_malloc.c, compiled; with words, only calls whose names hold one of them, otherwise those
that do not hold "in blocks": their hundreds of attempts take half a minute. Always a
MemoryError comes, or the call's own result where the allocation was not vital; parameters are those of
before, or of the completed call; no file is left half; and no block is lost. Prints a line for each call, and
exits with 1 where one breaks the rule.

Calls that write checkpoints make thousands of allocations in Python, each of which is looked at. Without
words every 16th of the package's own fails there, and blocks are not counted: what is compiled in them is in
other calls too.
"""

import collections
import ctypes
import gc
import itertools
import os
import random
import sys
import traceback
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cbackprop import network2
from cbackprop._files import checkpoints
from support import every_call, tiny
from support.children import Nowhere

sys.stdout = Nowhere()
os.fsync = lambda file: None  # no power fails here, and thousands of files are written
WORDS = sys.argv[2:]
allocator = ctypes.CDLL(sys.argv[1])


def bits(net):
    if net is None:
        return b""
    return b"".join(p.tobytes() for p in [*net.weights, *net.biases])


def seeded(make):
    """A network that is the same each time, and the same random numbers to come."""
    np.random.seed(1)
    random.seed(1)
    return make()


def stop():
    """End the failing, which may still strike while it is being ended."""
    while True:
        try:
            return allocator.stop()
        except MemoryError:
            pass


def attempt(make, call, n):
    """(whether the call came to its n'th allocation, the parameters before, after, what was raised)."""
    net, error = seeded(make), None
    before = bits(net)
    try:
        allocator.fail_at(n)
        call(net)
    except BaseException as raised:
        error = raised
    return stop(), before, bits(net), error


def blocks():
    """How many are in use."""
    tiny.tidy_up()
    return allocator.live()


# After each round. Python's own numbers would be blocks too, and add rounds.
in_use = np.zeros(13, np.int64)


def fail_each(make, call, ns):
    for n in ns:
        attempt(make, call, n)


def lost(make, call, ns):
    """How many blocks are lost, at the least, when each of these allocations of the call fails twice.

    What the first failures leave in caches is no loss: no more blocks than two rounds before, twice in a
    row, show that. Two, since a block that one keeps for the next call the other may find of the wrong size.
    """
    for _ in range(2):  # what counting takes for the first time is no loss
        fail_each(make, call, ns[:1])
        in_use[0] = blocks()
    flat = 0
    for k in range(1, len(in_use)):
        fail_each(make, call, ns)
        in_use[k] = blocks()
        if k > 1:
            flat = flat + 1 if in_use[k] <= in_use[k - 2] else 0
            if flat == 2:
                return 0
    return max(int((in_use[2:] - in_use[:-2]).min()), 1)


def fail(name, n, what, error=None):
    if error:
        traceback.print_exception(error)
    sys.exit(f"{name}: allocation {n} failed, and {what}")


def every_failure(name, make, call):
    """Fail each allocation in turn, until the call needs no more of them."""
    outcomes = collections.Counter()
    net = seeded(make)
    call(net)
    done = bits(net)
    files = sorted(tiny.FOLDER.iterdir())
    writes_checkpoints = "checkpoints" in name
    for n in itertools.count(1, 16 if writes_checkpoints and not WORDS else 1):
        struck, before, after, error = attempt(make, call, n)
        if not struck:
            break
        if error is not None and not isinstance(error, MemoryError):
            fail(name, n, "this came", error)
        # After several mini-batches they may be those of any: tests/test_faults.py looks at that.
        if "several" not in name and after not in ((done,) if error is None else (before, done)):
            fail(name, n, "left other parameters", error)
        if sorted(tiny.FOLDER.iterdir()) != files:
            fail(name, n, f"left these files: {os.listdir(tiny.FOLDER)}", error)
        outcomes["did without" if error is None else "MemoryError"] += 1
        del error
        if writes_checkpoints:
            checkpoints.read(tiny.CHECKPOINT)
    # All of them at once, which takes a third of the time; one at a time says which.
    if not writes_checkpoints and lost(make, call, range(1, n)):
        for k in range(1, n):
            if each := lost(make, call, [k]):
                allocator.record()
                for _ in range(8):
                    attempt(make, call, k)
                    blocks()
                allocator.print_recorded(4)
                fail(name, k, f"{each} blocks were lost each second time")
    return outcomes


gc.freeze()  # so that what is here now takes no time in each collection
for name, make, call in every_call.calls_of(every_call.RIGHT):
    if not any(word in name for word in WORDS) if WORDS else "in blocks" in name:
        continue
    outcomes = every_failure(name, make, call)
    print(f"{name}: {dict(outcomes)}", file=sys.__stdout__, flush=True)
network2.load(tiny.JSON), network2.load(tiny.NPZ)  # both are whole

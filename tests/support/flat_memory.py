"""Make every public call, right ones and wrong ones, very often, and see that memory stays flat.

    python tests/support/flat_memory.py [calls [words]]

So many calls of each (100,000), in four runs, or as many as take so many milliseconds; with words, only of
those whose names hold one of them. Looked at before and after each run are the resident memory of the
process, the bytes that malloc has given out, the blocks of Python's own allocator, and under a debug build of
Python all references. Caches fill, and then they are full; what is lost in a call grows in every run: the run
of the least growth is judged. Prints that growth for each call, and exits with 1 where one is past `MOST`.
"""

import contextlib
import ctypes
import gc
import math
import os
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import every_call, tiny
from support.children import Nowhere

RUNS = 4
LEAST_CALLS = 40  # of those that take long
# A call. malloc's smallest block takes 32 bytes and Python's 16: what loses one in every tenth call is past
# these. The interpreter's own caches move by a block or two in a run.
MOST = {"resident": 1.0, "malloc": 1.0, "blocks": 0.02, "references": 0.02}
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    # The allocator of a Python without the lock keeps pages of which no block is in use: load_data takes 320
    # bytes a call of them in 2,000 calls, 2 in 20,000, and not a block. They are printed, not judged.
    MOST["resident"] = math.inf


class Mallinfo2(ctypes.Structure):
    """glibc's, of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
            "keepcost",
        )
    ]  # fmt: skip


glibc = ctypes.CDLL(None)
glibc.mallinfo2.restype = Mallinfo2


def in_use():
    """What is in use now, by the names of `MOST`."""
    tiny.tidy_up()
    glibc.malloc_trim(0)  # else what is free, and kept for later, is resident too
    with open("/proc/self/statm", encoding="ascii") as file:
        now = {"resident": int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")}
    info = glibc.mallinfo2()
    now["malloc"] = info.uordblks + info.hblkhd
    now["blocks"] = sys.getallocatedblocks()
    if hasattr(sys, "gettotalrefcount"):
        # NumPy 2.4's zeros, empty and randn lose references to this dtype, which stays in any case.
        now["references"] = sys.gettotalrefcount() - sys.getrefcount(np.dtype(np.float64))
    return now


def make_right(net, call, times):
    for _ in range(times):
        call(net)


def make_wrong(net, call, times):
    raised = 0
    for _ in range(times):
        try:
            call(net)
        except (Exception, KeyboardInterrupt, SystemExit):
            raised += 1
    if raised < times:
        raise AssertionError(f"{times - raised} of {times} raised nothing")


def growth(make, call, repeat, calls):
    """By the names of `MOST` the least growth of any run, a call.

    What seems to leak gets as many runs again.
    """
    net = make()
    repeat(net, call, 2)
    begun = time.perf_counter()
    repeat(net, call, 1)
    milliseconds = 1000 * (time.perf_counter() - begun)
    calls = max(LEAST_CALLS, int(calls / max(1, milliseconds)))
    before = in_use()
    least = dict.fromkeys(before, math.inf)
    for run in range(2 * RUNS):
        if run == RUNS and not leaks(least):
            break
        repeat(net, call, calls // RUNS)
        now = in_use()
        least = {name: min(least[name], (now[name] - before[name]) / (calls // RUNS)) for name in now}
        before = now
    return least


def leaks(least):
    """The names of what has grown by too much."""
    return [name for name, grown in least.items() if grown >= MOST[name]]


def lines(calls, words):
    """(what was found, whether it leaks) for every call whose name holds one of `words`, or for every one."""
    for kind, table, repeat in (
        ("right", every_call.RIGHT, make_right),
        ("wrong", every_call.WRONG, make_wrong),
    ):
        for name, make, call in every_call.calls_of(table):
            if words and not any(word in name for word in words):
                continue
            begun = time.perf_counter()
            with contextlib.redirect_stdout(Nowhere()), contextlib.redirect_stderr(Nowhere()):
                least = growth(make, call, repeat, calls)
            figures = ", ".join(f"{what} {grown:+.4g}" for what, grown in least.items())
            verdict = f"  LEAKS {' and '.join(leaks(least))}" if leaks(least) else ""
            seconds = time.perf_counter() - begun
            yield f"{kind} {name}: {figures} a call, {seconds:.1f} s{verdict}", bool(verdict)


def main(calls=100_000, *words):
    gc.freeze()  # so that what is here now takes no time in each collection
    for _ in range(3):  # what judging takes for the first times is no call's
        growth(tiny.plain, repr, make_right, LEAST_CALLS)
    leaking, begun = 0, in_use()["resident"]
    for line, leak in lines(int(calls), words):
        print(line, flush=True)
        leaking += leak
    for name, reason in every_call.LEFT_OUT.items():
        print(f"not called: {name} ({reason})")
    print(
        f"resident memory: {begun / 2**20:.1f} MB at first, {in_use()['resident'] / 2**20:.1f} MB at the end"
    )
    print(f"{leaking} of the calls leak")
    return leaking > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Two networks trained in two threads at once, beside one alone: how far the GIL is out of the way.

    python bench/parallel.py --threads 2 [--json FILE] [--sample] [--runs R]

Each thread trains a network of its own with `n_threads=1`. In each turn one network is trained alone, then
two at once; the figure is 2 t(one) / t(two), at most 2. The same is taken of hashing, which needs no GIL and
next to no memory: it shows what the machine gave. Exits 1 if networks trained at once are not, bit for bit,
the one trained alone.
"""

import argparse
import contextlib
import functools
import hashlib
import io
import random
import statistics
import sys
import threading
import time

import jobs
import machine
import numpy as np

from cbackprop import Network

SHAPES = ("784-30-10, 10", "784-100-10, 10", "784-100-10, 100")
EPOCHS = 30  # as in the book: what packs the examples holds the GIL, and is done once
BLOCK = bytes(1_000_000)


def trained(job):
    """Return a network after some epochs of the job's data."""
    net = Network(list(job.shape.sizes), dtype=job.X.dtype)
    net.weights, net.biases = [w.copy() for w in job.weights], [b.copy() for b in job.biases]
    net.SGD((job.X, job.Y), EPOCHS, job.shape.m, job.shape.eta, n_threads=1)
    return net


def hashed():
    """Hash for about as long as a network trains."""
    for _ in range(400):
        hashlib.sha256(BLOCK).digest()


def at_once(work, count):
    """Run `work` in `count` threads; return the seconds and what each returned."""
    found = [None] * count

    def keep(k):
        found[k] = work()

    threads = [threading.Thread(target=keep, args=(k,)) for k in range(count)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun, found


def same_bits(first, second):
    """Whether two networks hold the same parameters to the last bit."""
    pairs = zip(first.weights + first.biases, second.weights + second.biases, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def check(title, work):
    """Exit 1 unless two networks trained at once are each the one trained alone.

    The examples are taken in a fixed order: threads share the state of `random`.
    """
    shuffle, random.shuffle = random.shuffle, list.reverse
    alone, both = at_once(work, 1)[1], at_once(work, 2)[1]
    random.shuffle = shuffle
    if not all(same_bits(alone[0], net) for net in both):
        sys.exit(f"WRONG RESULT: {title}: networks trained at once differ from the one trained alone")


def measure(title, work, runs):
    """Time `work` alone and twice at once, in turns; return the row of results."""
    alone, both = [], []
    for _ in range(runs):
        alone.append(at_once(work, 1)[0])
        both.append(at_once(work, 2)[0])
    gains = [2 * one / two for one, two in zip(alone, both, strict=True)]
    gain = {"median": statistics.median(gains), "min": min(gains), "max": max(gains), "runs": gains}
    return {"work": title, "alone": machine.spread(alone), "two": machine.spread(both), "gain": gain}


def main():
    """Measure every shape in both dtypes, and hashing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=7, metavar="R")
    parser.add_argument("--sample", action="store_true", help="the package's sample of MNIST")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    if arguments.threads < 2:
        parser.error("two networks at once need --threads 2")
    rows = []

    def row(title, work):
        with contextlib.redirect_stdout(io.StringIO()):  # the lines of the epochs
            if work is not hashed:
                check(title, work)
            rows.append(measure(title, work, arguments.runs))
        gain, alone = rows[-1]["gain"], rows[-1]["alone"]["median"]
        print(
            f"{title:28} {alone:8.3f} s alone, two at once gain "
            f"{gain['median']:.2f} ({gain['min']:.2f}–{gain['max']:.2f})",
            flush=True,
        )

    row("hashing", hashed)
    for dtype in (np.float64, np.float32):
        for name in SHAPES:
            job = jobs.make(jobs.SHAPES[name], dtype, arguments.sample)
            row(f"{name} {np.dtype(dtype).name}", functools.partial(trained, job))
    if arguments.json:
        machine.save({"rows": rows, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

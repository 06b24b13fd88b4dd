"""An epoch over rows on the disk, read in blocks, beside one over the same rows in memory.

    python bench/blocks.py --threads 2 [--json FILE] [--gigabytes G] [--sparse] [--quick] [--runs R]

Makes a file of G gigabytes (by default 12) of float32 rows of 784 numbers, and deletes it afterwards. Each
turn takes some hundred thousand rows: how fast the disk gives blocks in random order, an epoch in memory, and
an epoch in blocks, each in a process of its own, and with the system's cache of the file dropped. The last
line is an epoch over the whole file, with the most memory that its process had. Exits 1 if an epoch of a few
rows in one window does not end with the bits of mini-batches in that order.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time

import machine
import numpy as np

from cbackprop import network2

N_IN, N_OUT = 784, 10
PATTERNS = 20_000  # rows that are drawn; the file has them again and again, each time in another order
BLOCK, WINDOW = 1024, 16
# Layers, mini-batch, dtype, threads, rows of a turn.
SHAPES = [
    ((784, 30, 10), 10, "float64", 1, 400_000),
    ((784, 100, 10), 10, "float64", 1, 200_000),
    ((784, 100, 10), 10, "float64", 2, 200_000),
    ((784, 100, 10), 100, "float32", 1, 400_000),
    ((784, 100, 10), 100, "float32", 2, 400_000),
    ((784, 512, 512, 10), 128, "float64", 1, 60_000),
    ((784, 512, 512, 10), 128, "float64", 2, 60_000),
]
QUICK = 10  # times fewer rows


def write(folder, n, sparse):
    """Write n rows, and their labels; if sparse, four fifths are 0 and the others k / 256, as in MNIST."""
    draw = np.random.default_rng(1)
    X = draw.random((PATTERNS, N_IN), np.float32)
    if sparse:
        X = np.ceil(X * 255) / np.float32(256) * (draw.random(X.shape, np.float32) < 0.2)
    labels = np.argmax(X @ draw.standard_normal((N_IN, N_OUT), np.float32), axis=1).astype(np.uint8)
    with open(os.path.join(folder, "X"), "wb") as rows, open(os.path.join(folder, "Y"), "wb") as targets:
        for start in range(0, n, PATTERNS):
            order = draw.permutation(PATTERNS)[: n - start]
            rows.write(X[order].data)
            targets.write(labels[order].data)
        os.fsync(rows.fileno())


def mapped(folder, n):
    """Return the first n examples of the file."""
    X = np.memmap(os.path.join(folder, "X"), np.float32, "r").reshape(-1, N_IN)
    return X[:n], np.memmap(os.path.join(folder, "Y"), np.uint8, "r")[:n]


def forget(folder):
    """Have the system drop what it keeps of the file in memory."""
    with open(os.path.join(folder, "X"), "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk(folder, n):
    """Return how many rows a second the disk gives, in blocks in random order."""
    forget(folder)
    starts = list(range(0, n - BLOCK, BLOCK))
    random.shuffle(starts)
    room = bytearray(4 * N_IN * BLOCK)
    begun = time.perf_counter()
    with open(os.path.join(folder, "X"), "rb", buffering=0) as file:
        for start in starts:
            file.seek(4 * N_IN * start)
            file.readinto(room)
    return BLOCK * len(starts) / (time.perf_counter() - begun)


def train(folder, n, job, in_blocks, results):
    """Train for an epoch; put into `results` the rows a second and the most memory of this process, in MB."""
    sizes, m, dtype, n_threads, _ = job
    seconds = []
    options = {"verbose": False, "n_threads": n_threads, "random_state": 1}
    options["callbacks"] = [lambda net, entry: seconds.append(entry["seconds"])]
    data, epochs = mapped(folder, n), 1
    if in_blocks:
        forget(folder)
        options |= {"block": BLOCK, "window": WINDOW}
    else:
        data, epochs = tuple(np.array(array) for array in data), 2
    network2.Network(sizes, dtype=dtype, random_state=1).SGD(data, epochs, m, 0.1, **options)
    results.put((n / min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def in_a_process(*arguments):
    """Return what `train` measures in a new process."""
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    child = context.Process(target=train, args=(*arguments, results))
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)
    return results.get()


def check(folder):
    """Exit if an epoch in one window is not one in memory in the order that it had."""
    X, Y = (np.array(array) for array in mapped(folder, 3000))
    order = []

    class Noting(network2.Network):
        def update_mini_batch(self, mini_batch, *arguments, **options):
            order.extend(place[x.tobytes()] for x, _ in mini_batch)

    place = {row.tobytes(): i for i, row in enumerate(X)}
    options = {"verbose": False, "random_state": 1}
    Noting([784, 5, 10]).SGD((X, Y), 1, 10, 0.1, block=100, window=30, **options)
    nets = [network2.Network([784, 5, 10], random_state=1) for _ in range(2)]
    nets[0].SGD(mapped(folder, 3000), 1, 10, 0.1, block=100, window=30, **options)
    for start in range(0, 3000, 10):
        rows = order[start : start + 10]
        nets[1].update_mini_batch((X[rows], Y[rows]), 0.1, 0.0, 3000)
    if nets[0].parameters.tobytes() != nets[1].parameters.tobytes():
        sys.exit("WRONG RESULT: an epoch in blocks is not one in its order")


def measure(folder, job, n, runs):
    """Time an epoch in blocks beside one in memory, in turns; return the row of results."""
    turns = [
        (disk(folder, n), in_a_process(folder, n, job, False)[0], in_a_process(folder, n, job, True)[0])
        for _ in range(runs)
    ]
    shares = [blocks / memory for _, memory, blocks in turns]
    # No more than the disk gives can be trained on.
    possible = [blocks / min(memory, given) for given, memory, blocks in turns]
    names = "disk", "memory", "blocks"
    row = {"job": job, "rows": n, "share": machine.spread(shares), "of_possible": machine.spread(possible)}
    row |= {name: machine.spread(list(values)) for name, values in zip(names, zip(*turns), strict=True)}
    sizes, m, dtype, n_threads, _ = job
    print(
        f"{'-'.join(map(str, sizes))}, m = {m}, {dtype}, n_threads={n_threads}: disk "
        f"{row['disk']['median']:,.0f} rows/s, in memory {row['memory']['median']:,.0f}, "
        f"in blocks {row['blocks']['median']:,.0f}: {statistics.median(shares):.0%} "
        f"({min(shares):.0%}–{max(shares):.0%})",
        flush=True,
    )
    return row


def main():
    """Measure every shape, and the whole file once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--gigabytes", type=float, default=12.0, metavar="G")
    parser.add_argument("--folder", help="where the file is made (default: a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave a file in --folder, or use the one there")
    parser.add_argument("--sparse", action="store_true", help="rows of which four fifths are 0, as in MNIST")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, and 0.2 gigabytes")
    parser.add_argument("--runs", type=int, default=3, metavar="R")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    n = int((0.2 if arguments.quick else arguments.gigabytes) * 1e9) // (4 * N_IN)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder
        if not arguments.keep:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
        if not os.path.exists(os.path.join(folder, "X")):
            write(folder, n, arguments.sparse)
        check(folder)
        rows = []
        for job in SHAPES:
            if job[3] <= arguments.threads:
                few = min(n, job[-1] // (QUICK if arguments.quick else 1))
                rows.append(measure(folder, job, few, arguments.runs))
        speed, megabytes = in_a_process(folder, n, SHAPES[1], True)
        print(
            f"{n * 4 * N_IN / 1e9:.1f} GB: {speed:,.0f} rows/s, at most {megabytes:.0f} MB resident",
            flush=True,
        )
    if arguments.json:
        whole = {"rows": n, "speed": speed, "megabytes": megabytes}
        machine.save({"rows": rows, "whole": whole, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

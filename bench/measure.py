"""Times all peers on some shapes in one dtype, on the processors of this process.

`bench.py` starts it once for each dtype and number of threads.
"""

import argparse
import gc
import math
import sys
import time
import warnings

import dense_limit
import field
import jobs
import machine
import numpy as np
import own_shapes
import peers
import verify
from peers import outside

MOST_EPOCHS = 10_000


def measure(shape, dtype, arguments, own):
    """Verify and time one shape; return the row of results.

    A peer's turn trains as many epochs as take about `arguments.turn` seconds, at least one.
    """
    threads, turn = arguments.threads, arguments.turn
    job = jobs.make(shape, dtype, arguments.sample)
    classes, absent = field.available(arguments.peers, threads)
    for name, cls in own.items():
        if threads > 1 and cls.one_thread_only:
            absent[name] = "runs one thread"
        else:
            classes[name] = cls
    there = field.Field(classes, absent, job)
    taking_part, found = there.check(threads)
    sides = dense_limit.SIDES[:1] if arguments.sample else dense_limit.SIDES
    products = dense_limit.MatrixProducts(dtype, sides)
    # Compiling is done: the second call tells how many epochs make a turn.
    epochs = {}
    for name, peer in taking_part.items():
        epochs[name] = there.attempt(name, epochs_a_turn, peer, found[name]["seconds"], turn)
    seconds = {name: [] for name in taking_part}
    gc.collect()
    for run in range(arguments.runs):
        products.measure()
        for name, peer in taking_part.items():
            if name in there.classes:
                taken = there.attempt(name, one_turn, peer, run, epochs[name])
                seconds[name].append(taken)
    flops = shape.epochs * dense_limit.epoch_flops(shape.sizes, job.n)
    row = {
        "shape": shape.name,
        "sizes": list(shape.sizes),
        "m": shape.m,
        "n": job.n,
        "epochs": shape.epochs,
        "dtype": np.dtype(dtype).name,
        "threads": threads,
        "data": job.source,
        "density": round(job.density, 4),
        "peak_gflops": products.peak() / 1e9,
        "dense_limit": flops / products.peak(),
        "absent": there.absent,
        "wrong": there.wrong,
        "raised": there.raised,
        "nothing_learned": there.nothing_learned,
        "checked_by": there.reference,
        "peers": {},
    }
    for name in there.classes:
        peer = taking_part[name]
        row["peers"][name] = machine.spread(seconds[name]) | {
            "epochs_a_turn": epochs[name],
            **{key: found[name][key] for key in found[name] if key != "seconds"},
        }
        if name in peers.MODULES and getattr(peer, "packing", None):  # others may call anything so
            row["peers"][name]["packing"] = machine.spread(peer.packing)
            row["peers"][name]["backend"] = str(peer.net.backend)
    return row


def epochs_a_turn(peer, seconds, turn):
    """Return how many epochs of a peer, which took some seconds each when it learned, take `turn` seconds."""
    shape = peer.job.shape
    if seconds < 10 * turn:
        peer.restart()
        seconds = peer.train(seed=12, epochs=shape.learned) / shape.learned
    return min(math.ceil(turn / verify.duration(peer.name, seconds)), MOST_EPOCHS)


def one_turn(peer, run, epochs):
    """Return the seconds of a peer's turn, as of the epochs whose seconds are given."""
    peer.restart()
    return verify.duration(peer.name, peer.timed(seed=run, epochs=epochs)) * peer.job.shape.epochs / epochs


def load_outside(specs):
    """Return the classes of the user's own peers by name, or exit with status 2."""
    classes = {}
    for spec in specs:
        try:
            cls = outside.load(spec, {*peers.MODULES, *classes})
        except outside.Unusable as error:
            print(f"bench.py: error: {error}", file=sys.stderr)
            sys.exit(2)
        classes[cls.name] = cls
    return classes


def main():
    """Measure what the command line names; exit 1 if a result is wrong or a peer raised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--shapes", nargs="+", default=list(jobs.SHAPES), metavar="SHAPE")
    parser.add_argument("--peers", nargs="+", default=list(peers.MODULES), metavar="PEER")
    parser.add_argument("--peer", nargs="+", default=[], metavar="FILE:CLASS")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--turn", type=float, default=0.4, metavar="SECONDS")
    parser.add_argument("--sample", action="store_true")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    warnings.filterwarnings("ignore", module="sklearn")  # "not converged": an epoch never is
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # PyTorch only reads it
    begun = time.perf_counter()
    own = load_outside(arguments.peer)
    results = {"rows": []}
    for name in arguments.shapes:
        row = measure(jobs.SHAPES.get(name) or own_shapes.parse(name), arguments.dtype, arguments, own)
        field.report(row)
        results["rows"].append(row)
    # Last, when every library that brings a BLAS is loaded.
    results["machine"] = machine.describe() | {"seconds": time.perf_counter() - begun}
    if arguments.json:
        machine.save(results, arguments.json)
    if any(row["wrong"] or row["raised"] for row in results["rows"]):
        sys.exit(1)


if __name__ == "__main__":
    main()

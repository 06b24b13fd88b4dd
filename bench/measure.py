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
import jobs
import machine
import numpy as np
import peers
import verify

MOST_EPOCHS = 10_000


def available(names, threads, modules=peers.MODULES):
    """Return the classes of the peers that can take part, and why the others cannot."""
    classes, absent = {}, {}
    for name in names:
        try:
            cls = peers.load(name, modules)
        except (ImportError, AttributeError) as error:
            absent[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        if threads > 1 and cls.one_thread_only:
            absent[name] = "runs one thread"
        else:
            classes[name] = cls
    return classes, absent


def measure(shape, dtype, names, threads, runs, turn, sample):
    """Verify and time one shape; return the row of results.

    A peer's turn trains as many epochs as take about `turn` seconds, at least one.
    """
    job = jobs.make(shape, dtype, sample)
    classes, absent = available(names, threads)
    for name, cls in list(classes.items()):
        if shape.slow and cls.loops_over_examples:
            absent[name] = "left out: loops over single examples would take minutes"
        elif shape.saturated and cls.own_start:
            absent[name] = "left out: starts from weights of its own, which are not saturated"
    classes = {name: cls for name, cls in classes.items() if name not in absent}
    checked_by, differences = verify.same_parameters(classes, job, threads)
    taking_part = {name: cls(job, threads) for name, cls in classes.items()}
    learned = {checked_by: verify.learning(taking_part[checked_by])}
    for name, peer in taking_part.items():
        if name not in learned:
            learned[name] = verify.learning(peer, learned[checked_by])
    products = dense_limit.MatrixProducts(dtype)
    # Compiling is done: the second call tells how many epochs make a turn.
    epochs = {}
    for name, peer in taking_part.items():
        seconds = learned[name]["seconds"]
        if seconds < 10 * turn:
            peer.restart()
            seconds = peer.train(seed=12, epochs=shape.learned) / shape.learned
        epochs[name] = min(math.ceil(turn / seconds), MOST_EPOCHS)
    seconds = {name: [] for name in taking_part}
    gc.collect()
    for run in range(runs):
        products.measure()
        for name, peer in taking_part.items():
            peer.restart()
            taken = peer.timed(seed=run, epochs=epochs[name])
            seconds[name].append(taken * shape.epochs / epochs[name])
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
        "absent": absent,
        "checked_by": checked_by,
        "peers": {},
    }
    for name, peer in taking_part.items():
        row["peers"][name] = machine.spread(seconds[name]) | {
            "epochs_a_turn": epochs[name],
            "difference": differences.get(name),
            **{key: learned[name][key] for key in ("cost_before", "cost_after", "accuracy")},
        }
        if getattr(peer, "packing", None):
            row["peers"][name]["packing"] = machine.spread(peer.packing)
            row["peers"][name]["backend"] = str(peer.net.backend)
    return row


def report(row):
    """Print a row for whoever waits."""
    unit = "an epoch" if row["epochs"] == 1 else f"{row['epochs']:,} epochs"
    print(
        f"\n{row['shape']}  {row['dtype']}, {row['threads']} thread(s), {row['n']:,} examples "
        f"of {row['data']} ({row['density']:.0%} not zero)"
    )
    print(
        f"  matrix-product peak {row['peak_gflops']:.1f} GFLOP/s: dense limit "
        f"{row['dense_limit']:.4g} s {unit}"
    )
    ours = row["peers"].get("cbackprop")
    print(
        f"  {'':16} {'seconds ' + unit:>20} {'min':>9} {'max':>9} {'ratio':>7} {'accuracy':>9} "
        f"{'difference':>11}"
    )
    for name, times in row["peers"].items():
        ratio = f"{times['median'] / ours['median']:.2f}" if ours else "-"
        recognised = "-" if times["accuracy"] is None else f"{times['accuracy']:.1%}"
        apart = "-" if times["difference"] is None else f"{times['difference']:.1e}"
        print(
            f"  {name:16} {times['median']:20.4f} {times['min']:9.4f} {times['max']:9.4f} "
            f"{ratio:>7} {recognised:>9} {apart:>11}"
        )
    for name, reason in row["absent"].items():
        print(f"  {name:16} {reason}")
    sys.stdout.flush()


def main():
    """Measure what the command line names; exit 1 if any result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--shapes", nargs="+", default=list(jobs.SHAPES), metavar="SHAPE")
    parser.add_argument("--peers", nargs="+", default=list(peers.MODULES), metavar="PEER")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--turn", type=float, default=0.4, metavar="SECONDS")
    parser.add_argument("--sample", action="store_true")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    warnings.filterwarnings("ignore", module="sklearn")  # "not converged": an epoch never is
    begun = time.perf_counter()
    results = {"rows": []}
    try:
        for name in arguments.shapes:
            row = measure(
                jobs.SHAPES[name],
                arguments.dtype,
                arguments.peers,
                arguments.threads,
                arguments.runs,
                arguments.turn,
                arguments.sample,
            )
            report(row)
            results["rows"].append(row)
    except verify.Wrong as wrong:
        print(f"WRONG RESULT: {wrong}", file=sys.stderr)
        sys.exit(1)
    # Last, when every library that brings a BLAS is loaded.
    results["machine"] = machine.describe() | {"seconds": time.perf_counter() - begun}
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()

"""Ten calls of SGD for one epoch each beside one call of ten epochs, on MNIST as the loader gives it.

    python bench/repeated.py [--threads 2] [--json FILE]

Whoever lowers eta or saves the network after every epoch calls SGD so. Each call reads and packs the data
anew, since a script may have changed it; what that adds is the fixed cost.
Exits 1 if the two ways do not end in the same parameters.
"""

import argparse
import contextlib
import io
import os
import random
import statistics
import sys
import time
import warnings

import machine
import numpy as np

from cbackprop import mnist_loader, network

SHAPES = [784, 30, 10], [784, 100, 10]
EPOCHS, M, ETA = 10, 10, 3.0


def train(sizes, dtype, examples, calls):
    """Return the seconds of ten epochs in so many calls, and the network."""
    np.random.seed(1)
    random.seed(1)
    net, data = network.Network(sizes, dtype=dtype), list(examples)
    with contextlib.redirect_stdout(io.StringIO()):
        begun = time.perf_counter()
        for _ in range(calls):
            net.SGD(data, EPOCHS // calls, M, ETA)
        return time.perf_counter() - begun, net


def main():
    """Time both ways in turns for each network and type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    os.environ.pop("CBACKPROP_NUM_THREADS", None)  # as many workers as pay, as for a script that says nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample warns that it is one; the number of examples says so
        examples = mnist_loader.load_data_wrapper()[0]
    print(
        f"{len(examples):,} examples, {arguments.threads} processor(s)\n"
        f"{'':24} {'one call':>10} {'ten calls':>10} {'ratio':>6} {'fixed cost':>11}"
    )
    rows = []
    for sizes in SHAPES:
        for dtype in ("float64", "float32"):
            taken = {1: [], EPOCHS: []}
            for _ in range(arguments.runs):
                nets = []
                for calls, record in taken.items():
                    seconds, net = train(sizes, dtype, examples, calls)
                    record.append(seconds)
                    nets.append(net)
                if any((a != b).any() for a, b in zip(nets[0].weights, nets[1].weights, strict=True)):
                    sys.exit(f"WRONG RESULT: {sizes}, {dtype}: ten calls end in other weights than one")
            one, ten = (statistics.median(record) for record in taken.values())
            fixed = (ten - one) / (EPOCHS - 1)
            print(
                f"{sizes!s:15} {dtype} {one:9.3f} s {ten:9.3f} s {ten / one:6.2f} {fixed * 1e3:8.1f} ms",
                flush=True,
            )
            rows.append(
                {
                    "sizes": sizes,
                    "dtype": dtype,
                    "one_call": machine.spread(taken[1]),
                    "ten_calls": machine.spread(taken[EPOCHS]),
                    "ratio": ten / one,
                }
            )
    if arguments.json:
        machine.save({"machine": machine.describe(), "rows": rows}, arguments.json)


if __name__ == "__main__":
    main()

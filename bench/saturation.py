"""Whether networks get slower by the epoch: seconds of each of ten epochs, from starts that saturate.

    python bench/saturation.py [--runs 3] [--json FILE]

The book's initial weights are not divided by the number of inputs: wide layers begin on the sigmoid's flat
ends, and trained neurons end there. Errors then fall below the smallest normal number of float32, which some
processors compute with a hundred times as slowly.
Exits 1 if a parameter is not a finite number at the end.
"""

import argparse
import contextlib
import io
import random
import statistics
import sys
import time
import warnings

import machine
import numpy as np

from cbackprop import mnist_loader, network

SHAPES = {
    "784-10, 10": ([784, 10], 10, 3.0),
    "784-30-10, 10": ([784, 30, 10], 10, 3.0),
    "784-30-30-30-30-10, 10": ([784, 30, 30, 30, 30, 10], 10, 2.0),
    "784-512-512-10, 128": ([784, 512, 512, 10], 128, 0.5),
    "784-2048-2048-10, 256, 5,120 examples": ([784, 2048, 2048, 10], 256, 0.5),
}
EPOCHS = 10


def seconds_by_epoch(net, examples, m, eta, epochs):
    """Return the seconds of each of so many epochs of one call of SGD."""
    times = []

    class Clock(io.StringIO):
        def write(self, text):
            if text.strip():
                times.append(time.perf_counter())
            return len(text)

    random.seed(1)
    with contextlib.redirect_stdout(Clock()):
        net.SGD(list(examples), 1, m, eta)  # packs the examples once, so that memory is there
        begun = time.perf_counter()
        net.SGD(list(examples), epochs, m, eta)
    return np.diff([begun, *times[1:]]).tolist()


def main():
    """Print a line for each shape and type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, metavar="R")
    parser.add_argument("--cpu", type=int, metavar="K")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    machine.settle(1, arguments.cpu)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample warns that it is one; the number of examples says so
        examples = mnist_loader.load_data_wrapper()[0]
    print(f"{len(examples):,} examples, 1 thread\n{'':48} {'epoch 2':>9} {'epoch 10':>9} {'ratio':>6}")
    rows = []
    for name, (sizes, m, eta) in SHAPES.items():
        part = examples[:5120] if max(sizes[1:]) > 1000 else examples
        for dtype in ("float64", "float32"):
            taken = []
            for _ in range(arguments.runs):
                np.random.seed(1)
                net = network.Network(sizes, dtype=dtype)
                taken.append(seconds_by_epoch(net, part, m, eta, EPOCHS))
                if not all(np.isfinite(w).all() for w in net.weights):
                    sys.exit(f"WRONG RESULT: {name}, {dtype}: weights that are not finite")
            # The first epoch of a call reads and packs the examples.
            epochs = [statistics.median(times) for times in zip(*taken)]
            ratio = epochs[-1] / epochs[1]
            print(f"{name:38} {dtype} {epochs[1]:9.4f} {epochs[-1]:9.4f} {ratio:6.3f}", flush=True)
            rows.append({"shape": name, "dtype": dtype, "seconds": epochs, "ratio": ratio})
    if arguments.json:
        machine.save({"machine": machine.describe(), "rows": rows}, arguments.json)


if __name__ == "__main__":
    main()

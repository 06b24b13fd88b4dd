"""How an epoch's time grows with width, mini-batch length, depth and number of examples.

    python bench/scaling.py [--sweeps width m depth n cliffs_in_width cliffs_in_m] [--json FILE]

Times are seconds an example, so that a line that stays level means growth in proportion. The
two cliff sweeps go through the multiples of a tile's width, less and plus one, up to 300: a
neighbour that costs much more than its share names a shape that falls off the fast path.
Exits 1 if parameters differ from those of NumPy's matrix products.
"""

import argparse
import math
import statistics
import sys

import dense_limit
import jobs
import machine
import numpy as np
import peers
import verify

FLOPS_A_POINT = 10e9  # bounds the examples, and so the time, of a point
TURN_SECONDS = 0.1
BESIDE_TILES = [16 * tile + beside for tile in range(1, 19) for beside in (-1, 0, 1)]


def points(sweep):
    """Return (x, sizes, m, n, data) of each point; n None is as many as the time allows."""
    if sweep == "width":
        return [(w, (784, w, 10), 10, None, "MNIST") for w in (30, 64, 100, 200, 300, 512, 1024, 2048, 4096)]
    if sweep == "m":
        return [(m, (784, 100, 10), m, None, "MNIST") for m in (1, 2, 4, 10, 20, 50, 100, 200, 500, 1024)]
    if sweep == "depth":
        return [(hidden + 1, (784, *[30] * hidden, 10), 10, None, "MNIST") for hidden in range(1, 12)]
    if sweep == "n":
        return [
            (n, (784, 30, 10), 10, n, "MNIST")
            for n in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
        ]
    if sweep == "cliffs_in_width":
        return [(w, (300, w, w, 10), 32, None, "dense") for w in BESIDE_TILES]
    return [(m, (300, 100, 10), m, None, "dense") for m in BESIDE_TILES]


def examples(data, n_in, n, dtype):
    """Return X and labels: MNIST, over again where `n` is larger, or random numbers."""
    if data == "MNIST":
        X, labels, *_ = jobs.mnist()
        rows = np.arange(n) % len(X)
        return X[rows].astype(dtype, copy=False), np.asarray(labels)[rows]
    draw = np.random.default_rng(0)
    return draw.random((n, n_in), dtype=np.float32).astype(dtype), draw.integers(0, 10, n)


def make(x, sizes, m, n, data, dtype):
    """Return the job of a point."""
    if n is None:
        most = FLOPS_A_POINT / dense_limit.epoch_flops(sizes, 1)
        n = m * math.ceil(min(20_000, max(1_000, most)) / m)
    X, labels = examples(data, sizes[0], n, dtype)
    shape = jobs.Shape(str(x), sizes, m, eta=0.5, data=data, checked=3)
    weights, biases = jobs.start(sizes, dtype)
    return jobs.Job(
        shape, data, X, jobs.one_hot(labels, sizes[-1], dtype), labels, None, None, weights, biases
    )


def measure(point, dtype, classes, runs):
    """Verify and time a point; return its row."""
    job = make(*point, dtype)
    threads, reference = machine.settled()["threads"], "NumPy matrix"
    expected = verify.trained(peers.load(reference), job, threads)
    for name, cls in classes.items():
        if cls.same_cost and name != reference:
            verify.same_parameters(name, cls, job, threads, reference, expected)
    taking_part = {name: cls(job, threads) for name, cls in classes.items()}
    epochs, taken = {}, {name: [] for name in taking_part}
    for name, peer in taking_part.items():
        peer.restart()
        epochs[name] = math.ceil(TURN_SECONDS / peer.train(seed=0, epochs=1))
    for run in range(runs):
        for name, peer in taking_part.items():
            peer.restart()
            taken[name].append(peer.timed(run, epochs[name]) / epochs[name] / job.n)
    return {
        "x": point[0],
        "sizes": list(job.shape.sizes),
        "m": job.shape.m,
        "n": job.n,
        "data": job.source,
        "dtype": job.X.dtype.name,
        "flops": dense_limit.epoch_flops(job.shape.sizes, 1),
        "peers": {name: machine.spread(seconds) for name, seconds in taken.items()},
    }


def cliffs(rows):
    """Print the largest rise from one width or length to the next, beyond the growth in work.

    Widths share their time with their flops; a mini-batch's length changes no example's flops.
    """
    worst = (0.0, None, None)
    for row, following in zip(rows[:-1], rows[1:], strict=True):
        if following["x"] - row["x"] == 1:
            times = [r["peers"]["cbackprop"]["median"] / r["flops"] for r in (row, following)]
            worst = max(worst, (times[1] / times[0], row["x"], following["x"]))
    print(f"  largest rise in time an operation: {worst[0]:.2f} times, from {worst[1]} to {worst[2]}")
    return {"rise": worst[0], "from": worst[1], "to": worst[2]}


def main():
    """Run the sweeps."""
    sweeps = ("width", "m", "depth", "n", "cliffs_in_width", "cliffs_in_m")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--sweeps", nargs="+", choices=sweeps, default=sweeps)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--peers", nargs="+", choices=peers.MODULES, default=["cbackprop", "NumPy matrix"])
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    results = {"sweeps": {}, "cliffs": {}}
    for sweep in arguments.sweeps:
        names = ["cbackprop"] if sweep.startswith("cliffs") else arguments.peers
        classes = {name: peers.load(name) for name in names}
        # A million images of 784 pixels fit beside the rest in float32, not in float64.
        dtype = "float32" if sweep == "n" else arguments.dtype
        print(f"\n{sweep} ({dtype}): microseconds an example")
        rows = results["sweeps"][sweep] = []
        for point in points(sweep):
            try:
                rows.append(measure(point, dtype, classes, arguments.runs))
            except verify.Wrong as wrong:
                sys.exit(f"WRONG RESULT: {wrong}")
            times = rows[-1]["peers"]
            print(
                f"  {rows[-1]['x']:9,}  "
                + "  ".join(f"{name} {spent['median'] * 1e6:10.3f}" for name, spent in times.items()),
                flush=True,
            )
        if sweep.startswith("cliffs"):
            results["cliffs"][sweep] = cliffs(rows)
        else:
            ours = [row["peers"]["cbackprop"]["median"] for row in rows if "cbackprop" in row["peers"]]
            if ours:
                print(f"  median {statistics.median(ours) * 1e6:.3f}, largest {max(ours) * 1e6:.3f}")
    results["machine"] = machine.describe()
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()

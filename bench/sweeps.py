"""A sweep of 40 small networks on two workers, beside one: on loky, Dask and Ray.

    python bench/sweeps.py --threads 2 [--json FILE] [--engines loky dask ray] [--sample] [--runs R]

Each network is 784-30-10, with its learning rate and seed, trained for ten epochs of 10,000 images of MNIST.
The workers of an engine are started before anything is timed. In each turn the sweep runs on one worker, for
which joblib takes this process, and on two of the engine; the figure is t(one) / t(two). Exits 1 if networks
of an engine are not, bit for bit, those trained in this process.
"""

import argparse
import contextlib
import statistics
import sys
import time

import jobs
import machine
import numpy as np

import cbackprop

NETWORKS, EXAMPLES = 40, 10_000
GRID = {"eta": [0.5, 1.0, 2.0, 3.0], "random_state": range(NETWORKS // 4)}


def make(random_state):
    """Return the book's network."""
    return cbackprop.Network([784, 30, 10], random_state=random_state)


def swept(data, backend, n_jobs, **options):
    """Sweep; return the seconds and the rows."""
    begun = time.perf_counter()
    options = {"epochs": 10, "mini_batch_size": 10, "as_frame": False, "verbose": False, **options}
    rows = cbackprop.sweep(make, GRID, data, backend=backend, n_jobs=n_jobs, **options)
    return time.perf_counter() - begun, rows


@contextlib.contextmanager
def cluster(engine):
    """Two workers of an engine."""
    if engine == "dask":
        import distributed

        local = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with local, distributed.Client(local):
            yield
    elif engine == "ray":
        import ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()
    else:
        yield


def measure(engine, data, runs, alone):
    """Check an engine and time it beside one worker, in turns; return the row of results."""
    with cluster(engine):
        rows = swept(data, engine, 2, return_networks=True)[1]
        if [row["network"].parameters.tobytes() for row in rows] != alone:
            sys.exit(f"WRONG RESULT: {engine}: the networks differ from those trained in this process")
        one, two = [], []
        for _ in range(runs):
            one.append(swept(data, "loky", 1)[0])
            two.append(swept(data, engine, 2)[0])
    gains = [a / b for a, b in zip(one, two, strict=True)]
    gain = {"median": statistics.median(gains), "min": min(gains), "max": max(gains), "runs": gains}
    return {"engine": engine, "one": machine.spread(one), "two": machine.spread(two), "gain": gain}


def main():
    """Measure every engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--engines", nargs="+", default=["loky", "dask", "ray"])
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--sample", action="store_true", help="the package's sample of MNIST")
    arguments = parser.parse_args()
    if arguments.threads < 2:
        parser.error("two workers need --threads 2")
    machine.settle(arguments.threads, arguments.cpu)
    X, labels, *_, source = jobs.mnist(arguments.sample)
    data = (np.ascontiguousarray(X[:EXAMPLES], np.float64), np.asarray(labels[:EXAMPLES])), None
    alone = [row["network"].parameters.tobytes() for row in swept(data, None, None, return_networks=True)[1]]
    rows = []
    for engine in arguments.engines:
        rows.append(measure(engine, data, arguments.runs, alone))
        row = rows[-1]
        print(
            f"{engine:5} one worker {row['one']['median']:.2f} s, two workers "
            f"{row['two']['median']:.2f} s: {row['gain']['median']:.2f} times "
            f"({row['gain']['min']:.2f}–{row['gain']['max']:.2f})",
            flush=True,
        )
    if arguments.json:
        machine.save({"rows": rows, "data": source, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

"""A sweep of 40 small networks on two workers, beside one: on loky, Dask and Ray.

    python bench/sweeps.py --threads 2 [--json FILE] [--engines loky dask ray] [--epochs E] [--runs R]

Each network is 784-30-10, with its learning rate and seed, trained on 10,000 images of MNIST. What is timed
is the whole call of `sweep` with workers that have started; what starting them takes is a figure of its own.
One worker is read in two ways: as this process, which joblib takes for n_jobs=1, and as one worker of the
engine. The first is timed in turns with two workers, and the gain is of these pairs.

Two plain processes, which train half of the networks each and share nothing, are timed beside one of them:
that is what the second processor gives. Exits 1 if networks of an engine are not, bit for bit, those trained
in this process.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import multiprocessing
import sys
import time
from unittest import mock

import jobs
import machine
import numpy as np

import cbackprop

NETWORKS, EXAMPLES = 40, 10_000
ETAS = [0.5, 1.0, 2.0, 3.0]


def make(random_state):
    """Return the book's network."""
    return cbackprop.Network([784, 30, 10], random_state=random_state)


@functools.cache
def data(sample):
    """Return what `sweep` takes as data, and where they are from."""
    X, labels, *_, source = jobs.mnist(sample)
    return ((np.ascontiguousarray(X[:EXAMPLES], np.float64), np.asarray(labels[:EXAMPLES])), None), source


def swept(sample, epochs, networks=NETWORKS, n_jobs=None, backend=None):
    """Sweep; return the seconds, and the bits of each network."""
    grid = {"eta": ETAS, "random_state": range(networks // len(ETAS))}
    options = {"mini_batch_size": 10, "as_frame": False, "verbose": False, "return_networks": True}
    begun = time.perf_counter()
    rows = cbackprop.sweep(
        make, grid, data(sample)[0], epochs=epochs, n_jobs=n_jobs, backend=backend, **options
    )
    seconds = time.perf_counter() - begun
    return seconds, [row["network"].parameters.tobytes() for row in rows]


@contextlib.contextmanager
def engine(name, workers):
    """Start an engine with so many workers; yield the backend's name and n_jobs."""
    if name == "dask":
        import distributed

        local = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with local, distributed.Client(local):
            yield name, workers
    elif name == "ray":
        import ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        yield name, workers
        ray.shutdown()
    else:
        from joblib import _parallel_backends as backends
        from joblib.externals.loky import get_reusable_executor

        # For n_jobs=1 joblib starts no process. So one worker is n_jobs=2 with an executor of one.
        start = backends.get_memmapping_executor
        with mock.patch.object(
            backends, "get_memmapping_executor", lambda _, **given: start(workers, **given)
        ):
            yield name, 2
        get_reusable_executor().shutdown(wait=True)


def started(stack, name, workers, sample):
    """Start an engine and have it sweep something small; return its names, and the seconds."""
    begun = time.perf_counter()
    backend, n_jobs = stack.enter_context(engine(name, workers))
    swept(sample, 1, len(ETAS), n_jobs, backend)
    return (backend, n_jobs), time.perf_counter() - begun


def measure(name, arguments, alone):
    """Check an engine and time it; return the row of results."""
    row = {"engine": name, "epochs": arguments.epochs}
    times = {"in this process": [], "one": [], "two": []}
    for workers, key in ((1, "one"), (2, "two")):
        if workers == 1 and name == "ray":
            continue  # joblib takes this process for one worker of Ray
        with contextlib.ExitStack() as stack:
            (backend, n_jobs), row["start"] = started(stack, name, workers, arguments.sample)
            for _ in range(arguments.runs):
                if workers == 2:
                    times["in this process"].append(swept(arguments.sample, arguments.epochs)[0])
                seconds, bits = swept(arguments.sample, arguments.epochs, NETWORKS, n_jobs, backend)
                if bits != alone:
                    sys.exit(f"WRONG RESULT: {name}: networks differ from those trained in this process")
                times[key].append(seconds)
    row |= {key: machine.spread(found) for key, found in times.items() if found}
    pairs = zip(times["in this process"], times["two"], strict=True)
    row["gain"] = machine.spread([one / two for one, two in pairs])
    if times["one"]:
        row["gain of workers"] = row["one"]["median"] / row["two"]["median"]
    return row


def two_processes(arguments):
    """Time half of the networks in one process, and in two at once; return the row of results."""
    context = multiprocessing.get_context("spawn")
    half = functools.partial(swept, arguments.sample, arguments.epochs, NETWORKS // 2)
    alone, both = [], []
    with contextlib.ExitStack() as stack:
        pools = [
            stack.enter_context(concurrent.futures.ProcessPoolExecutor(1, mp_context=context))
            for _ in range(2)
        ]
        for pool in pools:
            pool.submit(swept, arguments.sample, 1, len(ETAS)).result()
        for _ in range(arguments.runs):
            for chosen, times in ((pools[:1], alone), (pools, both)):
                begun = time.perf_counter()
                for future in [pool.submit(half) for pool in chosen]:
                    future.result()
                times.append(time.perf_counter() - begun)
    gains = [2 * one / two for one, two in zip(alone, both, strict=True)]
    spreads = {"in this process": machine.spread(alone), "two": machine.spread(both)}
    return {"engine": None, "epochs": arguments.epochs, **spreads, "gain": machine.spread(gains)}


def main():
    """Measure every engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--engines", nargs="+", default=["loky", "dask", "ray"])
    parser.add_argument("--epochs", type=int, default=10, metavar="E")
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--sample", action="store_true", help="the package's sample of MNIST")
    arguments = parser.parse_args()
    if arguments.threads < 2:
        parser.error("two workers need --threads 2")
    machine.settle(arguments.threads, arguments.cpu)
    alone = swept(arguments.sample, arguments.epochs)[1]
    rows = [two_processes(arguments)]
    say(rows[0])
    for name in arguments.engines:
        rows.append(measure(name, arguments, alone))
        say(rows[-1])
    if arguments.json:
        found = {"rows": rows, "data": data(arguments.sample)[1], "machine": machine.describe()}
        machine.save(found, arguments.json)


def say(row):
    """Print a row of results."""
    gain, times = (
        row["gain"],
        {key: row[key]["median"] for key in ("in this process", "one", "two") if key in row},
    )
    print(
        f"{row['engine'] or 'two plain processes':20}"
        + ", ".join(f"{key} {seconds:.2f} s" for key, seconds in times.items())
        + f": {gain['median']:.2f} times ({gain['min']:.2f}–{gain['max']:.2f})"
        + (f", {row['gain of workers']:.2f} times one worker" if "gain of workers" in row else "")
        + (f"; start {row['start']:.2f} s" if "start" in row else ""),
        flush=True,
    )


if __name__ == "__main__":
    main()

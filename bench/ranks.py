"""Data-parallel SGD over MPI on some numbers of ranks, beside one process with one thread and with several.

    python bench/ranks.py --threads 2 [--ranks N ...] [--mpiexec COMMAND] [--json FILE] [--runs R]

In each turn a shape is trained by one process on one thread, by one process on as many threads as ranks, if
there are so many processors, with its mini-batch and with one as many times as long, and by the ranks, each
with the shape's mini-batch (weak scaling) or with its part of it (strong scaling); the figures are the gain
in examples a second over one thread. Then the seconds that a sum over two ranks takes, by its size: ours, in
memory that they share, and MPI's Allreduce. Exits 1 if the ranks' parameters are not equal, bit for bit.
"""

import argparse
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys

import machine
import numpy as np

SHAPES = {
    "784-30-10, 10": ((784, 30, 10), 10),
    "784-100-10, 100": ((784, 100, 10), 100),
    "784-512-512-10, 128": ((784, 512, 512, 10), 128),
    "1024-2048-2048-10, 256": ((1024, 2048, 2048, 10), 256),
}
SIZES = [2**k for k in range(10, 25, 2)]  # of sums, in elements
EPOCH = 3e10  # operations: about half a second on one thread


# ---- in the processes that are measured ----


def trained(task):
    """Train for four epochs; print the seconds that the best of the last three took a step, as JSON."""
    from cbackprop import network2

    options, rank, n_ranks = {}, 0, 1
    if task["comm"]:
        from mpi4py import MPI

        comm = options["comm"] = MPI.COMM_WORLD
        options["deterministic"] = task.get("deterministic", False)
        rank, n_ranks = comm.rank, comm.size
    sizes, m, dtype = task["sizes"], task["m"], np.dtype(task["dtype"])
    products = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
    steps = int(max(4, min(5000, EPOCH // (6 * products * m))))
    draw = np.random.default_rng(rank)
    n = steps * m // n_ranks
    X = draw.random((n, sizes[0]), np.float32)
    if sizes[0] == 784:
        X *= draw.random((n, sizes[0])) < 0.19  # as many zeros as MNIST has
    Y = draw.integers(0, 10, n)
    net = network2.Network(sizes, dtype=dtype, random_state=0)
    seconds = []
    net.SGD(
        (X.astype(dtype) if sizes[0] != 784 else X, Y), 4, m, 0.01, n_threads=task["threads"], random_state=0,
        verbose=False, callbacks=[lambda net, entry: seconds.append(entry["seconds"])], **options,
    )  # fmt: skip
    digest = hashlib.blake2b(net.parameters.tobytes()).hexdigest()
    if task["comm"] and len(set(comm.allgather(digest))) > 1:
        sys.exit("WRONG RESULT: the ranks have other parameters")
    if rank == 0:
        print(json.dumps(min(seconds[1:]) / steps))


def summed(task):
    """Time sums of all sizes; print them as JSON."""
    from mpi4py import MPI

    from cbackprop._ranks._exchange import Exchange
    from cbackprop._ranks._sums import Sums

    comm, dtype = MPI.COMM_WORLD, np.dtype(task["dtype"])
    rows = []
    for size in SIZES:
        row = {"size": size, "bytes": size * dtype.itemsize}
        sums = Sums(Exchange(comm, 60), size, range(comm.size), dtype, in_order=False)
        numbers = np.ones(size, dtype)
        times = max(3, min(300, 20_000_000 // size))
        for name, call in {
            "shared": sums.add_up,
            "Allreduce": lambda numbers=numbers: comm.Allreduce(MPI.IN_PLACE, numbers),
        }.items():
            call()
            best = []
            for _ in range(3):
                comm.Barrier()
                best.append(machine.seconds(call, (), times))
            row[name] = min(best)
        sums.close()
        rows.append(row)
    if comm.rank == 0:
        print(json.dumps(rows))


# ---- in the process that measures ----


def run(task, mpiexec, n_ranks):
    """Run a task in processes of its own, with a processor each or with all; return what it prints."""
    command = [sys.executable, os.path.abspath(__file__), "--task", json.dumps(task)]
    if task["comm"]:
        command = [*mpiexec, "-n", str(n_ranks), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(name, dtype, mpiexec, n_ranks, processors, runs, deterministic=False, rank_threads=1):
    """Time one shape, all ways in turns; return the row of results."""
    sizes, m = SHAPES[name]
    common = {"what": "train", "sizes": sizes, "dtype": dtype}
    ways = {
        "one": common | {"m": m, "threads": 1, "comm": False},
        "weak": common | {"m": m * n_ranks, "threads": 1, "comm": True},
    }
    if n_ranks > 1:
        ways["strong"] = common | {"m": m, "threads": 1, "comm": True}
    if deterministic:
        ways["deterministic"] = ways["weak"] | {"deterministic": True}
    if rank_threads > 1:
        m_joint = m * n_ranks * rank_threads
        ways["threads in ranks"] = common | {"m": m_joint, "threads": rank_threads, "comm": True}
    if 1 < n_ranks <= processors:
        ways["threads"] = common | {"m": m * n_ranks, "threads": n_ranks, "comm": False}
        ways["threads, strong"] = common | {"m": m, "threads": n_ranks, "comm": False}
    seconds = {way: [] for way in ways}
    for _ in range(runs):
        for way, task in ways.items():
            seconds[way].append(run(task, mpiexec, n_ranks))
    row = {"shape": name, "sizes": list(sizes), "m": m, "dtype": dtype, "ranks": n_ranks}
    row |= {way: machine.spread(found) for way, found in seconds.items()}  # seconds a step
    row["gains"] = {}
    for way in list(ways)[1:]:
        gains = [ways[way]["m"] / m * a / b for a, b in zip(seconds["one"], seconds[way], strict=True)]
        row["gains"][way] = {"median": statistics.median(gains), "min": min(gains), "max": max(gains)}
    return row


def main():
    """Measure every shape, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--ranks", nargs="+", type=int, default=[2], metavar="N")
    parser.add_argument(
        "--mpiexec",
        default="mpiexec --oversubscribe --bind-to core:overload-allowed",
        metavar="COMMAND",
        help="Open MPI's by default: %(default)s",
    )
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES, metavar="S")
    parser.add_argument("--dtype", nargs="+", default=["float64", "float32"])
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--deterministic", action="store_true", help="time this option, too: weak scaling")
    parser.add_argument(
        "--rank-threads",
        type=int,
        default=1,
        metavar="T",
        help="time ranks of T threads, too: weak scaling; mpiexec must not bind a rank to one processor",
    )
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task = json.loads(arguments.task)
        (trained if task["what"] == "train" else summed)(task)
        return
    if arguments.threads < 2:
        parser.error("two ranks need --threads 2")
    machine.settle(arguments.threads, arguments.cpu)
    mpiexec = shlex.split(arguments.mpiexec)
    rows = []
    for name in arguments.shapes:
        for dtype in arguments.dtype:
            for n_ranks in arguments.ranks:
                row = measure(
                    name, dtype, mpiexec, n_ranks, arguments.threads, arguments.runs,
                    arguments.deterministic, arguments.rank_threads,
                )  # fmt: skip
                rows.append(row)
                gains = ", ".join(
                    f"{way} {gain['median']:.2f} ({gain['min']:.2f}–{gain['max']:.2f})"
                    for way, gain in row["gains"].items()
                )
                one = row["one"]["median"] * 1e6
                print(
                    f"{name}, {dtype}, {n_ranks} ranks: one thread {one:.0f} µs a step; {gains}", flush=True
                )
    sums = run({"what": "sum", "dtype": "float32", "comm": True}, mpiexec, 2)
    for row in sums:
        shared, whole = row["shared"] * 1e6, row["Allreduce"] * 1e6
        print(f"{row['bytes']:10} bytes: shared {shared:8.1f} µs, Allreduce {whole:8.1f} µs")
    if arguments.json:
        machine.save({"rows": rows, "sums": sums, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

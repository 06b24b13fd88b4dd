"""What local SGD does to the accuracy on MNIST: the parameters of all ranks averaged every k steps.

    mpiexec -n 4 python bench/local_sgd.py [--json FILE] [--epochs E] [--seeds S] [--sample]

784-100-10 with the cross-entropy, mini-batches of 10 a rank, and for k = 1, 4, 16, 64, 256 the right answers
of the 10,000 test images after E epochs; beside them data-parallel SGD on the joint mini-batch, and one
process alone with mini-batches of 10.
"""

import argparse
import statistics

import jobs
import machine
import numpy as np
from mpi4py import MPI

from cbackprop import network2

EVERY = (None, 1, 4, 16, 64, 256)


def learned(comm, data, tests, seed, epochs, **options):
    """Return the accuracy after the last epoch, in per cent, and the seconds of training an epoch."""
    rank, n_ranks = comm.rank, comm.size
    X, Y = (part[rank * len(data[0]) // n_ranks : (rank + 1) * len(data[0]) // n_ranks] for part in data)
    net = network2.Network([784, 100, 10], random_state=seed)
    seconds = []
    net.SGD(
        (X, Y), epochs, 10 * n_ranks, 0.5, 5.0, random_state=seed, comm=comm, n_threads=1, verbose=False,
        callbacks=[lambda net, entry: seconds.append(entry["seconds"])], **options,
    )  # fmt: skip
    return 100 * net.accuracy(tests) / len(tests[1]), statistics.median(seconds)


def main():
    """Train for every k."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample", action="store_true", help="the package's sample of MNIST")
    arguments = parser.parse_args()
    comm = MPI.COMM_WORLD
    X, labels, X_test, test_labels, source = jobs.mnist(arguments.sample)
    data, tests = (X, np.asarray(labels)), (X_test, np.asarray(test_labels))
    rows = []
    alone = comm.Split(comm.rank)
    for name, every, group in (("one process", None, alone), *((None, k, comm) for k in EVERY)):
        title = name or ("every gradient summed" if every is None else f"averaged every {every} steps")
        options = {} if every is None else {"average_every": every}
        if group is comm or comm.rank == 0:
            found = [
                learned(group, data, tests, seed, arguments.epochs, **options)
                for seed in range(arguments.seeds)
            ]
        comm.Barrier()
        if comm.rank == 0:
            accuracies = [accuracy for accuracy, _ in found]
            rows.append(
                {
                    "way": title,
                    "every": every,
                    "accuracies": accuracies,
                    "epoch": statistics.median(s for _, s in found),
                }
            )
            print(
                f"{title}: {statistics.mean(accuracies):.2f}% ({min(accuracies):.2f}–{max(accuracies):.2f})",
                flush=True,
            )
    if arguments.json and comm.rank == 0:
        results = {"rows": rows, "ranks": comm.size, "epochs": arguments.epochs, "data": source}
        machine.save(results | {"machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

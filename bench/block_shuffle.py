"""What shuffling within windows of blocks does to learning, beside the full shuffle.

    python bench/block_shuffle.py [--json FILE] [--seeds S] [--epochs E] [--sample]

The book's 784-30-10 learns MNIST, as it comes and sorted by its labels, which is the worst that a file can
be: a block of it has one class. Prints the accuracy on the test images after the first epoch and after the
last, and the worst and the mean of the epochs, each the mean over the seeds with its standard error.
"""

import argparse
import statistics

import jobs
import machine
import numpy as np

from cbackprop import network2

BLOCK = 100
WINDOWS = 1, 4, 16, 64
ETA, M = 0.5, 10


def accuracies(data, tests, seed, epochs, **options):
    """Return the accuracy on the test images after each epoch, in percent."""
    net = network2.Network([784, 30, 10], random_state=seed)
    _, right, *_ = net.SGD(
        data,
        *(epochs, M, ETA, 5.0, tests),
        monitor_evaluation_accuracy=True,
        random_state=seed,
        verbose=False,
        **options,
    )
    return [100 * each / len(tests[1]) for each in right]


def summary(runs):
    """Return what is printed of the accuracies of every seed: (mean, standard error) of four numbers."""
    numbers = {
        "first": [run[0] for run in runs],
        "last": [run[-1] for run in runs],
        "worst": [min(run) for run in runs],
        "mean": [statistics.mean(run) for run in runs],
    }
    return {
        name: (statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5)
        for name, values in numbers.items()
    }


def main():
    """Measure every window, on both orders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=5, metavar="S")
    parser.add_argument("--epochs", type=int, default=5, metavar="E")
    parser.add_argument("--sample", action="store_true", help="the package's sample of MNIST")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("a standard error needs --seeds 2")
    machine.settle(arguments.threads, arguments.cpu)
    X, labels, X_test, test_labels, source = jobs.mnist(arguments.sample)
    X, tests = np.asarray(X, np.float32), (X_test, test_labels)
    orders = {"as it comes": np.arange(len(X)), "sorted": np.argsort(labels, kind="stable")}
    rows = []
    for name, order in orders.items():
        data = X[order], np.asarray(labels)[order]
        for window in (*WINDOWS, None):
            options = {} if window is None else {"block": BLOCK, "window": window}
            runs = [
                accuracies(data, tests, seed, arguments.epochs, **options) for seed in range(arguments.seeds)
            ]
            row = {"order": name, "window": window, "runs": runs, **summary(runs)}
            rows.append(row)
            text = "full shuffle" if window is None else f"windows of {window} blocks of {BLOCK}"
            print(
                f"{name}, {text}: "
                + ", ".join(
                    f"{key} {row[key][0]:.2f} ± {row[key][1]:.2f}"
                    for key in ("first", "last", "worst", "mean")
                ),
                flush=True,
            )
    if arguments.json:
        machine.save({"rows": rows, "data": source, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

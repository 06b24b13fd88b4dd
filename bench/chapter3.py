"""The runs of the book's chapter 3, with network2: seconds, accuracies, what the book reports.

    python bench/chapter3.py [--seeds 1 2 3] [--runs NAME ...] [--json FILE] [--figures FOLDER] [--quick]

Needs the full MNIST, by CBACKPROP_MNIST. Accuracies are of the data set named, of the last and of the best
epoch.
"""

import argparse
import contextlib
import io
import random
import sys
from pathlib import Path

import machine
import numpy as np
import tables

from cbackprop import figures, mnist_loader, network2

# sizes, training images (None: all), epochs, η, what SGD is given, evaluation data, large weights, and the
# per cent that the book reports
RUNS = {
    "overfitting: 1,000 images": ([784, 30, 10], 1000, 400, 0.5, {}, "test", True, None),
    "the same with λ = 0.1": ([784, 30, 10], 1000, 400, 0.5, {"lmbda": 0.1}, "test", True, None),
    "30 hidden neurons, λ = 5": ([784, 30, 10], None, 30, 0.5, {"lmbda": 5.0}, "validation", False, None),
    "100 hidden neurons, λ = 5": ([784, 100, 10], None, 30, 0.5, {"lmbda": 5.0}, "validation", False, 97.92),
    "the same, η = 0.1": ([784, 100, 10], None, 60, 0.1, {"lmbda": 5.0}, "validation", False, 98.04),
    "early stopping after 10": (
        [784, 100, 10], None, 200, 0.5, {"lmbda": 5.0, "early_stopping_n": 10, "restore_best": True},
        "validation", False, None,
    ),
    "η halved after 10": (
        [784, 100, 10], None, 300, 0.5, {"lmbda": 5.0, "eta_halving_n": 10}, "validation", False, None,
    ),
    "softmax, log-likelihood": (
        [784, 100, 10], None, 30, 0.1, {"lmbda": 5.0, "cost": network2.LogLikelihoodCost},
        "validation", False, None,
    ),
    "momentum 0.9, η = 0.05": (
        [784, 100, 10], None, 30, 0.05, {"lmbda": 5.0, "mu": 0.9}, "validation", False, None,
    ),
}  # fmt: skip


def run(name, seed, data, quick):
    """Train once; return the network and its history."""
    sizes, images, epochs, eta, options, evaluation, large, _ = RUNS[name]
    options = dict(options)
    random.seed(seed)
    np.random.seed(seed)
    net = network2.Network(sizes, options.pop("cost", network2.CrossEntropyCost))
    if large:
        net.large_weight_initializer()
    training = list(data["training"][: 200 if quick else images])
    with contextlib.redirect_stdout(io.StringIO()):
        net.SGD(
            training,
            2 if quick else epochs,
            10,
            eta,
            evaluation_data=data[evaluation],
            monitor_evaluation_accuracy=True,
            monitor_evaluation_cost=images is not None,
            monitor_training_cost=images is not None,
            monitor_training_accuracy=images is not None,
            **options,
        )
    return net, len(training)


def main():
    """Run what the command line names and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS), metavar="NAME")
    parser.add_argument("--figures", metavar="FOLDER", help="draw learning curves there, of the first seed")
    parser.add_argument("--quick", action="store_true", help="200 images and two epochs, to see that it runs")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    data = dict(zip(("training", "validation", "test"), map(list, mnist_loader.load_data_wrapper())))
    if len(data["training"]) < 50_000 and not arguments.quick:
        sys.exit("CBACKPROP_MNIST names no full MNIST: the book's figures need it")
    results = []
    for name in arguments.runs:
        *_, evaluation, _, book = RUNS[name]
        n = len(data[evaluation])
        histories = []
        for seed in arguments.seeds:
            net, n_training = run(name, seed, data, arguments.quick)
            histories.append(net.history)
            if arguments.figures and seed == arguments.seeds[0]:
                Path(arguments.figures).mkdir(parents=True, exist_ok=True)
                stem = "".join(c if c.isalnum() else "-" for c in name.lower())
                figures.learning_curves(net.history, n_training, n).savefig(f"{arguments.figures}/{stem}.svg")
        percent = [[100 * entry["evaluation_accuracy"] / n for entry in history] for history in histories]
        results.append(
            {
                "run": name,
                "evaluation": evaluation,
                "seeds": arguments.seeds,
                "seconds": [sum(entry["seconds"] for entry in history) for history in histories],
                "monitoring_seconds": [
                    sum(entry["monitoring_seconds"] for entry in history) for history in histories
                ],
                "per_cent": [[round(p, 4) for p in one] for one in percent],
                "book": book,
            }
        )
        print(" | ".join(tables.chapter3_cells(results[-1])), flush=True)
    print("\n" + tables.chapter3(results))
    if arguments.json:
        machine.save({"runs": results, "machine": machine.describe()}, arguments.json)


if __name__ == "__main__":
    main()

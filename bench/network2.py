"""What network2's options cost: an epoch with each, beside network.py's, the NumPy reference and the peers.

    python bench/network2.py [--quick] [--runs 5] [--json FILE]

All take turns in one process on one processor. Every row of ours is first held against the reference of
network2, on 500 examples; a difference exits 1.
"""

import argparse
import contextlib
import functools
import io
import random
import sys

import field
import jobs
import machine
import numpy as np
import tables
from peers.through_sgd import ThroughSGD

from cbackprop import network2
from cbackprop.reference.network2 import ReferenceNetwork2

TOLERANCE = 1e-8
CHECKED = 500  # examples
PEERS = ("cbackprop", "NumPy matrix", "Numba loops", "JAX scan", "PyTorch", "PyTorch by hand", "scikit-learn")
EVALUATED = 10_000
LAMBDA = 5.0
ROWS = {
    "cross-entropy": {},
    "cross-entropy, L2 with λ = 5": {"lmbda": LAMBDA},
    "cross-entropy, L1 with λ = 5": {"lmbda": LAMBDA, "regularization": "L1"},
    "cross-entropy, momentum 0.9": {"mu": 0.9},
    "cross-entropy, L2, momentum 0.9": {"lmbda": LAMBDA, "mu": 0.9},
    "quadratic cost": {"cost": network2.QuadraticCost},
    "softmax, log-likelihood, L2": {"cost": network2.LogLikelihoodCost, "lmbda": LAMBDA},
}
MONITORED = "monitoring cost and accuracy, training and evaluation data"


class Improved(ThroughSGD):
    """network2, or its reference, with some options, given the book's list of pairs."""

    def __init__(self, job, threads, make=network2.Network, **options):
        self.make, self.cost = make, options.pop("cost", network2.CrossEntropyCost)
        super().__init__(job, threads)
        self.monitors = options.pop("monitors", False)
        self.options = {**options, **({"n_threads": threads} if make is network2.Network else {})}
        labels = job.labels
        self.pairs = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(job.X, job.Y)]
        self.evaluation = [(x, int(label)) for (x, _), label in zip(self.pairs[:EVALUATED], labels)]

    def network(self):
        return self.make(list(self.job.shape.sizes), self.cost, dtype=self.job.X.dtype)

    def run(self, epochs, examples=None, eta=0.5):
        """Train, and return the seconds of each epoch and of each epoch's monitoring."""
        self.restart()
        random.seed(1)
        pairs = list(self.pairs[:examples])
        monitors = [self.monitors] * 4
        with contextlib.redirect_stdout(io.StringIO()):
            self.net.SGD(
                pairs,
                epochs,
                self.job.shape.m,
                eta,
                evaluation_data=self.evaluation if self.monitors else None,
                **dict(zip(NAMES, monitors)),
                **self.options,
            )
        return [[entry[name] for entry in self.net.history] for name in ("seconds", "monitoring_seconds")]


NAMES = (
    "monitor_evaluation_cost",
    "monitor_evaluation_accuracy",
    "monitor_training_cost",
    "monitor_training_accuracy",
)


def check(name, job, options):
    """Exit 1 where an epoch over a few examples ends elsewhere than the reference's."""
    parameters = []
    for make in (network2.Network, ReferenceNetwork2):
        one = Improved(job, 1, make, **dict(options))
        one.run(1, examples=CHECKED)
        parameters.append(np.concatenate([np.ravel(p) for p in (*one.net.weights, *one.net.biases)]))
    apart = float(np.abs(parameters[0] - parameters[1]).max() / np.abs(parameters[1]).max())
    if not apart <= TOLERANCE:
        sys.exit(f"WRONG RESULT: {name} differs from the reference's by {apart:.1e}")
    return apart


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="on the embedded sample, two turns, no peers")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--shape", default="784-30-10, 10", choices=[s for s in jobs.SHAPES if s.startswith("784")]
    )
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    runs = 2 if arguments.quick else arguments.runs
    epochs = 5 if arguments.quick else 8
    job = jobs.make(jobs.SHAPES[arguments.shape], np.dtype("float64"), arguments.quick)

    names = ["cbackprop"] if arguments.quick else PEERS
    classes, absent = field.available(names, arguments.threads)
    turns, differences = {}, {}
    for name, cls in classes.items():
        peer = cls(job, arguments.threads)
        title = "network.py's epoch" if name == "cbackprop" else f"{name}, network.py's algorithm"
        few = epochs if name == "cbackprop" else 1
        peer.restart()
        peer.train(seed=1, epochs=1)
        turns[title] = functools.partial(one_turn, peer, few)
    for name, options in ROWS.items():
        differences[name] = check(name, job, options)
        turns[name] = functools.partial(
            epoch_seconds, Improved(job, arguments.threads, **dict(options)), epochs
        )
    monitored = Improved(job, arguments.threads, lmbda=LAMBDA, monitors=True)
    turns[MONITORED] = functools.partial(epoch_seconds, monitored, epochs, 1)
    if not arguments.quick:
        reference = Improved(job, 1, ReferenceNetwork2, lmbda=LAMBDA)
        turns["NumPy reference, cross-entropy, L2"] = functools.partial(epoch_seconds, reference, 1)

    seconds = {name: [] for name in turns}
    for _ in range(runs):
        for name, turn in turns.items():
            seconds[name].append(turn())
    rows = [
        {"name": name, **machine.spread(taken), "difference": differences.get(name)}
        for name, taken in seconds.items()
    ]
    result = {"shape": arguments.shape, "n": job.n, "data": job.source, "rows": rows}
    print(f"{arguments.shape}, float64, {job.n:,} examples of {job.source}\n\n{tables.options(result)}")
    for name, why in absent.items():
        print(f"\n{name}: {why}")
    if arguments.json:
        machine.save(result | {"machine": machine.describe()}, arguments.json)


def one_turn(peer, epochs):
    """The seconds of one of a peer's epochs."""
    peer.restart()
    return peer.timed(seed=2, epochs=epochs) / epochs


def epoch_seconds(improved, epochs, which=0):
    """The median seconds of an epoch's training, or (1) of its monitoring."""
    return float(np.median(improved.run(epochs)[which]))


if __name__ == "__main__":
    main()

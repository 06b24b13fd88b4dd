"""``cbackprop bench``: this machine's own table, in about a minute."""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
from typing import Any, NamedTuple

import numpy as np

from cbackprop import _isa, _processors
from cbackprop._command import arguments as types
from cbackprop._command.examples import read_mnist
from cbackprop._command.parser import Parser, Refused
from cbackprop._command.rivals import Job, Ours, OurSoftmax, Rival, installed, version_of
from cbackprop.network import Network

SHAPES = (([784, 30, 10], 10, 3.0), ([784, 100, 10], 100, 3.0), ([784, 800, 10], 250, 1.0))
ROUNDS = 5
MOST_EXAMPLES = 5000
CHECKED = 20  # mini-batches after which parameters are compared
TOLERANCES = {"float64": 1e-11, "float32": 1e-3}  # relative to the largest; a wrong gradient is off by more
LEARNING_EPOCHS = 10
MARGIN = 0.05  # of answers that a rival with another cost may have less

DESCRIPTION = """\
Time an epoch of training on this machine: cbackprop, the book's code and a mini-batch of matrices in NumPy,
and scikit-learn and PyTorch if they are installed. Each is checked first: it has to reach the same parameters
from the same start, or, if it trains another cost, to answer as many test images right.

All run as they come, with as many threads as they choose. Rows in which another is faster say so."""

EPILOG = """\
examples:
  cbackprop bench
  cbackprop bench --dtype float32 --seconds 20

bench/bench.py of the sources compares more libraries, on one thread each, and on all of MNIST."""


class Row(NamedTuple):
    """The times of one rival, in seconds an epoch, and what was checked."""

    name: str
    times: list[float]
    checked: str
    scaled: bool


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop bench", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--data", metavar="PATH", help=f"MNIST: {types.DATA_HELP}")
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="(default: float64)"
    )
    parser.add_argument(
        "--seconds", type=types.rate, default=60.0, metavar="S", help="about how long it takes (default: 60)"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Check, time, print."""
    parts, _ = read_mnist(arguments.data)
    training, test = (_scaled(parts[name].X, arguments.dtype) for name in ("training", "test"))
    if len(training) < CHECKED or not len(test):
        raise Refused("bench needs more images than these")
    rivals = installed()
    print("\n".join(_machine(rivals)), flush=True)
    # A third of the time goes into checks, and into runs that are longer than they are meant to be.
    a_run = arguments.seconds * 2 / 3 / (len(SHAPES) * len(rivals) * ROUNDS)
    for sizes, m, eta in SHAPES:
        random.seed(0)
        start = Network(sizes, dtype=arguments.dtype, random_state=0)
        labels = parts["training"].labels[:MOST_EXAMPLES]
        job = Job(sizes, m, eta, training[:MOST_EXAMPLES], labels, start.weights, start.biases)
        print(f"\n{job.name}: milliseconds an epoch of {len(job.X):,} examples, {arguments.dtype}")
        rows = _measured(job, rivals, (test, parts["test"].labels), a_run)
        print("\n".join(_table(rows)), flush=True)
    return 0


def _scaled(X: Any, dtype: str) -> Any:
    X = X.astype(dtype)
    return X / X.dtype.type(256) if X.size and X.max() > 1 else X


def _machine(rivals: list[type[Rival]]) -> list[str]:
    versions = dict.fromkeys(f"{rival.package} {version_of(rival)}" for rival in rivals)
    return [
        f"{_processor()}, {_processors.granted()} of {os.cpu_count()} processors, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, kernels {_isa.chosen()}",
        ", ".join(versions),
        f"medians of {ROUNDS} runs by turns, least and most in brackets",
    ]


def _processor() -> str:
    """The name of the processor, where the system says it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


# ---- checking and timing ----


def _measured(job: Job, rivals: list[type[Rival]], test: Any, a_run: float) -> list[Row]:
    """A row for each rival; all are timed by turns."""
    checked = {rival: _check(rival, job, test) for rival in rivals}
    ready = {}
    for rival in rivals:
        # As many examples of the epoch as fit into a run, at least a few mini-batches; or several epochs.
        probe = job.head(2 * job.m)
        _seconds(rival(probe), 1)
        speed = len(probe.X) / _seconds(rival(probe), 1)
        n = min(len(job.X), max(2 * job.m, int(speed * max(a_run, 0.05)) // job.m * job.m))
        trained = rival(job.head(n))
        trained.train(1)
        ready[rival] = trained, max(1, int(a_run * speed / n))
    times: dict[type[Rival], list[float]] = {rival: [] for rival in rivals}
    for _ in range(ROUNDS):
        for rival, (trained, epochs) in ready.items():
            share = len(job.X) / len(trained.job.X)
            times[rival].append(_seconds(trained, epochs) / epochs * share)
    return [
        Row(rival.name, times[rival], checked[rival], len(ready[rival][0].job.X) < len(job.X))
        for rival in rivals
    ]


def _seconds(rival: Rival, epochs: int) -> float:
    begun = time.perf_counter()
    rival.train(epochs)
    return time.perf_counter() - begun


def _check(rival: type[Rival], job: Job, test: Any) -> str:
    """What the rival has in common with cbackprop; "WRONG" and how, if that is too little."""
    if rival.trains_same_cost:
        head = job.head(CHECKED * job.m)
        difference = _difference(_trained(rival, head, 1).parameters(), _trained(Ours, head, 1).parameters())
        right = difference <= TOLERANCES[job.X.dtype.name]
        return ("" if right else "WRONG: ") + f"parameters differ by {difference:.0e}"
    X, labels = test
    found, expected = (
        float((_trained(each, job, LEARNING_EPOCHS).answers(X) == labels).mean())
        for each in (rival, OurSoftmax)
    )
    right = found >= expected - MARGIN
    return ("" if right else "WRONG: ") + f"softmax; reads {found:.1%}, cbackprop's {expected:.1%}"


def _trained(rival: type[Rival], job: Job, epochs: int) -> Rival:
    random.seed(1)
    trained = rival(job)
    trained.train(epochs)
    return trained


def _difference(found: list[Any], expected: list[Any]) -> float:
    """The largest difference, relative to the largest entry of each array. NaN if anything is."""
    return max(
        float(np.abs(a.astype(np.float64) - b).max() / np.abs(b).max())
        for a, b in zip(found, expected, strict=True)
    )


def _table(rows: list[Row]) -> list[str]:
    """The rows as text: the median, the spread, and how many times as long as cbackprop it is."""
    ours = statistics.median(rows[0].times)
    lines = []
    for row in rows:
        median = statistics.median(row.times)
        ratio = median / ours
        spread = f"({1e3 * min(row.times):#.3g} to {1e3 * max(row.times):#.3g})"
        marks = ["faster than cbackprop"] if ratio < 1 else []
        marks += [row.checked] if row is not rows[0] else []
        marks += ["a part, scaled up"] if row.scaled else []
        times = f"{1e3 * median:#9.4g} {spread:<22}{ratio:7.2f} times"
        lines.append(f"  {row.name:<18}{times}  {'; '.join(marks)}".rstrip())
    return lines

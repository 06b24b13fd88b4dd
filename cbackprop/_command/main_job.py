"""The main job, ``cbackprop`` without a verb: trains the book's network and times it beside plain NumPy."""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import statistics
import sys
import time
import warnings
from typing import Any

import numpy as np

from cbackprop import __version__, mnist_loader
from cbackprop._command import VERBS
from cbackprop._command import arguments as types
from cbackprop._command.parser import Parser, Refused
from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork

PIXELS, DIGITS = 784, 10
RUNS = 3
RUN_SECONDS = 1.5  # about the most that one timed run of either network takes
PROBE = 100  # examples to find out how fast the reference is

DESCRIPTION = """\
Train a neural network to read handwritten digits (the MNIST images), as chapter 1 of Michael
Nielsen's book does, and time it beside the same network in plain NumPy.

A line is printed after each epoch, a pass over all training images. It says how many of the test
images the network then reads right. The last lines give the seconds that an epoch of training
takes, here and in plain NumPy, and how many times faster that is."""

LIST = "\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items())

EPILOG = f"""\
verbs (cbackprop VERB --help says more):
{LIST}

examples:
  cbackprop                              the book's first network, on the sample of MNIST
  cbackprop --data mnist.pkl.gz          the same on all of MNIST
  cbackprop --sizes 784,100,10 --seed 1  100 hidden neurons; the same numbers every time
  cbackprop train --save digits.json     train, and keep the network"""


def _sizes(text: str) -> list[int]:
    sizes = types.sizes(text)
    if (sizes[0], sizes[-1]) != (PIXELS, DIGITS):
        raise argparse.ArgumentTypeError(
            f"{text!r}: the first must be {PIXELS}, the pixels of an image, and the last "
            f"{DIGITS}, the digits to tell apart"
        )
    return sizes


def parser() -> Parser:
    """The arguments."""
    parser = Parser(
        prog="cbackprop",
        usage="cbackprop [options]\n       cbackprop VERB [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help=f"where MNIST is: {types.DATA_HELP}",
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=[784, 30, 10],
        metavar="N,...,N",
        help="neurons in each layer, from the 784 pixels to the 10 digits (default: 784,30,10)",
    )
    parser.add_argument(
        "--epochs", type=types.count, default=30, metavar="N", help="passes over the data (default: 30)"
    )
    parser.add_argument(
        "--mini-batch-size",
        type=types.count,
        default=10,
        metavar="N",
        help="images that the network sees between two steps of learning (default: 10)",
    )
    parser.add_argument(
        "--eta",
        type=types.rate,
        default=3.0,
        metavar="RATE",
        help="the learning rate, how far each step goes (default: 3.0)",
    )
    parser.add_argument(
        "--seed",
        type=types.seed,
        metavar="N",
        help="start random and numpy.random from this number, so that a run can be repeated "
        "(default: every run draws others)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float64", "float32"),
        default="float64",
        help="the type of the numbers; float32 is faster and less exact (default: float64)",
    )
    parser.add_argument("--version", action="version", version=f"cbackprop {__version__}")
    return parser


def _load(path: str | None) -> tuple[list[Any], list[Any]]:
    """The training and test data. If the file is wrong, the command fails with a message."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            training_data, _, test_data = mnist_loader.load_data_wrapper(path)
        except (OSError, ValueError) as error:
            message = str(error)
            if isinstance(error, OSError) and error.strerror:
                message = f"{error.strerror}: {error.filename}"
            raise Refused(f"cannot read the data: {message}") from error
    if caught:
        # The loader's warning names its argument; the command has an option instead.
        print(
            "Training on the sample of MNIST inside this package, "
            f"{len(training_data):,} training and {len(test_data):,} test images; "
            "--data takes all of it.",
            file=sys.stderr,
        )
    return training_data, test_data


def _compare(
    net: Network,
    start: tuple[list[Any], list[Any]],
    training_data: list[Any],
    epochs: int,
    arguments: argparse.Namespace,
) -> None:
    """Print the seconds that an epoch of `net` and of its NumPy reference takes, and their ratio.

    Both train from the parameters `start`, (weights, biases). A run of `net` has `epochs` epochs.
    """
    n, m = len(training_data), arguments.mini_batch_size

    def seconds(network: ReferenceNetwork, examples: list[Any], epochs: int) -> float:
        network.weights, network.biases = start
        with contextlib.redirect_stdout(io.StringIO()):
            begun = time.perf_counter()
            network.SGD(examples, epochs, m, arguments.eta)
            return time.perf_counter() - begun

    reference = ReferenceNetwork(arguments.sizes, dtype=arguments.dtype)
    # The whole epoch if it fits into a run, otherwise as many whole mini-batches as do.
    probe = training_data[: max(m, PROBE)]
    fitting = int(RUN_SECONDS * len(probe) / seconds(reference, probe, 1))
    part = training_data if fitting >= n else training_data[: max(m, fitting // m * m)]
    runs, reference_runs = [], []
    for _ in range(RUNS):
        runs.append(seconds(net, training_data, epochs) / epochs)
        reference_runs.append(seconds(reference, part, 1) * n / len(part))
    ours, plain = statistics.median(runs), statistics.median(reference_runs)
    timed = "one epoch" if len(part) == n else f"{len(part):,} examples, scaled up"
    print(f"\nSeconds an epoch of {n:,} examples: training alone, from the same start,")
    print(f"median of {RUNS} runs by turns")
    print(f"  cbackprop         {ours:#9.4g}   a run: {epochs} epochs, reading the data included")
    print(f"  NumPy reference  {plain:#9.4g}   a run: {timed}")
    print(f"  ratio             {plain / ours:9.1f}")
    print(f"cbackprop took the path {net.backend!r}", flush=True)


def run(arguments: argparse.Namespace) -> int:
    """Train, then compare."""
    if arguments.seed is not None:
        random.seed(arguments.seed)
        np.random.seed(arguments.seed)
    try:
        net = Network(arguments.sizes, dtype=arguments.dtype)
    except (MemoryError, ValueError) as error:
        raise Refused(f"argument --sizes: {error}") from error
    training_data, test_data = _load(arguments.data)
    start = net.weights, net.biases  # training does not change these arrays
    epochs, m, eta = arguments.epochs, arguments.mini_batch_size, arguments.eta
    begun = time.perf_counter()
    net.SGD(training_data, epochs, m, eta, test_data=test_data)
    an_epoch = (time.perf_counter() - begun) / epochs
    timed_epochs = max(1, min(epochs, int(RUN_SECONDS / an_epoch)))
    _compare(net, start, training_data, timed_epochs, arguments)
    return 0

"""``cbackprop train``: trains a network on the user's data, and saves it."""

from __future__ import annotations

import argparse
import os
import random
import sys
from typing import Any

import numpy as np

from cbackprop import costs, network, network2
from cbackprop._command import arguments as types
from cbackprop._command import training_data
from cbackprop._command.parser import Parser, Refused, note
from cbackprop._command.progress import Progress
from cbackprop._command.scaling import CHOICES
from cbackprop._files import networks

COSTS = {
    "cross-entropy": costs.CrossEntropyCost,
    "quadratic": costs.QuadraticCost,
    "log-likelihood": costs.LogLikelihoodCost,
}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "linear")
RULES = ("gradient descent", "momentum", "nesterov", "adam", "amsgrad")
MONITORS = ("evaluation_accuracy", "evaluation_cost", "training_accuracy", "training_cost")
# Options that the networks of network.py do not have, and their defaults in network2.
BETTER: dict[str, Any] = {
    "cost": "cross-entropy",
    "lmbda": 0.0,
    "regularization": "L2",
    "mu": 0.0,
    "rule": None,
    "dropout": 0.0,
    "early_stopping_n": 0,
    "restore_best": False,
    "eta_halving_n": 0,
    "monitor": None,
}

DESCRIPTION = """\
Train a network to tell classes apart, print a line after each epoch, and save it.

The data are MNIST, a folder of images (FOLDER/CLASS/IMAGE.png or .jpg, which are read as digits: centred and
scaled as MNIST is), or a table in CSV or Parquet, of numbers and a column with the class."""

EPILOG = """\
examples:
  cbackprop train --save digits.json                            the book's first network, on MNIST
  cbackprop train --network network2 --hidden 100 --lmbda 5 --save digits.json
  cbackprop train --data scans/ --epochs 60 --save scans.npz    scans/0/*.png, scans/1/*.png, ...
  cbackprop train --data iris.csv --target species --hidden 8 --save iris.json

Ctrl-C ends the training; what was learned until then is saved."""


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop train", description=DESCRIPTION, epilog=EPILOG)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", metavar="PATH", help=f"a folder of images, a .csv or .parquet; or MNIST: {types.DATA_HELP}"
    )
    data.add_argument("--target", metavar="COLUMN", help="of a table: the column with the class")
    types.add_ignore(data)
    data.add_argument(
        "--scale",
        choices=CHOICES,
        help="of a table: 'standard' scales each column to mean 0 and standard deviation 1, 'pixels' divides "
        "by 256, and 'auto' takes 'pixels' for grey values and 'standard' otherwise. The file keeps the "
        "scaling, and predict applies it (default: auto)",
    )
    data.add_argument(
        "--validation",
        type=training_data.validation,
        metavar="SHARE|PATH",
        help="what to measure on: a share of the examples, drawn from each class, or other data (default: "
        "MNIST's own validation data; of others 0.2)",
    )
    net = parser.add_argument_group("network")
    net.add_argument(
        "--network",
        choices=("network", "network2"),
        default="network",
        help="the book's first network, or that of its chapter 3, which has more options (default: network)",
    )
    layers = net.add_mutually_exclusive_group()
    layers.add_argument(
        "--hidden",
        type=types.hidden,
        default=[30],
        metavar="N,...",
        help="neurons in each hidden layer, or 'none' (default: 30)",
    )
    layers.add_argument("--sizes", type=types.sizes, metavar="N,...,N", help="neurons in every layer")
    net.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default="sigmoid",
        help="of the hidden layers (default: sigmoid)",
    )
    net.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="(default: float64)")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=types.count, default=30, metavar="N", help="(default: 30)")
    training.add_argument(
        "--mini-batch-size", type=types.count, default=10, metavar="N", help="(default: 10)"
    )
    training.add_argument(
        "--eta",
        type=types.rate,
        metavar="RATE",
        help="the learning rate (default: 3.0; of network2 0.5, with adam and amsgrad 0.001)",
    )
    training.add_argument(
        "--seed", type=types.seed, metavar="N", help="start all random numbers here, to repeat a run"
    )
    training.add_argument(
        "--save", metavar="FILE", help="where the network goes: .npz, or the book's JSON under any other name"
    )
    better = parser.add_argument_group("of network2 alone")
    better.add_argument(
        "--cost", choices=tuple(COSTS), help="log-likelihood has a softmax output (default: cross-entropy)"
    )
    better.add_argument("--lmbda", type=types.from_0, metavar="λ", help="regularisation (default: 0)")
    better.add_argument("--regularization", choices=("L2", "L1"), help="(default: L2)")
    better.add_argument("--rule", choices=RULES, help="the update rule (default: by --mu)")
    better.add_argument("--mu", type=types.from_0, metavar="µ", help="momentum, 0 to 1 (default: 0)")
    better.add_argument("--dropout", type=types.share, metavar="P", help="of the hidden neurons (default: 0)")
    better.add_argument(
        "--early-stopping-n", type=types.count_from_0, metavar="N", help="stop after N epochs without a gain"
    )
    better.add_argument(
        "--restore-best", action="store_true", default=None, help="keep the best epoch's parameters"
    )
    better.add_argument(
        "--eta-halving-n", type=types.count_from_0, metavar="N", help="halve η after N epochs without a gain"
    )
    better.add_argument(
        "--monitor",
        type=_monitors,
        metavar="WHAT,...",
        help=f"what is printed, of {', '.join(MONITORS)} (default: evaluation_accuracy)",
    )
    return parser


def _monitors(text: str) -> list[str]:
    names = types.names(text.replace("-", "_"))
    if not names or not set(names) <= set(MONITORS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(MONITORS)}")
    return names


def run(arguments: argparse.Namespace) -> int:
    """Read, train, save."""
    own = parser()

    def say(text: str) -> None:
        note(own, text)

    _check_options(arguments)
    if arguments.save is not None:
        _check_place(arguments.save)
    data = training_data.read(arguments, say)
    if arguments.seed is not None:
        random.seed(arguments.seed)
        np.random.seed(arguments.seed)
    net = _network(arguments, data)
    n_evaluation = 0 if data.validation is None else len(data.validation.X)
    status = 0
    with Progress(arguments.epochs, n_evaluation) as progress:
        try:
            _train(net, arguments, data, progress)
        except KeyboardInterrupt:
            status = 130
    if status:
        print(file=sys.stderr)
        say(f"interrupted after {progress.done} of {arguments.epochs} epochs")
    if arguments.save is None:
        say("the network is not kept; --save FILE keeps it")
    else:
        networks.write(
            net,
            arguments.save,
            net.cost if isinstance(net, network2.Network) else costs.QuadraticCost,
            data.notes,
        )
        say(f"saved {'what was learned until then ' if status else ''}in {arguments.save}")
    return status


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that the chosen network does not have, and set the others' defaults."""
    for option, default in BETTER.items():
        if getattr(arguments, option) is None:
            setattr(arguments, option, default)
        elif arguments.network != "network2":
            raise Refused(f"--{option.replace('_', '-')} is an option of network2: add --network network2")
    if arguments.eta is None:
        adaptive = arguments.rule in ("adam", "amsgrad")
        arguments.eta = 3.0 if arguments.network == "network" else 0.001 if adaptive else 0.5


def _check_place(path: str) -> None:
    """Refuse, before anything is trained, a file that could not be written at the end."""
    if path.lower().endswith(tuple(networks.OTHER_FORMATS)):
        raise Refused(
            f"--save {path}: that is another format; save a .json or .npz, which `cbackprop export` converts"
        )
    if os.path.isdir(path):
        raise Refused(f"--save {path}: that is a folder")
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise Refused(f"--save {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK) and not os.path.exists(path):
        raise Refused(f"--save {path}: the folder {folder} cannot be written to")


def _network(arguments: argparse.Namespace, data: training_data.TrainingData) -> Any:
    """The network, with new weights."""
    n_in, n_out = data.training.X.shape[1], len(data.training.classes)
    sizes = arguments.sizes or [n_in, *arguments.hidden, n_out]
    if (sizes[0], sizes[-1]) != (n_in, n_out):
        raise Refused(
            f"--sizes begins with {sizes[0]} and ends with {sizes[-1]}; these data have {n_in} inputs and "
            f"{n_out} classes (--hidden needs neither)"
        )
    activations = [arguments.activation] * (len(sizes) - 2) + ["sigmoid"]
    options = {"dtype": arguments.dtype, "activation": activations}
    if arguments.network == "network":
        return network.Network(sizes, **options)
    if arguments.cost == "log-likelihood":
        activations[-1] = "softmax"
    return network2.Network(sizes, COSTS[arguments.cost], **options)


def _train(
    net: Any, arguments: argparse.Namespace, data: training_data.TrainingData, progress: Progress
) -> None:
    """Call SGD."""
    examples = data.training.X, data.training.labels
    tests = None if data.validation is None else (data.validation.X, data.validation.labels)
    shared = {"verbose": progress.bar is None, "callbacks": [progress.after_epoch]}
    numbers = arguments.epochs, arguments.mini_batch_size, arguments.eta
    if arguments.network == "network":
        net.SGD(examples, *numbers, tests, **shared)
        return
    monitored = arguments.monitor
    if monitored is None:
        monitored = [] if tests is None else ["evaluation_accuracy"]
    names = ("regularization", "mu", "rule", "dropout", "early_stopping_n", "restore_best", "eta_halving_n")
    net.SGD(
        examples,
        *numbers,
        arguments.lmbda,
        tests,
        **{f"monitor_{name}": True for name in monitored},
        **{name: getattr(arguments, name) for name in names},
        **shared,
    )

"""``cbackprop evaluate``: counts what a saved network answers right."""

from __future__ import annotations

import argparse
import os

from cbackprop._command import arguments as types
from cbackprop._command.examples import (
    PARTS,
    Examples,
    is_folder_of_images,
    is_table,
    read_examples,
    read_mnist,
)
from cbackprop._command.parser import Parser, Refused, note
from cbackprop._command.saved import Saved, load

DESCRIPTION = """\
Count what a saved network answers right, and compute its mean cost. One line is printed:

  accuracy=0.9521 right=9521 n=10000 cost=0.4012 part=test"""

EPILOG = """\
examples:
  cbackprop evaluate digits.json                        on the test images of MNIST
  cbackprop evaluate scans.npz --data more_scans/       more_scans/CLASS/*.png
  cbackprop evaluate iris.json --data new.csv           its column with the class is that of the training"""


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop evaluate", description=DESCRIPTION, epilog=EPILOG)
    types.add_file(parser)
    parser.add_argument(
        "--data", metavar="PATH", help=f"a folder of images, a .csv or .parquet; or MNIST: {types.DATA_HELP}"
    )
    parser.add_argument("--part", choices=PARTS, help="of MNIST: which images (default: test)")
    parser.add_argument("--target", metavar="COLUMN", help="of a table: the column with the class")
    types.add_ignore(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Load, measure, print."""
    saved = load(arguments.file)
    examples, name = _examples(arguments, saved)
    examples = examples.labelled_by(saved.classes, name)
    data = saved.inputs(examples.X), examples.labels
    right, n = saved.net.accuracy(data), len(examples.labels)
    cost = saved.net.total_cost(data, 0.0)
    part = f" part={arguments.part}" if arguments.part else ""
    print(f"accuracy={right / n:.6g} right={right} n={n} cost={cost:.6g}{part}", flush=True)
    return 0


def _examples(arguments: argparse.Namespace, saved: Saved) -> tuple[Examples, str]:
    """The examples, and what errors call them."""
    path = arguments.data
    is_mnist = path is None or not (is_table(path) or is_folder_of_images(path))
    if arguments.part and not is_mnist:
        raise Refused(f"--part is for MNIST, and {path} is other data")
    if path is not None and is_table(path):
        target = arguments.target
        if target is None and saved.notes is not None:
            target = saved.notes.get("target")
        return read_examples(path, saved.wanted(target, arguments.ignore)), path
    if arguments.target or arguments.ignore:
        raise Refused("--target and --ignore are for tables")
    saved.check_images(path or "MNIST")
    if not is_mnist:
        return read_examples(path, saved.wanted(None, ())), path
    if path is not None and not os.path.exists(path):
        raise Refused(f"there is no {path}")
    arguments.part = arguments.part or "test"
    parts, is_sample = read_mnist(path)
    if is_sample:
        note(parser(), "on the sample of MNIST in this package; --data takes all of it")
    if not len(parts[arguments.part].labels):
        raise Refused(f"{path or 'MNIST'} has no {arguments.part} images")
    return parts[arguments.part], path or "MNIST"

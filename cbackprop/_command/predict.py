"""``cbackprop predict``: what a saved network makes of images and rows of numbers."""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING, Any

from cbackprop._command import arguments as types
from cbackprop._command.examples import is_table
from cbackprop._command.parser import Parser, Refused, one_line
from cbackprop._command.saved import Saved, load
from cbackprop._command.tables import Rows, read_csv, read_table
from cbackprop.reference.network import answers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # of PNG and of JPEG

DESCRIPTION = """\
Say what a saved network makes of images, each of one digit, or of the rows of tables. A line for each image
or row: its name, the class, and how probable that is, with tabs between.

The probability is the activation of the output neuron of that class. Those of all classes add up to 1 if the
network was trained with --cost log-likelihood; sigmoids each say how sure they are, by themselves."""

EPILOG = """\
examples:
  cbackprop predict digits.json one.png two.jpg
  cbackprop predict iris.json new.csv              columns are found by their names
  curl ... | cbackprop predict digits.json -       an image or a CSV from standard input"""


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop predict", description=DESCRIPTION, epilog=EPILOG)
    types.add_file(parser)
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="a PNG, JPEG, .csv or .parquet, or - for standard input"
    )
    types.add_ignore(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Load, read, print."""
    if arguments.inputs.count("-") > 1:
        raise Refused("- is given twice, and standard input can be read once")
    saved = load(arguments.file)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a class may have a name that no terminal shows
    for names, X in _read(saved, arguments):
        outputs = saved.net.predict_proba(X)
        if outputs.shape[1] == 1:  # one neuron, for 0 and 1
            answers = answers_of(outputs, 0.5)
            probabilities = abs(1 - answers - outputs[:, 0])
        else:
            answers = answers_of(outputs, None)
            probabilities = outputs[range(len(answers)), answers]
        for name, answer, probability in zip(names, answers, probabilities):
            print(f"{one_line(name)}\t{one_line(saved.classes[answer])}\t{probability:.4f}", flush=True)
    return 0


def _read(saved: Saved, arguments: argparse.Namespace) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """For each of the command's inputs, the names of its rows, and the rows."""
    for name in arguments.inputs:
        if name == "-":
            data = sys.stdin.buffer.read()
            if not data:
                raise Refused("standard input is empty")
            if data.startswith(IMAGE_STARTS):
                yield [name], _image(saved, name, io.BytesIO(data))
                continue
            try:
                text = io.StringIO(data.decode("utf-8-sig"), newline="")
            except UnicodeDecodeError:
                raise Refused("standard input is neither PNG, JPEG nor CSV in UTF-8") from None
            yield _rows(saved, name, read_csv(text, "standard input", saved.wanted(None, arguments.ignore)))
        elif is_table(name):
            yield _rows(saved, name, read_table(name, saved.wanted(None, arguments.ignore)))
        else:
            yield [name], _image(saved, name, name)


def _image(saved: Saved, name: str, image: Any) -> NDArray[Any]:
    from cbackprop.images import read_digits  # noqa: PLC0415  (tables do not need it)

    saved.check_images(name)
    return read_digits([image])


def _rows(saved: Saved, name: str, rows: Rows) -> tuple[list[str], NDArray[Any]]:
    return [f"{name}:{i}" for i in range(1, len(rows.X) + 1)], saved.inputs(rows.X)

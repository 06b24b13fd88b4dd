"""``cbackprop show``: what a file holds. The file is read, and nothing in it is run."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._command import arguments as types
from cbackprop._command.parser import Parser, Refused, one_line
from cbackprop._files import description, networks
from cbackprop.costs import COSTS

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = """\
Say what a file with a network holds: its layers, activations, cost and type, and what it was trained on.
Nothing in the file is run, and a damaged one is an error."""

EPILOG = """\
example:
  cbackprop show digits.json"""


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop show", description=DESCRIPTION, epilog=EPILOG)
    types.add_file(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Read and print."""
    path = arguments.file
    saved = networks.read(path)
    lines = dict(_lines(path, saved))
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        print(f"{name:<{width}}{one_line(text)}")
    return 0


def _lines(path: str, saved: dict[str, Any]) -> Iterator[tuple[str, str]]:
    weights, biases, notes = saved["weights"], saved["biases"], saved[description.NOTES]
    kind = "npz" if path.lower().endswith(".npz") else "JSON"
    yield "file", f"{path}: a network, {kind}, {os.path.getsize(path):,} bytes"
    if not weights:
        yield "layers", f"{saved['sizes']}: none that computes"
        return
    sizes = [weights[0].shape[1], *map(len, weights)]
    yield "layers", " - ".join(map(str, sizes))
    yield "activations", ", ".join(_activations(saved, len(sizes) - 1))
    for (l, j), one in (saved["neuron_activations"] or {}).items():
        yield f"neuron {j} of layer {l}", one
    cost = saved["cost"]
    yield "cost", cost if cost in COSTS else f"{cost}, a class of the user's own"
    yield "dtype", saved["dtype"].name
    arrays = [*weights, *biases]
    yield "parameters", f"{sum(array.size for array in arrays):,}"
    finite = all(np.isfinite(array).all() for array in arrays)
    largest = max((float(np.abs(w).max()) for w in weights if w.size), default=0.0)
    yield "largest weight", f"{largest:.4g}" if finite else "some parameters are NaN or infinite"
    if saved["sizes"] != sizes:
        yield "note of sizes", f"{saved['sizes']}, which the arrays do not have"
    if notes is not None:
        yield (
            "trained on",
            notes["kind"] if notes["kind"] == "images" else f"a table; class: {notes['target']}",
        )
        yield "classes", ", ".join(notes["classes"])
    if notes is not None and notes["kind"] == "table":
        yield "inputs", ", ".join(notes["columns"])
        plain = not any(notes["shift"]) and set(notes["scale"]) == {1}
        yield "scaling", "none" if plain else "(number − shift) / scale, with those in the file"


def _activations(saved: dict[str, Any], n_layers: int) -> list[str]:
    """The activation of each layer after the input layer."""
    try:
        found = description.activations_of(saved, COSTS.get(saved["cost"]))
    except (TypeError, ValueError) as error:
        if saved["cost"] in COSTS:
            raise Refused(f"not an intact network: {error}") from None
        return saved["activation"] or ["sigmoid"] * n_layers  # a cost of the user's own may say otherwise
    if found is None:
        return ["sigmoid"] * n_layers
    return [str(one) for one, _ in found.layers]

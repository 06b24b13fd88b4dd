"""``cbackprop export``: a saved network for other programs, by `cbackprop.export`."""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cbackprop._command import arguments as types
from cbackprop._command.parser import Parser, Refused, note
from cbackprop._command.saved import load

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIXES = {
    ".onnx": "onnx",
    ".safetensors": "safetensors",
    ".pt": "torch",
    ".pth": "torch",
    ".keras": "keras",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".h": "c",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))

DESCRIPTION = """\
Write a saved network for other programs. The format follows from the name of OUT, or is named by --to:

  onnx          .onnx               any ONNX runtime
  safetensors   .safetensors        the arrays alone, by name
  torch         .pt, .pth           PyTorch: torch.load(OUT, weights_only=False) is an nn.Sequential
  keras         .keras              Keras 3: keras.models.load_model(OUT)
  sklearn       .pkl, .pickle       scikit-learn: pickle.load is a fitted MLP
  c             .h                  a C99 header without allocation

What the network was trained on, the names of classes and the scaling of tables, stays in FILE."""

EPILOG = """\
examples:
  cbackprop export digits.json digits.onnx
  cbackprop export digits.json net.h
  cbackprop export digits.json weights.bin --to safetensors"""


def parser() -> Parser:
    """The arguments."""
    parser = Parser(prog="cbackprop export", description=DESCRIPTION, epilog=EPILOG)
    types.add_file(parser)
    parser.add_argument("out", metavar="OUT", help="the file to write")
    parser.add_argument("--to", choices=FORMATS, help="the format (default: by the name of OUT)")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Load, and write whole or not at all."""
    out, suffix = arguments.out, os.path.splitext(arguments.out)[1].lower()
    to = arguments.to or SUFFIXES.get(suffix)
    if to is None:
        raise Refused(f"{out} has none of the suffixes {', '.join(SUFFIXES)}: --to names the format")
    folder = os.path.dirname(os.path.realpath(out))
    if not os.path.isdir(folder) or os.path.isdir(out):
        raise Refused(
            f"{out} cannot be written: " + ("it is a folder" if os.path.isdir(out) else f"no {folder}")
        )
    saved = load(arguments.file)
    if to in WHOLE:
        WHOLE[to](saved.net, out)
    else:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".cbackprop-") as temporary:
            whole = os.path.join(temporary, f"network{suffix}")  # Keras goes by the suffix
            LIBRARIES[to](saved.net, whole)
            os.replace(whole, out)
    own = parser()
    if saved.notes is not None and saved.is_of_tables:
        note(
            own, "the network takes scaled numbers: `cbackprop show` and the file have the columns and scales"
        )
    note(own, f"wrote {out}, {to}")
    return 0


def _exchange() -> Any:
    """The module, imported where it is needed: it needs extras."""
    return import_module("cbackprop.export")


def _onnx(net: Any, path: str) -> None:
    _exchange().to_onnx(net, path)


def _safetensors(net: Any, path: str) -> None:
    _exchange().to_safetensors(net, path)


def _torch(net: Any, path: str) -> None:
    module = _exchange().to_torch(net)
    import_module("torch").save(module, path)


def _keras(net: Any, path: str) -> None:
    if not path.endswith(".keras"):
        raise Refused("Keras writes files whose names end in .keras")
    _exchange().to_keras(net).save(path)


def _sklearn(net: Any, path: str) -> None:
    with open(path, "wb") as file:
        pickle.dump(_exchange().to_sklearn(net), file)


def _c(net: Any, path: str) -> None:
    _exchange().to_c(net, path)


# What writes a file whole or not at all itself ...
WHOLE: dict[str, Callable[[Any, str], None]] = {"onnx": _onnx, "safetensors": _safetensors, "c": _c}
# ... and what leaves it to a library.
LIBRARIES: dict[str, Callable[[Any, str], None]] = {"torch": _torch, "keras": _keras, "sklearn": _sklearn}

"""Why the compiled modules are missing. Imported only if they are."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).resolve().parent


def installed() -> Path | None:
    """The folder of a compiled cbackprop further down sys.path, or None."""
    for entry in sys.path:
        package = Path(entry, "cbackprop").resolve()
        if package != HERE and PathFinder.find_spec("cbackprop._isa", [str(package)]):
            return package
    return None


def reason() -> str:
    """What is wrong, and what to do about it."""
    package = installed()
    if package:
        return (
            f"Python found the sources in {HERE} before the installed package in {package}. The sources are "
            f"not compiled. Run Python from another folder, or 'pip install -e .' to work on the sources."
        )
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"cbackprop is not compiled: {HERE} has no modules for {python}, nor has another folder on sys.path. "
        f"In the folder that holds pyproject.toml, run 'pip install .' and import it from another folder, "
        f"or 'pip install -e .' to work on the sources."
    )

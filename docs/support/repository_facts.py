"""For the cells of pages: what bench/results has, as tables too, and numbers that the kernels set."""

import re
import sys
from pathlib import Path

from IPython.display import Markdown

BENCH = Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.append(str(BENCH))

import pages

results = pages.results


def table(name):
    """Return the table of this name, as bench/README.md has it, for display."""
    return Markdown(pages.table(name))


def constant(file, name):
    """Return a number that a C file of src/kernels sets, as `NAME = 123`."""
    return int(re.search(rf"\b{name} = (\d+)", _kernel_source(file))[1])


def most_rows(registers):
    """Return the most rows of a dense tile of 1, 2, ... vectors, of processors with so many registers."""
    found = re.findall(r"\btile_rows\[.*?\] = \{0, (.*?)\}", _kernel_source("templates/dense.h"))
    return [int(rows) for rows in found[{32: 0, 16: 1}[registers]].split(", ")]


def _kernel_source(file):
    return (BENCH.parent / "src/kernels" / file).read_text(encoding="utf-8")

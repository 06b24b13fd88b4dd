"""For the cells of pages: the results in bench/results, and the tables of bench/pages.py."""

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
    text = (BENCH.parent / "src/kernels" / file).read_text(encoding="utf-8")
    return int(re.search(rf"\b{name} = (\d+)", text)[1])

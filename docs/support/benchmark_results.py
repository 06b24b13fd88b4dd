"""For the cells of pages: the results in bench/results, and the tables of bench/pages.py."""

import sys
from pathlib import Path

from IPython.display import Markdown

BENCH = Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.append(str(BENCH))

import pages  # noqa: E402  (in bench)

results = pages.results


def table(name):
    """Return the table of this name, as bench/README.md has it, for display."""
    return Markdown(pages.table(name))

"""Writes every table of the pages from the results that are committed.

    python bench/pages.py             write them
    python bench/pages.py --check     exit 1 where a page is not what would be written

In a page a table is between `<!-- table: NAME -->` and `<!-- /table -->`; nothing else is touched.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import tables

BENCH = Path(__file__).resolve().parent
PAGES = [BENCH.parent / "README.md", BENCH / "README.md"]
BLOCK = re.compile(r"(<!-- table: ([\w -]+) -->\n).*?(<!-- /table -->)", re.DOTALL)


def results(name):
    """Return the results of this name in bench/results."""
    return json.loads((BENCH / "results" / f"{name}.json").read_text(encoding="utf-8"))


def with_machine(name, text):
    """Return a table under the line that says where its results are from."""
    found = results(name)
    described = found["machine"] if "machine" in found else found["machines"][0]
    return f"{tables.machine(described)}\n\n{text}"


def table(name):
    """Return the table of this name."""
    if name == "short":
        found = results("epochs")
        return f"{tables.short(found['rows'])}\n\n{tables.machine(found['machines'][0])}"
    if name in ("epochs", "epochs-2-threads"):
        found = results(name)
        return with_machine(name, f"{tables.markdown(found['rows'])}\n\n{found['remark']}")
    if name == "network2":
        return with_machine(name, tables.options(results("network2"), results("network2-100")))
    if name == "chapter3":
        return with_machine(name, tables.chapter3(results(name)["runs"]))
    if name == "estimators":
        return with_machine(name, tables.estimators(results(name)))
    makers = {
        "calls": tables.calls,
        "kernels": tables.kernels,
        "parallel": tables.parallel,
        "fast_algorithm": tables.fast_algorithm,
    }
    return with_machine(name, makers[name](results(name)["rows"]))


def written(page):
    """Return the text of a page with its tables as the results have them."""
    text = page.read_text(encoding="utf-8")
    return BLOCK.sub(lambda found: f"{found[1]}\n{table(found[2])}\n\n{found[3]}", text)


def main():
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page differs")
    arguments = parser.parse_args()
    stale = [page for page in PAGES if written(page) != page.read_text(encoding="utf-8")]
    for page in stale:
        if arguments.check:
            print(f"{page.relative_to(BENCH.parent)} differs from bench/results: run python bench/pages.py")
        else:
            page.write_text(written(page), encoding="utf-8")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

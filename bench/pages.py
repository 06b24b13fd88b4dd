"""Writes every table of the pages from the results that are committed.

    python bench/pages.py             write them
    python bench/pages.py --check     exit 1 where a page is not what would be written
    python bench/pages.py --stale     write them though results are of other kernels

In a page a table is between `<!-- table: NAME -->` and `<!-- /table -->`; nothing else is touched.

Results name the kernels that they are of (sources.py). If those are not this tree's, nothing is written; with
--stale the line above their table says so. --check takes both for right: kernels may change before they are
measured again. Results from before there were digests are said to be unchecked.
"""

import argparse
import functools
import json
import re
import sys
from pathlib import Path

import sources
import tables

BENCH = Path(__file__).resolve().parent
PAGES = [BENCH.parent / "README.md", BENCH / "README.md"]
BLOCK = re.compile(r"(<!-- table: ([\w -]+) -->\n).*?(<!-- /table -->)", re.DOTALL)
UNCHECKED = "kernels not on record"
STALE = "not this tree's kernels"


def results(name):
    """Return the results of this name in bench/results."""
    return json.loads((BENCH / "results" / f"{name}.json").read_text(encoding="utf-8"))


@functools.cache
def tree_digest():
    """Return the digest of this tree's kernels."""
    return sources.digest()


def machines(found):
    """Return the machines that results are from."""
    return [found["machine"]] if "machine" in found else found["machines"]


def is_stale(found):
    """Whether results are of other kernels than this tree's."""
    return any(machine.get("kernels", tree_digest()) != tree_digest() for machine in machines(found))


def machine_line(found):
    """Return the line that says where results are from, and whether of these kernels."""
    first = machines(found)[0]
    remark = STALE if is_stale(found) else "" if "kernels" in first else UNCHECKED
    return tables.machine(first, remark)


def with_machine(name, text):
    """Return a table under the line that says where its results are from."""
    return f"{machine_line(results(name))}\n\n{text}"


def table(name):
    """Return the table of this name."""
    if name == "short":
        found = results("epochs")
        return f"{tables.short(found['rows'])}\n\n{machine_line(found)}"
    if name in ("epochs", "epochs-2-threads"):
        found = results(name)
        return with_machine(name, f"{tables.markdown(found['rows'])}\n\n{found['remark']}")
    if name == "network2":
        return with_machine(name, tables.options(results("network2"), results("network2-100")))
    if name == "chapter3":
        return with_machine(name, tables.chapter3(results(name)["runs"]))
    if name in ("estimators", "ranks"):
        return with_machine(name, getattr(tables, name)(results(name)))
    makers = {
        "calls": tables.calls,
        "kernels": tables.kernels,
        "parallel": tables.parallel,
        "sweeps": tables.sweeps,
        "local_sgd": tables.local_sgd,
        "fast_algorithm": tables.fast_algorithm,
    }
    return with_machine(name, makers[name](results(name)["rows"]))


def written(page):
    """Return the text of a page with its tables as the results have them."""
    text = page.read_text(encoding="utf-8")
    return BLOCK.sub(lambda found: f"{found[1]}\n{table(found[2])}\n\n{found[3]}", text)


def without_marks(text):
    """Return a page as if all its results were of this tree's kernels."""
    return re.sub(rf"[,;] {re.escape(STALE)}", "", text)


def refused():
    """Return a line for each of the files of results that are of other kernels."""
    lines = []
    for path in sorted((BENCH / "results").glob("*.json")):
        found = results(path.stem)
        if is_stale(found):
            commit = machines(found)[0].get("commit") or "none"
            lines.append(
                f"bench/results/{path.name} is of other kernels than this tree's, those of commit {commit}: "
                f"measure again (git diff --stat {commit.rstrip('+')} -- setup.py src cbackprop)"
            )
    return lines


def main():
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page differs")
    parser.add_argument("--stale", action="store_true", help="write results of other kernels too, and say so")
    arguments = parser.parse_args()
    old = refused()
    for line in old:
        print(line, file=sys.stderr)
    if arguments.check:
        differing = [
            page
            for page in PAGES
            if without_marks(written(page)) != without_marks(page.read_text(encoding="utf-8"))
        ]
        for page in differing:
            print(f"{page.relative_to(BENCH.parent)} differs from bench/results: run python bench/pages.py")
        return 1 if differing else 0
    if old and not arguments.stale:
        print("nothing is written; --stale would write these with a remark", file=sys.stderr)
        return 1
    for page in PAGES:
        page.write_text(written(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

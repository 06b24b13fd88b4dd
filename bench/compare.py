"""Compares two files of results: which times moved by more than their spread.

    python bench/compare.py old.json new.json [--least 3] [--peers cbackprop ...] [--fail]

Takes two files of the same program's --json. A time is a list of n runs. The standard error of their median
is 1.25 s / √n, where s is the standard deviation of one run. We estimate s from the range of the runs, and
from 5 runs on from their median distance from the median, so that one disturbed run does not count. A few
runs may lie close together by chance, so s is at least the middle one of all times of the same peer.

A time has moved where the median differs by more than three standard errors of the difference and by more
than `--least` per cent, as one process differs from the next by some, and the smallest run differs the same
way. The last rows are the mean ratio of each peer over all its rows, by the same rule. Where a rival has
moved too, it was perhaps the machine.

With --fail exits 1 where a time of the peers compared (by default: cbackprop's) got slower. Exits 2 where the
files cannot be compared.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
from pathlib import Path

import peers
import tables

OURS = "cbackprop"
# A normal range of n runs in standard deviations.
RANGES = {2: 1.128, 3: 1.693, 4: 2.059}
MEDIAN_DISTANCE = 1.4826
UNKNOWN = 0.05  # the relative standard deviation where every time is of one run
STANDARD_ERRORS = 3
# Of the machine: what must be the same for times to mean the same.
SAME = ("processor", "processors_of_the_machine", "processors_used", "threads", "system", "python", "blas")
NOT_NAMES = ("checked_by", "target")  # of a row: what does not say which row it is
NO_TIMES = ("gain",)  # where more is better
LEAST, MOST = 1e-12, 1e12  # seconds that a run can have taken


class Incomparable(Exception):
    """The files cannot be compared."""


def read(path):
    """Return the results in a file."""
    try:
        results = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Incomparable(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise Incomparable(f"{path} is no JSON: {error}") from None
    if not isinstance(results, dict):
        raise Incomparable(f"{path} holds no results of a program of bench")
    return results


def times_in(path, results):
    """Return the runs of each (row, peer) of a file."""
    sweeps = results.get("sweeps")
    rows = results.get("rows") if sweeps is None else flattened(sweeps)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Incomparable(f"{path} has no list of rows")
    times = {}
    for row in rows:
        title = name_of(row)
        within = row["peers"] if isinstance(row.get("peers"), dict) else row
        found = {
            peer: runs
            for peer, cell in within.items()
            if peer not in NO_TIMES and (runs := runs_of(cell)) is not None
        }
        if (runs := runs_of(row)) is not None:  # a row that is a time itself
            found[next((peer for peer in peers.MODULES if title.startswith(peer)), OURS)] = runs
        for peer, runs in found.items():
            # Rows of the same name are told apart by their number.
            n = next(n for n in itertools.count(1) if (numbered(title, n), peer) not in times)
            times[numbered(title, n), peer] = runs
    if not times:
        raise Incomparable(f"{path} has no row with runs")
    return times


def numbered(title, n):
    """Return the title of the n-th row of one name."""
    return title if n == 1 else f"{title} ({n})"


def flattened(sweeps):
    """Return the rows of scaling.py's sweeps, each with the name of its sweep."""
    if not isinstance(sweeps, dict) or not all(isinstance(rows, list) for rows in sweeps.values()):
        return None
    return [{"sweep": name, **row} for name, rows in sweeps.items() for row in rows if isinstance(row, dict)]


def name_of(row):
    """Return which row it is: all that is said in words and whole numbers."""
    said = {
        name: value
        for name, value in row.items()
        if name not in NOT_NAMES and (isinstance(value, (str, int)) and not isinstance(value, bool))
    }
    # A shape's name says its sizes.
    if "shape" in said:
        said.pop("m", None)
    words = (value if isinstance(value, str) else f"{name} {value}" for name, value in said.items())
    return printable(", ".join(words))


def printable(text):
    """Return the text without what steers a terminal or parts the cells of a table."""
    return "".join(char if char.isprintable() and char != "|" else "?" for char in str(text))


def runs_of(cell):
    """Return the runs of a time, None if it is none."""
    runs = cell.get("runs") if isinstance(cell, dict) else None
    if not isinstance(runs, list) or not runs:
        return None
    for seconds in runs:
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not LEAST <= seconds <= MOST:
            raise Incomparable(f"a run took {seconds!r} seconds")
    return runs


def deviation(runs):
    """Return the relative standard deviation of one run; None where there is but one."""
    middle = statistics.median(runs)
    if len(runs) in RANGES:
        return (max(runs) - min(runs)) / RANGES[len(runs)] / middle
    if len(runs) == 1:
        return None
    return MEDIAN_DISTANCE * statistics.median(abs(seconds - middle) for seconds in runs) / middle


def usual_deviations(*files):
    """Return for each peer the middle of the deviations of its times."""
    found = {}
    for times in files:
        for (_, peer), runs in times.items():
            found.setdefault(peer, []).append(deviation(runs))
    known = {peer: [one for one in all_ if one is not None] for peer, all_ in found.items()}
    return {peer: statistics.median(one) if one else UNKNOWN for peer, one in known.items()}


def standard_error(runs, usual):
    """Return the relative standard error of the median."""
    own = deviation(runs)
    return 1.25 * max(usual, own if own is not None else UNKNOWN) / math.sqrt(len(runs))


def verdict(change, error, least, smallest=None):
    """Return slower, faster or "" of a change, log(new / old); `smallest` is that of the smallest runs."""
    allowed = max(STANDARD_ERRORS * error, math.log1p(least / 100))
    smallest = change if smallest is None else smallest
    if change > allowed and smallest > 0:
        return "slower"
    return "faster" if change < -allowed and smallest < 0 else ""


def compare(old, new, least):
    """Return rows of title, peer, old and new seconds, ratio, verdict; last those over all rows of a peer."""
    usual = usual_deviations(old, new)
    rows, of_peer = [], {}
    for title, peer in [key for key in old if key in new]:
        was, is_ = old[title, peer], new[title, peer]
        change = math.log(statistics.median(is_) / statistics.median(was))
        error = math.hypot(*(standard_error(runs, usual[peer]) for runs in (was, is_)))
        found = verdict(change, error, least, math.log(min(is_) / min(was)))
        rows.append((title, peer, statistics.median(was), statistics.median(is_), math.exp(change), found))
        of_peer.setdefault(peer, []).append((change, error))
    for peer, changes in of_peer.items():
        if len(changes) > 1:
            mean = statistics.fmean(change for change, _ in changes)
            error = math.hypot(*(error for _, error in changes)) / len(changes)
            rows.append(
                (f"all {len(changes)} rows", peer, None, None, math.exp(mean), verdict(mean, error, least))
            )
    return rows


def machines(results):
    """Return what a file says of its machine, {} if nothing."""
    several = results.get("machines")
    described = results.get("machine") or (several[0] if isinstance(several, list) and several else None)
    return described if isinstance(described, dict) else {}


def differences(old, new):
    """Return a line for everything in which the machines and the versions differ."""
    lines = []
    for name in SAME:
        was, is_ = (machine.get(name) for machine in (old, new))
        if name == "blas":
            was, is_ = (sorted(map(str, one)) if isinstance(one, list) else one for one in (was, is_))
        if was != is_:
            lines.append(f"DIFFERENT {name}: {printable(was)} | {printable(is_)}")
    versions = [one if isinstance(one, dict) else {} for one in (old.get("versions"), new.get("versions"))]
    for package in dict.fromkeys([*versions[0], *versions[1]]):
        was, is_ = (one.get(package) for one in versions)
        if was != is_:
            lines.append(f"DIFFERENT version of {printable(package)}: {printable(was)} | {printable(is_)}")
    return lines


def report(old, new, rows, lines):
    """Print what was found."""
    for title, machine in (("old", old), ("new", new)):
        kernels = printable(machine.get("kernels") or "not recorded")[:12]
        print(f"{title}: commit {printable(machine.get('commit') or 'unknown')}, kernels {kernels}")
    for line in lines:
        print(line)
    cells = [["row", "peer", "old", "new", "new / old", ""]]
    for title, peer, was, is_, ratio, found in rows:
        seconds = ["–" if one is None else tables.duration(one) for one in (was, is_)]
        cells.append([title, peer, *seconds, f"{ratio:.3f}", found or "–"])
    print(f"\n{tables.lines_of(cells)}")


def main():
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("old", help="results from before")
    parser.add_argument("new", help="results of now")
    parser.add_argument(
        "--least", type=float, default=3.0, metavar="PERCENT", help="changes to count (default: 3)"
    )
    parser.add_argument("--peers", nargs="+", metavar="PEER", help="compare these only (default: all)")
    parser.add_argument("--fail", action="store_true", help="exit 1 where one of --peers got slower")
    arguments = parser.parse_args()
    if not 0 <= arguments.least < math.inf:
        parser.error(f"--least {arguments.least}: a percentage from 0 on is expected")
    try:
        results = [read(path) for path in (arguments.old, arguments.new)]
        old, new = (times_in(path, found) for path, found in zip((arguments.old, arguments.new), results))
        if arguments.peers:
            old, new = (
                {key: runs for key, runs in times.items() if key[1] in arguments.peers}
                for times in (old, new)
            )
        if not old.keys() & new.keys():
            raise Incomparable(f"{arguments.old} and {arguments.new} have no row in common")
    except Incomparable as error:
        parser.error(str(error))
    rows = compare(old, new, arguments.least)
    report(*map(machines, results), rows, differences(*map(machines, results)))
    for times, others, title in ((old, new, "old"), (new, old, "new")):
        for row, peer in times:
            if (row, peer) not in others:
                print(f"only in the {title} results: {row}: {peer}")
    slower = [row for row in rows if row[-1] == "slower" and row[1] in (arguments.peers or [OURS])]
    return 1 if arguments.fail and slower else 0


if __name__ == "__main__":
    sys.exit(main())

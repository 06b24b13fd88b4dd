"""Turns the JSON of bench.py or of calls.py into the README's tables: `python bench/tables.py FILE`."""

import argparse
import json
from pathlib import Path

import peers

CROSS_ENTROPY = "scikit-learn trains softmax and cross-entropy, about the same arithmetic."
# With fewer examples than this an epoch is calls and not arithmetic.
LARGE = 1_000


def number(value):
    """Return a number with about three significant digits, without an exponent."""
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def row_cells(row, names):
    """Return the table cells of one row: seconds of ours, of the limit, ratios of the peers."""
    ours = row["peers"].get("cbackprop")
    title = row["shape"] if row["epochs"] == 1 else f"{row['shape']} ({row['epochs']:,} epochs)"
    cells = [title]
    if ours:
        cells += [
            f"{number(ours['median'])} ({number(ours['min'])}–{number(ours['max'])})",
            number(ours["median"] / row["dense_limit"]) if row["n"] >= LARGE else "–",
        ]
    else:
        cells += ["–", "–"]
    for name in names:
        times = row["peers"].get(name)
        if times is None:
            cells.append("–")
        elif ours:
            cells.append(f"{number(times['median'])} s, {number(times['median'] / ours['median'])}×")
        else:
            cells.append(f"{number(times['median'])} s")
    return cells


def table(rows, names):
    """Return a Markdown table of rows of one dtype and number of threads."""
    head = ["network, mini-batch", "cbackprop: seconds an epoch (min–max)", "of the dense limit", *names]
    lines = [head, ["---"] * len(head), *(row_cells(row, names) for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def markdown(rows):
    """Return the tables of all rows, one for each dtype and number of threads."""
    parts = []
    for threads, dtype in dict.fromkeys((row["threads"], row["dtype"]) for row in rows):
        chosen = [row for row in rows if (row["threads"], row["dtype"]) == (threads, dtype)]
        names = [
            name
            for name in peers.MODULES
            if name != "cbackprop" and any(name in row["peers"] for row in chosen)
        ]
        counts = {row["data"]: row["n"] for row in chosen}
        data = "; ".join(f"{n:,} examples of {source}" for source, n in counts.items())
        parts.append(
            f"**{dtype}, {threads} thread{'s' if threads > 1 else ''}** ({data})\n\n{table(chosen, names)}"
        )
        if any("scikit-learn" in row["peers"] for row in chosen):
            parts.append(CROSS_ENTROPY)
    return "\n\n".join(parts)


def duration(seconds):
    """Return seconds in the unit that suits them."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds * 1e6)} µs"


def calls(rows):
    """Return the table of what calls.py wrote."""
    lines = ["| call | cbackprop | beside | ratio |", "| --- | --- | --- | --- |"]
    for row in rows:
        beside = next(key for key in row if key not in ("call", "cbackprop"))
        ours, theirs = duration(row["cbackprop"]["median"]), duration(row[beside]["median"])
        lines.append(f"| {row['call']} | {ours} | {beside}: {theirs} | {number(row['ratio'])} |")
    return "\n".join(lines)


def main():
    """Print the tables of a file of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="what bench.py --json or calls.py --json wrote")
    arguments = parser.parse_args()
    rows = json.loads(Path(arguments.file).read_text(encoding="utf-8"))["rows"]
    print(calls(rows) if "call" in rows[0] else markdown(rows))


if __name__ == "__main__":
    main()

"""Turns results, as the benchmark programs save them, into Markdown tables, which pages.py puts into pages.

python bench/tables.py FILE     print the tables of what bench.py or calls.py saved
"""

import argparse
import json
import statistics
from pathlib import Path

import peers

# What sets a peer apart, below the tables that it is in.
REMARKS = {
    "scikit-learn": "scikit-learn trains softmax and cross-entropy, about the same arithmetic.",
    "FANN": "FANN clips a to 0.01 … 0.99 in its slopes, so it ends elsewhere; its accuracy is checked.",
}
MOST_RIVALS = 7  # side by side in a table
# With fewer examples than this an epoch is calls and not arithmetic.
LARGE = 1_000


def number(value):
    """Return a number with about three significant digits, without an exponent."""
    return f"{value:.3g}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


FAILED = {"wrong": "– wrong result", "raised": "– raised"}


def row_cells(row, names):
    """Return the table cells of one row: seconds of ours, of the limit, ratios of the peers."""
    ours = row["peers"].get("cbackprop")
    title = row["shape"] if row["epochs"] == 1 else f"{row['shape']} ({row['epochs']:,} epochs)"
    cells = [title]
    if ours:
        cells += [
            spread_of(ours),
            number(ours["median"] / row["dense_limit"]) if row["n"] >= LARGE else "–",
        ]
    else:
        cells += ["–", "–"]
    for name in names:
        times = row["peers"].get(name)
        if times is None:
            cells.append(next((said for key, said in FAILED.items() if name in row.get(key, {})), "–"))
        elif ours:
            cells.append(f"{number(times['median'])} s, {number(times['median'] / ours['median'])}×")
        else:
            cells.append(f"{number(times['median'])} s")
    return cells


def table(rows, names):
    """Return a Markdown table of rows of one dtype and number of threads."""
    head = ["network, mini-batch", "cbackprop: seconds an epoch (min–max)", "of the dense limit", *names]
    return lines_of([head, *(row_cells(row, names) for row in rows)])


def markdown(rows):
    """Return the tables of all rows, one for each dtype and number of threads."""
    parts = []
    for threads, dtype in dict.fromkeys((row["threads"], row["dtype"]) for row in rows):
        chosen = [row for row in rows if (row["threads"], row["dtype"]) == (threads, dtype)]
        names = rivals_in(chosen)
        counts = {row["data"]: row["n"] for row in chosen}
        data = "; ".join(f"{n:,} examples of {source}" for source, n in counts.items())
        parts.append(f"**{dtype}, {threads} thread{'s' if threads > 1 else ''}** ({data})")
        for first in range(0, max(1, len(names)), MOST_RIVALS):
            parts.append(table(chosen, names[first : first + MOST_RIVALS]))
        parts += [remark for name, remark in REMARKS.items() if name in names]
        parts += remarks_on(chosen)
    return "\n\n".join(parts)


def rivals_in(rows):
    """Return the peers of these rows beside ours: those of the benchmark first, in its order."""
    there = dict.fromkeys(name for row in rows for key in ("peers", *FAILED) for name in row.get(key, {}))
    known = [name for name in peers.MODULES if name in there]
    return [name for name in dict.fromkeys([*known, *there]) if name != "cbackprop"]


def remarks_on(rows):
    """Return what failed or could not be checked in these rows, a paragraph each."""
    remarks = []
    for row in rows:
        for key, title in (("wrong", "wrong result"), ("raised", "raised")):
            remarks += [f"{row['shape']}: {name}: {title}: {why}" for name, why in row.get(key, {}).items()]
        if row["checked_by"] is None:
            remarks.append(f"{row['shape']}: no reference was run, so no result was checked.")
        if row.get("nothing_learned"):
            remarks.append(f"{row['shape']}: the cost did not fall, so what is learned was not compared.")
    return remarks


def duration(seconds):
    """Return seconds in the unit that is_compatible them."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def lines_of(rows):
    """Return rows of cells, the head first, as a Markdown table, numbers right-aligned."""
    head, *rest = rows
    right = [all(row[i][0] in "0123456789–" for row in rest) for i in range(1, len(head))]
    rule = ["---", *("---:" if each else "---" for each in right)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rest))


def spread_of(times):
    """Return a median with the least and the largest, all in seconds."""
    return f"{number(times['median'])} ({number(times['min'])}–{number(times['max'])})"


def fastest(row, names):
    """Return the smallest median of the peers named in a row, None where none took part."""
    return min((row["peers"][name]["median"] for name in names if name in row["peers"]), default=None)


# The README's table: rows of bench.py, and each column's peers, of which the fastest counts.
SHORT_SHAPES = {
    "784-30-10, 10": "784-30-10, mini-batches of 10 (the book's)",
    "784-100-10, 100": "784-100-10, mini-batches of 100",
    "1024-2048-2048-10, 256": "1024-2048-2048-10, mini-batches of 256",
    "2-3-1, 4": "2-3-1, XOR, 10,000 epochs",
}
SHORT_PEERS = {
    "NumPy": ["NumPy matrix"],
    "PyTorch": ["PyTorch", "PyTorch by hand"],
    "JAX": ["JAX scan"],
    "scikit-learn": ["scikit-learn"],
    "Numba": ["Numba loops"],
    "a loop in C": ["C loop"],
}


def short(rows):
    """Return the README's table: four networks in float64, one thread, the others' times in ours."""
    rows = {row["shape"]: row for row in rows if row["dtype"] == "float64" and row["threads"] == 1}
    columns = {
        title: names
        for title, names in SHORT_PEERS.items()
        if any(fastest(rows[shape], names) is not None for shape in SHORT_SHAPES)
    }
    cells = [["network", "cbackprop", *columns]]
    for shape, title in SHORT_SHAPES.items():
        ours = rows[shape]["peers"]["cbackprop"]["median"]
        others = [fastest(rows[shape], names) for names in columns.values()]
        ratios = ["–" if seconds is None else f"{number(seconds / ours)}×" for seconds in others]
        cells.append([title, f"{number(ours)} s", *ratios])
    return lines_of(cells)


def calls(rows):
    """Return the table of what calls.py wrote."""
    cells = [["call", "cbackprop", "beside", "ratio"]]
    for row in rows:
        beside = next(key for key in row if key not in ("call", "cbackprop"))
        ours, theirs = duration(row["cbackprop"]["median"]), duration(row[beside]["median"])
        cells.append([row["call"], ours, f"{beside}: {theirs}", number(row["ratio"])])
    return lines_of(cells)


def kernels(rows):
    """Return the table of what kernels.py wrote: a row for each kernel, a column for each instruction set."""
    sets = list(dict.fromkeys((row["dtype"], row["isa"]) for row in rows))
    cells = [["kernel", "unit", *(f"{dtype}, {isa}" for dtype, isa in sets)]]
    for kernel, unit in dict.fromkeys((row["kernel"], row["unit"]) for row in rows):
        values = {(row["dtype"], row["isa"]): row["value"] for row in rows if row["kernel"] == kernel}
        cells.append([kernel, unit, *(number(values[one]) if one in values else "–" for one in sets)])
    return lines_of(cells)


def parallel(rows):
    """Return the table of what parallel.py wrote."""
    cells = [["work", "seconds alone", "two at once gain (min–max)"]]
    for row in rows:
        gain = row["gain"]
        spread = f"{gain['median']:.2f} ({gain['min']:.2f}–{gain['max']:.2f})"
        cells.append([row["work"], number(row["alone"]["median"]), spread])
    return lines_of(cells)


SWEEPS = [
    "seconds, in one process",
    "one worker",
    "two workers",
    "two gain over one process (min–max)",
    "over one worker",
    "seconds to start two",
]


def sweeps(rows):
    """Return the table of what sweeps.py wrote."""
    kinds = ("in this process", "one", "two")
    cells = [["engine, epochs", *SWEEPS]]
    for row in rows:
        gain = row["gain"]
        times = [number(row[kind]["median"]) if kind in row else "–" for kind in kinds]
        spread = f"{gain['median']:.2f} ({gain['min']:.2f}–{gain['max']:.2f})"
        of_workers = f"{row['gain of workers']:.2f}" if "gain of workers" in row else "–"
        start = number(row["start"]) if "start" in row else "–"
        title = f"{row['engine'] or 'two plain processes, half each'}, {row['epochs']}"
        cells.append([title, *times, spread, of_workers, start])
    return lines_of(cells)


def ranks(results):
    """Return the tables of what ranks.py wrote: gains, and sums by their size."""
    ways = {
        "weak": "weak scaling",
        "threads": "threads, weak",
        "strong": "strong",
        "threads, strong": "threads, strong",
    }
    cells = [["network, mini-batch of a rank", "ranks", "one thread: a step", *ways.values()]]
    for row in results["rows"]:
        one = duration(row["one"]["median"])
        cells.append([f"{row['shape']}, {row['dtype']}", str(row["ranks"]), one])
        for way in ways:
            gain = row["gains"].get(way)
            cells[-1].append(f"{gain['median']:.2f} ({gain['min']:.2f}–{gain['max']:.2f})" if gain else "–")
    sums = [["bytes", "shared memory", "MPI's Allreduce"]]
    sums += [
        [f"{row['bytes']:,}", duration(row["shared"]), duration(row["Allreduce"])] for row in results["sums"]
    ]
    return f"{lines_of(cells)}\n\nA sum over two ranks:\n\n{lines_of(sums)}"


def local_sgd(rows):
    """Return the table of what local_sgd.py wrote."""
    cells = [["four ranks, 10 examples each a step", "% of the test images (min–max)"]]
    for row in rows:
        percent = row["accuracies"]
        cells.append([row["way"], f"{statistics.mean(percent):.2f} ({min(percent):.2f}–{max(percent):.2f})"])
    return lines_of(cells)


def options(*results):
    """Return the table of what network2.py wrote of one shape or several."""
    cells = [["one epoch"]]
    for result in results:
        shape = result["shape"].partition(",")[0]
        cells[0] += [f"{shape}: seconds (min–max)", "of network.py's epoch"]
    for name in [row["name"] for row in results[0]["rows"]]:
        cells.append([name])
        for result in results:
            rows = {row["name"]: row for row in result["rows"]}
            row, base = rows[name], rows["network.py's epoch"]["median"]
            times = f"{row['median']:.4f} ({row['min']:.4f}–{row['max']:.4f})"
            cells[-1] += [times, f"{row['median'] / base:.2f}"]
    return lines_of(cells)


CHAPTER3 = ["run", "epochs", "seconds, training + monitoring", "last % of each seed", "best %", "book"]


def chapter3_cells(result):
    """Return the cells of a run of chapter3.py."""
    training, monitoring = (statistics.median(result[key]) for key in ("seconds", "monitoring_seconds"))
    percent = result["per_cent"]
    return [
        f"{result['run']} ({result['evaluation']} data)",
        "–".join(map(str, sorted({len(one) for one in percent}))),
        f"{training:.2f} + {monitoring:.2f}",
        ", ".join(f"{one[-1]:.2f}" for one in percent),
        ", ".join(f"{max(one):.2f}" for one in percent),
        str(result["book"] or "–"),
    ]


def chapter3(results):
    """Return the table of what chapter3.py wrote."""
    return lines_of([CHAPTER3, *map(chapter3_cells, results)])


def fast_algorithm(rows):
    """Return the table of what fast_algorithm.py wrote, medians."""
    cells = [
        [
            "weights",
            "forward pass",
            "forward and backward",
            "of a forward pass",
            "equation (46), a pass for each weight",
            "of backpropagation",
            "`numerical_gradient`",
            "of backpropagation",
        ]
    ]
    for row in rows:
        forward, both, passes, chapter = (
            row[name]["median"]
            for name in ("forward", "forward and backward", "equation (46)", "numerical_gradient")
        )
        sampled = "" if row["sample"] == row["weights"] else f" (from {row['sample']:,} weights)"
        cells.append(
            [
                f"{row['weights']:,}",
                duration(forward),
                duration(both),
                f"{both / forward:.1f}×",
                duration(passes) + sampled,
                f"{passes / both:,.0f}×",
                duration(chapter),
                f"{chapter / both:,.0f}×",
            ]
        )
    return lines_of(cells)


def estimators(results):
    """Return the tables of what estimators.py wrote: times, and accuracies over seeds."""
    parts = []
    rows = results["rows"]
    if rows:
        names = [name for name in peers.CLASSIFIERS if any(name in row["peers"] for row in rows)][1:]
        cells = [
            ["data and solver", "network, mini-batch", "cbackprop: an epoch (min–max)", *names, "target"]
        ]
        cells += [estimators_cells(row, names) for row in rows]
        parts.append(lines_of(cells))
        absent = {f"{name} {why}" for row in rows for name, why in row["absent"].items()}
        parts += [f"Left out: {'; '.join(sorted(absent))}."] if absent else []
    if results["seeds"]:
        cells = [["trained to the end", "seeds", "cbackprop", "scikit-learn"]]
        for row in results["seeds"]:
            seeds = len(row["accuracies"]["cbackprop"])
            percents = [
                f"{100 * row['means'][name]:.2f} ± {100 * row['standard_errors'][name]:.2f} %"
                for name in cells[0][2:]
            ]
            cells.append([row["case"], str(seeds), *percents])
        parts.append(lines_of(cells))
    return "\n\n".join(parts)


def estimators_cells(row, names):
    """Return the cells of a row of estimators.py."""
    ours = row["peers"]["cbackprop"]
    times = [duration(ours[key]) for key in ("median", "min", "max")]
    cells = [
        row["case"],
        f"{'-'.join(map(str, row['sizes']))}, {row['m']}",
        f"{times[0]} ({times[1]}–{times[2]})",
    ]
    for name in names:
        theirs = row["peers"].get(name)
        cells.append(
            f"{duration(theirs['median'])}, {number(theirs['median'] / ours['median'])}×" if theirs else "–"
        )
    return [*cells, f"{row['target']}×"]


PACKAGES = {
    "numpy": "NumPy",
    "scipy": "SciPy",
    "numba": "Numba",
    "jax": "JAX",
    "torch": "PyTorch",
    "scikit-learn": "scikit-learn",
    "skorch": "skorch",
    "keras": "Keras",
    "tinygrad": "tinygrad",
    "joblib": "joblib",
    "distributed": "distributed",
    "ray": "Ray",
}
LADDER = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}


def machine(described, remark=""):
    """Return in a line what machine.describe() says of where results are from, and a remark on the commit."""
    flags = described["processor"]["instruction_sets"]
    best = next((name for flag, name in LADDER.items() if flag in flags), "no vectors")
    used, there = described["processors_used"], described["processors_of_the_machine"]
    versions = [f"{PACKAGES[name]} {is_}" for name, is_ in described["versions"].items() if name in PACKAGES]
    system = described["system"].split("-")[0]  # without what a distribution calls its kernel
    at = f"; commit {described['commit']}" if described.get("commit") else ""
    if remark:
        at += f"{',' if at else ';'} {remark}"
    return (
        f"{described['processor']['model']} ({best}), {len(used)} of {there} processors, {system}, "
        f"Python {described['python']}, {', '.join(versions)}{at}."
    )


def main():
    """Print the tables of a file of results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="what bench.py --json or calls.py --json wrote")
    arguments = parser.parse_args()
    rows = json.loads(Path(arguments.file).read_text(encoding="utf-8"))["rows"]
    print(calls(rows) if "call" in rows[0] else markdown(rows))


if __name__ == "__main__":
    main()

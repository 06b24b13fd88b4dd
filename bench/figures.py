"""Draws the figures from the benchmark's JSON files.

    python bench/figures.py --bars RESULTS.json --growth SCALING.json --folder bench/figures
    python bench/figures.py --epoch RESULTS.json

Bars: seconds an epoch of every peer, a panel a shape, the dense limit as a line through it.
Growth: microseconds an example against width, mini-batch length, depth and number of examples.
Epoch: the README's picture, seconds an epoch of the first shape.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import peers
import tables

COLOURS = dict(zip(peers.MODULES, plt.get_cmap("tab10").colors + plt.get_cmap("Dark2").colors, strict=False))
OF_OTHERS = "tab:gray"  # peers of the user's own
LONGEST = 12  # the longest bar drawn whole, in lengths of the first
AXES = {
    "width": "width of the hidden layer (784-w-10)",
    "m": "mini-batch length (784-100-10)",
    "depth": "layers of weights (784-30-…-30-10)",
    "n": "training examples (784-30-10)",
}


def bars(rows, path):
    """Draw one dtype and number of threads, a panel a shape."""
    columns = 3
    lines = -(-len(rows) // columns)
    figure, panels = plt.subplots(lines, columns, figsize=(13, 2.9 * lines), squeeze=False)
    for panel in panels.flat[len(rows) :]:
        panel.axis("off")
    for panel, row in zip(panels.flat, rows, strict=False):
        names = list(row["peers"])
        middle = [row["peers"][name]["median"] for name in names]
        apart = [
            [m - row["peers"][name]["min"] for m, name in zip(middle, names, strict=True)],
            [row["peers"][name]["max"] - m for m, name in zip(middle, names, strict=True)],
        ]
        panel.barh(
            names,
            middle,
            xerr=apart,
            color=[COLOURS.get(name, OF_OTHERS) for name in names],
            error_kw={"elinewidth": 1},
        )
        # Bars begin at nought; one many times the first is cut off, its seconds written on it.
        shown = 1.25 * min(max(map(sum, zip(middle, apart[1], strict=True))), LONGEST * middle[0])
        panel.set_xlim(0, shown)
        for place, seconds in enumerate(middle):
            cut = seconds > shown
            panel.annotate(
                f"{seconds:.3g} ⟶" if cut else f"{seconds:.3g}",
                (shown if cut else seconds + apart[1][place], place),
                xytext=(-4 if cut else 4, 0),
                textcoords="offset points",
                ha="right" if cut else "left",
                va="center",
                fontsize=8,
                color="white" if cut else "black",
            )
        if row["n"] >= 1_000:
            panel.axvline(row["dense_limit"], color="black", linestyle="--", linewidth=1)
        panel.invert_yaxis()
        unit = "an epoch" if row["epochs"] == 1 else f"{row['epochs']:,} epochs"
        panel.set_title(f"{row['shape']}: seconds {unit}", fontsize=10)
        panel.tick_params(labelsize=8)
    dtype, threads = rows[0]["dtype"], rows[0]["threads"]
    figure.suptitle(
        f"{dtype}, {threads} thread{'s' if threads > 1 else ''}; dashed: the dense "
        "limit (all products at the matrix-product peak)",
        fontsize=11,
    )
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def epoch(rows, path):
    """Draw the seconds an epoch of the first row, the fastest peer first."""
    row = rows[0]
    named = {"cbackprop": ["cbackprop"]} | tables.SHORT_PEERS | {"NumPy, as in the book": ["NumPy reference"]}
    seconds = {title: tables.fastest(row, names) for title, names in named.items()}
    seconds = dict(sorted((s, title) for title, s in seconds.items() if s is not None))
    figure, panel = plt.subplots(figsize=(7.2, 2.7))
    colours = ["tab:red" if title == "cbackprop" else "tab:gray" for title in seconds.values()]
    drawn = panel.barh(list(seconds.values()), list(seconds), color=colours)
    panel.bar_label(drawn, [f"{s:.3g} s" for s in seconds], padding=3, fontsize=9)
    panel.invert_yaxis()
    panel.set_xlim(0, 1.1 * max(seconds))
    panel.set_xlabel("seconds")
    panel.spines[["top", "right"]].set_visible(False)
    network = row["shape"].partition(",")[0]
    panel.set_title(f"One epoch of {network}, {row['n']:,} images, {row['dtype']}, one thread", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def growth(name, rows, path):
    """Draw one sweep on logarithmic axes."""
    figure, panel = plt.subplots(figsize=(6.2, 4.2))
    for peer in rows[0]["peers"]:
        x = [row["x"] for row in rows]
        times = [row["peers"][peer] for row in rows]
        panel.plot(x, [t["median"] * 1e6 for t in times], "o-", color=COLOURS[peer], label=peer)
        panel.fill_between(
            x,
            [t["min"] * 1e6 for t in times],
            [t["max"] * 1e6 for t in times],
            color=COLOURS[peer],
            alpha=0.2,
            linewidth=0,
        )
    panel.set(
        xscale="log",
        yscale="log",
        xlabel=AXES[name],
        ylabel="microseconds an example",
        title=f"{rows[0]['dtype']}, {rows[0]['data']}",
    )
    panel.grid(which="both", alpha=0.25)
    panel.legend()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def main():
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bars", metavar="FILE", help="what bench.py --json wrote")
    parser.add_argument("--growth", metavar="FILE", help="what scaling.py --json wrote")
    parser.add_argument("--epoch", metavar="FILE", help="what bench.py --json wrote")
    parser.add_argument("--folder", default="bench/figures", metavar="FOLDER")
    arguments = parser.parse_args()
    mpl.rcParams["svg.hashsalt"] = "cbackprop"  # the same file from the same numbers
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.bars:
        rows = json.loads(Path(arguments.bars).read_text(encoding="utf-8"))["rows"]
        for dtype, threads in dict.fromkeys((row["dtype"], row["threads"]) for row in rows):
            chosen = [row for row in rows if (row["dtype"], row["threads"]) == (dtype, threads)]
            bars(chosen, folder / f"bars-{dtype}-{threads}.svg")
    if arguments.epoch:
        epoch(json.loads(Path(arguments.epoch).read_text(encoding="utf-8"))["rows"], folder / "epoch.svg")
    if arguments.growth:
        sweeps = json.loads(Path(arguments.growth).read_text(encoding="utf-8"))["sweeps"]
        for name, rows in sweeps.items():
            if name in AXES:
                growth(name, rows, folder / f"growth-{name}.svg")


if __name__ == "__main__":
    main()

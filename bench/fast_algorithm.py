"""In what sense is backpropagation a fast algorithm? The chapter's section, measured.

    python bench/fast_algorithm.py [--json FILE] [--figure FILE]
    python bench/fast_algorithm.py --quick                          to 10⁴ weights, a few seconds
    python bench/fast_algorithm.py --read FILE [--figure FILE]      no measuring, from the JSON

For one example and networks of 10² to 10⁶ weights (four layers of equal width): the forward pass, the
forward and the backward pass, the gradient by equation (46) with a forward pass for each weight, and
`cbackprop.chapter.numerical_gradient`, which computes of each pass only the layers that the weight can
change. Where the passes for all weights would take longer than a second they are those of weights drawn
at random, and the time is that of one times the number of weights plus one; the table says of how many.
Exits 1 if the gradients differ.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import machine
import numpy as np
import tables
from machine import seconds

from cbackprop import Network
from cbackprop.chapter import numerical_gradient

WIDTHS = (6, 18, 58, 183, 577)  # three layers of weights, 3 w² of them
QUICK_WIDTHS, QUICK_RUNS = (6, 18, 58), 1
EPSILON = 2.0**-20  # rounding makes an error of about C/ε units in the last place
TOLERANCE = 1e-5  # of the largest entry
TURN_SECONDS = 0.05
SAMPLE_SECONDS = 1.0
LONG_SECONDS = 10.0


def cost(net, x, y):
    """Return C = ½‖a^L − y‖²."""
    return 0.5 * np.sum((net.feedforward(x) - y) ** 2)


def derivatives(net, x, y, places):
    """Return ∂C/∂w at each of `places` (i, j, k) of `net.weights` by equation (46), a pass for each."""
    C = cost(net, x, y)
    found = np.empty(len(places))
    for n, (i, j, k) in enumerate(places):
        weight = net.weights[i][j, k]
        net.weights[i][j, k] = weight + EPSILON
        found[n] = (cost(net, x, y) - C) / EPSILON
        net.weights[i][j, k] = weight
    return found


def chosen_places(net, x, y):
    """Return the places of all weights, or of as many as take about a second, at least 100."""
    places = [(i, *place) for i, w in enumerate(net.weights) for place in np.ndindex(w.shape)]
    one = seconds(lambda: derivatives(net, x, y, places[:20])) / 20
    most = max(100, int(SAMPLE_SECONDS / one))
    if len(places) <= most:
        return places
    draw = np.random.default_rng(0)
    return [places[n] for n in draw.choice(len(places), most, replace=False)]


def check(net, x, y, places):
    """Exit 1 where the gradients by backpropagation and by differences are not the same."""
    exact = net.backprop(x, y)[1]
    largest = max(np.abs(nabla).max() for nabla in exact)
    by_passes = derivatives(net, x, y, places)
    by_chapter = numerical_gradient(net, x, y, epsilon=EPSILON)[1]
    gaps = [np.abs(one - other).max() for one, other in zip(exact, by_chapter, strict=True)]
    gaps += [abs(exact[i][j, k] - one) for (i, j, k), one in zip(places, by_passes, strict=True)]
    apart = max(gaps)
    if not apart <= TOLERANCE * largest:
        sys.exit(f"WRONG RESULT: the gradients of {net.sizes} differ by {apart / largest:.1e}")


def measure(width, runs):
    """Check and time one network; return its row."""
    sizes = [width] * 4
    np.random.seed(1)
    net = Network(sizes)
    # Divided by the root of the width, so that wide layers do not saturate and gradients have digits.
    net.weights = [w / math.sqrt(width) for w in net.weights]
    draw = np.random.default_rng(2)
    x, y = draw.random((width, 1)), draw.random((width, 1))
    places = chosen_places(net, x, y)
    check(net, x, y, places)
    count = sum(w.size for w in net.weights)
    calls = {
        "forward": lambda: net.feedforward(x),
        "forward and backward": lambda: net.backprop(x, y),
        "equation (46)": lambda: derivatives(net, x, y, places),
        "numerical_gradient": lambda: numerical_gradient(net, x, y, epsilon=EPSILON),
    }
    times = {name: max(1, math.ceil(TURN_SECONDS / seconds(call))) for name, call in calls.items()}
    taken = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            if sum(taken[name]) < LONG_SECONDS:  # what takes long is measured fewer times
                taken[name].append(seconds(call, times=times[name]))
    a_pass = (count + 1) / (len(places) + 1)
    taken["equation (46)"] = [spent * a_pass for spent in taken["equation (46)"]]
    row = {"sizes": sizes, "weights": count, "sample": len(places)}
    return row | {name: machine.spread(spent) for name, spent in taken.items()}


def draw(rows, path):
    """Draw time against number of weights, both axes logarithmic."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "cbackprop"  # the same file from the same numbers
    mpl.rcParams["svg.fonttype"] = "none"  # letters, not their outlines
    figure, panel = plt.subplots(figsize=(6.8, 4.6))
    weights = [row["weights"] for row in rows]
    for name, label, style in (
        ("equation (46)", "equation (46): a forward pass for each weight", "s-"),
        ("numerical_gradient", "equation (46): only the layers that a weight can change", "^-"),
        ("forward and backward", "backpropagation: forward and backward pass", "o-"),
        ("forward", "one forward pass", "o:"),
    ):
        panel.plot(weights, [row[name]["median"] for row in rows], style, label=label)
    panel.set(xscale="log", yscale="log", xlabel="number of weights", ylabel="seconds a gradient")
    panel.set_title("The gradient of one example's cost, one thread", fontsize=11)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=9)
    figure.tight_layout()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def main():
    """Measure or read what the command line names, print the table, draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="small networks, measured once")
    parser.add_argument("--runs", type=int, metavar="R", help="measurements of each (default: 5)")
    parser.add_argument(
        "--widths", type=int, nargs="+", metavar="W", help=f"of the layers (default: {WIDTHS})"
    )
    parser.add_argument("--read", metavar="FILE", help="take the results of an earlier --json")
    parser.add_argument("--figure", metavar="FILE", help="draw the log-log figure (needs matplotlib)")
    arguments = parser.parse_args()
    if arguments.read:
        results = json.loads(Path(arguments.read).read_text(encoding="utf-8"))
    else:
        machine.settle(arguments.threads, arguments.cpu)
        results = {"rows": []}
        runs = arguments.runs or (QUICK_RUNS if arguments.quick else 5)
        for width in arguments.widths or (QUICK_WIDTHS if arguments.quick else WIDTHS):
            print(f"{[width] * 4} ...", file=sys.stderr, flush=True)
            results["rows"].append(measure(width, runs))
        results["machine"] = machine.describe()
        if arguments.json:
            Path(arguments.json).parent.mkdir(parents=True, exist_ok=True)
            machine.save(results, arguments.json)
    print(tables.fast_algorithm(results["rows"]))
    if arguments.figure:
        draw(results["rows"], arguments.figure)


if __name__ == "__main__":
    main()

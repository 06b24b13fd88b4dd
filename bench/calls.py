"""Single calls against the NumPy reference: `feedforward`, `backprop`, `update_mini_batch`,
`evaluate`, XOR through `SGD`, and the book's whole run with packing and test data; and
`backprop_mini_batch` against NumPy's matrix products and against the sum of `backprop`.

    python bench/calls.py [--book-epochs 30] [--json FILE]

The reference's time for the book's run is minutes; `--book-epochs 0` leaves that run out.
Exits 1 if a call's answer differs from the reference's.
"""

import argparse
import contextlib
import copy
import io
import math
import random
import sys
import time

import jobs
import machine
import numpy as np
from machine import seconds

from cbackprop import Network
from cbackprop.reference.network import ReferenceNetwork

TOLERANCE = 1e-10  # relative to the largest entry
TURN_SECONDS = 0.1


def pair(sizes):
    """Return a compiled network and its reference with the same parameters."""
    np.random.seed(1)
    net = Network(sizes)
    reference = ReferenceNetwork(sizes)
    reference.weights = [w.copy() for w in net.weights]
    reference.biases = [b.copy() for b in net.biases]
    return net, reference


def flat(answer):
    """Return an array or nested lists of arrays as one vector."""
    if isinstance(answer, (list, tuple)):
        return np.concatenate([flat(part) for part in answer])
    return np.ravel(answer).astype(np.float64)


def parameters_after(method):
    """Return a call that gives the network's parameters after `method` has changed them."""

    def call(net, *arguments):
        net = copy.deepcopy(net)
        getattr(net, method)(*arguments)
        return [net.weights, net.biases]

    return call


def check(title, found, expected):
    """Exit 1 where an answer is not the reference's."""
    apart = float(np.abs(flat(found) - flat(expected)).max() / np.abs(flat(expected)).max())
    if not apart <= TOLERANCE:
        sys.exit(f"WRONG RESULT: {title} differs from the reference's by {apart:.1e}")


def in_turns(calls, arguments, runs):
    """Return for each of the named calls the seconds that it took in each of its turns."""
    times = {name: max(1, math.ceil(TURN_SECONDS / seconds(call, arguments))) for name, call in calls.items()}
    taken = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            taken[name].append(seconds(call, arguments, times[name]))
    return taken


def compare(title, method, networks, arguments, runs, settle=None):
    """Check a method's answer, time both networks in turns and return the row of results."""
    answer = settle or (lambda net, *given: getattr(net, method)(*given))
    check(title, answer(networks[0], *arguments), answer(networks[1], *arguments))
    ours, reference = (getattr(net, method) for net in networks)
    return report(title, *in_turns({"ours": ours, "reference": reference}, arguments, runs).values())


def report(title, ours, theirs, beside="NumPy reference"):
    """Print and return the row of a call's two lists of timings."""
    row = {"call": title, "cbackprop": machine.spread(ours), beside: machine.spread(theirs)}
    row["ratio"] = row[beside]["median"] / row["cbackprop"]["median"]
    print(
        f"{title:46} {row['cbackprop']['median'] * 1e6:14,.2f} us "
        f"{row[beside]['median'] * 1e6:16,.2f} us {row['ratio']:8.1f}"
        + ("" if beside == "NumPy reference" else f"  {beside}"),
        flush=True,
    )
    return row


def single_calls(runs):
    """Return the rows of `feedforward`, `backprop` and `update_mini_batch`."""
    rows, draw = [], np.random.default_rng(0)
    X, labels, *_ = jobs.mnist()
    book = [
        (x[:, np.newaxis], y[:, np.newaxis])
        for x, y in zip(X[:10], jobs.one_hot(labels[:10], 10, np.float64), strict=True)
    ]
    small = [(draw.random((2, 1)), draw.random((1, 1))) for _ in range(10)]
    for sizes, examples in (([784, 30, 10], book), ([2, 3, 1], small)):
        networks, (x, y) = pair(sizes), examples[0]
        x = x.astype(np.float64)
        rows += [
            compare(f"feedforward {sizes}", "feedforward", networks, (x,), runs),
            compare(f"backprop {sizes}", "backprop", networks, (x, y), runs),
            compare(
                f"update_mini_batch {sizes}, ten examples",
                "update_mini_batch",
                networks,
                (examples, 3.0),
                runs,
                parameters_after("update_mini_batch"),
            ),
        ]
    return rows


def by_matrix_products(net, X, Y):
    """The gradient of a mini-batch of columns by NumPy's matrix products, nothing computed twice."""
    activations = [X]
    for b, w in zip(net.biases, net.weights, strict=True):
        a = w @ activations[-1]
        a += b
        np.negative(a, out=a)
        np.exp(a, out=a)
        a += 1
        activations.append(np.reciprocal(a, out=a))
    delta = activations[-1] - Y
    nabla_b, nabla_w = [], []
    for layer in reversed(range(len(net.weights))):
        a = activations[layer + 1]
        delta *= a * (1 - a)
        nabla_b.insert(0, delta.sum(axis=1, keepdims=True))
        nabla_w.insert(0, delta @ activations[layer].T)
        if layer:
            delta = net.weights[layer].T @ delta
    return nabla_b, nabla_w


def by_sum(net, X, Y):
    """Sum the gradients that `backprop` gives, in place."""
    nabla_b = [np.zeros_like(b) for b in net.biases]
    nabla_w = [np.zeros_like(w) for w in net.weights]
    for j in range(X.shape[1]):
        for totals, ones in zip((nabla_b, nabla_w), net.backprop(X[:, [j]], Y[:, [j]]), strict=True):
            for total, one in zip(totals, ones, strict=True):
                np.add(total, one, out=total)
    return nabla_b, nabla_w


def matrix_based(runs, m=32):
    """Return the rows of `backprop_mini_batch` beside the two other ways to its result.

    Images have many inputs that are 0 in all of them, which the kernels leave out; random numbers none.
    """
    images, labels, *_ = jobs.mnist()
    Y = np.array(jobs.one_hot(labels[:m], 10, np.float64).T, order="C")
    X = np.array(images[:m].T, np.float64, order="C")
    rows = of_columns(f"backprop_mini_batch [784, 30, 10], {m} images", X, Y, runs)
    X = np.random.default_rng(0).random(X.shape)
    return rows + of_columns(f"backprop_mini_batch [784, 30, 10], {m} dense columns", X, Y, runs)


def of_columns(title, X, Y, runs):
    """Check and time the ways for one X and Y."""
    net, reference = pair([784, 30, 10])
    ways = {
        "cbackprop": net.backprop_mini_batch,
        "NumPy's matrix products": lambda X, Y: by_matrix_products(net, X, Y),
        "the sum of backprop": lambda X, Y: by_sum(net, X, Y),
    }
    for way in ways.values():
        check(title, way(X, Y), by_sum(reference, X, Y))
    taken = in_turns(ways, (X, Y), runs)
    ours = taken.pop("cbackprop")
    return [report(title, ours, theirs, beside) for beside, theirs in taken.items()]


def evaluation(runs):
    """Return the row of `evaluate` on the test images as the loader gives them."""
    _, _, X, labels, _ = jobs.mnist()
    test_data = [(x[:, np.newaxis], label) for x, label in zip(X, labels, strict=True)]
    title = f"evaluate [784, 30, 10], {len(test_data):,} tuples"
    return compare(title, "evaluate", pair([784, 30, 10]), (test_data,), runs)


def sgd(net, data, epochs, m, eta, test_data=None):
    """Return the seconds of a call of `SGD` and the lines it printed."""
    random.seed(0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        begun = time.perf_counter()
        net.SGD(data, epochs, m, eta, test_data=test_data)
        taken = time.perf_counter() - begun
    return taken, printed.getvalue().splitlines()


def xor(runs, epochs=10_000):
    """Return the row of XOR through `SGD`, printing included."""
    data = [(np.array([[p], [q]], float), np.array([[p ^ q]], float)) for p in (0, 1) for q in (0, 1)]
    title = f"SGD [2, 3, 1], XOR, {epochs:,} epochs"
    ours, references = pair([2, 3, 1])
    sgd(ours, list(data), 100, 4, 3.0)
    sgd(references, list(data), 100, 4, 3.0)
    check(title, [ours.weights, ours.biases], [references.weights, references.biases])
    taken = ([], [])
    for _ in range(runs):
        for net, record in zip(pair([2, 3, 1]), taken, strict=True):
            record.append(sgd(net, list(data), epochs, 4, 3.0)[0])
    return report(title, *taken)


def book(epochs):
    """Return the row of the book's run: tuples in, every epoch tested, packing included."""
    X, labels, X_test, test_labels, source = jobs.mnist()
    Y = jobs.one_hot(labels, 10, np.float64)
    training_data = [(x[:, np.newaxis], y[:, np.newaxis]) for x, y in zip(X, Y, strict=True)]
    test_data = [(x[:, np.newaxis], y) for x, y in zip(X_test, test_labels, strict=True)]
    title = f"SGD [784, 30, 10], {epochs} epochs with test data"
    taken, recognised = [], []
    for net in pair([784, 30, 10]):
        # A copy each: both start from the same order.
        spent, lines = sgd(net, list(training_data), epochs, 10, 3.0, test_data)
        taken.append(spent)
        recognised.append(int(lines[-1].split()[2]) / len(test_data))
    row = report(title, taken[:1], taken[1:])
    print(f"  recognised after the last epoch: {recognised[0]:.1%}, the reference {recognised[1]:.1%}")
    # Learning at this rate amplifies rounding, so the two end apart by some examples.
    if abs(recognised[0] - recognised[1]) > 0.02:
        sys.exit(f"WRONG RESULT: {title} recognises {recognised}")
    return row | {"data": source, "accuracy": recognised}


def main():
    """Check and time every call."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--book-epochs", type=int, default=30, metavar="E")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    print(f"{'':46} {'cbackprop':>17} {'NumPy reference':>19} {'ratio':>8}")
    rows = single_calls(arguments.runs) + matrix_based(arguments.runs)
    rows += [evaluation(arguments.runs), xor(min(3, arguments.runs))]
    if arguments.book_epochs:
        rows.append(book(arguments.book_epochs))
    if arguments.json:
        machine.save({"machine": machine.describe(), "rows": rows}, arguments.json)


if __name__ == "__main__":
    main()

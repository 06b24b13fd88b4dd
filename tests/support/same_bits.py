"""Digests of trained networks, and of what they then compute: equal where every bit is equal.

    python tests/support/same_bits.py                 prints those of the instruction set in use, as JSON
    python tests/support/same_bits.py --record gcc    puts them on record, in tests/data/same_bits.json

Nothing that the numbers come from may differ between machines or versions: examples, weights and biases are
bytes of `random`, and what NumPy does with them has one answer by IEEE 754. No function of the C library
takes part. A digest is of little-endian bytes.
"""

import contextlib
import hashlib
import io
import itertools
import json
import platform
import random
import sys
from functools import partial
from pathlib import Path

import numpy as np

from cbackprop import network, network2

RECORD = Path(__file__).resolve().parents[1] / "data/same_bits.json"
ETA = 1 / 64
THREADS = 1, 2  # every network is trained with each of them, and has one digest

# What the examples' inputs are made of, by how they are then packed.
INPUTS = {
    "sparse, bytes": {"density": 0.15},
    "sparse, floats": {"density": 0.15, "float32": True},
    "sparse, doubles": {"density": 0.15, "divisor": 255.0},
    "sparse, ones": {"density": 0.15, "ones": True},
    "dense": {"density": 1},
}
MIXED = {
    "activation": ["relu", "tanh"],
    "neuron_activations": {
        (2, 3): "sigmoid", (2, 17): "linear", (2, 29): "tanh", (3, 0): "relu", (3, 1): "softplus",
    },
}  # fmt: skip
DTYPES = "float64", "float32"
LAYOUTS = {"dense": [40, 100, 10], "sparse, bytes": [300, 100, 10]}
ACTIVATIONS = {name: {"activation": name} for name in ("sigmoid", "linear", "tanh", "relu", "softplus")}
ACTIVATIONS["mixed"] = MIXED
COSTS = [
    (network2.QuadraticCost, ["tanh", "sigmoid"]),
    (network2.QuadraticCost, ["relu", "linear"]),
    (network2.CrossEntropyCost, ["sigmoid", "sigmoid"]),
    (network2.LogLikelihoodCost, ["softplus", "softmax"]),
]
RULES = {
    "L2": {},
    "L1": {"regularization": "L1"},
    "momentum": {"mu": 0.5},
    "momentum and L1": {"mu": 0.9, "regularization": "L1"},
}
SHAPES = [
    ([784, 30, 10], 10),
    ([33, 65, 31, 5], 1),
    ([300, 260, 7], 64),
    ([70, 10], 33),
    ([200, 17, 12, 9, 4], 7),
]


def numbers(draw, shape, divisor=256):
    """An array of whole numbers from -127 to 127, divided by `divisor`."""
    signed = np.frombuffer(draw.randbytes(int(np.prod(shape))), np.int8)
    return np.maximum(signed, -127).astype(np.float64).reshape(shape) / divisor


def examples(draw, n, sizes, kind, soft=False):
    """n pairs of columns. Inputs are of this kind; y is a unit vector or, where `soft`, numbers below 1."""
    options = {"float32": False, "ones": False, "divisor": 256, **INPUTS[kind]}
    X = np.abs(numbers(draw, (n, sizes[0]), options["divisor"])) + 1 / 256
    if options["ones"]:
        X[:] = 1
    lit = np.frombuffer(draw.randbytes(X.size), np.uint8).reshape(X.shape) < 256 * options["density"]
    X *= lit
    if options["float32"]:
        X = (X / 3).astype(np.float32)
    labels = np.frombuffer(draw.randbytes(n), np.uint8) % sizes[-1]
    Y = np.abs(numbers(draw, (n, sizes[-1]))) if soft else np.eye(sizes[-1])[labels]
    return [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)]


def set_parameters(net, draw):
    """Give `net` weights that leave its activations where they still change."""
    for side in (net.weights, net.biases):
        for l, old in enumerate(side):
            side[l] = numbers(draw, old.shape, 1024).astype(old.dtype)


def digest(*results):
    """A digest of arrays and numbers, which must be finite: the bits of a NaN mean nothing."""
    found = hashlib.sha256()
    for each in results:
        array = np.asarray(each)
        assert np.isfinite(array).all()
        found.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()[:12]


def after_training(net, draw, data):
    """The digests of `net`, by the calls that they are of."""
    found = {"training": digest(*net.weights, *net.biases)}
    x, y = data[0]
    nabla_b, nabla_w = net.backprop(x, y)
    found["one example"] = digest(net.feedforward(x), *nabla_b, *nabla_w)
    X, Y = numbers(draw, (net.sizes[0], 21)), np.abs(numbers(draw, (net.sizes[-1], 21)))
    both = net.backprop_mini_batch(X, Y), net.backprop(X, Y)
    found["columns"] = digest(net.feedforward(X), *itertools.chain(*itertools.chain(*both)))
    return found


def of_network(threads, sizes, kind, mini_batch_size=10, **options):
    """The digests of a network of the book's first module."""
    draw = random.Random(7)
    data = examples(draw, 53, sizes, kind)
    net = network.Network(sizes, **options)
    set_parameters(net, draw)
    net.SGD(data, 2, mini_batch_size, ETA, n_threads=threads)
    net.update_mini_batch(data[:5], ETA)
    return after_training(net, draw, data)


def of_network2(threads, sizes, kind, cost, rule, soft, **options):
    """The digests of a network of the book's second module; costs too."""
    draw = random.Random(8)
    data = examples(draw, 53, sizes, kind, soft)
    net = network2.Network(sizes, cost, **options)
    set_parameters(net, draw)
    net.SGD(data, 2, 10, ETA, 1 / 8, n_threads=threads, **RULES[rule])
    net.update_mini_batch(data[:5], ETA, 1 / 8, 53, **RULES[rule])
    found = after_training(net, draw, data)
    net.biases[-1] = net.biases[-1] * 256  # where outputs are nearly 0 and 1
    costs = [net.total_cost(data[k : k + 12], 0.0) for k in range(0, 53, 12)]
    found["costs"] = digest(np.array(costs))
    return found


def cases():
    """For each network its name and a function of the number of threads that returns its digests."""
    for dtype, (kind, sizes) in itertools.product(DTYPES, LAYOUTS.items()):
        about = f"{dtype}, {kind}"
        for name, options in ACTIVATIONS.items():
            yield (
                f"network, {about}, {name}",
                partial(of_network, sizes=sizes, kind=kind, dtype=dtype, **options),
            )
        for (cost, activation), (rule, soft) in itertools.product(
            COSTS, [*((rule, False) for rule in RULES), ("L2", True)]
        ):
            yield (
                f"network2, {about}, {cost.__name__} of {activation[1]}, {rule}{', soft targets' * soft}",
                partial(
                    of_network2, sizes=sizes, kind=kind, dtype=dtype,
                    cost=cost, activation=activation, rule=rule, soft=soft,
                ),
            )  # fmt: skip
    for dtype, (sizes, m), kind in itertools.product(DTYPES, SHAPES, INPUTS):
        yield (
            f"network, {dtype}, {kind}, {'-'.join(map(str, sizes))}, mini-batches of {m}",
            partial(of_network, sizes=sizes, kind=kind, dtype=dtype, mini_batch_size=m),
        )


def digests():
    """The digests of every case: {"network, …": {"training": "0123456789ab", …}, …}."""
    found = {}
    for name, of_threads in cases():
        for threads in THREADS:
            random.seed(5)
            with contextlib.redirect_stdout(io.StringIO()):
                parts = of_threads(threads)
            if found.setdefault(name, parts) != parts:
                raise AssertionError(f"{name}: the bits depend on the number of threads")
    return found


def path():
    """What the digests may depend on, but for the compiler: "avx2 x86_64 linux"."""
    isa = network.Network([1, 1]).backend.removeprefix("compiled: ").partition(",")[0]
    return f"{isa} {platform.machine()} {sys.platform}"


def recorded():
    """The digests on record, by path and compiler: {"avx2 x86_64 linux gcc": {"network, …": {…}, …}, …}."""
    found = {}
    for group in json.loads(RECORD.read_text(encoding="utf-8")):
        for name, (case, parts) in itertools.product(group["paths"], group["digests"].items()):
            found.setdefault(name, {}).setdefault(case, {}).update(parts)
    return found


def record(name, its_digests):
    """Put the digests of a path and compiler on record. What is equal for several of them is there once."""
    found = (recorded() if RECORD.exists() else {}) | {name: its_digests}
    paths_of = {}  # by a case, a part of it and their digest
    for each, case in itertools.product(sorted(found), its_digests):
        for item in found[each].get(case, {}).items():
            paths_of.setdefault((case, *item), []).append(each)
    groups = {}
    for (case, part, value), paths in paths_of.items():
        groups.setdefault(tuple(paths), {}).setdefault(case, {})[part] = value
    blocks = []
    for paths, shared in sorted(groups.items()):
        lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(parts)}" for case, parts in shared.items())
        blocks.append(f'{{"paths": {json.dumps(paths)}, "digests": {{\n{lines}\n}}}}')
    RECORD.write_text("[\n" + ",\n".join(blocks) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--record"]:
        (compiler,) = sys.argv[2:]
        record(f"{path()} {compiler}", digests())
    else:
        print(json.dumps({"path": path(), "digests": digests()}))

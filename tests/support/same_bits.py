"""Digests of trained networks, and of what they then compute: equal where every bit is equal.

    python tests/support/same_bits.py             prints those of the instruction set in use, as JSON
    python tests/support/same_bits.py --record    puts them on record, in tests/data/same_bits.json

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
from unittest import mock

import numpy as np

from cbackprop import network, network2
from cbackprop._dropout import Dropout

RECORD = Path(__file__).resolve().parents[1] / "data/same_bits.json"
ETA = 1 / 64
MACHINE = platform.machine()
KEEPS_SUBNORMALS = {"s390x"}
THREADS = 1, 2  # every network is trained with each of them, and has one digest

# What the examples' inputs are made of, by how they are then packed.
INPUTS = {
    "sparse, bytes": {"density": 0.15},
    "sparse, floats": {"density": 0.15, "float32": True},
    "sparse, doubles": {"density": 0.15, "divisor": 255.0},
    "sparse, ones": {"density": 0.15, "ones": True},
    "dense": {"density": 1},
}
GREYS = {"sparse, greys": {"density": 0.15, "greys": True}}  # of large data only
MIXED = {
    "activation": ["relu", "tanh"],
    "neuron_activations": {
        (2, 3): "sigmoid", (2, 17): "linear", (2, 29): "tanh", (3, 0): "relu", (3, 1): "softplus",
    },
}  # fmt: skip
DTYPES = "float64", "float32"


class Difference:
    """A user's cost: what its functions compute is exact by IEEE 754, but for the sums, which are short."""

    @staticmethod
    def fn(a, y):
        return float(abs(a - y)[0, 0])

    @staticmethod
    def delta(z, a, y):
        return a - y


MONITORED = {
    "cross-entropy": {},
    "log-likelihood": {"cost": network2.LogLikelihoodCost},
    "quadratic": {"cost": network2.QuadraticCost, "activation": ["softplus", "tanh"]},
    "a user's cost": {"cost": Difference},
}
LAYOUTS = {"dense": [40, 100, 10], "sparse, bytes": [300, 100, 10]}
ACTIVATIONS = {
    name: {"activation": name} for name in ("sigmoid", "linear", "tanh", "relu", "softplus", "exponential")
}
ACTIVATIONS["mixed"] = MIXED
COSTS = [
    (network2.QuadraticCost, ["tanh", "sigmoid"]),
    (network2.QuadraticCost, ["relu", "linear"]),
    (network2.CrossEntropyCost, ["sigmoid", "sigmoid"]),
    (network2.LogLikelihoodCost, ["softplus", "softmax"]),
    (network2.PoissonCost, ["tanh", "exponential"]),
]
RULES = {
    "L2": {},
    "L1": {"regularization": "L1"},
    "momentum": {"mu": 0.5},
    "momentum and L1": {"mu": 0.9, "regularization": "L1"},
    "nesterov": {"rule": "nesterov", "mu": 0.5},
    "adam": {"rule": "adam", "epsilon": 1 / 1024},
    "amsgrad and L1": {"rule": "amsgrad", "epsilon": 1 / 1024, "regularization": "L1"},
}
HALVES = {  # by steps, in each of which a scale is halved: it is multiplied out after twenty
    "L2": {"lmbda": 53 / 2 / ETA},
    "momentum": {"mu": 0.5},
}
SHAPES = [
    ([784, 30, 10], 10),
    ([33, 65, 31, 5], 1),
    ([300, 260, 7], 64),
    ([70, 10], 33),
    ([200, 17, 12, 9, 4], 7),
]
# Rows shorter than a vector, and one neuron more or fewer than whole ones.
SMALL_SHAPES = [
    ([1, 1], 1),
    ([2, 3, 1], 4),
    ([3, 2, 4, 2], 53),
    ([5, 7, 6, 3], 3),
    ([9, 15, 8], 5),
    ([17, 13, 31, 16], 33),
    ([32, 1, 33], 12),
    ([64, 11, 14, 2], 9),
]
# Layers of 1, 2, ... 13 vectors, the widest panel, of 16, of 32 and of 64 bytes.
WIDTHS = {
    "float64": sorted({*range(2, 27, 2), *range(4, 53, 4), *range(8, 105, 8)}),
    "float32": sorted({*range(4, 53, 4), *range(8, 105, 8), *range(16, 209, 16)}),
}


def numbers(draw, shape, divisor=256):
    """An array of whole numbers from -127 to 127, divided by `divisor`."""
    signed = np.frombuffer(draw.randbytes(int(np.prod(shape))), np.int8)
    return np.maximum(signed, -127).astype(np.float64).reshape(shape) / divisor


def examples(draw, n, sizes, kind, soft=False):
    """n pairs of columns. Inputs are of this kind; y is a unit vector or, where `soft`, numbers below 1."""
    options = {"float32": False, "ones": False, "greys": False, "divisor": 256, **(INPUTS | GREYS)[kind]}
    X = np.abs(numbers(draw, (n, sizes[0]), options["divisor"])) + 1 / 256
    if options["greys"]:
        X = np.frombuffer(draw.randbytes(X.size), np.uint8).reshape(X.shape) / 255
    if options["ones"]:
        X[:] = 1
    lit = np.frombuffer(draw.randbytes(X.size), np.uint8).reshape(X.shape) < 256 * options["density"]
    X *= lit
    if options["float32"]:
        X = (X / 3).astype(np.float32)
    labels = np.frombuffer(draw.randbytes(n), np.uint8) % sizes[-1]
    Y = np.abs(numbers(draw, (n, sizes[-1]))) if soft else np.eye(sizes[-1])[labels]
    return [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)]


def set_parameters(net, draw, divisor=1024):
    """Give `net` weights that, by default, leave its activations where they still change."""
    for side in (net.weights, net.biases):
        for l, old in enumerate(side):
            side[l] = numbers(draw, old.shape, divisor).astype(old.dtype)


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


def of_network(threads, sizes, kind, mini_batch_size=10, n=53, **options):
    """The digests of a network of the book's first module."""
    draw = random.Random(7)
    data = examples(draw, n, sizes, kind)
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


def of_thinned(threads, kind, rule, dtype):
    """The digest of a network whose neurons drop out, by masks of our own: NumPy's draws are not for ever."""
    draw = random.Random(15)
    sizes = [40, 21, 70, 3]
    net = network2.Network(sizes, dtype=dtype)
    set_parameters(net, draw)

    def masks(dropout, sizes, n):
        of_neurons = [size for size, p in zip(sizes, dropout.probabilities(len(sizes))) if p > 0]
        row_bytes = sum((size + 7) // 8 for size in of_neurons) + 1
        return np.frombuffer(draw.randbytes(n * row_bytes), np.uint8).reshape(n, row_bytes)

    data = examples(draw, 53, sizes, kind)
    with mock.patch.object(Dropout, "masks", masks):
        net.SGD(data, 2, 10, ETA, 1 / 8, dropout=[0.25, 0.5, 0.5], n_threads=threads, **RULES[rule])
    return {"training": digest(*net.weights, *net.biases)}


def of_weighted(threads, kind, rule, dtype):
    """The digest of a network whose examples have weights."""
    draw = random.Random(16)
    sizes = [300, 21, 3]
    data = examples(draw, 53, sizes, kind)
    X, Y = (np.array([pair[i][:, 0] for pair in data]) for i in range(2))
    weights = np.frombuffer(draw.randbytes(53), np.uint8) / 64
    net = network2.Network(sizes, dtype=dtype)
    set_parameters(net, draw)
    net.SGD((X, Y), 2, 10, ETA, 1 / 8, sample_weight=weights, n_threads=threads, **RULES[rule])
    return {"training": digest(*net.weights, *net.biases)}


def of_halved(threads, kind, rule, dtype, mini_batch_size=1):
    """The digest of a network whose scale of weights or velocities is multiplied out every twenty steps."""
    draw = random.Random(9)
    sizes = [40, 21, 3]
    data = examples(draw, 53, sizes, kind)
    net = network2.Network(sizes, dtype=dtype)
    set_parameters(net, draw)
    options = {"lmbda": 0.0, **HALVES[rule]}
    net.SGD(data, 2, mini_batch_size, ETA, n_threads=threads, **options)
    return {"training": digest(*net.weights, *net.biases)}


def of_monitored(threads, dtype, regularization, **options):
    """The digests of what `SGD` says of arrays, and of what the calls for many examples say of pairs."""
    draw = random.Random(10)
    sizes = [40, 100, 10]
    data = examples(draw, 150, sizes, "sparse, bytes")
    X = np.array([x[:, 0] for x, _ in data])
    labels = np.array([y.argmax() for _, y in data])
    net = network2.Network(sizes, dtype=dtype, **options)
    set_parameters(net, draw)
    monitored = net.SGD(
        (X, labels), 2, 10, ETA, 5.0, (X[:70], labels[:70]), True, True, True, True,
        regularization=regularization, n_threads=threads,
    )  # fmt: skip
    costs = [net.total_cost(data, 3.0, regularization=regularization)]
    return {
        "training": digest(*net.weights, *net.biases),
        "monitored": digest(*monitored),
        "asked": digest(costs, [net.accuracy(data, convert=True)]),
    }


def of_saturated(threads, kind, dtype):
    """The digest of a network with subnormal errors. Biases of 0 show an error that does not count as 0."""
    draw = random.Random(14)
    sizes = [40, 60, 30, 10]
    net = network.Network(sizes, dtype=dtype)
    set_parameters(net, draw, 4 if dtype == "float32" else 0.5)
    for b in net.biases:
        b[:] = 0
    net.SGD(examples(draw, 53, sizes, kind), 2, 10, ETA, n_threads=threads)
    return {"training": digest(*net.weights, *net.biases)}


def of_widths(threads, dtype, kind):
    """The digest of networks with every width of a panel, and mini-batches of 1 to 16."""
    nets = []
    for i, n in enumerate(WIDTHS[dtype]):
        draw = random.Random(11)
        sizes = [40, n, 3]
        net = network.Network(sizes, dtype=dtype)
        set_parameters(net, draw)
        net.SGD(examples(draw, 33, sizes, kind), 1, 1 + i % 16, ETA, n_threads=threads)
        nets.append(net)
    return {"training": digest(*itertools.chain(*(net.weights + net.biases for net in nets)))}


def of_columns(threads, dtype, kind, activation):
    """The digest of calls with more columns than are taken together, and with rows that are all 0."""
    draw = random.Random(12)
    sizes = [70, 33, 6]
    net = network2.Network(sizes, network2.QuadraticCost, dtype=dtype, activation=activation)
    set_parameters(net, draw)
    X, Y = numbers(draw, (sizes[0], 300)), np.abs(numbers(draw, (sizes[-1], 300)))
    if kind == "sparse":
        X[3:30] = X[40:41] = X[60:] = 0
    both = net.backprop_mini_batch(X, Y), net.backprop(X, Y)
    return {"columns": digest(net.feedforward(X), *itertools.chain(*itertools.chain(*both)))}


def of_functions(threads, dtype, activation):
    """The digests of a function of numbers of every size, where results are subnormal too."""
    draw = random.Random(13)
    mantissas = 1 + np.frombuffer(draw.randbytes(6000), np.uint8).reshape(2, -1).astype(np.float64) / 256
    powers = np.frombuffer(draw.randbytes(3000), np.uint8) % 52 - 42.0
    z = (mantissas[0] * mantissas[1] * 2.0**powers * np.resize([1, -1], 3000)).astype(dtype)
    net = network.Network([1, z.size], dtype=dtype, activation=activation)
    net.weights[0][:] = 0
    net.biases[0][:] = z.reshape(-1, 1)
    zero, one = np.zeros((1, 1)), np.ones((z.size, 1))
    found = {
        "one example": digest(net.feedforward(zero), *itertools.chain(*net.backprop(zero, one))),
        "columns": digest(net.feedforward(np.zeros((1, 2)))),
    }
    if activation == "sigmoid":
        found["sigmoid"] = digest(network.sigmoid(z), network.sigmoid_prime(z))
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
    for dtype, (sizes, m), kind in itertools.product(DTYPES, SMALL_SHAPES, ("sparse, doubles", "dense")):
        yield (
            f"network, {dtype}, {kind}, {'-'.join(map(str, sizes))}, mini-batches of {m}",
            partial(of_network, sizes=sizes, kind=kind, dtype=dtype, mini_batch_size=m),
        )
    for dtype, kind in itertools.product(DTYPES, ("sparse, bytes", "sparse, floats", "dense")):
        about = f"{dtype}, {kind}"
        yield (
            f"network, {about}, mini-batches of 300",
            partial(of_network, sizes=[300, 20, 10], kind=kind, dtype=dtype, mini_batch_size=300, n=330),
        )
        if MACHINE not in KEEPS_SUBNORMALS:
            yield f"network, {about}, saturated", partial(of_saturated, kind=kind, dtype=dtype)
        yield f"network, {about}, every width", partial(of_widths, dtype=dtype, kind=kind)
        for (what, of_kind), rule in itertools.product(
            {"thinned": of_thinned, "weighted": of_weighted}.items(), ("L2", "nesterov", "adam")
        ):
            yield f"network2, {about}, {what}, {rule}", partial(of_kind, kind=kind, rule=rule, dtype=dtype)
        for rule in HALVES:
            yield f"network2, {about}, {rule}, halved", partial(of_halved, kind=kind, rule=rule, dtype=dtype)
    for dtype in DTYPES:
        yield (
            f"network, {dtype}, sparse, greys",
            partial(of_network, sizes=[784, 30, 10], kind="sparse, greys", dtype=dtype, n=1300),
        )
        for regularization, (name, options) in itertools.product(("L2", "L1"), MONITORED.items()):
            yield (
                f"network2, {dtype}, monitored, {name}, {regularization}",
                partial(of_monitored, dtype=dtype, regularization=regularization, **options),
            )
        for kind, activation in itertools.product(("sparse", "dense"), ("sigmoid", "tanh")):
            yield (
                f"network2, {dtype}, {kind} columns, {activation}",
                partial(of_columns, dtype=dtype, kind=kind, activation=activation),
            )
        for activation in ("sigmoid", "tanh", "relu", "softplus"):
            yield f"{activation} of {dtype}", partial(of_functions, dtype=dtype, activation=activation)


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
    """What the digests may depend on: whether a multiplication and an addition are rounded once."""
    isa = network.Network([1, 1]).backend.removeprefix("compiled: ").partition(",")[0]
    if isa != "portable" or MACHINE == "s390x":
        return "fused"
    return "not fused" if MACHINE == "x86_64" else f"{isa} {MACHINE}"  # AMD64: without vectors


def recorded():
    """The digests on record, by path: {"fused": {"network, …": {…}, …}, …}."""
    found = {}
    for group in json.loads(RECORD.read_text(encoding="utf-8")):
        for name, (case, parts) in itertools.product(group["paths"], group["digests"].items()):
            found.setdefault(name, {}).setdefault(case, {}).update(parts)
    return found


def record(name, its_digests):
    """Put the digests of a path on record. What is equal for both of them is there once."""
    if MACHINE in KEEPS_SUBNORMALS:
        raise SystemExit(f"{MACHINE} has no digests of saturated networks: record those of another machine")
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
    if sys.argv[1:] == ["--record"]:
        record(path(), digests())
    else:
        print(json.dumps({"path": path(), "digests": digests()}))

"""Calls of SGD that are cut off, and what they leave: for tests/test_checkpoints.py.

    python tests/support/checkpointed.py CASE FILE    makes one in a process of its own, which may be killed

An empty FILE is no checkpoint. It prints "begins" before the call and after it, in the last line, what that
left, as JSON.
"""

import hashlib
import json
import random
import sys
import warnings

import numpy as np

from cbackprop import network, network2
from support.examples import as_arrays, dense_examples, digit_examples, labelled

SIZES = [40, 6, 3]
DATA = digit_examples(133, 40, 3)
DENSE = dense_examples(60, SIZES)
TESTS = labelled(digit_examples(14, 40, 3, seed=5))
RULES = {"evaluation_data": TESTS, "restore_best": True, "eta_halving_n": 9, "early_stopping_n": 90}
MONITORS = {"monitor_training_cost": True, "monitor_evaluation_accuracy": True}
# The module, the data, whether they are arrays, the network's options, those of SGD.
CASES = {
    "list": (network, DATA, False, {}, {"test_data": TESTS}),
    "arrays, a seed, two threads": (network, DATA, True, {}, {"random_state": 7, "n_threads": 2}),
    "float32, dense, momentum": (network2, DENSE, False, {"dtype": "float32"}, {"mu": 0.5, "lmbda": 0.1}),
    "Adam, dropout, rules": (network2, DATA, True, {}, {"rule": "adam", "dropout": 0.5} | RULES | MONITORS),
    "L1, dropout of a seed": (
        network2, DATA, False, {}, {"regularization": "L1", "lmbda": 0.1, "dropout": 0.2, "random_state": 7},
    ),
    "parts of epochs, L2": (
        network2, DATA, False, {}, {"every": 0.3, "lmbda": 1.0, "mu": 0.3, "monitor_training_cost": True},
    ),
    "parts of epochs, dropout": (
        network2, DATA, True, {"dtype": "float32"},
        {"every": 0.1, "rule": "amsgrad", "dropout": 0.2, "n_threads": 2},
    ),
    "own methods": (network2, DENSE[:20], False, {"own": True}, {"mu": 0.5, "every": 0.4}),
}  # fmt: skip
EPOCHS = 60


class Cut(Exception):
    """What cuts a call off within its own process."""


def run(name, epochs=EPOCHS, cut=None, seed=1, **options):
    """What a call of SGD leaves, as `left` says; None if it was cut off after `cut` epochs of its own."""
    module, examples, is_arrays, of_network, more = CASES[name]
    options = more | options
    random.seed(seed)
    np.random.seed(seed)
    net = module.Network(SIZES, **{key: value for key, value in of_network.items() if key != "own"})
    if "own" in of_network:
        backprop = net.backprop
        net.backprop = lambda *example: backprop(*example)  # noqa: PLW0108  (not the package's own)
    data = as_arrays(examples) if is_arrays else examples[:]
    epochs_seen = []

    def count(net, entry):
        epochs_seen.append(entry["epoch"])
        if cut is not None and len(epochs_seen) == cut:
            raise Cut

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lists = net.SGD(data, epochs, 7, 1.0, callbacks=[count], **options)
    except Cut:
        return None
    return left(net, lists, data, examples)


def left(net, lists, data, examples):
    """All that a call of SGD leaves, in JSON's types, but for the time that it took."""
    state = hashlib.blake2b()
    for array in (*net.weights, *net.biases):
        state.update(array.dtype.str.encode() + array.tobytes())
    history = [
        {key: value for key, value in entry.items() if "seconds" not in key}
        for entry in getattr(net, "history", None) or []
    ]
    past = [
        np.concatenate([array.ravel() for side in sides for array in side]).tobytes().hex()
        for sides in past_of(net)
    ]
    places = {id(pair): place for place, pair in enumerate(examples)}
    return json.loads(
        json.dumps(
            {
                "parameters": state.hexdigest(),
                "lists": lists,
                "history": history,
                "past": past,
                "order": None if isinstance(data, tuple) else [places[id(pair)] for pair in data],
                "random": random.getstate(),
                "numpy": np.random.get_state()[1].tolist(),
            }
        )
    )


def past_of(net):
    """Velocities and moments."""
    memory = net._cbackprop
    return [sides for sides in (memory.velocities, *(memory.moments or ())[1:]) if sides is not None]


def main(name, filename):
    print("begins", flush=True)
    options = {"checkpoint": filename, "resume": filename} if filename else {}
    print(json.dumps(run(name, **options)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

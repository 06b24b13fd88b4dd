"""Shapes of the user's own, as they are written on the command line: `784-50-10,10`."""

import re

import dense_limit
import jobs

WRITTEN = re.compile(r"(\d+(?:-\d+)+)\s*,\s*(\d+)")
MOST_NUMBERS = 10**8  # weights, and numbers of a layer for all examples: 800 MB in float64
# Floating-point operations of an epoch from which loops over single examples take minutes.
SLOW = 5e10


def parse(text):
    """Return the Shape that `text` writes: sizes of the layers, a comma, the length of a mini-batch.

    One of jobs.SHAPES is that. Another is trained on MNIST where it has 784 inputs and 10 outputs, otherwise
    on random rows. ValueError where `text` is none.
    """
    found = WRITTEN.fullmatch(text.strip())
    if found is None or len(text) > 200:
        raise ValueError(f"{text[:200]!r} is not a shape: sizes and a mini-batch, as in 784-50-10,10")
    sizes, m = tuple(map(int, found[1].split("-"))), int(found[2])
    if 0 in sizes or m == 0:
        raise ValueError(f"{text!r}: layers and mini-batches have at least 1 neuron and 1 example")
    name = f"{'-'.join(map(str, sizes))}, {m}"
    if name in jobs.SHAPES:
        return jobs.SHAPES[name]
    data = "MNIST" if (sizes[0], sizes[-1]) == (784, 10) else "rows"
    shape = jobs.Shape(name, sizes, m, eta=0.5, data=data)
    n = 50_000 if data == "MNIST" else jobs.n_rows(shape, sample=False)
    weights = sum(n_in * n_out for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True))
    if m > n or max(weights, n * max(sizes)) > MOST_NUMBERS:
        raise ValueError(
            f"{text!r} is too large: {weights:,} weights and {n * max(sizes):,} numbers in a layer of all "
            f"examples, {MOST_NUMBERS:,} are allowed; mini-batches of {m:,} from {n:,} examples"
        )
    slow = dense_limit.epoch_flops(sizes, n) > SLOW
    checked = 4 if slow else max(4, min(100, n // m))
    return jobs.Shape(name, sizes, m, eta=0.5, data=data, slow=slow, checked=checked)

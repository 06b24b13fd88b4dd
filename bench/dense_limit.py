"""The dense limit: an epoch's multiplications and additions at the matrix-product peak.

It is what a perfect implementation on matrix products would take, were everything but the
products free. An implementation that skips zero inputs can go below it.
"""

import argparse
import time

import machine
import numpy as np

SIDES = (512, 1024, 1536)


def epoch_flops(sizes, n):
    """Return the floating-point operations of one epoch without skipping zeros.

    Every weight takes part in three products an example (forward, error backwards, gradient),
    two operations each; the error is not taken back to the inputs.
    """
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    return n * 2 * (3 * sum(n_in * n_out for n_in, n_out in pairs) - sizes[0] * sizes[1])


class MatrixProducts:
    """Square matrix products by NumPy's BLAS, of several sizes."""

    def __init__(self, dtype, sides=SIDES):
        draw = np.random.default_rng(0)
        self.factors = {side: draw.standard_normal((2, side, side)).astype(dtype) for side in sides}
        self.rates = {side: [] for side in sides}
        self.measure()  # warm up
        self.rates = {side: [] for side in sides}

    def measure(self):
        """Time some products of each size."""
        for side, (a, b) in self.factors.items():
            out = np.empty_like(a)
            for _ in range(3):
                begun = time.perf_counter()
                np.matmul(a, b, out=out)
                self.rates[side].append(2 * side**3 / (time.perf_counter() - begun))

    def peak(self):
        """Return the flops a second of the size with the best median."""
        return max(float(np.median(rates)) for rates in self.rates.values())


def main():
    """Print the peak of each dtype and the dense limit of the book's network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    results = {"machine": machine.describe(), "peak_flops_per_second": {}}
    for dtype in ("float64", "float32"):
        products = MatrixProducts(dtype)
        for _ in range(5):
            products.measure()
        peak = products.peak()
        results["peak_flops_per_second"][dtype] = peak
        limit = epoch_flops((784, 30, 10), 50_000) / peak
        print(
            f"{dtype}: {peak / 1e9:.1f} GFLOP/s, dense limit of 784-30-10 on 50,000 examples "
            f"{limit:.4f} s an epoch"
        )
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()

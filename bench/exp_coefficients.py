"""Find the coefficients of the exponential in src/kernels/templates/elementwise.h, and print them.

On |r| <= ln(2)/2, where the kernel has reduced its argument to,

    e^r = 1 + r + r^2 p(r),

and p interpolates (e^r - 1 - r) / r^2 at the Chebyshev nodes of the interval, which spreads the
error evenly. The interval is widened by a ten-thousandth, since the reduction rounds. Arithmetic
has 60 digits, so that only the last rounding counts.

    python bench/exp_coefficients.py
"""

import math
from decimal import Decimal, getcontext
from fractions import Fraction

DIGITS = 60
HALF_LN2 = Decimal(2).ln() / 2 * Decimal("1.0001")
# The number of coefficients of p. One fewer leaves an error of 1.2e-15 and 4.1e-7: ten and seven
# times that of a rounding.
SIZES = {"float64": 10, "float32": 5}


def exp_remainder(r):
    """Return (e^r - 1 - r) / r^2 by its series, which does not cancel near 0."""
    total, term, n = Decimal(0), Decimal(1) / 2, 2
    while abs(term) > Decimal(10) ** -DIGITS:
        total += term
        n += 1
        term = term * r / n
    return total


def chebyshev_nodes(count, low, high):
    """Return the nodes between `low` and `high`; 16 digits of the cosine are plenty for a node."""
    angles = [math.pi * (2 * k + 1) / (2 * count) for k in range(count)]
    return [(low + high) / 2 + (high - low) / 2 * Decimal(math.cos(angle)) for angle in angles]


def interpolate(nodes, values):
    """Return the polynomial through the points, lowest power first, by divided differences."""
    divided = list(values)
    for order in range(1, len(nodes)):
        for i in range(len(nodes) - 1, order - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order])
    coefficients = [Decimal(0)] * len(nodes)
    for node, difference in zip(reversed(nodes), reversed(divided), strict=True):
        shifted = [Decimal(0), *coefficients[:-1]]
        coefficients = [s - node * c for s, c in zip(shifted, coefficients, strict=True)]
        coefficients[0] += difference
    return coefficients


def value(coefficients, x):
    """Return the polynomial's value at `x`."""
    total = Decimal(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def largest_relative_error(coefficients):
    """Return the largest |1 + r + r^2 p(r) - e^r| / e^r on a fine grid."""
    worst = Decimal(0)
    for k in range(-500, 501):
        r = HALF_LN2 * k / 500
        p = value(coefficients, r)
        worst = max(worst, abs((1 + r + r * r * p) / r.exp() - 1))
    return worst


def main():
    getcontext().prec = DIGITS
    for name, count in SIZES.items():
        nodes = chebyshev_nodes(count, -HALF_LN2, HALF_LN2)
        coefficients = interpolate(nodes, [exp_remainder(r) for r in nodes])
        print(f"{name}: relative error {float(largest_relative_error(coefficients)):.2g}")
        for j, c in enumerate(coefficients):
            print(f"    e{j + 2} = {float(c)!r}")
    # ln 2 in two parts, the first of so few bits that k times it is exact for every k that occurs.
    for name, bits in (("float64", 32), ("float32", 16)):
        getcontext().prec = DIGITS
        ln2 = Fraction(Decimal(2).ln())
        high = Fraction(round(ln2 * 2**bits), 2**bits)
        print(f"{name}: ln 2 = {float(high)!r} + {float(ln2 - high)!r}")


if __name__ == "__main__":
    main()

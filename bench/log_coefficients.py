"""Find the coefficients of the logarithm in src/kernels/templates/activations.h, and print them.

For y = 2 s and u = s^2 = y^2 / 4,

    ln((1 + s) / (1 - s)) = y + y u q(u),

and q interpolates its series 1/3 + u/5 + u^2/7 + ... at the Chebyshev nodes of what u can be where
1 + x = (1 + s) / (1 - s) has been brought between 1 / sqrt(2) and sqrt(2), widened by a thousandth.
Arithmetic has 60 digits, so that only the last rounding counts.

    python bench/log_coefficients.py
"""

from decimal import Decimal, getcontext

from exp_coefficients import DIGITS, chebyshev_nodes, interpolate, value

getcontext().prec = DIGITS
ROOT = Decimal(2).sqrt()
LARGEST = ((ROOT - 1) / (ROOT + 1)) ** 2 * Decimal("1.001")  # u
# The number of coefficients of q.
SIZES = {"float64": 7, "float32": 3}


def remainder(u):
    """Return 1/3 + u/5 + u^2/7 + ... by its terms."""
    total, power, n = Decimal(0), Decimal(1), 3
    while power / n > Decimal(10) ** -DIGITS:
        total += power / n
        power *= u
        n += 2
    return total


def largest_relative_error(coefficients):
    """Return the largest relative error of 1 + u q(u) on a fine grid."""
    worst = Decimal(0)
    for k in range(1, 401):
        u = LARGEST * k / 400
        worst = max(worst, abs((1 + u * value(coefficients, u)) / (1 + u * remainder(u)) - 1))
    return worst


def main():
    for name, count in SIZES.items():
        nodes = chebyshev_nodes(count, Decimal(0), LARGEST)
        coefficients = interpolate(nodes, [remainder(u) for u in nodes])
        print(f"{name}: relative error {float(largest_relative_error(coefficients)):.2g}")
        for j, c in enumerate(coefficients):
            print(f"    q{j} = {float(c)!r}")


if __name__ == "__main__":
    main()

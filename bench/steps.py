"""How long a step takes, by the length of the mini-batch: what the model of many ranks starts from.

    python bench/steps.py [--json FILE] [--quick]

Times are microseconds a step on one thread, the gradient and the update; the examples were packed before.
Beside them is what a copy of the parameters takes: a rank adds and copies as many numbers in an Allreduce.
Exits 1 if parameters differ from those of NumPy's matrix products.
"""

import argparse
import sys

import machine
import numpy as np
import peers
import scaling
import verify

SHAPES = {(784, 30, 10): "MNIST", (784, 512, 512, 10): "MNIST", (1024, 2048, 2048, 10): "dense"}
LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def copying(count, dtype, runs):
    """Return the spread of the seconds that a copy of `count` numbers takes, from memory to memory."""
    source = np.ones(count, dtype)
    # More of them than any cache holds, unless they are so small that a rank would find them there too.
    targets = [np.empty_like(source) for _ in range(4)]
    return machine.spread([machine.seconds(np.copyto, (targets[run % 4], source)) for run in range(runs)])


def main():
    """Measure every shape at every length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--quick", action="store_true", help="the first shape, at three lengths")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    results = {"rows": [], "copies": []}
    for sizes, data in list(SHAPES.items())[: 1 if arguments.quick else None]:
        title = "-".join(map(str, sizes))
        for m in LENGTHS[::4] if arguments.quick else LENGTHS:
            try:
                row = scaling.measure(
                    (m, sizes, m, None, data),
                    arguments.dtype,
                    {"cbackprop": peers.load("cbackprop")},
                    arguments.runs,
                )
            except verify.Wrong as wrong:
                sys.exit(f"WRONG RESULT: {wrong}")
            step = machine.spread([m * seconds for seconds in row.pop("peers")["cbackprop"]["runs"]])
            results["rows"].append(row | {"step": step})
            print(f"{title:18} m = {m:5,}  {step['median'] * 1e6:12.1f} µs a step", flush=True)
        parameters = sum((n_in + 1) * n_out for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True))
        copy = copying(parameters, arguments.dtype, max(20, arguments.runs))
        results["copies"].append({"sizes": list(sizes), "parameters": parameters, "copy": copy})
        print(f"{title:18} {parameters:9,} parameters, copied in {copy['median'] * 1e6:.1f} µs", flush=True)
    results["machine"] = machine.describe()
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()

"""The benchmark: this package beside what else trains the same network on this machine.

    python bench/bench.py --quick            on the package's sample of MNIST, under a minute
    python bench/bench.py --json FILE        every shape, dtype and number of threads

Needs the installed package; NumPy and the NumPy reference always take part, Numba, JAX, PyTorch and
scikit-learn where they are installed (`pip install .[bench]`). The full MNIST is read from where
CBACKPROP_MNIST points; without it every MNIST row is the sample, and says so. Peers take turns
in one process, on the processors named and no others. Exits 1 if a result is wrong, never
because one is slow.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jobs
import machine
import peers
import tables

HERE = Path(__file__).parent
QUICK = {"shapes": ["784-30-10, 10"], "threads": [1], "runs": 3}


def measured(arguments, dtype, threads):
    """Run `measure.py` in a process of its own; return its results or exit as it did."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        command = [
            sys.executable,
            str(HERE / "measure.py"),
            "--dtype",
            dtype,
            "--threads",
            str(threads),
            "--runs",
            str(arguments.runs),
            "--json",
            str(out),
            "--shapes",
            *arguments.shapes,
            "--peers",
            *arguments.peers,
        ]
        if arguments.quick:
            command += ["--sample", "--turn", "0.1"]
        if arguments.cpu is not None:
            command += ["--cpu", str(arguments.cpu)]
        status = subprocess.run(command, check=False).returncode
        if status:
            sys.exit(status)
        return json.loads(out.read_text(encoding="utf-8"))


def parse():
    """Return the command line's options, with `--quick` filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the book's network on the embedded sample, one thread, three runs",
    )
    parser.add_argument(
        "--shapes",
        nargs="+",
        metavar="SHAPE",
        choices=jobs.SHAPES,
        help=f"of: {'; '.join(jobs.SHAPES)} (default: all)",
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        metavar="PEER",
        choices=peers.MODULES,
        default=list(peers.MODULES),
        help=f"of: {'; '.join(peers.MODULES)} (default: all installed)",
    )
    parser.add_argument("--dtype", nargs="+", choices=("float64", "float32"), default=["float64", "float32"])
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        metavar="N",
        help="numbers of processors (default: 1, and all there are)",
    )
    parser.add_argument(
        "--cpu", type=int, metavar="K", help="the processor for one thread (default: the last)"
    )
    parser.add_argument(
        "--runs", type=int, metavar="R", help="turns of each peer, of which the median counts (default: 5)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the results to FILE")
    arguments = parser.parse_args()
    everything = len(machine.processors() or [0])
    usual = {"shapes": list(jobs.SHAPES), "threads": sorted({1, everything}), "runs": 5}
    for option, value in (QUICK if arguments.quick else usual).items():
        if getattr(arguments, option) is None:
            setattr(arguments, option, value)
    return arguments


def main():
    """Measure every dtype on every number of threads, then print the tables."""
    arguments = parse()
    results = {"command": ["bench/bench.py", *sys.argv[1:]], "machines": [], "rows": []}
    for threads in arguments.threads:
        for dtype in arguments.dtype:
            part = measured(arguments, dtype, threads)
            results["machines"].append({"dtype": dtype, **part["machine"]})
            results["rows"] += part["rows"]
            if arguments.json:  # after each part: a long run that is cut short keeps the others
                machine.save(results, arguments.json)
    print()
    print(tables.markdown(results["rows"]))


if __name__ == "__main__":
    main()

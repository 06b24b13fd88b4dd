"""The benchmark: this package beside what else trains the same network on this machine.

    python bench/bench.py --quick                             on the package's sample of MNIST, under a minute
    python bench/bench.py --json FILE                         every shape, dtype and number of threads
    python bench/bench.py --peer mine.py:Mine --shape 784-50-10,10 --dtype float64
                                                              with a peer and a shape of your own

Needs the installed package; NumPy and the NumPy reference always take part, the others where they are
installed (bench/README.md says how; `pip install ".[bench]"` for those of Python). The full MNIST is read
from where CBACKPROP_MNIST points; without it every MNIST row is the sample, and says so. Peers take turns
in one process, on the processors named and no others. Every peer is checked first for what it learns. One
whose result is wrong, or that raises, is reported and the others go on. Exits 1 at the end if there was
one, 2 if the command line names what is not there, never because one is slow.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jobs
import machine
import own_shapes
import peers
import tables
from peers import native, outside

HERE = Path(__file__).parent
QUICK = {"shapes": ["784-30-10, 10"], "threads": [1], "runs": 3}


def measured(arguments, dtype, threads):
    """Run `measure.py` in a process of its own; return its results and status, or exit as it did."""
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
        if arguments.peer:
            command += ["--peer", *arguments.peer]
        if arguments.quick:
            command += ["--sample", "--turn", "0.1"]
        if arguments.cpu is not None:
            command += ["--cpu", str(arguments.cpu)]
        status = subprocess.run(command, check=False).returncode
        if status < 0:
            sys.exit(f"bench.py: error: signal {-status} ended measure.py: a peer crashed, or memory ran out")
        if not out.exists():
            sys.exit(status or "bench.py: error: measure.py ended without results: a peer ended it")
        return json.loads(out.read_text(encoding="utf-8")), status


def shape(text):
    """Return the name of the shape that `text` writes, for argparse."""
    try:
        return own_shapes.parse(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def peer(spec):
    """Return `spec` if its file is there, for argparse; what is in it shows when it is loaded."""
    try:
        outside.split(spec)
    except outside.Unusable as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return spec


def parse():
    """Return the command line's options, with `--quick` filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
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
        help=f"of: {'; '.join(jobs.SHAPES)} (default: all, or none with --shape)",
    )
    parser.add_argument(
        "--shape",
        nargs="+",
        action="extend",
        default=[],
        type=shape,
        metavar="SIZES,M",
        help="shapes of your own: sizes of the layers and a mini-batch's length, as in 784-50-10,10",
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        metavar="PEER",
        choices=peers.MODULES,
        default=list(peers.MODULES),
        help=f"of: {'; '.join(peers.MODULES)} (default: all installed)",
    )
    parser.add_argument(
        "--peer",
        nargs="+",
        action="extend",
        default=[],
        type=peer,
        metavar="FILE:CLASS",
        help="peers of your own, as in mine.py:Mine: subclasses of peers.peer.Peer (bench/README.md)",
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
    if arguments.runs is not None and arguments.runs < 1:
        parser.error(f"--runs {arguments.runs}: at least one turn is needed")
    if any(n < 1 for n in arguments.threads or ()):
        parser.error(f"--threads {min(arguments.threads)}: at least one processor is needed")
    if arguments.shape and arguments.shapes is None:
        arguments.shapes = []
    everything = len(machine.processors() or [0])
    usual = {"shapes": list(jobs.SHAPES), "threads": sorted({1, everything}), "runs": 5}
    for option, value in (QUICK if arguments.quick else usual).items():
        if getattr(arguments, option) is None:
            setattr(arguments, option, value)
    arguments.shapes = list(dict.fromkeys([*arguments.shapes, *arguments.shape]))
    return arguments


def main():
    """Measure every dtype on every number of threads, then print the tables."""
    arguments = parse()
    results = {"command": ["bench/bench.py", *sys.argv[1:]], "machines": [], "rows": []}
    worst = 0
    with native.shared_folder():
        for threads in arguments.threads:
            for dtype in arguments.dtype:
                part, status = measured(arguments, dtype, threads)
                worst = max(worst, status)
                results["machines"].append({"dtype": dtype, **part["machine"]})
                results["rows"] += part["rows"]
                if arguments.json:  # after each part: a long run that is cut short keeps the others
                    machine.save(results, arguments.json)
    print()
    print(tables.markdown(results["rows"]))
    return worst


if __name__ == "__main__":
    sys.exit(main())

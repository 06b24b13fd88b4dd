"""The processors a benchmark may use, and the description of the machine it ran on."""

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import sources

SETTLED = "CBACKPROP_BENCH_SETTLED"
# Work-arounds for old OpenBLAS builds on new processors: they slow a current NumPy down.
BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "CBACKPROP_NUM_THREADS",
)
PACKAGES = (
    "cbackprop",
    "numpy",
    "scipy",
    "numba",
    "jax",
    "jaxlib",
    "torch",
    "scikit-learn",
    "skorch",
    "keras",
    "tinygrad",
    "joblib",
    "distributed",
    "ray",
)


def processors():
    """Return the processors that this process may use, or None where no system call says."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return None


def seconds(call, arguments=(), times=1):
    """Return the seconds that one of `times` calls takes."""
    begun = time.perf_counter()
    for _ in range(times):
        call(*arguments)
    return (time.perf_counter() - begun) / times


def settle(threads, cpu=None):
    """Restart this program with `threads` processors and no thread or BLAS overrides set.

    Libraries size their thread pools when they are imported, and JAX heeds no flag that limits
    its threads, so the other processors are withheld before anything is imported. One thread
    gets the last processor (the first tends to serve the machine's interrupts) or `cpu`.
    The environment and the processors outlive `execve`; a marker stops the second restart.
    """
    if os.environ.get(SETTLED):
        return
    environment = {name: value for name, value in os.environ.items() if name not in BLAS_OVERRIDES}
    dropped = {name: os.environ[name] for name in BLAS_OVERRIDES if name in os.environ}
    environment.update(dict.fromkeys(THREAD_COUNTS, str(threads)))
    available = processors()
    if available is not None:
        if threads > len(available):
            sys.exit(
                f"{threads} threads asked for, but this process may use {len(available)} "
                f"processors: {available}"
            )
        if cpu is not None and cpu not in available:
            sys.exit(f"processor {cpu} is not one of those that this process may use: {available}")
        chosen = available[-threads:]
        if threads == 1 and cpu is not None:
            chosen = [cpu]
        os.sched_setaffinity(0, chosen)
    environment[SETTLED] = json.dumps({"threads": threads, "dropped": dropped})
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def settled():
    """Return what `settle` did: the number of threads and the overrides that it dropped."""
    return json.loads(os.environ.get(SETTLED, "{}"))


def processor():
    """Return the processor's model and its vector instruction sets, as Linux names them."""
    model, flags = platform.processor() or platform.machine(), []
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for line in cpuinfo:
            key, _, value = (part.strip() for part in line.partition(":"))
            if key == "model name":
                model = value
            elif key in ("flags", "Features"):
                flags = sorted(
                    flag
                    for flag in value.split()
                    if flag.startswith(("sse", "avx", "fma", "asimd", "sve", "neon"))
                )
                break
    return {"model": model, "instruction_sets": flags}


def versions():
    """Return the installed version of each package that may take part."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def commit():
    """Return the commit that is measured, with a + if files differ from it; None outside of a repository."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=+"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def compiler():
    """Return what the C compiler of the peers in C calls itself, None where there is none."""
    try:
        done = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.partition("\n")[0]


def blas():
    """Return the BLAS libraries loaded now, their kernels and their threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "not known: threadpoolctl is not installed"
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [
        {key: pool.get(key) for key in keys} for pool in threadpool_info() if pool.get("user_api") == "blas"
    ]


def describe():
    """Return everything about this process that belongs beside its timings."""
    import numpy as np  # noqa: F401 (so that its BLAS is loaded)

    return {
        "processor": processor(),
        "processors_of_the_machine": os.cpu_count(),
        "processors_used": processors(),
        "threads": settled().get("threads"),
        "dropped_from_the_environment": settled().get("dropped"),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("OPENBLAS", "CBACKPROP_")) and name not in (SETTLED, "CBACKPROP_MNIST")
        },
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions(),
        "commit": commit(),
        "kernels": sources.measured(),
        "compiler": compiler(),
        "blas": blas(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def spread(seconds):
    """Return the median of some timings with the smallest, the largest and all of them."""
    return {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "runs": list(seconds),
    }


def add_arguments(parser):
    """Add the options that every benchmark program here takes."""
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="processors to run on; the others are withheld (default: 1)",
    )
    parser.add_argument(
        "--cpu", type=int, default=None, metavar="K", help="the processor for one thread (default: the last)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the results to FILE")


def save(results, path):
    """Write `results` to `path` as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")

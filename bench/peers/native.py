"""Compiles the peers that are C or C++, when they take part."""

import atexit
import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# Where a folder is named here, so that several processes compile each file once.
FOLDER = "CBACKPROP_BENCH_BUILD"


@functools.cache
def folder():
    """Return the folder of what was compiled, a temporary one unless the environment names it."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    made = tempfile.mkdtemp(prefix="cbackprop-bench-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@contextlib.contextmanager
def shared_folder():
    """Make a folder that all processes started meanwhile compile into, and remove it."""
    with tempfile.TemporaryDirectory(prefix="cbackprop-bench-") as made:
        os.environ[FOLDER] = made
        try:
            yield
        finally:
            del os.environ[FOLDER]


def library(source, flags, compiler="cc", libraries=()):
    """Return the shared library that `compiler` makes of a file beside this one, loaded.

    ImportError, as of a package that is not installed, where that fails.
    """
    source = HERE / source
    command = [compiler, "-shared", "-fPIC", *flags, str(source)]
    links = [f"-l{name}" for name in libraries]
    key = hashlib.sha256(repr((command, links, source.read_bytes())).encode()).hexdigest()[:16]
    made = folder() / f"{source.stem}-{key}.so"
    if not made.exists():
        try:
            subprocess.run([*command, "-o", str(made), *links], capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise ImportError(f"there is no compiler {compiler}") from None
        except subprocess.CalledProcessError as failed:
            lines = [line for line in failed.stderr.splitlines() if "error" in line or "cannot find" in line]
            why = lines[0].strip() if lines else f"{compiler} ended with {failed.returncode}"
            raise ImportError(f"{source.name} does not compile: {why}") from None
    try:
        return ctypes.CDLL(str(made))
    except OSError as error:
        raise ImportError(str(error)) from None

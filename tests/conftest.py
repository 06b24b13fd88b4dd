"""What every test shares: the right package, fixed seeds, the real MNIST for those who have it.

The tests are about the package that users get, so they must import the *installed* one. The folder
`cbackprop/` beside this one holds sources only (unless `pip install -e .` has put the compiled
modules there); importing it by accident would test nothing.
"""

import importlib.machinery
import importlib.util
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


def _is_built(folder):
    """Whether `folder` holds an extension module that this very interpreter can load."""
    bare = ".so", ".abi3.so"  # these end any interpreter's modules
    suffixes = tuple(s for s in importlib.machinery.EXTENSION_SUFFIXES if s not in bare)
    return any(path.name.endswith(suffixes) for path in folder.glob("_*"))


def _is_root(entry):
    return Path(entry or os.curdir).resolve() == ROOT


# `python -m pytest` puts the root first on the path; plain `pytest` does not.
if not _is_built(ROOT / "cbackprop"):
    sys.path[:] = [entry for entry in sys.path if not _is_root(entry)]
    if importlib.util.find_spec("cbackprop") is None:
        raise pytest.UsageError(
            "cbackprop is not installed for this Python: run `pip install .` (or "
            "`pip install -e .`) in the project's root, then pytest again"
        )
# The tests import from `support`, beside them, which not every import mode puts in reach.
if str(TESTS) not in sys.path:
    sys.path.insert(0, str(TESTS))

# The same examples on every machine and in every run: a failure can be repeated.
settings.register_profile("cbackprop", derandomize=True, deadline=None, max_examples=30, database=None)
settings.load_profile("cbackprop")


@pytest.fixture(autouse=True)
def seeds():
    """Start every test from the same random numbers, and leave none behind."""
    state, np_state = random.getstate(), np.random.get_state()
    random.seed(20)
    np.random.seed(20)
    yield
    random.setstate(state)
    np.random.set_state(np_state)


@pytest.fixture(scope="session")
def mnist_path():
    """Where the whole MNIST is, for those who have it."""
    where = os.environ.get("CBACKPROP_MNIST")
    if not where:
        pytest.skip("CBACKPROP_MNIST names no MNIST (a file or a folder)")
    return Path(where).absolute()


@pytest.fixture(scope="session")
def mnist(mnist_path):
    """The whole MNIST as the book's three lists."""
    return importlib.import_module("cbackprop.mnist_loader").load_data_wrapper(mnist_path)

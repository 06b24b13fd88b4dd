"""The package as it is installed: what it needs, what it ships, what it says when unbuilt."""

import importlib.metadata
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from agreement import run_python

import cbackprop

PACKAGE = Path(cbackprop.__file__).parent
ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
SOURCES = ROOT / "cbackprop"


def test_the_compiled_package_is_the_one_under_test():
    from_sources = PACKAGE.resolve() == SOURCES.resolve()
    compiled = [p.name for p in PACKAGE.glob("_*") if p.suffix in (".so", ".pyd")]
    assert compiled, f"{PACKAGE} holds no compiled module (sources: {from_sources})"


def test_the_version_is_that_of_the_metadata():
    assert cbackprop.__version__ == importlib.metadata.version("cbackprop")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", cbackprop.__version__)


@pytest.mark.skipif(not PYPROJECT.exists(), reason="the tests stand apart from the sources")
def test_the_version_is_that_of_pyproject():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert cbackprop.__version__ == project["version"]
    assert [re.match(r"[\w-]+", need)[0] for need in project["dependencies"]] == ["numpy"]


FOREIGN = """
import sys
before = set(sys.modules)
{statement}
for name in sorted(set(sys.modules) - before):
    top = name.partition(".")[0]
    if top not in sys.stdlib_module_names and not top.startswith("__editable__"):
        print(top)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import cbackprop",
        "from cbackprop import network",
        "from cbackprop import mnist_loader",
        "from cbackprop import chapter",
        "from cbackprop.network import *",
    ],
)
def test_only_numpy_is_needed(statement, tmp_path):
    child = run_python(FOREIGN.format(statement=statement), tmp_path)
    assert child.returncode == 0, child.stderr
    assert set(child.stdout.split()) <= {"cbackprop", "numpy", "cython_runtime"} | {
        name for name in child.stdout.split() if name.startswith("_cython_")
    }


def test_the_chapter_is_imported_when_it_is_asked_for(tmp_path):
    code = """
import sys
from cbackprop import network
assert not {"cbackprop.chapter", "cbackprop._one_pass", "cbackprop._differences"} & set(sys.modules)
from cbackprop import chapter
assert chapter.numerical_gradient
"""
    child = run_python(code, tmp_path)
    assert (child.returncode, child.stderr) == (0, "")


def test_importing_takes_little_more_than_numpy_does(tmp_path):
    code = """
import time, numpy, random
start = time.perf_counter()
from cbackprop import network, mnist_loader
print(time.perf_counter() - start)
"""
    assert min(float(run_python(code, tmp_path).stdout) for _ in range(3)) < 0.1


def test_importing_draws_no_random_number_and_prints_nothing(tmp_path):
    code = """
import random, numpy as np
random.seed(1); np.random.seed(1)
before = random.getstate(), repr(np.random.get_state())
import cbackprop
from cbackprop import network, mnist_loader
assert before == (random.getstate(), repr(np.random.get_state()))
"""
    child = run_python(code, tmp_path)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "statement",
    [
        "import cbackprop",
        "from cbackprop import network",
        "import cbackprop.network",
        "from cbackprop.network import Network",
    ],
)
def test_an_unbuilt_tree_names_the_fix(statement, tmp_path):
    shutil.copytree(
        PACKAGE, tmp_path / "cbackprop", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "data")
    )
    child = run_python(statement, tmp_path)
    assert child.returncode == 1
    last = child.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert "pip install" in last


def test_stubs_and_the_typing_marker_are_shipped():
    assert (PACKAGE / "py.typed").exists()
    for module in ("network", "mnist_loader", "chapter"):
        assert (PACKAGE / f"{module}.pyi").exists()


def test_the_stubs_name_what_the_modules_have():
    """Every public name that a stub declares exists."""
    for stub in PACKAGE.glob("*.pyi"):
        name = "cbackprop" if stub.stem == "__init__" else f"cbackprop.{stub.stem}"
        module = importlib.import_module(name)
        declared = re.findall(r"^(?:def|class) (\w+)", stub.read_text(encoding="utf-8"), re.M)
        assert declared or stub.stem == "__init__"
        for public in declared:
            if not public.startswith("_"):
                assert hasattr(module, public), f"{stub.name} declares {public}"


@pytest.mark.skipif(not SOURCES.exists(), reason="the tests stand apart from the sources")
def test_pytest_from_the_root_imports_the_installed_package():
    """The folder of sources beside the tests is taken only where it holds compiled modules."""
    if PACKAGE.resolve() == SOURCES.resolve():
        assert any(p.suffix in (".so", ".pyd") for p in SOURCES.glob("_*"))
    else:
        assert str(ROOT) not in [str(Path(entry).resolve()) for entry in sys.path]

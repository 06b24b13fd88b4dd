"""The package as it is installed: what it needs, what it ships, what it says when unbuilt."""

import importlib.metadata
import os
import re
import shutil
import stat
import sys
import tomllib
from pathlib import Path

import pytest

import cbackprop
from cbackprop import chapter, mnist_loader, network
from support.children import run_python

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


@pytest.mark.skipif(not PYPROJECT.exists(), reason="the sources are not beside the tests")
def test_the_version_is_that_of_pyproject():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert cbackprop.__version__ == project["version"]
    assert [re.match(r"[\w-]+", need)[0] for need in project["dependencies"]] == ["numpy"]


def test_the_metadata_say_who_made_it_what_it_offers_and_where_the_book_is():
    metadata = importlib.metadata.metadata("cbackprop")
    assert metadata["Author"] == metadata["Maintainer"] == "The cbackprop developers"
    assert {"test", "plot", "bench", "lint"} <= set(metadata.get_all("Provides-Extra"))
    assert any("neuralnetworksanddeeplearning.com" in url for url in metadata.get_all("Project-URL"))


def test_the_description_links_to_nothing_that_pypi_has_not():
    metadata = importlib.metadata.metadata("cbackprop")
    description = metadata["Description"] or metadata.get_payload()
    assert description.startswith("# cbackprop") and "tests/README.md" in description
    links = re.findall(r"\]\(([^)]*)\)", description)
    assert links and all(link.startswith("http") for link in links)


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
    assert set(child.stdout.split()) <= {"cbackprop", "numpy", "cython_runtime"} | {
        name for name in child.stdout.split() if name.startswith("_cython_")
    }


def test_the_chapter_is_imported_when_it_is_asked_for(tmp_path):
    code = """
import sys
from cbackprop import network
assert not {"cbackprop.chapter", "cbackprop.chapter.big_picture"} & set(sys.modules)
from cbackprop import chapter
assert chapter.numerical_gradient
"""
    child = run_python(code, tmp_path)
    assert child.stderr == ""


def test_importing_takes_little_more_than_numpy_does(tmp_path):
    code = """
import time, numpy, random
start = time.process_time()  # which others on the machine do not lengthen
from cbackprop import network, mnist_loader
print(time.process_time() - start)
"""
    assert min(float(run_python(code, tmp_path).stdout) for _ in range(3)) < 0.1


def test_importing_draws_no_random_number_and_prints_nothing(tmp_path):
    code = """
import random, numpy as np
random.seed(1); np.random.seed(1)
before = random.getstate(), repr(np.random.get_state())
import cbackprop
from cbackprop import chapter, mnist_loader, network
from cbackprop import network, mnist_loader
assert before == (random.getstate(), repr(np.random.get_state()))
"""
    child = run_python(code, tmp_path)
    assert (child.stdout, child.stderr) == ("", "")


def unbuilt_copy(folder):
    ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "data")
    return shutil.copytree(PACKAGE, folder / "cbackprop", ignore=ignore)


ONLY_PATHS = """
import os, sys
sys.path[:] = {paths} + [p for p in sys.path if p and not os.path.isdir(os.path.join(p, "cbackprop"))]
"""


def last_line(statement, tmp_path, *paths):
    """The last line of the error where these paths come first, and no other has a cbackprop."""
    code = ONLY_PATHS.format(paths=[str(path) for path in paths]) + statement
    child = run_python(code, tmp_path, may_fail=True)
    assert child.returncode == 1
    return child.stderr.strip().splitlines()[-1]


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
    last = last_line(statement, unbuilt_copy(tmp_path).parent, tmp_path)
    assert last.startswith("ImportError: cbackprop is not compiled: ")
    assert str(tmp_path) in last and "'pip install .'" in last and "'pip install -e .'" in last


def test_sources_before_the_installed_package_are_named_as_that(tmp_path):
    last = last_line("import cbackprop", unbuilt_copy(tmp_path).parent, tmp_path, PACKAGE.parent)
    assert last.startswith("ImportError: Python found the sources in ")
    assert f"{tmp_path / 'cbackprop'} before the installed package in {PACKAGE.resolve()}." in last
    assert "from another folder" in last and "not compiled: " not in last


TRY_SETUP = """
import runpy, sys, types
build = types.ModuleType("Cython.Build")
build.cythonize = lambda extensions, **options: extensions     # nothing comes as far as their sources
sys.modules["Cython"], sys.modules["Cython.Build"] = types.ModuleType("Cython"), build
sys.argv = ["setup.py", "-q", "build_ext", "--build-lib", "lib", "--build-temp", "temp"]
runpy.run_path("setup.py")
"""
WITHOUT_PYTHON_H = """#!/bin/sh
for argument; do
    case $argument in *.c) if grep -q Python.h "$argument"; then exit 1; fi ;; esac
done
"""


@pytest.mark.skipif(not PYPROJECT.exists(), reason="the sources are not beside the tests")
@pytest.mark.skipif(os.name == "nt", reason="a compiler that is a script")
@pytest.mark.parametrize(
    "compiler, words",
    [
        (None, "No C compiler works here."),
        (WITHOUT_PYTHON_H, "The compiler does not find Python.h"),
    ],
)
def test_a_build_that_lacks_something_ends_with_what_to_install(compiler, words, tmp_path):
    pytest.importorskip("setuptools", "77")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(SOURCES / "data", tmp_path / "cbackprop/data")  # its licence
    shutil.copytree(ROOT / "src/cbackprop", tmp_path / "src/cbackprop")
    cc = tmp_path / "cc"
    if compiler:
        cc.write_text(compiler, encoding="utf-8")
        cc.chmod(cc.stat().st_mode | stat.S_IXUSR)
    child = run_python(TRY_SETUP, tmp_path, env={"CBACKPROP_SANITIZE": None, "CC": str(cc)}, may_fail=True)
    assert child.returncode == 1
    last = child.stderr.rstrip().splitlines()[-5:]
    assert last[0].startswith(f"error: {words}"), child.stderr
    assert [line.split()[0] for line in last[2:]] == ["Debian,", "Fedora", "macOS"]
    assert "apt install gcc python3-dev" in last[2]


def test_types_are_shipped():
    """In the sources; in stubs for what is compiled, and for nothing else."""
    assert (PACKAGE / "py.typed").exists()
    for function in (network.Network.SGD, mnist_loader.load_data, chapter.paths):
        assert "return" in function.__annotations__
    for module in ("_memory", "_overrides", "_training"):
        assert (PACKAGE / f"{module}.pyi").exists()
    assert not [stub for stub in PACKAGE.rglob("*.pyi") if stub.with_suffix(".py").exists()]


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


@pytest.mark.skipif(not SOURCES.exists(), reason="the sources are not beside the tests")
def test_pytest_from_the_root_imports_the_installed_package():
    """The folder of sources beside the tests is taken only where it holds compiled modules."""
    if PACKAGE.resolve() == SOURCES.resolve():
        assert any(p.suffix in (".so", ".pyd") for p in SOURCES.glob("_*"))
    else:
        assert str(ROOT) not in [str(Path(entry).resolve()) for entry in sys.path]

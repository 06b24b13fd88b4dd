"""The C library of src/kernels: each header compiles alone, and each file is linked into one module."""

import ctypes
import os
import platform
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

import cbackprop
from support.children import SANITIZED, run_python

KERNELS = Path(__file__).resolve().parent.parent / "src/kernels"
COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
MODULES = [file for suffix in ("so", "pyd") for file in Path(cbackprop.__file__).parent.glob(f"_*.{suffix}")]

pytestmark = pytest.mark.skipif(not KERNELS.exists(), reason="the sources are not beside the tests")


def definitions(header):
    """The compiler's options for what a file defines before it includes this header."""
    if header.parent.name == "isa":
        return ["-DREAL_BITS=64", "-DKERNELS=kernels_alone"]
    if header.parent.name == "templates":
        return ["-DREAL_BITS=64", "-DVECTOR_BYTES=0", '-DISA_NAME="alone"', "-DKERNELS=kernels_alone"]
    return []


@pytest.mark.skipif(os.name == "nt" or not shutil.which(COMPILER[0]), reason="no compiler to ask")
@pytest.mark.parametrize(
    "path", sorted(path.relative_to(KERNELS).as_posix() for path in KERNELS.rglob("*.h"))
)
def test_each_header_compiles_alone(path, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{path}"\n#include "{path}"\n', encoding="utf-8")
    command = [*COMPILER, "-std=gnu11", "-fsyntax-only", f"-I{KERNELS}", *definitions(KERNELS / path), source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def declared_functions():
    """The names of the functions that the library's modules call."""
    return {
        name
        for header in [*KERNELS.glob("*.h"), *KERNELS.glob("runtime/*.h")]
        for name in re.findall(r"^(?!static|typedef)\w[\w ]*[ *](\w+)\([^{]*?\);", header.read_text(), re.M)
    }


@pytest.mark.skipif(platform.system() == "Windows", reason="a module shows its initialisation only")
def test_each_function_of_the_library_is_in_one_module():
    """Linked twice it would have two states: memory.c keeps a block, dispatch.c what the processor can do."""
    declared = declared_functions()
    assert {
        "aligned_free",
        "team_run",
        "packing_add",
        "records_list_all",
        "by_address",
        "kernels_for",
    } <= declared
    libraries = [ctypes.CDLL(str(module)) for module in MODULES]
    for name in declared:
        assert sum(hasattr(library, name) for library in libraries) == 1, name


@pytest.mark.skipif(
    platform.system() != "Linux" or SANITIZED or not shutil.which(COMPILER[0]), reason="no compiler to ask"
)
def test_functions_of_the_same_names_elsewhere_are_not_called(tmp_path):
    """Ray's library shows an aligned_free of its own to the whole process."""
    source, library = tmp_path / "same.c", tmp_path / "same.so"
    lines = [f"void {name}(void) {{ abort(); }}" for name in sorted(declared_functions())]
    source.write_text("\n".join(["#include <stdlib.h>", *lines]), encoding="utf-8")
    subprocess.run([*COMPILER, "-shared", "-fPIC", source, "-o", library], check=True)
    code = f"""
import ctypes
ctypes.CDLL({str(library)!r}, ctypes.RTLD_GLOBAL).aligned_free
from support import tiny
net = tiny.plain()
for data in ((tiny.X, tiny.LABELS), tiny.DENSE):
    net.SGD(data, 1, 10, 0.1, tiny.TESTS, n_threads=2, verbose=False)
net.predict(tiny.X)
"""
    run_python(code, tmp_path)


@pytest.mark.skipif(platform.system() != "Linux" or not shutil.which("nm"), reason="no nm to ask")
def test_no_mathematics_of_the_c_library_takes_part():
    """Its last bits differ from one library, and one processor, to another; e^x, ln x and tanh are ours."""
    functions = {"exp", "exp2", "expm1", "log", "log2", "log1p", "pow", "tanh", "fma"}
    for module in MODULES:
        command = ["nm", "--dynamic", "--undefined-only", module]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        if listed.returncode != 0:
            pytest.skip(f"another processor's nm: {listed.stderr}")
        names = {line.split()[-1].partition("@")[0] for line in listed.stdout.splitlines()}
        assert any(name.startswith("Py") for name in names), module
        assert not {name.removesuffix("f") for name in names} & functions, module


def test_each_c_file_is_named_once_in_setup():
    setup = (KERNELS.parents[1] / "setup.py").read_text(encoding="utf-8")
    for file in [*KERNELS.glob("*.c"), *KERNELS.glob("runtime/*.c")]:
        assert setup.count(f'"{file.relative_to(KERNELS).as_posix()}"') == 1

"""What pyproject.toml cannot say: how the compiled modules are built, and what of the README PyPI shows."""

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError
from setuptools.modified import newer_group

CHECKS = {
    "1": ["-fsanitize=address,undefined", "-O1", "-DUNROLL="],  # see simd.h
    "thread": ["-fsanitize=thread", "-O1", "-DUNROLL="],
    # A source that is compiled for several modules has the same seed in all, and so one file of counts.
    "coverage": ["--coverage", "-frandom-seed=cbackprop", "-O0"],
}

if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c11"], []
else:
    # -ffp-contract=fast: a * b + c may become one instruction, by default so in gcc, not in clang.
    compile_args, link_args = ["-O3", "-std=gnu11", "-ffp-contract=fast", "-pthread"], ["-pthread"]
    # A row of registry.h without its formula: older compilers would leave it to whoever loads the module.
    compile_args.append("-Werror=implicit-function-declaration")

check = os.environ.get("CBACKPROP_SANITIZE")
if check:
    compile_args += [*CHECKS[check], "-fno-omit-frame-pointer", "-g1"]
    link_args += CHECKS[check][:1]
elif sys.platform != "win32":
    compile_args.append("-g0")  # the names of lines would be seven eighths of the modules


HEADERS = [str(header) for header in Path("src/kernels").glob("*.h")]
kernels_of = {}  # the C files of src/kernels that are linked into each module


def extension(name, *kernels):
    """The module cbackprop.<name>, from src/cbackprop/<name>.pyx and C files of src/kernels."""
    kernels_of[f"cbackprop.{name}"] = [f"src/kernels/{file}" for file in kernels]
    return Extension(
        f"cbackprop.{name}",
        [f"src/cbackprop/{name}.pyx"],
        include_dirs=["src/kernels", numpy.get_include()],
        depends=[*HEADERS, *kernels_of[f"cbackprop.{name}"]],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )


INSTALL = """{missing}
cbackprop is compiled as it is installed. As root, or with sudo, install what that needs:
    Debian, Ubuntu    apt install gcc python3-dev
    Fedora            dnf install gcc python3-devel
    macOS             xcode-select --install"""


class BuildExt(build_ext):
    """Compiles each C file once, several side by side.

    The compiler is tried first, so that a failure ends with the packages to install.
    """

    def build_extensions(self):
        self.try_header("stdlib.h", "No C compiler works here.")
        self.try_header("Python.h", "The compiler does not find Python.h, a header of this Python.")
        files = list(dict.fromkeys(file for files in kernels_of.values() for file in files))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = dict(zip(files, pool.map(self.compile_kernel, files)))
            for module in self.extensions:
                module.extra_objects = [objects[file] for file in kernels_of[module.name]]
            list(pool.map(self.build_extension, self.extensions))

    def compile_kernel(self, file):
        """The object file of a C file of src/kernels."""
        (target,) = self.compiler.object_filenames([file], output_dir=self.build_temp)
        if self.force or newer_group([file, *HEADERS], target):
            self.compiler.compile(
                [file], self.build_temp, include_dirs=["src/kernels"], extra_postargs=compile_args
            )
        return target

    def try_header(self, header, missing):
        """Compile a file that includes `header` as the modules will be compiled."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "try.c")
            source.write_text(f"#include <{header}>\n", encoding="utf-8")
            try:
                self.compiler.compile([str(source)], output_dir=folder)
            except CompileError:  # the compiler, if there is one, has said more
                raise CompileError(INSTALL.format(missing=missing)) from None


def without_links(markdown):
    """`markdown` for PyPI, which has none of the files: paths in place of links to them, and no pictures."""
    markdown = re.sub(r"^!\[.*\n\n", "", markdown, flags=re.MULTILINE)
    markdown = re.sub(r"\[([^]]*)\]\(\1\)", r"`\1`", markdown)
    return re.sub(r"\[([^]]*)\]\((?!\w+:)([^)#]*)[^)]*\)", r"\1 (`\2`)", markdown)


instruction_sets = [
    # Those that take longest first.
    f"{isa}_{real}.c"
    for isa in ("avx512", "avx2", "portable")
    for real in ("float32", "float64")
]

setup(
    cmdclass={"build_ext": BuildExt},
    long_description=without_links(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    ext_modules=cythonize(
        [
            extension("_isa", *instruction_sets, "dispatch.c"),
            extension("_examples", "pack.c", "records.c", "team.c", "memory.c"),
            extension("_inputs", "by_address.c"),
            extension("_targets"),
            extension("_activations"),
            extension("_memory"),
            extension("_parameters"),
            extension("_overrides"),
            extension("_shuffle"),
            extension("_elementwise"),
            extension("_algorithm", "team.c"),
            extension("_sparse_layer", "records.c"),
            extension("_update_rules"),
            extension("_costs"),
            extension("_step_options"),
            extension("_team", "team.c", "memory.c"),
            extension("_matrix_based"),
            extension("_single_example", "memory.c"),
            extension("_evaluation"),
            extension("_training"),
            extension("_arrays"),
            extension("_subnormals"),
        ],
        include_path=["src"],
        build_dir="build/cython",
        # Side by side where a process is forked: elsewhere each would run this file again.
        nthreads=os.cpu_count() if sys.platform == "linux" and sys.version_info < (3, 14) else 0,
        # A Python without the lock turns it on for modules that do not say so: tests/test_free_threading.py
        compiler_directives={"language_level": 3, "freethreading_compatible": True},
    ),
)

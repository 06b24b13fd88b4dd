"""What pyproject.toml cannot say: how the compiled modules are built, and what of the README PyPI shows."""

import itertools
import os
import re
import sys
import tempfile
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError
from setuptools.modified import newer_group

CHECKS = {
    "1": ["-fsanitize=address,undefined", "-O1", "-DUNROLL="],  # see templates/simd.h
    # Without the check that no sum of a pointer wraps, which takes clang nearly half of the time.
    "brief": ["-fsanitize=address,undefined", "-fno-sanitize=pointer-overflow", "-O1", "-DUNROLL="],
    "thread": ["-fsanitize=thread", "-O1", "-DUNROLL="],
    "coverage": ["--coverage", "-O0"],
}

check = os.environ.get("CBACKPROP_SANITIZE")
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c11"], []
    kernel_args = module_args = []
else:
    # Only the kernels decide which multiplications and additions are fused (templates/simd.h).
    compile_args, link_args = ["-std=gnu11", "-ffp-contract=off", "-pthread"], ["-pthread", "-lm"]
    if sys.platform == "linux":
        # Otherwise a library that shows functions of the same names to the whole process replaces ours. Ray's
        # has an aligned_free, which was given memory of ours.
        link_args.append("-Wl,-Bsymbolic")
    # A row of registry.h without its formula: older compilers would leave it to whoever loads the module.
    compile_args.append("-Werror=implicit-function-declaration")
    if check:
        compile_args += [*CHECKS[check], "-fno-omit-frame-pointer", "-g1"]
        link_args += CHECKS[check][:1]
        kernel_args, module_args = [], ["-O0"]  # a quarter of the time to compile, with clang
    else:
        compile_args.append("-g0")  # the names of lines would be seven eighths of the modules
        # -O3 takes a fifth longer to compile, and nothing is faster for it: kernels say themselves what is a
        # vector and which loop is unrolled. A loop of few instructions takes a sixth longer where it
        # straddles a line that is fetched.
        kernel_args = ["-O2", "-falign-loops=32"]
        module_args = ["-O1"]  # two thirds of the time that -O2 takes to compile

# The C files of src/kernels, by the module that they are linked into: one each, so that the process has one
# copy of them and of their state. Those that take longest come first.
LIBRARY = {
    "cbackprop._isa": [
        *(f"isa/{isa}_{real}.c" for isa in ("avx512", "avx2", "portable") for real in ("float32", "float64")),
        "dispatch.c",
    ],
    "cbackprop._runtime": [
        "runtime/pack.c",
        "runtime/pack_csr.c",
        "runtime/team.c",
        "runtime/memory.c",
        "runtime/by_address.c",
        "records.c",
    ],
}
LIBRARY = {name: [f"src/kernels/{file}" for file in files] for name, files in LIBRARY.items()}
DIRECTIVES = {
    "language_level": 3,
    # A Python without the lock turns it on for modules that do not say so: tests/test_free_threading.py.
    "freethreading_compatible": True,
    # Functions as C has them, not as Python's: a tenth of what the modules compile.
    "binding": False,
}
# What calls and epochs of a few microseconds go through: compiled with -O1 these would take 1 to 4% longer.
SHORT_CALLS = {f"_{name}" for name in ("arrays", "evaluation", "loop", "memory", "overrides", "parameters")}
SHORT_CALLS |= {"_single_example", "_team", "_trainer", "_training"}
HEADERS = [str(header) for header in Path("src/kernels").rglob("*.h")]


def extension(source):
    """The module of a .pyx file."""
    name = f"cbackprop.{source.stem}"
    arguments = [*compile_args, *module_args]
    if module_args == ["-O1"] and source.stem in SHORT_CALLS:
        arguments.append("-O2")
    return Extension(
        name,
        [source.as_posix()],
        include_dirs=["src/kernels"],
        depends=[*HEADERS, *LIBRARY.get(name, [])],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=arguments,
        extra_link_args=link_args,
    )


INSTALL = """{missing}
cbackprop is compiled as it is installed. As root, or with sudo, install what that needs:
    Debian, Ubuntu    apt install gcc python3-dev
    Fedora            dnf install gcc python3-devel
    macOS             xcode-select --install"""


class BuildExt(build_ext):
    """Compiles the kernels, and the modules as Cython translates them, several files at a time.

    The compiler is tried first, so that a failure ends with the packages to install.
    """

    def build_extensions(self):
        self.try_header("stdlib.h", "No C compiler works here.")
        self.try_header("Python.h", "The compiler does not find Python.h, a header of this Python.")
        import numpy  # noqa: PLC0415   what only reads the package's name and version needs neither
        from Cython.Build import cythonize  # noqa: PLC0415

        self.compiler.add_include_dir(numpy.get_include())
        self.numbers = itertools.count(1)
        library = {module.name: LIBRARY.get(module.name, []) for module in self.extensions}
        self.n_jobs = len(library) + sum(map(len, library.values()))
        pool = ThreadPoolExecutor(self.parallel or processors())
        try:
            objects = {
                name: [pool.submit(self.compile_kernel, file) for file in files]
                for name, files in library.items()
            }
            jobs = list(itertools.chain(*objects.values()))
            # The kernels keep the compilers busy while Cython works. Small modules come last, so that no
            # processor is idle at the end.
            for module in sorted(self.extensions, key=lambda module: -Path(module.sources[0]).stat().st_size):
                module.sources = cythonize(
                    [module],
                    include_path=["src"],
                    build_dir="build/cython",
                    force=self.force,
                    quiet=True,
                    compiler_directives=DIRECTIVES,
                )[0].sources
                jobs.append(pool.submit(self.build_module, module, objects[module.name]))
            for job in wait(jobs, return_when=FIRST_EXCEPTION).done:
                job.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def say(self, what):
        """Print that this begins: to be seen with pip's -v."""
        print(f"compiling {what} ({next(self.numbers)} of {self.n_jobs})", flush=True)

    def compile_kernel(self, file):
        """The object file of a C file of src/kernels."""
        (target,) = self.compiler.object_filenames([file], output_dir=self.build_temp)
        folder, name = Path(file).parent.name, Path(file).stem
        self.say(f"the kernels for {name.replace('_', ', ')}" if folder == "isa" else file)
        if self.force or newer_group([file, *HEADERS], target):
            options = {"include_dirs": ["src/kernels"], "extra_postargs": [*compile_args, *kernel_args]}
            self.compiler.compile([file], self.build_temp, **options)
        return target

    def build_module(self, module, objects):
        """Compile and link a module, with its part of the library when that is compiled."""
        self.say(module.name)
        module.extra_objects = [job.result() for job in objects]
        self.build_extension(module)

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


def processors():
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


setup(
    cmdclass={"build_ext": BuildExt},
    long_description=without_links(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    ext_modules=[extension(source) for source in sorted(Path("src/cbackprop").glob("*.pyx"))],
)

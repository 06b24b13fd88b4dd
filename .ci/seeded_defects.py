"""Shows that each class of test can fail: puts one defect at a time into a copy, and expects red.

    python .ci/seeded_defects.py FOLDER [NAME ...]
    python .ci/seeded_defects.py --check            only whether each defect still has its place

FOLDER is where it works: a new folder, to be deleted by the caller. Without names, every defect. Each build
of .ci/sanitized is first seen to be green without a defect; then a line for each defect says by what it was
found. Exits 1 if one was not.
"""

import argparse
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, SINGLE_EXAMPLE, TARGETS, TEAM, TRAINING = (
    f"src/cbackprop/_{name}.pyx" for name in ("examples", "single_example", "targets", "team", "training")
)


@dataclasses.dataclass(frozen=True)
class Defect:
    """`old`, which `file` has once, becomes `new`; `tests`, in a build of this kind, must then fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    build: str = "plain"


DEFECTS = [
    Defect(
        "a multiplication and an addition rounded apart",
        "src/kernels/templates/rows.h",
        "sum = multiply_add_numbers(row[k], input[k], sum);",
        "sum += row[k] * input[k];",
        "tests/test_same_bits.py",
    ),
    Defect(
        "a wrong last tile",
        "src/kernels/templates/dense.h",
        "return divide_up(smaller(M->cols - p * M->width, M->width), LANES);",
        "return smaller(M->cols - p * M->width, M->width) / LANES;",
        "tests/test_gradients.py tests/test_properties.py",
    ),
    Defect(
        "a missed check of labels",
        TARGETS,
        "if checks and outside.any():",
        "if checks and (Y < 0).any():",
        "tests/test_errors.py tests/test_properties.py",
    ),
    Defect(
        "a missed check of a hostile file",
        "cbackprop/_files/pickle_machine.py",
        "        if n_bytes <= PIECE:\n            data = self.read(n_bytes)",
        "        if n_bytes >= 0:\n            data = self.read(n_bytes)",
        "tests/test_fuzz_corpus.py",
    ),
    Defect(
        "an allocation not looked at",
        TEAM,
        "        if self.memory is NULL:\n            raise MemoryError\n",
        "",
        "tests/test_faults.py",
    ),
    Defect(
        "a reference that is not given back",
        SINGLE_EXAMPLE,
        "        nabla_w.append(nabla)\n",
        "        nabla_w.append(nabla)\n        cnp.Py_INCREF(nabla)\n",
        "tests/test_leaks.py",
    ),
    Defect(
        "memory that is not given back",
        TARGETS,
        "        free(self.labels)\n        free(self.rows)\n",
        "        free(self.rows)\n",
        "tests/test_leaks.py",
    ),
    Defect(
        "Ctrl-C not looked for",
        TRAINING,
        "            done = ended\n            PyErr_CheckSignals()\n",
        "            done = ended\n",
        "tests/test_interrupt.py",
    ),
    Defect(
        "the GIL held by the kernels",
        TRAINING,
        "                with nogil:\n                    ended = self.team.train(",
        "                ended = self.team.train(",
        "tests/test_threads.py",
    ),
    Defect(
        "a file written in place",
        "cbackprop/_files/whole.py",
        '    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}")\n    try:\n'
        '        with open(temporary, mode.replace("w", "x"), encoding=encoding) as file:\n',
        "    temporary = target\n    try:\n        with open(temporary, mode, encoding=encoding) as file:\n",
        "tests/test_faults.py tests/test_network2_files.py",
    ),
    Defect(
        "this processor's byte order in files",
        "cbackprop/_files/networks.py",
        'array.dtype.newbyteorder("<")',
        'array.dtype.newbyteorder(">")',
        "tests/test_network2_files.py",
    ),
    Defect(
        "a write out of bounds (AddressSanitizer)",
        EXAMPLES,
        "self.records.extent = <Extent *> malloc((self.n + 1) * sizeof(Extent))",
        "self.records.extent = <Extent *> malloc((self.n - 1) * sizeof(Extent))",
        "tests/test_gradients.py tests/test_trajectories.py",
        "address",
    ),
    Defect(
        "a misaligned store (UndefinedBehaviorSanitizer)",
        "src/kernels/records.h",
        "return (4 * (records->n_tiles + 1) + 2 * n + size - 1) & -size;",
        "return 4 * (records->n_tiles + 1) + 2 * n + 0 * size;",
        "tests/test_inputs.py",
        "address",
    ),
    Defect(
        "a data race (ThreadSanitizer)",
        "src/kernels/runtime/team.c",
        "if (barrier->members == 1) return;",
        "if (barrier->members <= 2) return;",
        "tests/test_trajectories.py",
        "thread",
    ),
    Defect(
        "a write out of bounds (Valgrind)",
        EXAMPLES,
        "self.records.extent = <Extent *> malloc((self.n + 1) * sizeof(Extent))",
        "self.records.extent = <Extent *> malloc((self.n - 1) * sizeof(Extent))",
        "tests/test_gradients.py",
        "memcheck",
    ),
]


def run(folder, build, tests):
    """The exit code and the output of these tests in the copy, in a build of this kind."""
    command = ["bash", folder / "tree/.ci/sanitized", "gcc", build, folder / build, *tests.split()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    (folder / f"{build}.log").write_text(done.stdout, encoding="utf-8")
    return done.returncode, done.stdout


def verdict(output):
    """The line by which a run says what it found: a checker's, or pytest's last; None without one."""
    for words in (r"ERROR: AddressSanitizer", r"runtime error:", r"WARNING: ThreadSanitizer",
                  r"memcheck: [1-9]", r"\d+ (failed|error)"):  # fmt: skip
        for line in output.splitlines():
            if re.search(words, line):
                return line.strip("= ")
    return None


def sound_text(tree, defect):
    """The text of the defect's file, which must hold once what the defect changes."""
    text = (tree / defect.file).read_text(encoding="utf-8")
    if text.count(defect.old) != 1:
        sys.exit(f"{defect.name}: what it changes is there {text.count(defect.old)} times in {defect.file}")
    return text


def seed(folder, defect):
    """Put the defect into the copy; return how it is taken out again."""
    path, sound = folder / "tree" / defect.file, sound_text(folder / "tree", defect)
    path.write_text(sound.replace(defect.old, defect.new), encoding="utf-8")
    return lambda: path.write_text(sound, encoding="utf-8")


def main():
    """Seed the defects that are named, or all; report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="build nothing: see that each has its place")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only defects whose name holds one of these")
    arguments = parser.parse_args()
    if arguments.check:
        for defect in DEFECTS:
            sound_text(ROOT, defect)
        return
    if not arguments.folder:
        parser.error("where is it to work?")
    folder = arguments.folder.resolve()
    chosen = [d for d in DEFECTS if not arguments.names or any(name in d.name for name in arguments.names)]
    # A repository of its own, for .ci/sanitized asks git what belongs to it.
    copy = 'source .ci/workplace.bash && copy_to "$0" && git -C "$0" init --quiet'
    subprocess.run(["bash", "-c", copy, folder / "tree"], cwd=ROOT, check=True)
    missed = 0
    for build in dict.fromkeys(defect.build for defect in chosen):
        defects = [defect for defect in chosen if defect.build == build]
        code, output = run(folder, build, " ".join(dict.fromkeys(" ".join(d.tests for d in defects).split())))
        if code:
            sys.exit(f"{build}: red without a defect\n{output[-3000:]}")
        print(f"{build}: green without a defect", flush=True)
        for defect in defects:
            mend = seed(folder, defect)
            code, output = run(folder, build, defect.tests)
            mend()
            found = verdict(output) if code else None
            missed += found is None
            print(f"  {defect.name} ({defect.file}): {found or f'NOT FOUND, exit code {code}'}", flush=True)
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()

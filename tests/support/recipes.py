"""The recipes of src/README.md, followed to the letter in a copy of the tree, and the compiler for it."""

import ast
import os
import platform
import re
import shlex
import shutil
import subprocess
import sysconfig
import textwrap
from pathlib import Path

from support.children import SANITIZED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "src/README.md"
COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def why_no_compiler():
    """Why nothing can be compiled here; empty where it can."""
    if not PAGE.exists():
        return "the tests are apart from the sources"
    if os.name == "nt" or not shutil.which(COMPILER[0]):
        return "no compiler was found"
    return ""


def why_no_build():
    """Why nothing can be built and loaded here; empty where it can."""
    if reason := why_no_compiler():
        return reason
    if SANITIZED:
        return "the sanitizer would be loaded into the compiler"
    machine = subprocess.run([*COMPILER, "-dumpmachine"], capture_output=True, text=True, check=True).stdout
    if machine.partition("-")[0] != platform.machine():
        return f"the compiler is one for {machine.strip()}"
    return ""


def steps(heading):
    """The numbered steps of this section of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n### {heading}\n")[1].split("\n### ")[0]
    found = re.split(r"^(?=\d\. )", section, flags=re.MULTILINE)[1:]
    return [re.split(r"\n\n(?=\S)", step)[0] for step in found]


def put_before(text, place, addition):
    """`addition` above the one line that holds `place`."""
    assert text.count(place) == 1, f"{place!r} is there {text.count(place)} times"
    start = text.rindex("\n", 0, text.index(place)) + 1
    return text[:start] + addition + "\n\n" + text[start:]


def add_to_macro(text, name, row):
    """A last ROW for the list of rows that is a macro of C."""
    new, n = re.subn(rf"(#define {name}\(ROW\)(?:.*\\\n)+.*)", rf"\1 \\\n    {row}", text)
    assert n == 1, f"{name} is there {n} times"
    return new


def add_to_list(text, name, row):
    """A last item for a tuple, list or dictionary of Python."""
    [value] = [
        each.value
        for each in ast.parse(text).body
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == name
    ]
    lines = text.splitlines(keepends=True)
    end = sum(map(len, lines[: value.end_lineno - 1])) + value.end_col_offset - 1
    assert text[end] in ")]}"
    return f"{text[:end].rstrip().rstrip(',')}, {row}{text[end:]}"


def take(step, tree, previous="", without=None):
    """Change the copy of the tree as the step says, and return the step's code.

    `previous` is the code of the step before. Lines `without` which this is to be tried are left out.
    """
    path = tree / re.search(r"`((?:src|cbackprop)/[\w./]+)`", step)[1]
    text = path.read_text(encoding="utf-8")
    block = re.search(r"```\w+\n(.*?)```", step, re.DOTALL)
    code = textwrap.dedent(block[1]) if block else ""
    if without:
        code = "".join(line for line in code.splitlines(keepends=True) if without not in line)
    if rows := re.search(r"a row in `(\w+)`: `([^`]+)`", step):
        text = add_to_macro(text, *rows.groups())
    elif rows := re.search(r"the row `([^`]+)` in `(\w+)`", step):
        text = add_to_list(text, rows[2], rows[1])
        text = put_before(text, f"\n{rows[2]} = ", code)
    elif place := re.search(r'above (?:"([^"]+)"|`(\w+)`)', step):
        text = put_before(text, place[1] or f"static void {place[2]}(", code)
    elif "import it and name it in `__all__`" in step:
        name = re.search(r"class (\w+)", previous)[1]
        text = put_before(text, "\n__all__ = ", f"from cbackprop.costs import {name}")
        text = add_to_list(text, "__all__", repr(name))
    else:
        raise AssertionError(f"what is to be done here?\n{step}")
    path.write_text(text, encoding="utf-8")
    return code

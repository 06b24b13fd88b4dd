"""The chapter's table in src/README.md is true: each function is there, its docstring says what is quoted."""

import ast
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "src/README.md"
HEAD = "| In the chapter | Function | Its docstring says |"


def table_rows():
    """The table's rows as (place in the chapter, function, quotation)."""
    if not PAGE.exists():  # the sources are not beside the tests
        return []
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = []
    for line in lines[lines.index(HEAD) + 2 :]:
        if not line.startswith("|"):
            break
        place, function, quotation = (cell.strip() for cell in line.strip("|").split(" | "))
        rows.append((place, function.strip("`"), quotation.strip('"')))
    return rows


ROWS = table_rows()
pytestmark = pytest.mark.skipif(not ROWS, reason="the sources are not beside the tests")


def cython_docstring(path, name):
    """The docstring of a function of a Cython source: C functions have none to ask for."""
    source = (ROOT / path).read_text(encoding="utf-8")
    found = re.search(rf'^cdef [^\n]*\b{name}\([^"]*?:\n    (""".*?""")', source, re.DOTALL | re.MULTILINE)
    assert found, f"{path} has no function {name} with a docstring"
    return ast.literal_eval(found[1])


def docstring(function):
    if function.endswith(".py"):
        return ast.get_docstring(ast.parse((ROOT / function).read_text(encoding="utf-8")))
    if ": " in function:
        return cython_docstring(*function.split(": "))
    package, module, *names = function.split(".")
    return inspect.getdoc(functools.reduce(getattr, names, importlib.import_module(f"{package}.{module}")))


@pytest.mark.parametrize("place, function, quotation", ROWS, ids=[row[0] for row in ROWS])
def test_the_function_is_there_and_cites_the_chapter(place, function, quotation):
    text = " ".join(docstring(function).split())
    assert quotation and quotation in text, f"{place}: the docstring of {function} does not say so"
    for number in re.findall(r"\(\d\d\)", place):
        assert number in quotation, f"{place}: what is quoted from {function} names another equation"


def test_nothing_of_the_chapter_is_missing():
    places = " ".join(place for place, _, _ in ROWS)
    numbers = {int(number) for number in re.findall(r"\((\d\d)\)", places)}
    assert numbers == set(range(46, 54))
    for step in range(1, 6):
        assert f"step {step}" in places
    assert places.count("Exercise") == 2 and places.count("Problem") == 1
    for part in ("mini-batch", "outer loops", "The code", "fast algorithm", "all paths", "the big picture"):
        assert part in places


def test_the_example_beside_it_runs(capsys):
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index("## The chapter, runnable") :]
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("the gradients agree")
    assert len(lines) == 1 + 3 * 2 + 1  # from neuron 1 of layer 2 three ways on, and two from each of those

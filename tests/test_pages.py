"""The pages: links and paths lead somewhere, examples run, tables are those of the results."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("", "bench", "src", "src/kernels", "tests", ".ci", ".github")
PAGES = sorted(page for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))
README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="the sources are not beside the tests")


def by_name(page):
    return str(page.relative_to(ROOT))


def is_shipped(path):
    """Whether this tree has it: the source distribution leaves .ci and .github out."""
    top = path.relative_to(ROOT).parts[0]
    return top not in (".ci", ".github") or (ROOT / top).exists()


def headings(page):
    """The anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]*)\)", page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if is_shipped(target):
            assert target.exists(), f"{link} is not there"
            assert not anchor or anchor in headings(target), f"{link} is no heading"


PATH = re.compile(r"(src|tests|bench|cbackprop|\.ci|\.github)/[\w./-]+")


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_path_named_is_there(page):
    code = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    for name in (word.rstrip(":") for span in code for word in span.split()):
        assert not PATH.fullmatch(name) or not is_shipped(ROOT / name) or (ROOT / name).exists(), name


def blocks_of(language):
    """The README's blocks of code in this language."""
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_first_commands_are_the_two_that_ci_runs():
    lines = [line for block in blocks_of("sh") for line in block.splitlines()]
    commands = [line for line in lines if re.match("pip install .*&&", line)]
    assert commands == ["pip install . && cbackprop", 'pip install ".[test]" && pytest']


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)
    blocks = blocks_of("python")
    books, estimators = blocks[:2], blocks[2:]
    assert len(estimators) == 1
    for block in books:
        with pytest.warns(UserWarning, match="sample"):
            exec(block, {})
    for block in estimators:
        names = {}
        exec(block, names)
        assert names["MLPClassifier"].__module__.startswith("cbackprop.sklearn")
    printed = capsys.readouterr().out
    assert "Epoch 29: " in printed and "compiled: " in printed and "Accuracy on evaluation data" in printed
    assert (tmp_path / "digits.json").exists()


def test_the_tables_are_those_of_the_results():
    command = [sys.executable, "bench/pages.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_test_file_holds_a_promise():
    page = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    for test in (ROOT / "tests").glob("test_*.py"):
        assert f"`tests/{test.name}`" in page, f"tests/README.md does not say what {test.name} holds"

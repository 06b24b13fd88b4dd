"""Results say which kernels they are of; pages.py refuses those of others, and shows every peer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "bench").exists(), reason="the sources are not beside the tests")
MARK = "not this tree's kernels"
PAGES = ("README.md", "bench/README.md")


@pytest.fixture
def tree(tmp_path):
    """A copy of what pages.py reads. Its results name no kernels, until a test puts some on record."""
    for folder in ("bench", "src"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".asv", "__pycache__")
        )
    (tmp_path / "cbackprop").mkdir()
    for path in [*(ROOT / "cbackprop").glob("*.py")]:
        shutil.copy(path, tmp_path / "cbackprop")
    for name in ("setup.py", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for path in (tmp_path / "bench/results").glob("*.json"):
        results = json.loads(path.read_text(encoding="utf-8"))
        for machine in results.get("machines", [results.get("machine", {})]):
            machine.pop("kernels", None)
        path.write_text(json.dumps(results), encoding="utf-8")
    return tmp_path


def python(tree, *arguments):
    """Run Python in a copy's folder bench, with nothing of this tree's."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree / "bench",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def digest(tree):
    """The digest of a copy's kernels."""
    status, printed, said = python(tree, "-c", "import sources; print(sources.digest())")
    assert status == 0, said
    return printed.strip()


def put_on_record(tree, kernels):
    """Make the results of an epoch be of these kernels, and of a commit."""
    path = tree / "bench/results/epochs.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    for machine in results["machines"]:
        machine |= {"kernels": kernels, "commit": "abc1234"}
    path.write_text(json.dumps(results), encoding="utf-8")


def texts(tree):
    return [(tree / page).read_text(encoding="utf-8") for page in PAGES]


def test_the_digest_is_of_what_is_compiled_and_of_nothing_else(tree):
    first = digest(tree)
    assert len(first) == 64
    (tree / "src/README.md").write_text("other", encoding="utf-8")
    (tree / "bench/bench.py").write_text("other", encoding="utf-8")
    (tree / "cbackprop/figures.py").write_text("other", encoding="utf-8")
    assert digest(tree) == first
    found = {first}
    for name in ("setup.py", "src/kernels/templates/dense.h", "cbackprop/network.py", "cbackprop/_epochs.py"):
        path = tree / name
        path.write_bytes(path.read_bytes() + b"\n")
        found.add(digest(tree))
    (tree / "src/kernels/new.c").write_text("", encoding="utf-8")
    found.add(digest(tree))
    assert len(found) == 6


def test_the_digest_is_the_same_whatever_ends_the_lines(tree):
    first = digest(tree)
    path = tree / "setup.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(tree) == first


def test_another_tree_s_package_is_not_taken_for_this_one(tree):
    code = "import sources; print(sources.measured())"
    package = str(tree)
    measured = "import sys; sys.path.insert(0, sys.argv[1]); " + code
    assert python(tree, "-c", measured, package)[1].strip() == digest(tree)
    other = tree / "other"
    shutil.copytree(tree / "cbackprop", other / "cbackprop")
    (other / "cbackprop/_epochs.py").write_text("", encoding="utf-8")
    assert python(tree, "-c", measured, str(other))[1].strip() == "of another tree"


def test_results_of_these_kernels_are_written_without_a_remark(tree):
    put_on_record(tree, digest(tree))
    status, _, said = python(tree, "pages.py")
    assert (status, said) == (0, "")
    for text in texts(tree):
        assert MARK not in text and "; commit abc1234.\n" in text


def test_results_of_other_kernels_are_refused(tree):
    put_on_record(tree, "0" * 64)
    before = texts(tree)
    status, _, said = python(tree, "pages.py")
    assert status == 1 and texts(tree) == before
    assert "bench/results/epochs.json is of other kernels than this tree's, those of commit abc1234" in said
    assert "nothing is written" in said


def test_stale_results_are_written_with_a_remark_and_pass_the_check(tree):
    put_on_record(tree, "0" * 64)
    assert python(tree, "pages.py", "--stale")[0] == 0
    assert all(f"; commit abc1234, {MARK}.\n" in text for text in texts(tree))
    status, printed, said = python(tree, "pages.py", "--check")
    assert (status, printed) == (0, "") and "of other kernels" in said


def test_a_change_of_the_kernels_alone_does_not_fail_the_check(tree):
    put_on_record(tree, digest(tree))
    assert python(tree, "pages.py")[0] == 0
    (tree / "src/kernels/new.c").write_text("", encoding="utf-8")
    status, printed, said = python(tree, "pages.py", "--check")
    assert (status, printed) == (0, "") and "epochs.json is of other kernels" in said


def test_a_number_that_was_changed_fails_the_check(tree):
    page = tree / "bench/README.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("| 784-30-10, 10 | 0.", "| 784-30-10, 10 | 1.", 1), encoding="utf-8")
    status, printed, _ = python(tree, "pages.py", "--check")
    assert status == 1 and printed.startswith("bench/README.md differs")


def test_results_without_a_digest_are_said_to_be_unchecked(tree):
    assert python(tree, "pages.py")[0] == 0
    assert all("kernels not on record.\n" in text for text in texts(tree))


def row(**peers):
    times = {name: {"median": s, "min": s, "max": s, "runs": [s]} for name, s in peers.items()}
    return {
        "shape": "784-30-10, 10",
        "epochs": 1,
        "n": 50_000,
        "data": "MNIST",
        "dtype": "float64",
        "threads": 1,
        "dense_limit": 0.1,
        "checked_by": "NumPy reference",
        "peers": times,
    }


def test_every_peer_is_in_a_table(tree):
    names = json.loads(python(tree, "-c", "import json, peers; print(json.dumps(list(peers.MODULES)))")[1])
    made = row(**dict.fromkeys([*names, "mine"], 0.5)) | {
        "wrong": {"bad": "it was"},
        "raised": {"worse": "E: no"},
    }
    path = tree / "rows.json"
    path.write_text(json.dumps({"rows": [made]}), encoding="utf-8")
    status, printed, said = python(tree, "tables.py", str(path))
    assert status == 0, said
    heads = [line for line in printed.splitlines() if line.startswith("| network")]
    columns = [cell.strip() for head in heads for cell in head.strip("|").split("|")[3:]]
    assert columns == [*names[1:], "mine", "bad", "worse"]
    assert "| – wrong result |" in printed and "| – raised |" in printed
    assert "bad: wrong result: it was" in printed and "worse: raised: E: no" in printed

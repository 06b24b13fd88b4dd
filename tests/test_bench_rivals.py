"""bench.py takes peers and shapes from the command line, checks each peer, says what is wrong in a line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="the sources are not beside the tests")
QUICK = ["--quick", "--runs", "1", "--threads", "1"]
NUMPY = ["--peers", "cbackprop", "NumPy matrix"]
TINY = ["--shape", "12-5-3,10", "--dtype", "float64"]


def bench(folder, *arguments):
    """Run bench.py in a folder; return its status, what it printed, and the rows that it saved."""
    saved = Path(folder) / "results.json"
    saved.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "CBACKPROP_MNIST"}
    done = subprocess.run(
        [sys.executable, BENCH / "bench.py", *arguments, "--json", saved],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    rows = json.loads(saved.read_text(encoding="utf-8"))["rows"] if saved.exists() else []
    return done.returncode, done.stdout + done.stderr, rows


def example():
    """The peer and the command that bench/README.md shows."""
    page = (BENCH / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (command,) = re.findall(r"^python bench/bench.py (--peer mine.py.*)$", page, re.MULTILINE)
    return code, command.split()


@pytest.fixture
def mine(tmp_path):
    """A folder with the page's peer."""
    (tmp_path / "mine.py").write_text(example()[0], encoding="utf-8")
    return tmp_path


def test_the_page_s_peer_is_checked_and_timed(mine):
    status, said, (row,) = bench(mine, *example()[1], *QUICK, *NUMPY)
    assert status == 0, said
    assert row["shape"] == "784-50-10, 10" and row["data"] == "the package's sample of MNIST"
    assert row["peers"]["mine"]["check"] == "same parameters"
    assert row["peers"]["mine"]["difference"] < 1e-12
    assert len(row["peers"]["mine"]["runs"]) == 1
    assert "| NumPy matrix | mine |" in said


def test_several_shapes_and_types_and_the_data_is_named(mine):
    shapes = ["--shape", "12-5-3,10", "7-4-1,3", "--shape", "784-8-12,20"]
    status, said, rows = bench(mine, "--peer", "mine.py:Mine", *shapes, *QUICK, *NUMPY)
    assert status == 0, said
    assert [(row["shape"], row["dtype"]) for row in rows] == [
        (shape, dtype)
        for dtype in ("float64", "float32")
        for shape in ("12-5-3, 10", "7-4-1, 3", "784-8-12, 20")
    ]
    assert {row["data"] for row in rows} == {"random rows"}
    assert all(row["peers"]["mine"]["check"] == "same parameters" for row in rows)
    assert "examples of random rows" in said


def test_a_shape_of_the_benchmark_is_that(mine):
    status, said, (row,) = bench(mine, "--shape", "2-3-1,4", "--dtype", "float64", *QUICK, *NUMPY)
    assert (status, row["data"], row["epochs"]) == (0, "XOR", 10_000), said


def test_no_reference_is_not_a_wrong_result(mine):
    status, said, (row,) = bench(mine, "--peer", "mine.py:Mine", *TINY, *QUICK, "--peers", "cbackprop")
    assert status == 0, said
    assert {found["check"] for found in row["peers"].values()} == {"no reference was run"}
    assert set(row["peers"]) == {"cbackprop", "mine"}
    assert "no reference was run, so no result was checked" in said
    assert "wrong" not in said.lower()


FAILING = """
import sys
import numpy as np
from mine import Mine

class TooFar(Mine):
    name = "too far"
    def epoch(self, order):
        super().epoch(order)
        self.w[0][0, 0] += 1e-6

class Idle(Mine):
    name, same_cost = "idle", False
    def epoch(self, order):
        pass

class Nan(Mine):
    name = "nan"
    def parameters(self):
        return [w * np.nan for w in self.w], self.b

class Turned(Mine):
    name = "turned"
    def parameters(self):
        return [w.T for w in self.w], self.b

class NoTime(Mine):
    name = "no time"
    def train(self, seed, epochs):
        super().train(seed, epochs)
        return 0.0

class Raises(Mine):
    name = "raises"
    def epoch(self, order):
        raise RuntimeError("no\\nmore")

class RaisesLate(Mine):
    name = "raises late"
    def timed(self, seed, epochs):
        raise RuntimeError("late")

class Exits(Mine):
    name = "exits"
    def restart(self):
        sys.exit("bye")

class Writes(Mine):
    name = "writes"
    def epoch(self, order):
        self.job.X[0] = 0

class Lacks(Mine):
    name = "lacks"
    def __init__(self, job, threads):
        import there_is_no_such_package
"""


def test_who_is_wrong_or_raises_is_named_and_the_others_go_on(mine):
    (mine / "failing.py").write_text(FAILING, encoding="utf-8")
    classes = re.findall(r"^class (\w+)", FAILING, re.MULTILINE)
    specs = [f"failing.py:{cls}" for cls in classes]
    status, said, (row,) = bench(mine, "--peer", *specs, "mine.py:Mine", *TINY, *QUICK, *NUMPY)
    assert status == 1, said
    assert set(row["peers"]) == {"cbackprop", "NumPy matrix", "mine"}
    assert set(row["wrong"]) == {"too far", "idle", "nan", "turned", "no time"}
    assert "differ from those of NumPy matrix" in row["wrong"]["too far"]
    assert "the cost went from" in row["wrong"]["idle"]
    assert "differ from those of NumPy matrix by nan" in row["wrong"]["nan"]
    assert "weights of shapes" in row["wrong"]["turned"]
    assert "returned 0.0 as the seconds" in row["wrong"]["no time"]
    assert set(row["raised"]) == {"raises", "raises late", "exits", "writes"}
    assert re.fullmatch(r"RuntimeError: no more \(failing.py:\d+\)", row["raised"]["raises"])
    assert row["raised"]["exits"].startswith("SystemExit: bye")
    assert "read-only" in row["raised"]["writes"]
    assert "there_is_no_such_package" in row["absent"]["lacks"]
    for name, why in (row["wrong"] | row["raised"]).items():
        (line,) = [line for line in said.splitlines() if line.startswith(f"  {name:16} ")]
        assert why in line
    cells = said.splitlines()[-40:]
    assert not any(re.search(r"too far.*\d×", line) for line in cells)
    assert "– wrong result" in said and "– raised" in said


BAD_PEERS = {
    "mine.py": "a file and a class are expected, as in mine.py:Mine",
    "mine:Mine": "a file and a class are expected",
    "nowhere.py:Mine": "there is no file nowhere.py",
    "mine.py:Other": "mine.py has no Other",
    "mine.py:np": "np is no subclass of peers.peer.Peer",
    "bad.py:Unfinished": "Unfinished has no method restart and no method epoch and no method parameters",
    "bad.py:Cbackprop": "a peer is called 'cbackprop' already",
    "broken.py:Mine": "broken.py raised SyntaxError",
    "leaving.py:Mine": "leaving.py raised SystemExit",
}
BAD = """
from mine import Mine
from peers.peer import Peer
class Unfinished(Peer): pass
class Cbackprop(Mine): name = "cbackprop"
"""


@pytest.mark.parametrize("spec", BAD_PEERS)
def test_a_peer_that_is_none_is_an_error_of_one_line(mine, spec):
    (mine / "bad.py").write_text(BAD, encoding="utf-8")
    (mine / "broken.py").write_text("class Mine(:\n", encoding="utf-8")
    (mine / "leaving.py").write_text("raise SystemExit\n", encoding="utf-8")
    status, said, rows = bench(mine, "--peer", spec, *TINY, *QUICK, *NUMPY)
    assert (status, rows) == (2, []), said
    assert BAD_PEERS[spec] in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("bench.py: error: argument --peer: ")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "shape",
    [
        "",
        "784",
        "784,10",
        "784-10",
        "784-0-10,10",
        "784-10,0",
        "784-x-10,10",
        "-5-3,10",
        "2-3-1,4,4",
        "9" * 300,
    ],
)
def test_a_shape_that_is_none_is_an_error_of_one_line(tmp_path, shape):
    status, said, rows = bench(tmp_path, f"--shape={shape}", *QUICK, *NUMPY)
    assert (status, rows) == (2, []), said
    assert re.match(
        "bench.py: error: argument --shape: .* (is not a shape|have at least 1)", said.splitlines()[-1]
    )


def test_a_shape_that_would_not_fit_is_refused(tmp_path):
    for shape in ("100000-100000-10,10", "784-10,1000000000", "5-99999999999999999999-1,3"):
        status, said, _ = bench(tmp_path, "--shape", shape, *QUICK, *NUMPY)
        assert status == 2 and "is too large" in said.splitlines()[-1], said


SHAPES = ["7-5-3,4", "33-17-1,10", "20-100-6,64", "5-1,3"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_peers_in_c_learn_the_same_whatever_the_shape(tmp_path, dtype):
    names = ["NumPy matrix", "C loop", "FANN"]
    status, said, rows = bench(
        tmp_path, "--shape", *SHAPES, "9-8-7-6-5,3", "--dtype", dtype, *QUICK, "--peers", *names
    )
    assert status == 0, said
    assert all(row["peers"]["C loop"]["check"] == "same parameters" for row in rows)
    assert all(
        row["peers"]["FANN"]["check"] in ("accuracy", "its cost falls")
        for row in rows
        if "FANN" in row["peers"]
    )


def test_what_is_installed_of_the_other_peers_learns_the_same(tmp_path):
    names = ["NumPy matrix", "dlib", "Keras", "tinygrad"]
    status, said, rows = bench(tmp_path, "--shape", *SHAPES[:2], *QUICK, "--peers", *names)
    assert status == 0, said
    for row in rows:
        for name in names[1:]:
            assert row["absent"].get(name) or row["peers"][name]["check"] == "same parameters"

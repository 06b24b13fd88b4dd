"""compare.py finds a slowdown of a tenth, passes A against A, and names what cannot be compared."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="the sources are not beside the tests")
SPREAD = 0.015
MACHINE = {
    "processor": {"model": "P", "instruction_sets": ["avx2"]},
    "threads": 1,
    "versions": {"numpy": "2.4.0"},
    "commit": "abc1234",
    "kernels": "0123456789abcdef",
}


def compare(*arguments):
    """Run compare.py; return its status and what it printed."""
    done = subprocess.run(
        [sys.executable, BENCH / "compare.py", *arguments],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def results(seed, times=1.0, runs=5, peers=("cbackprop", "NumPy matrix"), **machine):
    """Results of bench.py, made up: ten rows; those of cbackprop take `times` as long."""
    draw = random.Random(seed)
    rows = []
    for i in range(10):
        row = {"shape": f"784-{10 * i + 10}-10, 10", "m": 10, "n": 50_000, "dtype": "float64", "peers": {}}
        for name in peers:
            middle = 0.05 * (i + 1) * (times if name == "cbackprop" else 7)
            row["peers"][name] = {"runs": [middle * draw.lognormvariate(0, SPREAD) for _ in range(runs)]}
        rows.append(row)
    return {"machines": [MACHINE | machine], "rows": rows}


@pytest.fixture
def saved(tmp_path):
    """A function that writes results, or text, and returns the file."""

    def save(name, what):
        path = tmp_path / name
        path.write_text(what if isinstance(what, str) else json.dumps(what), encoding="utf-8")
        return path

    return save


def verdicts(said, peer="cbackprop"):
    """The last column of the rows of a peer."""
    return [line.split("|")[-2].strip() for line in said.splitlines() if f"| {peer} |" in line]


@pytest.mark.parametrize("runs", [1, 2, 3, 5])
def test_the_same_file_has_not_moved(saved, runs):
    a = saved("a.json", results(1, runs=runs))
    status, said = compare(a, a, "--fail")
    assert status == 0, said
    assert verdicts(said) == ["–"] * 11


@pytest.mark.parametrize("name", sorted(path.stem for path in (BENCH / "results").glob("*.json")))
def test_committed_results_have_not_moved_against_themselves(name):
    path = BENCH / "results" / f"{name}.json"
    status, said = compare(path, path, "--fail")
    if status == 2:  # of these programs no runs are saved, or no times
        assert name in ("chapter3", "kernels", "local_sgd"), said
    else:
        assert status == 0 and not re.search(r"\| (slower|faster) \|", said), said


@pytest.mark.parametrize("seed", range(3))
def test_the_same_measured_again_has_not_moved(saved, seed):
    a, b = (saved(f"{i}.json", results(100 * i + seed)) for i in (1, 2))
    status, said = compare(a, b, "--fail")
    assert status == 0, said


def test_a_slowdown_of_a_tenth_is_found_in_each_row(saved):
    a, b = saved("a.json", results(1)), saved("b.json", results(2, times=1.1))
    status, said = compare(a, b, "--fail")
    assert status == 1
    assert verdicts(said) == ["slower"] * 11, said
    assert verdicts(said, "NumPy matrix") == ["–"] * 11, said
    assert compare(a, b)[0] == 0
    assert compare(a, b, "--fail", "--peers", "NumPy matrix")[0] == 0
    status, said = compare(b, a, "--fail")
    assert (status, verdicts(said)) == (0, ["faster"] * 11), said
    status, said = compare(a, b, "--fail", "--least", "20")
    assert (status, verdicts(said)) == (0, ["–"] * 11), said


def test_a_slowdown_of_a_tenth_is_found_in_committed_results(saved):
    old = BENCH / "results" / "epochs.json"
    slow = json.loads(old.read_text(encoding="utf-8"))
    for row in slow["rows"]:
        ours = row["peers"]["cbackprop"]
        ours["runs"] = [1.1 * seconds for seconds in ours["runs"]]
    status, said = compare(old, saved("slow.json", slow), "--fail", "--peers", "cbackprop")
    found = verdicts(said)
    assert status == 1 and found[-1] == "slower", said
    assert found.count("slower") > len(found) / 2 and "faster" not in found, said


def test_a_disturbed_run_hides_nothing_and_is_no_slowdown(saved):
    disturbed = results(1)
    for row in disturbed["rows"]:
        row["peers"]["cbackprop"]["runs"][2] *= 3
    a, b = saved("a.json", results(1)), saved("b.json", disturbed)
    assert verdicts(compare(a, b)[1]) == ["–"] * 11
    slow = results(2, times=1.1)
    for row in slow["rows"]:
        row["peers"]["cbackprop"]["runs"][4] *= 3
    assert verdicts(compare(a, saved("c.json", slow))[1]).count("slower") >= 10


def test_other_machines_and_versions_are_named(saved):
    processor = {"model": "Q", "instruction_sets": []}
    a = saved("a.json", results(1))
    b = saved(
        "b.json", results(1, processor=processor, versions={"numpy": "2.5.0"}, commit="def5678", threads=2)
    )
    said = compare(a, b)[1]
    assert "old: commit abc1234, kernels 0123456789ab" in said and "new: commit def5678" in said
    assert re.search("DIFFERENT processor: .*'P'.*'Q'", said)
    assert "DIFFERENT threads: 1 | 2" in said
    assert "DIFFERENT version of numpy: 2.4.0 | 2.5.0" in said
    assert "DIFFERENT" not in compare(a, a)[1]


def test_rows_in_one_file_alone_are_listed(saved):
    less = results(1)
    gone = less["rows"].pop(3)["shape"]
    a, b = saved("a.json", results(1)), saved("b.json", less)
    for old, new, which in ((a, b, "old"), (b, a, "new")):
        status, said = compare(old, new)
        lines = [line for line in said.splitlines() if line.startswith("only in")]
        assert status == 0 and len(lines) == 2
        assert all(line.startswith(f"only in the {which} results: {gone}") for line in lines)


BROKEN = {
    "no json": ("{", "is no JSON"),
    "deep": ("[" * 100_000, "is no JSON"),
    "a list": ("[]", "holds no results"),
    "no rows": ("{}", "has no list of rows"),
    "rows of numbers": ('{"rows": [1, 2]}', "has no list of rows"),
    "sweeps of numbers": ('{"sweeps": 3}', "has no list of rows"),
    "no runs": ('{"rows": [{"shape": "a", "peers": {"cbackprop": {"runs": []}}}]}', "has no row with runs"),
    "a word": ('{"rows": [{"peers": {"cbackprop": {"runs": ["1"]}}}]}', "a run took '1' seconds"),
    "no time": ('{"rows": [{"peers": {"cbackprop": {"runs": [0]}}}]}', "a run took 0 seconds"),
    "infinite": ('{"rows": [{"peers": {"cbackprop": {"runs": [Infinity]}}}]}', "a run took inf seconds"),
    "another program's": ('{"rows": [{"call": "f", "cbackprop": {"runs": [1]}}]}', "have no row in common"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_compared_is_an_error_of_one_line(saved, name):
    text, message = BROKEN[name]
    good, bad = saved("good.json", results(1)), saved("bad.json", text)
    for pair in ((good, bad), (bad, good)):
        status, said = compare(*pair)
        assert status == 2, said
        assert said.splitlines()[-1].startswith("compare.py: error: ") and message in said.splitlines()[-1]
        assert "Traceback" not in said


def test_no_file_and_no_percentage(saved, tmp_path):
    good = saved("good.json", results(1))
    for arguments in ((good, tmp_path / "none.json"), (tmp_path, good), (good, good, "--least", "nan")):
        status, said = compare(*arguments)
        assert status == 2 and said.splitlines()[-1].startswith("compare.py: error: "), said


@pytest.mark.parametrize("key", ["machine", "machines"])
@pytest.mark.parametrize("machine", [3, [], [3], None, {}, {"versions": 3, "blas": 4}])
def test_what_a_file_says_of_its_machine_may_be_anything(saved, key, machine):
    path = saved("odd.json", {"rows": results(1)["rows"], key: machine})
    status, said = compare(path, path)
    assert status == 0, said


def test_rows_of_the_same_name_are_all_compared(saved):
    def three(middle):
        row = {"shape": "784-10, 10", "dtype": "float64"}
        seconds = [[1.0, 1.01, 0.99], [middle, middle * 1.01, middle * 0.99], [1.0, 1.01, 0.99]]
        return {
            "machines": [MACHINE],
            "rows": [row | {"peers": {"cbackprop": {"runs": runs}}} for runs in seconds],
        }

    status, said = compare(saved("a.json", three(1.0)), saved("b.json", three(9.0)), "--fail")
    assert status == 1 and verdicts(said)[:3] == ["–", "slower", "–"], said


@pytest.mark.parametrize("runs", [[10**400, 1.0], [1e308, 1.0], [5e-324, 1.0]])
def test_seconds_that_no_run_takes_are_an_error_of_one_line(saved, runs):
    rows = [{"shape": "784-10, 10", "peers": {"cbackprop": {"runs": runs}}}]
    status, said = compare(*[saved("a.json", {"machines": [MACHINE], "rows": rows})] * 2)
    assert status == 2 and "Traceback" not in said and "seconds" in said


def test_names_cannot_steer_the_terminal_or_break_the_table(saved):
    row = {"shape": "a|b\n\x1b[2J\ud800", "peers": {"cbackprop": {"runs": [1.0, 1.01]}}}
    status, said = compare(
        *[saved("a.json", {"machines": [MACHINE | {"commit": "\x1b[31m"}], "rows": [row]})] * 2
    )
    assert status == 0 and "\x1b" not in said and "a?b" in said

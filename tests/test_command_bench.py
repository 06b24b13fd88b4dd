"""`cbackprop bench`: it checks each rival before it times it, and hides no row that loses."""

import numpy as np
import pytest

from cbackprop._command import bench, rivals
from support.command import run


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "SHAPES", (([784, 8, 10], 10, 3.0),))
    monkeypatch.setattr(bench, "MOST_EXAMPLES", 300)
    monkeypatch.setattr(bench, "ROUNDS", 3)
    monkeypatch.setattr(bench, "LEARNING_EPOCHS", 20)


def rows_of(lines):
    (start,) = (i for i, line in enumerate(lines) if line.startswith("784-8-10, mini-batches of 10"))
    return lines[start + 1 :]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_row_for_each_that_is_installed(capsys, dtype):
    status, lines, _ = run(capsys, "bench", "--seconds", "0.5", "--dtype", dtype)
    assert status == 0
    assert "Python 3" in lines[0]
    assert "numpy " in lines[1]
    rows = rows_of(lines)
    assert [row[2:20].strip() for row in rows] == [rival.name for rival in rivals.installed()]
    assert "1.00 times" in rows[0]
    assert all("parameters differ by" in row for row in rows[1:3])
    assert not any("WRONG" in row for row in rows)


def test_who_learns_something_else_is_named(capsys, monkeypatch):
    class Wrong(rivals.Matrices):
        name = "half a gradient"

        def train(self, epochs):
            self.job = self.job._replace(eta=self.job.eta / 2)
            super().train(epochs)

    class Ignorant(rivals.OurSoftmax):
        name, trains_same_cost = "no gradient", False

        def train(self, epochs):
            pass

    monkeypatch.setattr(bench, "installed", lambda: [rivals.Ours, Wrong, Ignorant])
    _, lines, _ = run(capsys, "bench", "--seconds", "0.2")
    rows = rows_of(lines)
    assert "WRONG: parameters differ by" in rows[1]
    assert "WRONG: softmax; reads" in rows[2]


def test_who_is_faster_is_said_to_be(capsys):
    rows = [
        bench.Row("cbackprop", [2.0, 3.0, 9.0], "", False),
        bench.Row("other", [1.0, 1.5, 2.0], "ok", True),
    ]
    first, second = bench._table(rows)
    assert "3000." in first
    assert "1.00 times" in first
    assert "faster" not in first
    assert "0.50 times  faster than cbackprop; ok; a part, scaled up" in second


def test_a_missing_rival_is_left_out(monkeypatch):
    monkeypatch.setattr(rivals, "find_spec", lambda name: None if name in ("torch", "sklearn") else object())
    assert [rival.name for rival in rivals.installed()] == ["cbackprop", "the book's NumPy", "NumPy matrices"]


def test_a_difference_that_is_no_number_is_wrong():
    assert not bench._difference([np.array([np.nan])], [np.array([1.0])]) <= 1

"""The command's verbs, called in this process, and small data for them."""

import csv
import os
import warnings

import numpy as np

from cbackprop.__main__ import main

HEADER = ["id", "width", "height", "kind"]


def run(capsys, *arguments):
    """(exit status, lines of standard output, lines of standard error) of the command."""
    capsys.readouterr()
    with warnings.catch_warnings():
        try:
            status = main([os.fspath(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    out, errors = capsys.readouterr()
    assert "Traceback" not in errors
    return status, out.splitlines(), errors.splitlines()


def refused(capsys, *arguments):
    """The message with which the command refuses its arguments, in one line."""
    status, out, errors = run(capsys, *arguments)
    assert status == 2, (out, errors)
    *_, last = errors
    verb = arguments[0]
    assert last.startswith(f"cbackprop {verb}: error: "), last
    assert sum(": error: " in line for line in errors) == 1
    return last.removeprefix(f"cbackprop {verb}: error: ")


def table(n=60, seed=0):
    """Rows of three kinds that two of the columns tell apart."""
    rng = np.random.default_rng(seed)
    kinds = np.array(["oak", "elm", "ash"])[np.arange(n) % 3]
    centres = {"oak": (100.0, 1.0), "elm": (300.0, 2.0), "ash": (200.0, 9.0)}
    rows = []
    for i, kind in enumerate(kinds):
        width, height = rng.normal(centres[kind], (10.0, 0.3))
        rows.append([f"t{i}", f"{width:.3f}", f"{height:.4f}", str(kind)])
    return rows


def write_csv(path, rows, header=HEADER, delimiter=","):
    """A CSV file of these rows."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        if header:
            writer.writerow(header)
        writer.writerows(rows)
    return path

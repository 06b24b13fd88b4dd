"""`cbackprop train`: it prints what SGD prints, saves what it learned, and keeps it after Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import resources

import numpy as np
import pytest

from cbackprop import mnist_loader, network, network2
from cbackprop._files import networks
from support.command import run, table, write_csv
from support.small_mnist import NPZ_NAMES, make_bytes

SAMPLE = resources.files("cbackprop") / "data" / "mnist_sample.npz"
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="signals and terminals as in POSIX")
TREES = ("--target", "kind", "--ignore", "id", "--hidden", "6", "--seed", "1")


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trees(tmp_path):
    return write_csv(tmp_path / "trees.csv", table())


def lines_of_script(body):
    script = (
        "import random, numpy, warnings; warnings.simplefilter('ignore')\n"
        "random.seed(7); numpy.random.seed(7)\n"
        "from cbackprop import mnist_loader, network, network2\n"
        "training_data, validation_data, _ = mnist_loader.load_data_wrapper()\n" + body
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_network_prints_and_learns_what_the_script_does(capsys):
    expected = lines_of_script(
        "net = network.Network([784, 12, 10])\n"
        "net.SGD(training_data, 2, 100, 1.5, test_data=validation_data); net.save('script.npz')\n"
    )
    options = ("--hidden", "12", "--epochs", "2", "--mini-batch-size", "100", "--eta", "1.5", "--seed", "7")
    status, lines, errors = run(capsys, "train", *options, "--save", "command.npz")
    assert (status, lines) == (0, expected)
    assert errors == [
        "cbackprop train: the sample of MNIST in this package: 5,000 examples to train on, 1,000 to measure "
        "on, 10 classes",
        "cbackprop train: --data takes all of MNIST",
        "cbackprop train: saved in command.npz",
    ]
    ours, script = network.load("command.npz"), network.load("script.npz")
    assert all(map(np.array_equal, ours.weights, script.weights))


def test_network2_has_its_options(capsys):
    expected = lines_of_script(
        "net = network2.Network([784, 10], network2.LogLikelihoodCost)\n"
        "net.SGD(training_data, 2, 50, 0.1, 5.0, validation_data, True, True, regularization='L1', mu=0.5,\n"
        "        rule='nesterov', early_stopping_n=4, restore_best=True)\n"
    )
    status, lines, _ = run(
        capsys,
        *("train", "--network", "network2", "--hidden", "none", "--cost", "log-likelihood", "--seed", "7"),
        *(
            "--epochs",
            "2",
            "--mini-batch-size",
            "50",
            "--eta",
            "0.1",
            "--lmbda",
            "5",
            "--regularization",
            "L1",
        ),
        *("--mu", "0.5", "--rule", "nesterov", "--early-stopping-n", "4", "--restore-best"),
        *("--monitor", "evaluation-cost,evaluation_accuracy", "--save", "net.json"),
    )
    assert (status, lines) == (0, expected)
    assert network2.load("net.json").cost is network2.LogLikelihoodCost


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_a_table_is_learnt_and_its_scaling_kept(trees, capsys, suffix):
    status, lines, errors = run(capsys, "train", "--data", trees, *TREES, "--save", f"trees.{suffix}")
    assert status == 0
    assert lines[-1] == "Epoch 29: 12 / 12"
    assert "48 examples to train on, 12 to measure on, 3 classes" in errors[0]
    assert "each column is scaled to mean 0 and standard deviation 1" in errors[1]
    saved = networks.read(f"trees.{suffix}")
    notes = saved["data"]
    assert notes["classes"] == ["ash", "elm", "oak"]
    assert (notes["target"], notes["columns"]) == ("kind", ["width", "height"])
    assert len(notes["shift"]) == len(notes["scale"]) == 2
    assert 150 < notes["shift"][0] < 250
    assert network.load(f"trees.{suffix}").sizes == [2, 6, 3]  # the library reads it too


def test_scaling_by_choice(trees, capsys):
    for how, shift, scale in (("none", [0, 0], [1, 1]), ("pixels", [0, 0], [256, 256])):
        run(capsys, "train", "--data", trees, *TREES, "--epochs", "1", "--scale", how, "--save", "net.json")
        notes = networks.read("net.json")["data"]
        assert (notes["shift"], notes["scale"]) == (shift, scale)


def test_grey_values_and_constant_columns_are_scaled_by_themselves(tmp_path, capsys):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (40, 16))
    header = [*(f"p{i}" for i in range(16)), "y"]
    write_csv(tmp_path / "grey.csv", [[*row, i % 2] for i, row in enumerate(grey)], header)
    _, _, errors = run(
        capsys, "train", "--data", "grey.csv", "--target", "y", "--epochs", "1", "--save", "g.json"
    )
    assert "divided by 256" in errors[1]
    write_csv(tmp_path / "flat.csv", [[7, i, i % 2] for i in range(40)], ["flat", "x", "y"])
    run(capsys, "train", "--data", "flat.csv", "--target", "y", "--epochs", "1", "--save", "f.json")
    assert networks.read("f.json")["data"]["scale"][0] == 1


def test_parquet_is_read_as_csv_is(trees, capsys):
    pa = pytest.importorskip("pyarrow", reason='needs the extra "command"')
    from pyarrow import parquet  # noqa: PLC0415

    rows = table()
    columns = list(zip(*rows, strict=True))
    data = {
        "id": columns[0],
        "width": list(map(float, columns[1])),
        "height": list(map(float, columns[2])),
        "kind": pa.array(columns[3]).dictionary_encode(),
    }
    parquet.write_table(pa.table(data), "trees.parquet")
    for name in ("trees.csv", "trees.parquet"):
        run(capsys, "train", "--data", name, *TREES, "--epochs", "3", "--save", f"{name}.json")
    with open("trees.csv.json", encoding="ascii") as one, open("trees.parquet.json", encoding="ascii") as two:
        assert json.load(one) == json.load(two)


def test_classes_are_ordered_by_their_numbers(tmp_path, capsys):
    rows = [[i, c] for i, c in enumerate(["10", "9", "2"] * 8)]
    write_csv(tmp_path / "numbers.csv", rows, ["x", "y"])
    run(capsys, "train", "--data", "numbers.csv", "--target", "y", "--epochs", "1", "--save", "n.json")
    assert networks.read("n.json")["data"]["classes"] == ["2", "9", "10"]


@pytest.mark.parametrize(("delimiter", "name"), [(";", "a.csv"), ("\t", "a.tsv")])
def test_other_delimiters(capsys, tmp_path, delimiter, name):
    write_csv(tmp_path / name, table(), delimiter=delimiter)
    status, lines, _ = run(capsys, "train", "--data", name, *TREES)
    assert (status, lines[-1]) == (0, "Epoch 29: 12 / 12")


def test_validation_by_share_by_file_and_none(trees, tmp_path, capsys):
    write_csv(tmp_path / "more.csv", table(15, 5))
    short = ("train", "--data", trees, *TREES, "--epochs", "1")
    assert re.fullmatch(r"Epoch 0: \d+ / 30", run(capsys, *short, "--validation", "0.5")[1][0])
    assert re.fullmatch(r"Epoch 0: \d+ / 15", run(capsys, *short, "--validation", "more.csv")[1][0])
    assert run(capsys, *short, "--validation", "0")[1] == ["Epoch 0 complete"]
    assert run(capsys, *short, "--validation", "0", "--network", "network2")[1] == [
        "Epoch 0 training complete",
        "",
    ]


def test_mnist_files_are_read_by_the_loader(tmp_path, capsys):
    np.savez(tmp_path / "digits.npz", **dict(zip(NPZ_NAMES, make_bytes(), strict=True)))
    status, lines, errors = run(capsys, "train", "--data", "digits.npz", "--epochs", "1")
    assert status == 0
    assert errors[0].startswith("cbackprop train: digits.npz: 10 examples to train on, ")
    assert re.fullmatch(r"Epoch 0(: \d+ / \d+| complete)", lines[0])


def test_mnist_without_validation_images_trains_all_the_same(capsys, monkeypatch):
    (X, labels), _, test = mnist_loader.load_data(SAMPLE)
    parts = (X[:50], labels[:50]), (X[:0], labels[:0]), test
    monkeypatch.setattr(mnist_loader, "load_data", lambda path: parts)
    status, lines, errors = run(capsys, "train", "--network", "network2", "--epochs", "1")
    assert (status, lines) == (0, ["Epoch 0 training complete", ""])
    assert errors[0].endswith("50 examples to train on, none to measure on, 10 classes")


def test_a_folder_of_images_by_class(tmp_path, capsys):
    pil = pytest.importorskip("PIL.Image", reason='needs the extra "images"')
    rng = np.random.default_rng(0)
    for name in ("bar", "box"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for i in range(12):
            image = np.full((50, 60), 255, np.uint8)
            y, x = rng.integers(2, 15, 2)
            image[y : y + 30, x : x + (6 if name == "bar" else 30)] = 10
            suffix = ("png", "jpg", "JPEG")[i % 3]
            pil.fromarray(image).save(tmp_path / "shapes" / name / f"{i}.{suffix}")
    (tmp_path / "shapes" / ".hidden").mkdir()
    (tmp_path / "shapes" / "bar" / "notes.txt").write_text("not an image")
    status, lines, errors = run(
        capsys, "train", "--data", "shapes", "--seed", "1", "--epochs", "60", "--save", "s.json"
    )
    assert status == 0
    assert "20 examples to train on, 4 to measure on, 2 classes" in errors[0]
    assert lines[-1] == "Epoch 59: 4 / 4"
    assert networks.read("s.json")["data"] == {"kind": "images", "classes": ["bar", "box"]}
    status, lines, _ = run(capsys, "evaluate", "s.json", "--data", "shapes")
    assert lines[0].startswith("accuracy=1 right=24 n=24 cost=")
    status, lines, _ = run(capsys, "predict", "s.json", "shapes/box/0.png", "shapes/bar/1.jpg")
    assert [line.split("\t")[:2] for line in lines] == [
        ["shapes/box/0.png", "box"],
        ["shapes/bar/1.jpg", "bar"],
    ]


def test_what_is_not_saved_is_said_to_be_lost(trees, capsys):
    *_, last = run(capsys, "train", "--data", trees, *TREES, "--epochs", "1")[2]
    assert "is not kept; --save" in last


def test_a_diverging_run_warns_in_one_line(trees, capsys):
    _, _, errors = run(
        capsys,
        *("train", "--data", trees, *TREES, "--network", "network2", "--lmbda", "1e308", "--epochs", "3"),
    )
    assert sum("warning: epoch 0: a weight or bias became NaN or infinite" in line for line in errors) == 1


# ---- Ctrl-C, terminals ----


def started(*arguments, **options):
    # A job in the background ignores SIGINT, and so would its child.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen([sys.executable, "-m", "cbackprop", *arguments], **options)
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)


@POSIX_ONLY
@pytest.mark.parametrize("kind", ["network", "network2"])
def test_ctrl_c_saves_and_exits_with_130(tmp_path, kind):
    (tmp_path / "net.json").write_text("an older file")
    options = ("--network", kind, "--epochs", "1000000", "--seed", "3", "--save", "net.json")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with started("train", *options, **pipes) as process:
        assert process.stdout.readline().startswith("Epoch 0")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    *_, before, last = errors.splitlines()
    assert re.fullmatch(r"cbackprop train: interrupted after \d+ of 1000000 epochs", before)
    assert last == "cbackprop train: saved what was learned until then in net.json"
    assert "Traceback" not in errors
    net = network2.load(tmp_path / "net.json")
    assert all(np.isfinite(w).all() for w in net.weights)
    assert sorted(os.listdir(tmp_path)) == ["net.json"]


@POSIX_ONLY
def test_ctrl_c_without_save_exits_with_130(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with started("train", "--epochs", "1000000", **pipes) as process:
        assert process.stdout.readline().startswith("Epoch 0")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "is not kept" in errors.splitlines()[-1]


def shown_on_a_terminal(tmp_path, *python):
    """What the command writes to a terminal."""
    import pty  # noqa: PLC0415  (POSIX has them)
    import termios  # noqa: PLC0415

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (30, 100))
    write_csv(tmp_path / "trees.csv", table())
    arguments = ("train", "--data", "trees.csv", *TREES, "--save", "net.json")
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, *(python or ("-m", "cbackprop")), *arguments],
        **{"stdin": slave, "stdout": slave, "stderr": slave, "cwd": tmp_path, "env": environment},
    )
    os.close(slave)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(timeout=30) == 0
    return shown.decode()


@POSIX_ONLY
def test_a_terminal_shows_a_bar(tmp_path):
    pytest.importorskip("tqdm", reason='needs the extra "command"')
    shown = shown_on_a_terminal(tmp_path)
    assert "30/30" in shown
    assert "right=12 / 12" in shown
    assert "Epoch 0:" not in shown
    assert network.load(tmp_path / "net.json").sizes == [2, 6, 3]


@POSIX_ONLY
def test_a_terminal_without_tqdm_shows_the_lines(tmp_path):
    code = "import sys; sys.modules['tqdm'] = None; from cbackprop.__main__ import main; main()"
    assert "Epoch 29: 12 / 12" in shown_on_a_terminal(tmp_path, "-c", code)

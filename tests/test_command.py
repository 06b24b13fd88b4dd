"""The command's verbs: what they train, save, say and refuse."""

import json
import os
import pickle
import random
import re
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.__main__ import main
from cbackprop._command import bench

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="signals as in POSIX")
GENERATOR = np.random.default_rng(5)
COLOURS = {"red": 0, "green": 1, "blue": 2}
COLUMNS = ["width", "height", "weight"]


def flowers(n):
    """Rows of three numbers that tell three classes apart, and the classes' names."""
    labels = np.arange(n) % 3
    X = 50 + 10 * GENERATOR.random((n, 3))
    X[np.arange(n), labels] += 40
    return X, np.array(list(COLOURS))[labels]


def write_csv(path, X, names=None, columns=(*COLUMNS, "colour")):
    rows = [",".join(columns[: X.shape[1] + (names is not None)])]
    for i, x in enumerate(X):
        rows.append(",".join([*(f"{number:.6f}" for number in x), *([] if names is None else [names[i]])]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a verb in an empty folder: (exit status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)

    def run(*words, status=0):
        try:
            found = main([str(word) for word in words])
        except SystemExit as end:
            found = end.code
        out, err = capsys.readouterr()
        assert found == status, err
        return out, err

    return run


def refused(run, *words):
    """The one line with which a verb refuses."""
    out, err = run(*words, status=2)
    lines = err.strip().splitlines()
    assert out == "" and lines[-1].startswith(f"cbackprop {words[0]}: error: ")
    assert sum("error" in line for line in lines) == 1 and "Traceback" not in err
    return lines[-1]


@pytest.fixture
def table(tmp_path):
    return write_csv(tmp_path / "flowers.csv", *flowers(150))


@pytest.fixture
def trained(run, table, tmp_path):
    """A network of a table, in a file."""
    path = tmp_path / "flowers.json"
    run(
        "train",
        "--data",
        table,
        "--target",
        "colour",
        "--hidden",
        "8",
        "--epochs",
        "30",
        "--seed",
        "1",
        "--save",
        path,
    )
    return path


# ---- train ----


def test_a_table_is_learnt_and_new_rows_are_answered(run, trained, tmp_path):
    """Columns are found by name, in another order too, and scaled as those of the training data were."""
    X, names = flowers(60)
    turned = write_csv(tmp_path / "new.csv", X[:, ::-1], columns=COLUMNS[::-1])
    out, _ = run("predict", trained, turned)
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[0] for line in lines] == [f"{turned}:{i}" for i in range(1, 61)]
    assert np.mean([line[1] == name for line, name in zip(lines, names)]) > 0.9
    assert all(0 <= float(line[2]) <= 1 for line in lines)


def test_the_lines_of_sgd_are_printed(run, table):
    words = ("train", "--data", table, "--target", "colour", "--hidden", "4", "--epochs", "2", "--seed", "1")
    out, err = run(*words)
    assert re.fullmatch(r"Epoch 0: \d+ / 30\nEpoch 1: \d+ / 30\n", out)
    assert "120 examples to train on, 30 to measure on, 3 classes" in err and "not kept" in err
    assert run(*words)[0] == out
    better = run(*words, "--network", "network2", "--monitor", "training_cost,evaluation-accuracy")[0]
    assert re.search(
        r"Epoch 1 training complete\nCost on training data: [\d.]+\nAccuracy on evaluation data: \d+ / 30",
        better,
    )


def test_network2_has_its_options(run, table, tmp_path):
    path = tmp_path / "net.npz"
    options = (
        "--network network2 --cost log-likelihood --lmbda 0.1 --rule adam --dropout 0.1 --activation tanh"
    )
    stops = "--early-stopping-n 5 --restore-best --dtype float32 --hidden 6,5"
    run(
        "train",
        "--data",
        table,
        "--target",
        "colour",
        "--epochs",
        "3",
        *options.split(),
        *stops.split(),
        "--save",
        path,
    )
    net = network2.load(path)
    assert [len(b) for b in net.biases] == [6, 5, 3] and net.dtype == np.float32
    assert net.cost is network2.LogLikelihoodCost
    out, _ = run("show", path)
    assert "3 - 6 - 5 - 3" in out and "tanh, tanh, softmax" in out and "float32" in out


def test_mnist_trains_as_a_seeded_script_does(run, tmp_path):
    """The book's lines, and the numbers of the library with the same seed."""
    path = tmp_path / "digits.npz"
    out, err = run("train", "--epochs", "1", "--seed", "3", "--save", path)
    assert re.fullmatch(r"Epoch 0: \d+ / 1000\n", out) and "sample" in err
    assert run("train", "--epochs", "1", "--seed", "3", "--save", tmp_path / "again.npz")[0] == out
    nets = [network.load(file) for file in (path, tmp_path / "again.npz")]
    assert all(np.array_equal(a, b) for a, b in zip(nets[0].weights, nets[1].weights))
    right = int(re.search(r"right=(\d+) n=1000", run("evaluate", path)[0])[1])
    assert right > 700


def test_a_folder_of_images_by_class_is_learnt(run, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra images")
    for name, (rows, columns) in {"tall": (40, 8), "wide": (8, 40)}.items():
        (tmp_path / "scans" / name).mkdir(parents=True)
        for i in range(12):
            page = np.full((60, 60), 250, np.uint8)
            page[5 + i % 3 : 5 + i % 3 + rows, 10 : 10 + columns + i % 4] = 20
            image.fromarray(page).save(tmp_path / "scans" / name / f"{i}.png")
    run("train", "--data", "scans", "--epochs", "30", "--hidden", "10", "--seed", "1", "--save", "bars.json")
    out, _ = run("predict", "bars.json", "scans/tall/0.png", "scans/wide/1.png")
    assert [line.split("\t")[1] for line in out.splitlines()] == ["tall", "wide"]
    assert re.match(r"accuracy=1 right=24 n=24 ", run("evaluate", "bars.json", "--data", "scans")[0])
    (tmp_path / "scans" / "tall" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
    assert "0.png" in refused(run, "train", "--data", "scans")


def test_parquet_is_a_table_too(run, trained, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra command")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra command")
    X, names = flowers(50)
    columns = dict(zip(COLUMNS, X.T)) | {"colour": names}
    parquet.write_table(pyarrow.table(columns), tmp_path / "new.parquet")
    as_csv = write_csv(tmp_path / "new.csv", X, names)
    ours, other = (run("evaluate", trained, "--data", file)[0] for file in (tmp_path / "new.parquet", as_csv))
    assert ours.split()[:3] == other.split()[:3]
    (tmp_path / "half.parquet").write_bytes((tmp_path / "new.parquet").read_bytes()[:200])
    assert "half.parquet" in refused(run, "evaluate", trained, "--data", "half.parquet")


@POSIX_ONLY
def test_ctrl_c_saves_what_was_learnt_and_exits_with_130(tmp_path, table):
    """What is saved is a network that answers."""
    words = [
        "train",
        "--data",
        str(table),
        "--target",
        "colour",
        "--epochs",
        "100000000",
        "--save",
        "net.json",
    ]
    # A job in the background ignores SIGINT, and so would its child.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "cbackprop", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    try:
        for _ in range(3):
            assert child.stdout.readline().startswith("Epoch ")
        child.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, err = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 130 and time.monotonic() - begun < 20
    assert re.search(r"interrupted after \d+ of 100000000 epochs", err)
    assert "saved what was learned until then in net.json" in err and "Traceback" not in err
    assert len(network.load(tmp_path / "net.json").weights) == 2


@POSIX_ONLY
def test_a_terminal_shows_a_bar_and_a_pipe_lines(tmp_path, table):
    pytest.importorskip("tqdm", reason="tqdm comes with the extra command")
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    words = ["train", "--data", str(table), "--target", "colour", "--epochs", "3"]
    main_end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # rows, columns
    child = subprocess.Popen(
        [sys.executable, "-m", "cbackprop", *words], cwd=tmp_path, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(main_end, 4096):
            seen += chunk
    except OSError:  # Linux says so at the end
        pass
    os.close(main_end)
    assert child.wait(timeout=30) == 0
    assert b"3/3" in seen and b"Epoch 0: " not in seen


# ---- evaluate, predict, show ----


def test_evaluate_says_the_same_as_the_library(run, trained, tmp_path):
    X, names = flowers(80)
    out, _ = run("evaluate", trained, "--data", write_csv(tmp_path / "new.csv", X, names))
    words = dict(word.split("=") for word in out.split())
    notes = json.loads(trained.read_text())["cbackprop"]["data"]
    assert notes["classes"] == sorted(COLOURS) and notes["columns"] == COLUMNS
    scaled = (np.round(X, 6) - notes["shift"]) / notes["scale"]
    labels = np.array([notes["classes"].index(name) for name in names])
    net = network2.load(trained)
    right = net.accuracy((scaled, labels))
    assert (int(words["right"]), int(words["n"])) == (right, 80)
    assert float(words["accuracy"]) == pytest.approx(right / 80, abs=1e-4)
    assert float(words["cost"]) == pytest.approx(net.total_cost((scaled, labels), 0.0), rel=1e-4)


def test_predict_reads_standard_input(run, trained, monkeypatch, tmp_path):
    X, names = flowers(4)
    text = write_csv(tmp_path / "new.csv", X, names).read_bytes()
    child = subprocess.run(
        [sys.executable, "-m", "cbackprop", "predict", str(trained), "-"],
        input=text, capture_output=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert [line.split(b"\t")[0] for line in child.stdout.splitlines()] == [b"-:1", b"-:2", b"-:3", b"-:4"]
    for data in (b"", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n"):
        child = subprocess.run(
            [sys.executable, "-m", "cbackprop", "predict", str(trained), "-"],
            input=data, capture_output=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert child.returncode == 2 and b"Traceback" not in child.stderr


def test_show_says_what_a_file_holds_and_runs_nothing(run, trained, tmp_path):
    out, _ = run("show", trained)
    for text in (
        "3 - 8 - 3",
        "QuadraticCost",
        "float64",
        "59",
        "class: colour",
        "blue, green, red",
        "width, height, weight",
    ):
        assert text in out
    net = network2.Network([4, 3, 2], cost=network2.LogLikelihoodCost, activation="relu")
    net.save(tmp_path / "plain.npz")
    out, _ = run("show", tmp_path / "plain.npz")
    assert "relu, softmax" in out and "LogLikelihoodCost" in out and "classes" not in out
    (tmp_path / "evil.json").write_bytes(pickle.dumps(net))
    assert "not an intact network" in refused(run, "show", "evil.json")


def test_networks_of_the_library_answer_too(run, tmp_path):
    """They have no notes: classes are numbers, rows are taken as they are."""
    random.seed(0)
    net = network.Network([3, 4, 3], random_state=0)
    X, _ = flowers(20)
    net.save(tmp_path / "net.json")
    out, _ = run("predict", "net.json", write_csv(tmp_path / "new.csv", X / 100))
    answers = [int(line.split("\t")[1]) for line in out.splitlines()]
    assert answers == net.predict(np.round(X / 100, 6)).tolist()


# ---- export, bench ----


def test_export_writes_a_header_and_refuses_what_it_cannot_name(run, trained, tmp_path):
    _, err = run("export", trained, "flowers.h")
    text = (tmp_path / "flowers.h").read_text()
    assert "flowers_feedforward" in text and "FLOWERS_N_IN 3" in text and "wrote flowers.h" in err
    assert "--to names the format" in refused(run, "export", trained, "flowers.xyz")
    (tmp_path / "folder.h").mkdir()
    assert "it is a folder" in refused(run, "export", trained, "folder.h")
    assert not [file for file in os.listdir(tmp_path) if file.startswith(".cbackprop")]


@pytest.mark.parametrize(
    ("name", "library"), [("net.onnx", "onnx"), ("net.safetensors", "safetensors"), ("net.pkl", "sklearn")]
)
def test_export_writes_other_formats_or_says_what_to_install(run, trained, tmp_path, name, library):
    try:
        __import__(library)
    except ImportError:
        line = refused(run, "export", trained, name)
        assert "pip install" in line and not (tmp_path / name).exists()
    else:
        run("export", trained, name)
        assert (tmp_path / name).stat().st_size > 100


def test_bench_times_what_is_installed(run, monkeypatch):
    """Here one shape, and those that need nothing more. Every row has a time, and what was checked."""
    rivals = bench.installed()[:3]
    monkeypatch.setattr(bench, "installed", lambda: rivals)
    monkeypatch.setattr(bench, "SHAPES", bench.SHAPES[:1])
    out, _ = run("bench", "--seconds", "1")
    assert "784-30-10" in out
    for name in ("cbackprop", "the book's NumPy", "NumPy matrices"):
        assert re.search(rf"^  {name} +[\d.e+]+ \(.* times", out, re.MULTILINE), out
    assert out.count("parameters differ by") == 2


# ---- what is refused ----


def broken(tmp_path):
    """Files that are wrong, by the word that must be in the error."""
    files = {
        "empty.csv": "",
        "header.csv": "a,b,colour\n",
        "words.csv": "a,colour\n1,red\ntwo,blue\n",
        "short.csv": "a,b,colour\n1,2,red\n3,blue\n",
        "one.csv": "a,colour\n1,red\n2,red\n",
        "nan.csv": "a,colour\nnan,red\n2,blue\n",
        "twice.csv": "a,a,colour\n1,2,red\n3,4,blue\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "bytes.csv").write_bytes(b"a,colour\n\xff\xfe,red\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "single" / "cats").mkdir(parents=True)
    return [*files, "bytes.csv", "folder", "single", "missing.csv", "missing"]


def test_wrong_data_are_one_clear_line(run, tmp_path):
    for name in broken(tmp_path):
        target = ("--target", "colour") if name.endswith("csv") else ()
        line = refused(run, "train", "--data", name, *target, "--epochs", "1")
        assert name in line, line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "taste"), "taste"),
        ((), "--target"),
        (("--target", "colour", "--save", "net.onnx"), "another format"),
        (("--target", "colour", "--save", "none/net.json"), "no folder"),
        (("--target", "colour", "--lmbda", "5"), "network2"),
        (("--target", "colour", "--sizes", "4,5,3"), "3 inputs"),
        (("--target", "colour", "--hidden", "0"), "hidden"),
        (("--target", "colour", "--eta", "-1"), "eta"),
        (("--target", "colour", "--epochs", "0"), "epochs"),
        (("--target", "colour", "--validation", "2"), "validation"),
        (("--target", "colour", "--ignore", "taste"), "taste"),
        (("--target", "colour", "--network", "network2", "--dropout", "1"), "dropout"),
        (("--target", "colour", "--nonsense"), "nonsense"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_clear_line_before_training(run, table, words, said):
    assert said in refused(run, "train", "--data", table, *words)


def test_what_does_not_fit_the_network_is_refused(run, trained, tmp_path):
    X, _ = flowers(5)
    write_csv(tmp_path / "few.csv", X[:, :2], columns=COLUMNS)
    assert "weight" in refused(run, "predict", trained, "few.csv")
    write_csv(tmp_path / "other.csv", X, ["violet"] * 5)
    assert "violet" in refused(run, "evaluate", trained, "--data", "other.csv")
    assert "missing.json" in refused(run, "predict", "missing.json", "few.csv")
    assert "picture.png" in refused(run, "predict", trained, "picture.png")


@pytest.mark.parametrize("damage", ["classes", "shift", "kind", "unknown"])
def test_damaged_notes_are_refused(run, trained, damage):
    saved = json.loads(trained.read_text())
    notes = saved["cbackprop"]["data"]
    if damage == "unknown":
        notes["more"] = 1
    else:
        notes[damage] = {"classes": ["red"], "shift": [0.0, float("nan"), 0.0], "kind": "sound"}[damage]
    trained.write_text(json.dumps(saved))
    for verb in ("show", "evaluate"):
        assert "not an intact network" in refused(run, verb, trained)
    with pytest.raises(ValueError, match="not an intact network"):
        network2.load(trained)


@pytest.mark.parametrize("verb", ["train", "evaluate", "predict", "show", "export", "bench"])
def test_every_verb_has_help(run, verb):
    out, err = run(verb, "--help")
    assert out.startswith(f"usage: cbackprop {verb}") and "example" in out and err == ""
    assert verb in run("--help")[0]

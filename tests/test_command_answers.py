"""`cbackprop evaluate`, `predict`, `show` and `export`: what they say of saved networks, and write."""

import io
import json
import pickle
import re
import sys
import types
import warnings

import numpy as np
import pytest

from cbackprop import mnist_loader, network, network2
from support.command import run, table, write_csv


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trees(capsys):
    """A network of a table, with the table."""
    write_csv("trees.csv", table())
    run(
        capsys,
        *("train", "--data", "trees.csv", "--target", "kind", "--ignore", "id", "--hidden", "6"),
        *("--seed", "1", "--save", "trees.json"),
    )
    return "trees.json"


@pytest.fixture
def digits():
    """A network of MNIST, saved by the library: without notes."""
    net = network2.Network([784, 10], cost=network2.LogLikelihoodCost, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (X, labels), _, _ = mnist_loader.load_data()
    net.SGD((X, labels), 5, 10, 0.1, verbose=False, random_state=0)
    net.save("digits.npz")
    return net


def test_evaluate_says_what_the_library_does(digits, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = dict(zip(("training", "validation", "test"), mnist_loader.load_data(), strict=True))
    for part in ("test", "validation", "training"):
        data = parts[part]
        n, right = len(data[1]), digits.accuracy(data)
        status, lines, _ = run(capsys, "evaluate", "digits.npz", "--part", part)
        assert status == 0
        cost = digits.total_cost(data, 0.0)
        assert lines == [f"accuracy={right / n:.6g} right={right} n={n} cost={cost:.6g} part={part}"]


def test_evaluate_a_table_by_its_names(trees, capsys):
    """The columns in another order, with others between them."""
    rows = [[row[3], "x", row[2], row[1]] for row in table(21, 3)]
    write_csv("new.csv", rows, ["kind", "note", "height", "width"])
    status, lines, _ = run(capsys, "evaluate", trees, "--data", "new.csv")
    assert status == 0
    assert lines[0].startswith("accuracy=1 right=21 n=21 cost=")


def test_predict_rows_by_their_names(trees, capsys):
    rows = [[row[2], row[1]] for row in table(6, 3)]
    write_csv("new.csv", rows, ["height", "width"])
    status, lines, _ = run(capsys, "predict", trees, "new.csv")
    assert status == 0
    cells = [line.split("\t") for line in lines]
    assert [name for name, _, _ in cells] == [f"new.csv:{i}" for i in range(1, 7)]
    assert [kind for _, kind, _ in cells] == ["oak", "elm", "ash"] * 2
    assert all(re.fullmatch(r"[01]\.\d{4}", probability) for *_, probability in cells)
    # Without a header the columns are those of the training.
    write_csv("bare.csv", [[width, height] for height, width in rows], None)
    assert [line.split("\t")[1:] for line in run(capsys, "predict", trees, "bare.csv")[1]] == [
        cell[1:] for cell in cells
    ]


def test_predicted_probabilities_are_the_networks(digits, capsys):
    X = np.random.default_rng(0).random((5, 784)).round(4)
    write_csv("rows.csv", X.tolist(), None)
    _, lines, _ = run(capsys, "predict", "digits.npz", "rows.csv")
    outputs = digits.predict_proba(X)
    assert lines == [
        f"rows.csv:{i + 1}\t{digit}\t{a[digit]:.4f}"
        for i, (digit, a) in enumerate(zip(outputs.argmax(axis=1), outputs, strict=True))
    ]


def of_standard_input(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(data)))


def test_standard_input_is_a_csv_or_an_image(trees, digits, capsys, monkeypatch):
    of_standard_input(monkeypatch, b"\xef\xbb\xbfwidth,height\r\n100,1\r\n200,9\r\n")
    _, lines, _ = run(capsys, "predict", trees, "-")
    assert [line.split("\t")[:2] for line in lines] == [["-:1", "oak"], ["-:2", "ash"]]
    pil = pytest.importorskip("PIL.Image", reason='needs the extra "images"')
    image = np.full((50, 40), 255, np.uint8)
    image[5:45, 18:23] = 0
    for kind in ("PNG", "JPEG"):
        file = io.BytesIO()
        pil.fromarray(image).save(file, kind)
        of_standard_input(monkeypatch, file.getvalue())
        _, lines, _ = run(capsys, "predict", "digits.npz", "-")
        assert lines[0].startswith("-\t1\t")


def test_grey_values_in_a_table_are_divided_for_a_network_of_images(capsys):
    run(capsys, "train", "--epochs", "1", "--seed", "1", "--save", "net.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = mnist_loader.load_data()[2][0][:5]
    for name, rows in (("scaled.csv", X), ("raw.csv", (X * 256).astype(int))):
        write_csv(name, rows.tolist(), None)
    scaled, raw = (run(capsys, "predict", "net.json", name)[1] for name in ("scaled.csv", "raw.csv"))
    assert [line.split("\t")[1:] for line in scaled] == [line.split("\t")[1:] for line in raw]


def test_one_output_neuron_answers_0_or_1(capsys):
    net = network.Network([2, 1], random_state=0)
    net.weights, net.biases = [np.array([[4.0, 4.0]])], [np.array([[-6.0]])]
    net.save("and.json")
    write_csv("bits.csv", [[0, 1, 0], [1, 1, 1]], ["a", "b", "y"])
    _, lines, _ = run(capsys, "predict", "and.json", "bits.csv", "--ignore", "y")
    assert lines == ["bits.csv:1\t0\t0.8808", "bits.csv:2\t1\t0.8808"]
    _, lines, _ = run(capsys, "evaluate", "and.json", "--data", "bits.csv", "--target", "y")
    assert lines[0].startswith("accuracy=1 right=2 n=2 cost=")


def test_names_that_steer_a_terminal_are_shown_harmless(capsys):
    rows = [[i, ["a\tb\nc\x1b[31m", "é"][i % 2]] for i in range(20)]
    write_csv("odd.csv", rows, ["x", "y"])
    run(
        capsys,
        *("train", "--data", "odd.csv", "--target", "y", "--epochs", "1", "--save", "odd.json"),
    )
    _, lines, _ = run(capsys, "predict", "odd.json", "odd.csv", "--ignore", "y")
    assert len(lines) == 20
    assert all(line.count("\t") == 2 and "\x1b" not in line for line in lines)
    assert "\x1b" not in "".join(run(capsys, "show", "odd.json")[1])


# ---- show ----


def test_show_a_network_of_a_table(trees, capsys):
    status, lines, _ = run(capsys, "show", trees)
    assert status == 0
    shown = dict(re.split(r"  +", line, maxsplit=1) for line in lines)
    assert shown["layers"] == "2 - 6 - 3"
    assert shown["activations"] == "sigmoid, sigmoid"
    assert shown["cost"] == "QuadraticCost"
    assert shown["dtype"] == "float64"
    assert shown["parameters"] == "39"
    assert shown["classes"] == "ash, elm, oak"
    assert shown["inputs"] == "width, height"
    assert "(number − shift) / scale" in shown["scaling"]


def test_show_runs_nothing_and_reads_any_network(capsys):
    class MyCost(network2.QuadraticCost):
        pass

    net = network2.Network([4, 3, 2], MyCost, dtype=np.float32, activation=["relu", "tanh"])
    net.weights[0][0, 0] = np.nan
    net.save("own.json")
    shown = "\n".join(run(capsys, "show", "own.json")[1])
    for text in ("4 - 3 - 2", "relu, tanh", "MyCost, a class of the user's own", "float32", "NaN"):
        assert text in shown
    net = network.Network([4, 3, 2], neuron_activations={(2, 1): "tanh"})
    net.save("net.npz")
    assert any(line.startswith("neuron 1 of layer 2") for line in run(capsys, "show", "net.npz")[1])


def test_show_a_note_of_sizes_that_is_wrong(capsys):
    network2.Network([4, 3, 2]).save("net.json")
    with open("net.json", encoding="ascii") as file:
        data = json.load(file)
    data["sizes"] = [4, 9, 2]
    with open("net.json", "w", encoding="ascii") as file:
        json.dump(data, file)
    assert any(
        "[4, 9, 2], which the arrays do not have" in line for line in run(capsys, "show", "net.json")[1]
    )


# ---- export ----


class Module:
    """What a library's network is here: it can be pickled, and saved."""

    def __init__(self, net):
        self.sizes = [int(n) for n in net.sizes]

    def save(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write(f"keras {self.sizes}")


@pytest.fixture
def exchange(monkeypatch):
    """A module in the place of cbackprop.export, which writes what it was asked for."""

    def writes(kind):
        def write(net, path):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{kind} {[int(n) for n in net.sizes]}")

        return write

    module = types.ModuleType("cbackprop.export")
    for kind in ("onnx", "safetensors", "c"):
        setattr(module, f"to_{kind}", writes(kind))
    for kind in ("torch", "keras", "sklearn"):
        setattr(module, f"to_{kind}", Module)
    torch = types.ModuleType("torch")
    torch.save = lambda module, path: module.save(path)
    monkeypatch.setitem(sys.modules, "cbackprop.export", module)
    monkeypatch.setitem(sys.modules, "torch", torch)


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        (("net.onnx",), "onnx [2, 6, 3]"),
        (("net.SAFETENSORS",), "safetensors [2, 6, 3]"),
        (("net.h",), "c [2, 6, 3]"),
        (("net.pt",), "keras [2, 6, 3]"),
        (("net.pth",), "keras [2, 6, 3]"),
        (("net.keras",), "keras [2, 6, 3]"),
        (("net.bin", "--to", "safetensors"), "safetensors [2, 6, 3]"),
        (("net.onnx", "--to", "c"), "c [2, 6, 3]"),
    ],
)
def test_export_by_suffix_and_by_name(trees, exchange, capsys, tmp_path, arguments, content):
    before = set(tmp_path.iterdir())
    status, _, errors = run(capsys, "export", trees, *arguments)
    assert status == 0
    assert errors[-1].startswith(f"cbackprop export: wrote {arguments[0]}, ")
    assert (tmp_path / arguments[0]).read_text() == content
    assert set(tmp_path.iterdir()) - before == {tmp_path / arguments[0]}


def test_export_for_scikit_learn_is_a_pickle(trees, exchange, capsys):
    run(capsys, "export", trees, "net.pkl")
    with open("net.pkl", "rb") as file:
        assert pickle.load(file).sizes == [2, 6, 3]


def test_an_export_that_fails_leaves_the_old_file(trees, exchange, capsys, tmp_path, monkeypatch):
    def fail(module, path):
        with open(path, "w", encoding="ascii") as file:
            file.write("half")
        raise ValueError("softmax cannot be said in Keras")

    monkeypatch.setattr(Module, "save", fail)
    (tmp_path / "net.keras").write_text("old")
    before = set(tmp_path.iterdir())
    status, _, errors = run(capsys, "export", trees, "net.keras")
    assert (status, errors) == (2, ["cbackprop export: error: softmax cannot be said in Keras"])
    assert (tmp_path / "net.keras").read_text() == "old"
    assert set(tmp_path.iterdir()) == before


def test_a_missing_library_says_what_to_install(trees, exchange, capsys, monkeypatch):
    def missing(net, path):
        raise ImportError('ONNX needs onnx: pip install "cbackprop[export]"')

    monkeypatch.setattr(sys.modules["cbackprop.export"], "to_onnx", missing)
    assert run(capsys, "export", trees, "net.onnx")[2] == [
        'cbackprop export: error: ONNX needs onnx: pip install "cbackprop[export]"'
    ]

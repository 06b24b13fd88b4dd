"""Whatever is wrong with the command's arguments and files, one line says it, and the exit status is 2."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.__main__ import main
from cbackprop._command import VERBS
from support.command import refused, run, table, write_csv


@pytest.fixture(autouse=True)
def files(monkeypatch, tmp_path):
    """Networks and data, right and wrong, in an empty folder."""
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)
    monkeypatch.chdir(tmp_path)
    write_csv("trees.csv", table())
    network.Network([784, 10]).save("digits.json")
    network.Network([4, 3]).save("four.npz")
    with open("digits.json", encoding="ascii") as file:
        text = file.read()
    written = {
        "half.json": text[: len(text) // 2],
        "empty": "",
        "empty.csv": "",
        "blank.csv": "\n\n",
        "header.csv": "a,b,kind\n",
        "text.csv": "a,b,kind\n1,2,x\n1,two,y\n",
        "gap.csv": "a,b,kind\n1,,x\n",
        "nan.csv": "a,b,kind\n1,2,x\n1,nan,y\n",
        "huge.csv": "a,b,kind\n1,1e999,x\n",
        "short.csv": "a,b,kind\n1,2,x\n3,y\n",
        "long.csv": "a,b,kind\n1,2,x\n3,4,y,5\n",
        "twice.csv": "a,a,kind\n1,2,x\n",
        "one.csv": "a,b,kind\n1,2,x\n3,4,x\n",
        "no_class.csv": "a,b,kind\n1,2,x\n3,4,\n",
        "fraction.csv": "a,kind\n1,0.5\n2,1.5\n",
        "ids.csv": "a,kind\n" + "".join(f"{i},name{i}\n" for i in range(150)),
        "only.csv": "kind\nx\ny\n",
        "bare.csv": "1,2,3\n4,5,6\n",
        "quote.csv": 'a,b,kind\n1,"2,x\n' + "y" * 200_000,
        "zero.csv": "a,b,kind\n1,2,x\0\n3,4,y\n",
        "fake.parquet": "PAR1 this is not Parquet",
        "fake.png": "this is no image",
        "deep.json": "[" * 100_000,
    }
    for name, content in written.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "latin.csv").write_bytes("a,kind\n1,\xe9\n".encode("latin-1"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "classes" / "a").mkdir(parents=True)
    (tmp_path / "classes" / "b").mkdir()
    for name in ("a/1.png", "b/2.jpg"):
        (tmp_path / "classes" / name).write_bytes(b"no image")
    return tmp_path


TREES = ("train", "--target", "kind", "--data")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "none"), "there is no none"),
        (("--data", "folder"), "neither mnist.pkl.gz nor mnist.npz"),
        (("--data", "empty"), "empty: "),
        (("--data", "none.csv", "--target", "kind"), "No such file or directory: none.csv"),
        (("--data", "trees.csv"), "--target names the column"),
        (("--target", "kind"), "--target is for tables, and MNIST is none"),
        (("--scale", "none"), "--scale is for tables"),
        ((*TREES[1:], "trees.csv"), "column 'id' holds 't0'; expected a number; --ignore"),
        (
            ("--data", "trees.csv", "--target", "sort"),
            "has no column 'sort'; its columns are",
        ),
        ((*TREES[1:], "trees.csv", "--ignore", "name"), "has no column 'name'"),
        ((*TREES[1:], "empty.csv"), "empty.csv is empty"),
        ((*TREES[1:], "blank.csv"), "begins with an empty line"),
        ((*TREES[1:], "header.csv"), "header.csv has no rows"),
        ((*TREES[1:], "text.csv"), "line 3: column 'b' holds 'two'; expected a number"),
        ((*TREES[1:], "gap.csv"), "line 2: column 'b' holds ''"),
        ((*TREES[1:], "nan.csv"), "line 3: column 'b' holds 'nan'"),
        ((*TREES[1:], "huge.csv"), "line 2: column 'b' holds '1e999'"),
        ((*TREES[1:], "short.csv"), "line 3 has 2 cells, the first line 3"),
        ((*TREES[1:], "long.csv"), "line 3 has 4 cells, the first line 3"),
        ((*TREES[1:], "twice.csv"), "has two columns 'a'"),
        ((*TREES[1:], "one.csv"), "all examples are of one class, x"),
        ((*TREES[1:], "no_class.csv"), "line 3 has no kind, the class"),
        ((*TREES[1:], "fraction.csv"), "holds 0.5; expected classes"),
        ((*TREES[1:], "ids.csv"), "150 different values in 150 rows"),
        ((*TREES[1:], "only.csv"), "no columns of numbers beside kind"),
        ((*TREES[1:], "bare.csv"), "the first line must name the columns"),
        ((*TREES[1:], "quote.csv"), "is not CSV: field larger"),
        ((*TREES[1:], "latin.csv"), "latin.csv is not a text in UTF-8"),
        ((*TREES[1:], "fake.parquet"), "fake.parquet is not an intact Parquet file"),
        ((*TREES[1:], "folder/none.parquet"), "No such file or directory: folder/none.parquet"),
        (("--data", "classes"), "classes/a/1.png is not a PNG or JPEG"),
        (
            ("--sizes", "784,30,9"),
            "begins with 784 and ends with 9; these data have 784 inputs and 10 classes",
        ),
        (("--sizes", "784"), "give two or more layers"),
        (("--hidden", "a"), "'a' is not a list of whole numbers"),
        (("--hidden", "0"), "a layer has at least 1 neuron"),
        (("--hidden", "3", "--sizes", "784,10"), "not allowed with"),
        (("--hidden", "99999999999999"), ""),
        (("--epochs", "0"), "argument --epochs: '0' is not a whole number from 1"),
        (("--eta", "-1"), "argument --eta: '-1' is not a number above 0"),
        (("--seed", "x"), "argument --seed: 'x'"),
        (("--validation", "1.5"), "neither a share from 0 to below 1 nor a path"),
        (("--validation", "nan"), "neither a share"),
        (("--validation", "trees.csv"), "not of the kind of the training data"),
        (("--lmbda", "5"), "--lmbda is an option of network2: add --network network2"),
        (("--early-stopping-n", "3"), "--early-stopping-n is an option of network2"),
        (("--network", "network2", "--mu", "2"), "mu is 2"),
        (("--network", "network2", "--dropout", "1"), "'1' is not a number from 0 to below 1"),
        (("--network", "network2", "--monitor", "loss"), "'loss' is not a list of evaluation_accuracy"),
        (("--network", "network2", "--validation", "0", "--restore-best"), "evaluation_data is None"),
        (("--save", "net.onnx"), "another format; save a .json or .npz, which `cbackprop export` converts"),
        (("--save", "folder"), "that is a folder"),
        (("--save", "none/net.json"), "there is no folder"),
        (("--network", "network3"), "invalid choice: 'network3'"),
        (("digits",), "unrecognized arguments: digits"),
    ],
)
def test_train(arguments, said, capsys):
    if "fake.parquet" in arguments or "folder/none.parquet" in arguments:
        pytest.importorskip("pyarrow", reason='needs the extra "command"')
    if "classes" in arguments:
        pytest.importorskip("PIL", reason='needs the extra "images"')
    assert said in refused(capsys, "train", *arguments)


def test_a_zero_byte_in_a_table_is_refused_or_part_of_a_name(capsys):
    status, _, errors = run(capsys, *TREES, "zero.csv", "--epochs", "1")
    assert status in (0, 2)
    assert not any("\0" in line for line in errors)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none",), "No such file or directory: none"),
        (("folder",), "Is a directory: folder"),
        (("half.json",), "half.json: not an intact network"),
        (("empty",), "empty: not an intact network"),
        (("deep.json",), "deep.json: not an intact network"),
        (("trees.csv",), "trees.csv: not an intact network"),
        (("digits.json", "--data", "none"), "there is no none"),
        (("digits.json", "--data", "trees.csv"), "--target names the column"),
        (
            ("digits.json", "--data", "trees.csv", "--target", "kind"),
            "3 columns of numbers, and the network 784",
        ),
        (("four.npz",), "images have 784 pixels, and this network 4 inputs"),
        (("digits.json", "--target", "kind"), "are for tables"),
        (("digits.json", "--data", "trees.csv", "--part", "test"), "--part is for MNIST"),
        ((), "the following arguments are required: FILE"),
    ],
)
def test_evaluate(arguments, said, capsys):
    assert said in refused(capsys, "evaluate", *arguments)


def test_evaluate_a_class_that_the_network_does_not_have(capsys):
    write_csv("four.csv", [[1, 2, 3, 4, "0"], [1, 2, 3, 4, "7"]], [*"abcd", "kind"])
    said = refused(capsys, "evaluate", "four.npz", "--data", "four.csv", "--target", "kind")
    assert said == "four.csv has the class '7', which the network does not have; it has 0, 1, 2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("half.json", "1.png"), "half.json: not an intact network"),
        (("digits.json", "none.png"), "No such file or directory: none.png"),
        (("digits.json", "fake.png"), "fake.png is not a PNG or JPEG image"),
        (("digits.json", "folder"), "Is a directory: folder"),
        (("digits.json", "empty.csv"), "empty.csv is empty"),
        (("digits.json", "bare.csv"), "bare.csv has 3 columns of numbers, and the network 784 inputs"),
        (("four.npz", "fake.png"), "fake.png is not a table; images have 784 pixels"),
        (("four.npz", "trees.csv", "--ignore", "kind"), "has 3 columns of numbers, and the network 4"),
        (("digits.json", "-", "-"), "- is given twice"),
        (("digits.json",), "the following arguments are required: INPUT"),
    ],
)
def test_predict(arguments, said, capsys):
    if "fake.png" in arguments or "none.png" in arguments:
        pytest.importorskip("PIL", reason='needs the extra "images"')
    assert said in refused(capsys, "predict", *arguments)


def test_predict_without_a_column_of_the_training(capsys):
    run(capsys, *TREES, "trees.csv", "--ignore", "id", "--epochs", "1", "--save", "trees.json")
    write_csv("new.csv", [[1, 2]], ["width", "depth"])
    assert "has no column 'height'; its columns are width, depth" in refused(
        capsys, "predict", "trees.json", "new.csv"
    )
    assert "takes rows of 2 numbers" in refused(capsys, "predict", "trees.json", "fake.png")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\nrest", b"a,b\n1,x\n"])
def test_predict_from_a_wrong_standard_input(data):
    done = subprocess.run(
        [sys.executable, "-m", "cbackprop", "predict", "digits.json", "-"],
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"cbackprop predict: error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none",), "No such file or directory"),
        (("half.json",), "not an intact network"),
        (("fake.png",), "not an intact network"),
        ((), "required: FILE"),
    ],
)
def test_show(arguments, said, capsys):
    assert said in refused(capsys, "show", *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("digits.json", "net.xyz"), "has none of the suffixes .onnx"),
        (("digits.json", "net.h", "--to", "rust"), "invalid choice: 'rust'"),
        (("digits.json", "none/net.h"), "cannot be written: no "),
        (("digits.json", "folder", "--to", "c"), "cannot be written: it is a folder"),
        (("half.json", "net.h"), "not an intact network"),
        (("digits.json",), "required: OUT"),
    ],
)
def test_export(arguments, said, capsys):
    assert said in refused(capsys, "export", *arguments)


def test_bench(capsys):
    assert "does not exist" in refused(capsys, "bench", "--data", "none")
    assert "'0' is not a number above 0" in refused(capsys, "bench", "--seconds", "0")


def notes_of(path, **changes):
    with open(path, encoding="ascii") as file:
        data = json.load(file)
    notes = data["cbackprop"]["data"]
    for name, value in changes.items():
        if value is None:
            del notes[name]
        else:
            notes[name] = value
    with open(path, "w", encoding="ascii") as file:
        json.dump(data, file)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "film"},
        {"kind": None},
        {"kind": "images"},
        {"classes": ["a", "b"]},
        {"classes": ["a", "a", "b"]},
        {"classes": [1, 2, 3]},
        {"columns": ["width"]},
        {"columns": "width"},
        {"target": 7},
        {"scale": [1, 0]},
        {"scale": [1, float("nan")]},
        {"shift": [1, "2"]},
        {"shift": [1, 10**400]},
        {"shift": [1]},
        {"shift": None},
        {"more": 1},
    ],
    ids=str,
)
def test_notes_that_are_wrong_are_refused_by_every_reader(changes, capsys):
    run(capsys, *TREES, "trees.csv", "--ignore", "id", "--epochs", "1", "--save", "trees.json")
    assert run(capsys, "predict", "trees.json", "trees.csv")[0] == 0
    notes_of("trees.json", **changes)
    for verb in (("show",), ("predict",)):
        arguments = (*verb, "trees.json", *(["trees.csv"] if verb == ("predict",) else []))
        assert "not an intact network" in refused(capsys, *arguments)
    for module in (network, network2):
        with pytest.raises(ValueError, match="not an intact network"):
            module.load("trees.json")


def test_a_cost_of_the_users_own_is_refused_with_the_way_out(capsys):
    class MyCost(network2.QuadraticCost):
        pass

    network2.Network([4, 3], MyCost).save("own.json")
    assert "load it in Python with cbackprop.network2.load" in refused(
        capsys, "predict", "own.json", "bare.csv"
    )


def test_names_of_files_with_line_breaks_stay_in_one_line(capsys):
    assert refused(capsys, "show", "a\nb\x1b[2J.json").startswith(
        "No such file or directory: a b\\x1b[2J.json"
    )


@pytest.mark.skipif(os.name != "posix", reason="names of files as in POSIX")
def test_names_that_are_not_utf_8(tmp_path):
    name = os.fsdecode(b"\xff\xfe.csv")
    write_csv(tmp_path / name, np.zeros((1, 784)).tolist(), None)
    done = subprocess.run(
        [sys.executable, "-m", "cbackprop", "predict", "digits.json", name],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\t") == 2


def test_without_extras_the_message_says_what_to_install(tmp_path):
    for module, arguments, said in (
        ("pyarrow", (*TREES, "a.parquet"), 'Parquet needs pyarrow: pip install "cbackprop[command]"'),
        ("PIL.Image", ("predict", "digits.json", "fake.png"), 'need Pillow: pip install "cbackprop[images]"'),
    ):
        code = f"import sys; sys.modules[{module!r}] = None\nfrom cbackprop.__main__ import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


# ---- the command itself ----


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(verb, capsys):
    status, lines, errors = run(capsys, verb, "--help")
    assert (status, errors) == (0, [])
    assert lines[0].startswith(f"usage: cbackprop {verb}")
    assert any(line.startswith(f"  cbackprop {verb}") for line in lines)
    assert max(map(len, lines)) <= 120


def test_help_lists_the_verbs(capsys):
    status, lines, _ = run(capsys, "--help")
    assert status == 0
    for verb, text in VERBS.items():
        assert f"  {verb:<10}{text}" in lines


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("evalate", "there is no verb 'evalate'; did you mean evaluate?"),
        ("zzz", "there is no verb 'zzz'; there are train, evaluate"),
        ("main_job", "there is no verb 'main_job'; "),
    ],
)
def test_another_word_is_no_verb(verb, said, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"cbackprop: error: {said}")


def test_help_imports_none_of_the_extras():
    code = (
        "import sys\nfrom cbackprop.__main__ import main\n"
        "for verb in ([], ['train'], ['predict'], ['bench'], ['export']):\n"
        "    try: main([*verb, '--help'])\n    except SystemExit: pass\n"
        "print({'PIL', 'tqdm', 'pyarrow', 'torch', 'sklearn'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "set()"

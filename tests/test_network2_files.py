"""Files of network2: JSON and npz, both ways, to the last bit; whole or not there; never trusted."""

import copy
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import network2

EXTREMES = [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -1 / 3]


class OwnCost(network2.QuadraticCost):
    """A cost of the user's own."""


def network(cost=network2.CrossEntropyCost, **options):
    net = network2.Network([3, 4, 2], cost, **options)
    with np.errstate(over="ignore"):  # float32 has no number that large
        net.weights[0].flat[: len(EXTREMES)] = EXTREMES
    return net


def same(first, second):
    arrays = first.weights + first.biases, second.weights + second.biases
    return all(
        a.tobytes() == b.tobytes() and a.dtype == b.dtype and a.shape == b.shape
        for a, b in zip(*arrays, strict=True)
    )


@pytest.mark.parametrize("name", ["net.json", "net", "net.npz", "NET.NPZ"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "cost", [network2.CrossEntropyCost, network2.QuadraticCost, network2.LogLikelihoodCost]
)
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path, name, dtype, cost):
    net = network(cost, dtype=dtype)
    assert net.save(tmp_path / name) is None
    state = repr(np.random.get_state())
    loaded = network2.load(tmp_path / name)
    assert repr(np.random.get_state()) == state
    assert same(net, loaded)
    assert (loaded.sizes, loaded.num_layers, loaded.cost, loaded.dtype) == (
        [3, 4, 2],
        3,
        cost,
        np.dtype(dtype),
    )
    x = np.ones((3, 1))
    np.testing.assert_array_equal(loaded.feedforward(x), net.feedforward(x))


@pytest.mark.parametrize("code", ["<f8", "<f4"])
def test_npz_is_little_endian_on_every_processor(tmp_path, code):
    """A file's bytes do not tell which processor wrote it; only a big-endian one can fail this."""
    network(dtype=np.dtype(code).type).save(tmp_path / "net.npz")
    with zipfile.ZipFile(tmp_path / "net.npz") as archive:
        headers = [archive.read(name)[:128] for name in archive.namelist() if "network" not in name]
    assert headers and all(f"'descr': '{code}'".encode() in header for header in headers)


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_activations_are_kept(tmp_path, name):
    options = {"activation": ["tanh", "sigmoid"], "neuron_activations": {(2, 1): "relu"}}
    net = network2.Network([3, 4, 2], **options)
    net.save(tmp_path / name)
    loaded = network2.load(str(tmp_path / name))
    assert loaded._cbackprop.activations.layers == net._cbackprop.activations.layers
    np.testing.assert_array_equal(loaded.feedforward(np.ones((3, 1))), net.feedforward(np.ones((3, 1))))


def test_the_json_is_the_books_to_the_letter(tmp_path):
    net = network()
    net.save(tmp_path / "ours")
    data = {
        "sizes": net.sizes,
        "weights": [w.tolist() for w in net.weights],
        "biases": [b.tolist() for b in net.biases],
        "cost": str(net.cost.__name__),
    }
    assert (tmp_path / "ours").read_text() == json.dumps(data)
    # And a book's file, with keys in another order as Python 2 wrote them.
    (tmp_path / "book").write_text(json.dumps(dict(sorted(data.items()))))
    assert same(network2.load(tmp_path / "book"), net)


def test_a_cost_of_the_users_is_named_when_loading(tmp_path):
    net = network(OwnCost)
    net.save(tmp_path / "net")
    with pytest.raises(ValueError, match=r"OwnCost.*pass load\(filename, cost"):
        network2.load(tmp_path / "net")
    assert network2.load(tmp_path / "net", cost=OwnCost).cost is OwnCost
    with pytest.raises(TypeError, match=r"cost is 3; expected a class .* no fn\(a, y\)"):
        network2.load(tmp_path / "net", cost=3)


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_a_cost_put_into_the_module_is_found(tmp_path, name, monkeypatch):
    """The book asks getattr(sys.modules[__name__], name): at the call, whoever has put it there."""
    network(OwnCost).save(tmp_path / name)
    monkeypatch.setattr(network2, "OwnCost", OwnCost, raising=False)
    assert network2.load(tmp_path / name).cost is OwnCost
    costs = r"has the costs .*CrossEntropyCost, .*OwnCost, PoissonCost, QuadraticCost"
    with pytest.raises(ValueError, match=costs):
        network2.load(renamed_cost(tmp_path, "np"))
    network().save(tmp_path / name)
    monkeypatch.setattr(network2, "CrossEntropyCost", OwnCost)
    assert network2.load(tmp_path / name).cost is OwnCost


def renamed_cost(folder, cost):
    """A file of an intact network whose cost is called so."""
    path = folder / "renamed"
    path.write_text(json.dumps({**GOOD, "cost": cost}))
    return path


@pytest.mark.parametrize(
    "cost",
    ["np", "json", "random", "sys", "Network", "sigmoid", "load", "costs", "__builtins__", "__name__", ""],
)
def test_what_the_module_has_beside_costs_is_none(tmp_path, cost):
    path = renamed_cost(tmp_path, cost)
    with pytest.raises(ValueError, match=rf"renamed: the cost is '{cost}'; .* pass load\(filename, cost"):
        network2.load(path)


class OwnLikelihood(network2.LogLikelihoodCost):
    """A cost with the built-in delta, and so a softmax output layer."""


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_another_cost_does_not_change_the_output_layer(tmp_path, name):
    x = np.ones((3, 1))
    for saved, other in ((network2.LogLikelihoodCost, OwnLikelihood), (OwnLikelihood, OwnLikelihood)):
        net = network2.Network([3, 4, 2], saved, activation="tanh")
        net.save(tmp_path / name)
        loaded = network2.load(tmp_path / name, cost=other)
        np.testing.assert_array_equal(loaded.feedforward(x), net.feedforward(x))
        with pytest.raises(ValueError, match=r"not a network for this cost: .*softmax"):
            network2.load(tmp_path / name, cost=network2.QuadraticCost)
    net = network()
    net.cost = network2.LogLikelihoodCost  # sigmoids, which a default would have turned into softmax
    net.save(tmp_path / name)
    with pytest.raises(ValueError, match="softmax output layer go together"):
        network2.load(tmp_path / name)
    assert same(net, network2.load(tmp_path / name, cost=network2.CrossEntropyCost))


# ---- keys that are the user's, and ours ----

OURS = {"dtype": "float32", "activation": ["tanh", "sigmoid"], "neuron_activations": {"2,1": "relu"}}


def described(path):
    if path.suffix != ".npz":
        return json.loads(path.read_text())
    with np.load(path) as archive:
        return json.loads(archive["network"].tobytes())


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_our_words_stand_under_one_key(tmp_path, name):
    options = {"activation": ["tanh", "sigmoid"], "neuron_activations": {(2, 1): "relu"}, "dtype": np.float32}
    network2.Network([3, 4, 2], **options).save(tmp_path / name)
    description = described(tmp_path / name)
    assert set(description) - {"sizes", "weights", "biases", "cost"} == {"cbackprop"}
    assert description["cbackprop"] == OURS


@pytest.mark.parametrize(
    "keys",
    [
        {"activation": "relu"},
        {"dtype": "float"},
        {"dtype": None},
        {"neuron_activations": [1, 2]},
        {"activation": ["gelu", "sigmoid"]},
        {"activation": ["relu"] * 3},
        {"activation": ["relu", "sigmoid"], "epochs": 30},
        {"dtype": "float32", "activation": "relu"},
        {"eta": 0.5, "history": [{"epoch": 1}], "_activations": 3, "velocities": None},
    ],
)
def test_keys_of_the_users_are_ignored(tmp_path, keys):
    net = network()
    net.save(tmp_path / "net")
    (tmp_path / "net").write_text(json.dumps({**json.loads((tmp_path / "net").read_text()), **keys}))
    loaded = network2.load(tmp_path / "net")
    assert same(net, loaded) and loaded.backend.startswith("compiled")
    np.testing.assert_array_equal(loaded.feedforward(np.ones((3, 1))), net.feedforward(np.ones((3, 1))))
    assert set(vars(loaded)) == set(vars(net))


@pytest.mark.parametrize("words", [*({word: OURS[word]} for word in OURS), OURS], ids=str)
@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_files_with_our_words_among_the_books_are_read(tmp_path, name, words):
    """As they were written at first."""
    network2.Network([3, 4, 2]).save(tmp_path / name)
    if name == "net.json":
        data = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps({**data, **words}))
    else:
        with np.load(tmp_path / name) as archive:
            arrays = dict(archive)
        description = json.dumps({**json.loads(arrays["network"].tobytes()), **words}).encode()
        np.savez(tmp_path / name, **{**arrays, "network": np.frombuffer(description, np.uint8)})
    loaded = network2.load(tmp_path / name)
    loaded.save(tmp_path / name)
    assert described(tmp_path / name)["cbackprop"] == words


# ---- the arrays are the network, sizes are a note ----


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
@pytest.mark.parametrize("note", [None, "many", [3, 4, 2], [9] * 9, object()], ids=str)
def test_the_sizes_in_a_file_are_those_of_the_arrays(tmp_path, name, note):
    net = network()
    net.weights = [net.weights[0][1:], net.weights[1][:, 1:]]
    net.biases[0] = net.biases[0][1:]
    net.sizes = note
    net.save(tmp_path / name)
    loaded = network2.load(tmp_path / name)
    assert same(net, loaded) and described(tmp_path / name)["sizes"] == [3, 3, 2]
    assert (loaded.sizes, loaded.num_layers) == ([3, 3, 2], 3)
    assert loaded.feedforward(np.ones((3, 1))).shape == (2, 1)


def test_save_does_not_ask_for_sizes(tmp_path):
    net = network()
    del net.sizes
    net.save(tmp_path / "net")
    assert network2.load(tmp_path / "net").sizes == [3, 4, 2]


@pytest.mark.parametrize("note", [[3, 5, 2], [2], [], [1000000000, 2000000000], [1] * 100_000], ids=len)
def test_the_sizes_that_a_json_notes_are_kept_and_need_not_fit(tmp_path, note):
    """The book's save writes the list that its user had at first."""
    net = network()
    net.save(tmp_path / "net")
    (tmp_path / "net").write_text(json.dumps({**json.loads((tmp_path / "net").read_text()), "sizes": note}))
    loaded = network2.load(tmp_path / "net")
    assert same(net, loaded)
    assert (loaded.sizes, loaded.num_layers) == (note, len(note))


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[0], [4], [], [3, 0, 2], [0, 2], [3, 0], [0, 0, 0], [5, 0, 0, 2]], ids=str)
def test_layers_of_no_neurons_and_networks_of_no_layers(tmp_path, name, dtype, sizes):
    net = network(dtype=dtype)
    net.sizes, net.num_layers = sizes, len(sizes)
    net.weights = [np.ones((n_out, n_in), dtype) for n_in, n_out in zip(sizes, sizes[1:])]
    net.biases = [np.ones((n, 1), dtype) for n in sizes[1:]]
    for cost in (network2.CrossEntropyCost, network2.LogLikelihoodCost):
        if cost is network2.LogLikelihoodCost and len(sizes) > 1:
            continue
        net.cost = cost
        net.save(tmp_path / name)
        loaded = network2.load(tmp_path / name)
        assert same(net, loaded)
        assert (loaded.sizes, loaded.num_layers, loaded.cost) == (sizes, len(sizes), cost)


def test_activations_of_other_layers_are_not_saved(tmp_path):
    """They would make a file that nobody can load."""
    net = network2.Network([3, 4, 2], activation=["tanh", "sigmoid"], neuron_activations={(2, 3): "relu"})
    net.weights = [net.weights[0][1:], net.weights[1][:, 1:]]
    net.biases[0] = net.biases[0][1:]
    with pytest.raises(ValueError, match="there is no neuron 3; layer 2 has neurons 0 to 2"):
        net.save(tmp_path / "net")
    net.weights.append(np.ones((2, 2))), net.biases.append(np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"weights has 3 arrays; .* chosen for a network of 2"):
        net.save(tmp_path / "net")
    assert os.listdir(tmp_path) == []


def test_layers_that_were_cut_off_take_their_activations_along(tmp_path):
    net = network2.Network([3, 4, 2], network2.QuadraticCost, activation=["tanh", "sigmoid"])
    net.weights.pop(), net.biases.pop()
    net.save(tmp_path / "net")
    x = np.ones((3, 1))
    assert (network2.load(tmp_path / "net").feedforward(x) == net.feedforward(x)).all()
    np.testing.assert_allclose(net.feedforward(x), np.tanh(net.weights[0] @ x + net.biases[0]), rtol=1e-14)


# ---- names ----


@pytest.mark.parametrize(
    "suffix", [".onnx", ".pt", ".PTH", ".pkl", ".Pickle", ".h5", ".keras", ".safetensors", ".h"]
)
@pytest.mark.parametrize("kind", [os.fspath, os.fsencode, Path])
def test_a_name_of_another_format_is_refused_before_anything_is_written(tmp_path, suffix, kind):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=rf"net\{suffix}', which names another format; .*JSON .*npz"):
        network().save(kind(path))
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    "name", ["net", "net.txt", "net.json", "net.v1.2", "net.pt.json", "h", "net.pth.bak", "pkl"]
)
def test_any_other_name_is_the_books_json(tmp_path, name):
    net = network()
    net.save(tmp_path / name)
    assert json.loads((tmp_path / name).read_text())["sizes"] == [3, 4, 2]
    assert same(net, network2.load(tmp_path / name))


def test_a_name_that_is_no_longer_written_is_still_read(tmp_path):
    network().save(tmp_path / "net")
    os.rename(tmp_path / "net", tmp_path / "net.pkl")
    assert network2.load(tmp_path / "net.pkl").sizes == [3, 4, 2]


@pytest.mark.parametrize("name", [".npz", "net.NPZ"])
def test_an_npz_by_its_name_is_one_both_ways(tmp_path, name):
    network().save(tmp_path / name)
    assert zipfile.is_zipfile(tmp_path / name)
    assert network2.load(tmp_path / name).sizes == [3, 4, 2]


# Of a network of 3, 4, 2 neurons: the list, the place, the new shape (None: cut out).
MISFITS = [
    ([("weights", 0, (2, 2))], r"weights\[0\] has shape \(2, 2\) and biases\[0\] \(4, 1\)"),
    ([("biases", 1, (2,))], r"weights\[1\] has shape \(2, 4\) and biases\[1\] \(2,\)"),
    (
        [("weights", 0, (5, 3)), ("biases", 0, (5, 1))],
        r"weights\[0\] has shape \(5, 3\) and weights\[1\] \(2, 4\); they do not fit",
    ),
    ([("weights", 1, None)], "weights has 1 arrays and biases 2"),
    ([("weights", 0, (12,))], r"weights\[0\] has shape \(12,\); expected a matrix"),
]


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = tmp_path / "net"
    network().save(path)
    old = path.read_bytes()
    own = network2.Network([3, 2], activation=[network2.Activation(np.tanh, np.cos)], cost=OwnCost)
    with pytest.raises(TypeError, match="user's own"):
        own.save(path)
    for changes, message in MISFITS:
        wrong = network()
        for name, i, shape in changes:
            getattr(wrong, name)[i : i + 1] = [] if shape is None else [np.zeros(shape)]
        with pytest.raises(ValueError, match=message):
            wrong.save(path)
    wrong.weights = None
    with pytest.raises(TypeError, match="weights is NoneType; expected a list of arrays"):
        wrong.save(path)
    complex_ones = network()
    complex_ones.biases[1] = np.zeros((2, 1), complex)
    with pytest.raises(TypeError, match=r"biases\[1\] has dtype complex128"):
        complex_ones.save(path)
    with pytest.raises(TypeError, match="must be a class, which has a name"):
        network(OwnCost()).save(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["net"]


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_fault_while_writing_leaves_the_old_file(tmp_path, monkeypatch, name, fails):
    path = tmp_path / name
    network().save(path)
    old = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="No space"):
        network().save(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == [name]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals, links and modes")
class TestFilesOfPosix:
    @pytest.mark.parametrize("name", ["net.json", "net.npz"])
    def test_a_killed_process_leaves_a_whole_file(self, tmp_path, name):
        path = tmp_path / name
        code = (
            "import sys; from cbackprop import network2\n"
            "net = network2.Network([200, 60, 10])\n"
            "print('ready', flush=True)\n"
            f"while True: net.save({str(path)!r})"
        )
        for wait in (0.05, 0.13, 0.21):
            with subprocess.Popen(
                [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE
            ) as child:
                child.stdout.readline()
                while not path.exists():
                    time.sleep(0.01)
                time.sleep(wait)
                child.send_signal(signal.SIGKILL)
            assert network2.load(path).sizes == [200, 60, 10]

    def test_links_and_modes_are_kept(self, tmp_path):
        path, link = tmp_path / "net", tmp_path / "link"
        network().save(path)
        assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()
        path.chmod(0o640)
        link.symlink_to(path)
        network().save(link)
        assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640

    def test_what_is_no_regular_file_is_written_to(self):
        network().save("/dev/null")
        assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


WRONG_WORDS = [
    ({"dtype": "object"}, "dtype"),
    ({"dtype": ["float32"]}, "dtype"),
    ({"activation": "sigmoid"}, "activation"),
    ({"activation": ["evil"]}, "evil"),
    ({"activation": ["sigmoid"] * 3}, "activation"),
    ({"neuron_activations": {"a,b": "tanh"}}, "invalid literal"),
    ({"neuron_activations": {"9,9": "tanh"}}, "9"),
    ({"neuron_activations": ["tanh"]}, "does not hold names"),
    ({"neuron_activations": {"2,0": 1}}, "does not hold names"),
]
GOOD = {"sizes": [2, 1], "weights": [[[0.5, -1]]], "biases": [[[2.0]]], "cost": "QuadraticCost"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [2, 2147483648]}, "2147483648"),
        ({"sizes": [2, -1]}, "-1"),
        ({"sizes": "21"}, "sizes"),
        ({"sizes": [2.0, 1]}, "sizes"),
        ({"sizes": [True, 1]}, "sizes"),
        ({"sizes": None}, "sizes"),
        ({"weights": [[[0.5, "1"]]]}, "not a row of 2 numbers"),
        ({"weights": [[[0.5, True]]]}, "not a row of 2 numbers"),
        ({"weights": [[[0.5, None]]]}, "not a row of 2 numbers"),
        ({"weights": [[[0.5, [1]]]]}, "not a row of 2 numbers"),
        ({"weights": [[[0.5, 1], [1]]]}, "weights[0][1] is not a row of 2 numbers"),
        ({"weights": [[0.5]]}, "weights[0][0] is not a row"),
        ({"weights": [0.5]}, "weights[0] is not a list of rows"),
        ({"biases": [[2.0]]}, "biases[0][0] is not a row of numbers"),
        ({"weights": [[[0.5, 1], [1, 2]]]}, "weights[0] has shape (2, 2) and biases[0] (1, 1)"),
        ({"weights": []}, "weights has 0 arrays and biases 1"),
        ({"weights": {"0": 1}}, "weights is not a list of matrices"),
        ({"weights": [[[10**400, 1]]]}, "too large"),
        ({"biases": None}, "biases"),
        ({"cost": 3}, "cost"),
        ({"cost": "np.random"}, "np.random"),
        ({"cost": "__import__"}, "__import__"),
        ({"cbackprop": ["float32"]}, "cbackprop is not an object"),
        ({"cbackprop": {"optimizer": "adam"}}, "optimizer, which this version does not know"),
        *(({"cbackprop": words}, message) for words, message in WRONG_WORDS),
        ({"weights": [[]], "biases": [[[1]]]}, "weights[0] has shape (0, 2) and biases[0] (1, 1)"),
    ],
)
def test_hostile_json_is_a_value_error(tmp_path, change, message):
    path = tmp_path / "net"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(ValueError, match="net: ") as caught:
        network2.load(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"3", b"\xff\xfe", b"{", b"[" * 200_000, b'{"sizes": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_object_is_a_value_error(tmp_path, text):
    path = tmp_path / "net"
    path.write_bytes(text)
    with pytest.raises(ValueError, match="net: not an intact network"):
        network2.load(path)


@pytest.mark.parametrize("lacking", ["sizes", "cost", "weights", "biases"])
def test_what_json_lacks_is_named(tmp_path, lacking):
    path = tmp_path / "net"
    path.write_text(json.dumps({name: value for name, value in GOOD.items() if name != lacking}))
    with pytest.raises(ValueError, match=f"net: not an intact network: .*{lacking}"):
        network2.load(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        network2.load(tmp_path / "none")


def npz(path, compress=False, **arrays):
    (np.savez_compressed if compress else np.savez)(path, **arrays)


def parts():
    description = json.dumps({"sizes": [2, 1], "cost": "QuadraticCost"}).encode()
    return {
        "network": np.frombuffer(description, np.uint8),
        "weights_0": np.ones((1, 2)),
        "biases_0": np.zeros((1, 1)),
    }


class TestHostileNpz:
    def test_the_parts_are_a_network(self, tmp_path):
        npz(tmp_path / "net.npz", **parts())
        assert network2.load(tmp_path / "net.npz").sizes == [2, 1]

    def test_either_byte_order_and_fortran_order(self, tmp_path):
        weights = np.asfortranarray([[0.25, -3.0]]).astype(">f8")
        npz(tmp_path / "net.npz", **{**parts(), "weights_0": weights})
        assert network2.load(tmp_path / "net.npz").weights[0].tolist() == [[0.25, -3.0]]

    @pytest.mark.parametrize(
        "change",
        [
            {"weights_0": np.ones((2, 1))},
            {"weights_0": np.ones((1, 2), int)},
            {"weights_0": np.ones((1, 2), complex)},
            {"weights_0": np.array([[None, 1]])},
            {"network": np.ones(3)},
            {"network": np.frombuffer(b"[1]", np.uint8)},
            {"network": np.frombuffer(b'{"sizes": [1000000, 1000000], "cost": "QuadraticCost"}', np.uint8)},
            {"more": np.ones(3)},
        ],
    )
    def test_wrong_arrays(self, tmp_path, change):
        npz(tmp_path / "net.npz", **{**parts(), **change})
        with pytest.raises(ValueError, match=r"net\.npz: not an intact network"):
            network2.load(tmp_path / "net.npz")

    def test_more_layers_than_arrays(self, tmp_path):
        """A list of sizes takes less room in a file than the arrays that it promises."""
        sizes = json.dumps({"sizes": [1] * 100_000, "cost": "QuadraticCost"}).encode()
        npz(tmp_path / "net.npz", **{**parts(), "network": np.frombuffer(sizes, np.uint8)})
        with pytest.raises(ValueError, match=r"sizes is not \[2, 1\], which is what its arrays say"):
            network2.load(tmp_path / "net.npz")

    def test_another_version_of_npy(self, tmp_path):
        npz(tmp_path / "good.npz", **parts())
        with zipfile.ZipFile(tmp_path / "good.npz") as old, zipfile.ZipFile(tmp_path / "net.npz", "w") as new:
            for name in old.namelist():
                if name == "weights_0.npy":
                    with new.open(name, "w") as file:
                        np.lib.format.write_array(file, np.ones((1, 2)), version=(2, 0))
                else:
                    new.writestr(name, old.read(name))
        with pytest.raises(ValueError, match="weights_0 is not an npy file of version 1"):
            network2.load(tmp_path / "net.npz")

    def test_compressed(self, tmp_path):
        npz(tmp_path / "net.npz", compress=True, **parts())
        with pytest.raises(ValueError, match="compressed"):
            network2.load(tmp_path / "net.npz")

    def test_an_array_twice(self, tmp_path):
        npz(tmp_path / "net.npz", **parts())
        with (
            zipfile.ZipFile(tmp_path / "net.npz", "a") as archive,
            pytest.warns(UserWarning, match="Duplicate"),
        ):
            archive.writestr("biases_0.npy", archive.read("biases_0.npy"))
        with pytest.raises(ValueError, match="twice"):
            network2.load(tmp_path / "net.npz")

    def test_arrays_that_overlap(self, tmp_path):
        """A directory may list the same bytes many times: each entry fits into the file, not all of them."""
        n, layer = 200, io.BytesIO()
        np.save(layer, np.ones((30, 30)))
        bias = io.BytesIO()
        np.save(bias, np.ones((30, 1)))
        text = io.BytesIO()
        description = json.dumps({"sizes": [30] * (n + 1), "cost": "QuadraticCost"}).encode()
        np.save(text, np.frombuffer(description, np.uint8))
        path = tmp_path / "net.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("network.npy", text.getvalue())
            for name, data in (("weights", layer), ("biases", bias)):
                archive.writestr(f"{name}_0.npy", data.getvalue())
                for i in range(1, n):
                    entry = copy.copy(archive.getinfo(f"{name}_0.npy"))
                    entry.filename = entry.orig_filename = f"{name}_{i}.npy"
                    archive.filelist.append(entry)
                    archive.NameToInfo[entry.filename] = entry
        with pytest.raises(ValueError, match="not an intact network: its arrays overlap"):
            network2.load(path)

    @pytest.mark.parametrize("shape", [(0, 2**31), (2**31, 0), (0, 2**70), (1, 2, 1), ()], ids=str)
    def test_a_shape_that_no_layer_has(self, tmp_path, shape):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        npz(tmp_path / "good.npz", **parts())
        with zipfile.ZipFile(tmp_path / "good.npz") as old, zipfile.ZipFile(tmp_path / "net.npz", "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name == "weights_0.npy":
                    data = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
                new.writestr(name, data)
        with pytest.raises(ValueError, match=r"not an intact network: weights_0 has shape"):
            network2.load(tmp_path / "net.npz")

    def test_a_header_that_lies_about_the_length(self, tmp_path):
        good = parts()
        npz(tmp_path / "good.npz", **good)
        with zipfile.ZipFile(tmp_path / "good.npz") as old, zipfile.ZipFile(tmp_path / "net.npz", "w") as new:
            for name in old.namelist():
                data = old.read(name)
                new.writestr(name, data[:-8] if name == "weights_0.npy" else data)
        with pytest.raises(ValueError, match="bytes long"):
            network2.load(tmp_path / "net.npz")


@pytest.mark.parametrize("name", ["net.json", "net.npz"])
def test_damaged_files_are_networks_or_value_errors(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("damaged") / name
    network2.Network([3, 2]).save(path)
    whole = path.read_bytes()

    @given(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4),
        st.integers(0, len(whole)),
    )
    def damage(changes, length):
        data = bytearray(whole)
        for place, byte in changes:
            data[place] = byte
        path.write_bytes(data[:length] if length % 3 == 0 else data)
        try:
            net = network2.load(path)
        except ValueError as error:
            assert name in str(error)
        else:
            net.feedforward(np.ones((net.sizes[0], 1)))

    damage()


def test_a_copy_of_a_loaded_network_trains(tmp_path, capsys):
    network2.Network([3, 4, 2]).save(tmp_path / "net")
    net = copy.deepcopy(network2.load(tmp_path / "net"))
    before = net.weights[0].copy()
    net.SGD([(np.ones((3, 1)), np.ones((2, 1)))] * 4, 1, 2, 0.5)
    assert not np.array_equal(net.weights[0], before)

"""`to_safetensors` and `from_safetensors`: every bit and option comes back, and no file is trusted."""

import json
import os
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import export, network, network2
from cbackprop.activations import Activation
from cbackprop.costs import QuadraticCost
from support import exported
from support.agreement import same_bits
from support.strategies import examples

safetensors = pytest.importorskip(
    "safetensors", reason="safetensors, of the extra `export`, is not installed"
)
from safetensors.numpy import load_file  # noqa: E402


@examples(50)
@given(exported.networks())
def test_every_bit_and_option_comes_back(tmp_path_factory, net):
    path = tmp_path_factory.mktemp("safetensors") / "net.safetensors"
    export.to_safetensors(net, path)
    back = export.from_safetensors(path)
    assert type(back) is type(net) and repr(back) == repr(net)
    for ours, theirs in zip(back.weights + back.biases, net.weights + net.biases, strict=True):
        assert ours.dtype == net.dtype and ours.flags.c_contiguous and ours.flags.writeable
        assert ours.tobytes() == theirs.astype(net.dtype).tobytes()
    X = exported.rows(net)
    np.testing.assert_array_equal(back.feedforward(X.T), net.feedforward(X.T))


@pytest.mark.parametrize(
    "net",
    [
        network.Network([4, 3, 2]),
        network2.Network([4, 3, 2]),
        network2.Network([4, 3, 2], network2.PoissonCost, dtype=np.float32),
        network2.Network([4, 3, 2], QuadraticCost, neuron_activations={(2, 0): "tanh", (3, 1): "relu"}),
        network.Network([4]),
        network.Network([3, 0, 2]),
    ],
    ids=repr,
)
def test_each_class_and_cost(net, tmp_path):
    export.to_safetensors(net, os.fsencode(tmp_path / "net"))
    back = export.from_safetensors(os.fsencode(tmp_path / "net"))
    assert type(back) is type(net) and repr(back) == repr(net) and same_bits(back, net)
    assert vars(back).get("cost") is vars(net).get("cost")
    assert back.sizes == [*net.sizes] and back.num_layers == net.num_layers


def test_bits_that_are_no_numbers(tmp_path):
    net = network.Network([3, 2])
    net.weights[0][0] = np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000], "u8").view(
        "f8"
    )
    export.to_safetensors(net, tmp_path / "net")
    assert same_bits(export.from_safetensors(tmp_path / "net"), net)


def test_what_is_in_the_file(tmp_path):
    net = network2.Network([4, 3, 2], dtype=np.float32, activation=["relu", "sigmoid"])
    export.to_safetensors(net, tmp_path / "net.safetensors")
    tensors = load_file(tmp_path / "net.safetensors")
    assert sorted(tensors) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    np.testing.assert_array_equal(tensors["2.bias"], net.biases[1].ravel())
    with safetensors.safe_open(tmp_path / "net.safetensors", "np") as file:
        metadata = file.metadata()
    assert list(metadata) == ["cbackprop"]
    assert json.loads(metadata["cbackprop"]) == {
        "sizes": [4, 3, 2],
        "cost": "CrossEntropyCost",
        "module": "network2",
        "cbackprop": {"dtype": "float32", "activation": ["relu", "sigmoid"]},
    }
    export.to_safetensors(net, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "net.safetensors").read_bytes()


def test_pytorch_loads_it(tmp_path):
    pytest.importorskip("torch", reason="torch, of the extra `test-export`, is not installed")
    from safetensors.torch import load_file  # noqa: PLC0415

    net = network2.Network([4, 3, 2], neuron_activations={(2, 1): "tanh"})
    other = network2.Network([4, 3, 2], neuron_activations={(2, 1): "tanh"})
    export.to_safetensors(net, tmp_path / "net")
    module = export.to_torch(other)
    module.load_state_dict(load_file(tmp_path / "net"))
    assert same_bits(export.from_torch(module), net)


def test_a_cost_of_the_users(tmp_path, monkeypatch):
    class Own:
        fn = staticmethod(lambda a, y: 0.0)
        delta = staticmethod(lambda z, a, y: a - y)

    export.to_safetensors(network2.Network([4, 2], Own), tmp_path / "net")
    with pytest.raises(ValueError, match=r"net: the cost is 'Own', which cbackprop.network2 does not have"):
        export.from_safetensors(tmp_path / "net")
    assert export.from_safetensors(tmp_path / "net", cost=Own).cost is Own
    monkeypatch.setattr(network2, "Own", Own, raising=False)
    assert export.from_safetensors(tmp_path / "net").cost is Own
    with pytest.raises(TypeError, match="cost is"):
        export.from_safetensors(tmp_path / "net", cost=int)
    export.to_safetensors(network.Network([4, 2]), tmp_path / "net")
    with pytest.raises(ValueError, match=r"net: it holds a network of network.py"):
        export.from_safetensors(tmp_path / "net", cost=Own)


def test_what_a_file_cannot_hold(tmp_path):
    class Mine(network.Network):
        def cost_derivative(self, output_activations, y):
            return 2 * (output_activations - y)

    with pytest.raises(TypeError, match=r"cost_derivative is replaced by Mine.*pickle"):
        export.to_safetensors(Mine([2, 2]), tmp_path / "net")
    with pytest.raises(TypeError, match="a file cannot hold"):
        export.to_safetensors(
            network.Network([2, 2], activation=Activation(np.sin, np.cos)), tmp_path / "net"
        )
    with pytest.raises(TypeError, match="net is of <class 'int'>; expected a network"):
        export.to_safetensors(3, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "net"
    export.to_safetensors(network.Network([2, 2]), path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export.to_safetensors(network.Network([3, 2]), path)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


# ---- files that are not trusted ----

WEIGHT, BIAS = ("F64", [1, 2], 16), ("F64", [1], 8)

DESCRIPTION = {"sizes": [2, 1], "cost": "CrossEntropyCost", "module": "network2"}
TENSORS = {"0.weight": WEIGHT, "0.bias": BIAS}


def file_of(description=None, tensors=None, **changes):
    """The bytes of a file of such tensors, all 0, with metadata of these words."""
    header, end = {}, 0
    for name, (dtype, shape, n_bytes) in (TENSORS if tensors is None else tensors).items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + n_bytes]}
        end += n_bytes
    text = description if isinstance(description, str) else json.dumps({**DESCRIPTION, **changes})
    header["__metadata__"] = {"cbackprop": text}
    return packed(header, bytes(end))


def packed(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_the_files_below_would_be_intact(tmp_path):
    (tmp_path / "net").write_bytes(file_of())
    assert repr(export.from_safetensors(tmp_path / "net")).startswith(
        "<Network 2-1, sigmoid, CrossEntropyCost"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an intact network"),
        (b"{}", "not an intact network"),
        (b"\xff" * 8, "not an intact network"),
        (struct.pack("<Q", 2**63) + b"{}", "not an intact network"),
        (file_of()[:-1], "not an intact network"),
        (file_of() + b"\0", "not an intact network"),
        (packed(b"{}", b""), "its metadata has no cbackprop"),
        (packed({"__metadata__": {"format": "pt"}}, b""), "its metadata has no cbackprop"),
        (packed({"__metadata__": {"cbackprop": 1}}, b""), "not an intact network"),
        (file_of("{"), "not an intact network"),
        (file_of("[" * 100_000), "not an intact network"),
        (file_of("[]"), "module is None; expected one of network, network2"),
        (file_of(module="os"), "module is 'os'"),
        (file_of(module=["network"]), "not an intact network"),
        (file_of(sizes="2, 1"), "sizes is not a list"),
        (file_of(sizes=[2**40, 1]), "expected at most"),
        (file_of(sizes=[3, 1]), r"sizes is not \[2, 1\]"),
        (file_of(cost=3), "cost is not a name"),
        (file_of(cost="os"), "the cost is 'os', which cbackprop.network2 does not have"),
        (file_of(cost="Network"), "the cost is 'Network'"),
        (file_of(cost="PoissonCost", cbackprop={"activation": ["sigmoid"]}), "belongs to exponential"),
        (file_of(cbackprop={"activation": ["step"]}), "step"),
        (file_of(cbackprop={"activation": ["tanh", "tanh"]}), "2 entries"),
        (file_of(cbackprop={"dtype": "float32"}), "0.weight has dtype F64; expected F32"),
        (file_of(cbackprop={"dtype": "object"}), "dtype is neither"),
        (file_of(cbackprop={"import": "os"}), "does not know"),
        (file_of(cbackprop={"neuron_activations": {"2,7": "tanh"}}), "no neuron 7"),
        (file_of(module="network"), "it holds a network of network.py, which has no cost but the quadratic"),
        (file_of(tensors={}), r"sizes is not \[\]"),
        (file_of(tensors={"0.weight": WEIGHT}), "other tensors"),
        (file_of(tensors={**TENSORS, "2.weight": ("F64", [1], 8)}), "other tensors"),
        (file_of(tensors={"0.weight": WEIGHT, "0.bias": ("F64", [1, 1], 8)}), "0.bias has shape"),
        (file_of(tensors={"0.weight": ("F64", [2], 16), "0.bias": BIAS}), "0.weight has shape"),
        (file_of(tensors={"0.weight": WEIGHT, "0.bias": ("I64", [1], 8)}), "0.bias has dtype I64"),
        (file_of(tensors={"0.weight": WEIGHT, "0.bias": ("F64", [2], 16)}), "do not fit together"),
        (file_of(tensors={"0.weight": ("F64", [1, 9], 16), "0.bias": BIAS}), "not an intact"),
        (file_of(tensors={"0.weight": ("F64", [2**62, 2**62], 16), "0.bias": BIAS}), "not an intact"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(data, message, tmp_path):
    (tmp_path / "net").write_bytes(data)
    with pytest.raises(ValueError, match=f"net: .*{message}"):
        export.from_safetensors(tmp_path / "net")


@examples(300)
@given(st.integers(0, 2**31))
def test_any_damage_is_a_network_or_a_value_error(tmp_path_factory, seed):
    draw, data = random.Random(seed), bytearray(file_of())
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(data))
        change = draw.randrange(3)
        if change == 0:
            data[place] = draw.randrange(256)
        elif change == 1:
            del data[place : place + draw.randint(1, 9)]
        else:
            data[place:place] = draw.randbytes(draw.randint(1, 9))
    path = tmp_path_factory.getbasetemp() / "net"
    path.write_bytes(data)
    try:
        net = export.from_safetensors(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert net.feedforward(np.zeros((2, 1))).shape == (1, 1)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        export.from_safetensors(tmp_path / "none")
    with pytest.raises(TypeError, match="path is 3; expected the name of a file"):
        export.from_safetensors(3)


def test_what_a_file_would_read_as_another_function_is_refused(tmp_path):
    class Own(network.Network):
        def feedforward(self, a):
            return a

    with pytest.raises(TypeError, match=r"feedforward is replaced.*safetensors cannot hold"):
        export.to_safetensors(Own([3, 3]), tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())

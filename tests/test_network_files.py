"""network.py's networks in files: those of network2, with the quadratic cost, which both modules load."""

import json
import os

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.activations import Activation
from support.agreement import same_bits
from support.examples import dense_examples

SIZES = [6, 5, 3]
DATA = dense_examples(23, SIZES)
NAMES = ["net.json", "net.npz", "net"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_bit_comes_back(name, dtype, tmp_path, capsys):
    net = network.Network(
        SIZES, dtype=dtype, activation=["tanh", "sigmoid"], neuron_activations={(2, 1): "relu"}
    )
    net.weights[0][0, :3] = np.nan, np.inf, -0.0
    net.save(tmp_path / name)
    loaded = network.load(os.fsencode(tmp_path / name))
    assert type(loaded) is network.Network and same_bits(net, loaded) and loaded.dtype == dtype
    assert repr(loaded) == repr(net) and loaded.num_layers == 3 and loaded.sizes == SIZES
    assert set(vars(loaded)) - {"_cbackprop"} == set(vars(network.Network(SIZES)))
    for one in (net, loaded):
        one.weights[0][0, :3] = 0
        one.SGD(DATA[:], 2, 5, 0.5, random_state=1)
    assert same_bits(net, loaded)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("activation", ["sigmoid", ["relu", "linear"]])
def test_each_module_loads_the_other_s_where_the_cost_is_the_quadratic(name, activation, tmp_path, capsys):
    """The two have the same equations then, and train alike."""
    first = network.Network(SIZES, activation=activation)
    first.save(tmp_path / name)
    second = network2.load(tmp_path / name)
    assert second.cost is network2.QuadraticCost and same_bits(first, second)
    second.save(tmp_path / f"again-{name}")
    third = network.load(tmp_path / f"again-{name}")
    for net in (first, second, third):
        net.SGD(DATA[:], 2, 5, 0.5, random_state=1)
    assert same_bits(first, third)
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cost", [network2.CrossEntropyCost, network2.LogLikelihoodCost])
def test_another_cost_is_an_error_that_says_where_to_load_it(name, cost, tmp_path):
    network2.Network(SIZES, cost).save(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: the cost is '{cost.__name__}'.*network2.load"):
        network.load(tmp_path / name)


def test_the_file_is_that_of_network2(tmp_path):
    net = network.Network(SIZES)
    net.save(tmp_path / "first.json")
    other = network2.Network(SIZES, network2.QuadraticCost)
    other.weights, other.biases = net.weights, net.biases
    other.save(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert list(json.loads((tmp_path / "first.json").read_text())) == ["sizes", "weights", "biases", "cost"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an intact network"),
        ("[]", "not an intact network"),
        ('{"sizes": [2, 1]}', "it lacks cost"),
        (
            '{"sizes": [2, 1], "weights": [[[1, 2]]], "biases": [[[1]]], "cost": "QuadraticCost", '
            '"cbackprop": {"activation": ["softmax"]}}',
            "softmax",
        ),
        (
            '{"sizes": [2, 1], "weights": [[[1, 2]]], "biases": [[[1]]], "cost": "QuadraticCost", '
            '"cbackprop": {"activation": ["step"]}}',
            "step",
        ),
    ],
)
def test_damaged_files(text, message, tmp_path):
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(ValueError, match=f"net.json: .*{message}"):
        network.load(tmp_path / "net.json")


def test_what_a_file_cannot_hold(tmp_path):
    class Mine(network.Network):
        def cost_derivative(self, output_activations, y):
            return 2 * (output_activations - y)

    with pytest.raises(TypeError, match=r"cost_derivative is replaced by Mine.*pickle"):
        Mine(SIZES).save(tmp_path / "net.json")
    with pytest.raises(TypeError, match="cannot hold"):
        network.Network(SIZES, activation=Activation(np.sin, np.cos)).save(tmp_path / "net.json")
    with pytest.raises(ValueError, match="another format"):
        network.Network(SIZES).save(tmp_path / "net.onnx")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        network.load(tmp_path / "net.json")


def test_a_star_import_brings_no_load():
    """The book's has none, and a script may have one of its own."""
    names = {}
    exec("from cbackprop.network import *", names)
    assert "load" not in names

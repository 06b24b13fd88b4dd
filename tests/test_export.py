"""What holds for every format of `cbackprop.export`: what cannot be said is refused by name, nothing else is.

Needs none of the formats' libraries. The other files test_export_*.py have a format each.
"""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import cbackprop
from cbackprop import activations, export, network, network2
from cbackprop.activations import Activation
from cbackprop.export import _c, _onnx, _sklearn
from support.agreement import nothing_changes
from support.children import run_python

LIBRARIES = {
    "to_onnx": "onnx",
    "to_safetensors": "safetensors",
    "from_safetensors": "safetensors",
    "to_torch": "torch",
    "from_torch": "torch",
    "to_keras": "keras",
    "from_keras": "keras",
    "to_sklearn": "sklearn.neural_network",
}
WRITING = {"to_onnx": "ONNX", "to_c": "C", "to_safetensors": "a file"}
MAKING = {"to_torch": "PyTorch", "to_keras": "Keras", "to_sklearn": "scikit-learn's MLP"}
TOOLS = {**WRITING, **MAKING}


def call(function, net, folder):
    """The function, with the name of a file that must not be there afterwards if it wants one."""
    arguments = (folder / "net",) if function in WRITING else ()
    try:
        return getattr(export, function)(net, *arguments)
    finally:
        assert list(folder.iterdir()) == []


# ---- nothing is imported before it is needed ----


def test_importing_brings_no_library(tmp_path):
    code = """
import sys
import cbackprop, cbackprop.network2
assert "cbackprop.export" not in sys.modules
from cbackprop import export
found = {"onnx", "onnxruntime", "safetensors", "torch", "keras", "sklearn", "scipy"} & set(sys.modules)
assert not found, found
"""
    run_python(code, tmp_path)


@pytest.mark.parametrize("function", LIBRARIES)
def test_a_library_that_is_missing(function, tmp_path, monkeypatch):
    library = LIBRARIES[function]
    for name in (library, "cbackprop.export.torch_modules", "cbackprop.export.keras_layers"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "net").write_bytes(b"")
    arguments = {"from_safetensors": (tmp_path / "in" / "net",), "from_torch": (3,), "from_keras": (3,)}
    with pytest.raises(ImportError, match=rf"{function} needs {library.partition('.')[0]}: pip install "):
        if function in arguments:
            getattr(export, function)(*arguments[function])
        else:
            call(function, network.Network([2, 3]), tmp_path / "out")


def test_it_works_without_one(tmp_path):
    """`to_c` needs none."""
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"onnx", "safetensors", "torch", "keras", "sklearn", "scipy"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from cbackprop import export, network
export.to_c(network.Network([2, 3, 2]), "net.h")
"""
    run_python(code, tmp_path)
    assert "net_feedforward" in (tmp_path / "net.h").read_text()


# ---- every activation has its row in every format ----


def rows_of(module):
    """The keys of ACTIVATIONS in a module whose library need not be installed."""
    tree = ast.parse(
        (Path(cbackprop.__file__).parent / "export" / f"{module}.py").read_text(encoding="utf-8")
    )
    [table] = [
        each.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign) and getattr(each.target, "id", "") == "ACTIVATIONS"
    ]
    return {key.value for key in table.keys}


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("_onnx.FORMULAS", set(_onnx.FORMULAS)),
        ("_c.FORMULAS", set(_c.FORMULAS)),
        ("_sklearn.NAMES", set(_sklearn.NAMES)),
        ("torch_modules.ACTIVATIONS", rows_of("torch_modules")),
        ("keras_layers.ACTIVATIONS", rows_of("keras_layers")),
    ],
)
def test_every_activation_has_a_row(where, rows):
    assert rows == set(activations.NAMES), f"cbackprop/export/{where} differs from cbackprop/activations.py"


@pytest.mark.parametrize("function", ["to_onnx", "to_c", "to_sklearn"])
def test_an_activation_without_a_row_is_refused(function, tmp_path, monkeypatch):
    module = {"to_onnx": _onnx, "to_c": _c, "to_sklearn": _sklearn}[function]
    table = "NAMES" if module is _sklearn else "FORMULAS"
    monkeypatch.setattr(module, table, {"sigmoid": None})
    with pytest.raises(ValueError, match=f"layer 2 has tanh neurons, which {TOOLS[function]} does not have"):
        call(function, network.Network([2, 3, 2], activation=["tanh", "sigmoid"]), tmp_path)


# ---- what is refused ----


class OwnFeedforward(network.Network):
    def feedforward(self, a):
        return 2 * super().feedforward(a)


@pytest.mark.parametrize("function", TOOLS)
@pytest.mark.parametrize("net", [3, None, "net.json", [np.ones((2, 2))], network.Network, network])
def test_what_is_no_network(function, net, tmp_path):
    with pytest.raises(TypeError, match=r"net is of <class .*; expected a network"):
        call(function, net, tmp_path)


@pytest.mark.parametrize("function", TOOLS)
@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"activation": ["tanh", Activation(np.sin, np.cos)]}, "layer 3"),
        ({"neuron_activations": {(2, 1): Activation(np.sin, np.cos)}}, "neuron 1 of layer 2"),
    ],
)
def test_functions_of_the_users(function, options, where, tmp_path):
    message = f"the activation of {where} is a function of your own, which {TOOLS[function]} cannot hold"
    if function == "to_safetensors":
        message = "is a function of the user's own, which a file cannot hold"
    for module in (network, network2):
        more = {} if module is network else {"cost": network2.QuadraticCost}
        with pytest.raises(TypeError, match=message):
            call(function, module.Network([2, 3, 2], **more, **options), tmp_path)


@pytest.mark.parametrize("function", sorted(set(TOOLS) - {"to_safetensors"}))
def test_what_feedforward_does_otherwise(function, tmp_path, monkeypatch):
    net = network.Network([2, 3, 3])
    message = f"feedforward is replaced by OwnFeedforward, which {TOOLS[function]} cannot hold"
    with pytest.raises(TypeError, match=message):
        call(function, OwnFeedforward([2, 3, 3]), tmp_path)
    monkeypatch.setattr(network, "sigmoid", np.tanh)
    with pytest.raises(TypeError, match=r"cbackprop.network.sigmoid or sigmoid_prime is replaced, which"):
        call(function, net, tmp_path)


def arrays_that_do_not_fit(change):
    net = network.Network([2, 3, 3])
    change(net)
    return net


@pytest.mark.parametrize("function", TOOLS)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda net: net.weights.pop(), ValueError, "weights has 1 arrays and biases 2"),
        (lambda net: net.weights.__setitem__(1, np.ones((3, 4))), ValueError, "do not fit together"),
        (lambda net: net.weights.__setitem__(1, np.ones(3)), ValueError, r"weights\[1\] has shape \(3,\)"),
        (lambda net: net.biases.__setitem__(1, np.ones(3)), ValueError, r"biases\[1\] \(3,\)"),
        (lambda net: net.biases.__setitem__(0, 1j * net.biases[0]), TypeError, r"biases\[0\] has dtype"),
        (lambda net: net.weights.__setitem__(0, "w"), TypeError, r"weights\[0\] has dtype"),
        (lambda net: setattr(net, "weights", 3), TypeError, "weights is int; expected a list of arrays"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(function, change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        call(function, arrays_that_do_not_fit(change), tmp_path)


@pytest.mark.parametrize("function", sorted(set(TOOLS) - {"to_safetensors"}))
@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([3], "net has an input layer alone; there is nothing that .* could compute"),
        ([3, 0, 2], r"net has a layer of no neurons: its sizes are \[3, 0, 2\]"),
        ([0, 3], r"net has a layer of no neurons: its sizes are \[0, 3\]"),
        ([3, 0], r"net has a layer of no neurons: its sizes are \[3, 0\]"),
    ],
)
def test_networks_that_compute_nothing(function, sizes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        call(function, network.Network(sizes), tmp_path)


@pytest.mark.parametrize("function", WRITING)
@pytest.mark.parametrize("path", [3, None, 2.5, ["net"]])
def test_what_is_no_name_of_a_file(function, path):
    with pytest.raises(TypeError, match=r"path is .*; expected the name of a file"):
        getattr(export, function)(network.Network([2, 3]), path)


# ---- what was changed since the network was made ----


def test_a_layer_cut_off_and_one_added(tmp_path):
    net = network.Network([3, 4, 2, 5], activation=["tanh", "relu", "linear"])
    del net.weights[2], net.biases[2]
    export.to_c(net, tmp_path / "net.h")
    assert "net_relu(a, 0, 2);" in (tmp_path / "net.h").read_text()
    net = network.Network([3, 4], activation="tanh")
    net.weights.append(np.ones((2, 4)))
    net.biases.append(np.ones((2, 1)))
    export.to_c(net, tmp_path / "net.h")
    assert "net_tanh(a, 0, 2);" in (tmp_path / "net.h").read_text()
    net = network.Network([3, 4, 2], activation=["tanh", "relu"])
    net.weights.append(np.ones((2, 2)))
    net.biases.append(np.ones((2, 1)))
    with pytest.raises(ValueError, match="weights has 3 arrays; the activations were chosen for"):
        export.to_c(net, tmp_path / "net.h")


def test_nothing_changes(tmp_path):
    net = network.Network([3, 4, 2], neuron_activations={(2, 1): "tanh"})
    with nothing_changes(net):
        export.to_c(net, tmp_path / "net.h")


# ---- who saves under the name of another format is told of these functions ----


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("net.onnx", "to_onnx"), ("net.safetensors", "to_safetensors"), ("net.H", "to_c"),
        ("net.pt", "to_torch"), ("net.pth", "to_torch"), ("net.keras", "to_keras"), ("net.h5", "to_keras"),
    ],
)  # fmt: skip
def test_save_names_what_writes_the_format(name, function, tmp_path):
    for net in (network.Network([2, 2]), network2.Network([2, 2])):
        with pytest.raises(
            ValueError, match=rf"{name}', which names another format; cbackprop.export.{function}"
        ):
            net.save(tmp_path / name)
    assert callable(getattr(export, function)) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["net.pkl", "net.pickle"])
def test_save_names_pickle(name, tmp_path):
    with pytest.raises(ValueError, match=r"names another format; pickle.dump\(net, file\) writes it"):
        network.Network([2, 2]).save(tmp_path / name)


def test_the_functions_are_those_of_the_module():
    assert {getattr(export, name).__module__ for name in export.__all__} == {"cbackprop.export"}
    assert set(LIBRARIES) | {"to_c"} == set(export.__all__)

"""`to_onnx`: what onnxruntime computes of the file is what `feedforward` computes."""

import numpy as np
import pytest
from hypothesis import given

from cbackprop import export, network, network2
from support import exported
from support.strategies import examples

onnx = pytest.importorskip("onnx", reason="onnx, of the extra `export`, is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime, of the extra `test-export`, is not installed")


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def outputs_of(net, path):
    """What the file answers, as a function of rows."""
    export.to_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    running = session(path)
    return lambda X: running.run(None, {"X": X})[0]


@examples(100)
@given(exported.networks())
def test_onnxruntime_computes_what_feedforward_does(tmp_path_factory, net):
    X = exported.rows(net)
    exported.assert_agrees(outputs_of(net, tmp_path_factory.mktemp("onnx") / "net.onnx")(X), net, X)


@pytest.mark.parametrize("dtype", exported.DTYPES)
@pytest.mark.parametrize("name", exported.NAMES)
def test_each_activation_by_itself(name, dtype, tmp_path):
    f = outputs_of(exported.one_neuron(name, dtype), tmp_path / "net.onnx")
    exported.assert_is_f(f, name, dtype)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_softmax(dtype, tmp_path):
    net, X = exported.softmax(dtype)
    expected = net.feedforward(X.T).T
    np.testing.assert_allclose(outputs_of(net, tmp_path / "net.onnx")(X), expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_what_the_file_says(dtype, tmp_path):
    net = network.Network([6, 5, 3], dtype=dtype, activation=["tanh", "sigmoid"])
    export.to_onnx(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert (model.opset_import[0].version, model.ir_version, model.producer_name) == (13, 7, "cbackprop")
    kind = {np.float64: "tensor(double)", np.float32: "tensor(float)"}[dtype]
    running = session(tmp_path / "net.onnx")
    for arrays, name, n in ((running.get_inputs(), "X", 6), (running.get_outputs(), "A", 3)):
        [array] = arrays
        assert (array.name, array.type, array.shape) == (name, kind, ["m", n])
    stored = {array.name: onnx.numpy_helper.to_array(array) for array in model.graph.initializer}
    for l, (w, b) in enumerate(zip(net.weights, net.biases, strict=True), 2):
        assert stored[f"w{l}"].tobytes() == w.tobytes() and stored[f"b{l}"].tobytes() == b.tobytes()


def test_any_number_of_rows(tmp_path):
    net = network2.Network([4, 3, 2], activation="softplus", cost=network2.QuadraticCost)
    outputs = outputs_of(net, tmp_path / "net.onnx")
    for m in (0, 1, 300):
        assert outputs(np.zeros((m, 4))).shape == (m, 2)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    net = network.Network([6, 5, 3], neuron_activations={(2, 1): "relu", (2, 3): "tanh"})
    for name in "ab":
        export.to_onnx(net, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parameters_that_are_not_finite_are_kept(tmp_path):
    net = network.Network([2, 3], activation="linear")
    net.weights[0][:] = 0, 0
    net.biases[0][:] = [[np.nan], [np.inf], [-np.inf]]
    outputs = outputs_of(net, tmp_path / "net.onnx")(np.zeros((1, 2)))
    np.testing.assert_array_equal(outputs, [[np.nan, np.inf, -np.inf]])


def test_more_than_a_file_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("cbackprop.export._onnx.MOST_BYTES", 100)
    with pytest.raises(ValueError, match="parameters of 112 bytes; an ONNX file holds 2 GiB"):
        export.to_onnx(network.Network([6, 2]), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []

"""`to_keras` and `from_keras`: the model computes what `feedforward` computes, and comes back to the bit."""

import importlib.util
import os

import numpy as np
import pytest
from hypothesis import given

if "KERAS_BACKEND" not in os.environ and importlib.util.find_spec("torch"):
    os.environ["KERAS_BACKEND"] = "torch"  # otherwise TensorFlow, which need not be there

from cbackprop import export, network, network2
from cbackprop.costs import CrossEntropyCost, LogLikelihoodCost
from support import exported
from support.strategies import examples

try:
    import keras
except ImportError as _error:
    pytest.skip(
        f"Keras, of the extra `test-export`, or its backend is not installed: {_error}",
        allow_module_level=True,
    )

if keras.backend.backend() == "torch":
    import torch

    torch.set_num_threads(1)
elif keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_enable_x64", True)
dense = keras.layers.Dense


def outputs_of(model):
    """What the model answers, as a function of rows."""
    return lambda X: keras.ops.convert_to_numpy(keras.ops.stop_gradient(model(X)))


@examples(100)
@given(exported.networks())
def test_keras_computes_what_feedforward_does_and_gives_it_back(net):
    model, X = export.to_keras(net), exported.rows(net)
    exported.assert_agrees(outputs_of(model)(X), net, X)
    exported.assert_comes_back(export.from_keras(model, cost=vars(net).get("cost")), net, X)


@pytest.mark.parametrize("dtype", exported.DTYPES)
@pytest.mark.parametrize("name", exported.NAMES)
def test_each_activation_by_itself(name, dtype):
    exported.assert_is_f(outputs_of(export.to_keras(exported.one_neuron(name, dtype))), name, dtype)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_softmax(dtype):
    net, X = exported.softmax(dtype)
    expected = net.feedforward(X.T).T
    np.testing.assert_allclose(outputs_of(export.to_keras(net))(X), expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("dtype", exported.DTYPES)
def test_predict_and_files(dtype, tmp_path):
    net = network.Network(
        [4, 5, 3], dtype=dtype, activation=["softplus", "tanh"], neuron_activations={(2, 1): "relu"}
    )
    model, X = export.to_keras(net), exported.rows(net)
    floatx = keras.config.floatx()
    keras.config.set_floatx(np.dtype(dtype).name)
    try:
        exported.assert_agrees(model.predict(X, verbose=0), net, X)
    finally:
        keras.config.set_floatx(floatx)
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    exported.assert_agrees(outputs_of(loaded)(X), net, X)
    assert repr(export.from_keras(loaded)) == repr(net)


def test_it_is_trained():
    net = network.Network([4, 5, 3], neuron_activations={(2, 1): "tanh"})
    model = export.to_keras(net)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(exported.rows(net, 20), np.zeros((20, 3)), verbose=0)
    assert not np.array_equal(export.from_keras(model).weights[0], net.weights[0])


def test_models_of_others():
    model = keras.Sequential(
        [
            keras.Input((3, 4), dtype="float32"),
            keras.layers.Flatten(dtype="float32"),
            dense(5, activation="relu", dtype="float32"),
            keras.layers.Dropout(0.5, dtype="float32"),
            dense(4, use_bias=False, dtype="float32"),
            keras.layers.Activation("softplus", dtype="float32"),
            dense(2, dtype="float32"),
        ]
    )
    net = export.from_keras(model)
    assert repr(net) == "<Network 12-5-4-2, relu, softplus, linear, QuadraticCost, float32, 99 parameters>"
    X = exported.rows(net)
    np.testing.assert_allclose(net.predict_proba(X), outputs_of(model)(X.reshape(7, 3, 4)), rtol=1e-4)
    assert (net.biases[1] == 0).all()


@pytest.mark.parametrize(
    ("last", "cost", "expected"),
    [
        ("sigmoid", None, None),
        ("sigmoid", CrossEntropyCost, CrossEntropyCost),
        ("softmax", None, LogLikelihoodCost),
    ],
)
def test_the_cost_says_which_network(last, cost, expected):
    net = export.from_keras(keras.Sequential([keras.Input((3,)), dense(2, activation=last)]), cost=cost)
    assert type(net) is (network.Network if expected is None else network2.Network)
    assert expected is None or net.cost is expected


def doubled(z):
    return 2 * z


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (3, TypeError, "model is of <class 'int'>; expected a keras.Sequential"),
        (keras.Sequential(), ValueError, "there is no layer with weights"),
        (keras.Sequential([keras.Input((3, 3))]), ValueError, "there is no layer with weights"),
        (keras.Sequential([dense(2, name="one")]), ValueError, "the layer 'one' has no weights yet"),
        (
            keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Conv2D(1, 1, name="one")]),
            TypeError,
            "the layer 'one' is a Conv2D, which a network cannot hold",
        ),
        (
            keras.Sequential([keras.Input((3,)), dense(2, activation="gelu", name="one")]),
            TypeError,
            "the layer 'one' has the activation 'gelu'; a network can have sigmoid",
        ),
        (keras.Sequential([keras.Input((3,)), dense(2, activation=doubled)]), TypeError, "'doubled'"),
        (
            keras.Sequential(
                [keras.Input((3,)), dense(2, activation="tanh"), keras.layers.Activation("relu", name="two")]
            ),
            ValueError,
            "the layer 'two' is a Activation that follows no Dense",
        ),
        (
            keras.Sequential([keras.Input((3,)), dense(2, dtype="mixed_float16", name="one")]),
            TypeError,
            "the layer 'one' computes in float16 with weights of float32",
        ),
        (keras.Sequential([keras.Input((3,)), dense(2, dtype="float16")]), TypeError, "is float16"),
        (
            keras.Sequential([keras.Input((3,)), dense(2), dense(2, dtype="float64")]),
            TypeError,
            "float32 and float64; expected one type",
        ),
    ],
)  # fmt: skip
def test_what_a_network_cannot_hold(model, error, message):
    with pytest.raises(error, match=message):
        export.from_keras(model)


def test_inputs_that_are_no_rows_are_refused():
    layers, Input = keras.layers, keras.Input
    model = keras.Sequential(
        [Input((2, 3, 4)), layers.Flatten(data_format="channels_first"), layers.Dense(5)]
    )
    with pytest.raises(ValueError, match="channels_first"):
        export.from_keras(model)
    with pytest.raises(ValueError, match="begin with Flatten"):
        export.from_keras(keras.Sequential([Input((5, 3)), layers.Dense(2)]))

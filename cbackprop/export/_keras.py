"""Networks as models of Keras, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop.activations import NAMES
from cbackprop.export._layers import Layer, layers_of, library
from cbackprop.export._networks import checked_arrays, network_of

if TYPE_CHECKING:
    from types import ModuleType

EQUATION = "ab,bc->ac"  # rows times a kernel
INSTALL = "pip install keras torch, or another backend, which the variable KERAS_BACKEND names"


def to_keras(net: Any) -> Any:
    """Make a model of Keras 3 of a network.

    Parameters
    ----------
    net : Network
        Of network or network2, or a fitted estimator of `cbackprop.sklearn`.

    Returns
    -------
    keras.Sequential
        A `Dense` for each layer after the input layer of a float32 network; of a float64 network an
        `EinsumDense`, since `Dense` multiplies float64 in float32 with the backends torch and jax. It is for
        the backend that KERAS_BACKEND chooses, maps rows (m, n_in) to rows (m, n_out), and may be compiled
        and trained on. The activations of single neurons are a `NeuronActivations` of
        ``cbackprop.export.keras_layers``, softplus is that module's too: import it before you load such a
        model from a file.

    Raises
    ------
    TypeError, ValueError
        As in `to_onnx`.
    ImportError
        If Keras 3 or its backend is missing.

    Notes
    -----
    ``model(X)`` computes in the model's type. Keras' ``model.predict(X)`` makes X
    ``keras.config.floatx()``, by default float32, first: for all digits of a float64 network call
    ``keras.config.set_floatx("float64")``. The backend jax has float64 if JAX_ENABLE_X64 is set; Keras' tanh
    is computed in float32 there all the same, so that outputs of tanh networks agree to seven digits.
    """
    layers, sizes, dtype = layers_of(net, "Keras", NAMES)
    keras, ours = _libraries("to_keras")
    model = keras.Sequential([keras.Input((sizes[0],), dtype=dtype.name)])
    for layer in layers:
        groups = layer.by_activation()
        [*names] = groups
        single = ours.ACTIVATIONS[names[0]] if len(names) == 1 else None
        options = {"activation": single, "dtype": dtype.name}
        if dtype == np.float64:
            dense = keras.layers.EinsumDense(EQUATION, len(layer.b), bias_axes="c", **options)
        else:
            dense = keras.layers.Dense(len(layer.b), **options)
        model.add(dense)
        dense.set_weights([layer.w.T, layer.b])
        if single is None:
            model.add(ours.NeuronActivations(groups, dtype=dtype.name))
    return model


def from_keras(model: Any, *, cost: Any = None) -> Any:
    """Make a network of a model of Keras 3.

    Parameters
    ----------
    model : keras.Sequential
        Of `Dense`, or `EinsumDense` as `to_keras` has them, with the activations sigmoid, tanh, relu,
        softplus, exponential, softmax or none, and layers of ``cbackprop.export.keras_layers``; an
        `Activation` may follow a `Dense` that has none. `Dropout`, which does nothing but in training, and
        a `Flatten` in front are left out.
    cost : class, optional
        As in `from_torch`.

    Returns
    -------
    cbackprop.network.Network or cbackprop.network2.Network
        With copies of the parameters, to the last bit, and their type, float64 or float32.

    Raises
    ------
    TypeError
        If `model` is no `Sequential`, or holds anything else, or parameters of another type. The message
        names it.
    ValueError
        If the model has no weights yet or no `Dense`, activations follow each other, or `cost` does not suit
        the output layer.
    ImportError
        If Keras 3 or its backend is missing.
    """
    keras, ours = _libraries("from_keras")
    if type(model) is not keras.Sequential:
        raise TypeError(f"model is of {type(model)}; expected a keras.Sequential")
    layers: list[Layer] = []
    for part in model.layers:
        kind, where = type(part), f"the layer {part.name!r}"
        if kind in (keras.layers.InputLayer, keras.layers.Dropout):
            continue
        if kind is keras.layers.Flatten and not layers:
            if part.data_format != "channels_last":
                raise ValueError(f"{where} flattens {part.data_format}; a network takes rows as they are")
            continue
        if kind is keras.layers.EinsumDense and part.equation != EQUATION:
            raise ValueError(f"{where} is an EinsumDense of {part.equation}; a network's is {EQUATION}")
        if kind in (keras.layers.Dense, keras.layers.EinsumDense):
            name = _name_of(keras, ours, part.activation, where)
            layers.append(Layer(*_arrays(part, where), name, {}))
            continue
        if kind not in (keras.layers.Activation, ours.NeuronActivations):
            raise TypeError(f"{where} is a {kind.__name__}, which a network cannot hold")
        if not layers or (layers[-1].activation, layers[-1].neurons) != ("linear", {}):
            raise ValueError(f"{where} is a {kind.__name__} that follows no Dense without an activation")
        if kind is keras.layers.Activation:
            layers[-1] = layers[-1]._replace(activation=_name_of(keras, ours, part.activation, where))
            continue
        layers[-1] = layers[-1].with_groups(part.groups, where)
    if (
        layers
        and model.built
        and len(model.input_shape) > 2
        and type(model.layers[0]) is not keras.layers.Flatten
    ):
        raise ValueError(
            f"model takes inputs of shape {model.input_shape}; a network takes rows: begin with Flatten"
        )
    return network_of(layers, cost)


def _libraries(function: str) -> tuple[ModuleType, ModuleType]:
    """keras, and our layers for it."""
    return library("keras", function, INSTALL), library("cbackprop.export.keras_layers", function, INSTALL)


def _name_of(keras: ModuleType, ours: ModuleType, function: Any, where: str) -> str:
    """The name of an activation function of Keras', or of ours."""
    if function is keras.activations.softplus:
        return "softplus"
    for name, known in ours.ACTIVATIONS.items():
        if function is known:
            return name
    raise TypeError(
        f"{where} has the activation {getattr(function, '__name__', function)!r}; a network can have "
        f"{', '.join(ours.ACTIVATIONS)}"
    )


def _arrays(dense: Any, where: str) -> tuple[Any, Any]:
    """Copies of w and b."""
    if not dense.built:
        raise ValueError(f"{where} has no weights yet: build the model, or give it an Input")
    if getattr(dense, "quantization_mode", None) or getattr(dense, "lora_enabled", False):
        raise TypeError(f"{where} is quantized or has LoRA weights, which a network cannot hold")
    if dense.compute_dtype != dense.variable_dtype:
        raise TypeError(
            f"{where} computes in {dense.compute_dtype} with weights of {dense.variable_dtype}; expected one "
            f"type"
        )
    w, *rest = (np.asarray(array) for array in dense.get_weights())
    return checked_arrays(w.T, rest[0] if rest else None, where)

"""What Keras does not have. To load a model with it from a file, import this module first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from cbackprop.export._layers import order_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACTIVATIONS", "NeuronActivations", "softplus"]


@keras.saving.register_keras_serializable(package="cbackprop")
def softplus(z: Any) -> Any:
    """ln(1 + e^z). With the backend torch, Keras' own is z itself above 20, which is wrong by 2e-9.

    Keras' `maximum` would make float64 float32.
    """
    return keras.ops.relu(z) + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(z)))


@keras.saving.register_keras_serializable(package="cbackprop")
class NeuronActivations(keras.layers.Layer):
    """A layer whose neurons have different activations.

    Parameters
    ----------
    groups : dict of str to list of int
        Which neurons have each activation of `cbackprop.activations.NAMES`.
    """

    def __init__(self, groups: dict[str, list[int]], **options: Any) -> None:
        super().__init__(**options)
        self.groups = {name: list(neurons) for name, neurons in groups.items()}
        self.order = order_of(self.groups)

    def call(self, z: Any) -> Any:
        """The activations of rows. No function gets another neuron's z: its gradient might be NaN there."""
        take = keras.ops.take
        parts = [ACTIVATIONS[name](take(z, neurons, axis=1)) for name, neurons in self.groups.items()]
        return take(keras.ops.concatenate(parts, axis=1), self.order, axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """That of the input."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """What a file says of the layer."""
        return {**super().get_config(), "groups": self.groups}


# A row for each activation of cbackprop.activations.NAMES.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": keras.activations.sigmoid,
    "linear": keras.activations.linear,
    "tanh": keras.activations.tanh,
    "relu": keras.activations.relu,
    "softplus": softplus,
    "exponential": keras.activations.exponential,
    "softmax": keras.activations.softmax,
}

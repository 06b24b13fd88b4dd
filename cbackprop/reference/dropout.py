"""Dropout in NumPy: the gradient of a mini-batch whose examples each have a thinned network of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._dropout import factors
from cbackprop.reference.network import activations_and_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbackprop._dropout import Dropout


def sizes_of(net: Any) -> list[int]:
    """The number of neurons of each layer."""
    return [net.weights[0].shape[1], *map(len, net.biases)]


def thinned_sums_of_gradients(
    net: Any, mini_batch: Sequence[Any], dropout: Dropout, masks: Iterator[Any]
) -> tuple[list[Any], list[Any]]:
    """Σ_x ∂C_x/∂b and Σ_x ∂C_x/∂w, where the next mask says which neurons an example has."""
    dtype, sizes = net._cbackprop.dtype, sizes_of(net)
    probabilities = dropout.probabilities(len(sizes))
    nabla_b = [np.zeros(b.shape, dtype) for b in net.biases]
    nabla_w = [np.zeros(w.shape, dtype) for w in net.weights]
    for (x, y), mask in zip(mini_batch, masks):
        activations, deltas = activations_and_errors(net, x, y, factors(probabilities, sizes, mask, dtype))
        for l, (delta, a) in enumerate(zip(deltas, activations)):
            nabla_b[l] += delta
            nabla_w[l] += np.dot(delta, a.T)
    return nabla_b, nabla_w

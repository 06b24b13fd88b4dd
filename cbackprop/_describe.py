"""What `repr` says of a network."""

from __future__ import annotations

from typing import Any

from cbackprop import _parameters


def described(net: Any) -> str:
    """The network in a line: sizes, activations, cost, dtype, number of parameters.

    The sizes are those of its arrays. Of a network whose arrays do not fit together, only the class.
    """
    try:
        return _description(net)
    except Exception:  # whatever the user has put there: repr is what debuggers call
        return object.__repr__(net)


def _description(net: Any) -> str:
    memory = net._cbackprop
    if _parameters.has_no_layers(net):
        return f"<{type(net).__name__}, an input layer alone>"
    sizes = _parameters.layer_sizes(net)
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in zip(sizes, sizes[1:]))
    return (
        f"<{type(net).__name__} {'-'.join(map(str, sizes))}, {_activations(memory.activations, len(sizes))}, "
        f"{_cost(net)}, {memory.dtype}, {n_parameters:,} parameter{'s' * (n_parameters != 1)}>"
    )


def _activations(activations: Any, L: int) -> str:
    """Those of the layers, or the one of all; how many neurons have another."""
    if activations is None:
        return "sigmoid"
    layers = activations.of_layers(L)
    names = [one if isinstance(one, str) else repr(one) for one, _ in layers]
    text = names[0] if len(set(names)) == 1 else ", ".join(names)
    modified = sum(len(neurons) for _, neurons in layers)
    return f"{text} ({modified} neuron{'s' * (modified != 1)} modified)" if modified else text


def _cost(net: Any) -> str:
    module = net._cbackprop.module
    if "cost_derivative" not in module.gradient_methods:
        return getattr(net.cost, "__name__", None) or repr(net.cost)
    return "a cost of its own" if module.replaced_method(net, ("cost_derivative",)) else "QuadraticCost"

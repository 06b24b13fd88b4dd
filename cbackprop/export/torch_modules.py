"""The modules that PyTorch does not have. Pickles of `to_torch`'s modules look for them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from cbackprop.export._layers import order_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACTIVATIONS", "Exponential", "NeuronActivations"]


class Exponential(torch.nn.Module):
    """e^z."""

    def forward(self, z: Any) -> Any:
        """The activations of rows."""
        return torch.exp(z)


class NeuronActivations(torch.nn.Module):
    """A layer whose neurons have different activations.

    Parameters
    ----------
    groups : dict of str to list of int
        Which neurons have each activation of `cbackprop.activations.NAMES`.
    """

    order: Any

    def __init__(self, groups: dict[str, list[int]]) -> None:
        super().__init__()
        self.groups = groups
        self.activations = torch.nn.ModuleDict({name: ACTIVATIONS[name]() for name in groups})
        # Buffers go with the module to another device. They are no parameters, and not in the state_dict.
        for name, neurons in groups.items():
            self.register_buffer(f"{name}_columns", torch.tensor(neurons), persistent=False)
        self.register_buffer("order", torch.tensor(order_of(groups)), persistent=False)

    def forward(self, z: Any) -> Any:
        """The activations of rows. No function gets another neuron's z: its gradient might be NaN there."""
        parts = [
            f(z.index_select(1, getattr(self, f"{name}_columns"))) for name, f in self.activations.items()
        ]
        return torch.cat(parts, 1).index_select(1, self.order)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return ", ".join(f"{name}: {neurons}" for name, neurons in self.groups.items())


# A row for each activation of cbackprop.activations.NAMES. PyTorch's Softplus is z itself above a threshold,
# by default 20, where that is wrong by 2e-9.
ACTIVATIONS: dict[str, Callable[[], torch.nn.Module]] = {
    "sigmoid": torch.nn.Sigmoid,
    "linear": torch.nn.Identity,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "softplus": lambda: torch.nn.Softplus(threshold=40),
    "exponential": Exponential,
    "softmax": lambda: torch.nn.Softmax(dim=1),
}

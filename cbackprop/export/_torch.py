"""Networks as PyTorch's modules, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbackprop.activations import NAMES
from cbackprop.export._layers import Layer, layers_of, library
from cbackprop.export._networks import checked_arrays, network_of

if TYPE_CHECKING:
    from types import ModuleType

INSTALL = "pip install torch"


def to_torch(net: Any) -> Any:
    """Make a PyTorch module of a network.

    Parameters
    ----------
    net : Network
        Of network or network2, or a fitted estimator of `cbackprop.sklearn`.

    Returns
    -------
    torch.nn.Sequential
        A `Linear` and an activation for each layer after the input layer, of the network's type, on the
        processor. It maps rows (m, n_in) to rows (m, n_out), and may be trained on. Its parameters are
        copies. An activation without a module of PyTorch's, e^z or that of single neurons, is one of
        ``cbackprop.export.torch_modules``; linear neurons have an `Identity`.

    Raises
    ------
    TypeError, ValueError
        As in `to_onnx`.
    ImportError
        If PyTorch is missing.
    """
    layers, _, _ = layers_of(net, "PyTorch", NAMES)
    torch, ours = _libraries("to_torch")
    modules = []
    for layer in layers:
        n_out, n_in = layer.w.shape
        linear = torch.nn.Linear(n_in, n_out, device="meta")  # draws nothing
        linear.weight = torch.nn.Parameter(torch.from_numpy(layer.w))
        linear.bias = torch.nn.Parameter(torch.from_numpy(layer.b))
        groups = layer.by_activation()
        [*names] = groups
        activation = ours.ACTIVATIONS[names[0]]() if len(names) == 1 else ours.NeuronActivations(groups)
        modules += [linear, activation]
    return torch.nn.Sequential(*modules)


def from_torch(module: Any, *, cost: Any = None) -> Any:
    """Make a network of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Sequential
        Of `Linear`, `Sigmoid`, `Tanh`, `ReLU`, `Softplus`, `Softmax`, `Identity`, the modules of
        ``cbackprop.export.torch_modules`` and further `Sequential`. A layer without an activation is linear.
        `Dropout`, which does nothing but in training, and a `Flatten` in front are left out.
    cost : class, optional
        What the network is to be trained on; then it is network2's. By default it is network.py's, with the
        quadratic cost, or if the output is softmax network2's with `LogLikelihoodCost`.

    Returns
    -------
    cbackprop.network.Network or cbackprop.network2.Network
        With copies of the parameters, to the last bit, and their type, float64 or float32.

    Raises
    ------
    TypeError
        If `module` is no `Sequential`, or holds anything else, or parameters of another type. The message
        names it.
    ValueError
        If there is no `Linear`, activations follow each other, the layers do not fit together, or `cost`
        does not suit the output layer.
    ImportError
        If PyTorch is missing.

    Notes
    -----
    `Softplus` is taken as ln(1 + e^z); with PyTorch's threshold of 20 it is z itself above that, which is
    larger by less than 2.1e-9.
    """
    torch, ours = _libraries("from_torch")
    if type(module) is not torch.nn.Sequential:
        raise TypeError(f"module is of {type(module)}; expected a torch.nn.Sequential")
    layers: list[Layer] = []
    open_layer = None  # w and b of a layer whose activation is still to come
    for where, part in _parts(torch, module, "module"):
        kind = type(part)
        if kind in (torch.nn.Identity, torch.nn.Dropout):
            continue
        if kind is torch.nn.Flatten and not layers and open_layer is None:
            if (part.start_dim, part.end_dim) != (1, -1):
                raise ValueError(f"{where} is {part}; a network takes rows: Flatten()")
            continue
        if kind is torch.nn.Linear:
            if open_layer is not None:
                layers.append(Layer(*open_layer, "linear", {}))
            open_layer = _arrays(part, where)
            continue
        name = None if kind is ours.NeuronActivations else _name_of(ours, part, where)
        if open_layer is None:
            raise ValueError(f"{where} is a {kind.__name__} that follows no Linear")
        layer = Layer(*open_layer, name or "linear", {})
        layers.append(layer if name else layer.with_groups(part.groups, where))
        open_layer = None
    if open_layer is not None:
        layers.append(Layer(*open_layer, "linear", {}))
    return network_of(layers, cost)


def _libraries(function: str) -> tuple[ModuleType, ModuleType]:
    """torch, and our modules for it."""
    return library("torch", function, INSTALL), library("cbackprop.export.torch_modules", function, INSTALL)


def _parts(torch: ModuleType, module: Any, where: str, around: tuple[Any, ...] = ()) -> Any:
    """Yield (where, module) for each in `module` that is no Sequential. The same one may come twice."""
    if module is None:
        raise TypeError(f"{where} is None; expected a module")
    kind = type(module).__name__
    if module._forward_hooks or module._forward_pre_hooks:
        raise TypeError(f"{where} is a {kind} with hooks, which a network cannot run")
    if "forward" in vars(module):
        raise TypeError(f"{where} is a {kind} whose forward is replaced, which a network cannot run")
    if any(module is one for one in around):
        raise ValueError(f"{where} is a Sequential inside itself")
    if type(module) is not torch.nn.Sequential:
        yield where, module
        return
    for name, part in module._modules.items():
        yield from _parts(torch, part, f"{where}.{name}", (*around, module))


def _arrays(linear: Any, where: str) -> tuple[Any, Any]:
    """Copies of w and b."""
    if linear.weight is None:
        raise TypeError(f"{where} has no weight")
    for name, parameter in (("weight", linear.weight), ("bias", linear.bias)):
        if parameter is not None and (parameter.is_meta or str(parameter.dtype) not in _TYPES):
            what = "on the meta device" if parameter.is_meta else str(parameter.dtype)
            raise TypeError(f"the {name} of {where} is {what}; networks are float64 or float32")
    w = linear.weight.detach().cpu().numpy()
    b = None if linear.bias is None else linear.bias.detach().cpu().numpy()
    return checked_arrays(w, b, where)


_TYPES = ("torch.float64", "torch.float32")


def _name_of(ours: ModuleType, part: Any, where: str) -> str:
    """The name of an activation that is a module."""
    for name, make in ours.ACTIVATIONS.items():
        if type(part) is not type(make()):
            continue
        if name == "softmax" and part.dim not in (1, -1):
            raise ValueError(f"{where} is {part}; a network's is over the outputs of a row: Softmax(dim=1)")
        if name == "softplus" and (part.beta != 1 or part.threshold < 20):
            raise ValueError(f"{where} is {part}; a network's is ln(1 + e^z): Softplus()")
        return name
    raise TypeError(f"{where} is a {type(part).__name__}, which a network cannot hold")

"""Networks as ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._files.whole import replacing
from cbackprop.export._layers import Layer, layers_of, library, order_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from types import ModuleType

OPSET: int = 13  # the first whose Softmax is that of rows; onnxruntime has it since 1.7
IR_VERSION: int = 7  # the file format that came with it
MOST_BYTES: int = 2**31 - 2**20  # protobuf writes 2 GiB at most, and the graph has to fit too
INPUT, OUTPUT = "X", "A"


class _Graph:
    """The nodes and constants of a graph, which get their names here.

    Parameters
    ----------
    onnx : module
    dtype : numpy.dtype
    """

    def __init__(self, onnx: ModuleType, dtype: np.dtype[Any]) -> None:
        self.onnx, self.dtype = onnx, dtype
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """A node; return the name of what it computes."""
        name = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, inputs, [name], **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        """An array that nodes can name."""
        if name not in self.constants:
            self.constants[name] = self.onnx.numpy_helper.from_array(value, name)
        return name

    def number(self, value: float) -> str:
        """A number of the graph's type, which is broadcast."""
        return self.constant(f"number_{value:g}", np.array(value, self.dtype))


def _sigmoid(graph: _Graph, z: str) -> str:
    """min(1, e^z) / (1 + e^−|z|). onnxruntime's own is 0 below z = −37, in float32 flat below −17."""
    e = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    numerator = graph.add("Where", graph.add("Less", z, graph.number(0)), e, graph.number(1))
    return graph.add("Div", numerator, graph.add("Add", e, graph.number(1)))


def _softplus(graph: _Graph, z: str) -> str:
    """max(z, 0) + ln(1 + u), u = e^−|z|. onnxruntime has no Softplus of float64.

    ln(1 + u) is ln(s) u / (s − 1) with the rounded s = 1 + u: the rounding cancels. Where s = 1 it is u.
    """
    u = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    s = graph.add("Add", u, graph.number(1))
    rest = graph.add("Sub", s, graph.number(1))
    quotient = graph.add("Div", graph.add("Mul", graph.add("Log", s), u), rest)
    logarithm = graph.add("Where", graph.add("Equal", rest, graph.number(0)), u, quotient)
    return graph.add("Add", graph.add("Relu", z), logarithm)


# A row for each activation of cbackprop.activations.NAMES: the nodes that compute it.
FORMULAS: dict[str, Callable[[_Graph, str], str]] = {
    "sigmoid": _sigmoid,
    "linear": lambda graph, z: z,
    "tanh": lambda graph, z: graph.add("Tanh", z),
    "relu": lambda graph, z: graph.add("Relu", z),
    "softplus": _softplus,
    "exponential": lambda graph, z: graph.add("Exp", z),
    "softmax": lambda graph, z: graph.add("Softmax", z, axis=1),
}


def to_onnx(net: Any, path: str | bytes | PathLike[str]) -> None:
    """Write a network as an ONNX file.

    Parameters
    ----------
    net : Network
        Of network or network2, or a fitted estimator of `cbackprop.sklearn`. Its activations may be any of
        the built-in ones, also of single neurons.
    path : str or path
        It is written whole or not at all.

    Raises
    ------
    TypeError
        If `net` is no network, an activation or a replaced method or `sigmoid` is a function of your own, or
        `path` is no name of a file.
    ValueError
        If `weights` and `biases` do not fit together, there is no layer after the input layer, a layer has no
        neurons, or the parameters take more than the 2 GiB that such a file can hold.
    ImportError
        If onnx is missing.
    OSError
        If the file cannot be written.

    Notes
    -----
    The file has opset 13, IR version 7, and the network's type, float64 or float32. Its input is ``X``,
    (m, n_in), its output ``A``, (m, n_out), with one example a row and any m::

        session = onnxruntime.InferenceSession("digits.onnx")
        (A,) = session.run(None, {"X": X.astype(net.dtype)})

    A is ``net.predict_proba(X)``, up to rounding. Of an estimator with one output neuron, it is the
    probability of the second class.
    """
    layers, sizes, dtype = layers_of(net, "ONNX", FORMULAS)
    path = path_of(path)
    n_bytes = sum(layer.w.nbytes + layer.b.nbytes for layer in layers)
    if n_bytes > MOST_BYTES:
        raise ValueError(f"net has parameters of {n_bytes:,} bytes; an ONNX file holds 2 GiB")
    onnx = library("onnx", "to_onnx", 'pip install "cbackprop[export]"')
    graph = _Graph(onnx, dtype)
    a = INPUT
    for l, layer in enumerate(layers, 2):
        w, b = graph.constant(f"w{l}", layer.w), graph.constant(f"b{l}", layer.b)
        z = graph.add("Gemm", a, w, b, transB=1)  # X wᵀ + b
        a = _activated(graph, l, layer, z)
    graph.nodes[-1].output[0] = OUTPUT
    kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "-".join(map(str, sizes)),
            [onnx.helper.make_tensor_value_info(INPUT, kind, ["m", sizes[0]])],
            [onnx.helper.make_tensor_value_info(OUTPUT, kind, ["m", sizes[-1]])],
            list(graph.constants.values()),
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cbackprop",
    )
    with replacing(path, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def _activated(graph: _Graph, l: int, layer: Layer, z: str) -> str:
    """f(z) of layer l, in which single neurons may have their own f."""
    groups = layer.by_activation()
    if len(groups) == 1:
        return FORMULAS[next(iter(groups))](graph, z)
    parts = []
    for name, neurons in groups.items():
        columns = graph.constant(f"{name}{l}", np.array(neurons, np.int64))
        parts.append(FORMULAS[name](graph, graph.add("Gather", z, columns, axis=1)))
    together = graph.add("Concat", *parts, axis=1)
    return graph.add(
        "Gather", together, graph.constant(f"order{l}", np.array(order_of(groups), np.int64)), axis=1
    )

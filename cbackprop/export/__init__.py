"""Networks for other tools, and from them.

======================================  ====================================================================
`to_onnx`                               an ONNX file, for onnxruntime and many others
`to_safetensors`, `from_safetensors`    a safetensors file, which holds a network with all its options
`to_torch`, `from_torch`                PyTorch's `nn.Sequential`
`to_keras`, `from_keras`                Keras' `Sequential`
`to_sklearn`                            a fitted MLP of scikit-learn
`to_c`                                  a C header without allocation, for microcontrollers
======================================  ====================================================================

Their libraries are extras, and are imported when a function needs them: ``pip install "cbackprop[export]"``
has those for the files; who uses PyTorch, Keras or scikit-learn has it already. `to_c` needs none.

Inputs and outputs are rows there, (m, n_in) and (m, n_out), one example each, as in ``net.predict_proba(X)``.
What a format cannot say is an error that names it: never is another function exported than `feedforward`
computes. Subnormal numbers are as each tool has them.
"""

from cbackprop.export._c import to_c
from cbackprop.export._keras import from_keras, to_keras
from cbackprop.export._onnx import to_onnx
from cbackprop.export._safetensors import from_safetensors, to_safetensors
from cbackprop.export._sklearn import to_sklearn
from cbackprop.export._torch import from_torch, to_torch

__all__ = [
    "from_keras",
    "from_safetensors",
    "from_torch",
    "to_c",
    "to_keras",
    "to_onnx",
    "to_safetensors",
    "to_sklearn",
    "to_torch",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # where help() shows them

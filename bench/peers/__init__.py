"""The peers, by the module that holds each; a module is imported when its peer takes part."""

import importlib

# Row titles of the tables, in the tables' order.
MODULES = {
    "cbackprop": ("compiled", "Compiled"),
    "NumPy reference": ("reference", "Reference"),
    "NumPy matrix": ("numpy_matrix", "NumpyMatrix"),
    "Numba loops": ("numba_loops", "NumbaLoops"),
    "JAX scan": ("jax_scan", "JaxScan"),
    "PyTorch": ("torch_eager", "TorchAutograd"),
    "PyTorch by hand": ("torch_eager", "TorchByHand"),
    "scikit-learn": ("sklearn_mlp", "SklearnMLP"),
    "C loop": ("c_loop", "CLoop"),
    "FANN": ("fann", "Fann"),
    "dlib": ("dlib_net", "Dlib"),
    "Keras": ("keras_fit", "KerasTrains"),
    "tinygrad": ("tinygrad_jit", "TinygradJit"),
}

# Those of estimators.py.
CLASSIFIERS = {
    "cbackprop": ("mlp_classifier", "Ours"),
    "scikit-learn": ("mlp_classifier", "ScikitLearn"),
    "PyTorch": ("torch_classifier", "TorchLoop"),
    "skorch": ("skorch_classifier", "Skorch"),
    "Keras": ("keras_classifier", "KerasFit"),
}


def load(name, modules=MODULES):
    """Return the class of the peer called `name`; ImportError where it is not installed."""
    module, cls = modules[name]
    return getattr(importlib.import_module(f"peers.{module}"), cls)

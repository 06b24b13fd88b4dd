"""What the user has replaced: functions of a module, and methods and activations of its networks."""

import builtins
import importlib
import random
import sys
import types

import numpy as np

from cbackprop import _parameters

_builtin = {}  # the package's own functions, and the name of each


def builtin(function):
    """Make `function` known as the package's own: a decorator.

    A module that is reloaded makes its functions known anew, and those from before stay known.
    """
    _builtin[function] = function.__name__
    return function


def is_builtin(function, name):
    """Whether `function` is the package's own of this name."""
    return type(function) is types.FunctionType and _builtin.get(function) == name


def module_named(name):
    """The `Module` of this name."""
    return importlib.import_module(name).MODULE


class Module:
    """A module of the package, as its networks see it: names are looked up in it at each call.

    Parameters
    ----------
    namespace : dict
        The module's globals, which a reloaded module keeps.
    output_error : callable
        output_error(net, z, a, y) is δ^L.
    gradient_methods, evaluation_methods : tuple of str
        The methods that lead to a gradient, and to an answer.
    descent : callable, optional
        descent(net) tells the kernels the network's cost; the NumPy reference has no kernels.
    """

    def __init__(self, namespace, output_error, gradient_methods, evaluation_methods, descent=None):
        self.namespace = namespace
        self.name = namespace["__name__"]
        self.output_error = output_error
        self.descent = descent
        self.gradient_methods = gradient_methods
        self.training_methods = (*gradient_methods, "update_mini_batch")
        self.evaluation_methods = evaluation_methods

    def __reduce__(self):
        return module_named, (self.name,)

    # ---- what stands in the module now ----

    @property
    def np(self):
        """NumPy, as the module knows it."""
        return self.namespace["np"]

    @property
    def shuffle(self):
        """The module's `random.shuffle`."""
        return self.namespace["random"].shuffle

    def builtin_shuffle(self):
        """`getrandbits` of the generator that `shuffle` draws from; None where it is not Python's own."""
        shuffle = self.shuffle
        generator = getattr(shuffle, "__self__", None)
        if type(generator) is random.Random and shuffle.__func__ is random.Random.shuffle:
            return generator.getrandbits
        return None

    def f(self, net, l, z):
        """a^l = f(z^l), f being the sigmoid of the module unless layer l has another activation."""
        activations, sigmoid = net._cbackprop.activations, self.namespace["sigmoid"]
        return activations.f(l, z, sigmoid) if activations else sigmoid(z)

    def f_prime(self, net, l, z):
        """f′(z^l), likewise."""
        activations, sigmoid_prime = net._cbackprop.activations, self.namespace["sigmoid_prime"]
        return activations.f_prime(l, z, sigmoid_prime) if activations else sigmoid_prime(z)

    def print(self, text):
        """`print(text)` as the module's own code would call it; the line comes out at once."""
        self.namespace.get("print", builtins.print)(text)
        flush = getattr(sys.stdout, "flush", None)  # any object with `write` may stand in for it
        if callable(flush):
            flush()

    # ---- what has been replaced ----

    def has_builtin(self, name):
        """Whether the module's function of this name is the package's own."""
        return is_builtin(self.namespace.get(name), name)

    def replaced(self, net, *methods):
        """Why the kernels cannot take a way that leads through `methods`: a text, or None where they can."""
        activations = net._cbackprop.activations
        if activations is not None and activations.custom:
            return f"the activation of {activations.custom} is a function of the user's"
        if not (self.has_builtin("sigmoid") and self.has_builtin("sigmoid_prime")) and (
            activations is None or activations.uses_sigmoid
        ):
            return f"{self.name}.sigmoid or sigmoid_prime is replaced"
        if self.namespace.get("np") is not np:
            return f"{self.name}.np is replaced"
        if _parameters.has_empty_layer(net):
            return "a layer has no neurons"
        return self.replaced_method(net, *methods) if methods else None

    def replaced_method(self, net, *methods):
        """The same of methods alone."""
        for name in methods:
            if not is_builtin(getattr(getattr(net, name), "__func__", None), name):
                where = "on this instance" if name in net.__dict__ else f"by {type(net).__name__}"
                return f"{name} is replaced {where}"
        return None

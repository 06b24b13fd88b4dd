"""Both networks behind one set of calls, and the ways that these can take: most promises hold for all."""

import random

import pytest

from cbackprop import network, network2
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import copy_parameters

MODULES = {"network": network, "network2": network2}
REFERENCES = {"network": ReferenceNetwork, "network2": ReferenceNetwork2}
PATHS = "compiled", "methods", "functions"

each_module = pytest.mark.parametrize("module", list(MODULES.values()), ids=list(MODULES))
each_path = pytest.mark.parametrize("path", PATHS)


def name_of(net):
    """The name of the module that `net` belongs to, or is."""
    module = net if net in MODULES.values() else None
    if module is None:
        return "network2" if isinstance(net, ReferenceNetwork2) else "network"
    return module.__name__.split(".")[-1]


def use_path(path, net, monkeypatch):
    """Make `net` take one of the ways: the kernels, the book's methods one by one, or NumPy alone."""
    if path == "methods":
        for name in ("backprop", "feedforward"):
            own = getattr(net, name)
            setattr(net, name, lambda *arguments, own=own: own(*arguments))
    elif path == "functions":
        for module in MODULES.values():
            own = module.sigmoid
            monkeypatch.setattr(module, "sigmoid", lambda z, own=own: own(z))
    assert net.backend.startswith("compiled" if path == "compiled" else "numpy")
    return net


def reference_of(net):
    """A reference in NumPy with the parameters that `net` has now."""
    return copy_parameters(net, REFERENCES[name_of(net)]([1]))


def update(net, mini_batch, eta=0.5):
    """One step, without regularisation."""
    more = (0.0, 10) if name_of(net) == "network2" else ()
    return net.update_mini_batch(mini_batch, eta, *more)


def train(net, data, epochs=2, m=5, eta=0.5, tests=None, seed=3):
    """SGD, with the count of right answers after each epoch where there are tests."""
    if seed is not None:
        random.seed(seed)
    if name_of(net) == "network2":
        return net.SGD(data, epochs, m, eta, 0.0, tests, False, tests is not None)
    return net.SGD(data, epochs, m, eta, test_data=tests)


def right_answers(net, tests):
    """The count of right answers."""
    return net.accuracy(tests) if name_of(net) == "network2" else net.evaluate(tests)

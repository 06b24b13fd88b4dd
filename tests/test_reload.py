"""importlib.reload in a notebook: the module's functions stay known as the package's own, before and after.

Each in a process of its own, since a reloaded module has new classes.
"""

import pytest

from support.both import MODULES
from support.children import run_python

PRELUDE = """
import importlib, io, pickle, random, contextlib, sys
import numpy as np
from cbackprop import {name} as module
from support.examples import dense_examples, labelled
SIZES = [6, 5, 3]
DATA = dense_examples(13, SIZES)
TESTS = labelled(DATA)

class Mine(module.Network):
    def total(self):
        return sum(w.size for w in self.weights)

def made(kind=None, **options):
    np.random.seed(1)
    return (kind or module.Network)(SIZES, **options)

def trained(net):
    random.seed(3)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if {name!r} == "network2":
            net.SGD(list(DATA), 2, 5, 0.5, 0.1, TESTS, True, True, True, True)
        else:
            net.SGD(list(DATA), 2, 5, 0.5, TESTS)
    return out.getvalue(), [p.tobytes() for p in net.weights + net.biases]

expected = trained(made())
"""
TRAINS_AS_BEFORE = """
for net in nets:
    assert net.backend.startswith("compiled"), net.backend
    assert trained(net) == expected
    assert net.backend.startswith("compiled"), net.backend
    assert "evaluation" not in net.backend, net.backend
"""
CASES = {
    "a network made before": """
nets = [made(), made(Mine)]
importlib.reload(module)
""",
    "a network made after": """
importlib.reload(module)
nets = [made(), made(Mine)]
""",
    "twice": """
nets = [made()]
importlib.reload(module)
nets.append(made())
importlib.reload(module)
nets.append(made())
""",
    "pickled before, opened after": """
kept = pickle.dumps(made()), pickle.dumps(made(Mine))
importlib.reload(module)
nets = [pickle.loads(one) for one in kept]
assert type(nets[0]) is module.Network and type(nets[1]) is Mine
""",
    "everything": """
from cbackprop import network, network2
nets = [made()]
for one in (network, network2, network):
    importlib.reload(one)
nets += [made(), made(module.Network)]
""",
    "network alone": """
from cbackprop import network
nets = [made()]
importlib.reload(network)
nets += [made()]
""",
    "imported anew": """
nets = [made()]
for name in list(sys.modules):
    if name in ("cbackprop.network", "cbackprop.network2"):
        del sys.modules[name]
module = importlib.import_module("cbackprop.{name}")
nets += [made(), made(Mine)]
""",
    "a subclass made after": """
importlib.reload(module)
class Later(module.Network):
    def noted(self):
        return "noted"
nets = [made(Later)]
""",
}


@pytest.mark.parametrize("name", list(MODULES))
@pytest.mark.parametrize("case", CASES)
def test_networks_train_on_as_before(name, case, tmp_path):
    code = PRELUDE.format(name=name) + CASES[case].replace("{name}", name) + TRAINS_AS_BEFORE
    run_python(code, tmp_path)


REPLACED = {
    "a sigmoid replaced after": """
old = made()
importlib.reload(module)
new, calls = made(), []
own = module.sigmoid
module.sigmoid = lambda z: calls.append(1) or own(z)
for net in (old, new):
    assert "sigmoid" in net.backend
    calls.clear()
    net.feedforward(np.ones((6, 1)))
    assert calls == [1, 1]
module.sigmoid = own
assert old.backend.startswith("compiled") and new.backend.startswith("compiled")
""",
    "a sigmoid replaced before": """
module.sigmoid = np.tanh
old = made()
assert "sigmoid" in old.backend
importlib.reload(module)    # which defines its own again
assert old.backend.startswith("compiled") and trained(old) == expected
""",
    "a sigmoid of before put back": """
own = module.sigmoid, module.sigmoid_prime
importlib.reload(module)
module.sigmoid, module.sigmoid_prime = own
net = made()
assert net.backend.startswith("compiled") and trained(net) == expected
""",
    "the other function of the module": """
importlib.reload(module)
module.sigmoid = module.sigmoid_prime    # ours, and not the sigmoid
assert "sigmoid" in made().backend
""",
    "a method replaced": """
net = made()
net.backprop = lambda x, y: module.Network.backprop(net, x, y)
importlib.reload(module)
assert "backprop is replaced" in net.backend
del net.backprop
assert net.backend.startswith("compiled")
""",
    "a method of before": """
own = module.Network.update_mini_batch
importlib.reload(module)
module.Network.update_mini_batch = own
assert made().backend.startswith("compiled") and trained(made()) == expected
""",
    "options": """
net = made(dtype=np.float32, activation="tanh") if {name!r} == "network" else made(cost=module.QuadraticCost)
kept, x = pickle.dumps(net), np.ones((6, 1))
out = net.feedforward(x)
importlib.reload(module)
for each in (net, pickle.loads(kept)):
    assert (each.feedforward(x) == out).all() and each.feedforward(x).dtype == out.dtype
    assert each.backend.startswith("compiled")
""",
}


@pytest.mark.parametrize("name", list(MODULES))
@pytest.mark.parametrize("case", REPLACED)
def test_what_is_replaced_is_known_before_and_after(name, case, tmp_path):
    run_python(PRELUDE.format(name=name) + REPLACED[case].replace("{name!r}", repr(name)), tmp_path)


NETWORK2 = {
    "a cost in the module": """
class HalfCost:
    fn = staticmethod(lambda a, y: 0.25 * float(np.sum((a - y) ** 2)))
    delta = staticmethod(lambda z, a, y: 0.5 * (a - y))
module.HalfCost = HalfCost
made(cost=HalfCost).save("net.json")
importlib.reload(module)    # what the user has put into it stays
assert module.load("net.json").cost is HalfCost
""",
    "saved before, loaded after": """
net = made()
net.save("net.json")
importlib.reload(module)
loaded = module.load("net.json")
assert type(loaded) is module.Network and trained(loaded) == trained(net) == expected
net.save("again.json")
assert open("net.json").read() != "" and module.load("again.json").weights[0].shape == (5, 6)
""",
    "costs of before": """
net = made(cost=module.QuadraticCost)
importlib.reload(module)
assert net.cost is module.QuadraticCost
net.total_cost(DATA, 0.1)
x, y = DATA[0]
own = made(cost=module.QuadraticCost)
assert (net.backprop(x, y)[1][0] == own.backprop(x, y)[1][0]).all()
""",
    "vectorized_result": """
net = made()
own = module.vectorized_result
importlib.reload(module)
assert trained(net) == expected
module.vectorized_result = own
assert trained(made()) == expected
""",
}


@pytest.mark.parametrize("case", NETWORK2)
def test_network2(case, tmp_path):
    run_python(PRELUDE.format(name="network2") + NETWORK2[case], tmp_path)


def test_the_chapter_after_a_reload(tmp_path):
    code = """
from cbackprop import chapter
old = made()
importlib.reload(module)
x, y = DATA[0]
for net in (old, made()):
    assert chapter.check_gradient(net, x, y)
    assert len(chapter.perturbation(net, x, y, (2, 0, 0), 1e-3).layers) == 2
"""
    run_python(PRELUDE.format(name="network") + code, tmp_path)

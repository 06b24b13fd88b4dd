"""The recipes of src/README.md for a new activation and a new cost work as written.

A copy of the tree gets a leaky ReLU and the squared error by the page's own steps and lines of code, and is
built. Networks with them then train as their reference does: in both types, of sparse and dense inputs, with
one thread and two, in single calls and matrices of columns, with every instruction set of this processor.
"""

import re
import shlex
import shutil
import sysconfig
from pathlib import Path

import pytest

import cbackprop
from cbackprop import _isa
from support.children import run_python
from support.recipes import COMPILER, ROOT, steps, take, why_no_build

# As setup.py does it, but only these modules.
BUILD = """
import runpy, sys
import setuptools
setup, names = setuptools.setup, sys.argv[1:]

def setup_of_some(ext_modules, **options):
    setup(ext_modules=[module for module in ext_modules if module.name in names], **options)

setuptools.setup = setup_of_some
sys.argv = ["setup.py", "--quiet", "build_ext", "--inplace"]
runpy.run_path("setup.py", run_name="__main__")
"""


def modules_with_the_registry(tree):
    """The kernels' own module, and those that use what registry.h declares; others stay as they are."""
    sources = {path: path.read_text(encoding="utf-8") for path in (tree / "src/cbackprop").glob("*.pyx")}
    pxd = (tree / "src/cbackprop/kernels.pxd").read_text(encoding="utf-8")
    declared = re.search(r'extern from "[\w/]*registry\.h".*\n((?:    .*\n|\n)+)', pxd)[1]
    names = "|".join(re.findall(r"[A-Z_]{3,}|\w+(?=\()", declared))
    users = [path.stem for path, text in sources.items() if re.search(rf"\b({names})\b", text)]
    return [f"cbackprop.{name}" for name in ("_isa", *users)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with both recipes followed, built in place."""
    if reason := why_no_build():
        pytest.skip(reason)
    pytest.importorskip("Cython", "3.1")
    pytest.importorskip("setuptools", "77")
    tree = tmp_path_factory.mktemp("recipes")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    built = ("*.so", "*.pyd", "__pycache__")
    for name in ("src", "cbackprop"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns(*built))
    for module in Path(cbackprop.__file__).parent.glob("*" + sysconfig.get_config_var("EXT_SUFFIX")):
        shutil.copy(module, tree / "cbackprop")
    for heading in ("An activation", "A cost"):
        code = ""
        for step in steps(heading):
            code = take(step, tree, code)
    # Not optimised: a fifth of the time of compiling.
    cc = tree / "cc"
    cc.write_text(f'#!/bin/sh\nexec {shlex.join(COMPILER)} "$@" -O0\n', encoding="utf-8")
    cc.chmod(0o755)
    modules = modules_with_the_registry(tree)
    run_python(BUILD, tree, *modules, env={"CC": str(cc), "CBACKPROP_SANITIZE": None}, timeout=600)
    return tree


TRAIN = """
import contextlib, io, itertools, os, random
import numpy as np
import cbackprop
from cbackprop import network, network2
from support.agreement import difference, network2_and_reference, network_and_reference, worst_difference
from support.examples import dense_classes, digit_examples, labelled

assert os.path.dirname(os.path.dirname(cbackprop.__file__)) == os.getcwd()
LINEAR = {"cost": network2.SquaredErrorCost, "activation": ["leaky_relu", "linear"]}

def compare(pair, examples, tolerance, train, n_threads):
    net, plain = pair
    assert net.backend.startswith("compiled: " + os.environ["CBACKPROP_ISA"])
    x, y = examples[0]
    X, Y = (np.hstack(columns) for columns in zip(*examples[:21]))
    for _ in range(2):
        assert difference(net.feedforward(x), plain.feedforward(x)) < tolerance
        assert difference(net.feedforward(X), plain.feedforward(X)) < tolerance
        for ours, theirs in (
            (net.backprop(x, y), plain.backprop(x, y)),
            (net.backprop_mini_batch(X, Y), plain.backprop_mini_batch(X, Y)),
        ):
            for mine, expected in zip(ours, theirs, strict=True):
                assert worst_difference(mine, expected) < 100 * tolerance
        results = []
        for each, options in (net, {"n_threads": n_threads}), (plain, {}):
            random.seed(1)
            with contextlib.redirect_stdout(io.StringIO()):
                results.append(train(each, **options))
        assert worst_difference(net.weights, plain.weights) < 100 * tolerance
        assert worst_difference(net.biases, plain.biases) < 100 * tolerance
        assert difference(*results) < 100 * tolerance

for (dtype, tolerance), kind, n_threads in itertools.product(
        ((np.float64, 1e-12), (np.float32, 1e-5)), (digit_examples, dense_classes), (1, 2)):
    examples = kind(60, 90)
    for activation in ("leaky_relu", ["tanh", "leaky_relu"], ["leaky_relu", "sigmoid"]):
        options = {"activation": activation, "neuron_activations": {(2, 5): "relu", (3, 1): "leaky_relu"}}
        pair = network_and_reference([90, 41, 10], scaled=True, dtype=dtype, **options)
        def train(net, **more):
            net.SGD(list(examples), 2, 7, 0.05, **more)
            net.update_mini_batch(examples[:9], 0.05)
            return net.evaluate(labelled(examples, 10))
        compare(pair, examples, tolerance, train, n_threads)
    for options in ({}, {"mu": 0.5, "regularization": "L1"}):
        pair = network2_and_reference([90, 41, 10], dtype=dtype, **LINEAR)
        def train(net, **more):
            lists = net.SGD(list(examples), 2, 7, 0.05, 0.1, monitor_training_cost=True, **options, **more)
            return [*lists[2], net.total_cost(examples, 0.1)]
        compare(pair, examples, tolerance, train, n_threads)
        pair[0].save("net.json")
        assert network2.load("net.json").cost is network2.SquaredErrorCost
"""


@pytest.mark.parametrize("isa", _isa.found())
def test_networks_with_what_the_recipes_add_train_as_their_reference(isa, tree):
    run_python(TRAIN, tree, env={"CBACKPROP_ISA": isa})

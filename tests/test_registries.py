"""An activation or cost named in one place only, or that no kernel knows, is an error, never a guess."""

import shutil
import subprocess

import numpy as np
import pytest

from cbackprop import (
    _activations,
    _costs,
    _evaluation,
    _matrix_based,
    _single_example,
    _step_options,
    _training,
    activations,
    costs,
)
from cbackprop._step_options import StepOptions
from cbackprop.activations import Activation, LayerActivations
from cbackprop.network import Network
from cbackprop.network2 import Network as Network2
from cbackprop.network2 import QuadraticCost
from support.agreement import (
    network2_and_reference,
    network_and_reference,
    parameter_difference,
    worst_difference,
)
from support.children import run_python
from support.examples import as_arrays, digit_examples
from support.recipes import COMPILER, ROOT, steps, take, why_no_compiler

NAMES = [name for name in activations.NAMES if name != "softmax"]


# ---- the same names in Python and in C ----


def test_the_kernels_have_the_named_activations_and_costs():
    assert set(_activations.compiled_codes()) == set(activations.NAMES)
    assert set(_costs.compiled_codes()) == set(costs.COSTS)


CHANGE_AND_IMPORT = """
import sys, types, importlib.util
package = types.ModuleType("cbackprop")     # without what its __init__ imports
package.__path__ = importlib.util.find_spec("cbackprop").submodule_search_locations
sys.modules["cbackprop"] = package
from cbackprop import {module}
{change}
from cbackprop import _{compiled}
"""


@pytest.mark.parametrize(
    "module, change, compiled, words",
    [
        (
            "activations",
            "activations.NAMES += ('leaky_relu',)",
            "activations",
            ["activations.py", "leaky_relu"],
        ),
        ("activations", "activations.NAMES = activations.NAMES[:-1]", "activations", ["softmax"]),
        (
            "costs",
            "costs.COSTS['HuberCost'] = costs.QuadraticCost",
            "costs",
            ["costs.py", "HuberCost"],
        ),
        ("costs", "del costs.COSTS['CrossEntropyCost']", "costs", ["CrossEntropyCost"]),
        ("costs", "pass", "training", []),
    ],
)
def test_a_row_in_one_place_only_stops_the_import(module, change, compiled, words, tmp_path):
    code = CHANGE_AND_IMPORT.format(module=module, change=change, compiled=compiled)
    done = run_python(code, tmp_path, may_fail=bool(words))
    if not words:
        return
    assert done.returncode == 1 and "ImportError" in done.stderr
    for word in (*words, "src/kernels/registry.h"):
        assert word in done.stderr


FLAGS = ["-std=gnu11", "-fsyntax-only", "-Werror=implicit-function-declaration"]  # as in setup.py


@pytest.mark.skipif(bool(why_no_compiler()), reason=why_no_compiler())
@pytest.mark.parametrize(
    "recipe, lacks",
    [
        ("An activation", None),
        ("An activation", "leaky_relu_prime_at"),
        ("An activation", "leaky_relu_of"),
        ("A cost", None),
        ("A cost", "squared_cost"),
    ],
)
@pytest.mark.parametrize("scalar", ["-UCBACKPROP_SCALAR", "-DCBACKPROP_SCALAR"])
def test_a_row_without_its_formula_does_not_compile(recipe, lacks, scalar, tmp_path):
    """As in src/README.md, where the first two steps are the row and the formulas."""
    shutil.copytree(ROOT / "src/kernels", tmp_path / "src/kernels")
    row, formulas, *_ = steps(recipe)
    take(row, tmp_path)
    take(formulas, tmp_path, without=lacks)
    [kernels] = tmp_path.glob("src/kernels/**/portable_float64.c")
    done = subprocess.run(
        [*COMPILER, *FLAGS, scalar, "-I", tmp_path / "src/kernels", kernels],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if lacks is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0 and lacks in done.stderr


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_every_named_activation_is_that_of_the_reference(name, dtype):
    net, plain = network_and_reference([9, 8, 5], scaled=True, activation=name, dtype=dtype)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    x, y = np.random.randn(9, 1), np.random.rand(5, 1)
    assert net.backend.startswith("compiled")
    assert worst_difference([net.feedforward(x)], [plain.feedforward(x)]) <= tolerance
    for ours, expected in zip(net.backprop(x, y), plain.backprop(x, y), strict=True):
        assert worst_difference(ours, expected) <= 10 * tolerance


@pytest.mark.parametrize("output", activations.NAMES)
@pytest.mark.parametrize("cost", costs.COSTS.values(), ids=costs.COSTS)
def test_every_cost_is_that_of_the_reference_with_every_output_layer_that_it_has(cost, output, capsys):
    try:
        net, plain = network2_and_reference([40, 9, 10], cost, activation=["tanh", output])
    except ValueError as error:
        assert "output layer" in str(error)
        return
    examples = digit_examples(60, 40)
    assert net.total_cost(examples, 0.1) == pytest.approx(plain.total_cost(examples, 0.1), rel=1e-12)
    for each in (net, plain):
        each.update_mini_batch(examples, 0.1, 0.1, 60)
    assert net.backend.startswith("compiled")
    assert parameter_difference(net, plain) <= 1e-10


@pytest.mark.parametrize("cost", costs.COSTS.values(), ids=costs.COSTS)
def test_every_cost_has_an_output_layer(cost):
    assert Network2([3, 2], cost).feedforward(np.ones((3, 1))).shape == (2, 1)


# ---- what no kernel knows ----

X, Y = np.ones((3, 1)), np.ones((2, 1))
DATA = as_arrays([(X, Y)] * 4)
KERNEL_CALLS = {
    "feedforward": lambda net: _single_example.feedforward(net, X),
    "feedforward of columns": lambda net: _single_example.feedforward(net, np.ones((3, 5))),
    "backprop": lambda net: _single_example.backprop(net, X, Y),
    "backprop_mini_batch": lambda net: _matrix_based.backprop_mini_batch(
        net, np.ones((3, 4)), np.ones((2, 4))
    ),
    "update_mini_batch": lambda net: _training.update_mini_batch(
        net, [(X, Y)], _step_options.StepOptions(0.1)
    ),
    "SGD": lambda net: _training.Training(net, DATA, 2, 1, _step_options.StepOptions(0.1)).epoch(
        net, _step_options.StepOptions(0.1)
    ),
    "evaluate": lambda net: _evaluation.evaluate(net, [(X, 1)]),
    "total_cost": lambda net: _evaluation.total_cost(net, [(X, Y)], "data", False, "QuadraticCost"),
}
TRAINING_CALLS = ["backprop", "backprop_mini_batch", "update_mini_batch", "SGD"]


@pytest.mark.parametrize("call", KERNEL_CALLS.values(), ids=KERNEL_CALLS)
@pytest.mark.parametrize(
    "options, where",
    [
        ({"activation": ["tanh", Activation(np.sin, np.cos)]}, "layer 3"),
        ({"neuron_activations": {(2, 1): Activation(np.sin, np.cos)}}, "neuron 1 of layer 2"),
    ],
)
def test_kernels_refuse_a_function_of_the_users(options, where, call):
    """`Network` never asks them to; if it did, the function must not become a sigmoid."""
    with pytest.raises(TypeError, match=f"activation of {where} is the user's own function"):
        call(Network([3, 4, 2], **options))


def with_layers(layers):
    """A network whose activations are none that its constructor lets through: of a pickle, say."""
    net = Network([3, 4, 2], activation="tanh")
    net._cbackprop.activations.layers = layers
    return net


@pytest.mark.parametrize("call", KERNEL_CALLS.values(), ids=KERNEL_CALLS)
@pytest.mark.parametrize(
    "layers, message",
    [
        ([("tanh", {}), ("swish", {})], "activation of layer 3 is 'swish'; expected one of sigmoid, linear"),
        ([("tanh", {}), (None, {})], "activation of layer 3 is None"),
        ([("tanh", {1: "swish"}), ("tanh", {})], "neuron 1 of layer 2 is 'swish'"),
        ([("softmax", {}), ("tanh", {})], "layer 2 is softmax"),
        ([("tanh", {}), ("softmax", {0: "tanh"})], "layer 3 is softmax"),
        ([("tanh", {}), ("tanh", {0: "softmax"})], "neuron 0 of layer 3 is softmax"),
    ],
)
def test_kernels_refuse_a_name_that_they_do_not_know(layers, message, call):
    with pytest.raises(ValueError, match=message):
        call(with_layers(layers))


@pytest.mark.parametrize("call", TRAINING_CALLS)
def test_kernels_refuse_softmax_where_the_error_takes_its_derivative(call):
    with pytest.raises(ValueError, match="output layer is softmax"):
        KERNEL_CALLS[call](with_layers([("tanh", {}), ("softmax", {})]))


def test_layer_activations_are_checked_where_they_are_made():
    with pytest.raises(ValueError, match="'swish'"):
        LayerActivations([3, 4, 2], ["tanh", "swish"])


def test_kernels_refuse_a_cost_that_they_do_not_know():
    with pytest.raises(ValueError, match="'HuberCost' is not a built-in cost; those are QuadraticCost"):
        StepOptions(0.1, builtin_delta="HuberCost")
    net = Network2([3, 2], QuadraticCost)
    with pytest.raises(ValueError, match="'HuberCost' is not a built-in cost"):
        _evaluation.total_cost(net, [(X, Y)], "data", False, "HuberCost")

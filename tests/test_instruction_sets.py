"""Each instruction set that this processor has gives the reference's numbers when it is forced.

CBACKPROP_ISA is read when the package is loaded, so each set has a process of its own.
"""

import functools
import platform
from pathlib import Path

import pytest

from support.children import run_python

# What the processor must say it has, by the name that forces the set.
NEEDS = {
    "portable": set(),
    "avx2": {"avx2", "fma"},
    "avx512": {"avx512f", "avx512dq", "avx512vl", "avx512bw"},
    "neon": {"asimd"},
}

AGREE = """
import contextlib, io, random
import numpy as np
import cbackprop
from cbackprop.network import Network
from support.agreement import (
    difference, in_float64, network2_and_reference, parameter_difference, worst_difference,
)
rng = np.random.default_rng(0)
np.random.seed(0)
def examples(n, n_in, n_out, density):
    return [((rng.random((n_in, 1)) < density) * rng.integers(1, 256, (n_in, 1)) / 256 / density
             / n_in ** 0.5, np.eye(n_out)[:, [k % n_out]]) for k in range(n)]
for dtype, tolerance in (("float64", 1e-11), ("float32", 2e-5)):
    for sizes in ([784, 30, 10], [100, 17, 10], [2, 3, 1], [33, 65, 31, 5], [70, 10], [1, 1]):
        for density, m in ((0.15, 10), (1.0, 10), (0.15, 1), (1.0, 33)):
            net = Network(sizes, dtype=dtype)
            plain = in_float64(net)
            data = examples(70, sizes[0], sizes[-1], density)
            with contextlib.redirect_stdout(io.StringIO()):
                for each in (net, plain):
                    random.seed(1)
                    each.SGD(list(data), 2, m, 0.3)
            assert parameter_difference(net, plain) < tolerance, (dtype, sizes, density, m)
            (x, y), plain = data[0], in_float64(net)
            a = np.hstack([x for x, _ in data])
            assert difference(net.feedforward(a), plain.feedforward(a)) < tolerance
            for ours, expected in zip(net.backprop(x, y), plain.backprop(x, y)):
                assert worst_difference(ours, expected) < tolerance
for dtype, tolerance in (("float64", 1e-10), ("float32", 2e-4)):
    for sizes in ([784, 30, 10], [33, 65, 31, 5], [1, 1]):
        for density, m in ((0.15, 10), (1.0, 33)):
            data = examples(70, sizes[0], sizes[-1], density)
            for options in ({"rule": "nesterov", "mu": 0.5}, {"rule": "adam"}, {"rule": "amsgrad"},
                            {"dropout": [0.3] * (len(sizes) - 1), "random_state": 1}):
                net, plain = network2_and_reference(sizes, dtype=dtype)
                for each in (net, plain):
                    random.seed(1)
                    each.SGD(list(data), 2, m, 0.01, 0.1, epsilon=1e-4, **options)
                assert parameter_difference(net, plain) < tolerance, (dtype, sizes, density, options)
cbackprop.show_config()
"""


@functools.cache
def processor_flags():
    """Return the features that Linux names in /proc/cpuinfo."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return frozenset()
    lines = path.read_text(encoding="utf-8").splitlines()
    flags = [
        line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))
    ]
    return frozenset(flags[0]) if flags else frozenset()


def shown_as(name):
    """Return what show_config() calls the set: where all processors have NEON, portable is that."""
    return "neon" if name == "portable" and NEEDS["neon"] <= processor_flags() else name


SHOW_CONFIG = "import cbackprop; cbackprop.show_config()"


@pytest.mark.parametrize("name", NEEDS)
def test_a_forced_instruction_set_agrees_with_the_reference(name, tmp_path):
    if not NEEDS[name] <= processor_flags():
        pytest.skip(f"this {platform.machine()} does not say that it has {name}")
    child = run_python(AGREE, tmp_path, env={"CBACKPROP_ISA": name})
    assert shown_as(name) in child.stdout.lower()


@pytest.mark.parametrize("name", [n for n in NEEDS if n != "portable"])
def test_a_set_that_the_processor_lacks_is_refused_in_words(name, tmp_path):
    if not processor_flags() or NEEDS[name] <= processor_flags():
        pytest.skip(f"this processor has {name}, or does not say")
    code = "from cbackprop import network; network.Network([2, 1]).feedforward([[1.0], [2.0]])"
    child = run_python(code, tmp_path, env={"CBACKPROP_ISA": name}, may_fail=True)
    assert child.returncode in (0, 1), "killed: an illegal instruction?"
    assert "CBACKPROP_ISA" in child.stderr


def test_an_unknown_name_is_said_to_be_one(tmp_path):
    code = "from cbackprop import network; network.Network([2, 1])"
    child = run_python(code, tmp_path, env={"CBACKPROP_ISA": "sse9"}, may_fail=True)
    assert child.returncode in (0, 1)
    assert "CBACKPROP_ISA" in child.stderr and "sse9" in child.stderr


def test_show_config_says_what_was_built_found_and_chosen(tmp_path):
    shown = run_python(SHOW_CONFIG, tmp_path).stdout.lower()
    for word in ("cbackprop", "numpy", "python", shown_as("portable")):
        assert word in shown


def test_the_forced_choice_is_the_one_shown(tmp_path):
    free, forced = (
        run_python(SHOW_CONFIG, tmp_path, env={"CBACKPROP_ISA": isa}).stdout for isa in (None, "portable")
    )
    if NEEDS["avx2"] <= processor_flags():
        assert forced != free

"""Parameters that a reader edits or assigns are seen by the next call."""

import random

import numpy as np
import pytest
from agreement import copy_parameters, dense_examples, network_and_twin, parameter_difference


@pytest.mark.parametrize(
    "edit", ["in place", "one", "list", "fortran", "float32", "strided", "tuple", "read-only", "big-endian"]
)
@pytest.mark.parametrize("call", ["feedforward", "backprop", "update", "SGD", "evaluate"])
def test_edited_and_assigned_parameters_are_seen(edit, call, capsys):
    net, plain = network_and_twin([6, 5, 3])
    examples = dense_examples(12, [6, 5, 3])
    tests = [(x, k % 3) for k, (x, _) in enumerate(dense_examples(30, [6, 5, 3]))]
    net.update_mini_batch(examples, 0.5)  # the network has settled into its own arrays
    copy_parameters(net, plain)
    rng = np.random.default_rng(0)
    new = [rng.normal(size=w.shape).astype(np.float32).astype(np.float64) for w in net.weights]
    if edit == "in place":
        net.weights[0][1, 2] += 2.0
        net.biases[1][0] -= 2.0
        plain.weights[0][1, 2] += 2.0
        plain.biases[1][0] -= 2.0
    elif edit == "one":
        net.weights[1] = new[1]
        plain.weights[1] = new[1].copy()
    else:
        kinds = {
            "list": list,
            "fortran": lambda ws: [np.asfortranarray(w) for w in ws],
            "float32": lambda ws: [w.astype(np.float32) for w in ws],
            "strided": lambda ws: [np.repeat(np.repeat(w, 2, 0), 3, 1)[::2, ::3] for w in ws],
            "tuple": tuple,
            "read-only": lambda ws: [np.broadcast_to(w, w.shape) for w in ws],
            "big-endian": lambda ws: [w.astype(">f8") for w in ws],
        }
        net.weights = kinds[edit](new)
        plain.weights = [w.copy() for w in new]
    for each in (net, plain):
        random.seed(3)
        if call == "update":
            each.update_mini_batch(examples, 0.5)
        elif call == "SGD":
            each.SGD(list(examples), 2, 5, 0.5)
    if call == "feedforward":
        np.testing.assert_allclose(
            net.feedforward(examples[0][0]), plain.feedforward(examples[0][0]), rtol=1e-13
        )
    elif call == "backprop":
        for ours, expected in zip(
            net.backprop(*examples[0])[1], plain.backprop(*examples[0])[1], strict=True
        ):
            np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-15)
    elif call == "evaluate":
        assert net.evaluate(tests) == plain.evaluate(tests)
    else:
        assert parameter_difference(net, plain) < 1e-12
        assert {w.dtype for w in net.weights} == {np.dtype(np.float64)}

"""What the tests of `cbackprop.export` draw, and what each tool must compute."""

import numpy as np
from hypothesis import strategies as st

from cbackprop import activations, network, network2
from support.strategies import HIDDEN, LAYOUTS, gap, laid_out, seeds, small_shapes

# Of the largest output: how near to `feedforward`, by the bytes of a number.
TOLERANCE = {8: 1e-12, 4: 1e-5}
DTYPES = [np.float64, np.float32]


@st.composite
def networks(draw, sizes=small_shapes, dtypes=DTYPES):
    """A network with any activations, whose arrays lie in memory in any way."""
    n, dtype = draw(sizes), draw(st.sampled_from(dtypes))
    output = draw(st.sampled_from(activations.NAMES))
    options = {
        "activation": [*(draw(st.sampled_from(HIDDEN)) for _ in n[2:]), output],
        "neuron_activations": {},
        "random_state": draw(seeds),
        "dtype": dtype,
    }
    for l in range(2, len(n) + (output != "softmax")):
        for j in draw(st.lists(st.integers(0, n[l - 1] - 1), max_size=3)):
            # e^z of e^z is past all numbers: in hidden layers, of few neurons.
            options["neuron_activations"][l, j] = draw(st.sampled_from([*HIDDEN, "exponential"]))
    if output == "softmax":
        net = network2.Network(n, network2.LogLikelihoodCost, **options)
    else:
        net = draw(st.sampled_from([network.Network, with_quadratic_cost]))(n, **options)
    for arrays in net.weights, net.biases:
        for i, array in enumerate(arrays):
            how, order = draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from("<>"))
            scaled = array / (2 * np.sqrt(net.weights[i].shape[1]))
            arrays[i] = laid_out(scaled.astype(np.dtype(dtype).newbyteorder(order)), how)
    return net


def with_quadratic_cost(sizes, **options):
    return network2.Network(sizes, network2.QuadraticCost, **options)


def rows(net, m=7):
    """Inputs for `net`, one example a row, in its type."""
    return np.random.default_rng(m).normal(size=(m, net.weights[0].shape[1])).astype(net.dtype)


def assert_agrees(outputs, net, X):
    """A tool's outputs for the rows X are those of `feedforward`, and of its type."""
    assert outputs.dtype == net.dtype
    assert gap(outputs, net.feedforward(X.T).T) <= TOLERANCE[net.dtype.itemsize]


def assert_comes_back(back, net, X):
    """`back`, which was made of a tool's network, is `net` to the last bit, in arrays of its own."""
    assert type(back) is type(net) and vars(back).get("cost") is vars(net).get("cost")
    np.testing.assert_array_equal(back.feedforward(X.T), net.feedforward(X.T))
    for ours, theirs in zip(back.weights + back.biases, net.weights + net.biases, strict=True):
        assert ours.dtype == net.dtype and ours.flags.c_contiguous and ours.flags.writeable
        assert ours.tobytes() == theirs.astype(net.dtype).tobytes()


# ---- a function by itself ----


# From where e^z is normal to where it is finite, and small numbers of both signs.
def both_signs(largest, least):
    near_0 = np.geomspace(least, 1, 301)
    return np.concatenate([np.linspace(-largest, largest, 2801), near_0, -near_0])


Z = {8: both_signs(700, 1e-300), 4: both_signs(80, 1e-30)}
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30]
NAMES = [name for name in activations.NAMES if name != "softmax"]


def one_neuron(name, dtype):
    """A network that is f itself, of one number."""
    net = network.Network([1, 1], activation=name, dtype=dtype)
    net.weights, net.biases = [np.ones((1, 1), dtype)], [np.zeros((1, 1), dtype)]
    return net


def assert_is_f(f, name, dtype):
    """f, a tool's function of rows, is the activation: each number by itself, and NaN and infinities too."""
    itemsize = np.dtype(dtype).itemsize
    z = Z[itemsize].astype(dtype)[:, np.newaxis]
    expected = network.Network([1, 1], activation=name).copy()
    expected.weights, expected.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
    a = expected.feedforward(z.astype(np.float64).T).T
    with np.errstate(under="ignore"):
        np.testing.assert_allclose(f(z), a, rtol={8: 1e-14, 4: 1e-6}[itemsize])
    special = np.array(SPECIAL, dtype)[:, np.newaxis]
    with np.errstate(all="ignore"):
        a = expected.feedforward(special.astype(np.float64).T).T.astype(dtype)
    np.testing.assert_allclose(f(special), a, rtol=1e-6)


def softmax(dtype):
    """A network that is the softmax of three numbers, and rows at which it must not overflow."""
    net = network2.Network([3, 3], network2.LogLikelihoodCost, dtype=dtype)
    net.weights, net.biases = [np.eye(3, dtype=dtype)], [np.zeros((3, 1), dtype)]
    return net, np.array([[0, 1, 2], [1e4, 1e4, 0], [-1e4, -1e4, -1e4], [88, 0, -88], [3, np.nan, 1]], dtype)

"""What the property tests draw: networks and their references, and examples of any dtype, layout and size.

Hypothesis chooses what a case is made of, NumPy's generator, from a seed, the numbers themselves: a drawn
number costs a thousand times as much, and which numbers they are matters little.
"""

import contextlib
import io
import os
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from support.agreement import network_and_reference

FACTOR = float(os.environ.get("CBACKPROP_EXAMPLES", "1"))
STEP = {8: 1e-12, 4: 1e-5}  # by the bytes of a number: how near to the reference one call must come ...
RUN = {8: 1e-8, 4: 1e-3}  # ... and how near several epochs


def examples(n):
    """Settings for n examples, or CBACKPROP_EXAMPLES times as many: the same ones in every run."""
    return settings(
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=max(1, round(n * FACTOR)),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# ---- sizes ----

seeds = st.integers(0, 2**31)
edges = st.sampled_from([n + d for n in (4, 8, 12, 16, 24, 32, 48, 64, 96, 128) for d in (-1, 0, 1)])
widths = st.one_of(st.integers(1, 70), edges)
small_widths = st.integers(1, 20)
# Around a mini-batch that the sparse path has a map for (16), and one that it turns round in one go (128).
lengths = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 31, 33, 127, 128, 129, 141]))
shapes = st.one_of(
    st.lists(widths, min_size=2, max_size=6),
    # Zeros are skipped from 32 inputs on.
    st.builds(lambda n, rest: [n, *rest], st.integers(32, 300), st.lists(widths, min_size=1, max_size=3)),
)
small_shapes = st.one_of(
    st.lists(small_widths, min_size=2, max_size=6),
    st.builds(
        lambda n, rest: [n, *rest], st.integers(32, 70), st.lists(small_widths, min_size=1, max_size=2)
    ),
)


# ---- networks ----

HIDDEN = ["sigmoid", "tanh", "linear", "softplus", "relu"]


@st.composite
def activations(draw, sizes, output=None):
    """Keyword arguments that give layers, and some neurons, other activations; often none.

    `output` is that of the output layer, where the cost demands it.
    """
    if draw(st.booleans()):
        return {}
    names = [draw(st.sampled_from(HIDDEN)) for _ in sizes[1:]]
    layers = len(sizes)
    if output:
        names[-1], layers = output, layers - 1
    neurons = {}
    for l in range(2, layers + 1):
        if draw(st.booleans()):
            neurons[l, draw(st.integers(0, sizes[l - 1] - 1))] = draw(st.sampled_from(HIDDEN))
    return {"activation": names, "neuron_activations": neurons}


@st.composite
def networks(draw, sizes=shapes, dtypes=(np.float64, np.float32), make=network_and_reference, output=None):
    """A network and its reference, of any dtype and activations."""
    n = draw(sizes)
    dtype = draw(st.sampled_from(dtypes))
    options = draw(activations(n, output))
    net, plain = make(n, draw(st.integers(0, 10**6)), scaled=True, dtype=dtype, **options)
    if dtype == np.float32:
        # A float32 neuron at z = 4 has lost two digits of f'(z) to 1 - f(z), whoever computes it: |z| < 3.
        for one in (net, plain):
            one.weights = [w * np.float32(0.5) for w in one.weights]
            one.biases = [b * np.float32(0.5) for b in one.biases]
    return net, plain


def is_bounded(net):
    """Whether training keeps what rounding changed small: every neuron is a sigmoid, or in a softmax.

    At eta = 0.3 a step of 96 inputs throws a tanh neuron from one end to the other: moving a weight by four
    units in its last place then moves the reference itself by 2e-4 in 32 steps.
    """
    return net._cbackprop.activations is None or all(
        one in ("sigmoid", "softmax") for one, _ in net._cbackprop.activations.all_used()
    )


def is_tame(plain, X):
    """Whether no neuron saturates, which takes the digits from 1 - f(z), and no two outputs are the same.

    Parameters that are whole numbers, or all one number, make such networks. Of two outputs alike it is
    rounding that says which is the larger.
    """
    for l, (w, b) in enumerate(zip(plain.weights, plain.biases, strict=True), 2):
        z = w @ X + b
        if z.size and np.abs(z).max() > (5 if plain.dtype == np.float64 else 2):
            return False
        X = plain._cbackprop.module.f(plain, l, z)
    return bool((np.diff(np.sort(X, axis=0), axis=0) > 1e-3).all())


def own_arrays(net):
    """Every array that `net` holds."""
    return [*net.weights, *net.biases]


# ---- numbers ----

DTYPES = ["?", "u1", "i1", "<i2", ">i2", "<u4", "<i8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g"]
KINDS = ["dense", "signed", "sparse", "lone", "zeros", "tiny"]
LAYOUTS = [
    "plain", "turned", "every other row", "every third column", "backwards", "part of a matrix",
    "misaligned", "read-only", "field of records", "stride 0",
]  # fmt: skip


def numbers(rng, shape, kind, dtype):
    """An array of numbers up to 1."""
    signs = rng.choice([-1.0, 1.0], shape)
    if kind == "dense":
        a = rng.uniform(0.05, 1.0, shape)
    elif kind == "signed":
        a = rng.uniform(0.05, 1.0, shape) * signs
    elif kind == "sparse":  # as pixels are
        a = (rng.random(shape) < 0.2) * rng.integers(1, 257, shape) / 256
    else:
        a = np.zeros(shape)
        if kind == "tiny":  # signed zeros and numbers that are smaller than a normal one of some type
            a = signs * rng.choice([0.0, 5e-324, 1e-310, 1e-45, 1e-39, 6e-8], shape)
        if kind != "zeros" and a.size:
            a.flat[rng.integers(a.size)] = 0.5
    kind_of = np.dtype(dtype).kind
    if kind_of in "biu":
        a = np.rint(np.abs(a) if kind_of in "bu" else a)
    with np.errstate(under="ignore"):
        return a.astype(dtype)


def garbage(shape, dtype):
    """An array of what nobody must read."""
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 77, dtype)


def laid_out(a, how):
    """The matrix `a`, or for "stride 0" its largest number everywhere, in another layout.

    The first may be subnormal. Of such inputs alone, weights of 0 learn nothing: tests/README.md says so.
    """
    n, m = a.shape
    if how == "plain":
        return a.copy()
    if how == "turned":
        return np.ascontiguousarray(a.T).T
    if how == "backwards":
        return np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1]
    if how == "stride 0":
        return np.broadcast_to(a.flat[np.abs(a).argmax()].reshape(1, 1), a.shape) if a.size else a.copy()
    if how == "read-only":
        result = a.copy()
        result.flags.writeable = False
        return result
    if how == "field of records":
        record = np.zeros(a.shape, [("pad", "u1"), ("value", a.dtype)])
        result = record["value"]
    elif how == "misaligned":
        result = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    elif how == "every other row":
        result = garbage((2 * n, m), a.dtype)[::2]
    elif how == "every third column":
        result = garbage((n, 3 * m), a.dtype)[:, ::3]
    else:
        result = garbage((n + 3, m + 4), a.dtype)[2 : 2 + n, 1 : 1 + m]
    result[...] = a
    return result


@st.composite
def matrices(draw, n, m, kinds=KINDS):
    """An array (n, m)."""
    rng = np.random.default_rng(draw(seeds))
    a = numbers(rng, (n, m), draw(st.sampled_from(kinds)), draw(st.sampled_from(DTYPES)))
    return laid_out(a, draw(st.sampled_from(LAYOUTS)))


TARGETS = ["one-hot", "soft", "zeros", "number"]


def target(rng, n, kind, dtype, how):
    """A target y of one of TARGETS."""
    if kind == "number":
        y = numbers(rng, (1, 1), "dense", dtype)
        return [y[0, 0], y.reshape(()), y[0], y, y.item()][rng.integers(5)]
    y = np.zeros((n, 1))
    if kind == "one-hot":
        y[rng.integers(n)] = 1
    elif kind == "soft":
        y = rng.uniform(0, 1, (n, 1))
    return laid_out(y.astype(dtype), how)


@st.composite
def pairs(draw, net, count, targets=TARGETS):
    """A list of pairs (x, y), of a few kinds, dtypes and layouts by turns; some share their memory."""
    rng = np.random.default_rng(draw(seeds))
    n_in, n_out = net.sizes[0], net.sizes[-1]
    few = [
        st.lists(st.sampled_from(one), min_size=1, max_size=3) for one in (KINDS, DTYPES, LAYOUTS, targets)
    ]
    kinds, dtypes, layouts, ys = (draw(one) for one in few)
    shares = draw(st.sampled_from([False, False, True]))
    result = []
    for i in range(count):
        kind, dtype, how = (one[i % len(one)] for one in (kinds, dtypes, layouts))
        if shares and i % 2:
            both = np.abs(numbers(rng, (max(n_in, n_out) + i % 3, 1), kind, dtype))
            result.append((both[:n_in], both[::-1][:n_out]))
        else:
            y = target(
                rng, n_out, ys[i % len(ys)], dtypes[-1 - i % len(dtypes)], layouts[-1 - i % len(layouts)]
            )
            result.append((laid_out(numbers(rng, (n_in, 1), kind, dtype), how), y))
    return result


@st.composite
def array_pairs(draw, net, count, kind=None):
    """Arrays (X, Y), one example a row, and the list of pairs that they stand for; `kind` is of Y."""
    n_in, n_out = net.sizes[0], net.sizes[-1]
    X = draw(matrices(count, n_in))
    kind = kind or draw(st.sampled_from(["labels", "one-hot", "soft"]))
    rng = np.random.default_rng(draw(seeds))
    labels = rng.integers(0, n_out, count)
    rows = np.eye(n_out)[labels] if kind != "soft" else rng.uniform(0, 1, (count, n_out))
    if kind == "labels":
        spread = garbage(3 * count, draw(st.sampled_from(["u1", "<i4", ">i8", "u8"])))[::3]
        spread[...] = labels
        if n_out == 1:  # numbers, not labels: the targets themselves
            rows = labels[:, np.newaxis] * 1.0
        return (X, spread), [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, rows)], labels
    Y = laid_out(rows.astype(draw(st.sampled_from(DTYPES))), draw(st.sampled_from(LAYOUTS)))
    return (X, Y), [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)], Y.argmax(axis=1)


def plainly(data):
    """The pairs as plain float64 arrays, whose strides and types cannot be misread."""
    return [(np.array(x, np.float64), np.array(y, np.float64)) for x, y in data]


# ---- measures ----


def sizes_of_terms(plain, X, Y, times_slope=True):
    """The largest entries of (nabla_b, nabla_w) if all terms of their sums had one sign.

    Terms that cancel leave their rounding behind. Where a layer is one neuron wide, the largest entry of
    a gradient can itself be such a remainder, and its size then says nothing of the rounding.
    """
    a, zs, inputs = np.asarray(X, np.float64), [], []
    weights = [np.asarray(w, np.float64) for w in plain.weights]
    for l, (w, b) in enumerate(zip(weights, plain.biases, strict=True), 2):
        zs.append(w @ a + b)
        inputs.append(a)
        a = plain._cbackprop.module.f(plain, l, zs[-1])
    d = np.abs(a) + np.abs(np.asarray(Y, np.float64))
    L = len(weights) + 1
    if times_slope:
        d = d * np.abs(plain._cbackprop.module.f_prime(plain, L, zs[-1]))
    nabla_b, nabla_w = [], []
    for l in range(L, 1, -1):
        nabla_b.insert(0, d.sum(axis=1).max(initial=0))
        nabla_w.insert(0, (d @ np.abs(inputs[l - 2]).T).max(initial=0))
        if l > 2:
            d = (np.abs(weights[l - 2]).T @ d) * np.abs(
                plain._cbackprop.module.f_prime(plain, l - 1, zs[l - 3])
            )
    return nabla_b, nabla_w


def gap(ours, expected, scale=None):
    """The largest difference of two arrays by `scale`, or by the largest of the expected numbers."""
    ours, expected = np.asarray(ours, np.float64), np.asarray(expected, np.float64)
    assert ours.shape == expected.shape
    assert not np.isnan(ours).any() and not np.isnan(expected).any()
    largest = np.abs(ours - expected).max(initial=0.0)
    scale = np.abs(expected).max(initial=0.0) if scale is None else scale
    return float(largest / scale) if scale else float(largest)


def assert_near(ours, expected, tolerance, scales=None):
    """Lists of arrays, each near the other's."""
    assert len(ours) == len(expected)
    for i, (mine, theirs) in enumerate(zip(ours, expected)):
        far = gap(mine, theirs, scales and scales[i])
        assert far < tolerance, f"array {i}: {far:.2e}"


def assert_same_places(ours, expected, tolerance):
    """NaN where NaN is expected, the same infinities, and the rest near."""
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
        np.testing.assert_array_equal(
            np.where(np.isinf(mine), mine, 0), np.where(np.isinf(theirs), theirs, 0)
        )
        finite = np.isfinite(theirs)
        assert gap(mine[finite], theirs[finite]) < tolerance


def root(a):
    """The array whose memory `a` looks at."""
    while isinstance(getattr(a, "base", None), np.ndarray):
        a = a.base
    return a


def arrays_in(arguments):
    """The arrays among these, alone or in lists and tuples to any depth."""
    if isinstance(arguments, np.ndarray):
        yield arguments
    elif isinstance(arguments, (list, tuple)):
        for part in arguments:
            yield from arrays_in(part)


@contextlib.contextmanager
def unchanged(*arguments):
    """Check on leaving that these arrays, alone or in lists of pairs, and all their memory are as before."""
    before = [(a, a.tobytes(), root(a).tobytes()) for a in arrays_in(arguments)]
    yield
    for a, numbers_of, memory in before:
        assert a.tobytes() == numbers_of and root(a).tobytes() == memory


def assert_new(results, *arguments):
    """The results are writeable arrays of their own, of no argument's memory and of no other's."""
    others = list(arrays_in(arguments))
    for i, a in enumerate(results):
        assert type(a) is np.ndarray and a.flags.writeable and a.flags.aligned
        for other in others + results[:i]:
            assert not np.shares_memory(a, other)


@contextlib.contextmanager
def printed():
    """What is printed meanwhile."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        yield text


def exact_products():
    """`np.dot` of matrices without the short cut of BLAS, to which a single 0 times an infinity is 0."""
    return mock.patch.object(np, "dot", lambda a, b: np.einsum("ij,jk->ik", a, b))


# ---- the calls that the networks of both modules share ----


def check_feedforward(both, draw):
    """Columns, one or many, give what the reference gives."""
    net, plain = both
    a = draw.draw(matrices(net.sizes[0], draw.draw(st.sampled_from([1, 1, 0, 2, 5, 17, 128, 129, 257]))))
    with unchanged(a, own_arrays(net)):
        ours = net.feedforward(a)
    assert ours.dtype == net.dtype
    assert_new([ours], a, own_arrays(net))
    assert_near([ours], [plain.feedforward(np.array(a, np.float64))], STEP[net.dtype.itemsize])


def places(order, examples):
    """Where each pair of the list `order` is in the list `examples`."""
    place = {id(pair): i for i, pair in enumerate(examples)}
    return [place[id(pair)] for pair in order]


def passed_on(kind, name):
    """A method that does what the class's own of this name does."""

    def method(self, *arguments, **options):
        return getattr(kind, name)(self, *arguments, **options)

    return method


def check_backprop(both, draw, times_slope=True):
    """The gradient of one example; `times_slope`: the output error is the cost's derivative times σ′."""
    net, plain = both
    x, y = draw.draw(pairs(net, 2))[1]
    with unchanged(x, y, own_arrays(net)):
        ours = net.backprop(x, y)
    [plain_example] = plainly([(x, y)])
    scales = sizes_of_terms(plain, *plain_example, times_slope)
    _check_gradients(net, ours, plain.backprop(*plain_example), (x, y), scales)


def check_backprop_mini_batch(both, draw, times_slope=True):
    """The gradient of columns, X and Y now and then in one memory."""
    net, plain = both
    m = draw.draw(st.one_of(st.just(0), lengths, st.just(257)))
    X, Y = draw.draw(matrices(net.sizes[0], m)), draw.draw(matrices(net.sizes[-1], m, ["dense", "sparse"]))
    if draw.draw(st.booleans()):
        memory = np.abs(draw.draw(matrices(max(net.sizes[0], net.sizes[-1]) + 1, m)))
        X, Y = memory[: net.sizes[0]], memory[::-1][: net.sizes[-1]]
    with unchanged(X, Y, own_arrays(net)):
        ours = net.backprop_mini_batch(X, Y)
    plain_columns = np.array(X, np.float64), np.array(Y, np.float64)
    scales = sizes_of_terms(plain, *plain_columns, times_slope)
    _check_gradients(net, ours, plain.backprop_mini_batch(*plain_columns), (X, Y), scales)


def _check_gradients(net, ours, expected, arguments, scales):
    assert {g.dtype for g in ours[0] + ours[1]} == {net.dtype}
    assert_new(ours[0] + ours[1], *arguments, own_arrays(net))
    for mine, theirs, scale in zip(ours, expected, scales, strict=True):
        assert_near(mine, theirs, STEP[net.dtype.itemsize], scale)

"""Every real dtype, byte order, stride and layout of x and y gives what float64 columns give."""

import collections
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import _evaluation, chapter, network, network2
from cbackprop._memory import remember
from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import (
    copy_parameters,
    difference,
    network_and_reference,
    parameter_difference,
    worst_difference,
)
from support.both import (
    REFERENCES,
    each_module,
    each_path,
    name_of,
    reference_of,
    right_answers,
    update,
    use_path,
)
from support.both import train as train_both
from support.examples import Table, as_arrays, dense_examples, digit_examples

SIZES = [12, 7, 4]
DTYPES = [
    "?",
    "u1",
    "i1",
    "<u2",
    ">u2",
    "<i2",
    ">i2",
    "<u4",
    ">u4",
    "<i4",
    ">i4",
    "<u8",
    ">u8",
    "<i8",
    ">i8",
    "<f2",
    ">f2",
    "<f4",
    ">f4",
    "<f8",
    ">f8",
]


def values(dtype, shape, seed=0):
    """Return an array of `dtype` in which about a half is zero."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    numbers = rng.integers(0, 2, shape) if kind in "bu" else rng.integers(-1, 2, shape)
    scale = rng.uniform(0.1, 1, shape) if kind == "f" else 1
    return (numbers * scale).astype(dtype)


def plain_columns(examples):
    return [(np.array(x, np.float64), np.array(y, np.float64)) for x, y in examples]


def check_all_calls(examples, sizes=SIZES, **options):
    """Compare each public call on `examples` with the reference's on float64 copies of them."""
    net, plain = network_and_reference(sizes, **options)
    copies = plain_columns(examples)
    for (x, y), (x0, y0) in zip(examples, copies, strict=True):
        assert difference(net.feedforward(x), plain.feedforward(x0)) < 1e-12
        ours, expected = net.backprop(x, y), plain.backprop(x0, y0)
        assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < 1e-10
    labels = range(len(examples))
    assert net.evaluate([(x, k % 4) for k, (x, _) in zip(labels, examples, strict=True)]) == plain.evaluate(
        [(x, k % 4) for k, (x, _) in zip(labels, copies, strict=True)]
    )
    net.update_mini_batch(examples, 0.5)
    plain.update_mini_batch(copies, 0.5)
    assert parameter_difference(net, plain) < 1e-12
    for each, own in ((net, list(examples)), (plain, copies)):
        random.seed(1)
        each.SGD(own, 2, 3, 0.5)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
def test_x_of_any_real_dtype(dtype, capsys):
    check_all_calls([(values(dtype, (12, 1), k), np.full((4, 1), 0.25)) for k in range(7)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_y_of_any_real_dtype(dtype, capsys):
    check_all_calls([(values("f8", (12, 1), k), values(dtype, (4, 1), k)) for k in range(7)])


def test_dtypes_mixed_in_one_list(capsys):
    check_all_calls(
        [(values(dtype, (12, 1), k), values(DTYPES[-k - 1], (4, 1), k)) for k, dtype in enumerate(DTYPES)]
    )


def test_large_integers_are_rounded_as_numpy_rounds_them():
    net = Network([1, 1])
    net.weights, net.biases = [np.array([[2.0**-60]])], [np.array([[0.0]])]
    limits = ("u8", 2**64 - 1), ("i8", -(2**63)), ("i8", 2**53 + 1), ("u4", 2**32 - 1)
    for dtype, value in limits:
        a = np.array([[value]], dtype=dtype)
        expected = 1 / (1 + np.exp(-a.astype(np.float64) * 2.0**-60))
        np.testing.assert_allclose(net.feedforward(a), expected, rtol=1e-15)


def test_float32_data_is_computed_in_the_networks_own_type():
    """0.1 rounded to float32 is that number, not the start of a float32 calculation."""
    net, plain = network_and_reference([300, 1])
    x = np.full((300, 1), 0.1, np.float32)
    assert difference(net.feedforward(x), plain.feedforward(x.astype(np.float64))) < 1e-14


def layouts(column):
    """Yield the same column in every layout that NumPy can make."""
    n = len(column)
    yield "as it is", column
    yield "every third", np.repeat(column, 3, axis=0)[::3]
    yield "backwards", np.ascontiguousarray(column[::-1])[::-1]
    yield "column of a matrix", np.tile(column, (1, 5))[:, 2:3]
    yield "column of a Fortran matrix", np.asfortranarray(np.tile(column, (1, 5)))[:, 2:3]
    yield "a row turned", column.reshape(1, n).T
    read_only = column.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    shifted = np.zeros(column.nbytes + 1, np.uint8)[1:].view(column.dtype).reshape(n, 1)
    shifted[...] = column
    yield "unaligned", shifted
    record = np.zeros(n, [("pad", "u1"), ("value", column.dtype)])
    record["value"] = column[:, 0]
    yield "field of records", record["value"].reshape(n, 1)
    yield "other byte order", column.astype(column.dtype.newbyteorder())
    odd = np.lib.stride_tricks.as_strided(column, column.shape, (column.strides[0], 12345))
    yield "odd stride of the single column", odd


NAMES = [name for name, _ in layouts(np.zeros((3, 1)))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_any_layout(name, dtype, capsys):
    rng = np.random.default_rng(1)
    examples = [
        (
            (rng.integers(0, 2, (12, 1)) * rng.integers(0, 2, (12, 1))).astype(dtype),
            rng.integers(0, 2, (4, 1)).astype(dtype),
        )
        for _ in range(5)
    ]
    check_all_calls([(dict(layouts(x))[name], dict(layouts(y))[name]) for x, y in examples])


def test_a_constant_column_of_stride_zero(capsys):
    check_all_calls([(np.broadcast_to(0.5, (12, 1)), np.broadcast_to(1.0, (4, 1)))] * 3)


@given(
    st.tuples(st.integers(1, 30), st.integers(1, 9)),
    st.sampled_from(DTYPES),
    st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.sampled_from([-2, -1, 1, 2])),
    st.booleans(),
    st.integers(0, 1000),
)
def test_feedforward_of_any_matrix(shape, dtype, steps, turned, seed):
    (n, m), (row_step, column_step) = shape, steps
    big = values(dtype, (n * abs(row_step), m * abs(column_step)), seed)
    a = big[::row_step, ::column_step][:n, :m]
    if turned:
        a = np.asfortranarray(a)
    net, plain = network_and_reference([n, 5, 3], seed)
    assert difference(net.feedforward(a), plain.feedforward(a.astype(np.float64))) < 1e-12


def test_feedforward_of_nested_lists():
    net = Network([2, 3])
    np.testing.assert_array_equal(net.feedforward([[1.0], [0.5]]), net.feedforward(np.array([[1.0], [0.5]])))


@pytest.mark.parametrize(
    "y",
    [
        1,
        0.25,
        True,
        np.float32(0.25),
        np.array(0.25),
        np.array([0.25]),
        np.array([[0.25]]),
        np.array([1], np.uint8),
    ],
    ids=repr,
)
@pytest.mark.parametrize("sizes", [[12, 7, 4], [12, 1], [12, 5, 1]], ids=str)
@pytest.mark.parametrize("replaced", [False, True], ids=["compiled", "replaced"])
def test_one_number_y_is_broadcast(y, sizes, replaced, capsys):
    x = values("f8", (12, 1))
    whole = np.full((sizes[-1], 1), np.asarray(y, np.float64).ravel()[0])
    net, plain = network_and_reference(sizes)
    if replaced:
        net.cost_derivative = lambda a, y: a - y
    ours, expected = net.backprop(x, y), plain.backprop(x, whole)
    assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < 1e-10
    net.update_mini_batch([(x, y)] * 2, 0.5)
    plain.update_mini_batch([(x, whole)] * 2, 0.5)
    net.SGD([(x, y)] * 3, 2, 2, 0.5)
    plain.SGD([(x, whole)] * 3, 2, 2, 0.5)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("pair", [list, np.array], ids=["list", "object array"])
def test_an_example_may_be_any_pair(pair, capsys):
    examples = dense_examples(5, SIZES)
    if pair is list:
        odd = [list(example) for example in examples]
    else:
        odd = []
        for x, y in examples:
            both = np.empty(2, object)
            both[0], both[1] = x, y
            odd.append(both)
    net, plain = network_and_reference(SIZES)
    net.update_mini_batch(odd, 0.5)
    plain.update_mini_batch(examples, 0.5)
    for each, own in ((net, odd), (plain, examples)):
        random.seed(2)
        each.SGD(own, 1, 2, 0.5)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("kind", [tuple, collections.deque, iter])
def test_a_mini_batch_may_be_a_tuple(kind):
    """Or anything else of some length."""
    examples = dense_examples(5, SIZES)
    for module, reference, more in ((network, ReferenceNetwork, ()), (network2, ReferenceNetwork2, (2.0, 5))):
        net, plain = network_and_reference(SIZES, network=module.Network, reference=reference)
        plain.update_mini_batch(examples, 0.5, *more)
        if kind is iter:  # the book asks for len(mini_batch)
            with pytest.raises(TypeError):
                net.update_mini_batch(iter(examples), 0.5, *more)
        else:
            net.update_mini_batch(kind(examples), 0.5, *more)
            assert parameter_difference(net, plain) < 1e-12


# Arrays (X, Y): one example a row.


def in_type(X, kind):
    return {
        "f8": X,
        "f4": X.astype(np.float32),
        "Fortran": np.asfortranarray(X),
        "turned": np.ascontiguousarray(X.T).T,
        "every second": np.repeat(X, 2, 0)[::2],
        "backwards": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        ">f8": X.astype(">f8"),
    }[kind]


@pytest.mark.parametrize("kind", ["f8", "f4", "Fortran", "turned", "every second", "backwards", ">f8"])
@pytest.mark.parametrize("data", ["sparse", "dense"])
def test_arrays_train_as_the_list_does(kind, data, capsys):
    sizes = [40, 9, 10]
    examples = digit_examples(57, 40) if data == "sparse" else dense_examples(57, sizes)
    X, Y = as_arrays(examples)
    X = in_type(X.astype(np.float32).astype(np.float64), kind)
    examples = [(x.reshape(-1, 1).astype(np.float64), y) for x, (_, y) in zip(X, examples, strict=True)]
    kept = X.copy(), Y.copy()
    net, _ = network_and_reference(sizes)
    other, plain = network_and_reference(sizes)
    for each, own in ((net, (X, Y)), (other, list(examples)), (plain, list(examples))):
        random.seed(3)
        each.SGD(own, 3, 10, 0.5)
        each.state = random.getstate()
    assert net.state == other.state == plain.state
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(Y, kept[1])
    assert parameter_difference(net, other) < 1e-13
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("labels", ["u1", "i4", "<i8", ">i8"])
def test_integer_labels_are_one_hot_rows(labels, capsys):
    examples = digit_examples(57, 40, labels=True)
    X, Y = as_arrays(examples)
    net, _ = network_and_reference([40, 9, 10])
    other, _ = network_and_reference([40, 9, 10])
    for each, rows in ((net, Y.astype(labels)), (other, np.eye(10)[Y])):
        random.seed(3)
        each.SGD((X, rows), 2, 10, 0.5)
    assert parameter_difference(net, other) == 0.0


@pytest.mark.parametrize("rows", ["labels", "one-hot", "one-hot u1"])
def test_arrays_as_test_data(rows, capsys):
    examples, tests = digit_examples(57, 40), digit_examples(90, 40, seed=9, labels=True)
    X, Y = as_arrays(tests)
    if rows != "labels":
        Y = np.eye(10, dtype="u1" if "u1" in rows else "f8")[Y]
    net, plain = network_and_reference([40, 9, 10])
    assert net.evaluate((X, Y)) == plain.evaluate(tests)
    assert type(net.evaluate((X, Y))) is int
    random.seed(3)
    net.SGD(list(examples), 2, 10, 0.5, test_data=(X, Y))
    printed = capsys.readouterr().out
    random.seed(3)
    plain.SGD(list(examples), 2, 10, 0.5, test_data=tests)
    assert capsys.readouterr().out == printed


def test_empty_arrays(capsys):
    net, plain = network_and_reference([4, 3])
    state = random.getstate()
    net.SGD((np.zeros((0, 4)), np.zeros((0, 3))), 2, 10, 0.5)
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"
    net.SGD((np.zeros((1, 4)), np.zeros(1, int)), 1, 10, 0.0, test_data=(np.zeros((0, 4)), np.zeros(0, int)))
    assert capsys.readouterr().out == "Epoch 0 complete\n"
    assert random.getstate() == state  # a list of one draws nothing either
    assert parameter_difference(net, plain) == 0.0
    assert net.evaluate((np.zeros((0, 4)), np.zeros(0, int))) == 0


def test_arrays_with_something_replaced(capsys):
    examples = digit_examples(23, 40)
    net, plain = network_and_reference([40, 9, 10])
    shapes = set()

    def derivative(a, y):
        shapes.add((a.shape, np.shape(y)))
        return a - y

    net.cost_derivative = derivative
    for each, own in ((net, as_arrays(examples)), (plain, list(examples))):
        random.seed(3)
        each.SGD(own, 2, 10, 0.5)
    assert shapes == {((10, 1), (10, 1))}
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_whole_number_pixels_in_a_byte_array(dtype, capsys):
    """uint8 data, as it comes out of a file, scaled by nobody: 0 and 1 alone here."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (60, 40)).astype(np.uint8)
    Y = rng.integers(0, 10, 60)
    net = Network([40, 9, 10], dtype=dtype)
    plain = ReferenceNetwork([40, 9, 10], dtype=dtype)
    copy_parameters(net, plain)
    examples = [
        (x.reshape(-1, 1).astype(dtype), np.eye(10, dtype=dtype)[:, [y]]) for x, y in zip(X, Y, strict=True)
    ]
    for each, own in ((net, (X, Y)), (plain, examples)):
        random.seed(3)
        each.SGD(own, 2, 10, 0.5)
    assert parameter_difference(net, plain) < (1e-12 if dtype == np.float64 else 1e-5)


def test_more_distinct_values_than_a_code_table_holds(capsys):
    """Sparse data of floats that are all different, and of exactly 255, 256 and 257 values."""
    rng = np.random.default_rng(0)
    for distinct in (2, 254, 255, 256, 257, 100000):
        table = rng.uniform(0.1, 1.0, distinct)
        examples = []
        for k in range(60):
            x = np.zeros((200, 1))
            lit = rng.choice(200, 40, replace=False)
            x[lit, 0] = table[(np.arange(40) + 40 * k) % distinct]
            examples.append((x, rng.uniform(size=(10, 1))))
        net, plain = network_and_reference([200, 30, 10])
        for each in (net, plain):
            random.seed(3)
            each.SGD(list(examples), 2, 10, 0.3)
        assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("n_in", [65535, 65536, 65537, 70000])
def test_more_inputs_than_sixteen_bits_count(n_in, capsys):
    examples = []
    for k in range(6):
        x = np.zeros((n_in, 1), np.float32)
        x[[0, 5 * k, n_in // 2, n_in - 2, n_in - 1], 0] = 0.5
        examples.append((x, np.full((2, 1), 0.1 * k)))
    net, plain = network_and_reference([n_in, 3, 2])
    for each in (net, plain):
        random.seed(3)
        each.SGD(list(examples), 2, 2, 0.3)
    assert parameter_difference(net, plain) < 1e-12


def test_negative_zero_and_denormal_inputs(capsys):
    x = np.zeros((12, 1))
    x[1], x[3], x[5] = -0.0, 5e-324, -1e-310
    check_all_calls([(x, np.full((4, 1), 0.5))] * 4)


# ---- objects that lie ----


class Longer(np.ndarray):
    """An array that says it has more rows than it has, and gives other rows than it holds."""

    shape = property(lambda self: (1000, np.ndarray.shape.__get__(self)[-1]))

    def __len__(self):
        return 1000

    def __getitem__(self, i):
        return np.zeros(1)


def test_the_rows_of_a_subclass_are_those_that_it_has(capsys):
    """Its memory is read, so what it says of its own shape does not count."""
    X, Y = as_arrays(dense_examples(20, SIZES))
    net, same = network_and_reference(SIZES, reference=Network)
    labels = np.arange(20) % 4
    assert net.evaluate((X.view(Longer), labels.view(Longer))) == same.evaluate((X, labels))
    for each, own in ((net, (X.view(Longer), Y.view(Longer))), (same, (X, Y))):
        random.seed(3)
        each.SGD(own, 2, 5, 0.5)
    assert parameter_difference(net, same) == 0


def test_a_list_whose_iterator_gives_other_arrays(capsys):
    X, Y = as_arrays(dense_examples(20, SIZES))

    class Pair(list):
        def __iter__(self):
            return iter((X[:1], Y[:1]))

    assert Network(SIZES).evaluate(Pair((X, np.zeros(20, int)))) <= 20


def test_what_only_claims_to_be_an_array_is_none():
    class Claims:
        __class__ = np.ndarray
        shape, ndim, dtype = (2, 12), 2, np.dtype(float)

        def __len__(self):
            return 2

    with pytest.raises((TypeError, ValueError)):
        Network(SIZES).evaluate((Claims(), np.zeros(2, int)))


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
def test_a_matrix_may_get_another_shape_while_the_parameters_are_read():
    X, Y = np.ones((12, 60)), np.ones((4, 60))
    net, same = network_and_reference(SIZES, reference=Network)
    first = net.weights[0]

    class Reshapes:
        def __array__(self, dtype=None, copy=None):
            if X.shape == (12, 60) and net.__dict__.setdefault("asked", []):
                X.shape = (6, 120)
            net.asked.append(self)
            return first

    net.weights[0] = Reshapes()
    nabla_b, nabla_w = net.backprop_mini_batch(X, Y)
    assert X.shape == (6, 120)
    expected_b, expected_w = same.backprop_mini_batch(np.ones((12, 60)), Y)
    for ours, expected in zip(nabla_b + nabla_w, expected_b + expected_w, strict=True):
        assert (ours == expected).all()


class Shrinks:
    """An array that takes the memory of another one away when it is read."""

    def __init__(self, other, array):
        self.other, self.array = other, array

    def __array__(self, dtype=None, copy=None):
        self.other.resize((1, 1), refcheck=False)
        return self.array


@pytest.mark.parametrize("call", [
    lambda net, x, y: net.feedforward(x),
    lambda net, x, y: net.backprop(x, y),
    lambda net, x, y: net.update_mini_batch([(x, y)], 1.0),
    lambda net, x, y: net.SGD([(x, y)], 1, 1, 1.0),
    lambda net, x, y: net.evaluate([(x, 0)]),
])  # fmt: skip
def test_a_weight_that_shrinks_while_an_example_is_read(call):
    net = Network(SIZES)
    net.weights[0] = np.ones((7, 12))
    with pytest.raises(ValueError, match=r"weights\[0\]"):
        call(net, Shrinks(net.weights[0], np.ones((12, 1))), np.ones((4, 1)))


def test_arrays_that_shrink_while_others_are_read():
    net, x = Network(SIZES), np.ones((12, 1))
    with pytest.raises(ValueError, match="x has shape"):
        net.backprop(x, Shrinks(x, np.ones((4, 1))))
    net.weights[0] = np.ones((7, 12))
    net.weights[1] = Shrinks(net.weights[0], np.ones((4, 7)))
    with pytest.raises(ValueError, match=r"weights\[0\]"):
        net.feedforward(np.ones((12, 1)))


def test_a_weight_that_shrinks_before_the_weights_are_summed(monkeypatch):
    """The activations are read after the weights, by Python code: the garbage collector may run any other."""
    net = network2.Network(SIZES, activation=["tanh", "sigmoid"])
    net.weights[0] = np.ones((7, 12))
    kind = type(net._cbackprop.activations)
    of_layers = kind.of_layers

    def shrinks(activations, L):
        net.weights[0].resize((1, 1), refcheck=False)
        return of_layers(activations, L)

    monkeypatch.setattr(kind, "of_layers", shrinks)
    with pytest.raises(ValueError, match=r"weights\[0\]"):
        _evaluation.sum_of_weights(net, True)


@pytest.mark.parametrize("name", ["x", "weights"])
def test_arrays_that_shrink_while_the_users_cost_runs(name):
    x, y = np.ones((12, 1)), np.ones((4, 1))

    class Cost(network2.QuadraticCost):
        @staticmethod
        def delta(z, a, y):
            {"x": x, "weights": net.weights[0]}[name].resize((1, 1), refcheck=False)
            return a - y

    net = network2.Network(SIZES, Cost)
    net.weights[0] = np.ones((7, 12))
    with pytest.raises(ValueError, match=name):
        net.backprop(x, y)


def test_an_x_that_becomes_of_a_smaller_type_while_the_users_cost_runs():
    x, y = np.ones((12, 1)), np.ones((4, 1))

    class Cost(network2.QuadraticCost):
        @staticmethod
        def delta(z, a, y):
            x.dtype = np.float32
            x.resize((12, 1), refcheck=False)
            return a - y

    with pytest.raises(ValueError, match="x has changed"):
        network2.Network(SIZES, Cost).backprop(x, y)


def test_velocities_that_shrink_while_others_are_read():
    net = network2.Network(SIZES)
    velocities = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    velocities[1][1] = Shrinks(velocities[0][0], net.biases[1])
    remember(net, velocities=velocities)
    with pytest.raises(ValueError, match=r"velocities\[0\]\[0\]"):
        net.update_mini_batch([(np.ones((12, 1)), np.ones((4, 1)))], 1.0, 0.0, 1, mu=0.5)


@pytest.mark.parametrize("n", [-3, 2**62])
def test_sizes_that_compare_as_they_like(n):
    class Liar(int):
        __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
        __hash__ = int.__hash__

    with pytest.raises(ValueError, match="sizes"):
        Network([Liar(n), 7, 4])
    net, same = network_and_reference(SIZES, reference=Network)
    net.sizes = [Liar(n), 7, 4]
    assert (net.feedforward(np.ones((12, 1))) == same.feedforward(np.ones((12, 1)))).all()


@pytest.mark.parametrize("replaced", [False, True])
def test_update_mini_batch_takes_all_rows_of_a_pair_of_arrays(replaced):
    """Or it would take a pair for a list of two examples, and silently leave out the rest."""
    examples = dense_examples(20, SIZES)
    net, plain = network_and_reference(SIZES)
    if replaced:
        net.cost_derivative = lambda a, y: a - y
    net.update_mini_batch(as_arrays(examples), 0.5)
    plain.update_mini_batch(examples, 0.5)
    assert parameter_difference(net, plain) < 1e-12


# ---- what broadcasts rightly ----

ONE_INPUT = [
    0.5,
    np.float64(0.5),
    np.float32(0.5),
    np.array(0.5),
    np.array([0.5]),
    np.array([0.5], np.float16),
    np.array([[0.5]]),
    [0.5],
    (0.5,),
    [[0.5]],
    1,
    True,
    np.int64(1),
    np.uint8(1),
    np.array(1, ">i4"),
]
each_number = pytest.mark.parametrize("x", ONE_INPUT, ids=lambda x: f"{type(x).__name__} {x!r}")


@each_module
@each_path
@each_number
@pytest.mark.parametrize("sizes", [[1, 4, 2], [1, 2], [1, 4, 1]], ids=str)
def test_one_input_may_be_a_number_everywhere(module, path, x, sizes, capsys, monkeypatch):
    net = use_path(path, module.Network(sizes), monkeypatch)
    plain, column = reference_of(net), np.array([[np.ravel(x)[0]]], np.float64)
    y = np.full((sizes[-1], 1), 0.25)
    out = net.feedforward(x)
    assert out.shape == (sizes[-1], 1) and difference(out, plain.feedforward(column)) < 1e-13
    ours, expected = net.backprop(x, y), plain.backprop(column, y)
    assert worst_difference(ours[0] + ours[1], expected[0] + expected[1]) < 1e-12
    if sizes[-1] > 1:
        tests = [(x, 0), (x, 1), (0.25, 1)]
        columns = [(column, 0), (column, 1), (np.array([[0.25]]), 1)]
        assert right_answers(net, tests) == right_answers(plain, columns)
        train_both(net, [(x, y)] * 5, tests=tests), train_both(plain, [(column, y)] * 5, tests=columns)
    else:
        train_both(net, [(x, 0.25)] * 5), train_both(plain, [(column, y)] * 5)
    assert parameter_difference(net, plain) < 1e-12
    update(net, [(x, y), (0.25, y)]), update(plain, [(column, y), (np.array([[0.25]]), y)])
    assert parameter_difference(net, plain) < 1e-12
    if module is network2:
        ours, expected = net.total_cost([(x, y)] * 3, 0.1), plain.total_cost([(column, y)] * 3, 0.1)
        assert difference(ours, expected) < 1e-12


@each_number
def test_the_chapter_takes_one_input_as_a_number(x):
    net, y = network.Network([1, 4, 2]), np.full((2, 1), 0.25)
    column = np.array([[np.ravel(x)[0]]], np.float64)
    for ours, expected in zip(
        chapter.numerical_gradient(net, x, y), chapter.numerical_gradient(net, column, y), strict=True
    ):
        assert worst_difference(ours, expected) == 0.0
    assert chapter.check_gradient(net, x, y)
    assert chapter.perturbation(net, x, y, (2, 0, 0), 1e-3) is not None
    assert worst_difference(chapter.path_sum_gradient(net, x, y), net.backprop(column, y)[1]) < 1e-12


@each_module
@each_path
@pytest.mark.parametrize(
    "pairs",
    [list, tuple, iter, lambda pairs: pairs[:2], lambda pairs: [list(p) for p in pairs[:2]], np.array],
    ids=["list", "tuple", "iterator", "two", "two lists", "rows of an array"],
)
def test_a_function_of_one_variable(module, path, pairs, capsys, monkeypatch):
    """Numbers of np.linspace are x and y of a [1, n, 1] network."""
    xs = np.linspace(0, 1, 8)
    examples = list(zip(xs, np.sin(xs), strict=True))
    net = use_path(path, module.Network([1, 4, 1]), monkeypatch)
    plain = reference_of(net)
    columns = [(np.array([[x]]), np.array([[y]])) for x, y in examples]
    given = pairs(examples)
    columns = columns[: len(list(pairs(examples)))]
    train_both(net, given, m=3), train_both(plain, columns, m=3)
    assert parameter_difference(net, plain) < 1e-12


@each_path
def test_one_input_alone_may_be_a_number(path, monkeypatch):
    net = use_path(path, Network([2, 4, 1]), monkeypatch)
    for x in (0.5, np.array(0.5), [0.5], np.array([[0.5]])):
        with pytest.raises(ValueError, match=r"must be \(2, 1\)"):
            net.feedforward(x)
        with pytest.raises(ValueError, match=r"must be \(2, 1\)"):
            net.backprop(x, 1.0)
        where = "" if path == "methods" else r"mini_batch\[0\]: "  # an own backprop gets what it is given
        with pytest.raises(ValueError, match=where + r"x .*must be \(2, 1\)"):
            net.update_mini_batch([(x, 1.0)], 0.5)


@each_module
def test_one_input_of_many_columns_is_a_row(module):
    """(m,) is none: in the book w a + b of it broadcasts into a square."""
    net = module.Network([1, 4, 2])
    X = np.linspace(0, 1, 7).reshape(1, 7)
    assert difference(net.feedforward(X), reference_of(net).feedforward(X)) < 1e-13
    with pytest.raises(ValueError, match=r"a has shape \(7,\).*must be \(1, 1\)"):
        net.feedforward(X[0])


def column_targets(n_out, m):
    """What y may be of m columns: by a name, y and the matrix that it means."""
    rng = np.random.default_rng(5)
    Y, column, row = rng.random((n_out, m)), rng.random((n_out, 1)), rng.random((1, m))
    forms = {
        "a matrix": (Y, Y),
        "a matrix of another layout": (np.asfortranarray(Y.astype(">f4")), Y.astype(">f4")),
        "a column": (column, np.tile(column, m)),
        "a row": (row, np.tile(row, (n_out, 1))),
        "a number": (0.25, np.full((n_out, m), 0.25)),
        "a 0-d array": (np.array(1, "u1"), np.ones((n_out, m))),
        "one of one": (np.array([0.25]), np.full((n_out, m), 0.25)),
        "nested lists": (Y.tolist() if m else Y, Y),
        "a table": (Table(Y), Y),
    }
    if n_out == 1:
        forms["(m,) for one output"] = (row[0], row)
    return forms


@each_module
@each_path
@pytest.mark.parametrize("m", [0, 1, 2, 128, 129, 300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sizes", [[12, 7, 4], [12, 4], [12, 5, 1], [1, 3, 1]], ids=str)
def test_backprop_of_columns(module, path, m, dtype, sizes, monkeypatch):
    """nabla_w is the sum over the examples, nabla_b has a column for each."""
    net = use_path(path, module.Network(sizes, dtype=dtype), monkeypatch)
    rng, tolerance = np.random.default_rng(1), 1e-11 if dtype == np.float64 else 3e-5
    X = rng.random((sizes[0], m)) * (rng.random((sizes[0], m)) < 0.5)
    double = REFERENCES[name_of(net)]([1])
    copy_parameters(net, double)
    double.weights, double.biases = ([p.astype(np.float64) for p in ps] for ps in (net.weights, net.biases))
    expected_of = {}  # by the targets' bytes, which several forms share
    for form, (y, Y) in column_targets(sizes[-1], m).items():
        nabla_b, nabla_w = net.backprop(X, y)
        assert [b.shape for b in nabla_b] == [(n, m) for n in sizes[1:]], form
        assert [w.shape for w in nabla_w] == [w.shape for w in net.weights], form
        assert {g.dtype for g in nabla_b + nabla_w} == {np.dtype(dtype)}, form
        targets = np.array(Y, np.float64, order="C")
        if targets.tobytes() not in expected_of:
            one_by_one = [double.backprop(X[:, [k]], targets[:, [k]]) for k in range(m)]
            expected_of[targets.tobytes()] = one_by_one
        one_by_one = expected_of[targets.tobytes()]
        for l in range(len(sizes) - 1):
            expected = np.hstack([np.zeros((sizes[l + 1], 0)), *(b[l] for b, _ in one_by_one)])
            assert difference(nabla_b[l], expected) < tolerance, form
            expected = sum((w[l] for _, w in one_by_one), np.zeros(net.weights[l].shape))
            assert difference(nabla_w[l], expected) < tolerance, form


@pytest.mark.parametrize("m", [0, 1, 2, 129])
@pytest.mark.parametrize("cost", ["quadratic", "likelihood", "own"])
def test_backprop_of_columns_with_another_cost(m, cost):
    """A cost of the user's sees all columns at once, as in the book."""
    shapes = []

    class Own:
        @staticmethod
        def fn(a, y):
            return float(np.sum((a - y) ** 4))

        @staticmethod
        def delta(z, a, y):
            shapes.append((z.shape, a.shape, np.shape(y)))
            return 4 * (a - y) ** 3

    kind = {"quadratic": network2.QuadraticCost, "likelihood": network2.LogLikelihoodCost, "own": Own}[cost]
    net = network2.Network(SIZES, kind)
    rng = np.random.default_rng(1)
    X, Y = rng.random((12, m)), rng.random((4, m))
    nabla_b, nabla_w = net.backprop(X, Y)
    if cost == "own":
        assert shapes == [((4, m),) * 3]
    one_by_one = [net.backprop(X[:, [k]], Y[:, [k]]) for k in range(m)]
    for l in range(2):
        assert nabla_b[l].shape == (SIZES[l + 1], m)
        for k, (b, _) in enumerate(one_by_one):
            assert difference(nabla_b[l][:, [k]], b[l]) < 1e-11
        expected = sum((w[l] for _, w in one_by_one), np.zeros(net.weights[l].shape))
        assert difference(nabla_w[l], expected) < 1e-11


@each_module
@each_path
@pytest.mark.parametrize(
    "y",
    [
        np.zeros((4, 2)),
        np.zeros((2, 3)),
        np.zeros((3, 4)),
        np.zeros(3),
        np.zeros(4),
        np.zeros((4, 3, 1)),
        np.zeros(0),
    ],
    ids=lambda y: str(y.shape),
)
def test_targets_that_do_not_fit_the_columns(module, path, y, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    with pytest.raises(ValueError) as error:
        net.backprop(np.zeros((12, 3)), y)
    for word in (f"y has shape {y.shape}", "4 neurons", "3 columns", "(4, 3)", "(4, 1)"):
        assert word in str(error.value)


@pytest.mark.parametrize("module", [network, network2], ids=["network", "network2"])
def test_an_update_mini_batch_that_hands_all_columns_to_backprop(module, capsys):
    """The chapter's matrix problem, as the book's own backprop already solves it."""

    class AllAtOnce(module.Network):
        def update_mini_batch(self, mini_batch, eta, *more):
            X, Y = (np.hstack(columns) for columns in zip(*mini_batch, strict=True))
            nabla_b, nabla_w = self.backprop(X, Y)
            step = eta / len(mini_batch)
            self.weights = [w - step * g for w, g in zip(self.weights, nabla_w, strict=True)]
            self.biases = [
                b - step * g.sum(axis=1, keepdims=True) for b, g in zip(self.biases, nabla_b, strict=True)
            ]

    mine, examples = AllAtOnce(SIZES), dense_examples(23, SIZES)
    plain = reference_of(mine)
    train_both(mine, list(examples)), train_both(plain, list(examples))
    assert parameter_difference(mine, plain) < 1e-12


def test_columns_and_what_they_give_are_the_caller_s():
    """New arrays each time; x and y are not written to."""
    net, X, Y = Network(SIZES), values("f8", (12, 300)), values("f8", (4, 300))
    kept = X.copy(), Y.copy()
    first, second, third = (net.backprop(X, Y) for _ in range(3))
    first[0][0][...] = first[1][1][...] = 7
    assert worst_difference(second[0] + second[1], third[0] + third[1]) == 0.0
    assert (kept[0] == X).all() and (kept[1] == Y).all()


# ---- one output ----

BITS = np.arange(23) % 2
ONE_OUTPUT = {
    "floats": BITS * 1.0,
    "float32": BITS.astype(np.float32),
    "bools": BITS == 1,
    "whole numbers": BITS,
    "bytes": BITS.astype(np.uint8),
    "int8": BITS.astype(np.int8),
    "real numbers": np.linspace(-0.2, 1.2, 23),
    "float16": np.linspace(0, 1, 23).astype(np.float16),
    "big-endian": np.linspace(0, 1, 23).astype(">f8"),
    "a column": (BITS * 1.0).reshape(-1, 1),
    "a column of bools": (BITS == 1).reshape(-1, 1),
    "a list": BITS.tolist(),
    "a list of bools": (BITS == 1).tolist(),
    "a tuple": tuple(np.linspace(0, 1, 23).tolist()),
    "a table": Table((BITS * 0.5).tolist()),
    "every second": np.repeat(np.linspace(0, 1, 23), 2)[::2],
}


@each_module
@each_path
@pytest.mark.parametrize("kind", ONE_OUTPUT)
@pytest.mark.parametrize("sizes", [[12, 5, 1], [1, 1], [40, 3, 1]], ids=str)
def test_numbers_are_targets_of_one_output(module, path, kind, sizes, capsys, monkeypatch):
    net = use_path(path, module.Network(sizes), monkeypatch)
    plain, Y = reference_of(net), ONE_OUTPUT[kind]
    rng = np.random.default_rng(1)
    X = rng.random((23, sizes[0])) * (rng.random((23, sizes[0])) < 0.3)
    numbers = np.asarray(Y, np.float64).ravel()
    examples = [(x.reshape(-1, 1), np.array([[y]])) for x, y in zip(X, numbers, strict=True)]
    update(net, (X, Y)), update(plain, examples)
    assert parameter_difference(net, plain) < 1e-12
    train_both(net, (X, Y)), train_both(plain, list(examples))
    assert parameter_difference(net, plain) < 1e-12
    if module is network2:
        for data in ((X, Y), (Table(X), Y)):
            ours = net.total_cost(data, 0.1), net.total_cost(data, 0.1, convert=True)
            assert max(difference(one, plain.total_cost(examples, 0.1)) for one in ours) < 1e-11
        found = net.SGD((X, Y), 1, 5, 0.5, 0.1, (X, Y), True, False, True)
        assert difference(found[0], found[2]) < 1e-12


# ---- tables, tensors and lists for arrays ----


class Tensor(Table):
    """As torch has it: no NumPy, a truth value for one number alone, rows that are tensors again."""

    def __getitem__(self, key):
        return Tensor(np.asarray(self)[key])

    def __iter__(self):
        return (Tensor(row) for row in np.asarray(self))


def nested(array):
    return array.tolist()


def pandas_frame(array):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(
        array, index=np.arange(len(array)) + 100, columns=[f"c{k}" for k in range(array.shape[1])]
    )


def pandas_series(array):
    pandas = pytest.importorskip("pandas")
    return pandas.Series(array, index=np.arange(len(array)) + 100) if array.ndim == 1 else pandas_frame(array)


FORMS = {
    "tables": (Table, Table),
    "tensors": (Tensor, Tensor),
    "nested lists": (nested, nested),
    "a table and a list": (Table, nested),
    "an array and a list": (np.asarray, nested),
    "a list and an array": (nested, np.asarray),
    "an array and a table": (np.asarray, Table),
    "tuples": (lambda X: tuple(map(tuple, X.tolist())), lambda Y: tuple(Y.tolist())),
    "rows of a list": (list, list),
    "a matrix": (np.matrix, np.asarray),
    "masked": (np.ma.masked_array, np.ma.masked_array),
    "pandas": (pandas_frame, pandas_series),
}


@each_module
@each_path
@pytest.mark.parametrize("container", [tuple, list])
@pytest.mark.parametrize("rows", ["labels", "targets"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_whatever_is_an_array_counts_as_one(module, path, container, rows, form, capsys, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    same = copy_parameters(net, module.Network(SIZES))
    if path == "methods":
        use_path(path, same, monkeypatch)
    X, labels = as_arrays(dense_examples(23, SIZES))[0], np.arange(23) % 4
    Y = labels if rows == "labels" else np.eye(4)[labels]
    of_x, of_y = FORMS[form]
    given = container((of_x(X), of_y(Y)))
    assert right_answers(net, given) == right_answers(same, (X, Y))
    update(net, given), update(same, (X, Y))
    assert parameter_difference(net, same) == 0.0
    train_both(net, given, tests=given)
    printed = capsys.readouterr().out
    train_both(same, (X, Y), tests=(X, Y))
    assert printed == capsys.readouterr().out and "/ 23" in printed
    assert parameter_difference(net, same) == 0.0
    if module is network2:
        assert net.total_cost(given, 0.1) == same.total_cost((X, Y), 0.1)


@each_module
@pytest.mark.parametrize("form", ["nested lists", "tables", "tuples"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_rows(module, form, n, capsys):
    """Two of them above all: a list of two rows may look like a list of two pairs."""
    of_x, of_y = FORMS[form]
    X, Y = as_arrays(dense_examples(n, SIZES)) if n else (np.zeros((0, 12)), np.zeros((0, 4)))
    net = module.Network(SIZES)
    same = copy_parameters(net, module.Network(SIZES))
    if n == 0 and form != "tables":
        return  # a list of nothing has no columns
    for rows in (Y, np.arange(n) % 4):
        train_both(net, (of_x(X), of_y(rows)), m=2), train_both(same, (X, rows), m=2)
        assert parameter_difference(net, same) == 0.0
        assert right_answers(net, (of_x(X), of_y(rows))) == right_answers(same, (X, rows))


@each_module
@each_path
def test_pairs_of_nested_lists_are_pairs(module, path, capsys, monkeypatch):
    """Two examples, each a column of numbers in lists, are no arrays."""
    net = use_path(path, module.Network([2, 3, 2]), monkeypatch)
    plain = reference_of(net)
    examples = [([[0.5], [0.25]], [[1.0], [0.0]]), ([[0.1], [0.9]], [[0.0], [1.0]])]
    columns = [(np.array(x), np.array(y)) for x, y in examples]
    for data in (list(examples), tuple(examples), [list(pair) for pair in examples]):
        train_both(net, data, m=1), train_both(plain, list(columns), m=1)
        assert parameter_difference(net, plain) < 1e-12

"""Matrices that are stored sparsely: packed as they are, they train and answer as dense ones do."""

import numpy as np
import pytest

from cbackprop import network2
from cbackprop._csr import Csr
from cbackprop._outputs import outputs
from cbackprop._step_options import StepOptions
from cbackprop._training import Training
from support.agreement import copy_parameters, parameter_difference, same_bits, worst_difference

N = 60
KINDS = {  # columns, the share that is stored: tiles of the usual width, and hypersparse ones
    "few columns": (17, 0.5),
    "dense tiles": (500, 0.2),
    "hypersparse": (3000, 0.004),
    "several wide tiles": (140_000, 0.0004),
}
RULES = [
    {"rule": "momentum", "mu": 0.6, "lmbda_over_n": 0.03},
    {"rule": "nesterov", "mu": 0.6, "lmbda_over_n": 0.03},
    {"rule": "adam", "lmbda_over_n": 0.03},
]


def stored(n, n_in, density, seed=1, dtype=np.float64, index=np.int32):
    """(data, indices, indptr) of a random CSR matrix, its columns in no order."""
    rng = np.random.default_rng(seed)
    lengths = rng.binomial(n_in, density, n)
    indices = [rng.choice(n_in, length, replace=False) for length in lengths]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    data = rng.standard_normal(indptr[-1]).astype(dtype)
    return data, np.concatenate(indices).astype(index), indptr.astype(index)


def dense(arrays, n_in):
    """The same matrix, with its zeros."""
    data, indices, indptr = arrays
    X = np.zeros((len(indptr) - 1, n_in), data.dtype)
    np.add.at(X, (np.repeat(np.arange(len(X)), np.diff(indptr)), indices), data)
    return X


def networks(n_in, **options):
    np.random.seed(0)
    net = network2.Network([n_in, 13, 3], cost=network2.LogLikelihoodCost, **options)
    return net, copy_parameters(
        net, network2.Network([n_in, 13, 3], cost=network2.LogLikelihoodCost, **options)
    )


def train(net, X, Y, m=10, n_threads=1, epochs=3, **options):
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost", **options)
    training = Training(net, (X, Y), m, n_threads, step)
    for _ in range(epochs):
        training.epoch(net, step)
    return training


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [7, 50])
@pytest.mark.parametrize("options", [{}, {"lmbda_over_n": 0.03}, *RULES], ids=str)
def test_training_is_that_of_the_dense_matrix(kind, m, options):
    n_in, density = KINDS[kind]
    arrays = stored(N, n_in, density)
    Y = np.arange(N) % 3
    sparse, full = networks(n_in)
    train(sparse, Csr(*arrays, n_in), Y, m, **options)
    train(full, dense(arrays, n_in), Y, m, **options)
    assert parameter_difference(sparse, full) <= 1e-12


@pytest.mark.parametrize("m", [16, 150, 300])
def test_long_mini_batches(m):
    """More examples than a list of the usual tiles has room for."""
    n_in = 2000
    arrays = stored(300, n_in, 0.005)
    sparse, full = networks(n_in)
    train(sparse, Csr(*arrays, n_in), np.arange(300) % 3, m)
    train(full, dense(arrays, n_in), np.arange(300) % 3, m)
    assert parameter_difference(sparse, full) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network_type", [np.float64, np.float32])
@pytest.mark.parametrize("data_type", [np.float64, np.float32, np.int8])
def test_types(kind, network_type, data_type):
    n_in, density = KINDS[kind]
    arrays = stored(N, n_in, density, dtype=data_type)
    sparse, full = networks(n_in, dtype=network_type)
    train(sparse, Csr(*arrays, n_in), np.arange(N) % 3)
    train(full, dense(arrays, n_in), np.arange(N) % 3)
    assert parameter_difference(sparse, full) <= (1e-12 if network_type is np.float64 else 2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_the_dense_matrix(kind):
    n_in, density = KINDS[kind]
    arrays = stored(N, n_in, density)
    net, _ = networks(n_in)
    ours = outputs(net, Csr(*arrays, n_in))
    assert ours.shape == (N, 3)
    expected = net.feedforward(dense(arrays, n_in).T).T
    assert worst_difference([ours, outputs(net, dense(arrays, n_in))], [expected] * 2) <= 1e-13


def test_outputs_of_many_blocks():
    arrays = stored(2500, 300, 0.02, dtype=np.float32)
    net, _ = networks(300)
    ours = outputs(net, Csr(*arrays, 300))
    assert worst_difference([ours], [net.feedforward(dense(arrays, 300).T).T]) <= 1e-13
    assert outputs(net, np.zeros((0, 300))).shape == (0, 3)


@pytest.mark.parametrize("index", [np.int32, np.int64, ">i4", np.uint16, np.uint32])
def test_index_types(index):
    arrays = stored(N, 500, 0.02, index=index)
    sparse, full = networks(500)
    train(sparse, Csr(*arrays, 500), np.arange(N) % 3)
    train(full, dense(arrays, 500), np.arange(N) % 3)
    assert parameter_difference(sparse, full) <= 1e-12


@pytest.mark.parametrize("n_in", [40, 4000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_entries_of_one_column_are_added_up(n_in, dtype):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 40, 30 * N).astype(np.int32)
    data = (rng.integers(-8, 9, 30 * N) / 8).astype(dtype)
    data[:2], indices[:2] = (1, 2.0**-40), 7  # each a float, their sum none
    arrays = data, indices, np.arange(0, 30 * N + 1, 30)
    sparse, full = networks(n_in)
    train(sparse, Csr(*arrays, n_in), np.arange(N) % 3)
    train(full, dense(arrays, n_in), np.arange(N) % 3)
    assert parameter_difference(sparse, full) <= 1e-12


def test_stored_zeros_and_empty_rows():
    arrays = np.zeros(4), np.array([0, 1, 2, 3]), np.array([0, 0, 4, 4])
    sparse, full = networks(9)
    train(sparse, Csr(*arrays, 9), np.arange(3))
    train(full, np.zeros((3, 9)), np.arange(3))
    assert parameter_difference(sparse, full) <= 1e-12


def test_what_is_not_stored_is_skipped_even_where_a_weight_is_infinite():
    net, _ = networks(3000)
    net.weights[0][:, 5] = np.inf
    arrays = np.ones(2), np.array([7, 8]), np.array([0, 1, 2])
    assert np.isfinite(outputs(net, Csr(*arrays, 3000))).all()
    train(net, Csr(*arrays, 3000), np.arange(2))
    assert np.isfinite(np.delete(net.weights[0], 5, axis=1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_no_bit(kind):
    n_in, density = KINDS[kind]
    arrays = stored(N, n_in, density)
    one, two = networks(n_in)
    train(one, Csr(*arrays, n_in), np.arange(N) % 3, lmbda_over_n=0.03)
    train(two, Csr(*arrays, n_in), np.arange(N) % 3, n_threads=2, lmbda_over_n=0.03)
    assert same_bits(one, two)


def test_a_million_columns_take_no_dense_row():
    n_in = 1_000_000
    arrays = stored(200, n_in, 0.0001)
    net = network2.Network([n_in, 4, 3], cost=network2.LogLikelihoodCost)
    before = [w.copy() for w in net.weights]
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost")
    X = Csr(*arrays, n_in)
    training = Training(net, (X, np.arange(200) % 3), 50, 1, step)
    training.epoch(net, step)
    touched = np.unique(arrays[1])
    changed = np.flatnonzero((net.weights[0] != before[0]).any(axis=0))
    np.testing.assert_array_equal(changed, touched)


# ---- the gradient, the order and the costs that other optimisers need ----


@pytest.mark.parametrize("kind", KINDS)
def test_gradient(kind):
    n_in, density = KINDS[kind]
    arrays = stored(N, n_in, density)
    Y = np.arange(N) % 3
    net, _ = networks(n_in)
    options = StepOptions(0.0, builtin_delta="LogLikelihoodCost", rule="sum of gradients")
    expected = net.backprop_mini_batch(dense(arrays, n_in).T, np.eye(3)[Y].T)
    for X in (Csr(*arrays, n_in), dense(arrays, n_in)):
        training = Training(net, (X, Y), 25, 1, options)
        for _ in range(2):  # the sums begin anew
            nabla_w, nabla_b = training.gradient(net, options)
            assert worst_difference(nabla_w, expected[1]) <= 1e-12
            assert worst_difference(nabla_b, expected[0]) <= 1e-12


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("kind", ["dense rows", *KINDS])
def test_costs_of_an_epoch(kind, n_threads):
    """Of a single mini-batch they are the cost before its step, and Σ w²; over several their sums."""
    n_in, density = KINDS.get(kind, (20, 1.0))
    arrays = stored(N, n_in, density)
    X, Y = dense(arrays, n_in), np.arange(N) % 3
    net, _ = networks(n_in)
    step = StepOptions(0.3, lmbda_over_n=0.03, builtin_delta="LogLikelihoodCost")
    training = Training(net, (X if kind == "dense rows" else Csr(*arrays, n_in), Y), N, n_threads, step)
    training.measure_costs("LogLikelihoodCost", 1e-10, 1 - 1e-10, True)
    for _ in range(3):
        cost = net.total_cost((X, Y), 0.0, convert=True) * N
        squares = sum((w**2).sum() for w in net.weights)
        training.epoch(net, step)
        np.testing.assert_allclose(training.costs_of_epoch, (cost, squares), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"lmbda_over_n": 0.03}, *RULES], ids=str)
def test_epochs_that_nobody_looks_between(kind, options):
    """The same bits as of epochs with a look after each."""
    n_in, density = KINDS[kind]
    X, Y = Csr(*stored(N, n_in, density), n_in), np.arange(N) % 3
    unseen, seen = networks(n_in)
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost", **options)
    training = Training(unseen, (X, Y), 7, 1, step)
    for call in (lambda: training.next_epoch(step), lambda: training.end_epochs(unseen)):
        with pytest.raises(ValueError, match="begin_epochs"):
            call()
    training.begin_epochs(unseen, step)
    for _ in range(3):
        training.next_epoch(step)
    training.end_epochs(unseen)
    train(seen, X, Y, 7, **options)
    assert same_bits(unseen, seen)


def test_outputs_beyond_the_bounds_count_as_these():
    net, _ = networks(20)
    net.biases[-1][:] = [[900.0], [0.0], [0.0]]
    X, Y = np.ones((4, 20)), np.array([1, 1, 0, 0])
    step = StepOptions(0.0, builtin_delta="LogLikelihoodCost")
    training = Training(net, (X, Y), 4, 1, step)
    training.measure_costs("LogLikelihoodCost", 2.0**-20, 1 - 2.0**-20, False)
    training.epoch(net, step)
    expected = 2 * 20 * np.log(2) - 2 * np.log1p(-(2.0**-20))
    np.testing.assert_allclose(training.costs_of_epoch, (expected, 0), rtol=1e-12)


def test_an_order_from_outside():
    arrays = stored(N, 500, 0.02)
    Y = np.arange(N) % 3
    order = np.random.default_rng(1).permutation(N)
    ordered, sorted_ = networks(500)
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost")
    training = Training(ordered, (Csr(*arrays, 500), Y), 7, 1, step)
    training.set_order(order)
    training.epoch(ordered, step)
    train(sorted_, dense(arrays, 500)[order], Y[order], 7, epochs=1)
    assert parameter_difference(ordered, sorted_) <= 1e-12
    for wrong in (order[1:], np.zeros(N, int), order + 1, order.reshape(-1, 1)):
        with pytest.raises(ValueError, match="order"):
            training.set_order(wrong)
    assert training.order == order.tolist()


# ---- rows of weights that take their steps late ----

LATE = [
    {"rule": "nesterov", "mu": 0.6},
    {"rule": "nesterov", "mu": 0.6, "lmbda_over_n": 0.03},
    {"rule": "nesterov", "mu": 0.6, "lmbda_over_n": 0.03, "is_l1": True},
]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize("options", LATE, ids=str)
def test_rows_that_are_late_get_the_bits_of_rows_that_are_not(options, m, dtype, n_threads):
    """After a call for each mini-batch no row is late. In an epoch of 300, more steps pass than are kept."""
    n_in, n = 3000, 300
    arrays, Y = stored(n, n_in, 0.004), np.arange(n) % 3
    late, punctual = networks(n_in, dtype=dtype)
    train(late, Csr(*arrays, n_in), Y, m, n_threads, epochs=1, **options)
    for first in range(0, n, m):
        begin, end = arrays[2][[first, min(first + m, n)]]
        rows = arrays[0][begin:end], arrays[1][begin:end], arrays[2][first : first + m + 1] - begin
        train(punctual, Csr(*rows, n_in), Y[first : first + m], m, epochs=1, **options)
    assert same_bits(late, punctual)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize("options", [{}, {"lmbda_over_n": 0.03}, *LATE, *RULES], ids=str)
def test_late_rows_count_in_the_cost_of_every_mini_batch(options, m, weighted):
    """The costs are those of the dense matrix, also if a mini-batch counts nothing, and makes no step."""
    n_in, n = 3000, 300
    arrays, Y = stored(n, n_in, 0.004), np.arange(n) % 3
    weights = np.where(np.arange(n) < 14, 0.0, 1.0 + np.arange(n) % 2) if weighted else None
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost", **options)
    costs = []
    for net, X in zip(networks(n_in), (Csr(*arrays, n_in), dense(arrays, n_in)), strict=True):
        training = Training(net, (X, Y), m, 1, step, weights)
        training.measure_costs("LogLikelihoodCost", 1e-10, 1 - 1e-10, True)
        training.begin_epochs(net, step)
        for _ in range(2):
            training.next_epoch(step)
            costs.append(training.costs_of_epoch)
        training.end_epochs(net)
    np.testing.assert_allclose(costs[:2], costs[2:], rtol=1e-12)


def test_costs_that_nobody_asks_for_with_squares():
    net, _ = networks(3000)
    arrays = stored(N, 3000, 0.004)
    net.weights[0][:, 5] = np.inf
    step = StepOptions(0.3, builtin_delta="LogLikelihoodCost", rule="nesterov", mu=0.6)
    training = Training(net, (Csr(*arrays, 3000), np.arange(N) % 3), 7, 1, step)
    training.measure_costs("LogLikelihoodCost", 1e-10, 1 - 1e-10, False)
    training.epoch(net, step)
    assert training.costs_of_epoch[1] == 0


# ---- hostile arrays ----

GOOD = np.ones(4), np.array([0, 1, 2, 3]), np.array([0, 2, 4])


@pytest.mark.parametrize(
    "place, array, error, words",
    [
        (0, [1.0] * 4, TypeError, "X.data is list"),
        (0, np.ones((2, 2)), TypeError, "X.data"),
        (0, np.ones(4, complex), TypeError, "X.data has dtype complex128"),
        (0, np.ones(3), ValueError, "indptr goes from 0 to 4"),
        (1, np.ones(4), TypeError, "X.indices has dtype float64"),
        (1, np.ones(3, int), ValueError, "indptr goes from 0 to 4"),
        (2, np.array([0.0, 2, 4]), TypeError, "X.indptr has dtype float64"),
        (2, np.array([], int), ValueError, "X.indptr is empty"),
        (2, np.array([0, 3, 2]), ValueError, r"X.indptr\[2\] is 2"),
        (2, np.array([-1, 2, 4]), ValueError, "indptr goes from -1 to 4"),
        (2, np.array([0, 2, 5]), ValueError, "indptr goes from 0 to 5"),
        (2, np.array([0, 2**63, 4], np.uint64), ValueError, "indptr"),
    ],
)
def test_arrays_that_are_no_matrix(place, array, error, words):
    arrays = list(GOOD)
    arrays[place] = array
    with pytest.raises(error, match=words):
        Csr(*arrays, 5)


@pytest.mark.parametrize("column", [5, -1, 2**31 - 1, -(2**31), 2**40, -(2**62)])
@pytest.mark.parametrize("n_in", [5, 3000])
def test_columns_that_the_matrix_does_not_have(column, n_in):
    if column == 5:
        column = n_in
    net, before = networks(n_in)
    X = Csr(np.ones(4), np.array([0, 1, column, 3]), np.array([0, 2, 4]), n_in)
    words = f"row 1 of X has an entry in column {column}; X has {n_in} columns"
    with pytest.raises(ValueError, match=words):
        train(net, X, np.arange(2))
    with pytest.raises(ValueError, match=words):
        outputs(net, X)
    assert same_bits(net, before)


def test_other_columns_than_the_network_has_inputs():
    net, _ = networks(6)
    with pytest.raises(ValueError, match="must have 6 columns"):
        train(net, Csr(*GOOD, 5), np.arange(2))
    for n_in in (-1, 2**31):
        with pytest.raises(ValueError, match="columns"):
            Csr(*GOOD, n_in)

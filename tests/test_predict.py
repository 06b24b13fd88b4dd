"""`predict` and `predict_proba` answer for rows what `feedforward` and `evaluate` answer for columns."""

import threading
import tracemalloc
import warnings

import numpy as np
import pytest

from cbackprop import _processors, network, network2
from cbackprop.activations import Activation
from support.agreement import difference, nothing_changes, same_bits
from support.both import PATHS, each_module, each_path, name_of, reference_of, right_answers, use_path
from support.examples import Table

rng = np.random.default_rng(4)
NS = [0, 1, 63, 64, 65, 1023, 1025, 2500]


def rows(n, n_in, density=1.0):
    return rng.random((n, n_in)) * (rng.random((n, n_in)) < density)


def expected(net, X):
    """The outputs by `feedforward`."""
    return np.asarray(net.feedforward(np.ascontiguousarray(X.T, np.float64))).T


@each_module
@pytest.mark.parametrize("sizes", [[784, 30, 10], [40, 33, 17, 1], [5, 3], [1, 1], [64, 300, 9]], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("density", [1.0, 0.1])
def test_the_outputs_of_rows(module, sizes, dtype, density):
    net = module.Network(sizes, dtype=dtype, random_state=1)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    for n in NS:
        X = rows(n, sizes[0], density)
        found = net.predict_proba(X)
        assert type(found) is np.ndarray and found.shape == (n, sizes[-1]) and found.dtype == dtype
        assert found.flags.c_contiguous and found.flags.owndata
        assert difference(found, expected(net, X)) < tolerance
        labels = net.predict(X)
        assert labels.dtype == np.int64 and labels.shape == (n,)
        answers = found[:, 0] >= 0.5 if sizes[-1] == 1 else np.argmax(found, axis=1)
        np.testing.assert_array_equal(labels, answers)


@each_module
@pytest.mark.parametrize("sizes", [[784, 30, 10], [40, 20, 1]], ids=str)
@pytest.mark.parametrize("density", [1.0, 0.1])
def test_right_answers_are_those_that_evaluation_counts(module, sizes, density):
    net = module.Network(sizes, random_state=1)
    X = rows(2500, sizes[0], density)
    labels = rng.integers(0, max(sizes[-1], 2), 2500)
    assert (net.predict(X) == labels).sum() == right_answers(net, (X, labels))


@each_module
def test_the_first_largest_output_is_the_answer(module):
    net = module.Network([2, 4])
    net.weights, net.biases = [np.zeros((4, 2))], [np.array([[0.0], [1.0], [1.0], [1.0]])]
    assert net.predict(np.ones((3, 2))).tolist() == [1, 1, 1]
    net.biases = [np.array([[9.0], [0.0], [np.nan], [np.nan]])]
    assert net.predict(np.ones((1, 2))).tolist() == [2]


@pytest.mark.parametrize("kind", ["cost", "activations", "custom"])
def test_the_options_of_a_network(kind):
    net = {
        "cost": lambda: network2.Network([20, 9, 4], network2.LogLikelihoodCost, random_state=1),
        "activations": lambda: network.Network(
            [20, 9, 4], activation=["relu", "linear"], neuron_activations={(2, 3): "tanh"}, random_state=1
        ),
        "custom": lambda: network.Network([20, 9, 4], activation=Activation(np.sin, np.cos), random_state=1),
    }[kind]()
    X = rows(130, 20)
    assert difference(net.predict_proba(X), expected(net, X)) < 1e-12
    if kind == "cost":
        np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
        assert difference(net.predict_proba(X), reference_of(net).predict_proba(X)) > 0  # sigmoids there


@each_module
@pytest.mark.parametrize(
    "kind",
    [
        ">f8",
        "f4",
        ">f4",
        "f2",
        "u1",
        "?",
        "i8",
        "Fortran",
        "every second",
        "backwards",
        "read-only",
        "lists",
        "table",
    ],
)
def test_any_real_type_and_layout(module, kind):
    net = module.Network([12, 5, 3], random_state=1)
    X = rng.integers(0, 2, (70, 12)) * 1.0
    given = {
        "Fortran": np.asfortranarray,
        "every second": lambda X: np.repeat(np.repeat(X, 2, 0), 2, 1)[::2, ::2],
        "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": lambda X: np.broadcast_to(X, X.shape),
        "lists": np.ndarray.tolist,
        "table": Table,
    }.get(kind, lambda X: X.astype(kind))(X)
    assert difference(net.predict_proba(given), expected(net, X)) < 1e-12


@each_module
def test_assigned_parameters_count_at_once(module):
    net = module.Network([12, 5, 3], random_state=1)
    X = rows(10, 12)
    before = net.predict_proba(X)
    net.weights[0][0, 0] += 1
    assert not np.array_equal(net.predict_proba(X), before)
    net.weights, net.biases = [np.ones((2, 12))], [np.zeros((2, 1))]
    assert net.predict_proba(X).shape == (10, 2)


# ---- what the user replaced ----


@each_module
@each_path
def test_every_path_gives_the_same(module, path, monkeypatch):
    plain = module.Network([12, 5, 3], random_state=1)
    net = use_path(path, module.Network([12, 5, 3], random_state=1), monkeypatch)
    X = rows(30, 12)
    assert difference(net.predict_proba(X), plain.predict_proba(X)) < 1e-12
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))


@each_module
def test_a_feedforward_of_one_s_own_gets_one_column_after_the_other(module):
    seen = []

    class Mine(module.Network):
        def feedforward(self, a):
            seen.append(a.copy())
            return np.array([[0.25], [a.sum()], [-1.0]])

    net = Mine([12, 5, 3])
    X = rows(5, 12)
    np.testing.assert_allclose(net.predict_proba(X), [[0.25, x.sum(), -1.0] for x in X], rtol=1e-15)
    assert [a.shape for a in seen] == [(12, 1)] * 5
    np.testing.assert_array_equal(np.hstack(seen).T, X)
    assert net.predict(X).tolist() == [1] * 5
    net.feedforward = lambda a: [1.0, 2.0]
    with pytest.raises(ValueError, match="feedforward returned 2 numbers for row 0 of X; expected 3"):
        net.predict_proba(X)
    assert net.predict_proba(X[:0]).shape == (0, 3)


@each_module
@pytest.mark.parametrize("name", ["predict", "predict_proba", "copy"])
def test_a_name_of_one_s_own_wins_and_nothing_else_calls_it(module, name, capsys):
    Mine = type("Mine", (module.Network,), {name: lambda self, *arguments: "mine"})
    net = Mine([12, 5, 3], random_state=1)
    assert getattr(net, name)(3) == "mine"
    plain, X = module.Network([12, 5, 3], random_state=1), rows(10, 12)
    if name != "predict":
        np.testing.assert_array_equal(net.predict(X), plain.predict(X))
    if name != "predict_proba":
        np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(X))
    if name != "copy":
        assert same_bits(net.copy(), plain)


# ---- threads, memory ----


@each_module
@pytest.mark.parametrize("density", [1.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_change_no_bit(module, density, dtype, monkeypatch):
    monkeypatch.setattr(_processors, "granted", lambda: 5)
    net = module.Network([64, 30, 10], random_state=1, dtype=dtype)
    for n in NS:
        X = rows(n, 64, density)
        one = net.predict_proba(X, n_threads=1)
        for n_threads in (2, 3, 5):
            assert net.predict_proba(X, n_threads=n_threads).tobytes() == one.tobytes()
        assert net.predict_proba(X).tobytes() == one.tobytes()


def test_a_slice_of_the_rows_has_the_same_outputs():
    """Those of a row do not depend on the rows beside it."""
    net = network.Network([64, 30, 10], random_state=1)
    X = rows(300, 64)
    whole = net.predict_proba(X)
    for part in (slice(0, 1), slice(5, 70), slice(299, 300), slice(None, None, 3)):
        assert net.predict_proba(X[part]).tobytes() == whole[part].tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "rows apart"])
def test_rows_are_read_where_they_are(dtype, order):
    """No copy of X: what NumPy allocates is the result, and little beside it."""
    net = network.Network([1000, 20, 2], random_state=1)
    X = rng.random((4000, 1000)).astype(dtype)
    X = X if order == "C" else X[:, ::1][::2]
    net.predict(X[:10])
    tracemalloc.start()
    try:
        net.predict_proba(X, n_threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4000 * 2 * 8 + 100_000


def test_networks_answer_in_parallel_threads():
    net = network.Network([64, 30, 10], random_state=1)
    X = rows(3000, 64)
    whole = net.predict_proba(X)
    found = [None] * 4

    def work(i):
        found[i] = all(
            net.predict_proba(X, n_threads=1 + i % 2).tobytes() == whole.tobytes() for _ in range(10)
        )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_the_outputs_keep_subnormal_numbers():
    """As in an evaluation and in `feedforward`: only what is in the hidden layers counts as 0."""
    net = network.Network([1, 1])
    net.weights, net.biases = [np.array([[1.0]])], [np.array([[-720.0]])]
    a = net.feedforward(np.zeros((1, 1))).item()
    assert 0 < a < np.finfo(float).tiny
    for n_threads in (1, 2):
        found = net.predict_proba(np.zeros((200, 1)), n_threads=n_threads)
        np.testing.assert_allclose(found, np.full((200, 1), a), rtol=1e-9)


@each_module
def test_nan_and_infinities_propagate(module):
    net = module.Network([40, 3], random_state=1)
    X = rows(100, 40, 0.1)
    X[5, 7], X[6, 0] = np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = expected(net, X)
    assert np.isnan(theirs[5]).all() and set(theirs[6]) <= {0.0, 1.0}
    np.testing.assert_allclose(net.predict_proba(X), theirs, rtol=1e-12)


# ---- errors ----


@each_module
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones((4, 5)), ValueError, r"X has shape \(4, 5\); this network's input layer has 12 neurons"),
        (np.ones((12, 4)), ValueError, r"its transpose would fit: pass X\.T"),
        (np.ones(12), ValueError, r"make a row: X\.reshape\(1, -1\)"),
        (np.ones((4, 3, 4)), ValueError, r"X\.reshape\(len\(X\), -1\)"),
        (np.ones((4, 12)) * 1j, TypeError, "X has dtype complex128; expected real numbers"),
        (np.full((4, 12), "a"), TypeError, "X has dtype"),
        (np.full((4, 12), None), TypeError, "X has dtype object"),
        (None, TypeError, r"X is NoneType; expected an array \(n, 12\)"),
        (7, TypeError, "X is int"),
        ("X", TypeError, "X is str"),
        ([[1] * 12, [1] * 11, [1]], ValueError, "X cannot be read as an array"),
        (type("Sparse", (), {"toarray": None})(), TypeError, "stored sparsely"),
    ],
    ids=repr,
)
def test_what_is_no_matrix_of_rows(module, path, X, error, message, monkeypatch):
    net = use_path(path, module.Network([12, 5, 3]), monkeypatch)
    for method in (net.predict, net.predict_proba):
        with nothing_changes(net), pytest.raises(error, match=message):
            method(X)


@each_module
@pytest.mark.parametrize(("n_threads", "error"), [(0, ValueError), (-1, ValueError), ("2", TypeError)])
def test_n_threads(module, n_threads, error):
    net = module.Network([12, 5, 3])
    for method in (net.predict, net.predict_proba):
        with pytest.raises(error, match="n_threads is"):
            method(rows(3, 12), n_threads=n_threads)


@each_module
def test_parameters_that_do_not_fit(module):
    net = module.Network([12, 5, 3])
    net.weights[1] = np.ones((3, 6))
    with pytest.raises(ValueError, match="weights"):
        net.predict(rows(3, 12))


@each_module
def test_the_reference(module):
    net = module.Network([12, 5, 3], random_state=1)
    X = rows(30, 12)
    plain = reference_of(net)
    assert name_of(plain) == name_of(module)
    assert difference(net.predict_proba(X), plain.predict_proba(X)) < 1e-12
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))

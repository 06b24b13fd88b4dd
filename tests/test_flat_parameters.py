"""`parameters` shares its memory with weights and biases; `flat_gradient` has the same order."""

import concurrent.futures
import copy
import os
import pickle
import random
import textwrap
import threading
import time

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.chapter import numerical_gradient
from support.agreement import same_bits
from support.both import each_module, name_of
from support.children import run_python

SIZES = [6, 5, 4, 3]
N = 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3
GENERATOR = np.random.default_rng(3)
X = GENERATOR.random((300, 6))
LABELS = np.argmax(X[:, :3] + 0.1 * X[:, 3:], axis=1)
TARGETS = np.eye(3)[LABELS]
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
COSTS = [network2.QuadraticCost, network2.CrossEntropyCost, network2.LogLikelihoodCost]


class OwnCost(network2.QuadraticCost):
    @staticmethod
    def fn(a, y):
        return 1.5 * np.sum((a - y) ** 2)

    @staticmethod
    def delta(z, a, y):
        return 3 * (a - y) * a * (1 - a)


NETWORKS = {
    "network": lambda dtype: network.Network(SIZES, dtype=dtype, random_state=1),
    "activations": lambda dtype: network.Network(
        SIZES, dtype=dtype, activation=["tanh", "linear", "sigmoid"]
    ),
    **{
        cost.__name__: lambda dtype, cost=cost: network2.Network(
            SIZES, cost=cost, dtype=dtype, random_state=1
        )
        for cost in [*COSTS, OwnCost]
    },
}
each_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def in_order(weights, biases):
    return np.concatenate([p.ravel() for both in zip(weights, biases) for p in both])


@each_module
@DTYPES
def test_the_vector_and_the_arrays_are_the_same_memory(module, dtype):
    net = module.Network(SIZES, dtype=dtype)
    before = in_order(net.weights, net.biases)
    vector = net.parameters
    assert vector.shape == (N,) and vector.dtype == dtype
    assert np.array_equal(vector, before)
    assert [w.shape for w in net.weights] == [(5, 6), (4, 5), (3, 4)]
    assert [b.shape for b in net.biases] == [(5, 1), (4, 1), (3, 1)]
    vector[0] = 7
    net.biases[0][2, 0] = 8
    assert net.weights[0][0, 0] == 7 and vector[32] == 8
    assert net.parameters is vector
    plain = module.Network(SIZES, dtype=dtype)
    plain.weights, plain.biases = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    assert np.array_equal(net.feedforward(X.T), plain.feedforward(X.T))


class Slow(np.ndarray):
    """Arrays that take a while to be copied."""

    def ravel(self, order="C"):
        time.sleep(0.1)
        return super().ravel(order)


@each_module
def test_threads_that_read_it_at_once_get_the_same_vector(module):
    """So that what one of them writes into it is not lost."""
    net = module.Network(SIZES)
    net.weights = [w.view(Slow) for w in net.weights]
    both = threading.Barrier(4)

    def first_read():
        both.wait()
        return net.parameters

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        vectors = [future.result() for future in [pool.submit(first_read) for _ in range(4)]]
    assert all(vector is net.parameters for vector in vectors)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_may_fork_while_a_thread_reads_it(tmp_path):
    code = """
        import os, threading, time, warnings
        import numpy as np
        from cbackprop import network

        warnings.simplefilter("ignore")  # of forks beside threads
        reading = threading.Event()

        class Slow(np.ndarray):
            def ravel(self, order="C"):
                reading.set()
                time.sleep(0.2)
                return super().ravel(order)

        net, other = network.Network([3, 2]), network.Network([3, 2])
        net.weights = [w.view(Slow) for w in net.weights]
        thread = threading.Thread(target=lambda: net.parameters)
        thread.start()
        reading.wait()
        child = os.fork()
        if not child:
            os._exit(other.parameters.size)
        thread.join()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), net.parameters.size)
    """
    assert run_python(textwrap.dedent(code), tmp_path, timeout=30).stdout == "8 8\n"


@each_module
def test_training_leaves_the_vector_as_it_was(module, capsys):
    """As it leaves arrays that were taken from `weights` before."""
    net = module.Network(SIZES)
    vector = net.parameters
    before = vector.copy()
    net.SGD((X, LABELS), 2, 10, 0.5)
    assert np.array_equal(vector, before)
    assert not np.array_equal(net.parameters, before)
    assert np.array_equal(net.parameters, in_order(net.weights, net.biases))


@each_module
def test_training_goes_on_from_what_was_written_into_it(module, capsys):
    """Between the epochs, by a callback, to the same bits as training from such arrays."""

    def halve(net, entry):
        net.parameters[:] /= 2

    net = module.Network(SIZES)
    plain = copy.deepcopy(net)
    random.seed(1)
    net.SGD((X, LABELS), 3, 10, 0.5, callbacks=[halve])
    random.seed(1)
    for resume in (False, True, True):
        plain.SGD((X, LABELS), 1, 10, 0.5, resume=resume)
        plain.weights, plain.biases = [w / 2 for w in plain.weights], [b / 2 for b in plain.biases]
    assert same_bits(net, plain)


@each_module
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_vector_that_is_assigned_is_copied(module, order):
    net, other = module.Network(SIZES), module.Network(SIZES)
    other.weights = [np.asarray(w, order=order) for w in other.weights]
    vector = np.arange(N, dtype=np.int64)
    other.parameters = vector
    net.parameters = vector.astype(np.float64)
    assert np.array_equal(other.parameters, vector) and "parameters" not in vars(other)
    assert same_bits(net, other)
    net.parameters[0] = -1
    assert vector[0] == 0


@each_module
def test_an_assignment_leaves_arrays_that_were_taken_before(module):
    """The best weights that someone keeps, and the network of a shallow copy."""
    net = module.Network(SIZES)
    net.parameters = np.ones(N)
    best, twin = net.weights, copy.copy(net)
    net.parameters = np.zeros(N)
    assert best[0].all() and twin.parameters.all()


@each_module
def test_whatever_else_is_assigned_is_the_users_own(module):
    """As with every name that the book's classes do not have."""
    net = module.Network(SIZES)
    vector = net.parameters.copy()
    for mine in (7, ["mine"], {"eta": 3.0}, np.zeros((N, 2)), None):
        net.parameters = mine
        assert net.parameters is mine
        assert np.array_equal(in_order(net.weights, net.biases), vector)
        del net.parameters
        assert np.array_equal(net.parameters, vector)
    with pytest.raises(AttributeError, match="the network's"):
        del net.parameters
    for near in (vector[1:], list(vector), vector.reshape(-1, 1)):
        with pytest.warns(UserWarning, match=rf"expected an ndarray of shape \({N},\)"):
            net.parameters = near
        del net.parameters
    assert np.array_equal(in_order(net.weights, net.biases), vector)


@each_module
def test_arrays_that_do_not_fit_are_named(module):
    net = module.Network(SIZES)
    net.weights[1] = np.zeros((4, 7))
    with pytest.raises(ValueError, match=r"weights\[1\] has shape \(4, 7\)"):
        net.parameters  # noqa: B018


@each_module
def test_copies_and_pickles_have_vectors_of_their_own(module):
    net = module.Network(SIZES)
    vector = net.parameters
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert same_bits(net, twin)
        twin.parameters[:] = 0
        assert vector.any()


@each_network
def test_the_gradient_is_the_sum_of_backprop_over_m(make):
    net = make(np.float64)
    gradient, cost = net.flat_gradient(X, LABELS)
    nabla_b, nabla_w = net.backprop_mini_batch(X.T, TARGETS.T)
    expected = in_order(nabla_w, nabla_b) / len(X)
    assert gradient.shape == (N,) and type(cost) is float
    assert np.abs(gradient - expected).max() < 1e-13 * np.abs(expected).max()
    again, same = net.flat_gradient(X, TARGETS)
    assert np.array_equal(again, gradient) and same == cost


@each_network
def test_the_cost_is_the_mean_and_the_gradient_its_derivative(make):
    net = make(np.float64)
    fn = getattr(net, "cost", None) if name_of(net) == "network2" else network2.QuadraticCost
    gradient, cost = net.flat_gradient(X, LABELS)
    expected = np.mean([fn.fn(net.feedforward(x[:, None]), y[:, None]) for x, y in zip(X, TARGETS)])
    assert abs(cost - expected) < 1e-13 * expected
    vector, h = net.parameters, 1e-5
    for k in range(0, N, 7):
        was, costs = vector[k], []
        for vector[k] in (was + h, was - h):
            costs.append(net.flat_gradient(X, LABELS)[1])
        vector[k] = was
        assert abs((costs[0] - costs[1]) / (2 * h) - gradient[k]) < 1e-8
    if name_of(net) == "network":
        assert net.cost(X, LABELS) == pytest.approx(cost, rel=1e-13)
    else:
        assert net.total_cost((X, LABELS), 0.0) == pytest.approx(cost, rel=1e-13)


@each_network
def test_float32_agrees(make):
    net, exact = make(np.float32), make(np.float64)
    exact.parameters = net.parameters.astype(np.float64)
    gradient, cost = net.flat_gradient(X, LABELS)
    expected, mean = exact.flat_gradient(X, LABELS)
    assert gradient.dtype == np.float32
    assert np.abs(gradient - expected).max() < 1e-5 * np.abs(expected).max()
    assert abs(cost - mean) < 1e-5 * mean


@each_module
def test_methods_of_the_users_own_are_called(module):
    net = module.Network(SIZES)
    expected, cost = net.flat_gradient(X[:20], LABELS[:20])
    backprop, calls = net.backprop, []
    net.backprop = lambda x, y: calls.append(1) or backprop(x, y)
    gradient, same = net.flat_gradient(X[:20], LABELS[:20])
    assert len(calls) == 20 and same == pytest.approx(cost, rel=1e-13)
    assert np.abs(gradient - expected).max() < 1e-13 * np.abs(expected).max()


@each_module
def test_the_cost_is_that_of_a_replaced_feedforward(module):
    """On both paths, and in the network's own method."""

    class Doubled(module.Network):
        def feedforward(self, a):
            return 2 * super().feedforward(a)

    net = Doubled(SIZES)
    expected = net.cost(X, LABELS) if name_of(net) == "network" else net.total_cost((X, LABELS), 0.0)
    assert net.flat_gradient(X, LABELS)[1] == pytest.approx(expected, rel=1e-12)
    net.backprop = lambda x, y: module.Network.backprop(net, x, y)
    assert net.flat_gradient(X, LABELS)[1] == pytest.approx(expected, rel=1e-12)


def test_a_replaced_cost_derivative_has_no_known_cost():
    net = network.Network(SIZES)
    net.cost_derivative = lambda a, y: a - y
    for call in (net.flat_gradient, net.cost):
        with pytest.raises(ValueError, match="cost_derivative is replaced"):
            call(X, LABELS)


@each_module
def test_bad_examples_are_named_and_change_nothing(module):
    net = module.Network(SIZES)
    before = net.parameters.copy()
    for bad_x, bad_y, error, text in [
        (X[:, :5], LABELS, ValueError, r"\(300, 5\)"),
        (X, LABELS[1:], ValueError, "299"),
        (X, LABELS + 1, ValueError, "3"),
        (X, TARGETS[:, :2], ValueError, r"\(300, 2\)"),
        (X + 1j, LABELS, TypeError, "complex"),
        (X[:0], LABELS[:0], ZeroDivisionError, "no example"),
        (None, LABELS, TypeError, "X"),
    ]:
        with pytest.raises(error, match=text):
            net.flat_gradient(bad_x, bad_y)
    assert np.array_equal(net.parameters, before)


def test_scipy_minimises_the_cost():
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy comes with the extra sklearn")
    net = network2.Network([6, 5, 3], cost=network2.LogLikelihoodCost, random_state=1)

    def objective(vector):
        net.parameters = vector
        gradient, cost = net.flat_gradient(X, LABELS)
        return cost, gradient

    before = objective(net.parameters.copy())[0]
    result = optimize.minimize(
        objective, net.parameters.copy(), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    assert result.fun < before / 2
    assert net.total_cost((X, LABELS), 0.0) == pytest.approx(objective(result.x)[0], rel=1e-12)


def test_a_gradient_is_that_of_the_chapter():
    net = network.Network(SIZES, random_state=1)
    gradient, _ = net.flat_gradient(X[:1], TARGETS[:1])
    nabla_b, nabla_w = numerical_gradient(net, X[0][:, None], TARGETS[0][:, None])
    assert np.abs(gradient - in_order(nabla_w, nabla_b)).max() < 1e-7

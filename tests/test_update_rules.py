"""Nesterov momentum, Adam and AMSGrad: as in their formulas, the reference, PyTorch and scikit-learn."""

import copy
import itertools
import pickle
import random
from functools import partial

import numpy as np
import pytest

from cbackprop import _processors, _training, network2
from cbackprop._memory import remember
from cbackprop._step_options import StepOptions
from cbackprop.reference.network2 import ReferenceNetwork2
from support.agreement import (
    copy_parameters,
    difference,
    network2_and_reference,
    nothing_changes,
    parameter_difference,
    same_bits,
    worst_difference,
)
from support.examples import as_arrays, dense_classes, digit_examples

SIZES = [40, 13, 7, 5]
EXAMPLES = {"sparse": digit_examples(107, 40, 5), "dense": dense_classes(107, 40, 5)}
TOLERANCE = {np.float64: 1e-8, np.float32: 2e-3}
RULES = {
    "momentum": {"rule": "momentum", "mu": 0.9},
    "momentum of 0": {"rule": "momentum", "mu": 0.0},
    "nesterov": {"rule": "nesterov", "mu": 0.9},
    "nesterov of 0": {"rule": "nesterov", "mu": 0.0},
    "adam": {"rule": "adam", "epsilon": 1e-6},
    "adam without a past": {"rule": "adam", "beta_1": 0.0, "beta_2": 0.0, "epsilon": 1e-3},
    "amsgrad": {"rule": "amsgrad", "beta_2": 0.9, "epsilon": 1e-6},
}
NEW = [name for name in RULES if not name.startswith("momentum")]
each_rule = pytest.mark.parametrize("name", RULES)
each_kind = pytest.mark.parametrize("kind", EXAMPLES)


def eta_of(name, m=10):
    """A learning rate at which rounding does not grow to chaos: of Adam, also where gradients are small."""
    return (0.3 if "mu" in RULES[name] else 0.01) * (1 if m > 1 else 0.1)


def kept(net):
    """Every array that the rule keeps for the next step."""
    moments = net._cbackprop.moments or (0,)
    states = [net._cbackprop.velocities, *moments[1:]]
    return [array for state in states if state is not None for side in state for array in side]


def trained(net, examples, m, eta, epochs=3, **options):
    random.seed(6)
    net.SGD(list(examples), epochs, m, eta, **options)
    return net


# ---- beside the reference ----


@each_rule
@each_kind
@pytest.mark.parametrize(("lmbda", "regularization"), [(0.0, "L2"), (0.5, "L2"), (0.5, "L1")])
def test_trajectories(capsys, name, kind, lmbda, regularization):
    # sgn(w) jumps where w is rounded past 0, which float32 does somewhere in any trajectory.
    dtypes = (np.float64, np.float32) if regularization == "L2" else (np.float64,)
    for m, dtype in itertools.product((1, 10, 16, 33), dtypes):
        net, reference = network2_and_reference(SIZES, dtype=dtype)
        for one in (net, reference):
            options = {"lmbda": lmbda, "regularization": regularization, **RULES[name]}
            trained(one, EXAMPLES[kind], m, eta_of(name, m), **options)
        assert net.backend.startswith("compiled") and kind in net.backend
        assert parameter_difference(net, reference) < TOLERANCE[dtype]
        assert worst_difference(kept(net), kept(reference)) < 10 * TOLERANCE[dtype]
        assert len(kept(net)) == 6 * (1 if "mu" in RULES[name] else 3 if name == "amsgrad" else 2)
        if "mu" not in RULES[name]:
            assert net._cbackprop.moments[0] == reference._cbackprop.moments[0] == 3 * -(-107 // m)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("sizes", [[1, 1], [2, 3, 1], [40, 5], [33, 65, 31, 5], [90, 130, 2]])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_odd_shapes(capsys, name, sizes, activation):
    for make, dtype in itertools.product((digit_examples, dense_classes), TOLERANCE):
        examples = make(23, sizes[0], sizes[-1])
        net, reference = network2_and_reference(
            sizes, network2.QuadraticCost, dtype=dtype, activation=activation
        )
        for one in (net, reference):
            trained(one, examples, 7, eta_of(name) / 10, lmbda=0.1, **RULES[name])
        assert parameter_difference(net, reference) < TOLERANCE[dtype]


@each_rule
@each_kind
@pytest.mark.parametrize("regularization", ["L2", "L1"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_threads_change_no_bit(capsys, monkeypatch, name, kind, regularization, dtype):
    monkeypatch.setattr(_processors, "granted", lambda: 2)
    nets = []
    for n_threads in (1, 2):
        net, _ = network2_and_reference([40, 130, 90, 5], dtype=dtype)
        options = {"lmbda": 2.0, "regularization": regularization, "n_threads": n_threads, **RULES[name]}
        nets.append(trained(net, EXAMPLES[kind], 10, eta_of(name), **options))
    assert "2 threads" in nets[1].backend
    assert same_bits(*nets)
    assert [a.tobytes() for a in kept(nets[0])] == [a.tobytes() for a in kept(nets[1])]


@each_kind
def test_one_step_after_the_other(kind):
    """`update_mini_batch` carries on what the rules keep, each its own, and AMSGrad what Adam left."""
    net, reference = network2_and_reference(SIZES)
    order = ["adam", "nesterov", "momentum", "adam", "amsgrad", "amsgrad", "adam", "amsgrad"]
    for k, name in enumerate(order):
        batch = EXAMPLES[kind][10 * k : 10 * k + 10]
        for one in (net, reference):
            one.update_mini_batch(batch, eta_of(name), 1.0, 107, **RULES[name])
        assert parameter_difference(net, reference) < 1e-12
        assert worst_difference(kept(net), kept(reference)) < 1e-10
    assert net._cbackprop.moments[0] == 6


def test_an_epoch_is_its_mini_batches(capsys):
    """Bit for bit: what SGD carries from one mini-batch to the next outlasts a call in full."""
    for name, dtype in itertools.product(NEW, TOLERANCE):
        nets = []
        for by_hand in (False, True):
            net, _ = network2_and_reference(SIZES, dtype=dtype)
            nets.append(net)
            examples, options = list(EXAMPLES["dense"]), {**RULES[name]}
            random.seed(2)
            if by_hand:
                random.shuffle(examples)
                for k in range(0, 107, 10):
                    net.update_mini_batch(examples[k : k + 10], eta_of(name), 0.5, 107, **options)
            else:
                net.SGD(examples, 1, 10, eta_of(name), 0.5, **options)
        assert same_bits(*nets)


def test_sgd_begins_anew(capsys):
    for options in RULES.values():
        first, second = (network2_and_reference(SIZES)[0] for _ in range(2))
        second.update_mini_batch(EXAMPLES["dense"][:9], 0.0, 0.0, 107, **options)
        assert kept(second) and same_bits(first, second)
        for net in (first, second):
            trained(net, EXAMPLES["dense"], 10, 0.1, **options)
        assert same_bits(first, second)


@pytest.mark.parametrize("name", NEW)
def test_layers_that_change_forget(name):
    """What the rule kept of other shapes is 0, and Adam's t with it."""
    net, reference = network2_and_reference(SIZES)
    for one in (net, reference):
        one.update_mini_batch(EXAMPLES["dense"][:9], 0.1, 0.0, 107, **RULES[name])
        one.weights[0], one.biases[0] = one.weights[0][:9], one.biases[0][:9]
        one.weights[1] = one.weights[1][:, :9]
        one.update_mini_batch(EXAMPLES["dense"][:9], 0.1, 0.0, 107, **RULES[name])
    assert parameter_difference(net, reference) < 1e-12
    assert "adam" not in name or net._cbackprop.moments[0] == 1


# ---- beside others' ----

STEPS = 100
BATCHES = [(10 * k % 100, 10 * k % 100 + 7 + k % 4) for k in range(STEPS)]


def parameters(net):
    return [*net.weights, *net.biases]


def steps_by(optimiser, kind, lmbda):
    """A network after 100 steps of optimiser(parameters) -> step(gradients) -> new parameters."""
    net = network2_and_reference(SIZES)[1]
    step = optimiser([p.copy() for p in parameters(net)])
    X, Y = as_arrays(EXAMPLES[kind])
    for first, last in BATCHES:
        nabla_b, nabla_w = net.backprop_mini_batch(X[first:last].T, Y[first:last].T)
        m = last - first
        gradients = [nabla / m + lmbda / 107 * w for nabla, w in zip(nabla_w, net.weights)]
        new = step(gradients + [nabla / m for nabla in nabla_b])
        net.weights, net.biases = new[:3], new[3:]
    return net


def our_steps(kind, eta, lmbda, **options):
    net = network2_and_reference(SIZES)[0]
    for first, last in BATCHES:
        net.update_mini_batch(EXAMPLES[kind][first:last], eta, lmbda, 107, **options)
    return net


def adam_by_the_paper(amsgrad):
    """Algorithm 1 of Kingma and Ba, line by line; with `amsgrad` the largest v̂ before its correction."""

    def optimiser(theta):
        m, v, top = ([np.zeros_like(p) for p in theta] for _ in range(3))
        t = 0

        def step(g):
            nonlocal t
            t += 1
            for i in range(len(theta)):
                m[i] = 0.9 * m[i] + (1 - 0.9) * g[i]
                v[i] = 0.999 * v[i] + (1 - 0.999) * g[i] ** 2
                top[i] = np.maximum(top[i], v[i]) if amsgrad else v[i]
                m_hat, v_hat = m[i] / (1 - 0.9**t), top[i] / (1 - 0.999**t)
                theta[i] = theta[i] - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)
            return list(theta)

        return step

    return optimiser


def adam_by_torch(amsgrad):
    torch = pytest.importorskip("torch", exc_type=ImportError)

    def optimiser(theta):
        tensors = [torch.tensor(p, requires_grad=True) for p in theta]
        adam = torch.optim.Adam(tensors, lr=0.01, amsgrad=amsgrad)

        def step(gradients):
            for tensor, g in zip(tensors, gradients):
                tensor.grad = torch.tensor(g)
            adam.step()
            return [tensor.detach().numpy().copy() for tensor in tensors]

        return step

    return optimiser


def by_sklearn(name, **options):
    module = pytest.importorskip("sklearn.neural_network._stochastic_optimizers", exc_type=ImportError)

    def optimiser(theta):
        rule = getattr(module, name)(theta, **options)

        def step(gradients):
            rule.update_params(theta, gradients)
            return [p.copy() for p in theta]

        return step

    return optimiser


@pytest.mark.parametrize("lmbda", [0.0, 2.0])
@each_kind
@pytest.mark.parametrize("rule", ["adam", "amsgrad"])
@pytest.mark.parametrize("by", [adam_by_the_paper, adam_by_torch])
def test_adam_is_that_of_the_paper_and_of_torch(by, rule, kind, lmbda):
    expected = steps_by(by(rule == "amsgrad"), kind, lmbda)
    assert parameter_difference(our_steps(kind, 0.01, lmbda, rule=rule), expected) < 1e-10


@pytest.mark.parametrize("lmbda", [0.0, 2.0])
@each_kind
def test_nesterov_is_that_of_sklearn(kind, lmbda):
    optimiser = by_sklearn("SGDOptimizer", learning_rate_init=0.1, momentum=0.9, nesterov=True)
    expected = steps_by(optimiser, kind, lmbda)
    assert parameter_difference(our_steps(kind, 0.1, lmbda, rule="nesterov", mu=0.9), expected) < 1e-10


@each_kind
def test_nesterov_is_its_formula(kind):
    def optimiser(theta):
        v = [np.zeros_like(p) for p in theta]

        def step(gradients):
            for i, g in enumerate(gradients):
                v[i] = 0.9 * v[i] - 0.1 * g
                theta[i] = theta[i] + 0.9 * v[i] - 0.1 * g
            return list(theta)

        return step

    expected = steps_by(optimiser, kind, 2.0)
    assert parameter_difference(our_steps(kind, 0.1, 2.0, rule="nesterov", mu=0.9), expected) < 1e-10


def adam_by_section_2(theta):
    """The paper's shorter form: α_t = α √(1 − β₂^t) / (1 − β₁^t), and ε̂ beside √v."""
    m, v = ([np.zeros_like(p) for p in theta] for _ in range(2))
    t = 0

    def step(gradients):
        nonlocal t
        t += 1
        alpha = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for i, g in enumerate(gradients):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            theta[i] = theta[i] - alpha * m[i] / (np.sqrt(v[i]) + 1e-4)
        return list(theta)

    return step


@each_kind
@pytest.mark.parametrize("by", ["the paper", "sklearn"])
def test_epsilon_hat_is_that_of_the_paper_and_of_sklearn(by, kind):
    optimiser = adam_by_section_2
    if by == "sklearn":
        optimiser = by_sklearn("AdamOptimizer", learning_rate_init=0.01, epsilon=1e-4)
    expected = steps_by(optimiser, kind, 2.0)
    net = network2_and_reference(SIZES)[0]
    for first, last in BATCHES:
        options = StepOptions(
            0.01, "CrossEntropyCost", lmbda_over_n=2 / 107, rule="adam", epsilon=1e-4, is_epsilon_hat=True,
        )  # fmt: skip
        _training.update_mini_batch(net, EXAMPLES[kind][first:last], options)
    assert parameter_difference(net, expected) < 1e-10
    assert parameter_difference(our_steps(kind, 0.01, 2.0, rule="adam", epsilon=1e-4), expected) > 1e-4


# ---- extremes ----


@pytest.mark.parametrize("dtype", TOLERANCE)
@each_kind
def test_nothing_to_learn_moves_nothing(kind, dtype):
    """Gradients of exactly 0: 0 / (0 + ε), and not a weight changes."""
    net = network2.Network([40, 3, 5], network2.QuadraticCost, dtype=dtype)
    net.weights[1][:], net.biases[1][:] = 0, 0  # σ(0) is exactly ½
    batch = [(x, np.full((5, 1), 0.5)) for x, _ in EXAMPLES[kind][:9]]
    before = copy.deepcopy(net)
    for rule in ("adam", "amsgrad", "nesterov"):
        for _ in range(3):
            net.update_mini_batch(batch, 1.0, 0.0, 1, rule=rule)
        assert same_bits(net, before)


@pytest.mark.parametrize(
    ("dtype", "exponents"), [(np.float64, range(-330, 10, 5)), (np.float32, range(-50, 10))]
)
def test_the_smallest_gradients_make_no_large_step(dtype, exponents):
    """Where the square of a gradient underflows, the step is no longer than Adam's can be: at most 32 η."""
    for exponent, rule in itertools.product(exponents, ("adam", "amsgrad")):
        net = network2.Network([1, 1], network2.QuadraticCost, dtype=dtype, activation="linear")
        least = float(np.sqrt(np.finfo(dtype).tiny)) * (1 + 1e-6)
        net.weights[0][:], net.biases[0][:] = 0, 0
        delta = dtype(float(f"1e{exponent}"))
        for k in range(4):
            # a - y is delta, as the network is now
            y = net.feedforward([[0.0]]) - delta if k == 0 else net.feedforward([[0.0]])
            net.update_mini_batch([(np.zeros((1, 1)), y)], 1.0, 0.0, 1, rule=rule, epsilon=least)
            assert np.isfinite(net.biases[0]).all() and abs(net.biases[0][0, 0]) <= 32 * (k + 1)
        assert net.weights[0][0, 0] == 0


@pytest.mark.parametrize("name", NEW)
@each_kind
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300])
def test_what_is_not_finite_propagates(capsys, name, kind, value):
    both = network2_and_reference(SIZES)
    with np.errstate(all="ignore"):
        for one in both:
            one.weights[0][2, 5] = value
            trained(one, EXAMPLES[kind], 10, eta_of(name), 1, lmbda=0.5, **RULES[name])
    for mine, theirs in zip(parameters(both[0]), parameters(both[1]), strict=True):
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("lmbda", [-3.0, 107.0])
@each_kind
def test_regularisation_beyond_the_usual(capsys, name, kind, lmbda):
    net, reference = network2_and_reference(SIZES)
    for one in (net, reference):
        trained(one, EXAMPLES[kind], 10, eta_of(name) / 10, lmbda=lmbda, **RULES[name])
    assert parameter_difference(net, reference) < 1e-8


# ---- options ----


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"rule": "adagrad"},
            ValueError,
            "rule is 'adagrad'; expected one of 'gradient descent', 'momentum'",
        ),
        ({"rule": 3}, TypeError, "rule is 3; expected a name or None"),
        ({"rule": np.array(["adam", "adam"])}, TypeError, "rule is"),
        ({"rule": "adam", "mu": 0.5}, ValueError, "mu is 0.5; expected 0, since 'adam' has no momentum"),
        ({"rule": "gradient descent", "mu": 0.5}, ValueError, "mu is 0.5; expected 0"),
        ({"rule": "nesterov", "mu": 1.5}, ValueError, "mu is 1.5"),
        ({"rule": "adam", "beta_1": 1.0}, ValueError, "beta_1 is 1.0; expected a number from 0 to below 1"),
        ({"rule": "adam", "beta_2": -0.1}, ValueError, "beta_2 is -0.1"),
        ({"rule": "adam", "beta_2": np.nan}, ValueError, "beta_2 is nan"),
        ({"rule": "adam", "beta_2": "1"}, TypeError, "beta_2 is '1'"),
        (
            {"rule": "adam", "epsilon": 0.0},
            ValueError,
            "epsilon is 0.0; expected a finite number from 1.5e-154",
        ),
        ({"rule": "adam", "epsilon": -1.0}, ValueError, "epsilon is -1.0"),
        ({"rule": "adam", "epsilon": np.nan}, ValueError, "epsilon is nan"),
        ({"rule": "adam", "epsilon": np.inf}, ValueError, "epsilon is inf"),
        ({"rule": "adam", "epsilon": 1e-160}, ValueError, "epsilon is 1e-160"),
        ({"rule": "adam", "epsilon": None}, TypeError, "epsilon is None"),
    ],
)
def test_errors(options, error, message):
    net, reference = network2_and_reference(SIZES)
    examples = EXAMPLES["dense"]
    for one in (net, reference):
        calls = (
            lambda one=one: one.update_mini_batch(examples, 0.1, 0.0, 107, **options),
            lambda one=one: one.SGD(examples, 1, 10, 0.1, **options),
        )
        for call in calls[: 2 if one is net else 1]:
            with nothing_changes(one, examples), pytest.raises(error, match=message):
                call()


def test_an_epsilon_that_float32_has_not():
    net = network2.Network(SIZES, dtype=np.float32)
    with (
        nothing_changes(net),
        pytest.raises(ValueError, match=r"from 1\.1e-19 on, the root of the smallest normal float32"),
    ):
        net.SGD(EXAMPLES["dense"], 1, 10, 0.1, rule="adam", epsilon=1e-20)


WEIGHTS = [np.zeros((n, n_before)) for n_before, n in itertools.pairwise(SIZES)]
BIASES = [np.zeros((n, 1)) for n in SIZES[1:]]


@pytest.mark.parametrize(
    ("moments", "error", "message"),
    [
        (5, TypeError, r"moments is int; expected \(number of steps"),
        ((1, None), TypeError, "moments is tuple"),
        ((0.5, None, None), TypeError, "moments is tuple"),
        ((-1, None, None), ValueError, r"moments\[0\] is -1"),
        ((1 << 61, None, None), ValueError, r"moments\[0\] is"),
        ((1, 5, None), TypeError, r"moments\[1\] is int; expected two lists"),
        ((1, (WEIGHTS, BIASES), 5), TypeError, r"moments\[2\] is int; expected two lists"),
        ((1, (WEIGHTS, BIASES), (WEIGHTS, ["b"] * 3)), TypeError, r"moments\[2\]\[1\]\[0\]"),
    ],
)
def test_moments_that_do_not_fit(moments, error, message):
    net = network2.Network(SIZES)
    remember(net, moments=moments)
    with nothing_changes(net), pytest.raises(error, match=message):
        net.update_mini_batch(EXAMPLES["dense"][:3], 0.1, 0.0, 3, rule="adam")


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ({}, {}),
        ({"mu": 0.5}, {"mu": 0.5}),
        ({"rule": "gradient descent"}, {}),
        ({"rule": "momentum", "mu": 0.5}, {"mu": 0.5}),
        ({"rule": "momentum"}, {"rule": "momentum"}),
        ({"rule": "nesterov", "mu": 0.5}, {"rule": "nesterov", "mu": 0.5}),
        ({"rule": "adam", "beta_1": 0.8}, {"rule": "adam", "beta_1": 0.8}),
        ({"rule": "amsgrad", "epsilon": 1e-3}, {"rule": "amsgrad", "epsilon": 1e-3}),
    ],
)
def test_a_replaced_update_mini_batch_hears_of_the_rule(capsys, options, passed):
    heard = []

    class Own(network2.Network):
        def update_mini_batch(self, mini_batch, eta, lmbda, n, **given):
            heard.append(given)
            super().update_mini_batch(mini_batch, eta, lmbda, n, **given)

    net, plain = Own(SIZES), network2.Network(SIZES)
    copy_parameters(plain, net)
    for one in (net, plain):
        trained(one, EXAMPLES["dense"], 10, 0.01, 1, **options)
    assert heard == [passed] * 11
    assert same_bits(net, plain)


@pytest.mark.parametrize("name", NEW)
def test_a_replaced_backprop_is_called(capsys, name):
    """The rules are the reference's then."""
    net, plain = (network2_and_reference(SIZES)[0] for _ in range(2))
    net.backprop = partial(net.backprop)
    for one in (net, plain):
        trained(one, EXAMPLES["sparse"], 10, eta_of(name), 1, lmbda=0.3, **RULES[name])
    assert net.backend.startswith("numpy")
    assert parameter_difference(net, plain) < 1e-10
    assert worst_difference(kept(net), kept(plain)) < 1e-9


@each_rule
def test_copies_and_pickles_go_on(name):
    net = network2_and_reference(SIZES)[0]
    batch = EXAMPLES["dense"][:9]
    net.update_mini_batch(batch, 0.1, 0.5, 107, **RULES[name])
    others = [copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    net.update_mini_batch(batch, 0.1, 0.5, 107, **RULES[name])
    for other in others:
        other.update_mini_batch(batch, 0.1, 0.5, 107, **RULES[name])
        assert same_bits(net, other)
        assert difference(np.concatenate(kept(net), None), np.concatenate(kept(other), None)) == 0


def test_the_reference_forgets_too(capsys):
    reference = ReferenceNetwork2(SIZES)
    reference.update_mini_batch(EXAMPLES["dense"][:9], 0.1, 0.5, 107, rule="adam")
    assert reference._cbackprop.moments[0] == 1
    reference.SGD(EXAMPLES["dense"][:9], 1, 3, 0.1, rule="adam")
    assert reference._cbackprop.moments[0] == 3
    reference.SGD(EXAMPLES["dense"][:9], 1, 3, 0.1)
    assert reference._cbackprop.moments is None

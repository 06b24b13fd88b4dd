"""sigmoid is within 2 ulp of the truth for every double, and never warns."""

import math
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop.network import Network, sigmoid, sigmoid_prime


def exact(z):
    """1 / (1 + e^-z) to fifty digits."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 50, -999999, 999999
        return 1 / (1 + (-Decimal(z)).exp())


def ulps(s, z):
    """How many units in the last place `s` lies from sigma(z)."""
    truth = exact(z)
    with localcontext() as context:
        context.prec = 50
        return float(abs(Decimal(float(s)) - truth) / Decimal(math.ulp(float(truth))))


RNG = np.random.default_rng(11)
POINTS = np.unique(
    np.concatenate(
        [
            np.linspace(-46, 46, 1501),
            RNG.normal(0, 3, 1500),
            RNG.uniform(-745, 40, 1500),
            np.log(2) * (np.arange(-80, 80) + 0.5),
            np.log(2) * np.arange(-80, 80),
            RNG.uniform(-1, 1, 300) * 10.0 ** RNG.integers(-320, 0, 300),
            [
                -745.2,
                -745.13,
                -744.0,
                -709.79,
                -709.78,
                -708.4,
                -708.39,
                36.7,
                36.8,
                709.79,
                745.2,
                5e-324,
                -5e-324,
                2.2250738585072014e-308,
                1e-17,
                -1e-17,
                0.0,
            ],
        ]
    )
)


def test_within_two_ulp_in_an_array():
    worst = max(ulps(s, z) for s, z in zip(sigmoid(POINTS), POINTS.tolist(), strict=True))
    assert worst <= 2


def test_within_two_ulp_for_scalars():
    assert max(ulps(sigmoid(z), z) for z in POINTS[::5].tolist()) <= 2


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-800))
def test_within_two_ulp_anywhere(z):
    assert ulps(sigmoid(z), min(z, 800.0)) <= 2


@pytest.mark.parametrize("columns", [1, 7, len(POINTS)])
def test_the_networks_own_sigmoid_is_as_good(columns):
    net = Network([1, 1])
    net.weights, net.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
    z = POINTS[:: max(1, len(POINTS) // columns)].reshape(1, -1)
    outputs = net.feedforward(z)[0]
    assert max(ulps(s, point) for s, point in zip(outputs, z[0].tolist(), strict=True)) <= 2


EXTREMES = [
    0.0,
    -0.0,
    710.0,
    -710.0,
    745.0,
    -745.0,
    1000.0,
    -1000.0,
    1e308,
    -1e308,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
]
EXTREMES_F4 = [0.0, -0.0, 88.0, -88.0, 104.0, -104.0, 3e38, -3e38, np.inf, -np.inf, np.nan, 2e-45]


@pytest.mark.parametrize("function", [sigmoid, sigmoid_prime])
def test_never_a_warning(function):
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        function(np.array(EXTREMES))
        function(np.array(EXTREMES_F4, dtype=np.float32))
        for z in EXTREMES:
            function(z)
            function(np.float64(z))


def test_network_never_warns_of_overflow():
    net = Network([1, 1])
    net.weights, net.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for z in (-1e308, -800.0, 800.0, 1e308):
            net.feedforward(np.array([[z]]))
            net.backprop(np.array([[z]]), np.array([[1.0]]))


def test_limits():
    np.testing.assert_array_equal(
        sigmoid(np.array([np.inf, -np.inf, np.nan, 0.0, -0.0])), [1.0, 0.0, np.nan, 0.5, 0.5]
    )
    np.testing.assert_array_equal(
        sigmoid_prime(np.array([np.inf, -np.inf, np.nan, 0.0])), [0.0, 0.0, np.nan, 0.25]
    )
    assert sigmoid(-1e4) == 0.0 and sigmoid(1e4) == 1.0
    assert math.isnan(sigmoid(math.nan))


def test_prime_is_s_times_one_minus_s_to_the_bit():
    s = sigmoid(POINTS)
    np.testing.assert_array_equal(sigmoid_prime(POINTS), s * (1 - s))


def test_one_value_whatever_the_place_in_the_array():
    """The last few entries go through other code than whole vectors: the same bits come out."""
    z = POINTS[2000:2037]
    whole = sigmoid(z)
    for n in range(len(z)):
        np.testing.assert_array_equal(sigmoid(z[:n]), whole[:n])
    np.testing.assert_array_equal([sigmoid(one) for one in z.tolist()], whole)


@pytest.mark.parametrize("scalar", [0.5, 1, True, np.float64(0.5), np.int32(1), np.array(0.5)], ids=repr)
@pytest.mark.parametrize("function", [sigmoid, sigmoid_prime])
def test_scalars_give_numpy_scalars(function, scalar):
    value = function(scalar)
    assert isinstance(value, np.float64)
    assert value == function(np.array([float(scalar)]))[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_is_kept(dtype):
    z = np.linspace(-20, 20, 101).astype(dtype)
    for function in (sigmoid, sigmoid_prime):
        assert function(z).dtype == dtype
        assert function(dtype(0.5)).dtype == dtype
    truth = np.array([float(exact(one)) for one in z.tolist()])
    allowed = 2 * np.spacing(truth.astype(dtype)).astype(np.float64)
    assert np.all(np.abs(sigmoid(z).astype(np.float64) - truth) <= allowed)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_integers_count_as_numbers(dtype):
    z = np.arange(-3, 4).astype(dtype)
    np.testing.assert_allclose(
        sigmoid(z).astype(float),
        1 / (1 + np.exp(-z.astype(float))),
        rtol=1e-2 if dtype == "i1" else 1e-6 if dtype == "i2" else 1e-15,
    )


@pytest.mark.parametrize(
    "z",
    [
        np.linspace(-4, 4, 24).reshape(4, 6),
        np.asfortranarray(np.linspace(-4, 4, 24).reshape(4, 6)),
        np.linspace(-4, 4, 24).reshape(4, 6)[::-2, ::3],
        np.linspace(-4, 4, 24)[::-1],
        np.linspace(-4, 4, 24).reshape(2, 3, 4),
        np.linspace(-4, 4, 8).astype(">f8"),
        np.zeros((0,)),
        np.zeros((3, 0)),
        np.broadcast_to(1.5, (3, 4)),
    ],
    ids=lambda z: f"{z.shape} {z.strides} {z.dtype.str}",
)
def test_any_shape_and_strides(z):
    before = z.copy()
    s = sigmoid(z)
    assert s.shape == z.shape
    np.testing.assert_array_equal(z, before)
    assert not np.shares_memory(s, z)
    np.testing.assert_allclose(s, 1 / (1 + np.exp(-z)), rtol=1e-15)
    np.testing.assert_array_equal(sigmoid_prime(z), s * (1 - s))

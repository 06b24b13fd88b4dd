"""Grey values from 0 to 255, as an image file has them: `feedforward` and `predict` warn, once a network."""

import contextlib
import copy
import warnings

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.reference.network import ReferenceNetwork

CALLS = {
    "feedforward": lambda net, image: net.feedforward(image.reshape(-1, 1)),
    "columns": lambda net, image: net.feedforward(np.stack([image, image], axis=1)),
    "predict": lambda net, image: net.predict(image.reshape(1, -1)),
    "predict_proba": lambda net, image: net.predict_proba(np.stack([image, image])),
}
call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def image(dtype=np.uint8, largest=255, side=28):
    """A bar on an empty background."""
    grey = np.zeros((side, side), dtype)
    grey[side // 4 : -side // 4, side // 2 - 2 : side // 2 + 2] = largest
    return grey.ravel()


def warnings_of(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return caught


@call
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, ">i2", np.float16, np.float32, np.float64, ">f8"])
@pytest.mark.parametrize("make", [network.Network, network2.Network])
def test_raw_pixels_are_warned_about_once(call, dtype, make):
    net = make([784, 5, 10])
    caught = warnings_of(lambda: [call(net, image(dtype)) for _ in range(3)])
    assert [each.category for each in caught] == [UserWarning]
    assert "Divide them by 256" in str(caught[0].message)
    assert caught[0].filename == __file__  # the user's line
    assert len(warnings_of(lambda: call(make([784, 5, 10]), image(dtype)))) == 1  # another network


@call
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_float32_network_warns_too(call, dtype):
    net = network.Network([784, 5, 10], dtype=np.float32)
    assert len(warnings_of(lambda: call(net, image(dtype)))) == 1


@call
@pytest.mark.parametrize(
    "pixels",
    [
        image(np.float64) / 256,
        image(np.uint8, 1),
        image(np.int64, 256),
        image(np.int64, -3),
        image(np.float64) + 0.5,
        image(np.float64) * np.nan,
        np.full(784, np.inf),
        np.zeros(784),
    ],
    ids=["scaled", "0 and 1", "to 256", "negative", "halves", "NaN", "infinite", "empty"],
)
def test_other_inputs_are_not_warned_about(call, pixels):
    assert not warnings_of(lambda: call(network.Network([784, 5, 10]), pixels))


def test_the_first_row_says_nothing_of_the_others():
    """A matrix whose other rows are not pixels is none of pixels."""
    X = np.stack([image(np.float64), image(np.float64) / 2])
    net = network.Network([784, 5, 10])
    assert not warnings_of(lambda: net.predict(X))
    assert not warnings_of(lambda: net.feedforward(X.T))


@call
def test_of_few_inputs_every_one_is_looked_at(call):
    for k in range(3):
        pixels = np.zeros(3, np.uint8)
        pixels[k] = 2
        assert len(warnings_of(lambda: call(network.Network([3, 2]), pixels))) == 1  # noqa: B023


@call
def test_the_numbers_are_the_references(call):
    net = network.Network([784, 5, 10])
    plain = ReferenceNetwork([784, 5, 10])
    plain.weights, plain.biases = net.weights, net.biases
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.allclose(call(net, image()), call(plain, image(np.float64)), rtol=1e-12)


@call
def test_as_an_error_it_comes_each_time_and_changes_nothing(call):
    net = network.Network([784, 5, 10])
    before = copy.deepcopy(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(UserWarning):
                call(net, image())
    assert all(map(np.array_equal, net.weights, before.weights))


def test_a_replaced_sigmoid_does_not_silence_it(monkeypatch):
    monkeypatch.setattr(network, "sigmoid", np.tanh)
    net = network.Network([784, 5, 10])
    assert len(warnings_of(lambda: net.feedforward(image().reshape(-1, 1)))) == 1


@pytest.mark.parametrize("call", ["feedforward", "predict"])
def test_a_warning_that_empties_the_array_is_survived(call, monkeypatch):
    pixels = image(np.float64).reshape((1, -1) if call == "predict" else (-1, 1)).copy()
    emptied = []

    def empty(*_, **__):
        pixels.resize((0, 0), refcheck=False)
        emptied.append(pixels.size)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", empty)
        with contextlib.suppress(ValueError):
            getattr(network.Network([784, 5, 10]), call)(pixels)
    assert emptied == [0]

"""Networks can be copied and pickled; pickles are small and carry no machine with them."""

import copy
import pickle
import random

import numpy as np
import pytest
from agreement import (
    copy_parameters,
    digit_examples,
    network_and_twin,
    parameter_difference,
    same_bits,
)

from cbackprop.network import Network

SIZES = [40, 9, 10]


def trained(dtype=np.float64):
    net = Network(SIZES, dtype=dtype)
    net.SGD(digit_examples(500, 40), 1, 10, 0.5)
    return net


def pickled(net):
    return pickle.loads(pickle.dumps(net))


WAYS = {
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
    **{
        f"protocol {p}": lambda net, p=p: pickle.loads(pickle.dumps(net, p))
        for p in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_equal_and_independent(way, dtype, capsys):
    net = trained(dtype)
    twin = WAYS[way](net)
    assert type(twin) is Network
    assert list(twin.sizes) == SIZES and twin.num_layers == 3
    assert same_bits(net, twin)
    x = digit_examples(1, 40)[0][0]
    np.testing.assert_array_equal(twin.feedforward(x), net.feedforward(x))
    assert twin.feedforward(x).dtype == dtype
    before = copy_parameters(net, Network(SIZES))
    twin.SGD(digit_examples(50, 40), 1, 10, 0.5)
    assert same_bits(net, before) and not same_bits(net, twin)
    expected = [w.copy() for w in net.weights]
    twin.weights[0][...] = 0.0
    np.testing.assert_array_equal(net.weights[0], expected[0])


def test_the_copy_trains_on_as_the_original_would(capsys):
    net = trained()
    twin = pickled(net)
    for each in (net, twin):
        random.seed(1)
        each.SGD(digit_examples(100, 40), 2, 10, 0.5)
    assert same_bits(net, twin)


def test_a_shallow_copy_shares_arrays_until_it_learns(capsys):
    net = trained()
    before = copy_parameters(net, Network(SIZES))
    shallow = copy.copy(net)
    assert shallow.weights is net.weights
    shallow.update_mini_batch(digit_examples(5, 40), 0.5)
    assert same_bits(net, before) and not same_bits(shallow, before)
    net.update_mini_batch(digit_examples(5, 40), 0.5)
    assert same_bits(net, shallow)


def test_the_pickle_is_small(capsys):
    net = trained()
    numbers = sum(p.nbytes for p in net.weights + net.biases)
    assert len(pickle.dumps(net)) < numbers + 1500


def test_a_fortran_or_borrowed_array_is_pickled_whole():
    net = Network(SIZES)
    net.weights[0] = np.asfortranarray(net.weights[0])
    net.weights[1] = np.repeat(net.weights[1], 100, 0)[::100]
    twin = pickled(net)
    for a, b in zip(net.weights, twin.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(pickle.dumps(net)) < sum(p.nbytes for p in net.weights + net.biases) + 1500


def test_the_dict_of_the_books_own_objects_is_taken(capsys):
    """A network pickled from network.py has four attributes and nothing else."""
    made, plain = network_and_twin(SIZES)
    state = {"num_layers": 3, "sizes": SIZES, "biases": made.biases, "weights": made.weights}
    net = Network.__new__(Network)
    net.__setstate__(state)
    assert net.num_layers == 3 and net.sizes == SIZES
    assert isinstance(net.backend, str)
    for each in (net, plain):
        random.seed(1)
        each.SGD(digit_examples(100, 40), 1, 10, 0.5)
    assert parameter_difference(net, plain) < 1e-12
    assert same_bits(pickled(net), net)


def test_a_state_is_the_whole_state():
    """What a book's object lacks is not left from the network that takes its state."""
    book = Network(SIZES)
    state = {name: getattr(book, name) for name in ("num_layers", "sizes", "biases", "weights")}
    net = Network(SIZES, dtype=np.float32, activation="tanh")
    net.__setstate__(state)
    x = digit_examples(1, 40)[0][0]
    np.testing.assert_array_equal(net.feedforward(x), book.feedforward(x))
    assert net.dtype == np.float64


def test_a_readers_own_attributes_are_pickled():
    net = Network(SIZES)
    net.note = {"best": 0.95}
    assert pickled(net).note == {"best": 0.95}
    assert copy.deepcopy(net).note == {"best": 0.95}


class Noted(Network):
    """A reader's subclass, at the module's level so that pickle finds it."""

    def evaluate(self, test_data):
        return -1


def test_a_subclass_is_pickled_as_itself():
    net = pickled(Noted(SIZES))
    assert type(net) is Noted
    assert net.evaluate([]) == -1


def test_options_are_pickled():
    net = pickled(Network(SIZES, dtype=np.float32))
    net.update_mini_batch(digit_examples(5, 40), 0.5)
    assert net.weights[0].dtype == np.float32

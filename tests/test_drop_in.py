"""The module's face: names, attributes, initial numbers and keywords of the book's network.py."""

import itertools
import random

import numpy as np
import pytest

import cbackprop
from cbackprop import network
from cbackprop.network import Network
from support.examples import dense_examples


def test_import_star_brings_what_the_books_module_brings():
    names = {}
    exec("from cbackprop.network import *", names)
    assert names["np"] is np
    assert names["random"] is random
    assert names["Network"] is Network
    assert names["sigmoid"] is network.sigmoid
    assert names["sigmoid_prime"] is network.sigmoid_prime


def test_the_package_names_the_network_too():
    assert cbackprop.Network is Network


@pytest.mark.parametrize("sizes", [[784, 30, 10], [2, 3, 1], [1, 1], [5, 4, 3, 2]], ids=str)
def test_initial_numbers_are_all_biases_then_all_weights(sizes):
    np.random.seed(5)
    biases = [np.random.randn(n, 1) for n in sizes[1:]]
    weights = [np.random.randn(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]
    state = repr(np.random.get_state())
    np.random.seed(5)
    net = Network(sizes)
    assert repr(np.random.get_state()) == state
    assert type(net.biases) is list and type(net.weights) is list
    for ours, expected in zip(net.biases + net.weights, biases + weights, strict=True):
        assert type(ours) is np.ndarray and ours.dtype == np.float64 and ours.flags.writeable
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("replaced", [False, True])
def test_initial_numbers_come_from_numpys_global_generator(monkeypatch, replaced):
    if replaced:  # some users do: every draw must come through the name that the book uses
        monkeypatch.setattr(np.random, "randn", lambda *shape: np.full(shape, 0.25))
        assert {float(w) for w in Network([3, 2]).weights[0].ravel()} == {0.25}
    else:
        assert not np.array_equal(Network([3, 2]).weights[0], Network([3, 2]).weights[0])


@pytest.mark.parametrize("sizes", [[4, 3, 2], (4, 3, 2), np.array([4, 3, 2])], ids=repr)
def test_plain_attributes(sizes):
    net = Network(sizes)
    assert net.num_layers == 3
    assert net.sizes is sizes
    assert [b.shape for b in net.biases] == [(3, 1), (2, 1)]
    assert [w.shape for w in net.weights] == [(3, 4), (2, 3)]
    assert {"num_layers", "sizes", "biases", "weights"} <= set(vars(net)) | set(dir(net))


def test_random_state_is_left_alone_by_everything_but_sgd():
    net = Network([4, 3, 2])
    x, y = dense_examples(1, [4, 3, 2])[0]
    state, np_state = random.getstate(), repr(np.random.get_state())
    net.feedforward(x)
    net.backprop(x, y)
    net.update_mini_batch([(x, y)], 0.5)
    net.evaluate([(x, 1)])
    assert random.getstate() == state
    assert repr(np.random.get_state()) == np_state


def test_arguments_have_the_books_names(capsys):
    net = Network(sizes=[4, 3, 2])
    x, y = dense_examples(1, [4, 3, 2])[0]
    net.feedforward(a=x)
    net.backprop(x=x, y=y)
    net.update_mini_batch(mini_batch=[(x, y)], eta=0.5)
    net.cost_derivative(output_activations=y, y=y)
    net.evaluate(test_data=[(x, 1)])
    net.SGD(training_data=[(x, y)], epochs=1, mini_batch_size=1, eta=0.5, test_data=[(x, 1)])
    network.sigmoid(z=0.0)
    network.sigmoid_prime(z=0.0)
    assert capsys.readouterr().out.startswith("Epoch 0: ")


def test_what_goes_beyond_the_book_is_keyword_only():
    with pytest.raises(TypeError):
        Network([2, 1], np.float32)


def test_methods_through_the_class():
    net = Network([4, 3, 2])
    x, y = dense_examples(1, [4, 3, 2])[0]
    np.testing.assert_array_equal(Network.feedforward(net, x), net.feedforward(x))
    np.testing.assert_array_equal(Network.backprop(net, x, y)[1][0], net.backprop(x, y)[1][0])


def test_a_networks_own_attributes_are_kept():
    net = Network([2, 1])
    net.note = "mine"
    net.update_mini_batch(dense_examples(2, [2, 1]), 1.0)
    assert net.note == "mine"


def test_backend_is_a_string_from_the_start():
    assert isinstance(Network([2, 1]).backend, str) and Network([2, 1]).backend


def test_the_rest_of_the_book_reads_a_network_as_arrays():
    """What users do with a trained network: save it, rebuild it, look at it."""
    net = Network([4, 3, 2])
    rebuilt = Network(net.sizes)
    rebuilt.weights = [np.array(w) for w in [w.tolist() for w in net.weights]]
    rebuilt.biases = [np.array(b) for b in [b.tolist() for b in net.biases]]
    x = dense_examples(1, [4, 3, 2])[0][0]
    np.testing.assert_array_equal(net.feedforward(x), rebuilt.feedforward(x))

"""network2 does what the book's does: random numbers, lists, printed lines, shuffled data."""

import copy
import pickle
import random
import re

import numpy as np
import pytest

from cbackprop import network2
from cbackprop.reference.network2 import ReferenceNetwork2
from support import the_book2
from support.agreement import copy_parameters, difference, parameter_difference, same_bits
from support.examples import dense_classes, digit_examples

COSTS = [(network2.CrossEntropyCost, the_book2.CrossEntropy), (network2.QuadraticCost, the_book2.Quadratic)]
NUMBER = re.compile(r"(Cost on \w+ data: )(.*)")


def both(sizes, cost=0):
    nets = []
    for module, which in ((network2, 0), (the_book2, 1)):
        np.random.seed(4)
        nets.append(module.Network(sizes, COSTS[cost][which]))
    return nets


def without_costs(text):
    return NUMBER.sub(r"\1", text), [float(number) for _, number in NUMBER.findall(text)]


def test_names():
    names = {}
    exec("from cbackprop.network2 import *", names)
    book = "Network QuadraticCost CrossEntropyCost load sigmoid sigmoid_prime vectorized_result"
    assert {*book.split(), "np", "random", "json", "sys"} <= set(names)
    np.testing.assert_array_equal(network2.vectorized_result(3), the_book2.column(3))


@pytest.mark.parametrize("initializer", ["default_weight_initializer", "large_weight_initializer"])
def test_initial_numbers_are_the_same_to_the_bit(initializer):
    ours, book = both([5, 4, 3])
    for net in (ours, book):
        np.random.seed(8)
        getattr(net, initializer)()
    assert same_bits(ours, book)
    single = network2.Network([5, 4, 3], dtype=np.float32)
    np.random.seed(8)
    getattr(single, initializer)()
    for a, b in zip(book.weights, single.weights, strict=True):
        np.testing.assert_array_equal(a.astype(np.float32), b, strict=True)


@pytest.mark.parametrize("cost", [0, 1])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize("lmbda", [0.0, 5.0])
def test_the_same_script_gives_the_same_lines_and_lists(capsys, cost, kind, lmbda):
    make = digit_examples if kind == "sparse" else dense_classes
    training = make(203, 60)
    evaluation = digit_examples(50, 60, seed=9, labels=True)
    results = []
    for net in both([60, 12, 10], cost):
        random.seed(11)
        data = list(training)
        lists = net.SGD(data, 3, 10, 0.5, lmbda, evaluation, True, True, True, True)
        results.append((net, lists, capsys.readouterr().out, [id(e) for e in data], random.getstate()))
    (ours, our_lists, our_text, our_order, our_state), (book, lists, text, order, state) = results
    assert parameter_difference(ours, book) < 1e-8
    assert all(difference(a, b) < 1e-8 for a, b in zip(our_lists, lists, strict=True))
    assert without_costs(our_text)[0] == without_costs(text)[0]
    assert difference(without_costs(our_text)[1], without_costs(text)[1]) < 1e-8
    assert our_order == order and our_state == state


def test_lines_without_costs_are_equal_as_text(capsys):
    texts = []
    for net in both([60, 12, 10]):
        random.seed(2)
        net.SGD(
            digit_examples(60, 60),
            2,
            7,
            0.5,
            1.0,
            digit_examples(20, 60, labels=True),
            False,
            True,
            False,
            True,
        )
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("Epoch 0 training complete\nAccuracy on training data: ")


@pytest.mark.parametrize("cost", [0, 1])
def test_single_calls(cost):
    ours, book = both([40, 12, 10], cost)
    data = digit_examples(23, 40)
    labels = digit_examples(23, 40, labels=True)
    for x, y in data[:3]:
        for mine, theirs in zip(ours.backprop(x, y), book.backprop(x, y), strict=True):
            assert max(difference(a, b) for a, b in zip(mine, theirs, strict=True)) < 1e-10
        assert difference(ours.feedforward(x), book.feedforward(x)) < 1e-14
    for net in (ours, book):
        assert net.update_mini_batch(data, 0.5, 3.0, 100) is None
    assert parameter_difference(ours, book) < 1e-12
    assert ours.accuracy(labels) == book.accuracy(labels) == ours.accuracy(data, convert=True)
    assert difference(ours.total_cost(data, 2.0), book.total_cost(data, 2.0)) < 1e-12
    assert difference(ours.total_cost(labels, 2.0, convert=True), book.total_cost(data, 2.0)) < 1e-12
    X, Y = np.array([x.ravel() for x, _ in data]), np.array([y for _, y in labels])
    assert ours.accuracy((X, Y)) == ours.accuracy((X, Y), convert=True) == ours.accuracy(labels)
    assert ours.total_cost((X, Y), 2.0, convert=True) == ours.total_cost(labels, 2.0, convert=True)
    assert ours.total_cost((X, np.eye(10)[Y]), 2.0) == ours.total_cost(data, 2.0)


def test_iterators_are_read_once(capsys):
    data, labels = digit_examples(30, 60), digit_examples(20, 60, labels=True)
    ours, book = both([60, 12, 10])
    random.seed(1)
    pairs = (pair for pair in data)
    mine = ours.SGD(pairs, 2, 7, 0.5, 0.0, iter(labels), True, True, True, True)
    random.seed(1)
    lists_of_reference = copy_parameters(book, ReferenceNetwork2([60, 12, 10])).SGD(
        iter(data), 2, 7, 0.5, 0.0, iter(labels), True, True, True, True
    )
    random.seed(1)
    theirs = book.SGD(data, 2, 7, 0.5, 0.0, labels, True, True, True, True)
    for lists in (mine, lists_of_reference):
        assert all(difference(a, b) < 1e-8 for a, b in zip(lists, theirs, strict=True))


def test_arrays_obtained_before_keep_their_values(capsys):
    net = network2.Network([60, 12, 10])
    before = net.weights[0], net.weights[0].copy()
    net.SGD(digit_examples(20, 60), 1, 7, 0.5, 1.0)
    assert np.array_equal(*before) and not np.array_equal(net.weights[0], before[0])


def test_copies_and_pickles(capsys):
    net = network2.Network([60, 12, 10], network2.QuadraticCost)
    net.SGD(digit_examples(20, 60), 1, 7, 0.5, mu=0.5)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.cost is network2.QuadraticCost and other.history == net.history
        assert parameter_difference(other, net) == 0
    old = network2.Network.__new__(network2.Network)
    old.__setstate__(the_book2.Network([3, 2]).__dict__ | {"cost": network2.CrossEntropyCost})
    old.SGD([(np.ones((3, 1)), np.ones((2, 1)))], 1, 1, 0.1)

"""Whole training runs follow the NumPy reference's, at the tolerances that tests/README.md states.

At eta = 3 training is chaotic: rounding grows from step to step, so 100 mini-batches are
compared; at eta = 0.3 and below, whole epochs. Each comparison has a control, the reference
with its inputs in reverse order: the same sums, added up the other way round. Where the control
strays, the data is at fault and not the kernels.
"""

import random

import numpy as np
import pytest

from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import (
    copy_parameters,
    network_and_reference,
    parameter_difference,
    same_bits,
    train_step_by_step,
)
from support.examples import dense_classes, digit_examples

DATA = {"sparse": digit_examples, "dense": dense_classes}


def reversed_reference(plain, examples):
    """Return a reference, and its examples, whose first-layer sums run the other way."""
    control = copy_parameters(plain, ReferenceNetwork(plain.sizes))
    control.weights[0] = np.ascontiguousarray(control.weights[0][:, ::-1])
    return control, [(np.ascontiguousarray(x[::-1]), y) for x, y in examples]


def compare(sizes, examples, *, epochs, m, eta, tolerance, seed=1):
    net, plain = network_and_reference(sizes, seed)
    control, mirrored = reversed_reference(plain, examples)
    random.seed(seed)
    ours = list(examples)
    net.SGD(ours, epochs, m, eta)
    state = random.getstate()
    random.seed(seed)
    theirs = list(examples)
    plain.SGD(theirs, epochs, m, eta)
    assert random.getstate() == state
    assert [id(e) for e in ours] == [id(e) for e in theirs]
    random.seed(seed)
    control.SGD(mirrored, epochs, m, eta)
    control.weights[0] = control.weights[0][:, ::-1]
    assert parameter_difference(control, plain) < tolerance, "the data is chaotic"
    assert parameter_difference(net, plain) < tolerance


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("hidden", [[30], [100], [], [30, 30, 30, 30]], ids=str)
def test_a_hundred_mini_batches_at_eta_3(kind, hidden, capsys):
    compare([784, *hidden, 10], DATA[kind](1000, 784), epochs=1, m=10, eta=3.0, tolerance=1e-12)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("m", [1, 7, 100])
def test_whole_epochs_at_a_small_eta(kind, m, capsys):
    compare([100, 30, 10], DATA[kind](1000, 100), epochs=3, m=m, eta=0.3, tolerance=1e-9)


def test_every_length_of_the_last_mini_batch(capsys):
    for n in range(1, 22):
        compare([20, 6, 10], DATA["dense"](n, 20), epochs=2, m=10, eta=0.3, tolerance=1e-12)
        compare([100, 6, 10], DATA["sparse"](n, 100), epochs=2, m=10, eta=0.3, tolerance=1e-12)


@pytest.mark.parametrize("m", [15, 16, 17, 32, 127, 128, 129, 260])
@pytest.mark.parametrize("last", [1, 2, 15, 16, 17])
def test_a_short_last_mini_batch_after_longer_ones(m, last, capsys):
    """Sparse inputs are turned round in one way for up to 16 examples and in another for more."""
    compare([100, 6, 10], DATA["sparse"](m + last, 100), epochs=3, m=m, eta=0.3, tolerance=1e-12)


def test_xor_for_many_epochs(capsys):
    corners = [(np.array([[a], [b]]), np.array([[a ^ b]])) for a in (0, 1) for b in (0, 1)]
    compare([2, 3, 1], corners, epochs=2000, m=4, eta=0.3, tolerance=1e-9)


def test_sgd_is_its_public_parts(capsys):
    """SGD is shuffle, slice and update_mini_batch: no state is kept between mini-batches."""
    net, _ = network_and_reference([784, 30, 10])
    parts, _ = network_and_reference([784, 30, 10])
    examples, copied = digit_examples(205), digit_examples(205)
    random.seed(4)
    net.SGD(examples, 2, 10, 0.3)
    random.seed(4)
    train_step_by_step(parts, copied, 10, 0.3, epochs=2)
    assert parameter_difference(net, parts) < 1e-12


def test_calls_of_sgd_follow_one_another(capsys):
    """Two calls of one epoch are one call of two."""
    twice, _ = network_and_reference([784, 30, 10])
    once, _ = network_and_reference([784, 30, 10])
    examples, copied = digit_examples(205), digit_examples(205)
    random.seed(4)
    twice.SGD(examples, 1, 10, 0.3)
    twice.SGD(examples, 1, 10, 0.3)
    random.seed(4)
    once.SGD(copied, 2, 10, 0.3)
    assert parameter_difference(twice, once) < 1e-13


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_seeds_same_bits(kind, dtype, capsys):
    nets = []
    for _ in range(2):
        random.seed(6)
        np.random.seed(6)
        net = Network([784, 30, 10], dtype=dtype)
        net.SGD(DATA[kind](300, 784), 2, 10, 3.0)
        nets.append(net)
    assert same_bits(*nets)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "sizes, m",
    [
        ([784, 30, 10], 10),
        ([784, 100, 10], 10),
        ([784, 30, 30, 10], 10),
        ([784, 10], 10),
        ([784, 257, 129, 10], 64),
    ],
    ids=str,
)
def test_same_bits_whatever_the_number_of_threads(kind, dtype, sizes, m, capsys):
    examples = DATA[kind](300, 784)
    nets = []
    for n_threads in (1, 2, 3, None):
        np.random.seed(6)
        random.seed(6)
        net = Network(sizes, dtype=dtype)
        net.SGD(list(examples), 2, m, 3.0, n_threads=n_threads)
        nets.append(net)
    for net in nets[1:]:
        assert same_bits(net, nets[0])


def test_mnist_two_epochs_print_the_lines_of_the_reference(mnist, capsys):
    training_data, _, test_data = mnist
    lines, nets, after = [], [], []
    for kind in (Network, ReferenceNetwork):
        random.seed(0)
        np.random.seed(0)
        net, order = kind([784, 30, 10]), list(training_data)
        net.SGD(order, 2, 10, 0.3, test_data=test_data)
        lines.append(capsys.readouterr().out)
        nets.append(net)
        after.append((random.getstate(), [id(e) for e in order]))
    assert lines[0] == lines[1]
    assert lines[0].count("\n") == 2
    assert parameter_difference(*nets) < 1e-9
    assert after[0] == after[1]


def test_mnist_a_hundred_mini_batches_at_eta_3(mnist, capsys):
    examples = list(mnist[0])
    random.Random(0).shuffle(examples)
    compare([784, 30, 10], examples[:1000], epochs=1, m=10, eta=3.0, tolerance=1e-12, seed=0)


def test_mnist_thirty_epochs_reach_the_books_accuracy(mnist, capsys):
    training_data, _, test_data = mnist
    random.seed(0)
    np.random.seed(0)
    net = Network([784, 30, 10])
    net.SGD(list(training_data), 30, 10, 3.0, test_data=test_data)
    correct = [int(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    assert len(correct) == 30
    assert 9400 <= max(correct) <= 9600
    assert correct[-1] == net.evaluate(test_data)

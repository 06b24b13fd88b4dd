"""Training gives a network new arrays. Old ones are overwritten if nobody can tell: here somebody can."""

import gc
import random
import weakref

import numpy as np
import pytest

from cbackprop import network, network2
from support.agreement import same_bits

XOR = [(np.array([[a], [b]], float), np.array([[a ^ b]], float)) for a in (0, 1) for b in (0, 1)]


@pytest.fixture(params=[network, network2], ids=["network", "network2"])
def module(request):
    return request.param


def made(module, kind=None):
    np.random.seed(1)
    random.seed(1)
    return (kind or module.Network)([2, 3, 1])


def train(net, epochs=3):
    net.SGD(list(XOR), epochs, 2, 3.0)


def step(net):
    if isinstance(net, network2.Network):
        net.update_mini_batch(XOR, 3.0, 0.1, 4)
    else:
        net.update_mini_batch(XOR, 3.0)


WAYS = {"SGD": train, "update_mini_batch": step}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def way(request, capsys):
    """A call that trains; the network has been trained before, so that its arrays are the package's own."""
    return request.param


HOLDERS = {
    "the list": lambda net: (net.weights, net.biases),
    "a copy of the list": lambda net: (list(net.weights), list(net.biases)),
    "a slice": lambda net: ([net.weights[0][:]], []),
    "a transpose": lambda net: ([net.weights[0].T], []),
    "a memoryview": lambda net: ([memoryview(net.weights[1])], []),
}


def numbers(held):
    """What is in the arrays that were kept, now."""
    return [np.array(a) for side in held for a in side]


@pytest.mark.parametrize("what", HOLDERS)
def test_what_was_kept_keeps_its_values(module, way, what):
    net = made(module)
    train(net)
    held = HOLDERS[what](net)
    before = numbers(held)
    way(net)
    for kept, now in zip(before, numbers(held), strict=True):
        np.testing.assert_array_equal(kept, now)
    assert not np.array_equal(before[0].ravel(), net.weights[0].ravel()[: before[0].size])


def test_an_iterator_over_the_list_sees_the_old_arrays(module, way):
    net = made(module)
    train(net)
    before = [w.copy() for w in net.weights]
    iterator = iter(net.weights)
    way(net)
    for old, kept in zip(before, iterator, strict=True):
        np.testing.assert_array_equal(old, kept)


def test_a_weak_reference_ends_with_the_array(module, way):
    net = made(module)
    train(net)
    reference = weakref.ref(net.weights[0])
    way(net)
    gc.collect()
    assert reference() is None


def test_a_read_only_array_is_not_written_to(module, way):
    net = made(module)
    train(net)
    net.weights[0].flags.writeable = False
    way(net)
    assert net.weights[0].flags.writeable


def test_arrays_in_foreign_memory_are_left_alone(module, way):
    net = made(module)
    memory = np.ones(6)
    net.weights[0] = np.frombuffer(memory.data).reshape(3, 2)
    way(net)
    assert (memory == 1).all()


def test_snapshots_after_every_epoch(module, capsys):
    """The best network is kept by alias, as people do."""

    class Keeping(module.Network):
        def evaluate(self, test_data):
            kept.append((self.weights, self.biases))
            copies.append([a.copy() for a in self.weights + self.biases])
            return 0

        def accuracy(self, data, convert=False):
            return self.evaluate(data)

    kept, copies = [], []
    net = made(module, Keeping)
    tests = [(x, 0) for x, _ in XOR]
    if module is network:
        net.SGD(list(XOR), 5, 2, 3.0, test_data=tests)
    else:
        net.SGD(list(XOR), 5, 2, 3.0, evaluation_data=tests, monitor_evaluation_accuracy=True)
    assert len(kept) >= 5
    for (weights, biases), copy in zip(kept, copies, strict=True):
        for array, then in zip(weights + biases, copy, strict=True):
            np.testing.assert_array_equal(array, then)


class Watched:
    """A mixin that notes each assignment."""

    def __setattr__(self, name, value):
        self.__dict__.setdefault("assigned", []).append(name)
        object.__setattr__(self, name, value)


def test_a_class_that_watches_its_attributes_is_told(module, way):
    net = made(module, type("Net", (Watched, module.Network), {}))
    train(net)
    net.assigned.clear()
    way(net)
    assert net.assigned.count("weights") == net.assigned.count("biases") >= 1


def test_weights_that_are_a_property_are_set(module, way):
    class Guarded(module.Network):
        @property
        def weights(self):
            return self.__dict__["_w"]

        @weights.setter
        def weights(self, weights):
            self.__dict__["_w"] = weights
            self.__dict__["times"] = self.__dict__.get("times", 0) + 1

    net = made(module, Guarded)
    train(net)
    times = net.times
    way(net)
    assert net.times > times


def test_parameters_edited_between_epochs_count(module, capsys):
    """The arrays are the same objects: their numbers are read all the same."""

    class Edited(module.Network):
        pass

    def edit(text):
        net.weights[0][1, 1] += 0.5

    def copied(text):
        other.weights = [w.copy() for w in other.weights]
        other.weights[0][1, 1] += 0.5

    net, other = made(module, Edited), made(module, Edited)
    for each, say in ((net, edit), (other, copied)):
        random.seed(4)
        module.print = say
        try:
            each.SGD(list(XOR), 20, 2, 3.0)
        finally:
            del module.print
    assert same_bits(net, other)


def test_other_shapes_between_epochs_are_seen(module, capsys):
    net = made(module)

    def reshape(text):
        if text.startswith("Epoch 1"):
            net.weights[0].shape = (2, 3)

    module.print = reshape
    try:
        with pytest.raises(ValueError, match=r"fit together|must be"):
            net.SGD(list(XOR), 5, 2, 3.0)
    finally:
        del module.print

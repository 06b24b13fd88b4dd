"""Networks can be copied and pickled; pickles are small and carry no machine with them."""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop.activations import LayerActivations
from cbackprop.network import Network
from support.agreement import copy_parameters, network_and_reference, parameter_difference, same_bits
from support.both import each_module, reference_of, train
from support.examples import digit_examples

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
    reference = WAYS[way](net)
    assert type(reference) is Network
    assert list(reference.sizes) == SIZES and reference.num_layers == 3
    assert same_bits(net, reference)
    x = digit_examples(1, 40)[0][0]
    np.testing.assert_array_equal(reference.feedforward(x), net.feedforward(x))
    assert reference.feedforward(x).dtype == dtype
    before = copy_parameters(net, Network(SIZES))
    reference.SGD(digit_examples(50, 40), 1, 10, 0.5)
    assert same_bits(net, before) and not same_bits(net, reference)
    expected = [w.copy() for w in net.weights]
    reference.weights[0][...] = 0.0
    np.testing.assert_array_equal(net.weights[0], expected[0])


def test_the_copy_trains_on_as_the_original_would(capsys):
    net = trained()
    reference = pickled(net)
    for each in (net, reference):
        random.seed(1)
        each.SGD(digit_examples(100, 40), 2, 10, 0.5)
    assert same_bits(net, reference)


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
    reference = pickled(net)
    for a, b in zip(net.weights, reference.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(pickle.dumps(net)) < sum(p.nbytes for p in net.weights + net.biases) + 1500


def test_the_dict_of_the_books_own_objects_is_taken(capsys):
    """A network pickled from network.py has four attributes and nothing else."""
    made, plain = network_and_reference(SIZES)
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


def test_the_users_own_attributes_are_pickled():
    net = Network(SIZES)
    net.note = {"best": 0.95}
    assert pickled(net).note == {"best": 0.95}
    assert copy.deepcopy(net).note == {"best": 0.95}


class Noted(Network):
    """The user's subclass, at the module's level so that pickle finds it."""

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


# ---- what the package remembers of a network ----


def remembering(module, dtype=np.float32):
    """A network with all that is remembered: a type, activations, a layout, velocities, a history."""
    options = {} if module is network else {"cost": network2.QuadraticCost}
    net = module.Network(SIZES, dtype=dtype, activation=["tanh", "linear"], **options)
    if module is network:
        net.SGD(digit_examples(50, 40), 2, 10, 0.1)
    else:
        tests = digit_examples(9, 40, labels=True)
        net.SGD(digit_examples(50, 40), 2, 10, 0.1, 0.1, tests, True, True, mu=0.5)
    return net


@each_module
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
def test_all_that_is_remembered_is_copied(module, way, dtype, capsys):
    net = remembering(module, dtype)
    reference = WAYS[way](net)
    x = digit_examples(1, 40)[0][0]
    assert type(reference) is module.Network and reference.dtype == net.dtype == dtype
    np.testing.assert_array_equal(reference.feedforward(x), net.feedforward(x))
    assert reference.backend.startswith("compiled")
    if module is network2:
        assert reference.cost is net.cost
        assert reference.history == net.history and len(reference.history) == 2
        for ours, expected in zip(reference.velocities, net.velocities, strict=True):
            for a, b in zip(ours, expected, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == dtype and a is not b
        for each in (net, reference):
            each.update_mini_batch(digit_examples(10, 40), 0.1, 0.1, 50, mu=0.5)
        assert same_bits(net, reference)
    train(net, digit_examples(30, 40)), train(reference, digit_examples(30, 40))
    assert same_bits(net, reference)


@each_module
def test_the_layout_is_not_pickled(module, capsys):
    """It is of this processor, and of data that stay here."""
    net = module.Network(SIZES)
    before = net.backend
    train(net, digit_examples(50, 40))
    assert net.backend != before and "sparse" in net.backend
    assert pickled(net).backend == before
    assert b"sparse" not in pickle.dumps(net)


@each_module
def test_a_copy_of_a_copy(module, capsys):
    net = remembering(module)
    reference = pickled(copy.deepcopy(copy.copy(pickled(net))))
    train(net, digit_examples(30, 40)), train(reference, digit_examples(30, 40))
    assert same_bits(net, reference)


def test_a_shallow_copy_does_not_train_the_other_s_velocities(capsys):
    net = remembering(network2, np.float64)
    shallow, velocities = copy.copy(net), net.velocities
    shallow.update_mini_batch(digit_examples(10, 40), 0.1, 0.1, 50, mu=0.5)
    assert net.velocities is velocities and shallow.velocities is not velocities
    shallow.SGD(digit_examples(20, 40), 1, 10, 0.1)
    assert len(net.history) == 2 and len(shallow.history) == 1


@each_module
def test_two_networks_may_share_a_dict(module, capsys):
    """The Borg pattern, `b.__dict__ = a.__dict__`: what one learns the other knows."""
    a = remembering(module)
    b = module.Network.__new__(module.Network)
    b.__dict__ = a.__dict__
    x = digit_examples(1, 40)[0][0]
    assert b.dtype == np.float32
    np.testing.assert_array_equal(a.feedforward(x), b.feedforward(x))
    train(a, digit_examples(30, 40))
    assert b.weights is a.weights and b.backend == a.backend
    train(b, digit_examples(30, 40))
    np.testing.assert_array_equal(a.feedforward(x), b.feedforward(x))
    if module is network2:
        assert a.history == b.history and len(a.history) == 2
        a.update_mini_batch(digit_examples(10, 40), 0.1, 0.1, 50, mu=0.5)
        assert b.velocities[0][0] is a.velocities[0][0]


@each_module
def test_a_dict_that_is_copied_to_another_is_its_own(module, capsys):
    """`b.__dict__.update(a.__dict__)`: they part at the next step."""
    a = remembering(module)
    b = module.Network(SIZES)
    b.__dict__.update(a.__dict__)
    kept = [w.copy() for w in a.weights]
    before = a.backend
    train(b, [(np.ones((40, 1)), y) for _, y in digit_examples(30, 40)])
    assert a.backend == before != b.backend
    assert all((w == k).all() for w, k in zip(a.weights, kept, strict=True))
    assert b.weights[0].dtype == np.float32


@each_module
def test_two_memories_on_one_network_never_mix(module, capsys):
    """Setting up a network anew, by __init__ or by a state, leaves nothing of before."""
    net = remembering(module)
    net.__init__(SIZES)
    assert net.dtype == np.float64 and "_cbackprop" not in vars(net)
    x, plain = digit_examples(1, 40)[0][0], reference_of(net)
    np.testing.assert_allclose(net.feedforward(x), plain.feedforward(x), rtol=1e-13)
    if module is network2:
        assert not hasattr(net, "history") and not hasattr(net, "velocities")


@each_module
def test_the_book_s_own_object_of_four_or_five_attributes(module, capsys):
    """As unpickled from a file of the book's module: `copy_reg._reconstructor` and a `__dict__`."""
    book = module.Network(SIZES)
    net = object.__new__(module.Network)
    net.__dict__.update(vars(book))
    assert set(vars(net)) == {"num_layers", "sizes", "biases", "weights"} | (
        {"cost"} if module is network2 else set()
    )
    train(net, digit_examples(30, 40)), train(book, digit_examples(30, 40))
    assert same_bits(net, book)


class Remembers(network2.Network):
    """A network with attributes that the package offers too, at module level so that pickle finds it."""

    def __init__(self, sizes):
        super().__init__(sizes, dtype=np.float32)
        self.velocities, self.history, self.dtype, self.backend = [1], {"a": 2}, "mine", 4
        self._activations = self._layout = "mine"


@pytest.mark.parametrize("way", WAYS)
def test_names_of_the_users_are_pickled_too(way, capsys):
    net = Remembers(SIZES)
    net.SGD(digit_examples(30, 40), 2, 10, 0.1, mu=0.5)
    reference = WAYS[way](net)
    for each in (net, reference):
        assert (each.velocities, each.history, each.dtype, each.backend) == ([1], {"a": 2}, "mine", 4)
        assert each._activations == each._layout == "mine"
        assert each.weights[0].dtype == np.float32
        del each.velocities, each.history, each.dtype, each.backend
        assert each.dtype == np.float32 and len(each.history) == 2 and each.velocities is not None


def test_a_pickle_names_no_more_than_it_needs(capsys):
    """A float64 network of sigmoids is the book's attributes and the memory of its class."""
    assert b"_cbackprop" not in pickle.dumps(Network(SIZES))
    assert b"_cbackprop" not in pickle.dumps(network2.Network(SIZES))


@pytest.mark.parametrize("activations", [None, LayerActivations(SIZES, "tanh")], ids=["sigmoids", "tanh"])
def test_a_pickle_of_an_earlier_version_keeps_its_type_and_activations(activations):
    """It had them as attributes of its own."""
    new = Network(SIZES, dtype=np.float32, activation="sigmoid" if activations is None else "tanh")
    old = {name: getattr(new, name) for name in ("num_layers", "sizes", "biases", "weights")}
    net = Network.__new__(Network)
    net.__setstate__({**old, "dtype": np.dtype(np.float32), "_activations": activations})
    x = digit_examples(1, 40)[0][0]
    np.testing.assert_array_equal(net.feedforward(x), new.feedforward(x))
    assert net.feedforward(x).dtype == np.float32
    # Names that are the user's own are not taken for it.
    mine = Network(SIZES)
    mine.dtype, mine._activations = np.dtype(np.float32), None
    assert pickled(mine).feedforward(x).dtype == np.float64
    assert pickled(mine)._activations is None

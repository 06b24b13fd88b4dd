"""With `random_state` the weights and the order of the examples come from a seed or a generator."""

import copy
import pickle
import random

import numpy as np
import pytest

from cbackprop import network2
from support.agreement import nothing_changes, parameter_difference, same_bits
from support.both import REFERENCES, each_module, each_path, name_of, use_path
from support.examples import as_arrays, dense_examples

SIZES = [6, 5, 3]
DATA = dense_examples(23, SIZES)


def globals_now():
    return random.getstate(), repr(np.random.get_state())


def same_start(module, seed=3):
    return module.Network(SIZES, random_state=seed)


@each_module
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_weights_come_from_it(module, dtype):
    """All biases first, then all weights, as in the book, and no global state is touched."""
    before = globals_now()
    net = module.Network(SIZES, random_state=3, dtype=dtype)
    other = module.Network(SIZES, random_state=np.random.default_rng(3), dtype=dtype)
    plain = REFERENCES[name_of(module)](SIZES, random_state=3, dtype=dtype)
    assert globals_now() == before
    assert same_bits(net, other) and same_bits(net, plain)
    generator = np.random.default_rng(3)
    expected = [generator.standard_normal((n, 1)) for n in SIZES[1:]]
    expected += [generator.standard_normal((n, m)) for m, n in zip(SIZES, SIZES[1:])]
    if module is network2:
        expected[2:] = [w / np.sqrt(w.shape[1]) for w in expected[2:]]
    for ours, theirs in zip(net.biases + net.weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(dtype))


@each_module
def test_a_generator_goes_on(module):
    generator = np.random.default_rng(3)
    first, second = (module.Network(SIZES, random_state=generator) for _ in range(2))
    assert same_bits(first, same_start(module)) and not same_bits(first, second)


def test_the_initializers_go_on_drawing_from_it():
    before = globals_now()
    nets = [same_start(network2) for _ in range(2)]
    first = [w.copy() for w in nets[0].weights]
    for net in nets:
        net.large_weight_initializer()
    assert same_bits(*nets) and globals_now() == before
    assert not np.array_equal(first[0], nets[0].weights[0])


def test_an_initializer_of_one_s_own_draws_through_the_book_s():
    class Large(network2.Network):
        def default_weight_initializer(self):
            self.large_weight_initializer()

    before = globals_now()
    first, second = (Large(SIZES, random_state=3) for _ in range(2))
    assert same_bits(first, second) and globals_now() == before


@each_module
@each_path
@pytest.mark.parametrize("kind", ["list", "tuple", "arrays"])
def test_the_order_comes_from_it(module, path, kind, capsys, monkeypatch):
    """The same for every kind of data, on every path. A list keeps its order; no global state is touched."""
    net = use_path(path, same_start(module), monkeypatch)
    data = {"list": DATA[:], "tuple": tuple(DATA), "arrays": as_arrays(DATA)}[kind]
    before = globals_now()
    net.SGD(data, 3, 5, 0.5, random_state=7)
    assert globals_now() == before
    if kind == "list":
        assert all(a is b for a, b in zip(data, DATA, strict=True))
    plain, generator = same_start(module), np.random.default_rng(7)
    more = (0.0, len(DATA)) if module is network2 else ()
    for _ in range(3):
        order = generator.permutation(len(DATA))
        for k in range(0, len(DATA), 5):
            plain.update_mini_batch([DATA[i] for i in order[k : k + 5]], 0.5, *more)
    assert parameter_difference(net, plain) < 1e-12
    reference = REFERENCES[name_of(module)](SIZES, random_state=3)
    reference.SGD(DATA[:], 3, 5, 0.5, random_state=7)
    assert parameter_difference(net, reference) < 1e-12


@each_module
def test_a_shuffle_of_one_s_own_is_not_called(module, capsys, monkeypatch):
    net, plain = same_start(module), same_start(module)
    net.SGD(DATA[:], 2, 5, 0.5, random_state=7)
    monkeypatch.setattr(random, "shuffle", lambda items: 1 / 0)
    plain.SGD(DATA[:], 2, 5, 0.5, random_state=np.random.default_rng(7))
    assert same_bits(net, plain)


@each_module
def test_a_method_that_is_replaced_between_two_epochs(module, capsys):
    net, plain = same_start(module), same_start(module)

    def replace(net, entry):
        net.backprop = lambda x, y: module.Network.backprop(net, x, y)

    net.SGD(as_arrays(DATA), 4, 5, 0.5, random_state=7, callbacks=[replace])
    plain.SGD(DATA[:], 4, 5, 0.5, random_state=7)
    assert net.backend.startswith("numpy") and parameter_difference(net, plain) < 1e-12


@each_module
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(module, n_threads, capsys):
    net = module.Network([40, 30, 3], random_state=3)
    data = as_arrays(dense_examples(100, [40, 30, 3]))
    net.SGD(data, 2, 20, 0.5, random_state=7, n_threads=n_threads)
    plain = module.Network([40, 30, 3], random_state=3)
    plain.SGD(data, 2, 20, 0.5, random_state=7)
    assert same_bits(net, plain)


@each_module
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_carry_the_generator(module, way):
    net = same_start(module)
    copied = pickle.loads(pickle.dumps(net)) if way == "pickle" else copy.deepcopy(net)
    if module is network2:
        net.default_weight_initializer(), copied.default_weight_initializer()
    assert same_bits(net, copied)


@each_module
@pytest.mark.parametrize(
    ("random_state", "error"),
    [
        (0.5, TypeError),
        ("3", TypeError),
        (np.random.RandomState(3), TypeError),
        (random, TypeError),
        ([1, 2], TypeError),
        (-1, ValueError),
        (np.int64(-7), ValueError),
    ],
    ids=repr,
)
def test_what_is_no_seed(module, random_state, error):
    with pytest.raises(error, match="random_state is"):
        module.Network(SIZES, random_state=random_state)
    net = same_start(module)
    with nothing_changes(net, DATA), pytest.raises(error, match="random_state is"):
        net.SGD(DATA, 1, 5, 0.5, random_state=random_state)


@each_module
@pytest.mark.parametrize("random_state", [np.uint8(3), 2**70, True], ids=repr)
def test_any_whole_number_is_a_seed(module, random_state, capsys):
    assert same_bits(*(module.Network(SIZES, random_state=random_state) for _ in range(2)))
    same_start(module).SGD(DATA[:], 1, 5, 0.5, random_state=random_state)

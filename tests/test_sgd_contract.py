"""What a script can see of SGD beside the numbers: order, random state, lines, rebinding."""

import io
import random
import sys

import numpy as np
import pytest

from cbackprop import network
from cbackprop.network import Network
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import copy_parameters, network_and_reference, parameter_difference, same_bits
from support.examples import as_arrays, dense_examples, digit_examples, labelled

SIZES = [5, 4, 3]


def some_labelled(n, seed=5):
    return labelled(dense_examples(n, SIZES, seed))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 10, 31, 32, 33, 64, 65, 1000, 1024, 1025, 4097, 131073])
def test_the_list_is_shuffled_as_random_shuffle_would(n, capsys):
    x, y = dense_examples(1, [1, 1])[0]
    examples = [(x, y) for _ in range(n)]  # n tuples to tell apart
    expected = list(examples)
    epochs = 3 if n < 5000 else 1
    random.seed(n)
    for _ in range(epochs):
        random.shuffle(expected)
    state = random.getstate()
    random.seed(n)
    Network([1, 1]).SGD(examples, epochs, n, 0.1)
    assert [id(e) for e in examples] == [id(e) for e in expected]
    assert random.getstate() == state


def test_the_shuffle_starts_from_any_state(capsys):
    """Also in the middle of the generator's block, and with half a gauss() in hand."""
    for skipped in (0, 1, 500, 623, 624, 625):
        random.seed(1)
        for _ in range(skipped):
            random.getrandbits(32)
        random.gauss(0, 1)
        start = random.getstate()
        examples = dense_examples(200, SIZES)
        expected = list(examples)
        random.shuffle(expected)
        after = random.getstate()
        random.setstate(start)
        Network(SIZES).SGD(examples, 1, 10, 0.1)
        assert [id(e) for e in examples] == [id(e) for e in expected]
        assert random.getstate() == after


def test_a_replaced_shuffle_is_called(monkeypatch, capsys):
    calls = []
    examples, other = dense_examples(23, SIZES), dense_examples(23, SIZES)
    net, plain = network_and_reference(SIZES)

    def backwards(items):
        calls.append(items)
        items.reverse()

    monkeypatch.setattr(random, "shuffle", backwards)
    net.SGD(examples, 3, 5, 0.5)
    assert len(calls) == 3 and all(items is examples for items in calls)
    plain.SGD(other, 3, 5, 0.5)
    assert [x[0, 0] for x, _ in examples] == [x[0, 0] for x, _ in other]
    assert parameter_difference(net, plain) < 1e-12


def test_a_replaced_random_module_is_used(monkeypatch, capsys):
    """`network.random = random.Random(7)` gives the shuffle a generator of its own."""
    state = random.getstate()
    monkeypatch.setattr(network, "random", random.Random(7))
    examples = dense_examples(23, SIZES)
    expected = list(examples)
    mine = random.Random(7)
    mine.shuffle(expected)
    mine.shuffle(expected)
    Network(SIZES).SGD(examples, 2, 5, 0.5)
    assert [id(e) for e in examples] == [id(e) for e in expected]
    assert random.getstate() == state


class Examples(list):
    """A list of the user's own class is a list."""


@pytest.mark.parametrize("kind", [list, Examples])
def test_any_list_is_shuffled_in_place(kind, capsys):
    examples = kind(dense_examples(40, SIZES))
    expected = list(examples)
    random.seed(3)
    random.shuffle(expected)
    random.seed(3)
    Network(SIZES).SGD(examples, 1, 7, 0.5)
    assert [id(e) for e in examples] == [id(e) for e in expected]


@pytest.mark.parametrize("kind", ["tuple", "zip", "iterator", "generator", "map"])
def test_other_iterables_are_read_once(kind, capsys):
    examples = dense_examples(23, SIZES)
    tests = some_labelled(6)

    def as_kind(pairs):
        return {
            "tuple": lambda: tuple(pairs),
            "iterator": lambda: iter(pairs),
            "zip": lambda: zip([x for x, _ in pairs], [y for _, y in pairs], strict=True),
            "generator": lambda: (pair for pair in pairs),
            "map": lambda: map(tuple, pairs),
        }[kind]()

    net, plain = network_and_reference(SIZES)
    random.seed(9)
    given = as_kind(examples)
    net.SGD(given, 2, 5, 0.5, test_data=as_kind(tests))
    printed, state = capsys.readouterr().out, random.getstate()
    if kind == "tuple":
        assert [id(e) for e in given] == [id(e) for e in examples]
    else:
        assert list(given) == []
    random.seed(9)
    plain.SGD(list(examples), 2, 5, 0.5, test_data=tests)
    assert capsys.readouterr().out == printed
    assert random.getstate() == state
    assert parameter_difference(net, plain) < 1e-12
    random.seed(9)
    _, plain_of_any = network_and_reference(SIZES)
    plain_of_any.SGD(as_kind(examples), 2, 5, 0.5, test_data=as_kind(tests))
    assert same_bits(plain_of_any, plain)


def test_a_tuple_of_two_examples_is_no_pair_of_arrays(capsys):
    examples = tuple(dense_examples(2, SIZES))
    net, plain = network_and_reference(SIZES)
    for each in (net, plain):
        random.seed(1)
        each.SGD(examples, 2, 1, 0.5)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize("n, m", [(7, 3), (7, 7), (7, 8), (7, 1000), (1, 10), (10, 9), (10, 1)])
def test_the_last_mini_batch_is_divided_by_its_own_length(n, m, capsys):
    examples = dense_examples(n, SIZES)
    net, plain = network_and_reference(SIZES)
    net.SGD(examples, 1, m, 3.0)
    for k in range(0, n, m):  # the list is now in the order in which it was used
        plain.update_mini_batch(examples[k : k + m], 3.0)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize(
    "m, eta",
    [
        (np.int64(4), 3),
        (4, np.float64(0.5)),
        (4, np.array(0.5)),
        (np.uint8(4), -0.5),
        (4, 0),
        (4, np.float32(0.5)),
        (4, True),
    ],
)
def test_numbers_of_any_type(m, eta, capsys):
    net, plain = network_and_reference(SIZES)
    for each in (net, plain):
        random.seed(1)
        each.SGD(dense_examples(10, SIZES), np.int32(2), m, eta)
    assert parameter_difference(net, plain) < 1e-12


def test_printed_lines_byte_for_byte(capsys):
    net = Network(SIZES)
    net.SGD(dense_examples(4, SIZES), 2, 2, 0.5)
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"
    net.weights = [0 * w for w in net.weights]
    net.biases = [0 * b for b in net.biases]
    net.biases[-1][1] = 100.0  # every example is put into class 1
    tests = [(x, label) for (x, _), label in zip(some_labelled(5), (1, 0, 1, 1, 2), strict=True)]
    result = net.SGD(dense_examples(4, SIZES), 2, 2, 0.0, test_data=tests)
    assert result is None
    assert capsys.readouterr() == ("Epoch 0: 3 / 5\nEpoch 1: 3 / 5\n", "")


@pytest.mark.parametrize("tests", [None, [], ()], ids=repr)
def test_empty_test_data_is_none(tests, capsys):
    Network(SIZES).SGD(dense_examples(4, SIZES), 1, 2, 0.5, test_data=tests)
    assert capsys.readouterr().out == "Epoch 0 complete\n"


def test_an_exhausted_iterator_is_no_test_data(capsys):
    Network(SIZES).SGD(dense_examples(4, SIZES), 1, 2, 0.5, test_data=iter([]))
    assert capsys.readouterr().out == "Epoch 0 complete\n"


@pytest.mark.parametrize("nothing", [[], (), iter([])], ids=["list", "tuple", "iterator"])
def test_no_training_data_is_epochs_with_nothing_in_them(nothing, capsys):
    net, plain = network_and_reference(SIZES)
    state = random.getstate()
    net.SGD(nothing, 2, 10, 0.5)
    net.SGD(list(nothing), 1, 10, 0.5, test_data=some_labelled(3))
    expected = f"Epoch 0: {plain.evaluate(some_labelled(3))} / 3\n"
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n" + expected
    assert random.getstate() == state
    assert same_bits(net, plain)


@pytest.mark.parametrize("epochs", [0, -1])
def test_no_epochs(epochs, capsys):
    net, plain = network_and_reference(SIZES)
    examples = dense_examples(9, SIZES)
    order, state = list(examples), random.getstate()
    net.SGD(examples, epochs, 3, 0.5, test_data=some_labelled(3))
    assert capsys.readouterr().out == ""
    assert random.getstate() == state and all(a is b for a, b in zip(examples, order, strict=True))
    assert same_bits(net, plain)


class Recorder(io.StringIO):
    """An output stream that marks where it was flushed."""

    def flush(self):
        self.write("<flushed>")


@pytest.mark.parametrize("tests", [None, some_labelled(2)], ids=["complete", "evaluated"])
def test_every_line_is_flushed_to_the_stdout_of_the_moment(tests, monkeypatch):
    stream = Recorder()
    monkeypatch.setattr(sys, "stdout", stream)
    Network(SIZES).SGD(dense_examples(4, SIZES), 2, 2, 0.5, test_data=tests)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert [line.count("<flushed>") >= 1 for line in lines[1:]] == [True, True]


def test_aliases_keep_their_values(capsys):
    net, plain = network_and_reference(SIZES)
    weights, biases = net.weights, net.biases
    first, again = weights[0], biases[-1]
    other = Network(SIZES)
    other.weights, other.biases = net.weights, net.biases
    net.update_mini_batch(dense_examples(4, SIZES), 3.0)
    assert net.weights is not weights and net.biases is not biases
    net.SGD(dense_examples(9, SIZES), 2, 4, 3.0)
    for kept, original in zip(weights + biases, plain.weights + plain.biases, strict=True):
        np.testing.assert_array_equal(kept, original)
    assert first is weights[0] and again is biases[-1]
    assert same_bits(other, plain)
    assert not same_bits(net, plain)


def test_each_epoch_has_arrays_of_its_own_before_evaluate(capsys):
    """The early-stopping recipe: keep `self.weights` of the best epoch, by alias."""
    seen = []

    class Watched(Network):
        def evaluate(self, test_data):
            aliases = self.weights + self.biases
            seen.append((self.weights, self.biases, aliases, [a.copy() for a in aliases]))
            return 0

    net, plain = network_and_reference(SIZES, network=Watched)
    random.seed(1)
    before = net.weights
    net.SGD(dense_examples(9, SIZES), 3, 4, 3.0, test_data=some_labelled(2))
    random.seed(1)
    examples = dense_examples(9, SIZES)
    for weights, _, aliases, copies in seen:
        assert weights is not before
        plain.SGD(examples, 1, 4, 3.0)
        for alias, copied, expected in zip(aliases, copies, plain.weights + plain.biases, strict=True):
            np.testing.assert_array_equal(alias, copied)  # later epochs did not write to it
            np.testing.assert_allclose(alias, expected, rtol=0, atol=1e-12)
    assert len({id(a) for _, _, aliases, _ in seen for a in aliases}) == 3 * 4
    assert len({id(weights) for weights, _, _, _ in seen}) == 3


def edits_in_place(self, test_data):
    self.weights[0][1, 2] += 0.5
    self.biases[-1][...] *= 0.9
    return 1


def assigns(self, test_data):
    self.weights = [np.asfortranarray(0.5 * w) for w in self.weights]
    return 1


def assigns_one(self, test_data):
    self.weights[1] = self.weights[1] * 0.5
    return 1


def reseeds(self, test_data):
    random.seed(4)
    return 1


def draws(self, test_data):
    return random.random()


@pytest.mark.parametrize("evaluate", [edits_in_place, assigns, assigns_one, reseeds, draws])
@pytest.mark.parametrize("how", ["subclass", "instance"])
def test_what_evaluate_does_is_seen_by_the_next_epoch(evaluate, how, capsys):
    lines, nets, orders = [], [], []
    for kind in (Network, ReferenceNetwork):
        if how == "subclass":
            net = type("Mine", (kind,), {"evaluate": evaluate})(SIZES)
        else:
            net = kind(SIZES)
            net.evaluate = evaluate.__get__(net)
        nets.append(net)
    copy_parameters(nets[1], nets[0])
    for net in nets:
        examples = dense_examples(23, SIZES)
        random.seed(8)
        net.SGD(examples, 3, 5, 0.5, test_data=some_labelled(2))
        lines.append(capsys.readouterr().out)
        orders.append(([x[0, 0] for x, _ in examples], random.getstate()))
    assert lines[0] == lines[1] and lines[0].count("\n") == 3
    assert orders[0] == orders[1]
    assert parameter_difference(*nets) < 1e-12


def test_evaluate_gets_the_callers_own_list_and_its_answer_is_printed(capsys):
    net, tests, got = Network(SIZES), some_labelled(2), []
    net.evaluate = lambda test_data: got.append(test_data) or "all of them"
    net.SGD(dense_examples(4, SIZES), 2, 2, 0.5, test_data=tests)
    assert capsys.readouterr().out == "Epoch 0: all of them / 2\nEpoch 1: all of them / 2\n"
    assert len(got) == 2 and got[0] is tests and got[1] is tests


def test_an_error_in_evaluate_ends_training_after_that_epoch(capsys):
    class Enough(Exception):
        pass

    def enough(test_data):
        raise Enough

    states = []
    nets = network_and_reference(SIZES)
    for net in nets:
        net.evaluate = enough
        examples = dense_examples(23, SIZES)
        random.seed(2)
        with pytest.raises(Enough):
            net.SGD(examples, 5, 5, 0.5, test_data=some_labelled(2))
        states.append((random.getstate(), [x[0, 0] for x, _ in examples]))
    assert states[0] == states[1]
    assert parameter_difference(*nets) < 1e-12


def test_examples_are_read_once_at_the_start(capsys):
    """The one difference from the book: editing x between epochs does not reach the training."""
    nets = network_and_reference(SIZES)
    for net, edited in zip(nets, (True, False), strict=True):
        examples = dense_examples(9, SIZES)

        def evaluate(test_data, examples=examples, edited=edited):
            for x, y in examples if edited else ():
                x[...] = 0.0
                y[...] = 0.0
            return 0

        net.evaluate = evaluate
        random.seed(2)
        net.SGD(examples, 3, 4, 0.5, test_data=some_labelled(2))
    assert parameter_difference(*nets) < 1e-12


def test_examples_are_never_written_to(capsys):
    examples = digit_examples(30)
    copies = [(x.copy(), y.copy()) for x, y in examples]
    pairs = list(zip(examples, copies, strict=True))
    net = Network([784, 30, 10])
    net.SGD(examples, 2, 10, 3.0)
    net.update_mini_batch(examples, 3.0)
    for (x, y), (x0, y0) in pairs:
        np.testing.assert_array_equal(x, x0)
        np.testing.assert_array_equal(y, y0)


@pytest.mark.parametrize(
    "examples, word", [(digit_examples(50), "sparse"), (dense_examples(50, [784, 10]), "dense")]
)
def test_backend_names_the_layout_after_sgd(examples, word, capsys):
    net = Network([784, 30, 10])
    net.SGD(examples, 1, 10, 0.5)
    assert word in net.backend.lower()
    assert any(c.isdigit() for c in net.backend)  # the density


@pytest.mark.parametrize("sizes", [[5, 30, 7, 3], [5, 9, 3]], ids=str)
def test_a_hidden_layer_may_become_another_between_epochs(sizes, capsys):
    """As in the book, whose next epoch reads sizes, weights and biases anew."""
    examples, bigger = dense_examples(12, SIZES), Network(sizes)
    net, plain = network_and_reference(SIZES)

    def grow(each):
        def evaluate(test_data):
            if each.sizes == SIZES:
                each.sizes, each.num_layers = sizes, len(sizes)
                each.weights, each.biases = (
                    [w.copy() for w in bigger.weights],
                    [b.copy() for b in bigger.biases],
                )
            return 0

        return evaluate

    for each in (net, plain):
        each.evaluate = grow(each)
        random.seed(3)
        each.SGD(list(examples), 3, 5, 0.5, test_data=examples)
    assert parameter_difference(net, plain) < 1e-12


@pytest.mark.parametrize(
    "sizes, dtype", [([5, 4, 2], "f8"), ([500, 4, 3], "f8"), ([5, 4, 3], "f4")], ids=repr
)
def test_another_network_between_epochs_does_not_fit_the_examples(sizes, dtype, capsys):
    other = Network(sizes, dtype=dtype)

    def evaluate(test_data):
        net.__dict__.update(vars(other))
        return 0

    net = Network(SIZES)
    net.evaluate = evaluate
    with pytest.raises(ValueError, match="now has"):
        net.SGD(dense_examples(12, SIZES), 2, 5, 0.5, test_data=some_labelled(3))
    assert net.weights is other.weights and net.biases is other.biases


def test_a_replaced_shuffle_may_not_put_other_numbers_among_the_places(monkeypatch, capsys):
    class Liar(int):
        __eq__ = __le__ = __ge__ = __gt__ = lambda self, other: True
        __lt__ = lambda self, other: False  # noqa: E731
        __hash__ = int.__hash__

    def shuffle(items):
        items[0] = Liar(2**31)
        items[1:] = range(1, len(items))

    monkeypatch.setattr(random, "shuffle", shuffle)
    X, Y = as_arrays(dense_examples(12, SIZES))
    with pytest.raises(ValueError, match="permutation"):
        Network(SIZES).SGD((X, Y), 1, 5, 0.5)


@pytest.mark.parametrize("change", ["another", "fewer", "twice"])
def test_a_replaced_shuffle_may_not_change_the_pairs(change, monkeypatch, capsys):
    """The pairs were read before it was called: which of them another one is, nobody could say."""

    def shuffle(items):
        if change == "another":
            items[3] = dense_examples(1, SIZES)[0]
        elif change == "twice":
            items[3] = items[4]
        else:
            items.pop()

    monkeypatch.setattr(random, "shuffle", shuffle)
    net = Network(SIZES)
    before = [*net.weights, *net.biases]
    with pytest.raises(ValueError, match=r"training_data"):
        net.SGD(dense_examples(12, SIZES), 1, 5, 0.5)
    assert all(a is b for a, b in zip(net.weights + net.biases, before, strict=True))


def test_a_generator_of_too_few_random_bits_is_an_error(monkeypatch, capsys):
    class Short(int):
        def to_bytes(self, *arguments):
            return b""

    generator = random.Random(1)
    generator.getrandbits = lambda bits: Short()
    monkeypatch.setattr(random, "shuffle", generator.shuffle)
    with pytest.raises(RuntimeError, match="getrandbits"):
        Network(SIZES).SGD(dense_examples(12, SIZES), 1, 5, 0.5)


@pytest.mark.parametrize("change, length", [("pop", 11), ("append", 13)])
def test_a_list_that_changes_its_length_while_it_is_shuffled(change, length, monkeypatch, capsys):
    """As random.shuffle it must not swap what is no longer there; nothing has been trained on."""
    examples = dense_examples(12, SIZES)

    generator = random.Random(1)

    def getrandbits(bits):
        examples.pop() if change == "pop" else examples.append(examples[0])
        return random.getrandbits(bits)

    generator.getrandbits = getrandbits
    monkeypatch.setattr(random, "shuffle", generator.shuffle)
    net = Network(SIZES)
    before = [*net.weights, *net.biases]
    with pytest.raises(RuntimeError, match=f"training_data changed its length from 12 to {length}"):
        net.SGD(examples, 1, 5, 0.5)
    assert all(a is b for a, b in zip(net.weights + net.biases, before, strict=True))


def test_a_mini_batch_size_past_every_machine_number(capsys):
    net, plain = network_and_reference(SIZES)
    for each in (net, plain):
        random.seed(3)
        each.SGD(dense_examples(12, SIZES), 2, 2**70, 0.5)
    assert parameter_difference(net, plain) < 1e-12
    net.SGD(dense_examples(12, SIZES), 1, 5, 0.5, n_threads=2**70)


@pytest.mark.parametrize("off", [False, np.False_], ids=["bool", "NumPy's"])
def test_deterministic_is_off_where_there_is_one_process(off, capsys):
    net = Network(SIZES)
    net.SGD(dense_examples(12, SIZES), 1, 5, 0.5, deterministic=off)
    with pytest.raises(ValueError, match="timeout is 20, and comm is None"):
        net.SGD(dense_examples(12, SIZES), 1, 5, 0.5, deterministic=off, timeout=20)
    with pytest.raises(ValueError, match="deterministic is True, and comm is None"):
        net.SGD(dense_examples(12, SIZES), 1, 5, 0.5, deterministic=True, timeout=20)

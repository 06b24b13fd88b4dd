"""`misclassified` and `confusion_matrix` draw what the network answers."""

import numpy as np
import pytest

from cbackprop import figures, network, network2
from cbackprop.reference.network import ReferenceNetwork
from support.agreement import nothing_changes
from support.examples import as_arrays, digit_examples

pytest.importorskip("matplotlib", reason="matplotlib, the extra `plot`, is not installed")

SIZES = [36, 8, 10]
TESTS = digit_examples(80, 36, labels=True, seed=9)


def answers(net, tests):
    return [int(np.argmax(net.feedforward(x))) for x, _ in tests]


def images_of(figure):
    """(title, number, pixels) of each image."""
    return [
        (axes.get_title(), int(axes.texts[0].get_text()), np.asarray(axes.images[0].get_array()))
        for axes in figure.axes
        if axes.images
    ]


@pytest.mark.parametrize("kind", [network.Network, network2.Network, ReferenceNetwork])
@pytest.mark.parametrize("arrays", [False, True])
def test_the_first_wrong_answers_are_drawn(kind, arrays):
    net = kind(SIZES, random_state=1)
    wrong = [
        (i, x, label, answer)
        for i, ((x, label), answer) in enumerate(zip(TESTS, answers(net, TESTS), strict=True))
        if answer != label
    ]
    with nothing_changes(net, TESTS):
        figure = figures.misclassified(net, as_arrays(TESTS) if arrays else TESTS, limit=7)
    found = images_of(figure)
    assert len(found) == 7 < len(wrong)
    for (title, number, pixels), (i, x, label, answer) in zip(found, wrong, strict=False):
        assert (title, number) == (f"{label} → {answer}", i)
        np.testing.assert_array_equal(pixels, x.reshape(6, 6))
    assert figure.get_suptitle() == f"{len(wrong)} of 80 misclassified, the first 7"
    figure = figures.misclassified(net, TESTS, (4, 9), limit=100)
    assert len(images_of(figure)) == len(wrong) and images_of(figure)[0][2].shape == (4, 9)
    assert figure.get_suptitle() == f"{len(wrong)} of 80 misclassified"


def test_beyond_the_examples_of_one_run(monkeypatch):
    net = network.Network(SIZES, random_state=1)
    whole = images_of(figures.misclassified(net, TESTS, limit=60))
    monkeypatch.setattr("cbackprop.figures.answers.ROWS_AT_A_TIME", 7)
    for one, other in zip(images_of(figures.misclassified(net, TESTS, limit=60)), whole, strict=True):
        assert one[:2] == other[:2]


def test_none_is_wrong():
    net = network.Network(SIZES, random_state=1)
    tests = [(x, answer) for (x, _), answer in zip(TESTS, answers(net, TESTS), strict=True)]
    figure = figures.misclassified(net, tests)
    assert not images_of(figure) and figure.get_suptitle() == "0 of 80 misclassified"


@pytest.mark.parametrize("arrays", [False, True])
def test_the_confusion_matrix_counts(arrays):
    net = network2.Network(SIZES, random_state=1)
    expected = np.zeros((10, 10), int)
    for (_, label), answer in zip(TESTS, answers(net, TESTS), strict=True):
        expected[label, answer] += 1
    with nothing_changes(net, TESTS):
        (axes,) = figures.confusion_matrix(net, as_arrays(TESTS) if arrays else iter(TESTS)).axes
    np.testing.assert_array_equal(axes.images[-1].get_array().data, expected)
    right = np.trace(expected)
    assert axes.get_title() == f"{right} of 80 right: {right / 80:.2%}"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "label")
    written = {(*text.get_position()[::-1], int(text.get_text())) for text in axes.texts}
    assert written == {(i, j, expected[i, j]) for i, j in np.argwhere(expected)}


def test_rows_of_targets_and_replaced_methods():
    net = network.Network(SIZES, random_state=1)
    X, labels = as_arrays(TESTS)
    by_labels = figures.confusion_matrix(net, (X, labels)).axes[0].images[-1].get_array().data
    by_rows = figures.confusion_matrix(net, (X, np.eye(10)[labels])).axes[0].images[-1].get_array().data
    np.testing.assert_array_equal(by_rows, by_labels)
    net.feedforward = lambda a: np.eye(10)[:, [3]]
    counts = figures.confusion_matrix(net, TESTS).axes[0].images[-1].get_array().data
    assert counts[:, 3].sum() == counts.sum() == 80


def test_one_output_neuron_answers_0_or_1():
    net = network.Network([36, 1], random_state=1)
    tests = [(x, label % 2) for x, label in TESTS]
    found = [int(net.feedforward(x)[0, 0] >= 0.5) for x, _ in tests]
    counts = figures.confusion_matrix(net, tests).axes[0].images[-1].get_array().data
    assert counts.shape == (2, 2)
    assert np.trace(counts) == sum(answer == label for answer, (_, label) in zip(found, tests, strict=True))
    titles = {title for title, _, _ in images_of(figures.misclassified(net, tests))}
    assert titles <= {"0 → 1", "1 → 0"}


def test_many_classes_have_no_numbers():
    net = network.Network([9, 40], random_state=1)
    axes = figures.confusion_matrix(net, [(np.full((9, 1), 0.5), 39)]).axes[0]
    assert axes.images[-1].get_array().data.sum() == 1 and not axes.texts


def test_wrong_arguments():
    net = network.Network(SIZES)
    x = TESTS[0][0]
    for function in (figures.misclassified, figures.confusion_matrix):
        with pytest.raises(TypeError, match="net is list"):
            function([1], TESTS)
        with pytest.raises(ValueError, match="test_data has no examples"):
            function(net, [])
        with pytest.raises(ValueError, match=r"test_data\[1\].*\(36, 1\)"):
            function(net, [TESTS[0], (x[:5], 1)])
        for label in (10, -1, 2.5, np.nan):
            with pytest.raises(ValueError, match=r"test_data\[1\]: the label is|test_data\[1\]: y"):
                function(net, [TESTS[0], (x, label)])
        with pytest.raises((TypeError, ValueError), match="test_data"):
            function(net, digit_examples(2, 36))  # targets, not labels
        with pytest.raises(TypeError, match="test_data"):
            function(net, 3)
        with pytest.raises(TypeError, match="ax is int"):
            function(net, TESTS, ax=3)
    for limit, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="limit is"):
            figures.misclassified(net, TESTS, limit=limit)
    with pytest.raises(ValueError, match="shape is"):
        figures.misclassified(net, TESTS, (5, 5))
    with pytest.raises(ValueError, match="shape is left out, and 35 inputs"):
        figures.misclassified(network.Network([35, 10]), [(np.ones((35, 1)), 1)])


@pytest.mark.parametrize("answer", [-1, 9])
def test_answers_of_a_replaced_predict_are_checked(answer):
    net = network.Network([4, 3])
    net.predict = lambda X: np.full(len(X), answer)
    with pytest.raises(ValueError, match="predict is replaced"):
        figures.confusion_matrix(net, [(np.zeros((4, 1)), 0)])

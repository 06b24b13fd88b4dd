"""Output is `print(text)` as the module finds it: into any stream with `write`, or to a replaced `print`."""

import builtins
import io
import sys

import numpy as np
import pytest

from cbackprop import network, network2
from support.both import MODULES, each_module, each_path, train, use_path
from support.children import run_python
from support.examples import dense_examples, labelled

SIZES = [6, 5, 3]
TESTS = labelled(dense_examples(7, SIZES))


def expected_lines(module, tests, net):
    """The lines of two epochs at eta = 0."""
    if module is network:
        if not tests:
            return ["Epoch 0 complete", "Epoch 1 complete"]
        return [f"Epoch {j}: {net.evaluate(tests)} / 7" for j in range(2)]
    lines = []
    for j in range(2):
        lines += [f"Epoch {j} training complete"]
        lines += [f"Accuracy on evaluation data: {net.accuracy(tests)} / 7"] if tests else []
        lines += [""]
    return lines


class OnlyWrites:
    """What a GUI or a log puts in the place of sys.stdout."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


class NoFlush(OnlyWrites):
    flush = None


class FlushIsNoFunction(OnlyWrites):
    flush = "at once"


each_tests = pytest.mark.parametrize("tests", [None, TESTS], ids=["complete", "evaluated"])


@each_module
@each_path
@each_tests
@pytest.mark.parametrize("stream", [OnlyWrites, NoFlush, FlushIsNoFunction])
def test_any_object_with_write_stands_in_for_stdout(module, path, tests, stream, monkeypatch):
    net = use_path(path, module.Network(SIZES), monkeypatch)
    window = stream()
    monkeypatch.setattr(sys, "stdout", window)
    train(net, dense_examples(4, SIZES), eta=0.0, tests=tests)
    assert window.text.split("\n") == [*expected_lines(module, tests, net), ""]


@each_module
def test_each_line_is_flushed_where_the_stream_can(module, monkeypatch):
    class Flushed(io.StringIO):
        def flush(self):
            self.write("<flushed>")

    stream = Flushed()
    monkeypatch.setattr(sys, "stdout", stream)
    train(module.Network(SIZES), dense_examples(4, SIZES), tests=TESTS)
    lines = stream.getvalue().split("\n")
    assert len(lines) > 2 and all(line.startswith("<flushed>") for line in lines[1:])


@each_module
def test_no_stdout_is_no_output(module, monkeypatch):
    """sys.stdout is None under pythonw."""
    monkeypatch.setattr(sys, "stdout", None)
    net = module.Network(SIZES)
    before = net.weights
    train(net, dense_examples(4, SIZES), tests=TESTS)
    assert net.weights is not before


@each_module
@each_path
@each_tests
@pytest.mark.parametrize("place", ["module", "builtins"])
def test_a_replaced_print_is_called_as_the_book_calls_it(module, path, tests, place, monkeypatch, capsys):
    calls = []

    def replaced(*arguments, **options):
        calls.append((arguments, options))

    net = use_path(path, module.Network(SIZES), monkeypatch)
    monkeypatch.setattr(module if place == "module" else builtins, "print", replaced, raising=False)
    train(net, dense_examples(4, SIZES), eta=0.0, tests=tests)
    monkeypatch.undo()
    assert calls == [((line,), {}) for line in expected_lines(module, tests, module_net(net))]
    assert capsys.readouterr().out == ""


def module_net(net):
    """`net` on the compiled path again."""
    for name in ("backprop", "feedforward"):
        vars(net).pop(name, None)
    return net


@each_module
def test_a_print_in_the_module_comes_before_that_of_the_builtins(module, monkeypatch, capsys):
    lines = []
    monkeypatch.setattr(module, "print", lines.append, raising=False)
    monkeypatch.setattr(builtins, "print", lambda *_: 1 / 0)
    train(module.Network(SIZES), dense_examples(4, SIZES), epochs=1)
    monkeypatch.undo()
    assert lines[0].startswith("Epoch 0") and capsys.readouterr().out == ""


def test_a_print_of_one_module_is_not_that_of_the_other(monkeypatch, capsys):
    monkeypatch.setattr(network, "print", lambda text: None, raising=False)
    train(network2.Network(SIZES), dense_examples(4, SIZES), epochs=1)
    assert capsys.readouterr().out == "Epoch 0 training complete\n\n"
    train(network.Network(SIZES), dense_examples(4, SIZES), epochs=1)
    assert capsys.readouterr().out == ""


@each_module
def test_a_print_that_evaluate_puts_in_prints_the_next_line(module, capsys, monkeypatch):
    lines = []
    monkeypatch.setattr(module, "print", lines.append, raising=False)
    monkeypatch.delattr(module, "print")

    class Mine(module.Network):
        def evaluate(self, test_data):
            module.print = lines.append
            return 0

        accuracy = evaluate

    train(Mine(SIZES), dense_examples(4, SIZES), epochs=1, tests=TESTS)
    module.__dict__.pop("print")
    assert any("0 / 7" in line for line in lines)


@each_module
@pytest.mark.parametrize("what", ["print", "write"])
def test_an_error_while_printing_comes_out_after_the_epoch(module, what, monkeypatch):
    class Full(OnlyWrites):
        def write(self, text):
            raise OSError("no space left")

    net = module.Network(SIZES)
    before = [w.copy() for w in net.weights]
    if what == "print":
        monkeypatch.setattr(module, "print", Full().write, raising=False)
    else:
        monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="no space left"):
        train(net, dense_examples(4, SIZES))
    assert not np.array_equal(before[0], net.weights[0])


@pytest.mark.parametrize("name", list(MODULES))
def test_a_print_replaced_where_no_stdout_is_at_all(name, tmp_path):
    """Not even the name: a replaced print needs none."""
    run_python(
        f"""
import sys
import numpy as np
from cbackprop import {name} as module
lines = []
module.print = lines.append
del sys.stdout
module.Network([2, 3, 2]).SGD([(np.ones((2, 1)), np.ones((2, 1)))] * 3, 2, 2, 0.5)
assert len(lines) == {2 if name == "network" else 4}, lines
""",
        tmp_path,
    )

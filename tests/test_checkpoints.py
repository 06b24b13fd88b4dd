"""`checkpoint` and `resume`: a run that was killed at any moment goes on to the bits of a run left alone."""

import errno
import gc
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
import weakref
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop._files import checkpoints, whole
from support.agreement import same_bits
from support.both import each_module, each_path, use_path
from support.checkpointed import CASES, DATA, DENSE, RULES, SIZES, TESTS, run
from support.examples import as_arrays

SCRIPT = Path(__file__).parent / "support/checkpointed.py"
# How many kills each of the 8 cases gets, and in which it goes on: more, if you like, by this variable.
KILLS = int(os.environ.get("CBACKPROP_KILLS", "1"))
each_case = pytest.mark.parametrize("name", CASES)


def parts(name):
    """Whether checkpoints of this case divide its epochs."""
    return CASES[name][4].get("every", 1) < 1


def left_alone(name, folder, **options):
    """What a call leaves that nothing disturbs. Parts of epochs round as they do: they need a file."""
    if parts(name):
        options["checkpoint"] = folder / "whole.npz"
    return run(name, **options)


# ---- processes that are killed ----


def child(name, filename):
    """A process that makes the call of SGD."""
    path = os.pathsep.join([str(SCRIPT.parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, SCRIPT, name, str(filename)], stdout=subprocess.PIPE, env=environment, text=True
    )


def finished(process):
    """The lines of a process, and what its call of SGD left."""
    output, _ = process.communicate()
    assert process.returncode == 0
    *lines, last = output.removeprefix("begins\n").splitlines()
    return lines, json.loads(last)


@each_case
def test_killed_at_random_moments(name, tmp_path):
    process = child(name, tmp_path / "whole.npz" if parts(name) else "")
    assert process.stdout.readline() == "begins\n"
    begun = time.perf_counter()
    all_lines, expected = finished(process)
    seconds = time.perf_counter() - begun
    moments = random.Random(f"{name} {time.time()}")
    filename, copy = tmp_path / "run.npz", tmp_path / "copy.npz"
    killed = 0
    while killed < KILLS:
        process = child(name, filename)
        assert process.stdout.readline() == "begins\n"
        time.sleep(moments.uniform(0, 0.8 * seconds))
        process.kill()
        output, _ = process.communicate()
        if output.endswith("}\n"):  # it was done already
            filename.unlink()
            continue
        killed += 1
        printed = output.rpartition("\n")[0]
        assert printed in "\n".join(all_lines)
        if filename.exists():
            shutil.copy(filename, copy)
        lines, actual = finished(child(name, copy))
        assert actual == expected
        assert lines == all_lines[len(all_lines) - len(lines) :]
    # Once more: nothing remains to be done.
    before = copy.read_bytes()
    assert finished(child(name, copy)) == ([], expected)
    assert copy.read_bytes() == before


# ---- calls that are cut off within this process ----


@each_case
@pytest.mark.parametrize("every", [1, 3])
def test_cut_off_and_taken_up(name, every, tmp_path, capsys):
    options = {} if parts(name) else {"every": every}
    expected = left_alone(name, tmp_path, epochs=9)
    lines = capsys.readouterr().out
    filename = tmp_path / "run.npz"
    options |= {"checkpoint": filename, "resume": filename, "epochs": 9}
    for cut in (1, 4, 3):
        assert run(name, cut=cut, seed=cut, **options) is None
    capsys.readouterr()
    assert run(name, **options) == expected
    last = capsys.readouterr().out
    assert lines.endswith(last) and "Epoch 8" in last and "Epoch 0" not in last
    assert os.listdir(tmp_path) == ["run.npz"] or parts(name)


def test_the_number_of_threads_may_change(tmp_path):
    name = "parts of epochs, dropout"
    expected = left_alone(name, tmp_path, epochs=5)
    options = {"checkpoint": tmp_path / "run.npz", "resume": tmp_path / "run.npz", "epochs": 5}
    for cut, n_threads in enumerate((1, 2, 1), 1):
        assert run(name, cut=2 - cut % 2, n_threads=n_threads, **options) is None
    assert run(name, n_threads=2, **options) == expected


@each_module
@each_path
@pytest.mark.parametrize("kind", ["list", "tuple", "iterator", "arrays", "twins"])
@pytest.mark.parametrize("seeds", ["global", "seed", "generator"])
@pytest.mark.parametrize("every", [1, 0.5])
def test_every_kind_of_data_on_every_path(module, path, kind, seeds, every, tmp_path, capsys, monkeypatch):
    examples = DENSE[:20] if kind != "twins" else DENSE[:12] + DENSE[:8]
    kinds = {"tuple": tuple, "iterator": iter, "arrays": as_arrays}
    lists = []

    def attempt(filename, stop=None):
        random.seed(1)
        np.random.seed(1)
        net = use_path(path, module.Network(SIZES), monkeypatch)
        data = lists.append(kinds.get(kind, list)(examples)) or lists[-1]
        random_state = {"global": None, "seed": 7, "generator": np.random.default_rng(7)}[seeds]
        options = {"random_state": random_state, "checkpoint": filename, "resume": filename, "every": every}

        def cut(net, entry):
            if entry["epoch"] == stop:
                raise KeyboardInterrupt

        net.SGD(data, 4, 3, 1.0, callbacks=[cut], **options)
        return net, random.getstate(), data

    expected = attempt(tmp_path / "whole.npz")
    for stop in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            attempt(tmp_path / "run.npz", stop)
    actual = attempt(tmp_path / "run.npz")
    assert same_bits(actual[0], expected[0]) and actual[1] == expected[1]
    if type(actual[2]) is list:
        assert list(map(id, actual[2])) == list(map(id, expected[2]))


def test_every_place_within_an_epoch(tmp_path, capsys, monkeypatch):
    """Killed right after each of the checkpoints, in turn."""
    name = "parts of epochs, dropout"
    expected = left_alone(name, tmp_path, epochs=2)
    filename, write = tmp_path / "run.npz", checkpoints.write

    def write_and_die(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "write", write_and_die)
    places = []
    for _ in range(100):
        try:
            actual = run(name, epochs=2, checkpoint=filename, resume=filename)
            break
        except KeyboardInterrupt:
            words = checkpoints.read(str(filename)).words
            places.append((words["epoch"], words["batch"]))
    assert actual == expected
    assert places == sorted(set(places)) and len(places) > 20 and places[-1] == (2, 0)


# ---- one call after another ----


def plain(epochs=6, data=None, module=network2, **options):
    """A small call of network2's SGD, and its network."""
    random.seed(1)
    np.random.seed(1)
    net = module.Network(SIZES)
    lists = net.SGD(DATA[:40] if data is None else data, epochs, 7, 1.0, verbose=False, **options)
    return net, lists


def test_more_epochs_go_on(tmp_path):
    expected, lists = plain(9, monitor_training_cost=True)
    f = tmp_path / "run.npz"
    plain(4, monitor_training_cost=True, checkpoint=f)
    net, actual = plain(9, monitor_training_cost=True, checkpoint=f, resume=f)
    assert same_bits(net, expected) and actual == lists and len(net.history) == 9


def test_fewer_epochs_are_refused(tmp_path):
    f = tmp_path / "run.npz"
    plain(4, checkpoint=f)
    with pytest.raises(ValueError, match=r"epochs is 3; .*run.npz was written in or after epoch 4"):
        plain(3, resume=f)
    with np.load(f) as archive:
        states = json.loads(archive["checkpoint"].tobytes())["states"]
    plain(4, checkpoint=f, every=0.5)
    rewritten(f, lambda words, arrays: words.update(batch=1, later=states))
    with pytest.raises(ValueError, match=r"epochs is 4; .*run.npz was written in or after epoch 5"):
        plain(4, resume=f, every=0.5)


@each_module
def test_a_call_that_resumes_within_the_process_can_be_killed_too(module, tmp_path, capsys):
    """5 + 5 epochs, of which the second call is cut off: the script begins again."""

    def script(cut=None, **options):
        random.seed(1)
        net, data = module.Network(SIZES, random_state=1), DATA[:40]
        more = {"monitor_training_cost": True} if module is network2 else {}
        net.SGD(data, 5, 7, 1.0, **more)

        def stop(net, entry):
            if entry["epoch"] == cut:
                raise KeyboardInterrupt

        lists = net.SGD(data, 5, 7, 1.0, callbacks=[stop], **(more | options))
        return net, lists, random.getstate()

    expected, lists, state = script(resume=True)
    f = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        script(cut=7, resume=True, checkpoint=f)
    capsys.readouterr()
    net, actual, state_now = script(resume=f, checkpoint=f)
    assert "Epoch 6" not in capsys.readouterr().out.rpartition("Epoch 4")[2]
    assert same_bits(net, expected) and actual == lists and state_now == state
    for one in (net, expected):
        random.setstate(state)
        one.SGD(DATA[:40], 1, 7, 1.0, resume=True)
    assert same_bits(net, expected)
    if module is network2:
        assert [entry["epoch"] for entry in net.history] == list(range(11))


def test_after_the_end_the_network_goes_on_as_it_would_have(tmp_path):
    f = tmp_path / "run.npz"
    options = RULES | {"mu": 0.5, "random_state": 3}
    expected, _ = plain(6, as_arrays(DATA[:40]), checkpoint=f, **options)
    net, _ = plain(6, as_arrays(DATA[:40]), resume=f, **options)
    for one in (expected, net):
        one.SGD(as_arrays(DATA[:40]), 3, 7, 1.0, resume=True, verbose=False, **options)
    assert same_bits(net, expected) and len(net.history) == len(expected.history) == 9


@each_module
def test_a_run_that_was_stopped_stays_so(module, tmp_path, capsys):
    f = tmp_path / "run.npz"
    options = {"callbacks": [lambda net, entry: entry["epoch"] == 2], "checkpoint": f}
    net = module.Network(SIZES, random_state=1)
    net.SGD(DATA[:40], 9, 7, 1.0, random_state=1, **options)
    again = module.Network(SIZES)
    capsys.readouterr()
    again.SGD(DATA[:40], 9, 7, 1.0, random_state=1, resume=f)
    assert same_bits(net, again) and capsys.readouterr().out == ""


def test_early_stopping_and_the_best_parameters(tmp_path):
    options = {"evaluation_data": TESTS, "early_stopping_n": 2, "restore_best": True, "eta_halving_n": 1}
    expected, lists = plain(50, **options)
    assert len(expected.history) < 50
    f = tmp_path / "run.npz"
    for stop in (1, 2, len(expected.history) - 1):

        def cut(net, entry, stop=stop):
            if entry["epoch"] == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            plain(50, checkpoint=f, resume=f, callbacks=[cut], **options)
    for _ in range(2):
        net, actual = plain(50, checkpoint=f, resume=f, **options)
        assert same_bits(net, expected) and actual == lists
        assert [entry["eta"] for entry in net.history] == [entry["eta"] for entry in expected.history]


def test_what_the_users_functions_draw_belongs_to_the_run(tmp_path):
    def noise(net, entry):
        net.biases[0] += random.gauss(0, 1) + np.random.randn()
        if entry["epoch"] in stops:
            stops.remove(entry["epoch"])
            raise KeyboardInterrupt

    stops = []
    expected, _ = plain(callbacks=[noise])
    f, stops = tmp_path / "run.npz", [1, 3]
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            plain(callbacks=[noise], checkpoint=f, resume=f)
    net, _ = plain(callbacks=[noise], checkpoint=f, resume=f)
    assert same_bits(net, expected)


def test_what_a_users_cost_draws_within_an_epoch(tmp_path, monkeypatch):
    class Noisy(network2.QuadraticCost):
        @staticmethod
        def delta(z, a, y):
            return a - y + random.random() / 8

    def attempt(f):
        random.seed(1)
        net = network2.Network(SIZES, Noisy, random_state=1)
        net.SGD(DATA[:40], 2, 7, 0.1, verbose=False, checkpoint=f, resume=f, every=0.2)
        return net

    expected = attempt(tmp_path / "whole.npz")
    write = checkpoints.write

    def write_and_die(filename, contents):
        write(filename, contents)
        if contents.words["batch"] == 3:
            raise KeyboardInterrupt

    f = tmp_path / "run.npz"
    monkeypatch.setattr(checkpoints, "write", write_and_die)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            attempt(f)
    assert same_bits(attempt(f), expected)


def test_an_instance_of_random_that_is_the_modules(tmp_path, monkeypatch):
    def attempt(stop=None):
        monkeypatch.setattr(network2, "random", random.Random(5))

        def cut(net, entry):
            if entry["epoch"] == stop:
                raise KeyboardInterrupt

        return plain(callbacks=[cut], checkpoint=f, resume=f)[0]

    f = tmp_path / "whole.npz"
    expected = attempt()
    f = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        attempt(3)
    assert same_bits(attempt(), expected)


def test_the_data_are_let_go(tmp_path):
    """No cycle keeps the examples, packed, until the garbage is collected."""

    class Column(np.ndarray):
        pass

    data = [(x.view(Column), y) for x, y in DATA[:40]]
    seen = weakref.ref(data[0][0])
    gc.disable()
    try:
        plain(2, data, checkpoint=tmp_path / "run.npz", every=0.5)
        del data
        assert seen() is None
    finally:
        gc.enable()


# ---- what is refused ----

CHANGES = {
    "mini_batch_size": {"m": 8},
    "eta": {"eta": 0.5},
    "lmbda": {"lmbda": 0.2},
    "regularization": {"regularization": "L1"},
    "rule": {"rule": "nesterov"},
    "mu": {"mu": 0.6},
    "dropout": {"dropout": 0.1},
    "early_stopping_n": {"early_stopping_n": 4},
    "restore_best": {"restore_best": False},
    "eta_halving_n": {"eta_halving_n": 3},
    "stop_on": {"stop_on": "evaluation_cost"},
    "min_delta": {"min_delta": 1},
    "random_state": {"random_state": 8},
    "monitor_training_cost": {"monitor_training_cost": True},
    "every": {"every": 0.5},
    "evaluation_data": {"evaluation_data": TESTS[1:]},
    "training_data": {"data": DATA[1:41]},
    "sizes": {"sizes": [40, 5, 3]},
    "dtype": {"network": {"dtype": "float32"}},
    "activation": {"network": {"activation": ["tanh", "sigmoid"]}},
    "cost": {"network": {"cost": network2.QuadraticCost}},
}


def call(f, m=7, eta=1.0, data=None, sizes=SIZES, network=None, epochs=3, **options):
    """The call of SGD that `CHANGES` change."""
    net = network2.Network(sizes, random_state=1, **(network or {}))
    options = {"mu": 0.5, "lmbda": 0.1, "random_state": 7, **RULES, **options}
    data = DATA[:40] if data is None else data
    before = net.copy(), data[:], random.getstate()
    try:
        net.SGD(data, epochs, m, eta, verbose=False, **(f | options))
    except (ValueError, TypeError, OSError):
        assert same_bits(net, before[0]) and getattr(net._cbackprop.progress, "epochs", 0) == 0
        assert list(map(id, data)) == list(map(id, before[1])) and random.getstate() == before[2]
        raise
    return net


@pytest.fixture
def saved(tmp_path):
    """A checkpoint that `call` wrote."""
    call({"checkpoint": tmp_path / "run.npz"})
    return tmp_path / "run.npz"


@pytest.mark.parametrize("name", CHANGES)
def test_another_call_is_refused_by_name(name, saved):
    before = saved.read_bytes()
    with pytest.raises(ValueError, match=rf"^{name} is .*run\.npz was written with"):
        call({"checkpoint": saved, "resume": saved}, **CHANGES[name])
    assert saved.read_bytes() == before
    call({"checkpoint": saved, "resume": saved})


def test_the_same_examples_in_another_order(saved):
    data = DATA[:40]
    with pytest.raises(ValueError, match=r"training_data is not what .* or in another order"):
        call({"resume": saved}, data=data[::-1])
    x, y = data[3]
    changed = x.copy()
    changed[5] += 1 / 256
    with pytest.raises(ValueError, match="training_data"):
        call({"resume": saved}, data=[*data[:3], (changed, y), *data[4:]])
    call({"resume": saved}, data=[(x.copy(), y.copy()) for x, y in data])


def test_other_weights_of_the_examples(tmp_path):
    f, data = tmp_path / "run.npz", as_arrays(DATA[:40])
    weights = np.arange(40.0)
    plain(data=data, sample_weight=weights, checkpoint=f)
    for other in (None, weights + 1):
        with pytest.raises(ValueError, match="sample_weight is not what"):
            plain(data=data, sample_weight=other, resume=f)
    plain(data=data, sample_weight=weights, resume=f)


def test_the_other_modules_checkpoint(saved, tmp_path):
    with pytest.raises(ValueError, match=r"run\.npz is a checkpoint of .* another network's SGD"):
        network.Network(SIZES).SGD(DATA[:40], 3, 7, 1.0, resume=saved)


@pytest.mark.parametrize("every", [0, -1, 1.5, float("nan"), float("inf"), "1", None, True])
def test_every_is_checked(every, tmp_path):
    with pytest.raises((ValueError, TypeError), match=r"every is .*; expected a whole number of epochs"):
        call({"checkpoint": tmp_path / "run.npz"}, every=every)
    assert not os.listdir(tmp_path)


def test_every_without_a_file():
    with pytest.raises(ValueError, match="every is 2, and checkpoint names no file"):
        call({}, every=2)


@each_module
def test_names_of_files(module, tmp_path, capsys):
    for name in (os.fsencode(tmp_path / "a.npz"), str(tmp_path / "b.npz"), tmp_path / "c"):
        net = module.Network(SIZES)
        net.SGD(DATA[:10], 1, 7, 1.0, checkpoint=name)
        net.SGD(DATA[:10], 1, 7, 1.0, checkpoint=name, resume=True)
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "b.npz", "c"]
    with pytest.raises(TypeError, match="checkpoint is 3; expected the name of a file"):
        net.SGD(DATA[:10], 1, 7, 1.0, checkpoint=3)
    with pytest.raises(ValueError, match="resume is empty"):
        net.SGD(DATA[:10], 1, 7, 1.0, resume="")


def test_a_file_that_is_not_there(tmp_path):
    f = tmp_path / "run.npz"
    with pytest.raises(FileNotFoundError, match=r"run\.npz"):
        call({"resume": f})
    with pytest.raises(FileNotFoundError, match=r"run\.npz"):
        call({"resume": f, "checkpoint": tmp_path / "other.npz"})
    with pytest.raises(FileNotFoundError, match="no such folder"):
        call({"checkpoint": tmp_path / "none/run.npz"})
    with pytest.raises(IsADirectoryError, match="is a folder"):
        call({"checkpoint": tmp_path})
    assert not os.listdir(tmp_path)
    call({"resume": f, "checkpoint": f})
    call({"resume": f, "checkpoint": tmp_path / "other.npz"})
    assert sorted(os.listdir(tmp_path)) == ["other.npz", "run.npz"]


def test_a_shuffle_of_the_users_own(tmp_path, monkeypatch):
    class Reversed:
        shuffle = staticmethod(list.reverse)

    monkeypatch.setattr(network2, "random", Reversed)
    with pytest.raises(ValueError, match=r"random\.shuffle is replaced.*pass random_state"):
        call({"checkpoint": tmp_path / "run.npz"}, random_state=None)
    call({"checkpoint": tmp_path / "run.npz"})


BIT_GENERATORS = ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"]


@pytest.mark.parametrize("name", BIT_GENERATORS)
def test_every_generator_of_numpys(name, tmp_path):
    def generator():
        result = np.random.Generator(getattr(np.random, name)(3))
        result.random(3, np.float32)  # half a word is left over
        return result

    ends = []
    f = tmp_path / "run.npz"
    for options in ({"epochs": 9}, {"epochs": 4, "checkpoint": f}, {"epochs": 9, "resume": f}):
        epochs = options.pop("epochs")
        used = generator()
        ends.append((call(options, epochs=epochs, dropout=0.2, random_state=used), used.random()))
    assert same_bits(ends[0][0], ends[2][0]) and ends[0][1] == ends[2][1] != ends[1][1]
    with pytest.raises(ValueError, match=f"random_state is '.*'; .*run.npz was written with '{name}'"):
        other = "PCG64" if name == "SFC64" else "SFC64"
        call({"resume": f}, dropout=0.2, random_state=np.random.Generator(getattr(np.random, other)(3)))


def test_a_generator_that_is_not_numpys(tmp_path):
    class Mine(np.random.PCG64):
        pass

    with pytest.raises(TypeError, match=r"random_state draws from .*Mine; a checkpoint holds NumPy's own"):
        call({"checkpoint": tmp_path / "run.npz"}, random_state=np.random.Generator(Mine(1)))


# ---- disks ----


def test_a_full_disk(tmp_path, monkeypatch):
    """The old file stays, and the network is trained up to there."""
    f, savez, writes = tmp_path / "run.npz", np.savez, []

    def full(file, **arrays):
        writes.append(file.name)
        if len(writes) == 4:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    net = network2.Network(SIZES, random_state=1)
    with pytest.raises(OSError, match=r"the checkpoint was not written: No space.*run\.npz'") as error:
        net.SGD(DATA[:40], 9, 7, 1.0, random_state=7, verbose=False, checkpoint=f)
    assert error.value.errno == errno.ENOSPC and os.path.samefile(error.value.filename, f)
    assert os.listdir(tmp_path) == ["run.npz"]
    assert checkpoints.read(str(f)).words["done"] == 2 and len(net.history) == 3
    monkeypatch.undo()
    expected = network2.Network(SIZES, random_state=1)
    expected.SGD(DATA[:40], 9, 7, 1.0, random_state=7, verbose=False)
    net.SGD(DATA[:40], 6, 7, 1.0, random_state=7, verbose=False, resume=True)
    again = network2.Network(SIZES)
    again.SGD(DATA[:40], 9, 7, 1.0, random_state=7, verbose=False, resume=f, checkpoint=f)
    assert same_bits(net, expected) and same_bits(again, expected)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied", "a temporary file")

    monkeypatch.setattr(whole.os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"run\.npz'"):
        call({"checkpoint": tmp_path / "run.npz"})
    assert not os.listdir(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(PermissionError, match="no permission"):
        call({"checkpoint": tmp_path / "run.npz"})


# ---- hostile files ----


def rewritten(f, change):
    """The checkpoint with its words, arrays or both changed by change(words, arrays)."""
    with np.load(f) as archive:
        arrays = dict(archive)
    words = json.loads(arrays.pop("checkpoint").tobytes())
    change(words, arrays)
    arrays["checkpoint"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    np.savez(f, **arrays)


def setting(*path_and_value):
    """A change of the words: the value at a path of keys."""
    *path, last, value = path_and_value

    def change(words, arrays):
        for key in path:
            words = words[key]
        words[last] = value

    return change


def array_setting(name, value):
    return lambda words, arrays: arrays.__setitem__(name, value)


def without_parameters(words, arrays):
    for i in range(words["groups"].pop("parameters")):
        del arrays[f"parameters_weights_{i}"], arrays[f"parameters_biases_{i}"]


def layers_setting(*sizes, groups=("parameters", "velocities")):
    """A change of some groups: those of a network of other sizes."""

    def change(words, arrays):
        for group in groups:
            for i in range(words["groups"][group]):
                del arrays[f"{group}_weights_{i}"], arrays[f"{group}_biases_{i}"]
            words["groups"][group] = len(sizes) - 1
            for i, shape in enumerate(zip(sizes[1:], sizes)):
                arrays[f"{group}_weights_{i}"], arrays[f"{group}_biases_{i}"] = (
                    np.zeros(shape),
                    np.zeros((shape[0], 1)),
                )

    return change


HOSTILE = {
    "no format": lambda words, arrays: words.pop("format"),
    "another format": setting("format", 2),
    "an entry less": lambda words, arrays: words.pop("rules"),
    "an entry more": setting("more", 1),
    "epoch": setting("epoch", -1),
    "a huge epoch": setting("epoch", 2**63),
    "done": setting("done", 99),
    "done is a float": setting("done", 3.0),
    "batch": setting("batch", 1),
    "is_over": setting("is_over", 1),
    "sparse": setting("sparse", "yes"),
    "t": setting("t", 5),
    "no call": setting("call", None),
    "history": setting("history", None),
    "history is short": setting("history", []),
    "history holds no entries": setting("history", [1, 2, 3]),
    "history lacks a number": setting("history", 1, {"epoch": 1}),
    "rules": setting("rules", None),
    "rules lack a number": setting("rules", {"best": 1}),
    "waited": setting("rules", "waited", [1]),
    "waited is negative": setting("rules", "waited", [-1, 0]),
    "halvings": setting("rules", "halvings", "2"),
    "best": setting("rules", "best", [1]),
    "eta": lambda words, arrays: (words.update(eta="1"), words["rules"].update(halvings=2)),
    "seed": setting("seed", -1),
    "another seed": setting("seed", 8),
    "no states": setting("states", None),
    "states of nothing": setting("states", {}),
    "a state of another generator": setting("states", "generator", "bit_generator", "SFC64"),
    "a generator that is none": setting("states", "generator", "bit_generator", "RandomState"),
    "a state beyond its words": setting("states", "generator", "state", "state", 2**128),
    "a state that is text": setting("states", "generator", "state", "inc", "1"),
    "a half word": setting("states", "generator", "has_uint32", 2),
    "later": lambda words, arrays: words.update(later=words["states"]),
    "groups": setting("groups", []),
    "deep": setting("rules", "best", json.loads("[" * 400 + "]" * 400)),
    "another call, deep": setting("call", "eta", json.loads("[" * 400 + "]" * 400)),
    "more layers than there are": setting("groups", "parameters", 3),
    "an unknown group": setting("groups", "adam", 0),
    "orders": setting("orders", ["order"]),
    "orders of nothing": setting("orders", {"a": 1}),
    "eta is too large": lambda words, arrays: (words.update(eta=10**400), words["rules"].update(halvings=2)),
    "no parameters": without_parameters,
    "no layers": layers_setting(40),
    "other inputs": layers_setting(41, 6, 3),
    "other outputs": layers_setting(40, 6, 4),
    "a layer less": layers_setting(40, 6),
    "the best of other inputs": layers_setting(41, 6, 3, groups=("best",)),
    "the best of other outputs": layers_setting(40, 6, 3, 4, groups=("best",)),
    "an array more": array_setting("extra", np.zeros(3)),
    "an array less": lambda words, arrays: arrays.pop("velocities_biases_1"),
    "a bias that does not fit": array_setting("parameters_biases_0", np.zeros((5, 1))),
    "a weight that does not fit": array_setting("parameters_weights_1", np.zeros((3, 5))),
    "best that does not fit": array_setting("best_weights_0", np.zeros((7, 40))),
    "velocities of other shapes": array_setting("velocities_weights_0", np.zeros((6, 41))),
    "complex": array_setting("parameters_weights_0", np.zeros((6, 40), complex)),
    "objects": array_setting("parameters_weights_0", np.array([[print]], object)),
    "one dimension": array_setting("parameters_weights_0", np.zeros(240)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_and_arrays(name, saved):
    rewritten(saved, HOSTILE[name])
    with pytest.raises(ValueError, match=r"run\.npz"):
        call({"resume": saved})


MOMENTS = "parameters", "moments_1", "moments_2"
OF_ADAM = {
    "t": setting("t", 2**60),
    "no hidden neurons, and dropout": layers_setting(40, 0, 3, groups=MOMENTS),
    "no hidden neurons any more, and dropout": layers_setting(40, 6, 0, 3, groups=MOMENTS),
}


@pytest.mark.parametrize("name", OF_ADAM)
def test_what_adam_or_dropout_cannot_go_on_from(name, tmp_path):
    f = tmp_path / "run.npz"
    adam = {"rule": "adam", "mu": 0.0, "dropout": 0.5}
    call({"checkpoint": f}, epochs=2, **adam)
    rewritten(f, OF_ADAM[name])
    with pytest.raises(ValueError, match=r"run\.npz: not an intact checkpoint"):
        call({"resume": f}, **adam)


def test_layers_that_were_changed_in_training(tmp_path):
    """Whatever comes between the inputs and the outputs may have other sizes than at first."""
    f = tmp_path / "run.npz"

    def widen(net, entry):
        if entry["epoch"] == 0:
            net.weights, net.biases = [np.ones((9, 40)), np.ones((3, 9))], [np.ones((9, 1)), np.ones((3, 1))]

    alone = network2.Network(SIZES, random_state=1)
    options = {"random_state": 7, "verbose": False, "callbacks": [widen]}
    alone.SGD(DATA[:40], 4, 7, 1.0, **options)
    network2.Network(SIZES, random_state=1).SGD(DATA[:40], 2, 7, 1.0, checkpoint=f, **options)
    again = network2.Network(SIZES)
    again.SGD(DATA[:40], 4, 7, 1.0, resume=f, **options)
    assert same_bits(again, alone)


def test_hostile_orders(tmp_path):
    f = tmp_path / "run.npz"
    plain(checkpoint=f)
    for order in (np.zeros(40), np.arange(41), np.arange(1, 41)):
        rewritten(f, array_setting("order", order.astype(np.uint32)))
        with pytest.raises(ValueError, match=r"run\.npz: .*order is no order of 40 examples"):
            plain(resume=f)


@pytest.mark.parametrize(
    ("name", "place"),
    [("MT19937", ("state", "pos")), ("Philox", ("buffer_pos",))],
)
@pytest.mark.parametrize("value", [10**6, -1, 2**70, 1.5])
def test_a_place_beyond_a_generators_state(name, place, value, tmp_path):
    """NumPy takes it, and would read there."""
    f = tmp_path / "run.npz"
    call({"checkpoint": f}, random_state=np.random.Generator(getattr(np.random, name)(1)))
    rewritten(f, setting("states", "generator", *place, value))
    with pytest.raises(ValueError, match=r"run\.npz: .*generator's state is out of range"):
        call({"resume": f}, random_state=np.random.Generator(getattr(np.random, name)(1)))


GLOBAL = {
    "words": setting("states", "random", 1, [1, 2]),
    "a word": setting("states", "random", 1, 3, 2**32),
    "the place": setting("states", "random", 1, 624, 625),
    "the version": setting("states", "random", 0, 4),
    "gauss": setting("states", "random", 2, "0"),
    "nothing": setting("states", "random", None),
    "numpy's place": setting("states", "numpy", "state", "pos", 625),
    "numpy's words": setting("states", "numpy", "state", "key", [0.5] * 624),
    "numpy's gauss": setting("states", "numpy", "gauss", None),
    "no masks": lambda words, arrays: words["states"].pop("masks"),
    "masks of another": setting("states", "masks", "bit_generator", "SFC64"),
}


@pytest.mark.parametrize("name", GLOBAL)
def test_hostile_states_of_the_global_generators(name, tmp_path):
    f = tmp_path / "run.npz"
    plain(checkpoint=f, dropout=0.5)
    state, numpy_state = random.getstate(), repr(np.random.get_state())
    rewritten(f, GLOBAL[name])
    random.seed(1)
    np.random.seed(1)
    net = network2.Network(SIZES)
    state, numpy_state = random.getstate(), repr(np.random.get_state())
    with pytest.raises(ValueError, match=r"run\.npz: not an intact checkpoint"):
        net.SGD(DATA[:40], 6, 7, 1.0, dropout=0.5, resume=f)
    assert random.getstate() == state and repr(np.random.get_state()) == numpy_state


def test_bytes_that_changed(saved):
    """Somewhere, one byte; or the end is missing: an error, or nothing that counts."""
    intact = saved.read_bytes()
    expected = call({"resume": saved})
    places = random.Random(4)
    refused = 0
    for k in range(150):
        damaged = bytearray(intact)
        place = places.randrange(len(intact))
        if k % 3:
            damaged[place] ^= 1 << places.randrange(8)
        else:
            del damaged[place:]
        saved.write_bytes(damaged)
        try:
            net = call({"resume": saved})
        except ValueError as error:
            assert "run.npz" in str(error)
            refused += 1
        else:
            assert same_bits(net, expected)
    assert refused > 120


def test_other_files(saved, tmp_path):
    network2.Network(SIZES).save(saved)
    with pytest.raises(ValueError, match=r"run\.npz: .* an npz of something else"):
        call({"resume": saved})
    for content in (b"", b"PK", b"\x80\x04N.", b"{}"):
        saved.write_bytes(content)
        with pytest.raises(ValueError, match=r"run\.npz: not an intact checkpoint"):
            call({"resume": saved})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checkpoint.npy", bytes(10**7))
    saved.write_bytes(bomb.getvalue())
    with pytest.raises(ValueError, match="is compressed, or longer than the file"):
        call({"resume": saved})


def test_what_a_file_cannot_hold(tmp_path):
    f = tmp_path / "run.npz"

    def odd(net, entry):
        entry["mine"] = object()

    with pytest.raises(
        TypeError, match=r"mine of an epoch is <object.*a checkpoint holds numbers and strings"
    ):
        plain(checkpoint=f, callbacks=[odd])
    net = network2.Network(SIZES)
    net.weights = [w.astype(np.longdouble) for w in net.weights]
    net.backprop = net.backprop
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(
            TypeError, match=r"weights\[0\] has dtype .*a checkpoint holds float64 and float32"
        ):
            net.SGD(DATA[:10], 1, 7, 1.0, checkpoint=f)
    del net.weights
    with pytest.raises((TypeError, AttributeError), match="weights"):
        net.SGD(DATA[:10], 1, 7, 1.0, checkpoint=f)

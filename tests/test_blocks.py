"""`block`: more examples than memory, read in blocks by a second thread, trained on as a list would be."""

import gc
import itertools
import os
import random
import shutil
import signal
import sys
import textwrap
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest

from cbackprop import network, network2
from cbackprop._blocks import arrays
from cbackprop._files import checkpoints
from support.children import run_python

SIZES = [40, 12, 5]
N, BLOCK, WINDOW, M = 1003, 50, 3, 8
MODULES = {"network": network, "network2": network2}
OPTIONS = {"random_state": 7, "verbose": False, "block": BLOCK, "window": WINDOW}
both_modules = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


def examples(density=1.0, n=N, dtype=np.float32):
    draw = np.random.default_rng(4)
    X = draw.random((n, SIZES[0])) * (draw.random((n, SIZES[0])) < density)
    X[:, 0] = (1 + np.arange(n)) / (2 * n)  # tells the rows apart
    return X.astype(dtype), draw.integers(0, SIZES[-1], n)


X, Y = examples()


def chain(lists):
    return list(itertools.chain.from_iterable(lists))


def rows_of(x):
    return np.rint(np.asarray(x)[..., 0] * 2 * N - 1).astype(int)


@pytest.fixture
def files(tmp_path):
    """X and Y as memmaps."""
    X, Y = examples()
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "Y.npy", Y)
    return np.load(tmp_path / "X.npy", mmap_mode="r"), np.load(tmp_path / "Y.npy", mmap_mode="r")


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def trained(data, module=network, epochs=2, m=M, net=None, **options):
    net = module.Network(SIZES, random_state=1) if net is None else net
    net.SGD(data, epochs, m, 0.5, **(OPTIONS | options))
    return net


def bits(net):
    return [array.tobytes() for array in (*net.weights, *net.biases)]


def recorder(module, **options):
    """A network that notes the rows of each mini-batch; the step is the package's own."""

    class Recorder(module.Network):
        def update_mini_batch(self, mini_batch, *arguments, **keywords):
            self.rows.append([int(rows_of(x.T)[0]) for x, _ in mini_batch])
            super().update_mini_batch(mini_batch, *arguments, **keywords)

    net = Recorder(SIZES, random_state=1, **options)
    net.rows = []
    return net


# ---- the order ----


@pytest.mark.parametrize(
    "n, block, window, m",
    [(N, 50, 3, 8), (N, 1, 9, 8), (N, 1003, 1, 10), (N, 100, 16, 1003), (N, 7, 200, 64), (20, 3, 3, 9)],
)
def test_every_example_comes_once_an_epoch(n, block, window, m):
    X, Y = examples()
    net = trained((X[:n], Y[:n]), net=recorder(network), m=m, block=block, window=window)
    batches = -(-n // m)
    epochs = net.rows[:batches], net.rows[batches:]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [m] * (n // m) + [n % m] * (n % m > 0)
        assert sorted(chain(epoch)) == list(range(n))
    assert n <= m or epochs[0] != epochs[1]


def test_windows_are_of_random_blocks_and_shuffled():
    net = trained((X[:1000], Y[:1000]), net=recorder(network), epochs=1)
    blocks = np.array(chain(net.rows)) // BLOCK
    windows = [set(blocks[start : start + WINDOW * BLOCK]) for start in range(0, 900, 150)]
    assert [len(numbers) for numbers in windows] == [WINDOW] * 6
    assert len(set.union(*windows)) == 6 * WINDOW
    assert chain(map(sorted, windows)) != list(range(6 * WINDOW))
    assert (np.diff(blocks[:150]) != 0).sum() > 50


@both_modules
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("density", [1.0, 0.2], ids=["dense", "sparse"])
def test_it_trains_as_mini_batches_in_that_order(module, dtype, density):
    X, Y = examples(density)
    seen = trained((X, Y), module, net=recorder(module, dtype=dtype))
    compiled = trained((X, Y), module, net=module.Network(SIZES, random_state=1, dtype=dtype))
    by_hand = module.Network(SIZES, random_state=1, dtype=dtype)
    more = () if module is network else (0.0, N)
    for rows in seen.rows:
        by_hand.update_mini_batch((X[rows], Y[rows]), 0.5, *more)
    assert ("sparse" in compiled.backend) == (density < 1)
    tolerance = 1e-12 if dtype is np.float64 else 1e-4
    for w, v, u in zip(compiled.weights, by_hand.weights, seen.weights):
        np.testing.assert_allclose(w, v, atol=tolerance, rtol=0)
        np.testing.assert_allclose(w, u, atol=tolerance, rtol=0)


def test_momentum_and_moments_go_on_from_window_to_window():
    X, Y = examples()
    for rule, mu in (("momentum", 0.5), ("adam", 0.0)):
        rows = trained((X, Y), network2, net=recorder(network2), epochs=1).rows
        net = network2.Network(SIZES, random_state=1)
        net.SGD((X, Y), 1, M, 0.01, 0.1, rule=rule, mu=mu, **OPTIONS)
        by_hand = network2.Network(SIZES, random_state=1)
        for each in rows:
            by_hand.update_mini_batch((X[each], Y[each]), 0.01, 0.1, N, rule=rule, mu=mu)
        np.testing.assert_allclose(net.weights[0], by_hand.weights[0], atol=1e-12, rtol=0)


# ---- where the numbers come from ----


def stored(kind, folder):
    """The examples in a file, in many ways."""
    X, Y = examples()
    name = folder / "data.bin"
    if kind == "npy":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r"), Y
    if kind == "big-endian":
        X.astype(">f4").tofile(name)
        return np.memmap(name, ">f4", "r", shape=X.shape), Y
    if kind == "offset, more rows":
        name.write_bytes(b"12345" + X[:10].tobytes() + X.tobytes() + X[:10].tobytes())
        return np.memmap(name, np.float32, "r", 5, (N + 20, SIZES[0]))[10:-10], Y
    if kind == "labels in a column":
        np.hstack([Y[:, np.newaxis], X]).astype(np.float64).tofile(name)
        table = np.memmap(name, np.float64, "r+", shape=(N, SIZES[0] + 1))
        return table[:, 1:], np.asarray(table[:, 0].astype(int))
    if kind == "one-hot":
        np.eye(SIZES[-1])[Y].tofile(name)
        return X, np.asarray(np.memmap(name, np.float64, "r", shape=(N, SIZES[-1])))
    if kind == "copy on write":
        (X + 1).tofile(name)
        changed = np.memmap(name, np.float32, "c", shape=X.shape)
        changed[:] = X
        return changed, Y
    return [row.tolist() for row in X.astype(np.float64)], Y.tolist()


@pytest.mark.parametrize(
    "kind",
    ["npy", "big-endian", "offset, more rows", "labels in a column", "one-hot", "copy on write", "lists"],
)
def test_every_place_gives_the_bits_of_arrays_in_memory(kind, tmp_path):
    assert bits(trained(stored(kind, tmp_path))) == bits(trained(examples()))


@pytest.mark.filterwarnings("ignore:training_data holds whole numbers")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, bool, ">i4"])
def test_every_type(dtype):
    X = (examples()[0] * 3).astype(dtype)
    Y = examples()[1].astype(np.uint8)
    assert bits(trained((X, Y))) == bits(trained((X.astype(np.float64), Y.astype(int))))


def test_one_output_neuron_takes_numbers():
    X, Y = examples()
    net = network2.Network([40, 4, 1], network2.QuadraticCost, random_state=1)
    *_, costs, right = net.SGD(
        (X, Y % 2.0),
        *(1, M, 0.5),
        monitor_training_cost=True,
        monitor_training_accuracy=True,
        threshold=0.3,
        **OPTIONS,
    )
    assert costs == [pytest.approx(net.total_cost((X, Y % 2.0), 0), rel=1e-12)]
    assert right == [net.accuracy((X, Y % 2.0), threshold=0.3)]
    with pytest.raises(ValueError, match=r"Y\[77\] .* is 0.5; the accuracy of one output"):
        Y = np.where(np.arange(N) == 77, 0.5, Y % 2)
        net.SGD((X, Y), 1, M, 0.5, monitor_training_accuracy=True, **OPTIONS)


def test_rows_far_apart_take_the_memory_of_rows(tmp_path, monkeypatch):
    """Each 100th row of a file: what lies between is not read into memory at once."""
    X = np.zeros((100 * N, SIZES[0]), np.float32)
    X[::100] = examples()[0]
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr(arrays, "GAPPED_BYTES", 1 << 16)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")[::100]
    tracemalloc.start()
    try:
        net = trained((mapped, Y), epochs=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert bits(net) == bits(trained(examples(), epochs=1))
    assert peak < X[: 100 * BLOCK].nbytes


def test_memory_stays_constant(tmp_path):
    """300 MB in a file; the process has grown by less than a third of that, NumPy's own included."""
    code = """
        import os, resource, sys, tempfile
        import numpy as np
        from cbackprop import network
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(100_000 * 784 * 4)
            X = np.memmap(file.name, np.float32, "r", shape=(100_000, 784))
            net = network.Network([784, 10])
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            net.SGD((X, np.zeros(100_000, np.uint8)), 1, 100, 0.1, block=500, verbose=False)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) * (1 if sys.platform == "darwin" else 1024))
    """
    pytest.importorskip("resource", reason="says how much memory a process had")
    assert int(run_python(textwrap.dedent(code), tmp_path).stdout) < 100e6


# ---- options ----


@both_modules
def test_bits_do_not_depend_on_threads(module, files, monkeypatch):
    expected = bits(trained(files, module))
    assert bits(trained(files, module, n_threads=2)) == expected

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert bits(trained(files, module, n_threads=1)) == expected


def test_random_numbers(files):
    state = random.getstate()
    trained(files)
    assert random.getstate() == state
    results = []
    for seed in (1, 1, 2):
        random.seed(seed)
        results.append(bits(trained(files, random_state=None)))
    assert results[0] == results[1] != results[2]
    assert random.getstate() != state


@both_modules
@pytest.mark.parametrize(
    "random_state", [None, 7, np.random.default_rng(3)], ids=["global", "seed", "generator"]
)
def test_two_epochs_are_one_and_one(module, files, random_state):
    random.seed(5)
    state = None if not isinstance(random_state, np.random.Generator) else random_state.bit_generator.state
    expected = bits(trained(files, module, random_state=random_state))
    random.seed(5)
    if state is not None:
        random_state.bit_generator.state = state
    net = trained(files, module, epochs=1, random_state=random_state)
    more = {"random_state": random_state} if random_state is not None else {"random_state": None}
    assert bits(trained(files, module, epochs=1, net=net, resume=True, **more)) == expected


@pytest.mark.parametrize("every", [1, 0.3])
@pytest.mark.parametrize("random_state", [None, 7], ids=["global", "seed"])
@pytest.mark.parametrize("kind", ["network", "network2", "adam", "dropout", "replaced"])
def test_checkpoints_go_on_to_the_same_bits(kind, random_state, every, files, tmp_path, monkeypatch):
    options = {"every": every, "random_state": random_state, "checkpoint": tmp_path / "run.npz"}
    module = network if kind == "network" else network2
    options |= {"adam": {"rule": "adam"}, "dropout": {"dropout": 0.3}}.get(kind, {})

    def new():
        return recorder(module) if kind == "replaced" else module.Network(SIZES, random_state=1)

    kept, write = [], checkpoints.write

    def keep(filename, contents):
        write(filename, contents)
        kept.append(shutil.copy(filename, tmp_path / f"{len(kept)}.npz"))

    random.seed(3)
    np.random.seed(3)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "write", keep)
        expected = bits(trained(files, net=new(), **options))
    assert len(kept) == (3 if every == 1 else 9)
    for name in kept:
        random.seed(9)
        net = trained(files, net=new(), **(options | {"resume": name, "checkpoint": None}))
        assert bits(net) == expected
    if kind == "network" and every < 1 and random_state:
        X, Y = files
        for wrong, message in (
            ({"block": 51}, "block is 51"),
            ({"window": 4}, "window is 4"),
            ({"block": None, "window": None}, "another network's SGD"),
        ):
            with pytest.raises(ValueError, match=message):
                trained(files, **(options | {"resume": kept[3], **wrong}))
        with pytest.raises(ValueError, match="training_data is not what"):
            trained((np.array(X) + 1, Y), **(options | {"resume": kept[3]}))


def test_sample_weight(files):
    X, Y = files
    weights = np.arange(N) % 3
    net = trained((X, Y), m=N, block=N, sample_weight=weights)
    whole = network.Network(SIZES, random_state=1)
    whole.SGD((X, Y), 2, N, 0.5, sample_weight=weights, verbose=False)
    np.testing.assert_allclose(net.weights[0], whole.weights[0], atol=1e-12, rtol=0)
    ones = np.ones(N, np.uint8)
    assert bits(trained((X, Y), sample_weight=ones)) == bits(trained((X, Y)))
    rows = trained((X, Y), net=recorder(network), epochs=1).rows
    by_hand = network.Network(SIZES, random_state=1)
    for each in rows:
        if weights[each].any():
            repeated = np.repeat(each, weights[each])
            by_hand.update_mini_batch((X[repeated], Y[repeated]), 0.5)
    weighted = trained((X, Y), sample_weight=weights, epochs=1)
    np.testing.assert_allclose(weighted.weights[0], by_hand.weights[0], atol=1e-12, rtol=0)


def test_dropout_draws_for_each_window(files):
    nets = [trained(files, network2, dropout=0.4, n_threads=n) for n in (1, 2)]
    assert bits(nets[0]) == bits(nets[1]) != bits(trained(files, network2))


def test_monitoring_the_training_data(files, capsys):
    X, Y = np.array(files[0]), np.array(files[1])
    net = network2.Network(SIZES, random_state=1)
    monitored = {
        "monitor_training_cost": True,
        "monitor_training_accuracy": True,
        "monitor_evaluation_accuracy": True,
    }
    lists = net.SGD(
        files,
        2,
        M,
        0.5,
        0.1,
        (X[:99], Y[:99]),
        early_stopping_n=5,
        **(OPTIONS | monitored | {"verbose": True}),
    )
    assert f"Accuracy on training data: {lists[3][1]} / {N}" in capsys.readouterr().out
    assert lists[3][1] == net.accuracy((X, Y))
    assert lists[2][1] == pytest.approx(net.total_cost((X, Y), 0.1), rel=1e-12)
    assert lists[1][1] == net.accuracy((X[:99], Y[:99]))
    assert [entry["training_cost"] for entry in net.history] == lists[2]


def test_pixels_are_warned_about():
    X, Y = examples()
    with pytest.warns(UserWarning, match="training_data holds whole numbers"):
        trained(((X * 255).astype(np.uint8), Y))


def test_callbacks_and_lines(files, capsys):
    entries = []
    trained(
        files, callbacks=[lambda net, entry: entries.append(entry["epoch"]) or len(entries) == 2], epochs=5
    )
    assert entries == [0, 1]
    trained(files, verbose=True, test_data=(files[0][:20], files[1][:20]))
    assert "Epoch 1: " in capsys.readouterr().out


# ---- errors before anything changes ----


def class_with(**attributes):
    return type("Dataset", (), {"__getitem__": lambda self, rows: X[rows], **attributes})()


WRONG = {
    "no rows": ((X[:0], Y[:0]), {}, ValueError, "training_data has no rows"),
    "other columns": ((X[:, 1:], Y), {}, ValueError, r"X has shape \(1003, 39\).*input layer has 40"),
    "transposed": ((X.T, Y), {}, ValueError, "pass X.T"),
    "another length": ((X, Y[1:]), {}, ValueError, r"Y has shape \(1002,\)"),
    "targets": ((X, np.zeros((N, 4))), {}, ValueError, r"or be \(1003, 5\)"),
    "labels of float": ((X, Y * 1.0), {}, TypeError, "pass Y.astype"),
    "complex": ((X * 1j, Y), {}, TypeError, "X has dtype complex"),
    "objects": ((X.astype(object), Y), {}, TypeError, "X has dtype object"),
    "strings": ((X, Y.astype(str)), {}, TypeError, "Y has dtype"),
    "pairs": ([(x, y) for x, y in zip(X, Y)], {}, TypeError, "training_data is list; block goes with a pair"),
    "an iterator": (iter([X, Y]), {}, TypeError, "block goes with a pair"),
    "a number": ((X, 3), {}, TypeError, "training_data: Y is int"),
    "no array": ((None, Y), {}, TypeError, "training_data: X is NoneType"),
    "another file": (("X.csv", "label"), {}, ValueError, "X.csv is no Parquet or Arrow file"),
    "block 0": ((X, Y), {"block": 0}, ValueError, "block is 0; expected at least 1"),
    "block -1": ((X, Y), {"block": -1}, ValueError, "block is -1"),
    "block too large": ((X, Y), {"block": N + 1}, ValueError, "block is 1004; training_data has 1003 rows"),
    "half a block": ((X, Y), {"block": 0.5}, TypeError, "block is 0.5; expected a whole number"),
    "window 0": ((X, Y), {"window": 0}, ValueError, "window is 0"),
    "no block": ((X, Y), {"block": None}, ValueError, "window is 3, a number of blocks, and block is None"),
    "long mini-batches": (
        (X, Y),
        {"m": 151},
        ValueError,
        "mini_batch_size is 151; a window of 3 blocks has 150",
    ),
    "weights": ((X, Y), {"sample_weight": np.ones(5)}, ValueError, "sample_weight has shape"),
    "a weight below 0": ((X, Y), {"sample_weight": -np.ones(N)}, ValueError, r"sample_weight\[0\] is -1"),
    "a weight that is NaN": ((X, Y), {"sample_weight": np.full(N, np.nan)}, ValueError, "finite number"),
    "weights of strings": ((X, Y), {"sample_weight": np.full(N, "1")}, TypeError, "sample_weight has dtype"),
    "a Fortran file": ("Fortran", {}, ValueError, "do not lie one after the other"),
    "rows backwards": ("backwards", {}, ValueError, "do not lie one after the other"),
    "a file cut short": (
        "cut",
        {},
        ValueError,
        r"training_data: X \(.*X.npy\) cannot be read: it has \d+ bytes, and the last row ends at byte",
    ),
    "another file of this name": (
        "replaced",
        {},
        ValueError,
        r"training_data: X \(.*X.npy\) .* does not hold the numbers of this memmap",
    ),
    "a file that is gone": ("gone", {}, FileNotFoundError, r"training_data: X \(.*X.npy\): No such file"),
    "slices of another shape": (
        (class_with(shape=(N, 40), dtype=np.dtype("f8")), Y),
        {},
        ValueError,
        "rows 0 to 7 cannot be read: a slice has shape",
    ),
    "a shape that fails": (
        (class_with(shape=property(lambda self: 1 / 0), dtype=np.dtype("f8")), Y),
        {},
        ValueError,
        "X cannot be read: division by zero",
    ),
    "fewer rows than none": (
        (class_with(shape=(-5, 40), dtype=np.dtype("f4")), Y),
        {},
        TypeError,
        "training_data: X is Dataset",
    ),
    "rows without a number": (
        (class_with(shape=(float("nan"), 40), dtype=np.dtype("f4")), Y),
        {},
        TypeError,
        "X is Dataset",
    ),
}


def damaged(how, folder):
    if how == "Fortran":
        np.save(folder / "X.npy", np.asfortranarray(X))
        return np.load(folder / "X.npy", mmap_mode="r")
    np.save(folder / "X.npy", X)
    mapped = np.load(folder / "X.npy", mmap_mode="r")
    if how == "backwards":
        return mapped[::-1]
    if how == "cut":
        os.truncate(folder / "X.npy", X.nbytes)
    elif how == "replaced":
        np.save(folder / "new.npy", X + 1)
        os.replace(folder / "new.npy", folder / "X.npy")
    else:
        os.remove(folder / "X.npy")
    return mapped


@both_modules
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_and_nothing_changes(module, what, tmp_path):
    data, options, kind, message = WRONG[what]
    if isinstance(data, str):
        data = damaged(data, tmp_path), Y
    net = module.Network(SIZES, random_state=1)
    before, state = bits(net), random.getstate()
    with pytest.raises(kind, match=message):
        trained(data, net=net, **({"random_state": None} | options))
    assert bits(net) == before
    assert random.getstate() == state


def test_what_does_not_go_with_replaced_methods(monkeypatch):
    net = recorder(network2)
    with pytest.raises(TypeError, match="monitor_training_cost of data in blocks is for compiled training"):
        net.SGD((X, Y), 1, M, 0.5, monitor_training_cost=True, **OPTIONS)
    with pytest.raises(ValueError, match="dropout is the package's own"):
        trained((X, Y), net=net, dropout=0.5)
    with pytest.raises(TypeError, match="sample_weight is for compiled training"):
        trained((X, Y), net=net, sample_weight=np.ones(N))
    assert net.rows == []

    class Own:
        shuffle = list.reverse

    monkeypatch.setattr(network, "random", Own)
    with pytest.raises(ValueError, match=r"random.shuffle is replaced.*pass random_state"):
        trained((X, Y), random_state=None)


# ---- errors within an epoch ----


def test_a_label_that_is_no_class_is_found_where_it_is_read(tmp_path):
    wrong = Y.copy()
    wrong[777] = 5
    np.save(tmp_path / "Y.npy", wrong)
    net = network.Network(SIZES, random_state=1)
    with pytest.raises(ValueError, match=r"Y\[777\] \(.*Y.npy\) is 5; .* labels must be 0 to 4"):
        trained((X, np.load(tmp_path / "Y.npy", mmap_mode="r")), net=net)
    seen = recorder(network)
    with pytest.raises(ValueError, match=r"Y\[777\]"):
        trained((X, wrong), net=seen)
    for w, v in zip(net.weights, seen.weights):  # both trained on the windows before
        np.testing.assert_allclose(w, v, atol=1e-12, rtol=0)


@pytest.mark.parametrize("how", ["cut", "replaced", "gone"])
def test_a_file_that_changes_between_epochs(how, tmp_path):
    np.save(tmp_path / "X.npy", X)
    data = np.load(tmp_path / "X.npy", mmap_mode="r"), Y
    after_first = []

    def harm(net, entry):
        after_first[:] = bits(net)
        if how == "cut":
            os.truncate(tmp_path / "X.npy", 5000)
        elif how == "gone":
            os.remove(tmp_path / "X.npy")
        else:
            np.save(tmp_path / "new.npy", X)
            os.replace(tmp_path / "new.npy", tmp_path / "X.npy")

    net = network.Network(SIZES, random_state=1)
    message = {"cut": "it has 5000 bytes", "gone": "No such file", "replaced": "not the file that it was"}[
        how
    ]
    with pytest.raises((ValueError, OSError), match=f"training_data: X .*X.npy.*{message}"):
        trained(data, net=net, callbacks=[harm])
    assert bits(net) == after_first


class Dataset:
    """An array like those of Zarr, whose slices call a function first."""

    shape, dtype = X.shape, X.dtype

    def __init__(self, function):
        self.function = function

    def __getitem__(self, rows):
        self.function(rows)
        return X[rows]


@pytest.mark.parametrize(
    "error, kind",
    [
        (OSError(5, "Input/output error"), OSError),
        (KeyError("chunk"), ValueError),
        (MemoryError(), MemoryError),
    ],
)
def test_an_error_while_reading_names_the_rows(error, kind):
    slices = []

    def fail_late(rows):
        slices.append(rows)
        if len(slices) == 20:  # 8 were a sample
            raise error

    net = network.Network(SIZES, random_state=1)
    before = bits(net)
    with pytest.raises(kind) as caught:
        trained((Dataset(fail_late), Y), net=net)
    assert bits(net) != before
    start = slices[-1].start
    if kind is not MemoryError:
        assert f"training_data: X (Dataset), rows {start} to" in str(caught.value)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_ctrl_c_ends_both_threads():
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        begun = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            trained((Dataset(lambda rows: time.sleep(0.02)), Y), epochs=1000)
        assert time.perf_counter() - begun < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_error_of_the_users_own_ends_the_thread():
    def fn(a, y):
        return 0.0

    def delta(z, a, y):
        assert threading.current_thread() is threading.main_thread()
        delta.calls += 1
        if delta.calls == 300:
            raise ZeroDivisionError
        return a - y

    delta.calls = 0
    cost = type("Cost", (), {"fn": staticmethod(fn), "delta": staticmethod(delta)})
    net = network2.Network(SIZES, cost, random_state=1)
    with pytest.raises(ZeroDivisionError):
        trained((X, Y), net=net)


def test_nothing_is_kept():
    for _ in range(2):
        data = Dataset(lambda rows: None)
        net = trained((data, Y))
        gone = weakref.ref(data)
        del data
        gc.collect()
        assert gone() is None
        del net


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "cbackprop\[parquet\]"'):
        trained(("a.parquet", "label"))

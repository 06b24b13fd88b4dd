"""A file that is damaged, foreign or hostile ends in a clear error that names it, at little cost.

None may run anything, crash, or take memory that the file does not hold.
"""

import contextlib
import gc
import gzip
import pickle
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbackprop import mnist_loader
from cbackprop._files import mnist as mnist_files
from support.small_mnist import (
    IDX_NAMES,
    NPZ_NAMES,
    assert_same,
    book_arrays,
    expanded,
    idx_bytes,
    keras_npz,
    make_bytes,
    npz_bytes,
    number,
    pickled,
    pickled_dtype,
    python2_pickle,
    python2_text_pickle,
    string,
    write,
    write_idx,
)


@contextlib.contextmanager
def refused(path, *words, memory=2**23):
    """Expect a ValueError that names ``path`` and says ``words``, at little cost in memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as caught:
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert str(path) in message and len(message) < 1500
    for word in words:
        assert word in message
    assert peak < memory


# Hostile pickles.


BIG = struct.pack("<I", 2**31 - 1)
X, Y = book_arrays()[0]
NDARRAY = b"cnumpy\nndarray\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"


def frame(length):
    return b"\x95" + struct.pack("<Q", length)


# The unpickler drops what is left of a frame when it needs more than that. So here it comes upon the
# 10**12 bytes, which for one who reads operation by operation are inside of a string.
HIDDEN = b"\x8e" + struct.pack("<Q", 10**12)
FRAME_IN_FRAME = frame(9 + 10) + frame(14) + b"C\x11" + bytes(8) + HIDDEN
OVER_THE_END = frame(10) + b"\x8c\x11" + b"a" * 17 + b"C\x0f" + bytes(6) + HIDDEN


@pytest.mark.parametrize("first, word", [
    pytest.param(b"cos\nsystem\n" + string(b"touch ran") + b"\x85R", "os.system", id="call"),
    pytest.param(b"cbuiltins\neval\n" + string(b"1") + b"\x85R", "builtins.eval", id="eval"),
    pytest.param(b"cnumpy\nload\n" + string(b"f") + b"\x85R", "numpy.load", id="numpy"),
    pytest.param(b"c" + b"m" * 10**5 + b"\nf\n", "mmm", id="long name"),
    pytest.param(pickled(X, dtype=pickled_dtype(b"O8", b"|")), "f4, f8", id="object dtype"),
    pytest.param(pickled(X, dtype=pickled_dtype(b"V9", b"|")), "f4, f8", id="void dtype"),
    pytest.param(pickled(X, dtype=pickled_dtype(b"f4", b"?")), "byte order", id="byte order"),
    pytest.param(pickled(X, dtype=b"N"), "state", id="no dtype"),
    pytest.param(pickled(X, dtype=b"cnumpy\ndtype\n"), "state", id="dtype class"),
    pytest.param(pickled(X, fortran=b"N"), "state", id="no order"),
    pytest.param(pickled(X, data=b"N"), "state", id="no bytes"),
    pytest.param(pickled(X, data=b"]"), "state", id="list of objects"),
    pytest.param(pickled(X, data=string(b"12")), "(10, 784)", id="too few bytes"),
    pytest.param(pickled(X, shape=(2**31 - 1, 784)), "2147483647", id="shape too large"),
    pytest.param(pickled(X, shape=(-10, -784)), "(-10, -784)", id="negative shape"),
    pytest.param(pickled(X, shape=(0, 784), data=string(b"")), "(0, 784)", id="empty"),
    pytest.param(pickled(X, shape=(10, 28, 28)), "matrix", id="three dimensions"),
    pytest.param(pickled(X, shape=(1,) * 500), "matrix", id="many dimensions"),
    pytest.param(pickled(X, shape=(7840,)), "(7840,)", id="one dimension"),
    pytest.param(pickled(X, shape=(5, 1568)), "(5, 1568)", id="another width"),
    pytest.param(pickled(X[:9]), "(10,)", id="fewer images than labels"),
    pytest.param(RECONSTRUCT + b")R", "pickle", id="called with nothing"),
    pytest.param(RECONSTRUCT + b"(NNNNNt" + b"R", "plain numpy.ndarray", id="called with None"),
    pytest.param(NDARRAY + NDARRAY + b"\x85R", "three pairs", id="never filled"),
    pytest.param(NDARRAY, "three pairs", id="a class for an array"),
    pytest.param(NDARRAY + NDARRAY + b"\x85RNb", "pickle", id="state None"),
    pytest.param(NDARRAY + NDARRAY + b"\x85R" + string(b"bytes") + b"b", "state", id="bytes"),
    pytest.param(NDARRAY + NDARRAY + b"\x85R)R", "callable", id="an array called"),
    pytest.param(NDARRAY + b"N" + string(b"x") + b"\x86b", "pickle", id="state for the class"),
    pytest.param(b"NNb", "pickle", id="state for None"),
    pytest.param(b"cnumpy\ndtype\n(tR", "pickle", id="dtype of nothing"),
    pytest.param(b"cnumpy\ndtype\n" + pickled(X) + b"\x85R", "f4, f8", id="dtype of an array"),
    pytest.param(pickled_dtype(string(b"f4")), "f4, f8", id="dtype of a strange code"),
    pytest.param(b"N", "three pairs", id="None for an array"),
    pytest.param(b")" * 2000, "operations", id="many operations"),
    pytest.param(b"(" * 400 + b"t" * 400, "three pairs", id="deeply nested"),
    pytest.param(b"N" + b"\x85" * 10**5, "operations", id="very deeply nested"),
    pytest.param(b"Nr" + struct.pack("<I", 2**31), "remember", id="far place in the memo"),
    pytest.param(b"h\x05", "pickle", id="empty place in the memo"),
    pytest.param(b"T" + BIG, "2147483647", id="long string"),
    pytest.param(b"T" + struct.pack("<i", -1), "pickle", id="string of negative length"),
    pytest.param(b"B" + BIG, "2147483647", id="long bytes"),
    pytest.param(b"\x8e" + struct.pack("<Q", 2**62), "bytes", id="longest bytes"),
    pytest.param(b"\x96" + struct.pack("<Q", 2**40), "pickle", id="long bytearray"),
    pytest.param(b"\x8b" + BIG, "pickle", id="long integer"),
    pytest.param(b"X" + BIG, "pickle", id="long text"),
    pytest.param(b"\x95" + struct.pack("<Q", 2**62) + b"N", "pickle", id="long frame"),
    pytest.param(FRAME_IN_FRAME, "frame", id="frame in a frame"),
    pytest.param(OVER_THE_END, "frame", id="operation over the end of a frame"),
    pytest.param(b"\x82\x01", "EXT1", id="extension"),
    pytest.param(b"Pname\n", "PERSID", id="persistent id"),
    pytest.param(b"(inumpy\nndarray\n", "INST", id="instance"),
    pytest.param(b"cnumpy\nndarray\n)\x81", "NEWOBJ", id="new object"),
    pytest.param(b"000", "pickle", id="pop of nothing"),
    pytest.param(b"\xff", "opcode", id="no operation"),
    pytest.param(b"N.", "three pairs", id="early end"),
])  # fmt: skip
def test_hostile_pickle(tmp_path, monkeypatch, first, word):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    data = python2_pickle(book_arrays(), first)
    for pack in (bytes, gzip.compress):
        path = write(tmp_path / "mnist.pkl.gz", pack(data))
        with refused(path, word):
            mnist_loader.load_data(path)
    assert list(Path.cwd().iterdir()) == []


def test_nothing_in_a_pickle_can_change_the_loader(tmp_path):
    """State given to a class, with attributes to set, must not stay for the next file."""
    attributes = b"N}(" + string(b"array") + b"Nu\x86b"
    for name in (RECONSTRUCT, NDARRAY, b"cnumpy\ndtype\n"):
        path = write(tmp_path / "bad.pkl", python2_pickle(book_arrays(), name + attributes))
        with refused(path):
            mnist_loader.load_data(path)
    path = write(tmp_path / "good.pkl", python2_pickle(book_arrays()))
    assert_same(mnist_loader.load_data(path), book_arrays())


def test_one_array_used_for_all_is_refused(tmp_path):
    """Or a file of 100 MB would become 600 MB of copies."""
    x, y = np.zeros((10**4, 784), np.uint8), np.zeros(10**4, np.uint8)
    pair = pickled(x) + pickled(y) + b"\x86q\x01"
    path = write(tmp_path / "mnist.pkl", b"\x80\x02" + pair + b"h\x01h\x01\x87.")
    with refused(path, "overlap", memory=2**26):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("labels", [
    [10], [-1], [3.5], [2**40], [[1]],
])  # fmt: skip
def test_labels_that_are_no_digits(tmp_path, labels):
    parts = [(np.zeros((1, 784)), np.array(labels)), *book_arrays()[1:]]
    path = write(tmp_path / "mnist.pkl", python2_pickle(parts))
    with refused(path, "label"):
        mnist_loader.load_data(path)


# Damaged, truncated and foreign files.


@pytest.mark.parametrize("data", [b"", b"\x1f", b"PK", b"P6 28 28", b"<!DOCTYPE html>", bytes(99)])
def test_foreign_files(tmp_path, data):
    for pack in (bytes, gzip.compress):
        path = write(tmp_path / "mnist.pkl.gz", pack(data))
        with refused(path, "not an MNIST file"):
            mnist_loader.load_data(path)


def test_one_idx_file_says_to_give_the_folder(tmp_path):
    path = write_idx(tmp_path, gzipped=True) / "train-images-idx3-ubyte.gz"
    with refused(path, "folder"):
        mnist_loader.load_data(path)


@pytest.mark.parametrize("k, data, word", [
    (0, idx_bytes(make_bytes()[0], (12, 28, 29)), "(12, 28, 29)"),
    (0, idx_bytes(make_bytes()[0], (2**32 - 1, 2**32 - 1, 2**32 - 1)), "4294967295"),
    (0, idx_bytes(make_bytes()[0], (0, 28, 28)), "(0, 28, 28)"),
    (0, idx_bytes(make_bytes()[0][:0], (0, 2**32 - 1, 2**32 - 1)), "(0,"),
    (0, idx_bytes(make_bytes()[0], (12, 14, 56)), "(12, 14, 56)"),
    (0, idx_bytes(make_bytes()[0]) + b"\0", "bytes"),
    (0, idx_bytes(make_bytes()[0])[:-1], "bytes"),
    (0, idx_bytes(make_bytes()[0])[:11], "begins with"),
    (0, idx_bytes(make_bytes()[1]), "3 dimensions"),
    (0, b"", "begins with"),
    (0, b"\0\0\x0d\x03" + idx_bytes(make_bytes()[0])[4:], "begins with"),
    (0, gzip.compress(idx_bytes(make_bytes()[0]))[:-9], "gzip"),
    (1, idx_bytes(make_bytes()[1][1:]), "label"),
    (1, idx_bytes(np.append(make_bytes()[1], np.uint8(1))), "label"),
    (1, idx_bytes(make_bytes()[1] + np.uint8(1)), "0 to 9"),
    (2, idx_bytes(make_bytes()[2][:1]), "label"),
    (3, idx_bytes(make_bytes()[3], (2**31,)), "2147483648"),
])  # fmt: skip
def test_damaged_idx_files(tmp_path, k, data, word):
    folder = write_idx(tmp_path / "idx")
    write(folder / f"{IDX_NAMES[k]}-ubyte", data)
    with refused(folder, word):
        mnist_loader.load_data(folder)


def npy_bytes(header, data=b"", version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes((version, 0)) + length + header + data


def npy_header(descr="'|u1'", order="False", shape="(12, 28, 28)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize("x_train, word", [
    (np.array([[None]]), "uint8"),
    (np.zeros((12, 28, 28)), "uint8"),
    (np.zeros((12, 28, 28), np.int64), "of int64"),
    (np.zeros((12, 784), np.uint8), "(12, 784)"),
    (np.zeros((5, 28, 28), np.uint8), "(0, 784)"),
    (b"", "not an npy file"),
    (b"\x93NUMPY\x01\x00\xff\xff", "not an npy file"),
    (npy_bytes(npy_header(), version=9), "not an npy file"),
    (npy_bytes(npy_header(), bytes(12 * 784 - 1)), "bytes"),
    (npy_bytes(npy_header(shape="(999999999999, 28, 28)"), bytes(784)), "999999999999"),
    (npy_bytes(npy_header(shape="(-12, 28, 28)"), bytes(784)), "uint8"),
    (npy_bytes(npy_header(descr="'|V999999999'"), bytes(784)), "uint8"),
    (npy_bytes(npy_header(descr="[('a', '|O')]"), bytes(784)), "uint8"),
    (npy_bytes(npy_header(descr="__import__('os')"), bytes(784)), "uint8"),
    (npy_bytes(npy_header(shape="(" * 9000), bytes(784)), "uint8"),
    (npy_bytes(b"-" * 60000), "uint8"),
])  # fmt: skip
def test_damaged_npz_members(tmp_path, x_train, word):
    arrays = dict(zip(NPZ_NAMES, make_bytes(), strict=True)) | {"x_train": x_train}
    path = write(tmp_path / "mnist.npz", npz_bytes(arrays))
    with refused(path, word):
        mnist_loader.load_data(path)


def test_refused_data_leaves_nothing_that_garbage_collection_trips_over(tmp_path):
    """Python 3.12 crashes, and 3.13 complains, if arrays in a traceback see a BytesIO's buffer."""
    arrays = dict(zip(NPZ_NAMES, make_bytes(), strict=True))
    arrays["x_train"] = arrays["x_train"].astype(np.int64)
    path = write(tmp_path / "mnist.npz", npz_bytes(arrays))
    complaints = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", complaints.append)
        for _ in range(20):
            try:
                mnist_loader.load_data(path)
            except ValueError as error:
                cycle = [error]
                cycle.append(cycle)
                del cycle
        gc.collect()
    assert complaints == []


def test_npz_without_an_array(tmp_path):
    arrays = dict(zip(NPZ_NAMES[:3], make_bytes()[:3], strict=True))
    path = write(tmp_path / "mnist.npz", npz_bytes(arrays))
    with refused(path, "y_test.npy"):
        mnist_loader.load_data(path)


def test_npz_packed_by_lzma_is_refused(tmp_path):
    pytest.importorskip("lzma")
    arrays = dict(zip(NPZ_NAMES, make_bytes(), strict=True))
    path = write(tmp_path / "mnist.npz", npz_bytes(arrays, zipfile.ZIP_LZMA))
    with refused(path, "neither stored nor deflated"):
        mnist_loader.load_data(path)


@pytest.fixture
def small_limit(monkeypatch):
    """Lower the cap, so that a bomb of 32 MB tests it as one of 600 MB would."""
    assert mnist_files.ALWAYS_ALLOWED == 512 * 2**20
    monkeypatch.setattr(mnist_files, "ALWAYS_ALLOWED", 2**20)


def test_gzip_and_zip_bombs(tmp_path, small_limit):
    """Files packed 1000 to 1 are refused at 250 to 1, before memory holds more. MNIST packs 14 to 1."""
    bomb = bytes(2**25)
    for name, data in [
        ("mnist.pkl.gz", gzip.compress(b"\x80\x02" + string(bomb))),
        ("mnist.npz", npz_bytes({"x_train": bomb})),
        ("mnist.npz.gz", gzip.compress(npz_bytes({"x_train": bomb}, zipfile.ZIP_STORED))),
    ]:
        path = write(tmp_path / name, data)
        with refused(path, f"{250 * len(data):,} bytes", memory=2**25):
            mnist_loader.load_data(path)
    folder = write_idx(tmp_path / "idx", gzipped=True)
    data = gzip.compress(bomb)
    path = write(folder / "train-images-idx3-ubyte.gz", data)
    with refused(path, f"{250 * len(data):,} bytes", memory=2**25):
        mnist_loader.load_data(folder)


@pytest.mark.parametrize("name, data, step", [
    ("mnist.npz", keras_npz(), "_read_npy"),
    ("mnist.pkl", python2_pickle(book_arrays()), "_three_pairs"),
])  # fmt: skip
def test_no_memory_is_no_damage(tmp_path, monkeypatch, name, data, step):
    path = write(tmp_path / name, data)
    mnist_loader.load_data(path)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(mnist_files, step, fail)
    with pytest.raises(MemoryError):
        mnist_loader.load_data(path)


def test_zip_whose_directory_lies_about_a_size(tmp_path):
    """The entry unpacks to 64 MB where the directory promises 9 kB."""
    honest = npz_bytes({"x_train": bytes(2**26)})
    lying = honest.replace(struct.pack("<I", 2**26), struct.pack("<I", 9 * 2**10))
    assert lying != honest
    path = write(tmp_path / "mnist.npz", lying)
    with refused(path, memory=2**24):
        mnist_loader.load_data(path)


def intact_files():
    return {
        "mnist.pkl": python2_pickle(book_arrays()),
        "text.pkl": python2_text_pickle(expanded(book_arrays())),
        "protocol0.pkl": pickle.dumps(expanded(book_arrays()), 0),
        "protocol5.pkl": pickle.dumps(expanded(book_arrays()), 5),
        "mnist.pkl.gz": gzip.compress(python2_pickle(book_arrays())),
        "mnist.npz": keras_npz(),
    }


INTACT = intact_files()
EXPECTED = book_arrays()


def load_or_refuse(tmp_path_factory, name, data):
    """Load a file; it must give arrays like MNIST's or a ValueError that names it."""
    path = write(tmp_path_factory.getbasetemp() / name, data)
    try:
        parts = mnist_loader.load_data(path)
    except ValueError as error:
        assert str(path) in str(error)
        return None
    for x, y in parts:
        assert x.ndim == 2 and x.shape[1] == 784 and x.shape[:1] == y.shape
        assert y.dtype == np.int64 and y.min() >= 0 and y.max() <= 9
    return parts


@given(name=st.sampled_from(sorted(INTACT)), part=st.floats(0, 1, exclude_max=True))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_truncated_files_are_refused(tmp_path_factory, name, part):
    data = INTACT[name]
    assert load_or_refuse(tmp_path_factory, name, data[: int(part * len(data))]) is None


@st.composite
def mutations(draw):
    """Draw a file with up to three of its bytes changed, most of them among the headers."""
    name = draw(st.sampled_from(sorted(INTACT)))
    data = bytearray(INTACT[name])
    for _ in range(draw(st.integers(1, 3))):
        near = st.integers(0, 300) | st.integers(len(data) - 300, len(data) - 1)
        data[draw(near | st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return name, bytes(data)


# Of an escape that Python does not know, in the text of protocol 0.
@pytest.mark.filterwarnings("ignore:invalid .*escape sequence:DeprecationWarning")
@given(mutations())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_changed_bytes_give_digits_or_an_error(tmp_path_factory, mutation):
    name, data = mutation
    parts = load_or_refuse(tmp_path_factory, name, data)
    # gzip and zip carry check sums: what they let pass is what was packed.
    if parts is not None and not name.endswith(".pkl"):
        assert_same(parts, EXPECTED)


@given(
    st.lists(
        st.sampled_from([
            b"(", b"t", b"\x85", b"\x86", b"\x87", b"R", b"b", b")", b"N", b"0", b"2", b"q\0",
            b"h\0", b"q\1", b"h\1", b"\x88", number(1), number(784), string(b"f4"), string(b"<"),
            NDARRAY, RECONSTRUCT, b"cnumpy\ndtype\n", pickled(X), pickled(Y), pickled_dtype(),
            b".",
        ]),
        max_size=30,
    )
)  # fmt: skip
@settings(max_examples=400, deadline=None, derandomize=True)
def test_random_operations_are_refused(tmp_path_factory, operations):
    data = b"\x80\x02" + b"".join(operations) + b"."
    parts = load_or_refuse(tmp_path_factory, "random.pkl", data)
    assert parts is None or len(parts) == 3

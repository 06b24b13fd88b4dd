"""Whatever file MNIST comes in gives the book's arrays, and the sample takes its place where none is."""

import gzip
import os
import pickle
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cbackprop import mnist_loader
from support.agreement import warnings_of
from support.children import run_python
from support.small_mnist import (
    NPZ_NAMES,
    assert_same,
    book_arrays,
    keras_npz,
    make_bytes,
    npz_bytes,
    pickled,
    python2_pickle,
    string,
    write,
    write_idx,
)


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Run each test in an empty folder, with no MNIST named."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CBACKPROP_MNIST", raising=False)


# Every kind of file gives the book's arrays.


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("separator", ["-", "."])
def test_idx_folder(tmp_path, gzipped, separator):
    folder = write_idx(tmp_path / "idx", gzipped, separator)
    assert_same(mnist_loader.load_data(folder), book_arrays())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_python_2_pickle(tmp_path, pack):
    path = write(tmp_path / "mnist.pkl.gz", pack(python2_pickle(book_arrays())))
    assert_same(mnist_loader.load_data(path), book_arrays())


@pytest.mark.parametrize("protocol", [3, 4])
def test_pickle_written_again_by_python_3(tmp_path, protocol):
    path = write(tmp_path / "mnist.pkl", pickle.dumps(book_arrays(), protocol))
    assert_same(mnist_loader.load_data(path), book_arrays())


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pickle_of_every_type_allowed(tmp_path, dtype, order):
    expected = tuple(((x * 256).astype(dtype), y) for x, y in book_arrays())
    stored = [(x.astype(order + dtype), y.astype(f"{order}i8")) for x, y in expected]
    path = write(tmp_path / "mnist.pkl", python2_pickle(stored))
    assert_same(mnist_loader.load_data(path), expected)


def test_pickle_in_fortran_order(tmp_path):
    (x, _), *_ = parts = book_arrays()
    first = pickled(x, fortran=b"\x88", data=string(x.tobytes(order="F")))
    path = write(tmp_path / "mnist.pkl", python2_pickle(parts, first))
    assert_same(mnist_loader.load_data(path), parts)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_keras_npz(tmp_path, packing):
    path = tmp_path / "mnist.npz"
    path.write_bytes(npz_bytes(dict(zip(NPZ_NAMES, make_bytes(), strict=True)), packing))
    assert_same(mnist_loader.load_data(str(path)), book_arrays())


def test_npz_with_fortran_order_and_int64_labels(tmp_path):
    x_train, y_train, x_test, y_test = make_bytes()
    arrays = (np.asfortranarray(x_train), y_train.astype(np.int64), x_test, y_test.astype(">i8"))
    path = write(tmp_path / "m.npz", npz_bytes(dict(zip(NPZ_NAMES, arrays, strict=True))))
    assert_same(mnist_loader.load_data(path), book_arrays())


@pytest.mark.parametrize("name, data", [
    ("mnist.pkl.gz", gzip.compress(python2_pickle(book_arrays()))),
    ("mnist.npz", keras_npz()),
])  # fmt: skip
def test_folder_with_another_kind_of_file(tmp_path, name, data):
    write(tmp_path / name, data)
    assert_same(mnist_loader.load_data(tmp_path), book_arrays())


def test_wrapper_gives_lists_of_pairs_as_the_book_does(tmp_path):
    folder = write_idx(tmp_path / "idx")
    wrapped = mnist_loader.load_data_wrapper(folder)
    assert [type(part) for part in wrapped] == [list] * 3
    for k, (part, (images, labels)) in enumerate(zip(wrapped, book_arrays(), strict=True)):
        for (x, y), image, label in zip(part, images, labels, strict=True):
            assert x.shape == (784, 1) and x.dtype == np.float32
            assert np.array_equal(x[:, 0], image)
            if k == 0:
                assert y.shape == (10, 1) and y.dtype == np.float64
                assert np.array_equal(y[:, 0], np.eye(10)[label])
            else:
                assert type(y) is np.int64 and y == label


@pytest.mark.parametrize("j", [7, np.int64(7), np.uint8(7), np.array(7), np.array([7])])
def test_vectorized_result(j):
    e = mnist_loader.vectorized_result(j)
    assert e.dtype == np.float64 and e.tolist() == [[0.0]] * 7 + [[1.0]] + [[0.0]] * 2


@pytest.mark.parametrize("j, error", [
    (-1, ValueError), (10, ValueError), (2**70, TypeError), (3.0, TypeError), (True, TypeError),
    ("3", TypeError), ([1, 2], TypeError), (None, TypeError),
])  # fmt: skip
def test_vectorized_result_refuses_what_is_no_digit(j, error):
    with pytest.raises(error, match="j must be"):
        mnist_loader.vectorized_result(j)


# Where it is looked for.


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="names a pipe as Linux and macOS do")
def test_a_pipe():
    """As from a process substitution of the shell: it cannot be read twice."""
    reading, writing = os.pipe()

    def write_end():
        with open(writing, "wb") as file:
            file.write(pickle.dumps(book_arrays()))

    writer = threading.Thread(target=write_end)
    writer.start()
    try:
        assert_same(mnist_loader.load_data(f"/dev/fd/{reading}"), book_arrays())
    finally:
        os.close(reading)
        writer.join()


@pytest.mark.parametrize("load", [mnist_loader.load_data, mnist_loader.load_data_wrapper])
def test_sample_comes_with_one_warning_a_call(load):
    for _ in range(2):
        parts, caught = warnings_of(lambda: load(), Warning)  # noqa: PLW0108  (it points at this line)
        assert [warning.category for warning in caught] == [UserWarning]
        assert caught[0].filename == __file__
        for words in ("sample", "5,000 training", "CBACKPROP_MNIST", "mnist.pkl.gz"):
            assert words in str(caught[0].message)
        sizes = [len(part[0]) if isinstance(part, tuple) else len(part) for part in parts]
        assert sizes == [5000, 1000, 1000]


def test_sample_is_small_balanced_and_states_its_licence():
    with pytest.warns(UserWarning):
        parts = mnist_loader.load_data()
    for images, labels in parts:
        assert images.dtype == np.float32 and labels.dtype == np.int64
        assert images.min() == 0 and 0.9 < images.max() < 1
        assert np.bincount(labels, minlength=10).min() > 0.08 * len(labels)
    folder = Path(mnist_loader.__file__).parent / "data"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_700_000
    readme = (folder / "LICENSE-MNIST.md").read_text()
    assert "Yann LeCun" in readme and "CC BY-SA 3.0" in readme


def test_look_up_order(tmp_path, monkeypatch):
    """From the last place to the first, each file hides the ones after it."""

    def label_loaded(path=None):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return mnist_loader.load_data(path)[0][1][0]

    def file_with_label(path, label):
        parts = book_arrays()
        parts[0][1][0] = label
        path.parent.mkdir(exist_ok=True)
        return write(path, gzip.compress(python2_pickle(parts)))

    file_with_label(Path("mnist.pkl.gz"), 4)
    assert label_loaded() == 4
    file_with_label(Path("..", "data", "mnist.pkl.gz"), 5)
    assert label_loaded() == 5
    monkeypatch.setenv("CBACKPROP_MNIST", str(file_with_label(tmp_path / "named.gz", 6)))
    assert label_loaded() == 6
    assert label_loaded(file_with_label(tmp_path / "given.gz", 7)) == 7
    monkeypatch.setenv("CBACKPROP_MNIST", "")
    assert label_loaded() == 5


def test_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_idx(tmp_path / "idx")
    assert_same(mnist_loader.load_data(os.path.join("~", "idx")), book_arrays())


def test_a_named_path_that_is_missing_is_no_reason_for_the_sample(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"given to the MNIST loader.*absent\.gz"):
        mnist_loader.load_data(tmp_path / "absent.gz")
    monkeypatch.setenv("CBACKPROP_MNIST", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match=r"variable CBACKPROP_MNIST.*absent"):
        mnist_loader.load_data_wrapper()


def test_incomplete_folder_names_what_it_lacks(tmp_path):
    write_idx(tmp_path, gzipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="lacks t10k-labels-idx1-ubyte ") as caught:
        mnist_loader.load_data(tmp_path)
    assert str(tmp_path) in str(caught.value) and "train-images" not in str(caught.value)


def test_import_reads_no_data_and_loads_no_code_that_reads_files(tmp_path):
    code = (
        "import sys, numpy; before = set(sys.modules); from cbackprop import mnist_loader;"
        "new = set(sys.modules) - before;"
        "print(*sorted(new & {'gzip', 'zipfile', 'pickletools', 'cbackprop._files.mnist'}))"
    )
    assert run_python(code, tmp_path).stdout.strip() == ""


# The real MNIST.


@pytest.fixture(scope="module")
def real_parts(mnist_path):
    return mnist_loader.load_data(mnist_path)


def test_real_mnist_has_the_books_parts(real_parts):
    assert [x.shape for x, _ in real_parts] == [(50000, 784), (10000, 784), (10000, 784)]
    assert [y[:5].tolist() for _, y in real_parts] == [
        [5, 0, 4, 1, 9], [3, 8, 6, 9, 6], [7, 2, 1, 0, 4]
    ]  # fmt: skip


def test_real_idx_and_npz_give_the_books_pickle_bit_for_bit(mnist_path, real_parts, tmp_path):
    book_file = mnist_path / "mnist.pkl.gz" if mnist_path.is_dir() else mnist_path
    if not book_file.name.endswith(".pkl.gz") or not book_file.exists():
        pytest.skip("CBACKPROP_MNIST holds no mnist.pkl.gz to compare with")
    book = mnist_loader.load_data(book_file)
    assert_same(real_parts, book)
    x, y = zip(*book, strict=True)
    images = [(part * 256).astype(np.uint8).reshape(-1, 28, 28) for part in x]
    labels = [part.astype(np.uint8) for part in y]
    arrays = [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]
    named = dict(zip(NPZ_NAMES, arrays, strict=True))
    path = write(tmp_path / "mnist.npz", npz_bytes(named, zipfile.ZIP_STORED))
    assert_same(mnist_loader.load_data(path), book)


def test_sample_is_every_tenth_image_of_the_real_mnist(real_parts):
    with pytest.warns(UserWarning):
        sample = mnist_loader.load_data()
    tenth = tuple((x[::10].copy(), y[::10].copy()) for x, y in real_parts)
    assert_same(sample, tenth)

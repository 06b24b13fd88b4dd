"""Pickles of MNIST: every protocol, arrays or lists; what is unknown is not called damaged."""

import contextlib
import fractions
import gzip
import pickle
import pickletools
import re
import struct
import sys
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest

from cbackprop import mnist_loader
from cbackprop._files import mnist as mnist_files
from cbackprop._files import pickle_machine
from support.children import run_python
from support.small_mnist import (
    as_arrays,
    assert_same,
    book_arrays,
    expanded,
    keras_npz,
    make_bytes,
    npz_bytes,
    pickled,
    pickled_dtype,
    python2_pickle,
    python2_text_pickle,
    string,
    write,
    write_idx,
)

PROTOCOLS = range(6)


def load(folder, data, name="mnist.pkl"):
    return mnist_loader.load_data(write(folder / name, data))


def message(folder, data, name="mnist.pkl"):
    """Return what the loader says of a file that it refuses."""
    path = write(folder / name, data)
    with pytest.raises(ValueError) as caught:
        mnist_loader.load_data(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)[len(f"{path}: ") :]


def is_unknown(text):
    beginning = "not an MNIST file, or not a form that is read here: "
    return text.startswith(beginning) and not re.search("damaged|truncated", text)


def is_damaged(text):
    return text.startswith("damaged or truncated: ") and "not a form" not in text


# The forms that are read.


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("outer", [tuple, list])
@pytest.mark.parametrize("inner", [tuple, list])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_protocol(tmp_path, protocol, outer, inner, pack):
    parts = outer(inner(pair) for pair in book_arrays())
    assert_same(load(tmp_path, pack(pickle.dumps(parts, protocol))), book_arrays())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_protocol_0_of_python_2(tmp_path, pack):
    assert_same(load(tmp_path, pack(python2_text_pickle(book_arrays()))), book_arrays())


def names_of(numpy, data):
    """Return the pickle with the module names of NumPy 1 or 2, whichever wrote it."""
    for other in (b"numpy.core", b"numpy._core"):
        for module in (b".multiarray", b".numeric"):
            old, new = other + module, numpy + module
            data = data.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
            data = data.replace(b"c" + old, b"c" + new)
    # Rewritten, since a frame says how long it is.
    return pickletools.optimize(data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("numpy", [b"numpy.core", b"numpy._core"])
def test_both_names_of_numpys_modules(tmp_path, protocol, numpy):
    data = names_of(numpy, pickle.dumps(expanded(book_arrays()), protocol))
    assert (b"numpy._core" in data) == (numpy == b"numpy._core")
    assert_same(load(tmp_path, data), book_arrays())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "u1", "<u2", ">u4", ">u8"])
def test_labels_of_every_whole_type(tmp_path, protocol, dtype):
    as_one = tuple((x, y.astype(dtype)) for x, y in book_arrays())
    assert_same(load(tmp_path, pickle.dumps(as_one, protocol)), book_arrays())
    as_list = tuple((x, list(y.astype(dtype))) for x, y in book_arrays())
    assert_same(load(tmp_path, pickle.dumps(as_list, protocol)), book_arrays())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8", "u1", "<i8", ">i2"])
@pytest.mark.parametrize("lay_out", [np.ascontiguousarray, np.asfortranarray, np.flip, list])
def test_images_of_every_type_and_order(tmp_path, protocol, dtype, lay_out):
    parts = [((x * 256).astype(dtype), y) for x, y in book_arrays()]
    expected = tuple((np.array(lay_out(x)).astype(np.dtype(dtype).newbyteorder("=")), y) for x, y in parts)
    assert_same(load(tmp_path, pickle.dumps(tuple((lay_out(x), y) for x, y in parts), protocol)), expected)


def test_read_only_arrays_in_protocol_5(tmp_path):
    """Their bytes come as bytes, not as a bytearray."""
    parts = book_arrays()
    for pair in parts:
        for array in pair:
            array.flags.writeable = False
    assert_same(load(tmp_path, pickle.dumps(parts, 5)), parts)


def test_the_axes_that_numpy_writes_for_order_k(tmp_path):
    x, _ = book_arrays()[0]
    state = b"cnumpy._core.numeric\n_frombuffer\n(" + string(x.tobytes()) + pickled_dtype()
    state += b"M\x0a\x00M\x10\x03\x86" + string(b"K")
    in_order = python2_pickle(book_arrays(), state + b"K\x00K\x01\x86tR")
    assert_same(load(tmp_path, in_order), book_arrays())
    assert is_unknown(message(tmp_path, python2_pickle(book_arrays(), state + b"K\x01K\x00\x86tR")))


# What expand_mnist.py writes.


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "Python 2's default"])
@pytest.mark.parametrize("n", [10, 2500])
def test_expanded_training_data(tmp_path, protocol, n):
    parts = expanded(book_arrays(), n)
    data = python2_text_pickle(parts) if isinstance(protocol, str) else pickle.dumps(parts, protocol)
    assert len(parts[0][0]) == n
    assert_same(load(tmp_path, gzip.compress(data, 1)), as_arrays(parts))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("change", [
    lambda x, y: ([image.reshape(784, 1) for image in x], y),
    lambda x, y: (x, [int(label) for label in y]),
    lambda x, y: (x, [np.uint8(label) for label in y]),
    lambda x, y: (tuple(x), tuple(y)),
    lambda x, y: (x, np.array(y)),
    lambda x, y: (np.array(x), y),
])  # fmt: skip
def test_lists_in_forms_of_their_own(tmp_path, protocol, change):
    (x, y), *others = expanded(book_arrays())
    assert_same(load(tmp_path, pickle.dumps((change(x, y), *others), protocol)), book_arrays())


def test_images_of_two_float_types_become_the_larger(tmp_path):
    """As rotations by SciPy or OpenCV leave them beside the images that they were made of."""
    (x, y), *others = expanded(book_arrays())
    mixed = [image.astype("f8") if i % 2 else image for i, image in enumerate(x)]
    expected = ((np.array(x, "f8"), np.array(y)), *others)
    assert_same(load(tmp_path, pickle.dumps(((mixed, y), *others))), expected)


def test_wrapper_takes_expanded_data(tmp_path):
    parts = expanded(book_arrays(), 2500)
    path = write(tmp_path / "mnist_expanded.pkl.gz", gzip.compress(pickle.dumps(parts), 1))
    training, validation, test = mnist_loader.load_data_wrapper(path)
    assert [len(part) for part in (training, validation, test)] == [2500, 2, 3]
    for (x, y), image, label in zip(training, *parts[0], strict=True):
        assert x.shape == (784, 1) and x.dtype == np.float32 and np.array_equal(x[:, 0], image)
        assert np.array_equal(y[:, 0], np.eye(10)[label])


def test_test_data_that_is_also_the_validation_data(tmp_path):
    """One array, named twice: each use is an array of its own."""
    training, _, test = book_arrays()
    path = write(tmp_path / "mnist.pkl", pickle.dumps((training, test, test)))
    loaded = mnist_loader.load_data(path)
    assert_same(loaded, (training, test, test))
    assert not np.shares_memory(loaded[1][0], loaded[2][0])


@pytest.mark.parametrize("piece", [23, 24, 25, 31, 100])
@pytest.mark.parametrize("protocol", [*PROTOCOLS, "Python 2's default"])
def test_arrays_longer_than_a_piece(tmp_path, monkeypatch, piece, protocol):
    """Wherever the pieces of a file end: within a number, an escape, a character."""
    (_, y), *others = book_arrays()
    # All bytes there are, backslashes in runs, and quotation marks.
    pixels = bytes(range(256)) + b"".join(b"\\" * n + b"'\"\n\\x\0\\u" for n in range(100))
    x = np.resize(np.frombuffer(pixels, np.uint8), (10, 784))
    parts = ((x, y), *others)
    data = python2_text_pickle(parts) if isinstance(protocol, str) else pickle.dumps(parts, protocol)
    monkeypatch.setattr(pickle_machine, "PIECE", piece)
    # The first piece of a file has to tell its kind.
    monkeypatch.setattr(mnist_files, "PIECE", 200 + piece)
    assert_same(load(tmp_path, data), parts)


# At little cost.


LOAD = """
import resource, time
from cbackprop import mnist_loader
from cbackprop._files import mnist
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, begun = peak(), time.process_time()
parts = mnist_loader.load_data({path!r})
print(time.process_time() - begun, (peak() - before) / sum(array.nbytes for pair in parts for array in pair))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's figures")
@pytest.mark.parametrize("protocol", [0, 2, 5, "Python 2's default"])
@pytest.mark.parametrize("form", [list, as_arrays])
def test_memory_and_time_for_8_000_images(tmp_path, protocol, form):
    parts = form(expanded(book_arrays(), 8_000))
    data = python2_text_pickle(parts) if isinstance(protocol, str) else pickle.dumps(parts, protocol)
    path = str(write(tmp_path / "mnist.pkl.gz", gzip.compress(data, 1)))
    seconds, copies = map(float, run_python(LOAD.format(path=path), tmp_path).stdout.split())
    # At most a minute for all 250,000, also where sanitizers slow Python down. It is 5 to 10 seconds.
    assert seconds < 60 * 8_000 / 250_000
    # Twice: what was unpickled, and what is returned.
    assert copies < 3


@pytest.mark.parametrize("name, data", [
    ("places in the memo", b"Nr" + struct.pack("<I", 2**31)),
    ("places in the memo, as text", b"(Np2147483648\n"),
    ("a long line", b"(p" + b"1" * 10**6),
    ("lists", b"]" * 2**20),
    ("marks", b"(" * 2**20),
    ("lists of lists", b"]q\0" + b"h\0h\0\x86" * 2**18),
    ("bytes that are not there", b"\x8e" + struct.pack("<Q", 2**40)),
    ("text that is not there", b"\x8d" + struct.pack("<Q", 2**40)),
    ("a bytearray that is not there", b"\x96" + struct.pack("<Q", 2**40)),
    ("a frame that is not there", b"\x95" + struct.pack("<Q", 2**40)),
    ("a list that contains itself", b"]q\0h\0a" + b"h\0h\0h\0\x87."),
])  # fmt: skip
def test_no_memory_that_the_file_has_no_bytes_for(tmp_path, name, data):
    path = write(tmp_path / "mnist.pkl", b"\x80\x04" + data + b".")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"damaged or truncated|not a form"):
            mnist_loader.load_data(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_one_image_named_very_often(tmp_path):
    """A list of 300,000 references in 600 kB would be 940 MB of images."""
    (x, _), *others = book_arrays()
    image, label = pickled(x[0]) + b"q\x01", b"K\x05"
    pair = b"](" + image + b"h\x01" * 299_999 + b"e](" + label * 300_000 + b"e\x86"
    body = pair + b"".join(pickled(x) + pickled(y) + b"\x86" for x, y in others) + b"\x87."
    assert "operations" in message(tmp_path, b"\x80\x02" + body)
    # With bytes for as many operations, though not for as many images.
    data = b"\x80\x02" + string(bytes(10**7)) + body
    tracemalloc.start()
    try:
        assert "overlap" in message(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_a_packed_file_may_unpack_to_so_much(tmp_path, monkeypatch):
    """Beyond 512 MiB, here 1 MiB, its own size says how much. Nothing beyond is held."""
    assert mnist_files.ALWAYS_ALLOWED == 512 * 2**20
    monkeypatch.setattr(mnist_files, "ALWAYS_ALLOWED", 2**20)
    zeros = tuple((np.zeros((n, 784), np.float32), np.zeros(n, int)) for n in (10_000, 10, 10))
    data = gzip.compress(pickle.dumps(zeros, 4), 9)
    limit = 250 * len(data)
    assert 2**20 < limit < 31_000_000 / 2
    tracemalloc.start()
    try:
        assert f"{limit:,} bytes" in message(tmp_path, data)
        # An array grows by copies.
        assert tracemalloc.get_traced_memory()[1] < 2 * limit
    finally:
        tracemalloc.stop()
    # 15 to 1, as MNIST.
    real = np.random.default_rng(0).integers(1, 256, (4000, 784)) * (np.arange(784) % 15 == 0) / 256
    parts = ((real.astype(np.float32), np.zeros(4000, int)), *book_arrays()[1:])
    assert_same(load(tmp_path, gzip.compress(pickle.dumps(parts, 4))), parts)


# What is not read here, and what is damaged.


class Bunch(dict):
    """As scikit-learn's: a dict in a class of its own."""


class Missing:
    """A class that the reading process need not have, as pandas'."""


def unknown_objects():
    x, y = book_arrays()[0]
    objects = {
        "dict": {"data": x, "target": y},
        "bunch": Bunch(data=x, target=y),
        "instance": Missing(),
        "instances": [Missing(), Missing()],
        "one pair": (x, y),
        "two pairs": ((x, y), (x, y)),
        "four pairs": ((x, y),) * 4,
        "triples": ((x, y, y),) * 3,
        "one array": x,
        "names": ("training", "validation", "test"),
        "pairs of examples": tuple([(image[:, None], label) for image, label in zip(x, y)] for _ in range(3)),
        "rows of floats": ((x[:1].tolist(), [1]),) * 3,
        "images (n, 28, 28)": ((x.reshape(-1, 28, 28), y),) * 3,
        "images of 100 pixels": ((x[:, :100].copy(), y),) * 3,
        "list of (28, 28)": ((list(x.reshape(-1, 28, 28)), y),) * 3,
        "no images": ((x[:0], y[:0]),) * 3,
        "empty lists": (([], []),) * 3,
        "complex images": ((x.astype(complex), y),) * 3,
        "images that are objects": ((x[:1, :1].astype(object), y),) * 3,
        "structured images": ((np.zeros(3, "f4,f4"), y),) * 3,
        "bytes and floats in one list": (([x[0], (x[1] * 256).astype("u1")], [1, 2]),) * 3,
        "labels that are text": ((x, [str(label) for label in y]),) * 3,
        "labels that are floats": ((x, [float(label) for label in y]),) * 3,
        "labels that are NumPy floats": ((x, list(y.astype("f4"))),) * 3,
        "labels that are bools": ((x, [True] * 10),) * 3,
        "one-hot labels": ((x, np.eye(10)[y]),) * 3,
        "letters": ((x, y + 10),) * 3,
        "large labels": ((x, [2**70] * 10),) * 3,
        "a label too few": ((x, y[1:]),) * 3,
        "numbers": 3,
        "nothing": None,
        "text": "Größe 數",
        "many numbers": list(range(10**5)),
        "a fraction": fractions.Fraction(1, 3),
        "a matrix": ((x.view(np.ma.MaskedArray), y),) * 3,
        "a bytearray": bytearray(b"abc"),
        "a set": {1, 2},
    }  # fmt: skip
    return objects


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", unknown_objects())
def test_an_intact_pickle_of_something_else_is_unknown_not_damaged(tmp_path, monkeypatch, protocol, name):
    # As pytest imports this file under a name of its own.
    for kind in (Bunch, Missing):
        monkeypatch.setattr(kind, "__module__", __name__)
        monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys)
        monkeypatch.setattr(sys.modules[__name__], kind.__name__, kind, raising=False)
    data = pickle.dumps(unknown_objects()[name], protocol)
    for pack in (bytes, gzip.compress):
        text = message(tmp_path, pack(data))
        assert is_unknown(text), text
        assert len(text) < 300


def test_buffers_that_are_not_in_the_file_are_unknown(tmp_path):
    data = pickle.dumps(book_arrays(), 5, buffer_callback=[].append)
    text = message(tmp_path, data)
    assert is_unknown(text) and "NEXT_BUFFER" in text


def test_a_later_protocol_is_unknown(tmp_path):
    text = message(tmp_path, b"\x80\x06" + pickle.dumps(book_arrays(), 4)[2:])
    assert is_unknown(text) and "protocol is 6" in text


@pytest.mark.parametrize("data", [
    b"", b"]", b"(an aside)\n", b"[1, 2]", b"{'a': 1}", b"label,1x1,1x2\n", b"BZh91AY&SY", b"\xfd7zXZ\0",
    b"\x89PNG\r\n\x1a\n", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\0",
    b"version https://git-lfs.github.com/spec/v1\n",
])  # fmt: skip
def test_another_kind_of_file_is_unknown(tmp_path, data):
    for pack in (bytes, gzip.compress):
        text = message(tmp_path, pack(data))
        assert is_unknown(text) and "begins with" in text


def test_unknown_npz_and_idx_files(tmp_path):
    x_train, y_train, x_test, y_test = make_bytes()
    keras = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    for arrays in (
        {"images": x_train, "labels": y_train},
        {**keras, "x_train": x_train / 256},
        {**keras, "y_test": y_test.astype("U1")},
        {**keras, "x_test": x_test.reshape(-1, 784)},
    ):
        assert is_unknown(message(tmp_path, npz_bytes(arrays), "mnist.npz"))
    folder = write_idx(tmp_path / "idx")
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(b"\0\0\x0d\x03" + path.read_bytes()[4:])
    with pytest.raises(ValueError, match="not a form that is read here: expected an IDX file of bytes"):
        mnist_loader.load_data(folder)


DAMAGE = [*PROTOCOLS, "Python 2's default"]


@pytest.mark.parametrize("protocol", DAMAGE)
@pytest.mark.parametrize("form", [lambda parts: parts, expanded])
def test_a_truncated_file_is_damaged(tmp_path, protocol, form):
    parts = form(book_arrays())
    data = python2_text_pickle(parts) if isinstance(protocol, str) else pickle.dumps(parts, protocol)
    # The first 50 bytes are those that tell what kind of file it is.
    for length in (*range(50, 300), *range(300, len(data), 997), len(data) - 1):
        assert is_damaged(message(tmp_path, data[:length])), length
    packed = gzip.compress(data)
    for length in (*range(2, 100), *range(100, len(packed), 997), len(packed) - 8, len(packed) - 1):
        assert is_damaged(message(tmp_path, packed[:length])), length


@pytest.mark.parametrize("make", [
    lambda: gzip.compress(pickle.dumps(book_arrays(), 4)),
    lambda: gzip.compress(pickle.dumps({"x": book_arrays()}, 4)),
    lambda: gzip.compress(b"label,1x1,1x2\n" * 1000),
    lambda: gzip.compress(pickle.dumps(book_arrays(), 4), 0),
])  # fmt: skip
def test_a_gzip_file_of_which_a_byte_was_changed_is_damaged(tmp_path, make):
    """Whatever it looks like once unpacked: the checksum knows."""
    intact = make()
    places = [*range(10, 200), *range(200, len(intact), 499), *range(len(intact) - 8, len(intact))]
    n_damaged = 0
    for place in places:
        data = bytearray(intact)
        # Beyond the header, which the checksum does not cover.
        data[place % (len(intact) - 10) + 10] ^= 0x10
        with contextlib.suppress(OSError, EOFError, zlib.error):
            # Some bits only fill up a byte.
            assert gzip.decompress(data) == gzip.decompress(intact)
            continue
        n_damaged += 1
        text = message(tmp_path, bytes(data))
        assert is_damaged(text), (place, text)
    assert n_damaged > 0.9 * len(places)


def test_a_changed_npz_is_damaged(tmp_path):
    intact = keras_npz()
    for place in range(50, len(intact) // 2, 997):
        data = bytearray(intact)
        data[place] ^= 0x10
        assert is_damaged(message(tmp_path, bytes(data), "mnist.npz"))
    assert is_damaged(message(tmp_path, intact[:-10], "mnist.npz"))


@pytest.mark.parametrize("first", [
    pytest.param(pickled(book_arrays()[0][0], data=string(b"12")), id="too few bytes"),
    pytest.param(pickled(book_arrays()[0][0], data=b"N"), id="no bytes"),
    pytest.param(b"cnumpy._core.numeric\n_frombuffer\n(NNNNtR", id="buffer of nothing"),
    pytest.param(b"cnumpy._core.numeric\n_frombuffer\n(" + string(b"12") + pickled_dtype() + b"K\x02\x85"
                 + string(b"C") + b"tR", id="buffer too small"),
    pytest.param(b"cnumpy._core.multiarray\nscalar\n" + pickled_dtype(b"i8") + string(b"12") + b"\x86R",
                 id="number of two bytes"),
    pytest.param(b"cnumpy._core.multiarray\nscalar\nNN\x86R", id="number of nothing"),
    pytest.param(b"NNa", id="append to nothing"),
    pytest.param(b"N(e", id="append nothing to nothing"),
    pytest.param(b"e", id="no mark"),
    pytest.param(b"t", id="no mark for a tuple"),
    pytest.param(b"h\x09", id="empty place"),
    pytest.param(b"g-1\n", id="negative place"),
    pytest.param(b"Np-1\n", id="negative place to remember"),
    pytest.param(b"Ix\n", id="no number"),
    pytest.param(b"S'a\n", id="no quotation mark"),
    pytest.param(b"Sa\n", id="no quotation marks"),
    pytest.param(rb"S'\x0'" + b"\n", id="half an escape"),
    pytest.param(rb"V\u00" + b"\n", id="half an escape of text"),
    pytest.param(b"X\x01\0\0\0\xff", id="text that is not UTF-8"),
    pytest.param(b"\xff", id="unknown opcode"),
    pytest.param(b"NN\x93", id="name that is not text"),
])  # fmt: skip
def test_what_no_pickler_writes_is_damaged(tmp_path, first):
    text = message(tmp_path, python2_pickle(book_arrays(), first))
    assert is_damaged(text), text


def test_damaged_escapes_are_an_error_whatever_becomes_of_warnings(tmp_path):
    data = python2_pickle(book_arrays(), rb"S'\z'" + b"\n")
    for action in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            assert message(tmp_path, data)


@pytest.mark.parametrize("first, word", [
    (b"c_codecs\nencode\n" + string(b"x") + string(b"rot13") + b"\x86R", "_codecs.encode"),
    (b"c_codecs\nencode\nN" + string(b"latin1") + b"\x86R", "_codecs.encode"),
    (b"c_codecs\ndecode\n", "_codecs.decode"),
    (b"c__builtin__\neval\n", "__builtin__.eval"),
    (b"cnumpy.core.multiarray\nfromfile\n", "fromfile"),
    (string(b"os") + string(b"system") + b"\x93", "os.system"),
    (b"2", "DUP"),
    (b"}", "EMPTY_DICT"),
    (b"cnumpy\nndarray\n)\x81", "NEWOBJ"),
    (b"Pname\n", "PERSID"),
])  # fmt: skip
def test_what_arrays_do_not_need_is_named_and_not_done(tmp_path, first, word):
    text = message(tmp_path, python2_pickle(book_arrays(), first))
    assert is_unknown(text) and word in text

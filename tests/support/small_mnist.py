"""MNIST in small, written as each kind of file that holds it, intact or not."""

import gzip
import io
import struct
import zipfile

import numpy as np

N_TRAIN, N_TEST = 12, 3
IDX_NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")


def make_bytes():
    """Return MNIST's four arrays in small: x_train, y_train, x_test, y_test, all uint8."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (N_TRAIN + N_TEST, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, N_TRAIN + N_TEST, dtype=np.uint8)
    labels[:10] = np.arange(10)
    return images[:N_TRAIN], labels[:N_TRAIN], images[N_TRAIN:], labels[N_TRAIN:]


def book_arrays():
    """Return what the book's files would hold for `make_bytes`: the last sixth validates."""
    x_train, y_train, x_test, y_test = make_bytes()
    parts = [(x_train[:10], y_train[:10]), (x_train[10:], y_train[10:]), (x_test, y_test)]
    return tuple(
        (x.reshape(-1, 784).astype(np.float32) / np.float32(256), y.astype(np.int64)) for x, y in parts
    )


# The operations that Python 2 wrote for an array, protocol 2, by hand: Python 3 cannot write them.


def string(data):
    return b"T" + struct.pack("<i", len(data)) + data


def number(n):
    return b"J" + struct.pack("<i", n)


def pickled_dtype(code=b"f4", order=b"<"):
    return (
        b"cnumpy\ndtype\n" + string(code) + number(0) + number(1) + b"\x87R("
        + number(3) + string(order) + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    )  # fmt: skip


def pickled(array, shape=None, dtype=None, fortran=b"\x89", data=None):
    """Return the operations that build ``array``, or one that is lied about."""
    shape = b"(" + b"".join(map(number, shape or array.shape)) + b"t"
    dtype = dtype or pickled_dtype(array.dtype.str[1:].encode(), array.dtype.str[:1].encode())
    data = string(array.tobytes()) if data is None else data
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85"
        + string(b"b") + b"\x87R(" + number(1) + shape + dtype + fortran + data + b"tb"
    )  # fmt: skip


def python2_pickle(parts, first=None):
    """Return a pickle of three pairs, whose first array may be replaced by other operations."""
    (x, y), *others = parts
    body = (first if first is not None else pickled(x)) + pickled(y) + b"\x86"
    body += b"".join(pickled(x) + pickled(y) + b"\x86" for x, y in others)
    return b"\x80\x02" + body + b"\x87."


def python2_text_pickle(parts):
    """Return what Python 2 wrote of arrays, or of lists of arrays and numbers, by default: protocol 0."""
    return b"(" + b"".join(b"(" + _text(x) + _text(y) + b"t" for x, y in parts) + b"t."


def _text(item):
    if isinstance(item, list):
        return b"(l" + b"".join(_text(of_list) + b"a" for of_list in item)
    code, order = item.dtype.str[1:].encode(), item.dtype.str[:1].encode()
    dtype = b"cnumpy\ndtype\n(" + _quoted(code) + b"I0\nI1\ntR(I3\n" + _quoted(order) + b"NNNI-1\nI-1\nI0\ntb"
    if item.shape == ():
        return b"cnumpy.core.multiarray\nscalar\n(" + dtype + _quoted(item.tobytes()) + b"tR"
    shape = b"(" + b"".join(b"I%d\n" % length for length in item.shape) + b"t"
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
        + shape + dtype + b"I00\n" + _quoted(item.tobytes()) + b"tb"
    )  # fmt: skip


def _quoted(data):
    # Python 2 wrote a string as Python 3 does bytes, but for the b.
    return b"S" + repr(data)[1:].encode() + b"\n"


def expanded(parts, n=None):
    """Return the training data as the lists that expand_mnist.py makes of it, the other pairs as they are.

    ``n`` images where that is more than there are. The script makes five of each; all have one label object.
    """
    (x, y), *others = parts
    numbers = list(y)
    rows = [row.copy() for row in x]
    while len(rows) < (n or 0):
        rows.append(np.roll(rows[-len(x)], 28))
    return ([rows, [numbers[i % len(x)] for i in range(len(rows))]], *others)


def as_arrays(parts):
    """Return what the loader should make of lists."""
    return tuple((np.array(x), np.array(y, np.int64)) for x, y in parts)


def npz_bytes(arrays, packing=zipfile.ZIP_DEFLATED):
    """Return an npz of npy files, each given as an array or as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, array in arrays.items():
            npy = io.BytesIO()
            if isinstance(array, bytes):
                npy.write(array)
            else:
                np.save(npy, array)
            archive.writestr(f"{name}.npy", npy.getvalue())
    return stream.getvalue()


def keras_npz():
    return npz_bytes(dict(zip(NPZ_NAMES, make_bytes(), strict=True)))


def idx_bytes(array, shape=None):
    shape = shape or array.shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + array.tobytes()


def write_idx(folder, gzipped=False, separator="-"):
    folder.mkdir(exist_ok=True)
    for name, array in zip(IDX_NAMES, make_bytes(), strict=True):
        file_name = separator.join(name.rsplit("-", 1)) + "-ubyte" + ".gz" * gzipped
        data = idx_bytes(array)
        (folder / file_name).write_bytes(gzip.compress(data) if gzipped else data)
    return folder


def write(path, data):
    path.write_bytes(data)
    return path


def assert_same(got, expected):
    """Assert that three pairs of arrays agree in every bit, and belong to the caller."""
    assert type(got) is tuple and [type(part) for part in got] == [tuple] * 3
    for got_part, expected_part in zip(got, expected, strict=True):
        for a, b in zip(got_part, expected_part, strict=True):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
            assert a.flags.writeable and a.flags.c_contiguous

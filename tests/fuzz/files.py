"""Fuzzes everything that reads files: `mnist_loader` and `network2.load`.

    pip install '.[fuzz]'
    python tests/fuzz/files.py -runs=20000 -max_len=8192 tests/fuzz/corpus/files

A file ends in data or in a ValueError that names it; whatever else comes out (another exception, a
MemoryError that was turned into a ValueError, more than 2 seconds) is a finding. Checksums would refuse
nearly all that a fuzzer makes, so that most kinds of input are the content, which is packed here.
`tests/test_fuzz_corpus.py` runs the corpus through `check`, without Atheris.
"""

import contextlib
import io
import struct
import sys
import time
import zipfile
import zlib

# A script's folder comes first on the path, not the root: cbackprop is the installed one. Only what is
# imported in here is watched for new branches, C code apart, which brings its own counters.
if __name__ == "__main__":
    import atheris
    from limits import limit_memory

    watched = atheris.instrument_imports(include=["cbackprop", "zipfile", "numpy.lib._format_impl"])
else:
    watched = contextlib.nullcontext()
with watched:
    import numpy as np

    from cbackprop import network2
    from cbackprop._files import description, networks
    from cbackprop._files import mnist as mnist_files

SECONDS = 2
# What means a blank image, and what is between two files: an input of 200 bytes can be MNIST.
IMAGE, NEXT = b"|784|", b"|NEXT|"
FOLDER = "/no/such/folder"
IDX_NAMES = [f"{stem}-idx{n}-ubyte" for stem, n in mnist_files.IDX_FILES.items()]


class Disk(dict):
    """Files in memory, by path: opening one on a disk takes as long as reading all of it."""

    def open(self, path, _mode):
        return io.BytesIO(self[path])

    def load_mnist(self):
        (path,) = self
        return mnist_files.read(path)

    def load_idx(self):
        """As `mnist_files._read_folder` does once it has found the files."""
        arrays = list(map(mnist_files._read_idx, self, mnist_files.IDX_FILES.values()))
        with mnist_files._errors_name(FOLDER):
            return mnist_files._split(*arrays)

    def load_network(self):
        (path,) = self
        return network2.load(path)


def mnist_file(content):
    """As it is: a pickle, or the bytes of a gzip or zip file."""
    return Disk({f"{FOLDER}/mnist": content}).load_mnist


def gzipped(content):
    return mnist_file(gzip_file(content))


def idx_folder(content, pack=bytes):
    parts = [*content.split(NEXT), b"", b"", b""]
    return Disk({f"{FOLDER}/{name}": pack(part) for name, part in zip(IDX_NAMES, parts)}).load_idx


def gzipped_idx_folder(content):
    return idx_folder(content, gzip_file)


def mnist_npz(content):
    return mnist_file(archive(mnist_files.NPZ_ARRAYS, content))


def network_json(content):
    return Disk({f"{FOLDER}/network.json": content}).load_network


def network_npz(content):
    """The description, and then weights and biases by turns."""
    names = ["network", *(f"{kind}_{i}" for i in range(9) for kind in ("weights", "biases"))]
    return raw_network_npz(archive(names, content))


def raw_network_npz(content):
    return Disk({f"{FOLDER}/network.npz": content}).load_network


KINDS = {
    b"M": mnist_file,
    b"G": gzipped,
    b"I": idx_folder,
    b"i": gzipped_idx_folder,
    b"Z": mnist_npz,
    b"J": network_json,
    b"N": network_npz,
    b"n": raw_network_npz,
}


def gzip_file(content):
    """`content` in a gzip file, stored as it is: to compress it takes longer than to read it."""
    pieces = [content[start : start + 65535] for start in range(0, len(content), 65535)] or [b""]
    blocks = [struct.pack("<BHH", 0, len(piece), 65535 - len(piece)) + piece for piece in pieces]
    blocks[-1] = b"\1" + blocks[-1][1:]
    end = struct.pack("<II", zlib.crc32(content), len(content))
    return b"".join([b"\x1f\x8b\x08\0\0\0\0\0\0\xff", *blocks, end])


def archive(names, content):
    """A zip archive, not compressed, with the parts of `content` under these names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, part in zip(names, content.split(NEXT)):
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), part)
    return stream.getvalue()


def check(data):
    """Reads the file that `data` describes: its kind by the first byte, then its content."""
    kind = KINDS.get(data[:1]) or list(KINDS.values())[(data or b"\0")[0] % len(KINDS)]
    load = kind(data[1:].replace(IMAGE, bytes(784)))
    seconds, result = timed(load)
    if (
        seconds > SECONDS
    ):  # once more, by a clock that other processes do not touch, and which is slow to read
        seconds, result = timed(load, time.process_time)
        assert seconds < SECONDS, f"it took {seconds:.1f} seconds"
    if isinstance(result, network2.Network):
        check_network(result)
    elif result is not None:
        check_mnist(result)


def timed(load, clock=time.perf_counter):
    """The seconds that it takes, and what it returns; None where it refuses the file."""
    mnist_files.open = networks.open = load.__self__.open
    begun = clock()
    try:
        result = load()
        return clock() - begun, result
    except ValueError as error:
        assert FOLDER in str(error), f"the message does not name the file: {error}"
        cause = error
        while cause := cause.__cause__:
            # A RecursionError is Python's own limit for nested JSON, and costs nothing.
            assert not isinstance(cause, (MemoryError, SystemError)), f"{type(cause).__name__}: {cause}"
        return clock() - begun, None
    finally:
        del mnist_files.open, networks.open


def check_mnist(parts):
    assert len(parts) == 3
    for x, y in parts:
        assert x.ndim == 2 and x.shape == (len(y), 784) and len(y) > 0
        assert y.dtype == np.int64 and y.min() >= 0 and y.max() <= 9
        assert x.flags.writeable and x.dtype.isnative


def check_network(net):
    """What has been read can be used and be saved again."""
    assert net.num_layers == len(net.sizes)
    net.sizes = description.sizes_of(net.weights, net.biases, net.sizes)  # the file's may be an old note
    if len(net.sizes) > 1 and sum(net.sizes) < 10_000:
        assert net.feedforward(np.zeros((net.sizes[0], 1))).shape == (net.sizes[-1], 1)
    assert description.description_of(net, net.sizes, net.cost)["sizes"] == net.sizes


if __name__ == "__main__":
    limit_memory()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()

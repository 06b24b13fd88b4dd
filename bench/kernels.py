"""Each kernel alone: `python bench/kernels.py [--json FILE]`.

For every instruction set that this processor has and both dtypes: the products of templates/dense.h in
GFLOP/s and as a share of NumPy's matrix-product peak in the same run, and the first layer's sweep over images
of MNIST in nanoseconds a nonzero input. The functions are called through the table that _isa exports.
"""

import argparse
import ctypes as ct
import functools
import statistics
import time
import warnings

import machine
import numpy as np
from dense_limit import MatrixProducts

from cbackprop import _activations, _isa, _runtime, mnist_loader

POINTER, SIZE = ct.c_void_p, ct.c_ssize_t
LINE = 64
TURN_SECONDS = 0.05


class Panels(ct.Structure):
    """struct Panels of matrix.h."""

    _fields_ = [("data", POINTER), ("rows", SIZE), ("cols", SIZE), ("width", SIZE)]


class Records(ct.Structure):
    """struct Records of records.h."""

    _fields_ = [
        ("data", POINTER), ("extent", POINTER), ("n_in", SIZE), ("tile", SIZE), ("n_tiles", SIZE),
        ("kind", ct.c_int), ("table", ct.c_double * 256),
        ("stored", ct.c_int), ("hypersparse", ct.c_int), ("longest", SIZE), ("entries", SIZE),
    ]  # fmt: skip


class Values(ct.Structure):
    """struct Values of runtime/pack.h."""

    _fields_ = [
        ("n_values", ct.c_int), ("table", ct.c_double * 256), ("key", ct.c_uint64 * 2048),
        ("code", ct.c_uint8 * 2048), ("narrow", ct.c_uint32 * 2048), ("largest", ct.c_double),
        ("greys", ct.c_int), ("grey_bits", ct.c_int),
    ]  # fmt: skip


class Packing(ct.Structure):
    """struct Packing of runtime/pack.h."""

    _fields_ = [
        ("records", ct.POINTER(Records)), ("of_floats", POINTER), ("of_doubles", POINTER),
        ("values", Values), ("may_be_grey", ct.c_int), ("n", SIZE), ("packed", SIZE), ("nonzeros", SIZE),
        ("used", ct.c_size_t), ("room", ct.c_size_t),
    ]  # fmt: skip


class Row(ct.Structure):
    """struct Row of runtime/pack.h."""

    _fields_ = [("x", POINTER), ("bits", ct.c_int)]


class Sweep(ct.Structure):
    """struct Sweep of kernels.h."""

    _fields_ = [
        ("records", ct.POINTER(Records)), ("examples", POINTER), ("m", SIZE), ("rows", ct.POINTER(Panels)),
        ("bias", POINTER), ("step", ct.c_double), ("trains", ct.c_int), ("next", POINTER), ("n_next", SIZE),
    ]  # fmt: skip


class Activations(ct.Structure):
    """struct Activations of kernels.h."""

    _fields_ = [("all", ct.c_int), ("n_exceptions", SIZE), ("column", POINTER), ("exception", POINTER)]


P, S = ct.POINTER(Panels), ct.POINTER(Sweep)
FUNCTIONS = {  # struct Kernels of kernels.h: name, result, arguments
    "product": (None, P, P, POINTER, P, SIZE, SIZE),
    "product_transposed": (None, P, P, P, POINTER, SIZE, SIZE),
    "transposed_scratch": (SIZE, P, P),
    "subtract_outer": (None, P, P, ct.c_double, ct.c_double, P, SIZE, SIZE),
    "subtract_rows": (None,), "pack_transposed": (None,), "unpack_transposed": (None,), "gather": (None,),
    "activate": (None, POINTER, P, POINTER, SIZE, SIZE), "times_derivative": (None,),
    "activation_scratch": (SIZE,), "softmax": (None,), "scale": (None,), "subtract_signs": (None,),
    "move": (None,), "nesterov": (ct.c_double,), "adam": (ct.c_double,), "scale_rows": (None,),
    "drop": (None,), "sigmoid_array": (None,), "largest": (ct.c_double,),
    "find_runs": (None,), "product_columns": (None,), "subtract_columns": (None,),
    "matvec": (None,), "matvec_transposed": (None,), "outer": (None,),
    "subtract_targets": (None,), "squares": (ct.c_double,), "weigh_rows": (None,),
    "argmax": (None,), "costs": (None,), "nonzeros": (SIZE,),
    "grey_codes": (ct.c_int,),
    "sweep": (None, S, S, P, POINTER, SIZE, SIZE),
    "sweep_scratch": (SIZE, ct.POINTER(Records), SIZE),
    "sweep_init": (None, POINTER, ct.POINTER(Records), SIZE),
    "sweep_ahead": (None, POINTER, ct.POINTER(Records)),
    "dense_panel": (SIZE, SIZE), "sparse_panel": (SIZE, SIZE, SIZE, ct.c_int), "sparse_tile": (SIZE, SIZE),
}  # fmt: skip


class Kernels(ct.Structure):
    """struct Kernels of kernels.h."""

    _fields_ = [
        ("isa", ct.c_char_p), ("itemsize", SIZE), ("lanes", SIZE), ("dense_vectors", SIZE),
        ("sparse_vectors", SIZE),
        *((name, ct.CFUNCTYPE(*types)) for name, types in FUNCTIONS.items()),
    ]  # fmt: skip


ACTIVATIONS = {name: code for name, code in _activations.compiled_codes().items() if name != "softmax"}


def aligned(count, dtype):
    """Return `count` zeros that begin a cache line."""
    block = np.zeros(count * np.dtype(dtype).itemsize + LINE, np.uint8)
    first = -block.ctypes.data % LINE
    return block[first : first + count * np.dtype(dtype).itemsize].view(dtype)


def panels(rows, cols, width, dtype, held):
    """Return a matrix in panels, filled with small random numbers."""
    data = aligned(-(-cols // width) * rows * width, dtype)
    data[:] = np.random.default_rng(0).standard_normal(data.size) / 100
    held.append(data)
    return Panels(data.ctypes.data, rows, cols, width)


def seconds(call):
    """Return the median seconds of a call, over some turns."""
    call()
    turns = []
    end = time.perf_counter() + 5 * TURN_SECONDS
    while time.perf_counter() < end:
        begun = time.perf_counter()
        call()
        turns.append(time.perf_counter() - begun)
    return statistics.median(turns)


def dense_rows(kernels, dtype, n, m):
    """Yield (kernel, GFLOP/s) of the products between two layers of n neurons, for m examples."""
    held, width = [], kernels.dense_panel(n) * kernels.lanes
    a, d, w, c = (panels(rows, n, width, dtype, held) for rows in (m, m, n, m))
    scratch = aligned(kernels.transposed_scratch(ct.byref(d), ct.byref(c)), np.uint8)
    last = -(-n // width)
    calls = {
        "product": lambda: kernels.product(a, w, None, c, 0, last),
        "product_transposed": lambda: kernels.product_transposed(d, w, c, scratch.ctypes.data, 0, last),
        "subtract_outer": lambda: kernels.subtract_outer(a, d, 1.0, 1e-9, w, 0, last),
    }
    for name, call in calls.items():
        yield f"{name}, n = {n}, m = {m}", 2 * n * n * m / seconds(call) / 1e9


def packed(library, pack, isa, images, tile):
    """Return the images' records, and what must outlive them."""
    records, extents = Records(), np.zeros((len(images), 2), np.uint32)
    pack.records_shape(ct.byref(records), 0, SIZE(images.shape[1]), SIZE(tile))
    records.extent = extents.ctypes.data
    packing = Packing(records=ct.pointer(records))
    for name, itemsize in (("of_floats", 4), ("of_doubles", 8)):
        setattr(packing, name, ct.cast(library.kernels_named(isa.encode(), itemsize), POINTER))
    rows = (Row * len(images))(*((image.ctypes.data, 8 * image.itemsize) for image in images))
    numbers = np.arange(len(images), dtype=np.uint32)
    failed = pack.packing_begin(ct.byref(packing), SIZE(len(images)), ct.c_double(np.mean(images != 0)))
    failed = failed or pack.packing_add(
        ct.byref(packing), rows, POINTER(numbers.ctypes.data), SIZE(len(images)), 1
    )
    if failed:
        raise RuntimeError(f"packing ended with status {failed}")
    records.table = packing.values.table
    return records, (packing, rows, extents)


def sweep_row(library, pack, isa, dtype, images, n, m):
    """Return nanoseconds a nonzero of a forward pass with the update before it, for n neurons."""
    kernels = library.kernels_named(isa.encode(), np.dtype(dtype).itemsize).contents
    held, width = [], kernels.sparse_panel(n, m, 1) * kernels.lanes
    records, packing = packed(library, pack, isa, images, kernels.sparse_tile(width))
    held.append(packing)
    w, z = (panels(rows, n, width, dtype, held) for rows in (images.shape[1], m))
    d, bias = panels(m, n, width, dtype, held), aligned(2 * n + width, dtype)
    scratch = aligned(kernels.sweep_scratch(ct.byref(records), m), np.uint8)
    kernels.sweep_init(scratch.ctypes.data, ct.byref(records), m)
    order, last = np.arange(len(images), dtype=np.uint32), -(-n // width)

    sweeps = []
    update = None
    for start in range(0, len(images) - m + 1, m):
        examples = order.ctypes.data + 4 * start
        forward = Sweep(ct.pointer(records), examples, m, ct.pointer(z), bias.ctypes.data, 0.0, 1, None, 0)
        sweeps.append((update, forward))
        update = Sweep(ct.pointer(records), examples, m, ct.pointer(d), None, 1e-9, 0, None, 0)
    sweeps.append((update, None))
    at = scratch.ctypes.data

    def epoch():
        for update, forward in sweeps:
            kernels.sweep(update, forward, w, at, 0, last)

    nonzeros = np.count_nonzero(images[: len(images) // m * m])
    return f"sweep, n = {n}, m = {m}", 1e9 * seconds(epoch) / nonzeros


def main():
    """Print a line for each kernel, instruction set and dtype."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    machine.add_arguments(parser)
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    library, pack = ct.CDLL(_isa.__file__), ct.CDLL(_runtime.__file__)
    library.kernels_named.restype = ct.POINTER(Kernels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample will do
        images = mnist_loader.load_data()[0][0][:2000]
    results = {"machine": machine.describe(), "rows": []}
    for dtype in (np.float64, np.float32):
        products = MatrixProducts(dtype)
        for _ in range(5):
            products.measure()
        peak = products.peak() / 1e9
        print(f"{np.dtype(dtype).name}: NumPy's matrix product reaches {peak:.1f} GFLOP/s")
        for isa in _isa.found():
            kernels = library.kernels_named(isa.encode(), np.dtype(dtype).itemsize).contents
            rows = [(name, rate, "GFLOP/s", rate / peak) for n, m in ((2048, 256), (512, 128), (30, 10))
                    for name, rate in dense_rows(kernels, dtype, n, m)]  # fmt: skip
            for name, code in ACTIVATIONS.items():
                held = []
                z, f = panels(512, kernels.lanes, kernels.lanes, dtype, held), Activations(all=code)
                activate = functools.partial(kernels.activate, ct.byref(f), z, None, 0, 1)
                rows.append((name, 1e9 * seconds(activate) / held[0].size, "ns", None))
            rows += [(*sweep_row(library, pack, isa, dtype, images, n, m), "ns a nonzero", None)
                     for n, m in ((30, 10), (100, 10), (100, 100))]  # fmt: skip
            for name, rate, unit, share in rows:
                of_peak = f"  {share:.0%} of the peak" if share else ""
                print(f"    {isa:9} {name:36} {rate:8.2f} {unit}{of_peak}")
                results["rows"].append(
                    {"dtype": np.dtype(dtype).name, "isa": isa, "kernel": name, "value": rate, "unit": unit}
                )
    if arguments.json:
        machine.save(results, arguments.json)


if __name__ == "__main__":
    main()

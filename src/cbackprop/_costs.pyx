"""The costs: the built-in ones as codes of the kernels, a cost class of the user's as calls of its `delta` and `fn`."""

cimport cbackprop.numpy_api as cnp
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from cbackprop._arrays cimport new_array
from cbackprop._worker cimport Layer, Worker
from cbackprop.kernels cimport N_COSTS, Panels, cost_name

from cbackprop.costs import COSTS

import numpy as np

cnp.import_array()

cdef dict CODES = {}
for code in range(N_COSTS):
    CODES[cost_name(code).decode()] = code
if CODES.keys() != COSTS.keys():
    raise ImportError(
        "cbackprop/costs.py and src/kernels/registry.h must name the same costs; only one of them names "
        + ", ".join(sorted(CODES.keys() ^ COSTS.keys())))


def compiled_codes():
    """The costs that the kernels know: name -> code."""
    return CODES.copy()


cdef int cost_code(str name) except -1:
    """The kernels' code of a built-in cost."""
    if name not in CODES:
        raise ValueError(f"{name!r} is not a built-in cost; those are {', '.join(CODES)}")
    return CODES[name]


# ---- a cost class of the user's ----

cdef int custom_error(Worker *me, const uint32_t *examples, Py_ssize_t m, delta) except -1:
    """Output error: delta^L = delta(z^L, a^L, y), a call for each example of the mini-batch."""
    cdef Layer *layer = &me.layer[me.L]
    z = columns_of(me, layer.z)
    a, y = outputs_and_targets(me, examples, m)
    errors = new_array(type_num(me), layer.n, m)
    for i in range(m):
        error = np.asarray(delta(z[:, i:i + 1].copy(), a[:, i:i + 1].copy(), y[:, i:i + 1].copy()))
        if error.dtype.kind not in "biuf":
            raise TypeError(f"cost.delta returned dtype {error.dtype}; expected real numbers")
        if error.shape != (layer.n, 1):
            raise ValueError(f"cost.delta returned shape {error.shape}; expected ({layer.n}, 1), like z, a and y")
        errors[:, i:i + 1] = error
    me.k.pack_transposed(cnp.PyArray_DATA(<cnp.ndarray> errors), &layer.delta)
    if me.source.weights is not NULL:
        me.k.weigh_rows(&layer.delta, me.source.weights, examples, layer.p0, layer.p1)
    return 0


cdef int add_custom_costs(Worker *me, const uint32_t *examples, Py_ssize_t m, fn, Py_ssize_t n, double *mean) except -1:
    """Adds fn(a^L, y) / n to `mean` for each example of the mini-batch."""
    a, y = outputs_and_targets(me, examples, m)
    for i in range(m):
        mean[0] += float(fn(a[:, i:i + 1].copy(), y[:, i:i + 1].copy())) / n
    return 0


cdef tuple outputs_and_targets(Worker *me, const uint32_t *examples, Py_ssize_t m):
    """(a^L, y) of the mini-batch: two new arrays (n_out, m)."""
    cdef Py_ssize_t i, n = me.layer[me.L].n, itemsize = me.k.itemsize
    cdef const char *targets = <const char *> me.source.targets
    rows = new_array(type_num(me), m, n)
    cdef char *to = cnp.PyArray_BYTES(<cnp.ndarray> rows)
    if me.source.labels is not NULL:
        memset(to, 0, m * n * itemsize)
    for i in range(m):
        if me.source.labels is NULL:
            memcpy(to + i * n * itemsize, targets + examples[i] * n * itemsize, n * itemsize)
        elif me.source.labels[examples[i]] >= 0:
            rows[i, me.source.labels[examples[i]]] = 1
    return columns_of(me, me.layer[me.L].a.data), rows.T


cdef object columns_of(Worker *me, void *data):
    """What `data` has, in panels like the output activations, as a new array (n_out, m)."""
    cdef Panels outputs = me.layer[me.L].a
    outputs.data = data
    array = new_array(type_num(me), outputs.cols, outputs.rows)
    me.k.unpack_transposed(&outputs, cnp.PyArray_DATA(<cnp.ndarray> array))
    return array


cdef inline int type_num(Worker *me) noexcept:
    return cnp.NPY_DOUBLE if me.k.itemsize == 8 else cnp.NPY_FLOAT

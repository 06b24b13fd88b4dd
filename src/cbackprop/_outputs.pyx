"""What a network makes of the rows of a matrix: its outputs."""

cimport cbackprop.numpy_api as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from cbackprop._algorithm cimport feed_layer, set_input
from cbackprop._arrays cimport new_array
from cbackprop._csr cimport Csr
from cbackprop._examples cimport Examples, in_order, packed
from cbackprop._parameters cimport Parameters
from cbackprop._team cimport Team
from cbackprop._worker cimport Worker
from cbackprop.kernels cimport FloatMode, Panels, flush_subnormals, set_float_mode

cnp.import_array()

cdef enum:
    TOGETHER = 64   # rows that go through the network together
    BLOCK = 1024    # rows that are packed at a time, and between two looks for Ctrl-C


def outputs(net, X, str name="X"):
    """The outputs a^L for each row of X, a new array (n, n_out) of the network's type.

    Parameters
    ----------
    net : Network
    X : ndarray (n, n_in) of a real type, or Csr
    name : str
        What errors call it.
    """
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n = len(X), start, stop
    cdef Examples examples
    cdef Team team = None
    if type(X) is not Csr and X.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {X.dtype}; expected real numbers")
    result = new_array(p.type_num, n, p.n[p.L])
    for start in range(0, n, BLOCK):
        stop = min(n, start + BLOCK)
        examples = packed(p, (X, None), start, stop, name, False, TOGETHER, n_workers=1, once=True)
        # Nothing is updated, so these records need no room for lists.
        examples.records.longest = examples.records.entries = 0
        if team is None or not team.is_compatible(p, examples):
            team = Team.__new__(Team, p, examples, min(TOGETHER, n), 1, False)
            team.load(p)
        feed(team, examples, cnp.PyArray_BYTES(<cnp.ndarray> result) + start * p.n[p.L] * p.itemsize)
        PyErr_CheckSignals()
    return result


cdef int feed(Team team, Examples examples, char *out) except -1:
    """Writes the outputs of these examples, one a row."""
    cdef uint32_t *order = in_order(examples.n)
    try:
        team.read(examples, order)
        with nogil:
            feed_all(team.workers, examples.n, team.m, out)
    finally:
        free(order)
    return 0


cdef void feed_all(Worker *me, Py_ssize_t n, Py_ssize_t together, char *out) noexcept nogil:
    cdef Py_ssize_t m, n_next, start = 0, row_bytes = me.layer[me.L].n * me.k.itemsize
    cdef const uint32_t *examples
    cdef FloatMode mode
    cdef int l
    while start < n:
        m = min(together, n - start)
        n_next = max(0, min(together, n - start - m))
        examples = me.source.order + start
        set_input(me, examples, m)
        # As in an evaluation: subnormal numbers count in the output layer alone.
        mode = flush_subnormals()
        for l in range(2, me.L):
            feed_layer(me, l, examples, m, examples + m, n_next)
        set_float_mode(mode)
        feed_layer(me, me.L, examples, m, examples + m, n_next)
        write_rows(&me.layer[me.L].a, me.k.itemsize, out + start * row_bytes)
        start += m


cdef void write_rows(const Panels *A, Py_ssize_t itemsize, char *out) noexcept nogil:
    """A (m x n) from its panels, one row after the other."""
    cdef Py_ssize_t i, first = 0, width = A.width * itemsize, n = A.cols * itemsize
    cdef const char *panel = <const char *> A.data
    while first < n:
        for i in range(A.rows):
            memcpy(out + i * n + first, panel + i * width, min(width, n - first))
        panel += A.rows * width
        first += width

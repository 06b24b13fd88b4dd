"""What a network makes of the rows of a matrix: its outputs."""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from cbackprop._algorithm cimport feed_layer, set_input
from cbackprop._arrays cimport new_array
from cbackprop._csr cimport Csr
from cbackprop._examples cimport Examples, in_order, packed, warn_of_pixels
from cbackprop._parameters cimport Parameters
from cbackprop._runtime cimport barrier_destroy, barrier_init, team_run
from cbackprop._team cimport MAX_WORKERS, Team
from cbackprop._worker cimport Worker
from cbackprop.kernels cimport (
    CBACKPROP_THREADS, Barrier, FloatMode, MemberTime, Panels, float_mode, flush_subnormals, set_float_mode,
)

from cbackprop import _processors

cnp.import_array()

cdef enum:
    TOGETHER = 64   # rows that go through the network together
    BLOCK = 1024    # rows that are packed at a time, as in an evaluation, which gets the same bits

# A thread with fewer products does not pay: they take about as long as ten threads take to begin.
cdef double PRODUCTS_A_THREAD = 1e7
# Between two looks for Ctrl-C: some hundredths of a second.
cdef double PRODUCTS_A_LOOK = 5e8


def outputs(net, X, str name="X", int n_threads=0, bint warns_of_pixels=False):
    """The outputs a^L for each row of X, a new array (n, n_out) of the network's type.

    Parameters
    ----------
    net : Network
    X : ndarray (n, n_in) of a real type, or Csr
    name : str
        What errors call it.
    n_threads : int
        The most threads; 0: as many as pay. Each takes rows of its own, so no bit depends on their number.
    warns_of_pixels : bool
        Whether X is of a network of the book's, whose inputs lie between 0 and 1.
    """
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n, start, stop
    cdef int members
    cdef Feeding feeding = None
    if type(X) is not Csr:
        if X.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {X.dtype}; expected real numbers")
        X = X.view()    # whose shape stays what it is
    n = len(X)
    members = n_members(p, n, n_threads)
    result = new_array(p.type_num, n, p.n[p.L])
    for start in range(0, n, BLOCK):
        stop = min(n, start + BLOCK)
        examples = packed(
            p, (X, None), start, stop, name, False, TOGETHER, n_workers=1, once=True, n_threads=members)
        # Nothing is updated, so these records need no room for lists.
        examples.records.longest = examples.records.entries = 0
        if feeding is None or not feeding.is_compatible(p, examples):
            feeding = Feeding.__new__(Feeding, p, examples, members)
        feeding.feed(examples, cnp.PyArray_BYTES(<cnp.ndarray> result) + start * p.n[p.L] * p.itemsize)
    if warns_of_pixels and type(X) is not Csr:
        warn_of_pixels(net, p, X, name)
    return result


cdef double n_products(Parameters p) noexcept:
    """How many products the outputs of a row take."""
    cdef int l
    cdef double products = 0
    for l in range(2, p.L + 1):
        products += <double> p.n[l - 1] * p.n[l]
    return products


cdef int n_members(Parameters p, Py_ssize_t n, int n_threads):
    """How many threads take n rows: at most n_threads, unless that is 0, and at most one a processor."""
    cdef Py_ssize_t most = min(MAX_WORKERS, (n + TOGETHER - 1) // TOGETHER)
    if n_threads > 0:
        most = min(most, n_threads)
    else:
        most = min(most, <Py_ssize_t> min(<double> MAX_WORKERS, n * n_products(p) / PRODUCTS_A_THREAD))
    return min(most, _processors.granted()) if most > 1 and CBACKPROP_THREADS else 1


# What one thread does.
cdef struct Share:
    Worker *worker
    Py_ssize_t first, last      # the rows, of those that are packed
    char *out                   # where the outputs of the row `first` go
    FloatMode mode              # of the calling thread


@cython.final
cdef class Feeding:
    """Threads that feed rows forward, each with the whole network for itself."""

    cdef list teams             # of one worker each
    cdef Barrier barrier
    cdef int members
    cdef Py_ssize_t run         # rows between two looks for Ctrl-C

    def __cinit__(self, Parameters p, Examples examples, int members):
        cdef int _
        cdef Team team
        self.members = members
        barrier_init(&self.barrier, members)
        self.teams = []
        for _ in range(members):
            team = Team.__new__(Team, p, examples, TOGETHER, 1, False)
            team.load(p)
            self.teams.append(team)
        self.run = TOGETHER * members * <Py_ssize_t> max(
            1, min(<double> BLOCK, PRODUCTS_A_LOOK / max(1, n_products(p)) / TOGETHER))

    def __dealloc__(self):
        barrier_destroy(&self.barrier)

    cdef bint is_compatible(self, Parameters p, Examples examples):
        return (<Team> self.teams[0]).is_compatible(p, examples)

    cdef int feed(self, Examples examples, char *out) except -1:
        """Writes the outputs of these examples, one a row."""
        cdef uint32_t *order = in_order(examples.n)
        cdef Py_ssize_t start
        cdef Team team
        try:
            for team in self.teams:
                team.read(examples, order)
            for start in range(0, examples.n, self.run):
                self.share(start, min(examples.n, start + self.run), out)
                PyErr_CheckSignals()
        finally:
            free(order)
        return 0

    cdef int share(self, Py_ssize_t start, Py_ssize_t stop, char *out) except -1:
        """Has each member take some of the rows start .. stop - 1, whole groups of those that go together."""
        cdef Share[MAX_WORKERS] shares
        cdef void *members[MAX_WORKERS]
        cdef Py_ssize_t i, row_bytes, groups = (stop - start + TOGETHER - 1) // TOGETHER
        cdef MemberTime spent
        cdef FloatMode mode = float_mode()
        cdef Team team
        for i in range(self.members):
            team = self.teams[i]
            row_bytes = team.workers.layer[team.L].n * team.k.itemsize
            shares[i].worker = team.workers
            shares[i].first = min(stop, start + groups * i // self.members * TOGETHER)
            shares[i].last = min(stop, start + groups * (i + 1) // self.members * TOGETHER)
            shares[i].out = out + shares[i].first * row_bytes
            shares[i].mode = mode
            members[i] = &shares[i]
        with nogil:
            if team_run(&self.barrier, feed_share, members, &spent) != 0:
                # The system refused a thread.
                for i in range(self.members):
                    feed_share(members[i])
        return 0


cdef void feed_share(void *share) noexcept nogil:
    """Feeds the rows of a share forward, and copies their outputs. Leaves the mode of the calling thread."""
    cdef Share *my = <Share *> share
    cdef Worker *me = my.worker
    cdef Py_ssize_t m, n_next, start = my.first
    cdef Py_ssize_t row_bytes = me.layer[me.L].n * me.k.itemsize
    cdef const uint32_t *examples
    cdef int l
    while start < my.last:
        m = min(TOGETHER, my.last - start)
        n_next = min(TOGETHER, my.last - start - m)
        examples = me.source.order + start
        set_input(me, examples, m)
        # As in an evaluation: subnormal numbers count in the output layer alone.
        flush_subnormals()
        for l in range(2, me.L):
            feed_layer(me, l, examples, m, examples + m, n_next)
        set_float_mode(my.mode)
        feed_layer(me, me.L, examples, m, examples + m, n_next)
        write_rows(&me.layer[me.L].a, me.k.itemsize, my.out + (start - my.first) * row_bytes)
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

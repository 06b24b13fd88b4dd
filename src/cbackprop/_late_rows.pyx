"""Rows of w^2 that take steps late, where most inputs of a matrix that is stored sparsely are 0 in all examples of a mini-batch.

Nesterov's rule moves every weight in every step, but only rows whose input is nonzero have a gradient. A row takes the steps that
it missed, one after the other, when its input is next nonzero, and at the end. In the first of them it has a gradient, which
waits in Layer.gradient. The bits are those of rows that are never late, but a step reads and writes only the rows that it needs.
Adam would gain nothing: its roots and quotients take as long as memory does.

What regularisation adds to the cost of a mini-batch is a sum over all w^2. It is formed row by row, as they take the step. For that
alone, plain gradient descent keeps its steps as well.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from cbackprop._update_rules cimport UpdateRule, update_rule
from cbackprop._worker cimport LateRows, Layer, Step, Worker
from cbackprop.kernels cimport Entries, LateStep, record_entries

cdef enum:
    AHEAD = 4       # rows that are being fetched: they are in no cache


cdef double *counted_squares(Worker *me) noexcept nogil:
    """Where the rows add what they cost; NULL: nobody asks."""
    return me.sparse.late_rows.squares if me.source.cost is not NULL and me.source.cost.needs_squares else NULL


cdef void keep_step(Worker *me) noexcept nogil:
    """The step that begins is one that rows may take late."""
    cdef LateRows *rows = &me.sparse.late_rows
    cdef Step *options = &me.source.step
    cdef LateStep *step
    if not rows.late:
        return
    if rows.n == MOST_LATE:
        catch_up_all(me)
    step = &rows.step[rows.n]
    rows.n += 1
    step.weight_decay = me.weight_decay
    step.mu = options.mu
    step.is_l1 = options.is_l1
    step.squares = rows.factor
    rows.factor = 0


cdef inline void take_steps(Worker *me, Py_ssize_t row) noexcept nogil:
    """Row `row` of w^2 takes the steps that it has not taken."""
    cdef LateRows *rows = &me.sparse.late_rows
    cdef Py_ssize_t taken = rows.taken[row]
    if taken < rows.n:
        rows.taken[row] = <uint8_t> rows.n
        update_rule(&me.source.step).take_steps(me, row, &rows.step[taken], rows.n - taken)


cdef inline void prefetch(Worker *me, Py_ssize_t row) noexcept nogil:
    """Has row `row` of w^2, and what is kept of it, on their way from memory."""
    cdef Layer *layer = &me.layer[2]
    cdef const UpdateRule *rule = update_rule(&me.source.step)
    cdef int s
    if me.sparse.late_rows.taken[row] == me.sparse.late_rows.n:
        return
    me.k.prefetch_row(&layer.w, row, layer.p0, layer.p1)
    for s in range(rule.n_state):
        me.k.prefetch_row(&layer.state[s].w, row, layer.p0, layer.p1)
    if rule.sums_gradient:
        me.k.prefetch_row(&layer.gradient.w, row, layer.p0, layer.p1)


cdef void catch_up(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil:
    """The rows of w^2 whose inputs are nonzero in these examples take the steps that they missed."""
    cdef Py_ssize_t e, t, k, first
    cdef Entries entries
    if me.sparse.late_rows.n == 0:
        return
    for t in range(me.source.records.n_tiles):
        first = t * me.source.records.tile
        for e in range(m):
            entries = record_entries(me.source.records, examples[e], t)
            for k in range(min(AHEAD, entries.n)):
                prefetch(me, first + entries.index[k])
            for k in range(entries.n):
                if k + AHEAD < entries.n:
                    prefetch(me, first + entries.index[k + AHEAD])
                take_steps(me, first + entries.index[k])


cdef void catch_up_all(Worker *me) noexcept nogil:
    """All rows of w^2 take the steps that they missed."""
    cdef LateRows *rows = &me.sparse.late_rows
    cdef Py_ssize_t row
    if rows.n > 0:
        for row in range(me.layer[2].w.rows):
            take_steps(me, row)
        memset(rows.taken, 0, me.layer[2].w.rows)
        rows.n = 0


cdef double take_squares(Worker *me) noexcept nogil:
    """The sum of all columns of this layer's `squares`, which are 0 afterwards."""
    cdef LateRows *rows = &me.sparse.late_rows
    cdef Py_ssize_t j
    cdef double total = 0
    if rows.late:
        for j in range(me.layer[2].n):
            total += rows.squares[j]
            rows.squares[j] = 0
    return total

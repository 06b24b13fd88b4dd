"""Many examples and what the network makes of them: right answers, mean cost, and their checks before training."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport free, malloc

from cbackprop._examples cimport Examples, snapshot_of
from cbackprop._isa cimport kernels
from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport cost_code
from cbackprop._team cimport EVALUATED, Team, outputs_and_targets
from cbackprop.kernels cimport Kernels

cdef enum:
    BLOCK = 1024    # examples that are packed at a time, and between two looks for Ctrl-C


cdef Examples packed(
    Parameters p, object data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t m, int n_workers, str name, bint labelled,
    bint once=False, int n_packing=1,
):
    """The examples start .. stop - 1 of `data`, laid out for mini-batches of m."""
    cdef const Kernels *k = kernels(p.itemsize)
    cdef Py_ssize_t tile = k.sparse_tile(k.sparse_panel(p.n[2], m, n_workers) * k.lanes)
    # Up to this density skipping zeros is the faster: rows of w^2 that leave the cache between two uses cost more than products do.
    cdef double density = 0.25 if p.n[2] >= 256 else 0.4
    return Examples(data, start, stop, (p.n[1], p.n[p.L]), p.itemsize, tile, density, name, labelled, once, n_packing)


cdef Py_ssize_t count(object data) except -1:
    """How many examples there are in a list of pairs or a tuple (X, Y)."""
    return len(data[0] if type(data) is tuple else data)


cdef uint32_t *in_order(Py_ssize_t n) except NULL:
    """The numbers 0 .. n - 1."""
    cdef Py_ssize_t i
    cdef uint32_t *order = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
    if order is NULL:
        raise MemoryError
    for i in range(n):
        order[i] = <uint32_t> i
    return order


cdef int check_sizes_of(Examples examples, Parameters p) except -1:
    """What was packed for a network is of no use to one of other inputs, outputs or type."""
    if (p.n[1], p.n[p.L], p.itemsize) != (examples.n_in, examples.n_out, examples.itemsize):
        raise ValueError(
            f"the network has become one of {p.n[1]} inputs and {p.n[p.L]} outputs, float{8 * p.itemsize}; "
            f"{examples.name} was read for {examples.n_in} inputs and {examples.n_out} outputs, float{8 * examples.itemsize}")
    return 0


def evaluate(net, data, str name="test_data", bint labelled=True):
    """How many examples of the list of pairs, or of the arrays (X, Y), `net` answers right.

    Each y is the label where `labelled`, otherwise the target, whose largest entry is at the label.
    """
    return score_of(net, data, name, labelled, True, None)[0]


def total_cost(net, data, str name, bint labelled, cost):
    """The mean cost of the examples; `cost` is the name of one of the book's, or a function of (a, y)."""
    return score_of(net, data, name, labelled, False, cost)[1]


cdef tuple score_of(net, data, str name, bint labelled, bint answers, cost):
    """(right answers, mean cost): the examples are packed a block at a time."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n, start, correct = 0
    cdef double mean = 0
    cdef Examples examples
    cdef Evaluation evaluation = Evaluation(p)
    data = snapshot_of(data)
    n = count(data)
    for start in range(0, n, BLOCK):
        examples = packed(p, data, start, min(n, start + BLOCK), EVALUATED, 1, name, labelled, True)
        if labelled and cost is not None:
            check_labels(examples, data, start)
        if answers:
            examples.check_classes(start)
        more_correct, more_mean = evaluation.score(examples, labelled, answers, cost, n)
        correct += more_correct
        mean += more_mean
    return correct, mean


cdef int check_labels(Examples examples, data, Py_ssize_t start) except -1:
    """A label that is no class has no target, and so no cost."""
    cdef Py_ssize_t i
    for i in range(examples.n):
        if examples.labels[i] < 0:
            y = data[1][start + i] if type(data) is tuple else data[start + i][1]
            raise ValueError(
                f"{examples.name}[{start + i}]: y is {y!r}; expected the label of an output neuron, 0 to {examples.n_out - 1}")
    return 0


@cython.final
cdef class Evaluation:
    """Asks a network, with the parameters that it has now, about many examples."""

    def __cinit__(self, Parameters p):
        self.p = p

    cdef tuple score(self, Examples examples, bint labelled, bint answers, cost, Py_ssize_t n):
        """(right answers, sum of costs / n) of these examples, what of it is asked."""
        cdef Team team = self.sparse if examples.sparse else self.dense
        cdef uint32_t *order
        cdef Py_ssize_t i, start, stop, correct = 0
        cdef double[BLOCK] costs
        cdef double *cost_of = NULL
        cdef double mean = 0
        cdef int kind = 0
        cdef const int32_t[::1] from_targets
        cdef const int32_t *classes = NULL
        check_sizes_of(examples, self.p)
        # Another block of the same data may have its records of another kind.
        if team is None or not team.is_compatible(self.p, examples):
            team = Team(self.p, examples, min(EVALUATED, examples.n), 1, False)
            team.load(self.p)
            if examples.sparse:
                self.sparse = team
            else:
                self.dense = team
        if answers:
            if labelled:
                classes = examples.labels
            else:
                from_targets = examples.classes()
                classes = &from_targets[0] if examples.n else NULL
        if isinstance(cost, str):
            kind = cost_code(cost)
            cost_of = costs
        order = in_order(examples.n)
        try:
            team.read(examples, order)
            for start in range(0, examples.n, BLOCK):
                stop = min(examples.n, start + BLOCK)
                if classes is not NULL or cost_of is not NULL:
                    with nogil:
                        correct += team.score(start, stop, classes, kind, cost_of)
                for i in range(stop - start if cost_of is not NULL else 0):
                    mean += costs[i] / n
                if callable(cost):
                    mean += self.custom_costs(team, start, stop, cost, n)
                PyErr_CheckSignals()
        finally:
            free(order)
        return correct, mean

    cdef double custom_costs(self, Team team, Py_ssize_t start, Py_ssize_t stop, fn, Py_ssize_t n) except *:
        """The same sum for the reader's fn(a, y), asked of one example after the other."""
        cdef Py_ssize_t first, m
        cdef double mean = 0
        for first in range(start, stop, team.m):
            m = min(team.m, stop - first)
            with nogil:
                team.score(first, first + m, NULL, 0, NULL)
            a, y = outputs_and_targets(team.workers, self.p.type_num, team.source.order + first, m)
            for i in range(m):
                mean += float(fn(a[:, i:i + 1].copy(), y[:, i:i + 1].copy())) / n
        return mean


@cython.final
cdef class EvaluationSet:
    """Examples, packed once to be asked about after every epoch: see `evaluate` and `total_cost`."""

    cdef Examples examples
    cdef bint labelled

    def __init__(self, net, data, str name="test_data", bint labelled=True, bint costs=False):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        data = snapshot_of(data)
        self.examples = packed(p, data, 0, count(data), EVALUATED, 1, name, labelled)
        self.labelled = labelled
        if labelled and costs:
            check_labels(self.examples, data, 0)

    def check_classes(self):
        """Raises where no answer can be right: a target of one output neuron is neither 0 nor 1."""
        self.examples.check_classes(0)

    def score(self, net, bint answers, cost):
        """(right answers, mean cost) of what `net` makes of the examples now; a cost of None is not asked for."""
        return Evaluation(Parameters(net)).score(self.examples, self.labelled, answers, cost, self.examples.n)


def check_examples(net, data, str name, bint labelled=False, bint answers=False):
    """Raises for examples what training on them would, or asking for right `answers`; and returns whether their x look like
    pixels."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Examples examples
    data = snapshot_of(data)
    examples = packed(p, data, 0, count(data), 1, 1, name, labelled)
    if answers:
        examples.check_classes(0)
    return examples.pixels

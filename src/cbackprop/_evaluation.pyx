"""Scores over many examples: right answers, mean cost, and what regularisation adds to it."""

cimport cython
cimport cbackprop.numpy_api as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, fabs
from libc.stdint cimport int32_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from cbackprop._algorithm cimport feed_layer, set_input
from cbackprop._arrays cimport real_at
from cbackprop._costs cimport add_custom_costs, cost_code
from cbackprop._examples cimport Examples, count, in_order, packed, snapshot_of
from cbackprop._parameters cimport Parameters
from cbackprop._team cimport Team
from cbackprop._worker cimport Worker
from cbackprop.kernels cimport FloatMode, Panels, flush_subnormals, set_float_mode

cnp.import_array()

cdef enum:
    TOGETHER = 64   # examples that go through the network together
    BLOCK = 1024    # examples that are packed at a time, and between two looks for Ctrl-C


def evaluate(net, data, str name="test_data", bint labelled=True, threshold=None):
    """How many examples of the list of pairs, or of the arrays (X, Y), `net` answers right.

    Each y is the label if `labelled`, otherwise the target, whose largest entry is at the label. With a threshold, the one output
    is compared with it, and each y is 1 or 0.
    """
    return score_of(net, data, name, labelled, True, None, threshold)[0]


def total_cost(net, data, str name, bint labelled, cost):
    """The mean cost of the examples; `cost` is the name of a built-in one, or a function of (a, y)."""
    return score_of(net, data, name, labelled, False, cost, None)[1]


cdef tuple score_of(net, data, str name, bint labelled, bint answers, cost, threshold):
    """(right answers, mean cost): the examples are packed a block at a time."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n, start, correct = 0
    cdef double mean = 0
    cdef Examples examples
    cdef Evaluation evaluation = Evaluation.__new__(Evaluation, p)
    data = snapshot_of(data)
    n = count(data)
    for start in range(0, n, BLOCK):
        examples = packed(p, data, start, min(n, start + BLOCK), name, labelled, TOGETHER, n_workers=1, once=True)
        if labelled and cost is not None:
            examples.targets.check_labels(data)
        if threshold is not None:
            examples.targets.answer_from(threshold)
        if answers:
            examples.targets.check_classes()
        more_correct, more_mean = evaluation.score(examples, labelled, answers, cost, n)
        correct += more_correct
        mean += more_mean
    return correct, mean


@cython.final
cdef class EvaluationSet:
    """Examples packed once, to be evaluated after every epoch: see `evaluate` and `total_cost`."""

    cdef Scorer scorer
    cdef Examples examples
    cdef bint labelled

    def __init__(self, net, data, str name="test_data", bint labelled=True, bint costs=False):
        cdef Parameters p = Parameters.__new__(Parameters, net)
        data = snapshot_of(data)
        self.examples = packed(p, data, 0, count(data), name, labelled, TOGETHER)
        self.labelled = labelled
        self.scorer = Scorer.__new__(Scorer)
        if labelled and costs:
            self.examples.targets.check_labels(data)

    def check_classes(self, threshold=None):
        """Raises if no answer can be right: a target of one output neuron is neither 0 nor 1.

        With a threshold, the one output is compared with it from now on.
        """
        if threshold is not None:
            self.examples.targets.answer_from(threshold)
        self.examples.targets.check_classes()

    def score(self, net, bint answers, cost):
        """See `Scorer`."""
        return self.scorer.score(net, self.examples, self.labelled, answers, cost)


@cython.final
cdef class Scorer:
    """Scores the same examples again and again, and keeps the memory for it."""

    cdef tuple score(self, net, Examples examples, bint labelled, bint answers, cost, order=None):
        """(right answers, mean cost) of the examples as `net` is now; a cost of None is not computed.

        The costs are summed in this order, an array of uint32, or as the examples came.
        """
        cdef Evaluation evaluation = self.evaluation
        if evaluation is None or not evaluation.read_again(net):
            self.evaluation = evaluation = Evaluation.__new__(Evaluation, Parameters.__new__(Parameters, net))
        try:
            return evaluation.score(examples, labelled, answers, cost, examples.n, order)
        finally:
            evaluation.p.let_go()


@cython.final
cdef class Evaluation:
    """A network with the parameters that it has now, ready for many examples."""

    def __cinit__(self, Parameters p):
        self.p = p

    cdef bint read_again(self, net) except -1:
        """Takes the parameters that `net` has now; False if it is no longer what it was."""
        cdef Team team
        if not self.p.read_again(net):
            return False
        for team in (self.dense, self.sparse):
            if team is not None:
                team.load(self.p)
        return True

    cdef tuple score(self, Examples examples, bint labelled, bint answers, cost, Py_ssize_t n, sum_order=None):
        """(right answers, sum of costs / n) of these examples: the number if `answers`, the sum unless cost is None."""
        cdef Team team
        cdef uint32_t *order
        cdef Py_ssize_t i, start, stop, correct = 0
        cdef double[BLOCK] costs
        cdef double *cost_of = NULL
        cdef double mean = 0
        cdef int code = 0
        cdef const int32_t *classes = NULL
        examples.check_sizes(self.p)
        team = self.team_for(examples)
        if answers:
            if labelled:
                classes = examples.targets.labels
            else:
                held = examples.targets.classes()
                classes = <const int32_t *> cnp.PyArray_DATA(<cnp.ndarray> held) if examples.n else NULL
        if isinstance(cost, str):
            code = cost_code(cost)
            cost_of = costs
        order = in_order(examples.n)
        if sum_order is not None:
            memcpy(order, cnp.PyArray_DATA(<cnp.ndarray> sum_order), examples.n * sizeof(uint32_t))
        try:
            team.read(examples, order)
            for start in range(0, examples.n, BLOCK):
                stop = min(examples.n, start + BLOCK)
                if classes is not NULL or cost_of is not NULL:
                    with nogil:
                        correct += answer(team, start, stop, classes, code, cost_of)
                for i in range(stop - start if cost_of is not NULL else 0):
                    mean += costs[i] / n
                if callable(cost):
                    mean += self.custom_costs(team, start, stop, cost, n)
                PyErr_CheckSignals()
        finally:
            free(order)
        return correct, mean

    cdef Team team_for(self, Examples examples):
        """The worker for examples packed like these: another block of the same data may have records of another kind."""
        cdef Team team = self.sparse if examples.sparse else self.dense
        if team is None or not team.is_compatible(self.p, examples):
            team = Team.__new__(Team, self.p, examples, min(TOGETHER, examples.n), 1, False)
            team.load(self.p)
            if examples.sparse:
                self.sparse = team
            else:
                self.dense = team
        return team

    cdef double custom_costs(self, Team team, Py_ssize_t start, Py_ssize_t stop, fn, Py_ssize_t n) except *:
        """The sum of fn(a^L, y) / n, a call for each example."""
        cdef Py_ssize_t first, m
        cdef double mean = 0
        for first in range(start, stop, team.m):
            m = min(team.m, stop - first)
            with nogil:
                answer(team, first, first + m, NULL, 0, NULL)
            add_custom_costs(team.workers, team.source.order + first, m, fn, n, &mean)
        return mean


cdef Py_ssize_t answer(
    Team team, Py_ssize_t start, Py_ssize_t stop, const int32_t *classes, int cost, double *cost_of,
) noexcept nogil:
    """Feeds the examples start .. stop - 1 forward and returns how many are answered with their class.

    `classes` are numbered like the examples. If `cost_of` is not NULL, cost_of[i - start] is what example i costs.
    """
    cdef Worker *me = team.workers
    cdef Panels *a = &me.layer[me.L].a
    cdef Py_ssize_t i, m, correct = 0, first = start
    cdef uint32_t *examples
    cdef int32_t answers[TOGETHER]
    cdef Py_ssize_t n_next
    cdef FloatMode mode
    cdef int l
    while start < stop:
        m = min(team.m, stop - start)
        examples = me.source.order + start
        set_input(me, examples, m)
        n_next = max(0, min(team.m, stop - start - m))
        # Not in the output layer: a cost is still right where an answer is nearly 0.
        mode = flush_subnormals()
        for l in range(2, me.L):
            feed_layer(me, l, examples, m, examples + m, n_next)
        set_float_mode(mode)
        feed_layer(me, me.L, examples, m, examples + m, n_next)
        if classes is not NULL:
            if team.examples.targets.thresholded:
                compare(a, me.k.itemsize, team.examples.targets.threshold, answers)
            else:
                me.k.argmax(a, answers)
            for i in range(m):
                correct += answers[i] == classes[examples[i]]
        if cost_of is not NULL:
            me.k.costs(cost, a, me.source.labels, me.source.targets, examples, -INFINITY, INFINITY, cost_of + start - first)
        start += m
    return correct


cdef void compare(const Panels *A, Py_ssize_t itemsize, double threshold, int32_t *answers) noexcept nogil:
    """answers[i] = 1 where the one output of row i is >= threshold, otherwise 0."""
    cdef Py_ssize_t i
    for i in range(A.rows):
        if itemsize == 8:
            answers[i] = (<const double *> A.data)[i * A.width] >= threshold
        else:
            answers[i] = (<const float *> A.data)[i * A.width] >= threshold


# ---- regularisation ----

def sum_of_weights(net, bint squares):
    """The sum of all w**2, or else of all |w|, as doubles.

    NumPy's norm is a product of its BLAS, which sums in another order on each processor.
    """
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef double total = 0
    cdef int l
    p.check_ready(p.weights, "weights", True)   # reading the rest may have run any code
    for l in range(2, p.L + 1):
        total += sum_of(p.w(l), p.n[l - 1] * p.n[l], 8 * p.itemsize, squares)
    return total


cdef double sum_of(const void *w, Py_ssize_t n, int bits, bint squares) noexcept nogil:
    """The sum of w**2, or of |w|, over n reals: number i belongs to chain i % 8."""
    cdef double[8] chain
    cdef double[8] x
    cdef Py_ssize_t i
    cdef int c
    for c in range(8):
        chain[c] = 0
    # Loops of constant length, which gcc from 12 on and clang turn into vectors.
    for i in range(0, n, 8):
        if n - i < 8:
            for c in range(8):
                x[c] = real_at(w, bits, i + c) if i + c < n else 0
        elif bits == 64:
            memcpy(x, <const double *> w + i, sizeof(x))
        else:
            for c in range(8):
                x[c] = (<const float *> w)[i + c]
        if squares:
            for c in range(8):
                chain[c] += x[c] * x[c]
        else:
            for c in range(8):
                chain[c] += fabs(x[c])
    for c in range(1, 8):
        chain[0] += chain[c]
    return chain[0]

"""The chapter's problem, the fully matrix-based approach: examples that are the columns of a matrix, all taken together."""

cimport cbackprop.numpy_api as cnp
from libc.stdint cimport uint32_t

from cbackprop._algorithm cimport backpropagate, feedforward, gradient_descent, output_error, set_input
from cbackprop._arrays cimport contiguous, new_array, real_array
from cbackprop._costs cimport custom_error
from cbackprop._parameters cimport Parameters
from cbackprop._step_options cimport StepOptions
from cbackprop._team cimport PARAMETERS, Team
from cbackprop._worker cimport Worker

import numpy as np

cnp.import_array()

cdef enum:
    BLOCK = 128     # columns that are taken together

cdef StepOptions QUADRATIC_COST = StepOptions(0)

cdef uint32_t[BLOCK] IN_ORDER
for column_number in range(BLOCK):
    IN_ORDER[column_number] = column_number


# ---- the gradients, summed ----

def backprop_mini_batch(net, X, Y, StepOptions options=QUADRATIC_COST):
    """The gradients (nabla_b, nabla_w), summed over the examples, the columns of X and Y: two lists of new arrays."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team = Team.__new__(Team, p, None, max(1, min(m, BLOCK)), 1, True, options)
    cdef list nabla_b, nabla_w, more_b, more_w
    cdef int l
    team.source.error = options.error
    nabla_w, nabla_b = sum_of_gradients(team, p, X[:, :BLOCK], Y[:, :BLOCK], options.delta)
    for start in range(BLOCK, m, BLOCK):
        more_w, more_b = sum_of_gradients(team, p, X[:, start:start + BLOCK], Y[:, start:start + BLOCK], options.delta)
        for l in range(p.L - 1):
            nabla_w[l] += more_w[l]
            nabla_b[l] += more_b[l]
    return nabla_b, nabla_w


cdef tuple sum_of_gradients(Team team, Parameters p, object X, object Y, delta):
    """(nabla_w, nabla_b), summed over at most BLOCK columns of X and Y.

    A step of gradient descent from parameters that are all 0, with eta / m = -1, ends at the sums themselves.
    """
    cdef Worker *me = team.workers
    cdef Py_ssize_t m = X.shape[1]
    X = contiguous(X, p.type_num)
    Y = contiguous(Y.T, p.type_num)
    team.read_columns(p.n[1], m, cnp.PyArray_DATA(<cnp.ndarray> X), cnp.PyArray_DATA(<cnp.ndarray> Y))
    team.source.step.eta = -<double> m
    team.load(p)
    with nogil:
        set_input(me, IN_ORDER, m)
        feedforward(me, IN_ORDER, m, NULL, 0)
    if delta is not None:
        custom_error(me, IN_ORDER, m, delta)
    else:
        output_error(me, IN_ORDER)
    with nogil:
        backpropagate(me)
        team.fill_with_zeros(PARAMETERS)
        if m > 0:
            gradient_descent(me, IN_ORDER, m)
    return team.store()


# ---- the gradients, with a nabla_b for each column ----

cdef tuple backprop_columns(Parameters p, object X, object Y, StepOptions options):
    """(nabla_b, nabla_w) of the columns of X and Y: a nabla_b for each, as columns too, and the sum of their nabla_w."""
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team = Team.__new__(Team, p, None, max(1, min(m, BLOCK)), 1, True, options)
    cdef list nabla_b = [], nabla_w = None, more_w
    cdef int l
    X = X.view()    # whose shape stays what it is
    team.source.error = options.error
    for l in range(2, p.L + 1):
        nabla_b.append(new_array(p.type_num, p.n[l], m))
    for start in range(0, max(m, 1), BLOCK):
        more_w, _ = sum_of_gradients(team, p, X[:, start:start + BLOCK], Y[:, start:start + BLOCK], None)
        for l in range(2, p.L + 1):
            delta = new_array(p.type_num, p.n[l], min(BLOCK, m - start))
            team.k.unpack_transposed(&team.workers.layer[l].delta, cnp.PyArray_DATA(<cnp.ndarray> delta))
            nabla_b[l - 2][:, start:start + BLOCK] = delta
            if start > 0:
                nabla_w[l - 2] += more_w[l - 2]
        if start == 0:
            nabla_w = more_w
    return nabla_b, nabla_w


cdef object column_targets(object y, Py_ssize_t n_out, Py_ssize_t m):
    """y as an array (n_out, m) of real numbers, broadcast as NumPy does."""
    array = real_array(y, "y")
    if (
        array.size == 1 and array.ndim <= 2
        or (array.ndim == 2 and array.shape[0] in (1, n_out) and array.shape[1] in (1, m))
        or (n_out == 1 and array.shape == (m,))
    ):
        return np.broadcast_to(array, (n_out, m))
    raise ValueError(
        f"y has shape {array.shape}; this network's output layer has {n_out} neurons and x {m} columns, so it must be "
        f"({n_out}, {m}), ({n_out}, 1) or a single number")


# ---- feedforward ----

cdef object feedforward_columns(Parameters p, object X):
    """The output activations of the columns of X: a new array."""
    X = X.view()    # whose shape stays what it is
    cdef Py_ssize_t start, m = X.shape[1]
    cdef Team team
    if m == 0:
        return new_array(p.type_num, p.n[p.L], m)
    team = Team.__new__(Team, p, None, min(m, BLOCK), 1, False)
    team.load(p)
    if m <= BLOCK:
        return outputs(team, p, X)
    result = new_array(p.type_num, p.n[p.L], m)
    for start in range(0, m, BLOCK):
        result[:, start:start + BLOCK] = outputs(team, p, X[:, start:start + BLOCK])
    return result


cdef object outputs(Team team, Parameters p, object X):
    """The output activations of at most BLOCK columns: a new array."""
    cdef Worker *me = team.workers
    cdef Py_ssize_t m = X.shape[1]
    X = contiguous(X, p.type_num)
    result = new_array(p.type_num, p.n[p.L], m)
    team.read_columns(p.n[1], m, cnp.PyArray_DATA(<cnp.ndarray> X), NULL)
    with nogil:
        set_input(me, IN_ORDER, m)
        feedforward(me, IN_ORDER, m, NULL, 0)
        me.k.unpack_transposed(&me.layer[p.L].a, cnp.PyArray_DATA(<cnp.ndarray> result))
    return result


# ---- checks ----

def checked_columns(net, X, Y):
    """X as an array (n_in, m) and Y as an array (n_out, m) of real numbers: the columns are the examples."""
    cdef Parameters p = Parameters.__new__(Parameters, net)
    cdef Py_ssize_t n_in = p.n[1], n_out = p.n[p.L]
    X, Y = real_array(X, "X"), real_array(Y, "Y")
    X, Y = X.view(), Y.view()   # the user's own may get another shape while the parameters are read
    if X.ndim != 2 or X.shape[0] != n_in:
        hint = ""
        if X.ndim == 2 and X.shape[1] == n_in:
            hint = "; its columns are the examples: pass X.T"
        elif X.ndim == 1 and X.shape[0] == n_in:
            hint = "; reshape it: X.reshape(-1, 1)"
        raise ValueError(
            f"X has shape {X.shape}; this network's input layer has {n_in} neurons, so it must be ({n_in}, m){hint}")
    m = X.shape[1]
    if Y.shape != (n_out, m):
        hint = ""
        if Y.shape == (m, n_out):
            hint = "; its columns are the targets: pass Y.T"
        elif Y.shape == (n_out,) and m == 1:
            hint = "; reshape it: Y.reshape(-1, 1)"
        raise ValueError(
            f"Y has shape {Y.shape}; this network's output layer has {n_out} neurons and X {m} columns, "
            f"so it must be ({n_out}, {m}){hint}")
    return X, Y

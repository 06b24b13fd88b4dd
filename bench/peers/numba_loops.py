"""The chapter's loops compiled by Numba."""

import numba
import numpy as np

from peers.peer import Peer


@numba.njit(fastmath=True, error_model="numpy")
def train_epoch(X, Y, order, weights, biases, a, delta, row, m, eta):
    """Train one epoch; `weights`, `biases`, `a`, `delta` are tuples of one array a layer.

    The inner loops run over contiguous rows, and a row of weights meets the whole mini-batch
    while it is in cache: the gradient needs no matrix of its own.
    """
    for begin in range(0, len(order), m):
        length = min(m, len(order) - begin)
        for e in range(length):
            a[0][e] = X[order[begin + e]]
        for layer in range(len(weights)):
            w, a_in, a_out = weights[layer], a[layer], a[layer + 1]
            for j in range(w.shape[0]):
                for e in range(length):
                    z = biases[layer][j]
                    for k in range(w.shape[1]):
                        z += w[j, k] * a_in[e, k]
                    a_out[e, j] = 1 / (1 + np.exp(-z))
        last = len(weights) - 1
        for e in range(length):
            for j in range(Y.shape[1]):
                out = a[last + 1][e, j]
                delta[last][e, j] = (out - Y[order[begin + e], j]) * out * (1 - out)
        for layer in range(last, -1, -1):
            w, b, a_in, d_out = weights[layer], biases[layer], a[layer], delta[layer]
            if layer > 0:
                d_in = delta[layer - 1]
                for e in range(length):
                    d_in[e] = 0
                    for j in range(w.shape[0]):
                        for k in range(w.shape[1]):
                            d_in[e, k] += w[j, k] * d_out[e, j]
                    for k in range(w.shape[1]):
                        d_in[e, k] *= a_in[e, k] * (1 - a_in[e, k])
            n_in = w.shape[1]
            for j in range(w.shape[0]):
                row[:n_in] = 0
                total = row[0] * 0
                for e in range(length):
                    total += d_out[e, j]
                    for k in range(n_in):
                        row[k] += d_out[e, j] * a_in[e, k]
                for k in range(n_in):
                    w[j, k] -= eta / length * row[k]
                b[j] -= eta / length * total


class NumbaLoops(Peer):
    """Explicit loops, `njit` with `fastmath` so that sums are vectorised."""

    name = "Numba loops"
    left_out_if_slow = True
    one_thread_only = True

    def __init__(self, job, threads):
        super().__init__(job, threads)
        sizes, m, dtype = job.shape.sizes, job.shape.m, job.X.dtype
        self.a = tuple(np.empty((m, size), dtype) for size in sizes)
        self.delta = tuple(np.empty((m, size), dtype) for size in sizes[1:])
        self.row = np.empty(max(sizes), dtype)
        self.eta = dtype.type(job.shape.eta)

    def restart(self):
        self.w = tuple(w.copy() for w in self.job.weights)
        self.b = tuple(b.ravel().copy() for b in self.job.biases)

    def epoch(self, order):
        train_epoch(
            self.job.X,
            self.job.Y,
            order,
            self.w,
            self.b,
            self.a,
            self.delta,
            self.row,
            self.job.shape.m,
            self.eta,
        )

    def parameters(self):
        return list(self.w), [b[:, np.newaxis] for b in self.b]

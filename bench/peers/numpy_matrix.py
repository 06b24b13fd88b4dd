"""The chapter's "fully matrix-based approach" in NumPy: a mini-batch as one matrix."""

import numpy as np

from peers.peer import Peer


class Buffers:
    """The arrays that one mini-batch length needs, made once and written in place."""

    def __init__(self, sizes, m, dtype):
        self.a = [np.empty((m, size), dtype) for size in sizes]
        self.y = np.empty((m, sizes[-1]), dtype)
        self.delta = [np.empty((m, size), dtype) for size in sizes[1:]]
        self.slope = [np.empty((m, size), dtype) for size in sizes[1:]]


class NumpyMatrix(Peer):
    """Rows are examples; weights are stored (n_in, n_out), so that A W needs no transpose.

    Every array is made once, every operation writes in place, a mini-batch is gathered into
    a contiguous matrix that is then still in cache.
    """

    name = "NumPy matrix"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        sizes, m, dtype = job.shape.sizes, job.shape.m, job.X.dtype
        lengths = {min(m, job.n), job.n % m} - {0}
        self.buffers = {length: Buffers(sizes, length, dtype) for length in lengths}
        self.nabla_w = [
            np.empty((n_in, n_out), dtype) for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self.nabla_b = [np.empty(n_out, dtype) for n_out in sizes[1:]]

    def restart(self):
        self.w = [np.array(w.T, order="C") for w in self.job.weights]
        self.b = [b.ravel().copy() for b in self.job.biases]

    def epoch(self, order):
        m, eta = self.job.shape.m, self.job.shape.eta
        with np.errstate(over="ignore"):
            for begin in range(0, len(order), m):
                self.update_mini_batch(order[begin : begin + m], eta)

    def update_mini_batch(self, rows, eta):
        """Take one step of gradient descent on the examples `rows`."""
        use = self.buffers[len(rows)]
        # mode="clip" because the default copies through a temporary array; no index is clipped.
        np.take(self.job.X, rows, axis=0, out=use.a[0], mode="clip")
        np.take(self.job.Y, rows, axis=0, out=use.y, mode="clip")
        for w, b, a_in, a in zip(self.w, self.b, use.a, use.a[1:], strict=False):
            np.matmul(a_in, w, out=a)
            np.add(a, b, out=a)
            np.negative(a, out=a)
            np.exp(a, out=a)
            np.add(a, 1, out=a)
            np.reciprocal(a, out=a)
        np.subtract(use.a[-1], use.y, out=use.delta[-1])
        # The step's factor goes into the output error, the smallest of the arrays.
        np.multiply(use.delta[-1], eta / len(rows), out=use.delta[-1])
        for layer in reversed(range(len(self.w))):
            a, delta, slope = use.a[layer + 1], use.delta[layer], use.slope[layer]
            np.subtract(1, a, out=slope)
            np.multiply(slope, a, out=slope)
            np.multiply(delta, slope, out=delta)
            if layer:
                np.matmul(delta, self.w[layer].T, out=use.delta[layer - 1])
            np.matmul(use.a[layer].T, delta, out=self.nabla_w[layer])
            np.subtract(self.w[layer], self.nabla_w[layer], out=self.w[layer])
            np.add.reduce(delta, axis=0, out=self.nabla_b[layer])
            np.subtract(self.b[layer], self.nabla_b[layer], out=self.b[layer])

    def parameters(self):
        return [w.T for w in self.w], [b[:, np.newaxis] for b in self.b]

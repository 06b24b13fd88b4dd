"""The loop that a C programmer writes in an afternoon: c_loop.c, dense, for this processor."""

import ctypes

import numpy as np

from peers import native
from peers.peer import Peer

FLAGS = ["-std=gnu11", "-O3", "-march=native", "-ffast-math"]
# Multiplications of a product from which OpenBLAS is faster than the loop, tried from 2^18 to 2^24.
BLAS_FROM = 4e6


def loop(dtype):
    """Return c_loop.c compiled for a type, with OpenBLAS where that is installed for C."""
    flags = [*FLAGS, f"-DREAL={'double' if dtype == np.float64 else 'float'}"]
    try:
        found = native.library("c_loop.c", [*flags, "-DBLAS"], libraries=["openblas", "m"])
    except ImportError:
        found = native.library("c_loop.c", flags, libraries=["m"])
    found.new_network.restype = ctypes.c_void_p
    return found


def pointer(array):
    """Return where an array's numbers are."""
    return ctypes.c_void_p(array.ctypes.data)


class CLoop(Peer):
    """C through ctypes, a call an epoch."""

    name = "C loop"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.loop = loop(job.X.dtype)
        self.X, self.Y = np.ascontiguousarray(job.X), np.ascontiguousarray(job.Y)
        sizes = job.shape.sizes
        c_sizes = (ctypes.c_int * len(sizes))(*sizes)
        m = min(job.shape.m, job.n)
        made = self.loop.new_network(len(sizes) - 1, c_sizes, m, ctypes.c_double(BLAS_FROM))
        if not made:
            raise MemoryError
        self.net = ctypes.c_void_p(made)

    def __del__(self):
        if hasattr(self, "net"):
            self.loop.free_network(self.net)

    def restart(self):
        for i, (w, b) in enumerate(zip(self.job.weights, self.job.biases, strict=True)):
            self.loop.set_layer(self.net, i, pointer(w), pointer(b))

    def epoch(self, order):
        order = np.ascontiguousarray(order, np.int64)
        n, eta = ctypes.c_int64(len(order)), ctypes.c_double(self.job.shape.eta)
        self.loop.train_epoch(self.net, pointer(self.X), pointer(self.Y), pointer(order), n, eta)

    def parameters(self):
        weights = [np.empty_like(w) for w in self.job.weights]
        biases = [np.empty_like(b) for b in self.job.biases]
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            self.loop.get_layer(self.net, i, pointer(w), pointer(b))
        return weights, biases

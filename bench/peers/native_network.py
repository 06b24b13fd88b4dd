"""Peers that are C or C++ behind five functions: new_, free_network, set_, get_layer and train_epoch."""

import ctypes

import numpy as np

from peers.peer import Peer


def pointer(array):
    """Return where an array's numbers are."""
    return ctypes.c_void_p(array.ctypes.data)


class NativeNetwork(Peer):
    """A network behind a shared library with the functions of c_loop.c, called once an epoch."""

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.library = self.compiled()
        self.X, self.Y = np.ascontiguousarray(job.X), np.ascontiguousarray(job.Y)
        sizes = job.shape.sizes
        self.library.new_network.restype = ctypes.c_void_p
        made = self.library.new_network(
            len(sizes) - 1, (ctypes.c_int * len(sizes))(*sizes), min(job.shape.m, job.n)
        )
        if not made:
            raise MemoryError
        self.net = ctypes.c_void_p(made)
        address = ctypes.c_void_p
        self.library.train_epoch.argtypes = (
            address,
            address,
            address,
            address,
            ctypes.c_int64,
            ctypes.c_double,
        )
        self.arguments = self.net, pointer(self.X), pointer(self.Y)

    def compiled(self):
        """Return the shared library, for the job's type and shape."""
        raise NotImplementedError

    def __del__(self):
        if hasattr(self, "net"):
            self.library.free_network(self.net)

    def restart(self):
        for i, (w, b) in enumerate(zip(self.job.weights, self.job.biases, strict=True)):
            self.library.set_layer(self.net, i, pointer(w), pointer(b))

    def epoch(self, order):
        order = order.astype(np.int64, copy=False)
        self.library.train_epoch(*self.arguments, order.ctypes.data, len(order), self.job.shape.eta)

    def parameters(self):
        weights = [np.empty_like(w) for w in self.job.weights]
        biases = [np.empty_like(b) for b in self.job.biases]
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            self.library.get_layer(self.net, i, pointer(w), pointer(b))
        return weights, biases

"""Epochs, single calls, and what importing costs."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np

from cbackprop import Network

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import jobs

EPOCHS = 10


def network(job):
    """Return a network that starts where the job says."""
    net = Network(list(job.shape.sizes), dtype=job.X.dtype)
    net.weights, net.biases = [w.copy() for w in job.weights], [b.copy() for b in job.biases]
    return net


class Epochs:
    """SGD, which packs the examples once a call."""

    params = (["784-30-10, 10", "784-100-10, 10", "2-3-1, 4"], ["float64", "float32"])
    param_names = ("network", "dtype")

    def setup(self, name, dtype):
        self.job = jobs.make(jobs.SHAPES[name], np.dtype(dtype), sample=True)
        self.net = network(self.job)
        self.epochs = 1_000 if self.job.n < 100 else EPOCHS

    def time_sgd(self, name, dtype):
        """Ten epochs, of XOR a thousand."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.net.SGD(
                (self.job.X, self.job.Y), self.epochs, self.job.shape.m, self.job.shape.eta, n_threads=1
            )


class Calls:
    """The calls that a script makes of its own."""

    params = ("784-30-10, 10", "2-3-1, 4")
    param_names = ("network",)

    def setup(self, name):
        self.job = jobs.make(jobs.SHAPES[name], np.dtype("float64"), sample=True)
        self.net = network(self.job)
        self.x, self.y = self.job.X[0][:, np.newaxis], self.job.Y[0][:, np.newaxis]
        self.mini_batch = [(x[:, np.newaxis], y[:, np.newaxis]) for x, y in zip(self.job.X[:10], self.job.Y)]

    def time_feedforward(self, name):
        """One example."""
        self.net.feedforward(self.x)

    def time_backprop(self, name):
        """One example."""
        self.net.backprop(self.x, self.y)

    def time_update_mini_batch(self, name):
        """Up to ten examples."""
        self.net.update_mini_batch(self.mini_batch, 0.5)


def timeraw_import():
    """Return what a new Python runs: NumPy is imported beforehand."""
    return "import cbackprop", "import numpy"

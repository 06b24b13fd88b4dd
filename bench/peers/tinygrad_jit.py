"""tinygrad on the processor: a step of gradient descent is one captured call."""

import os
import shutil

if shutil.which("clang") is None:
    raise ImportError("tinygrad compiles with clang, which is not there")
os.environ |= {"DEV": "CPU", "CC": "clang"}

import numpy as np
from tinygrad import Tensor, TinyJit

from peers.peer import Peer


class TinygradJit(Peer):
    """`backward()` under TinyJit, which compiles the step; it gathers the mini-batch too, as that is faster.

    Not with tinygrad's optimiser, whose rate is a float32.
    """

    name = "tinygrad"
    left_out_if_slow = True
    one_thread_only = True

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.X, self.Y = (Tensor(np.array(array)).realize() for array in (job.X, job.Y))
        self.w = [Tensor(np.array(w.T, order="C")).realize().is_param_() for w in job.weights]
        self.b = [Tensor(b.ravel().copy()).realize().is_param_() for b in job.biases]
        # A captured call is for one length of mini-batch, and for these parameters.
        self.steps = {length: TinyJit(self.step) for length in {min(job.shape.m, job.n), job.n % job.shape.m}}

    def restart(self):
        for tensors, arrays in ((self.w, [w.T for w in self.job.weights]), (self.b, self.job.biases)):
            for tensor, array in zip(tensors, arrays, strict=True):
                tensor.assign(Tensor(np.array(array, order="C").reshape(tensor.shape))).realize()

    def step(self, rows):
        """Take one step of gradient descent on the examples `rows`."""
        a, parameters = self.X[rows], [*self.w, *self.b]
        for w, b in zip(self.w, self.b, strict=True):
            a = (a @ w + b).sigmoid()
        # The step's factor goes into the loss.
        loss = ((a - self.Y[rows]) ** 2).sum() * (self.job.shape.eta / (2 * len(rows)))
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        for parameter in parameters:
            parameter.assign(parameter.detach() - parameter.grad)
        Tensor.realize(*parameters)

    def epoch(self, order):
        m, order = self.job.shape.m, order.astype(np.int32)
        for begin in range(0, len(order), m):
            rows = order[begin : begin + m]
            self.steps[len(rows)](Tensor(rows).realize())

    def finish(self):
        self.b[-1].numpy()

    def parameters(self):
        return [w.numpy().T for w in self.w], [b.numpy()[:, np.newaxis] for b in self.b]

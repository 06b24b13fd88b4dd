"""The package's NumPy reference."""

import numpy as np

from cbackprop.reference.network import ReferenceNetwork
from peers.through_sgd import ThroughSGD


class Reference(ThroughSGD):
    """The package's NumPy reference, one example at a time as in the chapter."""

    name = "NumPy reference"
    left_out_if_slow = True
    one_thread_only = True

    def network(self):
        return ReferenceNetwork(list(self.job.shape.sizes), dtype=self.job.X.dtype)

    def examples(self):
        return [(x[:, np.newaxis], y[:, np.newaxis]) for x, y in zip(self.job.X, self.job.Y, strict=True)]

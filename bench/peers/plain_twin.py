"""The package's plain NumPy twin."""

import numpy as np

from cbackprop.twin import PlainNetwork
from peers.through_sgd import ThroughSGD


class Twin(ThroughSGD):
    """The package's plain NumPy twin, one example at a time as in the chapter."""

    name = "plain twin"
    loops_over_examples = True
    one_thread_only = True

    def network(self):
        return PlainNetwork(list(self.job.shape.sizes), dtype=self.job.X.dtype)

    def examples(self):
        return [(x[:, np.newaxis], y[:, np.newaxis]) for x, y in zip(self.job.X, self.job.Y, strict=True)]

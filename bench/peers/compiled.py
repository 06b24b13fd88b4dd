"""This package."""

from cbackprop import Network
from peers.through_sgd import ThroughSGD


class Compiled(ThroughSGD):
    """`cbackprop.Network`, given the arrays as they are."""

    name = "cbackprop"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.options = {"n_threads": threads}
        self.packing = []

    def network(self):
        return Network(list(self.job.shape.sizes), dtype=self.job.X.dtype)

    def examples(self):
        return self.job.X, self.job.Y if self.job.labels is None else self.job.labels

    def timed(self, seed, epochs):
        """Time the epochs after the first of one call.

        `SGD` packs the examples once a call; no peer's preparation counts, so this one is taken
        out of the epochs and reported beside them. The shuffle is inside, as the peers' is not.
        """
        marks = self.sgd(seed, 1 + epochs)
        seconds = marks[-1] - marks[1]
        self.packing.append(max(0.0, marks[1] - marks[0] - seconds / epochs))
        return seconds

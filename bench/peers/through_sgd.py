"""Networks with the book's API, timed through the call that a user makes: `SGD`."""

import contextlib
import random
import time

from peers.peer import EpochClock, Peer


class ThroughSGD(Peer):
    """A network with the book's API."""

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.net = self.network()
        self.options = {}

    def network(self):
        """Return a network of the job's sizes."""
        raise NotImplementedError

    def examples(self):
        """Return the training data in the form that `SGD` is given here."""
        raise NotImplementedError

    def restart(self):
        self.net.weights = [w.copy() for w in self.job.weights]
        self.net.biases = [b.copy() for b in self.job.biases]

    def parameters(self):
        return self.net.weights, self.net.biases

    def sgd(self, seed, epochs):
        """Call `SGD` and return the times of its beginning and of each epoch's end."""
        examples, clock = self.examples(), EpochClock()
        random.seed(seed)
        with contextlib.redirect_stdout(clock):
            begun = time.perf_counter()
            self.net.SGD(examples, epochs, self.job.shape.m, self.job.shape.eta, **self.options)
        return [begun, *clock.marks]

    def train(self, seed, epochs):
        marks = self.sgd(seed, epochs)
        return marks[-1] - marks[0]

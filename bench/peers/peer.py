"""What every peer of the benchmark has to do."""

import time

import jobs


class Peer:
    """One way to train a job's network by mini-batch gradient descent.

    A peer prepares its data and its parameters when it is made, which is not timed; an epoch
    starts from the order of the examples and ends with the parameters updated. The cost is the
    quadratic one, the activation the sigmoid, the step eta / m times the summed gradient.
    """

    name = ""
    same_cost = True  # False: trains another cost function, so its parameters differ
    loops_over_examples = False  # True: left out where a shape says it is slow
    one_thread_only = False

    def __init__(self, job, threads):
        self.job = job
        self.threads = threads

    def restart(self):
        """Set the parameters back to those that the job starts from."""
        raise NotImplementedError

    def epoch(self, order):
        """Train one epoch on the examples in this order."""
        raise NotImplementedError

    def finish(self):
        """Wait for work that was only queued."""

    def parameters(self):
        """Return the weights [(n_out, n_in)] and the biases [(n_out, 1)]."""
        raise NotImplementedError

    def outputs(self, X):
        """Return the trained network's outputs, one row an example."""
        return jobs.outputs(X, *self.parameters())

    def train(self, seed, epochs):
        """Train some epochs and return the seconds they took."""
        drawn = jobs.orders(self.job.n, epochs, seed)
        begun = time.perf_counter()
        for order in drawn:
            self.epoch(order)
        self.finish()
        return time.perf_counter() - begun

    def timed(self, seed, epochs):
        """Return the seconds that some epochs take, without what is done once a call."""
        return self.train(seed, epochs)

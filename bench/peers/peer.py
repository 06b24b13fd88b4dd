"""What every peer of the benchmark has to do."""

import contextlib
import io
import time

import jobs


class EpochClock(io.TextIOBase):
    """A standard output that notes the time at which each `Epoch ...` line is printed."""

    def __init__(self):
        self.marks = []

    def write(self, text):
        """Note the time of a line that ends an epoch."""
        if text.startswith("Epoch"):
            self.marks.append(time.perf_counter())
        return len(text)


class Peer:
    """One way to train a job's network by mini-batch gradient descent.

    A peer prepares its data and its parameters when it is made, which is not timed; an epoch
    starts from the order of the examples and ends with the parameters updated. The cost is the
    quadratic one, the activation the sigmoid, the step eta / m times the summed gradient.
    """

    name = ""
    same_cost = True  # False: trains another cost function, so its parameters differ
    own_start = False  # True: starts from parameters of its own
    left_out_if_slow = False  # True: takes minutes where a shape says it is slow
    one_thread_only = False
    dtypes = ("float64", "float32")

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
        """Train some epochs, print a line after each as the book does, and return the seconds they took."""
        orders = jobs.orders(self.job.n, epochs, seed)
        if not self.job.shape.times_shuffles:
            orders = list(orders)
        with contextlib.redirect_stdout(EpochClock()):
            begun = time.perf_counter()
            for j, order in enumerate(orders):
                self.epoch(order)
                print(f"Epoch {j} complete")
            self.finish()
            return time.perf_counter() - begun

    def timed(self, seed, epochs):
        """Return the seconds that some epochs take, without what is done once a call."""
        return self.train(seed, epochs)

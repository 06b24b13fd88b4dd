"""The loop over epochs, and the line after each: for network, network2 and their NumPy reference.

A tiny network's epoch takes a microsecond, so the loop is compiled.
"""

from cbackprop._warnings import Health


def run_epochs(net, numbers, eta, train_epoch, after_epoch):
    """Train `net` for at most so many epochs as there are numbers.

    Parameters
    ----------
    net : Network
    numbers : iterator of int
        The numbers of the epochs. What is left in it shows how many were not begun.
    eta : float
        The learning rate eta of the first epoch.
    train_epoch : callable
        train_epoch(eta) trains on every mini-batch once. It returns whether the parameters are finite.
    after_epoch : callable
        after_epoch(j, eta, health) reports on epoch j. It returns the next eta and whether training stops.
    """
    cdef bint is_first = True, finite
    health = Health(net)
    for j in numbers:
        finite = train_epoch(eta)
        if is_first or not finite:
            is_first = False
            health.look(j, finite)
        eta, stops = after_epoch(j, eta, health)
        if stops:
            break


def say_nothing(text):
    """Take the place of `print`."""


cdef class TestReport:
    """What network.py prints after an epoch.

    Parameters
    ----------
    net : Network
    n : int
        The number of test examples.
    correct : callable
        correct() is the number that the network answers right.
    verbose : bool
        Whether lines are printed.

    Attributes
    ----------
    epochs : int
        How many are completed, those before this call included.
    """

    cdef readonly object net, n, correct, say, epochs

    def __init__(self, net, n, correct, verbose=True):
        self.net, self.n, self.correct = net, n, correct
        self.say = net._cbackprop.module.print if verbose else say_nothing
        self.epochs = 0

    def run(self, epochs, eta, train_epoch, first=0):
        """Train for at most `epochs` epochs, the first of which has the number `first`."""
        numbers = iter(range(first, first + epochs))
        completed = 0
        try:
            run_epochs(self.net, numbers, eta, train_epoch, self.after_epoch)
            completed = 1   # the epoch that was begun last
        finally:
            begun = next(numbers, first + max(epochs, 0))
            self.epochs = max(begun - 1 + completed, first)

    def after_epoch(self, j, eta, health):
        """Print the line of epoch j."""
        if self.n:
            self.say(f"Epoch {j}: {self.correct()} / {self.n}")
        else:
            self.say(f"Epoch {j} complete")
        return eta, False

"""What every peer of estimators.py has to do."""

import time
import warnings

import numpy as np

from peers.peer import Peer


class Classifier(Peer):
    """One way to train a job of cases.py: relu hidden layers, softmax and cross-entropy, L2, mini-batches.

    `build` is not timed. `fit` is what a user calls, or writes.
    """

    takes_csr = False

    def build(self, seed, epochs):
        """Make the network, ready to be trained."""
        raise NotImplementedError

    def fit(self, epochs):
        """Train it."""
        raise NotImplementedError

    def outputs(self, X):
        """Return the probabilities of the classes, (n, n_classes)."""
        raise NotImplementedError

    def restart(self):
        """Nothing: `train` begins anew."""

    def train(self, seed, epochs):
        self.build(seed, epochs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged: the number of epochs is set
            begun = time.perf_counter()
            self.fit(epochs)
            return time.perf_counter() - begun


def probabilities(logits):
    """Return those of the classes: of two, one logit is that of the second against the first."""
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

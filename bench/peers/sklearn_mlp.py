"""scikit-learn's MLPClassifier with plain gradient descent."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from peers.peer import Peer


class SklearnMLP(Peer):
    """Sigmoid hidden layers, mini-batches, constant rate, no momentum, no penalty.

    It has no quadratic cost for classification: it trains softmax and cross-entropy, which is
    about the same arithmetic, at a rate that is_compatible that cost. It shuffles by itself.
    """

    name = "scikit-learn"
    same_cost = False
    own_start = True

    def __init__(self, job, threads):
        super().__init__(job, threads)
        self.labels = job.Y.ravel().astype(int) if job.labels is None else job.labels
        self.classes = np.arange(max(2, job.shape.sizes[-1]))

    def restart(self):
        shape = self.job.shape
        self.model = MLPClassifier(
            shape.sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=min(shape.m, self.job.n),
            learning_rate="constant",
            learning_rate_init=shape.eta / 6 if shape.softmax_eta is None else shape.softmax_eta,
            momentum=0.0,
            nesterovs_momentum=False,
            random_state=1,
        )

    def epoch(self, order):
        self.model.partial_fit(self.job.X, self.labels, classes=self.classes)

    def outputs(self, X):
        probabilities = self.model.predict_proba(X)
        return probabilities[:, 1:] if self.job.Y.shape[1] == 1 else probabilities

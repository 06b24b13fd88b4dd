"""scikit-learn's MLPClassifier, and ours."""

import numpy as np
from sklearn import neural_network

from cbackprop import sklearn as ours
from peers.classifier import Classifier


class ScikitLearn(Classifier):
    """The estimator of `sklearn.neural_network`."""

    name = "scikit-learn"
    takes_csr = True
    estimator = neural_network.MLPClassifier
    patience = np.inf  # epochs without an improvement

    def build(self, seed, epochs):
        self.model = self.estimator(
            random_state=seed, max_iter=epochs, n_iter_no_change=self.patience, **self.job.case.parameters
        )

    def fit(self, epochs):
        self.model.fit(self.job.X, self.job.y)

    def outputs(self, X):
        return self.model.predict_proba(X)


class Ours(ScikitLearn):
    """The estimator of `cbackprop.sklearn`."""

    name = "cbackprop"
    estimator = ours.MLPClassifier

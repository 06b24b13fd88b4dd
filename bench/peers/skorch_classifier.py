"""skorch: PyTorch behind scikit-learn's interface."""

import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier

from peers.classifier import Classifier
from peers.torch_classifier import Layers, loss_of, optimizer_of, targets_of


class Skorch(Classifier):
    """skorch's classifier, with shuffling and without the validation set that it would split off."""

    name = "skorch"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        torch.set_num_threads(threads)
        self.y = targets_of(job)

    def build(self, seed, epochs):
        torch.manual_seed(seed)
        kind = NeuralNetBinaryClassifier if self.job.sizes[-1] == 1 else NeuralNetClassifier
        optimizer, arguments = optimizer_of(self.job)
        self.net = kind(
            Layers,
            module__sizes=self.job.sizes,
            criterion=loss_of(self.job),
            optimizer=optimizer,
            max_epochs=epochs,
            batch_size=self.job.m,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
            **{f"optimizer__{name}": value for name, value in arguments.items()},
        )

    def fit(self, epochs):
        self.net.fit(self.job.X, self.y)

    def outputs(self, X):
        return self.net.predict_proba(X)

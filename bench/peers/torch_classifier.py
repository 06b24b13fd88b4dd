"""PyTorch's optimisers on a network of its layers, in a plain loop over mini-batches."""

import torch

from peers.classifier import Classifier, probabilities


class Layers(torch.nn.Sequential):
    """Linear layers with relu between them, in float64, from Glorot's start; the outputs are logits."""

    def __init__(self, sizes):
        layers = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
            linear = torch.nn.Linear(n_in, n_out, dtype=torch.float64)
            torch.nn.init.xavier_uniform_(linear.weight)
            layers += [linear, torch.nn.ReLU()]
        super().__init__(*layers[:-1])


def loss_of(job):
    """Return the class of the loss: of two classes there is one logit."""
    return torch.nn.BCEWithLogitsLoss if job.sizes[-1] == 1 else torch.nn.CrossEntropyLoss


def targets_of(job):
    """Return y as that loss takes it."""
    return job.y.astype("float64") if job.sizes[-1] == 1 else job.y.astype("int64")


def optimizer_of(job):
    """Return the class of the optimiser, and its arguments. Its weight decay is of the biases too."""
    given = job.settings
    arguments = {"lr": given["learning_rate_init"], "weight_decay": given["alpha"] / job.m}
    if given["solver"] == "adam":
        betas = given["beta_1"], given["beta_2"]
        return torch.optim.Adam, arguments | {"betas": betas, "eps": given["epsilon"]}
    momentum = given["momentum"]
    nesterov = given["nesterovs_momentum"] and momentum > 0
    return torch.optim.SGD, arguments | {"momentum": momentum, "nesterov": nesterov}


class TorchLoop(Classifier):
    """A loop over the splits of a random permutation, which costs less than a DataLoader."""

    name = "PyTorch"

    def __init__(self, job, threads):
        super().__init__(job, threads)
        torch.set_num_threads(threads)
        self.X, self.y = torch.from_numpy(job.X), torch.from_numpy(targets_of(job))
        if job.sizes[-1] == 1:
            self.y = self.y[:, None]

    def build(self, seed, epochs):
        torch.manual_seed(seed)
        self.model = Layers(self.job.sizes)
        make, arguments = optimizer_of(self.job)
        self.optimizer = make(self.model.parameters(), **arguments)
        self.loss = loss_of(self.job)()

    def fit(self, epochs):
        for _ in range(epochs):
            for rows in torch.randperm(len(self.X)).split(self.job.m):
                loss = self.loss(self.model(self.X[rows]), self.y[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

    def outputs(self, X):
        with torch.inference_mode():
            return probabilities(self.model(torch.from_numpy(X)).numpy())

"""Who takes part in ``cbackprop bench``, and what each of them trains."""

from __future__ import annotations

import contextlib
import io
import random
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from cbackprop import network, network2
from cbackprop.reference.network import ReferenceNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFTMAX_RATE = 0.5  # for softmax and cross-entropy, whose gradients are larger


class Job(NamedTuple):
    """A network to train: from these weights and biases, on these examples, by gradient descent at rate η."""

    sizes: list[int]
    m: int
    eta: float
    X: NDArray[Any]
    labels: NDArray[np.int64]
    weights: list[NDArray[Any]]
    biases: list[NDArray[Any]]

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{'-'.join(map(str, self.sizes))}, mini-batches of {self.m}"

    def head(self, n: int) -> Job:
        """The job with its first n examples."""
        return self._replace(X=self.X[:n], labels=self.labels[:n])


class Rival:
    """A library that trains the job. Each epoch draws its order by random.shuffle, as in the book."""

    name: ClassVar[str]
    package: ClassVar[str]
    trains_same_cost: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        self.job = job
        self.begin()

    def begin(self) -> None:
        """Start from the job's weights."""
        raise NotImplementedError

    def train(self, epochs: int) -> None:
        """Train for so many epochs."""
        raise NotImplementedError

    def parameters(self) -> list[NDArray[Any]]:
        """The weights, then the biases as columns."""
        raise NotImplementedError

    def answers(self, X: NDArray[Any]) -> NDArray[np.int64]:
        """The classes of these rows."""
        raise NotImplementedError


class Ours(Rival):
    """The package itself."""

    name, package = "cbackprop", "cbackprop"
    network: ClassVar[type[Any]] = network.Network

    def begin(self) -> None:
        job = self.job
        self.net = self.network(job.sizes, dtype=job.X.dtype)
        self.net.weights = [w.copy() for w in job.weights]
        self.net.biases = [b.copy() for b in job.biases]

    def train(self, epochs: int) -> None:
        job = self.job
        self.net.SGD((job.X, job.labels), epochs, job.m, job.eta, verbose=False)

    def parameters(self) -> list[NDArray[Any]]:
        return [*self.net.weights, *self.net.biases]

    def answers(self, X: NDArray[Any]) -> NDArray[np.int64]:
        return self.net.predict(X)


class Reference(Ours):
    """The book's code: one example at a time, in NumPy."""

    name, package = "the book's NumPy", "numpy"
    network = ReferenceNetwork

    def train(self, epochs: int) -> None:
        job = self.job
        targets = np.eye(job.sizes[-1], dtype=job.X.dtype)[job.labels]
        pairs = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(job.X, targets)]
        with contextlib.redirect_stdout(io.StringIO()):
            self.net.SGD(pairs, epochs, job.m, job.eta)


class Matrices(Rival):
    """A mini-batch at a time, in NumPy: what a good chapter 2 solution does."""

    name, package = "NumPy matrices", "numpy"

    def begin(self) -> None:
        job = self.job
        self.w, self.b = [w.copy() for w in job.weights], [b.ravel().copy() for b in job.biases]
        self.Y = np.eye(job.sizes[-1], dtype=job.X.dtype)[job.labels]

    def forward(self, X: NDArray[Any]) -> list[NDArray[Any]]:
        """The activations of every layer."""
        a = [X]
        with np.errstate(over="ignore"):
            for w, b in zip(self.w, self.b):
                a.append(1 / (1 + np.exp(-(a[-1] @ w.T + b))))
        return a

    def train(self, epochs: int) -> None:
        job = self.job
        for _ in range(epochs):
            order = shuffled(len(job.X))
            for start in range(0, len(order), job.m):
                rows = order[start : start + job.m]
                a = self.forward(job.X[rows])
                delta = (a[-1] - self.Y[rows]) * a[-1] * (1 - a[-1])
                for layer in reversed(range(len(self.w))):
                    nabla_w, nabla_b = delta.T @ a[layer], delta.sum(axis=0)
                    if layer:
                        delta = delta @ self.w[layer] * a[layer] * (1 - a[layer])
                    self.w[layer] -= job.eta / len(rows) * nabla_w
                    self.b[layer] -= job.eta / len(rows) * nabla_b

    def parameters(self) -> list[NDArray[Any]]:
        return [*self.w, *(b.reshape(-1, 1) for b in self.b)]

    def answers(self, X: NDArray[Any]) -> NDArray[np.int64]:
        return self.forward(X)[-1].argmax(axis=1)


class Torch(Rival):
    """`nn.Sequential`, a loss, `backward()` and `torch.optim.SGD`, with the threads that it takes."""

    name, package = "PyTorch", "torch"
    n_threads: ClassVar[int | None] = None
    torch: Any

    def begin(self) -> None:
        job = self.job
        torch = self.torch = import_module("torch")
        layers: list[Any] = []
        for w, b in zip(job.weights, job.biases):
            linear = torch.nn.Linear(w.shape[1], w.shape[0], dtype=torch.from_numpy(w).dtype)
            linear.weight.data = torch.from_numpy(w.copy())
            linear.bias.data = torch.from_numpy(b.ravel().copy())
            layers += [linear, torch.nn.Sigmoid()]
        self.model = torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=job.eta)
        self.X = torch.from_numpy(job.X)
        self.Y = torch.eye(job.sizes[-1], dtype=self.X.dtype)[torch.from_numpy(job.labels)]

    def train(self, epochs: int) -> None:
        own = self.torch.get_num_threads()
        self.torch.set_num_threads(self.n_threads or own)
        for _ in range(epochs):
            for rows in self.torch.from_numpy(shuffled(len(self.X))).split(self.job.m):
                self.optimizer.zero_grad()
                error = self.model(self.X[rows]) - self.Y[rows]
                ((error * error).sum() / (2 * len(rows))).backward()
                self.optimizer.step()
        self.torch.set_num_threads(own)

    def parameters(self) -> list[NDArray[Any]]:
        found = [parameter.detach().numpy() for parameter in self.model.parameters()]
        return [*found[::2], *(b.reshape(-1, 1) for b in found[1::2])]

    def answers(self, X: NDArray[Any]) -> NDArray[np.int64]:
        with self.torch.no_grad():
            return self.model(self.torch.from_numpy(X)).argmax(dim=1).numpy()


class TorchOneThread(Torch):
    """PyTorch, where more threads are no faster."""

    name = "PyTorch, 1 thread"
    n_threads = 1


class ScikitLearn(Rival):
    """`MLPClassifier` by plain gradient descent. It has softmax and cross-entropy, and weights of its own."""

    name, package = "scikit-learn", "sklearn"
    trains_same_cost = False

    def begin(self) -> None:
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415  (it may not be installed)

        job = self.job
        self.classes = np.arange(job.sizes[-1])
        self.model = MLPClassifier(
            job.sizes[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0.0,
            batch_size=min(job.m, len(job.X)),
            learning_rate_init=SOFTMAX_RATE,
            momentum=0.0,
            nesterovs_momentum=False,
            random_state=1,
        )

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.model.partial_fit(self.job.X, self.job.labels, classes=self.classes)

    def answers(self, X: NDArray[Any]) -> NDArray[np.int64]:
        return self.model.predict(X)


class OurSoftmax(Ours):
    """What the answers of rivals with softmax and cross-entropy are compared with."""

    name = "cbackprop, softmax"

    def begin(self) -> None:
        job = self.job
        self.net = network2.Network(job.sizes, network2.LogLikelihoodCost, dtype=job.X.dtype)

    def train(self, epochs: int) -> None:
        job = self.job
        self.net.SGD((job.X, job.labels), epochs, job.m, SOFTMAX_RATE, verbose=False)


RIVALS: tuple[type[Rival], ...] = (Ours, Reference, Matrices, ScikitLearn, Torch, TorchOneThread)


def shuffled(n: int) -> NDArray[np.int64]:
    """The order of the next epoch, by the generator that SGD draws from."""
    order = list(range(n))
    random.shuffle(order)
    return np.array(order)


def installed() -> list[type[Rival]]:
    """The rivals whose packages are here."""
    return [rival for rival in RIVALS if find_spec(rival.package) is not None]


def version_of(rival: type[Rival]) -> str:
    """The version of its package."""
    try:
        return version({"sklearn": "scikit-learn"}.get(rival.package, rival.package))
    except PackageNotFoundError:
        return "of unknown version"

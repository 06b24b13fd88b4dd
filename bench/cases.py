"""What estimators.py trains: data, the settings by scikit-learn's names, and how much faster we are to be."""

import dataclasses
import functools
import typing
import warnings

import numpy as np

N_TEXTS, N_WORDS, DENSITY = 11_314, 100_000, 0.001  # the sizes of 20 newsgroups


@functools.cache
def breast_cancer():
    """569 × 30, two classes."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import scale

    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


@functools.cache
def digits():
    """1,797 × 64, ten classes."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


@functools.cache
def mnist():
    """Up to 50,000 × 784, ten classes."""
    from cbackprop import mnist_loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample says that it is one
        (X, y), *_ = mnist_loader.load_data()
    return np.asarray(X, np.float64), np.asarray(y)


def part_of_mnist():
    """The first 6,000 of these."""
    X, y = mnist()
    return X[:6000], y[:6000]


@functools.cache
def texts():
    """11,314 × 100,000, stored sparsely; of 20 classes each has words of its own, one word in 20."""
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(0)
    y = rng.integers(0, 20, N_TEXTS)
    lengths = rng.poisson(DENSITY * N_WORDS, N_TEXTS)
    classes = np.repeat(y, lengths)
    words = rng.integers(0, N_WORDS, lengths.sum())
    typical = rng.random(lengths.sum()) < 0.05
    words[typical] = words[typical] % (N_WORDS // 20) * 20 + classes[typical]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    X = csr_matrix((rng.random(len(words)), words, indptr), shape=(N_TEXTS, N_WORDS))
    X.sum_duplicates()
    return X, y


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of the benchmark.

    `parameters` are those of MLPClassifier that are not its defaults; `target` is how many times as fast as
    scikit-learn we are to be.
    """

    name: str
    data: typing.Callable
    parameters: dict
    epochs: int
    target: int

    def job(self):
        """What every peer is given."""
        X, y = self.data()
        return Job(self, X, y, settings(self.parameters))


@dataclasses.dataclass(frozen=True)
class Job:
    """A case with its data: X (n, n_in), dense or CSR, and y (n,), whole numbers from 0."""

    case: Case
    X: typing.Any
    y: np.ndarray
    settings: dict  # every parameter of MLPClassifier

    @property
    def is_sparse(self):
        """Whether X is stored sparsely."""
        return not isinstance(self.X, np.ndarray)

    @property
    def n_classes(self):
        """Number of classes."""
        return int(self.y.max()) + 1

    @property
    def sizes(self):
        """Neurons of each layer: of two classes, one output neuron gives the probability of the second."""
        n_out = 1 if self.n_classes == 2 else self.n_classes
        return [self.X.shape[1], *self.settings["hidden_layer_sizes"], n_out]

    @property
    def m(self):
        """Examples of a mini-batch."""
        given = self.settings["batch_size"]
        return min(200 if given == "auto" else given, self.X.shape[0])


def settings(parameters):
    """Return all parameters of scikit-learn's MLPClassifier, where these are given."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**parameters).get_params()


CASES = {
    case.name: case
    for case in (
        Case("breast cancer, sgd", breast_cancer, {"solver": "sgd", "hidden_layer_sizes": (30,)}, 50, 20),
        Case("breast cancer, adam", breast_cancer, {"hidden_layer_sizes": (30,)}, 50, 10),
        Case("digits, sgd", digits, {"solver": "sgd"}, 20, 20),
        Case("digits, adam", digits, {}, 20, 10),
        Case(
            "digits 64-32-10, 32, sgd", digits,
            {"solver": "sgd", "hidden_layer_sizes": (32,), "batch_size": 32}, 20, 20,
        ),
        Case("digits 64-32-10, 32, adam", digits, {"hidden_layer_sizes": (32,), "batch_size": 32}, 20, 10),
        Case("MNIST 784-100-10, adam", mnist, {}, 3, 3),
        Case(
            "CSR, sgd without momentum", texts,
            {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1}, 2, 20,
        ),
        Case("CSR, sgd", texts, {"solver": "sgd", "learning_rate_init": 0.02}, 1, 20),
        Case("CSR, adam", texts, {}, 1, 20),
    )
}  # fmt: skip

# Data and parameters that are trained to the end, to compare accuracies over seeds.
SCORED = {
    "breast cancer, sgd": (breast_cancer, {"solver": "sgd", "learning_rate_init": 0.01}),
    "breast cancer, adam": (breast_cancer, {}),
    "digits, sgd": (digits, {"solver": "sgd", "learning_rate_init": 0.01}),
    "digits, adam": (digits, {}),
    "6,000 images of MNIST, adam": (part_of_mnist, {}),
}

"""cbackprop.sklearn beside scikit-learn's own estimators: the same calls, taking turns in one process.

    python bench/estimators.py [--threads 1] [--runs 5] [--cases NAME ...] [--json FILE] [--quick]

Needs scikit-learn (`pip install .[sklearn]`); MNIST as CBACKPROP_MNIST has it, or else the package's sample.
Both estimators start from the same random_state, so they must end with the same answers: exits 1 if their
scores on the training data differ by more than one example in a hundred. Times are of `fit`, for the same
number of epochs.
"""

import argparse
import statistics
import sys
import time
import warnings

import machine
import numpy as np

TARGETS = {"sgd": 20, "adam": 10, "MNIST": 3, "CSR": 20}  # how many times as fast, at least
ALLOWED = 0.01  # of the answers
N_TEXTS, N_WORDS, DENSITY = 11_314, 100_000, 0.001  # the sizes of 20 newsgroups


def breast_cancer():
    """569 × 30, two classes."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import scale

    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


def digits():
    """1,797 × 64, ten classes."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def mnist():
    """Up to 50,000 × 784, ten classes."""
    from cbackprop import mnist_loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sample says that it is one
        (X, y), *_ = mnist_loader.load_data()
    return np.asarray(X, np.float64), np.asarray(y)


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


# The data, the estimators' parameters, epochs, and the target.
CASES = {
    "breast cancer, sgd": (breast_cancer, {"solver": "sgd", "hidden_layer_sizes": (30,)}, 50, "sgd"),
    "breast cancer, adam": (breast_cancer, {"hidden_layer_sizes": (30,)}, 50, "adam"),
    "digits, sgd": (digits, {"solver": "sgd"}, 20, "sgd"),
    "digits, adam": (digits, {}, 20, "adam"),
    "64-32-10, 32, sgd": (
        digits, {"solver": "sgd", "hidden_layer_sizes": (32,), "batch_size": 32}, 20, "sgd",
    ),
    "64-32-10, 32, adam": (digits, {"hidden_layer_sizes": (32,), "batch_size": 32}, 20, "adam"),
    "MNIST 784-100-10, adam": (mnist, {}, 3, "MNIST"),
    "CSR, sgd without momentum": (
        texts, {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1}, 3, "CSR",
    ),
    "CSR, sgd": (texts, {"solver": "sgd", "learning_rate_init": 0.02}, 2, "CSR"),
    "CSR, adam": (texts, {}, 2, "CSR"),
}  # fmt: skip


def fitted(kind, X, y, parameters, epochs):
    """Return an estimator after so many epochs, and the seconds of its fit."""
    estimator = kind(random_state=0, max_iter=epochs, n_iter_no_change=np.inf, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged: the number of epochs is set
        begun = time.perf_counter()
        estimator.fit(X, y)
        return estimator, time.perf_counter() - begun


def checked(name, kinds, X, y, parameters, epochs):
    """Fit each once, and exit if their answers differ."""
    sample = slice(0, 2000)
    scores = [fitted(kind, X, y, parameters, epochs)[0].score(X[sample], y[sample]) for kind in kinds]
    if abs(scores[0] - scores[1]) > ALLOWED:
        sys.exit(f"WRONG RESULT: {name}: accuracies of {scores[0]:.4f} here, {scores[1]:.4f} there")
    return scores[0]


def main():
    """Time both in turns, case by case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    machine.add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5, metavar="R")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="one turn of small cases, to see that it runs")
    arguments = parser.parse_args()
    machine.settle(arguments.threads, arguments.cpu)
    from sklearn import neural_network

    from cbackprop import sklearn as ours

    kinds = ours.MLPClassifier, neural_network.MLPClassifier
    if arguments.quick:
        arguments.runs = 1
        arguments.cases = [case for case in arguments.cases if CASES[case][0] in (breast_cancer, digits)]
    print(
        f"{arguments.threads} processor(s), medians of {arguments.runs} turns of an epoch\n"
        f"{'':28} {'accuracy':>8} {'cbackprop':>11} {'scikit-learn':>13} {'ratio':>7} {'target':>7}"
    )
    rows, data = [], {}
    for name in arguments.cases:
        make, parameters, epochs, target = CASES[name]
        X, y = data[make] if make in data else data.setdefault(make, make())
        epochs = min(epochs, 2) if arguments.quick else epochs
        accuracy = checked(name, kinds, X, y, parameters, epochs)
        taken = [[], []]
        for _ in range(arguments.runs):
            for kind, record in zip(kinds, taken, strict=True):
                record.append(fitted(kind, X, y, parameters, epochs)[1] / epochs)
        here, there = map(statistics.median, taken)
        print(
            f"{name:28} {accuracy:8.4f} {here * 1e3:8.3f} ms {there * 1e3:10.3f} ms {there / here:6.1f}× "
            f"{TARGETS[target]:5d}×",
            flush=True,
        )
        rows.append(
            {
                "case": name,
                "samples": X.shape[0],
                "epochs": epochs,
                "accuracy": accuracy,
                "cbackprop": machine.spread(taken[0]),
                "scikit-learn": machine.spread(taken[1]),
                "ratio": there / here,
                "target": TARGETS[target],
            }
        )
    if arguments.json:
        machine.save({"machine": machine.describe(), "rows": rows}, arguments.json)


if __name__ == "__main__":
    main()

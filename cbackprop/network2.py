"""A drop-in replacement of the book's network2.py that trains from C, with chapter 3's exercises as options.

As in `cbackprop.network`, whatever a reader replaces is called just as the book's code would call it. A
reader's own cost class is asked for the output error and the cost alone; the rest stays compiled.
"""

import json
import random
import sys

import numpy as np

from cbackprop import _arguments, _training, costs
from cbackprop._compiled import Compiled
from cbackprop._descent import Descent
from cbackprop._learning import learn
from cbackprop.activations import Activation
from cbackprop.costs import CrossEntropyCost, LogLikelihoodCost, QuadraticCost
from cbackprop.network import sigmoid, sigmoid_prime
from cbackprop.twin2 import PlainNetwork2, vectorized_result

__all__ = [
    "Activation",
    "CrossEntropyCost",
    "LogLikelihoodCost",
    "Network",
    "QuadraticCost",
    "json",
    "load",
    "np",
    "random",
    "sigmoid",
    "sigmoid_prime",
    "sys",
    "vectorized_result",
]

_OWN_VECTORIZED_RESULT = vectorized_result


class Network(Compiled, PlainNetwork2):
    """A feedforward network with a choice of cost, regularisation and momentum.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    cost : class
        `CrossEntropyCost`, `QuadraticCost`, `LogLikelihoodCost`, whose output layer is softmax, or one of
        the reader's own, with static methods ``fn(a, y)`` and ``delta(z, a, y)``.
    dtype, activation, neuron_activations : keyword only
        As in `cbackprop.network.Network`. With `LogLikelihoodCost` a single `activation` is that of the
        hidden layers; a list may end with ``"softmax"``.

    Attributes
    ----------
    num_layers, sizes, biases, weights, cost
        As in the book: plain attributes, read anew by every call.
    history : list of dict
        For each epoch of the last `SGD`: ``epoch``, ``eta``, the ``seconds`` of training,
        ``monitoring_seconds``, and
        what was monitored by its name: ``training_cost``, ``training_accuracy``, ``evaluation_cost``,
        ``evaluation_accuracy``.
    velocities : (list of ndarray, list of ndarray) or None
        With momentum: those of the weights and of the biases.

    Raises
    ------
    TypeError, ValueError
        As in `cbackprop.network.Network`, and where `cost` is none or does not belong to the output layer.
    """

    _ways_back = ("backprop",)
    _evaluating = ("feedforward", "accuracy", "total_cost")
    _own_sigmoids = sigmoid, sigmoid_prime
    _module = __name__

    def __init__(
        self, sizes, cost=CrossEntropyCost, *, dtype=np.float64, activation="sigmoid", neuron_activations=None
    ):
        dtype = self._check_arguments(sizes, dtype)
        super().__init__(
            sizes, cost, dtype=dtype, activation=activation, neuron_activations=neuron_activations
        )

    def _sigmoids(self):
        return sigmoid, sigmoid_prime

    def _shuffle(self):
        return random.shuffle

    def _descent(self, eta=0.0, shrink=0.0, regularization="L2", mu=0.0):
        own = costs.own_delta(self.cost)
        if own is None or own != "QuadraticCost" or self._activations is not None:
            costs.check(self.cost, self._activations)
        return Descent(eta, shrink, regularization == "L1", mu, own, self.cost)

    def update_mini_batch(self, mini_batch, eta, lmbda, n, *, regularization="L2", mu=0.0):
        """One step of gradient descent on the regularised cost.

        ::

            L2   w → (1 − ηλ/n) w − (η/m) Σ_x ∂C_x/∂w
            L1   w → w − (ηλ/n) sgn(w) − (η/m) Σ_x ∂C_x/∂w
                 b → b − (η/m) Σ_x ∂C_x/∂b

        With momentum, µ > 0, what is added above goes into velocities: v → µv + (…), w → w + v.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta, lmbda : float
            The learning rate η and the regularisation parameter λ.
        n : int
            The size of the whole training data.
        regularization : {"L2", "L1"}
        mu : float
            The momentum µ, 0 to 1; `velocities` are carried on.

        Raises
        ------
        ZeroDivisionError
            Where the mini-batch is empty or n is 0.
        ValueError, TypeError
            As `backprop`, naming the example; nothing has changed then.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # as the book asks, so that an iterator is a TypeError
            mini_batch = list(mini_batch)
        eta, lmbda, n = (_arguments.number(*one) for one in ((eta, "eta"), (lmbda, "lmbda"), (n, "n")))
        mu = _checked_options(regularization, mu)
        if n == 0:
            raise ZeroDivisionError("n is 0: lmbda cannot be divided by it")
        if self._replaced("backprop"):
            if not self._replaced_method("backprop"):
                _training.check_examples(self, mini_batch, "mini_batch")
            if self._is_arrays(mini_batch):
                mini_batch = _arguments.pairs(*mini_batch, n_out=self.sizes[-1])
            super().update_mini_batch(mini_batch, eta, lmbda, n, regularization=regularization, mu=mu)
        else:
            descent = self._descent(eta, eta * (lmbda / n), regularization, mu)
            _training.update_mini_batch(self, mini_batch, descent)

    def SGD(
        self,
        training_data,
        epochs,
        mini_batch_size,
        eta,
        lmbda=0.0,
        evaluation_data=None,
        monitor_evaluation_cost=False,
        monitor_evaluation_accuracy=False,
        monitor_training_cost=False,
        monitor_training_accuracy=False,
        *,
        regularization="L2",
        mu=0.0,
        early_stopping_n=0,
        restore_best=False,
        eta_halving_n=0,
        n_threads=None,
    ):
        """Train by stochastic gradient descent; after each epoch, measure and print what is monitored.

        Parameters
        ----------
        training_data : list of (x, y), or a pair of arrays (X, Y)
            As in `cbackprop.network.Network.SGD`.
        epochs, mini_batch_size : int
        eta, lmbda : float
            The learning rate η, and the regularisation parameter λ.
        evaluation_data : list of (x, label), or a pair of arrays, optional
        monitor_evaluation_cost, monitor_evaluation_accuracy : bool
        monitor_training_cost, monitor_training_accuracy : bool
            What is printed, returned and kept in `history`.
        regularization : {"L2", "L1"}
            Of the weights: (λ/2n) Σ w², or (λ/n) Σ |w|, is added to the cost.
        mu : float
            The momentum µ, 0 to 1: see `update_mini_batch`. Velocities begin at 0.
        early_stopping_n : int
            Stop when the accuracy on the evaluation data has not risen above its best for so many epochs; 0:
            do not.
        restore_best : bool
            Put back, at the end, the parameters of the epoch with the best accuracy on the evaluation data.
        eta_halving_n : int
            Halve η each time that accuracy has not risen above its best for so many epochs, and stop when η
            has come down to 1/128; 0: do not.
        n_threads : int, optional
            As in `cbackprop.network.Network.SGD`.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : lists
            One number an epoch each, or none where it was not monitored. An accuracy is a number of examples.

        Raises
        ------
        ValueError, TypeError
            Where an argument is wrong, naming it and the example; nothing has changed then.
        KeyboardInterrupt
            The network then holds the parameters of a completed mini-batch; so it does after an error in a
            reader's own cost.
        """
        epochs = _arguments.whole(epochs, "epochs")
        mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
        early_stopping_n = _arguments.whole(early_stopping_n, "early_stopping_n", 0)
        eta_halving_n = _arguments.whole(eta_halving_n, "eta_halving_n", 0)
        n_threads = _arguments.threads(n_threads)
        eta, lmbda = _arguments.number(eta, "eta"), _arguments.number(lmbda, "lmbda")
        mu = _checked_options(regularization, mu)
        costs.check(self.cost, self._activations)
        monitored = {
            "evaluation_cost": monitor_evaluation_cost,
            "evaluation_accuracy": monitor_evaluation_accuracy,
            "training_cost": monitor_training_cost,
            "training_accuracy": monitor_training_accuracy,
        }
        monitored = {name for name, wanted in monitored.items() if wanted}
        rules = {
            "early_stopping_n": early_stopping_n,
            "restore_best": restore_best,
            "eta_halving_n": eta_halving_n,
        }
        asked = [f"monitor_{name}" for name in sorted(monitored) if name.startswith("evaluation")]
        asked += [name for name, wanted in rules.items() if wanted]
        training_data = self._examples(training_data, "training_data")
        n = self._count(training_data)
        if evaluation_data is not None:
            evaluation_data = self._examples(evaluation_data, "evaluation_data")
        n_evaluation = 0 if evaluation_data is None else self._count(evaluation_data)
        if asked and not n_evaluation:
            raise ValueError(
                f"evaluation_data is {'empty' if evaluation_data is not None else None}; {asked[0]} needs it"
            )
        if n == 0 and "training_cost" in monitored:
            raise ZeroDivisionError("training_data is empty: monitor_training_cost has no mean")
        options = {}  # a replaced update_mini_batch or total_cost need not know them
        if regularization != "L2":
            options["regularization"] = regularization

        def update(mini_batch, eta):
            momentum = {"mu": mu} if mu else {}
            self.update_mini_batch(mini_batch, eta, lmbda, n, **options, **momentum)

        evaluation = None
        if asked and not self._replaced("feedforward", "accuracy", "total_cost") and self._labels_are_own():
            evaluation = _training.Data(
                self,
                evaluation_data,
                "evaluation_data",
                self._labelled(evaluation_data, True),
                "evaluation_cost" in monitored,
            )
        elif asked and self._labels_are_own():
            labelled = self._labelled(evaluation_data, True)
            methods = ("feedforward", "accuracy", "total_cost")
            self._check_tests(evaluation_data, "evaluation_data", labelled, *methods)
        train, training = self._training(
            training_data,
            mini_batch_size,
            n_threads,
            update,
            lambda eta: self._descent(eta, eta * (lmbda / n) if n else 0.0, regularization, mu),
        )
        watched = monitored | ({"evaluation_accuracy"} if any(rules.values()) else set())
        on_training = _Monitor(
            self, training, "training", training_data, n, watched, lmbda, regularization, options
        )
        on_evaluation = _Monitor(
            self,
            evaluation,
            "evaluation",
            evaluation_data,
            n_evaluation,
            watched,
            lmbda,
            regularization,
            options,
        )
        measures = {}
        for monitor in (on_training, on_evaluation):
            measures[f"{monitor.name}_cost"] = monitor.cost
            measures[f"{monitor.name}_accuracy"] = monitor.accuracy

        def train_epoch(eta):
            train(eta)
            on_training.forget()
            on_evaluation.forget()

        self.velocities = None
        return learn(
            self,
            epochs,
            eta,
            train_epoch,
            measures,
            {"training_accuracy": n, "evaluation_accuracy": n_evaluation},
            monitored,
            early_stopping_n,
            restore_best,
            eta_halving_n,
        )

    def accuracy(self, data, convert=False):
        """How many of the examples the network answers with their label.

        Parameters
        ----------
        data : list of (x, y), or a pair of arrays (X, Y)
        convert : bool
            Whether y is a target column, as in the training data, in place of a label. Of arrays, Y says
            itself.

        Returns
        -------
        int

        Raises
        ------
        ValueError, TypeError
            Where an example has the wrong shape or type, naming it.
        """
        data = self._examples(data, "data")
        if not self._replaced("feedforward"):
            return _training.evaluate(self, data, "data", self._labelled(data, not convert))
        self._check_tests(data, "data", self._labelled(data, not convert), "feedforward")
        if self._is_arrays(data):
            data, convert = _arguments.pairs(*data), False
        return super().accuracy(data, convert)

    def total_cost(self, data, lmbda, convert=False, *, regularization="L2"):
        """The mean of C_x over `data`, plus (λ/2n) Σ w² or, for L1, (λ/n) Σ |w|.

        Parameters
        ----------
        data : list of (x, y), or a pair of arrays (X, Y)
        lmbda : float
            The regularisation parameter λ.
        convert : bool
            Whether y is a label, as in the evaluation data, in place of a target column. Of arrays, Y says
            itself.
        regularization : {"L2", "L1"}

        Returns
        -------
        float

        Raises
        ------
        ZeroDivisionError
            Where `data` is empty.
        ValueError, TypeError
            Where an example has the wrong shape or type, or a label no output neuron, naming it.
        """
        lmbda = _arguments.number(lmbda, "lmbda")
        _checked_options(regularization, 0.0)
        data = self._examples(data, "data")
        n = self._count(data)
        if n == 0:
            raise ZeroDivisionError("data is empty: its cost has no mean")
        if not self._replaced("feedforward") and (not convert or self._labels_are_own()):
            cost = _training.total_cost(self, data, "data", self._labelled(data, convert), self._cost())
            return cost + self._penalty(lmbda, n, regularization)
        if not convert or self._labels_are_own():
            self._check_tests(data, "data", self._labelled(data, convert), "feedforward")
        if self._is_arrays(data):
            data, convert = _arguments.pairs(*data, n_out=self.sizes[-1]), False
        cost = 0.0
        for i, (x, y) in enumerate(data):
            target = self._target(y, f"data[{i}]") if convert else y
            if np.asarray(target).dtype.kind in "biu":
                target = np.asarray(target, np.float64)  # -y of an unsigned 1 is 255, of a bool an error
            cost += float(self.cost.fn(self.feedforward(x), target)) / n
        return cost + self._penalty(lmbda, n, regularization)

    def _cost(self):
        """What the kernels are to take for the cost: a name, or the reader's own function."""
        costs.check(self.cost, self._activations)
        return costs.own_fn(self.cost) or self.cost.fn

    def _labelled(self, data, labelled):
        """Whether each y of `data` is a label: rows of targets in an array are none, whatever was said."""
        return labelled and not (self._is_arrays(data) and data[1].ndim == 2)

    def _target(self, label, name):
        """The target of a label, as long as the output layer unless `vectorized_result` is replaced."""
        if not self._labels_are_own():
            return vectorized_result(label)
        n_out = self.sizes[-1]
        if not (isinstance(label, (int, np.integer)) and 0 <= label < n_out):
            raise ValueError(
                f"{name}: y is {label!r}; expected the label of an output neuron, 0 to {n_out - 1}"
            )
        return np.eye(n_out)[:, [label]]

    def _labels_are_own(self):
        return vectorized_result is _OWN_VECTORIZED_RESULT

    def save(self, filename):
        """Save the network to a file: in the book's JSON, or as NumPy's npz where that is the suffix.

        Parameters
        ----------
        filename : str or path
            Written whole or not at all: until the end the old file stays. Every number is kept to its last
            bit, NaN and infinities too. The file's sizes are those that `weights` and `biases` have.

        Raises
        ------
        TypeError, ValueError
            Where an activation of the user's own cannot be saved, parameters do not fit together, or the name
            ends as another format's does (.onnx, .pt, .pth, .pkl, .pickle, .h5, .keras, .safetensors, .h).
        """
        from cbackprop import _saved  # noqa: PLC0415  (few need it, and it takes time to import)

        _saved.write(self, filename)


def load(filename, cost=None):
    """The network in a file that `Network.save`, or the book's, has written.

    Parameters
    ----------
    filename : str or path
    cost : class, optional
        Takes the place of the one that the file names. Otherwise that is looked up in this module, as in the
        book: pass a class of your own, or put it here first (``network2.MyCost = MyCost``).

    Returns
    -------
    Network
        Its arrays are the file's. `sizes` is what the file notes, which need not agree with them: the book
        writes the old list after neurons were cut out.

    Raises
    ------
    ValueError
        Where the file is damaged or no network, naming it and what is wrong.
    TypeError
        Where `cost` is none.
    OSError
        Where it cannot be read.
    """
    from cbackprop import _saved  # noqa: PLC0415

    saved = _saved.read(filename)
    what = "not an intact network"
    if cost is None:
        # In the module as it is now, as the book does: a user's class that was put here is found.
        module = sys.modules[__name__]
        cost = getattr(module, saved["cost"], None)
        if not costs.is_cost(cost):
            known = [name for name, value in sorted(vars(module).items()) if costs.is_cost(value)]
            raise ValueError(
                f"{filename}: the cost is {saved['cost']!r}; {__name__} has the costs {', '.join(known)}. "
                f"For another, pass load(filename, cost=...), or put its class into the module first"
            )
    else:
        costs.check_functions(cost)
        what = "not a network for this cost"
    try:
        activations = _saved.activations_of(saved, cost)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{filename}: {what}: {error}") from error
    return _saved.restored(Network, saved, cost, activations)


class _Monitor:
    """Cost and accuracy on one set of data, after an epoch from one pass over it."""

    def __init__(self, net, packed, name, data, n, watched, lmbda, regularization, options):
        self.net, self.packed, self.name, self.data, self.n = net, packed, name, data, n
        self.lmbda, self.regularization, self.options = lmbda, regularization, options
        self.wants_accuracy = f"{name}_accuracy" in watched
        self.wants_cost = f"{name}_cost" in watched
        self.measured = None

    def forget(self):
        """The network has changed."""
        self.measured = None

    def _measure(self):
        if self.measured is None:
            cost = self.net._cost() if self.wants_cost else None
            self.measured = self.packed.measure(self.net, self.wants_accuracy, cost)
        return self.measured

    def cost(self):
        """As `total_cost` has it."""
        net, convert = self.net, self.name == "evaluation"
        if self.packed is None or net._replaced("feedforward", "total_cost") or not net._labels_are_own():
            if convert:
                return net.total_cost(self.data, self.lmbda, convert=True, **self.options)
            return net.total_cost(self.data, self.lmbda, **self.options)
        return self._measure()[1] + net._penalty(self.lmbda, self.n, self.regularization)

    def accuracy(self):
        """As `accuracy` has it."""
        net = self.net
        if self.packed is None or net._replaced("feedforward", "accuracy"):
            return (
                net.accuracy(self.data)
                if self.name == "evaluation"
                else net.accuracy(self.data, convert=True)
            )
        return self._measure()[0]


def _checked_options(regularization, mu):
    """µ as a float, where both are in order."""
    if regularization not in ("L1", "L2"):
        raise ValueError(f"regularization is {regularization!r}; expected 'L2' or 'L1'")
    mu = _arguments.number(mu, "mu")
    if not 0 <= mu <= 1:
        raise ValueError(f"mu is {mu}; expected a momentum from 0 to 1")
    return mu


Network._own_methods = {
    name: getattr(Network, name)
    for name in ("backprop", "update_mini_batch", "feedforward", "accuracy", "total_cost")
}

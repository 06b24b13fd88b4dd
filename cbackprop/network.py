"""A drop-in replacement of the book's network.py that trains from C.

Whatever a reader replaces (a method, in a subclass or on an instance, or this module's ``sigmoid`` or
``sigmoid_prime``) is called just as the book's code would call it: the methods below then take the path
of the plain NumPy twin that they inherit. Otherwise they hand over to the compiled kernels.
"""

import random

import numpy as np

from cbackprop import _arguments, _elementwise, _training
from cbackprop._compiled import Compiled
from cbackprop._descent import Descent
from cbackprop.activations import Activation
from cbackprop.twin import PlainNetwork

__all__ = ["Activation", "Network", "np", "random", "sigmoid", "sigmoid_prime"]


def sigmoid(z):
    """The sigmoid function.

    Parameters
    ----------
    z : number or array_like

    Returns
    -------
    float or ndarray
        1 / (1 + e^−z) of each element, within 2 units in the last place; float32 stays float32.
    """
    return _elementwise.sigmoid(z)


def sigmoid_prime(z):
    """The sigmoid's derivative, σ′(z) = σ(z)·(1 − σ(z)), element by element."""
    a = sigmoid(z)
    return a * (1 - a)


class Network(Compiled, PlainNetwork):
    """A feedforward network trained by stochastic gradient descent.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    dtype : {numpy.float64, numpy.float32}, keyword only
        The type of the parameters and of all arithmetic. A float32 network starts from the same random
        numbers, rounded.
    activation : str, Activation, or a list of them, keyword only
        What layers compute of z: ``"sigmoid"``, ``"linear"``, ``"tanh"``, ``"relu"`` (whose derivative at 0
        is taken to be 0), ``"softplus"``, or functions of the reader's own. One for all layers, or a list
        with one for each layer after the input layer. The initial weights are the same whatever it is.
    neuron_activations : dict, keyword only
        Single neurons that compute something else: ``{(l, j): activation}`` for neuron j, counted from 0,
        of layer l = 2, ..., L.

    Attributes
    ----------
    num_layers : int
    sizes : sequence of int
        As given.
    biases : list of ndarray, (n, 1) each
    weights : list of ndarray, (n_out, n_in) each
        Plain attributes: what is assigned to them or written into them is seen by the next call.
        Training puts new arrays in their place and leaves the old ones as they were.

    Raises
    ------
    TypeError, ValueError
        Where `sizes` is not two or more whole numbers from 0, `dtype` is another type, or an activation
        is unknown or for a layer or neuron that is not there.
    """

    _ways_back = ("cost_derivative", "backprop")
    _evaluating = ("feedforward", "evaluate")
    _own_sigmoids = sigmoid, sigmoid_prime
    _module = __name__

    def __init__(self, sizes, *, dtype=np.float64, activation="sigmoid", neuron_activations=None):
        dtype = self._check_arguments(sizes, dtype)
        super().__init__(sizes, dtype=dtype, activation=activation, neuron_activations=neuron_activations)

    def _initialize(self):
        if self._activations and self._activations.layers[-1][0] == "softmax":
            raise ValueError(
                "activation is 'softmax'; that output layer is network2's, with LogLikelihoodCost"
            )
        super()._initialize()

    def _sigmoids(self):
        return sigmoid, sigmoid_prime

    def _shuffle(self):
        return random.shuffle

    def _descent(self, eta=0.0):
        return Descent(eta)

    def update_mini_batch(self, mini_batch, eta):
        """One step of gradient descent: w → w − (η/m) Σ_x ∂C_x/∂w, and the same for b.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta : float
            The learning rate η.

        Raises
        ------
        ZeroDivisionError
            Where the mini-batch is empty.
        ValueError, TypeError
            As `backprop`, naming the example; nothing has changed then.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # as the book asks, so that an iterator is a TypeError
            mini_batch = list(mini_batch)
        eta = _arguments.number(eta, "eta")
        if self._replaced("cost_derivative", "backprop"):
            if not self._replaced_method("backprop"):
                _training.check_examples(self, mini_batch, "mini_batch")
            if self._is_arrays(mini_batch):
                mini_batch = _arguments.pairs(*mini_batch, n_out=self.sizes[-1])
            super().update_mini_batch(mini_batch, eta)
        else:
            _training.update_mini_batch(self, mini_batch, self._descent(eta))

    def SGD(self, training_data, epochs, mini_batch_size, eta, test_data=None, *, n_threads=None):
        """Train by stochastic gradient descent, printing a line after each epoch.

        Parameters
        ----------
        training_data : list of (x, y), or a pair of arrays (X, Y)
            A list is shuffled in place before each epoch, as the book does; any other iterable is read
            once. X is (n, n_in), one example a row; Y is (n, n_out), or (n,) whole-number labels. The
            examples' contents are read once, at the start.
        epochs, mini_batch_size : int
            The last mini-batch of an epoch may be shorter.
        eta : float
            The learning rate η.
        test_data : list of (x, label), or a pair of arrays, optional
            Evaluated after each epoch.
        n_threads : int, optional
            At most so many threads; by default the number in CBACKPROP_NUM_THREADS, or as many as pay
            for this network. The result is the same to the last bit.

        Raises
        ------
        ValueError, TypeError
            Where an argument is wrong, naming it and the example; nothing has changed then.
        KeyboardInterrupt
            The network then holds the parameters of a completed mini-batch.
        """
        epochs = _arguments.whole(epochs, "epochs")
        mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
        n_threads = _arguments.threads(n_threads)
        eta = _arguments.number(eta, "eta")
        training_data = self._examples(training_data, "training_data")
        test, n_test = None, 0
        if test_data is not None:
            test_data = self._examples(test_data, "test_data")
            n_test = self._count(test_data)
        if n_test and not self._replaced("feedforward", "evaluate"):
            test = _training.Data(self, test_data)
        elif n_test:
            self._check_tests(test_data, "test_data", True, "feedforward", "evaluate")
        train_epoch, _ = self._training(
            training_data,
            mini_batch_size,
            n_threads,
            lambda *arguments: self.update_mini_batch(*arguments),  # noqa: PLW0108  (as it is then)
            self._descent,
        )

        for j in range(epochs):
            train_epoch(eta)
            if n_test:
                if test and not self._replaced("feedforward", "evaluate"):
                    correct, _ = test.measure(self, True, None)
                else:
                    correct = self.evaluate(test_data)
                print(f"Epoch {j}: {correct} / {n_test}", flush=True)
            else:
                print(f"Epoch {j} complete", flush=True)

    def evaluate(self, test_data):
        """How many of the examples the network answers with their label.

        Parameters
        ----------
        test_data : list of (x, label), or a pair of arrays (X, Y)
            As in `SGD`; Y is labels, or one-hot rows.

        Returns
        -------
        int
            The number of x for which the first largest a^L_j is at j = label.

        Raises
        ------
        ValueError, TypeError
            Where an example has the wrong shape or type, naming it.
        """
        test_data = self._examples(test_data, "test_data")
        if not self._replaced("feedforward"):
            return _training.evaluate(self, test_data)
        self._check_tests(test_data, "test_data", True, "feedforward")
        if self._is_arrays(test_data):
            test_data = _arguments.pairs(*test_data)
        return super().evaluate(test_data)


Network._own_methods = {
    name: getattr(Network, name)
    for name in ("cost_derivative", "backprop", "update_mini_batch", "feedforward", "evaluate")
}

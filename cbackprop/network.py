"""A drop-in replacement of the book's network.py that trains from C.

Whatever a reader replaces (a method, in a subclass or on an instance, or this module's ``sigmoid`` or
``sigmoid_prime``) is called just as the book's code would call it: the methods below then take the path
of the plain NumPy twin that they inherit. Otherwise they hand over to the compiled kernels.
"""

import random

import numpy as np

from cbackprop import _arguments, _calls, _elementwise, _examples, _isa, _parameters, _training
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


_OWN_SIGMOID, _OWN_SIGMOID_PRIME = sigmoid, sigmoid_prime


class Network(PlainNetwork):
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

    _layout = None

    def __init__(self, sizes, *, dtype=np.float64, activation="sigmoid", neuron_activations=None):
        _parameters.check_sizes(sizes)
        dtype = np.dtype(dtype).newbyteorder("=")
        if dtype not in (np.float64, np.float32):
            raise TypeError(f"dtype is {dtype}; expected float64 or float32")
        super().__init__(sizes, dtype=dtype, activation=activation, neuron_activations=neuron_activations)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_layout"}

    def __setstate__(self, state):
        # The book's own objects have four attributes; the class has what they lack.
        self.__dict__.clear()
        self.__dict__.update(state)

    def _f(self, l, z):
        return self._activations.f(l, z, sigmoid) if self._activations else sigmoid(z)

    def _f_prime(self, l, z):
        return self._activations.f_prime(l, z, sigmoid_prime) if self._activations else sigmoid_prime(z)

    # ---- what has been replaced ----

    def _replaced(self, *names):
        """Why the compiled path cannot be taken: what among `names` and the activations was replaced."""
        activations = self._activations
        own = activations and activations.own
        if own:
            return f"the activation of {own} is the reader's own"
        if (sigmoid is not _OWN_SIGMOID or sigmoid_prime is not _OWN_SIGMOID_PRIME) and (
            activations is None or activations.uses_sigmoid
        ):
            return f"{__name__}.sigmoid or sigmoid_prime is replaced"
        if 0 in self.sizes:
            return "a layer has no neurons"
        return self._replaced_method(*names) if names else None

    def _replaced_method(self, *names):
        """The same of methods alone."""
        for name in names:
            if getattr(getattr(self, name), "__func__", None) is not _OWN_METHODS[name]:
                where = "on this instance" if name in self.__dict__ else f"by {type(self).__name__}"
                return f"{name} is replaced {where}"
        return None

    @property
    def backend(self):
        """Which path the next call of `SGD` takes, and why; after it the layout that it chose."""
        reason = self._replaced("cost_derivative", "backprop", "update_mini_batch")
        if reason:
            return f"numpy: {reason}"
        text = f"compiled: {_isa.chosen()}, {self.dtype}"
        evaluates = self._replaced("feedforward", "evaluate")
        if self._layout:
            text += f", {self._layout}"
        return text + (f"; evaluation: {evaluates}" if evaluates else "")

    # ---- the book's methods ----

    def feedforward(self, a):
        """The output a^L of the network for the input `a`.

        Parameters
        ----------
        a : array_like
            A column (n_in, 1), or a matrix (n_in, m) of columns; any real type.

        Returns
        -------
        ndarray, (n_out, 1) or (n_out, m)
            A new array, each z^l = w^l a^{l−1} + b^l and a^l = σ(z^l) applied layer by layer.

        Raises
        ------
        ValueError, TypeError
            Where `a`, or a replaced parameter, has the wrong shape or type.
        """
        if self._replaced():
            return super().feedforward(_calls.checked_input(self, a))
        return _calls.feedforward(self, a)

    def backprop(self, x, y):
        """The gradient of the cost C_x of one example, by backpropagation (BP1 to BP4).

        Parameters
        ----------
        x : array_like, (n_in, 1)
        y : array_like, (n_out, 1), or a number
            The target; a number stands for n_out equal ones.

        Returns
        -------
        nabla_b, nabla_w : lists of ndarray
            ∂C_x/∂b and ∂C_x/∂w, new arrays shaped like `biases` and `weights`.

        Raises
        ------
        ValueError, TypeError
            Where an argument, or a replaced parameter, has the wrong shape or type.
        """
        if self._replaced("cost_derivative"):
            _calls.check_example(self, x, y)
            return super().backprop(x, y)
        return _calls.backprop(self, x, y)

    def backprop_mini_batch(self, X, Y):
        """The gradient summed over a mini-batch, by the chapter's fully matrix-based approach.

        Parameters
        ----------
        X : array_like, (n_in, m)
            The examples, one a column.
        Y : array_like, (n_out, m)
            Their targets.

        Returns
        -------
        nabla_b, nabla_w : lists of ndarray
            What `backprop` returns, summed over the columns.

        Raises
        ------
        ValueError, TypeError
            Where an argument, or a replaced parameter, has the wrong shape or type.
        """
        X, Y = _calls.checked_columns(self, X, Y)
        if self._replaced_method("cost_derivative", "backprop"):
            # They know one example at a time.
            nabla_b = [np.zeros_like(b) for b in self.biases]
            nabla_w = [np.zeros_like(w) for w in self.weights]
            for j in range(X.shape[1]):
                nabla_b_x, nabla_w_x = self.backprop(X[:, [j]], Y[:, [j]])
                nabla_b = [total + one for total, one in zip(nabla_b, nabla_b_x)]
                nabla_w = [total + one for total, one in zip(nabla_w, nabla_w_x)]
            return nabla_b, nabla_w
        if self._replaced():
            return super().backprop_mini_batch(X, Y)
        return _calls.backprop_mini_batch(self, X, Y)

    def update_mini_batch(self, mini_batch, eta):
        """One step of gradient descent: w → w − (η/m) Σ_x ∂C_x/∂w, and the same for b.

        Parameters
        ----------
        mini_batch : list of (x, y)
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
            super().update_mini_batch(mini_batch, eta)
        else:
            _training.update_mini_batch(self, mini_batch, eta)

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
            test = _training.Test(self, test_data)
        train_epoch = self._training(training_data, mini_batch_size, eta, n_threads)

        for j in range(epochs):
            train_epoch()
            if n_test:
                if test and not self._replaced("feedforward", "evaluate"):
                    correct = test.evaluate(self)
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
        if _examples.is_arrays(test_data, self.sizes[0]):
            test_data = _arguments.pairs(*test_data)
        return super().evaluate(test_data)

    # ---- how SGD goes ----

    def _examples(self, data, name):
        """`data` as it is where it is a list or a pair of arrays, otherwise read into a list."""
        return data if _examples.is_arrays(data, self.sizes[0]) else _arguments.listed(data, name)

    def _count(self, data):
        return len(data[0] if _examples.is_arrays(data, self.sizes[0]) else data)

    def _training(self, training_data, mini_batch_size, eta, n_threads):
        """A function that trains an epoch: in C, or by the book's methods from the moment one is replaced."""
        names = ("cost_derivative", "backprop", "update_mini_batch")
        arrays = _examples.is_arrays(training_data, self.sizes[0])
        training = plain_data = None
        if not self._replaced(*names):
            training = _training.Training(
                self, training_data, mini_batch_size, n_threads, _arguments.processors()
            )
            self._layout = training.layout
            pixels = training.pixels
        elif not self._replaced_method("backprop", "update_mini_batch") and 0 not in self.sizes:
            pixels = _training.check_examples(self, training_data, "training_data")
        else:
            pixels = False
        if pixels:
            _arguments.warn_of_pixels()

        def train_epoch():
            nonlocal plain_data
            if plain_data is None and (training is None or self._replaced(*names)):
                plain_data = training_data
                if arrays:
                    plain_data = _arguments.pairs(*training_data, n_out=self.sizes[-1])
                    if training:
                        plain_data = [plain_data[i] for i in training.order]
            if plain_data is not None:
                random.shuffle(plain_data)
                for start in range(0, len(plain_data), mini_batch_size):
                    self.update_mini_batch(plain_data[start : start + mini_batch_size], eta)
                return
            draws = _arguments.own_draws(random.shuffle)
            if draws and (arrays or type(training_data) is list):
                training.shuffle(draws, None if arrays else training_data)
            elif arrays:
                order = training.order
                random.shuffle(order)
                training.order = order
            else:
                training.order = _arguments.places_after(random.shuffle, training_data, training.snapshot)
            training.epoch(self, eta)

        return train_epoch


_OWN_METHODS = {
    name: getattr(Network, name)
    for name in ("cost_derivative", "backprop", "update_mini_batch", "feedforward", "evaluate")
}

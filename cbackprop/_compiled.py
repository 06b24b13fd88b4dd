"""What the compiled networks share: which path a call takes, and how an epoch goes."""

import sys

import numpy as np

from cbackprop import _arguments, _calls, _examples, _isa, _parameters, _training


class Compiled:
    """Stands before a class of the plain twin: where nothing was replaced, the kernels do the work.

    A subclass gives ``_own_methods``, its own methods by name; ``_module``, the name of its module;
    ``_sigmoids()``, the sigmoid and its derivative that stand there now, and ``_own_sigmoids``, those that
    did at first; ``_shuffle()``, the ``random.shuffle`` there; ``_ways_back``, the methods that lead to a
    gradient, and ``_evaluating``, those that lead to an answer; and ``_descent()``, how the kernels descend.
    """

    _layout = None

    def _check_arguments(self, sizes, dtype):
        """The dtype, where both can be a network's."""
        _parameters.check_sizes(sizes)
        dtype = np.dtype(dtype).newbyteorder("=")
        if dtype not in (np.float64, np.float32):
            raise TypeError(f"dtype is {dtype}; expected float64 or float32")
        # NumPy's own object, which stays: newbyteorder makes another, and each call of NumPy 2.5's dot loses
        # a reference to that of its arguments.
        return np.dtype(dtype.type)

    def __getstate__(self):
        state = self.__dict__.copy()  # in one step: another thread may be adding an attribute
        state.pop("_layout", None)
        return state

    def __setstate__(self, state):
        # The book's own objects have four or five attributes; the class has what they lack.
        self.__dict__.clear()
        self.__dict__.update(state)

    def _f(self, l, z):
        sigmoid, _ = self._sigmoids()
        return self._activations.f(l, z, sigmoid) if self._activations else sigmoid(z)

    def _f_prime(self, l, z):
        _, sigmoid_prime = self._sigmoids()
        return self._activations.f_prime(l, z, sigmoid_prime) if self._activations else sigmoid_prime(z)

    # ---- what has been replaced ----

    def _replaced(self, *names):
        """Why the compiled path cannot be taken: what among `names` and the activations was replaced."""
        activations = self._activations
        own = activations and activations.own
        if own:
            return f"the activation of {own} is the reader's own"
        if self._sigmoids() != self._own_sigmoids and (activations is None or activations.uses_sigmoid):
            return f"{self._module}.sigmoid or sigmoid_prime is replaced"
        if 0 in self.sizes:
            return "a layer has no neurons"
        return self._replaced_method(*names) if names else None

    def _replaced_method(self, *names):
        """The same of methods alone."""
        for name in names:
            if getattr(getattr(self, name), "__func__", None) is not self._own_methods[name]:
                where = "on this instance" if name in self.__dict__ else f"by {type(self).__name__}"
                return f"{name} is replaced {where}"
        return None

    @property
    def backend(self):
        """Which path the next call of `SGD` takes, and why; after it the layout that it chose."""
        reason = self._replaced(*self._ways_back, "update_mini_batch")
        if reason:
            return f"numpy: {reason}"
        text = f"compiled: {_isa.chosen()}, {self.dtype}"
        evaluates = self._replaced(*self._evaluating)
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
        if self._replaced(*self._ways_back[:-1]):
            _calls.check_example(self, x, y)
            return super().backprop(x, y)
        return _calls.backprop(self, x, y, self._descent())

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
        if self._replaced_method(*self._ways_back):
            # They know one example at a time.
            return self._sums_of_gradients((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1]))
        if self._replaced():
            return super().backprop_mini_batch(X, Y)
        return _calls.backprop_mini_batch(self, X, Y, self._descent())

    # ---- how SGD goes ----

    def _examples(self, data, name):
        """`data` as it is where it is a list or a pair of arrays, otherwise read into a list."""
        arrays = _examples.as_arrays(data, self.sizes[0])
        return _arguments.listed(data, name) if arrays is None else arrays

    def _count(self, data):
        return len(data[0] if self._is_arrays(data) else data)

    def _is_arrays(self, data):
        return _examples.as_arrays(data, self.sizes[0]) is not None

    def _check_tests(self, data, name, labelled, *methods):
        """Raise for what is wrong with `data` on the book's path, unless one of `methods` is the reader's."""
        if 0 not in self.sizes and not self._replaced_method(*methods):
            _training.check_examples(self, data, name, labelled)

    def _training(self, training_data, mini_batch_size, n_threads, update, descent):
        """(train_epoch, training): a function that trains an epoch, in C or by the book's methods from the
        moment one is replaced, and the packed examples, or None where they are not packed.

        Parameters
        ----------
        update : callable
            update(mini_batch, eta) calls `update_mini_batch` as the book does.
        descent : callable
            descent(eta) says the same to the kernels.
        """
        names = (*self._ways_back, "update_mini_batch")
        arrays = self._is_arrays(training_data)
        training = plain_data = None
        if not self._replaced(*names):
            # As numbers of C, which a reader's may be too large for.
            mini_batch_size = min(mini_batch_size, sys.maxsize)
            training = _training.Training(self, training_data, mini_batch_size, n_threads, descent(0.0))
            self._layout = training.layout
            pixels = training.pixels
        elif not self._replaced_method("backprop", "update_mini_batch") and 0 not in self.sizes:
            pixels = _training.check_examples(self, training_data, "training_data")
        else:
            pixels = False
        if pixels:
            _arguments.warn_of_pixels()

        def train_epoch(eta):
            nonlocal plain_data
            if plain_data is None and (training is None or self._replaced(*names)):
                plain_data = training_data
                if arrays:
                    plain_data = _arguments.pairs(*training_data, n_out=self.sizes[-1])
                    if training:
                        plain_data = [plain_data[i] for i in training.order]
            shuffle = self._shuffle()
            if plain_data is not None:
                shuffle(plain_data)
                for start in range(0, len(plain_data), mini_batch_size):
                    update(plain_data[start : start + mini_batch_size], eta)
                return
            draws = _arguments.own_draws(shuffle)
            if draws and (arrays or type(training_data) is list):
                training.shuffle(draws, None if arrays else training_data)
            elif arrays:
                order = training.order
                shuffle(order)
                training.order = order
            else:
                training.order = _arguments.places_after(shuffle, training_data, training.snapshot)
            training.epoch(self, descent(eta))

        return train_epoch, training

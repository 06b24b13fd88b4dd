"""What the compiled networks share: their single calls, and how an epoch is trained."""

import sys

import numpy as np

from cbackprop import _evaluation, _isa, _parameters, _single_example, _training, _warnings
from cbackprop._memory import offered, remember
from cbackprop._overrides import builtin, draws_of
from cbackprop.activations import LayerActivations
from cbackprop.reference.network import sums_of_gradients


class Compiled:
    """Stands before a class of the NumPy reference: where nothing was replaced, the kernels do the work."""

    def __getstate__(self):
        state = super().__getstate__()
        slots = {}
        if isinstance(state, tuple):  # of a subclass with __slots__
            state, slots = state
        # In one step: another thread may be adding an attribute.
        state = {} if state is None else state.copy()
        if "_activations" in state:  # the user's own: it must not look like a pickle of an earlier version
            state.setdefault("_cbackprop", self._cbackprop)
        return (state, slots) if slots else state

    def __setstate__(self, state):
        slots = {}
        if isinstance(state, tuple):
            state, slots = state
        state = dict(state)
        remembered = {} if "_cbackprop" in state else old_memory(state)
        # The book's own objects have four or five attributes; the class has what they lack.
        if {"num_layers", "sizes", "biases", "weights"} <= state.keys():
            self.__dict__.clear()
        self.__dict__.update(state)
        if remembered:
            remember(self, **remembered)
        for name, value in slots.items():
            setattr(self, name, value)

    @offered
    def backend(self):
        """Which path the next call of `SGD` takes, and why; after it the layout that it chose."""
        memory = self._cbackprop
        module = memory.module
        reason = module.replaced(self, module.training_methods)
        if reason:
            return f"numpy: {reason}"
        text = f"compiled: {_isa.chosen()}, {memory.dtype}"
        evaluates = module.replaced(self, module.evaluation_methods)
        if memory.layout:
            text += f", {memory.layout}"
        return text + (f"; evaluation: {evaluates}" if evaluates else "")

    @builtin
    def feedforward(self, a):
        """The output a^L of the network for the input `a`.

        Parameters
        ----------
        a : array_like
            A column (n_in, 1), or a matrix (n_in, m) of columns; any real type. For one input also a number.

        Returns
        -------
        ndarray, (n_out, 1) or (n_out, m)
            A new array, each z^l = w^l a^{l−1} + b^l and a^l = σ(z^l) applied layer by layer.

        Raises
        ------
        ValueError, TypeError
            Where `a`, or a replaced parameter, has the wrong shape or type.
        """
        if self._cbackprop.module.replaced(self):
            return super().feedforward(_single_example.checked_input(self, a))
        return _single_example.feedforward(self, a)

    @builtin
    def backprop(self, x, y):
        """The gradient of the cost C_x of one example, by backpropagation (BP1 to BP4).

        Parameters
        ----------
        x : array_like, (n_in, 1)
            For one input also a number.
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

        Notes
        -----
        Of m examples, the columns of x and y, `nabla_w` is the sum and `nabla_b` has a column for each, as in
        the book; `backprop_mini_batch` sums both.
        """
        module = self._cbackprop.module
        if not module.replaced(self, module.gradient_methods[:-1]):
            gradient = _single_example.backprop(self, x, y, module.step_options(self))
            if gradient is not None:
                return gradient
        return super().backprop(_single_example.checked_examples(self, x, y), y)

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
        module = self._cbackprop.module
        X, Y = _single_example.checked_columns(self, X, Y)
        if module.replaced_method(self, module.gradient_methods):
            # They know one example at a time.
            return sums_of_gradients(self, ((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1])))
        if module.replaced(self):
            return super().backprop_mini_batch(X, Y)
        return _single_example.backprop_mini_batch(self, X, Y, module.step_options(self))


def old_memory(state):
    """What a pickle of an earlier version remembers of a network, taken out of its attributes."""
    activations, dtype = state.get("_activations", state), state.get("dtype")
    if not (activations is None or isinstance(activations, LayerActivations)) or not isinstance(
        dtype, np.dtype
    ):
        return {}
    names = {
        "_activations": "activations",
        "dtype": "dtype",
        "velocities": "velocities",
        "history": "history",
    }
    return {new: state.pop(old) for old, new in names.items() if old in state}


class Epochs:
    """One call of SGD: trains an epoch at a time, in C or, once a method is replaced, by the book's methods.

    Parameters
    ----------
    net : Network
    data : DataSet
        The training data.
    mini_batch_size, n_threads : int
    update : callable
        update(mini_batch, eta) calls `update_mini_batch` as the book does.
    step_options : callable
        step_options(eta) says the same to the kernels.

    Attributes
    ----------
    packed : cbackprop._training.Training or None
        The packed examples; None where they are not packed.
    """

    def __init__(self, net, data, mini_batch_size, n_threads, update, step_options):
        self.net, self.data, self.update, self.step_options = net, data, update, step_options
        self.module = module = net._cbackprop.module
        self.mini_batch_size = mini_batch_size
        self.packed = self.pairs = None
        pixels = False
        if not module.replaced(net, module.training_methods):
            # As a number of C, which a user's may be too large for.
            batch = min(mini_batch_size, sys.maxsize)
            self.packed = _training.Training(net, data.examples, batch, n_threads, step_options(0.0))
            layout = self.packed.layout
            if layout != net._cbackprop.layout:
                remember(net, layout=layout)
            pixels = self.packed.pixels
        elif not module.replaced_method(net, ("update_mini_batch",)) and checks_examples(
            net, data.examples, "backprop"
        ):
            pixels = _evaluation.check_examples(net, data.examples, data.name)
        if pixels:
            _warnings.of_pixels(data.name)

    def train(self, eta):
        """Train on every mini-batch once. Returns whether the parameters are finite."""
        module, net = self.module, self.net
        if self.pairs is None and (self.packed is None or module.replaced(net, module.training_methods)):
            self.unpack()
        shuffle = module.shuffle
        if self.pairs is not None:
            shuffle(self.pairs)
            for start in range(0, len(self.pairs), self.mini_batch_size):
                self.update(self.pairs[start : start + self.mini_batch_size], eta)
            return _parameters.is_finite(*_warnings.parameters_of(net))
        draws = draws_of(shuffle)
        pairs = None if self.data.is_arrays else self.data.examples
        if draws and (pairs is None or type(pairs) is list):
            self.packed.shuffle(draws, pairs)
        elif pairs is None:
            order = self.packed.order
            shuffle(order)
            self.packed.order = order
        else:
            self.packed.order = places_after(shuffle, pairs, self.packed.snapshot)
        return self.packed.epoch(net, self.step_options(eta))

    def unpack(self):
        """Go on with the examples as pairs, in the order that the epochs before left them in."""
        self.pairs = self.data.training_pairs()
        if self.data.is_arrays and self.packed:
            self.pairs = [self.pairs[i] for i in self.packed.order]


def places_after(shuffle, items, snapshot):
    """Shuffles the list `items`, and returns for each pair where it stood in the list `snapshot`."""
    shuffle(items)
    places = {}
    for place, pair in enumerate(snapshot):
        places.setdefault(id(pair), []).append(place)
    try:
        return [places[id(pair)].pop() for pair in items]
    except (KeyError, IndexError):
        raise ValueError("shuffling training_data changed the pairs in it") from None


def checks_examples(net, examples, *methods):
    """Whether examples are checked beforehand.

    Those are pairs that the package's own `methods` will read one by one, and all arrays, which the package
    takes apart. The parameters are checked with them, also where a layer has no neurons.
    """
    read_here = type(examples) is tuple or not net._cbackprop.module.replaced_method(net, methods)
    if not read_here or _parameters.has_no_layers(net):
        return False
    return 0 not in _parameters.layer_sizes(net)


def thresholded_answers(net, data):
    """How often a replaced `feedforward` gives at least ½ where the label is 1, and less where it is 0."""
    return sum(int((np.asarray(net.feedforward(x)).item() >= 0.5) == label) for x, label in data.test_pairs())

"""Where networks call into C, and where a replaced method sends them to the NumPy reference instead.

`Compiled` makes the single calls, a `Trainer` the epochs of one call of SGD, `Scores` its evaluations.
"""

import sys

import numpy as np

from cbackprop import (
    _evaluation,
    _examples,
    _isa,
    _matrix_based,
    _parameters,
    _single_example,
    _training,
    _warnings,
)
from cbackprop._data import DataSet, Untouched, handed_on, is_missing, training_pairs
from cbackprop._memory import offered, remember
from cbackprop._overrides import builtin
from cbackprop._pickling import Pickled
from cbackprop.reference.network import count_correct, sums_of_gradients, train_on_pairs


class Compiled(Pickled):
    """Mixin placed before the reference network in the method resolution order.

    Its methods run the kernels where nothing is replaced, and otherwise the reference's.
    """

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
        X, Y = _matrix_based.checked_columns(self, X, Y)
        if module.replaced_method(self, module.gradient_methods):
            # They know one example at a time.
            return sums_of_gradients(self, ((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1])))
        if module.replaced(self):
            return super().backprop_mini_batch(X, Y)
        return _matrix_based.backprop_mini_batch(self, X, Y, module.step_options(self))


# ---- training ----


def update_mini_batch(net, examples, options):
    """One step over recognised examples, where `update_mini_batch` is the package's own.

    options() is the step as the kernels take it. Where `backprop` is the user's, nothing is done but to check
    the examples, which are returned as pairs for the reference.
    """
    module = net._cbackprop.module
    if not module.replaced(net, module.gradient_methods):
        _training.update_mini_batch(net, examples, options())
        return None
    if reads_examples(net, examples, "backprop"):
        _examples.check_examples(net, examples, "mini_batch")
    return training_pairs(net, examples)


class Trainer:
    """Trains one epoch at a time within a call of SGD.

    It trains in C, and from the moment that a method is replaced, by the book's methods.

    Parameters
    ----------
    net : Network
    data : DataSet
        The training data.
    mini_batch_size, n_threads : int
    step : object
        Its method update(mini_batch, eta) calls `update_mini_batch` as the book does; its method options(eta)
        says the same to the kernels.

    Attributes
    ----------
    packed : cbackprop._training.Training or None
        The packed examples; None where they are not packed.
    """

    def __init__(self, net, data, mini_batch_size, n_threads, step):
        self.net, self.data, self.step, self.mini_batch_size = net, data, step, mini_batch_size
        self.module = module = net._cbackprop.module
        self.packed = self.pairs = None
        self.items = None if data.is_arrays else data.examples  # the user's list, which is shuffled in place
        pixels = False
        if not module.replaced(net, module.training_methods):
            # As a number of C, which a user's may be too large for.
            batch = min(mini_batch_size, sys.maxsize)
            self.packed = _training.Training(net, data.examples, batch, n_threads, step.options(0.0))
            pixels, layout = self.packed.pixels, self.packed.layout
            if layout != net._cbackprop.layout:
                remember(net, layout=layout)
        elif not module.replaced_method(net, ("update_mini_batch",)) and reads_examples(
            net, data.examples, "backprop"
        ):
            pixels = _examples.check_examples(net, data.examples, data.name)
        if pixels:
            _warnings.of_pixels(data.name)

    def train_epoch(self, eta):
        """Train on every mini-batch once. Returns whether the parameters are finite."""
        net, packed, module = self.net, self.packed, self.module
        if self.pairs is None and packed is not None and not module.replaced(net, module.training_methods):
            shuffle = module.shuffle
            if not packed.shuffle(shuffle, self.items):
                self.shuffle_by(shuffle)
            return packed.epoch(net, self.step.options(eta))
        return self.train_on_pairs(eta)

    def train_on_pairs(self, eta):
        """The same by the book's methods."""
        if self.pairs is None:
            self.unpack()
        return train_on_pairs(
            self.net, self.pairs, self.mini_batch_size, lambda mini_batch: self.step.update(mini_batch, eta)
        )

    def unpack(self):
        """Go on with the examples as pairs, in the order that the epochs before left them in."""
        self.pairs = self.data.training_pairs()
        if self.data.is_arrays and self.packed:
            self.pairs = [self.pairs[i] for i in self.packed.order]

    def shuffle_by(self, shuffle):
        """Shuffle the packed examples as a replaced `random.shuffle` shuffles the user's list."""
        if self.items is None:
            order = self.packed.order
            shuffle(order)
            self.packed.order = order
        else:
            self.packed.order = places_after(shuffle, self.items, self.packed.snapshot)


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


def reads_examples(net, examples, *methods):
    """Whether the package itself will read the examples, so that they are checked beforehand.

    It reads pairs where none of `methods` is replaced, and takes all arrays apart. The parameters are checked
    with them, so there must be some.
    """
    if type(examples) is not tuple and net._cbackprop.module.replaced_method(net, methods):
        return False
    return not _parameters.has_no_layers(net) and 0 not in _parameters.layer_sizes(net)


# ---- evaluation ----


def correct_answers(net, data, labelled=True):
    """How many of the examples `net` answers right, where its `evaluate` or `accuracy` is the package's own.

    Parameters
    ----------
    net : Network
    data : DataSet
    labelled : bool
        Whether each y of a pair is a label, not a target.
    """
    y_is_label = data.is_labelled(labelled)
    if not net._cbackprop.module.replaced(net, ("feedforward",)):
        return _evaluation.evaluate(net, data.examples, data.name, y_is_label)
    if reads_examples(net, data.examples, "feedforward"):
        _examples.check_examples(net, data.examples, data.name, y_is_label, True)
    elif labelled:
        data.refuse_names()
    if data.is_thresholded:
        return thresholded_answers(net, data)
    return count_correct(net, data.test_pairs(), not (labelled or data.is_arrays))


def mean_cost(net, data, labelled, cost_function):
    """The mean of C_x over a `DataSet`; None where `feedforward` is the user's, and so not computed in C.

    cost_function(net) is what the kernels are to compute: the name of a cost, or the user's function.
    """
    if not net._cbackprop.module.replaced(net, ("feedforward",)):
        return _evaluation.total_cost(net, data.examples, data.name, labelled, cost_function(net))
    if reads_examples(net, data.examples, "feedforward"):
        _examples.check_examples(net, data.examples, data.name, labelled)
    return None


def thresholded_answers(net, data):
    """How often a replaced `feedforward` gives at least ½ where the label is 1, and less where it is 0."""
    return sum(int((np.asarray(net.feedforward(x)).item() >= 0.5) == label) for x, label in data.test_pairs())


def read_for_evaluation(net, data, name, readers):
    """The user's evaluation data, as a `DataSet` where one of the methods `readers` is the package's own."""
    if is_missing(data):
        return Untouched((), name)
    module = net._cbackprop.module
    if all(module.replaced_method(net, (method,)) for method in readers):
        return handed_on(net, data, name)
    return DataSet(net, data, name)


class Scores:
    """How many examples a network answers right after each epoch of one call of SGD.

    The examples are packed once, where the kernels will count.

    Parameters
    ----------
    net : Network
    data : DataSet or Untouched
    labelled : bool
        Whether each y of a pair is a label, not a target.
    wants_accuracy, wants_cost : bool
        Which of the numbers will be asked for.
    packed : cbackprop._training.Training, optional
        The examples, where they are packed already.
    """

    def __init__(self, net, data, labelled=True, wants_accuracy=True, wants_cost=False, packed=None):
        self.net, self.data, self.labelled, self.packed = net, data, labelled, packed
        self.module = net._cbackprop.module
        self.wants_accuracy, self.wants_cost = wants_accuracy, wants_cost
        # network.py has evaluate, network2 accuracy.
        self.method = self.module.evaluation_methods[1]
        self.counts_answers = wants_accuracy and not self.module.replaced_method(net, (self.method,))
        if packed is None and labelled and data.n and (wants_accuracy or wants_cost):
            self.pack()
        elif self.counts_answers and packed is None and data.is_thresholded:
            _examples.check_examples(net, data.examples, data.name, answers=True)
        if self.counts_answers and self.packed is not None:
            self.packed.check_classes()

    def pack(self):
        """Pack the examples where the kernels will score them; otherwise check what the package will read."""
        net, data, module = self.net, self.data, self.module
        methods = module.evaluation_methods
        if data.only_pairs:
            return
        replaced = module.replaced_method(net, methods) or not self.has_targets()
        if not replaced and not module.replaced(net):
            self.packed = _evaluation.EvaluationSet(
                net, data.examples, data.name, data.is_labelled(True), self.wants_cost
            )
        elif (data.is_arrays or not replaced) and reads_examples(net, data.examples):
            _examples.check_examples(
                net, data.examples, data.name, data.is_labelled(True), self.counts_answers
            )
        elif self.counts_answers:
            data.refuse_names()

    def has_targets(self):
        """Whether the package itself makes the target of a label."""
        return True

    def warn_of_one_output(self):
        """Warn where the count of right answers says nothing; returns whether it did."""
        return self.counts_answers and _warnings.of_one_output(self.net, self.data)

    def correct(self):
        """How many of the examples the network answers right now, as `evaluate` or `accuracy` has it."""
        net = self.net
        if self.module.replaced_method(net, (self.method,)) or isinstance(self.data, Untouched):
            convert = {} if self.labelled else {"convert": True}
            return getattr(net, self.method)(self.data.given, **convert)
        if self.packed is None or self.module.replaced(net, ("feedforward",)):
            return correct_answers(net, self.data, self.labelled)
        return self.score()[0]

    def score(self):
        """(right answers, mean cost), what of it is wanted, from one pass over the packed examples."""
        return self.packed.score(self.net, self.wants_accuracy, None)

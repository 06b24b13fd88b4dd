"""The training data of one call of SGD, and how to train on them for an epoch."""

cimport cython

from cbackprop._overrides cimport Module
from cbackprop._training cimport Training

import sys
from functools import partial

import numpy as np

from cbackprop import _examples, _parameters, _warnings
from cbackprop._compiled import reads_examples
from cbackprop._memory import remember
from cbackprop.reference.network import train_on_pairs


@cython.final
cdef class Trainer:
    """It trains in C. Once a method has been replaced, even between two epochs, it calls the book's methods.

    Parameters
    ----------
    net : Network
    data : DataSet
        The training data.
    mini_batch_size, n_threads : int
    step : object
        update(mini_batch, eta) calls `update_mini_batch` as the book does, options(eta) describes the same
        step to the kernels.
    dropout : Dropout, optional
        What draws each epoch's masks. Replaced methods, which would not hear of them, are then an error.
    sample_weight : array_like, (n,), optional
        How much each example counts, for arrays alone.
    resumed : Progress, optional
        Where an earlier call of SGD ended, which had the same data.

    Attributes
    ----------
    packed : cbackprop._training.Training or None
        The packed examples; None if they were not packed.
    pairs : list or None
        The examples as pairs in their present order, once the book's methods train on them.
    unshuffled : list
        These pairs in the order of the data.
    items : list or None
        The user's list, which is shuffled in place; None for arrays.
    parts : cbackprop._checkpoint.Checkpoints or None
        What divides an epoch into several parts, and writes a checkpoint after each.
    """

    cdef Module module
    cdef readonly object net, data, step, mini_batch_size, dropout
    cdef object options_of      # the step's method: not looked up in every epoch
    cdef readonly object weights    # of the examples
    cdef readonly Training packed
    cdef public object pairs, parts
    cdef readonly object unshuffled, items

    def __init__(
        self, net, data, mini_batch_size, n_threads, step, dropout=None, sample_weight=None, resumed=None,
    ):
        cdef Module module = net._cbackprop.module
        self.module = module
        self.net, self.data, self.step, self.mini_batch_size = net, data, step, mini_batch_size
        self.options_of = step.options
        self.dropout = dropout
        self.weights = None if sample_weight is None else self.checked_weights(sample_weight)
        self.unshuffled = []
        self.items = None if data.is_arrays else data.examples
        pixels = False
        if dropout is not None:
            self.refuse_replaced()
        if not module.replaced(net, module.training_methods):
            batch = min(mini_batch_size, sys.maxsize)   # what fits into C's type
            sparse = None if resumed is None else resumed.sparse
            self.packed = Training(net, data.examples, batch, n_threads, step.options(0.0), self.weights, sparse)
            pixels, layout = self.packed.pixels, self.packed.layout
            if layout != net._cbackprop.layout:
                remember(net, layout=layout)
        elif not module.replaced_method(net, ("update_mini_batch",)) and reads_examples(net, data.examples, "backprop"):
            pixels = _examples.check_examples(net, data.examples, data.name)
        if pixels:
            _warnings.of_pixels(data.name)

    def train_epoch(self, eta):
        """Train on every mini-batch once; return whether the parameters are finite."""
        cdef Module module = self.module
        masks = None if self.dropout is None else self.masks()
        if self.packed is not None and self.pairs is None and module.replaced(self.net, module.training_methods) is None:
            self.packed.shuffle_with(module.random_shuffle(), self.items)
            return self.train_packed(self.options_of(eta), masks)
        return self.train_on_pairs(eta)

    cpdef bint train_packed(self, options, masks) except -1:
        """Trains on every mini-batch once, in the present order."""
        if self.parts is None:
            return self.packed.epoch(self.net, options, masks)
        return self.parts.train(partial((<object> self.packed).epoch, self.net, options, masks))

    def masks(self):
        """Which neurons drop out of which example of the next epoch; None if nothing does."""
        if self.dropout is None:
            return None
        self.refuse_replaced()
        return self.dropout.masks(_parameters.layer_sizes(self.net), self.data.n)

    cdef int refuse_replaced(self) except -1:
        """Raises a ValueError if a method is replaced on the way, which would not hear of masks."""
        reason = self.module.replaced(self.net, self.module.training_methods)
        if reason:
            raise ValueError(f"dropout is the package's own: {reason}, and would not hear of it")
        return 0

    cdef object checked_weights(self, sample_weight):
        """`sample_weight` as an array, if only the kernels will see the examples."""
        if not self.data.is_arrays:
            raise TypeError(
                f"sample_weight goes with a pair of arrays (X, Y); {self.data.name} is a list of pairs: put what "
                f"counts twice there twice")
        self.refuse_weights()
        return np.asarray(sample_weight)

    cdef int refuse_weights(self) except -1:
        """Raises a TypeError if something is replaced: the book's methods know no weights of examples."""
        reason = self.module.replaced(self.net, self.module.training_methods)
        if reason:
            raise TypeError(f"sample_weight is for compiled training; this network trains with NumPy: {reason}")
        return 0

    def train_on_pairs(self, eta):
        """`train_epoch` by the book's methods."""
        self.check_pairs_will_do()
        if self.pairs is None:
            self.pairs = self.unpacked()
        return train_on_pairs(self.net, self.pairs, self.mini_batch_size, self.update(eta))

    def update(self, eta):
        """update(mini_batch), which makes a step by the book's methods."""
        update = partial(self.step.update, eta=eta)
        return update if self.parts is None else self.parts.counted(update)

    def check_pairs_will_do(self):
        """Raise a TypeError if the examples have weights, of which the book's methods would not hear."""
        if self.weights is not None:
            self.refuse_weights()

    def unpacked(self):
        """The examples as pairs, in the order in which the last epoch left them."""
        cdef list pairs = self.data.training_pairs(), shuffled
        if self.packed is None:
            self.unshuffled = pairs[:]
        elif self.data.is_arrays:
            self.unshuffled = pairs
            shuffled = []
            for i in self.packed.order:
                shuffled.append(pairs[i])
            return shuffled
        else:
            self.unshuffled = self.packed.snapshot
        return pairs

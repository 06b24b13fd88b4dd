"""A call of every public function, and what can go wrong in it, for the tests that make each again and again.

`RIGHT` and `WRONG` hold calls by the public name, with a word on its way after a colon; `calls_of` goes
through them. A function that is added to the package without a call here fails tests/test_leaks.py.
"""

import copy
import inspect
import io
import os
import pickle
import random
import threading
import warnings

import numpy as np

import cbackprop
from cbackprop import (
    __main__,
    _pace,
    _processors,
    activations,
    chapter,
    config,
    costs,
    ensembles,
    export,
    figures,
    images,
    mnist_loader,
    network,
    network2,
    sweeps,
)
from cbackprop._csr import Csr
from cbackprop._outputs import outputs
from cbackprop._step_options import StepOptions
from cbackprop._training import Training
from cbackprop.reference import network as reference_1
from cbackprop.reference import network2 as reference_2
from support.examples import Table
from support.tiny import (
    BIT_PAIRS,
    BITS,
    CHECKPOINT,
    DENSE,
    DENSE_X,
    FOLDER,
    GROWING,
    HALF_IDX,
    HALF_JSON,
    HALF_MNIST,
    HALF_NPZ,
    HEADER,
    IDX,
    JSON,
    KERAS,
    LABELS,
    LAYERS,
    MONITORS,
    NO_MNIST,
    NPZ,
    NUMBERS,
    NUMBERS_OF_ROWS,
    ODD_X,
    OTHER_CHECKPOINT,
    OTHER_JSON,
    OWN,
    PAIR,
    PICKLE,
    QUADRATIC_JSON,
    QUADRATIC_NPZ,
    SIZES,
    SPARSE,
    TARGETS,
    TESTS,
    WIDE,
    Liar,
    OwnCost,
    X,
    a,
    better,
    cut,
    double,
    interrupted_cost,
    mixed,
    narrow,
    nothing,
    one_input,
    one_output,
    one_output2,
    other_weights,
    own,
    own_cost,
    own_evaluate,
    placeholder,
    plain,
    quadratic,
    raising,
    raising_cost,
    reference,
    reference_network2,
    replaced,
    replaced2,
    small,
    softmax,
    two,
    unsaveable,
    x,
    y,
    z,
)

MODULES = (
    *(network, network2, mnist_loader, chapter, activations, costs, reference_1, reference_2),
    *(figures, images, export, sweeps, ensembles),
)


def columns(net):
    """24 examples, the columns of two matrices."""
    return net.backprop_mini_batch(X.T, TARGETS.T)


def few_columns(net):
    """As many as the user's own methods are called for, one after the other."""
    return net.backprop_mini_batch(X[:4].T, TARGETS[:4].T)


def many_columns(net):
    """More than the kernels take at a time."""
    return net.backprop_mini_batch(np.tile(X.T, 6), np.tile(TARGETS.T, 6))


X_INDICES, X_VALUES = np.nonzero(X)[1], X[np.nonzero(X)]
GENERATOR = np.random.RandomState(0)  # seeded again for each call: to make one takes thousands of allocations
X_INDPTR = np.concatenate([[0], np.cumsum((X != 0).sum(axis=1))])


def stored(net, indices=X_INDICES, indptr=X_INDPTR, order=None, n_threads=1, rule="gradient descent"):
    """What cbackprop.sklearn has the compiled modules do with a matrix that is stored sparsely."""
    matrix = Csr(X_VALUES, indices, np.asarray(indptr), 40)
    step = StepOptions(0.1, rule=rule, builtin_delta="LogLikelihoodCost", decays_by_batch=True)
    training = Training(net, (matrix, LABELS), 24, n_threads, step, np.ones(24))
    training.measure_costs("LogLikelihoodCost", 1e-9, 1.0, True)
    GENERATOR.seed(0)
    training.shuffle_by(GENERATOR)
    training.set_order(np.arange(24) if order is None else np.array(order))
    if n_threads > 1:
        training.begin_epochs(net, step)
        training.next_epoch(step)
        training.end_epochs(net)
    else:
        (training.epoch if rule == "gradient descent" else training.gradient)(net, step)
    return outputs(net, matrix), training.costs_of_epoch


def shuffled(module, call):
    """`call`, with a random.shuffle of the user's own in the module."""

    class Generator:
        @staticmethod
        def shuffle(items):
            items.reverse()

    def replaced(net):
        module.random = Generator
        try:
            call(net)
        finally:
            module.random = random

    return replaced


def badly_shuffled(module):
    """SGD with a shuffle that loses an example."""

    class Generator:
        shuffle = list.pop

    def replaced(net):
        module.random = Generator
        try:
            net.SGD(list(SPARSE), 1, 10, 0.1)
        finally:
            module.random = random

    return replaced


def printed(module, call):
    """`call`, with a print of the user's own in the module."""

    def replaced(net):
        module.print = len
        try:
            call(net)
        finally:
            del module.print

    return replaced


def without_warning(call):
    """`call`, of whose result a warning says that it means nothing."""

    def quiet(net):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(net)

    return quiet


class OneLess(_pace.Pace):
    """What a team hears of that is to go on with a worker less, and then with all again."""

    def workers(self, workers, *_):
        return self.supply.full if workers < self.supply.full else workers - 1


def changing(call):
    """`call`, with teams that change in size after each slice."""

    def patched(net):
        kept = _pace.Pace, _processors.granted
        _pace.Pace, _processors.granted = OneLess, lambda: 2
        try:
            call(net)
        finally:
            _pace.Pace, _processors.granted = kept

    return patched


def changing_processors(call):
    """`call`, on a machine that grants two processors."""

    def patched(net):
        kept = _processors.granted
        _processors.granted = lambda: 2
        try:
            call(net)
        finally:
            _processors.granted = kept

    return patched


def resumed(net, data, **options):
    """Two calls of SGD, the second of which goes on where the first ended."""
    net.SGD(data, 1, 7, 0.1, **options)
    net.SGD(data, 1, 7, 0.1, resume=True, **options)


# A drawing, dark on light, 40 pixels tall.
DRAWN = np.full((60, 30), 250, np.uint8)
DRAWN[10:50, 12:18] = 20


def checkpointed(net, data, every=1, **options):
    """A call of SGD that writes checkpoints, and one that goes on from the last: nothing is left to do."""
    net.SGD(data, 1, 9, 0.1, checkpoint=CHECKPOINT, every=every, **options)
    net.SGD(data, 1, 9, 0.1, resume=CHECKPOINT, every=every, **options)


def in_blocks(net, data=None, **options):
    """SGD over data in blocks, which the thread reads that trains: a second one could fail anywhere."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    kept = threading.Thread.start
    threading.Thread.start = refuse
    try:
        net.SGD(
            (X, LABELS) if data is None else data, 1, 9, 0.1, block=5, window=2, random_state=3, **options
        )
    finally:
        threading.Thread.start = kept


def quartic(a, y):
    return float(np.sum((a - y) ** 4))


# By the first part of their names and by the function that makes the network which they are given.
RIGHT, WRONG = {}, {}

RIGHT["", nothing] = {"__version__": lambda _: cbackprop.__version__}
RIGHT["config.", nothing] = {"show_config": lambda _: config.show_config()}
RIGHT["network.", nothing] = {
    "Network": lambda _: network.Network(SIZES),
    "Network: float32, big-endian": lambda _: network.Network((40, np.int8(3)), dtype=">f4"),
    "Network: mixed": lambda _: mixed(),
    "Network: an input layer alone": lambda _: network.Network([40]).feedforward(x),
    "Network: a short life": lambda _: plain().SGD(list(DENSE), 1, 18, 0.1, TESTS),
    "sigmoid": lambda _: network.sigmoid(z),
    "sigmoid: a number": lambda _: network.sigmoid(0.5),
    "sigmoid: float32": lambda _: network.sigmoid(np.float32([[1, 2]])[:, ::-1]),
    "sigmoid: complex": lambda _: network.sigmoid(1j * z),
    "sigmoid_prime": lambda _: network.sigmoid_prime(z),
    "Network: random_state": lambda _: network.Network(SIZES, random_state=3),
    "load": lambda _: network.load(QUADRATIC_JSON),
}
RIGHT["network2.", nothing] = {
    "sigmoid": lambda _: network2.sigmoid(z),
    "sigmoid_prime": lambda _: network2.sigmoid_prime(z),
    "Network": lambda _: network2.Network(SIZES),
    "Network: softmax": lambda _: softmax(),
    "Network: random_state": lambda _: network2.Network(SIZES, random_state=np.random.default_rng(3)),
    "Network: a short life": lambda _: better().SGD(list(DENSE), 1, 18, 0.1, 0.1, TESTS, *MONITORS),
    "load": lambda _: network2.load(JSON),
    "load: npz, own cost": lambda _: network2.load(str(NPZ), cost=OwnCost),
}
RIGHT["mnist_loader.", nothing] = {
    "load_data": lambda _: mnist_loader.load_data(PICKLE),
    "load_data: npz": lambda _: mnist_loader.load_data(KERAS),
    "load_data_wrapper": lambda _: mnist_loader.load_data_wrapper(IDX),
    "vectorized_result": lambda _: mnist_loader.vectorized_result(np.int8(3)),
}
RIGHT["images.", nothing] = {
    "read_digit": lambda _: images.read_digit(DRAWN),
    "read_digit: colours": lambda _: images.read_digit(np.stack([DRAWN] * 4, axis=2)),
    "read_digits": lambda _: images.read_digits([DRAWN, 255 - DRAWN]),
}
RIGHT["activations.", nothing] = {
    "Activation": lambda _: repr(activations.Activation(double, two)),
    "LayerActivations": lambda _: activations.LayerActivations(SIZES, "tanh", {(2, 1): OWN}),
    "linear": lambda _: activations.linear(z),
    "relu": lambda _: activations.relu(z),
    "exponential": lambda _: activations.exponential(z),
    "softplus": lambda _: activations.softplus(z),
    "tanh": lambda _: activations.tanh(z),
    "LayerActivations.all_used": lambda _: list(LAYERS.all_used()),
    "LayerActivations.uses_sigmoid": lambda _: copy.copy(LAYERS).uses_sigmoid,
    "LayerActivations.custom": lambda _: copy.copy(LAYERS).custom,
    "LayerActivations.of_layers": lambda _: LAYERS.of_layers(2),
    "LayerActivations.of_layer": lambda _: LAYERS.of_layer(3),
    "LayerActivations.only_sigmoid": lambda _: LAYERS.only_sigmoid(),
    "LayerActivations.f": lambda _: LAYERS.f(3, z, network.sigmoid),
    "LayerActivations.f_prime": lambda _: LAYERS.f_prime(3, z, network.sigmoid_prime),
}
RIGHT["costs.", nothing] = {
    "QuadraticCost.fn": lambda _: costs.QuadraticCost.fn(a, y),
    "QuadraticCost.delta": lambda _: costs.QuadraticCost.delta(z, a, y),
    "CrossEntropyCost.fn": lambda _: costs.CrossEntropyCost.fn(a, y),
    "CrossEntropyCost.delta": lambda _: costs.CrossEntropyCost.delta(z, a, y),
    "PoissonCost.fn": lambda _: costs.PoissonCost.fn(a, y),
    "PoissonCost.delta": lambda _: costs.PoissonCost.delta(z, a, y),
    "LogLikelihoodCost.fn": lambda _: costs.LogLikelihoodCost.fn(a, y),
    "LogLikelihoodCost.delta": lambda _: costs.LogLikelihoodCost.delta(z, a, y),
}
RIGHT["reference.network.", nothing] = {
    "sigmoid": lambda _: reference_1.sigmoid(z),
    "sigmoid_prime": lambda _: reference_1.sigmoid_prime(z),
    "ReferenceNetwork": lambda _: reference_1.ReferenceNetwork(SIZES),
    "ReferenceLayers": lambda _: reference_1.ReferenceLayers(SIZES, dtype=np.float32),
}
RIGHT["reference.network2.", nothing] = {
    "vectorized_result": lambda _: reference_2.vectorized_result(3),
    "ReferenceNetwork2": lambda _: reference_2.ReferenceNetwork2(SIZES),
}
SINGLE_CALLS = {
    "feedforward": lambda net: net.feedforward(x),
    "backprop": lambda net: net.backprop(x, y),
    "backprop_mini_batch": columns,
}
# Asked about many examples, and copied.
QUESTIONS = {
    "predict": lambda net: net.predict(X),
    "predict_proba": lambda net: net.predict_proba(X),
    "copy": lambda net: repr(net.copy()),
}
VECTORS = {
    "parameters": lambda net: net.parameters.copy(),
    "flat_gradient": lambda net: net.flat_gradient(X[:4], LABELS[:4]),
}
ATTRIBUTES2 = {
    "dtype": lambda net: net.dtype,
    "history": lambda net: getattr(net, "history", None),
    "velocities": lambda net: getattr(net, "velocities", None),
}
RIGHT["network.Network.", plain] = {
    "backend": lambda net: net.backend,
    "dtype": lambda net: net.dtype,
    "feedforward": lambda net: net.feedforward(x),
    "feedforward: columns": lambda net: net.feedforward(X.T),
    "feedforward: many columns": lambda net: net.feedforward(np.tile(X.T, 6)),
    # A block that is given back is kept for the next call, unless it is of another size.
    "feedforward: another size": lambda net: (WIDE.feedforward(x), net.feedforward(x)),
    "feedforward: another type": lambda net: net.feedforward(ODD_X[:1].T),
    "backprop": lambda net: net.backprop(x, y),
    "backprop: a number": lambda net: net.backprop(ODD_X[:1].T, 1),
    "backprop_mini_batch": columns,
    "backprop_mini_batch: many": many_columns,
    "backprop: columns": lambda net: net.backprop(X.T, TARGETS.T),
    "backprop: many columns": lambda net: net.backprop(np.tile(X.T, 6), np.tile(TARGETS.T, 6)),
    "backprop: columns, a number": lambda net: net.backprop(ODD_X.T, 1),
    "backprop: no columns": lambda net: net.backprop(X.T[:, :0], 1),
    "cost_derivative": lambda net: net.cost_derivative(a, y),
    "update_mini_batch": lambda net: net.update_mini_batch(SPARSE[:10], 0.1),
    "update_mini_batch: tables": lambda net: net.update_mini_batch((Table(X), Table(LABELS)), 0.1),
    "update_mini_batch: dense": lambda net: net.update_mini_batch(DENSE, 0.1),
    "update_mini_batch: records that grow": lambda net: net.update_mini_batch(GROWING, 0.1),
    "update_mini_batch: arrays": lambda net: net.update_mini_batch((ODD_X, LABELS), 0.1),
    "evaluate": lambda net: net.evaluate(TESTS),
    "evaluate: tuples": lambda net: net.evaluate(tuple(map(list, TESTS))),
    "evaluate: arrays": lambda net: net.evaluate((X, LABELS)),
    "evaluate: targets": lambda net: net.evaluate((ODD_X, TARGETS)),
    "SGD": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, TESTS),
    "SGD: dense": lambda net: net.SGD(list(DENSE), 1, 18, 0.1),
    "SGD: two threads": lambda net: net.SGD((X, LABELS), 1, 24, 0.1, n_threads=2),
    "SGD: several mini-batches": lambda net: net.SGD((ODD_X, TARGETS), 2, 7, 0.1, (X, LABELS)),
    "SGD: several mini-batches, a team that changes": changing(
        lambda net: net.SGD((X, LABELS), 1, 5, 0.1, n_threads=2)
    ),
    "SGD: tables": lambda net: net.SGD((Table(ODD_X), Table(TARGETS)), 1, 24, 0.1, (Table(X), Table(LABELS))),
    "SGD: lists": lambda net: net.SGD((X.tolist(), LABELS.tolist()), 1, 24, 0.1),
    "SGD: sample_weight": lambda net: net.SGD((X, LABELS), 1, 24, 0.1, sample_weight=LABELS),
    "SGD: own print": printed(network, lambda net: net.SGD((X, LABELS), 1, 24, 0.1)),
    "SGD: own shuffle": shuffled(network, lambda net: net.SGD(list(SPARSE), 1, 24, 0.1)),
    "SGD: own shuffle, arrays": shuffled(network, lambda net: net.SGD((X, LABELS), 1, 24, 0.1)),
    "SGD: callbacks": lambda net: net.SGD(
        (X, LABELS), 2, 24, 0.1, (X, LABELS), verbose=False, callbacks=[lambda net, entry: True]
    ),
    "SGD: random_state": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, random_state=3),
    "SGD: several mini-batches, resumed": lambda net: resumed(net, (X, LABELS)),
    "SGD: several mini-batches, a tuple, resumed": lambda net: resumed(net, tuple(SPARSE), random_state=3),
    "SGD: a checkpoint": lambda net: net.SGD((X, LABELS), 0, 24, 0.1, checkpoint=CHECKPOINT),
    "SGD: several mini-batches, checkpoints": lambda net: checkpointed(net, (X, LABELS), random_state=3),
    "SGD: several mini-batches, checkpoints in parts": lambda net: checkpointed(net, tuple(SPARSE), 0.5),
    "SGD: several mini-batches, in blocks": lambda net: in_blocks(net, sample_weight=LABELS),
    **QUESTIONS,
    **VECTORS,
    "cost": lambda net: net.cost(X, LABELS),
    "predict_proba: dense": lambda net: net.predict_proba(DENSE_X),
    "predict_proba: blocks, two threads": changing_processors(
        lambda net: net.predict_proba(np.tile(ODD_X, (50, 1)), n_threads=2)
    ),
    "predict_proba: no rows": lambda net: net.predict_proba(X[:0]),
    "predict: a table": lambda net: net.predict(Table(ODD_X)),
    "save": lambda net: net.save(QUADRATIC_JSON),
    "save: npz": lambda net: net.save(QUADRATIC_NPZ),
}
RIGHT["ensembles.", plain] = {
    "Ensemble": lambda net: ensembles.Ensemble([net, net]),
    "Ensemble.predict_proba": lambda net: ensembles.Ensemble([net]).predict_proba(X),
    "Ensemble.predict": lambda net: ensembles.Ensemble([net]).predict(X),
    "Ensemble.evaluate": lambda net: ensembles.Ensemble([net]).evaluate((X, LABELS)),
}
RIGHT["network.Network.", one_input] = {
    "feedforward: a number": lambda net: net.feedforward(0.5),
    "feedforward: (1,)": lambda net: net.feedforward(np.array([0.5])),
    "backprop: numbers": lambda net: net.backprop(0.5, 1),
    "backprop: columns of one": lambda net: net.backprop(X[:1], X[0]),
    "update_mini_batch: numbers": lambda net: net.update_mini_batch(NUMBERS, 0.1),
    "SGD: numbers": lambda net: net.SGD(list(NUMBERS), 1, 6, 0.1),
}
RIGHT["network.Network.", one_output] = {
    "evaluate: one output": lambda net: net.evaluate((X, BITS)),
    "evaluate: one output, pairs": without_warning(lambda net: net.evaluate(TESTS)),
    "evaluate: threshold": lambda net: net.evaluate(BIT_PAIRS, threshold=0.5),
    "SGD: threshold": lambda net: net.SGD(BIT_PAIRS[:8], 1, 24, 0.1, BIT_PAIRS[:8], threshold=0.5),
    "predict: threshold": lambda net: net.predict(X, threshold=0.25),
    "SGD: one output": lambda net: net.SGD((X, BITS == 1), 1, 24, 0.1, (Table(X), BITS * 1.0)),
}
RIGHT["network.Network.", cut] = {
    "backprop: a layer cut off": lambda net: net.backprop(x, y),
    "SGD: a layer cut off": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, TESTS),
}
RIGHT["network.Network.", own_evaluate] = {
    "SGD: own evaluate": lambda net: net.SGD(list(DENSE), 1, 18, 0.1, {"x": X, "y": LABELS}),
}
RIGHT["network2.Network.", one_output2] = {
    "accuracy: threshold": lambda net: net.accuracy(BIT_PAIRS, threshold=0.5),
    "SGD: threshold": lambda net: net.SGD(
        BIT_PAIRS[:8], 1, 24, 0.1, 0.0, BIT_PAIRS[:8], *MONITORS, early_stopping_n=1, threshold=0.5
    ),
    "accuracy: one output": lambda net: net.accuracy((X, BITS)),
    "total_cost: one output": lambda net: net.total_cost((X, X[:, 0]), 0.1),
    "SGD: one output": lambda net: net.SGD((X, BITS == 1), 1, 24, 0.1, 0.1, (Table(X), BITS), *MONITORS),
}
RIGHT["network2.Network.", placeholder] = {
    "SGD: filled in": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, 0.1, TESTS, *MONITORS),
    "save: filled in": lambda net: net.save(JSON),
}
RIGHT["network.", plain] = {
    "Network: pickled": lambda net: pickle.loads(pickle.dumps(net)),
    "Network: copied": copy.deepcopy,
}
RIGHT["network.Network.", narrow] = {
    "feedforward: float32": lambda net: net.feedforward(x),
    "backprop: float32": lambda net: net.backprop(x, y),
    "SGD: float32": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, TESTS),
}
RIGHT["network.Network.", mixed] = {
    "feedforward: mixed": lambda net: net.feedforward(x),
    "backprop: mixed": lambda net: net.backprop(x, y),
    "backprop_mini_batch: mixed": columns,
    "SGD: mixed": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, TESTS),
}
RIGHT["network.Network.", own] = {
    "feedforward: own activation": lambda net: net.feedforward(x),
    "backprop: own activation": lambda net: net.backprop(x, y),
    "backprop_mini_batch: own activation": columns,
    "update_mini_batch: own activation": lambda net: net.update_mini_batch(DENSE[:2], 1e-4),
}
RIGHT["network.Network.", replaced] = {
    "backend: replaced": lambda net: net.backend,
    "predict: replaced": lambda net: net.predict(X),
    "copy: replaced": lambda net: repr(net.copy()),
    "SGD: several steps, replaced, checkpoints": lambda net: checkpointed(net, (X[:18], LABELS[:18]), 0.5),
    "SGD: several steps, replaced, resumed": lambda net: resumed(net, (X[:4], LABELS[:4])),
    "SGD: replaced": lambda net: net.SGD(DENSE[:4], 1, 4, 0.1, TESTS[:2]),
    "backprop_mini_batch: replaced": few_columns,
}
RIGHT["network2.Network.", better] = {
    "backend": lambda net: net.backend,
    **ATTRIBUTES2,
    **SINGLE_CALLS,
    "update_mini_batch": lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 9),
    "update_mini_batch: momentum": lambda net: net.update_mini_batch(
        SPARSE[:10], 0.1, 5.0, 9, regularization="L1", mu=0.5
    ),
    "SGD": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, 5.0, TESTS, *MONITORS, mu=0.5, early_stopping_n=2),
    "update_mini_batch: Adam": lambda net: net.update_mini_batch(SPARSE[:10], 0.1, 5.0, 9, rule="adam"),
    "update_mini_batch: AMSGrad": lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 9, rule="amsgrad"),
    "SGD: Adam": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, 5.0, rule="amsgrad", n_threads=2),
    "SGD: several mini-batches, Nesterov": lambda net: net.SGD(
        list(DENSE), 1, 9, 0.1, 5.0, rule="nesterov", mu=0.5
    ),
    "SGD: dropout": lambda net: net.SGD(list(SPARSE), 1, 24, 0.1, 5.0, dropout=0.5, random_state=3),
    "SGD: dropout of inputs": lambda net: net.SGD((X, LABELS), 1, 24, 0.1, dropout=[0.1, 0.5]),
    "SGD: restore_best": lambda net: net.SGD(
        list(SPARSE), 1, 24, 0.1, 5.0, TESTS, early_stopping_n=2, restore_best=True
    ),
    "SGD: dense": lambda net: net.SGD(
        list(DENSE), 1, 18, 0.1, 0.1, (X, LABELS), *MONITORS, regularization="L1", eta_halving_n=1
    ),
    "SGD: two threads": lambda net: net.SGD(
        (X, TARGETS), 1, 24, 0.1, monitor_training_accuracy=True, n_threads=2
    ),
    "SGD: several steps, stop_on": lambda net: net.SGD(
        list(DENSE),
        2,
        18,
        0.1,
        0.1,
        (X, TARGETS),
        early_stopping_n=1,
        stop_on="evaluation_cost",
        min_delta=1e9,
    ),
    "SGD: several mini-batches, in blocks": lambda net: in_blocks(
        net, (1 - X, TARGETS), mu=0.5, monitor_training_cost=True, monitor_training_accuracy=True
    ),
    "SGD: several mini-batches, momentum, resumed": lambda net: resumed(
        net, list(SPARSE), mu=0.5, random_state=np.random.default_rng(1)
    ),
    "SGD: several mini-batches, Adam, checkpoints": lambda net: checkpointed(
        net,
        (X, LABELS),
        rule="adam",
        dropout=0.5,
        evaluation_data=(X, LABELS),
        restore_best=True,
        monitor_training_cost=True,
    ),
    "SGD: several mini-batches, training cost, resumed": lambda net: resumed(
        net, list(SPARSE), monitor_training_cost=True
    ),
    "SGD: several mini-batches, restore_best, resumed": lambda net: resumed(
        net, (X, LABELS), evaluation_data=(X, LABELS), restore_best=True, eta_halving_n=1
    ),
    **QUESTIONS,
    **VECTORS,
    "accuracy": lambda net: net.accuracy(TESTS),
    "accuracy: targets": lambda net: net.accuracy(DENSE, convert=True),
    "total_cost": lambda net: net.total_cost(TESTS, 5.0, convert=True),
    "total_cost: targets": lambda net: net.total_cost((X, TARGETS), 5.0, regularization="L1"),
    "default_weight_initializer": lambda net: net.default_weight_initializer(),
    "large_weight_initializer": lambda net: net.large_weight_initializer(),
    "save": lambda net: net.save(JSON),
    "save: npz": lambda net: net.save(os.fsencode(NPZ)),
}
RIGHT["network2.", better] = {"Network: pickled": lambda net: pickle.loads(pickle.dumps(net))}
RIGHT["network2.Network.", quadratic] = {
    "backprop: quadratic": lambda net: net.backprop(x, y),
    "SGD: quadratic": lambda net: net.SGD(list(DENSE), 1, 18, 0.1, 0.1, TESTS, *MONITORS),
}
RIGHT["network2.Network.", softmax] = {
    "backprop: softmax": lambda net: net.backprop(x, y),
    "SGD: several mini-batches": lambda net: net.SGD(list(SPARSE), 2, 7, 0.1, 0.1, TESTS, *MONITORS),
    "SGD: a stored matrix": stored,
    "SGD: a stored matrix, the gradient": lambda net: stored(net, rule="sum of gradients"),
    "SGD: a stored matrix, entries of one column": lambda net: stored(net, X_INDICES // 2),
    "SGD: a stored matrix, two threads": lambda net: stored(net, n_threads=2),
    "total_cost: softmax": lambda net: net.total_cost(DENSE, 0.0),
}
RIGHT["network2.Network.", own_cost] = {
    "backprop: own cost": lambda net: net.backprop(x, y),
    "backprop_mini_batch: own cost": few_columns,
    "SGD: own cost": lambda net: net.SGD(list(SPARSE[:3]), 1, 3, 0.1, 0.1, TESTS[:3], *MONITORS),
    "total_cost: own cost": lambda net: net.total_cost(DENSE[:3], 0.0),
}
RIGHT["network2.Network.", replaced2] = {
    "accuracy: replaced": lambda net: net.accuracy(TESTS[:3]),
    "total_cost: replaced": lambda net: net.total_cost(TESTS[:3], 1.0, convert=True),
    "predict_proba: replaced": lambda net: net.predict_proba(X[:3]),
}
RIGHT["figures.", nothing] = {"LiveCurves": lambda _: figures.LiveCurves(3)}
RIGHT["chapter.", small] = {
    "numerical_gradient": lambda net: chapter.numerical_gradient(net, *PAIR),
    "numerical_gradient: central": lambda net: chapter.numerical_gradient(
        net, *PAIR, scheme="central", cost=quartic
    ),
    "check_gradient": lambda net: str(chapter.check_gradient(net, *PAIR)),
    "perturbation": lambda net: chapter.perturbation(net, *PAIR, (2, 1, 0), 0.01),
    "paths": lambda net: list(chapter.paths(net, *PAIR, (2, 1, 0))),
    "path_sum_gradient": lambda net: chapter.path_sum_gradient(net, *PAIR),
    "trace": lambda net: chapter.trace(net, *PAIR),
    "adversarial": lambda net: str(chapter.adversarial(net, PAIR[0], 1, max_steps=3)),
    "Trace": lambda net: str(chapter.Trace(**vars(chapter.trace(net, *PAIR)))),
}
for kind in (softmax, own_cost):
    RIGHT["chapter.", kind] = {
        f"perturbation: {kind.__name__}": lambda net: chapter.perturbation(net, x, y, (3, 1, 0), 0.01),
        f"paths: {kind.__name__}": lambda net: list(chapter.paths(net, x, y, (3, 1, 0))),
        f"path_sum_gradient: {kind.__name__}": lambda net: chapter.path_sum_gradient(net, x, y),
        f"trace: {kind.__name__}": lambda net: chapter.trace(net, x, y),
    }
RIGHT["reference.network.", reference] = {
    "ReferenceNetwork.dtype": lambda net: net.dtype,
    "ReferenceLayers.dtype": reference_1.ReferenceLayers.dtype.__get__,
    "ReferenceNetwork.feedforward": lambda net: net.feedforward(x),
    "ReferenceNetwork.backprop": lambda net: net.backprop(x, y),
    "ReferenceNetwork.backprop_mini_batch": columns,
    "ReferenceNetwork.cost_derivative": lambda net: net.cost_derivative(a, y),
    "ReferenceNetwork.update_mini_batch": lambda net: net.update_mini_batch(DENSE[:3], 0.1),
    "ReferenceNetwork.evaluate": lambda net: net.evaluate(TESTS[:3]),
    "ReferenceNetwork.SGD": lambda net: net.SGD(DENSE[:4], 1, 4, 0.1, TESTS[:2]),
    "ReferenceNetwork.SGD: several steps, resumed": lambda net: resumed(net, DENSE[:4], random_state=3),
    **{f"ReferenceNetwork.{name}": call for name, call in QUESTIONS.items()},
    "ReferenceLayers.predict": lambda net: reference_1.ReferenceLayers.predict(net, X),
    "ReferenceLayers.predict_proba": lambda net: reference_1.ReferenceLayers.predict_proba(net, X),
    "ReferenceLayers.copy": reference_1.ReferenceLayers.copy,
    "ReferenceLayers.feedforward": lambda net: reference_1.ReferenceLayers.feedforward(net, x),
    "ReferenceLayers.backprop": lambda net: reference_1.ReferenceLayers.backprop(net, x, y),
    "ReferenceLayers.backprop_mini_batch": lambda net: reference_1.ReferenceLayers.backprop_mini_batch(
        net, X.T, TARGETS.T
    ),
}
RIGHT["reference.network2.ReferenceNetwork2.", reference_network2] = {
    **ATTRIBUTES2,
    **SINGLE_CALLS,
    **QUESTIONS,
    "default_weight_initializer": lambda net: net.default_weight_initializer(),
    "large_weight_initializer": lambda net: net.large_weight_initializer(),
    "update_mini_batch": lambda net: net.update_mini_batch(DENSE[:3], 0.1, 0.1, 9, mu=0.5),
    "update_mini_batch: Adam": lambda net: net.update_mini_batch(DENSE[:3], 0.1, 0.1, 9, rule="amsgrad"),
    "update_mini_batch: Nesterov": lambda net: net.update_mini_batch(DENSE[:3], 0.1, 0.1, 9, rule="nesterov"),
    "accuracy": lambda net: net.accuracy(TESTS[:3]),
    "total_cost": lambda net: net.total_cost(TESTS[:3], 0.1, True),
    "SGD": lambda net: net.SGD(DENSE[:4], 1, 4, 0.1, 0.1, TESTS[:2], *MONITORS),
    "SGD: dropout": lambda net: net.SGD(DENSE[:4], 1, 4, 0.1, 0.1, dropout=0.5, random_state=3),
}

RIGHT["export.", mixed] = {
    "to_c": lambda net: export.to_c(net, HEADER),
    "to_c: float": lambda net: export.to_c(net, HEADER, name="net", dtype=np.float32),
}
NEEDS_EXTRA = "its library is an extra, and most of its time and memory are that library's"
# Public names that are not called rightly, and why.
LEFT_OUT = {
    **dict.fromkeys(
        ("export.to_onnx", "export.to_safetensors", "export.from_safetensors", "export.to_torch"), NEEDS_EXTRA
    ),
    **dict.fromkeys(
        ("export.from_torch", "export.to_keras", "export.from_keras", "export.to_sklearn"), NEEDS_EXTRA
    ),
    "figures.learning_curves": "a figure takes a tenth of a second, nearly all of it matplotlib's",
    "figures.weight_images": "likewise",
    "figures.misclassified": "likewise",
    "figures.confusion_matrix": "likewise",
    "figures.network_diagram": "likewise",
    "figures.path": "likewise",
    "sweeps.sweep": "a sweep takes milliseconds, nearly all of them joblib's",
    "ensembles.ensemble": "likewise",
    "__main__.main": "the command trains for seconds",
}

WRONG["network.", nothing] = {
    "Network: sizes": lambda _: network.Network([40, "7", 3]),
    "Network: no list": lambda _: network.Network(40),
    "Network: huge": lambda _: network.Network([2**31, 2**31]),
    "Network: dtype": lambda _: network.Network(SIZES, dtype=np.float16),
    "Network: activation": lambda _: network.Network(SIZES, activation="step"),
    "Network: neuron": lambda _: network.Network(SIZES, neuron_activations={(2, 9): "tanh"}),
    "Network: random_state": lambda _: network.Network(SIZES, random_state=0.5),
    "load: another cost": lambda _: network.load(JSON),
    "load: half": lambda _: network.load(HALF_JSON),
    "sigmoid": lambda _: network.sigmoid("z"),
    "sigmoid: liar": lambda _: network.sigmoid(Liar()),
    "sigmoid_prime": lambda _: network.sigmoid_prime(object()),
}
WRONG["network2.", nothing] = {
    "Network: cost": lambda _: network2.Network(SIZES, cost=int),
    "Network: activation": lambda _: network2.Network(SIZES, activation="relu"),
    "load: half": lambda _: network2.load(HALF_JSON),
    "load: arrays that do not fit": lambda _: network2.load(OTHER_JSON),
    "load: half an npz": lambda _: network2.load(HALF_NPZ),
    "load: not there": lambda _: network2.load(FOLDER / "none.json"),
}
WRONG["reference.network2.", nothing] = {"vectorized_result": lambda _: network2.vectorized_result(10)}
WRONG["mnist_loader.", nothing] = {
    "load_data: half": lambda _: mnist_loader.load_data(HALF_MNIST),
    "load_data: not MNIST": lambda _: mnist_loader.load_data(NO_MNIST),
    "load_data: half IDX": lambda _: mnist_loader.load_data(HALF_IDX),
    "load_data_wrapper": lambda _: mnist_loader.load_data_wrapper(FOLDER / "none"),
    "vectorized_result": lambda _: mnist_loader.vectorized_result(10),
}
WRONG["images.", nothing] = {
    "read_digit": lambda _: images.read_digit(np.zeros((28, 28))),
    "read_digit: shape": lambda _: images.read_digit(np.zeros(784)),
    "read_digit: not there": lambda _: images.read_digit(FOLDER / "none.png"),
    "read_digits": lambda _: images.read_digits([DRAWN, "none.png"]),
}
WRONG["activations.", nothing] = {
    "LayerActivations": lambda _: activations.LayerActivations(SIZES, ["tanh"]),
    "Activation": lambda _: activations.Activation(double),
    "Activation: f": lambda _: activations.Activation(1, 2),
}
WRONG["figures.", nothing] = {
    "learning_curves": lambda _: figures.learning_curves([{"epoch": 0}]),
    "weight_images": lambda _: figures.weight_images(3),
    "LiveCurves": lambda _: figures.LiveCurves(0),
    "LiveCurves: nothing is monitored": lambda _: figures.LiveCurves()(None, {"epoch": 0}),
}
WRONG["figures.", plain] = {
    "misclassified": lambda net: figures.misclassified(net, TESTS),
    "misclassified: empty": lambda net: figures.misclassified(net, [], (5, 8)),
    "confusion_matrix": lambda net: figures.confusion_matrix(net, [*TESTS, (x, y)]),
    "confusion_matrix: liar": lambda net: figures.confusion_matrix(net, (X, Liar())),
    "network_diagram": lambda net: figures.network_diagram(net, x, y[:2]),
    "path": lambda net: figures.path(net, x, y, (4, 0, 0)),
    "path: neurons": lambda net: figures.path(net, x, y, (2, 0, 0), (0, 3)),
}
WRONG["sweeps.", nothing] = {
    "sweep": lambda _: sweeps.sweep(small, {"eta": []}, ((X, LABELS), None)),
    "sweep: make": lambda _: sweeps.sweep(3, {"eta": [0.1]}, ((X, LABELS), None)),
}
WRONG["ensembles.", nothing] = {
    "Ensemble": lambda _: ensembles.Ensemble([]),
    "ensemble": lambda _: ensembles.ensemble(small, 0, ((X, LABELS), None)),
}
WRONG["__main__.", nothing] = {
    "main": lambda _: __main__.main(["--eta", "0"]),
    "main: --help": lambda _: __main__.main(["--help"]),
}
WRONG["export.", own] = {
    "to_onnx": lambda net: export.to_onnx(net, HEADER),
    "to_c": lambda net: export.to_c(net, HEADER),
    "to_torch": export.to_torch,
    "to_keras": export.to_keras,
    "to_sklearn": export.to_sklearn,
    "to_safetensors": lambda net: export.to_safetensors(net, HEADER),
}
WRONG["export.", mixed] = {
    "to_c: name": lambda net: export.to_c(net, HEADER, name="2"),
    "to_c: path": lambda net: export.to_c(net, 2),
    "to_c: a folder that is not there": lambda net: export.to_c(net, FOLDER / "none" / "net.h"),
}
WRONG["network.Network.", plain] = {
    "feedforward": lambda net: net.feedforward(x[:5]),
    "feedforward: None": lambda net: net.feedforward(None),
    "feedforward: liar": lambda net: net.feedforward(Liar()),
    "backprop": lambda net: net.backprop(x.ravel(), y),
    "backprop: y": lambda net: net.backprop(x, y[:2]),
    "backprop: liar": lambda net: net.backprop(x, Liar()),
    "backprop: columns": lambda net: net.backprop(X.T, TARGETS),
    "feedforward: rows": lambda net: net.feedforward(X),
    "backprop_mini_batch": lambda net: net.backprop_mini_batch(X, TARGETS),
    "backprop_mini_batch: Y": lambda net: net.backprop_mini_batch(X.T, TARGETS),
    "cost_derivative": lambda net: net.cost_derivative(a, np.zeros((2, 2))),
    "update_mini_batch": lambda net: net.update_mini_batch([*DENSE, (x, None)], 0.1),
    "update_mini_batch: empty": lambda net: net.update_mini_batch([], 0.1),
    "update_mini_batch: eta": lambda net: net.update_mini_batch(DENSE, "0.1"),
    "update_mini_batch: no pair": lambda net: net.update_mini_batch([(x, y, y)], 0.1),
    "update_mini_batch: labels": lambda net: net.update_mini_batch((X, LABELS + 1), 0.1),
    "update_mini_batch: short Y": lambda net: net.update_mini_batch((X, LABELS[1:]), 0.1),
    "update_mini_batch: complex X": lambda net: net.update_mini_batch((X * 1j, LABELS), 0.1),
    "evaluate": lambda net: net.evaluate([*TESTS, (x, y)]),
    "evaluate: no list": lambda net: net.evaluate(7),
    "evaluate: no labels": lambda net: net.evaluate((X, LABELS * 0.5)),
    "SGD": lambda net: net.SGD([*SPARSE, (x[:5], y)], 1, 10, 0.1),
    "SGD: liar": lambda net: net.SGD([*SPARSE, (Liar(), y)], 1, 10, 0.1),
    "SGD: tests": lambda net: net.SGD(SPARSE, 1, 10, 0.1, [(x, y)]),
    "SGD: transposed": lambda net: net.SGD((X.T, LABELS), 1, 10, 0.1),
    "SGD: a table too wide": lambda net: net.SGD((Table(np.c_[X, LABELS]), Table(LABELS)), 1, 10, 0.1),
    "SGD: names": lambda net: net.SGD((X, ["cat"] * 24), 1, 10, 0.1),
    "SGD: arrays that lie": lambda net: net.SGD((X, Liar()), 1, 10, 0.1),
    "SGD: mini_batch_size": lambda net: net.SGD(SPARSE, 1, 0, 0.1),
    "SGD: n_threads": lambda net: net.SGD(SPARSE, 1, 10, 0.1, n_threads="2"),
    "SGD: bad shuffle": badly_shuffled(network),
    "SGD: sample_weight": lambda net: net.SGD((X, LABELS), 1, 10, 0.1, sample_weight=LABELS - 1.0),
    "SGD: sample_weight of pairs": lambda net: net.SGD(SPARSE, 1, 10, 0.1, sample_weight=LABELS),
    "SGD: a stored matrix of bad columns": lambda net: stored(net, X_INDICES + 40),
    "SGD: a stored matrix of bad rows": lambda net: stored(net, indptr=[0, 3, 2]),
    "SGD: a bad order": lambda net: stored(net, order=[0] * 24),
    "SGD: callbacks": lambda net: net.SGD(SPARSE, 1, 10, 0.1, callbacks=[3]),
    "SGD: a callback that fails": lambda net: net.SGD(
        (X, LABELS), 2, 10, 0.1, callbacks=[lambda net, entry: 1 / 0], random_state=3
    ),
    "SGD: in blocks, of other columns": lambda net: in_blocks(net, (X[:, 1:], LABELS)),
    "SGD: in blocks, with a label that is no class": lambda net: in_blocks(net, (X, LABELS + 100)),
    "SGD: random_state": lambda net: net.SGD(SPARSE, 1, 10, 0.1, random_state=-1),
    "SGD: checkpoint": lambda net: net.SGD(SPARSE, 1, 10, 0.1, checkpoint=FOLDER / "none" / "run.npz"),
    "SGD: every": lambda net: net.SGD(SPARSE, 1, 10, 0.1, checkpoint=CHECKPOINT, every=1.5),
    "SGD: resume": lambda net: net.SGD(SPARSE, 1, 10, 0.1, resume=FOLDER / "none"),
    "SGD: resume from a network": lambda net: net.SGD(SPARSE, 1, 10, 0.1, resume=NPZ),
    "SGD: resume from another call": lambda net: net.SGD(SPARSE, 1, 10, 0.2, resume=OTHER_CHECKPOINT),
    "SGD: threshold": lambda net: net.SGD(SPARSE, 1, 10, 0.1, threshold=0.5),
    "evaluate: threshold": lambda net: net.evaluate(TESTS, threshold=0.5),
    "predict": lambda net: net.predict(X.T),
    "predict: liar": lambda net: net.predict(Liar()),
    "predict_proba": lambda net: net.predict_proba(X * 1j),
    "flat_gradient": lambda net: net.flat_gradient(X[:, 1:], LABELS),
    "cost": lambda net: net.cost(X[:0], LABELS[:0]),
    "save": lambda net: net.save("net.onnx"),
}
WRONG["network.Network.", replaced] = {"save: replaced": lambda net: net.save(QUADRATIC_JSON)}
WRONG["chapter.", plain] = {
    "numerical_gradient: x": lambda net: chapter.numerical_gradient(net, x[:3], y),
    "trace": lambda net: chapter.trace(net, x, y[:2]),
    "trace: liar": lambda net: chapter.trace(net, x, Liar()),
    "adversarial": lambda net: chapter.adversarial(net, x, 3),
    "adversarial: bounds": lambda net: chapter.adversarial(net, x, 2, bounds=(0, 0.5)),
    "trace: cost": lambda net: chapter.trace(net, x, y, cost=3),
}
WRONG["chapter.", raising_cost] = {
    "path_sum_gradient: raising": lambda net: [chapter.path_sum_gradient(net, x, y) for _ in range(2)],
    "trace: raising": lambda net: [chapter.trace(net, x, y) for _ in range(2)],
}
WRONG["network.Network.", raising] = {
    "SGD: raising": lambda net: net.SGD(list(DENSE), 1, 10, 0.1),
    "backprop_mini_batch: raising": columns,
    "update_mini_batch: raising": lambda net: net.update_mini_batch(DENSE, 0.1),
}
WRONG["network.Network.", other_weights] = {
    "feedforward: weights": lambda net: net.feedforward(x),
    "SGD: weights": lambda net: net.SGD(list(DENSE), 1, 10, 0.1),
}
WRONG["network2.Network.", better] = {
    "backprop": lambda net: net.backprop(x, "y"),
    "update_mini_batch": lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 0),
    "update_mini_batch: mu": lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 9, mu=2),
    "update_mini_batch: rule": lambda net: net.update_mini_batch(DENSE, 0.1, 5.0, 9, rule=5),
    "SGD: dropout": lambda net: net.SGD(SPARSE, 1, 10, 0.1, dropout=[0.5]),
    "SGD: random_state": lambda net: net.SGD(SPARSE, 1, 10, 0.1, dropout=0.5, random_state="3"),
    "SGD: epsilon": lambda net: net.SGD(SPARSE, 1, 10, 0.1, rule="adam", epsilon=0.0),
    "SGD": lambda net: net.SGD(SPARSE, 1, 10, 0.1, regularization="L3"),
    "SGD: stop_on": lambda net: net.SGD(SPARSE, 1, 10, 0.1, stop_on="cost"),
    "SGD: min_delta": lambda net: net.SGD(SPARSE, 1, 10, 0.1, min_delta=-1),
    "SGD: no evaluation": lambda net: net.SGD(SPARSE, 1, 10, 0.1, early_stopping_n=1),
    "SGD: label": lambda net: net.SGD(list(SPARSE), 1, 10, 0.1, 5.0, [*TESTS, (x, 3)], *MONITORS),
    "SGD: bad shuffle": badly_shuffled(network2),
    "accuracy": lambda net: net.accuracy(SPARSE),
    "total_cost": lambda net: net.total_cost([(x, 3)], 0.1, convert=True),
    "total_cost: empty": lambda net: net.total_cost([], 0.1),
    "save": lambda net: net.save(FOLDER / "none" / "net.json"),
    "save: a folder": lambda net: net.save(IDX),
}
WRONG["network.Network.", one_output] = {
    "evaluate: no classes": lambda net: net.evaluate((X, X[:, 1] + 0.1)),
    "evaluate: a threshold and no classes": lambda net: net.evaluate(NUMBERS_OF_ROWS, threshold=0.5),
}
WRONG["network2.Network.", one_output2] = {
    "SGD: stopping": lambda net: net.SGD(list(TESTS), 1, 10, 0.1, 0.0, (X, BITS), early_stopping_n=1)
}
WRONG["network2.", better] = {"Network: pickled": lambda net: pickle.dump(net, io.StringIO())}
WRONG["network2.Network.", raising_cost] = {
    "SGD: raising": lambda net: net.SGD(list(DENSE), 2, 1, 0.1),
    "update_mini_batch: raising": lambda net: net.update_mini_batch(DENSE[:2], 0.1, 0, 9),
    "backprop_mini_batch: raising": columns,
}
WRONG["network2.Network.", interrupted_cost] = {
    "SGD: interrupted": lambda net: net.SGD(list(DENSE), 2, 1, 0.1),
    "backprop: interrupted": lambda net: net.backprop(x, y),
}
WRONG["network2.Network.", unsaveable] = {"save: own activation": lambda net: net.save(JSON)}
WRONG["chapter.", small] = {
    "numerical_gradient": lambda net: chapter.numerical_gradient(net, *PAIR, epsilon=0),
    "numerical_gradient: cost": lambda net: chapter.numerical_gradient(net, *PAIR, cost=lambda a, y: a),
    "check_gradient": lambda net: chapter.check_gradient(net, *PAIR, tolerance=-1),
    "perturbation": lambda net: chapter.perturbation(net, *PAIR, (2, 1, 9), 0.01),
    "perturbation: dw": lambda net: chapter.perturbation(net, *PAIR, (2, 1, 0), 0.0),
    "paths": lambda net: chapter.paths(net, *PAIR, (1, 0, 0)),
    "path_sum_gradient": lambda net: chapter.path_sum_gradient(net, *PAIR, max_paths=1),
}
WRONG["reference.network.", reference] = {"ReferenceNetwork.feedforward": lambda net: net.feedforward(x[:5])}
WRONG["reference.network2.ReferenceNetwork2.", reference_network2] = {
    "SGD": lambda net: net.SGD([(x, y, y)], 1, 2, 0.1)
}


def calls_of(table):
    """(name, the function that makes the network, the call) for each."""
    for (prefix, make), calls in table.items():
        for name, call in calls.items():
            yield prefix + name, make, call


def public_name(call):
    """The public name that a call is of, given its name."""
    return call.split(":")[0]


def public_names():
    """Every public function, class and method: "module.name" or "module.Class.name", of its home."""
    # network.load is not in __all__: a star import is to bring what the book's brings.
    names = {"__version__", "config.show_config", "__main__.main", "network.load"}
    for module in MODULES:
        for name in module.__all__:
            item = getattr(module, name)
            home = getattr(item, "__module__", None) or ""
            if not callable(item) or not home.startswith("cbackprop."):
                continue  # numpy, random, … which the book's modules hold too
            full_name = f"{home.removeprefix('cbackprop.')}.{name}"
            if not inspect.isclass(item):
                names.add(full_name)
            elif not issubclass(item, tuple):
                if item.__init__ is not object.__init__:
                    names.add(full_name)
                names.update(f"{full_name}.{method}" for method in _methods(item))
    return names


def _methods(kind):
    """The names of the public methods and properties that the package has given to a class."""
    for base in kind.__mro__:
        if base.__module__.startswith("cbackprop."):
            for name, item in vars(base).items():
                if not name.startswith("_") and (callable(item) or hasattr(item, "__get__")):
                    yield name

"""The NumPy reference: the chapter's algorithm, a line of NumPy for each of its equations.

A `cbackprop.network.Network` falls back on it if the user has replaced a method. The tests compare with it,
and the benchmarks start from it. It is written to be read, not to be fast.

A network has the attributes of the book's class and one more (see `cbackprop._memory`): all other names are
the user's. So what the methods share are functions that take the network.
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._describe import described
from cbackprop._epochs import checked_callbacks, mini_batches, report_of
from cbackprop._memory import Memory, offered, real_dtype, remember
from cbackprop._overrides import Module, builtin
from cbackprop._parameters import is_finite
from cbackprop._progress import Progress
from cbackprop._random_state import generator_of, generator_of_masks, resumed_generator
from cbackprop._warnings import parameters_of
from cbackprop.activations import LayerActivations, read_activations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from numpy.random import Generator
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from cbackprop._dropout import Dropout
    from cbackprop._progress import Standing
    from cbackprop.activations import Activation

__all__ = ["ReferenceLayers", "ReferenceNetwork", "np", "random", "sigmoid", "sigmoid_prime"]


@builtin
def sigmoid(z: Any) -> Any:
    """σ(z) = 1 / (1 + e^−z), element by element."""
    with np.errstate(over="ignore", under="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


@builtin
def sigmoid_prime(z: Any) -> Any:
    """σ′(z) = σ(z)·(1 − σ(z)), element by element."""
    return sigmoid(z) * (1 - sigmoid(z))


def output_error(net: Any, z: Any, a: Any, y: Any) -> Any:
    """δ^L = ∇_a C ⊙ σ′(z^L)."""
    return net.cost_derivative(a, y) * net._cbackprop.module.f_prime(net, len(net.weights) + 1, z)


MODULE: Module = Module(globals(), output_error, ("cost_derivative", "backprop"), ("feedforward", "evaluate"))


def set_up(
    net: Any,
    sizes: Sequence[int],
    dtype: Any,
    activations: LayerActivations | None,
    generator: Generator | None = None,
) -> None:
    """Give `net` layers of these sizes, without parameters yet; `generator` will draw them, if not None."""
    net.__dict__.pop("_cbackprop", None)
    net.num_layers = len(sizes)
    net.sizes = sizes
    dtype = real_dtype(dtype)
    if dtype != np.float64 or activations is not None or generator is not None:
        remember(net, dtype=dtype, activations=activations, generator=generator)


def draw_parameters(net: Any, sizes: Sequence[int], spread: Any = lambda n_in: 1) -> None:
    """Draw every bias from the normal distribution, and every weight likewise, divided by spread(n_in)."""
    memory = net._cbackprop
    generator = memory.generator
    if generator is None:
        randn = memory.module.np.random.randn
    else:

        def randn(*shape: int) -> Any:
            return generator.standard_normal(shape)

    # The order of the draws is part of the promise: all biases, then all weights.
    biases = [randn(n, 1) for n in sizes[1:]]
    weights = [randn(n_out, n_in) / spread(n_in) for n_in, n_out in zip(sizes, sizes[1:])]
    net.biases = [b.astype(memory.dtype, copy=False) for b in biases]
    net.weights = [w.astype(memory.dtype, copy=False) for w in weights]


def activations_and_errors(
    net: Any, x: Any, y: Any, factors: Sequence[Any] | None = None
) -> tuple[list[Any], list[Any]]:
    """a^1, …, a^{L−1} and δ^2, …, δ^L of an example, or of several, the columns of x and y.

    `factors`, with dropout: what a^1, …, a^{L−1} are multiplied by, or None where they stay whole.
    """

    def thinned(l: int, a: Any) -> Any:
        factor = None if factors is None or l > len(factors) else factors[l - 1]
        return a if factor is None else np.where(factor == 0, a.dtype.type(0), factor * a)

    module, dtype = net._cbackprop.module, net._cbackprop.dtype
    dot = module.np.dot
    # Input and feedforward: z^l = w^l a^{l-1} + b^l, a^l = σ(z^l)
    L, zs, activations = len(net.weights) + 1, [], [thinned(1, np.asarray(x, dtype))]
    for l, (b, w) in enumerate(zip(net.biases, net.weights), 2):
        zs.append(dot(w, activations[-1]) + b)
        activations.append(thinned(l, module.f(net, l, zs[-1])))
    # Output error (BP1)
    delta = module.output_error(net, zs[-1], activations[-1], y).astype(dtype, copy=False)
    deltas = [delta]
    # Backpropagate (BP2): δ^l = ((w^{l+1})^T δ^{l+1}) ⊙ σ′(z^l)
    for l in range(L - 1, 1, -1):
        delta = thinned(l, dot(net.weights[l - 1].T, delta) * module.f_prime(net, l, zs[l - 2]))
        deltas.insert(0, delta)
    return activations[:-1], deltas


def sums_of_gradients(net: Any, mini_batch: Any) -> tuple[list[Any], list[Any]]:
    """Σ_x ∂C_x/∂b and Σ_x ∂C_x/∂w over the examples of a mini-batch."""
    dtype = net._cbackprop.dtype
    nabla_b = [np.zeros(b.shape, dtype) for b in net.biases]
    nabla_w = [np.zeros(w.shape, dtype) for w in net.weights]
    for x, y in mini_batch:
        nabla_b_x, nabla_w_x = net.backprop(x, y)
        nabla_b = [total + one for total, one in zip(nabla_b, nabla_b_x)]
        nabla_w = [total + one for total, one in zip(nabla_w, nabla_w_x)]
    return nabla_b, nabla_w


def as_list(data: Iterable[Any]) -> list[Any]:
    """`data` as a list; another iterable is read once."""
    return data if isinstance(data, list) else list(data)


def train_on_pairs(
    net: Any,
    pairs: list[Any],
    mini_batch_size: int,
    update: Callable[[list[Any]], None],
    shuffles: bool = True,
) -> bool:
    """One epoch: shuffle the list `pairs`, then call update(mini_batch) for each mini-batch.

    Returns whether the parameters are finite.
    """
    if shuffles:
        net._cbackprop.module.shuffle(pairs)
    for mini_batch in mini_batches(pairs, mini_batch_size):
        update(mini_batch)
    return is_finite(*parameters_of(net))


def count_correct(
    net: Any, data: Iterable[Any], convert: bool = False, threshold: float | None = None
) -> int:
    """The number of pairs (x, y) that the network answers right; `convert` if y is a target, not a label.

    With a threshold, y is 1 or 0, and says whether the one output is at least the threshold.
    """
    argmax = net._cbackprop.module.np.argmax
    if threshold is not None:
        return sum(
            int((np.asarray(net.feedforward(x)).item() >= threshold) == np.asarray(y).item()) for x, y in data
        )
    return sum(int(argmax(net.feedforward(x)) == (argmax(y) if convert else y)) for x, y in data)


class Shuffling:
    """The order of the pairs in the epochs of one call of SGD, and of those that resume it.

    Parameters
    ----------
    net : Network
    pairs : list
        The book's shuffle goes on in it; a generator leaves it as it is.
    random_state : int, numpy.random.Generator or None
    resume : bool
    dropout : Dropout or None
        What draws masks, and is given the generator for it.
    """

    def __init__(
        self, net: Any, pairs: list[Any], random_state: Any, resume: bool, dropout: Dropout | None = None
    ) -> None:
        self.net, self.all = net, pairs
        self.resumed = net._cbackprop.progress if resume else None
        self.epochs = 0 if self.resumed is None else self.resumed.epochs
        self.seed, self.generator = resumed_generator(random_state, self.resumed)
        self.dropout = dropout
        if dropout is not None:
            dropout.generator = generator_of_masks(self.generator, self.resumed)

    def pairs(self) -> list[Any]:
        """The pairs in the order of another epoch."""
        if self.generator is None:
            self.net._cbackprop.module.shuffle(self.all)
            return self.all
        return [self.all[i] for i in self.generator.permutation(len(self.all))]

    def progress(self, epochs: int, standing: Standing | None = None) -> Progress:
        """What a later call needs to know to go on after so many epochs."""
        masks = None if self.generator is not None or self.dropout is None else self.dropout.generator
        return Progress(epochs, self.seed, self.generator, masks, standing=standing)


def rows_of_outputs(net: Any, X: NDArray[Any], n_out: int) -> NDArray[Any]:
    """a^L for each row of X, as rows: `feedforward` gets a column at a time, as in `count_correct`."""
    outputs = np.empty((len(X), n_out), net._cbackprop.dtype)
    for i, x in enumerate(X):
        a = np.asarray(net.feedforward(x.reshape(-1, 1)))
        if a.size != n_out:
            raise ValueError(f"feedforward returned {a.size} numbers for row {i} of X; expected {n_out}")
        outputs[i] = a.ravel()
    return outputs


def answers_of(outputs: NDArray[Any], threshold: float | None = None) -> NDArray[np.int64]:
    """The label that each row of outputs means: see `cbackprop.network.Network.predict`."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] >= (0.5 if threshold is None else threshold)).astype(np.int64)
    return np.argmax(outputs, axis=1).astype(np.int64, copy=False)


class ReferenceLayers:
    """The layers of a feedforward network, and backpropagation through them. Subclasses define the training.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first.
    dtype : numpy.dtype, keyword only
        ``float64`` or ``float32``, the type of the parameters.
    activation, neuron_activations : keyword only
        Functions in place of the sigmoid, for layers and for single neurons: see `cbackprop.network.Network`.
    random_state : int or numpy.random.Generator, keyword only
        Draws the parameters in place of NumPy's global generator.

    Attributes
    ----------
    num_layers : int
    sizes : sequence of int
        As given. It is not read again.
    biases : list of ndarray
        One (n, 1) array for each layer after the input layer.
    weights : list of ndarray
        One (n_out, n_in) array for each layer after the input layer: entry (j, k) leads from neuron k of
        the layer before to neuron j. Their shapes define the network.
    """

    num_layers: int
    sizes: Sequence[int]
    biases: list[NDArray[Any]]
    weights: list[NDArray[Any]]
    _cbackprop = Memory(MODULE)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dtype: DTypeLike = np.float64,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
        random_state: int | Generator | None = None,
    ) -> None:
        activations = read_activations(sizes, activation, neuron_activations)
        set_up(self, sizes, dtype, activations, generator_of(random_state))
        draw_parameters(self, sizes)

    def __repr__(self) -> str:
        return described(self)

    @offered
    def dtype(self) -> np.dtype[Any]:
        """The type of the parameters and of all arithmetic: `numpy.dtype` of float64 or float32."""
        return self._cbackprop.dtype

    def feedforward(self, a: ArrayLike) -> NDArray[Any]:
        """The output activations a^L for the input activations `a`, (n_in, 1) or (n_in, m)."""
        module = self._cbackprop.module
        a_l = np.array(a, self._cbackprop.dtype)
        for l, (b, w) in enumerate(zip(self.biases, self.weights), 2):
            a_l = module.f(self, l, module.np.dot(w, a_l) + b)
        return a_l

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """The outputs a^L for each row of X, as rows."""
        return rows_of_outputs(self, np.asarray(X), len(self.biases[-1]))

    def predict(self, X: ArrayLike, *, threshold: float | None = None) -> NDArray[np.int64]:
        """The answer for each row of X: argmax a^L, or of one output neuron whether a^L is at least ½."""
        return answers_of(rows_of_outputs(self, np.asarray(X), len(self.biases[-1])), threshold)

    def copy(self) -> Self:
        """Copy the network.

        Returns
        -------
        Network
            Of the same class, with the same parameters, options, velocities, history and attributes of your
            own. The two share nothing: this is ``copy.deepcopy(net)``.
        """
        return copy.deepcopy(self)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The gradient (nabla_b, nabla_w) of the cost C_x of one example (x, y)."""
        activations, deltas = activations_and_errors(self, x, y)
        dot = self._cbackprop.module.np.dot
        # Gradient (BP3, BP4): ∂C/∂b^l_j = δ^l_j, ∂C/∂w^l_jk = a^{l-1}_k δ^l_j
        return deltas, [dot(delta, a.T) for delta, a in zip(deltas, activations)]

    def backprop_mini_batch(
        self, X: ArrayLike, Y: ArrayLike
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The sum of the gradients of the examples, the columns of X and Y, from matrix products alone."""
        activations, deltas = activations_and_errors(self, X, Y)
        nabla_b = [delta.sum(axis=1, keepdims=True) for delta in deltas]
        return nabla_b, [np.dot(delta, a.T) for delta, a in zip(deltas, activations)]


class ReferenceNetwork(ReferenceLayers):
    """The book's network.py: a network trained by stochastic gradient descent, example by example."""

    @builtin
    def cost_derivative(self, output_activations: Any, y: Any) -> Any:
        """∇_a C = a^L − y, of the quadratic cost C_x = ½‖a^L − y‖²."""
        return output_activations - y

    def update_mini_batch(self, mini_batch: Iterable[tuple[ArrayLike, ArrayLike]], eta: float) -> None:
        """One step of gradient descent: w → w − (η/m) Σ_x ∂C_x/∂w, and the same for b."""
        nabla_b, nabla_w = sums_of_gradients(self, mini_batch)
        m = len(mini_batch)  # type: ignore[arg-type]  # as in the book: an iterator is a TypeError
        step = self._cbackprop.dtype.type(eta / m)
        weights = [w - step * nabla for w, nabla in zip(self.weights, nabla_w)]
        biases = [b - step * nabla for b, nabla in zip(self.biases, nabla_b)]
        # Both at once: after Ctrl-C the network has the parameters of a completed mini-batch.
        self.weights, self.biases = weights, biases

    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Any] | None = None,
        *,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Any, dict[str, Any]], Any]] | None = None,
        random_state: int | Generator | None = None,
        resume: bool = False,
        threshold: float | None = None,
    ) -> None:
        """Stochastic gradient descent over `epochs` epochs of shuffled mini-batches."""
        training_data, test_data = as_list(training_data), as_list(test_data or ())
        shuffling = Shuffling(self, training_data, random_state, resume)
        options = {} if threshold is None else {"threshold": threshold}

        def train_epoch(eta: float) -> bool:
            def update(mini_batch: list[Any]) -> None:
                self.update_mini_batch(mini_batch, eta)

            return train_on_pairs(self, shuffling.pairs(), mini_batch_size, update, shuffles=False)

        def correct() -> int:
            return self.evaluate(test_data, **options)

        report = report_of(self, len(test_data), correct, verbose, checked_callbacks(callbacks))
        report.run(epochs, eta, train_epoch, shuffling.epochs)
        remember(self, progress=shuffling.progress(report.epochs))

    def evaluate(self, test_data: Iterable[Any], *, threshold: float | None = None) -> int:
        """The number of pairs (x, label) that the network classifies right: argmax a^L = label."""
        return count_correct(self, test_data, threshold=threshold)

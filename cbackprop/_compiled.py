"""Calls into C. If the user has replaced a method on the way, the NumPy reference runs instead.

These are the calls outside SGD: _trainer.pyx has its epochs, `_scores` its evaluations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import (
    _arguments,
    _evaluation,
    _examples,
    _isa,
    _matrix_based,
    _outputs,
    _parameters,
    _single_example,
    _training,
)
from cbackprop._data import DataSet, checked_threshold, rows, training_pairs
from cbackprop._memory import offered
from cbackprop._overrides import builtin
from cbackprop._pickling import Pickled
from cbackprop.reference.network import (
    ReferenceLayers,
    answers_of,
    count_correct,
    rows_of_outputs,
    sums_of_gradients,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from cbackprop._step_options import StepOptions


class Compiled(Pickled, ReferenceLayers):
    """Mixin placed before the reference network in the method resolution order.

    Its methods run the kernels. If something on the way is replaced, they run the reference's.
    """

    @offered
    def backend(self) -> str:
        """Which path the next call of `SGD` takes, and why; after a call, also the layout it chose."""
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
    def feedforward(self, a: ArrayLike) -> NDArray[Any]:
        """The output a^L of the network for the input `a`.

        Parameters
        ----------
        a : array_like
            A column (n_in, 1), or a matrix (n_in, m) of columns; any real type. A number, if there is one
            input.

        Returns
        -------
        ndarray, (n_out, 1) or (n_out, m)
            A new array, from z^l = w^l a^{l−1} + b^l and a^l = σ(z^l), layer by layer.

        Raises
        ------
        ValueError, TypeError
            If `a`, or an array in `weights` or `biases`, has the wrong shape or type.

        Warns
        -----
        UserWarning
            Once a network, if `a` holds grey values of an image from 0 to 255, which nobody divided by 256.
        """
        if self._cbackprop.module.replaced(self):
            return super().feedforward(_single_example.checked_input(self, a))
        return _single_example.feedforward(self, a)

    @builtin
    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The gradient of the cost C_x of one example, by backpropagation (BP1 to BP4).

        Parameters
        ----------
        x : array_like, (n_in, 1)
            Or a number, if there is one input.
        y : array_like, (n_out, 1), or a number
            The target. A number is the target of every output neuron.

        Returns
        -------
        nabla_b, nabla_w : lists of ndarray
            ∂C_x/∂b and ∂C_x/∂w, new arrays shaped like `biases` and `weights`.

        Raises
        ------
        ValueError, TypeError
            If an argument, or an array in `weights` or `biases`, has the wrong shape or type.

        Notes
        -----
        x and y may have m columns, one for each example. As in the book, `nabla_w` is then summed over them,
        and `nabla_b` has a column for each. `backprop_mini_batch` sums both.
        """
        module = self._cbackprop.module
        if not module.replaced(self, module.gradient_methods[:-1]):
            gradient = _single_example.backprop(self, x, y, module.step_options(self))
            if gradient is not None:
                return gradient
        return super().backprop(_single_example.checked_examples(self, x, y), y)

    def backprop_mini_batch(
        self, X: ArrayLike, Y: ArrayLike
    ) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
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
            If an argument, or an array in `weights` or `biases`, has the wrong shape or type.
        """
        module = self._cbackprop.module
        X, Y = _matrix_based.checked_columns(self, X, Y)
        if module.replaced_method(self, module.gradient_methods):
            # The user's method takes one example at a time.
            return sums_of_gradients(self, ((X[:, [j]], Y[:, [j]]) for j in range(X.shape[1])))
        if module.replaced(self):
            return super().backprop_mini_batch(X, Y)
        return _matrix_based.backprop_mini_batch(self, X, Y, module.step_options(self))

    def predict_proba(self, X: ArrayLike, *, n_threads: int | None = None) -> NDArray[Any]:
        """The outputs of the network for many examples.

        Parameters
        ----------
        X : array_like, (n, n_in)
            One example a row: an array of any real type, a DataFrame, nested lists. Rows of float64 or
            float32 are read where they are. Others are converted, and where most inputs are 0 the rest are
            packed, 1,024 rows at a time.
        n_threads : int, optional
            The most threads to use; by default the number in CBACKPROP_NUM_THREADS, or as many as pay. The
            result is the same to the last bit.

        Returns
        -------
        ndarray, (n, n_out)
            A new array of the network's type: a^L for each row, what `feedforward` gives for it, up to
            rounding. They are probabilities if the output layer makes them so, as softmax does; the
            predictions themselves, if the network was trained on numbers (regression).

        Raises
        ------
        ValueError, TypeError
            If X, or an array in `weights` or `biases`, has the wrong shape or type.

        Warns
        -----
        UserWarning
            As in `feedforward`, if the first rows are such grey values.
        """
        return outputs(self, X, n_threads)

    def predict(
        self, X: ArrayLike, *, threshold: float | None = None, n_threads: int | None = None
    ) -> NDArray[np.int64]:
        """The network's answers for many examples, by the rule that counts them right.

        Parameters
        ----------
        X, n_threads
            As for `predict_proba`.
        threshold : float, optional
            Of one output neuron: from which output on the answer is 1; by default ½.

        Returns
        -------
        ndarray of int64, (n,)
            Each label: the place of the first largest output, or of one output neuron 1 where a ≥ ½ and 0
            elsewhere. So the share of right answers is ``(net.predict(X) == labels).mean()``. A network does
            not say whether it was trained on labels or on numbers; of one that was trained on numbers
            (regression) `predict_proba` has the predictions.

        Raises
        ------
        ValueError, TypeError
            As for `predict_proba`, and if `threshold` is not a number or there are several output neurons.
        """
        threshold = checked_threshold(self, threshold)
        return answers_of(outputs(self, X, n_threads), threshold)


def outputs(net: Any, X: Any, n_threads: int | None) -> NDArray[Any]:
    """What `predict_proba` returns."""
    most = _arguments.threads(n_threads)
    X = rows(net, X)
    if net._cbackprop.module.replaced(net, ("feedforward",)):
        return rows_of_outputs(net, X, _parameters.layer_sizes(net)[-1])
    return _outputs.outputs(net, X, "X", most, True)


# ---- training ----


def make_step(net: Any, examples: Any, options: Callable[[], StepOptions]) -> list[Any] | None:
    """Make one step of gradient descent over recognised examples; options() describes it to the kernels.

    If a method that leads to the gradient is replaced, only check the examples, and return them as pairs for
    the reference.
    """
    module = net._cbackprop.module
    if not module.replaced(net, module.gradient_methods):
        _training.update_mini_batch(net, examples, options())
        return None
    if reads_examples(net, examples, "backprop"):
        _examples.check_examples(net, examples, "mini_batch")
    return training_pairs(net, examples)


def reads_examples(net: Any, examples: Any, *methods: str) -> bool:
    """Whether the package itself will read the examples, and so should check them first.

    It reads pairs if none of `methods` is replaced, and arrays in any case. The check reads the parameters as
    well, so a network that has none is not checked.
    """
    if type(examples) is not tuple and net._cbackprop.module.replaced_method(net, methods):
        return False
    return not _parameters.has_no_layers(net) and 0 not in _parameters.layer_sizes(net)


# ---- evaluation ----


def correct_answers(net: Any, data: DataSet, labelled: bool = True) -> int:
    """The number of examples that `net` answers right, for the package's own `evaluate` and `accuracy`.

    Parameters
    ----------
    net : Network
    data : DataSet
    labelled : bool
        Whether each y of a pair is a label, not a target.
    """
    y_is_label = data.is_labelled(labelled)
    if not net._cbackprop.module.replaced(net, ("feedforward",)):
        return _evaluation.evaluate(net, data.examples, data.name, y_is_label, data.threshold)
    if reads_examples(net, data.examples, "feedforward"):
        _examples.check_examples(net, data.examples, data.name, y_is_label, True, data.threshold)
    elif labelled:
        data.refuse_names()
    return count_correct(net, data.test_pairs(), not (labelled or data.is_arrays), data.threshold)


def mean_cost(net: Any, data: DataSet, labelled: bool, cost_function: Callable[[Any], Any]) -> float | None:
    """The mean of C_x over a `DataSet`; None if `feedforward` is replaced, so that C cannot compute it.

    cost_function(net) is the name of a cost, or the user's function of (a, y).
    """
    if not net._cbackprop.module.replaced(net, ("feedforward",)):
        return _evaluation.total_cost(net, data.examples, data.name, labelled, cost_function(net))
    if reads_examples(net, data.examples, "feedforward"):
        _examples.check_examples(net, data.examples, data.name, labelled)
    return None

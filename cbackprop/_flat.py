"""All parameters of a network as one vector, and its gradient too, for optimisers that know no layers."""

from __future__ import annotations

import os
import warnings
from _thread import RLock  # threading would take a twentieth of the package's import
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _compiled, _examples, _parameters, costs
from cbackprop._data import DataSet
from cbackprop._step_options import StepOptions
from cbackprop._training import Training
from cbackprop.reference.network import sums_of_gradients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray


TOGETHER = 256  # examples that go through the network at a time
SHARING = RLock()  # one thread at a time puts a network's parameters into a vector
if hasattr(os, "register_at_fork"):  # a child in which no thread would ever give it back
    os.register_at_fork(
        before=SHARING.acquire, after_in_parent=SHARING.release, after_in_child=SHARING.release
    )


class SharedVector:
    """The property `parameters`. It gives way to an attribute of the same name, which is the user's own."""

    def __init__(self, name: str, doc: str) -> None:
        self.name, self.__doc__ = name, doc

    def __get__(self, net: Any, kind: type | None = None) -> Any:
        if net is None:
            return self
        attributes = vars(net)
        return attributes[self.name] if self.name in attributes else shared_vector(net)

    def __set__(self, net: Any, value: Any) -> None:
        attributes = vars(net)
        if self.name not in attributes and "weights" in attributes:
            if is_vector(value) and value.size == n_parameters(net):
                let_share(net, value.astype(net._cbackprop.dtype))
                return
            if is_vector(value) or has_as_many(net, value):
                warnings.warn(
                    f"{self.name} is set to a {type(value).__name__}; expected an ndarray of shape "
                    f"({n_parameters(net)},). It is now an attribute of your own; the network is unchanged",
                    UserWarning,
                    stacklevel=2,
                )
        attributes[self.name] = value

    def __delete__(self, net: Any) -> None:
        try:
            del vars(net)[self.name]
        except KeyError:
            raise AttributeError(
                f"{self.name} is the network's; only an attribute of your own can be deleted"
            ) from None


PARAMETERS = """\
The network's parameters as one vector: w², b², w³, b³, …, wᴸ, bᴸ, each row by row.

An ndarray (n_parameters,) of the network's type. `weights` and `biases` are views into it: what you write
into the vector is in them, and the other way round, until training or an assignment replaces them. Then the
vector stays as it was, and `parameters` is a new one. So a callback, or the code between two calls of `SGD`,
may read and change it. Reading it puts new arrays, of the same numbers, into `weights` and `biases`, unless
they are such views already.

``net.parameters = vector`` gives the network a copy of an ndarray of that length; arrays taken from it before
stay as they were. Anything else that is assigned becomes an attribute of your own, as with every name that
the book's class does not have.
"""


def is_vector(value: Any) -> bool:
    """Whether `value` is an array of real numbers with one dimension."""
    return type(value) is np.ndarray and value.ndim == 1 and value.dtype.kind in "biuf"


def has_as_many(net: Any, value: Any) -> bool:
    """Whether `value` is a list, a tuple or another array of as many items as the network has parameters."""
    if isinstance(value, np.ndarray):
        n = value.size
    elif type(value) in (list, tuple):
        n = len(value)
    else:
        return False
    try:
        return bool(n == n_parameters(net))
    except (TypeError, ValueError):  # arrays that do not fit together
        return False


def arrays_in_order(net: Any) -> Iterator[Any]:
    """w², b², w³, b³, …, as the network has them."""
    for w, b in zip(net.weights, net.biases, strict=True):
        yield w
        yield b


def n_parameters(net: Any) -> int:
    """How many numbers the parameters are. Raises if the arrays do not fit together."""
    sizes = _parameters.layer_sizes(net)
    return sum((n_in + 1) * n_out for n_in, n_out in zip(sizes, sizes[1:]))


def shared_vector(net: Any) -> NDArray[Any]:
    """The vector that `weights` and `biases` are views into, after making them such views."""
    n, dtype = n_parameters(net), net._cbackprop.dtype
    vector = common_base(net, n, dtype)
    if vector is None:
        with SHARING:
            vector = common_base(net, n, dtype)  # another thread may have been first
            if vector is None:
                vector = np.concatenate([np.ravel(array).astype(dtype) for array in arrays_in_order(net)])
                let_share(net, vector)
    return vector


def let_share(net: Any, vector: NDArray[Any]) -> None:
    """Make `weights` and `biases` new views into `vector`."""
    weights: list[Any] = []
    biases: list[Any] = []
    start = 0
    for i, array in enumerate(map(np.asarray, arrays_in_order(net))):
        (biases if i % 2 else weights).append(vector[start : start + array.size].reshape(array.shape))
        start += array.size
    net.weights, net.biases = weights, biases


def common_base(net: Any, n: int, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """The vector that the parameters are views into already, in order, or None."""
    vector = getattr(next(arrays_in_order(net), None), "base", None)
    if not (type(vector) is np.ndarray and vector.shape == (n,) and vector.dtype == dtype):
        return None
    if not (vector.flags.c_contiguous and vector.flags.writeable):
        return None
    start = vector.ctypes.data
    for array in arrays_in_order(net):
        is_view = type(array) is np.ndarray and array.base is vector and array.flags.c_contiguous
        if not (is_view and array.dtype == dtype and array.ctypes.data == start):
            return None
        start += array.nbytes
    return vector


def flat(nabla_w: list[Any], nabla_b: list[Any]) -> NDArray[Any]:
    """A gradient in the order of `parameters`."""
    return np.concatenate([array.ravel() for both in zip(nabla_w, nabla_b) for array in both])


def recognised(net: Any, X: Any, Y: Any) -> DataSet:
    """The examples (X, Y), of which there is at least one."""
    data = DataSet(net, (X, Y), "(X, Y)")
    if not data.is_arrays:
        raise TypeError(f"(X, Y): X is {type(X).__name__}; expected an array, one example a row")
    if data.n == 0:
        raise ZeroDivisionError("(X, Y) holds no example, so the cost has no mean")
    return data


def cost_of(net: Any) -> Any:
    """The class of the network's cost. Raises if it is unknown."""
    module = net._cbackprop.module
    if "cost_derivative" not in module.gradient_methods:
        return net.cost
    if module.replaced_method(net, ("cost_derivative",)):
        raise ValueError(
            "cost_derivative is replaced, so the cost itself is unknown; backprop_mini_batch has the gradient"
        )
    return costs.QuadraticCost


def mean_cost(net: Any, X: ArrayLike, Y: ArrayLike) -> float:
    """The mean of C_x over the examples (X, Y)."""
    data, cost = recognised(net, X, Y), cost_of(net)
    labelled = data.is_labelled(True)
    costs.check(cost, net._cbackprop.activations, len(net.weights) + 1)
    mean = _compiled.mean_cost(net, data, labelled, lambda net: costs.builtin_fn(cost) or cost.fn)
    if mean is None:  # feedforward is replaced
        pairs = data.training_pairs()
        mean = sum(float(cost.fn(net.feedforward(x), y)) / len(pairs) for x, y in pairs)
    return mean


class Flat:
    """A mixin for networks: their parameters and gradients as vectors."""

    parameters = SharedVector("parameters", PARAMETERS)

    def flat_gradient(self, X: ArrayLike, Y: ArrayLike) -> tuple[NDArray[Any], float]:
        """The gradient of the mean cost C of some examples as one vector, and C itself.

        Parameters
        ----------
        X : array_like, (m, n_in)
            One example a row, as for `SGD`.
        Y : array_like, (m,) or (m, n_out)
            Labels, or a target in each row. For one output neuron, numbers.

        Returns
        -------
        gradient : ndarray, (n_parameters,)
            ∂C/∂w², ∂C/∂b², …, ∂C/∂bᴸ, in the order of `parameters`: a new array of the network's type.
        cost : float
            C = (1/m) Σ_x C_x, without regularisation.

        Raises
        ------
        ZeroDivisionError
            If there are no examples.
        ValueError, TypeError
            If X, Y, or an array in `weights` or `biases`, has the wrong shape or type, or if the cost is not
            known since `cost_derivative` is replaced.

        Notes
        -----
        All processors that pay are used, and the result is the same to the last bit for any number. Examples
        go through the network 256 at a time, by equations (BP1) to (BP4); inputs that are 0 are skipped where
        that is faster.
        """
        return flat_gradient(self, X, Y)


def flat_gradient(net: Any, X: Any, Y: Any) -> tuple[NDArray[Any], float]:
    """What the method returns."""
    module, cost = net._cbackprop.module, cost_of(net)
    data = recognised(net, X, Y)
    if module.replaced(net, module.gradient_methods):
        _examples.check_examples(net, data.examples, "(X, Y)", data.is_labelled(True))
        nabla_b, nabla_w = sums_of_gradients(net, data.training_pairs())
        return flat(nabla_w, nabla_b) / data.n, mean_cost(net, X, Y)
    costs.check(cost, net._cbackprop.activations, len(net.weights) + 1)
    options = StepOptions(0.0, costs.builtin_delta(cost), cost, rule="sum of gradients")
    training = Training(net, data.examples, TOGETHER, _arguments.threads(None), options)
    # A replaced feedforward is asked what the examples cost, as by `cost` and `total_cost`.
    fn = None if module.replaced(net, ("feedforward",)) else costs.builtin_fn(cost)
    if fn:
        training.measure_costs(fn, -np.inf, np.inf, False)
    nabla_w, nabla_b = training.gradient(net, options)
    mean = training.costs_of_epoch[0] / data.n if fn else mean_cost(net, X, Y)
    return flat(nabla_w, nabla_b) / data.n, mean

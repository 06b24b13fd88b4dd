"""The network behind an estimator, as the compiled modules take it, and their view of scikit-learn's data."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _outputs
from cbackprop._csr import Csr
from cbackprop._memory import Memory, remember
from cbackprop.activations import Activation, LayerActivations
from cbackprop.reference.network import sigmoid, sigmoid_prime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# scikit-learn's names, and those of cbackprop.activations.
ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softplus": "softplus",
    "linear": "linear",
    "sigmoid": "sigmoid",
}
OUTPUT_ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "softmax": "softmax",
    "exp": "exponential",
}


class Layers:
    """Weights and biases as `cbackprop.network2.Network` has them, made of an estimator's coefficients.

    Parameters
    ----------
    coefs : list of ndarray, (n_in, n_out) each
    intercepts : list of ndarray, (n_out,) each
    activation : str or Activation
        Of the hidden layers, by scikit-learn's name.
    out_activation : str
        Of the output layer, likewise.

    Attributes
    ----------
    activations : LayerActivations
    is_custom : bool
        Whether hidden neurons have a function of the user's own, which no kernel can call.
    weights : list of ndarray, (n_out, n_in) each
    biases : list of ndarray, (n_out, 1) each
    """

    def __init__(
        self,
        coefs: Sequence[NDArray[Any]],
        intercepts: Sequence[NDArray[Any]],
        activation: str | Activation,
        out_activation: str,
    ) -> None:
        self.weights = [np.ascontiguousarray(w.T) for w in coefs]
        self.biases = [b.reshape(-1, 1) for b in intercepts]
        sizes = [self.weights[0].shape[1], *(len(w) for w in self.weights)]
        hidden = activation if isinstance(activation, Activation) else ACTIVATIONS[activation]
        output = OUTPUT_ACTIVATIONS[out_activation]
        self.activations = activations = LayerActivations(sizes, [*[hidden] * (len(sizes) - 2), output])
        self.is_custom = activations.custom is not None
        dtype = self.weights[0].dtype
        self._cbackprop = Memory(None, dtype, None if activations.only_sigmoid() else activations)

    def resume(self, optimizer: Any) -> None:
        """Go on with what `optimizer` keeps between steps."""
        remember(self, velocities=optimizer.velocities, moments=optimizer.moments)

    def suspend(self, optimizer: Any) -> None:
        """Have `optimizer` keep what the next step needs."""
        optimizer.velocities, optimizer.moments = self._cbackprop.velocities, self._cbackprop.moments

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the parameters and of all arithmetic."""
        return self._cbackprop.dtype

    @property
    def coefs(self) -> list[NDArray[Any]]:
        """The weights, as views (n_in, n_out)."""
        return [w.T for w in self.weights]

    @property
    def intercepts(self) -> list[NDArray[Any]]:
        """The biases, as views (n_out,)."""
        return [b.ravel() for b in self.biases]

    def outputs(self, X: Any, n_threads: int | None) -> NDArray[Any]:
        """The outputs a^L for each row of X, (n, n_out), by as many threads as `threads` says."""
        if self.is_custom:
            return self.fed_forward(X)[1][-1]
        return _outputs.outputs(self, rows_of(X), "X", threads(n_threads))

    def fed_forward(self, X: Any) -> tuple[list[NDArray[Any]], list[Any]]:
        """By NumPy: z^2, …, z^L and a^1, …, a^L, with a row for each row of X, an array or SciPy's matrix."""
        zs: list[NDArray[Any]] = []
        activations = [X.tocsr() if hasattr(X, "tocsr") else X]
        for l, (w, b) in enumerate(zip(self.weights, self.biases), 2):
            zs.append((activations[-1] @ w.T + b.T).astype(self.dtype, copy=False))
            activations.append(self.activations.f(l, zs[-1].T, sigmoid).T)
        return zs, activations

    def f_prime(self, l: int, z: NDArray[Any]) -> NDArray[Any]:
        """f′(z^l) of hidden layer l, with a row for each example."""
        return self.activations.f_prime(l, z.T, sigmoid_prime).T


def rows_of(X: Any) -> Any:
    """X as the compiled modules take it: an array, or `Csr` for what is stored sparsely."""
    if isinstance(X, (np.ndarray, Csr)):
        return X
    X = X.tocsr()
    return Csr(X.data, X.indices, X.indptr, X.shape[1])


def initial_layers(
    sizes: Sequence[int],
    activation: str | Activation,
    random_state: np.random.RandomState,
    dtype: np.dtype[Any],
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Coefficients and intercepts as Glorot and Bengio draw them: uniform, up to √(6 / (n_in + n_out)).

    For sigmoids that is √(2 / (n_in + n_out)). The numbers are drawn in scikit-learn's order: for each layer
    its coefficients, (n_in, n_out), then its intercepts.
    """
    coefs, intercepts = [], []
    for n_in, n_out in zip(sizes[:-1], sizes[1:]):
        bound = np.sqrt((2.0 if activation in ("logistic", "sigmoid") else 6.0) / (n_in + n_out))
        coefs.append(random_state.uniform(-bound, bound, (n_in, n_out)).astype(dtype, copy=False))
        intercepts.append(random_state.uniform(-bound, bound, n_out).astype(dtype, copy=False))
    return coefs, intercepts


def threads(n_threads: int | None) -> int:
    """The most threads to use; 0: as many as pay.

    Without an argument: the number in CBACKPROP_NUM_THREADS, or in OMP_NUM_THREADS, which joblib sets for its
    workers. In a thread or process that is itself one of several: 1.
    """
    if n_threads is not None or os.environ.get("CBACKPROP_NUM_THREADS"):
        return _arguments.threads(n_threads)
    text = os.environ.get("OMP_NUM_THREADS", "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    alone = threading.current_thread() is threading.main_thread() and not multiprocessing.parent_process()
    return 0 if alone else 1

"""MLPRegressor: scikit-learn's parameters, attributes and methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from cbackprop.sklearn._base import MultilayerPerceptron, is_stochastic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from cbackprop.activations import Activation


class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """scikit-learn's MLPRegressor, trained in C.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}
        ½ (a − y)² with linear output neurons; or half the Poisson deviance, with a = e^z.
    hidden_layer_sizes, activation, solver, …, callbacks
        As in `MLPClassifier`.

    Attributes
    ----------
    coefs_, intercepts_, loss_, …
        As in `MLPClassifier`. The validation score is R².

    Notes
    -----
    See `MLPClassifier`.
    """

    _losses = ("squared_error", "poisson")

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str | Activation = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        n_threads: int | None = None,
        restore_best: bool | None = None,
        callbacks: Any = None,
    ) -> None:
        self._keep(locals())

    def _output_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _validated(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any, NDArray[Any]]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and y.dtype.kind in "if" and (negative := y[y < 0]).size:
            raise ValueError(f"y holds {negative[0]}; for the loss 'poisson' it must be from 0")
        return X, y, y.reshape(len(y), -1)

    def _validated_others(self, X: Any, y: Any) -> tuple[Any, Any, NDArray[Any]]:
        return self._validated(X, y, False, False)

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, validation_data: Any = None
    ) -> Any:
        """Train from the start or, with `warm_start`, from where the last call ended.

        Parameters
        ----------
        X, sample_weight, validation_data
            As in `MLPClassifier.fit`.
        y : array_like, (n,) or (n, n_outputs)
            Real numbers; for the loss "poisson" from 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are wrong, or the parameters diverged.
        """
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(is_stochastic)
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Any:
        """Train for one epoch, from where the last call ended. Parameters as in `fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """The prediction for each row of X: (n,), or (n, n_outputs)."""
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

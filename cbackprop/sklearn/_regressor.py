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
    hidden_layer_sizes : int or sequence of int
        The neurons of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu", "softplus"} or cbackprop.activations.Activation
        Of the hidden layers. ``"linear"`` and ``"sigmoid"`` are other names of the first two. With functions
        of your own, ``Activation(f, f_prime)``, the estimator trains in NumPy.
    solver : {"lbfgs", "sgd", "adam"}
        SciPy's L-BFGS-B on all examples at once, or mini-batches with momentum or with Adam.
    alpha : float
        The regularisation: (α/2m) Σ w² is added to the cost of a mini-batch of m.
    batch_size : int or "auto"
        The examples of a mini-batch; "auto": 200, or all of them if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}
        For ``"sgd"``. "invscaling": `learning_rate_init` / (t + 1)^`power_t` after t examples. "adaptive": a
        fifth, whenever nothing has improved for `n_iter_no_change` epochs.
    learning_rate_init, power_t : float
    max_iter : int
        The most epochs, or iterations of "lbfgs".
    shuffle : bool
        Whether the examples are shuffled before each epoch.
    random_state : int, RandomState or None
        Draws the start, the validation set and the order of the examples, as in scikit-learn.
    tol : float
        What counts as an improvement of the loss, or of the validation score. For "lbfgs", the largest entry
        of the gradient at the minimum.
    verbose : bool
        Whether to print a line after each epoch.
    warm_start : bool
        Whether `fit` goes on from where the last call ended.
    momentum : float
    nesterovs_momentum : bool
        For "sgd".
    early_stopping : bool
        Whether to stop by the score on a validation set, and to restore the best parameters.
    validation_fraction : float
        How much of the data is that set.
    beta_1, beta_2, epsilon : float
        Adam's.
    n_iter_no_change : int
        Stop after more epochs than these without improvement.
    max_fun : int
        The most gradients that "lbfgs" computes.
    n_threads : int, optional
        The most threads. By default the number in CBACKPROP_NUM_THREADS, or in OMP_NUM_THREADS; one in a
        thread or process that is one of several; otherwise as many as pay. The result is the same to the last
        bit.
    restore_best : bool, optional
        Whether `fit` ends with the parameters of the best epoch, by the validation score or else by the loss.
        By default only with `early_stopping`, as in scikit-learn.
    callbacks : list of callable, optional
        Functions, each called as f(estimator, entry) after every epoch, or iteration of "lbfgs", when the
        estimator has the parameters reached. `entry` is a dict of ``epoch``, counted from 0, ``loss`` and,
        with a validation set, ``validation_score``. If one returns something true, training stops.

    Attributes
    ----------
    coefs_ : list of ndarray, (n_in, n_out) each
    intercepts_ : list of ndarray, (n_out,) each
        Of each layer after the input layer. What you assign to them counts from the next call on.
    loss_ : float
        The mean cost of the mini-batches of the last epoch, each before its step.
    loss_curve_, validation_scores_ : list of float
        One number for each epoch; None without validation.
    best_loss_, best_validation_score_ : float or None
    n_iter_, t_ : int
        The epochs of the last call, and the examples trained on in all.
    n_layers_, n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of str
    out_activation_ : str

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
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_threads = n_threads
        self.restore_best = restore_best
        self.callbacks = callbacks

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

"""What both estimators share: a fit from checked data to attributes."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from cbackprop.sklearn._data import TrainingData, ValidationData
from cbackprop.sklearn._layers import Layers, initial_layers
from cbackprop.sklearn._lbfgs import fit_lbfgs
from cbackprop.sklearn._parameters import STOCHASTIC, check_parameters
from cbackprop.sklearn._stochastic import Optimizer, fit_stochastic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def is_stochastic(estimator: Any) -> bool:
    """Whether the solver takes mini-batches, which `partial_fit` needs."""
    if estimator.solver in STOCHASTIC:
        return True
    raise AttributeError(f"partial_fit is for the solvers sgd and adam; this one is {estimator.solver}")


def check_weights(weights: NDArray[Any] | None) -> None:
    """Raise a ValueError if a weight of an example is below 0, or all are 0."""
    if weights is None:
        return
    if (weights < 0).any():
        i = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight[{i}] is {weights[i]}; expected a finite number from 0")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")


class MultilayerPerceptron(CallbackSupportMixin, BaseEstimator):
    """The estimator, but for what it makes of y."""

    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    _best: Any = None  # the parameters of the best epoch, weights and biases

    def _keep(self, given: dict[str, Any]) -> None:
        """Set the arguments of the constructor, as they came: its `locals()`."""
        for name, value in given.items():
            if name != "self":
                setattr(self, name, value)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, incremental: bool = False
    ) -> Any:
        """Train on checked data, from the start or from where the last call ended."""
        hidden = check_parameters(self)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y, Y = self._validated(X, y, incremental, first)
        sample_weight = self._weights(sample_weight, X, y)
        check_weights(sample_weight)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: it makes one epoch")
        if validation_data is not None and self.solver == "lbfgs":
            raise ValueError("validation_data are scored after each epoch: they go with sgd and adam")
        self.n_outputs_ = Y.shape[1]
        self._random_state = check_random_state(self.random_state)
        if first:
            self._begin([X.shape[1], *hidden, self.n_outputs_], X.dtype)
        layers = Layers(self.coefs_, self.intercepts_, self.activation, self.out_activation_)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        task = None
        if "_skl_callbacks" in self.__dict__ or hasattr(self, "_parent_callback_ctx"):
            task = _Tasks(self, layers, {"X": X, "y": y, "metadata": metadata}, incremental)
        if self.solver == "lbfgs":
            fit_lbfgs(self, layers, TrainingData(X, Y, sample_weight, self.out_activation_))
        else:
            if not (incremental and hasattr(self, "_optimizer")):
                self._optimizer = Optimizer(self)
            training, validation = self._split(X, Y, sample_weight, validation_data)
            self._begin_progress(layers, validation)
            fit_stochastic(self, layers, training, validation, incremental, task)
            if not self.warm_start:
                self.__dict__.pop("_best", None)
        self.coefs_, self.intercepts_ = layers.coefs, layers.intercepts
        if not all(np.isfinite(array).all() for array in self.coefs_ + self.intercepts_):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                "need to be preprocessed."
            )
        if task:
            task.end()
        return self

    def _begin(self, sizes: list[int], dtype: np.dtype[Any]) -> None:
        """Draw the start, and set what counts from there."""
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output_activation()
        self.coefs_, self.intercepts_ = initial_layers(sizes, self.activation, self._random_state, dtype)
        self.n_iter_ = self.t_ = 0
        if self.solver in STOCHASTIC:
            self._begin_curves()

    def _begin_curves(self) -> None:
        """Set what the epochs record."""
        self._no_improvement_count = 0
        self.loss_curve_: list[float] = []
        self.best_loss_: float | None = None if self.early_stopping else np.inf
        self.validation_scores_: list[float] | None = None
        self.best_validation_score_: float | None = None
        self.__dict__.pop("_best", None)

    def _begin_progress(self, layers: Layers, validation: ValidationData | None) -> None:
        """Set what the parameters of this fit ask for, and earlier ones have not."""
        if not hasattr(self, "loss_curve_"):  # the fits before were by lbfgs
            self._begin_curves()
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf
        if validation is not None and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if self.early_stopping and self._best is None:
            # Scores that are no numbers never improve: then these are the best.
            self._best = [w.copy() for w in layers.weights], [b.copy() for b in layers.biases]

    def _split(
        self, X: Any, Y: NDArray[Any], sample_weight: NDArray[Any] | None, validation_data: Any
    ) -> tuple[TrainingData, ValidationData | None]:
        """The data to train on, and those to score: given, or a part of the others that is drawn."""
        out = self.out_activation_
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                what = type(validation_data).__name__
                raise TypeError(f"validation_data is {what}; expected a pair (X, y)")
            X_val, _, Y_val = self._validated_others(*validation_data)
            if Y_val.shape[1] != Y.shape[1]:
                raise ValueError(
                    f"validation_data has {Y_val.shape[1]} columns of targets; y has {Y.shape[1]}"
                )
            return TrainingData(X, Y, sample_weight, out), ValidationData(X_val, Y_val, None, out)
        if not self.early_stopping:
            return TrainingData(X, Y, sample_weight, out), None
        arrays = [X, Y] if sample_weight is None else [X, Y, sample_weight]
        parts = train_test_split(
            *arrays,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=Y if Y.dtype == bool and Y.shape[1] == 1 else None,
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                f"The validation set is too small, with {parts[1].shape[0]} of {X.shape[0]} samples: a score "
                f"needs two. Increase validation_fraction, or pass validation_data"
            )
        X_train, X_val, Y_train, Y_val, w_train, w_val = [*parts, None, None][:6]
        return TrainingData(X_train, Y_train, w_train, out), ValidationData(X_val, Y_val, w_val, out)

    def _weights(self, sample_weight: Any, X: Any, y: Any) -> NDArray[Any] | None:
        """`sample_weight` as an array, or None."""
        if sample_weight is None:
            return None
        if isinstance(sample_weight, numbers.Real):
            sample_weight = np.full(X.shape[0], sample_weight)
        weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
        if weights.shape != (X.shape[0],):
            raise ValueError(f"sample_weight has shape {weights.shape}; X has {X.shape[0]} samples")
        return weights

    def _outputs(self, X: Any) -> NDArray[Any]:
        """The outputs of the network, (n, n_out)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        layers = Layers(self.coefs_, self.intercepts_, self.activation, self.out_activation_)
        return layers.outputs(X, self.n_threads)

    # What the two differ in.
    _losses: tuple[str, ...]
    _validated: Callable[..., tuple[Any, Any, NDArray[Any]]]
    _validated_others: Callable[..., tuple[Any, Any, NDArray[Any]]]
    _output_activation: Callable[[], str]


class _Tasks:
    """A fit as scikit-learn's callbacks see it: a task, with one for each epoch."""

    def __init__(self, estimator: Any, layers: Layers, arguments: dict[str, Any], incremental: bool) -> None:
        self.estimator, self.layers, self.arguments = estimator, layers, arguments
        epochs = 0 if estimator.solver == "lbfgs" else 1 if incremental else estimator.max_iter
        self.context = estimator._init_callback_context(max_subtasks=epochs)
        self.context.call_on_fit_task_begin(estimator=estimator, **arguments)

    def __call__(self) -> Callable[[], bool]:
        """Begin an epoch; return what ends it."""
        epoch = self.context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(estimator=self.estimator, **self.arguments)

        def end() -> bool:
            estimator, layers = self.estimator, self.layers
            estimator.coefs_, estimator.intercepts_ = layers.coefs, layers.intercepts
            return epoch.call_on_fit_task_end(
                estimator=estimator, reconstruction_attributes={}, **self.arguments
            )

        return end

    def end(self) -> None:
        """End the fit."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.arguments
        )

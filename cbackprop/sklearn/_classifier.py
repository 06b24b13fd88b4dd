"""MLPClassifier: scikit-learn's parameters, attributes and methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.callback import with_callbacks
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from cbackprop.sklearn._base import MultilayerPerceptron, is_stochastic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from cbackprop.activations import Activation


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """scikit-learn's MLPClassifier, trained in C.

    Two classes have one output neuron, a sigmoid; more have one each, a softmax layer; several labels at a
    time have a sigmoid each. The cost is the cross-entropy.

    Parameters
    ----------
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
    class_weight : dict, "balanced" or None
        Beyond scikit-learn: how much the examples of each class count, beside their own weights.
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
    classes_ : ndarray, or list of them
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
    `fit` also takes ``validation_data=(X, y)``, scored after each epoch, and used by `early_stopping`.
    ``set_callbacks`` takes scikit-learn's callbacks, such as `sklearn.callback.ProgressBar`; an epoch is a
    task, and a callback that returns True at its end stops the fit.

    With the same settings and the same `random_state`, the parameters and `loss_curve_` are scikit-learn's up
    to rounding: random numbers are drawn in the same order. Sparse matrices are never made dense. A step of
    "sgd" without momentum then costs only their nonzeros; momentum and Adam move every weight at every step.
    """

    loss = "log_loss"
    _losses = ("log_loss",)

    def __init__(
        self,
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
        class_weight: Any = None,
        n_threads: int | None = None,
        restore_best: bool | None = None,
        callbacks: Any = None,
    ) -> None:
        self._keep(locals())

    def _output_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _validated(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any, NDArray[Any]]:
        X, y = self._checked(X, y, reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, y, self._columns(y)

    def _validated_others(self, X: Any, y: Any) -> tuple[Any, Any, NDArray[Any]]:
        X, y = self._checked(X, y, False)
        if len(unseen := np.setdiff1d(unique_labels(y), self.classes_)):
            raise ValueError(f"validation_data has the classes {unseen}; those of y are {self.classes_}")
        return X, y, self._columns(y)

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _columns(self, y: NDArray[Any]) -> NDArray[Any]:
        """A column of bool for each output neuron: what the LabelBinarizer gives, which takes longer to."""
        if y.ndim > 1:
            return self._label_binarizer.transform(y).astype(bool)
        places = np.searchsorted(self.classes_, y)[:, np.newaxis]
        return places == (np.arange(len(self.classes_)) if self._output_activation() == "softmax" else 1)

    def _check_classes(self, classes: NDArray[Any]) -> None:
        """Raise if a second call brings classes that the network has no outputs for."""
        if self.warm_start and set(classes) != set(self.classes_):
            raise ValueError(
                f"warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(unseen := np.setdiff1d(classes, self.classes_)):
            raise ValueError(f"`y` has the classes {unseen}, which are not among {self.classes_}")

    def _weights(self, sample_weight: Any, X: Any, y: Any) -> NDArray[Any] | None:
        weights = super()._weights(sample_weight, X, y)
        if self.class_weight is None:
            return weights
        of_classes = compute_sample_weight(self.class_weight, y)
        return of_classes if weights is None else weights * of_classes

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, validation_data: Any = None
    ) -> Any:
        """Train from the start or, with `warm_start`, from where the last call ended.

        Parameters
        ----------
        X : array_like or sparse matrix, (n, n_in)
            float32 stays float32; other types become float64.
        y : array_like, (n,), or (n, n_labels) of 0 and 1
            The classes, of any type.
        sample_weight : array_like, (n,), optional
            How much each example counts, from 0.
        validation_data : (X, y), optional
            Beyond scikit-learn: scored after each epoch, in `validation_scores_`.

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
    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Any:
        """Train for one epoch, from where the last call ended.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array_like, (n_classes,)
            All classes of this call and of later ones; needed in the first call alone.

        Returns
        -------
        self
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes is None; the first call of partial_fit needs all of them")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight is 'balanced', which depends on all of y: for partial_fit, pass a dict, as "
                "from sklearn.utils.class_weight.compute_class_weight"
            )
        if classes is not None:
            classes = unique_labels(classes)
            if not hasattr(self, "classes_"):
                self.classes_ = classes
                self._label_binarizer = LabelBinarizer().fit(
                    y if type_of_target(y).startswith("multilabel") else classes
                )
            elif not np.array_equal(self.classes_, classes):
                raise ValueError(f"classes are {classes}; in the first call they were {self.classes_}")
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each row of X; of several labels a column each."""
        outputs = self._outputs(X)
        return self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probabilities, (n, n_classes), in the order of `classes_`; of several labels each by itself."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

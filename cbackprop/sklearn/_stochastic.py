"""The solvers `sgd` and `adam`: epochs of mini-batches, the learning rate of each, and when to stop."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cbackprop._epochs import checked_callbacks
from cbackprop._step_options import StepOptions
from cbackprop.sklearn._layers import threads
from cbackprop.sklearn._numpy import NumpyStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbackprop.sklearn._data import TrainingData, ValidationData
    from cbackprop.sklearn._layers import Layers

LEAST_LEARNING_RATE = 1e-6  # of "adaptive", which divides it by 5 until then


class Optimizer:
    """The update rule, with what it keeps between steps, which outlasts a call of `partial_fit`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor

    Attributes
    ----------
    learning_rate : float
        Of the next epoch. Adam corrects it in each step.
    velocities, moments : object
        As a network keeps them, or None before the first step.
    """

    def __init__(self, estimator: Any) -> None:
        self.learning_rate = self.learning_rate_init = float(estimator.learning_rate_init)
        self.schedule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
        self.power_t = estimator.power_t
        self.velocities: Any = None
        self.moments: Any = None
        self.rule: dict[str, Any] = {}
        if estimator.solver == "adam":
            self.rule = {
                "rule": "adam",
                "beta_1": float(estimator.beta_1),
                "beta_2": float(estimator.beta_2),
                "epsilon": float(estimator.epsilon),
                "is_epsilon_hat": True,
            }
        elif estimator.momentum > 0:
            rule = "nesterov" if estimator.nesterovs_momentum else "momentum"
            self.rule = {"rule": rule, "mu": float(estimator.momentum)}

    def step(self, alpha: float, data: TrainingData, layers: Layers) -> StepOptions | NumpyStep:
        """A step of the next epoch, described to what trains these layers."""
        if layers.is_custom:
            return NumpyStep(self.learning_rate, alpha, self.rule)
        return StepOptions(
            self.learning_rate, lmbda_over_n=alpha, decays_by_batch=True, builtin_delta=data.cost, **self.rule
        )

    def after_epoch(self, t: int) -> None:
        """Set the learning rate for the epoch after `t` examples."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (t + 1) ** self.power_t

    def goes_on(self) -> bool:
        """Whether to go on where nothing improves: with a smaller learning rate, if that is adaptive."""
        if self.schedule != "adaptive" or self.learning_rate <= LEAST_LEARNING_RATE:
            return False
        self.learning_rate /= 5
        return True


class Progress:
    """What the epochs of a fit have reached, in the attributes of the estimator, and the best parameters.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    layers : Layers
    validation : ValidationData or None

    Attributes
    ----------
    keeps_best : bool
    callbacks : Callbacks or None
        The estimator's functions.
    """

    def __init__(self, estimator: Any, layers: Layers, validation: ValidationData | None) -> None:
        self.estimator, self.layers, self.validation = estimator, layers, validation
        self.callbacks = checked_callbacks(estimator.callbacks)
        self.by_score = estimator.early_stopping
        self.keeps_best = (
            estimator.early_stopping if estimator.restore_best is None else estimator.restore_best
        )
        self.best = -np.inf
        if self.by_score and estimator._best is not None:
            self.best = estimator.best_validation_score_

    def add(self, loss: float) -> None:
        """Record the loss of an epoch and, by what the estimator stops by, whether it is an improvement."""
        estimator, tol = self.estimator, self.estimator.tol
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.loss_curve_.append(loss)
        say(estimator, f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        score = -loss
        if self.validation is not None:
            score = self.validation.score(self.layers, estimator.n_threads)
            estimator.validation_scores_.append(score)
            say(estimator, f"Validation score: {score:.6f}")
        # Comparisons with NaN are false: as in scikit-learn, a loss that is no number is no worse.
        if self.by_score:
            worse = score < estimator.best_validation_score_ + tol
        else:
            worse = loss > estimator.best_loss_ - tol
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0
        if self.validation is not None and score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
        if not self.by_score and loss < estimator.best_loss_:
            estimator.best_loss_ = loss
        if self.keeps_best and score > self.best:
            self.best = score
            estimator._best = (
                [w.copy() for w in self.layers.weights],
                [b.copy() for b in self.layers.biases],
            )

    def stops(self) -> bool:
        """Call the estimator's functions; return whether one of them stops training."""
        if self.callbacks is None:
            return False
        estimator, layers = self.estimator, self.layers
        estimator.coefs_, estimator.intercepts_ = layers.coefs, layers.intercepts
        entry = {"epoch": len(estimator.loss_curve_) - 1, "loss": estimator.loss_}
        if self.validation is not None:
            entry["validation_score"] = estimator.validation_scores_[-1]
        return self.callbacks.stop(estimator, entry)

    def restore(self) -> None:
        """Give the network the best parameters, if they were kept."""
        if self.keeps_best and self.estimator._best is not None:
            self.layers.weights, self.layers.biases = (
                [a.copy() for a in kept] for kept in self.estimator._best
            )


def fit_stochastic(
    estimator: Any,
    layers: Layers,
    data: TrainingData,
    validation: ValidationData | None,
    incremental: bool,
    task: Callable[[], Callable[[], bool]] | None,
) -> None:
    """Train for `max_iter` epochs, or until nothing improves; one epoch if `incremental`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Its `_optimizer` and its attributes of progress go on from where they are.
    layers : Layers
        The network to be trained.
    data : TrainingData
    validation : ValidationData or None
    incremental : bool
    task : callable or None
        task() begins an epoch for scikit-learn's callbacks. It returns end(), which says whether to stop.
    """
    optimizer: Optimizer = estimator._optimizer
    alpha = float(estimator.alpha)
    m = mini_batch_size(estimator, data.n)
    layers.resume(optimizer)

    def step() -> Any:
        return optimizer.step(alpha, data, layers)

    training = data.training(layers, m, threads(estimator.n_threads), step())
    data.measure_costs(training, layers.dtype, alpha != 0)
    progress = Progress(estimator, layers, validation)
    # Between epochs nobody looks at the parameters: they stay in the kernels' order.
    seen = (task, validation, progress.callbacks) != (None, None, None) or progress.keeps_best
    unseen = not seen and not layers.is_custom
    if unseen:
        training.begin_epochs(layers, step())
    estimator.n_iter_ = 0
    try:
        for _ in range(1 if incremental else estimator.max_iter):
            end_task = task() if task else None
            if estimator.shuffle:
                training.shuffle_by(estimator._random_state)
            if unseen:
                training.next_epoch(step())
            else:
                training.epoch(layers, step())
            of_examples, squares = training.costs_of_epoch
            estimator.t_ += data.n
            progress.add((data.cost_of_outputs(of_examples) + 0.5 * alpha * squares) / data.n)
            optimizer.after_epoch(estimator.t_)
            stops = progress.stops()
            if end_task and end_task():
                stops = True
            if estimator._no_improvement_count > estimator.n_iter_no_change:
                what = "validation score" if estimator.early_stopping else "loss"
                epochs = f"{estimator.n_iter_no_change} epochs"
                text = f"The {what} did not improve by tol = {estimator.tol} for {epochs}."
                if not optimizer.goes_on():
                    say(estimator, f"{text} Stopping.")
                    break
                say(estimator, f"{text} The learning rate is now {optimizer.learning_rate:f}")
                estimator._no_improvement_count = 0
            if stops:
                break
        else:
            if not incremental:
                warnings.warn(
                    f"max_iter = {estimator.max_iter} epochs were not enough to converge",
                    ConvergenceWarning,
                    stacklevel=5,
                )
    except KeyboardInterrupt:
        warnings.warn("training was interrupted, and ends after a completed mini-batch", stacklevel=5)
    if unseen:
        training.end_epochs(layers)
    layers.suspend(optimizer)
    progress.restore()


def mini_batch_size(estimator: Any, n: int) -> int:
    """How many of n examples a mini-batch has."""
    if estimator.batch_size == "auto":
        return min(200, n)
    if estimator.batch_size > n:
        warnings.warn(
            f"batch_size is {estimator.batch_size}, and there are {n} samples: so many it will be",
            stacklevel=6,
        )
    return min(int(estimator.batch_size), n)


def say(estimator: Any, text: str) -> None:
    """Print a line if the estimator is verbose."""
    if estimator.verbose:
        print(text)

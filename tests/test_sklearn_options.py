"""What the estimators offer beyond scikit-learn's, and how they refuse what is wrong."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")
scipy_sparse = pytest.importorskip("scipy.sparse")

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.metrics import balanced_accuracy_score  # noqa: E402

from cbackprop import _processors  # noqa: E402
from cbackprop.activations import Activation  # noqa: E402
from cbackprop.sklearn import MLPClassifier, MLPRegressor  # noqa: E402
from cbackprop.sklearn._layers import threads  # noqa: E402
from support.children import run_python  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X = X[:400] / 16
Y = Y[:400]
OPTIONS = {"hidden_layer_sizes": (16,), "max_iter": 15, "random_state": 0, "learning_rate_init": 0.01}


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))


# ---- a validation set of one's own ----


def test_validation_data_are_scored_and_not_trained_on():
    plain = MLPClassifier(**OPTIONS).fit(X[:300], Y[:300])
    scored = MLPClassifier(**OPTIONS).fit(X[:300], Y[:300], validation_data=(X[300:], Y[300:]))
    assert equal(plain, scored)
    assert len(scored.validation_scores_) == scored.n_iter_ == 15
    assert scored.validation_scores_[-1] == scored.score(X[300:], Y[300:])
    assert scored.best_validation_score_ == max(scored.validation_scores_)


def test_early_stopping_by_validation_data():
    fitted = MLPClassifier(**(OPTIONS | {"max_iter": 300}), early_stopping=True, n_iter_no_change=3)
    fitted.fit(X[:300], Y[:300], validation_data=(X[300:], Y[300:]))
    assert fitted.n_iter_ < 300 and fitted.t_ == 300 * fitted.n_iter_
    assert fitted.score(X[300:], Y[300:]) == fitted.best_validation_score_


def test_validation_data_of_a_regression():
    fitted = MLPRegressor(**OPTIONS).fit(X[:300], Y[:300], validation_data=(X[300:], Y[300:]))
    assert fitted.validation_scores_[-1] == pytest.approx(fitted.score(X[300:], Y[300:]), rel=1e-12)


@pytest.mark.parametrize("data", [5, (X,), (X, Y, Y), ()], ids=["a number", "X alone", "three", "none"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_validation_data_are_a_pair(estimator, data):
    with pytest.raises(TypeError, match=r"validation_data is .*; expected a pair \(X, y\)"):
        estimator(**OPTIONS).fit(X, Y, validation_data=data)


def test_validation_data_with_other_outputs():
    with pytest.raises(ValueError, match="validation_data has 2 columns of targets; y has 1"):
        MLPRegressor(**OPTIONS).fit(X, Y, validation_data=(X, np.stack([Y, Y], axis=1)))


def test_lbfgs_has_no_epochs_to_validate():
    with pytest.raises(ValueError, match=r"validation_data .*sgd and adam"):
        MLPClassifier(**OPTIONS, solver="lbfgs").fit(X, Y, validation_data=(X, Y))


def test_validation_data_with_other_classes():
    with pytest.raises(ValueError, match=r"validation_data has the classes \[9\]"):
        MLPClassifier(**OPTIONS).fit(X[Y < 9], Y[Y < 9], validation_data=(X, Y))


@pytest.mark.parametrize("scores", [True, False])
def test_restore_best(scores):
    options = OPTIONS | {"learning_rate_init": 0.9, "solver": "sgd", "nesterovs_momentum": False}
    validation = {"validation_data": (X[300:], Y[300:])} if scores else {}
    last = MLPClassifier(**options).fit(X[:300], Y[:300], **validation)
    best = MLPClassifier(**options, restore_best=True).fit(X[:300], Y[:300], **validation)
    epochs = 1 + int(np.argmax(last.validation_scores_) if scores else np.argmin(last.loss_curve_))
    assert 1 < epochs < 15, "the best epoch is neither the first nor the last"
    there = MLPClassifier(**(options | {"max_iter": epochs})).fit(X[:300], Y[:300])
    assert equal(best, there) and not equal(best, last)


def test_early_stopping_without_restoring():
    options = OPTIONS | {"early_stopping": True, "learning_rate_init": 0.3, "solver": "sgd"}
    restored, last = (MLPClassifier(**options, restore_best=b).fit(X, Y) for b in (None, False))
    assert not equal(restored, last) and restored.loss_curve_ == last.loss_curve_


# ---- weights of classes ----


@pytest.mark.parametrize("weights", ["balanced", {0: 3.0, 1: 0.5}], ids=str)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_of_classes_are_weights_of_examples(weights, solver):
    from sklearn.utils.class_weight import compute_sample_weight  # noqa: PLC0415

    of_examples = np.random.default_rng(0).random(len(Y))
    by_class = MLPClassifier(**OPTIONS, solver=solver, class_weight=weights)
    by_example = MLPClassifier(**OPTIONS, solver=solver)
    assert equal(
        by_class.fit(X, Y, sample_weight=of_examples),
        by_example.fit(X, Y, sample_weight=of_examples * compute_sample_weight(weights, Y)),
    )


def test_balanced_classes_help_the_rare_one():
    rare = (Y == 8) & (np.arange(len(Y)) % 4 > 0)
    inputs, classes = X[~rare], (Y == 8)[~rare]
    options = OPTIONS | {"max_iter": 8, "hidden_layer_sizes": (4,)}
    scores = [
        balanced_accuracy_score(
            classes, MLPClassifier(**options, class_weight=w).fit(inputs, classes).predict(inputs)
        )
        for w in (None, "balanced")
    ]
    assert scores[1] > scores[0] + 0.1


@pytest.mark.parametrize("activation", ["tanh", Activation(np.sin, np.cos)], ids=["tanh", "own"])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_weights_of_classes_are_from_0_and_not_all_0(activation, solver):
    estimator = MLPClassifier(**OPTIONS, activation=activation, solver=solver)
    with pytest.raises(ValueError, match=r"sample_weight\[\d+\] is -1"):
        estimator.set_params(class_weight={3: -1}).fit(X, Y)
    with pytest.raises(ValueError, match="at least one non-zero"):
        estimator.set_params(class_weight=dict.fromkeys(range(10), 0)).fit(X, Y)


def test_balanced_needs_all_examples():
    with pytest.raises(ValueError, match="class_weight is 'balanced'"):
        MLPClassifier(**OPTIONS, class_weight="balanced").partial_fit(X, Y, classes=range(10))


# ---- activations, threads ----


@pytest.mark.parametrize("names", [("sigmoid", "logistic"), ("linear", "identity")])
def test_two_names_of_an_activation(names):
    assert equal(*(MLPClassifier(**OPTIONS, activation=name).fit(X, Y) for name in names))


def test_softplus():
    assert MLPClassifier(**(OPTIONS | {"max_iter": 40}), activation="softplus").fit(X, Y).score(X, Y) > 0.95


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_threads_change_no_bit(solver):
    one, two = (MLPClassifier(**OPTIONS, solver=solver, n_threads=n).fit(X, Y) for n in (1, 2))
    assert equal(one, two) and one.loss_ == two.loss_


def test_how_many_threads(monkeypatch):
    import threading  # noqa: PLC0415

    monkeypatch.delenv("CBACKPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads(3) == 3 and threads(None) == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as joblib tells its workers
    assert threads(None) == 1 and threads(3) == 3
    monkeypatch.setenv("CBACKPROP_NUM_THREADS", "2")
    assert threads(None) == 2
    monkeypatch.delenv("CBACKPROP_NUM_THREADS")
    monkeypatch.delenv("OMP_NUM_THREADS")
    found = []
    thread = threading.Thread(target=lambda: found.append(threads(None)))
    thread.start()
    thread.join()
    assert found == [1]


def test_a_worker_of_joblib_takes_one_thread():
    joblib = pytest.importorskip("joblib")
    n = max(2, _processors.granted())
    assert joblib.Parallel(n_jobs=n)(joblib.delayed(threads)(None) for _ in range(2)) == [1, 1]


# ---- scikit-learn's callbacks ----


class Recorder:
    """A callback that follows scikit-learn's protocol."""

    def __init__(self, stop_after=None):
        self.stop_after, self.events, self.scores = stop_after, [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.scores.append((fitted_estimator.score(X, y), estimator.loss_))
            return len(self.scores) == self.stop_after
        return False


def test_callbacks_follow_the_epochs():
    recorder = Recorder()
    options = OPTIONS | {"max_iter": 3}
    fitted = MLPClassifier(**options).set_callbacks(recorder).fit(X, Y)
    assert recorder.events == ["setup", "begin fit", *["begin epoch", "end epoch"] * 3, "end fit", "teardown"]
    assert [loss for _, loss in recorder.scores] == fitted.loss_curve_
    assert recorder.scores[-1][0] == fitted.score(X, Y)
    assert equal(fitted, MLPClassifier(**options).fit(X, Y))


def test_a_callback_that_is_true_stops():
    fitted = MLPClassifier(**OPTIONS).set_callbacks(Recorder(stop_after=4)).fit(X, Y)
    assert fitted.n_iter_ == 4
    assert equal(fitted, MLPClassifier(**(OPTIONS | {"max_iter": 4})).fit(X, Y))


def test_callbacks_of_partial_fit():
    recorder = Recorder()
    fitted = MLPClassifier(**OPTIONS).set_callbacks(recorder)
    for _ in range(2):
        fitted.partial_fit(X, Y, classes=range(10))
    assert recorder.events == ["setup", "begin fit", "begin epoch", "end epoch", "end fit", "teardown"] * 2
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & vars(fitted).keys()


def test_callbacks_of_lbfgs():
    recorder = Recorder()
    MLPClassifier(**OPTIONS, solver="lbfgs").set_callbacks(recorder).fit(X, Y)
    assert recorder.events == ["setup", "begin fit", "end fit", "teardown"]


def test_what_is_no_callback():
    with pytest.raises(TypeError, match="FitCallback"):
        MLPClassifier().set_callbacks(print)


# ---- functions as callbacks ----


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_functions_follow_the_epochs(solver):
    seen = []

    def look(estimator, entry):
        seen.append((entry, estimator.predict_proba(X), [w.copy() for w in estimator.coefs_]))

    options = OPTIONS | {"max_iter": 4, "solver": solver}
    fitted = MLPClassifier(**options, callbacks=[look]).fit(X, Y)
    assert [entry["epoch"] for entry, _, _ in seen] == [0, 1, 2, 3]
    assert all(entry.keys() == {"epoch", "loss"} for entry, _, _ in seen)
    if solver != "lbfgs":
        assert [entry["loss"] for entry, _, _ in seen] == fitted.loss_curve_
    assert seen[-1][0]["loss"] == fitted.loss_
    assert all(np.array_equal(a, b) for a, b in zip(seen[-1][2], fitted.coefs_, strict=True))
    assert not np.array_equal(seen[0][1], seen[1][1])
    assert equal(fitted, MLPClassifier(**options).fit(X, Y))


def test_functions_see_the_validation_score():
    seen = []
    fitted = MLPClassifier(**OPTIONS, callbacks=[lambda _, entry: seen.append(entry)])
    fitted.fit(X, Y, validation_data=(X[:50], Y[:50]))
    assert [entry["validation_score"] for entry in seen] == fitted.validation_scores_


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_function_that_is_true_stops(solver):
    fitted = MLPClassifier(**OPTIONS, solver=solver, callbacks=[lambda _, entry: entry["epoch"] == 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.fit(X, Y)
    assert fitted.n_iter_ == 4


def test_functions_count_the_calls_of_partial_fit():
    seen = []
    fitted = MLPClassifier(**OPTIONS, callbacks=[lambda _, entry: seen.append(entry["epoch"])])
    for _ in range(3):
        fitted.partial_fit(X, Y, classes=range(10))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    "callbacks, words",
    [
        (print, r"callbacks=\[f\]"),
        ([1], "function"),
        ([Recorder()], "set_callbacks"),
        (iter([print]), "iterator"),
    ],
)
def test_what_is_no_function(callbacks, words):
    with pytest.raises(TypeError, match=f"callbacks.*{words}"):
        MLPClassifier(callbacks=callbacks).fit(X, Y)


# ---- sparse matrices ----


def test_many_columns_are_never_dense():
    """200 rows of a million columns would take 1.6 GB."""
    import resource  # noqa: PLC0415

    # Not by scipy.sparse.random: it takes 1.6 GB itself, and the peak would not grow after that.
    draw = np.random.default_rng(0)
    columns, ends = draw.integers(0, 1_000_000, 10_000), np.arange(201) * 50
    matrix = scipy_sparse.csr_array((draw.random(10_000), columns, ends), (200, 1_000_000))
    classes = np.arange(200) % 2
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fitted = MLPClassifier(hidden_layer_sizes=(2,), max_iter=2, solver="sgd", momentum=0, random_state=0)
    fitted.fit(matrix, classes).predict(matrix)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


@pytest.mark.parametrize("early_stopping", [True, False])
def test_sparse_is_as_dense(early_stopping):
    options = OPTIONS | {"early_stopping": early_stopping}
    sparse, dense = (MLPClassifier(**options).fit(A, Y) for A in (scipy_sparse.csr_matrix(X), X))
    for a, b in zip(sparse.coefs_, dense.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


# ---- interrupts, verbosity, errors ----


def test_an_interrupt_ends_training_with_a_warning(monkeypatch):
    class Interrupting(Recorder):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and estimator.n_iter_ == 3:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        fitted = MLPClassifier(**OPTIONS).set_callbacks(Interrupting()).fit(X, Y)
    assert equal(fitted, MLPClassifier(**(OPTIONS | {"max_iter": 3})).fit(X, Y))


def test_lines(capsys):
    options = OPTIONS | {"max_iter": 2, "verbose": True}
    fitted = MLPClassifier(**options, early_stopping=True).fit(X, Y)
    first = [f"Iteration 1, loss = {fitted.loss_curve_[0]:.8f}"]
    assert capsys.readouterr().out.split("\n")[:1] == first
    MLPClassifier(**options, solver="lbfgs").fit(X, Y)
    assert "2 iterations of lbfgs" in capsys.readouterr().out


def test_warnings_say_what_to_do():
    with pytest.warns(ConvergenceWarning, match="max_iter = 15") as raised:
        MLPClassifier(**OPTIONS).fit(X, Y)
    assert raised[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="lbfgs has not converged"):
        MLPClassifier(**OPTIONS, solver="lbfgs").fit(X, Y)
    with pytest.warns(UserWarning, match="batch_size is 500, and there are 400") as raised:
        MLPClassifier(**OPTIONS, batch_size=500).partial_fit(X, Y, classes=range(10))
    assert raised[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier(**(OPTIONS | {"tol": 1.0})).fit(X, Y)


WRONG = {
    "hidden_layer_sizes": [0, (3, 0), "100", 2.5, (2.5,), None],
    "activation": ["sigmoidal", None, "softmax"],
    "solver": ["newton", None],
    "alpha": [-1, "1", np.nan, np.inf],
    "batch_size": [0, "all", 2.5],
    "learning_rate": ["fast"],
    "learning_rate_init": [0, -1, "auto"],
    "power_t": [-1],
    "max_iter": [0, 2.5, np.inf],
    "shuffle": [1, None],
    "random_state": ["seed"],
    "tol": [-1e-3],
    "verbose": [-1, "yes"],
    "warm_start": [None],
    "momentum": [-0.1, 1.1],
    "nesterovs_momentum": [0],
    "early_stopping": ["yes"],
    "validation_fraction": [-0.1, 1.0],
    "beta_1": [1.0, -0.1],
    "beta_2": [1.0],
    "epsilon": [0],
    "n_iter_no_change": [0, 2.5],
    "max_fun": [0],
    "class_weight": ["even", 3],
    "n_threads": [0, "all"],
    "restore_best": ["yes"],
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_parameters_are_named(name, value):
    estimator = MLPClassifier(**{name: value})
    with pytest.raises((ValueError, TypeError), match=name if name != "random_state" else "seed"):
        estimator.fit(X, Y)
    assert not hasattr(estimator, "coefs_")


def test_the_loss_is_one_of_the_regressor():
    with pytest.raises(ValueError, match="loss is 'log_loss'; expected one of 'squared_error', 'poisson'"):
        MLPRegressor("log_loss").fit(X, Y)


def test_negative_counts_are_refused():
    targets = np.where(np.arange(400) == 7, -1.0, Y)
    with pytest.raises(ValueError, match=r"y holds -1.0; .*'poisson'"):
        MLPRegressor("poisson").fit(X, targets)


@pytest.mark.parametrize("name, value", [("shuffle", 1), ("alpha", -1), ("momentum", "a lot")])
def test_wrong_parameters_raise_scikit_learn_s_error(name, value):
    """Whoever catches either TypeError or ValueError there catches it here."""
    for error in (TypeError, ValueError):
        with pytest.raises(error, match=name):
            MLPClassifier(**{name: value}).fit(X, Y)


@pytest.mark.parametrize("solvers", [("lbfgs", "adam"), ("lbfgs", "sgd", "lbfgs", "adam")])
def test_a_warm_start_with_another_solver(solvers):
    fitted = MLPClassifier(**OPTIONS, warm_start=True)
    for solver in solvers:
        fitted.set_params(solver=solver).fit(X, Y)
    assert len(fitted.loss_curve_) == OPTIONS["max_iter"] * sum(solver != "lbfgs" for solver in solvers)


@pytest.mark.parametrize(
    "weights, words",
    [(np.ones(3), "sample_weight has shape"), (np.full(400, -1.0), r"sample_weight\[0\] is -1")],
)
def test_wrong_weights(weights, words):
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**OPTIONS).fit(X, Y, sample_weight=weights)


def test_scikit_learn_is_imported_only_when_asked_for(tmp_path):
    code = """
import sys
sys.modules["sklearn"] = None       # as where it is not installed
from cbackprop import network, network2
try:
    import cbackprop.sklearn
except ImportError as error:
    assert "scikit-learn 1.9" in str(error), error
else:
    raise AssertionError
"""
    run_python(code, tmp_path)

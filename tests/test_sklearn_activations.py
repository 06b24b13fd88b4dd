"""With functions of the user's own in hidden neurons an estimator trains in NumPy, to the same numbers."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")
scipy_sparse = pytest.importorskip("scipy.sparse")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402

from cbackprop.activations import Activation, softplus, softplus_prime, tanh, tanh_prime  # noqa: E402
from cbackprop.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OWN = Activation(tanh, tanh_prime)
X, Y = load_digits(return_X_y=True)
X = X[:300] / 16
Y = Y[:300]
WEIGHTS = np.random.default_rng(0).integers(0, 3, 300)
OPTIONS = {"hidden_layer_sizes": (12, 7), "max_iter": 8, "random_state": 0, "batch_size": 32}
SOLVERS = {
    "plain": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adam": {"solver": "adam", "alpha": 0.1},
    "lbfgs": {"solver": "lbfgs"},
}


def agree(one, other, data=X):
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.loss_, other.loss_, rtol=1e-9)
    np.testing.assert_allclose(getattr(one, "loss_curve_", 0), getattr(other, "loss_curve_", 0), rtol=1e-9)
    np.testing.assert_allclose(one._outputs(data), other._outputs(data), rtol=0, atol=1e-9)


def pair(estimator, y, data=X, weights=None, **options):
    """Two estimators, with the activation of the package and with the user's, fitted alike."""
    both = [estimator(**(OPTIONS | {"activation": one} | options)) for one in ("tanh", OWN)]
    return [one.fit(data, y, sample_weight=weights) for one in both]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_it_follows_the_compiled_run(solver, weights):
    agree(*pair(MLPClassifier, Y, weights=weights, **SOLVERS[solver]))


@pytest.mark.parametrize(
    "estimator, y, options",
    [
        (MLPClassifier, Y % 2, {}),
        (MLPClassifier, np.stack([Y % 2, Y > 4], axis=1), {}),
        (MLPRegressor, Y / 5.0, {}),
        (MLPRegressor, np.stack([Y, X[:, 20]], axis=1), {"learning_rate_init": 1e-4}),
        (MLPRegressor, Y, {"loss": "poisson"}),
    ],
    ids=["two classes", "several labels", "numbers", "two numbers", "counts"],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_kind_of_target(estimator, y, options, solver):
    agree(*pair(estimator, y, solver=solver, **options))


@pytest.mark.parametrize("form", [scipy_sparse.csr_matrix, scipy_sparse.csc_array])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_matrices(form, solver):
    data = form(X)
    agree(*pair(MLPClassifier, Y, data, solver=solver, early_stopping=solver == "adam"), data)


def test_many_columns_are_never_dense():
    columns = np.random.default_rng(0).integers(0, 10**9, 300)
    matrix = scipy_sparse.csr_array((np.ones(300), columns % 10**6, np.arange(301)), (300, 10**6))
    fitted = MLPClassifier((2,), OWN, max_iter=1, solver="sgd", momentum=0.0, batch_size=300)
    tracemalloc.start()
    fitted.fit(matrix, Y % 2).predict(matrix)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # dense, a mini-batch alone would take 2.4 GB


def test_float32_stays_float32():
    data = X.astype(np.float32)
    one, other = pair(MLPClassifier, Y, data)
    assert one.coefs_[0].dtype == other.coefs_[0].dtype == other.predict_proba(data).dtype == np.float32
    np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], rtol=0, atol=1e-4)


def test_one_epoch_after_the_other():
    both = [MLPClassifier(**(OPTIONS | {"activation": one})) for one in ("tanh", OWN)]
    for one in both:
        for _ in range(3):
            one.partial_fit(X, Y, classes=range(10))
    agree(*both)


def test_where_nothing_counts_there_is_no_step():
    weights = np.repeat([1.0, 0.0], 150)
    agree(*pair(MLPClassifier, Y, weights=weights, shuffle=False, batch_size=50))


def test_its_options_and_tools():
    fitted = MLPClassifier(**OPTIONS, activation=Activation(softplus, softplus_prime), restore_best=True)
    seen = []
    fitted.set_params(callbacks=[lambda _, entry: seen.append(entry["epoch"])], class_weight="balanced")
    fitted.fit(X, Y, validation_data=(X, Y))
    assert len(seen) == len(fitted.validation_scores_) == 8
    compiled = MLPClassifier(**OPTIONS, activation="softplus", restore_best=True, class_weight="balanced")
    agree(fitted, compiled.fit(X, Y, validation_data=(X, Y)))
    fitted.set_params(callbacks=None)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
    assert clone(fitted).fit(X, Y).score(X, Y) == fitted.fit(X, Y).score(X, Y)
    search = GridSearchCV(fitted, {"activation": ["tanh", OWN]}, cv=2, n_jobs=2).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[1]


def test_what_the_functions_return_is_checked():
    with pytest.raises(ValueError, match="activation of layer 2 returned shape"):
        MLPClassifier(activation=Activation(lambda z: z[:1], tanh_prime)).fit(X, Y)
    with pytest.raises(TypeError, match=r"Activation\(f, f_prime\)"):
        MLPClassifier(activation=np.tanh).fit(X, Y)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="non-finite"):
        warnings.simplefilter("ignore", RuntimeWarning)
        MLPClassifier(activation=Activation(lambda z: z * np.nan, tanh_prime), max_iter=2).fit(X, Y)

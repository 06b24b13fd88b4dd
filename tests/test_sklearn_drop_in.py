"""From the same random_state, cbackprop.sklearn has scikit-learn's own parameters and losses."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")
scipy_sparse = pytest.importorskip("scipy.sparse")

from sklearn import neural_network  # noqa: E402
from sklearn.datasets import load_digits, make_multilabel_classification  # noqa: E402

from cbackprop import sklearn as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EPOCHS, TOLERANCE = 10, 1e-8
X, DIGITS = load_digits(return_X_y=True)
X = X[:450] / 16
DIGITS = DIGITS[:450]
WEIGHTS = np.random.default_rng(0).random(len(X)) + 0.1
LABELS = make_multilabel_classification(len(X), 64, random_state=0)
CLASSIFIER = {  # what is learnt
    "ten classes": DIGITS,
    "two classes": DIGITS % 2,
    "names": np.array(["even", "odd", "seven"], dtype=object)[np.where(DIGITS == 7, 2, DIGITS % 2)],
    "several labels": LABELS[1],
}
REGRESSOR = {"one output": DIGITS / 5.0, "two outputs": np.c_[DIGITS / 5.0, X[:, 20]]}
SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "Nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam"},
    "lbfgs": {"solver": "lbfgs"},
}
OPTIONS = {
    "without shuffling": {"shuffle": False},
    "shuffled": {},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {"learning_rate": "adaptive", "tol": 0.3, "n_iter_no_change": 1},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "stops": {"tol": 0.5, "n_iter_no_change": 2},
    "logistic": {"activation": "logistic"},
    "tanh": {"activation": "tanh", "hidden_layer_sizes": (13, 9)},
    "identity": {"activation": "identity", "hidden_layer_sizes": 7},
    "without regularisation": {"alpha": 0},
    "much regularisation": {"alpha": 5.0},
    "small mini-batches": {"batch_size": 32},
    "Adam's numbers": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.01},
    "without hidden layers": {"hidden_layer_sizes": ()},
}


def pair(kind, **options):
    options = {"random_state": 3, "max_iter": EPOCHS, "hidden_layer_sizes": (20,)} | options
    return getattr(neural_network, kind)(**options), getattr(ours, kind)(**options)


def agree(theirs, mine, tolerance=TOLERANCE):
    """Whether parameters and losses are the same up to rounding."""
    assert mine.n_iter_ == theirs.n_iter_
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(mine, name), getattr(theirs, name), strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
    np.testing.assert_allclose(mine.loss_, theirs.loss_, rtol=tolerance)
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        assert (getattr(mine, name, None) is None) == (getattr(theirs, name, None) is None)
        if getattr(theirs, name, None) is not None:
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=tolerance)
    for name in ("n_layers_", "n_outputs_", "n_features_in_", "out_activation_"):
        assert getattr(mine, name) == getattr(theirs, name)
    if theirs.solver != "lbfgs":
        assert mine.t_ == theirs.t_ and mine._no_improvement_count == theirs._no_improvement_count


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_options(solver, option):
    theirs, mine = pair("MLPClassifier", **(SOLVERS[solver] | OPTIONS[option]))
    agree(theirs.fit(X, DIGITS), mine.fit(X, DIGITS))


@pytest.mark.parametrize("what", CLASSIFIER)
@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_classified(what, solver):
    theirs, mine = pair("MLPClassifier", **SOLVERS[solver])
    inputs = LABELS[0] / 10 if what == "several labels" else X
    agree(theirs.fit(inputs, CLASSIFIER[what]), mine.fit(inputs, CLASSIFIER[what]))
    np.testing.assert_array_equal(mine.classes_, theirs.classes_)
    np.testing.assert_array_equal(mine.predict(inputs), theirs.predict(inputs))
    np.testing.assert_allclose(mine.predict_proba(inputs), theirs.predict_proba(inputs), atol=TOLERANCE)
    np.testing.assert_allclose(mine.predict_log_proba(inputs), theirs.predict_log_proba(inputs), rtol=1e-6)
    assert mine.score(inputs, CLASSIFIER[what]) == theirs.score(inputs, CLASSIFIER[what])


@pytest.mark.parametrize("what", REGRESSOR)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regression(what, solver, loss):
    theirs, mine = pair("MLPRegressor", loss=loss, **SOLVERS[solver])
    agree(theirs.fit(X, REGRESSOR[what]), mine.fit(X, REGRESSOR[what]))
    np.testing.assert_allclose(mine.predict(X), theirs.predict(X), atol=10 * TOLERANCE)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"alpha": 1.0, "batch_size": 40}], ids=str)
def test_weights_of_examples(solver, options):
    for kind, y in (("MLPClassifier", DIGITS), ("MLPRegressor", DIGITS / 5)):
        theirs, mine = pair(kind, **(SOLVERS[solver] | options))
        agree(theirs.fit(X, y, sample_weight=WEIGHTS), mine.fit(X, y, sample_weight=WEIGHTS))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix"])
def test_sparse_matrices(solver, form):
    theirs, mine = pair("MLPClassifier", **SOLVERS[solver])
    sparse = getattr(scipy_sparse, form)(X)
    agree(theirs.fit(sparse, DIGITS), mine.fit(sparse, DIGITS))
    np.testing.assert_allclose(mine.predict_proba(sparse), theirs.predict_proba(X), atol=TOLERANCE)


@pytest.mark.parametrize("solver", ["sgd", "Nesterov", "adam"])
def test_one_epoch_after_the_other(solver):
    theirs, mine = pair("MLPClassifier", **SOLVERS[solver])
    for start in (0, 150, 300, 0):
        for one in (theirs, mine):
            one.partial_fit(X[start : start + 150], DIGITS[start : start + 150], classes=np.arange(10))
    agree(theirs, mine)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}], ids=str)
def test_warm_start(solver, options):
    theirs, mine = pair("MLPClassifier", warm_start=True, **(SOLVERS[solver] | options))
    for _ in range(2):
        agree(theirs.fit(X, DIGITS), mine.fit(X, DIGITS))


@pytest.mark.parametrize("solver", ["sgd", "Nesterov", "adam"])
def test_float32_stays_float32(solver):
    theirs, mine = pair("MLPClassifier", **SOLVERS[solver])
    agree(theirs.fit(X.astype(np.float32), DIGITS), mine.fit(X.astype(np.float32), DIGITS), 2e-4)


def test_lbfgs_of_float32_ends_where_scikit_learn_s_does():
    theirs, mine = pair("MLPClassifier", solver="lbfgs", max_iter=5)
    theirs.fit(X, DIGITS)
    mine.fit(X.astype(np.float32), DIGITS)
    assert {w.dtype for w in mine.coefs_ + mine.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(mine.loss_, theirs.loss_, rtol=1e-3)


def test_coefficients_that_are_assigned_count():
    theirs, mine = pair("MLPClassifier", solver="sgd")
    for one in (theirs, mine):
        one.fit(X, DIGITS)
        one.coefs_ = [w * 0.5 for w in one.coefs_]
        one.coefs_[0][3, :] = 0.25
        one.partial_fit(X, DIGITS)
    agree(theirs, mine)


def test_the_same_constructor():
    """Names, order, defaults; what is added can be given by name alone, at the end."""
    import inspect  # noqa: PLC0415

    for name in ours.__all__:
        parameters = [
            inspect.signature(getattr(module, name)).parameters.values() for module in (neural_network, ours)
        ]
        theirs, mine = ([(p.name, p.default, p.kind) for p in some] for some in parameters)
        assert mine[: len(theirs)] == theirs
        assert all(kind == inspect.Parameter.KEYWORD_ONLY for _, _, kind in mine[len(theirs) :])


def test_a_subclass_with_a_constructor_of_its_own():
    class Wide(ours.MLPRegressor):
        def __init__(self, width=30, alpha=0.1):
            super().__init__("poisson", (width,), alpha=alpha, max_iter=3)
            self.width = width

    one = Wide(20)
    assert one.get_params() == {"width": 20, "alpha": 0.1}
    assert one.loss == "poisson" and one.hidden_layer_sizes == (20,) and one.fit(X, DIGITS).n_layers_ == 3
    assert vars(ours.MLPClassifier()) == ours.MLPClassifier().get_params()


def test_the_same_public_names():
    fitted = []
    for module in (neural_network, ours):
        one = module.MLPClassifier(max_iter=2, early_stopping=True, random_state=0).fit(X, DIGITS)
        fitted.append({name for name in {*vars(one), *dir(type(one))} if not name.startswith("_")})
    assert fitted[0] <= fitted[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted[1] - fitted[0] <= {
            "callbacks", "class_weight", "n_threads", "restore_best", "set_callbacks",
        }  # fmt: skip

"""scikit-learn's checks of an estimator, all of those that its own MLP passes."""

import pytest

pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")

from sklearn.utils.estimator_checks import parametrize_with_checks

from cbackprop.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPClassifier(max_iter=100, solver="sgd", restore_best=True, n_threads=2),
    MLPRegressor(max_iter=100, solver="lbfgs", activation="softplus"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator(estimator, check):
    check(estimator)

"""An example of each place in scikit-learn that an estimator is put into."""

import io
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")

import joblib
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cbackprop.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CANCER = load_breast_cancer(return_X_y=True)
OPTIONS = {"hidden_layer_sizes": (16,), "max_iter": 40, "learning_rate_init": 0.01, "random_state": 0}


def scaled(**options):
    return make_pipeline(StandardScaler(), MLPClassifier(**(OPTIONS | options)))


def test_a_grid_search_in_two_processes():
    grid = {"mlpclassifier__alpha": [1e-4, 1e-1], "mlpclassifier__solver": ["adam", "sgd"]}
    search = GridSearchCV(scaled(), grid, cv=3, n_jobs=2).fit(*CANCER)
    alone = GridSearchCV(scaled(), grid, cv=3).fit(*CANCER)
    assert search.best_score_ > 0.95
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_cross_validation():
    assert cross_val_score(scaled(), *CANCER, cv=5).mean() > 0.95
    X, y = load_diabetes(return_X_y=True)
    regressor = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=30)
    )
    assert cross_val_score(regressor, X, y, cv=5).mean() > 0.3


def test_calibration():
    calibrated = CalibratedClassifierCV(scaled(), cv=3).fit(*CANCER)
    assert calibrated.score(*CANCER) > 0.95
    np.testing.assert_allclose(calibrated.predict_proba(CANCER[0]).sum(axis=1), 1)


def test_a_vote():
    voters = [("network", scaled()), ("linear", make_pipeline(StandardScaler(), LogisticRegression()))]
    assert VotingClassifier(voters, voting="soft").fit(*CANCER).score(*CANCER) > 0.95


def test_files_and_copies(tmp_path):
    X, y = CANCER
    fitted = MLPClassifier(**OPTIONS).fit(X, y)
    joblib.dump(fitted, tmp_path / "network.joblib")
    pickled = pickle.loads(pickle.dumps(fitted))
    for other in (joblib.load(tmp_path / "network.joblib"), pickled):
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    for one in (fitted, pickled):
        one.partial_fit(X, y)  # with the moments of the steps before
    np.testing.assert_array_equal(pickled.coefs_[0], fitted.coefs_[0])
    assert clone(fitted).get_params() == fitted.get_params()
    assert not hasattr(clone(fitted), "coefs_")


def test_frames_with_names():
    pandas = pytest.importorskip("pandas")
    X, y = CANCER
    frame = pandas.DataFrame(X, columns=[f"feature {i}" for i in range(X.shape[1])])
    names = pandas.Series(np.where(y, "benign", "malignant"), dtype="string")
    fitted = scaled().set_output(transform="pandas").fit(frame, names)
    assert fitted.score(frame, names) > 0.95
    assert fitted[-1].feature_names_in_.tolist() == frame.columns.tolist()
    assert fitted[-1].classes_.tolist() == ["benign", "malignant"]
    with pytest.raises(ValueError, match="feature names"):
        fitted[-1].predict(frame[frame.columns[::-1]])


def test_text():
    texts = [
        f"the {animal} {verb}s" for animal in ("cat", "dog", "cow") for verb in ("eat", "run", "see")
    ] * 5
    animals = [text.split()[1] for text in texts]
    fitted = make_pipeline(TfidfVectorizer(), MLPClassifier(max_iter=60, random_state=0)).fit(texts, animals)
    assert fitted.predict(["a dog that flies"]) == ["dog"]


def test_a_progress_bar():
    rich = pytest.importorskip("rich.console")
    from sklearn.callback import ProgressBar  # noqa: PLC0415

    assert rich and io
    fitted = MLPClassifier(**OPTIONS).set_callbacks(ProgressBar()).fit(*CANCER)
    assert fitted.n_iter_ > 0

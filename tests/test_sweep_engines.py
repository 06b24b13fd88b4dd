"""Sweeps and scikit-learn's searches on loky, Dask and Ray: the same bits, and a worker may be killed."""

import contextlib
import os
import signal
import tempfile

import numpy as np
import pytest

pytest.importorskip("joblib", reason="joblib, of the extra `sweep`, is not installed")

import joblib

import cbackprop
from cbackprop import network2
from support.workers import send_by_value

send_by_value(__name__)

DRAW = np.random.default_rng(0)
X, Y = DRAW.random((2100, 60)), DRAW.integers(0, 10, 2100)  # more than 1 MB, which loky maps
DATA = (X, Y), (X[:100], Y[:100])
GRID = {"hidden": [5, 6, 7, 8], "eta": [0.5, 1.0]}
OPTIONS = {"epochs": 2, "mini_batch_size": 10, "return_networks": True, "as_frame": False, "verbose": False}


@contextlib.contextmanager
def dask_cluster():
    distributed = pytest.importorskip("distributed", reason="distributed, the extra `dask`, is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        yield


@contextlib.contextmanager
def ray_cluster():
    ray = pytest.importorskip("ray", reason="Ray, the extra `ray`, is not installed")
    # Ray puts the folder that it is started from on the path of its workers: here the uncompiled sources.
    with tempfile.TemporaryDirectory() as elsewhere, contextlib.chdir(elsewhere):
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


CLUSTERS = {"loky": contextlib.nullcontext, "dask": dask_cluster, "ray": ray_cluster}


@pytest.fixture(scope="module", params=CLUSTERS)
def engine(request):
    """The name of an engine with two workers."""
    with CLUSTERS[request.param]():
        yield request.param


def maker(marker=None):
    """A `make` that engines ship by value; with a file, it kills the first worker that makes 7 neurons."""

    def make(hidden, random_state):
        if hidden == 7 and marker is not None and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return network2.Network([60, hidden, 10], random_state=random_state)

    return make


def bits(rows):
    return [row["network"].parameters.tobytes() for row in rows]


@pytest.fixture(scope="module")
def alone():
    """The bits of a sweep in this process."""
    return bits(cbackprop.sweep(maker(), GRID, DATA, **OPTIONS))


def test_by_the_name_of_the_backend(engine, alone):
    assert bits(cbackprop.sweep(maker(), GRID, DATA, backend=engine, n_jobs=2, **OPTIONS)) == alone


def test_within_a_context_of_joblib(engine, alone):
    with joblib.parallel_config(engine, n_jobs=2):
        assert bits(cbackprop.sweep(maker(), GRID, DATA, **OPTIONS)) == alone


def test_a_worker_is_killed(engine, alone, tmp_path):
    if engine == "loky":
        pytest.skip("loky does not try again: tests/test_sweeps.py has what it does instead")
    marker = tmp_path / "killed"
    assert bits(cbackprop.sweep(maker(marker), GRID, DATA, backend=engine, n_jobs=2, **OPTIONS)) == alone
    assert marker.exists()


def test_a_grid_search_of_scikit_learn(engine):
    model_selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    from cbackprop.sklearn import MLPClassifier  # noqa: PLC0415

    estimator = MLPClassifier((8,), solver="sgd", max_iter=3, random_state=0, n_threads=1)
    grid = {"alpha": [1e-4, 1e-1], "learning_rate_init": [0.1, 0.5]}
    search = model_selection.GridSearchCV(estimator, grid, cv=2, n_jobs=2)
    with joblib.parallel_config(engine, n_jobs=2):
        found = search.fit(X[:400], Y[:400])
    alone = model_selection.GridSearchCV(estimator, grid, cv=2).fit(X[:400], Y[:400])
    scores = "mean_test_score"
    np.testing.assert_array_equal(found.cv_results_[scores], alone.cv_results_[scores])
    np.testing.assert_array_equal(found.best_estimator_.coefs_[0], alone.best_estimator_.coefs_[0])

"""`sweep` trains a network for each point of a grid, and an ensemble votes."""

import os
import random
import signal
import sys
import textwrap
import time

import numpy as np
import pytest

pytest.importorskip("joblib", reason="joblib, of the extra `sweep`, is not installed")
pytest.importorskip("pandas", reason="pandas, of the extra `sweep`, is not installed")

import joblib
import pandas

import cbackprop
from cbackprop import _engines, network, network2
from support.children import run_python
from support.examples import digit_examples
from support.workers import send_by_value

send_by_value(__name__)

PAIRS, TESTS = digit_examples(200, 60), digit_examples(60, 60, labels=True)
DATA = PAIRS, TESTS
OPTIONS = {"epochs": 2, "mini_batch_size": 10, "verbose": False}
GRID = {"eta": [0.5, 1.0], "hidden": [5, 8]}


def make(hidden, random_state):
    return network2.Network([60, hidden, 10], random_state=random_state)


def make_plain(random_state, **parameters):
    return network.Network([60, parameters.get("hidden", 5), 10], random_state=random_state)


def swept(make=make, grid=GRID, data=DATA, **options):
    return cbackprop.sweep(make, grid, data, **{"as_frame": False, **OPTIONS, **options})


def bits(rows):
    return [row["network"].parameters.tobytes() for row in rows]


def test_a_row_for_each_point_that_can_be_had_by_hand():
    rows = swept(return_networks=True)
    assert [(row["eta"], row["hidden"]) for row in rows] == [(0.5, 5), (0.5, 8), (1.0, 5), (1.0, 8)]
    for row in rows:
        generator = np.random.default_rng(row["random_state"])
        net = make(row["hidden"], generator)
        net.SGD(PAIRS, 2, 10, row["eta"], random_state=generator, verbose=False)
        assert net.parameters.tobytes() == row["network"].parameters.tobytes()
        assert row["evaluation_accuracy"] == net.accuracy(TESTS)
        assert row["evaluation_cost"] == pytest.approx(net.total_cost(TESTS, 0.0, convert=True), rel=1e-12)
        assert row["epochs_trained"] == 2 and row["seconds"] > 0


def test_two_workers_give_the_bits_of_none():
    """With arrays that are mapped into the workers' memory."""
    X = np.random.default_rng(0).random((2100, 60))
    data = (X, np.arange(2100) % 10), TESTS
    assert X.nbytes > 1e6
    alone = swept(data=data, return_networks=True)
    assert bits(swept(data=data, return_networks=True, n_jobs=2)) == bits(alone)
    with joblib.parallel_config("threading", n_jobs=2):
        assert bits(swept(data=data, return_networks=True)) == bits(alone)


def test_seeds_are_those_of_the_places():
    children = np.random.SeedSequence(7).spawn(4)
    seeds = [int(child.generate_state(1, np.uint64)[0]) >> 1 for child in children]
    assert [row["random_state"] for row in swept(random_state=7)] == seeds
    assert [row["random_state"] for row in swept(grid={"hidden": [5]}, eta=1.0, random_state=7)] == seeds[:1]
    rows = swept(grid={"hidden": [5], "random_state": range(3)}, eta=1.0, return_networks=True)
    assert [row["random_state"] for row in rows] == [0, 1, 2]
    assert len(set(bits(rows))) == 3
    assert swept(random_state=None)[0]["random_state"] != swept(random_state=None)[0]["random_state"]


def test_no_global_state_is_touched():
    before = random.getstate(), np.random.get_state()[1].tolist()
    swept()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_names_go_to_make_and_to_SGD():
    called = []

    def noting(random_state, **parameters):
        called.append(parameters)
        return make_plain(random_state, **parameters)

    swept(noting, {"hidden": [5], "colour": ["red"], "eta": [1.0]})
    assert called == [{"hidden": 5, "colour": "red"}]

    def takes_eta(eta, random_state):
        return make(int(10 * eta), random_state)

    with pytest.raises(TypeError, match="eta is missing"):
        swept(takes_eta, {"eta": [0.5]})


def test_the_grid_is_scikit_learns():
    model_selection = pytest.importorskip("sklearn.model_selection")
    grid = [{"hidden": [5, 6], "eta": np.array([1.0, 2.0])}, {"eta": [0.1], "hidden": (7,)}]
    points = [{name: row[name] for name in ("eta", "hidden")} for row in swept(grid=grid)]
    assert points == list(model_selection.ParameterGrid(grid))


def test_a_frame_or_a_list():
    frame = swept(as_frame=None)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == [
        *("eta", "hidden", "random_state", "evaluation_accuracy"),
        *("evaluation_cost", "epochs_trained", "seconds"),
    ]
    assert set(swept(data=(PAIRS, None))[0]) == {"eta", "hidden", "random_state", "epochs_trained", "seconds"}


def test_numbers_have_no_accuracy():
    X = np.random.default_rng(0).random((50, 3))

    def make(random_state):
        return network2.Network(
            [3, 4, 1], network2.QuadraticCost, activation=["tanh", "linear"], random_state=random_state
        )

    (row,) = swept(make, {}, ((X, X.sum(axis=1)), (X, X.sum(axis=1))), eta=0.1, return_networks=True)
    assert "evaluation_accuracy" not in row
    mean = np.mean((row["network"].predict_proba(X)[:, 0] - X.sum(axis=1)) ** 2) / 2
    assert row["evaluation_cost"] == pytest.approx(mean)


def test_stopping_rules_look_at_the_evaluation_data():
    rows = swept(grid={"hidden": [5]}, eta=1e-9, epochs=20, early_stopping_n=2)
    assert rows[0]["epochs_trained"] == 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_that_fails(n_jobs):
    grid = {"hidden": [5, "many"], "eta": [1.0]}
    with pytest.raises(TypeError, match="many") as raised:
        swept(grid=grid, n_jobs=n_jobs)
    assert "'hidden': 'many'" in raised.value.__notes__[0]
    fine, failed = swept(grid=grid, n_jobs=n_jobs, error_score=-1)
    assert fine["evaluation_accuracy"] > 0 and "error" not in fine
    assert (failed["evaluation_accuracy"], failed["evaluation_cost"]) == (-1, -1)
    assert failed["error"].startswith("TypeError: sizes[1] is 'many'")


def test_a_worker_of_loky_that_dies_is_an_error(tmp_path):
    """joblib does not try again; the next call does, to the same bits."""
    killing = killer(tmp_path / "killed")
    alone = swept(return_networks=True)
    with pytest.raises(joblib.externals.loky.process_executor.TerminatedWorkerError):
        swept(killing, n_jobs=2)
    assert bits(swept(killing, n_jobs=2, return_networks=True)) == bits(alone)


def test_no_map_is_left(tmp_path, monkeypatch):
    """Neither by a sweep that ends, nor by a process that is killed in the middle of one."""
    folder = tmp_path / "none yet" / "maps"
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(folder))
    with _engines.mapped(joblib, "loky", 2, (np.zeros((2100, 60)), np.zeros(3))) as (large, small):
        seen = os.listdir(folder)
        assert isinstance(large, np.memmap) and not isinstance(small, np.memmap)
    assert len(seen) == 1 and os.listdir(folder) == []
    code = """
        import os, signal, sys
        import joblib, numpy
        from cbackprop import _engines

        with _engines.mapped(joblib, "loky", 2, (numpy.zeros((2100, 60)),)):
            print(len(os.listdir(sys.argv[1])), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    child = run_python(textwrap.dedent(code), tmp_path, folder, may_fail=True)
    assert (child.returncode, child.stdout) == (-signal.SIGKILL, "1\n")
    for _ in range(600):  # loky's resource tracker sees the end of the process
        if not os.listdir(folder):
            break
        time.sleep(0.1)
    assert os.listdir(folder) == []


def killer(marker):
    """`make`, but the first worker that makes the third network is killed."""

    def killing(hidden, random_state):
        import os  # noqa: PLC0415
        import signal  # noqa: PLC0415

        from cbackprop import network2  # noqa: PLC0415

        if hidden == 8 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return network2.Network([60, hidden, 10], random_state=random_state)

    return killing


def test_progress_is_shown(capfd, monkeypatch):
    swept(verbose=True)
    assert "4/4" in capfd.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    swept(verbose=True)
    assert "4 out of" in "".join(capfd.readouterr())
    swept()
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"grid": {"eta": 0.5}}, TypeError, r"grid\['eta'\] is 0.5; expected a list of values"),
        ({"grid": {"eta": "12"}}, TypeError, r"grid\['eta'\] is '12'"),
        ({"grid": {"eta": []}}, ValueError, r"grid\['eta'\] is empty"),
        ({"grid": 3}, TypeError, "grid is 3"),
        ({"grid": [3]}, TypeError, "grid holds 3"),
        ({"grid": {1: [2]}}, TypeError, "the name 1"),
        ({"grid": {"hiden": [5]}}, TypeError, r"'hiden' is neither a parameter of make \(hidden"),
        ({"grid": {"hidden": [5]}}, TypeError, "eta is missing"),
        ({"mini_batch_size": 3, "grid": {"mini_batch_size": [3]}}, TypeError, "in the grid and an option"),
        ({"grid": {"test_data": [3]}}, TypeError, "test_data is no option"),
        ({"grid": {"random_state": [-1], "hidden": [5]}, "eta": 1.0}, ValueError, "random_state"),
        ({"random_state": "7"}, TypeError, "random_state is '7'"),
        ({"make": 3}, TypeError, "make is 3"),
        ({"make": lambda hidden: None}, TypeError, "no parameter random_state"),
        ({"data": (np.ones((3, 60)), np.arange(3))}, TypeError, r"data is one pair of arrays"),
        ({"data": PAIRS}, TypeError, "data is <class 'list'>"),
        ({"data": ([(1, 2), 3], None)}, TypeError, "training_data cannot be made arrays"),
        ({"data": (PAIRS, (np.ones((3, 60)), np.arange(2)))}, ValueError, "evaluation_data: X has shape"),
    ],
)  # fmt: skip
def test_arguments(change, error, message):
    with pytest.raises(error, match=message):
        swept(**change)


@pytest.mark.parametrize(
    ("missing", "options", "extra"),
    [
        ("joblib", {}, "sweep"),
        ("pandas", {"as_frame": True}, "sweep"),
        ("ray.util.joblib", {"backend": "ray"}, "ray"),
        ("distributed", {"backend": "dask"}, "dask"),
    ],
)
def test_what_is_missing_is_named(missing, options, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"cbackprop\[{extra}\]"):
        swept(**options)


# ---- the ensemble ----


def test_an_ensemble_votes():
    together = cbackprop.ensemble(make_plain, 3, DATA, eta=1.0, n_jobs=2, **OPTIONS)
    assert len(together.networks) == 3 and len({net.parameters.tobytes() for net in together.networks}) == 3
    X, labels = np.array([x.ravel() for x, _ in TESTS]), np.array([label for _, label in TESTS])
    mean = np.mean([net.predict_proba(X) for net in together.networks], axis=0)
    np.testing.assert_allclose(together.predict_proba(X), mean, rtol=1e-14)
    np.testing.assert_array_equal(together.predict(X), np.argmax(mean, axis=1))
    right = int(np.sum(np.argmax(mean, axis=1) == labels))
    one_hot = np.eye(10)[labels]
    assert (
        together.evaluate(TESTS) == together.evaluate((X, labels)) == together.evaluate((X, one_hot)) == right
    )


def test_an_ensemble_of_one_counts_as_the_network():
    for n_out in (1, 10):
        net = network.Network([60, 5, n_out])
        X, Y = np.random.default_rng(0).random((30, 60)), np.arange(30) % max(2, n_out)
        alone = cbackprop.Ensemble([net])
        assert alone.evaluate((X, Y)) == net.evaluate((X, Y))
        np.testing.assert_array_equal(alone.predict(X), net.predict(X))
    with pytest.raises(ValueError, match="threshold"):
        alone.predict(X, threshold=0.5)


def test_ensembles_that_are_none():
    with pytest.raises(ValueError, match="networks is empty"):
        cbackprop.Ensemble([])
    with pytest.raises(TypeError, match=r"networks\[1\] is of <class 'int'>"):
        cbackprop.Ensemble([make(5, None), 3])
    with pytest.raises(ValueError, match=r"networks\[1\] has \(inputs, outputs\) \(60, 3\)"):
        cbackprop.Ensemble([make(5, None), network2.Network([60, 3])])
    with pytest.raises(ValueError, match="n is 0"):
        cbackprop.ensemble(make, 0, DATA)

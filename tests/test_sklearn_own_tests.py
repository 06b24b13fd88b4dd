"""scikit-learn's own tests of its MLP, of the version that is installed, run against the estimators here."""

import importlib.util

import pytest

sklearn = pytest.importorskip("sklearn", "1.9", reason="scikit-learn 1.9 or later is not installed")

from sklearn import neural_network  # noqa: E402

from cbackprop import sklearn as ours  # noqa: E402

EXCEPTIONS = {  # by the test's name: why it does not pass
    "test_gradient": "calls the private method _loss_grad_lbfgs; tests/test_sklearn_drop_in.py follows lbfgs",
}


def loaded():
    """Return sklearn.neural_network.tests.test_mlp as a new module, with the estimators of this package."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        for name in ours.__all__:
            patched.setattr(neural_network, name, getattr(ours, name))
        spec.loader.exec_module(module)
    return module


def taken(module):
    """Return the tests, with those in EXCEPTIONS expected to fail."""
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    assert tests.keys() >= EXCEPTIONS.keys(), "a test in EXCEPTIONS is no longer there"
    for name, reason in EXCEPTIONS.items():
        tests[name] = pytest.mark.xfail(reason=reason, strict=True)(tests[name])
    return tests


THEIRS = loaded()
globals().update(taken(THEIRS))


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's tests take by default."""
    return 42


def test_it_is_these_estimators_that_are_tested():
    assert THEIRS.MLPClassifier is ours.MLPClassifier and THEIRS.MLPRegressor is ours.MLPRegressor
    assert len(taken(THEIRS)) >= 40
    assert len(EXCEPTIONS) <= 8

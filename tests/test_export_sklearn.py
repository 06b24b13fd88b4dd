"""`to_sklearn`: scikit-learn's estimators answer as the network does, and train on."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbackprop import export, network, network2
from cbackprop.activations import Activation
from support import exported
from support.strategies import examples, gap, seeds, small_widths

pytest.importorskip(
    "sklearn", "1.9", reason="scikit-learn 1.9 or later, the extra `sklearn`, is not installed"
)
from sklearn.neural_network import MLPClassifier, MLPRegressor

from cbackprop import sklearn as ours

COSTS = {
    "softmax": network2.LogLikelihoodCost,
    "sigmoid": network2.CrossEntropyCost,
    "linear": network2.QuadraticCost,
    "exponential": network2.PoissonCost,
}
HIDDEN = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}


@st.composite
def networks(draw):
    """What scikit-learn can say."""
    output = draw(st.sampled_from(list(COSTS)))
    n_out = draw(st.integers(2, 12) if output == "softmax" else st.sampled_from([1, *range(3, 12)]))
    sizes = [*draw(st.lists(small_widths, min_size=1, max_size=4)), n_out]
    hidden = draw(st.sampled_from(list(HIDDEN)))
    dtype = draw(st.sampled_from(exported.DTYPES))
    options = {
        "activation": [*[hidden] * (len(sizes) - 2), output],
        "random_state": draw(seeds),
        "dtype": dtype,
    }
    net = network2.Network(sizes, COSTS[output], **options)
    net.weights = [w * dtype(0.5) for w in net.weights]
    return net


@examples(100)
@given(networks())
def test_scikit_learn_answers_as_the_network_does(net):
    made, X = export.to_sklearn(net), exported.rows(net, 9)
    a, output = net.predict_proba(X), net._cbackprop.activations
    output = "sigmoid" if output is None else output.layers[-1][0]
    tolerance = exported.TOLERANCE[net.dtype.itemsize]
    if output in ("linear", "exponential"):
        assert type(made) is MLPRegressor
        theirs = made.predict(X)
        assert gap(theirs, a[:, 0] if a.shape[1] == 1 else a) <= tolerance
    else:
        assert type(made) is MLPClassifier
        theirs = made.predict_proba(X)
        assert gap(theirs, np.hstack([1 - a, a]) if a.shape[1] == 1 else a) <= tolerance
        np.testing.assert_array_equal(made.predict(X), net.predict(X))
        np.testing.assert_array_equal(made.classes_, np.arange(theirs.shape[1]))
        assert made.score(X, net.predict(X)) == 1
    assert theirs.dtype == net.dtype
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict(X), made.predict(X))


@pytest.mark.parametrize("sizes", [[4, 6, 10], [4, 6, 1]])
def test_it_trains_on_by_the_same_cost(sizes):
    """A step of their partial_fit, on all examples, is a step of network2 on the cross-entropy."""
    net = network2.Network(sizes, random_state=1)
    made = export.to_sklearn(net)
    made.set_params(solver="sgd", learning_rate_init=0.5, momentum=0.0, alpha=0.0)
    X = np.random.default_rng(1).normal(size=(40, 4))
    labels = np.arange(40) % max(sizes[-1], 2)
    made.partial_fit(X, labels)
    net.update_mini_batch((X, labels if sizes[-1] > 1 else labels * 1.0), 0.5, 0.0, 40)
    for w, b, coefs, intercepts in zip(net.weights, net.biases, made.coefs_, made.intercepts_, strict=True):
        np.testing.assert_allclose(coefs, w.T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(intercepts, b.ravel(), rtol=1e-9, atol=1e-12)
    assert made.n_iter_ == 1 and len(made.loss_curve_) == 1


@pytest.mark.parametrize("output", ["linear", "softmax"])
def test_all_that_trains_on(output):
    n_out = {"linear": 1, "softmax": 2}[output]
    net = network2.Network([4, 6, n_out], COSTS[output], activation=["relu", output], random_state=1)
    made = export.to_sklearn(net)
    X = np.random.default_rng(1).normal(size=(40, 4))
    y = X[:, 0] if output == "linear" else (X[:, 0] > 0).astype(int)
    made.partial_fit(X, y)
    made.set_params(warm_start=True, max_iter=20)
    with pytest.warns(UserWarning, match="converge"):
        made.fit(X, y)
    made.set_params(warm_start=False)
    with pytest.warns(UserWarning, match="converge"):
        made.fit(X, y)
    assert made.loss_curve_[-1] < made.loss_curve_[0]


def test_parameters_are_copies():
    net = network.Network([3, 4, 3])
    made = export.to_sklearn(net)
    assert made.hidden_layer_sizes == (4,) and made.activation == "logistic" and made.n_features_in_ == 3
    np.testing.assert_array_equal(made.coefs_[0], net.weights[0].T)
    made.coefs_[0][:] = 0
    assert (net.weights[0] != 0).all()


def test_two_softmax_outputs_are_one_sigmoid():
    net = network2.Network([3, 4, 2], network2.LogLikelihoodCost)
    made = export.to_sklearn(net)
    assert made.n_outputs_ == 1 and made.out_activation_ == "logistic"


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([3, 4, 3], {"activation": "tanh"}, "the output layer has tanh neurons"),
        ([3, 4, 3], {"activation": ["tanh", "relu"]}, "the output layer has relu neurons"),
        ([3, 4, 3], {"activation": ["tanh", "softplus"]}, "the output layer has softplus neurons"),
        ([3, 4, 3], {"activation": ["softplus", "sigmoid"]}, "layer 2 has softplus neurons"),
        ([3, 4, 3], {"activation": ["exponential", "sigmoid"]}, "layer 2 has exponential neurons"),
        ([3, 4, 5, 3], {"activation": ["tanh", "relu", "linear"]}, "layer 2 has tanh .* and layer 3 relu"),
        ([3, 4, 3], {"neuron_activations": {(2, 1): "tanh"}}, "neuron 1 of layer 2 has another activation"),
        ([3, 4, 2], {}, "two sigmoid neurons"),
    ],
)  # fmt: skip
def test_what_scikit_learn_cannot_say(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        export.to_sklearn(network.Network(sizes, **options))


def test_a_softmax_of_one_neuron():
    with pytest.raises(ValueError, match="a softmax of one neuron"):
        export.to_sklearn(network2.Network([3, 1], network2.LogLikelihoodCost))


# ---- our own estimators ----

X = np.random.default_rng(2).normal(size=(60, 4))
TARGETS = {
    "two classes": np.where(X[:, 0] > 0, "yes", "no"),
    "three classes": np.array(["a", "b", "c"])[(X[:, 0] > 0) + (X[:, 1] > 0).astype(int)],
    "labels": (X[:, :3] > 0).astype(int),
    "numbers": X[:, :2] @ np.ones((2, 2)),
}


def fitted(what, **options):
    kind = ours.MLPRegressor if what == "numbers" else ours.MLPClassifier
    made = kind(hidden_layer_sizes=(5, 4), max_iter=7, random_state=1, n_iter_no_change=10, **options)
    with pytest.warns(UserWarning, match="converge"):
        return made.fit(X, TARGETS[what])


@pytest.mark.parametrize("what", TARGETS)
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "linear", "relu", "identity"])
def test_estimators_become_scikit_learns_of_the_same_name(what, activation):
    net = fitted(what, activation=activation)
    made = export.to_sklearn(net)
    assert type(made) is (MLPRegressor if what == "numbers" else MLPClassifier)
    assert made.get_params()["hidden_layer_sizes"] == (5, 4) and made.max_iter == 7
    assert made.loss_curve_ == net.loss_curve_ and made.n_iter_ == 7
    answers, expected = made.predict(X), net.predict(X)
    if what == "numbers":
        np.testing.assert_allclose(answers, expected, rtol=1e-9, atol=1e-12)
        return
    np.testing.assert_array_equal(answers, expected)
    np.testing.assert_allclose(made.predict_proba(X), net.predict_proba(X), rtol=1e-9, atol=1e-12)
    made.partial_fit(X, TARGETS[what])


def test_estimators_that_scikit_learn_cannot_be():
    with pytest.raises(ValueError, match="layer 2 has softplus neurons"):
        export.to_sklearn(fitted("numbers", activation="softplus"))
    with pytest.raises(
        TypeError, match="layer 2 is a function of your own, which scikit-learn's MLP cannot hold"
    ):
        export.to_sklearn(fitted("numbers", activation=Activation(np.sin, np.cos)))
    with pytest.raises(ValueError, match="net is a MLPClassifier that has not been fitted"):
        export.to_sklearn(ours.MLPClassifier())


def test_estimators_in_other_formats(tmp_path):
    net = fitted("three classes", activation="softplus")
    export.to_c(net, tmp_path / "net.h")
    assert "net_softmax(a, 0, 3);" in (tmp_path / "net.h").read_text()
    torch = pytest.importorskip("torch", reason="torch, of the extra `test-export`, is not installed")
    with torch.no_grad():
        outputs = export.to_torch(net)(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(outputs, net.predict_proba(X), rtol=1e-9, atol=1e-12)

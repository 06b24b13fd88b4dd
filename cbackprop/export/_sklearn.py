"""Networks as fitted estimators of scikit-learn."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop.export._layers import Layer, is_estimator, layers_of, library

if TYPE_CHECKING:
    from types import ModuleType


TOOL = "scikit-learn's MLP"
INSTALL = 'pip install "cbackprop[sklearn]"'
# A row for each activation of cbackprop.activations.NAMES: what scikit-learn calls it in hidden layers and in
# the output layer. None: it has none.
NAMES: dict[str, tuple[str | None, str | None]] = {
    "sigmoid": ("logistic", "logistic"),
    "linear": ("identity", "identity"),
    "tanh": ("tanh", None),
    "relu": ("relu", None),
    "softplus": (None, None),
    "exponential": (None, "exp"),
    "softmax": (None, "softmax"),
}


def to_sklearn(net: Any) -> Any:
    """Make a fitted estimator of scikit-learn of a network.

    Parameters
    ----------
    net : Network
        Of network or network2; or a fitted estimator of `cbackprop.sklearn`, which becomes scikit-learn's of
        the same name, with the same classes, parameters and curves.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
        By the output layer of a network. Its parameters are copies, of the network's type.

        ===================  ============================================================================
        softmax              a classifier of the classes 0, 1, …
        one sigmoid          a classifier of the classes 0 and 1; the output is the probability of 1
        3 or more sigmoids   a classifier of the classes 0, 1, …
        linear               a regressor
        exponential          a regressor with ``loss="poisson"``
        ===================  ============================================================================

        Its `predict_proba`, of one output the second column, and a regressor's `predict`, are the network's
        `predict_proba`; a classifier's `predict` is the network's.

    Raises
    ------
    TypeError, ValueError
        As in `to_onnx`. A ValueError too, which names it, if scikit-learn's MLP cannot be such a network: all
        hidden neurons have one activation there, sigmoid, tanh, relu or linear, and two sigmoid outputs are
        not two classes.
    ImportError
        If scikit-learn is missing.

    Notes
    -----
    A classifier that scikit-learn trains for 3 or more classes has a softmax. One with sigmoids, as the
    book's networks have, works all the same: `predict` takes the largest output, as the book does,
    `predict_proba` has the outputs, which do not sum to 1, and `partial_fit` trains on by the cross-entropy
    of each. `fit` begins anew, with a softmax.

    Two softmax outputs become one sigmoid of z₂ − z₁, which scikit-learn has for two classes: the same
    probabilities up to rounding. An output of exactly ½ means class 0 there, and 1 in the network.
    """
    if is_estimator(net):
        return _from_estimator(net)
    layers, sizes, _ = layers_of(net, TOOL, NAMES)
    hidden, output = _activations(layers)
    if output == "softmax" and sizes[-1] == 1:
        raise ValueError(f"the output layer is a softmax of one neuron, which is always 1; {TOOL} has none")
    if output == "logistic" and sizes[-1] == 2:
        raise ValueError(
            f"the output layer is two sigmoid neurons; {TOOL} has one for two classes. Train a network with "
            f"one sigmoid output, or with a softmax of two"
        )
    if output == "softmax" and sizes[-1] == 2:
        last = layers[-1]
        layers[-1] = last._replace(w=last.w[1:] - last.w[:1], b=last.b[1:] - last.b[:1])
        output = "logistic"
    sklearn = library("sklearn.neural_network", "to_sklearn", INSTALL)
    is_classifier = output in ("logistic", "softmax")
    options: dict[str, Any] = {"hidden_layer_sizes": tuple(sizes[1:-1]), "activation": hidden}
    if output == "exp":
        options["loss"] = "poisson"
    made = (sklearn.MLPClassifier if is_classifier else sklearn.MLPRegressor)(**options)
    made.coefs_ = [np.ascontiguousarray(layer.w.T) for layer in layers]
    made.intercepts_ = [layer.b for layer in layers]
    made.n_layers_, made.n_outputs_, made.n_features_in_ = len(sizes), len(layers[-1].b), sizes[0]
    made.out_activation_ = output
    if is_classifier:
        preprocessing = library("sklearn.preprocessing", "to_sklearn", INSTALL)
        made._label_binarizer = preprocessing.LabelBinarizer().fit(np.arange(max(sizes[-1], 2)))
        made.classes_ = made._label_binarizer.classes_
    # What counts the epochs from here, in partial_fit and with warm_start.
    made.n_iter_ = made.t_ = made._no_improvement_count = 0
    made.loss_curve_, made.loss_, made.best_loss_ = [], np.inf, np.inf
    made.validation_scores_ = made.best_validation_score_ = None
    return made


def _activations(layers: list[Layer]) -> tuple[str, str]:
    """scikit-learn's names of the activations of the hidden layers and of the output layer."""
    for l, layer in enumerate(layers, 2):
        if layer.neurons:
            raise ValueError(
                f"neuron {min(layer.neurons)} of layer {l} has another activation than its layer, which "
                f"{TOOL} cannot have"
            )
        hidden, output = NAMES[layer.activation]
        if l <= len(layers) and hidden is None:
            raise ValueError(f"layer {l} has {layer.activation} neurons, which {TOOL} cannot have")
        if l > len(layers) and output is None:
            raise ValueError(f"the output layer has {layer.activation} neurons, which {TOOL} cannot have")
        if 2 < l <= len(layers) and layer.activation != layers[0].activation:
            raise ValueError(
                f"layer 2 has {layers[0].activation} neurons and layer {l} {layer.activation}; {TOOL} has "
                f"one activation for all hidden layers"
            )
    first = NAMES[layers[0].activation][0] if len(layers) > 1 else "relu"  # theirs if there is none
    return str(first), str(NAMES[layers[-1].activation][1])


# What a fit leaves that is not an array of parameters.
FITTED = (
    "n_layers_", "n_outputs_", "n_features_in_", "feature_names_in_", "out_activation_", "classes_",
    "_label_binarizer", "n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_",
    "best_validation_score_", "_no_improvement_count",
)  # fmt: skip


def _from_estimator(net: Any) -> Any:
    """scikit-learn's estimator of the same name."""
    layers, _, _ = layers_of(net, TOOL, NAMES)
    sklearn = library("sklearn.neural_network", "to_sklearn", INSTALL)
    kind = _theirs(sklearn, net)
    options = {name: value for name, value in net.get_params().items() if name in kind._get_param_names()}
    if len(layers) > 1:
        options["activation"] = _activations(layers)[0]
    made = kind(**copy.deepcopy(options))
    made.coefs_ = [np.ascontiguousarray(layer.w.T) for layer in layers]
    made.intercepts_ = [layer.b for layer in layers]
    for name in FITTED:
        if hasattr(net, name):
            setattr(made, name, copy.deepcopy(getattr(net, name)))
    return made


def _theirs(sklearn: ModuleType, net: Any) -> Any:
    """The class of scikit-learn's that `net` takes the place of."""
    from cbackprop.sklearn import MLPClassifier  # noqa: PLC0415  (scikit-learn is an extra)

    return sklearn.MLPClassifier if isinstance(net, MLPClassifier) else sklearn.MLPRegressor

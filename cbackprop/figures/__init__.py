"""Figures of what a network learns and computes. They need matplotlib: ``pip install "cbackprop[plot]"``.

- `learning_curves`, `LiveCurves`: cost and accuracy over the epochs, afterwards or while the network trains
- `weight_images`: the weights of the first hidden layer as images
- `misclassified`, `confusion_matrix`: what a network answers wrong
- `network_diagram`: the network with an example's activations, errors and gradient
- `path`: a path of equation (51) with its factors

Each draws a new figure and returns it. With ``ax=``, it draws into axes of yours, and returns their figure.
New figures are outside of pyplot: save them with `savefig`, or let a notebook show them.
"""

from cbackprop.figures.answers import confusion_matrix, misclassified
from cbackprop.figures.curves import LiveCurves, learning_curves
from cbackprop.figures.diagram import network_diagram
from cbackprop.figures.path_diagram import path
from cbackprop.figures.weights import weight_images

__all__ = [
    "LiveCurves",
    "confusion_matrix",
    "learning_curves",
    "misclassified",
    "network_diagram",
    "path",
    "weight_images",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # where help() shows them

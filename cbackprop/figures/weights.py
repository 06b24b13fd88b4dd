"""The weights of the first hidden layer as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _parameters
from cbackprop.figures._axes import DIVERGING, grid_of_axes, image_shape

if TYPE_CHECKING:
    from cbackprop.reference.network import ReferenceLayers


def weight_images(net: ReferenceLayers, shape: tuple[int, int] | None = None, *, ax: Any = None) -> Any:
    """Draw the weights of each neuron of the first hidden layer as an image of its inputs.

    Parameters
    ----------
    net : Network
        From network or network2.
    shape : (int, int), optional
        Rows and columns of an image; by default a square.
    ax : matplotlib.axes.Axes, or an array of them, optional
        One is divided among the images; of several, each takes an image.

    Returns
    -------
    matplotlib.figure.Figure
        The images in a grid, on one scale: red above 0, blue below.

    Raises
    ------
    ValueError
        If `shape` does not have as many pixels as the network has inputs, or is left out and that number is
        not a square; if `ax` has too few axes.
    TypeError
        If `net` is not a network, `shape` is not two whole numbers, or `ax` is not axes.
    ImportError
        If matplotlib is missing.
    """
    if not hasattr(net, "weights"):
        raise TypeError(f"net is of {type(net)}; expected a network")
    if _parameters.has_no_layers(net) or 0 in _parameters.layer_sizes(net)[:2]:
        raise ValueError("net has no weights of a first hidden layer to draw")
    weights = np.asarray(net.weights[0], np.float64)
    n_hidden, n_in = weights.shape
    image = image_shape(shape, n_in)
    columns = math.ceil(math.sqrt(n_hidden))
    figure, grid = grid_of_axes(
        ax, n_hidden, figsize=(1.2 * columns + 1, 1.2 * math.ceil(n_hidden / columns))
    )
    # If training diverged, the finite weights are still drawn. A scale from 0 to 0 would have no middle.
    largest = float(np.abs(weights).max(where=np.isfinite(weights), initial=0)) or 1.0
    for j, axes in enumerate(grid[:n_hidden]):
        picture = axes.imshow(weights[j].reshape(image), cmap=DIVERGING, vmin=-largest, vmax=largest)
        axes.set_title(str(j), fontsize=7)
    figure.colorbar(picture, ax=grid if ax is None else ax)
    return figure

"""What the chapter shows beside its algorithm: the other approach, and the big picture.

The gradient from differences of the cost (equation (46)), `backprop` held against it, a small change of a
weight followed through the network (equations (47) to (50)), and the gradient as a sum over paths
(equations (51) to (53)). Layers are numbered as in the chapter, the input layer 1 and the output layer L;
neurons count from 0. All arithmetic is in float64, also for a float32 network. A network's replaced
`cost_derivative` and functions of z are the ones that count everywhere; a replaced `feedforward` counts
where the cost is taken differences of.
"""

from cbackprop.chapter.big_picture import (
    LayerChange,
    Path,
    Perturbation,
    path_sum_gradient,
    paths,
    perturbation,
)
from cbackprop.chapter.differences import GradientCheck, check_gradient, numerical_gradient

__all__ = [
    "GradientCheck",
    "LayerChange",
    "Path",
    "Perturbation",
    "check_gradient",
    "numerical_gradient",
    "path_sum_gradient",
    "paths",
    "perturbation",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # where pickles look for them, and help() shows them

"""What the chapter shows beside its algorithm: the other approach, and the big picture.

- `trace`: z^l, a^l and δ^l of one example, by the equations (BP1) to (BP4)
- `numerical_gradient`: the gradient from differences of the cost, equation (46)
- `check_gradient`: `backprop` compared with it
- `perturbation`: a small change of a weight, followed through the network, equations (47) to (50)
- `paths`, `path_sum_gradient`: the gradient as a sum over paths, equations (51) to (53)
- `adversarial`: a small change of x that changes the answer, from the error carried back to the input

Networks are those of network and of network2, whose cost is then C. Layers are numbered as in the chapter,
from the input layer 1 to the output layer L; neurons count from 0. All arithmetic is in float64, even for a
float32 network. If the network's `cost_derivative`, or a function of z, is replaced, the replacement is used
everywhere. A replaced `feedforward` is used for differences of the cost.
"""

from cbackprop.chapter.adversary import Adversarial, adversarial
from cbackprop.chapter.big_picture import (
    LayerChange,
    Path,
    Perturbation,
    path_sum_gradient,
    paths,
    perturbation,
)
from cbackprop.chapter.differences import GradientCheck, check_gradient, numerical_gradient
from cbackprop.chapter.tracing import Trace, trace

__all__ = [
    "Adversarial",
    "GradientCheck",
    "LayerChange",
    "Path",
    "Perturbation",
    "Trace",
    "adversarial",
    "check_gradient",
    "numerical_gradient",
    "path_sum_gradient",
    "paths",
    "perturbation",
    "trace",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # where pickles look for them, and help() shows them

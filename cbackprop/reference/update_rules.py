"""The update rules of network2 in NumPy: how the gradient of a mini-batch changes weights and biases.

A rule is a function of the network and of a `Step`. It returns the new (weights, biases), and has the network
remember what it keeps for the next step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop._memory import remember

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cbackprop._rule import Rule

    Arrays = list[NDArray[Any]]
    Parameters = tuple[Arrays, Arrays]  # of the weights, of the biases


class Step(NamedTuple):
    """The gradients of a mini-batch, summed, and what is to be made of them."""

    nabla_b: Arrays
    nabla_w: Arrays
    m: int
    eta: float
    lmbda_over_n: float
    regularization: str
    rule: Rule

    def penalty_gradient(self, w: NDArray[Any]) -> NDArray[Any]:
        """The gradient of ½ w² or, for L1, of |w|."""
        return np.sign(w) if self.regularization == "L1" else np.positive(w)


def fitting(net: Any, state: Any) -> Any:
    """A state (of weights, of biases) of `net`: zeros at first, and whenever its shapes changed."""
    parameters = net.weights, net.biases
    if state is not None and [[v.shape for v in vs] for vs in state] == [
        [np.shape(p) for p in ps] for ps in parameters
    ]:
        return state
    return [[np.zeros_like(p) for p in ps] for ps in parameters]


def gradient_descent(net: Any, step: Step) -> Parameters:
    """Make the step w → w − (η/m) Σ_x ∂C_x/∂w − what regularisation takes."""
    real = net._cbackprop.dtype.type
    shrink, rate = real(step.eta * step.lmbda_over_n), real(step.eta / step.m)
    if step.regularization == "L2":
        weights = [(1 - shrink) * w - rate * nabla for w, nabla in zip(net.weights, step.nabla_w)]
    else:
        weights = [w - shrink * np.sign(w) - rate * nabla for w, nabla in zip(net.weights, step.nabla_w)]
    return weights, [b - rate * nabla for b, nabla in zip(net.biases, step.nabla_b)]


def momentum(net: Any, step: Step) -> Parameters:
    """Make the step v → µv − what gradient descent takes from w, w → w + v."""
    real = net._cbackprop.dtype.type
    mu, shrink, rate = real(step.rule.mu), real(step.eta * step.lmbda_over_n), real(step.eta / step.m)
    v_w, v_b = fitting(net, net._cbackprop.velocities)
    v_w = [
        mu * v - shrink * step.penalty_gradient(w) - rate * nabla
        for v, w, nabla in zip(v_w, net.weights, step.nabla_w)
    ]
    v_b = [mu * v - rate * nabla for v, nabla in zip(v_b, step.nabla_b)]
    remember(net, velocities=(v_w, v_b))
    return [w + v for w, v in zip(net.weights, v_w)], [b + v for b, v in zip(net.biases, v_b)]


def nesterov(net: Any, step: Step) -> Parameters:
    """Make the step v → µv − η∇, w → w + µv − η∇, with the new v: momentum, a step ahead."""
    eta, mu = (net._cbackprop.dtype.type(number) for number in (step.eta, step.rule.mu))
    gradients = mean_gradients(net, step)
    old = fitting(net, net._cbackprop.velocities)
    v_w, v_b = ([mu * v - eta * g for v, g in zip(*side)] for side in zip(old, gradients))
    remember(net, velocities=(v_w, v_b))
    weights, biases = (
        [p + mu * v - eta * g for p, v, g in zip(*side)]
        for side in zip((net.weights, net.biases), (v_w, v_b), gradients)
    )
    return weights, biases


def adam(net: Any, step: Step) -> Parameters:
    """Make a step of Adam or AMSGrad.

    ::

        m → β₁m + (1 − β₁)∇
        v → β₂v + (1 − β₂)∇²
        w → w − η m̂ / (√v̂ + ε)    with m̂ = m / (1 − β₁^t) and v̂ = v / (1 − β₂^t) in step t = 1, 2, …

    In AMSGrad, the largest v so far takes the place of v in v̂.
    """
    real, rule = net._cbackprop.dtype.type, step.rule
    t, *states = net._cbackprop.moments or (0,)
    old = [fitting(net, state) for state in (*states, None, None, None)[:3]]
    t = t + 1 if old[:2] == states[:2] else 1
    beta_1, rest_1, beta_2, rest_2, size, root_factor, epsilon = map(
        real,
        (
            rule.beta_1,
            1 - rule.beta_1,
            rule.beta_2,
            1 - rule.beta_2,
            step.eta / (1 - rule.beta_1**t),
            1 / np.sqrt(1 - rule.beta_2**t),
            rule.epsilon,
        ),
    )
    new: list[Any] = []
    for side in zip((net.weights, net.biases), mean_gradients(net, step), *old):
        new.append([])
        for p, nabla, first, second, highest in zip(*side):
            m = beta_1 * first + rest_1 * nabla
            v = beta_2 * second + rest_2 * nabla * nabla
            h = np.maximum(highest, v) if rule.rule == "amsgrad" else v
            new[-1].append((p - size * m / (root_factor * np.sqrt(h) + epsilon), m, v, h))
    parameters, *moments = zip(*([list(arrays) for arrays in zip(*side)] for side in new))
    remember(net, moments=(t, *moments[: 3 if rule.rule == "amsgrad" else 2]))
    return parameters


def mean_gradients(net: Any, step: Step) -> Parameters:
    """∇ of the regularised cost, the mean over the mini-batch: of the weights, of the biases."""
    real = net._cbackprop.dtype.type
    m, lmbda_over_n = real(step.m), real(step.lmbda_over_n)
    of_weights = [nabla / m for nabla in step.nabla_w]
    if lmbda_over_n != 0:
        of_weights = [g + lmbda_over_n * step.penalty_gradient(w) for g, w in zip(of_weights, net.weights)]
    return of_weights, [nabla / m for nabla in step.nabla_b]


RULES = {
    "gradient descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "adam": adam,
    "amsgrad": adam,
}


def make_step(net: Any, step: Step) -> None:
    """Give `net` the parameters after the step, by its rule."""
    net.weights, net.biases = RULES[step.rule.rule](net, step)

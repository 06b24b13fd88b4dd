"""A small change of x after which the network answers what it is wanted to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cbackprop import _arguments, _parameters, _single_example
from cbackprop.chapter.one_pass import check_network

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]


class Adversarial(NamedTuple):
    """What `adversarial` found; true if the network answers the label: ``if adversarial(net, x, 3): ...``.

    ``x`` is the new input, ``answer`` the network's answer to it, ``change`` the largest change of an input.
    """

    x: _Array
    label: int
    answer: int
    reached: bool
    steps: int
    change: float

    def __bool__(self) -> bool:
        return self.reached

    def __str__(self) -> str:
        verdict = "the answer is" if self.reached else f"{self.label} is NOT reached: the answer is"
        steps = f"after {self.steps} steps, which change no input by more than {self.change:.3g}"
        return f"{verdict} {self.answer} {steps}"


def adversarial(
    net: ReferenceLayers,
    x: ArrayLike,
    label: int,
    *,
    size: float = 0.25,
    step: float = 0.02,
    max_steps: int = 100,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Adversarial:
    """Change x a little, so that the network answers `label`.

    Backpropagation does not stop at the first hidden layer: (BP2) without its last factor, ∂C/∂x = (w²)ᵀ δ²,
    is the change of the cost with each input. Here C is the cost for the target that means `label`. As long
    as the answer is another, each input takes a step of the same length, x → x − step · sgn(∂C/∂x).

    Parameters
    ----------
    net : Network
        From network or network2. Its `backprop` and `feedforward` are called, also if they are replaced.
    x : array_like, (n_in, 1)
        The input to begin with, all of it finite and within `bounds`.
    label : int
        The wanted answer: an output neuron, counted from 0; of a single output neuron, 1 where a ≥ ½, or 0.
    size : float
        The largest change of an input.
    step : float
        The change of an input in one step.
    max_steps : int
        After how many steps to give up.
    bounds : (float, float) or None
        The least and the largest value of an input; None: no bounds.

    Returns
    -------
    Adversarial
        The new ``x``, (n_in, 1) in float64; the network's ``answer`` to it, and whether that is `label`, as
        ``reached``; the ``steps`` taken, and the largest ``change`` of an input. It is true if the label was
        reached; printed, it is a sentence. The same arguments give the same result.

    Raises
    ------
    ValueError, TypeError
        If the network has no such answer; if an input is outside the bounds, or not finite; if an argument
        has the wrong shape, type or range.
    """
    check_network(net)
    n_out = _parameters.layer_sizes(net)[-1]
    if n_out == 0:
        raise ValueError("net has no output neuron, so it answers nothing")
    label = _arguments.whole(label, "label")
    if not 0 <= label < max(n_out, 2):
        raise ValueError(f"label is {label}; this network's answers are 0 to {max(n_out, 2) - 1}")
    size, step = _positive(size, "size"), _positive(step, "step")
    max_steps = _arguments.whole(max_steps, "max_steps", 0)
    target = np.array([[float(label)]]) if n_out == 1 else np.eye(n_out)[:, [label]]
    x = _single_example.checked_input_column(net, x, target).astype(np.float64)
    lowest, highest = _checked_bounds(x, bounds)
    least, most = np.maximum(x - size, lowest), np.minimum(x + size, highest)
    changed, steps = x.copy(), 0
    answer = _answer(net, changed)
    while answer != label and steps < max_steps:
        nabla_b, _ = net.backprop(changed, target)
        gradient = np.dot(np.asarray(net.weights[0], np.float64).T, np.asarray(nabla_b[0], np.float64))
        if not np.isfinite(gradient).all():
            break
        changed = np.clip(changed - step * np.sign(gradient), least, most)
        answer, steps = _answer(net, changed), steps + 1
    change = float(np.abs(changed - x).max(initial=0))
    return Adversarial(changed, label, answer, answer == label, steps, change)


def _answer(net: ReferenceLayers, x: _Array) -> int:
    """The network's answer to x, by the rule of `predict`."""
    return int(net.predict(x.reshape(1, -1))[0])


def _positive(value: Any, name: str) -> float:
    value = _arguments.number(value, name)
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}; expected a number > 0")
    return value


def _checked_bounds(x: _Array, bounds: Any) -> tuple[float, float]:
    """`bounds` as two floats, which every input is within."""
    lowest, highest = -math.inf, math.inf
    if bounds is not None:
        try:
            lowest, highest = bounds
        except (TypeError, ValueError):
            raise TypeError(f"bounds is {bounds!r}; expected two numbers (least, largest), or None") from None
        lowest, highest = _arguments.number(lowest, "bounds[0]"), _arguments.number(highest, "bounds[1]")
        if not lowest <= highest:
            raise ValueError(f"bounds is {bounds!r}; expected (least, largest)")
    outside = ~((lowest <= x) & (x <= highest) & np.isfinite(x))
    if outside.any():
        k = int(np.argmax(outside))
        raise ValueError(
            f"x[{k}] is {x[k, 0]}; expected a finite number from {lowest} to {highest}, which bounds says"
        )
    return lowest, highest

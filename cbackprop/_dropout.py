"""Which neurons drop out in which example: chapter 3's dropout, for network2 and its reference.

In each mini-batch, every example has its own thinned network: a neuron of layer l is left out with the
probability p_l. What stays is multiplied by 1 / (1 − p_l), so that the weights are those of the whole
network: nothing is to be halved for evaluation, as in the book.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# Numbers that are drawn at a time: their memory is used again.
BLOCK = 1 << 18


class Dropout:
    """The probabilities, and the masks that are drawn with them.

    Parameters
    ----------
    dropout : float, or sequence of float
        p of every hidden layer, or of each of the layers 1 … L−1.

    Attributes
    ----------
    generator : numpy.random.Generator
        What the masks are drawn from: SGD sets it.

    Raises
    ------
    TypeError, ValueError
        Naming the argument, and what was expected.
    """

    generator: np.random.Generator

    def __init__(self, dropout: Any) -> None:
        self.one_for_all = not isinstance(dropout, (list, tuple)) and np.ndim(dropout) == 0
        self.given: tuple[float, ...]
        if self.one_for_all:
            self.given = (_checked_probability(dropout, "dropout"),)
        else:
            self.given = tuple(_checked_probability(p, f"dropout[{i}]") for i, p in enumerate(dropout))

    def probabilities(self, n_layers: int) -> tuple[float, ...]:
        """p of the layers 1 … L−1 of a network of L layers."""
        if self.one_for_all:
            return (0.0, *itertools.repeat(self.given[0], n_layers - 2))
        if len(self.given) != n_layers - 1:
            raise ValueError(
                f"dropout has {len(self.given)} numbers; expected {n_layers - 1}, one for each layer but the "
                f"last"
            )
        return self.given

    def masks(self, sizes: Sequence[int], n: int) -> NDArray[np.uint8]:
        """A row of bits for each of the n examples of an epoch, in its order: 1 where a neuron stays.

        `places` says where in the row. A byte is added to it, which the kernel may read.
        """
        probabilities = self.probabilities(len(sizes))
        layers = list(places(probabilities, sizes))
        row_bytes = layers[-1][1].stop + 1 if layers else 1
        masks = np.zeros((n, row_bytes), np.uint8)
        n_neurons = sum(sizes[l - 1] for l, _ in layers)
        rows = max(1, BLOCK // max(n_neurons, 1))
        for start in range(0, n, rows):
            block = masks[start : start + rows]
            numbers = self.generator.random((len(block), n_neurons), np.float32)
            first = 0
            for l, row_bits in layers:
                last = first + sizes[l - 1]
                stays = numbers[:, first:last] >= np.float32(probabilities[l - 1])
                block[:, row_bits] = np.packbits(stays, axis=1, bitorder="little")
                first = last
        return masks


def checked_dropout(net: Any, dropout: Any) -> Dropout | None:
    """What draws the masks of this network; None if nothing drops out."""
    if type(dropout) is float and dropout == 0:
        return None
    thinning = Dropout(dropout)
    thinning.probabilities(len(net.weights) + 1)
    return thinning if any(thinning.given) else None


def places(probabilities: Sequence[float], sizes: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Each layer l that has a mask, and which bytes of a row of masks are its bits."""
    first = 0
    for l, (p, n) in enumerate(zip(probabilities, sizes), 1):
        if p > 0:
            yield l, slice(first, first + (n + 7) // 8)
            first += (n + 7) // 8


def factors(
    probabilities: Sequence[float], sizes: Sequence[int], mask: NDArray[np.uint8], dtype: Any
) -> list[NDArray[Any] | None]:
    """For one example, by its row of masks, what its a^1 … a^{L−1} are multiplied by; None: nothing."""
    result: list[NDArray[Any] | None] = [None] * (len(sizes) - 1)
    for l, row_bits in places(probabilities, sizes):
        stays = np.unpackbits(mask[row_bits], count=sizes[l - 1], bitorder="little").reshape(-1, 1)
        result[l - 1] = stays * dtype.type(1 / (1 - probabilities[l - 1]))
    return result


def _checked_probability(p: Any, name: str) -> float:
    p = _arguments.number(p, name)
    if not 0 <= p < 1:
        raise ValueError(f"{name} is {p}; expected a probability from 0 to below 1")
    return p

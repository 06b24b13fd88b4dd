"""Where a call of SGD ended, so that another with ``resume=True`` goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


class Standing(NamedTuple):
    """Where the rules of network2 stand: see `cbackprop._stopping.Rules`."""

    measure: str = "evaluation_accuracy"  # what they go by
    best: Any = None
    epochs_waited: tuple[int, int] = (0, 0)  # without a better one, of early stopping and of halving
    halvings: int = 0
    # With restore_best: the parameters that training had reached, and the digest of the best ones, which the
    # network was given in their place.
    reached: Any = None
    digest: bytes | None = None


class Progress(NamedTuple):
    """What the next call of SGD needs to know of this one, beyond the parameters, velocities and history."""

    epochs: int = 0
    # Of the examples' order: the seed, if there was one, and the generator, unless random.shuffle was called.
    seed: int | None = None
    generator: Generator | None = None
    masks: Generator | None = None  # what draws the masks of dropout, if it is another
    # As the book's shuffle left it, unless the user's own list was shuffled.
    order: NDArray[np.uint32] | None = None
    # Of the user's own list, which was shuffled: where each pair was at first. The training cost is summed in
    # that order.
    first_places: NDArray[np.uint32] | None = None
    # How the inputs were laid out: by their density, which looks another in another order. None: not at all.
    sparse: bool | None = None
    standing: Standing | None = None  # of network2
    # Whether this is from a checkpoint, within a call of SGD: then `order` is of the user's own list, too.
    is_within_call: bool = False

    def pickled(self) -> Progress:
        """This without what is large: orders fit the data of one process alone."""
        standing = self.standing and self.standing._replace(reached=None, digest=None)
        return self._replace(order=None, first_places=None, standing=standing)


def digest(weights: Any, biases: Any) -> bytes:
    """A digest of parameters: equal if they have the same types, shapes and bits."""
    import hashlib  # noqa: PLC0415  (4 ms of the package's import)

    state = hashlib.blake2b(digest_size=16)
    for array in (*weights, *biases):
        array = np.asarray(array)  # noqa: PLW2901
        state.update(f"{array.dtype.str} {array.shape};".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.digest()

"""The order of the examples, from one epoch and one call of SGD to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop._progress import Progress
from cbackprop._random_state import generator_of_masks, resumed_generator
from cbackprop.reference.network import train_on_pairs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from cbackprop._progress import Standing
    from cbackprop._trainer import Trainer


class Order:
    """How the examples of one call of SGD are ordered for each epoch.

    As in the book, `random.shuffle` goes on from the order that it left: in the user's own list, or here. A
    generator draws each epoch's permutation of the data as they came, and the user's list stays as it is.

    Parameters
    ----------
    trainer : Trainer
    random_state : int, numpy.random.Generator or None
        The option of SGD.
    resumed : Progress or None
        Where an earlier call ended, if this one resumes it.

    Attributes
    ----------
    train_epoch : callable
        train_epoch(eta) trains on every mini-batch once, and returns whether the parameters are finite.
    """

    seed: int | None = None
    generator: Generator | None = None
    first: NDArray[Any] | None = None
    first_places: NDArray[Any] | None = None

    def __init__(self, trainer: Trainer, random_state: Any, resumed: Progress | None) -> None:
        self.trainer = trainer
        self.train_epoch = trainer.train_epoch
        if random_state is not None or resumed is not None:
            self.seed, self.generator = resumed_generator(random_state, resumed)
        if trainer.dropout is not None:
            trainer.dropout.generator = generator_of_masks(self.generator, resumed)
        if self.generator is not None:
            self.pairs: list[Any] | None = None
            self.train_epoch = self.train_epoch_as_drawn
        elif (
            resumed is not None
            and resumed.order is not None
            and (resumed.is_within_call or not trainer.data.is_users_list)
        ):
            self.begin_with(resumed.order)
        if resumed is not None and resumed.first_places is not None and trainer.data.is_users_list:
            self.sum_from(resumed.first_places)

    def begin_with(self, order: NDArray[Any]) -> None:
        """Put the examples into the order that an earlier call left, unless that was of other data."""
        trainer = self.trainer
        if len(order) != trainer.data.n:
            return
        self.first = order
        if trainer.packed is not None:
            trainer.packed.set_order(order)
            items = trainer.items
        else:
            trainer.pairs = items = trainer.unpacked()
        if items is not None:
            items[:] = [items[i] for i in order]

    def sum_from(self, first_places: NDArray[Any]) -> None:
        """Have the training cost summed as in an earlier call, unless that was of other data."""
        trainer = self.trainer
        if len(first_places) == trainer.data.n and trainer.packed is not None:
            self.first_places = first_places
            trainer.packed.sum_in(np.argsort(first_places))

    def places_at_first(self) -> NDArray[Any] | None:
        """Where each pair of the user's own list was in the first of the calls; None if nobody will ask."""
        trainer = self.trainer
        if not trainer.data.is_users_list or trainer.packed is None or trainer.pairs is not None:
            return None
        if self.generator is not None:
            return self.first_places
        places = trainer.packed.order_array()
        return places if self.first_places is None else self.first_places[places]

    def progress(self, epochs: int, standing: Standing | None = None) -> Progress:
        """What a later call needs to know to go on after so many epochs."""
        packed, dropout = self.trainer.packed, self.trainer.dropout
        order = None if self.generator is not None or self.trainer.data.is_users_list else self.order()
        masks = None if self.generator is not None or dropout is None else dropout.generator
        sparse = None if packed is None else packed.sparse
        places = self.places_at_first()
        # In half of the class's own time.
        return Progress._make(
            (epochs, self.seed, self.generator, masks, order, places, sparse, standing, False)
        )

    def order(self) -> NDArray[Any] | None:
        """The order that `random.shuffle` left, as numbers; None if it is not known."""
        trainer = self.trainer
        if trainer.pairs is None:
            return self.first if trainer.packed is None else trainer.packed.order_array()
        places: dict[int, list[int]] = {}
        for place, pair in enumerate(trainer.unshuffled):
            places.setdefault(id(pair), []).append(place)
        try:
            return np.array([places[id(pair)].pop() for pair in trainer.pairs], np.uint32)
        except (KeyError, IndexError):  # a shuffle of the user's own put other pairs there
            return None

    def train_epoch_as_drawn(self, eta: Any) -> bool:
        """See `train_epoch`."""
        trainer, generator = self.trainer, self.generator
        assert generator is not None
        net, packed, module = trainer.net, trainer.packed, trainer.net._cbackprop.module
        masks = trainer.masks()
        order = generator.permutation(trainer.data.n)
        if packed is not None and not module.replaced(net, module.training_methods):
            packed.set_order(order)
            return trainer.train_packed(trainer.step.options(eta), masks)
        trainer.check_pairs_will_do()
        if self.pairs is None:
            self.pairs = trainer.data.training_pairs()[:]
        pairs = [self.pairs[i] for i in order]
        return train_on_pairs(net, pairs, trainer.mini_batch_size, trainer.update(eta), shuffles=False)

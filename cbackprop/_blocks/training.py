"""A call of SGD that reads its training data in blocks: an epoch, and the order of its examples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _examples, _parameters, _warnings
from cbackprop._blocks.plan import Plan
from cbackprop._blocks.reader import Buffer, Reader
from cbackprop._data import training_pairs
from cbackprop._memory import remember
from cbackprop._order import Order
from cbackprop._random_state import resumed_generator
from cbackprop._random_states import python_generator
from cbackprop._training import Training
from cbackprop.reference.network import train_on_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cbackprop._blocks.data import BlockedData
    from cbackprop._blocks.reader import Window
    from cbackprop._checkpoint import Checkpoints
    from cbackprop._dropout import Dropout
    from cbackprop._progress import Progress
    from cbackprop._step_options import StepOptions


class BlockTrainer:
    """It trains on windows of blocks, in C or by the book's methods.

    It takes the place of `cbackprop._trainer.Trainer`, which has the parameters explained.
    """

    pairs = items = None  # there is no list of the user's

    def __init__(
        self,
        net: Any,
        data: BlockedData,
        mini_batch_size: int,
        n_threads: int,
        step: Any,
        dropout: Dropout | None = None,
        sample_weight: Any = None,
        resumed: Progress | None = None,
    ) -> None:
        self.net, self.data, self.step, self.dropout = net, data, step, dropout
        self.mini_batch_size = mini_batch_size
        self.module = net._cbackprop.module
        self.parts: Checkpoints | None = None
        self.packed: PackedBlocks | None = None
        self.weights = None if sample_weight is None else self.checked_weights(sample_weight)
        replaced = self.module.replaced(net, self.module.training_methods)
        if replaced and dropout is not None:
            raise ValueError(f"dropout is the package's own: {replaced}, and would not hear of it")
        if not replaced:
            sparse = None if resumed is None else resumed.sparse
            training = Training(
                net, data.sample, data.m, n_threads, step.options(0.0), None, sparse, n_of_all=data.n
            )
            self.packed = PackedBlocks(self, training)
            pixels = training.pixels
            remember(net, layout=training.layout)
        else:
            pixels = _examples.check_examples(net, data.sample, data.name)
        if pixels:
            _warnings.of_pixels(data.name)
        if self.weights is not None:
            step.n = float(self.weights.sum())
        n = data.n_in_window + data.m - 1
        self.buffers = Buffer(data, n), Buffer(data, n)

    def checked_weights(self, sample_weight: Any) -> NDArray[np.float64]:
        """`sample_weight` as an array, if only the kernels will see the examples."""
        self.refuse_weights()
        weights = np.asarray(sample_weight)
        if weights.dtype.kind not in "biuf":
            raise TypeError(f"sample_weight has dtype {weights.dtype}; expected real numbers")
        if weights.shape != (self.data.n,):
            raise ValueError(
                f"sample_weight has shape {weights.shape}; {self.data.name} has {self.data.n} examples"
            )
        weights = weights.astype(np.float64)
        wrong = ~((weights >= 0) & (weights < np.inf))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ValueError(f"sample_weight[{i}] is {weights[i]}; expected a finite number from 0")
        if not weights.sum() < np.inf:
            raise ValueError("sample_weight adds up to inf; expected a finite sum")
        return weights

    def refuse_weights(self) -> None:
        """Raise a TypeError if something is replaced: the book's methods know no weights of examples."""
        reason = self.module.replaced(self.net, self.module.training_methods)
        if reason:
            raise TypeError(
                f"sample_weight is for compiled training; this network trains with NumPy: {reason}"
            )

    # ---- an epoch ----

    def train_epoch(self, eta: Any, seed: int) -> bool:
        """Train on every mini-batch once, in the order of the seed; return whether all stays finite."""
        plan = Plan(self.data.starts, self.data.window, self.data.m, seed)
        if self.packed is not None and not self.module.replaced(self.net, self.module.training_methods):
            return self.train_packed(eta, plan, self.packed)
        if self.dropout is not None:
            raise ValueError("dropout is the package's own: a method was replaced, and would not hear of it")
        if self.weights is not None:
            self.refuse_weights()
        return self.train_on_pairs(eta, plan)

    def train_packed(self, eta: Any, plan: Plan, packed: PackedBlocks) -> bool:
        """`train_epoch` in C."""
        options = self.step.options(eta)
        with Pass(self, plan, packed.pack) as windows:
            epoch = partial(self.train_batches, windows, packed, options)
            return epoch(0, plan.n_batches) if self.parts is None else self.parts.train(epoch)

    def train_batches(
        self, windows: Pass, packed: PackedBlocks, options: StepOptions, first: int, last: int
    ) -> bool:
        """Train on the mini-batches from `first` to before `last`."""
        is_finite = True
        while first < last:
            window = windows.containing(first)
            if windows.is_new:
                packed.training.take(window.packed, window.order)
            end = min(last, window.last)
            is_finite = packed.training.epoch(
                self.net, options, self.masks(windows), first - window.first, end - window.first
            )
            first = end
        return is_finite

    def masks(self, windows: Pass) -> Any:
        """Which neurons drop out of which example of the window."""
        if self.dropout is not None and windows.is_new:
            self.dropout.generator = windows.window.generator
            sizes = _parameters.layer_sizes(self.net)
            windows.masks = self.dropout.masks(sizes, len(windows.window.order))
        windows.is_new = False
        return windows.masks

    def train_on_pairs(self, eta: Any, plan: Plan) -> bool:
        """`train_epoch` by the book's methods."""
        update: Callable[[list[Any]], None] = partial(self.step.update, eta=eta)
        if self.parts is not None:
            update = self.parts.counted(update)
        is_finite = True
        with Reader(self.data, plan, self.buffers, None) as windows:
            for window in windows:
                n = min((window.last - window.first) * self.data.m, len(window.order))
                order = window.order[:n]
                pairs = training_pairs(self.net, (window.X[order], window.Y[order]))
                is_finite = train_on_pairs(self.net, pairs, self.data.m, update, shuffles=False)
        return is_finite


class Pass:
    """One pass over the data that trains: the windows, and the one that is at hand.

    Attributes
    ----------
    window : Window
    is_new : bool
        Whether nothing has been done with it.
    masks : ndarray or None
        Of dropout, for its examples.
    """

    window: Window
    reader: Reader | None = None

    def __init__(self, trainer: BlockTrainer, plan: Plan, pack: Callable[[Any, Any, Any], Any]) -> None:
        self.trainer, self.plan, self.pack = trainer, plan, pack
        self.is_new = True
        self.masks: Any = None

    def __enter__(self) -> Pass:
        return self

    def __exit__(self, *error: object) -> None:
        if self.reader is not None:
            self.reader.__exit__(*error)

    def containing(self, batch: int) -> Window:
        """The window with this mini-batch, which is not before the one at hand."""
        if self.reader is None:
            self.reader = Reader(self.trainer.data, self.plan, self.trainer.buffers, self.pack, batch)
            self.reader.__enter__()
            self.advance()
        while self.window.last <= batch:
            self.advance()
        return self.window

    def advance(self) -> None:
        """Go on to the next window."""
        assert self.reader is not None
        self.window = next(self.reader)
        self.is_new = True


class PackedBlocks:
    """The compiled side of a call of SGD, for examples that come in windows.

    Attributes
    ----------
    training : Training
    sparse : bool
        Whether the inputs are laid out as sparse.
    """

    def __init__(self, trainer: BlockTrainer, training: Training) -> None:
        self.trainer, self.training, self.sparse = trainer, training, training.sparse

    def pack(self, X: Any, Y: Any, rows: Any) -> Any:
        """What `Training` takes. Called in the thread that reads."""
        weights = self.trainer.weights
        return self.training.pack(
            X, Y, None if weights is None else weights[rows], self.trainer.data.threshold
        )

    def check_classes(self, threshold: float | None = None) -> None:
        """From now on, have each y of one output neuron be 0 or 1: answers are counted."""
        self.trainer.data.needs_answers = True
        self.trainer.data.read_sample()

    def score(self, net: Any, answers: bool, cost: Any) -> tuple[int, float]:
        """(right answers, mean cost) of all examples, read once more."""
        data, correct, mean = self.trainer.data, 0, 0.0
        with Reader(
            data, Plan(data.starts, data.window, 1, None), self.trainer.buffers, self.pack
        ) as windows:
            for window in windows:
                more_correct, more_mean = self.training.score_of(net, window.packed, answers, cost)
                correct += more_correct
                mean += more_mean * (len(window.order) / data.n)
        return correct, mean


class BlockOrder(Order):
    """How the examples are ordered: every epoch follows from a seed of 128 bits.

    It is drawn from the global `random`, or from the generator of `random_state`.
    """

    blocks: BlockTrainer

    def __init__(self, trainer: Any, random_state: Any, resumed: Progress | None) -> None:
        self.trainer = self.blocks = trainer
        if random_state is not None or resumed is not None:
            self.seed, self.generator = resumed_generator(random_state, resumed)
        if self.generator is None:
            try:
                python_generator(trainer.module.shuffle)
            except ValueError:
                raise ValueError(
                    "random.shuffle is replaced, and block draws from its generator; pass random_state"
                ) from None
        if trainer.dropout is not None:
            trainer.dropout.generator = np.random.default_rng(0)  # until the first window brings its own
        self.train_epoch = self.train_epoch_in_blocks

    def order(self) -> None:
        """Nothing: an epoch does not go on from the order of the one before."""

    def train_epoch_in_blocks(self, eta: Any) -> bool:
        """See `Order`."""
        if self.generator is not None:
            seed = int.from_bytes(self.generator.bytes(16), "little")
        else:
            seed = python_generator(self.blocks.module.shuffle).getrandbits(128)
        return self.blocks.train_epoch(eta, seed)

"""A drop-in replacement for the book's network.py that trains in C.

You may replace a method, in a subclass or on an instance, or this module's ``sigmoid`` or ``sigmoid_prime``.
Your replacement is called just as the book's code would call it: the methods below then run the NumPy
reference that they inherit. Otherwise they run the compiled kernels.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _elementwise, _warnings
from cbackprop._call import call_of
from cbackprop._compiled import Compiled, correct_answers, make_step
from cbackprop._data import DataSet, checked_threshold, read_for_evaluation, recognised
from cbackprop._epochs import report_of
from cbackprop._flat import Flat, mean_cost
from cbackprop._memory import Memory, real_dtype, remember
from cbackprop._overrides import Module, builtin
from cbackprop._parameters import check_sizes
from cbackprop._random_state import generator_of, seed_of
from cbackprop._scores import Scores
from cbackprop._step_options import PlainSteps, StepOptions
from cbackprop.activations import Activation, read_activations
from cbackprop.costs import QuadraticCost
from cbackprop.reference.network import ReferenceNetwork, draw_parameters, output_error, set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from numpy.random import Generator
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Activation", "Network", "np", "random", "sigmoid", "sigmoid_prime"]


@builtin
def sigmoid(z: ArrayLike) -> Any:
    """The sigmoid function.

    Parameters
    ----------
    z : number or array_like

    Returns
    -------
    float or ndarray
        1 / (1 + e^−z) of each element, within 2 units in the last place; float32 stays float32.
    """
    return _elementwise.sigmoid(z)


@builtin
def sigmoid_prime(z: ArrayLike) -> Any:
    """The sigmoid's derivative, σ′(z) = σ(z)·(1 − σ(z)), element by element."""
    a = sigmoid(z)
    return a * (1 - a)


MODULE: Module = Module(
    globals(),
    output_error,
    gradient_methods=("cost_derivative", "backprop"),
    evaluation_methods=("feedforward", "evaluate"),
    step_options=lambda net: StepOptions(0.0),
)


class Network(Flat, Compiled, ReferenceNetwork):
    """A feedforward network trained by stochastic gradient descent.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, input layer first, output layer last.
    dtype : {numpy.float64, numpy.float32}, keyword only
        The type of the parameters and of all arithmetic. A float32 network starts from the same random
        numbers, rounded.
    activation : str, Activation, or a list of them, keyword only
        What layers compute from z: ``"sigmoid"``, ``"linear"``, ``"tanh"``, ``"relu"`` (whose derivative at
        0 is taken to be 0), ``"softplus"``, or functions of your own. One for all layers, or a list with one
        for each layer after the input layer. It does not change the initial weights.
    neuron_activations : dict, keyword only
        Single neurons that compute something else: ``{(l, j): activation}`` for neuron j, counted from 0,
        of layer l = 2, …, L.
    random_state : int or numpy.random.Generator, keyword only
        A seed, or a generator, that the initial weights and biases are drawn from. NumPy's global generator,
        the book's, is then not touched.

    Attributes
    ----------
    num_layers : int
    sizes : sequence of int
        As given.
    biases : list of ndarray, (n, 1) each
    weights : list of ndarray, (n_out, n_in) each
        Plain attributes: the next call sees what you assign to them or write into them.
        Training replaces the arrays and leaves the old ones as they were.

    Raises
    ------
    TypeError, ValueError
        If `sizes` is not a sequence of whole numbers from 0, `dtype` is another type, an activation is
        unknown or is for a layer or neuron that does not exist, or `random_state` is none.
    """

    _cbackprop = Memory(MODULE)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        dtype: DTypeLike = np.float64,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        neuron_activations: dict[tuple[int, int], str | Activation] | None = None,
        random_state: int | Generator | None = None,
    ) -> None:
        check_sizes(sizes)
        dtype = real_dtype(dtype)
        generator = generator_of(random_state)
        activations = read_activations(sizes, activation, neuron_activations)
        if activations and activations.layers[-1][0] == "softmax":
            raise ValueError(
                "activation is 'softmax'; that output layer is network2's, with LogLikelihoodCost"
            )
        set_up(self, sizes, dtype, activations, generator)
        draw_parameters(self, sizes)

    @builtin
    def update_mini_batch(self, mini_batch: Iterable[tuple[ArrayLike, ArrayLike]], eta: float) -> None:
        """One step of gradient descent: w → w − (η/m) Σ_x ∂C_x/∂w, and the same for b.

        Parameters
        ----------
        mini_batch : list of (x, y) or pair of arrays (X, Y), as for `SGD`
        eta : float
            The learning rate η.

        Raises
        ------
        ZeroDivisionError
            If the mini-batch is empty.
        ValueError, TypeError
            As in `backprop`. The message names the example, and nothing has changed.
        """
        if not isinstance(mini_batch, (list, tuple)):
            len(mini_batch)  # type: ignore[arg-type]  # as in the book: an iterator is a TypeError
        _update(self, recognised(self, mini_batch, "mini_batch"), _arguments.number(eta, "eta"))

    @builtin
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Any] | None = None,
        *,
        n_threads: int | None = None,
        sample_weight: ArrayLike | None = None,
        verbose: bool = True,
        callbacks: Iterable[Callable[[Any, dict[str, Any]], Any]] | None = None,
        random_state: int | Generator | None = None,
        resume: bool | str | bytes | PathLike[str] = False,
        threshold: float | None = None,
        checkpoint: str | bytes | PathLike[str] | None = None,
        every: float = 1,
        block: int | None = None,
        window: int | None = None,
        comm: Any = None,
        deterministic: bool | int = False,
        average_every: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Train by stochastic gradient descent, printing a line after each epoch.

        Parameters
        ----------
        training_data : list of (x, y), or a pair of arrays (X, Y)
            A list is shuffled in place before each epoch, as in the book; any other iterable is read
            once. X is (n, n_in), one example a row; Y is (n, n_out), or (n,) whole-number labels. The
            contents of the examples are read once, at the start.
        epochs, mini_batch_size : int
            The last mini-batch of an epoch may be shorter.
        eta : float
            The learning rate η.
        test_data : list of (x, label), or a pair of arrays, optional
            Evaluated after each epoch.
        n_threads : int, optional
            The most threads to use; by default the number in CBACKPROP_NUM_THREADS, or as many as make
            this network faster. The result is the same to the last bit.
        sample_weight : array_like, (n,), optional
            For arrays: how much each example counts. An example of weight 2 counts as two, in the gradient
            and in the length m of its mini-batch; a mini-batch of which nothing counts makes no step.
        verbose : bool
            Whether the lines are printed. Evaluation goes on without them.
        callbacks : list of callable, optional
            Functions, each called as f(net, entry) after every epoch, once its line is printed. `entry` is a
            dict of ``epoch``, ``eta``, the ``seconds`` of training and, with `test_data`,
            ``evaluation_accuracy``, the number of right answers. If one returns something true, training
            stops.
        random_state : int or numpy.random.Generator, optional
            A seed, or a generator, that draws the order of the examples for each epoch. The global `random`,
            the book's, is then not touched, and a list keeps its order.
        resume : bool or path
            True: go on where the last call of SGD ended: the numbers of the epochs and the order of the
            examples. With the same data, 10 epochs are 5 + 5, bit for bit. The generator of the last call
            goes on, unless `random_state` is another seed or a generator. Without one, `random` has to be in
            the state in which it was left, and an unpickled network does not know the order of arrays.

            The name of a checkpoint: go on with the call that wrote it. A new process makes the network and
            the data as before and calls SGD with the same arguments; then the parameters, the lines of the
            epochs that remain and all random numbers are those of a run left alone, bit for bit. `epochs` is
            that of the whole call, and may have grown; after a run that ended nothing is done. A list in
            its first order is brought into the order that it had. If `checkpoint` names the same file and it
            is not there yet, training begins: the command line of the first start is that of every restart.
        threshold : float, optional
            As in `evaluate`.
        checkpoint : path, optional
            Where to write checkpoints, as npz: before the first epoch, after every one, and at the end. The
            file is written whole or not at all, beside the old one, of which a kill at that moment may leave
            a part, ``.NAME.`` and 16 digits. An old file of this name is replaced at the start, unless
            `resume` names it. A checkpoint holds the parameters, the place, the order of the examples and the
            states of what draws: of `random_state`, or of the global `random` and `numpy.random`.
        every : int or float
            A checkpoint after so many epochs; or, below 1, after such a part of each epoch. Such parts may
            round the last bits otherwise than whole epochs.
        block : int, optional
            Read the training data in blocks of so many rows, if they are more than memory holds. X and Y are
            then each a `numpy.memmap`, a dataset of HDF5 or Zarr, or anything with a shape, a dtype and
            slices. Or `training_data` is ``(file, column)``: the name of a Parquet or Arrow file, a list of
            them or a folder, and the name of the column with y, or a list of one for each output neuron. All
            other columns are inputs, and a block is the row groups that have at most so many rows together.

            A second thread reads while the first trains. A file that is damaged or was cut short, or a label
            that is no class, is an error when it is read; the network then holds what it learned so far.
        window : int, optional
            How many blocks are shuffled together; by default 16. Two windows are in memory at a time. For
            each epoch the blocks are put in random order, each window's examples are shuffled, and every
            example is trained on once. The order follows from 128 bits that `random_state`, or the global
            `random`, draws for the epoch.
        comm : mpi4py.MPI.Intracomm, optional
            Train on all ranks of a communicator: each calls SGD with its shard of the data, and each
            mini-batch is the union of their parts (extra `mpi`; `cbackprop._ranks` says it in full).
        deterministic : bool or int, optional
            With `comm`: the result is the same to the last bit for any number of ranks.
        average_every : int, optional
            With `comm`: each rank takes so many steps for itself, then the parameters are averaged.
        timeout : float, optional
            With `comm`: how many seconds a rank waits for the others, 300 by default.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, or the checkpoint to go on from is damaged or is that of another network,
            other options or other data. The message names it and the example, and nothing has changed.
        OSError
            If a checkpoint cannot be read or written. An old file stays whole, and the network is trained up
            to there.
        KeyboardInterrupt
            After Ctrl-C. The network holds the parameters of a completed mini-batch.
        """
        with call_of(self, block, window, comm, deterministic, average_every, timeout) as call:
            epochs = _arguments.whole(epochs, "epochs")
            mini_batch_size = _arguments.whole(mini_batch_size, "mini_batch_size", 1)
            n_threads = _arguments.threads(n_threads)
            functions = call.callbacks(callbacks)
            seed_of(random_state)
            threshold = checked_threshold(self, threshold)
            checkpoints, resumed, random_state = call.take_up(checkpoint, every, resume, random_state)
            custom_update = MODULE.replaced_method(self, ("update_mini_batch",)) is not None
            if not custom_update:
                _arguments.number(eta, "eta")
            examples = call.training_data(training_data, mini_batch_size, custom_update, None)
            tests = read_for_evaluation(self, test_data, "test_data", ("evaluate",), threshold)
            examples, tests = call.share(examples, sample_weight), call.share(tests)
            step = _Step(self)
            scores = call.scores(Scores, step, tests, ("test_accuracy",))

            def options() -> dict[str, Any]:
                return {
                    "mini_batch_size": mini_batch_size,
                    "eta": eta,
                    "random_state": random_state,
                    "threshold": threshold,
                    "training_data": examples,
                    "test_data": tests,
                    "sample_weight": sample_weight,
                }

            resumed = call.open(checkpoints, epochs, options, resumed)
            scores.warn_of_one_output()
            trainer = call.trainer(examples, mini_batch_size, n_threads, step, None, sample_weight, resumed)
            order = call.order(trainer, random_state, resumed)
            verbose = verbose and call.is_first
            report = report_of(self, tests.n, scores.correct, verbose, functions, checkpoints)
            remaining, next_eta = checkpoints.start(order, epochs, eta)
            try:
                checkpoints.begin(next_eta)
                report.run(remaining, next_eta, order.train_epoch, 0 if resumed is None else resumed.epochs)
            finally:
                checkpoints.close()
                remember(self, progress=order.progress(report.epochs))

    @builtin
    def evaluate(self, test_data: Iterable[Any], *, threshold: float | None = None) -> int:
        """The number of examples that the network answers with their label.

        Parameters
        ----------
        test_data : list of (x, label), or a pair of arrays (X, Y)
            As in `SGD`; Y is labels, or one-hot rows.
        threshold : float, optional
            Of one output neuron: each label is 1 or 0, and says whether the output is at least this. By
            default so with ½ for arrays; of pairs the count is the book's, which says nothing of one output
            and comes with a warning.

        Returns
        -------
        int
            The number of x for which the first largest a^L_j is at j = label.

        Raises
        ------
        ValueError, TypeError
            If an example has the wrong shape or type, or `threshold` is given for several output neurons. The
            message names it.
        """
        tests = DataSet(self, test_data, "test_data", threshold=checked_threshold(self, threshold))
        _warnings.of_one_output(self, tests)
        return correct_answers(self, tests)

    def cost(self, X: ArrayLike, Y: ArrayLike) -> float:
        """The mean of C_x = ½ ‖y − aᴸ‖² over some examples.

        Parameters
        ----------
        X, Y
            As for `flat_gradient`.

        Returns
        -------
        float

        Raises
        ------
        ZeroDivisionError
            If there are no examples.
        ValueError, TypeError
            As `flat_gradient`.
        """
        return mean_cost(self, X, Y)

    def save(self, filename: str | bytes | PathLike[str]) -> None:
        """Save the network to a file, as npz if the name ends in .npz, otherwise in the JSON of network2.

        Parameters
        ----------
        filename : str or path
            As in `cbackprop.network2.Network.save`. The file names the cost that this network has, the
            quadratic one, so network2 loads it too.

        Raises
        ------
        TypeError, ValueError
            As in `cbackprop.network2.Network.save`, and if `cost_derivative` is replaced: a file cannot hold
            it. Pickle such a network.
        """
        from cbackprop._files import networks  # noqa: PLC0415  (slow to import, and few need it)

        replaced = MODULE.replaced_method(self, ("cost_derivative",))
        if replaced:
            raise TypeError(f"{replaced}: a file of parameters cannot hold that cost; pickle the network")
        networks.write(self, filename, QuadraticCost)


def load(filename: str | bytes | PathLike[str]) -> Network:
    """The network in a file that `Network.save` wrote, or network2's if its cost is the quadratic one.

    Parameters
    ----------
    filename : str or path

    Returns
    -------
    Network
        It has the arrays of the file. `sizes` is the file's note, which need not agree with them.

    Raises
    ------
    ValueError
        If the file is damaged or holds no network, or one that is trained on another cost, which this module
        does not have. The message names it and what is wrong.
    OSError
        If the file cannot be read.
    """
    from cbackprop._files import description, networks  # noqa: PLC0415

    saved = networks.read(filename)
    name = os.fsdecode(filename)
    if saved["cost"] != "QuadraticCost":
        raise ValueError(
            f"{name}: the cost is {saved['cost']!r}; the networks of {__name__} have the quadratic cost "
            f"alone: load it with cbackprop.network2.load"
        )
    try:
        activations = description.activations_of(saved, QuadraticCost)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not an intact network: {error}") from error
    return description.restored(Network, saved, activations)


class _Step(PlainSteps):
    """One step of gradient descent within SGD, for `Trainer`."""

    def __init__(self, net: Network) -> None:
        self.net = net

    def update(self, mini_batch: list[Any], eta: Any) -> None:
        """The step, made as in the book."""
        if MODULE.replaced_method(self.net, ("update_mini_batch",)):
            self.net.update_mini_batch(mini_batch, eta)
        else:
            _update(self.net, mini_batch, _arguments.number(eta, "eta"))


def _update(net: Network, examples: Any, eta: float) -> None:
    """What the package's own `update_mini_batch` does with recognised examples."""
    pairs = make_step(net, examples, lambda: StepOptions(eta))
    if pairs is not None:
        ReferenceNetwork.update_mini_batch(net, pairs, eta)

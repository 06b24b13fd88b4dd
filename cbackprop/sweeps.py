"""Many networks at once: `sweep` trains one for each point of a grid, by joblib.

joblib, and the engine that it runs on (`_engines`), schedule, ship and retry. This module lays out the grid,
the seeds and the data before, and the table after.
"""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _engines, _flat, network, network2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from cbackprop.reference.network import ReferenceLayers

__all__ = ["sweep"]

# Options of SGD that hold evaluation data, which `data` brings.
EVALUATION_DATA: tuple[str, str] = ("test_data", "evaluation_data")


def sweep(
    make: Callable[..., ReferenceLayers],
    grid: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Sequence[Any]]],
    data: tuple[Any, Any],
    *,
    random_state: int | None = 0,
    n_jobs: int | None = None,
    backend: str | None = None,
    return_networks: bool = False,
    error_score: Any = "raise",
    as_frame: bool | None = None,
    verbose: bool = True,
    **options: Any,
) -> Any:
    """Train a network for each point of a grid, in parallel, one thread each.

    Needs joblib: ``pip install "cbackprop[sweep]"`` brings it, pandas and tqdm.

    Parameters
    ----------
    make : callable
        ``make(random_state=generator, **parameters)`` returns a network of `cbackprop.network` or
        `cbackprop.network2`, drawn from the generator.
    grid : dict of sequences, or list of such dicts
        As scikit-learn's ``ParameterGrid``: the points are all combinations of the values; names are
        sorted, and the last varies fastest. A list of dicts has the points of one after those of the other.
        A name goes to `make` if it is a parameter of `make`, or if `make` takes ``**`` and it is no option
        of `SGD`; all others go to `SGD`. ``"random_state"`` holds seeds of your own.
    data : (training_data, evaluation_data)
        Each is a pair of arrays (X, Y) or a list of pairs, as for `SGD`; lists are made arrays, once. The
        evaluation data may be None. Workers of this machine share arrays of 1 MB or more as memory maps.
    random_state : int, optional
        Point k's seed is the first 63 bits of child k of ``numpy.random.SeedSequence(random_state)``. So it
        depends on the place in the grid alone, and not on workers or time. None: other seeds in each call.
    n_jobs : int, optional
        The number of workers, −1 for as many as processors. By default what ``joblib.parallel_config`` says;
        a Dask cluster always takes all its workers.
    backend : str, optional
        ``"loky"`` (processes of this machine, joblib's default), ``"dask"``, ``"ray"``, or another name that
        joblib knows. By default that of ``joblib.parallel_config``.
    return_networks : bool
        Whether the table holds the trained networks, in a column ``network``.
    error_score : "raise", or a value
        What to do if a run fails: raise its error, with a note that names the point, or put this value in
        the columns of results, and the message in a column ``error``.
    as_frame : bool, optional
        Whether to return a DataFrame; by default if pandas is installed.
    verbose : bool
        Whether progress is shown: a bar if tqdm is installed, otherwise joblib's lines.
    **options
        Options of `SGD` for all points: ``epochs``, ``mini_batch_size``, ``eta``, … `n_threads` is 1 and
        `verbose` False unless the grid says otherwise. A network2 gets the evaluation data for its stopping
        rules.

    Returns
    -------
    DataFrame or list of dict
        A row for each point, in the order of the grid: its parameters, the seed ``random_state``, then of the
        trained network ``evaluation_accuracy`` (the number of right answers, unless Y holds numbers other
        than labels or 0 and 1) and ``evaluation_cost`` (the mean cost, without regularisation), if there are
        evaluation data, ``epochs_trained``, and the ``seconds`` of the run.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong; before anything is trained. And whatever a run raises.
    ImportError
        If joblib, or the engine of `backend`, is missing.

    Notes
    -----
    Equal arguments give equal bits on every engine. A row can be had again by hand::

        generator = np.random.default_rng(row["random_state"])
        net = make(random_state=generator, **parameters)
        net.SGD(training_data, random_state=generator, **options)

    If a worker process dies, Dask trains its networks again on another worker, to the same bits. Ray does so
    if it is told to, around the call::

        register_ray()  # of ray.util.joblib
        with joblib.parallel_config("ray", ray_remote_args={"max_restarts": -1, "max_task_retries": -1}):

    and so does ``backend="ray"``, which says the same. loky does not: joblib raises a
    ``TerminatedWorkerError``, and the sweep has to be called again.

    Examples
    --------
    >>> from cbackprop import mnist_loader, network2, sweep
    >>> def make(hidden, random_state):
    ...     return network2.Network([784, hidden, 10], random_state=random_state)
    >>> training_data, validation_data, _ = mnist_loader.load_data_wrapper()
    >>> grid = {"hidden": [30, 100], "eta": [0.1, 0.5], "lmbda": [0.0, 5.0]}
    >>> data = training_data, validation_data
    >>> table = sweep(make, grid, data, epochs=10, mini_batch_size=10, n_jobs=-1)
    """
    points = points_of(grid)
    split = [routed(make, point, options) for point in points]
    seeds = seeds_of(points, random_state)
    X, Y, *evaluation = arrays_of(data)
    pandas = pandas_of(as_frame)
    joblib = _engines.imported_joblib()
    raises = isinstance(error_score, str) and error_score == "raise"
    with _engines.mapped(joblib, backend, n_jobs, (X, Y, *evaluation)) as arrays:
        # Each array is an argument of its own: so engines recognise it, and ship it once.
        runs = [
            joblib.delayed(run)(make, parameters, of_SGD, seed, return_networks, raises, *arrays)
            for (parameters, of_SGD), seed in zip(split, seeds)
        ]
        found = _engines.in_parallel(joblib, runs, n_jobs, backend, verbose, arrays)
    missing = {"evaluation_accuracy", "evaluation_cost"} & {name for row in found for name in row}
    rows = []
    for point, seed, results in zip(points, seeds, found):
        blank = dict.fromkeys(sorted(missing), error_score) if "error" in results else {}
        rows.append({**point, "random_state": seed, **blank, **results})
    return rows if pandas is None else pandas.DataFrame(rows)


# ---- before: the grid, the seeds, the data ----


def points_of(grid: Any) -> list[dict[str, Any]]:
    """The points of a grid, in scikit-learn's order."""
    grids = [grid] if isinstance(grid, Mapping) else grid
    if isinstance(grids, str) or not hasattr(type(grids), "__iter__"):
        raise TypeError(f"grid is {grid!r}; expected a dict of lists, or a list of such dicts")
    points: list[dict[str, Any]] = []
    for one in grids:
        if not isinstance(one, Mapping):
            raise TypeError(f"grid holds {one!r}; expected dicts of lists")
        for name, values in one.items():
            if not isinstance(name, str):
                raise TypeError(f"grid has the name {name!r}; expected a string")
            if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
                raise TypeError(f"grid[{name!r}] is {values!r}; expected a list of values: [{values!r}]")
            if len(values) == 0:
                raise ValueError(f"grid[{name!r}] is empty; expected at least one value")
        names = sorted(one)
        points += [dict(zip(names, values)) for values in itertools.product(*(one[name] for name in names))]
    return points


def routed(
    make: Any, point: dict[str, Any], options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a point goes to `make`, and what to SGD, with the options of all points."""
    parameters = parameters_of(make)
    takes_more = any(kind is inspect.Parameter.VAR_KEYWORD for kind in parameters.values())
    if "random_state" not in parameters and not takes_more:
        raise TypeError(
            f"make is {make!r}, which has no parameter random_state; it must take a generator, to draw the "
            f"initial weights: def make(…, random_state): return Network(…, random_state=random_state)"
        )
    of_SGD = SGD_options()
    for name in (*point, *options):
        if name in EVALUATION_DATA or name == "training_data":
            raise TypeError(f"{name} is no option of a sweep; pass data=(training_data, evaluation_data)")
    both = sorted(point.keys() & options.keys())
    if both:
        raise TypeError(f"{both[0]} is in the grid and an option of all points; pass it once")
    to_make = {
        name: value
        for name, value in point.items()
        if name != "random_state" and (name in parameters or (takes_more and name not in of_SGD))
    }
    to_SGD = {name: value for name, value in point.items() if name not in to_make and name != "random_state"}
    to_SGD |= options
    unknown = sorted(to_SGD.keys() - of_SGD)
    if unknown:
        raise TypeError(
            f"{unknown[0]!r} is neither a parameter of make ({', '.join(parameters)}) nor an option of SGD"
        )
    lacking = [name for name in ("epochs", "mini_batch_size", "eta") if name not in to_SGD]
    if lacking:
        raise TypeError(f"{lacking[0]} is missing, which SGD needs; pass it in the grid or as an option")
    return to_make, to_SGD


def parameters_of(make: Any) -> dict[str, Any]:
    """The names that `make` can be called with, and their kinds."""
    if not callable(make):
        raise TypeError(f"make is {make!r}; expected a function that returns a network")
    positional = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL
    signature = inspect.signature(make).parameters
    return {name: item.kind for name, item in signature.items() if item.kind not in positional}


def SGD_options() -> set[str]:
    """The names of the options that SGD has, in either module."""
    both = (inspect.signature(module.Network.SGD).parameters for module in (network, network2))
    return {name for names in both for name in names} - {"self", "training_data", *EVALUATION_DATA}


def seeds_of(points: list[dict[str, Any]], random_state: int | None) -> list[int]:
    """The seed of each point: its own, or from the child of its place."""
    if random_state is not None:
        random_state = _arguments.whole(random_state, "random_state", 0)
    children = np.random.SeedSequence(random_state).spawn(len(points))
    return [
        _arguments.whole(point["random_state"], "grid['random_state']", 0)
        if "random_state" in point
        else int(child.generate_state(1, np.uint64)[0] >> np.uint64(1))
        for point, child in zip(points, children)
    ]


def arrays_of(data: Any) -> tuple[Any, ...]:
    """X, Y of the training data, and of the evaluation data if there are any."""
    if not isinstance(data, (tuple, list)) or len(data) != 2 or isinstance(data[0], np.ndarray):
        is_pair = isinstance(data, (tuple, list)) and len(data) == 2
        raise TypeError(
            f"data is {'one pair of arrays' if is_pair else type(data)}; expected (training_data, "
            f"evaluation_data), where the latter may be None: ((X, Y), None)"
        )
    training, evaluation = data
    found = pair_of_arrays(training, "training_data")
    return found if evaluation is None else (*found, *pair_of_arrays(evaluation, "evaluation_data"))


def pair_of_arrays(data: Any, name: str) -> tuple[Any, Any]:
    """Examples as arrays, one a row."""
    if isinstance(data, (tuple, list)) and len(data) == 2 and np.ndim(data[0]) == 2:
        X, Y = (np.asarray(item) for item in data)
    else:
        pairs = list(data)
        try:
            X = np.array([np.ravel(x) for x, _ in pairs])
            Y = np.array([np.ravel(y) if np.ndim(y) else y for _, y in pairs])
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{name} cannot be made arrays (X, Y); expected a pair of arrays, or a list of (x, y) of one "
                f"shape each: {error}"
            ) from None
    if X.ndim != 2 or len(X) != len(Y) or object in (X.dtype, Y.dtype):
        raise ValueError(
            f"{name}: X has shape {X.shape} and Y {Y.shape}; expected (n, n_in) and (n,) or (n, n_out)"
        )
    return X, Y


# ---- one run, in a worker ----


def run(
    make: Any,
    parameters: dict[str, Any],
    options: dict[str, Any],
    seed: int,
    return_network: bool,
    raises: bool,
    X: NDArray[Any],
    Y: NDArray[Any],
    *evaluation: NDArray[Any],
) -> dict[str, Any]:
    """Train one network; return its results, or its error."""
    begun = time.perf_counter()
    try:
        generator = np.random.default_rng(seed)
        net = make(random_state=generator, **parameters)
        epochs = trained(net, options, generator, (X, Y), evaluation)
        results = scores(net, *evaluation) if evaluation else {}
        results["epochs_trained"] = epochs
    except Exception as error:
        if raises:
            error.add_note(f"in the run of {parameters | options}, random_state={seed}")
            raise
        return {"error": f"{type(error).__name__}: {error}", "seconds": time.perf_counter() - begun}
    results["seconds"] = time.perf_counter() - begun
    if return_network:
        results["network"] = net
    return results


def trained(
    net: Any, options: dict[str, Any], generator: Any, training_data: Any, evaluation: tuple[Any, ...]
) -> int:
    """Train the network; return the number of epochs."""
    epochs = 0

    def count(net: Any, entry: dict[str, Any]) -> None:
        nonlocal epochs
        epochs += 1

    defaults: dict[str, Any] = {"n_threads": 1, "verbose": False}
    if evaluation and hasattr(net, "total_cost"):  # network2's: only its rules look at the data
        defaults["evaluation_data"] = evaluation
    callbacks = [*(options.get("callbacks") or ()), count]
    net.SGD(training_data, **(defaults | options | {"callbacks": callbacks, "random_state": generator}))
    return epochs


def scores(net: Any, X: NDArray[Any], Y: NDArray[Any]) -> dict[str, Any]:
    """The accuracy of a trained network, if Y holds classes, and its cost, if that is known."""
    found: dict[str, Any] = {}
    if Y.dtype.kind in "biu" or np.isin(Y, (0, 1)).all():
        count = net.accuracy if hasattr(net, "accuracy") else net.evaluate
        found["evaluation_accuracy"] = count((X, Y))
    if hasattr(net, "cost_derivative") and net._cbackprop.module.replaced_method(net, ("cost_derivative",)):
        return found  # the cost is unknown
    if Y.size:
        found["evaluation_cost"] = _flat.mean_cost(net, X, Y)
    return found


# ---- after: the table ----


def pandas_of(as_frame: bool | None) -> Any:
    """pandas if the result is to be a DataFrame, otherwise None."""
    if as_frame is False:
        return None
    try:
        import pandas  # noqa: PLC0415
    except ImportError as error:
        if as_frame:
            raise ImportError('as_frame=True needs pandas: pip install "cbackprop[sweep]"') from error
        return None
    return pandas

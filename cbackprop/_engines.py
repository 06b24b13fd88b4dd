"""joblib and the engines that it runs on: loky's processes, a Dask cluster, Ray. All are optional."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 1_000_000  # bytes of an array from which on it is mapped
# As joblib: maps are in memory if so many bytes more than theirs are free there.
IN_MEMORY, ROOM = "/dev/shm", 2 * 2**30


def in_parallel(
    joblib: Any, runs: list[Any], n_jobs: int | None, backend: str | None, verbose: bool, arrays: Any
) -> list[Any]:
    """What the runs return, in their order, by joblib.Parallel."""
    number = {} if n_jobs is None else {"n_jobs": n_jobs}
    tqdm = imported_tqdm() if verbose else None
    with engine(joblib, backend, arrays):
        if tqdm is None:
            return joblib.Parallel(**number, verbose=10 if verbose else 0)(runs)
        with tqdm(total=len(runs), unit="run") as bar:

            class Shown(joblib.Parallel):  # type: ignore[misc]  # joblib has no types
                """joblib.Parallel whose progress is the bar's."""

                def print_progress(self) -> None:
                    bar.update(self.n_completed_tasks - bar.n)

            return Shown(**number)(runs)


@contextlib.contextmanager
def mapped(
    joblib: Any, backend: str | None, n_jobs: int | None, arrays: tuple[Any, ...]
) -> Iterator[tuple[Any, ...]]:
    """For loky the large arrays as memory maps, otherwise as they are.

    joblib maps large arrays too, but a task then takes 20 ms for 60 MB, where one of a map takes none.
    """
    active, number = joblib.parallel.get_active_backend()
    is_loky = backend == "loky" or (backend is None and type(active).__name__ == "LokyBackend")
    if not is_loky or (number if n_jobs is None else n_jobs) in (None, 1):
        yield arrays
        return
    large = [array.nbytes >= LARGE and not isinstance(array, np.memmap) for array in arrays]
    with folder_for(sum(array.nbytes for array, is_large in zip(arrays, large) if is_large)) as folder:
        found = []
        for k, (array, is_large) in enumerate(zip(arrays, large)):
            if is_large:
                file = joblib.dump(np.ascontiguousarray(array), f"{folder}/{k}.joblib")[0]
                array = joblib.load(file, mmap_mode="r")  # noqa: PLW2901
            found.append(array)
        yield tuple(found)


@contextlib.contextmanager
def folder_for(n_bytes: int) -> Iterator[str]:
    """A temporary folder where joblib too would put so many bytes: in memory if there is much room.

    If this process is killed, loky's resource tracker, a process of its own, deletes it. It does so after the
    workers have ended, which wait five minutes for more to do.
    """
    parent = os.environ.get("JOBLIB_TEMP_FOLDER") or None
    if parent is not None:
        os.makedirs(parent, exist_ok=True)
    else:
        with contextlib.suppress(OSError):
            if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM + n_bytes:
                parent = IN_MEMORY
    tracker = importlib.import_module("joblib.externals.loky.backend.resource_tracker")
    with tempfile.TemporaryDirectory(prefix="cbackprop-", dir=parent, ignore_cleanup_errors=True) as folder:
        tracker.register(folder, "folder")
        try:
            yield folder
        finally:
            tracker.unregister(folder, "folder")


def engine(joblib: Any, backend: str | None, arrays: Any) -> Any:
    """The context in which joblib.Parallel runs on an engine."""
    if backend == "ray":
        try:
            importlib.import_module("ray.util.joblib").register_ray()
        except ImportError as error:
            raise ImportError('backend="ray" needs Ray: pip install "cbackprop[ray]"') from error
    if backend == "dask":
        try:
            import distributed  # noqa: F401, PLC0415
        except ImportError as error:
            raise ImportError('backend="dask" needs distributed: pip install "cbackprop[dask]"') from error
    active = joblib.parallel.get_active_backend()[0]
    if backend == "dask" or (backend is None and type(active).__name__ == "DaskDistributedBackend"):
        # Every worker gets the data, so that they outlive a worker that dies.
        return joblib.parallel_config("dask", scatter=list(arrays), client=getattr(active, "client", None))
    if backend == "ray":
        retries = {"max_restarts": -1, "max_task_retries": -1}
        return joblib.parallel_config("ray", ray_remote_args=retries)
    return contextlib.nullcontext() if backend is None else joblib.parallel_config(backend)


def imported_joblib() -> Any:
    """joblib, or an ImportError that says how to get it."""
    try:
        import joblib  # noqa: PLC0415
    except ImportError as error:
        raise ImportError('a sweep needs joblib: pip install "cbackprop[sweep]"') from error
    return joblib


def imported_tqdm() -> Any:
    """The progress bar of tqdm, or None."""
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415
    except ImportError:
        return None
    return tqdm

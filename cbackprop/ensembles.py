"""An ensemble: several networks that vote, each trained from other random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments, _data, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceLayers

__all__ = ["Ensemble", "ensemble"]


class Ensemble:
    """Networks that vote: the outputs are the mean of theirs.

    Parameters
    ----------
    networks : iterable of Network
        At least one, all with as many inputs and outputs. ``cbackprop.sweep`` with ``return_networks=True``
        trains some.

    Attributes
    ----------
    networks : list of Network

    Raises
    ------
    TypeError, ValueError
        If `networks` holds none, something else, or networks that do not fit together.
    """

    def __init__(self, networks: Iterable[ReferenceLayers]) -> None:
        self.networks: list[Any] = list(networks)
        if not self.networks:
            raise ValueError("networks is empty; expected at least one network")
        shapes = []
        for k, net in enumerate(self.networks):
            if not hasattr(net, "predict_proba") or not hasattr(net, "weights"):
                raise TypeError(f"networks[{k}] is of {type(net)}; expected a network")
            shapes.append((net.weights[0].shape[1], net.weights[-1].shape[0]))
            if shapes[k] != shapes[0]:
                raise ValueError(
                    f"networks[{k}] has (inputs, outputs) {shapes[k]}, and networks[0] {shapes[0]}; "
                    f"expected the same"
                )

    def predict_proba(self, X: ArrayLike, *, n_threads: int | None = None) -> NDArray[Any]:
        """The mean of the networks' outputs, (1/K) Σ_k a^L_k, for many examples.

        Parameters
        ----------
        X, n_threads
            As for `cbackprop.network.Network.predict_proba`, which also says what is raised.

        Returns
        -------
        ndarray, (n, n_out)
        """
        total = self.networks[0].predict_proba(X, n_threads=n_threads)
        for net in self.networks[1:]:
            total = total + net.predict_proba(X, n_threads=n_threads)
        return total / len(self.networks)

    def predict(
        self, X: ArrayLike, *, threshold: float | None = None, n_threads: int | None = None
    ) -> NDArray[np.int64]:
        """The ensemble's answers: those of one network whose outputs are `predict_proba`.

        Parameters
        ----------
        X, threshold, n_threads
            As for `cbackprop.network.Network.predict`, which also says what is raised.

        Returns
        -------
        ndarray of int64, (n,)
            The place of the first largest output, or of one output neuron 1 where it is at least
            `threshold`, by default ½.
        """
        limit = _data.checked_threshold(self.networks[0], threshold)
        outputs = self.predict_proba(X, n_threads=n_threads)
        if outputs.shape[1] == 1:
            return (outputs[:, 0] >= (0.5 if limit is None else limit)).astype(np.int64)
        return np.argmax(outputs, axis=1)

    def evaluate(self, test_data: Any, *, threshold: float | None = None) -> int:
        """The number of examples that the ensemble answers with their label.

        Parameters
        ----------
        test_data : pair of arrays (X, Y), or list of (x, label)
            Y is labels or one-hot rows; for one output neuron, 0 and 1.
        threshold : float, optional
            As for `predict`.

        Returns
        -------
        int

        Raises
        ------
        ValueError, TypeError
            If the data do not fit the networks.
        """
        X, Y = sweeps.pair_of_arrays(test_data, "test_data")
        if Y.ndim == 2:
            Y = Y[:, 0] if Y.shape[1] == 1 else np.argmax(Y, axis=1)
        return int(np.count_nonzero(self.predict(X, threshold=threshold) == Y))


def ensemble(make: Callable[..., ReferenceLayers], n: int, data: tuple[Any, Any], **options: Any) -> Ensemble:
    """Train `n` networks from different seeds, in parallel, and let them vote.

    Parameters
    ----------
    make, data
        As for ``cbackprop.sweep``.
    n : int
        The number of networks.
    **options
        As for ``cbackprop.sweep``: ``epochs=30``, ``n_jobs=-1``, ``backend="dask"``, …

    Returns
    -------
    Ensemble

    Raises
    ------
    ValueError, TypeError, ImportError
        As ``cbackprop.sweep``, and if `n` is not a whole number from 1.
    """
    grid: list[dict[str, Any]] = [{}] * _arguments.whole(n, "n", 1)
    rows = sweeps.sweep(make, grid, data, return_networks=True, as_frame=False, **options)
    return Ensemble(row["network"] for row in rows)

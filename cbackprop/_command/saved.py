"""Networks in files, with the notes on their data that `train` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cbackprop import network2
from cbackprop._command.parser import Refused
from cbackprop._command.scaling import Scaling
from cbackprop._command.tables import Wanted
from cbackprop._files import description, networks
from cbackprop.costs import COSTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

PIXELS = 784


class Saved(NamedTuple):
    """A network from a file, and the notes there, or None."""

    net: network2.Network
    notes: dict[str, Any] | None

    @property
    def sizes(self) -> list[int]:
        """The numbers of neurons, from the arrays."""
        return [self.net.weights[0].shape[1], *(len(b) for b in self.net.biases)]

    @property
    def classes(self) -> list[str]:
        """The names of the classes; without notes, their numbers."""
        if self.notes is not None:
            return list(self.notes["classes"])
        return [str(i) for i in range(max(2, self.sizes[-1]))]

    @property
    def is_of_tables(self) -> bool:
        """Whether the file says that the inputs are columns of a table."""
        return self.notes is not None and self.notes["kind"] == "table"

    def wanted(self, target: str | None, ignored: Collection[str]) -> Wanted:
        """The columns that the network is given."""
        columns = self.notes["columns"] if self.notes is not None and self.is_of_tables else None
        return Wanted(columns, self.sizes[0], target, ignored)

    def inputs(self, X: NDArray[Any]) -> NDArray[Any]:
        """The numbers of a table as this network takes them."""
        if self.notes is not None and self.is_of_tables:
            return Scaling.of_notes(self.notes).apply(X)
        if self.notes is not None and X.max() > 1:  # grey values
            return X / 256
        return X

    def check_images(self, name: str) -> None:
        """Refuse images, unless they fit the network."""
        if self.is_of_tables or self.sizes[0] != PIXELS:
            n_in = self.sizes[0]
            raise Refused(
                f"{name} is not a table, and this network takes rows of {n_in} numbers: CSV or Parquet"
                if self.is_of_tables
                else f"{name} is not a table; images have {PIXELS} pixels, and this network {n_in} inputs"
            )


def load(path: str) -> Saved:
    """The network in a file."""
    saved = networks.read(path)
    cost = COSTS.get(saved["cost"])
    if cost is None:
        raise Refused(
            f"{path}: the cost is {saved['cost']!r}, a class of a user's own; load it in Python with "
            f"cbackprop.network2.load(path, cost=...)"
        )
    if not saved["weights"]:
        raise Refused(f"{path} holds a network of one layer, which computes nothing")
    try:
        net = description.restored(network2.Network, saved, description.activations_of(saved, cost))
    except (TypeError, ValueError) as error:
        raise Refused(f"{path}: not an intact network: {error}") from None
    net.cost = cost
    return Saved(net, saved[description.NOTES])

"""One example's way through a network, with every z and a kept."""

from __future__ import annotations

import copy
import functools
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _parameters, _single_example, costs, network, network2
from cbackprop._compiled import Compiled
from cbackprop._memory import remember
from cbackprop.chapter import cost_of_output
from cbackprop.reference.network import ReferenceNetwork
from cbackprop.reference.network2 import ReferenceNetwork2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from cbackprop.reference.network import ReferenceLayers

    _Array: TypeAlias = NDArray[np.float64]
    _ByLayer: TypeAlias = dict[int, _Array]

COLUMN_ENTRIES = 2**18  # numbers in a matrix of columns: 2 MB, within a processor's cache


def check_network(net: Any) -> None:
    """Raise a TypeError if `net` is no network of network.py or network2."""
    if not isinstance(net, (ReferenceNetwork, ReferenceNetwork2)):
        raise TypeError(
            f"net is {type(net).__name__}; expected a cbackprop.network.Network, or one of cbackprop.network2"
        )


class OnePass:
    """One example's way through a network: w, b, z and a of each layer, by the layer's number.

    It goes the way of `backprop`, which does not call `feedforward`. The constructor checks the example and
    the network's parameters; z and a are computed when they are first read.
    """

    def __init__(self, net: ReferenceLayers, x: ArrayLike, y: ArrayLike) -> None:
        check_network(net)
        x = _single_example.checked_input_column(net, x, y)
        self.net = net
        self.module = net._cbackprop.module
        self.n = dict(enumerate(_parameters.layer_sizes(net), 1))
        self.L = len(self.n)
        self.w = {l: np.asarray(w, np.float64) for l, w in enumerate(net.weights, 2)}
        self.b = {l: np.asarray(b, np.float64) for l, b in enumerate(net.biases, 2)}
        # Rounded as the network rounds it.
        self.x = x.astype(net._cbackprop.dtype).astype(np.float64)
        self.y: Any = y if np.isscalar(y) else np.asarray(y)
        activations = net._cbackprop.activations
        self.is_softmax = activations is not None and activations.of_layer(self.L)[0] == "softmax"
        # The class of network2's cost; None for network.py, which has `cost_derivative`.
        self.cost: Any = None
        if isinstance(net, ReferenceNetwork2):
            self.cost = net.cost
            costs.check(self.cost, activations, self.L)
            self.y = np.broadcast_to(np.asarray(self.y, np.float64), (self.n[self.L], 1)).copy()

    @functools.cached_property
    def _z_and_a(self) -> tuple[_ByLayer, _ByLayer]:
        z: _ByLayer = {}
        a: _ByLayer = {1: self.x}
        for l in range(2, self.L + 1):
            z[l] = np.dot(self.w[l], a[l - 1]) + self.b[l]
            a[l] = self.f(l, z[l])
        return z, a

    @property
    def z(self) -> _ByLayer:
        return self._z_and_a[0]

    @property
    def a(self) -> _ByLayer:
        return self._z_and_a[1]

    def f(self, l: int, z: _Array) -> _Array:
        """a^l, the activations of the weighted inputs `z` of layer l, a column or a matrix of columns."""
        return self.module.f(self.net, l, z)

    def f_prime(self, l: int) -> _Array:
        """σ′(z^l), or the derivative of the layer's other function. A softmax layer has none."""
        return self.module.f_prime(self.net, l, self.z[l])

    def cost_derivative(self) -> _Array:
        """∇_a C, (n_L, 1): the last factor of every path."""
        a = self.a[self.L]
        if self.cost is not None:
            return cost_of_output.derivative(self)
        gradient = self.net.cost_derivative(a.copy(), self.y)  # type: ignore[attr-defined]
        return cost_of_output.checked_column(gradient, a.shape, "cost_derivative", broadcasts=True)

    def output_error(self) -> _Array:
        """δ^L, (n_L, 1): ∇_a C ⊙ σ′(z^L), or what the `delta` of network2's cost makes of it."""
        if self.cost is None:
            return self.cost_derivative() * self.f_prime(self.L)
        z, a = self.z[self.L], self.a[self.L]
        delta = self.module.output_error(self.net, z.copy(), a.copy(), self.y.copy())
        return cost_of_output.checked_column(delta, a.shape, "cost.delta")

    @functools.cached_property
    def delta(self) -> _ByLayer:
        """The errors δ^l by (BP1) and (BP2), for l = L, …, 2."""
        delta = {self.L: self.output_error()}
        for l in range(self.L - 1, 1, -1):
            delta[l] = np.dot(self.w[l + 1].T, delta[l + 1]) * self.f_prime(l)
        return delta

    def is_coupled(self, l: int) -> bool:
        """Whether each activation of layer l depends on every z of the layer: whether it is a softmax."""
        return self.is_softmax and l == self.L

    def softmax_rate(self) -> _Array:
        """∂a^L_m/∂z^L_j = a_m (1 if m = j, else 0) − a_m a_j of a softmax layer: a matrix, entry (m, j)."""
        a = self.a[self.L]
        return np.diagflat(a) - np.dot(a, a.T)

    def change_of_a(self, l: int, dz: _Array) -> _Array:
        """The change of a^l, to first order, when z^l changes by `dz`: σ′(z^l) ⊙ dz, but for softmax."""
        return np.dot(self.softmax_rate(), dz) if self.is_coupled(l) else self.f_prime(l) * dz

    def weight_rate(self, l: int) -> _Array:
        """∂a^l_j/∂w^l_jk = σ′(z^l_j) a^{l-1}_k, for each weight of a layer l that is no softmax."""
        return self.f_prime(l) * self.a[l - 1].T

    def neuron_rate(self, l: int) -> _Array:
        """∂a^l_q/∂a^{l-1}_j, for each edge into layer l: σ′(z^l_q) w^l_qj, but for softmax."""
        if self.is_coupled(l):
            return np.dot(self.softmax_rate(), self.w[l])
        return self.f_prime(l) * self.w[l]

    def place(self, weight: Sequence[int]) -> tuple[int, int, int]:
        """`weight` as three ints (l, j, k), checked."""
        try:
            l, j, k = map(operator.index, weight)
        except (TypeError, ValueError):
            raise TypeError(f"weight is {weight!r}; expected three whole numbers (l, j, k)") from None
        if not 2 <= l <= self.L:
            raise ValueError(f"weight is {weight!r}; this network's layers with weights are 2 to {self.L}")
        for name, number, layer in (("j", j, l), ("k", k, l - 1)):
            if not 0 <= number < self.n[layer]:
                raise ValueError(
                    f"weight is {weight!r}; {name} counts the {self.n[layer]} neurons of layer {layer} from 0"
                )
        return l, j, k

    def above(self, l: int) -> Callable[[_Array], _Array]:
        """The network above layer l: a function from columns of a^l to columns of a^L."""
        if l == self.L:
            return lambda a: a
        if not isinstance(self.net, Compiled) or self.module.replaced(self.net):
            return functools.partial(self.feedforward, l)
        kind: Any = network.Network if self.cost is None else network2.Network
        rest = kind.__new__(kind)
        rest.weights = [self.w[m] for m in range(l + 1, self.L + 1)]
        rest.biases = [self.b[m] for m in range(l + 1, self.L + 1)]
        activations = copy.copy(self.net._cbackprop.activations)
        if activations is not None:
            activations.layers = activations.of_layers(self.L)[l - 1 :]
            remember(rest, activations=activations)
        return rest.feedforward

    def feedforward(self, l: int, a: _Array) -> _Array:
        """From columns of a^l to columns of a^L in NumPy, for the user's own functions."""
        for m in range(l + 1, self.L + 1):
            a = self.f(m, np.dot(self.w[m], a) + self.b[m])
        return a

    def outputs(self, l: int, dz: _Array) -> Iterator[_Array]:
        """Yield matrices whose columns are, for each entry dz[j, k], the a^L when z^l_j alone grows by it.

        A change of z^l_j changes z^{l+1} by w^{l+1}_qj Δa^l_j, one column instead of a product of matrices.
        From there the columns go through the rest of the network together.
        """
        changed = np.zeros(0) if self.is_coupled(l) else self.f(l, self.z[l] + dz)
        neurons = np.repeat(np.arange(self.n[l]), dz.shape[1])
        widest = max(self.n[m] for m in range(l, self.L + 1))
        chunk = max(1, COLUMN_ENTRIES // max(1, widest))
        above = self.above(min(l + 1, self.L))
        for start in range(0, dz.size, chunk):
            j = neurons[start : start + chunk]
            a_j = changed.ravel()[start : start + chunk]
            if self.is_coupled(l):
                z = np.repeat(self.z[l], len(j), axis=1)
                z[j, np.arange(len(j))] += dz.ravel()[start : start + chunk]
                a = self.f(l, z)
            elif l == self.L:
                a = np.repeat(self.a[l], len(j), axis=1)
                a[j, np.arange(len(j))] = a_j
            else:
                z = self.z[l + 1] + self.w[l + 1][:, j] * (a_j - self.a[l][j, 0])
                a = above(self.f(l + 1, z))
            yield a

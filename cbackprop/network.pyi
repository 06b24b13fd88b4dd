import random as random
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cbackprop._compiled import Compiled
from cbackprop._overrides import Module
from cbackprop.activations import Activation as Activation
from cbackprop.reference.network import ReferenceNetwork

__all__ = ["Activation", "Network", "np", "random", "sigmoid", "sigmoid_prime"]

def sigmoid(z: ArrayLike) -> Any: ...
def sigmoid_prime(z: ArrayLike) -> Any: ...

MODULE: Module

class Network(Compiled, ReferenceNetwork):
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[Any] | None = None,
        *,
        n_threads: int | None = None,
    ) -> None: ...

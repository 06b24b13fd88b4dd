import json as json
import random as random
import sys as sys
from collections.abc import Iterable
from os import PathLike
from typing import Any

import numpy as np

from cbackprop._compiled import Compiled
from cbackprop._memory import offered
from cbackprop._overrides import Module
from cbackprop.activations import Activation as Activation
from cbackprop.costs import CrossEntropyCost as CrossEntropyCost
from cbackprop.costs import LogLikelihoodCost as LogLikelihoodCost
from cbackprop.costs import QuadraticCost as QuadraticCost
from cbackprop.network import sigmoid as sigmoid
from cbackprop.network import sigmoid_prime as sigmoid_prime
from cbackprop.reference.network2 import ReferenceNetwork2
from cbackprop.reference.network2 import vectorized_result as vectorized_result

__all__ = [
    "Activation",
    "CrossEntropyCost",
    "LogLikelihoodCost",
    "Network",
    "QuadraticCost",
    "json",
    "load",
    "np",
    "random",
    "sigmoid",
    "sigmoid_prime",
    "sys",
    "vectorized_result",
]

MODULE: Module

def step_options_of(
    net: Any, eta: float = 0.0, shrink: float = 0.0, regularization: str = "L2", mu: float = 0.0
) -> Any: ...

class Network(Compiled, ReferenceNetwork2):  # type: ignore[misc]  # velocities give way to the user's own
    velocities: offered[Any]  # type: ignore[assignment]
    def SGD(
        self,
        training_data: Iterable[Any],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Iterable[Any] | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        *,
        regularization: str = "L2",
        mu: float = 0.0,
        early_stopping_n: int = 0,
        restore_best: bool = False,
        eta_halving_n: int = 0,
        n_threads: int | None = None,
    ) -> tuple[list[float], list[int], list[float], list[int]]: ...
    def save(self, filename: str | bytes | PathLike[str]) -> None: ...

def load(filename: str | bytes | PathLike[str], cost: Any = None) -> Network: ...

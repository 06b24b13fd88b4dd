"""Checkpoints in files: npz that is written whole or not at all, and read without trust.

It holds ``checkpoint``, the bytes of a JSON, and arrays, little-endian and not compressed. Arrays that are
shaped like a network's parameters come in groups, of which the JSON's ``groups`` has the number of layers:
``parameters_weights_0``, ``parameters_biases_0``, … The others, under ``orders``, number the examples.
"""

from __future__ import annotations

import json
import os
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbackprop._files import npz
from cbackprop._files.whole import replacing

FORMAT = 1
GROUPS = "parameters", "best", "velocities", "moments_1", "moments_2", "moments_3"
ORDERS = "order", "first_places"
SIDES = "weights", "biases"


class Contents(NamedTuple):
    """What a checkpoint holds."""

    words: dict[str, Any]  # in JSON's types
    groups: dict[str, tuple[list[NDArray[Any]], list[NDArray[Any]]]]  # weights and biases, or what is as they
    orders: dict[str, NDArray[np.uint32]]


def write(filename: str, contents: Contents) -> None:
    """Write a checkpoint to a file, which stays as it was if that fails.

    Raises
    ------
    OSError
        Naming the file.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for group, sides in contents.groups.items():
        for side, layers in zip(SIDES, sides):
            for i, array in enumerate(layers):
                arrays[f"{group}_{side}_{i}"] = array
    arrays |= contents.orders
    words = {
        "format": FORMAT,
        "groups": {group: len(weights) for group, (weights, _) in contents.groups.items()},
        "orders": list(contents.orders),
        **contents.words,
    }
    arrays["checkpoint"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    little: dict[str, Any] = {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()
    }
    try:
        with replacing(filename, "wb") as file:
            np.savez(file, **little)
    except OSError as error:
        # Otherwise it would name a temporary file, or none.
        reason = f"the checkpoint was not written: {error.strerror or error}"
        raise OSError(error.errno or 0, reason, filename) from error


def read(filename: str) -> Contents:
    """The checkpoint in a file. Its words may be anything yet.

    Raises
    ------
    ValueError
        If the file is damaged, or no checkpoint. The message names it.
    OSError
        If it cannot be read.
    """
    with open(filename, "rb") as file:
        try:
            return _read(file)
        except MemoryError:
            raise
        # On a damaged file, any of the libraries that read it can fail.
        except Exception as error:
            raise ValueError(f"{filename}: not an intact checkpoint: {error}") from error


def _read(file: IO[bytes]) -> Contents:
    with npz.opened(file) as archive:
        names = sorted(entry.filename for entry in archive.infolist())
        if "checkpoint.npy" not in names:
            raise ValueError("it is an npz of something else")
        words = json.loads(npz.array_in(archive, "checkpoint", 1, ("u1",)).tobytes())
        if type(words) is not dict or words.pop("format", None) != FORMAT:
            raise ValueError(f"it does not say that its format is {FORMAT}, which this version reads")
        counts, orders = words.pop("groups", None), words.pop("orders", None)
        if (
            type(counts) is not dict
            or not counts.keys() <= set(GROUPS)
            or not all(type(n) is int and 0 <= n <= len(names) for n in counts.values())
        ):
            raise ValueError("groups does not say how many layers each has")
        if type(orders) is not list or any(name not in ORDERS for name in orders):
            raise ValueError("orders is not a list of their names")
        expected = [
            f"{group}_{side}_{i}.npy" for group, n in counts.items() for side in SIDES for i in range(n)
        ]
        if sorted(["checkpoint.npy", *expected, *(f"{name}.npy" for name in orders)]) != names:
            raise ValueError("it holds other arrays than it says, or some twice")
        groups: dict[str, Any] = {
            group: tuple(
                [_native(npz.array_in(archive, f"{group}_{side}_{i}", 2, ("f4", "f8"))) for i in range(n)]
                for side in SIDES
            )
            for group, n in counts.items()
        }
        numbers = {name: _native(npz.array_in(archive, name, 1, ("u4",))) for name in orders}
    return Contents(words, groups, numbers)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """A copy in this machine's byte order, row by row."""
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def same_file(first: str, second: str) -> bool:
    """Whether two names are of one file, which need not be there."""
    return os.path.realpath(first) == os.path.realpath(second)

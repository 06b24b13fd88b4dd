"""What a file says of the data that its network was trained on, so that new data can be given to it alike.

The command writes these notes under our key, as ``data``, an object with

- ``kind``: ``"images"`` of digits, made as `cbackprop.images.read_digit` makes them, or ``"table"``;
- ``classes``: the names of the classes, one for each output neuron;
- of a table, ``target``, the name of the column with the class, ``columns``, the names of the others, one for
  each input, and ``shift`` and ``scale``: an input is (number in the column − shift) / scale.

The networks of the library, which train on arrays, have none.
"""

from __future__ import annotations

import math
from typing import Any

KINDS: dict[str, set[str]] = {
    "images": {"kind", "classes"},
    "table": {"kind", "classes", "target", "columns", "shift", "scale"},
}


def check(notes: Any, sizes: list[int]) -> None:
    """Raise a ValueError if `notes` are not of a network with layers of these sizes."""
    if type(notes) is not dict or type(notes.get("kind")) is not str or notes["kind"] not in KINDS:
        raise ValueError(f"data does not say that it is one of {', '.join(KINDS)}")
    if set(notes) != KINDS[notes["kind"]]:
        raise ValueError(f"data of this kind has {', '.join(sorted(KINDS[notes['kind']]))}")
    if len(sizes) < 2:
        raise ValueError("data belongs to a network with inputs and outputs")
    _check_names(notes["classes"], "classes", sizes[-1])
    if notes["kind"] == "images":
        if sizes[0] != 784:
            raise ValueError(
                f"data is of images, which have 784 pixels, and the network has {sizes[0]} inputs"
            )
        return
    if type(notes["target"]) is not str:
        raise ValueError("target is not a name")
    _check_names(notes["columns"], "columns", sizes[0])
    for name in ("shift", "scale"):
        numbers = notes[name]
        if type(numbers) is not list or len(numbers) != sizes[0]:
            raise ValueError(f"{name} is not a list of {sizes[0]} numbers")
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            raise ValueError(f"{name} holds what is not a finite number")
    if not all(notes["scale"]):
        raise ValueError("scale holds 0")


def _check_names(names: Any, what: str, n: int) -> None:
    if type(names) is not list or any(type(name) is not str for name in names):
        raise ValueError(f"{what} is not a list of names")
    if len(names) != n or len(set(names)) != n:
        raise ValueError(f"{what} has {len(set(names))} different names; the network needs {n}")

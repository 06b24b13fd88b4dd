from os import PathLike
from typing import Any

REQUIRED: set[str]
DTYPES: tuple[str, ...]

def write(net: Any, filename: str | bytes | PathLike[str]) -> None: ...
def read(filename: str | bytes | PathLike[str]) -> dict[str, Any]: ...

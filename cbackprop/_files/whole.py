"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def replacing(filename: str | bytes | os.PathLike[str], mode: str) -> Iterator[IO[Any]]:
    """A file to write into. It replaces `filename` at the end, and not before."""
    encoding = None if "b" in mode else "ascii"
    target = os.path.realpath(os.fsdecode(filename))
    try:
        old = os.stat(target)
    except FileNotFoundError:
        old = None
    # /dev/stdout or a pipe: there is nothing to keep whole.
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(target, mode, encoding=encoding) as file:
            yield file
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(8).hex()}")
    try:
        with open(temporary, mode.replace("w", "x"), encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if old is not None:
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

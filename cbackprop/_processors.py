"""How many processors this process is granted, and how many workers a team can keep busy."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

READ = 1 << 20  # no more bytes of a file than these
PATH = 4096  # no path is longer


# ---- granted ----


def granted(proc: str = "/proc/self") -> int:
    """The number of processors that this process may use.

    That is the least of its affinity, the CPU quotas of its cgroups, and the number that Python was given.

    A quota is rounded to the nearest whole number, one and a half to two. On two free processors two threads
    are 1.3 to 1.9 times as fast as one, so on three quarters of that they are at least as fast.

    Parameters
    ----------
    proc : str
        The folder in which Linux describes a process to itself.
    """
    counts = _scheduled()
    for quota, period in _quotas(proc):
        counts.append((2 * quota + period) // (2 * period))  # to the nearest, halves up
    return max(1, min(counts))


def _scheduled() -> list[int]:
    """The numbers from the system and Python: the affinity, or else the machine's processors."""
    counts = []
    with contextlib.suppress(AttributeError, OSError):  # macOS, Windows; a sandbox
        counts.append(len(os.sched_getaffinity(0)))
    with contextlib.suppress(AttributeError, OSError):  # from Python 3.13: -X cpu_count, PYTHON_CPU_COUNT
        counts.append(os.process_cpu_count() or 1)  # type: ignore[attr-defined]
    return counts or [os.cpu_count() or 1]


def _quotas(proc: str) -> Iterator[tuple[int, int]]:
    """Yield (quota, period) of every CPU quota on this process's cgroups and their ancestors.

    Files that are missing, unreadable, or not like a cgroup's are skipped.
    """
    for files in _quota_files(proc, tuple(_lines(os.path.join(proc, "cgroup")))):
        words = [word for file in files for word in " ".join(_lines(file)[:1]).split()]
        try:
            quota, period = (int(word) for word in words)
        except ValueError:  # "max", for one
            continue
        if quota > 0 and period > 0:  # -1 is none
            yield quota, period


# What _find_quota_files found: the list of mounts takes longest to read.
_known: dict[tuple[str, tuple[str, ...]], list[list[str]]] = {}


def _quota_files(proc: str, cgroups: tuple[str, ...]) -> list[list[str]]:
    """The files with the quotas of these cgroups, one or two for each folder."""
    files = _known.get((proc, cgroups))
    if files is None:
        files = _find_quota_files(proc, cgroups)
        _known.clear()
        _known[proc, cgroups] = files
    return files


def _find_quota_files(proc: str, cgroups: tuple[str, ...]) -> list[list[str]]:
    """The result of `_quota_files`, read again."""
    mounts = _lines(os.path.join(proc, "mountinfo"))
    found: list[list[str]] = []
    for line in cgroups:
        # hierarchy:controllers:path; version 2 is hierarchy 0, without controllers
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            folders = _folders(mounts, "cgroup2", None, path)
            names = ["cpu.max"]
        elif "cpu" in controllers.split(","):
            folders = _folders(mounts, "cgroup", "cpu", path)
            names = ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        found += [[os.path.join(folder, name) for name in names] for folder in folders]
    return found


def _folders(mounts: list[str], kind: str, controller: str | None, path: str) -> list[str]:
    """The folders of the cgroup `path` and its ancestors, as far up as they are mounted.

    A container may see only a part of the tree, mounted as the whole.
    """
    found = []
    for line in mounts:
        # number parent device root mount options ... - kind source options
        before, _, after = line.partition(f" - {kind} ")
        fields, options = before.split(" "), after.rpartition(" ")[2]
        if after and len(fields) > 4 and (controller is None or controller in options.split(",")):
            found.append((_unescaped(fields[3]), _unescaped(fields[4])))
    for root, mount in found:
        below = _below(path, root)
        if below is not None:
            return [os.path.join(mount, *below[:depth]) for depth in range(len(below), -1, -1)]
    return [mount for _, mount in found[:1]]


def _below(path: str, root: str) -> list[str] | None:
    """The names that lead from the cgroup `root` down to `path`, or None if they do not."""
    names, above = ([name for name in text.split("/") if name] for text in (path, root))
    if ".." in names or names[: len(above)] != above or len(path) > PATH:
        return None
    return names[len(above) :]


def _unescaped(text: str) -> str:
    r"""A path from mountinfo, which writes a blank as \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _lines(path: str) -> list[str]:
    """The lines of a file; an empty list if it cannot be read."""
    data = b""
    try:
        # Reading a pipe without a writer would wait for ever.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            while len(data) < READ and (piece := os.read(file, READ - len(data))):
                data += piece
        finally:
            os.close(file)
        return os.fsdecode(data).split("\n")
    except (OSError, ValueError):
        return []


# ---- got ----

ALLOWED = 0.4  # processors that may be missing: a smaller team would not be faster
EVIDENCE = 0.02  # seconds for which one missing processor is tolerated
REST, LONGEST_REST = 0.2, 30.0  # seconds that a team stays smaller, at first and at most
TRIAL = 1.0  # seconds after which a trial of the full team has succeeded


class Supply:
    """How many workers a team should have while other processes take its processors.

    Workers wait for each other, so one without a processor delays them all. A team that lacks processors
    loses as many workers. After a rest the full team is tried again, and after each failed trial the rest is
    twice as long.

    Parameters
    ----------
    full : int
        The number of workers if no processor is missing.
    """

    def __init__(self, full: int) -> None:
        self.full = self.fewer = full
        self.rest = REST
        self.change = float("-inf")  # when the team was last made fewer, or full again
        self._forget()

    def workers(self, workers: int, seconds: float, used: float, missing: float, now: float) -> int:
        """The number of workers to continue with.

        Parameters
        ----------
        workers : int
            The number that has just worked.
        seconds : float
            For how long.
        used, missing : float
            For how long, in seconds, all of them together used a processor, and lacked one.
        now : float
            The time, in seconds.
        """
        if workers < self.full and now - self.change > self.rest:
            self.change = now
            self._forget()
            return self.full
        if not self._tells(seconds, used, missing):
            return workers
        fewer = min(workers - 1, self._got(workers))
        if workers == self.full:
            if now - self.change < TRIAL:
                self.rest = min(2 * self.rest, LONGEST_REST)
                fewer = min(fewer, self.fewer)
            else:
                self.rest = REST
        self.fewer, self.change = max(1, fewer), now
        self._forget()
        return self.fewer

    def _forget(self) -> None:
        self.evidence = self.seconds = self.used = self.missing = 0.0

    def _tells(self, seconds: float, used: float, missing: float) -> bool:
        """Whether processors have been missing for long enough to mean that others use them."""
        lack = missing / seconds if seconds > 0 else 0.0
        # The more are missing, the faster evidence grows. Below ALLOWED it shrinks again.
        self.evidence += (lack - ALLOWED) * max(lack, 1.0) * seconds
        self.seconds += seconds
        self.used += used
        self.missing += missing
        if self.evidence <= 0:
            self._forget()
        return self.evidence > EVIDENCE

    def _got(self, workers: int) -> int:
        """How many of the workers got a processor.

        The time without one says so, as a worker may also be idle for lack of work. But if many lack one,
        few get far enough to wait for one, and the time used says more.
        """
        lack = self.missing / self.seconds
        return round(self.used / self.seconds if 4 * lack > workers else workers - lack)

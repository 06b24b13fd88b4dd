"""How many processors this process is granted, and how many of a team's workers get one."""

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

    The least of its affinity, the CPU quotas of its cgroups, and what Python was told.

    A quota is rounded to the nearest whole number, one and a half to two: on two free processors two threads
    are 1.3 to 1.9 times as fast as one, so on three quarters of that at least as fast.

    Parameters
    ----------
    proc : str
        The folder in which Linux tells a process of itself.
    """
    counts = _scheduled()
    for quota, period in _quotas(proc):
        counts.append((2 * quota + period) // (2 * period))  # to the nearest, halves up
    return max(1, min(counts))


def _scheduled() -> list[int]:
    """What the system and Python say: the affinity, or the processors of the machine."""
    counts = []
    with contextlib.suppress(AttributeError, OSError):  # macOS, Windows; a sandbox
        counts.append(len(os.sched_getaffinity(0)))
    with contextlib.suppress(AttributeError, OSError):  # from Python 3.13: -X cpu_count, PYTHON_CPU_COUNT
        counts.append(os.process_cpu_count() or 1)  # type: ignore[attr-defined]
    return counts or [os.cpu_count() or 1]


def _quotas(proc: str) -> Iterator[tuple[int, int]]:
    """Yield (quota, period) of every CPU quota on this process's cgroups and their ancestors.

    Files that are missing, cannot be read, or say what cgroups do not are passed over.
    """
    for files in _quota_files(proc, tuple(_lines(os.path.join(proc, "cgroup")))):
        words = [word for file in files for word in " ".join(_lines(file)[:1]).split()]
        try:
            quota, period = (int(word) for word in words)
        except ValueError:  # "max", for one
            continue
        if quota > 0 and period > 0:  # -1 is none
            yield quota, period


# What _find_quota_files found: the list of mounts takes longer to read than all else.
_known: dict[tuple[str, tuple[str, ...]], list[list[str]]] = {}


def _quota_files(proc: str, cgroups: tuple[str, ...]) -> list[list[str]]:
    """The files that hold the quotas of the cgroups in /proc/self/cgroup: one or two for each folder."""
    files = _known.get((proc, cgroups))
    if files is None:
        files = _find_quota_files(proc, cgroups)
        _known.clear()
        _known[proc, cgroups] = files
    return files


def _find_quota_files(proc: str, cgroups: tuple[str, ...]) -> list[list[str]]:
    """What `_quota_files` says, read anew."""
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

    A container may see only a part of the tree, mounted as if it were the whole.
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
    """The names that lead from the cgroup `root` to `path`; None where it is not below."""
    names, above = ([name for name in text.split("/") if name] for text in (path, root))
    if ".." in names or names[: len(above)] != above or len(path) > PATH:
        return None
    return names[len(above) :]


def _unescaped(text: str) -> str:
    r"""A path of mountinfo, where a blank is \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _lines(path: str) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    data = b""
    try:
        # A pipe without a writer would let us wait for ever.
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

ALLOWED = 0.4  # processors that may be missing: with so many threads fewer it would be no faster
EVIDENCE = 0.02  # seconds that one missing processor is put up with
REST, LONGEST_REST = 0.2, 30.0  # seconds that a team stays smaller, at first and at most
TRIAL = 1.0  # seconds after which a team in full has lasted


class Supply:
    """How many workers a team is to have while others take its processors.

    Workers wait for each other, so one without a processor holds all of them up. A team in which
    processors are missing gets so many workers fewer; after a rest it is tried in full again, and after
    each trial in vain the rest is twice as long.

    Parameters
    ----------
    full : int
        The number of workers where nothing is missing.
    """

    def __init__(self, full: int) -> None:
        self.full = self.fewer = full
        self.rest = REST
        self.change = float("-inf")  # when the team was last made fewer, or full again
        self._forget()

    def workers(self, workers: int, seconds: float, used: float, missing: float, now: float) -> int:
        """The number of workers to go on with.

        Parameters
        ----------
        workers : int
            Those that have just worked ...
        seconds : float
            ... for so long,
        used, missing : float
            ... in which all of them together used processors, and were without one, for so long.
        now : float
            The time of a clock, in seconds.
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
        """Whether what is missing, with what was before, tells of others and not of a moment's chance."""
        lack = missing / seconds if seconds > 0 else 0.0
        # The more are missing, the sooner it tells; below ALLOWED evidence is lost again.
        self.evidence += (lack - ALLOWED) * max(lack, 1.0) * seconds
        self.seconds += seconds
        self.used += used
        self.missing += missing
        if self.evidence <= 0:
            self._forget()
        return self.evidence > EVIDENCE

    def _got(self, workers: int) -> int:
        """How many of the workers got a processor.

        Those without one tell; a worker may also be idle for want of work. But where many are without
        one, few come as far as to wait for one, and what was used tells more.
        """
        lack = self.missing / self.seconds
        return round(self.used / self.seconds if 4 * lack > workers else workers - lack)

"""How many processors this process is granted."""

import contextlib
import functools
import os
import re

READ = 1 << 20  # no more bytes of a file than these
PATH = 4096  # no path is longer


def granted(proc="/proc/self"):
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


def _scheduled():
    """What the system and Python say: the affinity, or the processors of the machine."""
    counts = []
    with contextlib.suppress(AttributeError, OSError):  # macOS, Windows; a sandbox
        counts.append(len(os.sched_getaffinity(0)))
    with contextlib.suppress(AttributeError, OSError):  # from Python 3.13: -X cpu_count, PYTHON_CPU_COUNT
        counts.append(os.process_cpu_count() or 1)
    return counts or [os.cpu_count() or 1]


def _quotas(proc):
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


@functools.lru_cache(maxsize=4)  # the list of mounts takes longer to read than all else
def _quota_files(proc, cgroups):
    """The files that hold the quotas of the cgroups in /proc/self/cgroup: one or two for each folder."""
    mounts = _lines(os.path.join(proc, "mountinfo"))
    found = []
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


def _folders(mounts, kind, controller, path):
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


def _below(path, root):
    """The names that lead from the cgroup `root` to `path`; None where it is not below."""
    names, above = ([name for name in text.split("/") if name] for text in (path, root))
    if ".." in names or names[: len(above)] != above or len(path) > PATH:
        return None
    return names[len(above) :]


def _unescaped(text):
    r"""A path of mountinfo, where a blank is \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _lines(path):
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

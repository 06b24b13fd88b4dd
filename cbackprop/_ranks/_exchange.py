"""What the ranks of a communicator tell each other: with a time limit, and an error of one is an error of
all.

Every call is a nonblocking collective of MPI that is polled, so that a rank that is gone or stuck ends in a
TimeoutError and not in a hang.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments

if TYPE_CHECKING:
    from types import FrameType

TIMEOUT = 300.0  # seconds
SPINS = 100  # tests of a request between two looks at the clock
BUSY = 0.01  # seconds until this rank sleeps between two tests ...
PAUSE = 0.0002  # ... for so long
CHUNK = 1 << 26  # bytes of a rank that are sent at a time

# What a request that was given up still writes to: MPI may yet do so.
_GIVEN_UP: list[Any] = []
_KEYS: list[int] = []  # of a communicator's attributes: ours for it, and whether a call was given up
RANKS_OF_A_MACHINE: int | None = None  # tests make several machines of one

# The errors that other ranks raise as well. Theirs is a RuntimeError if one rank has another one.
KINDS: dict[str, type[BaseException]] = {
    kind.__name__: kind
    for kind in (ValueError, TypeError, ZeroDivisionError, MemoryError, KeyboardInterrupt, ImportError)
}


def mpi() -> Any:
    """The module mpi4py.MPI, which initialises MPI."""
    try:
        from mpi4py import MPI  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ImportError(f'comm needs mpi4py: pip install "cbackprop[mpi]" ({error})') from error
    return MPI


def checked_comm(comm: Any) -> Any:
    """The option `comm` of SGD: an intracommunicator of mpi4py."""
    MPI = mpi()
    if not isinstance(comm, MPI.Comm):
        raise TypeError(f"comm is {comm!r}; expected a communicator of mpi4py, such as MPI.COMM_WORLD")
    if MPI.Is_finalized():
        raise ValueError("comm cannot be used any more: MPI is finalized")
    if comm == MPI.COMM_NULL:
        raise ValueError("comm is MPI.COMM_NULL, or was freed; expected a communicator that is in use")
    if comm.Is_inter():
        raise TypeError("comm is an intercommunicator; expected one group of ranks: comm.Merge()")
    return comm


def checked_timeout(timeout: Any) -> float:
    """The option `timeout` of SGD, in seconds."""
    if timeout is None:
        return TIMEOUT
    seconds = _arguments.number(timeout, "timeout")
    if not seconds > 0:
        raise ValueError(f"timeout is {timeout!r}; expected a number of seconds above 0")
    return seconds


class Exchange:
    """A communicator of our own, with the ranks of the user's.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    timeout : float
        How many seconds this rank waits for the others.

    Attributes
    ----------
    rank, size : int
    comm, node, leaders : mpi4py.MPI.Intracomm
        Of our own: with all ranks, with those of this machine, and with the first of each machine.
    is_over : bool
        Whether an error has ended the call on all ranks.
    is_broken : bool
        Whether a rank did not answer: nothing more can be exchanged.
    is_crowded : bool
        Whether there are more ranks than processors, so that who waits had better let others work.
    opened : list
        What all ranks have to close.
    """

    def __init__(self, comm: Any, timeout: float) -> None:
        self.MPI = mpi()
        self.users, self.timeout = comm, timeout
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.is_over = self.is_broken = self.is_crowded = False
        self.opened: list[Any] = []
        if comm.Get_attr(keys()[1]):
            raise RuntimeError(
                "an earlier call of SGD with this comm was given up, because a rank did not answer; what its "
                "ranks sent may still arrive, so end them all and start again"
            )
        with Interrupts() as self.interrupts:  # for the first exchange to tell
            self.wait(
                comm.Ibarrier()
            )  # from here on all are there, and calls that cannot be polled may follow
            self.comm, self.node, self.leaders = groups_of(comm)

    def wait(self, request: Any, *buffers: Any) -> None:
        """Wait for a request of MPI, which writes into `buffers`."""
        try:
            self.poll(request)
        except BaseException:  # the request goes on: what the others hear next would be taken for its answer
            self.give_up()
            _GIVEN_UP.append((request, buffers))
            raise

    def poll(self, request: Any) -> None:
        """Test a request until it is complete."""
        test = request.Test
        begun = time.monotonic()
        while True:
            for _ in range(1 if self.is_crowded else SPINS):
                if test():
                    return
            waited = time.monotonic() - begun
            if waited > self.timeout:
                raise TimeoutError(
                    f"rank {self.rank}: another rank did not answer within {self.timeout:g} seconds: it has "
                    f"ended, does not call SGD, or needs longer than the option timeout"
                )
            if waited > BUSY:
                time.sleep(PAUSE)
            elif self.is_crowded and hasattr(os, "sched_yield"):
                os.sched_yield()

    def exchange(self, payload: Any = None, error: BaseException | None = None) -> list[Any]:
        """What every rank gives here, in their order. If one of them has an error, all raise it."""
        if error is None:
            message = pickle.dumps((None, payload), 5)
        else:
            message = pickle.dumps((type(error).__name__, message_of(error)), 5)
        with Interrupts() as interrupts:
            answers = [pickle.loads(each) for each in self.gather(message)]
        errors = [(rank, *answer) for rank, answer in enumerate(answers) if answer[0] is not None]
        if errors:
            self.is_over = True
            if error is not None:
                raise error
            raise error_of(*errors[0])
        interrupts.raise_now()
        return [answer[1] for answer in answers]

    def gather(self, message: bytes) -> list[bytes]:
        """The bytes that every rank gives."""
        n, MPI = self.size, self.MPI
        lengths = np.empty(n, np.int64)
        mine = np.array([len(message)], np.int64)
        self.wait(self.comm.Iallgather(mine, lengths), mine, lengths)
        parts: list[list[bytes]] = [[] for _ in range(n)]
        for start in range(0, int(lengths.max()), CHUNK):
            counts = [min(max(int(length) - start, 0), CHUNK) for length in lengths]
            places = [sum(counts[:i]) for i in range(n)]
            part = np.frombuffer(message, np.uint8)[start : start + CHUNK]
            buffer = np.empty(sum(counts), np.uint8)
            self.wait(
                self.comm.Iallgatherv([part, MPI.BYTE], [buffer, counts, places, MPI.BYTE]), part, buffer
            )
            for i in range(n):
                parts[i].append(buffer[places[i] : places[i] + counts[i]].tobytes())
        return [b"".join(part) for part in parts]

    def close(self) -> None:
        """Close what was opened, or, if a rank may be gone, leave it."""
        with Interrupts() as interrupts:
            while self.opened and not self.is_broken:
                self.opened.pop().close()
        interrupts.raise_now()

    def give_up(self) -> None:
        """Exchange nothing more, neither in this call nor in later ones."""
        self.is_broken = True
        self.users.Set_attr(keys()[1], True)

    def fail(self, error: BaseException) -> None:
        """Tell the others of an error of this rank, unless they know, and raise it."""
        if not (self.is_over or self.is_broken):
            try:
                self.exchange(error=error)
            finally:
                if not self.is_over:  # the others do not know
                    self.give_up()
        raise error


def keys() -> list[int]:
    """The keys of the attributes that a communicator has from us."""
    if not _KEYS:
        create = mpi().Comm.Create_keyval
        _KEYS.extend((create(delete_fn=free_groups), create()))
    return _KEYS


def groups_of(comm: Any) -> tuple[Any, Any, Any]:
    """Our own communicators of the ranks of `comm`: all, those of this machine, the first of each machine.

    They are made once, and freed with `comm`, whose attribute they are.
    """
    MPI = mpi()
    key = keys()[0]
    groups = comm.Get_attr(key)
    if groups is None or groups[-1] != RANKS_OF_A_MACHINE:
        whole, rank = comm.Dup(), comm.Get_rank()
        node = whole.Split_type(MPI.COMM_TYPE_SHARED, rank)
        if RANKS_OF_A_MACHINE is not None:
            machine, node = node, node.Split(node.Get_rank() // RANKS_OF_A_MACHINE, rank)
            machine.Free()
        leaders = whole.Split(0 if node.Get_rank() == 0 else MPI.UNDEFINED, rank)
        groups = whole, node, leaders, RANKS_OF_A_MACHINE
        comm.Set_attr(key, groups)
    return groups[:3]


def free_groups(comm: Any, key: int, groups: Any) -> None:
    """What MPI calls when the user's communicator is freed."""
    for each in groups[:3]:
        if each != mpi().COMM_NULL:
            each.Free()


def message_of(error: BaseException) -> str:
    """The message of an error, whatever its class does when asked for it."""
    try:
        return str(error)
    except Exception as other:
        return f"(its message cannot be told: {type(other).__name__})"


def error_of(rank: int, kind: str, message: str) -> BaseException:
    """The error that a rank raises because another has one."""
    if kind == "KeyboardInterrupt":
        return KeyboardInterrupt(f"rank {rank} was interrupted")
    if kind in KINDS:
        return KINDS[kind](f"rank {rank}: {message}")
    return RuntimeError(f"rank {rank}: {kind}: {message}")


class Interrupts:
    """Within it Ctrl-C is noted, so that all ranks can end at the same place. A second one is not.

    Attributes
    ----------
    came : bool
        Whether it came. If this is within another object of this kind, that one notes it.
    raises : bool
        Whether KeyboardInterrupt is raised at once, as outside.
    """

    def __init__(self) -> None:
        self.came = self.raises = self.is_ours = False

    def __enter__(self) -> Interrupts:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self.note)
            self.is_ours = True
        return self

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take the place of Python's own handler."""
        if self.raises or self.came:
            raise KeyboardInterrupt
        self.came = True

    def __exit__(self, *error: object) -> None:
        if self.is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def raise_now(self) -> None:
        """Raise what was noted."""
        if self.came:
            self.came = False
            raise KeyboardInterrupt

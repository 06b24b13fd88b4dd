"""What the ranks of a communicator tell each other: with a time limit, and an error of one is an error of
all.

Every call is a nonblocking collective of MPI that is polled, so that a rank that is gone or stuck ends in a
TimeoutError and not in a hang.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from cbackprop import _arguments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from numpy.typing import NDArray

TIMEOUT = 300.0  # seconds
SPINS = 100  # tests of a request between two looks at the clock
BUSY = 0.01  # seconds until this rank sleeps between two tests ...
PAUSE = 0.0002  # ... for so long
CHUNK = 1 << 26  # bytes of a rank that are sent at a time
SHORT = 248  # bytes of a message that go with its length

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
    n_machines, machine : int
        How many machines there are, and which of them this is.
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
        self.outgoing = np.zeros(8 + SHORT, np.uint8)  # the length of a message, and its first bytes
        self.incoming = np.zeros((self.size, 8 + SHORT), np.uint8)
        if comm.Get_attr(keys()[1]):
            raise RuntimeError(
                "an earlier call of SGD with this comm was given up, because a rank did not answer; what its "
                "ranks sent may still arrive, so end them all and start again"
            )
        with Interrupts() as self.interrupts:  # for the first exchange to tell
            self.wait(
                comm.Ibarrier()
            )  # from here on all are there, and calls that cannot be polled may follow
            self.comm, self.node, self.leaders, (self.n_machines, self.machine) = groups_of(comm)

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

    def gather(self, message: bytes) -> list[Any]:
        """The bytes that every rank gives."""
        given = np.frombuffer(message, np.uint8)
        first = given[:SHORT]
        self.outgoing[:8].view(np.int64)[0] = len(given)
        self.outgoing[8 : 8 + len(first)] = first
        self.wait(self.comm.Iallgather(self.outgoing, self.incoming), self.outgoing, self.incoming)
        lengths = self.incoming[:, :8].view(np.int64)[:, 0].tolist()
        if max(lengths) <= SHORT:
            return [each[8 : 8 + n].tobytes() for n, each in zip(lengths, self.incoming)]
        arrived = Pieces(lengths, CHUNK)
        self.exchange()  # all have room
        try:
            for start in range(0, max(lengths), CHUNK):
                part = given[start : start + CHUNK]
                pieces = arrived.from_place(start, self.MPI.BYTE)
                self.wait(self.comm.Iallgatherv([part, self.MPI.BYTE], pieces), part, arrived.buffer)
                arrived.take(start)
        except BaseException:  # the others are in that call
            self.give_up()
            raise
        return arrived.messages

    def send(self, payloads: list[Any]) -> list[Any]:
        """Give every rank a payload of its own; return what each gives this one, in their order."""
        messages = [np.frombuffer(pickle.dumps(each, 5), np.uint8) for each in payloads]
        lengths = self.exchange([len(each) for each in messages])  # by the sender
        chunk = max(CHUNK // self.size, 1)
        leaving = Pieces(lengths[self.rank], chunk, messages)
        arrived = Pieces([each[self.rank] for each in lengths], chunk)
        with Interrupts() as interrupts:
            self.exchange()  # all have room
            try:
                for start in range(0, max(map(max, lengths)), chunk):
                    leaving.give(start)
                    pieces = (each.from_place(start, self.MPI.BYTE) for each in (leaving, arrived))
                    self.wait(self.comm.Ialltoallv(*pieces), leaving.buffer, arrived.buffer)
                    arrived.take(start)
            except BaseException:  # the others are in that call
                self.give_up()
                raise
        interrupts.raise_now()
        return [pickle.loads(each) for each in arrived.messages]

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


class Pieces:
    """Messages from or to all ranks, of which a call of MPI takes a piece each, through one buffer.

    Parameters
    ----------
    lengths : list of int
        The bytes of each message.
    chunk : int
        The most bytes of a piece.
    messages : list of ndarray, optional
        By default there is room for those that will arrive.
    """

    def __init__(self, lengths: list[int], chunk: int, messages: list[Any] | None = None) -> None:
        self.lengths, self.chunk = lengths, chunk
        self.messages: list[Any] = messages or [np.empty(length, np.uint8) for length in lengths]
        self.buffer = np.empty(sum(min(length, chunk) for length in lengths), np.uint8)

    def from_place(self, start: int, kind: Any) -> list[Any]:
        """The pieces from this place of each message on, as MPI takes them."""
        counts = [min(max(length - start, 0), self.chunk) for length in self.lengths]
        return [self.buffer, counts, [0, *itertools.accumulate(counts)][:-1], kind]

    def parts(self, start: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """The piece of each message, and its part of the buffer."""
        end = 0
        for message in self.messages:
            piece = message[start : start + self.chunk]
            end += len(piece)
            yield piece, self.buffer[end - len(piece) : end]

    def give(self, start: int) -> None:
        """Fill the buffer."""
        for piece, part in self.parts(start):
            part[:] = piece

    def take(self, start: int) -> None:
        """Take the pieces from the buffer."""
        for piece, part in self.parts(start):
            piece[:] = part


def keys() -> list[int]:
    """The keys of the attributes that a communicator has from us."""
    if not _KEYS:
        create = mpi().Comm.Create_keyval
        _KEYS.extend((create(delete_fn=free_groups), create()))
    return _KEYS


def groups_of(comm: Any) -> tuple[Any, Any, Any, tuple[int, int]]:
    """Our own communicators of the ranks of `comm`: all, those of this machine, the first of each machine.

    Then how many machines there are, and which of them this is.

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
        is_first = node.Get_rank() == 0
        place = node.bcast((leaders.Get_size(), leaders.Get_rank()) if is_first else None)
        groups = whole, node, leaders, place, RANKS_OF_A_MACHINE
        comm.Set_attr(key, groups)
    return groups[:4]


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

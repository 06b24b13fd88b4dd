"""Programs for several ranks of which one alone has an error: see `ranks`.

CBACKPROP_EVERY_LINE in the environment: an error at each line, half a minute for each MPI.
Without it, at every eighth.
"""

import os
import sys

import numpy as np

import cbackprop._ranks
from cbackprop import network2
from cbackprop._ranks import Ranks, _exchange
from support import ranks

EVERY = 1 if os.environ.get("CBACKPROP_EVERY_LINE") else 8
PACKAGE = os.path.dirname(cbackprop._ranks.__file__)
CASES = {
    "plain": {},
    "deterministic": {"deterministic": True},
    "local": {"average_every": 2, "rule": "adam"},
}
# Where an error of one rank cannot be told: the others are already in a call of MPI that it does not make.
# The lines there take no memory but for numbers and views.
MUTE = {
    "_exchange.py": {
        "wait", "poll", "exchange", "gather", "send", "close", "fail", "give_up", "from_place",
        "parts", "give", "take", "groups_of", "keys", "mpi", "checked_comm", "checked_timeout", "note",
        "__enter__", "__exit__", "raise_now",
    },
    "_sums.py": {"share", "gather", "add_up", "add_blocks", "largest", "meet", "wait", "close"},
    "_training.py": {"epoch", "check_parameters"},
    "_call.py": {"__exit__"},
    "_averages.py": {"train", "take", "restore"},
}  # fmt: skip


class Fault:
    """Raises a MemoryError at one line of cbackprop._ranks, in one chain of calls.

    Without one, it notes all: a chain is the (file, function, line) of each call, the innermost first.
    """

    def __init__(self, chain=None):
        self.chain, self.seen = chain, {}

    def __call__(self, frame, event, arg):
        folder, file = os.path.split(frame.f_code.co_filename)
        name = frame.f_code.co_name
        if file == "_exchange.py" and name.startswith("<"):  # a comprehension in a function of that file
            name = frame.f_back.f_code.co_name
        if folder != PACKAGE or file == "__init__.py" or name in MUTE.get(file, ()):
            return None
        no_communicator_yet = _exchange.Exchange, _exchange.Interrupts, Ranks
        if name == "__init__" and isinstance(frame.f_locals.get("self"), no_communicator_yet):
            return None
        return self.line

    def line(self, frame, event, arg):
        if event == "line":
            chain = []
            while frame is not None:
                folder, file = os.path.split(frame.f_code.co_filename)
                if folder == PACKAGE:
                    chain.append((file, frame.f_code.co_name, frame.f_lineno))
                frame = frame.f_back
            if tuple(chain) == self.chain:
                self.chain = None
                raise MemoryError("at a line")
            self.seen.setdefault(tuple(chain))
        return self.line


def train(comm, fault, options):
    """A call in which rank 1 has a fault: what it raises, and the parameters after it."""
    draw = np.random.default_rng(0)
    X, Y = draw.random((60, 20)), draw.integers(0, 4, 60)
    shard = (X[:10], Y[:10]) if comm.rank else (X[10:], Y[10:])  # which are not where strata end
    net = network2.Network([20, 9, 4], random_state=0)
    said = None
    try:
        if comm.rank == 1:
            sys.settrace(fault)
        options = {"comm": comm, "random_state": 1, "verbose": False, "timeout": 20} | options
        net.SGD(shard, 2, 12, 0.5, 1.0, shard, True, True, **options)
    except Exception as error:
        said = type(error).__name__, str(error)
    finally:
        sys.settrace(None)
    return said, ranks.bits(net)


def lines(comm, folder, case):
    """An error at one line after the other: what all say, and the networks."""
    _exchange.SHORT = 16  # most messages are long ones
    note = Fault()
    train(comm, note, CASES[case])
    said = {}
    for chain in comm.bcast(list(note.seen)[list(CASES).index(case) :: EVERY], 1):
        said[chain] = train(comm, Fault(chain), CASES[case])
    said["after"] = train(comm, None, CASES[case])
    return said


def room(comm, folder):
    """Rank 1 has no memory for a message of rank 0; then for an average; then all is well."""
    said = {}

    class Full:
        """NumPy on a rank that has no room for arrays of more than 10,000 bytes."""

        def __getattr__(self, name):
            return getattr(np, name)

        @staticmethod
        def empty(shape, dtype=float):
            if comm.rank == 1 and np.prod(shape) * np.dtype(dtype).itemsize > 10_000:
                raise MemoryError("no room")
            return np.empty(shape, dtype)

    from cbackprop._ranks import _averages  # noqa: PLC0415

    for name, module, options in (
        ("message", _exchange, {}),
        ("average", _averages, {"average_every": 2}),
    ):
        module.np = Full()
        said[name] = wide(comm, options)
        module.np = np
    said["after"] = wide(comm, {})
    return said


def wide(comm, options):
    """A call for a network of which a message and a layer are more than 10,000 bytes."""
    draw = np.random.default_rng(0)
    X, Y = draw.random((40, 60)), draw.integers(0, 4, 40)
    net = network2.Network([60, 50, 4], random_state=0)
    said = None
    try:
        options = {"comm": comm, "random_state": 1, "verbose": False, "timeout": 20} | options
        net.SGD((X, Y), 2, 4 * comm.size, 0.5, **options)
    except Exception as error:
        said = type(error).__name__, str(error)
    return said, ranks.bits(net)


def received(comm, folder):
    """How many bytes of others' examples each rank gets, if all are on rank 0."""
    got = []

    class Pieces(_exchange.Pieces):
        def __init__(self, lengths, chunk, messages=None):
            super().__init__(lengths, chunk, messages)
            if messages is None:
                got.append(sum(lengths))

    _exchange.Pieces = Pieces
    X, Y = np.random.default_rng(0).random((600, 200)), np.arange(600) % 4
    n = 0 if comm.rank else 600
    net = network2.Network([200, 4], random_state=0)
    net.SGD((X[:n], Y[:n]), 1, 50, 0.5, comm=comm, random_state=1, verbose=False, deterministic=True)
    return max(got), ranks.bits(net)


if __name__ == "__main__":
    ranks.main(globals())

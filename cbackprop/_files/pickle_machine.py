"""Carries out the operations of a pickle that is not trusted.

Python's own unpickler imports and calls whatever the file names, and allocates whatever length the
file claims: 10 bytes can claim 60 GB. A `Machine` carries out only the operations that arrays in
lists and tuples need, in all protocols from 0 to 5, and calls only the functions that it is given.

The size of the file limits the cost. Bytes are read in pieces, so memory is allocated only for bytes
that exist, and an operation, which may create an object of up to 100 bytes, needs 16 bytes of file.
"""

from __future__ import annotations

import codecs
import io
import pickle
import pickletools
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PIECE = 2**20
# No name or number is longer; a string may be.
LONGEST_LINE = 1000
# No protocol needs more than 50 operations for an image and its label. With pixels of one byte, that is
# 20 bytes of file for each operation. The free ones are for small files.
BYTES_PER_OPERATION = 16
FREE_OPERATIONS = 1000
LONGEST_ESCAPE = len(rb"\U0010ffff")

EMPTY = object()  # in a place of the memo


class NotReadHere(ValueError):
    """The file may be intact, but holds something that is not read here."""


class Machine:
    """A stack, a memo, and a method for each operation.

    ``file`` is a BufferedReader. ``names`` has a function for each (module, name) that may be called.
    A state can be given to an object with a method ``set_state``.
    """

    def __init__(self, file: io.BufferedReader, names: dict[tuple[bytes, bytes], Callable[..., Any]]) -> None:
        self.file, self.names = file, names
        self.read: Callable[[int], bytes] = file.read
        self.readline: Callable[[int], bytes] = file.readline
        self.frame: io.BytesIO | None = None
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: list[Any] = []
        self.allowed = FREE_OPERATIONS

    def run(self) -> Any:
        """Return the content of the pickle."""
        count = 0
        while (code := self.read(1)) != pickle.STOP:
            count += 1
            if count > self.allowed:
                self.allow(count)
            operation = OPERATIONS.get(code)
            if operation is None:
                raise _unknown(code)
            operation(self)
        return self.stack.pop()

    def allow(self, count: int) -> None:
        """Raise unless the file has enough bytes for ``count`` operations."""
        self.allowed = FREE_OPERATIONS + self.file.tell() // BYTES_PER_OPERATION
        if count > self.allowed:
            raise NotReadHere(f"it has {count:,} operations, more than arrays of its size need")

    # Bytes.

    def take(self, n_bytes: int) -> bytes | bytearray:
        """Return the next bytes. If the file has fewer, no more than those have been allocated."""
        data: bytes | bytearray
        if n_bytes <= PIECE:
            data = self.read(n_bytes)
        else:
            data = bytearray()
            while piece := self.read(min(PIECE, n_bytes - len(data))):
                data += piece
        if len(data) != n_bytes:
            ending = "the pickle" if self.frame is None else "a frame"
            raise EOFError(f"{ending} ends within an operation that needs {n_bytes} bytes")
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, n_bytes: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(n_bytes), "little", signed=signed)

    def line(self) -> bytes:
        line = self.readline(LONGEST_LINE)
        if line[-1:] != b"\n":
            raise EOFError(f"it has a line that does not end: {line[:60]!r}")
        return line[:-1]

    def text(self, n_bytes: int) -> bytes | bytearray:
        """Return UTF-8 text as Latin-1, the encoding in which text holds an array's bytes."""
        if n_bytes <= PIECE:
            return _latin1(self.take(n_bytes).decode("utf-8", "surrogatepass"))
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        data = bytearray()
        for start in range(0, n_bytes, PIECE):
            piece = self.take(min(PIECE, n_bytes - start))
            data += _latin1(decoder.decode(piece, final=start + PIECE >= n_bytes))
        return data

    def escaped_line(self, unescape: Callable[[bytes], bytes]) -> bytes | bytearray:
        """Return the bytes of a line with escapes, which may be too long to read at once."""
        piece = self.readline(PIECE)
        if piece[-1:] == b"\n":
            return unescape(piece[:-1])
        data = bytearray()
        while piece[-1:] != b"\n":
            cut = _between_escapes(piece)
            data += unescape(piece[:cut])
            more = self.readline(PIECE)
            if not more:
                raise EOFError("it has a line that does not end")
            piece = piece[cut:] + more
        data += unescape(piece[:-1])
        return data

    # Operations on the file itself.

    def proto(self) -> None:
        if (protocol := self.byte()) > 5:
            raise NotReadHere(f"its protocol is {protocol}, later than 5")

    def enter_frame(self) -> None:
        if self.frame is not None and self.frame.read(1):
            raise ValueError("its frames overlap")
        self.frame = io.BytesIO(self.take(self.number(8)))
        self.read, self.readline = self.frame.read, self.frame.readline

    def leave_frame(self) -> None:
        """Continue in the file. This is the operation at the end of the bytes."""
        if self.frame is None:
            raise EOFError("the file ends before the pickle does")
        self.frame = None
        self.read, self.readline = self.file.read, self.file.readline

    # Operations that put numbers, bytes and text on the stack.

    def none(self) -> None:
        self.stack.append(None)

    def true(self) -> None:
        self.stack.append(True)

    def false(self) -> None:
        self.stack.append(False)

    def int_line(self) -> None:
        line = self.line()
        # Protocols 0 and 1 have no operation for a bool.
        self.stack.append(line == b"01" if line in (b"00", b"01") else int(line))

    def long_line(self) -> None:
        self.stack.append(int(self.line().removesuffix(b"L")))

    def binint(self) -> None:
        self.stack.append(self.number(4, signed=True))

    def binint1(self) -> None:
        self.stack.append(self.byte())

    def binint2(self) -> None:
        self.stack.append(self.number(2))

    def long1(self) -> None:
        self.stack.append(self.number(self.byte(), signed=True))

    def string_line(self) -> None:
        quote = self.take(1)
        data = self.escaped_line(_unescape)
        if quote not in (b"'", b'"') or data[-1:] != quote:
            raise ValueError("it has a string without quotation marks")
        self.stack.append(data[:-1])

    def binstring(self) -> None:
        n_bytes = self.number(4, signed=True)
        if n_bytes < 0:
            raise ValueError("it has a string of negative length")
        self.stack.append(self.take(n_bytes))

    def bytes1(self) -> None:
        self.stack.append(self.take(self.byte()))

    def bytes4(self) -> None:
        self.stack.append(self.take(self.number(4)))

    def bytes8(self) -> None:
        self.stack.append(self.take(self.number(8)))

    def unicode_line(self) -> None:
        self.stack.append(self.escaped_line(_unescape_unicode))

    def text1(self) -> None:
        self.stack.append(self.text(self.byte()))

    def text4(self) -> None:
        self.stack.append(self.text(self.number(4)))

    def text8(self) -> None:
        self.stack.append(self.text(self.number(8)))

    # Operations that put lists and tuples together.

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def empty_tuple(self) -> None:
        self.stack.append(())

    def tuple1(self) -> None:
        self.stack[-1] = (self.stack[-1],)

    def tuple2(self) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def tuple3(self) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def tuple_since_mark(self) -> None:
        items = tuple(self.since_mark())
        self.stack.append(items)

    def empty_list(self) -> None:
        self.stack.append([])

    def list_since_mark(self) -> None:
        items = self.since_mark()
        self.stack.append(items)

    def append(self) -> None:
        item = self.stack.pop()
        self.extend((item,))

    def appends(self) -> None:
        self.extend(self.since_mark())

    def extend(self, items: Iterable[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("it appends to what is not a list")
        self.stack[-1].extend(items)

    # Operations on the memo.

    def remember(self, place: int) -> None:
        # Pickles number the places, so none is far beyond the number of operations.
        if not 0 <= place <= self.allowed:
            raise ValueError(f"it asks to remember an object in place {place:,}")
        if place >= len(self.memo):
            self.memo.extend([EMPTY] * (place + 1 - len(self.memo)))
        self.memo[place] = self.stack[-1]

    def put_line(self) -> None:
        self.remember(int(self.line()))

    def binput(self) -> None:
        self.remember(self.byte())

    def long_binput(self) -> None:
        self.remember(self.number(4))

    def memoize(self) -> None:
        self.memo.append(self.stack[-1])

    def recall(self, place: int) -> None:
        if not 0 <= place < len(self.memo) or self.memo[place] is EMPTY:
            raise ValueError(f"it recalls an object from place {place:,}, which is empty")
        self.stack.append(self.memo[place])

    def get_line(self) -> None:
        self.recall(int(self.line()))

    def binget(self) -> None:
        self.recall(self.byte())

    def long_binget(self) -> None:
        self.recall(self.number(4))

    # Operations that name and call.

    def name_lines(self) -> None:
        module = self.line()
        self.stack.append(self.named(module, self.line()))

    def stack_name(self) -> None:
        name = self.stack.pop()
        self.stack[-1] = self.named(self.stack[-1], name)

    def named(self, module: Any, name: Any) -> Callable[..., Any]:
        if type(module) is not bytes or type(name) is not bytes:
            raise ValueError("it names something by a name that is not text")
        if function := self.names.get((module, name)):
            return function
        named = (module + b"." + name)[:60].decode("latin-1")
        raise NotReadHere(f"it names {named!r}, which no array of numbers needs")

    def call(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if type(arguments) is not tuple or type(function) is not types.FunctionType:
            raise ValueError("it calls what is not callable")
        self.stack[-1] = function(*arguments)

    def build(self) -> None:
        state = self.stack.pop()
        set_state = getattr(self.stack[-1], "set_state", None)
        if set_state is None or type(state) is not tuple:
            raise ValueError("it gives a state to what has none")
        set_state(state)


OPERATIONS = {
    b"": Machine.leave_frame,
    pickle.PROTO: Machine.proto,
    pickle.FRAME: Machine.enter_frame,
    pickle.NONE: Machine.none,
    pickle.NEWTRUE: Machine.true,
    pickle.NEWFALSE: Machine.false,
    pickle.INT: Machine.int_line,
    pickle.LONG: Machine.long_line,
    pickle.BININT: Machine.binint,
    pickle.BININT1: Machine.binint1,
    pickle.BININT2: Machine.binint2,
    pickle.LONG1: Machine.long1,
    pickle.STRING: Machine.string_line,
    pickle.BINSTRING: Machine.binstring,
    pickle.SHORT_BINSTRING: Machine.bytes1,
    pickle.SHORT_BINBYTES: Machine.bytes1,
    pickle.BINBYTES: Machine.bytes4,
    pickle.BINBYTES8: Machine.bytes8,
    pickle.BYTEARRAY8: Machine.bytes8,
    pickle.UNICODE: Machine.unicode_line,
    pickle.SHORT_BINUNICODE: Machine.text1,
    pickle.BINUNICODE: Machine.text4,
    pickle.BINUNICODE8: Machine.text8,
    pickle.MARK: Machine.mark,
    pickle.EMPTY_TUPLE: Machine.empty_tuple,
    pickle.TUPLE1: Machine.tuple1,
    pickle.TUPLE2: Machine.tuple2,
    pickle.TUPLE3: Machine.tuple3,
    pickle.TUPLE: Machine.tuple_since_mark,
    pickle.EMPTY_LIST: Machine.empty_list,
    pickle.LIST: Machine.list_since_mark,
    pickle.APPEND: Machine.append,
    pickle.APPENDS: Machine.appends,
    pickle.PUT: Machine.put_line,
    pickle.BINPUT: Machine.binput,
    pickle.LONG_BINPUT: Machine.long_binput,
    pickle.MEMOIZE: Machine.memoize,
    pickle.GET: Machine.get_line,
    pickle.BINGET: Machine.binget,
    pickle.LONG_BINGET: Machine.long_binget,
    pickle.GLOBAL: Machine.name_lines,
    pickle.STACK_GLOBAL: Machine.stack_name,
    pickle.REDUCE: Machine.call,
    pickle.BUILD: Machine.build,
}


def _unknown(code: bytes) -> ValueError:
    """Return the error for an operation that is not carried out here."""
    if known := pickletools.code2op.get(code.decode("latin-1")):  # type: ignore[attr-defined]
        return NotReadHere(f"it uses {known.name}, which no pickle of arrays in lists and tuples needs")
    return ValueError(f"it has the unknown opcode {code!r}")


def _latin1(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise NotReadHere("it has text that is not bytes in Latin-1") from None


def _unescape(line: bytes) -> bytes:
    return codecs.escape_decode(line)[0]


def _unescape_unicode(line: bytes) -> bytes:
    return _latin1(line.decode("raw-unicode-escape"))


def _between_escapes(piece: bytes) -> int:
    r"""Return a place at or near the end of ``piece`` that is not within an escape.

    An escape begins at the last backslash of a run of them, if the run is odd: all others are pairs.
    """
    after = piece.rfind(b"\\") + 1
    is_odd = (after - len(piece[:after].rstrip(b"\\"))) % 2
    if is_odd and len(piece) - after < LONGEST_ESCAPE:
        return after - 1
    return len(piece)

"""Reads a pickle of arrays in lists and tuples, from a file that is not trusted.

Python's own unpickler imports and calls whatever the file names, and allocates whatever length the
file claims: 10 bytes can ask for 60 GB. `read` instead carries out the operations that such a
pickle needs, all protocols from 0 to 5, and no others. A name in the file is looked up in `NAMES`,
a table of functions of this module, so nothing is imported and no code of NumPy's runs on it.

The file's own bytes limit what reading costs. Bytes are read in pieces and kept only once they are
there, and an operation, which may create an object of up to 100 bytes, needs 16 bytes of file.
"""

import codecs
import io
import math
import pickle
import pickletools
import types

import numpy as np

PIECE = 2**20
# A name or a number never takes more; a string may.
LONGEST_LINE = 1000
# The most that any protocol takes is 44 operations for an image and its label, so that images of 784
# bytes have 18 bytes for each. The free ones are for small files.
BYTES_PER_OPERATION = 16
FREE_OPERATIONS = 1000
LONGEST_ESCAPE = len(rb"\U0010ffff")

EMPTY = object()  # a place in the memo

DTYPES = (b"f2", b"f4", b"f8", b"i1", b"i2", b"i4", b"i8", b"u1", b"u2", b"u4", b"u8")


class NotReadHere(ValueError):
    """The pickle may be intact, but holds what this module does not read.

    Any other exception means that it is damaged.
    """


def read(file):
    """Return what the pickle at the position of a BufferedReader holds.

    Lists, tuples, whole numbers, bool and None are what they are. Arrays come as `Array`, NumPy's
    whole numbers as int, bytes and Latin-1 text as bytes or bytearray.
    """
    return _Machine(file).run()


class Dtype:
    """A ``numpy.dtype``: its code first, its byte order with the state."""

    def __init__(self, code):
        self.code = code
        self.dtype = None

    def set_state(self, state):
        _, order, *_ = state
        if order not in (b"<", b">", b"|"):
            raise ValueError("it has an array whose byte order is unknown")
        self.dtype = np.dtype((order + self.code).decode())


class Array:
    """A ``numpy.ndarray``: its type, shape, order and bytes."""

    __slots__ = ("data", "dtype", "is_fortran", "shape")

    def __init__(self):
        self.data = None

    def set_state(self, state):
        """Take the state that NumPy gave the array, once its parts fit together."""
        _, shape, dtype, is_fortran, data = state
        if type(dtype) is not Dtype or type(is_fortran) is not bool:
            raise ValueError("it has an array whose state is not shape, type, order and bytes")
        self.fill(shape, dtype.dtype, is_fortran, data)

    def fill(self, shape, dtype, is_fortran, data):
        if type(shape) is not tuple or dtype is None or type(data) not in (bytes, bytearray):
            raise ValueError("it has an array whose state is not shape, type, order and bytes")
        if len(shape) not in (1, 2) or set(map(type, shape)) != {int}:
            raise NotReadHere("it has an array that is neither a vector nor a matrix")
        if 0 in shape:
            raise NotReadHere(f"it has an empty array {shape}")
        if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(
                f"an array of shape {shape} and type {dtype.name} cannot consist of {len(data):,} bytes"
            )
        self.shape, self.dtype, self.is_fortran, self.data = shape, dtype, is_fortran, data

    def view(self):
        """Return a NumPy array that shares the bytes."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


# What the names in a pickle stand for. Each is called with the arguments that the pickle gives.


def _ndarray(kind, *_):
    """Stand for ``numpy.ndarray``, and for the function that makes one of it."""
    if kind is not _ndarray:
        raise NotReadHere("it has an array that is not a plain numpy.ndarray")
    return Array()


def _frombuffer(data, dtype, shape, order, axis_order=None):
    """Return the array that protocol 5 builds from its bytes in one go."""
    if type(dtype) is not Dtype or order not in (b"C", b"F", b"K"):
        raise ValueError("it has an array whose state is not shape, type, order and bytes")
    if order == b"K" and axis_order not in ((0,), (0, 1)):
        raise NotReadHere("it has an array whose axes are in another order")
    array = Array()
    array.fill(shape, dtype.dtype, order == b"F", data)
    return array


def _dtype(code, *_):
    if code not in DTYPES:
        known = ", ".join(known.decode() for known in DTYPES)
        raise NotReadHere(f"it has numbers whose type is none of {known}")
    return Dtype(code)


def _scalar(dtype, data):
    """Return a NumPy whole number as an int."""
    if type(dtype) is not Dtype or dtype.dtype is None or type(data) is not bytes:
        raise ValueError("it has a number that is not a type and its bytes")
    if len(data) != dtype.dtype.itemsize:
        raise ValueError("it has a number that is not a type and its bytes")
    if dtype.dtype.kind == "f":
        raise NotReadHere("it has single numbers that are not whole")
    order = "big" if dtype.dtype.str[0] == ">" else "little"
    return int.from_bytes(data, order, signed=dtype.dtype.kind == "i")


def _encode(text, encoding):
    """Return bytes that Python 3 wrote as text, in protocols that have no bytes."""
    if encoding != b"latin1" or type(text) not in (bytes, bytearray):
        raise NotReadHere("it calls _codecs.encode for something else than bytes")
    return text


NAMES = {
    (b"numpy", b"ndarray"): _ndarray,
    (b"numpy", b"dtype"): _dtype,
    (b"_codecs", b"encode"): _encode,
}
# NumPy 1 and 2.
for _core in (b"numpy.core", b"numpy._core"):
    NAMES[_core + b".multiarray", b"_reconstruct"] = _ndarray
    NAMES[_core + b".multiarray", b"scalar"] = _scalar
    NAMES[_core + b".numeric", b"_frombuffer"] = _frombuffer


class _Machine:
    """Carries out a pickle's operations on a stack and a memo, with a method for each operation."""

    def __init__(self, file):
        self.file = file
        self.read, self.readline = file.read, file.readline
        self.frame = None
        self.stack, self.marks, self.memo = [], [], []
        self.allowed = FREE_OPERATIONS

    def run(self):
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

    def allow(self, count):
        """Raise unless the file has enough bytes for ``count`` operations."""
        self.allowed = FREE_OPERATIONS + self.file.tell() // BYTES_PER_OPERATION
        if count > self.allowed:
            raise NotReadHere(f"it has {count:,} operations, more than arrays of its size need")

    # Bytes.

    def take(self, n_bytes):
        """Return the next bytes. Where the file has fewer, no more than these were allocated."""
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

    def byte(self):
        return self.take(1)[0]

    def number(self, n_bytes, signed=False):
        return int.from_bytes(self.take(n_bytes), "little", signed=signed)

    def line(self):
        line = self.readline(LONGEST_LINE)
        if line[-1:] != b"\n":
            raise EOFError(f"it has a line that does not end: {line[:60]!r}")
        return line[:-1]

    def text(self, n_bytes):
        """Return UTF-8 text in Latin-1, which is how text holds an array's bytes."""
        if n_bytes <= PIECE:
            return _latin1(self.take(n_bytes).decode("utf-8", "surrogatepass"))
        decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        data = bytearray()
        for start in range(0, n_bytes, PIECE):
            piece = self.take(min(PIECE, n_bytes - start))
            data += _latin1(decoder.decode(piece, final=start + PIECE >= n_bytes))
        return data

    def escaped_line(self, unescape):
        """Return the bytes of a line with escapes, which may be longer than memory should hold."""
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

    def proto(self):
        if (protocol := self.byte()) > 5:
            raise NotReadHere(f"its protocol is {protocol}, later than 5")

    def enter_frame(self):
        if self.frame is not None and self.frame.read(1):
            raise ValueError("its frames overlap")
        self.frame = io.BytesIO(self.take(self.number(8)))
        self.read, self.readline = self.frame.read, self.frame.readline

    def leave_frame(self):
        """Go on in the file. This is the operation where there are no more bytes."""
        if self.frame is None:
            raise EOFError("the file ends before the pickle does")
        self.frame = None
        self.read, self.readline = self.file.read, self.file.readline

    # Operations that put numbers, bytes and text on the stack.

    def none(self):
        self.stack.append(None)

    def true(self):
        self.stack.append(True)

    def false(self):
        self.stack.append(False)

    def int_line(self):
        line = self.line()
        # Protocols 0 and 1 have no operation for a bool.
        self.stack.append(line == b"01" if line in (b"00", b"01") else int(line))

    def long_line(self):
        self.stack.append(int(self.line().removesuffix(b"L")))

    def binint(self):
        self.stack.append(self.number(4, signed=True))

    def binint1(self):
        self.stack.append(self.byte())

    def binint2(self):
        self.stack.append(self.number(2))

    def long1(self):
        self.stack.append(self.number(self.byte(), signed=True))

    def string_line(self):
        quote = self.take(1)
        data = self.escaped_line(_unescape)
        if quote not in (b"'", b'"') or data[-1:] != quote:
            raise ValueError("it has a string without quotation marks")
        self.stack.append(data[:-1])

    def binstring(self):
        n_bytes = self.number(4, signed=True)
        if n_bytes < 0:
            raise ValueError("it has a string of negative length")
        self.stack.append(self.take(n_bytes))

    def bytes1(self):
        self.stack.append(self.take(self.byte()))

    def bytes4(self):
        self.stack.append(self.take(self.number(4)))

    def bytes8(self):
        self.stack.append(self.take(self.number(8)))

    def unicode_line(self):
        self.stack.append(self.escaped_line(_unescape_unicode))

    def text1(self):
        self.stack.append(self.text(self.byte()))

    def text4(self):
        self.stack.append(self.text(self.number(4)))

    def text8(self):
        self.stack.append(self.text(self.number(8)))

    # Operations that put lists and tuples together.

    def mark(self):
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self):
        items, self.stack = self.stack, self.marks.pop()
        return items

    def empty_tuple(self):
        self.stack.append(())

    def tuple1(self):
        self.stack[-1] = (self.stack[-1],)

    def tuple2(self):
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def tuple3(self):
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def tuple_since_mark(self):
        items = tuple(self.since_mark())
        self.stack.append(items)

    def empty_list(self):
        self.stack.append([])

    def list_since_mark(self):
        items = self.since_mark()
        self.stack.append(items)

    def append(self):
        item = self.stack.pop()
        self.extend((item,))

    def appends(self):
        self.extend(self.since_mark())

    def extend(self, items):
        if type(self.stack[-1]) is not list:
            raise ValueError("it appends to what is not a list")
        self.stack[-1].extend(items)

    # Operations on the memo.

    def remember(self, place):
        # Places are counted, so none is far beyond the number of operations.
        if not 0 <= place <= self.allowed:
            raise ValueError(f"it asks to remember an object in place {place:,}")
        if place >= len(self.memo):
            self.memo.extend([EMPTY] * (place + 1 - len(self.memo)))
        self.memo[place] = self.stack[-1]

    def put_line(self):
        self.remember(int(self.line()))

    def binput(self):
        self.remember(self.byte())

    def long_binput(self):
        self.remember(self.number(4))

    def memoize(self):
        self.memo.append(self.stack[-1])

    def recall(self, place):
        if not 0 <= place < len(self.memo) or self.memo[place] is EMPTY:
            raise ValueError(f"it recalls an object from place {place:,}, which is empty")
        self.stack.append(self.memo[place])

    def get_line(self):
        self.recall(int(self.line()))

    def binget(self):
        self.recall(self.byte())

    def long_binget(self):
        self.recall(self.number(4))

    # Operations that name and call, here for the functions in `NAMES` alone.

    def name_lines(self):
        module = self.line()
        self.stack.append(_named(module, self.line()))

    def stack_name(self):
        name = self.stack.pop()
        self.stack[-1] = _named(self.stack[-1], name)

    def call(self):
        arguments = self.stack.pop()
        function = self.stack[-1]
        if type(arguments) is not tuple or type(function) is not types.FunctionType:
            raise ValueError("it calls what is not callable")
        self.stack[-1] = function(*arguments)

    def build(self):
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) not in (Array, Dtype) or type(state) is not tuple:
            raise ValueError("it gives a state to what has none")
        target.set_state(state)


OPERATIONS = {
    b"": _Machine.leave_frame,
    pickle.PROTO: _Machine.proto,
    pickle.FRAME: _Machine.enter_frame,
    pickle.NONE: _Machine.none,
    pickle.NEWTRUE: _Machine.true,
    pickle.NEWFALSE: _Machine.false,
    pickle.INT: _Machine.int_line,
    pickle.LONG: _Machine.long_line,
    pickle.BININT: _Machine.binint,
    pickle.BININT1: _Machine.binint1,
    pickle.BININT2: _Machine.binint2,
    pickle.LONG1: _Machine.long1,
    pickle.STRING: _Machine.string_line,
    pickle.BINSTRING: _Machine.binstring,
    pickle.SHORT_BINSTRING: _Machine.bytes1,
    pickle.SHORT_BINBYTES: _Machine.bytes1,
    pickle.BINBYTES: _Machine.bytes4,
    pickle.BINBYTES8: _Machine.bytes8,
    pickle.BYTEARRAY8: _Machine.bytes8,
    pickle.UNICODE: _Machine.unicode_line,
    pickle.SHORT_BINUNICODE: _Machine.text1,
    pickle.BINUNICODE: _Machine.text4,
    pickle.BINUNICODE8: _Machine.text8,
    pickle.MARK: _Machine.mark,
    pickle.EMPTY_TUPLE: _Machine.empty_tuple,
    pickle.TUPLE1: _Machine.tuple1,
    pickle.TUPLE2: _Machine.tuple2,
    pickle.TUPLE3: _Machine.tuple3,
    pickle.TUPLE: _Machine.tuple_since_mark,
    pickle.EMPTY_LIST: _Machine.empty_list,
    pickle.LIST: _Machine.list_since_mark,
    pickle.APPEND: _Machine.append,
    pickle.APPENDS: _Machine.appends,
    pickle.PUT: _Machine.put_line,
    pickle.BINPUT: _Machine.binput,
    pickle.LONG_BINPUT: _Machine.long_binput,
    pickle.MEMOIZE: _Machine.memoize,
    pickle.GET: _Machine.get_line,
    pickle.BINGET: _Machine.binget,
    pickle.LONG_BINGET: _Machine.long_binget,
    pickle.GLOBAL: _Machine.name_lines,
    pickle.STACK_GLOBAL: _Machine.stack_name,
    pickle.REDUCE: _Machine.call,
    pickle.BUILD: _Machine.build,
}


def _unknown(code):
    """Return the error for an operation that is not carried out here."""
    if known := pickletools.code2op.get(code.decode("latin-1")):
        return NotReadHere(f"it uses {known.name}, which no pickle of arrays in lists and tuples needs")
    return ValueError(f"it has the unknown opcode {code!r}")


def _named(module, name):
    if type(module) is not bytes or type(name) is not bytes:
        raise ValueError("it names something by what is not text")
    try:
        return NAMES[module, name]
    except KeyError:
        named = (module + b"." + name)[:60].decode("latin-1")
        raise NotReadHere(f"it names {named!r}, which no array of numbers needs") from None


def _latin1(text):
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise NotReadHere("it has text that stands for no bytes") from None


def _unescape(line):
    return codecs.escape_decode(line)[0]


def _unescape_unicode(line):
    return _latin1(line.decode("raw-unicode-escape"))


def _between_escapes(piece):
    r"""Return a place at or near the end of ``piece`` that is not within an escape.

    An escape begins at the last backslash of a run of them, if the run is odd: all others are pairs.
    """
    after = piece.rfind(b"\\") + 1
    is_odd = (after - len(piece[:after].rstrip(b"\\"))) % 2
    if is_odd and len(piece) - after < LONGEST_ESCAPE:
        return after - 1
    return len(piece)

"""Fuzzes what the C core reads of Python objects: examples and parameters, some of them hostile.

    pip install '.[fuzz]'
    python tests/fuzz/packing.py -runs=20000 -max_len=256 tests/fuzz/corpus/packing

The bytes are choices: of a network, of a method, of what it is given. A call ends in a result or in an
ordinary exception, after which the parameters are what they were. A crash, a SystemError, a MemoryError that
nobody's lie about a length explains, or more than 2 seconds are findings; so is what a build with
CBACKPROP_SANITIZE=1 reports.

Objects lie, raise, die, and change others while they are read. They do nothing that NumPy's own memory does
not survive: of an array that may have a view no `resize(refcheck=False)`, no `__setstate__` and no other
`data`, which leave the view on freed memory, and no `__array_interface__` that lies about memory.
"""

import contextlib
import functools
import gc
import io
import os
import random
import sys
import time
import warnings

if __name__ == "__main__":
    import atheris
    from limits import limit_memory

    watched = atheris.instrument_imports(include=["cbackprop"])
else:
    watched = contextlib.nullcontext()
with watched:
    import numpy as np

    from cbackprop import network, network2
    from cbackprop._memory import remember

# Once for all: to enter and to leave this for each execution takes longer than many a call.
warnings.simplefilter("ignore")
np.seterr(all="ignore")

SECONDS = 2
MOST_CHOICES = 20_000
SIZES = [[3, 2], [40, 3, 2], [2, 3, 1], [5, 1, 1, 2], [33, 20, 10], [1, 1]]
COSTS = [network2.CrossEntropyCost, network2.QuadraticCost, network2.LogLikelihoodCost]
NUMBERS = [0, 1, -1, 0.5, 255, 1e-320, 1e30, 1e308, np.inf, np.nan, 1 / 3, 2**40 + 1]
RARE = 248  # from this byte on a choice is a rare one
LENGTHS = [0, 1, 2, 3, 1000, 2**31, 2**32, 2**62, -1]
NEURONS = ["relu", "tanh", "linear", "softplus", "sigmoid"]
REAL = ["f8", "f4", ">f8", ">f4", "f2", "g", "?", "u1", "i8", ">i4", "u8"]
UNREAL = ["O", "S3", "U2", "c16", "M8[s]", "m8[s]", [("a", "f8")], "V8"]


class HostileError(Exception):
    """What an object's own method raises."""


class World:
    """The network, what it is given, and the choices still to come, which are all 0 at the end."""

    def __init__(self, data):
        self.bytes = data
        self.at = 0
        self.arrays = []  # that another object may change
        self.lists = []
        self.buffers = []  # whose memory an array may be using
        self.turncoats = []  # objects that may become of another class
        self.acts = 0
        self.lied = False  # about a length: a list of that length may be asked for
        self.touched = False  # parameters may differ from those before
        self.net = None

    def pick(self, n):
        """A number below n."""
        byte = self.bytes[self.at] if self.at < len(self.bytes) else 0
        self.at += 1
        if self.at > MOST_CHOICES:
            raise HostileError("objects make each other without end")
        return byte % n

    def one(self, items, rare=()):
        """One of the items, or now and then one of the rare ones."""
        byte = self.pick(256)
        if rare and byte >= RARE:
            return rare[(byte - RARE) % len(rare)]
        return items[byte % len(items)]

    def rarely(self):
        return self.pick(8) == 7

    def many(self):
        """Whether to go past the block of those that are packed at a time, which takes a while."""
        return self.pick(64) == 63 and self.rarely()

    # ---- arrays ----

    def values(self, shape, dtype="f8"):
        """An array of ordinary or strange numbers, some of them 0."""
        size = int(np.prod(shape))
        start, step = self.pick(256), self.one([0, 1, 7])
        array = np.array([NUMBERS[(start + i * step) % len(NUMBERS)] for i in range(min(size, 12))] or [0.0])
        if self.pick(2):
            array[np.arange(len(array)) % 4 != start % 4] = 0
        return np.resize(array.astype(dtype), shape)

    def array(self, shape):
        """An array of this shape: real, of any type, order, strides."""
        array = self.values(shape, self.one(REAL) if self.pick(2) else "f8")
        match self.pick(12):
            case 1:
                array = array[::-1, ::-1].copy()[::-1, ::-1]
            case 2:
                array = np.repeat(np.repeat(array, 2, 0), 3, 1)[::2, ::3]
            case 3:
                array = np.broadcast_to(array[:1, :1], shape)
            case 4:
                array = np.asfortranarray(array)
            case 5:
                array.flags.writeable = False
            case 6:  # misaligned
                memory = np.zeros(array.nbytes + 1, "u1")[1:]
                array, source = memory.view(array.dtype).reshape(shape), array
                array[...] = source
            case 7:
                array = array.view(np.matrix)
            case 8:
                array = np.lib.stride_tricks.as_strided(
                    array, shape, [2**40 * (n < 2) + s for n, s in zip(shape, array.strides)]
                )
            case 9:
                array = np.ma.masked_array(array, array == 0)
            case 10 if array.size:
                array = self.borrowed(array)
        self.arrays.append(array)
        return array

    def borrowed(self, array):
        """A copy in memory that belongs to another object, which may resize it."""
        memory = bytearray(array.tobytes())
        view = memoryview(memory)
        self.buffers += [memory, view]
        return np.frombuffer(view, array.dtype).reshape(array.shape)

    def view(self, array):
        view = memoryview(np.ascontiguousarray(array))
        self.buffers.append(view)
        return view

    def thing(self, shape):
        """Something in the place of an array of this shape."""
        if not self.rarely():
            return self.array(shape)
        match self.pick(19):
            case 0:
                return self.values(
                    self.one([(), (0, 1), (1,), (1, 1), (0,), shape[:1], (*shape, 1), shape[::-1]])
                )
            case 1:
                return np.resize(np.zeros(1, self.one(UNREAL)), shape)
            case 2:
                return self.array(shape).tolist()
            case 3:
                return self.view(self.array(shape))
            case 4:
                view = self.view(self.array(shape))
                view.release()
                return view
            case 5:
                return self.one(
                    [None, "x", b"x", 1, 1.5, True, 2**70, object(), np.int64(1), np.float32(1), {}, [[]]]
                )
            case 6:
                return np.lib.stride_tricks.as_strided(np.zeros(1), (2**30, 2**30), (0, 0))
            case 7:
                return Liar(self, shape, claims=self.one([float, int, list, tuple, np.ndarray, np.float64]))
            case 8:
                return ListOfTheWorld(self, [self.thing((1, 1)) for _ in range(self.pick(4))])
            case 9:
                return np.array([Liar(self, shape) for _ in range(4)] + [None], object)[:4].reshape(2, 2)
            case 10:
                return HostileInt(self.one(LENGTHS)).of(self)
            case 11 | 12 | 13 | 14:
                return self.array(shape).view(Subclass).of(self, shape)
            case 15:
                return self.one([Interface, Buffer, Dying])(self, shape)
            case _:
                return Liar(self, shape)

    # ---- what a hostile object does while it is read ----

    def act(self):
        self.acts += 1
        if self.acts > 20:
            return
        match self.one(range(16), [16]):
            case 1 | 2:
                raise self.one(
                    [HostileError, ValueError, TypeError, IndexError, AttributeError, OverflowError]
                )("own")
            case 3 if self.lists:
                items = self.one(self.lists)
                change = self.one([list.clear, list.reverse, lambda i: i.pop(), lambda i: i.append(None)])
                with contextlib.suppress(IndexError):
                    change(items)
            case 4 if self.lists:
                items = self.one(self.lists)
                items[:] = items * 2 if len(items) < 40 else items[::2]
            case 5 if self.lists:
                items = self.one(self.lists)
                if items:
                    items[self.pick(len(items))] = self.thing((1, 1))
            case 6 | 7 if self.arrays:
                array = self.one(self.arrays)
                with contextlib.suppress(Exception):
                    array.shape = self.one(
                        [array.shape[::-1], (-1, 1), (1, -1), (-1, array.shape[0]), (-1,), (2, -1)]
                    )
            case 8 if self.arrays:
                with contextlib.suppress(Exception):
                    self.one(self.arrays).dtype = self.one(["f4", "f8", "u1", "i8", "c16", "S8", ">f8"])
            case 9 if self.arrays:
                with contextlib.suppress(Exception):
                    self.one(self.arrays).strides = self.one([(0, 0), (8, 8), (-8, 8), (4, 4)])
            case 10:
                self.change_network()
            case 11:  # the same network, from within
                call(self)
            case 12:
                gc.collect(0)
            case 13 if self.lists:
                del self.one(self.lists)[self.pick(3) :]
            case 14 if self.buffers:
                buffer = self.one(self.buffers)
                with contextlib.suppress(BufferError):
                    buffer.release() if type(buffer) is memoryview else buffer.clear()
            case 15 if self.turncoats:
                turncoat = self.one(self.turncoats)
                if type(turncoat) is Liar:
                    turncoat.claims = self.one([float, int, list, tuple, np.ndarray, np.float64, None])
                else:
                    turncoat.__class__ = TURNS[type(turncoat)]
            case 16 if isinstance(self.net.weights, list) and isinstance(self.net.biases, list):
                # A parameter, of which nobody here has a view, loses its memory or gets another one.
                for array in self.one([self.net.weights, self.net.biases])[: self.pick(3)]:
                    if type(array) is np.ndarray:
                        with contextlib.suppress(ValueError):
                            array.resize(self.one([(1, 1), (0,), (100, 100)]), refcheck=False)

    def change_network(self):
        """Puts something else in the place of a parameter."""
        net, self.touched = self.net, True
        match self.one(range(10), [10]):
            case 0 | 1:
                l = self.pick(len(net.weights)) if isinstance(net.weights, list) and net.weights else 0
                with contextlib.suppress(Exception):
                    which = self.one([net.weights, net.biases])
                    which[l] = self.thing(np.shape(which[l]))
            case 2:
                net.weights = self.one(
                    [None, (), [], ListOfTheWorld(self, list(self.own_weights())), self.thing((2, 2))]
                )
            case 3:
                net.biases = self.one([None, (), [], iter(list(self.own_biases())), self.thing((2, 1))])
            case 4 | 5:  # another network altogether
                sizes = self.one(SIZES)
                net.sizes = sizes
                net.weights, net.biases = list(self.own_weights()), list(self.own_biases())
            case 6:
                items = list(net.sizes) if isinstance(net.sizes, (list, tuple)) else [3, 2]
                i = self.pick(len(items) or 1)
                items[i : i + 1] = [
                    self.one([HostileInt(self.one(LENGTHS)).of(self), Liar(self, ()), 0, -1, 2**31 - 1])
                ]
                net.sizes = self.one([items, tuple(items), ListOfTheWorld(self, items)])
            case 7:
                net.sizes = self.one([None, 3, "32", [], [3], np.array([3, 2]), self.thing((3, 1))])
                if type(net.weights) is list and net.weights:
                    net.weights.pop(self.pick(len(net.weights)))
            case 8:
                net.dtype = self.one([np.dtype("f4"), None, "f8"])  # the user's own, which nobody reads
                remember(net, dtype=self.one(["f4", "f8"]))
            case 9:
                net.num_layers = self.thing((1, 1))
                velocities = self.one([None, (), self.thing((2, 1)), (net.weights, net.biases)])
                remember(net, velocities=velocities)
            case 10:
                net.__class__ = self.one([network.Network, network2.Network, OwnMethods, OwnMethods2])

    def own_weights(self):
        sizes = (
            [n for n in self.net.sizes if type(n) is int and 0 <= n < 1000]
            if type(self.net.sizes) is list
            else []
        )
        return (self.array((n_out, n_in)) for n_in, n_out in zip(sizes, sizes[1:]))

    def own_biases(self):
        sizes = (
            [n for n in self.net.sizes if type(n) is int and 0 <= n < 1000]
            if type(self.net.sizes) is list
            else []
        )
        return (self.array((n, 1)) for n in sizes[1:])

    # ---- examples ----

    def pairs(self, sizes, labelled, trains=False):
        """Examples in one of the forms that a method takes, or nearly; few where they are to train."""
        n = self.one([0, 1, 2, 3, 5, 12])
        if self.pick(4) == 3:
            return self.pair_of_arrays(n, sizes, labelled, trains)
        items = []
        for _ in range(n):
            x = self.thing((sizes[0], 1))
            y = self.label(sizes[-1]) if labelled else self.thing((sizes[-1], 1))
            items.append(self.pair(x, y))
        if self.many() and not trains:
            items *= 1100 // max(n, 1)
        self.lists.append(items)
        match self.pick(12):
            case 1:
                return tuple(items)
            case 2:
                return iter(items)
            case 3 | 4:
                return ListOfTheWorld(self, items)
            case 5:
                return Liar(self, (2, 2))
            case 6:
                return np.array([(*items, None)], object)
            case 7:
                return (self.act() or item for item in items)
        return items

    def pair(self, x, y):
        if not self.rarely():
            return x, y
        return self.one(
            [
                [x, y],
                (x,),
                (x, y, x),
                "xy",
                None,
                ListOfTheWorld(self, [x, y]),
                Liar(self, (2, 1)),
                {1: x, 2: y},
            ]
        )

    def label(self, n_out):
        if not self.rarely():
            return self.pick(n_out)
        return self.one([-1, n_out, 2**70, np.uint64(2**64 - 1), 1.0, np.nan, True, None,
                         HostileInt(1).of(self), Liar(self, ()), self.thing((1, 1))])  # fmt: skip

    def pair_of_arrays(self, n, sizes, labelled, trains):
        n = 1100 if self.many() and not trains else n
        X = self.rows((n, sizes[0]))
        Y = np.resize(np.arange(sizes[-1]), n).astype(self.one(["i8", "u1", ">i4"])) if labelled else None
        if Y is None or self.rarely():
            Y = self.rows((self.one([n, n, n, 1, 0]), sizes[-1]))
        self.arrays.append(Y)
        items = [X, Y]
        self.lists.append(items)
        return self.one([(X, Y), (X, Y), items, ListOfTheWorld(self, items)])

    def rows(self, shape):
        if not self.rarely():
            return self.array(shape)
        match self.pick(6):
            case 0 | 1:
                return Liar(self, shape, claims=np.ndarray)
            case 2:
                return Liar(self, shape)  # with an `__array__` of its own
            case 3:
                return self.array(shape).tolist()
        return self.array(shape).view(Subclass).of(self, shape)


class Liar:
    """An object that says something else each time, and changes the world while it says it."""

    def __init__(self, world, shape, claims=None):
        self.world, self.own_shape, self.claims = world, shape, claims
        world.turncoats.append(self)

    @property
    def __class__(self):
        return self.claims or Liar

    def __array__(self, dtype=None, copy=None):
        self.world.act()
        match self.world.pick(8):
            case 6:
                return self.world.one([None, 1.0, "x", [1.0], self])
            case 7:
                return self.world.thing(self.own_shape)
        return (
            self.world.array(self.own_shape)
            if len(self.own_shape) == 2
            else self.world.values(self.own_shape)
        )

    def __len__(self):
        self.world.act()
        length = self.world.one(LENGTHS)
        self.world.lied |= length > 1000
        return length

    def __getitem__(self, i):
        self.world.act()
        if self.world.pick(4) == 3 or (isinstance(i, int) and i > 5):
            raise IndexError("own")
        return self.world.thing((1, 1))

    def __iter__(self):
        self.world.act()
        return iter([self.world.thing((1, 1)) for _ in range(self.world.pick(4))])

    def __float__(self):
        self.world.act()
        return self.world.one([0.0, 1.0, 1e308, float("nan"), float("inf")])

    def __index__(self):
        self.world.act()
        return self.world.one([0, 1, 2, 3, -1, 2**70, 10**6])

    def __eq__(self, other):
        self.world.act()
        return self.world.pick(2) == 0

    __hash__ = None
    shape = property(lambda self: self.world.one([self.own_shape, (1, 1), (2**40, 3), None]))
    ndim = property(lambda self: 2)
    dtype = property(lambda self: np.dtype("f8"))


class Subclass(np.ndarray):
    """An array that lies about what it is."""

    world = None

    def of(self, world, shape):
        self.world, self.own_shape, self.lies = world, shape, world.pick(16)
        world.turncoats.append(self)
        return self

    def lie(self, bit):
        return self.world is not None and self.lies & bit

    @property
    def shape(self):
        shape = np.ndarray.shape.__get__(self)
        return (shape[0] + 7, *shape[1:]) if self.lie(1) and shape else shape

    @property
    def ndim(self):
        return 2 if self.lie(2) else np.ndarray.ndim.__get__(self)

    @property
    def dtype(self):
        return np.dtype("f8") if self.lie(4) else np.ndarray.dtype.__get__(self)

    def __getitem__(self, i):
        if self.lie(8):
            self.world.act()
            if isinstance(i, int) and i > 40:  # where an array is iterated over this ends it
                raise IndexError("own")
            return self.world.thing((1, 1))
        return super().__getitem__(i)

    def __len__(self):
        if self.lie(8):
            return self.world.one([0, 1, 3, 40, 1000])
        return super().__len__()

    def __array__(self, *arguments, **options):
        if self.lie(2):
            self.world.act()
        return np.zeros((1, 1)) if self.lie(4) else super().__array__(*arguments, **options)

    def __array_finalize__(self, source):
        if getattr(source, "world", None) is not None and source.lies & 8:
            source.world.act()


class ListOfTheWorld(list):
    """A list whose length, items and iterator do not agree."""

    def __init__(self, world, items):
        super().__init__(items)
        self.world, self.lies = world, world.pick(8)
        world.lists.append(self)
        world.turncoats.append(self)

    def __len__(self):
        if self.lies & 1:
            self.world.act()
            length = self.world.one(LENGTHS)
            self.world.lied |= length > 1000
            return length
        return super().__len__()

    def __getitem__(self, i):
        if self.lies & 2:
            self.world.act()
        return super().__getitem__(i)

    def __iter__(self):
        if self.lies & 4:
            self.world.act()
        return super().__iter__()

    def __contains__(self, item):
        return False


class MeekArray(np.ndarray):
    """What a `Subclass` may become while it is read."""


class MeekList(list):
    """What a `ListOfTheWorld` may become."""


TURNS = {Subclass: MeekArray, MeekArray: Subclass, ListOfTheWorld: MeekList, MeekList: ListOfTheWorld}


class Interface:
    """An object that describes its memory, never twice the same, and often badly."""

    def __init__(self, world, shape):
        self.world, self.own_shape, self.kept = world, shape, []

    @property
    def __array_interface__(self):
        self.world.act()
        array = np.ascontiguousarray(self.world.array(self.own_shape))
        self.kept.append(array)  # NumPy holds on to this object, not to that array
        said = dict(array.__array_interface__)
        match self.world.pick(8):
            case 1:
                said["shape"] = said["shape"][::-1]
            case 2:
                said["typestr"] = "|u1"
            case 3:
                del said[self.world.one(["shape", "typestr", "version"])]
            case 4:
                said = self.world.one([None, {}, [], "x"])
            case 5:
                said["data"] = self.world.view(array)
        return said


class Buffer:
    """An object whose memory is taken and given back by methods: from Python 3.12 on."""

    def __init__(self, world, shape):
        self.world, self.own_shape = world, shape

    def __buffer__(self, flags):
        self.world.act()
        return self.world.view(self.world.array(self.own_shape))

    def __release_buffer__(self, view):
        with contextlib.suppress(Exception):
            self.world.act()


class Dying(Buffer):
    """An object that changes the world when the last reference to it goes."""

    __buffer__ = __release_buffer__ = None

    def __array__(self, dtype=None, copy=None):
        return self.world.array(self.own_shape)

    def __del__(self):
        with contextlib.suppress(Exception):
            self.world.act()


class HostileInt(int):
    """A number that compares as it likes."""

    world = None

    def of(self, world):
        self.world = world
        return self

    def __index__(self):
        self.world.act()
        return self.world.one(LENGTHS)

    def __ge__(self, other):
        self.world.touched = True  # where 0 is among the sizes by this, another path is taken
        return self.world.pick(2) == 0

    __le__ = __lt__ = __gt__ = __eq__ = __ne__ = __ge__
    __hash__ = int.__hash__


class OwnCost(network2.QuadraticCost):
    """The user's own cost, which runs while the kernels work."""

    world = None

    @staticmethod
    def fn(a, y):
        OwnCost.world.touched = True
        OwnCost.world.act()
        return OwnCost.world.thing(()) if OwnCost.world.rarely() else 1.0

    @staticmethod
    def delta(z, a, y):
        OwnCost.world.touched = True
        OwnCost.world.act()
        return OwnCost.world.thing(a.shape)


class OwnMethods(network.Network):
    """What the network may become while it is used."""

    def feedforward(self, a):
        self.cost.world.act()
        return super().feedforward(a)

    def backprop(self, x, y):
        self.cost.world.act()
        return super().backprop(x, y)


class OwnMethods2(network2.Network):
    feedforward, backprop = OwnMethods.feedforward, OwnMethods.backprop


class Printed(io.StringIO):
    """Standard output: after an epoch the parameters are others, and the user may do anything."""

    def __init__(self, world):
        super().__init__()
        self.world = world

    def flush(self):
        self.world.touched = True
        self.world.act()


def own_shuffle(world):
    def shuffle(items):
        world.touched = True
        items.reverse()
        if world.rarely() and items:
            items[world.pick(len(items))] = world.one(
                [10**6, -1, 1.0, None, HostileInt(10**6).of(world), items[0]]
            )
        world.act()

    return shuffle


@functools.cache
def template(kind, sizes, dtype, activation, neurons, *cost):
    """A network to copy."""
    np.random.seed(1)
    return kind(sizes, *cost, dtype=dtype, activation=activation, neuron_activations=dict(neurons))


def new_network(world):
    sizes, dtype = world.one(SIZES), world.one(["f8", "f4"])
    random.seed(1)
    byte = world.pick(256)
    activation = ["sigmoid", "sigmoid", "tanh", "relu", "softplus"][byte % 5]
    neurons = ()
    if byte >= 200:
        l = world.pick(len(sizes) - 1) + 1
        neurons = (((l + 1, world.pick(sizes[l])), world.one(NEURONS)),)
        if world.rarely():  # the constructor reads numbers too
            place = HostileInt(world.one(LENGTHS)).of(world), HostileInt(world.one(LENGTHS)).of(world)
            network.Network(sizes, neuron_activations={place: "relu"})
    kind, cost = network.Network, ()
    if not world.pick(2):
        kind, cost = network2.Network, (world.one([*COSTS, OwnCost]),)
        if cost[0] is network2.CrossEntropyCost:
            activation = "sigmoid"
    net = kind.__new__(kind)
    state = template(kind, tuple(sizes), dtype, activation, neurons, *cost).__getstate__()
    for name in ("weights", "biases"):
        state[name] = [array.copy() for array in state[name]]
    net.__setstate__({**state, "sizes": sizes.copy()})
    return net


def call(world):
    """One method of the network."""
    net, is_second = world.net, isinstance(world.net, network2.Network)
    sizes = SIZES[0]
    if (
        type(net.sizes) is list
        and len(net.sizes) > 1
        and all(type(n) is int and 0 <= n < 1000 for n in net.sizes)
    ):
        sizes = net.sizes
    eta = world.thing(()) if world.pick(16) == 15 else world.one([0.5, 3, 0, -1e300, np.float32(2)])
    hostile = HostileInt(0).of(world), HostileInt(-1).of(world), HostileInt(2**62).of(world)
    match world.one(range(8), [8]):
        case 0 | 1:
            world_batch = world.one([1, 2, 3, 5, 10**6, 0, 2**70], hostile), eta
            # Two threads wait for each other, milliseconds where the machine is busy.
            options = {"n_threads": world.one([1, 1, 1, 1, 1, None], [2 if world.rarely() else 1, *hostile])}
            data, test = world.pairs(sizes, False, True), world.pairs(sizes, True) if world.pick(2) else None
            if is_second:
                bits = world.pick(16) if test is not None else 0
                options |= dict(evaluation_data=test, mu=world.one([0, 0.5]), lmbda=world.one([0, 0.1]),
                                monitor_evaluation_cost=bits & 1, monitor_evaluation_accuracy=bits & 2,
                                monitor_training_cost=bits & 4, monitor_training_accuracy=bits & 8,
                                regularization=world.one(["L2", "L1"]), restore_best=bits == 15)  # fmt: skip
            else:
                options["test_data"] = test
            net.SGD(data, world.one([1, 2]), *world_batch, **options)
        case 2:
            options = (
                {"mu": world.one([0, 0.5]), "regularization": world.one(["L2", "L1"])} if is_second else {}
            )
            more = (0.1, world.one([5, 0])) if is_second else ()
            net.update_mini_batch(world.pairs(sizes, False, True), eta, *more, **options)
        case 3:
            labelled = world.pick(2) == 0
            if is_second:
                net.accuracy(world.pairs(sizes, labelled), convert=not labelled)
            else:
                net.evaluate(world.pairs(sizes, labelled))
        case 4:
            net.feedforward(world.thing((sizes[0], world.one([1, 2, 0, 7, 130]))))
        case 5:
            m = world.one([1, 1, 1, 2, 0, 130])
            net.backprop(world.thing((sizes[0], m)), world.thing((sizes[-1], world.one([m, 1]))))
        case 6:
            m = world.one([1, 2, 0, 7, 130])
            net.backprop_mini_batch(world.thing((sizes[0], m)), world.thing((sizes[-1], m)))
        case 7:
            if is_second:
                labelled = world.pick(2) == 0
                net.total_cost(world.pairs(sizes, labelled), eta, convert=labelled)
            else:
                net.evaluate(world.pairs(sizes, world.pick(2)))
        case 8 if is_second:
            net.save(os.devnull)


def parameters(net):
    """What an error may not change; the bytes of arrays that are arrays."""
    found = []
    for name in ("weights", "biases"):
        items = getattr(net, name)
        found.append(items)
        for array in list.__iter__(items) if isinstance(items, list) else ():
            if type(array) is np.ndarray and array.size < 10_000 and not array.dtype.hasobject:
                array = array.tobytes()  # noqa: PLW2901
            found.append(array)
    return found


def has_a_huge_view(net):
    """Whether a parameter is a view without end of a few numbers, which methods of the user's may copy."""
    return any(
        type(array) is np.ndarray and array.size > 10**8
        for items in (net.weights, net.biases)
        if isinstance(items, list)
        for array in list.__iter__(items)
    )


def same(first, second):
    return len(first) == len(second) and all(
        a == b if type(a) is bytes and type(b) is bytes else a is b for a, b in zip(first, second)
    )


def check(data):
    """Does what `data` says, in time."""
    begun = time.perf_counter()
    run(data)
    if time.perf_counter() - begun > SECONDS:
        # Once more, by a clock that other processes do not touch, and which is slow to read.
        begun = time.process_time()
        run(data)
        seconds = time.process_time() - begun
        assert seconds < SECONDS, f"it took {seconds:.1f} seconds"


def run(data):
    """Makes a network, spoils it perhaps, and calls one of its methods."""
    world = OwnCost.world = World(data)
    out, shuffle = sys.stdout, random.shuffle
    compiled, before = False, None
    try:
        net = world.net = new_network(world)
        if world.rarely():
            with contextlib.suppress(Exception):
                world.change_network()
        if world.rarely():
            random.shuffle = own_shuffle(world)
        sys.stdout = Printed(world)
        compiled = net.backend.startswith("compiled")
        world.touched, world.acts, before = False, 0, parameters(net)
        call(world)
    except MemoryError as error:
        assert world.lied or has_a_huge_view(world.net), "a MemoryError that nobody asked for"
        error.__traceback__ = None
    except SystemError as error:
        raise AssertionError(f"the interpreter was misused: {error}") from error
    except Exception:
        # What was replaced runs as in the book, and may stop after some examples.
        if compiled and not (world.touched or world.acts):
            assert same(before, parameters(net)), "an error changed the parameters"
    finally:
        sys.stdout, random.shuffle = out, shuffle
        world.acts = sys.maxsize  # objects that die later change nothing more


if __name__ == "__main__":
    limit_memory()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()

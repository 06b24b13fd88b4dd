"""What the package remembers of a network, under one name, `_cbackprop`: every other name is the user's."""

cimport cython

from copy import deepcopy

import numpy as np

FLOAT64 = np.dtype(np.float64)


@cython.final
cdef class Memory:
    """Never changed, but replaced as a whole: networks that share a `__dict__` do not disturb each other.

    A class of networks has one with the defaults; an instance gets its own where it differs.
    """

    def __init__(
        self, module, dtype=FLOAT64, activations=None, layout=None, velocities=None, history=None, progress=None, generator=None,
        moments=None,
    ):
        self.module = module
        self.dtype = real_dtype(dtype)
        self.activations = activations
        self.layout = layout
        self.velocities = velocities
        self.history = history
        self.progress = progress
        self.generator = generator
        self.moments = moments

    def __reduce__(self):
        # The layout is of this processor, and of data that are not here.
        progress = None if self.progress is None else self.progress.pickled()
        return Memory, (
            self.module, self.dtype.name, self.activations, None, self.velocities, self.history, progress, self.generator,
            self.moments)

    def __deepcopy__(self, memo):
        return Memory(
            self.module, self.dtype, deepcopy(self.activations, memo), None, deepcopy(self.velocities, memo),
            deepcopy(self.history, memo), deepcopy(self.progress, memo), deepcopy(self.generator, memo),
            deepcopy(self.moments, memo))


def real_dtype(dtype):
    """`dtype` as NumPy's own object for float64 or float32.

    newbyteorder and unpickling make others, and each call of NumPy 2.5's dot loses a reference to those.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype not in (np.float64, np.float32):
        raise TypeError(f"dtype is {dtype}; expected float64 or float32")
    return np.dtype(dtype.type)


cdef object UNCHANGED = object()


def remember(
    net, dtype=UNCHANGED, activations=UNCHANGED, layout=UNCHANGED, velocities=UNCHANGED, history=UNCHANGED, progress=UNCHANGED,
    generator=UNCHANGED, moments=UNCHANGED, warned_of_pixels=UNCHANGED,
):
    """Give `net` a memory of its own, with these changes."""
    cdef Memory now = net._cbackprop
    cdef Memory memory = Memory.__new__(Memory)
    memory.module = now.module
    memory.dtype = now.dtype if dtype is UNCHANGED else real_dtype(dtype)
    memory.activations = now.activations if activations is UNCHANGED else activations
    memory.layout = now.layout if layout is UNCHANGED else layout
    memory.velocities = now.velocities if velocities is UNCHANGED else velocities
    memory.history = now.history if history is UNCHANGED else history
    memory.progress = now.progress if progress is UNCHANGED else progress
    memory.generator = now.generator if generator is UNCHANGED else generator
    memory.moments = now.moments if moments is UNCHANGED else moments
    memory.warned_of_pixels = now.warned_of_pixels if warned_of_pixels is UNCHANGED else warned_of_pixels
    net.__dict__["_cbackprop"] = memory     # not by setattr, which may be the user's


class offered:
    """A property that gives way to an attribute of the same name, which is the user's own.

    While its value is None there is no such attribute: a user who asks for it with hasattr finds the name free.
    """

    def __init__(self, value_of):
        self.value_of = value_of
        self.__doc__ = value_of.__doc__

    def __get__(self, net, kind=None):
        if net is None:
            return self
        value = self.value_of(net)
        if value is None:
            raise AttributeError("there is none yet: it comes with SGD, velocities with momentum")
        return value

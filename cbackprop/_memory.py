"""What the package remembers of a network, under one name, `_cbackprop`: every other name is the user's."""

import numpy as np

FLOAT64 = np.dtype(np.float64)


class Memory:
    """Never changed, but replaced as a whole: networks that share a `__dict__` do not disturb each other.

    A class of networks has one with the defaults; an instance gets its own where it differs.

    Attributes
    ----------
    module : cbackprop._overrides.Module
        Of the network's class.
    dtype : numpy.dtype
        Of the parameters and of all arithmetic: float64 or float32.
    activations : cbackprop.activations.LayerActivations or None
        None: every neuron is a sigmoid.
    layout : str or None
        How the last `SGD` laid the inputs out, in words.
    velocities : (list of ndarray, list of ndarray) or None
        With momentum: those of the weights and of the biases.
    history : list of dict or None
        An entry for each epoch of the last `SGD`; None before the first.
    """

    __slots__ = ("activations", "dtype", "history", "layout", "module", "velocities")

    def __init__(self, module, dtype=FLOAT64, activations=None, layout=None, velocities=None, history=None):
        self.module = module
        # NumPy's own object, which stays: newbyteorder and unpickling make others, and each call of NumPy
        # 2.5's dot loses a reference to those.
        self.dtype = np.dtype(np.dtype(dtype).type)
        self.activations = activations
        self.layout = layout
        self.velocities = velocities
        self.history = history

    def __reduce__(self):
        # The layout is of this processor and of data that are not here.
        return Memory, (
            self.module,
            self.dtype.name,
            self.activations,
            None,
            self.velocities,
            self.history,
        )


def remember(net, **changes):
    """Give `net` a memory of its own, with these changes."""
    now = net._cbackprop
    fields = {name: getattr(now, name) for name in Memory.__slots__}
    # Not by setattr, which may be the user's.
    net.__dict__["_cbackprop"] = Memory(**(fields | changes))


class offered:
    """A property that gives way to an attribute of the same name, which is the user's own."""

    def __init__(self, value_of):
        self.value_of = value_of
        self.__doc__ = value_of.__doc__

    def __get__(self, net, kind=None):
        return self if net is None else self.value_of(net)

"""Which instruction set the kernels use: the best that this processor has, or the one that CBACKPROP_ISA names."""

from cbackprop.kernels cimport Kernels, isa_names, kernels_for, kernels_named

import os

cdef const Kernels *float64_kernels = NULL
cdef const Kernels *float32_kernels = NULL


cdef const Kernels *kernels(int itemsize) noexcept:
    """The chosen kernels for elements of so many bytes."""
    return float64_kernels if itemsize == 8 else float32_kernels


def built():
    """The names of the instruction sets that this build has kernels for."""
    return isa_names().decode().split()


def found():
    """Those of them that this processor has."""
    cdef list names = []
    # No lambda: each one that Cython 3.3 makes keeps a reference to its type for good.
    for name in built():
        if kernels_named(name.encode(), 8) is not NULL:
            names.append(name)
    return names


def chosen():
    """The one that the kernels use."""
    return float64_kernels.isa.decode()


def _choose():
    global float64_kernels, float32_kernels
    forced = os.environ.get("CBACKPROP_ISA")
    if not forced:
        float64_kernels, float32_kernels = kernels_for(8), kernels_for(4)
        return
    float64_kernels, float32_kernels = kernels_named(forced.encode(), 8), kernels_named(forced.encode(), 4)
    if float64_kernels is NULL or float32_kernels is NULL:
        raise ValueError(
            f"CBACKPROP_ISA is {forced!r}; this build has {', '.join(built())}, this processor {', '.join(found())}")


_choose()

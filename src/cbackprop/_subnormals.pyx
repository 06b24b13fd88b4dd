"""Subnormal numbers as 0, as in training and evaluation: for NumPy's code that is compared with the kernels."""

cimport cython

from cbackprop.kernels cimport FLUSHING, FloatMode, float_mode, flush_subnormals, set_float_mode


@cython.final
cdef class flushing:
    """A context in which this thread's processor reads and writes subnormal numbers as 0."""

    cdef FloatMode before

    def __enter__(self):
        self.before = flush_subnormals()

    def __exit__(self, *error):
        set_float_mode(self.before)


def are_flushed():
    """Whether that is so now, in this thread."""
    return FLUSHING != 0 and float_mode() & FLUSHING != 0


def can_be_flushed():
    """Whether the package knows how to tell this processor."""
    return FLUSHING != 0

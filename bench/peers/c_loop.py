"""The loop that a C programmer writes in an afternoon: c_loop.c, dense, for this processor."""

import numpy as np

from peers import native
from peers.native_network import NativeNetwork

# Multiplications of a product from which OpenBLAS is faster than the loop: at 784 x 100 x 100 it is not, at
# 784 x 512 x 128 it is.
BLAS_FROM = 20_000_000


class CLoop(NativeNetwork):
    """Tiles in registers, for this processor; OpenBLAS for large products where that is installed for C."""

    name = "C loop"
    one_thread_only = True

    def compiled(self):
        real = "double" if self.job.X.dtype == np.float64 else "float"
        flags = ["-std=gnu11", "-O3", "-march=native", "-ffast-math", f"-DREAL={real}"]
        try:
            return native.library("c_loop.c", [*flags, f"-DBLAS={BLAS_FROM}"], libraries=["openblas", "m"])
        except ImportError:
            return native.library("c_loop.c", flags, libraries=["m"])

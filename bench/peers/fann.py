"""FANN, the Fast Artificial Neural Network library."""

import numpy as np

from peers import native
from peers.native_network import NativeNetwork


class Fann(NativeNetwork):
    """Its batch training, called for each mini-batch.

    For its slopes it clips a to 0.01 … 0.99, so its parameters are others than the reference's.
    """

    name = "FANN"
    same_cost = False
    left_out_if_slow = True
    one_thread_only = True

    def compiled(self):
        real, fann = ("double", "doublefann") if self.job.X.dtype == np.float64 else ("float", "floatfann")
        flags = ["-O3", f"-DREAL={real}", f"-DHEADER=<{fann}.h>"]
        try:
            return native.library("fann.c", flags, libraries=[fann, "m"])
        except ImportError as error:
            raise ImportError(f"FANN (Debian's libfann-dev) is needed: {error}") from None

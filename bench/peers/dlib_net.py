"""dlib's layers, in C++: the Python package has none of them."""

from peers import native
from peers.native_network import NativeNetwork


class Dlib(NativeNetwork):
    """Its fc and sig layers, its solver `sgd`; compiled for the number of layers."""

    name = "dlib"
    dtypes = ("float32",)

    def compiled(self):
        layers = len(self.job.shape.sizes) - 1
        flags = ["-std=c++17", "-O3", "-march=native", f"-DLAYERS={layers}"]
        try:
            return native.library("dlib_net.cpp", flags, compiler="c++", libraries=["dlib", "blas"])
        except ImportError as error:
            raise ImportError(f"dlib (Debian's libdlib-dev) is needed: {error}") from None

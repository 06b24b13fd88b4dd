"""Backpropagation from Michael Nielsen's book, at the speed of the processor.

Change ``import network`` into ``from cbackprop import network`` and the book's scripts run as
they are, many times faster.
"""

from typing import TYPE_CHECKING

try:
    import cbackprop._isa  # noqa: F401  (the first of the compiled modules; it needs no other)
except ModuleNotFoundError as _error:
    from cbackprop import _unbuilt

    raise ImportError(_unbuilt.reason()) from _error

from cbackprop.config import show_config
from cbackprop.network import Network

__all__ = ["Ensemble", "Network", "__version__", "ensemble", "show_config", "sweep"]

__version__: str

if TYPE_CHECKING:
    from cbackprop.ensembles import Ensemble, ensemble
    from cbackprop.sweeps import sweep
else:  # a type checker would take every name for an attribute

    def __getattr__(name):
        # Read on first use: importlib.metadata costs several milliseconds that few scripts need.
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415

            return version("cbackprop")
        if name == "sweep":
            from cbackprop.sweeps import sweep  # noqa: PLC0415

            return sweep
        if name in ("Ensemble", "ensemble"):
            from cbackprop import ensembles  # noqa: PLC0415

            return getattr(ensembles, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

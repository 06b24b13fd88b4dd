"""Workers of joblib, Dask and Ray, which cannot import the tests."""

import contextlib
import importlib
import sys

# Of joblib until 1.5 and after, of Dask, and of Ray.
PICKLERS = ("joblib.externals.cloudpickle", "cloudpickle", "ray.cloudpickle")


def send_by_value(module):
    """Have the functions of a test module sent to workers as they are, not by their names."""
    for name in PICKLERS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name).register_pickle_by_value(sys.modules[module])

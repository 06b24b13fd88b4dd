"""scikit-learn's MLPClassifier and MLPRegressor, trained in C: change the import, and nothing else.

Needs scikit-learn 1.9 or later: ``pip install "cbackprop[sklearn]"``. From the same `random_state` they draw
what scikit-learn's draw, in the same order: the same start, the same mini-batches, the same validation set.
"""

from __future__ import annotations

try:
    import sklearn.callback  # noqa: F401  (the youngest of what is needed)
except ImportError as _error:
    raise ImportError(
        'cbackprop.sklearn needs scikit-learn 1.9 or later: pip install "cbackprop[sklearn]"'
    ) from _error

from cbackprop.sklearn._classifier import MLPClassifier
from cbackprop.sklearn._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

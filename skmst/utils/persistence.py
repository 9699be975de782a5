"""A version stamp on pickled estimators; scikit-learn's own covers only modules of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

STAMP = "_skmst_version"


class ModelVersionWarning(InconsistentVersionWarning):
    """A pickled model was written by another version of skmst."""

    def __str__(self) -> str:
        """Say which versions differ and what to do."""
        return (
            f"This {self.estimator_name} was pickled by skmst {self.original_sklearn_version} and is read by "
            f"skmst {self.current_sklearn_version}: results may differ. Fit it again, or install the version "
            "that wrote it."
        )


class VersionStampMixin:
    """Write skmst's version into the pickled state and warn where another version reads it.

    Stand left of `BaseEstimator`.

    Examples
    --------
    >>> import pickle
    >>> from skmst.koopman import KoopmanRegressor
    >>> model = KoopmanRegressor(lag=2)
    >>> "_skmst_version" in model.__getstate__()
    True
    >>> pickle.loads(pickle.dumps(model)).lag
    2
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the version of skmst in it."""
        from skmst import __version__  # at call time: the package imports its estimators first

        state: Any = super().__getstate__()
        return {**state, STAMP: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn if another version wrote it.

        Warns
        -----
        ModelVersionWarning
            If the pickle was written by another version of skmst, or without a stamp.
        """
        from skmst import __version__

        state = dict(state)
        written_by = state.pop(STAMP, "of an unknown version")
        if written_by != __version__:
            warnings.warn(
                ModelVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=written_by,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)  # type: ignore[misc]

"""Progress bars for long fits, through scikit-learn's callbacks where they exist."""

from __future__ import annotations

from typing import Any, TypeVar

Estimator = TypeVar("Estimator")


def show_progress(estimator: Estimator) -> Estimator:
    """Attach scikit-learn's progress bar to an estimator whose fit has steps, such as a search.

    Parameters
    ----------
    estimator : estimator
        Changed in place. Nothing happens where scikit-learn has no callbacks (before 1.9), the estimator does not
        support them, or rich (extra ``progress``) is not installed.

    Returns
    -------
    estimator
        The same object.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skmst.utils.progress import show_progress
    >>> search = show_progress(GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}))
    """
    attach: Any = getattr(estimator, "set_callbacks", None)
    if attach is None:
        return estimator
    try:
        import rich  # noqa: F401 - the bar imports it only when it starts
        from sklearn.callback import ProgressBar
    except ImportError:
        return estimator
    attach(ProgressBar(max_propagation_depth=0))
    return estimator

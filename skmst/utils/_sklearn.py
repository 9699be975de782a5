"""The only file that imports scikit-learn's private names, or names that moved between its versions."""

from __future__ import annotations

import copy
from functools import wraps
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import _fit_context as fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import validate_data

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "TrajectoryOutputMixin",
    "check_feature_names_in",
    "check_rows",
    "fit_context",
    "store_fitted",
    "validate_data",
]

#: What a fit stores about the columns of its input.
_COLUMNS = ("n_features_in_", "feature_names_in_")


def check_rows(
    X: Any,
    *,
    estimator: BaseEstimator | None = None,
    reset: bool = True,
    skip_values: bool = False,
    input_name: str = "X",
) -> tuple[Any, dict[str, Any]]:
    """Check a 2-D array with scikit-learn's own messages, without touching the estimator.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows; float32 stays, all other numbers become float64.
    estimator : estimator or None
        Whose number and names of features X must have (``reset=False``) or will define (``reset=True``).
    reset : bool
        See `estimator`.
    skip_values : bool
        Check only the columns and return X as it came.
    input_name : str
        How messages call X.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        The checked rows, a view of the caller's where its type allows.
    columns : dict
        The attributes `n_features_in_` and, where X has names, `feature_names_in_`, for the caller to
        store once everything else has gone well (see `store_fitted`).
    """
    if estimator is None:
        return check_array(X, dtype=[np.float64, np.float32], input_name=input_name), {}
    # validate_data writes on the estimator: a failing or interrupted fit must not, so it gets a copy.
    shell = copy.copy(estimator)
    if skip_values:
        X = validate_data(shell, X, reset=reset, skip_check_array=True)
    else:
        X = validate_data(shell, X, reset=reset, dtype=[np.float64, np.float32])
    return X, {name: getattr(shell, name) for name in _COLUMNS if hasattr(shell, name)}


def store_fitted(estimator: Any, **attributes: Any) -> None:
    """Set the attributes of a fit that went well, in one go, and forget those of an earlier fit that it lacks."""
    estimator.__dict__.update(attributes)
    earlier = {name for name in estimator.__dict__ if name.endswith("_") and not name.startswith("_")}
    for name in earlier - set(attributes):
        del estimator.__dict__[name]


class TrajectoryOutputMixin:
    """Restricts ``set_output`` to 2-D results: trajectories and lists of runs stay arrays.

    Place it left of ``TransformerMixin``, whose wrapping of ``transform`` and ``fit_transform`` it replaces.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("transform", "fit_transform"):
            method = cls.__dict__.get(name)
            if method is not None and hasattr(method, "__wrapped__"):
                setattr(cls, name, _wrap_two_dimensional(method.__wrapped__))


def _wrap_two_dimensional(method: Any) -> Any:
    @wraps(method)
    def wrapped(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, X, *args, **kwargs)
        if isinstance(result, list) or np.ndim(result) != 2:
            return result
        return _wrap_data_with_container("transform", result, X, self)

    return wrapped

"""Any transformer of rows, applied to every snapshot of trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmst.trajectories._convention import parse_layout
from skmst.utils._sklearn import HasMethods, TrajectoryOutputMixin, check_rows, fit_context, store_fitted
from skmst.utils.persistence import VersionStampMixin


def _inner_has(method: str) -> Any:
    def check(self: PerSnapshot) -> bool:
        getattr(getattr(self, "transformer_", self.transformer), method)
        return True

    return check


class PerSnapshot(VersionStampMixin, TrajectoryOutputMixin, TransformerMixin, BaseEstimator):
    """Apply a scikit-learn transformer to each snapshot of trajectories.

    The transformer sees one row for each step of each trajectory. The result has the leading axes of the
    input: ``(n_trajectories, n_steps, n_features_out)`` for arrays of three axes, a list for a list of runs.
    On 2-D input it is the transformer itself. y is flattened as X is. `FeatureUnion`, `ColumnTransformer` and
    pipelines of transformers are transformers, too.

    Parameters
    ----------
    transformer : transformer
        It is cloned, not changed. Its parameters are reached as ``transformer__<name>``.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Number of features, the length of the last axis.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where the fit saw a data frame.

    See Also
    --------
    skmst.trajectories.segments : Cut a long run into trajectories.

    Notes
    -----
    What values are allowed (missing ones, for example) is for the inner transformer to decide.
    `set_output` concerns 2-D results only.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skmst.trajectories import PerSnapshot
    >>> X = np.random.default_rng(0).normal(size=(4, 50, 3))
    >>> PerSnapshot(PCA(2)).fit_transform(X).shape
    (4, 50, 2)
    """

    _parameter_constraints: dict[str, list[Any]] = {"transformer": [HasMethods(["fit", "transform"])]}

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> PerSnapshot:
        """Fit the transformer on all snapshots.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        y : array-like or list, default=None
            Targets at each step, in the form of X.
        **fit_params : dict
            Given to the transformer's `fit`.

        Returns
        -------
        self : PerSnapshot
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is not in one of the forms of trajectories.
        """
        rows, _ = _flatten(X)
        _, columns = check_rows(rows, estimator=self, skip_values=True)
        targets = _flatten_targets(y, X)
        inner = clone(self.transformer)
        inner.fit(rows, **targets, **fit_params)
        store_fitted(self, transformer_=inner, **columns)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit the transformer and transform the same data, by its own `fit_transform` where it has one.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        y : array-like or list, default=None
            Targets at each step, in the form of X.
        **fit_params : dict
            Given to the transformer's `fit_transform`.

        Returns
        -------
        ndarray of shape (..., n_features_out), or list
            The features, in the form of X.
        """
        rows, leading = _flatten(X)
        _, columns = check_rows(rows, estimator=self, skip_values=True)
        targets = _flatten_targets(y, X)
        inner = clone(self.transformer)
        if hasattr(inner, "fit_transform"):
            out = inner.fit_transform(rows, **targets, **fit_params)
        else:
            out = inner.fit(rows, **targets, **fit_params).transform(rows)
        store_fitted(self, transformer_=inner, **columns)
        return _unflatten(out, leading)

    @available_if(_inner_has("partial_fit"))
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: Any, y: Any = None) -> PerSnapshot:
        """Fit the transformer further on one more chunk of trajectories.

        Parameters
        ----------
        X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
            Trajectories.
        y : array-like or list, default=None
            Targets at each step, in the form of X.

        Returns
        -------
        self : PerSnapshot
            The estimator.
        """
        first = not hasattr(self, "transformer_")
        rows, _ = _flatten(X)
        _, columns = check_rows(rows, estimator=self, reset=first, skip_values=True)
        targets = _flatten_targets(y, X)
        inner = clone(self.transformer) if first else self.transformer_
        inner.partial_fit(rows, **targets)
        store_fitted(self, transformer_=inner, **columns)
        return self

    def transform(self, X: Any) -> Any:
        """Transform each snapshot.

        Parameters
        ----------
        X : array-like of shape (..., n_features) or list
            Trajectories.

        Returns
        -------
        ndarray of shape (..., n_features_out), or list
            The features, in the form of X.
        """
        check_is_fitted(self, "transformer_")
        rows, leading = _flatten(X)
        check_rows(rows, estimator=self, reset=False, skip_values=True)
        return _unflatten(self.transformer_.transform(rows), leading)

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:
        """Transform each snapshot back.

        Parameters
        ----------
        X : array-like of shape (..., n_features_out) or list
            Trajectories of features.

        Returns
        -------
        ndarray of shape (..., n_features), or list
            The snapshots, in the form of X.
        """
        check_is_fitted(self, "transformer_")
        rows, leading = _flatten(X)
        return _unflatten(self.transformer_.inverse_transform(rows), leading)

    @available_if(_inner_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the features that come out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features that go in.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            The inner transformer's names.
        """
        check_is_fitted(self, "transformer_")
        return self.transformer_.get_feature_names_out(input_features)

    def __sklearn_tags__(self) -> Any:
        """Take over the inner transformer's tags."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        tags.non_deterministic, tags.requires_fit = inner.non_deterministic, inner.requires_fit
        if inner.transformer_tags is not None:
            tags.transformer_tags = inner.transformer_tags
        return tags


def _flatten(X: Any) -> tuple[Any, list[int] | tuple[int, ...] | None]:
    """Give the rows of trajectories and what is needed to undo it: None, leading axes, or lengths of runs."""
    layout, X = parse_layout(X)
    if layout == "rows":
        if len(X.shape) < 2:
            raise ValueError(
                "Expected trajectories of two or three axes, got fewer. Reshape your data: X.reshape(-1, 1) for "
                "one feature, X.reshape(1, -1) for one step."
            )
        return X, None
    if layout == "array":
        return X.reshape(X.shape[0] * X.shape[1], X.shape[2]), X.shape[:2]
    widths = {run.shape[1] for run in X}
    if len(widths) > 1:
        raise ValueError(f"all runs must have the same number of features; got {sorted(widths)}.")
    return np.concatenate([np.asarray(run) for run in X]), [len(run) for run in X]


def _unflatten(rows: Any, leading: list[int] | tuple[int, ...] | None) -> Any:
    if leading is None:
        return rows
    rows = np.asarray(rows)
    if rows.ndim != 2:
        raise ValueError("PerSnapshot needs a transformer that returns a dense 2-D array or data frame.")
    if isinstance(leading, tuple):
        return rows.reshape(*leading, rows.shape[1])
    return np.split(rows, np.cumsum(leading)[:-1])


def _flatten_targets(y: Any, X: Any) -> dict[str, Any]:
    """Give y flattened as X is, as keyword arguments of fit (none where there is no y)."""
    if y is None:
        return {}
    layout, X = parse_layout(X)
    if layout == "rows":
        return {"y": y}
    if layout == "array":
        y = np.asarray(y)
        if y.shape[:2] != X.shape[:2]:
            raise ValueError(f"y has shape {y.shape} but X has {X.shape[:2]} trajectories and steps.")
        return {"y": _flat_targets(y.reshape(X.shape[0] * X.shape[1], *y.shape[2:]))}
    if len(y) != len(X) or any(len(a) != len(b) for a, b in zip(X, y, strict=False)):
        raise ValueError("y must be a list with one array for each run of X, of the same numbers of steps.")
    return {"y": _flat_targets(np.concatenate([np.asarray(run) for run in y]))}


def _flat_targets(y: NDArray[Any]) -> NDArray[Any]:
    return y.reshape(len(y), -1) if y.ndim > 2 else y

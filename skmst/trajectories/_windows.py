"""Windows of history, and segments of a long run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.trajectories._convention import check_trajectories


def windows(X: Any, n_terms: int, *, lag: int = 1) -> Any:
    """Stack each step with the steps before it (delay coordinates), latest first.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list
        Trajectories; windows never reach from one into another.
    n_terms : int
        Number of steps in a window.
    lag : int, default=1
        Steps between the terms of a window.

    Returns
    -------
    ndarray of shape (..., n_steps - (n_terms - 1) * lag, n_terms * n_features), or list
        Row t holds ``x[t + (n_terms - 1) * lag], ..., x[t + lag], x[t]``; in the form of X.

    Raises
    ------
    ValueError
        If a run is shorter than a window, or `n_terms` or `lag` is below 1.

    Examples
    --------
    >>> windows([[0.0], [1.0], [2.0], [3.0]], 3)
    array([[2., 1., 0.],
           [3., 2., 1.]])
    """
    runs = check_trajectories(X)
    if n_terms < 1 or lag < 1:
        raise ValueError(f"n_terms and lag must be at least 1; got {n_terms} and {lag}.")
    needed = (n_terms - 1) * lag + 1
    if runs.lengths.min() < needed:
        raise ValueError(
            f"a window of n_terms={n_terms} at lag={lag} spans {needed} steps but the shortest run has "
            f"{runs.lengths.min()}."
        )
    return runs.restore([stack_windows(block, n_terms, lag) for block in runs.blocks])


def stack_windows(block: NDArray[Any], n_terms: int, lag: int) -> NDArray[Any]:
    """Stack windows of (n, n_steps, d), latest first: (n, n_steps - (n_terms - 1) * lag, n_terms * d)."""
    n_windows = block.shape[1] - (n_terms - 1) * lag
    starts = [j * lag for j in reversed(range(n_terms))]
    return np.concatenate([block[:, s : s + n_windows] for s in starts], axis=-1)


def segments(X: Any, n_steps: int) -> NDArray[Any]:
    """Cut runs into trajectories of equal length, in order, so that they can be cross-validated.

    Use the result with any splitter; `sklearn.model_selection.TimeSeriesSplit` keeps the training data
    before the test data. What remains at the end of a run and is shorter than `n_steps` is dropped.

    Parameters
    ----------
    X : array-like of shape (n_steps_total, ...) or list of such arrays
        One long run with time first (features of any shape, or none), or several.
    n_steps : int
        Steps of each segment.

    Returns
    -------
    ndarray of shape (n_segments, n_steps, ...)
        The segments; a view of X where X is one array.

    Raises
    ------
    ValueError
        If `n_steps` is below 1 or longer than every run.

    Examples
    --------
    >>> import numpy as np
    >>> segments(np.arange(7.0)[:, None], 3)[..., 0]
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    runs = X if isinstance(X, list) and all(isinstance(run, np.ndarray) for run in X) else [X]
    arrays = [np.asarray(run) for run in runs]
    longest = max((len(run) for run in arrays), default=0)
    if not 1 <= n_steps <= longest:
        raise ValueError(
            f"n_steps must be between 1 and the longest run's {longest} steps; got {n_steps}. X is one run with time "
            "on its first axis, or a list of runs."
        )
    cut = [run[: len(run) // n_steps * n_steps].reshape(-1, n_steps, *run.shape[1:]) for run in arrays]
    return cut[0] if len(cut) == 1 else np.concatenate(cut)

"""Runs with steps that were not observed, cut into runs without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.trajectories._convention import check_step_count, parse_layout, refuse_text

Runs = list[NDArray[Any]]


def cut_gaps(X: Any, *others: Any, min_steps: int = 2) -> Any:
    """Cut trajectories at gaps: steps where a feature is NaN are left out, and no run reaches across them.

    The estimators take no NaN, since a gap that is filled makes dynamics of its own. The result is a list of runs of
    unequal length, which they do take: windows of history and their successors never span two runs.

    Parameters
    ----------
    X : array-like of shape (n_steps, n_features) or (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Trajectories, with NaN in some or all features of a step that was not observed.
    *others : array-like or list
        What is given at the same steps, such as y, inputs or time stamps, in the form of X; cut at the same steps, and
        at those where they have a NaN themselves.
    min_steps : int, default=2
        Shorter runs are left out. Give the steps of a window of history and its successor, ``n_delays * lag + 1``.

    Returns
    -------
    list of ndarray of shape (n_steps_i, n_features), or tuple of such lists
        The runs in the order of time, trajectory by trajectory; with `others`, one list for each.

    Raises
    ------
    ValueError
        If X is not numeric, the others do not have its steps, or no run of `min_steps` steps remains.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.trajectories import cut_gaps
    >>> X = np.array([[0.0], [1.0], [np.nan], [3.0], [4.0], [5.0], [np.nan], [7.0]])
    >>> [run.ravel().tolist() for run in cut_gaps(X)]
    [[0.0, 1.0], [3.0, 4.0, 5.0]]
    """
    min_steps = check_step_count(min_steps, "min_steps")
    parallel = [_runs(values, name) for values, name in zip([X, *others], _names(len(others)), strict=True)]
    lengths = [len(run) for run in parallel[0]]
    for runs, name in zip(parallel[1:], _names(len(others))[1:], strict=True):
        if [len(run) for run in runs] != lengths:
            raise ValueError(f"{name} must have the trajectories and steps of X, so that both are cut alike.")
    kept = [
        (i, steps)
        for i, together in enumerate(zip(*parallel, strict=True))
        for steps in _observed(together)
        if steps.stop - steps.start >= min_steps
    ]
    if not kept:
        raise ValueError(f"no run of min_steps={min_steps} steps without NaN remains: lower it, or fill short gaps.")
    cut = tuple([runs[i][steps] for i, steps in kept] for runs in parallel)
    return cut if others else cut[0]


def _names(n_others: int) -> list[str]:
    return ["X", *(f"array {k + 2} of {n_others + 1}" for k in range(n_others))]


def _runs(values: Any, name: str) -> Runs:
    if isinstance(values, list | tuple) and any(len(getattr(run, "shape", ())) for run in values):
        runs = [np.asarray(run) for run in values]
    else:
        layout, given = parse_layout(values, name)
        runs = [np.asarray(given)] if layout == "rows" else list(given)
    for run in runs:
        refuse_text(run, name)
    return runs


def _observed(together: Sequence[NDArray[Any]]) -> list[slice]:
    """Longest stretches of steps at which nothing is NaN."""
    missing = np.zeros(len(together[0]), dtype=bool)
    for run in together:
        missing |= np.isnan(run.astype(np.float64)).reshape(len(run), -1).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], missing, [True]]).astype(int)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]

"""Second moments of each trajectory: resampling whole trajectories costs a weighted sum, never a pass over data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.trajectories._convention import Trajectories, check_trajectories
from skmst.utils.moments import sum_windows

Array = NDArray[np.float64]

#: Numbers in the covariances that are drawn together.
_TOGETHER = 2**22


@dataclass(frozen=True)
class TrajectoryMoments:
    """Moments of windows ``[x_{t+lag}, x_t, ..., x_{t-(n_terms-1)lag}]``, trajectory by trajectory.

    Attributes
    ----------
    n_terms : int
        Terms of history in a window.
    n_windows : ndarray of shape (n_trajectories,)
        Windows of each trajectory.
    offset : ndarray of shape (n_trajectories, p)
        Sum over the windows of each, as deviations from the mean window of all.
    product : ndarray of shape (n_trajectories, p, p)
        Sum of outer products of these deviations.
    """

    n_terms: int
    n_windows: Array
    offset: Array
    product: Array

    @property
    def covariance(self) -> Array:
        """Covariance of all windows, of shape (p, p)."""
        return self.covariances(np.ones((1, len(self.n_windows))))[0]

    def covariances(self, weights: Array) -> Array:
        """Covariances of the windows when each trajectory counts as often as its weight says.

        Parameters
        ----------
        weights : ndarray of shape (n, n_trajectories)
            Not negative, not all zero in any row.

        Returns
        -------
        ndarray of shape (n, p, p)
            A covariance for each row of weights.
        """
        p = self.offset.shape[1]
        n = (weights @ self.n_windows)[:, None]
        mean = weights @ self.offset / n
        second = (weights @ self.product.reshape(len(self.product), -1)).reshape(-1, p, p) / n[..., None]
        return np.asarray(second - mean[:, :, None] * mean[:, None, :])

    def resampled(self, n_resamples: int, rng: np.random.RandomState) -> Iterator[Array]:
        """Yield covariances of trajectories drawn with replacement, as many as there are."""
        n_trajectories, p = self.offset.shape
        together = max(1, _TOGETHER // p**2)
        for start in range(0, n_resamples, together):
            size = min(together, n_resamples - start)
            weights = rng.multinomial(n_trajectories, np.full(n_trajectories, 1 / n_trajectories), size)
            yield from self.covariances(weights.astype(np.float64))


def trajectory_moments(X: Any, n_terms: int, lag: int = 1) -> TrajectoryMoments:
    """Sum up each trajectory on its own.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories.
    n_terms : int
        Terms of history in a window.
    lag : int, default=1
        Steps between the terms.

    Returns
    -------
    TrajectoryMoments
        The moments, of ``n_trajectories * ((n_terms + 1) * n_features)^2`` numbers.

    Raises
    ------
    ValueError
        If there are fewer than two trajectories, or one is shorter than a window and its successor.
    """
    return moments_of_runs(check_trajectories(X), n_terms, lag)


def moments_of_runs(runs: Trajectories, n_terms: int, lag: int = 1) -> TrajectoryMoments:
    """Sum up each of checked trajectories; see `trajectory_moments`."""
    if runs.n_trajectories < 2:
        raise ValueError(
            "X is one trajectory, but intervals come from resampling whole trajectories: give several, or cut a long "
            "run with skmst.trajectories.segments."
        )
    if runs.lengths.min() <= n_terms * lag:
        raise ValueError(
            f"a trajectory of {runs.lengths.min()} steps is too short: windows of {n_terms} terms at lag={lag} and "
            f"their successors need {n_terms * lag + 1}. Take fewer terms, or leave short runs out."
        )
    parts = [
        sum_windows([run[None]], [run[None, :, :0]], n_terms, lag) for block in runs.blocks for run in np.asarray(block)
    ]
    total = reduce(add, parts)
    constant = np.diag(total.covariance()) == 0
    n = np.array([part.n_windows for part in parts], dtype=np.float64)
    apart = np.array([part.mean for part in parts]) - total.mean
    apart[:, constant] = 0.0
    product = np.array([part.scatter for part in parts])
    product[:, constant] = 0.0
    product[:, :, constant] = 0.0
    product += n[:, None, None] * apart[:, :, None] * apart[:, None, :]
    return TrajectoryMoments(n_terms, n, n[:, None] * apart, product)

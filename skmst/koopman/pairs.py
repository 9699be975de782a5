"""Second moments of pairs of states: all that a linear solver needs to know of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from skmst.utils.linalg import whitening

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairMoments:
    """Second moments of states x and their successors y, all from the same pairs.

    Sums over pairs and means over pairs give the same operators; moments of several chunks of data add up to
    those of all.

    Attributes
    ----------
    before : ndarray of shape (n, n)
        ``E[x x.T]``.
    cross : ndarray of shape (n, n)
        ``E[y x.T]``.
    after : ndarray of shape (n, n)
        ``E[y y.T]``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.pairs import PairMoments
    >>> pairs = PairMoments.of_runs(0.5 ** np.arange(4.0)[:, None])
    >>> pairs.cross / pairs.before
    array([[0.5]])
    """

    before: Array
    cross: Array
    after: Array

    @classmethod
    def of(cls, X: ArrayLike, Y: ArrayLike) -> PairMoments:
        """Give the mean moments of pairs of rows.

        Parameters
        ----------
        X, Y : array-like of shape (n_pairs, n)
            States and their successors, as deviations from what is not to be explained (the mean, if anything).

        Returns
        -------
        PairMoments
            Their moments.
        """
        X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
        if X.ndim != 2 or X.shape != Y.shape or not len(X):
            raise ValueError(f"X and Y must be 2-D and hold the same pairs, but have shapes {X.shape} and {Y.shape}.")
        return cls(X.T @ X / len(X), Y.T @ X / len(X), Y.T @ Y / len(X))

    @classmethod
    def of_runs(cls, X: Any, lag: int = 1, *, center: bool = False) -> PairMoments:
        """Give the mean moments of all pairs within runs.

        Parameters
        ----------
        X : array-like of shape (n_steps, n) or (n_runs, n_steps, n), or list of arrays of shape (n_steps, n)
            Runs; no pair reaches from one into the next.
        lag : int, default=1
            Steps from a state to its successor.
        center : bool, default=False
            Whether moments are about the means of the states and of the successors.

        Returns
        -------
        PairMoments
            Their moments.
        """
        runs = [np.asarray(run, dtype=np.float64) for run in as_runs(X)]
        before, after = (_stacked([run[part] for run in runs]) for part in (slice(None, -lag), slice(lag, None)))
        if center:
            before, after = before - before.mean(axis=0), after - after.mean(axis=0)
        return cls.of(before, after)

    def __add__(self, other: PairMoments) -> PairMoments:
        """Give the sums of the moments."""
        return PairMoments(self.before + other.before, self.cross + other.cross, self.after + other.after)

    def seen_through(self, W: Array) -> PairMoments:
        """Give the moments of the coordinates ``W x``, for W of shape (k, n)."""
        return PairMoments(W @ self.before @ W.T, W @ self.cross @ W.T, W @ self.after @ W.T)


def _stacked(runs: Sequence[Array]) -> Array:
    """Stack runs; a single one is not copied."""
    return runs[0] if len(runs) == 1 else np.concatenate(runs)


def as_runs(X: Any) -> Sequence[Any]:
    """Give the runs in X, be it one (two axes), many of equal length (three), or a list of them.

    Parameters
    ----------
    X : array-like of shape (n_steps, n) or (n_runs, n_steps, n), or list of arrays of shape (n_steps, n)
        Runs.

    Returns
    -------
    sequence of array-like of shape (n_steps, n)
        Each run.

    Raises
    ------
    ValueError
        If the number of axes is another one.
    """
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) == 2:
        return X
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    if len(X.shape) == 2:
        return [X]
    if len(X.shape) != 3:
        raise ValueError(
            f"X has {len(X.shape)} axes: give (n_steps, n_features), (n_runs, n_steps, n_features) or a list of the "
            "first."
        )
    return X


def coordinates(covariance: Array, rank: int | None, *, unit_variance: bool = True) -> tuple[Array, Array]:
    """Find coordinates ``W z`` of the leading principal components, and the way back.

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        Second moments of z.
    rank : int or None
        Largest number of coordinates; None for all in which z varies.
    unit_variance : bool, default=True
        Whether coordinates have unit variance; else the basis is orthonormal.

    Returns
    -------
    W : ndarray of shape (k, n)
        To coordinates.
    back : ndarray of shape (n, k)
        ``W back = I``, and ``back W z = z`` where no coordinate was left out.
    """
    if rank is None and unit_variance:
        W = whitening(covariance)
        return W, covariance @ W.T
    values, vectors = linalg.eigh(covariance)
    keep = values > 8 * np.finfo(float).eps * len(values) * max(values[-1], 0.0)
    basis = vectors[:, keep][:, ::-1][:, :rank]
    scale = np.sqrt(values[keep][::-1][:rank]) if unit_variance else np.ones(basis.shape[1])
    return basis.T / scale[:, None], basis * scale

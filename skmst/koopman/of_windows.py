"""The operator of windows of history: what is already known is shifted, the rest is learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.operators import SOLVERS, Factors
from skmst.koopman.pairs import PairMoments
from skmst.utils.linalg import companion, ridge_regression, whitening

Array = NDArray[np.float64]


def pairs_of_windows(covariance: Array, n_terms: int) -> PairMoments:
    """Give the moments of windows and of the windows one lag later.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        Centred second moments of ``[x_{t+lag}, x_t, ..., x_{t-(n_terms-1)lag}]``.
    n_terms : int
        Steps of history in a window.

    Returns
    -------
    PairMoments
        Of (n_terms * d, n_terms * d) each.
    """
    d = len(covariance) // (n_terms + 1)
    now, later = slice(d, None), slice(0, n_terms * d)
    return PairMoments(covariance[now, now], covariance[later, now], covariance[later, later])


def operator_of_windows(
    covariance: Array, n_terms: int, solver: str = "edmd", *, ridge: float = 0.0, rank: int | None = None
) -> Factors:
    """Find the operator that advances a window by one lag.

    Parameters
    ----------
    covariance, n_terms
        As for `pairs_of_windows`.
    solver : str, default="edmd"
        A key of `SOLVERS`. Least squares without `rank` regresses the newest state only and shifts the others exactly.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the windows' second moments.
    rank : int, default=None
        Largest rank; None does not limit it.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of the operator, for ``n = n_terms * d``.
    """
    pairs = pairs_of_windows(covariance, n_terms)
    if rank is not None or n_terms == 1 or not SOLVERS[solver].is_least_squares:
        return SOLVERS[solver](pairs, ridge, rank)
    d = len(covariance) // (n_terms + 1)
    right = whitening(pairs.before)
    return companion(ridge_regression(covariance[:d, d:], pairs.before, ridge)) @ pairs.before @ right.T, right

"""Linear algebra of covariance matrices that may be badly scaled or singular."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]

#: Eigenvalues below this many times eps * dimension * (the largest) are taken for rounding.
_CUTOFF = 8.0


def whitening(covariance: Array, ridge: float = 0.0) -> Array:
    """Find W with ``W (covariance + ridge I) W.T = I`` on the range of the covariance.

    ``W.T @ W`` is the pseudo-inverse. Rows and columns are first scaled to a unit diagonal (symmetric
    equilibration: van der Sluis 1969), so features in different units do not lose each other's digits;
    directions whose scaled variance is of the order of rounding are left out.

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        Symmetric, positive semi-definite; a zero diagonal entry marks a feature to leave out.
    ridge : float
        Added to the diagonal.

    Returns
    -------
    ndarray of shape (k, n)
        One row for each direction kept, in order of falling variance.
    """
    n = len(covariance)
    diagonal = np.diag(covariance) + ridge
    scale = np.zeros(n)
    np.divide(1.0, np.sqrt(diagonal, where=diagonal > 0, out=np.ones(n)), out=scale, where=diagonal > 0)
    scaled = covariance * scale[:, None] * scale
    scaled[np.diag_indices(n)] = (diagonal > 0).astype(float)
    values, vectors = linalg.eigh(scaled)
    keep = values > _CUTOFF * np.finfo(float).eps * n * max(values[-1], 0.0)
    kept = np.flatnonzero(keep)[::-1]
    return (vectors[:, kept] / np.sqrt(values[kept])).T * scale


def ridge_regression(cross: Array, covariance: Array, ridge: float = 0.0) -> Array:
    """Solve ``B (covariance + ridge I) = cross`` for B, by the pseudo-inverse where it is singular.

    Parameters
    ----------
    cross : ndarray of shape (m, n)
        Covariance of the targets with the predictors.
    covariance : ndarray of shape (n, n)
        Covariance of the predictors.
    ridge : float
        Penalty.

    Returns
    -------
    ndarray of shape (m, n)
        The coefficients, acting on columns.
    """
    W = whitening(covariance, ridge)
    return (cross @ W.T) @ W


def jittered_cholesky(covariance: Array, ridge: float = 0.0) -> Array:
    """Find the lower Cholesky factor of a covariance made safely positive definite.

    Its leading blocks are the factors of the leading blocks: one factorisation holds the regressions on the
    first variables alone, on the first two, and so on.

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        Symmetric, positive semi-definite.
    ridge : float
        Added to the diagonal.

    Returns
    -------
    ndarray of shape (n, n)
        Lower triangular. The diagonal was raised by about 1e-13 of itself, more where rounding asks for it.
    """
    diagonal = np.diag(covariance) + ridge
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = (covariance + ridge * np.eye(len(covariance))) / scale[:, None] / scale
    jitter = 50 * len(covariance) * np.finfo(float).eps
    while True:
        try:
            return scale[:, None] * linalg.cholesky(scaled + jitter * np.eye(len(scaled)), lower=True)
        except linalg.LinAlgError:
            jitter *= 10


def companion(newest: Array) -> Array:
    """Complete the rows that advance the newest state of a window to the matrix that advances the window.

    Parameters
    ----------
    newest : ndarray of shape (d, n_terms * d)
        From the window ``[x_t, x_{t-lag}, ...]`` to ``x_{t+lag}``.

    Returns
    -------
    ndarray of shape (n_terms * d, n_terms * d)
        From the window to ``[x_{t+lag}, x_t, ...]``: what is known is shifted.
    """
    d, n = newest.shape
    matrix = np.eye(n, k=-d)
    matrix[:d] = newest
    return matrix

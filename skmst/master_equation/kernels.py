"""Memory kernels from second moments of windows of history, one function for each method, all in one table.

A kernel ``Omega`` of shape (n_terms, d, d) means ``x_{t+lag} = sum_l Omega[l] x_{t-l*lag}`` for deviations
from the mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.utils.linalg import companion, jittered_cholesky, ridge_regression

Array = NDArray[np.float64]
Method = Callable[[Array, int, float], Array]

#: Relative residual variances below this are rounding of the moments and the jitter of their factor.
_ROUNDING = 1e-10


def regression(covariance: Array, n_terms: int, ridge: float) -> Array:
    """Joint least squares over all lags (the regression form of Lin et al. 2022), with a penalty.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        Centred second moments of the windows ``[x_{t+lag}, x_t, ..., x_{t-(n_terms-1)lag}]``.
    n_terms : int
        Number of kernels.
    ridge : float
        Penalty, added to the diagonal of the history's covariance.

    Returns
    -------
    ndarray of shape (n_terms, d, d)
        The kernels, the one of the latest state first.
    """
    d = len(covariance) // (n_terms + 1)
    coefficients = ridge_regression(covariance[:d, d:], covariance[d:, d:], ridge)
    return coefficients.reshape(d, n_terms, d).transpose(1, 0, 2)


def companion_matrix(kernels: Array) -> Array:
    """Write dynamics with memory as one step of the window of history.

    Parameters
    ----------
    kernels : ndarray of shape (n_terms, d, d)
        Memory kernels.

    Returns
    -------
    ndarray of shape (n_terms * d, n_terms * d)
        The matrix that takes ``[x_t, x_{t-lag}, ...]`` to ``[x_{t+lag}, x_t, ...]``.
    """
    n_terms, d, _ = kernels.shape
    return companion(kernels.transpose(1, 0, 2).reshape(d, n_terms * d))


def residual_variances(covariance: Array, n_terms: int, ridge: float) -> Array:
    """Variance that regressions on one, two, ... terms of history leave unexplained one lag ahead.

    One Cholesky factor of the window's covariance holds all of these regressions as its leading blocks.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        As for `regression`.
    n_terms : int
        Largest number of terms.
    ridge : float
        Penalty, the same for all.

    Returns
    -------
    ndarray of shape (n_terms,)
        Variance of the training residuals relative to that of the component, mean over components that vary. What is
        below round-off is zero.
    """
    d = len(covariance) // (n_terms + 1)
    factor = jittered_cholesky(covariance[d:, d:], ridge)
    total = np.diag(covariance)[:d]
    varies = total > 0
    if not varies.any():
        return np.zeros(n_terms)
    loadings = linalg.solve_triangular(factor, covariance[d:, :d][:, varies] / np.sqrt(total[varies]), lower=True)
    left = np.empty(n_terms)
    for m in range(1, n_terms + 1):
        explained = loadings[: m * d]
        unexplained = 1 - np.sum(explained**2, axis=0)
        if ridge > 0:
            weights = linalg.solve_triangular(factor[: m * d, : m * d], explained, lower=True, trans="T")
            unexplained -= ridge * np.sum(weights**2, axis=0)
        left[m - 1] = np.mean(unexplained)
    return np.where(left > _ROUNDING, left, 0.0)


METHODS: dict[str, Method] = {"regression": regression}

"""Memory kernels from second moments of windows of history, or from correlations.

A kernel ``Omega`` of shape (n_terms, d, d) means ``x_{t+lag} = sum_l Omega[l] x_{t-l*lag}`` for deviations
from the mean: matrices act on columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, linalg

from skmst.utils.linalg import companion, jittered_cholesky, ridge_regression, whitening

Array = NDArray[np.float64]

#: Degree of the spline that differentiates correlations; its error is far below the quadrature's.
_SPLINE_DEGREE = 7
#: Singular values below this, relative, are no directions of a correlation matrix.
_RANK_CUTOFF = 1e-10

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


def correlations(covariance: Array, n_lags: int) -> Array:
    """Correlations ``C_n = E[x_{s+n*lag} x_s.T]`` with the oldest state x_s of every window.

    All of them come from the same base states, so on exactly linear data they are powers of one matrix.

    Parameters
    ----------
    covariance : ndarray of shape ((n_lags + 1) * d, (n_lags + 1) * d)
        Centred second moments of windows of ``n_lags + 1`` states, the latest first.
    n_lags : int
        Number of lags.

    Returns
    -------
    ndarray of shape (n_lags + 1, d, d)
        ``C_0, ..., C_{n_lags}``.
    """
    d = len(covariance) // (n_lags + 1)
    return covariance[:, -d:].reshape(n_lags + 1, d, d)[::-1]


def mori_kernels(correlations: Array, ridge: float = 0.0, *, start: int = 0) -> Array:
    """Mori's projection recursion on correlations of a stationary process (Lin et al. 2021).

    ``Omega_n = (C_{n+1} - sum_{l<n} Omega_l C_{n-l}) C_0^{-1}``; of indicator functions of states, these
    are the transfer tensors of Cerrillo & Cao (2014).

    Parameters
    ----------
    correlations : ndarray of shape (n_lags + 1, d, d)
        ``C_n = E[x_n x_0.T]``, acting on columns; ``C_0`` symmetric.
    ridge : float, default=0.0
        Penalty, added to the diagonal of ``C_0``; with `start`, a ridge on the kernels in the same units.
    start : int, default=0
        Where time begins: with 1, ``C_1`` takes the place of ``C_0``, as in published quasi-Markov models
        of transition matrices, which leave the identity at time zero out. Noise of observation, which is in
        ``C_0`` alone, does not enter then.

    Returns
    -------
    ndarray of shape (n_lags - start, d, d)
        The kernels, the Markov term first. Directions that do not vary get zeros.

    Examples
    --------
    Of a process without memory, C_n = A^n C_0, every kernel beyond the first is zero:

    >>> import numpy as np
    >>> from skmst.master_equation import mori_kernels
    >>> A, C = np.array([[0.9, 0.2], [0.0, 0.5]]), np.array([[2.0, 0.3], [0.3, 1.0]])
    >>> kernels = mori_kernels(np.stack([np.linalg.matrix_power(A, n) @ C for n in range(4)]))
    >>> bool(np.allclose(kernels, [A, 0 * A, 0 * A]))
    True
    """
    W = whitening(correlations[0], ridge)
    back = (correlations[0] + ridge * np.eye(len(correlations[0]))) @ W.T
    # In coordinates where the (penalised) C_0 is the identity, units and empty directions are out of the way.
    scaled = W @ correlations[start:] @ W.T
    inverse = np.eye(len(W))
    if start:
        inverse = np.linalg.pinv(np.hstack([scaled[0], np.sqrt(ridge) * W]), rcond=_RANK_CUTOFF)[: len(W)]
    n_kernels = len(scaled) - 1
    found = np.zeros((n_kernels, len(W), len(W)))
    for n in range(n_kernels):
        known = sum((found[m] @ scaled[n - m] for m in range(n)), start=np.zeros_like(inverse))
        found[n] = (scaled[n + 1] - known) @ inverse
    return np.asarray(back @ found @ W)


def mori(covariance: Array, n_terms: int, ridge: float) -> Array:
    """Kernels of a stationary process by Mori's recursion, from moments of windows; see `mori_kernels`.

    Parameters
    ----------
    covariance, n_terms, ridge
        As for `regression`.

    Returns
    -------
    ndarray of shape (n_terms, d, d)
        The kernels.
    """
    return mori_kernels(correlations(covariance, n_terms), ridge)


def quasi_markov(covariance: Array, n_terms: int, ridge: float) -> Array:
    """Kernels of a quasi-Markov model, from moments of windows: `mori_kernels` from the first lag on.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 2) * d, (n_terms + 2) * d)
        As for `regression`, of windows with one state more.
    n_terms, ridge
        As for `regression`.

    Returns
    -------
    ndarray of shape (n_terms, d, d)
        The kernels.
    """
    return mori_kernels(correlations(covariance, n_terms + 1), ridge, start=1)


def memory_function(correlations: Array, dt: float) -> Array:
    """Memory function K(t) of continuous time, ``C'(t) = Omega C(t) + int_0^t K(s) C(t - s) ds``.

    The equation is differentiated once (a Volterra equation of the second kind, which does not amplify
    errors; Berne & Harp 1970) and solved by the trapezoidal rule: the error is of second order in `dt`, with
    an expansion in even powers, so Richardson extrapolation applies.

    Parameters
    ----------
    correlations : ndarray of shape (n, d, d)
        ``C(0), C(dt), ...``, acting on columns, at least 8 of them; smooth (exact, or well sampled).
    dt : float
        Time between them.

    Returns
    -------
    ndarray of shape (n, d, d)
        ``K(0), K(dt), ...``, per unit of time squared.

    Raises
    ------
    ValueError
        If there are too few correlations.

    Examples
    --------
    One component of x' = -x + 2 y, y' = -x - 3 y forgets as ``K(t) = -2 exp(-3 t)``:

    >>> import numpy as np
    >>> from scipy.linalg import expm
    >>> from skmst.master_equation import memory_function
    >>> L = np.array([[-1.0, 2.0], [-1.0, -3.0]])
    >>> C = np.stack([expm(0.01 * n * L)[:1, :1] for n in range(101)])
    >>> np.round(memory_function(C, 0.01)[[0, 50, 100], 0, 0], 3)
    array([-2.   , -0.446, -0.1  ])
    """
    n = len(correlations)
    if n <= _SPLINE_DEGREE:
        raise ValueError(f"correlations must hold more than {_SPLINE_DEGREE} times; got {n}.")
    spline = interpolate.make_interp_spline(dt * np.arange(n), correlations, k=_SPLINE_DEGREE)
    first, second = (np.asarray(spline.derivative(k)(dt * np.arange(n))) for k in (1, 2))
    inverse = np.linalg.inv(correlations[0])
    rate = first[0] @ inverse
    source = second - rate @ first
    implicit = np.linalg.inv(correlations[0] + 0.5 * dt * first[0])
    K = np.empty_like(source)
    K[0] = source[0] @ inverse
    for m in range(1, n):
        past = 0.5 * K[0] @ first[m] + np.einsum("sij,sjk->ik", K[1:m], first[m - 1 : 0 : -1])
        K[m] = (source[m] - dt * past) @ implicit
    return K


def propagate(kernels: Array, start: Array, n_steps: int) -> Array:
    """Solve the discrete master equation ``C_{n+1} = sum_{l<=n} Omega_l C_{n-l}`` from time zero.

    Parameters
    ----------
    kernels : ndarray of shape (n_terms, d, d)
        Memory kernels, acting on columns.
    start : ndarray of shape (d,) or (d, m)
        ``C_0``: a state, or a matrix whose columns are states.
    n_steps : int
        Number of steps.

    Returns
    -------
    ndarray of shape (n_steps + 1, d) or (n_steps + 1, d, m)
        ``C_0, ..., C_{n_steps}``.
    """
    out = np.empty((n_steps + 1, *start.shape))
    out[0] = start
    for n in range(n_steps):
        reach = min(n + 1, len(kernels))
        out[n + 1] = np.einsum("lij,lj...->i...", kernels[:reach], out[n::-1][:reach])
    return out


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

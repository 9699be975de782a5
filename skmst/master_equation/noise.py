"""The orthogonal noise of a model with memory: what the past of the observables does not know.

With kernels Omega_l the noise of a step is ``W_t = x_{t+lag} - sum_l Omega_l x_{t-l*lag} - b``. Its covariance is a
function of second moments of windows; its series needs the trajectories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skmst.trajectories import stack_windows
from skmst.utils.linalg import whitening

Array = NDArray[np.float64]


def noise_covariance(covariance: Array, kernels: Array, n_windows: int | None = None) -> Array:
    """Covariance of the one-step noise of given kernels, from second moments of windows.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        Centred second moments of the windows ``[x_{t+lag}, x_t, ..., x_{t-(n_terms-1)lag}]``.
    kernels : ndarray of shape (n_kernels, d, d)
        Kernels of any method, at most `n_terms`, the one of the latest state first.
    n_windows : int, default=None
        Number of windows that kernels and moments were made of: the covariance is divided by what the kernels
        leave of their degrees of freedom. None takes the moments for exact.

    Returns
    -------
    ndarray of shape (d, d)
        Symmetric and positive semi-definite.

    Raises
    ------
    ValueError
        If there are more kernels than the windows have terms.

    Examples
    --------
    x(t + 1) = x(t) / 2 + noise of variance 3, so x has variance 4:

    >>> import numpy as np
    >>> from skmst.master_equation import noise_covariance
    >>> noise_covariance(np.array([[4.0, 2.0], [2.0, 4.0]]), np.array([[[0.5]]]))
    array([[3.]])
    """
    n_kernels, d, _ = kernels.shape
    n = (n_kernels + 1) * d
    if n > len(covariance):
        raise ValueError(
            f"kernels has {n_kernels} terms, but the windows of covariance have {len(covariance) // d - 1}: "
            "take the moments of longer windows."
        )
    residual = np.hstack([np.eye(d), -kernels.transpose(1, 0, 2).reshape(d, -1)])
    found = residual @ covariance[:n, :n] @ residual.T
    if n_windows is not None:
        found *= n_windows / max(n_windows - 1 - n_kernels * d, 1)
    # The terms that cancel set the size of rounding, which is no noise: below it there is none.
    size = np.abs(residual) @ np.sqrt(np.diag(covariance)[:n])
    scale = np.divide(1.0, size, out=np.zeros(d), where=size > 0)
    values, vectors = np.linalg.eigh((found + found.T) / 2 * scale * scale[:, None])
    values[values < 8 * np.finfo(float).eps * n] = 0.0
    root = size[:, None] * vectors * np.sqrt(values)
    return np.asarray(root @ root.T)


def residual_series(runs: Array, kernels: Array, intercept: Array, lag: int = 1) -> Array:
    """Noise along trajectories, one value for each window.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, n_steps, d)
        Trajectories, longer than ``n_terms * lag`` steps.
    kernels : ndarray of shape (n_terms, d, d)
        Kernels, the one of the latest state first.
    intercept : ndarray of shape (d,)
        b.
    lag : int, default=1
        Steps between the terms.

    Returns
    -------
    ndarray of shape (n_runs, n_steps - n_terms * lag, d)
        The noise of the steps ``n_terms * lag, n_terms * lag + 1, ...`` of the trajectories.

    Raises
    ------
    ValueError
        If the trajectories are too short.
    """
    n_terms, d, _ = kernels.shape
    if runs.shape[1] <= n_terms * lag:
        raise ValueError(
            f"runs of {runs.shape[1]} steps hold no window of {n_terms} terms and its successor at {lag=}."
        )
    past = stack_windows(runs[:, :-lag], n_terms, lag)
    return np.asarray(runs[:, n_terms * lag :] - past @ kernels.transpose(0, 2, 1).reshape(-1, d) - intercept)


@dataclass(frozen=True)
class Whiteness:
    """Whether a series of noise remembers itself.

    Attributes
    ----------
    correlations : ndarray of shape (n_lags, k, k)
        Correlations of the whitened noise with itself at the lags 1, ..., n_lags; k is the rank of its covariance.
    statistic : float
        Portmanteau statistic, near `dof` for white noise.
    dof : int
        Degrees of freedom.
    p_value : float
        Probability of so large a statistic for white noise.
    """

    correlations: Array
    statistic: float
    dof: int
    p_value: float


def whiteness(noise: Sequence[Array], n_lags: int, *, n_fitted: int = 0, lag: int = 1) -> Whiteness:
    """Test noise for correlations with its own past (Hosking 1980, J. Am. Stat. Assoc. 75, 602).

    Parameters
    ----------
    noise : sequence of ndarray of shape (n_runs, n_steps, d)
        Series of noise, all runs of one length in a block.
    n_lags : int
        Number of lags, more than `n_fitted` and less than the longest run has steps.
    n_fitted : int, default=0
        Kernels that were fitted by regression to these trajectories, which leave that many lags without freedom. 0
        where the noise is that of held-out trajectories; these should be fewer than the training data, or the test
        sees the error of the kernels.
    lag : int, default=1
        Steps between those that are compared. Noise of a model at a lag above 1 overlaps itself at shorter ones; the
        series is then cut into `lag` interleaved ones, and the statistic is that of their average.

    Returns
    -------
    Whiteness
        Correlations, statistic and p-value; where lag is above 1 the p-value is on the safe side.

    Raises
    ------
    ValueError
        If there are too few or too many lags, or the noise is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import whiteness
    >>> noise = np.random.default_rng(1).normal(size=(20, 200, 2))
    >>> whiteness([noise], 5).p_value > 0.05
    True
    >>> whiteness([noise[:, 1:] + 0.2 * noise[:, :-1]], 5).p_value > 0.05
    False
    """
    longest = max(block.shape[1] for block in noise)
    if not n_fitted < n_lags < longest / lag:
        raise ValueError(
            f"n_lags={n_lags} must be above n_fitted={n_fitted} and below the {longest // lag} steps that the longest "
            "run has."
        )
    rows = np.concatenate([block.reshape(-1, block.shape[-1]) for block in noise]).astype(np.float64)
    mean = rows.mean(axis=0)
    W = whitening(np.cov(rows.T, bias=True).reshape(len(mean), -1))
    if not len(W):
        raise ValueError("noise is constant, so it has no correlations: the model is exact on these trajectories.")
    white = [(block - mean) @ W.T for block in noise]
    found = np.zeros((n_lags, len(W), len(W)))
    statistic = 0.0
    for k in range(1, n_lags + 1):
        long = [block for block in white if block.shape[1] > k * lag]
        n_pairs = sum(len(block) * (block.shape[1] - k * lag) for block in long)
        products = sum(np.einsum("rti,rtj->ij", block[:, k * lag :], block[:, : -k * lag]) for block in long)
        found[k - 1] = products / n_pairs
        statistic += n_pairs / lag * float(np.sum(found[k - 1] ** 2))
    dof = len(W) ** 2 * (n_lags - n_fitted)
    return Whiteness(found, statistic, dof, float(stats.chi2.sf(statistic, dof)))

"""Linear dynamics of steps at any distances: exponentials fitted at their times, and the flow between any two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.operators import shrunk
from skmst.koopman.optimised import fit_exponentials
from skmst.koopman.smoothed import operator_of_exponentials, smoothed
from skmst.koopman.spectrum import Spectrum, eigenfunctions, spectrum

Array = NDArray[np.float64]

#: Distance of an eigenvalue from 1 below which it drifts.
_NEUTRAL = 1e-8


def irregular_dynamics(
    runs: Sequence[Array],
    times: Sequence[Array],
    lag: float,
    covariance: Array,
    *,
    rank: int | None = None,
    ridge: float = 0.0,
) -> tuple[Spectrum, Array, Array]:
    """Learn ``z(t + lag) = K z(t) + b`` from steps at any distances, by optimised dynamic mode decomposition.

    Parameters
    ----------
    runs : sequence of ndarray of shape (n_steps, n)
        States.
    times : sequence of ndarray of shape (n_steps,)
        Times of the steps of each run, increasing.
    lag : float
        Time over which K acts.
    covariance : ndarray of shape (n, n)
        Covariance of the states, for the unit of eigenfunctions.
    rank : int, default=None
        Number of exponentials.
    ridge : float, default=0.0
        Penalty, by which K is shrunk; see `skmst.koopman.operators.shrunk`.

    Returns
    -------
    pairs : Spectrum
        Eigenpairs of K. Residuals are the errors with which eigenfunctions obey their eigenvalues from each step to the
        next, however far that is.
    K : ndarray of shape (n, n)
        The operator.
    intercept : ndarray of shape (n,)
        b.

    Raises
    ------
    ValueError
        As for `skmst.koopman.optimised.optimised_dmd`.
    """
    found = fit_exponentials(runs, rank, times=times, constant=True, random_state=0)
    left, right = operator_of_exponentials(found, lag)
    right = shrunk(right, covariance, ridge)
    K = left @ right
    now, later = (found.states.mean + found.states.basis @ part.mean(axis=0) for part in smoothed(found, lag))
    intercept = later - K @ now
    pairs = spectrum(left, right, covariance, K @ covariance, K @ covariance @ K.T)
    errors = []
    for run, t in zip(runs, times, strict=True):
        values = eigenfunctions(run, pairs, intercept, now)
        growth = np.exp(np.multiply.outer(np.diff(t) / lag, np.log(pairs.eigenvalues)))
        errors.append(values[1:] - growth * values[:-1])
    measured = np.sqrt(np.mean(np.abs(np.concatenate(errors)) ** 2, axis=0))
    return replace(pairs, residuals=measured), K, intercept


def flow(states: Array, lags: Array, pairs: Spectrum, intercept: Array) -> Array:
    """Advance states by any numbers of lags: ``K^tau``, with the principal logarithm of each eigenvalue.

    Parameters
    ----------
    states : ndarray of shape (..., n)
        States.
    lags : ndarray of shape (..., n_leads)
        How far to go, in lags; above 0.
    pairs : Spectrum
        Eigenpairs of K.
    intercept : ndarray of shape (n,)
        b.

    Returns
    -------
    ndarray of shape (..., n_leads, n)
        The states then.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.irregular import flow
    >>> from skmst.koopman.spectrum import spectrum
    >>> K = np.array([[0.25]])
    >>> pairs = spectrum(K, np.eye(1), np.eye(1), K, K @ K)
    >>> flow(np.array([4.0]), np.array([0.5, 1.0]), pairs, np.array([0.0])).ravel()
    array([2., 1.])
    """
    gap = pairs.eigenvalues - 1
    drifts = np.abs(gap) < _NEUTRAL
    growth = np.exp(lags[..., None] * np.log(pairs.eigenvalues))
    pushed = np.where(drifts, lags[..., None], (growth - 1) / np.where(drifts, 1, gap))
    push = pairs.left @ intercept
    moved = growth * (states @ pairs.left.T)[..., None, :] + pushed * push
    return np.asarray((moved @ pairs.right.T).real + intercept - (pairs.right @ push).real)

"""The integrative generalized master equation: once memory has decayed, ``T(t) = A B^t``.

Matrices act on rows, as in `skmst.master_equation.propagators`, and ``propagators[n - 1]`` is T(n dt).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

Array = NDArray[np.float64]


def igme_logarithmic(propagators: Array, first: int, last: int | None = None) -> tuple[Array, Array]:
    """Fit ``ln T(n dt) = ln A + n ln B`` by least squares (Cao et al. 2023).

    Parameters
    ----------
    propagators : ndarray of shape (n, d, d)
        T(dt), T(2 dt), ..., acting on rows.
    first, last : int
        The lags of the fit, in steps from 1; the memory has to be over by `first`. ``last=None`` is the end
        of the series.

    Returns
    -------
    log_amplitude, log_step : ndarray of shape (d, d)
        ``ln A``, and ``ln B`` per step; the eigenvalues of the latter are rates, per step.

    Raises
    ------
    ValueError
        If there are less than two lags, or a matrix has no real logarithm (an eigenvalue that is zero or
        negative, as noise makes them once a fast mode has decayed).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.linalg import expm
    >>> from skmst.master_equation import igme_logarithmic, markov_propagators
    >>> log_amplitude, log_step = igme_logarithmic(markov_propagators(np.array([[0.9, 0.1], [0.2, 0.8]]), 6), first=3)
    >>> np.round(expm(log_step), 6)
    array([[0.9, 0.1],
           [0.2, 0.8]])
    """
    lags = _check_lags(propagators, first, last)
    logarithms = np.array([_real_logarithm(propagators[n - 1], n) for n in lags])
    deviation = lags - lags.mean()
    mean = logarithms.mean(axis=0)
    slope = np.einsum("n,nij->ij", deviation, logarithms) / np.sum(deviation**2)
    return mean - lags.mean() * slope, slope


def predict_igme(log_amplitude: Array, log_step: Array, n_steps: int) -> Array:
    """Predict ``T(n dt) = exp(ln A + n ln B)`` for n = 1, 2, ...

    Published predictions are one step early (n - 1 in place of n); time scales do not depend on it.

    Parameters
    ----------
    log_amplitude, log_step : ndarray of shape (d, d)
        As `igme_logarithmic` returns them.
    n_steps : int
        Number of matrices.

    Returns
    -------
    ndarray of shape (n_steps, d, d)
        T(dt), ..., T(n_steps dt); what lies before the fit's first lag is an extrapolation backwards.
    """
    lags = np.arange(1, n_steps + 1)
    return np.asarray(linalg.expm(log_amplitude + lags[:, None, None] * log_step))


def igme(propagators: Array, first: int, last: int | None = None) -> tuple[Array, Array]:
    """Fit ``T(n dt) = A B^n`` itself by least squares, where matrices need no logarithm.

    Starts from the linear fit ``T((n + 1) dt) = T(n dt) B`` and descends by L-BFGS. For oscillating or noisy
    propagators, of which a logarithm is ambiguous or does not exist.

    Parameters
    ----------
    propagators, first, last
        As for `igme_logarithmic`.

    Returns
    -------
    amplitude, step : ndarray of shape (d, d)
        A and B, the least squares over the lags from `first` to `last`. Only ``A B^first`` is determined by
        the data: directions of B that have decayed (1e-10) are left out of A.

    Raises
    ------
    ValueError
        If there are less than two lags.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import igme, markov_propagators
    >>> T = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> A, B = igme(markov_propagators(T, 6), first=3)
    >>> bool(np.allclose(A, np.eye(2))), bool(np.allclose(B, T))
    (True, True)
    """
    lags = _check_lags(propagators, first, last)
    series = np.asarray(propagators[lags[0] - 1 : lags[-1]], dtype=np.float64)
    d = series.shape[1]
    before, after = series[:-1].reshape(-1, d), series[1:].reshape(-1, d)
    linear = np.linalg.lstsq(before, after, rcond=1e-10)[0]
    guess = np.concatenate([series[0], linear]).ravel()
    found = optimize.minimize(_misfit, guess, args=(series,), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    best = found.x if found.fun < _misfit(guess, series)[0] else guess
    anchor, step = best.reshape(2, d, d)
    return anchor @ np.linalg.pinv(np.linalg.matrix_power(step, int(lags[0])), rcond=1e-10), step


def _misfit(parameters: Array, series: Array) -> tuple[float, Array]:
    """Half the squared misfit of ``anchor step^k`` to the series, and its gradient by the adjoint."""
    d = series.shape[1]
    anchor, step = parameters.reshape(2, d, d)
    with np.errstate(over="ignore", invalid="ignore"):
        states = [anchor]
        for _ in series[1:]:
            states.append(states[-1] @ step)
        differences = np.array(states) - series
        adjoint, of_step = np.zeros((d, d)), np.zeros((d, d))
        for k in range(len(series) - 1, 0, -1):
            adjoint += differences[k]
            of_step += states[k - 1].T @ adjoint
            adjoint = adjoint @ step.T
        value = 0.5 * np.sum(differences**2)
    if not np.isfinite(value):
        return np.inf, np.zeros_like(parameters)
    return float(value), np.concatenate([adjoint + differences[0], of_step]).ravel()


def _check_lags(propagators: Array, first: int, last: int | None) -> NDArray[np.intp]:
    end = len(propagators) if last is None else last
    if not 1 <= first < end <= len(propagators):
        raise ValueError(
            f"first={first} and last={end} must leave at least two of the {len(propagators)} lags, counted from 1."
        )
    return np.arange(first, end + 1)


def _real_logarithm(matrix: Array, lag: int) -> Array:
    values = linalg.eigvals(matrix)
    if np.any((np.abs(values.imag) <= 1e-12 * np.abs(values).max()) & (values.real <= 0)):
        raise ValueError(
            f"the propagator of lag {lag} has no real logarithm (eigenvalues {np.round(values, 4)}): use fewer lags, "
            "or igme, which needs none."
        )
    return np.asarray(linalg.logm(matrix)).real

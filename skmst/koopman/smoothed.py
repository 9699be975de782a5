"""The operator behind exponentials that were fitted to runs: by the modes that runs share, or by the smoothed runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.intervals import EigenvalueIntervals, matched
from skmst.koopman.operators import edmd
from skmst.koopman.optimised import FittedExponentials, shared_operator
from skmst.koopman.pairs import PairMoments
from skmst.koopman.spectrum import spectrum

Array = NDArray[np.float64]
Factors = tuple[Array, Array]

#: How much larger the error of shared modes may be, and, relative to the variance, what is rounding.
_EXCESS, _ROUNDING = 3.0, 1e-24
#: Logarithm of the largest growth of a bag over the interval.
_LARGEST = 300.0


def operator_of_exponentials(found: FittedExponentials, interval: float) -> Factors:
    """Find the operator over an interval of time.

    As a rule it is ``modes exp(rates interval) modes^+`` with the modes that all runs share. There are none where
    several modes have one rate (equal eigenvalues, which may be defective) or where runs tend to different constants
    (what is conserved has the eigenvalue 1). There the fits stand for the runs, free of most of their noise, and the
    operator is that of least squares on them. It is less accurate otherwise: noise in the coefficients of each run
    biases it. So it is taken only where shared modes miss much more of the fitted runs than it does.

    Parameters
    ----------
    found : FittedExponentials
        The fit.
    interval : float
        The interval.

    Returns
    -------
    left, right : ndarray of shape (n_features, k), (k, n_features)
        Factors of the operator, for deviations from the mean.
    """
    X, Y = smoothed(found, interval)
    pairs, basis = PairMoments.of(X - X.mean(axis=0), Y - Y.mean(axis=0)), found.states.basis
    shared, free = shared_operator(found, interval), edmd(pairs)
    missed, least = (_error(pairs, left @ right) for left, right in (shared, free))
    left, right = shared if missed <= _EXCESS * least + _ROUNDING * np.trace(pairs.after) else free
    return basis @ left, right @ basis.T


def smoothed(found: FittedExponentials, interval: float) -> tuple[Array, Array]:
    """Fitted states within the runs, and those an interval later."""
    before, after = [], []
    for i, coefficients in zip(found.usable, found.coefficients(), strict=True):
        times = found.times[i]
        times = times[times <= max(times[-1] - interval, times[0])]
        before.append((found.functions(times) @ coefficients).real)
        after.append((found.functions(times + interval) @ coefficients).real)
    return np.concatenate(before), np.concatenate(after)


def _error(pairs: PairMoments, K: Array) -> float:
    return float(np.trace(pairs.after - 2 * K @ pairs.cross.T + K @ pairs.before @ K.T))


def intervals_of_bags(found: FittedExponentials, interval: float, level: float) -> EigenvalueIntervals:
    """Give intervals of the eigenvalues over an interval of time by the rates of bags.

    Parameters
    ----------
    found : FittedExponentials
        A fit with bags.
    interval : float
        The interval.
    level : float
        Nominal coverage.

    Returns
    -------
    EigenvalueIntervals
        Percentiles of what bags gave, scaled to spread as new data would. Residuals are those of the fitted runs.
    """
    X, Y = smoothed(found, interval)
    pairs, basis = PairMoments.of(X - X.mean(axis=0), Y - Y.mean(axis=0)), found.states.basis
    left, right = operator_of_exponentials(found, interval)
    values = spectrum(basis.T @ left, right @ basis, pairs.before, pairs.cross, pairs.after)
    assert found.resampled is not None
    exponents = found.resampled * interval
    draws = np.exp(np.minimum(exponents.real, _LARGEST) + 1j * exponents.imag)
    resampled = np.array([matched(values.eigenvalues, draw) for draw in draws])
    return EigenvalueIntervals(values.eigenvalues, values.residuals, resampled, resampled[:0], level)

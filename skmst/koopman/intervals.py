"""Intervals of eigenvalues by leaving out and resampling whole trajectories: the data are read once.

Percentiles of resamples are too narrow where trajectories are few: with n of them the spread of resamples is
sqrt((n - 1) / n) of what it should be, and follows a t distribution, not a normal one. The jackknife, with quantiles of
the t distribution, has neither fault (Efron & Tibshirani 1993, chapter 11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from sklearn.utils import check_random_state

from skmst.koopman.of_windows import operator_of_windows, pairs_of_windows
from skmst.koopman.operators import SOLVERS
from skmst.koopman.spectrum import Spectrum, spectrum
from skmst.trajectories import check_step_count
from skmst.trajectories._moments import TrajectoryMoments, trajectory_moments

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

#: Largest number of groups of trajectories that are left out in turn.
_MOST_GROUPS = 100


@dataclass(frozen=True)
class EigenvalueIntervals:
    """Eigenvalues, and what they are when trajectories are left out or drawn anew.

    Attributes
    ----------
    eigenvalues : ndarray of complex of shape (n_modes,)
        Those of all trajectories, by falling modulus.
    residuals : ndarray of shape (n_modes,)
        Their residuals; see `skmst.koopman.spectrum.Spectrum`.
    resampled : ndarray of complex of shape (n_resamples, n_modes)
        The eigenvalue of each resample that was matched to each; NaN where a resample has fewer.
    left_out : ndarray of complex of shape (n_groups, n_modes)
        Likewise, where a trajectory is left out, or a group of them where there are more than 100; of shape
        (0, n_modes) where resamples are parts of trajectories.
    level : float
        Nominal coverage.
    """

    eigenvalues: ComplexArray
    residuals: Array
    resampled: ComplexArray
    left_out: ComplexArray
    level: float

    @property
    def low(self) -> ComplexArray:
        """Lower ends of the intervals of real and imaginary parts, of shape (n_modes,)."""
        return self._corners()[0]

    @property
    def high(self) -> ComplexArray:
        """Upper ends of the intervals of real and imaginary parts, of shape (n_modes,)."""
        return self._corners()[1]

    def of(self, function: Callable[[ComplexArray], Array]) -> tuple[Array, Array]:
        """Interval of a real function of each eigenvalue, such as a rate of decay.

        Parameters
        ----------
        function : callable
            From eigenvalues to numbers, elementwise.

        Returns
        -------
        low, high : ndarray of shape (n_modes,)
            The interval of the jackknife, ``function(eigenvalues)`` and, on both sides, its standard error times the
            quantile of the t distribution. Where a value is not finite (the time scale of what does not decay), or no
            trajectory was left out, percentiles of the resamples, which may be infinite.
        """
        values = function(self.resampled)
        # Order statistics, not interpolation: they stay defined where values are infinite.
        tail = 50 * (1 - self.level)
        low = np.nanpercentile(values, tail, axis=0, method="lower")
        high = np.nanpercentile(values, 100 - tail, axis=0, method="higher")
        if not len(self.left_out):
            return low, high
        found, without = function(self.eigenvalues), function(self.left_out)
        finite = np.isfinite(found) & np.isfinite(without).all(axis=0)
        reach = stdtrit(len(without) - 1, (1 + self.level) / 2) * _standard_error(np.where(finite, without, 0.0))
        return np.where(finite, found - reach, low), np.where(finite, found + reach, high)

    def _corners(self) -> tuple[ComplexArray, ComplexArray]:
        real, imaginary = self.of(np.real), self.of(np.imag)
        return real[0] + 1j * imaginary[0], real[1] + 1j * imaginary[1]


def _without_groups(moments: TrajectoryMoments) -> Iterator[Array]:
    """Yield covariances of the windows with one trajectory left out, or one group of them where they are many."""
    n = len(moments.n_windows)
    n_groups = min(n, _MOST_GROUPS)
    for group in range(n_groups):
        yield moments.covariances((np.arange(n) % n_groups != group).astype(np.float64)[None])[0]


def _standard_error(without: Array) -> Array:
    """Standard errors by the jackknife from values (n_groups, n) with one group left out in each."""
    n = len(without)
    return np.asarray(np.sqrt((n - 1) / n * np.sum((without - without.mean(axis=0)) ** 2, axis=0)))


def eigenvalue_intervals(
    X: Any,
    *,
    solver: str = "edmd",
    rank: int | None = None,
    alpha: float = 0.0,
    lag: int = 1,
    n_delays: int = 1,
    n_resamples: int = 200,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> EigenvalueIntervals:
    """Intervals of the eigenvalues of a Koopman operator by leaving out and resampling whole trajectories.

    They tell what chance in the choice of trajectories does. They know nothing of what all trajectories share: a
    dictionary that does not close, or noise in the states that biases least squares.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories of observables, at least two; from six on, coverage is about nominal.
    solver, rank, alpha, lag, n_delays
        As for `skmst.koopman.KoopmanRegressor`; solvers of second moments only.
    n_resamples : int, default=200
        Number of resamples.
    level : float, default=0.9
        Nominal coverage.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples.

    Returns
    -------
    EigenvalueIntervals
        Eigenvalues of all trajectories, with some left out, and of the resamples.

    Raises
    ------
    ValueError
        If a parameter is out of range, there are fewer than two trajectories, or one is too short.

    Examples
    --------
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> from skmst.koopman.intervals import eigenvalue_intervals
    >>> x = make_ornstein_uhlenbeck(100, 200, theta=1.0, dt=0.5, random_state=0)
    >>> found = eigenvalue_intervals(x, random_state=0)
    >>> low, high = found.of(lambda eigenvalue: -abs(eigenvalue))
    >>> bool(low[0] < -(2.718281828**-0.5) < high[0])
    True
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver={solver!r} has no second moments to resample: choose from {sorted(SOLVERS)}.")
    n_delays, lag = check_step_count(n_delays, "n_delays"), check_step_count(lag, "lag")
    moments = trajectory_moments(X, n_delays, lag)
    return intervals_of_moments(
        moments,
        lambda covariance: spectrum_of_windows(covariance, n_delays, solver, alpha=alpha, rank=rank),
        n_resamples=n_resamples,
        level=level,
        random_state=random_state,
    )


def intervals_of_moments(
    moments: TrajectoryMoments,
    estimate: Callable[[Array], Spectrum],
    *,
    n_resamples: int = 200,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> EigenvalueIntervals:
    """Intervals of the eigenvalues that a function makes of the covariance of windows.

    Parameters
    ----------
    moments : TrajectoryMoments
        Second moments of each trajectory.
    estimate : callable
        From a covariance to a `Spectrum`.
    n_resamples, level, random_state
        As for `eigenvalue_intervals`.

    Returns
    -------
    EigenvalueIntervals
        Eigenvalues of all trajectories and of the resamples.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    check_level(level)
    n_resamples = check_step_count(n_resamples, "n_resamples")
    found = estimate(moments.covariance)

    def eigenvalues_of(covariances: Iterable[Array]) -> ComplexArray:
        return np.array([matched(found.eigenvalues, estimate(c).eigenvalues) for c in covariances])

    resampled = eigenvalues_of(moments.resampled(n_resamples, check_random_state(random_state)))
    left_out = eigenvalues_of(_without_groups(moments))
    return EigenvalueIntervals(found.eigenvalues, found.residuals, resampled, left_out, level)


def check_level(level: float) -> None:
    """Raise where a nominal coverage is none."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")


def spectrum_of_windows(
    covariance: Array, n_terms: int, solver: str = "edmd", *, alpha: float = 0.0, rank: int | None = None
) -> Spectrum:
    """Eigenpairs of the operator that advances a window of history, from the covariance of windows.

    Parameters
    ----------
    covariance : ndarray of shape ((n_terms + 1) * d, (n_terms + 1) * d)
        As for `skmst.koopman.of_windows.pairs_of_windows`.
    n_terms, solver, alpha, rank
        As for `eigenvalue_intervals`, with `n_terms` for `n_delays`.

    Returns
    -------
    Spectrum
        The eigenpairs.
    """
    pairs = pairs_of_windows(covariance, n_terms)
    ridge = alpha * float(np.mean(np.diag(pairs.before)))
    left, right = operator_of_windows(covariance, n_terms, solver, ridge=ridge, rank=rank)
    return spectrum(left, right, pairs.before, pairs.cross, pairs.after)


def matched(eigenvalues: ComplexArray, others: ComplexArray) -> ComplexArray:
    """Pair eigenvalues with others so that the sum of distances is smallest.

    Parameters
    ----------
    eigenvalues : ndarray of complex of shape (n,)
        What to find partners for.
    others : ndarray of complex of shape (m,)
        Where to find them, each at most once.

    Returns
    -------
    ndarray of complex of shape (n,)
        The partner of each; NaN for those without, if there are fewer.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.intervals import matched
    >>> matched(np.array([0.9, 0.5]), np.array([0.2, 0.52, 0.88]))
    array([0.88+0.j, 0.52+0.j])
    """
    from scipy.optimize import linear_sum_assignment

    partners = np.full(len(eigenvalues), complex(np.nan, np.nan))
    rows, columns = linear_sum_assignment(np.abs(eigenvalues[:, None] - others))
    partners[rows] = others[columns]
    return partners

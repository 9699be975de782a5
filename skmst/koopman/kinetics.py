"""Do observables evolve linearly by themselves? Time scales over lags, and powers of an operator beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.koopman.intervals import eigenvalue_intervals
from skmst.trajectories import check_step_count
from skmst.trajectories._moments import trajectory_moments
from skmst.utils.linalg import ridge_regression

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TimescalesByLag:
    """Time scales of operators learned at several lags: they level off where the dictionary is large enough.

    Attributes
    ----------
    time : ndarray of shape (n_lags,)
        The lags, in units of time.
    timescales : ndarray of shape (n_lags, n_timescales)
        Times of decay by e, the longest first; NaN where an operator has fewer, infinite without decay.
    low, high : ndarray of shape (n_lags, n_timescales)
        Intervals by leaving out whole trajectories; see `skmst.koopman.intervals.EigenvalueIntervals`.
    """

    time: Array
    timescales: Array
    low: Array
    high: Array


def timescales_by_lag(
    X: Any,
    lags: Sequence[int],
    n_timescales: int = 3,
    *,
    solver: str = "edmd",
    rank: int | None = None,
    alpha: float = 0.0,
    n_delays: int = 1,
    dt: float = 1.0,
    n_resamples: int = 200,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> TimescalesByLag:
    """Implied time scales of Koopman operators over lags, with intervals.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories of observables.
    lags : sequence of int
        Lags, in data steps.
    n_timescales : int, default=3
        How many.
    solver, rank, alpha, n_delays, n_resamples, level, random_state
        As for `skmst.koopman.intervals.eigenvalue_intervals`; the same trajectories are drawn at every lag.
    dt : float, default=1.0
        Time between data steps.

    Returns
    -------
    TimescalesByLag
        Time scales and intervals. A pair of conjugate eigenvalues gives its time scale twice.

    Raises
    ------
    ValueError
        If a parameter is out of range or a trajectory is too short.

    References
    ----------
    Swope, Pitera & Suits (2004), J. Phys. Chem. B 108, 6571, section 3.

    Examples
    --------
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> from skmst.koopman.kinetics import timescales_by_lag
    >>> x = make_ornstein_uhlenbeck(100, 200, theta=0.5, dt=0.1, random_state=0)
    >>> found = timescales_by_lag(x, [1, 10], 1, dt=0.1, random_state=0)
    >>> bool(((found.low < 2) & (2 < found.high)).all())
    True
    """
    n_timescales = check_step_count(n_timescales, "n_timescales")
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt!r}.")
    seed = check_random_state(random_state).randint(2**31)
    table = np.full((3, len(lags), n_timescales), np.nan)
    for row, lag in enumerate(lags):
        found = eigenvalue_intervals(
            X,
            solver=solver,
            rank=rank,
            alpha=alpha,
            lag=lag,
            n_delays=n_delays,
            n_resamples=n_resamples,
            level=level,
            random_state=seed,
        )
        # Decay is monotonic in the modulus, and what is long or does not decay at all stays in order.
        for part, modulus in zip(table, (np.abs(found.eigenvalues), *found.of(np.abs)), strict=True):
            with np.errstate(divide="ignore"):
                decay = -np.log(np.maximum(modulus[:n_timescales], 0)) / (lag * dt)
            part[row, : len(decay)] = np.divide(1, decay, out=np.full(len(decay), np.inf), where=decay > 0)
    return TimescalesByLag(dt * np.asarray(lags, dtype=np.float64), *table)


@dataclass(frozen=True)
class ChapmanKolmogorov:
    """Powers of the operator of one lag beside operators learned at multiples of it.

    Attributes
    ----------
    lags : ndarray of int of shape (n_multiples,)
        1, 2, ... times the lag, in data steps.
    predicted, estimated : ndarray of shape (n_multiples, d, d)
        Powers of the one operator, and one operator for each lag, from the same windows and for observables in units of
        their standard deviations.
    low, high : ndarray of shape (n_multiples, d, d)
        Percentile intervals of ``estimated - predicted`` by resampling whole trajectories.
    excess : ndarray of shape (n_multiples,)
        Part of the variance of the observables that the powers miss where the operators of longer lags do not.
    consistent : bool
        Whether all differences together are compatible with chance.
    """

    lags: NDArray[np.intp]
    predicted: Array
    estimated: Array
    low: Array
    high: Array
    excess: Array
    consistent: bool


def chapman_kolmogorov(
    X: Any,
    lag: int = 1,
    n_multiples: int = 4,
    *,
    alpha: float = 0.0,
    n_resamples: int = 200,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> ChapmanKolmogorov:
    """Test whether the observables evolve linearly by themselves: ``K(n lag) = K(lag)^n``.

    All operators are learned by least squares from the same windows, so they differ neither by transients nor by which
    steps were used; where they differ, what the observables leave out comes back as memory.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories of observables, at least two, longer than ``n_multiples * lag``.
    lag : int, default=1
        Lag of the operator to test, in data steps.
    n_multiples : int, default=4
        Lags to compare: 1 to this many times `lag`; at least 2.
    alpha : float, default=0.0
        Ridge penalty, relative to the variance of the (standardised) observables.
    n_resamples : int, default=200
        Number of resamples.
    level : float, default=0.9
        Nominal coverage of each interval, and of all together for the verdict.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    ChapmanKolmogorov
        Operators, intervals of their differences, and the verdict.

    Raises
    ------
    ValueError
        If a number is out of range, there are fewer than two trajectories, one is too short, or nothing varies.

    References
    ----------
    Prinz et al. (2011), J. Chem. Phys. 134, 174105, section IV.F (for transition matrices).

    Examples
    --------
    One component of a rotation is not closed, both are:

    >>> import numpy as np
    >>> from skmst.koopman.kinetics import chapman_kolmogorov
    >>> phase = 0.3 * np.arange(50) + np.random.default_rng(0).uniform(0, 6.28, (20, 1))
    >>> X = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    >>> noisy = X + 1e-3 * np.random.default_rng(1).normal(size=X.shape)
    >>> chapman_kolmogorov(noisy[..., :1], random_state=0).consistent
    False
    >>> chapman_kolmogorov(noisy, random_state=0).consistent
    True
    """
    n_multiples = check_step_count(n_multiples, "n_multiples")
    if n_multiples < 2:
        raise ValueError("n_multiples=1 compares an operator with itself: give at least 2.")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    lag, n_resamples = check_step_count(lag, "lag"), check_step_count(n_resamples, "n_resamples")
    moments = trajectory_moments(X, n_multiples, lag)
    covariance = moments.covariance
    d = len(covariance) // (n_multiples + 1)
    start = slice(n_multiples * d, None)
    scale = np.sqrt(np.diag(covariance)[start])
    if not scale.any():
        raise ValueError("nothing varies in X, so there are no operators to compare.")
    weight = np.tile(np.divide(1, scale, out=np.zeros(d), where=scale > 0), n_multiples + 1)

    def operators(drawn: Array) -> tuple[Array, Array]:
        return _powers_and_operators(drawn * weight * weight[:, None], d, alpha)

    predicted, estimated = operators(covariance)
    differences = estimated - predicted
    rng = check_random_state(random_state)
    resampled = np.array([e - p for p, e in map(operators, moments.resampled(n_resamples, rng))])
    tail = 50 * (1 - level)
    low, high = np.percentile(resampled, [tail, 100 - tail], axis=0)
    correlation = (covariance * weight * weight[:, None])[start, start]
    missed = np.einsum("nij,jk,nik->n", differences, correlation, differences)
    variance = np.diag(covariance * weight * weight[:, None]).reshape(-1, d)[-2::-1].sum(axis=1)
    return ChapmanKolmogorov(
        lag * np.arange(1, n_multiples + 1),
        predicted,
        estimated,
        low,
        high,
        missed / variance,
        _within_chance(differences, resampled, level),
    )


def _powers_and_operators(covariance: Array, d: int, ridge: float) -> tuple[Array, Array]:
    """From windows ``[x_{t+n lag}, ..., x_{t+lag}, x_t]`` to powers and operators, each (n, d, d)."""
    before = covariance[-d:, -d:]
    blocks = covariance[:-d, -d:].reshape(-1, d, d)[::-1]
    estimated = np.array([ridge_regression(block, before, ridge) for block in blocks])
    predicted = [estimated[0]]
    for _ in estimated[1:]:
        predicted.append(estimated[0] @ predicted[-1])
    return np.array(predicted), estimated


def _within_chance(differences: Array, resampled: Array, level: float) -> bool:
    """Whether no difference is larger, in its own standard errors, than the largest among as many is by chance."""
    error = resampled.std(axis=0)
    # What rounding moves has no standard error.
    varies = error > 1e-10
    if (np.abs(differences[~varies]) > 1e-6).any():
        return False
    deviation = (np.abs(resampled - differences)[:, varies] / error[varies]).max(axis=1, initial=0.0)
    observed = (np.abs(differences[varies]) / error[varies]).max(initial=0.0)
    return bool(observed <= np.quantile(deviation, level))

"""How long memory lasts: kernels with intervals, and the plateau of their integral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.master_equation.kernels import mori
from skmst.master_equation.propagators import mean_integral_kernel
from skmst.trajectories import Trajectories, check_step_count, check_trajectories
from skmst.trajectories._moments import moments_of_runs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MemoryPlateau:
    """The mean integral kernel and where it stops to change.

    Attributes
    ----------
    time : ndarray of shape (n_terms,)
        Memory time of one, two, ... terms: ``lag * dt`` times their number.
    integral : ndarray of shape (n_terms,)
        Mean integral kernel of that many terms, per unit of time: ``|Omega_1 + ... + Omega_l|_F / (d lag dt)``. The
        first is 0: the Markov term is no memory.
    low, high : ndarray of shape (n_terms,) or None
        Interval of the integral, where resamples were given.
    memory_time : float
        The time from which on the rest of the integral is negligible, or compatible with zero.
    reached : bool
        Whether that is before the last term: otherwise memory lasts at least that long.
    """

    time: Array
    integral: Array
    low: Array | None
    high: Array | None
    memory_time: float
    reached: bool


def memory_plateau(
    kernels: Array,
    dt: float = 1.0,
    *,
    resamples: Array | None = None,
    tolerance: float = 0.05,
    level: float = 0.9,
) -> MemoryPlateau:
    """Find the plateau of the mean integral kernel (Cao et al. 2020, J. Chem. Phys. 153, 014105).

    The memory is over at the first time after which no rest of the integral, ``|Omega_{l+1} + ... + Omega_n|``, is
    larger than `tolerance` times the largest integral, or, with resamples, than chance makes any of them.

    Parameters
    ----------
    kernels : ndarray of shape (n_terms, d, d)
        ``Omega_0, Omega_1, ...`` of observables in like units; best Mori's, which do not depend on their number.
    dt : float, default=1.0
        Time between the terms.
    resamples : ndarray of shape (n_resamples, n_terms, d, d), default=None
        The same kernels of resampled data.
    tolerance : float, default=0.05
        See above.
    level : float, default=0.9
        Nominal coverage of the interval, and of chance for all times together.

    Returns
    -------
    MemoryPlateau
        The integral and the memory time.

    Raises
    ------
    ValueError
        If `kernels` is not of shape (n_terms, d, d) with at least one term.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import memory_plateau
    >>> kernels = np.array([0.9, -0.2, -0.1, 0.0, 0.0, 0.0])[:, None, None]
    >>> plateau = memory_plateau(kernels, dt=0.5)
    >>> plateau.integral.round(3), plateau.memory_time
    (array([0. , 0.4, 0.6, 0.6, 0.6, 0.6]), 1.5)
    """
    if kernels.ndim != 3 or len(kernels) < 1 or kernels.shape[1] != kernels.shape[2]:
        raise ValueError(f"kernels must have shape (n_terms, d, d), got {kernels.shape}.")
    integral = _integral(kernels, dt)
    rest = _rest(kernels)
    size = np.linalg.norm(rest, axis=(1, 2))
    allowed = np.full(len(kernels), tolerance * dt * kernels.shape[1] * integral.max())
    low = high = None
    if resamples is not None:
        apart = np.linalg.norm(_rest(resamples) - rest, axis=(2, 3))
        typical = np.sqrt(np.mean(apart**2, axis=0))
        ratio = np.divide(apart, typical, out=np.zeros_like(apart), where=typical > 0)
        # One factor for all times: a rest that is large by chance at any of them would prolong the memory.
        allowed = np.maximum(allowed, np.quantile(ratio.max(axis=1), level) * typical)
        low, high = np.quantile([_integral(k, dt) for k in resamples], [(1 - level) / 2, (1 + level) / 2], axis=0)
    last_large = np.flatnonzero(size > allowed)
    n_terms = int(last_large[-1]) + 2 if len(last_large) else 1
    time = dt * np.arange(1.0, len(kernels) + 1)
    return MemoryPlateau(time, integral, low, high, float(dt * n_terms), n_terms < len(kernels) or len(kernels) == 1)


def _integral(kernels: Array, dt: float) -> Array:
    return np.concatenate([[0.0], mean_integral_kernel(kernels[1:] / dt**2, dt)])


def _rest(kernels: Array) -> Array:
    """Sum of the kernels beyond one, two, ... terms."""
    return np.asarray(kernels.sum(axis=-3, keepdims=True) - np.cumsum(kernels, axis=-3))


@dataclass(frozen=True)
class KernelInterval:
    """Kernels with intervals, and the plateau of their integral.

    Attributes
    ----------
    kernels : ndarray of shape (n_terms, d, d)
        The kernels of all trajectories.
    low, high : ndarray of shape (n_terms, d, d)
        Percentile interval of each entry.
    plateau : MemoryPlateau
        Of the kernels of standardised observables, so that units do not matter.
    """

    kernels: Array
    low: Array
    high: Array
    plateau: MemoryPlateau


def kernel_interval(
    X: Any,
    n_memory: int,
    *,
    kernels: Callable[[Array, int, float], Array] = mori,
    lag: int = 1,
    dt: float = 1.0,
    alpha: float = 0.0,
    n_resamples: int = 500,
    level: float = 0.9,
    tolerance: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
) -> KernelInterval:
    """Intervals of memory kernels by resampling whole trajectories.

    Second moments of trajectories add up, so a resample is a weighted sum of them: the data are read once.

    Parameters
    ----------
    X : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Independent trajectories, at least two; some tens for intervals to have their nominal coverage.
    n_memory : int
        Number of kernels.
    kernels : callable, default=mori
        From ``(covariance, n_terms, ridge)`` to kernels, as `mori` of `skmst.master_equation.kernels`, whose kernels
        are those of the projection (for stationary data), or `regression`, whose kernels forecast best.
    lag : int, default=1
        Data steps between the terms.
    dt : float, default=1.0
        Time between data steps.
    alpha : float, default=0.0
        Ridge penalty, relative to the mean variance of the components.
    n_resamples : int, default=500
        Number of resamples.
    level : float, default=0.9
        Nominal coverage.
    tolerance : float, default=0.05
        As for `memory_plateau`.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    KernelInterval
        Kernels, intervals and plateau.

    Raises
    ------
    ValueError
        If a number is out of range, there are fewer than two trajectories, or one is too short.

    Examples
    --------
    Noise has no memory:

    >>> import numpy as np
    >>> from skmst.master_equation import kernel_interval
    >>> X = np.random.default_rng(0).normal(size=(50, 100, 1))
    >>> found = kernel_interval(X, 6, random_state=0)
    >>> found.plateau.memory_time
    1.0
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    n_memory, lag = check_step_count(n_memory, "n_memory"), check_step_count(lag, "lag")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples!r}.")
    runs: Trajectories = check_trajectories(X)
    moments = moments_of_runs(runs, n_memory, lag)
    d = runs.n_features

    def solve(covariance: Array) -> Array:
        return kernels(covariance, n_memory, alpha * float(np.mean(np.diag(covariance)[d:])))

    whole = moments.covariance
    found = solve(whole)
    rng = check_random_state(random_state)
    drawn = np.array([solve(C) for C in moments.resampled(n_resamples, rng)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    scale = np.sqrt(np.diag(whole)[:d])
    units = np.divide(scale, scale[:, None], out=np.zeros((d, d)), where=scale[:, None] > 0)
    plateau = memory_plateau(found * units, lag * dt, resamples=drawn * units, tolerance=tolerance, level=level)
    return KernelInterval(found, low, high, plateau)

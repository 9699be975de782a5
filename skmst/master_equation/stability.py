"""How much memory a model may keep without becoming unstable, and where its drift leads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skmst.utils.linalg import whitening

Array = NDArray[np.float64]

#: Part of the largest stable memory that is kept: on the boundary of stability a model never decays.
_KEPT = 0.5
#: Condition number beyond which modes do not count as independent.
_SINGULAR = 1e8
#: Bisections of the fraction, and doublings of the lead.
_N_BISECTIONS, _N_DOUBLINGS = 12, 21


def spectral_radius(matrix: Array) -> float:
    """Largest modulus of the eigenvalues of a square matrix, 0 for an empty one."""
    return float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))


def stable_markov_term(one_lag: Array, n_windows: int) -> Array:
    """Scale the regression on one lag, where it grows, to the longest time scale that the data can show.

    Parameters
    ----------
    one_lag : ndarray of shape (d, d)
        Regression of the next state on the present one.
    n_windows : int
        Number of steps in the data: no time scale beyond it is known.

    Returns
    -------
    ndarray of shape (d, d)
        The matrix, of spectral radius at most ``exp(-1 / n_windows)`` where it was above 1.
    """
    radius = spectral_radius(one_lag)
    return one_lag if radius <= 1 else one_lag * (np.exp(-1 / n_windows) / radius)


def amplification(matrix: Array, start: Array, covariance: Array) -> float:
    """Variance of long forecasts relative to that of the data, at the worst lead and in the worst direction.

    A forecast of a stationary process is a conditional mean, so it varies less than the process: 1 is the most
    that is right at any lead. Not only growing modes exceed it, but also modes that nearly cancel at first.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        One step of the variables of a model, of which the state is the first part.
    start : ndarray of shape (n, n)
        Covariance of the variables from which forecasts start.
    covariance : ndarray of shape (d, d)
        Covariance of the state in the data.

    Returns
    -------
    float
        The largest ratio at leads of 1, 2, 4, ..., about 10^6 steps; infinite where numbers overflow.
    """
    d = len(covariance)
    W = whitening(covariance)
    power, largest = matrix, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_N_DOUBLINGS):
            rows = W @ power[:d]
            variance = rows @ start @ rows.T
            if not np.isfinite(variance).all():
                return np.inf
            largest = max(largest, float(np.linalg.norm(variance, 2)) if variance.size else 0.0)
            power = power @ power
    return largest


def with_modes_on_circle(matrix: Array, largest: float, n_windows: int) -> Array | None:
    """Move the eigenvalues outside the unit circle onto it; all modes stay what they are.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        One step of the variables of a model.
    largest : float
        Modulus up to which eigenvalues stay as they are.
    n_windows : int
        Number of steps in the data. Modes that grow without turning get this time scale, the longest known: at one,
        a constant change per step would add up for ever.

    Returns
    -------
    ndarray of shape (n, n) or None
        The matrix; None where its modes are not independent.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.stability import with_modes_on_circle
    >>> turning = np.array([[0.0, -1.02], [1.02, 0.0]])
    >>> with_modes_on_circle(turning, 1.0, 100).round(12) + 0.0
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    values, modes = np.linalg.eig(matrix)
    if np.linalg.cond(modes) > _SINGULAR:
        return None
    outside = np.abs(values) > largest
    turning = values.imag != 0
    target = np.where(turning, 1.0, np.exp(-1 / n_windows)) * values / np.where(outside, np.abs(values), 1.0)
    change = np.where(outside, target - values, 0.0)
    return np.asarray(matrix + (modes * change @ np.linalg.inv(modes)).real)


def stable_memory_fraction(sound: Callable[[float], bool]) -> float:
    """Find how much of the memory to keep: half of the most with which the model is sound.

    Between a model without memory (fraction 0, taken for sound) and the full one (fraction 1, which is not), the
    largest sound fraction is found by bisection. A model there sits on the boundary and hardly forgets; half of
    it forecasts better, as measured in ``benchmarks/master_equation_guard.py``.

    Parameters
    ----------
    sound : callable
        From a fraction of the memory to whether the model is sound.

    Returns
    -------
    float
        The fraction, below 1/2.
    """
    low, high = 0.0, 1.0
    for _ in range(_N_BISECTIONS):
        middle = 0.5 * (low + high)
        if sound(middle):
            low = middle
        else:
            high = middle
    fraction = _KEPT * low
    # Soundness need not be monotonic in the fraction: what is returned is checked, not presumed.
    return fraction if sound(fraction) else 0.0


def largest_drift(matrix: Array, step: Array, variance: Array) -> float:
    """Distance to which a constant change per step leads in the long run.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        One step of the variables of a model, of which the state is the first part.
    step : ndarray of shape (n,)
        Change of the variables at every step besides that of the matrix.
    variance : ndarray of shape (d,)
        Variance of the state in the data.

    Returns
    -------
    float
        The largest distance of a component after 1, 2, 4, ..., about 10^6 steps, in standard deviations;
        infinite where numbers overflow.
    """
    d = len(variance)
    scale = np.divide(1.0, np.sqrt(variance), out=np.zeros(d), where=variance > 0)
    power, total, largest = matrix, step, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_N_DOUBLINGS):
            distance = np.abs(total[:d]) * scale
            if not np.isfinite(distance).all():
                return np.inf
            largest = max(largest, float(distance.max(initial=0.0)))
            total = total + power @ total
            power = power @ power
    return largest

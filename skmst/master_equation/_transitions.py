"""The chain of a step that has negative entries over one lag: over how many lags it has none."""

from __future__ import annotations

from itertools import accumulate, repeat

import numpy as np
from numpy.typing import NDArray

from skmst.master_equation.rates import decay_times
from skmst.master_equation.time_local import nearest_transition_matrix

Array = NDArray[np.float64]

#: Entries of a transition matrix this far below zero are rounding; and lags that are tried for one without others.
_ROUNDING, _MOST_LAGS = 1e-10, 256
#: Where none will do, so many of them are searched for a transition matrix that is near: in its entries, and in the
#: logarithm of its slowest time.
_N_TRIED, _NEAR, _NEAR_TIME = 24, 0.01, 0.05
#: Times are compared between these numbers of lags, so that none is zero or infinite.
_SHORTEST, _LONGEST = 1e-3, 1e12


def transitions_of(step: Array, *, constrained: bool) -> tuple[int, Array, str | None]:
    """Find over how many lags a step makes transition probabilities.

    Parameters
    ----------
    step : ndarray of shape (d, d)
        Step of states that sum to one, once memory has died out; entries may be negative.
    constrained : bool
        Whether the model keeps probabilities by a constraint; for the advice.

    Returns
    -------
    n_lags : int
        The fewest over which no entry is negative, or else the fewest of some over which entries and the slowest time
        scale are near those of a transition matrix, or else those where they are nearest.
    transition_matrix : ndarray of shape (d, d)
        Over so many lags; columns sum to one.
    message : str or None
        What the user should know, where it is not even near.
    """
    # Over one lag, a slow mode that has memory may need negative entries; over several lags it does not.
    powers = enumerate(accumulate(repeat(step, _MOST_LAGS), np.matmul), start=1)
    sound = next(((n, T) for n, T in powers if T.min() >= -_ROUNDING), None)
    if sound is not None:
        return sound[0], nearest_transition_matrix(sound[1]), None
    wanted = _slowest_time(step, 1)
    tried = np.unique(np.geomspace(1, _MOST_LAGS, _N_TRIED).astype(int))
    several = [np.linalg.matrix_power(step, n) for n in tried]
    nearest = [nearest_transition_matrix(T) for T in several]
    times = np.array([_slowest_time(T, n) for n, T in zip(tried, nearest, strict=True)])
    moved = np.array([np.abs(T - power).max() for T, power in zip(nearest, several, strict=True)])
    near = (np.abs(np.log(times / wanted)) < _NEAR_TIME) & (moved < _NEAR)
    if near.any():
        return int(tried[np.argmax(near)]), nearest[np.argmax(near)], None
    best = int(np.argmin(np.abs(np.log(times / wanted)) / _NEAR_TIME + moved / _NEAR))
    return (
        int(tried[best]),
        nearest[best],
        f"the model's steps are no transition probabilities over any number of lags up to {_MOST_LAGS}; "
        f"transition_matrix_ is the nearest, over {tried[best]} lags, with entries that differ by up to "
        f"{moved[best]:.2g} and a slowest time scale of {times[best]:.3g} lags where the model has {wanted:.3g}. Use "
        f"{'' if constrained else 'constraint, '}fewer terms (n_memory), fewer states or more data.",
    )


def _slowest_time(step: Array, n_lags: int) -> float:
    """Time of the slowest relaxation, in lags."""
    moduli = np.sort(np.abs(np.linalg.eigvals(step)))[::-1][1:2]
    return float(np.clip(decay_times(moduli, n_lags), _SHORTEST, _LONGEST).max(initial=_SHORTEST))

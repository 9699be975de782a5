"""Is a chain Markovian at its lag? Timescales over lags, and the Chapman-Kolmogorov comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.master_equation.counting import check_states, markov_chain, transition_counts, transition_matrix
from skmst.master_equation.rates import implied_timescales
from skmst.master_equation.states import check_memberships
from skmst.trajectories import check_step_count

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChapmanKolmogorov:
    """What a chain at one lag says about longer ones, beside what the data say.

    Attributes
    ----------
    states : ndarray of int of shape (n_states,)
        The connected states that the comparison is for, by the caller's numbers.
    lags : ndarray of int of shape (n_multiples,)
        1, 2, ... times the lag of the chain.
    predicted, estimated : ndarray of shape (n_multiples, n_sets, n_sets)
        Probabilities to be in the set of the row after that lag, from the set of the column: from powers of the one
        transition matrix, and from one estimated anew at each lag. Columns sum to one.
    """

    states: NDArray[np.intp]
    lags: NDArray[np.intp]
    predicted: Array
    estimated: Array


def chapman_kolmogorov(
    trajectories: Any,
    lag: int = 1,
    n_multiples: int = 4,
    *,
    memberships: ArrayLike | None = None,
    n_states: int | None = None,
    reversible: bool = False,
) -> ChapmanKolmogorov:
    """Compare powers of a transition matrix with transition matrices of longer lags.

    They agree where the states are Markovian at the lag. They differ by sampling error even then, so judge the
    difference by a bootstrap over trajectories.

    Parameters
    ----------
    trajectories, n_states, reversible
        As for `markov_chain`.
    lag : int, default=1
        Lag of the chain to test, in steps.
    n_multiples : int, default=4
        Lags to compare: 1 to this many times `lag`. Every trajectory must be longer than the longest.
    memberships : array-like of shape (n_states, n_sets), default=None
        Sets of states, one row for each state by number; from a set, the states start with their stationary
        probabilities. None takes every connected state by itself.

    Returns
    -------
    ChapmanKolmogorov
        On the connected set at `lag`.

    Raises
    ------
    ValueError
        If the trajectories or memberships are not valid, or a state is not left any more at a longer lag.

    References
    ----------
    Prinz et al. (2011), J. Chem. Phys. 134, 174105, section IV.F.
    """
    n_multiples = check_step_count(n_multiples, "n_multiples")
    chain = markov_chain(trajectories, lag, n_states=n_states, reversible=reversible)
    runs = check_states(trajectories, n_states)
    number = np.full(1 + max(int(run.max(initial=-1)) for run in runs), -1)
    number[chain.states] = np.arange(len(chain.states))
    # Numbers of the chain; -1, also from outside it, stays in no state.
    runs = [np.where(run >= 0, number[run], -1) for run in runs]
    if memberships is None:
        sets = np.eye(len(chain.states))
    else:
        sets = check_memberships(memberships)
        if len(sets) <= chain.states[-1]:
            raise ValueError(f"memberships has {len(sets)} rows, but the trajectories have state {chain.states[-1]}.")
        sets = sets[chain.states]
    weights = chain.stationary_distribution[:, None] * sets
    unseen = np.flatnonzero(weights.sum(axis=0) == 0)
    if len(unseen):
        raise ValueError(f"set {unseen[0]} of memberships has no state of the connected set {chain.states.tolist()}.")
    weights = weights / weights.sum(axis=0)
    lags = lag * np.arange(1, n_multiples + 1)
    predicted, estimated = [], []
    ahead = weights
    for multiple in lags:
        ahead = chain.transition_matrix @ ahead
        predicted.append(sets.T @ ahead)
        counts = transition_counts(runs, int(multiple), n_states=len(chain.states))
        left = counts.sum(axis=0) > 0
        if not left.all():
            raise ValueError(
                f"state {chain.states[np.argmin(left)]} is not left in any trajectory at lag={multiple}: lower "
                "n_multiples, or give longer trajectories."
            )
        estimated.append(sets.T @ transition_matrix(counts, reversible=reversible) @ weights)
    return ChapmanKolmogorov(chain.states, lags, np.array(predicted), np.array(estimated))


def timescales_by_lag(
    trajectories: Any,
    lags: Sequence[int],
    n_timescales: int = 3,
    *,
    n_states: int | None = None,
    reversible: bool = False,
    dt: float = 1.0,
) -> Array:
    """Implied timescales of chains estimated at several lags: they level off where the states are Markovian.

    Parameters
    ----------
    trajectories, n_states, reversible
        As for `markov_chain`; each lag has its own connected set.
    lags : sequence of int
        Lags, in steps.
    n_timescales : int, default=3
        How many, the longest first.
    dt : float, default=1.0
        Time between two steps; sets the unit.

    Returns
    -------
    ndarray of shape (n_lags, n_timescales)
        NaN where a chain has fewer.

    Raises
    ------
    ValueError
        If the trajectories or lags are not valid.

    References
    ----------
    Swope, Pitera & Suits (2004), J. Phys. Chem. B 108, 6571, section 3.

    Examples
    --------
    >>> from skmst.master_equation import timescales_by_lag
    >>> timescales_by_lag([0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0], lags=[1, 2], n_timescales=1).shape
    (2, 1)
    """
    n_timescales = check_step_count(n_timescales, "n_timescales")
    found = np.full((len(lags), n_timescales), np.nan)
    for row, lag in zip(found, lags, strict=True):
        chain = markov_chain(trajectories, lag, n_states=n_states, reversible=reversible)
        times = implied_timescales(chain.transition_matrix, lag * dt)[:n_timescales]
        row[: len(times)] = times
    return found

"""Markov chains from discrete trajectories: count transitions, find the connected sets, estimate probabilities.

Columns are states, as everywhere in skmst: ``C[i, j]`` counts steps from state j to state i, and a transition matrix T
acts on columns, ``p(t + lag) = T p(t)``, so each of its columns sums to one. Most literature on Markov models uses the
transpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, sparse, special

from skmst.master_equation.rates import stationary_distribution
from skmst.trajectories import check_step_count

Array = NDArray[np.float64]
Labels = NDArray[np.intp]

#: Steps of Newton's method, which needs about ten.
_MAX_STEPS = 200
#: Largest mismatch, relative to the counts of a state, with which the reversible estimate may end.
_CONVERGED = 1e-10


@dataclass(frozen=True)
class MarkovChain:
    """A chain on the states that can all be reached from each other.

    Attributes
    ----------
    states : ndarray of int of shape (n_states,)
        The caller's numbers of the states that the chain has, ascending.
    counts : ndarray of int of shape (n_states, n_states)
        Transitions counted, from column to row.
    transition_matrix : ndarray of shape (n_states, n_states)
        Probabilities over one lag; columns sum to one.
    stationary_distribution : ndarray of shape (n_states,)
        The law that they keep.
    lag : int
        Steps of a transition.
    """

    states: Labels
    counts: NDArray[np.int64]
    transition_matrix: Array
    stationary_distribution: Array
    lag: int


def markov_chain(
    trajectories: Any, lag: int = 1, *, n_states: int | None = None, sliding: bool = True, reversible: bool = False
) -> MarkovChain:
    """Estimate a Markov chain on the largest connected set of the states visited.

    States from which the others cannot be reached, or that cannot be reached from the others, have no stationary
    probability that the data could tell. They are left out, with the transitions from and to them; `states` of the
    result says which are left.

    Parameters
    ----------
    trajectories, lag, n_states, sliding
        As for `transition_counts`.
    reversible : bool, default=False
        As for `transition_matrix`.

    Returns
    -------
    MarkovChain
        Counts, probabilities and stationary law on the connected set.

    Raises
    ------
    ValueError
        If the trajectories are not valid, or no transition returns.

    Examples
    --------
    >>> from skmst.master_equation import markov_chain
    >>> chain = markov_chain([0, 1, 1, 0, 1, 0, 0, 1, 5])  # state 5 is never left, 2 to 4 are never visited
    >>> chain.states
    array([0, 1])
    >>> chain.transition_matrix
    array([[0.25      , 0.66666667],
           [0.75      , 0.33333333]])
    """
    counts = transition_counts(trajectories, lag, n_states=n_states, sliding=sliding)
    states = connected_sets(counts)[0]
    counts = counts[np.ix_(states, states)]
    if not counts.any():
        raise ValueError(
            f"no state is reached again from another at lag={lag}: no two states are connected in both directions. "
            "Give more data, fewer states or a shorter lag."
        )
    T = transition_matrix(counts, reversible=reversible)
    return MarkovChain(states, counts, T, stationary_distribution(T), int(lag))


def transition_counts(
    trajectories: Any, lag: int = 1, *, n_states: int | None = None, sliding: bool = True
) -> NDArray[np.int64]:
    """Count transitions over `lag` steps.

    Parameters
    ----------
    trajectories : array-like of int of shape (n_steps,) or (n_trajectories, n_steps), or list of 1-D arrays
        States by number from 0; -1 marks a step in no state, and transitions from and to it are not counted.
    lag : int, default=1
        Steps of a transition.
    n_states : int, default=None
        Number of states; None takes the largest number plus one.
    sliding : bool, default=True
        Count from every step; else only from the steps 0, lag, 2 lag, ..., whose transitions do not overlap (fewer, but
        those of a Markov chain are independent, which error bars need).

    Returns
    -------
    ndarray of int64 of shape (n_states, n_states)
        ``C[i, j]`` transitions from j to i.

    Raises
    ------
    ValueError
        If the states are not whole numbers of at least -1 and below `n_states`, a trajectory is not longer than `lag`,
        or nothing is left to count.

    Examples
    --------
    >>> from skmst.master_equation import transition_counts
    >>> transition_counts([[0, 0, 1, 2], [2, 1, 2, 2]])
    array([[1, 0, 0],
           [1, 0, 1],
           [0, 2, 1]])
    """
    lag = check_step_count(lag, "lag")
    runs = check_states(trajectories, n_states)
    n = 1 + max(int(run.max(initial=-1)) for run in runs) if n_states is None else int(n_states)
    total = np.zeros(n * n, dtype=np.int64)
    for number, run in enumerate(runs):
        if len(run) <= lag:
            raise ValueError(
                f"trajectory {number} has {len(run)} steps, too few for a transition over lag={lag}: leave it out, or "
                "lower lag."
            )
        before, after = (run[:-lag], run[lag:]) if sliding else (run[:-lag:lag], run[lag::lag])
        inside = (before >= 0) & (after >= 0)
        total += np.bincount(after[inside] * n + before[inside], minlength=n * n)
    if not total.any():
        raise ValueError("no trajectory has a transition between states: every pair has a step in no state (-1).")
    return total.reshape(n, n)


def check_states(trajectories: Any, n_states: int | None = None) -> list[Labels]:
    """Return discrete trajectories as a list of integer arrays, or say what is wrong with which of them.

    Parameters
    ----------
    trajectories : array-like of int of shape (n_steps,) or (n_trajectories, n_steps), or list of 1-D arrays
        States by number; -1 marks a step in no state.
    n_states : int, default=None
        Number of states, where it is known.

    Returns
    -------
    list of ndarray of int of shape (n_steps_i,)
        The trajectories.

    Raises
    ------
    ValueError
        If they are not valid.
    """
    if n_states is not None:
        n_states = check_step_count(n_states, "n_states")
    items = list(trajectories if isinstance(trajectories, list | tuple) else np.atleast_2d(trajectories))
    if len(items) == 0:
        raise ValueError("trajectories is empty: give at least one.")
    if all(np.ndim(item) == 0 for item in items):
        items = [np.asarray(items)]
    runs = []
    for number, item in enumerate(items):
        run = np.asarray(item)
        if run.ndim != 1:
            raise ValueError(
                f"trajectory {number} has {run.ndim} axes: a discrete trajectory is one array of state numbers."
            )
        whole = run.dtype.kind == "f" and np.isfinite(run).all() and np.array_equal(run, np.round(run))
        if run.dtype.kind not in "iu" and not whole:
            raise ValueError(
                f"trajectory {number} holds {run.dtype} values: states are whole numbers from 0 (-1: in no state)."
            )
        run = run.astype(np.intp)
        limit = np.inf if n_states is None else n_states
        wrong = np.flatnonzero((run < -1) | (run >= limit))
        if len(wrong):
            allowed = "-1 or more" if n_states is None else f"between -1 and n_states - 1 = {n_states - 1}"
            raise ValueError(
                f"trajectory {number} has state {run[wrong[0]]} at step {wrong[0]}: states must be {allowed}."
            )
        runs.append(run)
    if n_states is None and max(run.max(initial=-1) for run in runs) < 0:
        raise ValueError("trajectories have no step in any state: all are -1, or empty.")
    return runs


def connected_sets(counts: ArrayLike) -> list[Labels]:
    """Sets of states that can all be reached from each other, by the transitions counted.

    Parameters
    ----------
    counts : array-like of shape (n_states, n_states)
        Transition counts or probabilities, from column to row; what is positive connects.

    Returns
    -------
    list of ndarray of int
        Every state is in one set. Sets with more states come first, and of those with equally many the one with more
        counts.

    Examples
    --------
    >>> from skmst.master_equation import connected_sets
    >>> connected_sets([[3, 1, 0], [1, 2, 0], [0, 1, 4]])  # state 2 is not left
    [array([0, 1]), array([2])]
    """
    C = np.asarray(counts)
    n, labels = sparse.csgraph.connected_components(sparse.csr_array(C > 0), directed=True, connection="strong")
    sets = [np.flatnonzero(labels == k) for k in range(n)]
    return sorted(sets, key=lambda s: (-len(s), -C[np.ix_(s, s)].sum(), s[0]))


def transition_matrix(counts: ArrayLike, *, reversible: bool = False) -> Array:
    """Maximum-likelihood transition probabilities.

    Parameters
    ----------
    counts : array-like of shape (n_states, n_states)
        ``C[i, j]`` transitions from j to i; need not be whole numbers.
    reversible : bool, default=False
        Estimate under detailed balance, ``T[i, j] pi[j] = T[j, i] pi[i]``, as systems in thermal equilibrium obey it.
        This needs connected states.

    Returns
    -------
    ndarray of shape (n_states, n_states)
        Columns sum to one.

    Raises
    ------
    ValueError
        If counts are negative or not finite, a state has no transition out of it, or, with `reversible`, the states are
        not all connected.

    Notes
    -----
    The reversible estimate is the solution ``x`` of ``x_ij = (c_ij + c_ji) / (c_i / x_i + c_j / x_j)``
    (Trendelkamp-Schroer et al. 2015, eq. 25), where ``c_j`` counts the transitions out of j and ``x_j = sum_i x_ij``.
    Instead of repeating this map, which creeps when states are metastable, ``v_j = c_j / x_j`` is found as ``exp(u_j)``
    at the minimum of the convex function ``sum_ij c_ij log(exp(u_i) + exp(u_j)) - sum_j c_j u_j``, whose gradient the
    map makes vanish, by Newton's method.

    References
    ----------
    Trendelkamp-Schroer, Wu, Paul & Noe (2015), J. Chem. Phys. 143, 174101.

    Examples
    --------
    >>> from skmst.master_equation import transition_matrix
    >>> transition_matrix([[8, 1], [2, 3]])
    array([[0.8 , 0.25],
           [0.2 , 0.75]])
    """
    C = _check_counts(counts)
    if not reversible:
        return C / C.sum(axis=0)
    sets = connected_sets(C)
    if len(sets) > 1:
        others = ", ".join(str(s.tolist()) for s in sets[1:4]) + (", ..." if len(sets) > 4 else "")
        raise ValueError(
            f"the chain is reducible: states {others} are not connected in both directions to the set "
            f"{_shortened(sets[0])}. A reversible estimate needs connected states: restrict counts to the first of "
            "connected_sets(counts), as markov_chain does."
        )
    flux = _reversible_fluxes(C)
    return np.asarray(flux / flux.sum(axis=0))


def _check_counts(counts: ArrayLike) -> Array:
    C = np.asarray(counts, dtype=np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or not len(C):
        raise ValueError(f"counts must be a square matrix, got shape {C.shape}.")
    if not np.isfinite(C).all() or (C < 0).any():
        raise ValueError("counts must be finite and not negative.")
    empty = np.flatnonzero(C.sum(axis=0) == 0)
    if len(empty):
        raise ValueError(
            f"no transition leaves state {_shortened(empty)}: never visited, or only at the end of a trajectory. Leave "
            "such states out: restrict counts to the first of connected_sets(counts), as markov_chain does."
        )
    return C


def _shortened(states: Labels) -> str:
    return ", ".join(map(str, states[:8])) + (", ..." if len(states) > 8 else "")


def _reversible_fluxes(C: Array) -> Array:
    """The symmetric x of `transition_matrix`, up to a factor."""
    both, out = C + C.T, C.sum(axis=0)
    u = np.zeros(len(C))
    value = _objective(u, both, out)
    for _ in range(_MAX_STEPS):
        share = special.expit(u[:, None] - u[None, :])  # of i in the pair (i, j)
        gradient = (both * share).sum(axis=1) - out
        mismatch = float(np.max(np.abs(gradient) / out))
        curvature = both * share * share.T
        hessian = np.diag(curvature.sum(axis=1)) - curvature
        # The minimum is free to move along (1, ..., 1): hold that direction.
        step = linalg.solve(hessian + np.trace(hessian) / len(C) ** 2, -gradient, assume_a="pos")
        length, slope = 1.0, float(gradient @ step)
        while mismatch > _CONVERGED and length > 1e-12:
            trial = _objective(u + length * step, both, out)
            if trial <= value + 1e-4 * length * slope + 1e-14 * abs(value):  # the last digit is rounding
                break
            length *= 0.5
        u = u + length * step
        u -= u.mean()
        value = _objective(u, both, out)
        if mismatch <= _CONVERGED:  # and one more step than it takes: Newton doubles the digits
            v = np.exp(u)
            return np.asarray(both / (v[:, None] + v[None, :]))
    raise RuntimeError(
        f"the reversible estimate did not converge: mismatch {mismatch:.1e} after {_MAX_STEPS} steps. Counts differ by "
        "too many orders of magnitude: use reversible=False, or leave rare states out."
    )


def _objective(u: Array, both: Array, out: Array) -> float:
    return float(0.5 * np.sum(both * np.logaddexp(u[:, None], u[None, :])) - out @ u)

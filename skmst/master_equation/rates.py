"""What a matrix of transition probabilities or of rates says: stationary law, timescales, passage times, and its test.

Columns are states: ``p(t + lag) = T p(t)`` with columns of T that sum to one, ``dp/dt = Q p`` with columns of Q that
sum to zero. Most literature on Markov models uses the transposes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, sparse

Array = NDArray[np.float64]

#: How far from one a sum of probabilities may be, and below zero a probability.
_ROUNDING = 1e-8


def check_transition_matrix(matrix: ArrayLike, *, substochastic: bool = False, name: str = "matrix") -> Array:
    """Return a transition matrix as float64, or say why it is none.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        Probabilities from column to row.
    substochastic : bool, default=False
        Whether columns may sum to less than one.
    name : str
        How messages call it.

    Returns
    -------
    ndarray of shape (n, n)
        A copy.

    Raises
    ------
    ValueError
        If it is not square, not finite, has an entry below zero or a column that does not sum to one, by more than
        1e-8.
    """
    T = _check_square(matrix, name)
    low = np.argwhere(T < -_ROUNDING)
    if len(low):
        i, j = low[0]
        raise ValueError(f"{name} has the entry {T[i, j]:.3g} at ({i}, {j}): probabilities are not negative.")
    excess = T.sum(axis=0) - 1
    wrong = np.flatnonzero(excess > _ROUNDING if substochastic else np.abs(excess) > _ROUNDING)
    if len(wrong):
        rows = np.abs(T.sum(axis=1) - 1).max() <= _ROUNDING
        hint = "its rows do: pass its transpose" if rows else "columns hold the probabilities of leaving for each state"
        raise ValueError(f"column {wrong[0]} of {name} sums to {1 + excess[wrong[0]]:.6g}, not to 1 ({hint}).")
    return T


def check_generator(matrix: ArrayLike, name: str = "matrix") -> Array:
    """Return a matrix of rates as float64, or say why it is none.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        Rates from column to row; columns sum to zero.
    name : str
        How messages call it.

    Returns
    -------
    ndarray of shape (n, n)
        A copy.

    Raises
    ------
    ValueError
        If it is not square, not finite, has a negative rate off the diagonal or a column that does not sum to zero, by
        more than 1e-8 of its largest entry.
    """
    Q = _check_square(matrix, name)
    size = _ROUNDING * np.abs(Q).max()
    low = np.argwhere((-size > Q) & ~np.eye(len(Q), dtype=bool))
    if len(low):
        i, j = low[0]
        raise ValueError(f"{name} has the rate {Q[i, j]:.3g} at ({i}, {j}): rates off the diagonal are not negative.")
    wrong = np.flatnonzero(np.abs(Q.sum(axis=0)) > size)
    if len(wrong):
        rows = np.abs(Q.sum(axis=1)).max() <= size
        hint = "its rows do: pass its transpose" if rows else "a generator conserves probability"
        raise ValueError(f"column {wrong[0]} of {name} sums to {Q[:, wrong[0]].sum():.3g}, not to 0 ({hint}).")
    return Q


def stationary_distribution(transition_matrix: ArrayLike, *, generator: bool = False) -> Array:
    """Law that a chain keeps, ``T pi = pi`` (or ``Q pi = 0``), each probability to full relative precision.

    For a model with memory, pass the sum of its kernels: both keep the same law.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities, columns sum to one; or rates.
    generator : bool, default=False
        Whether the matrix holds rates, whose columns sum to zero.

    Returns
    -------
    ndarray of shape (n,)
        Sums to one; zero for states that the chain leaves for good.

    Raises
    ------
    ValueError
        If the matrix is not valid, or the chain is reducible: it has several closed sets of states, hence several
        stationary laws.

    References
    ----------
    Grassmann, Taksar & Heyman (1985), Oper. Res. 33, 1107 (elimination without subtractions).

    Examples
    --------
    >>> from skmst.master_equation import stationary_distribution
    >>> stationary_distribution([[0.9, 0.3], [0.1, 0.7]])
    array([0.75, 0.25])
    """
    A = check_generator(transition_matrix) if generator else check_transition_matrix(transition_matrix)
    n = len(A)
    np.fill_diagonal(A, 0.0)  # only the steps to other states matter
    A = np.maximum(A, 0.0)
    closed = closed_sets(A)
    if len(closed) > 1:
        sets = ", ".join(f"{{{_listed(s)}}}" for s in closed[:4])
        raise ValueError(
            f"the chain is reducible: it never leaves any of the sets of states {sets}, "
            "so it has no single stationary law. Restrict it to one of them."
        )
    states = closed[0]
    A = A[np.ix_(states, states)]
    # Take states out one by one, from the last: the paths through them become direct steps.
    for k in range(len(A) - 1, 0, -1):
        A[k, :k] /= A[:k, k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    law = np.ones(len(A))
    for k in range(1, len(A)):
        law[k] = A[k, :k] @ law[:k]
    found = np.zeros(n)
    found[states] = law / law.sum()
    return found


def implied_timescales(transition_matrix: ArrayLike, interval: float = 1.0) -> Array:
    """Times in which the deviations from the stationary law decay by e.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities over one interval, columns sum to one.
    interval : float, default=1.0
        Its duration; sets the unit.

    Returns
    -------
    ndarray of shape (n - 1,)
        ``-interval / log |lambda|`` for the eigenvalues but the stationary 1, longest first; 0 where an eigenvalue is
        zero, infinite for a further eigenvalue of modulus one.

    Raises
    ------
    ValueError
        If the matrix is not valid.

    Examples
    --------
    >>> from skmst.master_equation import implied_timescales
    >>> implied_timescales([[0.9, 0.3], [0.1, 0.7]])  # the other eigenvalue is 0.6
    array([1.95761519])
    """
    T = check_transition_matrix(transition_matrix)
    return decay_times(np.sort(np.abs(np.linalg.eigvals(T)))[::-1][1:], interval)


def decay_times(moduli: Array, interval: float) -> Array:
    """Times in which modes decay by e.

    Parameters
    ----------
    moduli : ndarray of shape (n,)
        Moduli of eigenvalues over one interval.
    interval : float
        Its duration.

    Returns
    -------
    ndarray of shape (n,)
        ``-interval / log |lambda|``; 0 for an eigenvalue zero, infinite where nothing decays.
    """
    decay = -np.log(moduli, where=moduli > 0, out=np.full(len(moduli), -np.inf))
    # An eigenvalue that rounding leaves at one or above does not decay.
    rounding = max(16, len(moduli) + 1) * np.finfo(float).eps
    return np.divide(interval, decay, out=np.full(len(moduli), np.inf), where=decay > rounding)


def mean_first_passage_times(
    matrix: ArrayLike, target: ArrayLike | None = None, *, interval: float | None = 1.0
) -> Array:
    """Mean time until a chain first is in a target.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        Transition probabilities over `interval`, columns sum to one; or rates, columns sum to zero.
    target : int or array-like of int, default=None
        The states of the target. None takes every state by itself.
    interval : float or None, default=1.0
        Time of one transition. None says that `matrix` is a generator and holds rates.

    Returns
    -------
    ndarray of shape (n,) or, for ``target=None``, (n, n)
        From each state (the column) to the target (for None: the row). Zero in the target; a state j recurs after
        ``interval / pi[j]`` on average. Infinite where the target may never be reached.

    Raises
    ------
    ValueError
        If the matrix is not valid, or the target has no state or one that does not exist.

    References
    ----------
    Kemeny & Snell (1976), Finite Markov Chains, Springer, theorem 3.2.4 (absorbing chains).

    Examples
    --------
    >>> from skmst.master_equation import mean_first_passage_times
    >>> mean_first_passage_times([[0.9, 0.5], [0.1, 0.5]], interval=2.0)  # 2 / .5 and 2 / .1
    array([[ 0.,  4.],
           [20.,  0.]])
    """
    if interval is None:
        A, interval = check_generator(matrix), 1.0
    else:
        A = check_transition_matrix(matrix)
    np.fill_diagonal(A, 0.0)
    A = np.maximum(A, 0.0)
    if target is None:
        return np.stack([_passage_times(A, np.array([state])) for state in range(len(A))]) * interval
    states = np.unique(np.atleast_1d(np.asarray(target)))
    if states.dtype.kind not in "iu" or not len(states) or states[0] < 0 or states[-1] >= len(A):
        raise ValueError(f"target must be numbers of states between 0 and {len(A) - 1}, got {target!r}.")
    return _passage_times(A, states) * interval


def _passage_times(A: Array, target: NDArray[np.intp]) -> Array:
    """Mean times to the target, for steps A (zero diagonal) from column to row."""
    times = np.zeros(len(A))
    sure = _reaching(A, target)
    times[~sure] = np.inf
    start = np.setdiff1d(np.flatnonzero(sure), target)
    if len(start):
        inside = A[np.ix_(start, start)]
        # What leaves a state, summed without the subtraction 1 - T[j, j].
        away = np.diag(A[:, start].sum(axis=0)) - inside
        times[start] = linalg.solve(away.T, np.ones(len(start)))
    return times


def _reaching(A: Array, target: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which states are sure to reach the target: no path from them misses it for ever."""
    inward = A.copy()
    inward[:, target] = 0.0  # the target is not left
    lost = [s for s in closed_sets(inward) if not np.isin(s, target).any()]
    # As a graph, whose entry (i, j) leads from i to j, the matrix runs backwards in time.
    back = sparse.csr_array(inward > 0)
    missed = np.zeros(len(A), dtype=bool)
    for closed in lost:
        missed[sparse.csgraph.breadth_first_order(back, closed[0], return_predecessors=False)] = True
    return ~missed


def closed_sets(A: Array) -> list[NDArray[np.intp]]:
    """Sets of connected states that a chain does not leave.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        Steps from column to row; what is positive connects.

    Returns
    -------
    list of ndarray of int
        At least one set.
    """
    n, labels = sparse.csgraph.connected_components(sparse.csr_array(A > 0), directed=True, connection="strong")
    to, start = np.nonzero(A > 0)
    open_sets = np.unique(labels[start[labels[start] != labels[to]]])
    return [np.flatnonzero(labels == k) for k in np.setdiff1d(np.arange(n), open_sets)]


def _check_square(matrix: ArrayLike, name: str) -> Array:
    A = np.array(matrix, dtype=np.float64)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or not len(A):
        raise ValueError(f"{name} must be a square matrix, got shape {A.shape}.")
    if not np.isfinite(A).all():
        raise ValueError(f"{name} holds NaN or infinity.")
    return A


def _listed(states: NDArray[np.intp]) -> str:
    return ", ".join(map(str, states[:8])) + (", ..." if len(states) > 8 else "")

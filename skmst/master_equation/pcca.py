"""Metastable sets of a reversible chain: robust Perron cluster analysis (PCCA+), and the chain between the sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize

from skmst.master_equation.rates import check_transition_matrix, stationary_distribution
from skmst.master_equation.states import check_memberships

Array = NDArray[np.float64]

#: Largest violation of detailed balance, relative to the largest flux.
_BALANCED = 1e-8


def pcca(transition_matrix: ArrayLike, n_sets: int) -> Array:
    """Memberships of states in metastable sets.

    The leading eigenfunctions of a metastable chain are almost constant on each set, so the states lie close to the
    corners of a simplex in their space. The map that takes the corners to certain membership, without leaving the
    probabilities, is chosen so that the sets are as crisp as they can be.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities, columns sum to one; irreducible and in detailed balance.
    n_sets : int
        Number of sets, from 1 to n.

    Returns
    -------
    ndarray of shape (n, n_sets)
        Non-negative, rows sum to one. Sets come by falling stationary probability.

    Raises
    ------
    ValueError
        If the matrix is not valid, not in detailed balance, or `n_sets` is out of range.

    References
    ----------
    Deuflhard & Weber (2005), Linear Algebra Appl. 398, 161 (inner simplex, feasible set). Roeblitz & Weber (2013), Adv.
    Data Anal. Classif. 7, 147, eq. (16) (crispness).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation import pcca
    >>> flux = np.array([[4.0, 1.0, 0.0, 0.0], [1.0, 4.0, 0.1, 0.0], [0.0, 0.1, 2.0, 1.0], [0.0, 0.0, 1.0, 2.0]])
    >>> pcca(flux / flux.sum(axis=0), 2).round(2)
    array([[1.  , 0.  ],
           [0.95, 0.05],
           [0.05, 0.95],
           [0.  , 1.  ]])
    """
    T = check_transition_matrix(transition_matrix)
    if not 1 <= n_sets <= len(T):
        raise ValueError(f"n_sets must lie between 1 and the number of states, {len(T)}; got {n_sets}.")
    law = stationary_distribution(T)
    transient = np.flatnonzero(law == 0)
    if len(transient):
        raise ValueError(f"the chain leaves state {transient[0]} for good: restrict it to its connected states.")
    flux = T * law
    if np.abs(flux - flux.T).max() > _BALANCED * flux.max():
        raise ValueError("transition_matrix is not in detailed balance: estimate it with reversible=True.")
    root = np.sqrt(law)
    symmetric = flux / root[:, None] / root
    vectors = linalg.eigh(0.5 * (symmetric + symmetric.T), subset_by_index=[len(T) - n_sets, len(T) - 1])[1]
    X = vectors[:, ::-1] / root[:, None]
    X[:, 0] = 1.0
    memberships = X @ _crispest(X)
    memberships = np.maximum(memberships, 0.0)
    memberships /= memberships.sum(axis=1, keepdims=True)
    return np.asarray(memberships[:, np.argsort(-(law @ memberships), kind="stable")])


def coarse_transition_matrix(transition_matrix: ArrayLike, memberships: ArrayLike) -> Array:
    """Transition matrix between sets that keeps the stationary law and, for PCCA+ sets, the leading eigenvalues.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities, columns sum to one.
    memberships : array-like of shape (n, n_sets)
        Memberships of the states; rows sum to one.

    Returns
    -------
    ndarray of shape (n_sets, n_sets)
        Columns sum to one; for overlapping sets entries may be negative.

    Raises
    ------
    ValueError
        If the arguments are not valid, or the sets are linearly dependent.

    References
    ----------
    Kube & Weber (2007), J. Chem. Phys. 126, 024103, eq. (18).
    """
    T, M = check_transition_matrix(transition_matrix), check_memberships(memberships)
    if len(M) != len(T):
        raise ValueError(f"memberships has {len(M)} rows for {len(T)} states.")
    weights = stationary_distribution(T)[:, None] * M
    overlap = M.T @ weights
    if np.linalg.matrix_rank(overlap) < len(overlap):
        raise ValueError("memberships are linearly dependent (or a set is empty): take fewer sets.")
    # In column convention the restriction is the transpose of the membership, and the overlap is undone on the right.
    return np.asarray(M.T @ T @ weights @ np.linalg.inv(overlap))


def _crispest(X: Array) -> Array:
    """The feasible map A from eigenfunctions to memberships that makes these crispest."""
    n = X.shape[1]
    if n == 1:
        return np.ones((1, 1))
    start = _feasible(linalg.inv(X[_corners(X)]), X)
    if n == 2:
        return start  # with two sets, the one map that is feasible with both bounds attained

    def fuzziness(inner: Array) -> float:
        A = start.copy()
        A[1:, 1:] = inner.reshape(n - 1, n - 1)
        A = _feasible(A, X)
        return float(n - np.sum(A**2 / A[0]))

    # The objective has kinks, hence a method without derivatives.
    options = {"maxfev": 400 * (n - 1) ** 2, "maxiter": 400 * (n - 1) ** 2, "xatol": 1e-8, "fatol": 1e-10}
    best = optimize.minimize(fuzziness, start[1:, 1:].ravel(), method="Nelder-Mead", options=options)
    A = start.copy()
    A[1:, 1:] = best.x.reshape(n - 1, n - 1)
    return _feasible(A, X)


def _feasible(A: Array, X: Array) -> Array:
    """Change the first row and column of A so that memberships ``X @ A`` are probabilities (Deuflhard & Weber 2005)."""
    A = A.copy()
    A[1:, 0] = -A[1:, 1:].sum(axis=1)
    A[0] = -(X[:, 1:] @ A[1:]).min(axis=0)
    total = A[0].sum()
    return A / total if total > 0 else A


def _corners(X: Array) -> NDArray[np.intp]:
    """Rows that span the largest simplex, found greedily: each the farthest from the hull of those before."""
    found = np.zeros(X.shape[1], dtype=np.intp)
    found[0] = np.argmax(np.sum(X**2, axis=1))
    left = X - X[found[0]]
    for k in range(1, X.shape[1]):
        distance = np.sum(left**2, axis=1)
        found[k] = np.argmax(distance)
        direction = left[found[k]] / np.sqrt(distance[found[k]])
        left = left - np.outer(left @ direction, direction)
    return found

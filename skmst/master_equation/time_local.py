"""The chain that a model with memory ends in: its step once the memory has died out, and its law in the long run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from skmst.master_equation.rates import check_transition_matrix, closed_sets, stationary_distribution

Array = NDArray[np.float64]

#: Eigenvalues that differ by less than this, relative to the largest, are not told apart.
_SAME = 1e-9
#: Condition number beyond which modes do not count as independent.
_SINGULAR = 1e9
#: Smaller probabilities are rounding.
_ROUNDING = 1e-12


def slow_step(matrix: ArrayLike, d: int) -> Array | None:
    """Step that the leading variables take in the long run: that of the slowest modes.

    For the companion matrix of memory kernels K this is T with ``T^n = sum_l K[l] T^(n-1-l)``, the limit of the
    time-convolutionless propagators.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        One step of the variables of a model.
    d : int
        Number of the leading variables.

    Returns
    -------
    ndarray of shape (d, d) or None
        The matrix that has the d slowest eigenvalues and their modes; where only half of a pair of conjugates would be
        among them, the next slowest in its place. Modes that never reach the leading variables do not count. None
        where there is none: eigenvalues coincide, or the slowest modes are not independent in the leading variables.

    References
    ----------
    Dominic, Cao, Montoya-Castillo & Huang (2023), J. Am. Chem. Soc. 145, 9916 (the long-time limit).

    Examples
    --------
    >>> from skmst.master_equation.time_local import slow_step
    >>> slow_step([[0.7, 0.3], [1.0, 0.0]], 1).round(12)  # eigenvalues 1 and -.3
    array([[1.]])
    """
    M = _seen(np.array(matrix, dtype=np.float64), d)
    if len(M) == d:
        return M
    slow = _slowest(np.linalg.eigvals(M), d)

    def is_slow(value: complex) -> bool:
        return bool(np.abs(slow - value).min(initial=np.inf) <= _SAME * np.abs(slow).max())

    # An invariant subspace, not eigenvectors: the cascade of a decaying system has hardly independent ones.
    form, vectors, n_slow = linalg.schur(M, output="complex", sort=is_slow)
    modes = vectors[:d, :d]
    if n_slow != d or np.linalg.cond(modes) > _SINGULAR:
        return None
    return np.asarray(np.linalg.solve(modes.T, (modes @ form[:d, :d]).T).T.real)


def _seen(M: Array, d: int) -> Array:
    """The step without what never reaches the d leading variables, which stay the leading ones."""
    basis = newest = np.eye(d, len(M))
    while len(newest):
        further = newest @ M
        further -= further @ basis.T @ basis
        _, size, rows = linalg.svd(further, full_matrices=False)
        newest = rows[size > _SAME * np.linalg.norm(M)]
        newest = newest - newest @ basis.T @ basis  # once more, for orthogonality to all digits
        basis = np.vstack([basis, newest])
    return np.asarray(basis @ M @ basis.T)


def _slowest(values: NDArray[Any], d: int) -> NDArray[Any]:
    """The d eigenvalues of largest modulus of a real matrix, pairs of conjugates together or not at all."""
    order = np.lexsort((-np.abs(values.imag), -np.round(np.abs(values), 12)))
    found: list[complex] = []
    for value in values[order][values[order].imag >= 0]:
        together = [value] if value.imag == 0 else [value, value.conjugate()]
        if len(found) + len(together) <= d:
            found += together
    return np.array(found)


def nearest_transition_matrix(matrix: ArrayLike) -> Array:
    """Project a matrix on the transition matrices, in the Frobenius norm.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        Such as a step whose entries are negative by sampling or rounding.

    Returns
    -------
    ndarray of shape (n, n)
        Entries are not negative, and those below 1e-12 are zero; columns sum to one.

    Examples
    --------
    >>> from skmst.master_equation.time_local import nearest_transition_matrix
    >>> nearest_transition_matrix([[1.1, 0.3], [-0.1, 0.7]])
    array([[1. , 0.3],
           [0. , 0.7]])
    """
    found = nearest_probabilities(np.asarray(matrix, dtype=np.float64).T).T
    found[found < _ROUNDING] = 0.0
    return found / found.sum(axis=0)


def nearest_probabilities(rows: Array) -> Array:
    """Project rows on the probabilities, in the Euclidean norm (Held, Wolfe & Crowder 1974).

    Parameters
    ----------
    rows : ndarray of shape (..., n)
        Any numbers.

    Returns
    -------
    ndarray of shape (..., n)
        The nearest rows that are not negative and sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.master_equation.time_local import nearest_probabilities
    >>> nearest_probabilities(np.array([[0.5, 0.6, -0.3], [0.2, 0.3, 0.5]])).round(2)
    array([[0.45, 0.55, 0.  ],
           [0.2 , 0.3 , 0.5 ]])
    """
    # All entries are lowered by one shift, and those that would go below zero stay there.
    falling = -np.sort(-rows, axis=-1)
    shifts = (np.cumsum(falling, axis=-1) - 1) / np.arange(1, rows.shape[-1] + 1)
    n_kept = np.sum(falling > shifts, axis=-1, keepdims=True)
    shift = np.take_along_axis(shifts, np.maximum(n_kept - 1, 0), axis=-1)
    found = np.maximum(rows - shift, 0.0)
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def long_run_law(transition_matrix: ArrayLike, start: ArrayLike) -> Array:
    """Law that a chain approaches on average, also where it never leaves some sets of states.

    Parameters
    ----------
    transition_matrix : array-like of shape (n, n)
        Probabilities, columns sum to one.
    start : array-like of shape (n,)
        Probabilities at the start. They matter where there are several sets of states that the chain never leaves.

    Returns
    -------
    ndarray of shape (n,)
        Limit of the mean of ``T^k start`` over k.

    Raises
    ------
    ValueError
        If the matrix is not valid.

    References
    ----------
    Kemeny & Snell (1976), Finite Markov Chains, Springer, theorem 3.3.7 (where absorbing chains end).

    Examples
    --------
    >>> from skmst.master_equation.time_local import long_run_law
    >>> long_run_law([[1.0, 0.3, 0.0], [0.0, 0.4, 0.0], [0.0, 0.3, 1.0]], [0.0, 1.0, 0.0])
    array([0.5, 0. , 0.5])
    """
    T, p = check_transition_matrix(transition_matrix), np.asarray(start, dtype=np.float64)
    closed = closed_sets(T)
    law = np.zeros(len(T))
    passing = np.setdiff1d(np.arange(len(T)), np.concatenate(closed))
    visits = np.linalg.solve(np.eye(len(passing)) - T[np.ix_(passing, passing)], p[passing])
    for states in closed:
        share = p[states].sum() + (T[np.ix_(states, passing)] @ visits).sum()
        law[states] = share * stationary_distribution(T[np.ix_(states, states)])
    return np.asarray(law / law.sum())

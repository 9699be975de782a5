"""Continuous time: the generator behind an operator of one lag, where there is one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

Array = NDArray[np.float64]

#: Largest relative error of the exponential of a logarithm that counts as rounding.
_ROUNDING = 1e-8


@dataclass(frozen=True)
class OperatorLogarithm:
    """The generator of an operator, and whether there is one.

    Attributes
    ----------
    matrix : ndarray of shape (n, n)
        The generator: real part of the principal logarithm over the interval. It acts on the range of the operator;
        directions that the operator forgets within one lag have no finite rate and stay in its null space.
    exists : bool
        Whether the operator, on its range, has a real principal logarithm: no eigenvalue lies on the negative real axis
        (one there turns by half a circle in a lag, either way: the lag is too long to tell).
    unique : bool
        Whether it is the only one: all eigenvalues are positive. Complex pairs may have turned by whole circles more
        in a lag; the principal logarithm takes the slowest.
    distance : float
        Largest entry by which the exponential misses the operator on its range.
    """

    matrix: Array
    exists: bool
    unique: bool
    distance: float


def operator_logarithm(matrix: ArrayLike, interval: float = 1.0) -> OperatorLogarithm:
    """Find the generator L with ``exp(interval L) = K`` on the range of K.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        K, acting on columns.
    interval : float, default=1.0
        Time over which K steps; sets the unit of time.

    Returns
    -------
    OperatorLogarithm
        The generator and its conditions.

    Raises
    ------
    ValueError
        If the matrix is not square and finite, the interval is not positive, or a zero eigenvalue is defective, so that
        range and null space overlap.

    Warns
    -----
    UserWarning
        If there is no real logarithm: a shorter lag is needed.

    References
    ----------
    Culver (1966), Proc. Am. Math. Soc. 17, 1146 (existence and uniqueness). Higham (2008), Functions of Matrices, SIAM,
    chapter 11.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.generator import operator_logarithm
    >>> found = operator_logarithm(np.diag([np.exp(-0.2), np.exp(-1.0)]), interval=0.1)
    >>> found.matrix.round(6), found.unique
    (array([[ -2.,   0.],
           [  0., -10.]]), True)
    """
    K = np.asarray(matrix, dtype=np.float64)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or not len(K) or not np.isfinite(K).all():
        raise ValueError(f"matrix must be square and finite, got shape {K.shape}.")
    if not interval > 0:
        raise ValueError(f"interval must be positive, got {interval!r}.")
    basis, dual = _range(K)
    inner = dual @ K @ basis
    values = linalg.eigvals(inner)
    cut = 8 * len(K) * np.finfo(float).eps * np.abs(values)
    exists = not ((values.real < 0) & (np.abs(values.imag) <= cut)).any()
    if not exists:
        warnings.warn(
            f"an eigenvalue of {values[np.argmin(values.real)].real:.3g} lies on the negative real axis: motion turns "
            "by half a circle or more within the lag, and no real generator does that. Its decay is kept, its turning "
            "left out: take a shorter lag.",
            stacklevel=2,
        )
    log = linalg.logm(inner) if inner.size else inner
    distance = np.abs(basis @ (linalg.expm(np.real(log)) - inner) @ dual).max(initial=0.0)
    unique = exists and bool((values.real > 0).all() and (np.abs(values.imag) <= cut).all())
    return OperatorLogarithm(basis @ np.real(log) @ dual / interval, exists, unique, float(distance))


def _range(K: Array) -> tuple[Array, Array]:
    """Bases of the invariant complement of the null space, ``dual @ basis = I``."""
    left, values, right = linalg.svd(K)
    rank = int(np.sum(values > len(K) * np.finfo(float).eps * values[0]))
    if rank == len(K):
        return np.eye(len(K)), np.eye(len(K))
    basis, rows = left[:, :rank], right[:rank]
    overlap = rows @ basis
    if rank and np.linalg.cond(overlap) > 1 / _ROUNDING:
        raise ValueError("the operator has a defective eigenvalue zero: lower its rank to leave it out.")
    return basis, linalg.solve(overlap, rows) if rank else rows

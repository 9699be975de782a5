"""How sparse is an operator in a given dictionary? Numbers for matrices, rows and eigenvectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sparsity:
    """Measures of sparsity of an operator of n x n entries.

    Attributes
    ----------
    n_entries : dict of float to int
        Smallest number of entries that hold the given parts of the sum of squares.
    hoyer : float
        0 for equal entries, 1 for a single one; see `hoyer`.
    row_participation, eigenvector_participation : float
        Mean effective number of entries of a row and of a right eigenvector, between 1 and n.
    off_band : float
        Part of the sum of squares between scales that are more than one apart; NaN without scales.
    """

    n_entries: dict[float, int]
    hoyer: float
    row_participation: float
    eigenvector_participation: float
    off_band: float


def operator_sparsity(
    matrix: ArrayLike,
    *,
    scales: ArrayLike | None = None,
    parts: tuple[float, ...] = (0.9, 0.99),
) -> Sparsity:
    """Measure how sparse an operator is in the basis in which it is given.

    The numbers depend on the basis and on the units of its members: give the operator of observables in units of their
    standard deviations (see `standardised`), and compare dictionaries of equal dimension.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        K.
    scales : array-like of shape (n,), default=None
        The scale of each observable, such as j of a wavelet.
    parts : tuple of float, default=(0.9, 0.99)
        Parts of the sum of squares, within (0, 1].

    Returns
    -------
    Sparsity
        The measures.

    Raises
    ------
    ValueError
        If the matrix is not square and finite or zero, or the scales or parts do not fit.

    References
    ----------
    Hoyer (2004), J. Mach. Learn. Res. 5, 1457. Hurley & Rickard (2009), IEEE Trans. Inf. Theory 55, 4723.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.sparsity import operator_sparsity
    >>> found = operator_sparsity(np.eye(4), scales=range(4))
    >>> found.n_entries, round(found.row_participation, 6), found.off_band
    ({0.9: 4, 0.99: 4}, 1.0, 0.0)
    """
    K = np.asarray(matrix, dtype=np.float64)
    if K.ndim != 2 or K.shape[0] != K.shape[1] or not np.isfinite(K).all() or not K.any():
        raise ValueError(f"matrix must be square, finite and not zero; got shape {K.shape}.")
    if not all(0 < part <= 1 for part in parts):
        raise ValueError(f"parts must lie within (0, 1], got {parts!r}.")
    squares = np.sort(K.ravel() ** 2)[::-1]
    held = np.cumsum(squares)
    rounding = len(squares) * np.finfo(float).eps
    counts = {part: int(np.searchsorted(held, (part - rounding) * held[-1])) + 1 for part in parts}
    rows = participation(K)
    vectors = participation(linalg.eig(K)[1].T)
    return Sparsity(counts, hoyer(K), float(rows[rows > 0].mean()), float(vectors.mean()), _off_band(K, scales))


def standardised(matrix: ArrayLike, covariance: ArrayLike) -> Array:
    """Write an operator for observables in units of their standard deviations.

    Parameters
    ----------
    matrix : array-like of shape (n, n)
        K, acting on columns.
    covariance : array-like of shape (n, n)
        Covariance of the observables. What does not vary keeps its unit.

    Returns
    -------
    ndarray of shape (n, n)
        ``D^-1 K D`` with the standard deviations D.
    """
    spread = np.sqrt(np.diag(np.asarray(covariance, dtype=np.float64)))
    spread = np.where(spread > 0, spread, 1.0)
    return np.asarray(matrix, dtype=np.float64) * spread / spread[:, None]


def hoyer(values: ArrayLike) -> float:
    """Hoyer's measure ``(sqrt(n) - |x|_1 / |x|_2) / (sqrt(n) - 1)`` of n values.

    Parameters
    ----------
    values : array-like of any shape
        At least two numbers, not all zero.

    Returns
    -------
    float
        Between 0 (all of one size) and 1 (a single one is not zero).

    Examples
    --------
    >>> from skmst.koopman.sparsity import hoyer
    >>> hoyer([1, -1, 1, 1]), hoyer([0, 0, 3, 0])
    (0.0, 1.0)
    """
    x = np.abs(np.asarray(values)).ravel()
    root = np.sqrt(x.size)
    return float((root - x.sum() / np.linalg.norm(x)) / (root - 1))


def participation(vectors: ArrayLike) -> Array:
    """Effective number of entries of each row, ``(sum |x|^2)^2 / sum |x|^4``; 0 for a row of zeros.

    Parameters
    ----------
    vectors : array-like of shape (m, n)
        Real or complex rows.

    Returns
    -------
    ndarray of shape (m,)
        Between 1 and n.

    Examples
    --------
    >>> from skmst.koopman.sparsity import participation
    >>> participation([[1, 1, 0, 0], [0, 0, 0, 2]])
    array([2., 1.])
    """
    weights = np.abs(np.asarray(vectors)) ** 2
    total, square = weights.sum(axis=1), (weights**2).sum(axis=1)
    return np.divide(total**2, square, out=np.zeros(len(weights)), where=square > 0)


def _off_band(K: Array, scales: ArrayLike | None) -> float:
    if scales is None:
        return float("nan")
    j = np.asarray(scales, dtype=np.float64)
    if j.shape != (len(K),):
        raise ValueError(f"scales must hold one number for each of {len(K)} observables, got shape {j.shape}.")
    far = np.abs(j[:, None] - j) > 1
    return float(np.sum(K[far] ** 2) / np.sum(K**2))

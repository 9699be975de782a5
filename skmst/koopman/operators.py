"""Koopman operators from second moments: one small function for each solver, all in one table.

Columns are states: ``z(t + lag) = K z(t)`` for deviations from the mean. A solver returns K as a product
``left @ right`` of a tall and a wide matrix, so the eigenvalues of a K of low rank come from a small matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.utils.linalg import whitening

Array = NDArray[np.float64]
Solver = Callable[[Array, Array, float, int | None], tuple[Array, Array]]


def edmd(covariance: Array, cross: Array, ridge: float, rank: int | None) -> tuple[Array, Array]:
    """Extended dynamic mode decomposition (Williams, Kevrekidis & Rowley 2015), with a penalty.

    With `rank`, the dynamics are projected on the leading principal components of the states (projected
    dynamic mode decomposition, Tu et al. 2014).

    Parameters
    ----------
    covariance : ndarray of shape (n, n)
        ``E[z_t z_t.T]``, centred.
    cross : ndarray of shape (n, n)
        ``E[z_{t+lag} z_t.T]``, centred, from the same pairs.
    ridge : float
        Penalty, added to the diagonal of `covariance`.
    rank : int or None
        Largest number of components; None for all.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.
    """
    if rank is None:
        W = whitening(covariance, ridge)
        return cross @ W.T, W
    components = _leading_components(covariance, rank)
    W = whitening(components.T @ covariance @ components, ridge) @ components.T
    return components @ (components.T @ cross @ W.T), W


def reduced_rank(covariance: Array, cross: Array, ridge: float, rank: int | None) -> tuple[Array, Array]:
    """Reduced-rank regression (Kostic et al. 2022): the best K of a given rank, not a projection.

    Parameters
    ----------
    covariance, cross, ridge, rank
        As for `edmd`.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.
    """
    left, W = edmd(covariance, cross, ridge, None)
    if rank is None or rank >= len(W):
        return left, W
    directions = linalg.svd(left, full_matrices=False)[0][:, :rank]
    return directions, (directions.T @ left) @ W


def _leading_components(covariance: Array, rank: int) -> Array:
    vectors: Array = linalg.eigh(covariance)[1][:, ::-1]
    return vectors[:, :rank]


SOLVERS: dict[str, Solver] = {"edmd": edmd, "reduced_rank": reduced_rank}

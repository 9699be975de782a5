"""Koopman operators from second moments: what every solver takes and gives, and all of them in one table.

Columns are states: ``z(t + lag) = K z(t)``, for deviations from the mean where there is one. A solver returns K as a
product ``left @ right`` of a tall and a wide matrix, so the eigenvalues of a K of low rank come from a small matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.canonical import vamp
from skmst.koopman.constrained import causal, self_adjoint, unitary
from skmst.koopman.forward_backward import forward_backward
from skmst.koopman.pairs import PairMoments
from skmst.koopman.total_least_squares import total_least_squares
from skmst.utils.linalg import whitening

Array = NDArray[np.float64]
Factors = tuple[Array, Array]


def edmd(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> Factors:
    """Extended dynamic mode decomposition (Williams, Kevrekidis & Rowley 2015), with a penalty.

    With `rank`, the dynamics are projected on the leading principal components of the states (projected
    dynamic mode decomposition, Tu et al. 2014).

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the states' second moments.
    rank : int, default=None
        Largest number of components; None for all.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.
    """
    if rank is None:
        W = whitening(pairs.before, ridge)
        return pairs.cross @ W.T, W
    components = linalg.eigh(pairs.before)[1][:, ::-1][:, :rank]
    W = whitening(components.T @ pairs.before @ components, ridge) @ components.T
    return components @ (components.T @ pairs.cross @ W.T), W


def reduced_rank(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> Factors:
    """Reduced-rank regression (Kostic et al. 2022): the best K of a given rank, not a projection.

    Parameters
    ----------
    pairs, ridge, rank
        As for `edmd`.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.
    """
    left, W = edmd(pairs, ridge=ridge)
    if rank is None or rank >= len(W):
        return left, W
    directions = linalg.svd(left, full_matrices=False)[0][:, :rank]
    return directions, (directions.T @ left) @ W


def shrunk(right: Array, covariance: Array, ridge: float) -> Array:
    """Shrink an operator as a ridge penalty shrinks that of least squares: ``K G (G + ridge I)^-1``.

    Parameters
    ----------
    right : ndarray of shape (k, n)
        Right factor of K.
    covariance : ndarray of shape (n, n)
        G, the second moments of the states.
    ridge : float
        The penalty.

    Returns
    -------
    ndarray of shape (k, n)
        Right factor of the shrunk K.
    """
    if not ridge:
        return right
    W = whitening(covariance, ridge)
    return (right @ covariance @ W.T) @ W


@dataclass(frozen=True)
class Solver:
    """A solver and what it can be asked for.

    Attributes
    ----------
    solve : callable
        From `PairMoments`, and keywords for what it takes, to the factors of K.
    takes_ridge, takes_rank : bool
        Whether it takes a penalty (if not, its K is shrunk by one), and a largest rank.
    takes_windows : bool
        Whether it makes sense on windows of history, of which a part is only shifted.
    is_least_squares : bool
        Whether each feature is regressed by itself where there is no rank.
    """

    solve: Callable[..., Factors]
    takes_ridge: bool = False
    takes_rank: bool = True
    takes_windows: bool = True
    is_least_squares: bool = False

    def __call__(self, pairs: PairMoments, ridge: float = 0.0, rank: int | None = None) -> Factors:
        """Give the factors of K, of shapes (n, k) and (k, n)."""
        wanted: dict[str, Any] = {"rank": rank} if self.takes_rank else {}
        if self.takes_ridge:
            return self.solve(pairs, ridge=ridge, **wanted)
        left, right = self.solve(pairs, **wanted)
        return left, shrunk(right, pairs.before, ridge)


SOLVERS: dict[str, Solver] = {
    "edmd": Solver(edmd, takes_ridge=True, is_least_squares=True),
    "reduced_rank": Solver(reduced_rank, takes_ridge=True, is_least_squares=True),
    "tls": Solver(total_least_squares),
    "forward_backward": Solver(forward_backward),
    "vamp": Solver(vamp, takes_ridge=True),
    "self_adjoint": Solver(self_adjoint, takes_ridge=True, takes_windows=False),
    "unitary": Solver(unitary, takes_ridge=True, takes_windows=False),
    "causal": Solver(causal, takes_ridge=True, takes_rank=False, takes_windows=False),
}

"""Koopman operators with the structure that physics prescribes (Baddoo et al. 2023), from second moments.

Each is the exact least-squares operator among those of its kind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.pairs import PairMoments, coordinates
from skmst.utils.linalg import jittered_cholesky

Array = NDArray[np.float64]


def self_adjoint(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> tuple[Array, Array]:
    """Find the symmetric K: diffusion and other dynamics in detailed balance.

    In the principal axes of the states, of variance g, the normal equations ``K G + G K = A + A.T`` (the symmetric
    Procrustes problem, Higham 1988) decouple: ``K_ij = (A_ij + A_ji) / (g_i + g_j)``.

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    ridge : float, default=0.0
        Penalty, added to the variances.
    rank : int, default=None
        Largest number of principal components of the states; None for all.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.

    References
    ----------
    Baddoo, Herrmann, McKeon, Kutz & Brunton (2023), Proc. R. Soc. A 479, 20220576. Higham (1988), BIT 28, 133.
    """
    W, basis = coordinates(pairs.before, rank, unit_variance=False)
    seen = pairs.seen_through(W)
    variance = np.diag(seen.before) + ridge
    return basis @ ((seen.cross + seen.cross.T) / (variance[:, None] + variance)), W


def unitary(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> tuple[Array, Array]:
    """Find the orthogonal K: dynamics that conserve the sum of squares (the orthogonal Procrustes problem).

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    ridge : float, default=0.0
        Penalty; without effect, since the norms of all orthogonal K are the same.
    rank : int, default=None
        Largest number of principal components of states and successors; None for all. K rotates their span.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.

    References
    ----------
    Schoenemann (1966), Psychometrika 31, 1. Baddoo et al. (2023), Proc. R. Soc. A 479, 20220576.
    """
    W, basis = coordinates(pairs.before + pairs.after, rank, unit_variance=False)
    left, _, right = linalg.svd(W @ pairs.cross @ W.T)
    return basis @ left, right @ W


def causal(pairs: PairMoments, *, ridge: float = 0.0) -> tuple[Array, Array]:
    """Find the lower triangular K: each feature is driven by itself and those listed before it.

    Row i is the regression on the first i + 1 features. With the Cholesky factor L of the states' second moments,
    whose leading blocks factor the leading blocks, all rows are ``tril(A L^-T) L^-1``.

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    ridge : float, default=0.0
        Penalty, added to the diagonal of the states' second moments.

    Returns
    -------
    left, right : ndarray of shape (n, n), (n, n)
        Factors of K; the second is the identity.

    References
    ----------
    Baddoo et al. (2023), Proc. R. Soc. A 479, 20220576.
    """
    L = jittered_cholesky(pairs.before, ridge)
    innovations = np.tril(linalg.solve_triangular(L, pairs.cross.T, lower=True).T)
    return linalg.solve_triangular(L, innovations.T, lower=True, trans="T").T, np.eye(len(L))

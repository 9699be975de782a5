"""Forward-backward dynamic mode decomposition: the biases of both directions cancel (Dawson et al. 2016)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.pairs import PairMoments, coordinates

Array = NDArray[np.float64]


def forward_backward(pairs: PairMoments, *, rank: int | None = None) -> tuple[Array, Array]:
    """Dynamic mode decomposition forward and backward in time, from second moments.

    Noise in the states shrinks the forward operator F and the backward operator B alike, so the mean of F and ``B^-1``
    is free of the bias at first order. It is the geometric mean, the K with ``K F^-1 K = B^-1``, or
    ``K = F (B F)^{-1/2}``. Where F and B commute it is the square root of ``F B^-1`` of the original method, but the
    root of ``B F``, which is near the identity, is never in doubt, while that of ``F B^-1`` has 2^n branches, and none
    that is real near rotations by a quarter of a turn in each step. F and B are taken in one common basis, the
    principal components of states and successors together: a product in two bases is no operator.

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    rank : int, default=None
        Largest number of components; None for all.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.

    References
    ----------
    Dawson, Hemati, Williams & Rowley (2016), Exp. Fluids 57, 42.
    """
    W, back = coordinates(pairs.before + pairs.after, rank)
    seen = pairs.seen_through(W)
    forward = seen.cross @ linalg.pinvh(seen.before)
    # What is lost in a step but for rounding has no way back.
    backward = seen.cross.T @ linalg.pinvh(seen.after, rtol=_LOST)
    return back @ (forward @ _inverse_root(backward @ forward)), W


def _inverse_root(matrix: Array) -> Array:
    """Give ``matrix^{-1/2}`` of a matrix that is a projection but for noise, and 1 where it projects to zero."""
    values, vectors = linalg.eig(matrix)
    # Directions that are lost in one step say nothing of the way back.
    lost = np.abs(values) < _LOST
    if lost.any():
        matrix = matrix + (vectors[:, lost] @ linalg.inv(vectors)[lost]).real
    return np.asarray(linalg.inv(linalg.sqrtm(matrix)).real)


#: Share of the variance that is left after a step, below which a direction is taken for lost.
_LOST = 1e-10

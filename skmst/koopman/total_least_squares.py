"""Total least squares: noise in the states as in their successors (Dawson et al. 2016; Hemati et al. 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.pairs import PairMoments, coordinates

Array = NDArray[np.float64]


def total_least_squares(pairs: PairMoments, *, rank: int | None = None) -> tuple[Array, Array]:
    """Dynamic mode decomposition by total least squares, from second moments.

    Least squares takes the states for exact, so noise in them shrinks its eigenvalues by about the noise's share of
    the variance. Here pairs (x, y) are projected on the leading principal components of their joint second moments,
    which treat both alike; on these, y is a linear function of x. Noise is taken to be independent and equal in all
    features: bring features to equal noise first.

    Parameters
    ----------
    pairs : PairMoments
        Moments of pairs of states, (n, n) each.
    rank : int, default=None
        Largest rank; None for the number of directions in which the states vary. States are first projected on as
        many principal components of x and y together.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.

    References
    ----------
    Dawson, Hemati, Williams & Rowley (2016), Exp. Fluids 57, 42. Hemati, Rowley, Deem & Cattafesta (2017),
    Theor. Comput. Fluid Dyn. 31, 349.
    """
    W, back = _coordinates(pairs.before + pairs.after, rank)
    seen, k = pairs.seen_through(W), len(W)
    joint = np.block([[seen.before, seen.cross.T], [seen.cross, seen.after]])
    leading = linalg.eigh(joint)[1][:, ::-1][:, :k]
    return back @ leading[k:], linalg.pinv(leading[:k], rtol=_CUTOFF) @ W


def _coordinates(covariance: Array, rank: int | None) -> tuple[Array, Array]:
    """Principal coordinates in the common unit of all features; in units of their own where that one loses some.

    What varies less than rounding beside the rest is lost. Noise that is equal in all features would be larger, so
    there is next to none, and without noise any units do.
    """
    common = coordinates(covariance, rank, unit_variance=False)
    own = coordinates(covariance, rank)
    return own if rank is None and len(own[0]) > len(common[0]) else common


#: Share of x in a joint component below which that component says nothing of how x maps.
_CUTOFF = 1e-12

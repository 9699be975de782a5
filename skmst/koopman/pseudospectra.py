"""Pseudospectrum of a Koopman operator from data: where it nearly has eigenvalues, whatever the dictionary says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.koopman.pairs import PairMoments
from skmst.utils.linalg import whitening

Array = NDArray[np.float64]

#: Entries of the matrices whose eigenvalues are computed together.
_TOGETHER = 2**20


def pseudospectrum(pairs: PairMoments, points: ArrayLike, *, noise: float = 0.0) -> Array:
    r"""Smallest residual that any function of the dictionary has at given numbers.

    .. math:: \tau(\lambda) = \min_u \sqrt{\frac{E|u y - \lambda u x|^2}{E|u x|^2}}

    The set where it is below epsilon lies in the epsilon-pseudospectrum of the Koopman operator, and fills it as the
    dictionary grows: unlike eigenvalues of a matrix it has no spurious parts. A point of continuous spectrum shows
    as one where it can be made small.

    Parameters
    ----------
    pairs : PairMoments
        Moments of states x and successors y in the dictionary, about their means. Means over few pairs
        (fewer than ten per function) underestimate residuals: give moments of held-out pairs beside them.
    points : array-like of complex, any shape
        Numbers lambda, such as a grid around the unit circle.
    noise : float, default=0.0
        Variance of independent noise that every observable is taken to have, before and after: functions that do not
        rise above it are not taken for eigenfunctions.

    Returns
    -------
    ndarray of float, of the shape of `points`
        The residuals; those of exact eigenvalues bottom out near 3e-8.

    Raises
    ------
    ValueError
        If nothing varies in the data, or a point is not finite.

    References
    ----------
    Colbrook & Townsend (2024), Commun. Pure Appl. Math. 77, 221, algorithm 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.pairs import PairMoments
    >>> from skmst.koopman.pseudospectra import pseudospectrum
    >>> K = np.diag([0.9, 0.5])
    >>> pseudospectrum(PairMoments(np.eye(2), K, K @ K), [0.9, 0.8, 0.5 + 0.2j]).round(6)
    array([0. , 0.1, 0.2])
    """
    grid = np.asarray(points, dtype=np.complex128)
    if not np.isfinite(grid).all():
        raise ValueError("points must be finite numbers.")
    blurred = noise * np.eye(len(pairs.before))
    pairs = PairMoments(pairs.before + blurred, pairs.cross, pairs.after + blurred)
    W = whitening(pairs.before)
    if not len(W):
        raise ValueError("nothing varies in the data, so no function can be judged.")
    white = pairs.seen_through(W)
    # Residuals at conjugate points are equal, because data are real; each of a pair is computed all the same.
    n_together = max(1, _TOGETHER // len(W) ** 2)
    values = [_smallest(white, part) for part in np.array_split(grid.ravel(), -(-grid.size // n_together) or 1)]
    return np.sqrt(np.maximum(np.concatenate(values), 0.0)).reshape(grid.shape)


def _smallest(white: PairMoments, points: NDArray[np.complex128]) -> Array:
    """Smallest eigenvalues of ``L - conj(lambda) A - lambda A* + |lambda|^2 I``, for the points (m,)."""
    twisted = points.conj()[:, None, None] * white.cross
    untwisted = white.after + np.abs(points)[:, None, None] ** 2 * white.before
    return np.asarray(np.linalg.eigvalsh(untwisted - twisted - twisted.conj().swapaxes(1, 2))[:, 0])

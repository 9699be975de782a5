"""Singular functions of the Koopman operator and the variational scores (VAMP: Wu & Noe 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from skmst.koopman.pairs import PairMoments
from skmst.utils.linalg import whitening

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SingularFunctions:
    """Leading singular functions of the Koopman operator, linear in the observables.

    Attributes
    ----------
    values : ndarray of shape (k,)
        Canonical correlations between states and successors, falling, within [0, 1]. The constant function, whose
        value is 1, is not listed.
    before : ndarray of shape (k, n)
        Rows u: the functions ``u x`` of the state, uncorrelated and of variance one.
    after : ndarray of shape (k, n)
        Rows v: the functions ``v y`` of the successor; ``E[v_i y u_j x] = values[i] delta_ij``.
    """

    values: Array
    before: Array
    after: Array


def singular_functions(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> SingularFunctions:
    """Find the pairs of functions of state and successor that correlate most (canonical correlation analysis).

    Parameters
    ----------
    pairs : PairMoments
        Centred moments of pairs, (n, n) each.
    ridge : float, default=0.0
        Penalty, added to the diagonals of both second moments.
    rank : int, default=None
        Largest number of functions; None for all.

    Returns
    -------
    SingularFunctions
        The functions.

    References
    ----------
    Wu & Noe (2020), J. Nonlinear Sci. 30, 23.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.canonical import singular_functions
    >>> from skmst.koopman.pairs import PairMoments
    >>> pairs = PairMoments(np.eye(2), np.diag([0.9, 0.5]), np.eye(2))
    >>> singular_functions(pairs).values
    array([0.9, 0.5])
    """
    before, after = whitening(pairs.before, ridge), whitening(pairs.after, ridge)
    left, values, right = linalg.svd(after @ pairs.cross @ before.T, full_matrices=False)
    return SingularFunctions(values[:rank], right[:rank] @ before, left.T[:rank] @ after)


def vamp(pairs: PairMoments, *, ridge: float = 0.0, rank: int | None = None) -> tuple[Array, Array]:
    """Koopman operator between the leading singular functions (VAMP).

    Among operators of its rank it explains most of the successors in units of their own spread, whatever units the
    observables come in; `reduced_rank` in the given units. Without a rank it is least squares.

    Parameters
    ----------
    pairs, ridge, rank
        As for `singular_functions`.

    Returns
    -------
    left, right : ndarray of shape (n, k), (k, n)
        Factors of K.
    """
    found = singular_functions(pairs, ridge=ridge, rank=rank)
    return (pairs.after @ found.after.T) * found.values, found.before


def vamp_score(found: SingularFunctions, held_out: PairMoments, kind: str = "2") -> float:
    """Score singular functions on held-out pairs.

    Parameters
    ----------
    found : SingularFunctions
        Functions that were learned from other pairs.
    held_out : PairMoments
        Centred moments of pairs that they did not see.
    kind : {"1", "2", "E"}, default="2"
        ``"1"`` and ``"2"`` sum the canonical correlations between the spans of both sets of functions and their
        squares; ``"E"`` is the VAMP-E score, the variance explained by the operator made of the functions and their
        values, which also judges the values.

    Returns
    -------
    float
        The score, with 1 for the constant function: the larger, the better; on the training pairs the three are 1
        plus the sum of values, and of their squares twice.

    Raises
    ------
    ValueError
        If `kind` is another one.

    References
    ----------
    Wu & Noe (2020), J. Nonlinear Sci. 30, 23, sections 4 and 5.
    """
    U, V, values = found.before, found.after, found.values
    before, cross, after = U @ held_out.before @ U.T, V @ held_out.cross @ U.T, V @ held_out.after @ V.T
    if kind == "E":
        explained = 2 * np.sum(values * np.diag(cross)) - np.sum(np.outer(values, values) * before * after)
        return 1 + float(explained)
    if kind not in ("1", "2"):
        raise ValueError(f"kind={kind!r} is no VAMP score: give '1', '2' or 'E'.")
    correlations = linalg.svdvals(whitening(after) @ cross @ whitening(before).T)
    return 1 + float(np.sum(correlations ** int(kind)))

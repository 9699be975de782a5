r"""The renormalization group as a Koopman operator: coarse-graining acts linearly on observables.

Near a fixed point, sums S over a lattice of spins and those S' over its block spins, b times as wide, obey
``S = K S'`` on the average: block spins play the part of the earlier state. The eigenvalues of K are :math:`b^{y}`,
with the exponents y of the renormalization group. Learned from samples, K is the transpose of Swendsen's linearised
transformation, and all that is known of Koopman operators applies: ranks, residuals, intervals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

Array = NDArray[np.float64]


def block_spins(spins: ArrayLike, b: int = 2, *, random_state: int | np.random.RandomState | None = None) -> Array:
    """Coarse-grain spins by the majority rule; ties are broken at random.

    Parameters
    ----------
    spins : array-like of shape (n_samples, n_x, n_y)
        Configurations of values -1 and 1.
    b : int, default=2
        Width of a block; it divides n_x and n_y.
    random_state : int, RandomState instance or None, default=None
        Seed of the ties.

    Returns
    -------
    ndarray of shape (n_samples, n_x / b, n_y / b)
        Block spins.

    Raises
    ------
    ValueError
        If the shape or a value is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman.coarse_graining import block_spins
    >>> block_spins(np.array([[[1, 1, -1, -1], [1, -1, -1, -1]]]))
    array([[[ 1., -1.]]])
    """
    s = _check_spins(spins)
    if not isinstance(b, int | np.integer) or b < 2 or s.shape[1] % b or s.shape[2] % b:
        raise ValueError(
            f"b={b!r} must be a whole number, at least 2, that divides the lattice of {s.shape[1:]} spins."
        )
    sums = s.reshape(len(s), s.shape[1] // b, b, s.shape[2] // b, b).sum(axis=(2, 4))
    coin = check_random_state(random_state).choice([-1.0, 1.0], size=sums.shape)
    return np.where(sums == 0, coin, np.sign(sums))


def even_observables(spins: ArrayLike) -> Array:
    """Sums over the lattice of products of two and four spins, which do not change when all spins flip.

    Parameters
    ----------
    spins : array-like of shape (n_samples, n_x, n_y)
        Configurations on a periodic lattice.

    Returns
    -------
    ndarray of shape (n_samples, 7)
        Pairs at distances (0, 1), (1, 1), (0, 2), (1, 2), (2, 2) in all directions, squares of four neighbours, and the
        four neighbours of each site.

    Raises
    ------
    ValueError
        If the shape or a value is not as described.
    """
    s = _check_spins(spins)
    down, right = np.roll(s, -1, 1), np.roll(s, -1, 2)
    corner = np.roll(down, -1, 2)
    pairs = [_pairs(s, distance) for distance in ((0, 1), (1, 1), (0, 2), (1, 2), (2, 2))]
    around = down * right * np.roll(s, 1, 1) * np.roll(s, 1, 2)
    return np.stack([*pairs, _sum(s * down * right * corner), _sum(around)], axis=-1)


def odd_observables(spins: ArrayLike) -> Array:
    """Sums over the lattice of one spin and of products of three, which change sign when all spins flip.

    Parameters
    ----------
    spins : array-like of shape (n_samples, n_x, n_y)
        Configurations on a periodic lattice.

    Returns
    -------
    ndarray of shape (n_samples, 4)
        The spins, three of a square, three in a row, and a spin with two at opposite corners.

    Raises
    ------
    ValueError
        If the shape or a value is not as described.
    """
    s = _check_spins(spins)
    up, down, left, right = (np.roll(s, step, axis) for axis in (1, 2) for step in (1, -1))
    corners = s * (up + down) * (left + right)
    rows = s * (up * down + left * right)
    diagonals = s * (np.roll(up, 1, 2) * np.roll(down, -1, 2) + np.roll(up, -1, 2) * np.roll(down, 1, 2))
    return np.stack([_sum(s), _sum(corners), _sum(rows), _sum(diagonals)], axis=-1)


def coarse_graining_pairs(fine: ArrayLike, coarse: ArrayLike) -> Array:
    """Lay out observables of both scales as trajectories of two steps, from the coarse one to the fine one.

    Parameters
    ----------
    fine, coarse : array-like of shape (n_samples, n_observables)
        Sums over the lattice of the spins and of their block spins.

    Returns
    -------
    ndarray of shape (n_samples, 2, n_observables)
        Trajectories for `KoopmanRegressor` or `skmst.koopman.intervals.eigenvalue_intervals`; the eigenvalues are
        ``b^y``.

    Raises
    ------
    ValueError
        If the shapes differ or have another number of axes.

    References
    ----------
    Swendsen (1979), Phys. Rev. Lett. 42, 859. Redman (2020), Phys. Rev. E 101, 060104 (as a Koopman operator).

    Examples
    --------
    >>> from skmst.datasets import make_ising
    >>> from skmst.koopman import KoopmanRegressor
    >>> from skmst.koopman.coarse_graining import block_spins, coarse_graining_pairs, odd_observables
    >>> spins = make_ising(60, 16, n_sweeps=20, random_state=0)
    >>> X = coarse_graining_pairs(*(odd_observables(s) for s in (spins, block_spins(spins, random_state=0))))
    >>> magnetic = KoopmanRegressor().fit(X).eigenvalues_[0]
    >>> bool(abs(magnetic - 2 ** (15 / 8)) < 0.2)
    True
    """
    S, blocked = np.asarray(fine, dtype=np.float64), np.asarray(coarse, dtype=np.float64)
    if S.ndim != 2 or S.shape != blocked.shape:
        raise ValueError(f"fine and coarse must have one shape (n_samples, n_observables): {S.shape}, {blocked.shape}.")
    return np.stack([blocked, S], axis=1)


def _check_spins(spins: ArrayLike) -> Array:
    s = np.asarray(spins, dtype=np.float64)
    if s.ndim != 3 or not (np.abs(s) == 1).all():
        raise ValueError(f"spins must have shape (n_samples, n_x, n_y) and values -1 and 1; got shape {s.shape}.")
    return s


def _pairs(s: Array, distance: tuple[int, int]) -> Array:
    """Sum of products of two spins at a distance, over all directions that the symmetry of the lattice allows."""
    a, b = distance
    steps = {(a, b), (b, a), (a, -b), (b, -a)} if a and b else {(a, b), (b, a)}
    return sum((_sum(s * np.roll(s, step, (1, 2))) for step in steps), np.zeros(len(s)))


def _sum(products: Array) -> Array:
    return products.sum(axis=(1, 2))

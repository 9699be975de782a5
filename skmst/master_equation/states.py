"""States whose probabilities a master equation moves: fractions of energy per scale, clusters, given memberships."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: How far from one a sum of probabilities may be, and below zero a probability.
_ROUNDING = 1e-8


def energy_fractions(energies: ArrayLike, *, tolerance: float | None = None, numbers: ArrayLike | None = None) -> Array:
    """Fractions of the initial energy in each band, and the fraction dissipated since.

    The dissipated part is an absorbing state: with it the fractions of an unforced system are probabilities, at all
    times. With the bands of a tight frame nothing is lost between the bands, so that what they lose is what the
    equation dissipates.

    Parameters
    ----------
    energies : array-like of shape (..., n_steps, n_bands)
        Energies along trajectories, as of `skmst.scattering.statistics.band_energies`.
    tolerance : float, default=None
        Growth of the total energy, relative to the initial one, that still passes for rounding. None means 1e-10, or
        1e-5 for float32.
    numbers : array-like of int of shape (...), default=None
        How messages number the trajectories; None counts them from 0.

    Returns
    -------
    ndarray of float64 of shape (..., n_steps, n_bands + 1)
        ``p_j = E_j / (total energy of the trajectory's first step)``, then ``1 - sum_j p_j``. Not negative, and every
        row sums to one to rounding.

    Raises
    ------
    ValueError
        If energies are negative or not finite, a trajectory starts without energy, or its total energy grows: a forced
        system has no absorbing state. The message names trajectory and step.

    Examples
    --------
    >>> from skmst.master_equation import energy_fractions
    >>> energy_fractions([[6.0, 2.0], [3.0, 3.0], [3.0, 1.0]])
    array([[0.75 , 0.25 , 0.   ],
           [0.375, 0.375, 0.25 ],
           [0.375, 0.125, 0.5  ]])
    """
    given = np.asarray(energies)
    if given.ndim < 2 or given.shape[-2] < 1 or given.shape[-1] < 1:
        raise ValueError(f"energies must have shape (..., n_steps, n_bands), got {given.shape}.")
    if tolerance is None:
        tolerance = 1e-5 if given.dtype == np.float32 else 1e-10
    E = given.astype(np.float64).reshape(-1, *given.shape[-2:])
    names = np.arange(len(E)) if numbers is None else np.asarray(numbers).ravel()
    bad = ~(np.isfinite(E) & (E >= 0))
    if bad.any():
        run, step, band = np.argwhere(bad)[0]
        raise ValueError(
            f"trajectory {names[run]} has the energy {E[run, step, band]:.3g} in band {band} at step {step}: "
            "energies are finite and not negative. Take them as ScatteringTransformer(statistics='energy') gives them, "
            "without scaler, PCA or logarithm."
        )
    total = E.sum(axis=-1)
    dead = np.flatnonzero(total[:, 0] == 0)
    if len(dead):
        raise ValueError(
            f"trajectory {names[dead[0]]} starts without energy, so its fractions are not defined: leave it out."
        )
    remaining = total / total[:, :1]
    growth = remaining[:, 1:] - np.minimum.accumulate(remaining, axis=1)[:, :-1]
    if growth.size and growth.max() > tolerance:
        run, step = np.argwhere(growth > tolerance)[0]
        raise ValueError(
            f"the total energy of trajectory {names[run]} grows at step {step + 1}, by {growth[run, step]:.3g} of the "
            "initial one: a forced system has no dissipated state. Use other states, such as "
            "state='clusters'; if this is rounding, call energy_fractions with a larger tolerance."
        )
    # What rounding adds to the energy is taken from all bands alike, so that nothing is negative.
    p = E / (total[:, :1] * np.maximum(remaining, 1.0))[..., None]
    p = np.concatenate([p, np.maximum(1.0 - p.sum(axis=-1, keepdims=True), 0.0)], axis=-1)
    return np.asarray(p.reshape(*given.shape[:-1], -1))


def check_probabilities(probabilities: ArrayLike, numbers: ArrayLike | None = None, *, lossy: bool = False) -> Array:
    """Return trajectories of probabilities as float64, or say which row is none.

    Parameters
    ----------
    probabilities : array-like of shape (..., n_steps, n_states)
        Rows that should be non-negative and sum to one.
    numbers : array-like of int of shape (...), default=None
        How messages number the trajectories; None counts them from 0.
    lossy : bool, default=False
        Whether rows may sum to less than one, the rest being lost.

    Returns
    -------
    ndarray of float64 of shape (..., n_steps, n_states)
        The same.

    Raises
    ------
    ValueError
        If a row is not finite, has an entry below zero or does not sum to one, by more than 1e-8 (1e-5 for float32).
        The message names trajectory, step and state.
    """
    given = np.asarray(probabilities)
    if given.ndim < 2:
        raise ValueError(f"probabilities must have shape (..., n_steps, n_states), got {given.shape}.")
    slack = 1e-5 if given.dtype == np.float32 else _ROUNDING
    p = given.astype(np.float64)
    rows = p.reshape(-1, *p.shape[-2:])
    names = np.arange(len(rows)) if numbers is None else np.asarray(numbers).ravel()
    low = ~(np.isfinite(rows) & (rows >= -slack))
    if low.any():
        run, step, state = np.argwhere(low)[0]
        raise ValueError(
            f"trajectory {names[run]} has the probability {rows[run, step, state]:.3g} of state {state} at step "
            f"{step}: probabilities are finite and not negative. For features that are none, make states of them "
            "(state='clusters' or 'energy'), or leave constraint=None."
        )
    excess = rows.sum(axis=-1) - 1
    wrong = (excess if lossy else np.abs(excess)) > slack
    if wrong.any():
        run, step = np.argwhere(wrong)[0]
        total, allowed = rows[run, step].sum(), "at most 1" if lossy else "1"
        raise ValueError(
            f"the probabilities of trajectory {names[run]} at step {step} sum to {total:.6g}, not to {allowed}."
        )
    return p


def check_memberships(memberships: ArrayLike) -> Array:
    """Return memberships of states in sets as float64, or say which row is none.

    Parameters
    ----------
    memberships : array-like of shape (n_states, n_sets)
        Rows that should be non-negative and sum to one.

    Returns
    -------
    ndarray of float64 of shape (n_states, n_sets)
        The same.

    Raises
    ------
    ValueError
        If they are not of that shape, or a row is not a probability by more than 1e-8.
    """
    M = np.asarray(memberships, dtype=np.float64)
    if M.ndim != 2 or not M.size:
        raise ValueError(f"memberships must have shape (n_states, n_sets), got {M.shape}.")
    wrong = np.flatnonzero(~((np.abs(M.sum(axis=1) - 1) <= _ROUNDING) & (M >= -_ROUNDING).all(axis=1)))
    if len(wrong):
        raise ValueError(f"memberships of state {wrong[0]} are {M[wrong[0]]}: they must be at least 0 and sum to 1.")
    return M


def find_clusters(rows: ArrayLike, n_clusters: int, random_state: Any = None, *, name: str = "n_clusters") -> Array:
    """Centres of clusters of states, by k-means.

    Parameters
    ----------
    rows : array-like of shape (n_rows, n_features)
        States.
    n_clusters : int
        Number of clusters, at most the number of distinct rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial centres.
    name : str
        How messages call `n_clusters`.

    Returns
    -------
    ndarray of shape (n_clusters, n_features)
        The centres, ordered by their first coordinate, so that the numbers of the clusters do not depend on the seed
        where the clusters do not.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than clusters.
    """
    X = np.asarray(rows, dtype=np.float64)
    n_distinct = len(np.unique(X, axis=0))
    if n_distinct < n_clusters:
        raise ValueError(f"{name}={n_clusters} is more than the {n_distinct} distinct states in the data: lower it.")
    from sklearn.cluster import KMeans  # slow to import

    centres = KMeans(n_clusters, n_init=10, random_state=random_state).fit(X).cluster_centers_
    return np.asarray(centres[np.lexsort(centres.T[::-1])])


def assign_clusters(states: ArrayLike, centres: ArrayLike) -> NDArray[np.intp]:
    """Number of the nearest centre.

    Parameters
    ----------
    states : array-like of shape (..., n_features)
        States.
    centres : array-like of shape (n_clusters, n_features)
        Centres.

    Returns
    -------
    ndarray of int of shape (...)
        From 0 to ``n_clusters - 1``.
    """
    from sklearn.metrics import pairwise_distances_argmin  # imports too much for `import skmst`

    X, C = np.asarray(states, dtype=np.float64), np.asarray(centres, dtype=np.float64)
    nearest = pairwise_distances_argmin(X.reshape(-1, X.shape[-1]), C)
    return np.asarray(nearest.reshape(X.shape[:-1]), dtype=np.intp)


def indicators(labels: Any, n_states: int) -> Any:
    """Probabilities of states that are known for sure.

    Parameters
    ----------
    labels : array-like of int of shape (...), or list of 1-D arrays for runs of unequal length
        States, from 0 to ``n_states - 1``.
    n_states : int
        Number of states.

    Returns
    -------
    ndarray of float64 of shape (..., n_states), or list of them
        One at the state, zero elsewhere.

    Raises
    ------
    ValueError
        If a label is out of range.

    Examples
    --------
    >>> from skmst.master_equation import indicators
    >>> indicators([0, 1, 1], 2)
    array([[1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    if isinstance(labels, list | tuple) and len({np.shape(run) for run in labels}) > 1:
        return [indicators(run, n_states) for run in labels]
    numbers = np.asarray(labels)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= n_states):
        raise ValueError(f"labels must lie between 0 and n_states - 1 = {n_states - 1}.")
    return np.eye(n_states)[numbers]

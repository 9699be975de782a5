"""States of a master equation: what turns trajectories of features into trajectories of probabilities.

One small class for each kind. A state is found from the first data that a model sees, and encodes all others by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.master_equation.counting import connected_sets, transition_counts, transition_matrix
from skmst.master_equation.pcca import pcca
from skmst.master_equation.states import (
    assign_clusters,
    check_memberships,
    check_probabilities,
    energy_fractions,
    find_clusters,
    indicators,
)
from skmst.trajectories import Trajectories

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class State:
    """Base of the states.

    Attributes
    ----------
    lossy : bool
        Whether the last state takes up what the others lose, and keeps it.
    """

    lossy: bool

    #: Whether something can be in one of the states, so that members can be drawn.
    has_members = True
    #: Whether the features are the leading probabilities, in units of the run; else they are regressed on them.
    keeps_features = False

    def encode(self, block: NDArray[Any], numbers: Numbers) -> Array:
        """Probabilities along runs (n_runs, n_steps, n_features) of those numbers; rows sum to one."""
        p = self._probabilities(block, numbers)
        if self.lossy:
            p = np.concatenate([p, np.maximum(1.0 - p.sum(axis=-1, keepdims=True), 0.0)], axis=-1)
        return np.asarray(p / p.sum(axis=-1, keepdims=True))

    def units(self, block: NDArray[Any]) -> Array:
        """What a probability of one stands for in each run, of shape (n_runs,)."""
        return np.ones(len(block))

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class Probabilities(State):
    """Features that are probabilities as they are."""

    keeps_features = True

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        return np.maximum(check_probabilities(block, numbers, lossy=self.lossy), 0.0)


@dataclass(frozen=True)
class Energies(State):
    """Energies of bands, as fractions of what a run had at its first step; the rest is dissipated."""

    has_members = False
    keeps_features = True

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        return energy_fractions(block, numbers=numbers)[..., :-1]

    def units(self, block: NDArray[Any]) -> Array:
        """Energy of each run at its first step."""
        return np.asarray(block[:, 0].sum(axis=-1, dtype=np.float64))


@dataclass(frozen=True)
class Clusters(State):
    """Sets of clusters of features.

    Attributes
    ----------
    centres : ndarray of shape (n_microstates, n_features)
        Centres of the clusters.
    sets : ndarray of int of shape (n_microstates,)
        The state of each cluster.
    """

    centres: Array
    sets: Numbers

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        return indicators(self.sets[assign_clusters(block, self.centres)], int(self.sets.max()) + 1)


@dataclass(frozen=True)
class Memberships(State):
    """Sets of states whose probabilities are the features.

    Attributes
    ----------
    matrix : ndarray of shape (n_features, n_states)
        Probability of each set in each state.
    """

    matrix: Array

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        return np.asarray(np.maximum(check_probabilities(block, numbers), 0.0) @ self.matrix)


@dataclass(frozen=True)
class Function(State):
    """Probabilities by any function of rows of features.

    Attributes
    ----------
    function : callable
        From rows (n_rows, n_features) to (n_rows, n_states).
    """

    function: Callable[[NDArray[Any]], Any]

    def _probabilities(self, block: NDArray[Any], numbers: Numbers) -> Array:
        rows = block.reshape(-1, block.shape[-1])
        found = np.asarray(self.function(rows))
        if found.ndim != 2 or len(found) != len(rows) or found.dtype.kind not in "biuf":
            raise ValueError(
                "state is a function, so it must give an array of shape (n_rows, n_states) for rows of shape "
                f"{rows.shape}; it gave {found.dtype} of shape {found.shape}."
            )
        return np.maximum(check_probabilities(found.reshape(*block.shape[:-1], -1), numbers), 0.0)


def find_state(
    state: Any,
    constraint: str | None,
    runs: Trajectories,
    *,
    n_states: int,
    n_microstates: int | None,
    lag: int,
    seed: Any,
) -> State | None:
    """Find the states of a model from trajectories; None where the features themselves are stepped.

    Parameters
    ----------
    state : {"energy", "clusters"}, array-like, callable or None
        As for `MasterEquationPredictor`.
    constraint : str or None
        As for `MasterEquationPredictor`.
    runs : Trajectories
        The data.
    n_states, n_microstates, lag, seed
        For clusters; `seed` is that of k-means.

    Returns
    -------
    State or None
        The states.

    Raises
    ------
    ValueError
        If the arguments or the data do not allow such states.
    """
    lossy = constraint == "substochastic"
    if state is None:
        return None if constraint is None else Probabilities(lossy)
    if isinstance(state, str):
        return STATES[state](lossy, runs, n_states, n_microstates, lag, seed)
    if callable(state):
        return Function(lossy, state)
    matrix = check_memberships(state)
    if len(matrix) != runs.n_features:
        raise ValueError(f"state holds memberships of {len(matrix)} states, but X has {runs.n_features} features.")
    return Memberships(lossy, matrix)


def is_made_by(found: State | None, state: Any, constraint: str | None) -> bool:
    """Whether states are those that parameters ask for; see `find_state`."""
    if found is None or (state is None and constraint is None):
        return found is None and state is None and constraint is None
    if found.lossy != (constraint == "substochastic" or isinstance(found, Energies)):
        return False
    if state is None:
        return isinstance(found, Probabilities)
    if isinstance(state, str):
        return isinstance(found, {"energy": Energies, "clusters": Clusters}[state])
    if callable(state):
        return isinstance(found, Function) and found.function is state
    return isinstance(found, Memberships) and np.array_equal(found.matrix, state)


def _energies(lossy: bool, *_: Any) -> State:
    return Energies(lossy=True)  # whatever the constraint: what is dissipated is a state


def _clusters(lossy: bool, runs: Trajectories, n_states: int, n_microstates: int | None, lag: int, seed: Any) -> State:
    """Clusters by k-means; more clusters than states are lumped to metastable sets by PCCA+."""
    if n_microstates is not None and n_microstates < n_states:
        raise ValueError(f"n_microstates={n_microstates} is less than n_states={n_states}: raise it, or leave it None.")
    name = "n_microstates" if n_microstates else "n_states"
    centres = find_clusters(runs.rows(), n_microstates or n_states, seed, name=name)
    if len(centres) == n_states:
        return Clusters(lossy, centres, np.arange(n_states))
    labels = [run for block in runs.blocks for run in assign_clusters(block, centres)]
    # Clusters that are left for good have no share in metastable sets: their rows go to the nearest that has.
    counts = transition_counts(labels, lag, n_states=len(centres))
    connected = connected_sets(counts)[0]
    if len(connected) < max(n_states, 2):
        raise ValueError(
            f"only {len(connected)} of {len(centres)} clusters are connected in both directions at lag={lag}, too "
            f"few for n_states={n_states}: lower n_microstates or lag, or give more data."
        )
    T = transition_matrix(counts[np.ix_(connected, connected)], reversible=True)
    sets = pcca(T, n_states).argmax(axis=1)
    empty = np.setdiff1d(np.arange(n_states), sets)
    if len(empty):
        raise ValueError(f"state {empty[0]} has no cluster of its own: lower n_states, or raise n_microstates.")
    return Clusters(lossy, centres[connected], sets)


STATES: dict[str, Callable[..., State]] = {"energy": _energies, "clusters": _clusters}

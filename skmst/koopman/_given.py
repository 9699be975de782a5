"""Inputs as they are given: do they go with the parameters, how far do they reach, when do they act?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skmst.koopman.operators import SOLVERS
from skmst.trajectories import Trajectories


def check_input_settings(settings: dict[str, Any]) -> None:
    """Raise where inputs do not go with the parameters of a regressor."""
    solver, rank = settings["solver"], settings["rank"]
    if solver not in SOLVERS:
        raise ValueError(
            f"inputs do not go with solver={solver!r}, which fits the exponentials of dynamics that nothing drives: "
            "choose another solver."
        )
    if settings["bilinear"] and (solver != "edmd" or rank is not None or settings["lag"] != 1):
        raise ValueError(
            "bilinear=True goes with solver='edmd', rank=None and lag=1, not with "
            f"solver={solver!r}, rank={rank} and lag={settings['lag']}: over longer lags inputs multiply each other."
        )


def until_successor(u: NDArray[Any], lag: int) -> NDArray[Any]:
    """Stack the inputs (..., n_steps, m) of the `lag` steps from each on; beyond the end the last one is held."""
    if lag == 1:
        return u
    n_steps = u.shape[1]
    held = np.pad(u, ((0, 0), (0, lag - 1), (0, 0)), mode="edge")
    return np.concatenate([held[:, k : k + n_steps] for k in range(lag)], axis=-1)


def n_given_after(runs: Trajectories, inputs: Any, n_more: int) -> int:
    """Tell whether inputs reach `n_more` steps beyond the runs: `n_more` if so, otherwise 0."""
    if runs.layout == "list":
        given = [len(u) for u in inputs] if isinstance(inputs, list | tuple) else []
        enough = len(given) == runs.n_trajectories and bool(np.all(np.array(given) >= runs.lengths + n_more))
    else:
        shape, axis = np.shape(inputs), 0 if runs.layout == "rows" else 1
        enough = len(shape) > axis and shape[axis] >= runs.lengths.max() + n_more
    return n_more if enough else 0


def ahead(runs: Trajectories, inputs: Any, n_more: int) -> tuple[Trajectories, Any]:
    """Stretch runs by some steps that were not observed, and cut inputs to that length if they go on."""
    stretched = tuple(np.empty((len(b), b.shape[1] + n_more, 0)) for b in runs.blocks)
    if runs.layout == "list":
        if isinstance(inputs, list | tuple) and len(inputs) == runs.n_trajectories:
            needed = runs.lengths + n_more
            inputs = [np.asarray(u)[:n] for u, n in zip(inputs, needed, strict=True)]
    else:
        n_needed = stretched[0].shape[1]
        axis = (slice(n_needed),) if runs.layout == "rows" else (slice(None), slice(n_needed))
        inputs = np.asarray(inputs)
        inputs = inputs[axis] if inputs.ndim >= len(axis) else inputs
    return replace(runs, blocks=stretched), inputs

"""Forecasts of what is known, put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Part = tuple[NDArray[Any], Array, NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, repr=False)
class Hindcast:
    """Forecasts of what is known, from rolling origins.

    Attributes
    ----------
    y_true, y_pred : ndarray of shape (n_forecasts, horizon, n_outputs)
        What happened and what was forecast; the axes of one step's observables are flattened.
    trajectory, origin : ndarray of int of shape (n_forecasts,)
        Each forecast's trajectory and the last step of it that the forecast knew.
    """

    y_true: Array
    y_pred: Array
    trajectory: NDArray[np.intp]
    origin: NDArray[np.intp]

    def __repr__(self) -> str:
        """Say how many forecasts there are, of what."""
        n, horizon, n_outputs = self.y_pred.shape
        n_runs = len(np.unique(self.trajectory))
        return f"Hindcast({n} forecasts of {n_outputs} outputs over {horizon} steps, {n_runs} runs)"

    def weights(self, sample_weight: Any, n_samples: int, *, by_step: bool) -> Array:
        """Spread weights of trajectories (or, for one trajectory, of origins) over the forecasts.

        Parameters
        ----------
        sample_weight : array-like of shape (n_samples,)
            The weights.
        n_samples : int
            Number of trajectories or of steps.
        by_step : bool
            Whether weights belong to the steps of one trajectory.

        Returns
        -------
        ndarray of shape (n_forecasts,)
            A weight for each forecast.

        Raises
        ------
        ValueError
            If there is not one weight for each.
        """
        given = np.asarray(sample_weight, dtype=np.float64)
        if given.shape != (n_samples,):
            raise ValueError(
                f"sample_weight must have one weight for each of {n_samples} "
                f"{'steps' if by_step else 'trajectories'}; it has shape {given.shape}."
            )
        return given[self.origin if by_step else self.trajectory]


def truth_after(known: NDArray[Any], origins: NDArray[np.intp], horizon: int) -> NDArray[Any]:
    """Collect the `horizon` steps after each of consecutive origins.

    Parameters
    ----------
    known : ndarray of shape (n_runs, n_steps, n_outputs)
        What happened.
    origins : ndarray of int of shape (n_origins,)
        Consecutive steps.
    horizon : int
        Number of steps.

    Returns
    -------
    ndarray of shape (n_runs, n_origins, horizon, n_outputs)
        A view.
    """
    after = known[:, origins[0] + 1 : origins[-1] + 1 + horizon]
    return np.lib.stride_tricks.sliding_window_view(after, horizon, axis=1).swapaxes(2, 3)


def join(parts: Sequence[Part]) -> Hindcast:
    """Join the forecasts of blocks of equal runs, ordered by trajectory and origin.

    Parameters
    ----------
    parts : sequence of (y_true, y_pred, members, origins)
        For each block: truth and forecasts of shape (n_runs, n_origins, horizon, n_outputs), the numbers of
        its runs, and the origins.

    Returns
    -------
    Hindcast
        All forecasts.
    """
    true = [t.reshape(-1, *t.shape[2:]) for t, _, _, _ in parts]
    pred = [p.reshape(-1, *p.shape[2:]) for _, p, _, _ in parts]
    trajectory = np.concatenate([np.repeat(m, len(o)) for _, _, m, o in parts])
    origin = np.concatenate([np.tile(o, len(m)) for _, _, m, o in parts])
    if len(parts) == 1:
        return Hindcast(true[0], pred[0], trajectory, origin)
    order = np.argsort(trajectory, kind="stable")
    return Hindcast(np.concatenate(true)[order], np.concatenate(pred)[order], trajectory[order], origin[order])

"""The forecasts that a model has to beat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skmst.metrics._checks import check_count


def climatology(y_train: ArrayLike | Sequence[ArrayLike], n_forecasts: int, n_steps: int) -> NDArray[np.float64]:
    """Forecast of the training mean, at every lead: what is known without looking at the state.

    Parameters
    ----------
    y_train : array-like of shape (n_trajectories, n_steps, n_outputs) or list of (n_steps_i, n_outputs)
    arrays
        Training trajectories; every step of every trajectory has the same weight.
    n_forecasts, n_steps : int
        Shape of the forecast.

    Returns
    -------
    ndarray of shape (n_forecasts, n_steps, n_outputs)
        The mean over trajectories and steps, repeated.

    Raises
    ------
    ValueError
        If the trajectories are not 2-D arrays of equally many finite outputs.

    Examples
    --------
    >>> from skmst.metrics import climatology
    >>> climatology([[[1.0], [2.0]], [[3.0], [4.0], [5.0]]], n_forecasts=1, n_steps=2)
    array([[[3.],
            [3.]]])
    """
    runs = [np.asarray(run, dtype=np.float64) for run in y_train]  # type: ignore[union-attr]
    if not runs or any(run.ndim != 2 or run.shape[1] != runs[0].shape[-1] for run in runs):
        raise ValueError(
            "y_train must hold trajectories of shape (n_steps, n_outputs) with equally many outputs, "
            f"got shapes {[run.shape for run in runs[:3]]}."
        )
    rows = np.concatenate(runs)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("y_train is empty or contains NaN or infinity: drop those trajectories.")
    shape = (check_count("n_forecasts", n_forecasts), check_count("n_steps", n_steps), rows.shape[1])
    return np.broadcast_to(rows.mean(axis=0), shape).copy()


def persistence(last_values: ArrayLike, n_steps: int) -> NDArray[np.float64]:
    """Forecast that the last observed values stay as they are.

    Parameters
    ----------
    last_values : array-like of shape (n_forecasts, n_outputs)
        The outputs at the time from which each forecast starts.
    n_steps : int
        Number of steps to forecast.

    Returns
    -------
    ndarray of shape (n_forecasts, n_steps, n_outputs)
        The values, repeated.

    Raises
    ------
    ValueError
        If `last_values` is not 2-D or `n_steps` is not positive.

    Examples
    --------
    >>> from skmst.metrics import persistence
    >>> persistence([[1.0, 2.0]], n_steps=2)
    array([[[1., 2.],
            [1., 2.]]])
    """
    values = np.asarray(last_values, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"last_values must have shape (n_forecasts, n_outputs), got {values.shape}.")
    return np.repeat(values[:, np.newaxis], check_count("n_steps", n_steps), axis=1)

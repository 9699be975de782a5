"""Intervals of forecasts that keep what they promise: conformal calibration by trajectory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def conformal_radius(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    trajectory: ArrayLike,
    *,
    level: float = 0.9,
    spread: ArrayLike | None = None,
) -> Array:
    """Half-widths of forecast intervals, calibrated on the errors of forecasts of other trajectories.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps)
        What happened and what was forecast, on trajectories that the model was not fitted to: the first two fields of
        `skmst.hindcast`.
    trajectory : array-like of shape (n_forecasts,)
        The trajectory of each forecast.
    level : float, default=0.9
        Coverage. There must be at least ``level / (1 - level)`` trajectories: 9 for 90 %, 19 for 95 %.
    spread : array-like of the shape of `y_pred`, default=None
        Size of the error to expect of each forecast, positive, such as the standard deviation of an ensemble: the
        interval is then as many times this as the result says. None makes it equally wide for all forecasts.

    Returns
    -------
    ndarray of shape (n_steps, n_outputs) or (n_steps,)
        Half-width for each lead and output, to be multiplied by `spread` where that is given; infinite where too many
        forecasts overflowed.

    Raises
    ------
    ValueError
        If shapes do not match, `y_true` is not finite, `level` is not between 0 and 1, there are too few trajectories,
        or a spread is not positive.

    Notes
    -----
    Forecasts of one trajectory share data, so the trajectories are what is exchangeable, not the forecasts. The
    half-width is the quantile of absolute errors when each of K trajectories weighs ``1 / (K + 1)``, divided evenly
    among its forecasts, and the rest is at infinity (hierarchical conformal prediction [1]_; with one forecast for each
    trajectory this is split conformal prediction [2]_). For a new trajectory that is exchangeable with those used here,
    and forecasts from it that start as these do, the expected share of forecasts within the interval is at least
    `level`, at every lead and for every output, whatever the model and however few the trajectories. It is the average
    over trajectories and calibrations that is guaranteed: not each single trajectory, not all leads at once, and not
    trajectories of another kind.

    References
    ----------
    .. [1] Lee, Barber & Willett 2023, Distribution-free inference with hierarchical data, arXiv:2306.06342, section 2;
       Dunn, Wasserman & Ramdas 2023, J. Am. Stat. Assoc. 118, 2491.
    .. [2] Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, J. Am. Stat. Assoc. 113, 1094.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.metrics import conformal_radius
    >>> error = np.arange(1.0, 20.0)[:, None]  # one forecast of one step of 19 trajectories
    >>> conformal_radius(error, np.zeros((19, 1)), np.arange(19), level=0.9)
    array([18.])
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    true, pred = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if true.ndim not in (2, 3) or true.size == 0 or pred.shape != true.shape:
        raise ValueError(
            "y_true and y_pred must have one shape, (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps), got "
            f"{true.shape} and {pred.shape}."
        )
    if not np.isfinite(true).all():
        raise ValueError("y_true contains NaN or infinity: drop those forecasts.")
    labels = np.asarray(trajectory)
    if labels.shape != true.shape[:1]:
        raise ValueError(f"trajectory must hold one entry per forecast ({len(true)}), got shape {labels.shape}.")
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    needed = int(np.ceil(level / (1 - level) * (1 - 1e-12)))
    if len(counts) < needed:
        raise ValueError(
            f"level={level} needs at least {needed} trajectories, got {len(counts)}: calibrate on more, or lower level."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        score = np.nan_to_num(np.abs(true - pred), nan=np.inf, posinf=np.inf)
    if spread is not None:
        size = np.asarray(spread, dtype=np.float64)
        if size.shape != true.shape or not (size > 0).all():
            raise ValueError(f"spread must be positive and have the shape of y_pred, {true.shape}.")
        score /= size
    weight = 1 / (len(counts) + 1) / counts[codes]
    radius = np.empty(true.shape[1:])
    for lead in range(true.shape[1]):  # one lead at a time: sorting copies
        order = np.argsort(score[:, lead], axis=0, kind="stable")
        below = np.cumsum(weight[order], axis=0) < level * (1 - 1e-12)
        at = np.minimum(below.sum(axis=0, keepdims=True), len(true) - 1)
        radius[lead] = np.take_along_axis(score[:, lead], np.take_along_axis(order, at, axis=0), axis=0)[0]
    return radius


def coverage(y_true: ArrayLike, low: ArrayLike, high: ArrayLike, trajectory: ArrayLike | None = None) -> Array:
    """Share of what happened that lies within intervals, at each lead and for each output.

    Parameters
    ----------
    y_true : array-like of shape (n_forecasts, n_steps, ...)
        What happened.
    low, high : array-like that broadcasts to the shape of `y_true`
        The intervals; their ends belong to them.
    trajectory : array-like of shape (n_forecasts,), default=None
        The trajectory of each forecast; all trajectories then weigh the same, as in `conformal_radius`. None weighs all
        forecasts the same.

    Returns
    -------
    ndarray of shape (n_steps, ...)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not match or there are no forecasts.

    Examples
    --------
    >>> from skmst.metrics import coverage
    >>> coverage([[1.0, 2.0], [3.0, 4.0]], low=[0.0, 3.0], high=[5.0, 5.0])
    array([1. , 0.5])
    """
    true = np.asarray(y_true, dtype=np.float64)
    if true.ndim < 2 or true.size == 0:
        raise ValueError(f"y_true must have shape (n_forecasts, n_steps, ...) and not be empty, got {true.shape}.")
    bounds = _broadcast((("low", low), ("high", high)), true.shape)
    inside = ((true >= bounds[0]) & (true <= bounds[1])).astype(np.float64)
    if trajectory is None:
        return np.asarray(inside.mean(axis=0))
    labels = np.asarray(trajectory)
    if labels.shape != true.shape[:1]:
        raise ValueError(f"trajectory must hold one entry per forecast ({len(true)}), got shape {labels.shape}.")
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = 1 / len(counts) / counts[codes]
    return np.asarray(np.tensordot(weight, inside, axes=1))


def _broadcast(bounds: Sequence[tuple[str, ArrayLike]], shape: tuple[int, ...]) -> list[Array]:
    found = []
    for name, values in bounds:
        array = np.asarray(values, dtype=np.float64)
        try:
            found.append(np.broadcast_to(array, shape))
        except ValueError as error:
            raise ValueError(f"{name} has shape {array.shape}, which does not fit y_true of shape {shape}.") from error
    return found

"""Scores of forecasts against what happened."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def variance_weighted_r2(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Coefficient of determination, pooled over forecasts and steps, outputs weighted by their variance.

    It is ``1 - sum of squared errors / sum of squared deviations of y_true from its mean``, the mean being
    that of each output over all forecasts and steps. Outputs that are constant in `y_true` do not count.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps)
        What happened and what was forecast.
    sample_weight : array-like of shape (n_forecasts,), default=None
        Weight of each forecast, at least zero; None weighs all alike. Forecasts of weight zero are ignored.

    Returns
    -------
    float
        1 is perfect, 0 as good as the mean of `y_true`, -inf if a forecast overflowed.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` is not finite, no output of `y_true` varies, or the weights are not valid.

    See Also
    --------
    sklearn.metrics.r2_score : The same number with ``multioutput="variance_weighted"`` on rows.

    Examples
    --------
    >>> from skmst.metrics import variance_weighted_r2
    >>> variance_weighted_r2([[0.0, 2.0], [4.0, 6.0]], [[0.0, 2.0], [4.0, 8.0]])
    0.8
    """
    true, pred = _check_pair(y_true, y_pred)
    weight = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (len(true),) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError(
            f"sample_weight must hold one weight per forecast ({len(true)}), none negative and not all zero."
        )
    counts = weight > 0
    true, pred, weight = true[counts], pred[counts], weight[counts, np.newaxis]
    varies = np.ptp(true, axis=(0, 1)) > _round_off(true)
    if not varies.any():
        raise ValueError("y_true has no variance, so R2 is undefined: score more forecasts or others.")
    if not np.isfinite(pred).all():
        return -np.inf
    mean = (weight * true.mean(axis=1)).sum(axis=0) / weight.sum()
    error = (weight * _squared_error(true, pred).sum(axis=1)).sum(axis=0)
    deviation = (weight * ((true - mean) ** 2).sum(axis=1)).sum(axis=0)
    return float(1 - error[varies].sum() / deviation[varies].sum())


def skill_by_lead(y_true: ArrayLike, y_pred: ArrayLike, reference: ArrayLike | None = None) -> Array:
    """Skill at each lead: one minus the ratio of the mean squared errors of the forecast and of a reference.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps)
        What happened and what was forecast.
    reference : array-like of the shape of `y_true`, default=None
        The forecast to beat, such as :func:`climatology` of the training data or :func:`persistence`. None
        compares with the mean of `y_true` itself at each lead and makes this the R2 by lead. That mean is
        known only in hindsight, so it is a slightly harder reference than the climatology of the training
        data.

    Returns
    -------
    ndarray of shape (n_steps,)
        1 is perfect, 0 as good as the reference, -inf at leads where a forecast overflowed.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` or `reference` is not finite, or the reference has no error at some lead.

    References
    ----------
    Murphy 1988, Mon. Weather Rev. 116, 2417, eqs. (4)-(6).

    Examples
    --------
    >>> from skmst.metrics import persistence, skill_by_lead
    >>> y_true = [[1.0, 2.0], [3.0, 5.0]]
    >>> y_pred = [[1.0, 2.0], [3.0, 4.0]]
    >>> skill_by_lead(y_true, y_pred)
    array([1.        , 0.77777778])
    >>> skill_by_lead(y_true, y_pred, reference=persistence([[0.0], [2.0]], n_steps=2))
    array([1.        , 0.92307692])
    """
    true, pred = _check_pair(y_true, y_pred)
    if reference is None:
        baseline = np.broadcast_to(true.mean(axis=0), true.shape)
        name = "y_true varies between forecasts"
    else:
        _, baseline = _check_pair(true, reference, "reference")
        if not np.isfinite(baseline).all():
            raise ValueError("reference contains NaN or infinity: pass a reference that did not overflow.")
        name = "reference differs from y_true"
    by_output = _squared_error(true, baseline).sum(axis=0)
    differs = by_output > len(true) * _round_off(true) ** 2
    if not differs.any(axis=1).all():
        lead = 1 + np.argmin(differs.any(axis=1))
        raise ValueError(f"skill is undefined at lead {lead}: it needs that {name} there.")
    return 1 - _squared_error(true, pred).sum(axis=(0, 2)) / by_output.sum(axis=1)


def relative_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Norm of the error over the norm of the truth, both over steps and outputs, for each forecast.

    Standardise both arrays beforehand where the outputs differ in scale or have a large mean.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps)
        What happened and what was forecast.

    Returns
    -------
    ndarray of shape (n_forecasts,)
        0 is perfect, 1 as good as forecasting zero, inf for a forecast that overflowed.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` is not finite, or a forecast has a `y_true` of zeros only.

    Examples
    --------
    >>> from skmst.metrics import relative_error
    >>> relative_error([[3.0, 4.0], [6.0, 8.0]], [[3.0, 3.0], [0.0, 0.0]])
    array([0.2, 1. ])
    """
    true, pred = _check_pair(y_true, y_pred)
    norm = np.sqrt((true**2).sum(axis=(1, 2)))
    if not norm.all():
        raise ValueError(
            f"the relative error of forecast {np.argmin(norm)} is undefined: its y_true is zero throughout."
        )
    return np.sqrt(_squared_error(true, pred).sum(axis=(1, 2))) / norm


def valid_prediction_time(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    dt: float = 1.0,
    threshold: float = 0.5,
    scale: float | None = None,
) -> Array:
    """Time until the error of each forecast first exceeds a fraction of the standard deviation.

    The error at a lead is the root mean square over outputs.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps)
        What happened and what was forecast.
    dt : float, default=1.0
        Time between two steps; the first step is `dt` ahead.
    threshold : float, default=0.5
        The fraction.
    scale : float, default=None
        Standard deviation to compare with, root mean square over outputs. None takes that of `y_true` over
        all forecasts and steps; for few or short forecasts pass the one of the training data.

    Returns
    -------
    ndarray of shape (n_forecasts,)
        The first lead time at which the error is too large; the whole horizon, ``n_steps * dt``, where that
        never happens.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` is not finite or has no variance, or a number is not positive.

    Examples
    --------
    >>> from skmst.metrics import valid_prediction_time
    >>> y_true = [[-1.0, 1.0, -1.0, 1.0]]
    >>> valid_prediction_time(y_true, [[-1.0, 0.8, 0.5, -1.0]], dt=0.25)
    array([0.75])
    """
    true, pred = _check_pair(y_true, y_pred)
    for name, value in (("dt", dt), ("threshold", threshold), ("scale", scale)):
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    if scale is None:
        if not (np.ptp(true, axis=(0, 1)) > _round_off(true)).any():
            raise ValueError("y_true has no variance to compare the error with: pass scale.")
        scale = float(np.sqrt(true.var(axis=(0, 1)).mean()))
    exceeds = np.sqrt(_squared_error(true, pred).mean(axis=2)) > threshold * scale
    n_steps = true.shape[1]
    return dt * np.where(exceeds.any(axis=1), exceeds.argmax(axis=1) + 1, n_steps)


def _check_pair(y_true: ArrayLike, y_pred: ArrayLike, name: str = "y_pred") -> tuple[Array, Array]:
    """Return both as float64 of shape (n_forecasts, n_steps, n_outputs)."""
    true, pred = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if true.ndim not in (2, 3) or true.size == 0:
        raise ValueError(
            "y_true must have shape (n_forecasts, n_steps, n_outputs) or (n_forecasts, n_steps), "
            f"without empty axes, got {true.shape}."
        )
    true = true[..., np.newaxis] if true.ndim == 2 else true
    pred = pred[..., np.newaxis] if pred.ndim == 2 else pred
    if pred.shape != true.shape:
        raise ValueError(f"{name} has shape {pred.shape}, y_true {true.shape}: they must be the same.")
    if not np.isfinite(true).all():
        raise ValueError("y_true contains NaN or infinity: drop those forecasts.")
    return true, pred


def _squared_error(true: Array, pred: Array) -> Array:
    """Elementwise squared error, infinite where the forecast overflowed."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = (pred - true) ** 2
    error[np.isnan(error)] = np.inf
    return error


def _round_off(true: Array) -> Array:
    """Size of differences, per output, that are round-off and not variation."""
    return 8 * np.finfo(np.float64).eps * np.abs(true).max(axis=(0, 1))

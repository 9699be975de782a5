"""How much memory a model needs, by its forecasts of held-out trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state

from skmst.forecasting import hindcast
from skmst.trajectories import parse_layout

Array = NDArray[np.float64]

#: Squared error of a forecast that left the range of floating-point numbers.
_EXPLODED = 1e200


@dataclass(frozen=True)
class MemoryCurve:
    """Held-out error of forecasts over the memory of the model.

    Attributes
    ----------
    n_memory : ndarray of int of shape (n,)
        Terms of memory, increasing.
    time : ndarray of shape (n,)
        The same in units of time: times `lag` and `dt`, where the model has them.
    error : ndarray of shape (n,)
        Squared error of all forecasts relative to the variance of what happened: 1 minus the variance-weighted R2.
    low, high : ndarray of shape (n,)
        Interval by resampling whole trajectories.
    selected : int
        The smallest of `n_memory` whose error is within `tolerance` of the smallest, or whose excess over it is
        compatible with zero when both are resampled together.
    """

    n_memory: NDArray[np.intp]
    time: Array
    error: Array
    low: Array
    high: Array
    selected: int


def memory_curve(
    model: Any,
    X: Any,
    y: Any = None,
    n_memory: Sequence[int] = (1, 2, 4, 8),
    *,
    parameter: str | None = None,
    cv: Any = 5,
    horizon: int | None = None,
    tolerance: float = 0.01,
    level: float = 0.9,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> MemoryCurve:
    """Forecast every trajectory by models of different memory that were fitted to other trajectories.

    All models start their forecasts at the same steps, those that the longest memory allows.

    Parameters
    ----------
    model : estimator
        A dynamics estimator that has `n_memory`, or a Pipeline that ends in one. It is cloned.
    X : array-like of shape (n_trajectories, n_steps, ...), or list of 2-D arrays
        Trajectories.
    y : array-like of shape (n_trajectories, n_steps, ...) or list, default=None
        Their observables, where the model forecasts such.
    n_memory : sequence of int, default=(1, 2, 4, 8)
        What to compare.
    parameter : str, default=None
        Name of the parameter, such as ``"n_delays"`` of `KoopmanRegressor` or ``"memory__n_memory"`` of a Pipeline with
        a step ``memory``. None finds the one that is, or ends in, ``n_memory``.
    cv : int, cross-validation generator or iterable, default=5
        How trajectories are split.
    horizon : int, default=None
        Data steps to forecast. None takes the model's own.
    tolerance : float, default=0.01
        Relative excess of the error that does not matter.
    level : float, default=0.9
        Nominal coverage of the intervals.
    n_resamples : int, default=1000
        Number of resamples.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples.

    Returns
    -------
    MemoryCurve
        Errors, intervals and the memory to take.

    Raises
    ------
    ValueError
        If X is one trajectory, `n_memory` is empty, the model has no such parameter or several, no run is long enough,
        or what happened does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.signal import lfilter
    >>> from skmst import MasterEquationPredictor
    >>> from skmst.model_selection import memory_curve
    >>> noise = np.random.default_rng(0).normal(size=(20, 200))
    >>> X = lfilter([1.0], [1.0, -0.5, 0.0, 0.4], noise)[..., None]  # the state three steps ago matters
    >>> memory_curve(MasterEquationPredictor(), X, n_memory=range(1, 6), horizon=3, random_state=0).selected
    3
    """
    layout, data = parse_layout(X)
    if layout == "rows":
        raise ValueError("X is one trajectory: cut it with skmst.trajectories.segments, so that some can be held out.")
    terms = np.unique(np.asarray(list(n_memory), dtype=np.intp))
    if not len(terms) or terms[0] < 1:
        raise ValueError(f"n_memory must hold numbers of terms, at least 1, got {list(n_memory)!r}.")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    name = _parameter(model, parameter)
    prefix = name.rpartition("__")[0]
    prefix += "__" if prefix else ""
    params = model.get_params()
    lag, dt = params.get(f"{prefix}lag", 1), params.get(f"{prefix}dt", 1.0)
    common = {f"{prefix}n_context": int(terms[-1]) * lag} if f"{prefix}n_context" in params else {}
    splits = list(check_cv(cv).split(np.zeros(len(data))))

    def errors_of(n: int) -> tuple[Array, Array]:
        """Squared errors and squared deviations of each trajectory."""
        error, truth = np.zeros(len(data)), []
        for train, test in splits:
            fitted = clone(model).set_params(**{name: n}, **common).fit(_take(data, train), _take(y, train))
            past = hindcast(fitted, _take(data, test), _take(y, test), horizon=horizon)
            with np.errstate(over="ignore", invalid="ignore"):
                squares = np.sum((past.y_true - past.y_pred) ** 2, axis=(1, 2))
            owner = np.asarray(test)[past.trajectory]
            np.add.at(error, owner, np.minimum(np.nan_to_num(squares, nan=_EXPLODED, posinf=_EXPLODED), _EXPLODED))
            truth.append((owner, past.y_true))
        return error, _squared_deviations(truth, len(data))

    found = [errors_of(int(n)) for n in terms]
    squared_error, deviation = np.array([error for error, _ in found]), found[0][1]
    if not deviation.sum() > 0:
        raise ValueError("what happened does not vary, so errors cannot be compared with its variance.")
    n = len(data)
    weights = check_random_state(random_state).multinomial(n, np.full(n, 1 / n), n_resamples)
    varies = weights @ deviation > 0
    drawn = (weights @ squared_error.T)[varies] / (weights @ deviation)[varies, None]
    error = squared_error.sum(axis=1) / deviation.sum()
    best = int(np.argmin(error))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    excess = np.quantile(drawn - drawn[:, best, None], (1 - level) / 2, axis=0)
    enough = (error <= (1 + tolerance) * error[best]) | (excess <= 0)
    error, low, high = (np.where(e > np.sqrt(_EXPLODED), np.inf, e) for e in (error, low, high))
    return MemoryCurve(terms, terms * lag * dt, error, low, high, int(terms[np.argmax(enough)]))


def _squared_deviations(truth: list[tuple[NDArray[np.intp], Array]], n_trajectories: int) -> Array:
    """Squared deviations of what happened from its mean over all, summed up for each trajectory."""
    mean = sum(values.sum(axis=(0, 1)) for _, values in truth) / sum(len(v) * v.shape[1] for _, v in truth)
    out = np.zeros(n_trajectories)
    for owner, values in truth:
        np.add.at(out, owner, np.sum((values - mean) ** 2, axis=(1, 2)))
    return out


def _parameter(model: Any, parameter: str | None) -> str:
    names = model.get_params()
    if parameter is not None:
        found = [parameter] if parameter in names else []
    else:
        found = [n for n in names if n == "n_memory" or n.endswith("__n_memory")]
    if len(found) != 1:
        raise ValueError(
            f"{type(model).__name__} has {len(found)} parameters {parameter or 'n_memory'!r}: name the one to vary "
            "with parameter=."
        )
    return found[0]


def _take(data: Any, indices: Any) -> Any:
    if data is None:
        return None
    if isinstance(data, list | tuple):
        return [data[i] for i in indices]
    return np.asarray(data)[indices]

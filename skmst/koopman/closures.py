"""Do observables know their own future? Held-out R2 by lead time and by number of delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.trajectories import check_outputs, check_step_count, check_trajectories
from skmst.utils.delay_model import AffineMap
from skmst.utils.linalg import companion, ridge_regression

Array = NDArray[np.float64]

#: Squared error of a roll-out that left the range of floating-point numbers.
_EXPLODED = 1e200


@dataclass(frozen=True)
class Closure:
    """Part of the variance of held-out observables that they explain themselves.

    Attributes
    ----------
    n_delays : ndarray of int of shape (n_delays,)
        States of history in a model.
    leads : ndarray of int of shape (n_leads,)
        Lead times, in data steps.
    direct : ndarray of shape (n_delays, n_leads)
        R2 of a regression for each lead: what is in the observables.
    powers : ndarray of shape (n_delays, n_leads)
        R2 of powers of the one-step operator: what a Koopman model makes of it. Equal to `direct` where the span of the
        observables is invariant.
    direct_low, direct_high, powers_low, powers_high : ndarray of shape (n_delays, n_leads)
        Percentile intervals by resampling the held-out trajectories.
    """

    n_delays: NDArray[np.intp]
    leads: NDArray[np.intp]
    direct: Array
    powers: Array
    direct_low: Array
    direct_high: Array
    powers_low: Array
    powers_high: Array


def closure(
    train: Any,
    test: Any,
    *,
    y_train: Any = None,
    y_test: Any = None,
    n_delays: Sequence[int] = (1,),
    leads: Sequence[int] = (1, 2, 4, 8),
    alpha: float = 0.0,
    n_resamples: int = 500,
    level: float = 0.9,
    random_state: int | np.random.RandomState | None = None,
) -> Closure:
    """Measure closure: regress observables on their own history, judge on other trajectories.

    Observables count equally, each in units of its standard deviation in `train`. All models forecast the same steps,
    those that the longest history and the longest lead allow. An R2 that grows with the number of delays is memory: the
    observables leave something out.

    Parameters
    ----------
    train, test : array-like of shape (n_trajectories, n_steps, n_features), or list of 2-D arrays
        Trajectories of observables to learn from, and others to judge by (at least two).
    y_train, y_test : array-like of shape (n_trajectories, n_steps, ...) or list, default=None
        What to forecast at the same steps, so that dictionaries can be compared by one target: powers of the operator
        of the observables are read by a linear map. None means the observables themselves.
    n_delays : sequence of int, default=(1,)
        Numbers of states of history, one step apart.
    leads : sequence of int, default=(1, 2, 4, 8)
        Lead times, in data steps.
    alpha : float, default=0.0
        Ridge penalty, relative to the variance of the observables.
    n_resamples : int, default=500
        Number of resamples.
    level : float, default=0.9
        Nominal coverage.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    Closure
        R2 and intervals. A roll-out that explodes scores -inf.

    Raises
    ------
    ValueError
        If numbers are out of range, data do not match, a run is too short, or what is to be forecast does not vary.

    Examples
    --------
    One component of a rotation needs one delay, two need none:

    >>> import numpy as np
    >>> from skmst.koopman.closures import closure
    >>> phase = 0.3 * np.arange(40) + np.random.default_rng(0).uniform(0, 6.28, (20, 1))
    >>> X = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    >>> closure(X[:10, :, :1], X[10:, :, :1], n_delays=[1, 2], leads=[5]).direct.round(1)
    array([[0.],
           [1.]])
    >>> closure(X[:10], X[10:], leads=[5]).powers.round(6)
    array([[1.]])
    """
    delays = np.array([check_step_count(n, "n_delays") for n in n_delays])
    ahead = np.array([check_step_count(n, "leads") for n in leads])
    if not len(delays) or not len(ahead):
        raise ValueError("n_delays and leads must each hold a number.")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
    if (y_train is None) != (y_test is None):
        raise ValueError("y_train and y_test must both be given, or neither.")
    longest, span = int(delays.max()), int(delays.max() + ahead.max())
    learned, judged = _runs(train, y_train, "train", span), _runs(test, y_test, "test", span)
    for name, first, second in zip(("train", "y_train"), learned, judged, strict=True):
        if first[0].shape[1] != second[0].shape[1]:
            raise ValueError(f"{name} has {first[0].shape[1]} features, in the test data {second[0].shape[1]}.")
    if len(judged[0]) < 2:
        raise ValueError("test is one trajectory, but intervals come from resampling several: cut it into segments.")
    units = [_units(runs) for runs in learned]
    own = y_train is None
    windows = tuple(np.concatenate(part) for part in _windows(learned, units, longest, ahead))
    maps = [_maps(windows, n, ahead, alpha, own) for n in delays]
    past, _, truth = _windows(judged, units, longest, ahead)
    errors = np.array([[[_squares(m, past, truth, i) for i, m in enumerate(kind)] for kind in both] for both in maps])
    average = np.concatenate(truth).mean(axis=0)
    deviation = np.array([np.sum((y - average) ** 2, axis=(0, 2)) for y in truth]).T[1:]
    rounding = (64 * np.finfo(float).eps) ** 2 * sum(np.sum(y**2, axis=(0, 2)) for y in truth)[1:]
    if not (deviation.sum(axis=1) > rounding).all():
        raise ValueError("what is to be forecast does not vary in the test data, so there is nothing to explain.")
    return _scores(errors.swapaxes(0, 1), deviation, delays, ahead, n_resamples, level, random_state)


def _runs(X: Any, y: Any, name: str, span: int) -> tuple[list[Array], list[Array]]:
    """Checked runs of observables, and of what is to be forecast."""
    runs = check_trajectories(X, input_name=name)
    if runs.lengths.min() <= span - 1:
        raise ValueError(f"a trajectory in {name} has {runs.lengths.min()} steps; these delays and leads need {span}.")
    targets = runs.blocks if y is None else check_outputs(y, runs)[0]
    states = [run for block in runs.blocks for run in block.astype(np.float64)]
    return states, [run for block in targets for run in block.astype(np.float64)]


def _units(runs: list[Array]) -> tuple[Array, Array]:
    """Means, and inverse standard deviations (zero for what does not vary)."""
    rows = np.concatenate(runs)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    varies = spread > 64 * np.finfo(float).eps * abs(mean)
    return mean, np.divide(1, spread, out=np.zeros_like(spread), where=varies)


def _windows(
    runs: tuple[list[Array], list[Array]], units: list[tuple[Array, Array]], n_delays: int, leads: NDArray[np.intp]
) -> tuple[list[Array], list[Array], list[Array]]:
    """For each run histories (n, n_delays * d), the latest first, the states one step later, and the targets.

    Targets, of shape (n, 1 + n_leads, m), are those at the newest state and after `leads` steps.
    """
    past, following, targets = [], [], []
    states, outputs = ([(run - mean) * unit for run in kind] for kind, (mean, unit) in zip(runs, units, strict=True))
    for x, y in zip(states, outputs, strict=True):
        n, at = len(x) - n_delays - int(leads.max()) + 1, n_delays - 1
        past.append(np.concatenate([x[at - k : at - k + n] for k in range(n_delays)], axis=1))
        following.append(x[at + 1 : at + 1 + n])
        targets.append(np.stack([y[at + lead : at + lead + n] for lead in (0, *leads)], axis=1))
    return past, following, targets


def _maps(
    windows: tuple[Array, ...], n_delays: int, leads: NDArray[np.intp], ridge: float, own: bool
) -> list[list[AffineMap]]:
    """For each lead a regression of its own, and a power of the one-step operator."""
    past, following, targets = windows
    d = following.shape[1]
    X = past[:, : n_delays * d]
    mean = X.mean(axis=0)
    X = X - mean
    gram = X.T @ X / len(X)

    def regression(Y: Array) -> AffineMap:
        to = Y.mean(axis=0)
        return AffineMap.between_means(ridge_regression((Y - to).T @ X / len(X), gram, ridge), mean, to)

    now, *direct = (regression(Y) for Y in targets.swapaxes(0, 1))
    if own:  # nothing to learn, and nothing for a penalty to shrink
        now = AffineMap(np.eye(d), np.zeros(d))
    newest = regression(following)
    step = AffineMap(companion(newest.coefficients), np.concatenate([newest.intercept, np.zeros((n_delays - 1) * d)]))
    power, powers = AffineMap(np.eye(n_delays * d), np.zeros(n_delays * d)), {}
    for lead in range(1, int(leads.max()) + 1):
        power = AffineMap(step.coefficients @ power.coefficients, step(power.intercept))
        read = power.coefficients[: now.coefficients.shape[1]]
        powers[lead] = AffineMap(now.coefficients @ read, now(power.intercept))
    return [direct, [powers[lead] for lead in leads.tolist()]]


def _squares(forecast: AffineMap, past: list[Array], truth: list[Array], lead: int) -> list[float]:
    """Squared errors of each run, at one of the leads."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = [float(np.sum((forecast(w) - y[:, 1 + lead]) ** 2)) for w, y in zip(past, truth, strict=True)]
    return np.nan_to_num(errors, nan=_EXPLODED, posinf=_EXPLODED).tolist()


def _scores(
    errors: Array,
    deviation: Array,
    delays: NDArray[np.intp],
    leads: NDArray[np.intp],
    n_resamples: int,
    level: float,
    random_state: int | np.random.RandomState | None,
) -> Closure:
    n = errors.shape[-1]
    weights = check_random_state(random_state).multinomial(n, np.full(n, 1 / n), n_resamples)
    varies = (deviation @ weights.T > 0).all(axis=0)
    weights = weights[varies].T
    drawn = 1 - (errors @ weights) / (deviation @ weights)
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=-1)
    r2 = 1 - errors.sum(axis=-1) / deviation.sum(axis=-1)
    low, high, r2 = (np.where(part < 1 - np.sqrt(_EXPLODED), -np.inf, part) for part in (low, high, r2))
    return Closure(delays, leads, r2[0], r2[1], low[0], high[0], low[1], high[1])

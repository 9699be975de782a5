"""SkillDisplay: how skill falls with lead time, for several models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.metrics import bootstrap_interval, persistence, skill_by_lead
from skmst.plotting._common import (
    COLOURS,
    FAINT,
    LEGEND,
    Array,
    check_positive,
    check_real,
    clean,
    get_axes,
    known_before,
    with_unit,
)


class SkillDisplay:
    """Skill of forecasts by lead time, with shaded intervals; zero is the skill of climatology.

    Parameters
    ----------
    curves : dict of str to tuple of array-like
        For each model ``(lead_times, skill, low, high)``, each of shape (n_leads,); `low` and `high` may be None.
        A skill of -inf, of a forecast that exploded, is not drawn.
    references : dict of str to tuple of array-like, default=None
        ``(lead_times, skill)`` of forecasts to compare with, drawn as dashed grey lines.
    level : float, default=None
        Nominal coverage of the intervals, for the legend.
    time_unit : str, default=None
        Unit of the lead times, for the label.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    lines_, bands_ : dict of str to matplotlib Line2D, PolyCollection
        What it drew, by name; a model without interval has no band.

    Raises
    ------
    ValueError
        If there is no curve, or the arrays of one differ in length.

    Examples
    --------
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> from skmst.koopman import KoopmanRegressor
    >>> from skmst.plotting import SkillDisplay
    >>> X = make_ornstein_uhlenbeck(n_trajectories=20, n_steps=200, random_state=0)
    >>> model = KoopmanRegressor(horizon=10).fit(X[:10])
    >>> display = SkillDisplay.from_hindcasts({"Koopman": model.hindcast(X[10:])}, y=X[10:]).plot()
    >>> sorted(display.lines_)
    ['Koopman', 'persistence']
    """

    def __init__(
        self,
        curves: Mapping[str, Sequence[Any]],
        references: Mapping[str, Sequence[Any]] | None = None,
        *,
        level: float | None = None,
        time_unit: str | None = None,
    ) -> None:
        if not curves:
            raise ValueError("curves must hold at least one model.")
        self.curves = {name: _check_curve(name, curve, 4) for name, curve in curves.items()}
        self.references = {name: _check_curve(name, curve, 2) for name, curve in (references or {}).items()}
        self.level = level
        self.time_unit = time_unit

    @classmethod
    def from_hindcasts(
        cls,
        hindcasts: Mapping[str, Any],
        *,
        y: ArrayLike | Sequence[ArrayLike] | None = None,
        climatology: ArrayLike | None = None,
        dt: float | None = None,
        n_resamples: int | None = 1000,
        level: float = 0.9,
        random_state: Any = 0,
        time_unit: str | None = None,
    ) -> SkillDisplay:
        """Compare models by their forecasts of the same held-out trajectories.

        The skill at a lead is one minus the squared error of all forecasts relative to that of climatology. Models
        of different memory start at different steps: only the starts that all of them have count. Intervals come from
        resampling whole trajectories.

        Parameters
        ----------
        hindcasts : dict of str to Hindcast
            Results of ``model.hindcast(X, y)`` on the same trajectories, by the name of the model.
        y : array-like of shape (n_trajectories, n_steps, ...) or list, default=None
            The observables that were given to `hindcast`; adds the curve of persistence.
        climatology : array-like of shape (n_outputs,), default=None
            Mean of the training data. None takes the mean at each lead of what happened, known only in hindsight:
            a slightly harder reference.
        dt : float, default=None
            Time between steps. None counts steps.
        n_resamples : int, default=1000
            Number of resamples; None makes no intervals.
        level : float, default=0.9
            Nominal coverage of the intervals.
        random_state : int, RandomState instance or None, default=0
            Seed of the resamples; an integer gives all models the same resamples.
        time_unit : str, default=None
            Unit of `dt`, for the label.

        Returns
        -------
        SkillDisplay

        Raises
        ------
        ValueError
            If the hindcasts share no start, are of different observables or not of `y`, if a skill is undefined, or if
            intervals are asked for and there are fewer than two trajectories.
        """
        if dt is not None:
            check_positive("dt", dt)
        shared = _on_shared_starts(hindcasts)
        longest = max(shared.values(), key=lambda past: past.y_true.shape[1])
        n_outputs = longest.y_true.shape[2]
        mean = longest.y_true.mean(axis=0)
        if climatology is not None:
            mean = np.broadcast_to(check_real("climatology", climatology, (n_outputs,)), mean.shape)
        lead = (1.0 if dt is None else dt) * np.arange(1, len(mean) + 1)

        def skill(past: Any) -> Array:
            reference = np.broadcast_to(mean[: past.y_true.shape[1]], past.y_true.shape)
            return skill_by_lead(past.y_true, past.y_pred, reference)

        curves = {}
        for name, past in shared.items():
            low = high = None
            if n_resamples is not None:
                low, high = _interval(past, mean, n_resamples, level, random_state)
            curves[name] = (lead[: past.y_true.shape[1]], skill(past), low, high)
        references = {}
        if y is not None:
            last = np.stack([known_before(y, longest, i, 1)[0] for i in range(len(longest.origin))])
            references["persistence"] = (lead, skill(replace(longest, y_pred=persistence(last, len(lead)))))
        unit = time_unit or ("steps" if dt is None else None)
        return cls(curves, references, level=level if n_resamples else None, time_unit=unit)

    def plot(self, ax: Any = None, *, lowest: float = -0.3) -> SkillDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.
        lowest : float, default=-0.3
            Skill at which the axis ends below, unless all curves stay above.

        Returns
        -------
        SkillDisplay
            Itself.
        """
        ax = get_axes(ax)
        self.lines_, self.bands_ = {}, {}
        ax.axhline(0.0, color=FAINT, linewidth=1)
        for name, (lead, skill) in self.references.items():
            (self.lines_[name],) = ax.plot(lead, skill, color=FAINT, linewidth=1.5, linestyle="--", label=name)
        for i, (name, (lead, skill, low, high)) in enumerate(self.curves.items()):
            colour = COLOURS[i % len(COLOURS)]
            if low is not None and high is not None:
                self.bands_[name] = ax.fill_between(lead, low, high, color=colour, alpha=0.25, linewidth=0)
            (self.lines_[name],) = ax.plot(lead, skill, color=colour, linewidth=2, label=name)
        bottom = max(lowest, min(ax.get_ylim()[0], -0.05))
        ax.set(xlabel=with_unit("lead time", self.time_unit), ylabel="skill", ylim=(bottom, 1.02))
        ax.margins(x=0)
        ax.set_xlim(left=0)
        below_right = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right", "va": "top"}
        ax.annotate("climatology", (1, 0), (-2, -8), fontsize="small", color="0.35", **below_right)
        title = f"shaded: {100 * self.level:.3g} % interval" if self.level and self.bands_ else None
        order = [*self.curves, *self.references]
        ax.legend(handles=[self.lines_[name] for name in order], title=title, **LEGEND)
        clean(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _on_shared_starts(hindcasts: Mapping[str, Any]) -> dict[str, Any]:
    """Cut hindcasts to the forecasts whose trajectory and origin all have, in one order; check what they forecast."""
    if not hindcasts:
        raise ValueError("hindcasts must hold at least one model.")
    span = 1 + max(int(past.origin.max()) for past in hindcasts.values())
    keys = {name: past.trajectory.astype(np.int64) * span + past.origin for name, past in hindcasts.items()}
    common = reduce(np.intersect1d, keys.values(), next(iter(keys.values())))
    if not len(common):
        raise ValueError("the hindcasts share no start of a forecast: make them on the same trajectories, long enough.")
    cut = {}
    for name, past in hindcasts.items():
        order = np.argsort(keys[name], kind="stable")
        at = order[np.searchsorted(keys[name][order], common)]
        parts = {part: getattr(past, part)[at] for part in ("y_true", "y_pred", "trajectory", "origin")}
        cut[name] = replace(past, **parts)
    (first_name, first), *others = cut.items()
    for name, past in others:
        leads = slice(min(first.y_true.shape[1], past.y_true.shape[1]))
        alike = first.y_true.shape[2] == past.y_true.shape[2]
        if not (alike and np.allclose(first.y_true[:, leads], past.y_true[:, leads])):
            raise ValueError(
                f"the hindcasts of {first_name!r} and {name!r} are of different observables or trajectories."
            )
    return cut


def _interval(past: Any, mean: Array, n_resamples: int, level: float, random_state: Any) -> tuple[Array, Array]:
    """Bootstrap interval of the skill at each lead, from the sums of squares of each trajectory."""
    starts = np.flatnonzero(np.diff(past.trajectory, prepend=past.trajectory[0] - 1))

    def sums(deviation: Array) -> Array:
        return np.add.reduceat((deviation**2).sum(axis=2), starts, axis=0)

    with np.errstate(over="ignore", invalid="ignore"):
        error = np.nan_to_num(sums(past.y_true - past.y_pred), nan=np.inf, posinf=np.inf)
    reference = sums(past.y_true - mean[: past.y_true.shape[1]])

    def skill(error: Array, reference: Array) -> Array:
        total = reference.sum(axis=0)
        return 1 - np.divide(error.sum(axis=0), total, out=np.full(total.shape, np.inf), where=total > 0)

    return bootstrap_interval(skill, error, reference, n_resamples=n_resamples, level=level, random_state=random_state)


def _check_curve(name: str, curve: Sequence[Any], n_parts: int) -> tuple[Any, ...]:
    """Arrays of one length; None stands for no interval."""
    parts = tuple(None if part is None else np.asarray(part, dtype=np.float64) for part in curve)
    lengths = {part.shape for part in parts if part is not None}
    if len(parts) != n_parts or len(lengths) != 1 or len(next(iter(lengths))) != 1:
        what = "(lead_times, skill, low, high)" if n_parts == 4 else "(lead_times, skill)"
        raise ValueError(f"the curve of {name!r} must be {what}, 1-D arrays of one length.")
    return parts

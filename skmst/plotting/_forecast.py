"""ForecastDisplay: a forecast against what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.plotting._common import (
    COLOURS,
    FAINT,
    LEGEND,
    TRUTH,
    check_level,
    check_real,
    clean,
    get_axes,
    known_before,
    time_axis,
    with_unit,
)


class ForecastDisplay:
    """Truth and forecast of one observable over time, with an interval, and a line where the forecast starts.

    Parameters
    ----------
    t : array-like of shape (n_times,)
        Times of what was known and of the forecast.
    truth : array-like of shape (n_times,) or shorter
        What happened, from ``t[0]`` on, at least up to the start of the forecast.
    forecast : array-like of shape (n_steps,)
        The forecast at the last `n_steps` times; there must be a time before, the last that it knew.
    lower, upper : array-like of shape (n_steps,), default=None
        Interval of the forecast; both or none.
    level : float, default=None
        Nominal coverage of the interval, for the legend.
    name : str, default="observable"
        What is forecast, with its unit.
    time_unit : str, default=None
        Unit of `t`, for the label.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    truth_line_, forecast_line_, start_line_ : matplotlib Line2D
        What it drew.
    interval_ : matplotlib PolyCollection or None
        The shaded interval.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite and real, or only one of `lower` and `upper` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.plotting import ForecastDisplay
    >>> t = np.arange(6.0)
    >>> display = ForecastDisplay(t, np.sin(t), np.sin(t[3:]), np.sin(t[3:]) - 0.1, np.sin(t[3:]) + 0.1).plot()
    >>> display.start
    2.0
    """

    def __init__(
        self,
        t: ArrayLike,
        truth: ArrayLike,
        forecast: ArrayLike,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        *,
        level: float | None = None,
        name: str = "observable",
        time_unit: str | None = None,
    ) -> None:
        self.t = check_real("t", t, ("n_times",))
        self.truth = check_real("truth", truth, ("n_times",))
        self.forecast = check_real("forecast", forecast, ("n_steps",))
        n_known = len(self.t) - len(self.forecast)
        if n_known < 1 or not n_known <= len(self.truth) <= len(self.t):
            raise ValueError(
                f"t has {len(self.t)} times and forecast {len(self.forecast)} steps: t must have at least one time "
                f"before the forecast, and truth must hold one value for each of those and none beyond the end of t, "
                f"got {len(self.truth)}."
            )
        if (lower is None) != (upper is None):
            raise ValueError("lower and upper belong together: give both or none.")
        self.lower = None if lower is None else check_real("lower", lower, self.forecast.shape)
        self.upper = None if upper is None else check_real("upper", upper, self.forecast.shape)
        self.level = level
        self.name = name
        self.time_unit = time_unit

    @property
    def start(self) -> float:
        """Time of the last step that the forecast knew."""
        return float(self.t[-len(self.forecast) - 1])

    @classmethod
    def from_errors(
        cls,
        known: ArrayLike,
        forecast: ArrayLike,
        errors: ArrayLike,
        *,
        truth: ArrayLike | None = None,
        level: float = 0.9,
        dt: float | None = None,
        name: str = "observable",
        time_unit: str | None = None,
    ) -> ForecastDisplay:
        """Put an interval around a forecast: the forecast plus quantiles, lead by lead, of errors on held-out data.

        Parameters
        ----------
        known : array-like of shape (n_known,)
            What was known up to the start of the forecast, which is time 0.
        forecast : array-like of shape (n_steps,)
            The forecast.
        errors : array-like of shape (n_forecasts, n_steps)
            Truth minus forecast of other forecasts of the same observable, on data that the model was not fitted to.
        truth : array-like of shape (n_steps,) or shorter, default=None
            What happened then.
        level : float, default=0.9
            Nominal coverage of the interval at each lead.
        dt : float, default=None
            Time between steps. None counts steps.
        name : str, default="observable"
            What is forecast, with its unit.
        time_unit : str, default=None
            Unit of `dt`, for the label.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite and real, or `level` or `dt` is out of range.
        """
        check_level(level)
        known = check_real("known", known, ("n_known",))
        forecast = check_real("forecast", forecast, ("n_steps",))
        errors = check_real("errors", errors, ("n_forecasts", len(forecast)))
        low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2], axis=0)
        if truth is not None:
            known = np.concatenate([known, check_real("truth", truth, ("n_steps",))])
        n_known = len(known) if truth is None else len(known) - np.size(truth)
        t, time_unit = time_axis(n_known + len(forecast), dt, time_unit, start=1 - n_known)
        interval = (forecast + low, forecast + high)
        return cls(t, known, forecast, *interval, level=level, name=name, time_unit=time_unit)

    @classmethod
    def from_hindcast(
        cls,
        hindcast: Any,
        y: ArrayLike | Sequence[ArrayLike],
        index: int = 0,
        output: int = 0,
        *,
        n_known: int | None = None,
        level: float = 0.9,
        dt: float | None = None,
        name: str = "observable",
        time_unit: str | None = None,
    ) -> ForecastDisplay:
        """Pick one forecast out of a hindcast; its interval comes from the errors on the other trajectories.

        Parameters
        ----------
        hindcast : Hindcast
            Result of ``model.hindcast(X, y)`` on trajectories that the model was not fitted to.
        y : array-like of shape (n_trajectories, n_steps, ...) or list
            The observables that were given to `hindcast`.
        index : int, default=0
            Which of the forecasts.
        output : int, default=0
            Which of the observables, their axes flattened.
        n_known : int, default=None
            Steps to show of what was known, at most; None shows as many as the forecast has.
        level : float, default=0.9
            Nominal coverage of the interval at each lead.
        dt : float, default=None
            Time between steps. None counts steps.
        name : str, default="observable"
            What is forecast, with its unit.
        time_unit : str, default=None
            Unit of `dt`, for the label.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            If the hindcast has one trajectory only or is not of `y`, or an argument is out of range.
        """
        n_forecasts, horizon, n_outputs = hindcast.y_true.shape
        for label, value, n in (("index", index, n_forecasts), ("output", output, n_outputs)):
            if not -n <= value < n:
                raise ValueError(f"{label}={value} is out of range: the hindcast has {n}.")
        n_known = horizon if n_known is None else n_known
        if n_known < 1:
            raise ValueError(f"n_known must be at least 1, got {n_known}.")
        others = hindcast.trajectory != hindcast.trajectory[index]
        if not others.any():
            raise ValueError("the interval needs the errors on other trajectories, and the hindcast has only one.")
        errors = (hindcast.y_true - hindcast.y_pred)[others, :, output]
        return cls.from_errors(
            known_before(y, hindcast, index, n_known)[:, output],
            hindcast.y_pred[index, :, output],
            errors,
            truth=hindcast.y_true[index, :, output],
            level=level,
            dt=dt,
            name=name,
            time_unit=time_unit,
        )

    def plot(self, ax: Any = None, *, color: Any = COLOURS[0], **line_kw: Any) -> ForecastDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.
        color : colour, default="#0072B2"
            Colour of the forecast and its interval.
        **line_kw : dict
            Passed to :meth:`matplotlib.axes.Axes.plot` for the forecast.

        Returns
        -------
        ForecastDisplay
            Itself.
        """
        ax = get_axes(ax)
        ahead = self.t[-len(self.forecast) :]
        self.start_line_ = ax.axvline(self.start, color=FAINT, linewidth=1, linestyle=":")
        self.interval_ = None
        if self.lower is not None and self.upper is not None:
            label = "interval" if self.level is None else f"{100 * self.level:.3g} % interval"
            shade = {"color": color, "alpha": 0.25, "linewidth": 0, "label": label}
            self.interval_ = ax.fill_between(ahead, self.lower, self.upper, **shade)
        (self.truth_line_,) = ax.plot(self.t[: len(self.truth)], self.truth, color=TRUTH, linewidth=1.5, label="truth")
        style = {"color": color, "linewidth": 2, "label": "forecast"}
        (self.forecast_line_,) = ax.plot(ahead, self.forecast, **{**style, **line_kw})
        ax.margins(x=0)
        time = "time" if self.start else "time since forecast start"
        ax.set(xlabel=with_unit(time, self.time_unit), ylabel=self.name)
        ax.legend(handles=[self.truth_line_, self.forecast_line_, *filter(None, [self.interval_])], **LEGEND)
        clean(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

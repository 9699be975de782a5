"""MemoryDisplay: how much memory there is, by held-out error and by the integral of the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmst.plotting._common import COLOURS, LEGEND, clean, get_axes, with_unit


class MemoryDisplay:
    """Held-out error and mean integral kernel over the time of memory, each with its interval and its choice.

    The error is read on the left, the integral on the right. Memory is long enough where the error has stopped to fall
    and the integral to change.

    Parameters
    ----------
    curve : MemoryCurve, default=None
        Result of `skmst.model_selection.memory_curve`.
    plateau : MemoryPlateau, default=None
        Result of `skmst.master_equation.memory_plateau`, or the `plateau` of a `kernel_interval`. At least one of the
        two is needed; both must be in the same unit of time.
    level : float, default=None
        Nominal coverage of the intervals, for the legend.
    time_unit : str, default=None
        Unit of time, for the labels.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    integral_ax_ : matplotlib Axes or None
        The axes of the integral: those on the right where both are drawn.
    lines_, bands_ : dict of str to matplotlib Line2D, PolyCollection
        What it drew, under ``"error"`` and ``"integral"``.
    choices_ : dict of str to matplotlib Line2D
        Vertical lines at the memory that each of the two asks for.

    Raises
    ------
    ValueError
        If both are None.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import MasterEquationPredictor
    >>> from skmst.master_equation import kernel_interval
    >>> from skmst.model_selection import memory_curve
    >>> from skmst.plotting import MemoryDisplay
    >>> X = np.random.default_rng(0).normal(size=(20, 100, 1))  # noise: one term is enough
    >>> curve = memory_curve(MasterEquationPredictor(horizon=3), X, n_memory=[1, 2, 4], random_state=0)
    >>> found = kernel_interval(X, 4, random_state=0)
    >>> display = MemoryDisplay(curve, found.plateau, level=0.9).plot()
    >>> curve.selected, found.plateau.memory_time
    (1, 1.0)
    """

    def __init__(
        self, curve: Any = None, plateau: Any = None, *, level: float | None = None, time_unit: str | None = None
    ) -> None:
        if curve is None and plateau is None:
            raise ValueError("give a curve of held-out errors, a plateau of kernels, or both.")
        self.curve = curve
        self.plateau = plateau
        self.level = level
        self.time_unit = time_unit

    def plot(self, ax: Any = None) -> MemoryDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        MemoryDisplay
            Itself.
        """
        ax = get_axes(ax)
        self.lines_: dict[str, Any] = {}
        self.bands_: dict[str, Any] = {}
        self.choices_: dict[str, Any] = {}
        self.integral_ax_ = None
        ax.set(xlabel=with_unit("time of memory", self.time_unit))
        clean(ax)
        if self.curve is not None:
            curve = self.curve
            chosen = curve.time[np.searchsorted(curve.n_memory, curve.selected)]
            self._draw(ax, "error", 0, curve.time, curve.error, curve.low, curve.high, chosen)
            ax.set_ylabel("held-out error (of the variance)", color=COLOURS[0])
        if self.plateau is not None:
            plateau = self.plateau
            self.integral_ax_ = ax if self.curve is None else ax.twinx()
            values = plateau.integral, plateau.low, plateau.high
            self._draw(self.integral_ax_, "integral", 1, plateau.time, *values, plateau.memory_time)
            per_time = f"1/{self.time_unit}" if self.time_unit else None
            self.integral_ax_.set_ylabel(with_unit("mean integral kernel", per_time), color=COLOURS[1])
            self.integral_ax_.spines["top"].set_visible(False)
            self.integral_ax_.set_ylim(bottom=0.0)
        ax.set_xlim(left=0.0)
        names = {"error": "held-out error", "integral": "mean integral kernel"}
        title = f"shaded: {100 * self.level:.3g} % interval" if self.level and self.bands_ else None
        # On the axes drawn last, or its curve would cross the legend.
        legend_ax = self.integral_ax_ or ax
        labels = [names[n] for n in self.lines_]
        legend_ax.legend(self.lines_.values(), labels, title=title, loc="center right", **LEGEND)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Any, name: str, number: int, time: Any, value: Any, low: Any, high: Any, chosen: float) -> None:
        colour = COLOURS[number]
        if low is not None:
            # Bands of what exploded have no end that could be drawn.
            drawn = np.isfinite(low) & np.isfinite(high)
            self.bands_[name] = ax.fill_between(time, low, high, where=drawn, color=colour, alpha=0.25, linewidth=0)
        value = np.where(np.isfinite(value), value, np.nan)
        (self.lines_[name],) = ax.plot(time, value, color=colour, marker="o", markersize=3.5, linewidth=2)
        style = ":" if number else "--"
        self.choices_[name] = ax.axvline(chosen, color=colour, linestyle=style, linewidth=1.2, zorder=0)

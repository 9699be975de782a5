"""SpaceTimeDisplay: a field in one dimension, over time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.plotting._common import (
    POSITIVE,
    SIGNED,
    check_even,
    check_positive,
    check_real,
    draw_image,
    get_axes,
    time_axis,
    with_unit,
)


class SpaceTimeDisplay:
    """Space-time diagram of a field: time to the right, space upwards, the value as colour.

    A field that takes both signs is drawn in diverging colours, white at zero; any other in sequential ones.

    Parameters
    ----------
    field : array-like of shape (n_steps, n_x)
        One trajectory of the field.
    x : array-like of shape (n_x,)
        Grid points, evenly spaced.
    t : array-like of shape (n_steps,)
        Times, evenly spaced.
    name : str, default="u"
        What the colours show.
    time_unit, length_unit, unit : str, default=None
        Units of `t`, `x` and the field, for the labels; None for dimensionless numbers.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    image_, colorbar_ : matplotlib AxesImage and Colorbar
        What it drew; `colorbar_` is None without one.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite and real, or `x` or `t` is not evenly spaced.

    Examples
    --------
    >>> from skmst.datasets import make_advection
    >>> from skmst.plotting import SpaceTimeDisplay
    >>> u = make_advection(n_trajectories=1, n_steps=50, n_x=32, random_state=0)
    >>> display = SpaceTimeDisplay.from_field(u[0], dt=0.1, length=1.0).plot()
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('time', 'x')
    """

    def __init__(
        self,
        field: ArrayLike,
        x: ArrayLike,
        t: ArrayLike,
        *,
        name: str = "u",
        time_unit: str | None = None,
        length_unit: str | None = None,
        unit: str | None = None,
    ) -> None:
        self.field = check_real("field", field, ("n_steps", "n_x"))
        self.t = check_even("t", check_real("t", t, (self.field.shape[0],)))
        self.x = check_even("x", check_real("x", x, (self.field.shape[1],)))
        self.name = name
        self.time_unit = time_unit
        self.length_unit = length_unit
        self.unit = unit

    @classmethod
    def from_field(
        cls,
        U: ArrayLike,
        *,
        dt: float | None = None,
        length: float | None = None,
        name: str = "u",
        time_unit: str | None = None,
        length_unit: str | None = None,
        unit: str | None = None,
    ) -> SpaceTimeDisplay:
        """Lay out one trajectory of a field on a periodic grid.

        Parameters
        ----------
        U : array-like of shape (n_steps, n_x)
            The trajectory; its first step is time 0, its first grid point is position 0.
        dt : float, default=None
            Time between steps. None counts steps.
        length : float, default=None
            Length of the periodic domain, ``n_x`` grid spacings. None counts grid points.
        name : str, default="u"
            What the colours show.
        time_unit, length_unit, unit : str, default=None
            Units, for the labels.

        Returns
        -------
        SpaceTimeDisplay

        Raises
        ------
        ValueError
            If U does not have two axes or is not finite and real, or `dt` or `length` is not positive.
        """
        field = check_real("U", U, ("n_steps", "n_x"))
        t, time_unit = time_axis(len(field), dt, time_unit)
        x = np.arange(field.shape[1], dtype=np.float64)
        if length is None:
            length_unit = length_unit or "grid points"
        else:
            check_positive("length", length)
            x *= length / field.shape[1]
        return cls(field, x, t, name=name, time_unit=time_unit, length_unit=length_unit, unit=unit)

    def plot(self, ax: Any = None, *, colorbar: bool = True, **image_kw: Any) -> SpaceTimeDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.
        colorbar : bool, default=True
            Whether to add a colour bar.
        **image_kw : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        SpaceTimeDisplay
            Itself.
        """
        ax = get_axes(ax)
        low, high = self.field.min(), self.field.max()
        if low < 0 < high:
            largest = max(-low, high)
            colours = {"cmap": SIGNED, "vmin": -largest, "vmax": largest}
        else:
            colours = {"cmap": POSITIVE, "vmin": low, "vmax": high}
        if "norm" in image_kw:
            del colours["vmin"], colours["vmax"]
        self.image_ = draw_image(ax, self.field.T, self.t, self.x, {**colours, **image_kw})
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, label=with_unit(self.name, self.unit), pad=0.02)
        ax.set(xlabel=with_unit("time", self.time_unit), ylabel=with_unit("x", self.length_unit))
        self.ax_, self.figure_ = ax, ax.figure
        return self

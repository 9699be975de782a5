"""CoefficientsDisplay: scattering coefficients over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.plotting._common import (
    SIGNED,
    check_even,
    check_real,
    draw_image,
    get_axes,
    scattering_step,
    time_axis,
    with_unit,
)

#: Standard deviations at which the colours end.
_COLOUR_RANGE = 3.0
#: Rows whose variation is below this fraction of the field's size are constant up to round-off.
_ROUND_OFF = 1e-12


class CoefficientsDisplay:
    """Heat map of coefficients over time: one row per path, the finest scale of each order on top.

    Parameters
    ----------
    coefficients : array-like of shape (n_steps, n_features)
        Coefficients along one trajectory, in comparable units such as standard deviations.
    t : array-like of shape (n_steps,)
        Times, evenly spaced.
    names : sequence of str, default=None
        Names of the features; None numbers them.
    orders : array-like of int of shape (n_features,), default=None
        Scattering order of each feature; a line is drawn where it changes from one row to the next.
    name : str, default="coefficient"
        What the colours show.
    time_unit : str, default=None
        Unit of `t`, for the label.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    image_, colorbar_ : matplotlib AxesImage and Colorbar
        What it drew; `colorbar_` is None without one.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite and real, or `t` is not evenly spaced.

    Examples
    --------
    >>> from skmst import ScatteringTransformer
    >>> from skmst.datasets import make_kuramoto_sivashinsky
    >>> from skmst.plotting import CoefficientsDisplay
    >>> u = make_kuramoto_sivashinsky(n_trajectories=2, n_steps=60, random_state=0)
    >>> scatter = ScatteringTransformer(J=3, log=True).fit(u)
    >>> display = CoefficientsDisplay.from_estimator(scatter, u[0], dt=0.25).plot()
    >>> display.coefficients.shape
    (60, 11)
    >>> display.names[:3]
    ['s0 (constant)', 's1_j0', 's1_j1']
    """

    def __init__(
        self,
        coefficients: ArrayLike,
        t: ArrayLike,
        names: Sequence[str] | None = None,
        orders: ArrayLike | None = None,
        *,
        name: str = "coefficient",
        time_unit: str | None = None,
    ) -> None:
        self.coefficients = check_real("coefficients", coefficients, ("n_steps", "n_features"))
        n_steps, n_features = self.coefficients.shape
        self.t = check_even("t", check_real("t", t, (n_steps,)))
        self.names = [str(i) for i in range(n_features)] if names is None else [str(label) for label in names]
        if len(self.names) != n_features:
            raise ValueError(f"names must name each of {n_features} features, got {len(self.names)} names.")
        self.orders = None if orders is None else check_real("orders", orders, (n_features,)).astype(int)
        self.name = name
        self.time_unit = time_unit

    @classmethod
    def from_estimator(
        cls, scatter: Any, X: ArrayLike, *, dt: float | None = None, time_unit: str | None = None
    ) -> CoefficientsDisplay:
        """Scatter one trajectory, and standardise each coefficient by its mean and deviation over that trajectory.

        Rows are sorted by order, then by scale. Local coefficients are averaged over the output points first. A
        coefficient that does not vary is drawn as zero, and its name says so.

        Parameters
        ----------
        scatter : ScatteringTransformer
            A fitted transformer, or a fitted Pipeline or search that contains one.
        X : array-like of shape (n_steps, *grid_shape)
            One trajectory of fields, as `scatter` takes them.
        dt : float, default=None
            Time between steps. None counts steps.
        time_unit : str, default=None
            Unit of `dt`, for the label.

        Returns
        -------
        CoefficientsDisplay

        Raises
        ------
        ValueError
            If X is not one trajectory, or `dt` is not positive.
        """
        scatter = scattering_step(scatter)
        values = np.asarray(scatter.coefficients(X), dtype=np.float64)
        values = values.mean(axis=tuple(range(values.ndim - len(scatter.output_grid_), values.ndim)))
        n_channels = scatter.n_channels
        if values.ndim != (2 if n_channels is None else 3):
            raise ValueError(f"X must be one trajectory of fields, (n_steps, *grid); it has shape {np.shape(X)}.")

        paths = scatter.paths_
        by_scale = np.lexsort([paths[key] for key in ("l2", "l1", "q2", "j2", "q1", "j1", "order")])
        prefixes = [""] if n_channels is None else [f"c{c}_" for c in range(n_channels)]
        names = [prefix + str(paths["name"][p]) for prefix in prefixes for p in by_scale]
        values = values[..., by_scale].reshape(len(values), -1)

        deviation = values.std(axis=0)
        constant = deviation <= _ROUND_OFF * max(np.abs(X).max(), np.abs(values).max())
        values = np.where(constant, 0.0, (values - values.mean(axis=0)) / np.where(constant, 1.0, deviation))
        names = [label + " (constant)" * bool(flat) for label, flat in zip(names, constant, strict=True)]
        t, time_unit = time_axis(len(values), dt, time_unit)
        orders = np.tile(paths["order"][by_scale], len(prefixes))
        return cls(values, t, names, orders, name="coefficient (standard deviations)", time_unit=time_unit)

    def plot(
        self, ax: Any = None, *, colorbar: bool = True, max_labels: int = 22, **image_kw: Any
    ) -> CoefficientsDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.
        colorbar : bool, default=True
            Whether to add a colour bar.
        max_labels : int, default=22
            Number of rows that are named; of more rows only every second, third, ... is.
        **image_kw : dict
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        CoefficientsDisplay
            Itself.
        """
        ax = get_axes(ax)
        rows = np.arange(len(self.names), dtype=np.float64)
        colours = {"cmap": SIGNED} | ({} if "norm" in image_kw else {"vmin": -_COLOUR_RANGE, "vmax": _COLOUR_RANGE})
        self.image_ = draw_image(ax, self.coefficients.T, self.t, rows, {**colours, **image_kw})
        ax.invert_yaxis()
        every = math.ceil(len(rows) / max_labels)
        ax.set_yticks(rows[::every], self.names[::every], fontsize="small")
        ax.tick_params(axis="y", length=0)
        if self.orders is not None:
            for row in np.flatnonzero(np.diff(self.orders)):
                ax.axhline(row + 0.5, color="black", linewidth=1)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, label=self.name, pad=0.02, extend="both")
        ax.set(xlabel=with_unit("time", self.time_unit))
        self.ax_, self.figure_ = ax, ax.figure
        return self

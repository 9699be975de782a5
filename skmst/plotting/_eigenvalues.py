"""EigenvaluesDisplay: the spectrum of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.plotting._common import FAINT, POSITIVE, check_real, clean, get_axes, last_step, with_unit

#: A residual is the square root of a difference of squares: below this it is round-off.
_SMALLEST_RESIDUAL = 1e-8
#: Ratio of residuals above which their colours are logarithmic.
_MANY = 20.0


class EigenvaluesDisplay:
    """Eigenvalues in the complex plane, with the unit circle, coloured by residual.

    Dark points obey their eigenvalue well, pale ones badly. Outside the circle a mode grows.

    Parameters
    ----------
    eigenvalues : array-like of complex of shape (n_modes,)
        Eigenvalues over one lag.
    residuals : array-like of shape (n_modes,), default=None
        Relative error with which each eigenfunction obeys its eigenvalue.
    rates : array-like of complex of shape (n_modes,), default=None
        Rates per unit of time, for ``plot(rates=True)``.
    time_unit : str, default=None
        Unit of time of `rates`, for the labels.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    points_, colorbar_ : matplotlib PathCollection and Colorbar
        What it drew; `colorbar_` is None without residuals.

    Raises
    ------
    ValueError
        If shapes do not match or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.koopman import KoopmanRegressor
    >>> from skmst.plotting import EigenvaluesDisplay
    >>> t = 0.1 * np.arange(100)
    >>> X = np.stack([np.exp(-t) * np.cos(2 * t), np.exp(-t) * np.sin(2 * t)], axis=-1)
    >>> display = EigenvaluesDisplay.from_estimator(KoopmanRegressor(dt=0.1).fit(X)).plot()
    >>> np.round(display.eigenvalues, 3)
    array([0.887+0.18j, 0.887-0.18j])
    """

    def __init__(
        self,
        eigenvalues: ArrayLike,
        residuals: ArrayLike | None = None,
        rates: ArrayLike | None = None,
        *,
        time_unit: str | None = None,
    ) -> None:
        self.eigenvalues = _check_complex("eigenvalues", eigenvalues, "n_modes")
        n_modes = len(self.eigenvalues)
        self.residuals = None if residuals is None else check_real("residuals", residuals, (n_modes,))
        self.rates = None if rates is None else _check_complex("rates", rates, n_modes)
        self.time_unit = time_unit

    @classmethod
    def from_estimator(cls, model: Any, *, time_unit: str | None = None) -> EigenvaluesDisplay:
        """Take the eigenvalues, residuals and rates of a fitted model.

        Parameters
        ----------
        model : estimator
            A fitted `KoopmanRegressor` or `MasterEquationPredictor`, a Pipeline that ends in one, or a search.
        time_unit : str, default=None
            Unit of the model's `dt`, for the labels.

        Returns
        -------
        EigenvaluesDisplay

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        TypeError
            If it has no eigenvalues.
        """
        last = last_step(model, "eigenvalues_")
        return cls(last.eigenvalues_, last.residuals_, last.rates_, time_unit=time_unit)

    def plot(self, ax: Any = None, *, rates: bool = False, **points_kw: Any) -> EigenvaluesDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.
        rates : bool, default=False
            Whether to draw rates, the angular frequency over the rate of growth, instead of eigenvalues.
        **points_kw : dict
            Passed to :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        EigenvaluesDisplay
            Itself.

        Raises
        ------
        ValueError
            If `rates` is asked for and the display has none.
        """
        if rates and self.rates is None:
            raise ValueError("rates=True needs rates: pass them when you make the display.")
        ax = get_axes(ax, 5.6, 4.4)
        per_time = f"1/{self.time_unit}" if self.time_unit else None
        if rates:
            ax.axvline(0.0, color=FAINT, linewidth=1)
            ax.set(xlabel=with_unit("growth rate", per_time), ylabel=with_unit("angular frequency", per_time))
        else:
            angle = np.linspace(0, 2 * np.pi, 361)
            ax.plot(np.cos(angle), np.sin(angle), color=FAINT, linewidth=1)
            ax.set(xlabel=r"Re $\lambda$", ylabel=r"Im $\lambda$")
            ax.set_aspect("equal")
            ax.locator_params(nbins=5)
        values = self.rates if rates else self.eigenvalues
        assert values is not None
        style: dict[str, Any] = {"s": 28, "edgecolors": "black", "linewidths": 0.4, "zorder": 3}
        if self.residuals is not None:
            # The most trustworthy are drawn last, on top.
            order = np.argsort(-self.residuals, kind="stable")
            values = values[order]
            style |= {"c": self.residuals[order], "cmap": POSITIVE, "norm": _norm(self.residuals)}
        self.points_ = ax.scatter(values.real, values.imag, **{**style, **points_kw})
        self.colorbar_ = None
        if self.residuals is not None:
            self.colorbar_ = ax.figure.colorbar(self.points_, ax=ax, label="residual", pad=0.02)
        clean(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _norm(residuals: np.ndarray) -> Any:
    """Colour scale: logarithmic where residuals span decades."""
    from matplotlib.colors import LogNorm, Normalize

    largest = residuals.max()
    smallest = max(residuals.min(), _SMALLEST_RESIDUAL)
    if largest > _MANY * smallest:
        return LogNorm(smallest, largest, clip=True)
    return Normalize(0.0, max(largest, _SMALLEST_RESIDUAL))


def _check_complex(name: str, values: ArrayLike, length: int | str) -> np.ndarray:
    array = np.asarray(values, dtype=np.complex128)
    check_real(name, array.view(np.float64).reshape(*array.shape, 2), (length, 2))
    return array

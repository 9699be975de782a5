"""FilterBankDisplay: which frequencies each wavelet passes, and what the bank passes in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmst.plotting._common import FAINT, POSITIVE, TRUTH, check_real, clean, draw_image, get_axes, scattering_step
from skmst.scattering.filter_bank import BANKS, mirror


class FilterBankDisplay:
    """Power that the filters of a bank pass, by frequency, and its sum (the Littlewood-Paley sum).

    The power is that of a real field, ``(|psi(w)|**2 + |psi(-w)|**2) / 2``, so the curves add up to the sum; where
    the sum is 1, energy is conserved. In one dimension it is drawn as curves over the frequencies of the grid, in two
    as the sum over the plane of frequencies, with the half-power contours of the wavelets.

    Parameters
    ----------
    frequencies : sequence of array-like of shape (n_i,)
        Frequencies along each of one or two axes, in cycles per grid step, evenly spaced.
    wavelets : array-like of shape (n_wavelets, n_1) or (n_wavelets, n_1, n_2)
        Power that each wavelet passes.
    low_pass : array-like of shape (n_1,) or (n_1, n_2)
        Power that the low-pass filter passes.
    octaves : array-like of int of shape (n_wavelets,), default=None
        Octave of each wavelet, which sets its colour; None numbers them.

    Attributes
    ----------
    littlewood_paley : ndarray of shape (n_1,) or (n_1, n_2)
        The sum of all.
    ax_, figure_ : matplotlib Axes and Figure
        Where `plot` drew.
    lines_ : list of matplotlib Line2D
        In one dimension: the wavelets, the low-pass, the sum.
    image_ : matplotlib AxesImage
        In two dimensions: the sum.

    Raises
    ------
    ValueError
        If shapes do not match or values are not finite and real.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> from skmst.plotting import FilterBankDisplay
    >>> scatter = ScatteringTransformer(J=3, wavelet="tight").fit(np.zeros((1, 64)))
    >>> display = FilterBankDisplay.from_estimator(scatter).plot()
    >>> bool(np.allclose(display.littlewood_paley, 1))
    True
    """

    def __init__(
        self,
        frequencies: Sequence[ArrayLike],
        wavelets: ArrayLike,
        low_pass: ArrayLike,
        octaves: ArrayLike | None = None,
    ) -> None:
        self.frequencies = tuple(check_real("frequencies", axis, ("n",)) for axis in frequencies)
        if len(self.frequencies) not in (1, 2):
            raise ValueError(f"frequencies must hold one or two axes, got {len(self.frequencies)}.")
        grid = tuple(len(axis) for axis in self.frequencies)
        self.wavelets = check_real("wavelets", wavelets, ("n_wavelets", *grid))
        self.low_pass = check_real("low_pass", low_pass, grid)
        n_wavelets = len(self.wavelets)
        octaves = np.arange(n_wavelets) if octaves is None else octaves
        self.octaves = check_real("octaves", octaves, (n_wavelets,)).astype(int)
        self.littlewood_paley = self.wavelets.sum(axis=0) + self.low_pass

    @classmethod
    def from_estimator(cls, scatter: Any, *, order: int = 1) -> FilterBankDisplay:
        """Take the filters of a scattering transform, on its grid; the low-pass is the one of scale ``2**J``.

        Parameters
        ----------
        scatter : ScatteringTransformer
            A fitted transformer, or a fitted Pipeline or search that contains one.
        order : {1, 2}, default=1
            Which bank: that of the first or of the second order.

        Returns
        -------
        FilterBankDisplay

        Raises
        ------
        ValueError
            If `order` is neither 1 nor 2.
        """
        scatter = scattering_step(scatter)
        if order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, got {order!r}.")
        setting = scatter._encoding
        grid = setting.grid_shape
        bank = BANKS[setting.wavelet](grid, setting.J, setting.Q[order - 1], setting.L)
        psi, phi = bank.psi(), bank.phi(2**setting.J)
        power = np.stack([0.5 * (hat**2 + mirror(hat**2)) for hat in psi])
        octaves = [wavelet.j for wavelet in bank.wavelets()]
        if len(grid) == 1:  # a real field says everything at the frequencies from zero up
            half = slice(0, grid[0] // 2 + 1)
            return cls([np.fft.rfftfreq(grid[0])], power[:, half], phi[half] ** 2, octaves)
        shifted = np.fft.fftshift(power, axes=(1, 2))
        return cls([np.fft.fftshift(np.fft.fftfreq(n)) for n in grid], shifted, np.fft.fftshift(phi**2), octaves)

    def plot(self, ax: Any = None) -> FilterBankDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where; None makes a figure.

        Returns
        -------
        FilterBankDisplay
            Itself.
        """
        in_plane = len(self.frequencies) == 2
        ax = get_axes(ax, 5.6 if in_plane else 6.4)
        from matplotlib import colormaps

        shades = colormaps[POSITIVE](0.8 * self.octaves / max(1, self.octaves.max()))
        (self._plot_plane if in_plane else self._plot_curves)(ax, shades)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _plot_curves(self, ax: Any, shades: Any) -> None:
        (frequency,) = self.frequencies
        seen = frequency > 0  # the axis is logarithmic, octaves are equally wide
        frequency = frequency[seen]
        dots = {"marker": ".", "markersize": 4} if len(frequency) <= 64 else {}
        first = np.unique(self.octaves, return_index=True)[1]
        self.lines_ = []
        for i, (power, octave, shade) in enumerate(zip(self.wavelets, self.octaves, shades, strict=True)):
            label = f"j = {octave}" if i in first else None
            self.lines_ += ax.plot(frequency, power[seen], color=shade, label=label, **dots)
        self.lines_ += ax.plot(frequency, self.low_pass[seen], color=FAINT, linestyle="--", label="low-pass")
        self.lines_ += ax.plot(frequency, self.littlewood_paley[seen], color=TRUTH, label="sum")
        ax.set_xscale("log", base=2)
        ax.set(xlabel="frequency (cycles per grid step)", ylabel="power passed")
        ax.set_ylim(0, 1.3 * self.littlewood_paley[seen].max())  # the legend stands above the curves
        ax.legend(frameon=False, loc="upper center", ncols=4)
        clean(ax)

    def _plot_plane(self, ax: Any, shades: Any) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap

        first, second = self.frequencies
        total = self.littlewood_paley
        pale = ListedColormap(colormaps["gray"](np.linspace(0.45, 1.0, 256)))  # contours have to stand out
        limits = {"cmap": pale, "vmin": 0.0, "vmax": total.max(), "aspect": "equal"}
        self.image_ = draw_image(ax, total, second, first, limits)
        for power, shade in zip(self.wavelets, shades, strict=True):
            ax.contour(second, first, power, levels=[0.5 * power.max()], colors=[shade], linewidths=1)
        ax.figure.colorbar(self.image_, ax=ax, label="power passed by all filters", pad=0.02)
        ax.set(xlabel="frequency along axis 2 (cycles per grid step)", ylabel="frequency along axis 1")

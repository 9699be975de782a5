"""Log-cosine wavelets: an exact Littlewood-Paley partition of unity in one, two and three dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skmst.scattering.wavelets import Wavelet, along_axis, directions, frequencies, mirror, oriented


@dataclass(frozen=True)
class TightBank:
    """Log-cosine wavelets: an exact partition of unity over frequency, analytic (one half-space) for each wavelet.

    Over frequency, |psi_hat|**2 is 2 cos**2((pi/2) Q log2(|w| / w_k)) within 1/Q octave of the centre
    w_k = (pi/2) 2**(-k/Q); the finest wavelet keeps everything above its centre. Over directions it is the power
    2 p of the cosine, made to sum to a constant at every bin; p is the highest power that L directions can steer,
    L - 1 in 2-D (steerable pyramid, Simoncelli & Freeman 1995) and the largest with (p + 1) (p + 2) / 2 <= L in
    3-D. The factor two is there because a real field has half its energy on each side.

    Parameters
    ----------
    grid_shape : tuple of int
        Periodic grid, one to three axes.
    J : int
        Largest scale is 2**J grid steps.
    Q : int
        Wavelets per octave, 1-D only.
    L : int
        Orientations, 2-D and 3-D only.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.filter_bank import TightBank, littlewood_paley
    >>> bank = TightBank((16, 12, 9), J=2, L=6)
    >>> bool(np.allclose(littlewood_paley(bank.phi(4), bank.psi()), 1.0, atol=1e-12))
    True
    """

    grid_shape: tuple[int, ...]
    J: int
    Q: int = 1
    L: int = 8

    def _centres(self) -> list[float]:
        return [0.5 * np.pi * 2.0 ** (-k / self.Q) for k in range(self.J * self.Q)]

    def wavelets(self) -> tuple[Wavelet, ...]:
        """The filters of the bank, finest first."""
        half = 2 ** (0.5 / self.Q)
        found = []
        for k, centre in enumerate(self._centres()):
            upper = 2 * centre if k == 0 else half * centre
            bandwidth = (upper - centre / half) / (2 * np.pi)
            for l, angle, direction in oriented(self.L, len(self.grid_shape)):
                j, q = divmod(k, self.Q)
                found.append(Wavelet(j, q, l, centre / (2 * np.pi), bandwidth, angle, j, direction))
        return tuple(found)

    def psi(self) -> np.ndarray:
        """Fourier transforms of the wavelets, float64 of shape (n_wavelets, *grid_shape)."""
        radius = self._radius()
        radial = []
        for k, centre in enumerate(self._centres()):
            octaves = self.Q * np.log2(radius / centre)
            window = np.where(np.abs(octaves) < 1, np.cos(0.5 * np.pi * octaves), 0.0)
            radial.append(np.where(octaves > 0, 1.0, window) if k == 0 else window)
        angular = self._angular_windows()
        return np.stack([window * direction for window in radial for direction in angular])

    def _radius(self) -> np.ndarray:
        radius = np.sqrt(sum(omega**2 for omega in frequencies(self.grid_shape)))
        radius[(0,) * radius.ndim] = np.finfo(float).tiny  # the mean belongs to phi alone; keeps log2 finite
        return radius

    def _angular_windows(self) -> list[np.ndarray]:
        """One window per direction with (1/2) sum (|a(w)|**2 + |a(-w)|**2) = 1 at every bin."""
        steerable = _steerable_power(self.L, len(self.grid_shape))
        windows = [_cosine_power(self.grid_shape, v, 2 * steerable) for v in directions(self.L, len(self.grid_shape))]
        power = np.sum(windows, axis=0)
        power = 0.5 * (power + mirror(power))
        power[(0,) * power.ndim] = 1.0  # no direction at the mean, where every wavelet vanishes
        return [np.sqrt(window / power) for window in windows]

    def phi(self, T: float) -> np.ndarray:
        """Fourier transform of the low-pass that averages over T grid steps, float64 of shape grid_shape.

        With T = 2**J it completes the wavelets to the partition of unity.
        """
        octaves = self.Q * np.log2(self._radius() * T / (0.5 * np.pi))
        window = np.where(octaves < 1, np.cos(0.5 * np.pi * np.clip(octaves, 0.0, 1.0)), 0.0)
        return np.asarray(window)

    def reach(self) -> float:
        """Infinite: the filters are compact in frequency and decay slowly in space."""
        return math.inf

    def low_pass_reach(self, T: float) -> float:
        """Infinite, as for the wavelets."""
        return math.inf


def _steerable_power(L: int, ndim: int) -> int:
    """Largest degree whose homogeneous polynomials in `ndim` variables number at most L; 0 in 1-D."""
    return 0 if ndim == 1 else max(p for p in range(L) if math.comb(p + ndim - 1, p) <= L)


def _cosine_power(grid_shape: tuple[int, ...], direction: np.ndarray, power: int) -> np.ndarray:
    """max(cos, 0)**power of the angle between each frequency bin and a direction, 0 at the mean.

    A Nyquist bin stands for both signs of its frequency and takes the mean of their values.
    """
    ndim = len(grid_shape)
    omega = [along_axis(np.arange(-(n // 2), n // 2 + 1) / n, axis, ndim) for axis, n in enumerate(grid_shape)]
    radius = np.sqrt(sum(w**2 for w in omega))
    along = sum(c * w for c, w in zip(direction, omega, strict=True))
    cosine = np.divide(along, radius, out=np.full(radius.shape, -1.0), where=radius > 0)
    window = np.where(cosine > -1e-9, np.maximum(cosine, 0.0) ** power, 0.0)
    for axis, n in enumerate(grid_shape):
        if n % 2 == 0:
            low, high = np.take(window, [0], axis), np.take(window, [n], axis)
            inner = np.take(window, range(1, n), axis)
            window = np.concatenate([0.5 * (low + high), inner], axis)
    return np.asarray(np.fft.ifftshift(window))

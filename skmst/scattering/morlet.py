"""Morlet wavelets: the filters of the scattering literature and of kymatio, and the same in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skmst.scattering import _kymatio
from skmst.scattering.wavelets import Wavelet, along_axis, cap, oriented

DEVIATIONS = 6.0  # standard deviations at which a Gaussian envelope ends: what is beyond is 2e-9 of it
DOUBLE_PRECISION = 9.0  # standard deviations beyond which a Gaussian is below 3e-18


@dataclass(frozen=True)
class MorletBank:
    """Morlet wavelets psi(u) = g(u) (exp(i xi.u) - kappa) and Gaussian low-pass, as in kymatio 0.3.0.

    In 1-D the filters are kymatio's own. In 2-D they are summed in closed form over Fourier aliases, in double
    precision, and a constant pi replaces kymatio's 3.1415: order m differs by the factor (pi / 3.1415)**(m + 1), 3e-5.

    In 3-D they are the same function: |xi| = 3 pi / 4 at the finest scale, an envelope of standard deviation 0.8
    along xi and 0.8 / slant across. The slant, 4 / L in 2-D, is 8 / pi times the half-angle of the cone that each
    of the L directions has to itself; in 3-D this is ``(8 / pi) arccos(1 - 1 / L)``, 1.49 with L = 6. With 4, 6 or
    10 directions the energy kept varies over the bands as in the plane (by 1.4 to 1.6), with other numbers by 2.3.

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
    >>> from skmst.scattering.filter_bank import MorletBank
    >>> MorletBank((16, 16, 16), J=2, L=6).psi().shape
    (12, 16, 16, 16)
    """

    grid_shape: tuple[int, ...]
    J: int
    Q: int = 1
    L: int = 8

    @property
    def slant(self) -> float:
        """Width of the envelope along the oscillation over its width across, 2-D and 3-D."""
        return 8 / math.pi * cap(self.L, len(self.grid_shape))

    def wavelets(self) -> tuple[Wavelet, ...]:
        """The filters of the bank, finest first."""
        return self._wavelets_1d() if len(self.grid_shape) == 1 else self._oriented_wavelets()

    def _wavelets_1d(self) -> tuple[Wavelet, ...]:
        found: list[Wavelet] = []
        parameters = _kymatio.morlet_parameters_1d(self.J, self.Q)
        for xi, sigma, resolution in parameters:
            j = math.floor(math.log2(parameters[0][0] / xi) + 1e-9)
            q = sum(other.j == j for other in found)
            found.append(Wavelet(j, q, 0, xi, 2 * math.sqrt(math.log(2)) * sigma, 0.0, resolution, (1.0,)))
        return tuple(found)

    def _oriented_wavelets(self) -> tuple[Wavelet, ...]:
        bandwidth = math.sqrt(math.log(2)) / np.pi
        return tuple(
            Wavelet(j, 0, l, 0.375 / 2**j, bandwidth / (0.8 * 2**j), angle, j, direction)
            for j in range(self.J)
            for l, angle, direction in oriented(self.L, len(self.grid_shape))
        )

    def psi(self) -> np.ndarray:
        """Fourier transforms of the wavelets, float64 of shape (n_wavelets, *grid_shape)."""
        if len(self.grid_shape) == 1:
            (n,) = self.grid_shape
            parameters = _kymatio.morlet_parameters_1d(self.J, self.Q)
            return np.stack([_kymatio.morlet_1d(n, xi, sigma) for xi, sigma, _ in parameters])
        return np.stack([self._oriented_morlet(wavelet) for wavelet in self.wavelets()])

    def _oriented_morlet(self, wavelet: Wavelet) -> np.ndarray:
        sigma, direction = 0.8 * 2**wavelet.j, np.array(wavelet.direction)
        gabor = gabor_hat(self.grid_shape, sigma, direction, self.slant, 2 * np.pi * wavelet.frequency)
        gauss = gabor_hat(self.grid_shape, sigma, direction, self.slant, 0.0)
        return gabor - gabor.flat[0] / gauss.flat[0] * gauss

    def phi(self, T: float) -> np.ndarray:
        """Fourier transform of the low-pass that averages over T grid steps, float64 of shape grid_shape."""
        if len(self.grid_shape) == 1:
            return _kymatio.gauss_1d(self.grid_shape[0], _kymatio.SIGMA_0 / T)
        return gabor_hat(self.grid_shape, 0.4 * T, np.eye(len(self.grid_shape))[0], 1.0, 0.0)

    def reach(self) -> float:
        """Grid steps from the centre of the widest wavelet beyond which it is below 1e-8 of its sum."""
        if len(self.grid_shape) == 1:
            narrowest = min(sigma for _, sigma, _ in _kymatio.morlet_parameters_1d(self.J, self.Q))
            return DEVIATIONS / (2 * np.pi * narrowest)
        return DEVIATIONS * 0.4 * 2**self.J * max(1.0, 1 / self.slant)

    def low_pass_reach(self, T: float) -> float:
        """The same for the low-pass that averages over T grid steps."""
        return DEVIATIONS * (T / (2 * np.pi * _kymatio.SIGMA_0) if len(self.grid_shape) == 1 else 0.4 * T)


def gabor_hat(
    grid_shape: tuple[int, ...], sigma: float, direction: np.ndarray, slant: float, centre: float
) -> np.ndarray:
    """Fourier transform of a sampled, periodised Gabor function of unit integral envelope.

    A Gaussian about ``centre * direction`` (radians per step) in frequency. Sampling in space adds its aliases at
    multiples of 2 pi, or, which is the same by Poisson's formula, the transform of its repetitions in space: the
    sum with fewer terms is taken, until the Gaussian falls below double precision.

    Parameters
    ----------
    grid_shape : tuple of int
        Periodic grid.
    sigma : float
        Standard deviation in space along `direction`, grid steps.
    direction : ndarray of shape (n_axes,)
        Unit vector.
    slant : float
        The standard deviation across is sigma / slant.
    centre : float
        Radians per grid step.

    Returns
    -------
    ndarray of shape grid_shape, float64
    """
    xi = centre * direction
    steps = 2 * np.pi / np.array(grid_shape)

    def envelope_hat(omega: list[np.ndarray]) -> np.ndarray:
        offset = [w - c for w, c in zip(omega, xi, strict=True)]
        return np.exp(-0.5 * sigma**2 * _slanted_square(offset, direction, 1 / slant))

    def gabor(u: list[np.ndarray]) -> np.ndarray:
        wave = np.exp(1j * sum(c * v for c, v in zip(xi, u, strict=True)))
        return np.asarray(wave * np.exp(-0.5 / sigma**2 * _slanted_square(u, direction, slant)))

    aliases = DOUBLE_PRECISION * max(1.0, slant) / sigma / steps
    repetitions = np.full(len(grid_shape), DOUBLE_PRECISION * sigma * max(1.0, 1 / slant))
    if np.prod(aliases) <= np.prod(repetitions):
        return _lattice_sum(envelope_hat, grid_shape, steps, xi / steps, aliases)
    ones = np.ones(len(grid_shape))
    weight = slant ** (len(grid_shape) - 1) / (math.sqrt(2 * np.pi) * sigma) ** len(grid_shape)
    return np.asarray(np.fft.fftn(weight * _lattice_sum(gabor, grid_shape, ones, 0 * ones, repetitions)).real)


def _slanted_square(v: list[np.ndarray], direction: np.ndarray, slant: float) -> np.ndarray:
    """|along|**2 + slant**2 |across|**2 of the vectors with components `v`."""
    along = sum(c * x for c, x in zip(direction, v, strict=True))
    return np.asarray((1 - slant**2) * along**2 + slant**2 * sum(x**2 for x in v))


def _lattice_sum(
    function: Callable[[list[np.ndarray]], np.ndarray],
    grid_shape: tuple[int, ...],
    steps: np.ndarray,
    centre: np.ndarray,
    radius: np.ndarray,
) -> np.ndarray:
    """Sum over all n of function(steps * (k + n * grid_shape)) at k in the grid, for a function about `centre`.

    `centre` and `radius`, beyond which the function vanishes, are in units of `steps`.
    """
    first = np.floor(centre - radius).astype(int)
    last = np.ceil(centre + radius).astype(int)
    axes = [np.arange(k, m + 1) for k, m in zip(first, last, strict=True)]
    values = function([step * along_axis(k, a, len(axes)) for a, (step, k) in enumerate(zip(steps, axes, strict=True))])
    periods = -(-np.array(values.shape) // grid_shape)
    values = np.pad(values, [(0, n) for n in periods * grid_shape - values.shape])
    by_period = values.reshape([size for pair in zip(periods, grid_shape, strict=True) for size in pair])
    total = by_period.sum(axis=tuple(range(0, 2 * len(axes), 2)))
    return np.roll(total, first, axis=tuple(range(len(axes))))

"""Wavelets psi and low-pass phi on a periodic grid, given by their (real) Fourier transforms.

Two families. ``MorletBank`` has the filters that the scattering literature and kymatio use. ``TightBank`` is an exact
Littlewood-Paley partition of unity: log-cosine windows over octaves, times cosine powers over angles in 2-D; energy
identities rest on it. Scale j has centre frequency proportional to 2**-j; all filters have L1 normalisation, so
``psi_j_hat(w) = psi_0_hat(2**j w)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from skmst.scattering import _kymatio

DEVIATIONS = 6.0  # standard deviations at which a Gaussian envelope ends: what is beyond is 2e-9 of it


@dataclass(frozen=True)
class Wavelet:
    """What is known of one band-pass filter before it is sampled.

    Attributes
    ----------
    j : int
        Octave: the centre frequency is about 2**-j times that of the finest filter.
    q : int
        Position within the octave, 0 with one wavelet per octave.
    l : int
        Orientation index in 2-D, 0 in 1-D.
    frequency : float
        Centre frequency in cycles per grid step (radial in 2-D).
    bandwidth : float
        Full width at half power of the transfer function, cycles per grid step (radial in 2-D).
    angle : float
        Direction of oscillation in radians from the first towards the second grid axis, 0 in 1-D.
    resolution : int
        log2 of the critical subsampling of the filtered signal; orders follow each other where it increases.
    """

    j: int
    q: int
    l: int
    frequency: float
    bandwidth: float
    angle: float
    resolution: int


def frequencies(grid_shape: tuple[int, ...]) -> list[np.ndarray]:
    """Angular frequencies (radians per step) of the FFT bins, one broadcastable array per axis; Nyquist is +pi."""
    axes = []
    for axis, n in enumerate(grid_shape):
        omega = 2 * np.pi * np.fft.fftfreq(n)
        if n % 2 == 0:
            omega[n // 2] = np.pi
        axes.append(omega.reshape([-1 if a == axis else 1 for a in range(len(grid_shape))]))
    return axes


def orientations(L: int) -> np.ndarray:
    """Angles of the L orientations in radians, shape (L,), kymatio's order."""
    return (int(L - L / 2 - 1) - np.arange(L)) * np.pi / L


def mirror(hat: np.ndarray) -> np.ndarray:
    """The array at the opposite frequency: hat(-w)."""
    return np.roll(np.flip(hat), 1, axis=tuple(range(hat.ndim)))


def littlewood_paley(phi: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """|phi(w)|**2 + (1/2) sum (|psi(w)|**2 + |psi(-w)|**2): the energy that the bank keeps of a real field.

    Parameters
    ----------
    phi : ndarray of shape grid_shape
    psi : ndarray of shape (n_wavelets, *grid_shape)

    Returns
    -------
    ndarray of shape grid_shape
    """
    power = np.sum(psi**2, axis=0)
    return phi**2 + 0.5 * (power + mirror(power))


@dataclass(frozen=True)
class MorletBank:
    """Morlet wavelets psi(u) = g(u) (exp(i xi.u) - kappa) and Gaussian low-pass, as in kymatio 0.3.0.

    In 1-D the filters are kymatio's own. In 2-D they are summed in closed form over Fourier aliases, in double
    precision, and a constant pi replaces kymatio's 3.1415: order m differs by the factor (pi / 3.1415)**(m + 1), 3e-5.

    Parameters
    ----------
    grid_shape : tuple of int
        Periodic grid, one or two axes.
    J : int
        Largest scale is 2**J grid steps.
    Q : int
        Wavelets per octave, 1-D only.
    L : int
        Orientations, 2-D only.
    """

    grid_shape: tuple[int, ...]
    J: int
    Q: int = 1
    L: int = 8

    def wavelets(self) -> tuple[Wavelet, ...]:
        """The filters of the bank, finest first."""
        return self._wavelets_1d() if len(self.grid_shape) == 1 else self._wavelets_2d()

    def _wavelets_1d(self) -> tuple[Wavelet, ...]:
        found: list[Wavelet] = []
        parameters = _kymatio.morlet_parameters_1d(self.J, self.Q)
        for xi, sigma, resolution in parameters:
            j = math.floor(math.log2(parameters[0][0] / xi) + 1e-9)
            q = sum(other.j == j for other in found)
            found.append(Wavelet(j, q, 0, xi, 2 * math.sqrt(math.log(2)) * sigma, 0.0, resolution))
        return tuple(found)

    def _wavelets_2d(self) -> tuple[Wavelet, ...]:
        bandwidth = math.sqrt(math.log(2)) / np.pi
        return tuple(
            Wavelet(j, 0, l, 0.375 / 2**j, bandwidth / (0.8 * 2**j), float(angle), j)
            for j in range(self.J)
            for l, angle in enumerate(orientations(self.L))
        )

    def psi(self) -> np.ndarray:
        """Fourier transforms of the wavelets, float64 of shape (n_wavelets, *grid_shape)."""
        if len(self.grid_shape) == 1:
            (n,) = self.grid_shape
            parameters = _kymatio.morlet_parameters_1d(self.J, self.Q)
            return np.stack([_kymatio.morlet_1d(n, xi, sigma) for xi, sigma, _ in parameters])
        return np.stack([self._morlet_2d(wavelet) for wavelet in self.wavelets()])

    def _morlet_2d(self, wavelet: Wavelet) -> np.ndarray:
        sigma, centre = 0.8 * 2**wavelet.j, 2 * np.pi * wavelet.frequency
        gabor = _gaussian_2d(self.grid_shape, sigma, wavelet.angle, 4.0 / self.L, centre)
        gauss = _gaussian_2d(self.grid_shape, sigma, wavelet.angle, 4.0 / self.L, 0.0)
        return gabor - gabor[0, 0] / gauss[0, 0] * gauss

    def phi(self, T: float) -> np.ndarray:
        """Fourier transform of the low-pass that averages over T grid steps, float64 of shape grid_shape."""
        if len(self.grid_shape) == 1:
            return _kymatio.gauss_1d(self.grid_shape[0], _kymatio.SIGMA_0 / T)
        return _gaussian_2d(self.grid_shape, 0.4 * T, 0.0, 1.0, 0.0)

    def reach(self) -> float:
        """Grid steps from the centre of the widest wavelet beyond which it is below 1e-8 of its sum."""
        if len(self.grid_shape) == 1:
            narrowest = min(sigma for _, sigma, _ in _kymatio.morlet_parameters_1d(self.J, self.Q))
            return DEVIATIONS / (2 * np.pi * narrowest)
        return DEVIATIONS * 0.4 * 2**self.J * max(1.0, self.L / 4)

    def low_pass_reach(self, T: float) -> float:
        """The same for the low-pass that averages over T grid steps."""
        return DEVIATIONS * (T / (2 * np.pi * _kymatio.SIGMA_0) if len(self.grid_shape) == 1 else 0.4 * T)


def _gaussian_2d(grid_shape: tuple[int, ...], sigma: float, angle: float, slant: float, centre: float) -> np.ndarray:
    """Fourier transform of a sampled Gabor function: Gaussian about `centre` (radians per step) along `angle`.

    Spatial standard deviation `sigma` along the direction of oscillation, sigma / slant across. Sampling on the grid
    adds the aliases at multiples of 2 pi; they are summed until the Gaussian falls below double precision.
    """
    omega_0, omega_1 = frequencies(grid_shape)
    reach = 9.0 * max(1.0, slant) / sigma + centre
    aliases = range(-math.ceil(reach / (2 * np.pi) + 0.5), math.ceil(reach / (2 * np.pi) + 0.5) + 1)
    cos, sin = math.cos(angle), math.sin(angle)
    total = np.zeros(grid_shape)
    for m_0, m_1 in product(aliases, aliases):
        w_0, w_1 = omega_0 + 2 * np.pi * m_0, omega_1 + 2 * np.pi * m_1
        along, across = cos * w_0 + sin * w_1 - centre, cos * w_1 - sin * w_0
        total += np.exp(-0.5 * sigma**2 * (along**2 + (across / slant) ** 2))
    return total


@dataclass(frozen=True)
class TightBank:
    """Log-cosine wavelets: an exact partition of unity over frequency, analytic (one half-plane) for each wavelet.

    Over frequency, |psi_hat|**2 is 2 cos**2((pi/2) Q log2(|w| / w_k)) within 1/Q octave of the centre
    w_k = (pi/2) 2**(-k/Q); the finest wavelet keeps everything above its centre. Over angle it is the power
    cos**(2 L - 2), whose L rotations sum to a constant (steerable pyramid, Simoncelli & Freeman 1995). The factor
    two is there because a real field has half its energy on each side.

    Parameters
    ----------
    grid_shape : tuple of int
        Periodic grid, one or two axes.
    J : int
        Largest scale is 2**J grid steps.
    Q : int
        Wavelets per octave, 1-D only.
    L : int
        Orientations, 2-D only.
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
        angles = orientations(self.L) if len(self.grid_shape) == 2 else [0.0]
        found = []
        for k, centre in enumerate(self._centres()):
            upper = 2 * centre if k == 0 else half * centre
            bandwidth = (upper - centre / half) / (2 * np.pi)
            for l, angle in enumerate(angles):
                j, q = divmod(k, self.Q)
                found.append(Wavelet(j, q, l, centre / (2 * np.pi), bandwidth, float(angle), j))
        return tuple(found)

    def psi(self) -> np.ndarray:
        """Fourier transforms of the wavelets, float64 of shape (n_wavelets, *grid_shape)."""
        radius = self._radius()
        radial = []
        for k, centre in enumerate(self._centres()):
            octaves = self.Q * np.log2(radius / centre)
            window = np.where(np.abs(octaves) < 1, np.cos(0.5 * np.pi * octaves), 0.0)
            radial.append(np.where(octaves > 0, 1.0, window) if k == 0 else window)
        directions = self._directions()
        return np.stack([window * direction for window in radial for direction in directions])

    def _radius(self) -> np.ndarray:
        radius = np.sqrt(sum(omega**2 for omega in frequencies(self.grid_shape)))
        radius[(0,) * radius.ndim] = np.finfo(float).tiny  # the mean belongs to phi alone; keeps log2 finite
        return radius

    def _directions(self) -> list[np.ndarray]:
        """One angular window per orientation with (1/2) sum (|a(w)|**2 + |a(-w)|**2) = 1 at every bin."""
        omega = frequencies(self.grid_shape)
        if len(omega) == 1:
            windows = [(omega[0] > 0).astype(float)]
        else:
            bearing = np.arctan2(omega[1], omega[0])
            windows = []
            for angle in orientations(self.L):
                cosine = np.cos(bearing - angle)
                windows.append(np.where(cosine > -1e-9, np.maximum(cosine, 0.0) ** (self.L - 1), 0.0))
        power = np.sum([window**2 for window in windows], axis=0)
        power = 0.5 * (power + mirror(power))
        power[(0,) * power.ndim] = 1.0  # no direction at the mean, where every wavelet vanishes
        return [window / np.sqrt(power) for window in windows]

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


BANKS: dict[str, type[MorletBank] | type[TightBank]] = {"morlet": MorletBank, "tight": TightBank}

"""Covariances of phase harmonics of band-passed fields, moments of low-passed ones, and their gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skmst.scattering.global_statistics import modulus_pullback
from skmst.scattering.relative import Division


@dataclass(frozen=True)
class Moment:
    """One covariance ``Cov([W_n1]^k1 (u), [W_n2]^k2 (u + shift))``, or the scaling moment of a low-pass.

    Attributes
    ----------
    kind : str
        The class: "S11", "S00", "S01", "C01", "Cphase" or "L".
    channels : tuple of int
        Channels of both factors.
    first, second : tuple of (int, int)
        Wavelet and harmonic of each factor; for scaling moments the scale j and the power, twice.
    shift : tuple of (int, int) or None
        Axis and number of grid steps.
    """

    kind: str
    channels: tuple[int, int]
    first: tuple[int, int]
    second: tuple[int, int]
    shift: tuple[int, int] | None = None


def is_real(moment: Moment) -> bool:
    """Whether the moment is real, whatever the field."""
    if moment.kind in ("L", "S00"):
        return True
    return moment.kind == "S11" and moment.channels[0] == moment.channels[1] and moment.shift is None


@dataclass(frozen=True, eq=False)
class Harmonics:
    """Band-passed fields (n, n_channels, n_wavelets, *grid) and their centred harmonics (..., n_signals, n_bins)."""

    bands: np.ndarray
    moduli: np.ndarray
    directions: dict[int, np.ndarray]  # of each harmonic, for all wavelets
    signals: list[tuple[int, int]]
    values: np.ndarray

    @classmethod
    def of(cls, bands: np.ndarray, signals: list[tuple[int, int]]) -> Harmonics:
        """Harmonics k of wavelets n for each (n, k) of `signals`."""
        moduli = np.abs(bands)
        direction = np.divide(bands, moduli, out=np.zeros_like(bands), where=moduli > 0)
        directions = {1: direction}
        for power in range(1, max((k for _, k in signals), default=1).bit_length()):
            directions[2**power] = directions[2 ** (power - 1)] ** 2
        values = np.empty((*bands.shape[:2], len(signals), math.prod(bands.shape[3:])), bands.dtype)
        for place, (n, k) in enumerate(signals):
            value = moduli[:, :, n] if k == 0 else moduli[:, :, n] * directions[k][:, :, n]
            values[:, :, place] = value.reshape(*bands.shape[:2], -1)
        values -= values.mean(axis=-1, keepdims=True)
        return cls(bands, moduli, directions, signals, values)

    @property
    def power(self) -> np.ndarray:
        """Mean squares of the bands, (n, n_channels * n_wavelets)."""
        return mean_square(self.moduli)

    def pullback(self, gradient: np.ndarray, power: np.ndarray) -> np.ndarray:
        """Gradient with respect to `bands` from those with respect to `values` and to `power`."""
        gradient = gradient - gradient.mean(axis=-1, keepdims=True)
        back = mean_square_pullback(self.bands, power)
        for place, (n, k) in enumerate(self.signals):
            inner = gradient[:, :, place].reshape(back[:, :, n].shape)
            if k == 0:
                back[:, :, n] += modulus_pullback(self.bands[:, :, n], self.moduli[:, :, n], inner.real)
            elif k == 1:
                back[:, :, n] += inner
            else:
                # With u = r e^{ik theta}: du = (dr + i k r dtheta) e^{ik theta}, dr + i r dtheta = e^{-i theta} dz.
                turned = np.conj(self.directions[k][:, :, n]) * inner
                back[:, :, n] += self.directions[1][:, :, n] * (turned.real + 1j * k * turned.imag)
        return back


@dataclass(frozen=True, eq=False)
class Block:
    """Covariances of one left signal with several right ones."""

    left: tuple[int, int]  # channel, signal
    shift: tuple[int, int] | None
    right: tuple[np.ndarray, np.ndarray]
    rows: np.ndarray


def covariance_blocks(moments: list[Moment], signals: list[tuple[int, int]]) -> tuple[Block, ...]:
    """Moments with a common left signal and translation, together."""
    place = {signal: i for i, signal in enumerate(signals)}
    together: dict[tuple, list[int]] = {}
    for row, m in enumerate(moments):
        together.setdefault((m.channels[0], place[m.first], m.shift), []).append(row)
    blocks = []
    for (channel, signal, shift), rows in together.items():
        right = [(moments[row].channels[1], place[moments[row].second]) for row in rows]
        columns = tuple(np.array(column) for column in zip(*right, strict=True))
        blocks.append(Block((channel, signal), shift, (columns[0], columns[1]), np.array(rows)))
    return tuple(blocks)


@dataclass(frozen=True, eq=False)
class Plan:
    """Moments of a statistic and how to get them.

    Attributes
    ----------
    moments : list of Moment
        Those of bands first, then `n_scaling` scaling moments.
    signals : list of (int, int)
        Wavelet and harmonic of each signal that they need.
    blocks : tuple of Block
    n_scaling : int
    real : ndarray of bool
        Moments that are real, whatever the field.
    division : Division
        What they are divided by.
    bands : list of str
        Names of the mean squares by which they are divided.
    grid : tuple of int
        Grid on which signals are periodic.
    """

    moments: list[Moment]
    signals: list[tuple[int, int]]
    blocks: tuple[Block, ...]
    n_scaling: int
    real: np.ndarray
    division: Division
    bands: list[str]
    grid: tuple[int, ...]

    def covariances(self, values: np.ndarray) -> np.ndarray:
        """Moments of bands (n, n_rows) from centred harmonics (n, n_channels, n_signals, n_bins)."""
        out = np.empty((len(values), len(self.moments) - self.n_scaling), values.dtype)
        for block in self.blocks:
            left = np.conj(self._left(values, block))[..., None]
            out[:, block.rows] = np.conj(values[:, *block.right] @ left)[..., 0]
        return out / values.shape[-1]

    def covariances_pullback(self, values: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Gradient with respect to the harmonics from the one with respect to their covariances."""
        out = np.zeros_like(values)
        for block in self.blocks:
            left, part = self._left(values, block), gradient[:, None, block.rows]
            back = (part @ values[:, *block.right])[:, 0]
            out[:, *block.left] += self._shifted(back, block.shift, -1)
            for i, right in enumerate(zip(*block.right, strict=True)):
                out[:, *right] += np.conj(part[:, 0, i, None]) * left
        return out / values.shape[-1]

    def _left(self, values: np.ndarray, block: Block) -> np.ndarray:
        # To translate the left one backwards is to translate the right ones forwards.
        return self._shifted(values[:, *block.left], block.shift, 1)

    def _shifted(self, signal: np.ndarray, shift: tuple[int, int] | None, sign: int) -> np.ndarray:
        if shift is None:
            return signal
        axis, steps = shift
        on_grid = signal.reshape(len(signal), *self.grid)
        return np.roll(on_grid, sign * steps, 1 + axis).reshape(signal.shape)


def mean_square(signals: np.ndarray) -> np.ndarray:
    """Mean squares (n, n_channels * n_bands) of real signals (n, n_channels, n_bands, *grid)."""
    flat = signals.reshape(len(signals), signals.shape[1] * signals.shape[2], -1)
    return np.asarray((flat**2).mean(axis=-1))


def mean_square_pullback(signals: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Gradient with respect to signals, real or complex, from the one with respect to their mean squares."""
    ndim = signals.ndim - 3
    gradient = gradient.reshape(*signals.shape[:3], *(1,) * ndim)
    return np.asarray(signals * (gradient * (2 / math.prod(signals.shape[3:]))))


def scaling_moments(low: np.ndarray, powers: tuple[int, ...]) -> np.ndarray:
    """Variances (n, n_channels * n_scales * n_powers) of powers of real signals (n, n_channels, n_scales, *grid).

    Power 0 stands for the modulus.
    """
    axes = tuple(range(3, low.ndim))
    variances = [(np.abs(low) if p == 0 else low**p).var(axis=axes) for p in powers]
    return np.stack(variances, axis=-1).reshape(len(low), -1)


def scaling_moments_pullback(low: np.ndarray, gradient: np.ndarray, powers: tuple[int, ...]) -> np.ndarray:
    """Gradient with respect to the signals from the one with respect to their `scaling_moments`."""
    axes = tuple(range(3, low.ndim))
    gradient = gradient.reshape(*low.shape[:3], len(powers), *(1,) * len(axes))
    back = np.zeros_like(low)
    for i, p in enumerate(powers):
        value, slope = (np.abs(low), np.sign(low)) if p == 0 else (low**p, p * low ** (p - 1))
        back += gradient[:, :, :, i] * slope * (value - value.mean(axis=axes, keepdims=True))
    return back * (2 / math.prod(low.shape[3:]))

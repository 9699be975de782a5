"""Filters and averages that are ready for signals of one sampling, each with its transpose.

A product with a filter touches only the blocks of the spectrum where the filter lives and folds them onto the coarser
grid: sampling in space is folding in frequency. Transposes are for the real inner product ``Re(conj(a) b)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.fft

NEGLIGIBLE = 1e-9  # of a filter's maximum; smaller values are taken as zero


@dataclass(frozen=True)
class Filters:
    """Several filters, ready for spectra of one size: nonzero blocks, and the size to fold them to."""

    indices: np.ndarray
    stride: tuple[int, ...]  # of the filtered signal, in steps of the finest grid
    source: tuple[int, ...]  # size of the spectra
    grid: tuple[int, ...]  # size of the filtered signals
    blocks: tuple[tuple[int, tuple[slice, ...], np.ndarray], ...]  # filter, bins, values: each bin twice, see convolve

    def convolve(self, spectrum: np.ndarray) -> np.ndarray:
        """Filtered signals (..., n_filters, *grid), complex, from spectra (..., *source).

        Products run over real and imaginary parts as one real array: numpy would first turn the real filter complex.
        """
        leading = spectrum.shape[: -len(self.grid)]
        folded = np.zeros((*leading, len(self.indices), *self.grid), spectrum.dtype)
        parts, buffer = _as_real(spectrum), np.empty((*leading, *self.grid), spectrum.dtype)
        for index, where, hat in self.blocks:
            target = _as_real(folded[(..., index) + (slice(None),) * len(self.grid)])
            target += np.multiply(parts[(...,) + where], hat, out=_as_real(buffer))
        return scipy.fft.ifftn(folded, axes=_trailing(len(self.grid)), overwrite_x=True)

    def transpose(self, gradient: np.ndarray) -> np.ndarray:
        """Gradients with respect to spectra (..., *source) from those with respect to filtered signals."""
        leading = gradient.shape[: -len(self.grid) - 1]
        hats = scipy.fft.fftn(gradient, axes=_trailing(len(self.grid)), norm="forward")
        out = np.zeros((*leading, *self.source), hats.dtype)
        parts, buffer = _as_real(out), np.empty((*leading, *self.grid), hats.dtype)
        for index, where, hat in self.blocks:
            folded = _as_real(hats[(..., index) + (slice(None),) * len(self.grid)])
            parts[(...,) + where] += np.multiply(folded, hat, out=_as_real(buffer))
        return out


def make_filters(
    hats: np.ndarray, indices: Sequence[int], parent: Sequence[int], stride: Sequence[int], dtype: np.dtype
) -> Filters:
    """Blocks of `hats` (n, *parent's grid) for signals that go from sampling `parent` to `stride`."""
    ratios = tuple(s // p for s, p in zip(stride, parent, strict=True))
    source = hats.shape[1:]
    grid = tuple(m // r for m, r in zip(source, ratios, strict=True))
    hats = np.where(np.abs(hats) > NEGLIGIBLE * np.abs(hats).max(initial=0.0), hats, 0.0) / math.prod(ratios)
    blocks = []
    for index, hat in enumerate(hats):
        for corner in product(*(range(r) for r in ratios)):
            block = hat[tuple(slice(c * m, (c + 1) * m) for c, m in zip(corner, grid, strict=True))]
            if block.any():
                widths = (*grid[:-1], 2 * grid[-1])
                where = tuple(slice(c * m, (c + 1) * m) for c, m in zip(corner, widths, strict=True))
                blocks.append((index, where, np.repeat(block, 2, axis=-1).astype(dtype)))
    return Filters(np.asarray(indices), tuple(stride), source, grid, tuple(blocks))


@dataclass(frozen=True)
class Pooling:
    """The last average, for signals of one size: weights over the grid (global) or a low-pass (local)."""

    grid: tuple[int, ...]  # size of the signals
    weights: tuple[np.ndarray, ...] | None
    low_pass: Filters | None
    every: tuple[slice, ...]
    gain: float = 1.0  # what becomes of a signal that is one everywhere

    def __call__(self, signal: np.ndarray, spectrum: np.ndarray | None = None) -> np.ndarray:
        """(..., *grid) -> (..., *output grid); `spectrum` saves a transform where the caller has it."""
        if self.weights is not None:
            for weight in reversed(self.weights):
                signal = signal @ weight
            return signal
        if self.low_pass is not None:
            if spectrum is None:
                spectrum = transform(signal, len(self.grid))
            smooth = self.low_pass.convolve(spectrum)[(..., 0) + (slice(None),) * len(self.grid)]
            signal = smooth if np.iscomplexobj(signal) else smooth.real
        return signal[(...,) + self.every]

    def transpose(self, gradient: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Gradients with respect to the signal and to its spectrum, one of them None, from those of the averages."""
        if self.weights is not None:
            for weight in self.weights:
                gradient = gradient[..., None] * weight
            return gradient, None
        smooth = self.low_pass
        leading = gradient.shape[: gradient.ndim - len(self.grid)]
        full = np.zeros((*leading, *(self.grid if smooth is None else smooth.grid)), gradient.dtype)
        full[(...,) + self.every] = gradient
        if smooth is None:
            return full, None
        return None, smooth.transpose(np.expand_dims(full, -1 - len(self.grid)))


def transform(signal: np.ndarray, ndim: int) -> np.ndarray:
    """Fourier transform over the last axes."""
    return scipy.fft.fftn(signal, axes=_trailing(ndim))


def transpose_transform(gradient: np.ndarray, ndim: int) -> np.ndarray:
    """The transpose of `transform`, which is its inverse without the division."""
    return scipy.fft.ifftn(gradient, axes=_trailing(ndim), norm="forward")


def crop(hat: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """The lowest frequencies of a transform (..., *finer grid) on a coarser grid; Nyquist counts as negative."""
    for axis, m in zip(_trailing(len(grid)), grid, strict=True):
        keep = np.r_[0 : (m + 1) // 2, hat.shape[axis] - m // 2 : hat.shape[axis]]
        hat = np.take(hat, keep, axis=axis)
    return hat


def embed(hat: np.ndarray, factor: int, nyquist: float = 1.0) -> np.ndarray:
    """A transform (n, *grid) on a grid `factor` times finer, zero beyond the old Nyquist frequency.

    On even axes that bin is written on both sides, times `nyquist`: 1 for filters, 1/2 for the spectra of fields.
    """
    for axis in range(1, hat.ndim if factor > 1 else 1):
        n = hat.shape[axis]
        low = (n + 1) // 2
        parts = np.split(hat, [low, low + (n % 2 == 0)], axis)
        edge = parts[1] * nyquist
        zeros = np.zeros_like(hat, shape=(*hat.shape[:axis], factor * n - n - edge.shape[axis], *hat.shape[axis + 1 :]))
        hat = np.concatenate([parts[0], edge, zeros, edge, parts[2]], axis)
    return hat


def transpose_embed(gradient: np.ndarray, grid: Sequence[int], nyquist: float) -> np.ndarray:
    """The transpose of `embed` back to `grid`."""
    for axis, n in enumerate(grid, start=1):
        m = gradient.shape[axis]
        if m > n:
            low, even = (n + 1) // 2, int(n % 2 == 0)
            parts = np.split(gradient, [low, low + even, m - n // 2, m - n // 2 + even], axis)
            gradient = np.concatenate([parts[0], nyquist * (parts[1] + parts[3]), parts[4]], axis)
    return gradient


def _as_real(z: np.ndarray) -> np.ndarray:
    return z.view(z.real.dtype)


def _trailing(ndim: int) -> tuple[int, ...]:
    return tuple(range(-ndim, 0))

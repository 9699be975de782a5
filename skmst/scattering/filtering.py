"""Filters and averages that are ready for signals of one sampling, each with its transpose.

A product with a filter touches only the blocks of the spectrum where the filter lives and folds them onto the coarser
grid: sampling in space is folding in frequency. Transposes are for the real inner product ``Re(conj(a) b)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import scipy.fft

from skmst.scattering import separable
from skmst.scattering.lanes import along_axes, as_real, grid_first, grid_last

NEGLIGIBLE = {"d": 1e-9, "f": 1e-7}  # of a filter's maximum; smaller values are taken as zero
_MATRIX, _PRODUCT = 100, 2000  # what a product of small matrices, and the call of a ufunc, cost in multiplications


@dataclass(frozen=True)
class Filters:
    """Several filters, ready for spectra of one size: nonzero blocks, and the size to fold them to."""

    indices: np.ndarray
    stride: tuple[int, ...]  # of the filtered signal, in steps of the finest grid
    source: tuple[int, ...]  # size of the spectra
    grid: tuple[int, ...]  # size of the filtered signals
    blocks: tuple[tuple[int, tuple[slice, ...], np.ndarray], ...]  # filter, bins, values: each bin twice, see convolve

    def hats(self) -> Iterator[np.ndarray]:
        """One filter after the other on the whole grid of the spectra, divided by the points that fold into one."""
        for filter_ in range(len(self.indices)):
            parts = np.zeros((*self.source[:-1], 2 * self.source[-1]))  # each bin twice, as in the blocks
            for index, where, values in self.blocks:
                if index == filter_:
                    parts[where] = values
            yield parts[..., ::2]

    def convolve(self, spectrum: np.ndarray) -> np.ndarray:
        """Filtered signals (..., n_filters, *grid), complex, from spectra (..., *source)."""
        ndim = len(self.grid)
        if not self._by_matrices(math.prod(spectrum.shape[:-ndim])):
            return scipy.fft.ifftn(self._products(spectrum), axes=_trailing(ndim), overwrite_x=True)
        lanes = self._folded(self._gathered(grid_first(spectrum, ndim)), self._matrices)
        return grid_last(scipy.fft.ifftn(lanes, axes=range(ndim), overwrite_x=True), ndim)

    def transpose(self, gradient: np.ndarray) -> np.ndarray:
        """Gradients with respect to spectra (..., *source) from those with respect to filtered signals."""
        ndim = len(self.grid)
        if not self._by_matrices(math.prod(gradient.shape[: -ndim - 1])):
            return self._transposed_products(scipy.fft.fftn(gradient, axes=_trailing(ndim), norm="forward"))
        lanes = scipy.fft.fftn(grid_first(gradient, ndim), axes=range(ndim), norm="forward")
        parts = self._folded(lanes, self._matrices.swapaxes(1, 2))
        out = np.zeros((*self.source, *parts.shape[ndim + 1 :]), parts.dtype)
        for n, corner in enumerate(self._corners):
            out[corner] = parts[(slice(None),) * ndim + (n,)]
        return grid_last(out, ndim)

    def _by_matrices(self, n_signals: int) -> bool:
        """Whether products with all filters at once cost less than block by block."""
        effort = len(self.blocks) * (n_signals + _PRODUCT / math.prod(self.grid))
        return min(len(self._corners), len(self.indices)) > 1 and effort > _MATRIX

    @cached_property
    def _corners(self) -> list[tuple[slice, ...]]:
        """Blocks of the spectrum that any of the filters needs."""
        starts = sorted({tuple(bins.start for bins in where) for _, where, _ in self.blocks})
        parts = (1,) * (len(self.grid) - 1) + (2,)
        return [
            tuple(slice(k // c, k // c + m) for k, c, m in zip(start, parts, self.grid, strict=True))
            for start in starts
        ]

    @cached_property
    def _matrices(self) -> np.ndarray:
        """Values of the filters, for each bin of the folded spectrum a matrix (n_filters, n_corners)."""
        number = {tuple(bins.start for bins in corner): n for n, corner in enumerate(self._corners)}
        values = np.zeros((*self.grid, len(self.indices), len(number)), self.blocks[0][2].dtype)
        for index, where, hat in self.blocks:
            start = (*(bins.start for bins in where[:-1]), where[-1].start // 2)
            values[..., index, number[start]] = hat[..., ::2]
        return values.reshape(-1, *values.shape[-2:])

    def _gathered(self, lanes: np.ndarray) -> np.ndarray:
        """The blocks of spectra (*source, ...) beside each other: (*grid, n_corners, ...)."""
        ndim = len(self.grid)
        out = np.empty((*self.grid, len(self._corners), *lanes.shape[ndim:]), lanes.dtype)
        for n, corner in enumerate(self._corners):
            out[(slice(None),) * ndim + (n,)] = lanes[corner]
        return out

    def _folded(self, lanes: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """(*grid, n, ...) -> (*grid, m, ...): for each bin a product with a matrix (m, n)."""
        n, leading = matrices.shape[2], lanes.shape[len(self.grid) + 1 :]
        found = matrices @ as_real(np.ascontiguousarray(lanes).reshape(len(matrices), n, -1))
        return found.view(lanes.dtype).reshape(*self.grid, -1, *leading)

    def _products(self, spectrum: np.ndarray) -> np.ndarray:
        """Folded products (..., n_filters, *grid), block by block.

        They run over real and imaginary parts as one real array: numpy would first turn the real filter complex.
        """
        leading = spectrum.shape[: -len(self.grid)]
        folded = np.empty((*leading, len(self.indices), *self.grid), spectrum.dtype)
        parts, buffer = as_real(np.ascontiguousarray(spectrum)), np.empty((*leading, *self.grid), spectrum.dtype)
        empty = set(range(len(self.indices)))
        for index, where, hat in self.blocks:
            target = as_real(folded[(..., index) + (slice(None),) * len(self.grid)])
            if index in empty:
                np.multiply(parts[(...,) + where], hat, out=target)
            else:
                target += np.multiply(parts[(...,) + where], hat, out=as_real(buffer))
            empty.discard(index)
        folded[(..., list(empty)) + (slice(None),) * len(self.grid)] = 0
        return folded

    def _transposed_products(self, hats: np.ndarray) -> np.ndarray:
        """The transpose of `_products`."""
        leading = hats.shape[: -len(self.grid) - 1]
        out = np.zeros((*leading, *self.source), hats.dtype)
        parts, buffer = as_real(out), np.empty((*leading, *self.grid), hats.dtype)
        for index, where, hat in self.blocks:
            folded = as_real(hats[(..., index) + (slice(None),) * len(self.grid)])
            parts[(...,) + where] += np.multiply(folded, hat, out=as_real(buffer))
        return out


def make_filters(
    hats: np.ndarray,
    indices: Sequence[int],
    parent: Sequence[int],
    stride: Sequence[int],
    dtype: np.dtype,
    negligible: float | None = None,
) -> Filters:
    """Blocks of `hats` (n, *parent's grid) for signals that go from sampling `parent` to `stride`."""
    ratios = tuple(s // p for s, p in zip(stride, parent, strict=True))
    source = hats.shape[1:]
    negligible = NEGLIGIBLE[np.dtype(dtype).char] if negligible is None else negligible
    grid = tuple(m // r for m, r in zip(source, ratios, strict=True))
    hats = np.where(np.abs(hats) > negligible * np.abs(hats).max(initial=0.0), hats, 0.0) / math.prod(ratios)
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
    hat: np.ndarray | None = None  # of the low-pass, in double precision

    @cached_property
    def matrices(self) -> tuple[np.ndarray, ...] | None:
        """For each axis a matrix (n_out, n) of which the average is the product; None where a filter does better."""
        if self.weights is not None:
            return tuple(weight[None] for weight in self.weights)
        if self.low_pass is None or self.hat is None:
            return None
        dtype = self.low_pass.blocks[0][2].dtype
        return separable.matrices(self.hat, self.low_pass.grid, self.every, dtype)

    @property
    def needs_spectrum(self) -> bool:
        """Whether signals have to be transformed."""
        return self.matrices is None and self.low_pass is not None

    def __call__(self, signal: np.ndarray, spectrum: np.ndarray | None = None) -> np.ndarray:
        """(..., *grid) -> (..., *output grid); `spectrum` saves a transform where the caller has it."""
        by_filter = spectrum is not None and self.low_pass is not None and len(self.grid) == 1
        if self.matrices is not None and not by_filter:
            found = along_axes(self.matrices, signal)
            return found if self.weights is None else found[(...,) + (0,) * len(self.grid)]
        if self.low_pass is not None:
            if spectrum is None:
                spectrum = transform(signal, len(self.grid))
            smooth = self.low_pass.convolve(spectrum)[(..., 0) + (slice(None),) * len(self.grid)]
            signal = smooth if np.iscomplexobj(signal) else smooth.real
        return signal[(...,) + self.every]

    def transpose(self, gradient: np.ndarray, *, direct: bool = False) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Gradients with respect to the signal and to its spectrum, one of them None, from those of the averages.

        The one to the signal where there is no low-pass, and with `direct` also where matrices do its work.
        """
        ndim = len(self.grid)
        if self.weights is not None:
            gradient = gradient[(...,) + (None,) * ndim]
        if self.weights is not None or (direct and self.matrices is not None):
            assert self.matrices is not None
            lanes = np.ascontiguousarray(grid_first(gradient, ndim))
            return along_axes([matrix.T for matrix in self.matrices], grid_last(lanes, ndim)), None
        smooth = self.low_pass
        leading = gradient.shape[: gradient.ndim - ndim]
        full = np.zeros((*leading, *(self.grid if smooth is None else smooth.grid)), gradient.dtype)
        full[(...,) + self.every] = gradient
        if smooth is None:
            return full, None
        return None, smooth.transpose(np.expand_dims(full, -1 - ndim))


def transform(signal: np.ndarray, ndim: int) -> np.ndarray:
    """Fourier transform over the last axes."""
    if _lies_along(signal, ndim):
        return scipy.fft.fft(signal)
    return grid_last(scipy.fft.fftn(grid_first(signal, ndim), axes=range(ndim)), ndim)


def transpose_transform(gradient: np.ndarray, ndim: int) -> np.ndarray:
    """The transpose of `transform`, which is its inverse without the division."""
    if _lies_along(gradient, ndim):
        return scipy.fft.ifft(gradient, norm="forward")
    return grid_last(scipy.fft.ifftn(grid_first(gradient, ndim), axes=range(ndim), norm="forward"), ndim)


def _lies_along(signal: np.ndarray, ndim: int) -> bool:
    """Whether signals of one axis follow each other in memory, and had better stay so."""
    return ndim == 1 and signal.flags.c_contiguous


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


def _trailing(ndim: int) -> tuple[int, ...]:
    return tuple(range(-ndim, 0))

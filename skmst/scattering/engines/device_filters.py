"""Filters and averages of a plan as arrays of one library on one device.

A batch of filters is a sum over blocks of the spectrum: all filters at once, a few blocks after each other. Averages
are matrices along each axis, where the low-pass is a product of functions of one axis each and few numbers come out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmst.scattering.engines.namespaces import Array, Namespace
from skmst.scattering.filtering import Filters, Pooling


@dataclass(frozen=True, eq=False)
class FilterBatch:
    """Several filters for spectra of one size.

    Attributes
    ----------
    ratios, grid : tuple of int
        Blocks of the spectrum along each axis, and their size, that of the filtered signals.
    terms : list of (which, values)
        Summands: the block of the spectrum that all filters take, or an array with that of each filter; and their
        values there.
    """

    ns: Namespace
    ratios: tuple[int, ...]
    grid: tuple[int, ...]
    terms: list[tuple[int | Array, Array]]

    def convolve(self, spectrum: Array) -> Array:
        """Filtered signals (n, n_before, n_filters, *grid), complex, from spectra (n, n_before, *source)."""
        return self.ns.convolve(spectrum, self)

    def filtered(self, spectrum: Array) -> Array:
        """The same by the functions of the library alone."""
        blocks, total = self._blocks(spectrum), None
        for which, values in self.terms:
            one = isinstance(which, int)
            block = blocks[:, :, which : which + 1, ...] if one else self.ns.take(blocks, which, 2)
            total = self.ns.add_product(total, block, values)
        return self.ns.ifft(total, len(self.grid))

    def _blocks(self, spectrum: Array) -> Array:
        """(n, n_before, n_blocks, *grid)."""
        n, before, d = spectrum.shape[0], spectrum.shape[1], len(self.grid)
        pairs = [size for pair in zip(self.ratios, self.grid, strict=True) for size in pair]
        split = self.ns.xp.reshape(spectrum, (n, before, *pairs))
        if d > 1 and max(self.ratios) > 1:
            split = self.ns.permute(split, (0, 1, *range(2, 2 + 2 * d, 2), *range(3, 2 + 2 * d, 2)))
        return self.ns.xp.reshape(split, (n, before, math.prod(self.ratios), *self.grid))


def filter_batch(ns: Namespace, device: Any, filters: Filters, dtype: np.dtype) -> FilterBatch:
    """The filters of a plan on a device, of real numbers of a dtype."""
    ratios = tuple(m // n for m, n in zip(filters.source, filters.grid, strict=True))
    found: list[dict[int, np.ndarray]] = [{} for _ in filters.indices]
    for index, block, hat in blocks_of(filters):
        found[index][block] = hat
    used = sorted(set().union(*found)) or [0]
    most = max(1, *(len(own) for own in found))
    zero = np.zeros(filters.grid, dtype)
    terms: list[tuple[int | Array, Array]] = []
    if len(used) <= 2 * most:  # hardly any filter goes without: no copies of blocks
        for block in used:
            values = np.stack([own.get(block, zero) for own in found])
            terms.append((block, ns.filter_values(values, device)))
    else:
        rows = [[*own.items(), *[(used[0], zero)] * (most - len(own))] for own in found]
        for term in zip(*rows, strict=True):
            which = np.array([block for block, _ in term])
            terms.append((ns.put(which, device), ns.filter_values(np.stack([hat for _, hat in term]), device)))
    return FilterBatch(ns, ratios, filters.grid, terms)


def blocks_of(filters: Filters) -> list[tuple[int, int, np.ndarray]]:
    """Filter, number of the block of the spectrum in C order, and values there."""
    ratios = tuple(m // n for m, n in zip(filters.source, filters.grid, strict=True))
    widths = (*filters.grid[:-1], 2 * filters.grid[-1])  # every bin of the last axis is there twice
    found = []
    for index, where, hat in filters.blocks:
        corner = [w.start // width for w, width in zip(where, widths, strict=True)]
        found.append((index, int(np.ravel_multi_index(corner, ratios)), hat[..., ::2]))
    return found


@dataclass(frozen=True, eq=False)
class Average:
    """The last average of signals of one size: a matrix for each axis, or a low-pass in frequency.

    Attributes
    ----------
    grid : tuple of int
        Size of the signals.
    matrices : tuple of arrays of shape (size, n_out), or (size,), or None
        What averages are products with, last axis first.
    low_pass : FilterBatch or None
        What spectra are multiplied with.
    every : tuple of slice
        Which samples are kept.
    """

    ns: Namespace
    grid: tuple[int, ...]
    matrices: tuple[Array, ...] | None
    low_pass: FilterBatch | None
    every: tuple[slice, ...]
    gain: float

    def needs_spectrum(self) -> bool:
        """Whether signals have to be transformed."""
        return self.matrices is None and self.low_pass is not None

    def __call__(self, signal: Array, spectrum: Array | None) -> Array:
        """(n, n_before, n_filters, *grid) -> (n, n_before, n_filters, *output grid)."""
        if self.matrices is not None:
            for matrix in self.matrices:
                signal = self._contracted(signal, matrix)
            return signal
        if self.low_pass is not None:
            leading = signal.shape[: len(signal.shape) - len(self.grid)]
            flat = self.ns.xp.reshape(spectrum, (leading[0], -1, *self.grid))
            smooth = self.low_pass.convolve(flat)
            smooth = self.ns.xp.reshape(smooth, (*leading, *self.low_pass.grid))
            signal = smooth if self.ns.is_complex(signal) else self.ns.xp.real(smooth)
        return signal[(..., *self.every)]

    def _contracted(self, signal: Array, matrix: Array) -> Array:
        """The last axis averaged; where something is left of it, it becomes the first of the grid."""
        found = self.ns.xp.matmul(signal, matrix)
        if len(matrix.shape) == 1 or len(self.grid) == 1:
            return found
        d = len(self.grid)
        n_leading = len(found.shape) - d
        return self.ns.permute(found, (*range(n_leading), n_leading + d - 1, *range(n_leading, n_leading + d - 1)))


def average(ns: Namespace, device: Any, pooling: Pooling, dtype: np.dtype) -> Average:
    """The average of a plan on a device.

    Parameters
    ----------
    ns : Namespace
        Library.
    device : object
        Where to.
    pooling : Pooling
        The average.
    dtype : dtype
        Of the signals, complex or real.
    """
    found: tuple[np.ndarray, ...] | None
    if pooling.weights is not None:
        found = pooling.weights
    else:
        found = None if pooling.matrices is None else tuple(matrix.T for matrix in pooling.matrices)
    matrices, low_pass = None, None
    if found is not None:
        matrices = tuple(ns.put(np.ascontiguousarray(matrix, dtype), device) for matrix in reversed(found))
    elif pooling.low_pass is not None:
        low_pass = filter_batch(ns, device, pooling.low_pass, np.empty(0, dtype).real.dtype)
    return Average(ns, pooling.grid, matrices, low_pass, pooling.every, pooling.gain)

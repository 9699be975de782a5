"""Low-passes that are products of functions of one axis each, as matrices along the axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

COLUMNS = 160  # numbers along all axes, beyond which products with matrices cost more than a pair of transforms
ENTRIES = 2**17  # of a matrix, beyond which it leaves the caches


def factors(hat: np.ndarray) -> list[np.ndarray] | None:
    """The factors along the axes of which a filter is the product, None if there are none."""
    if not hat.flat[0]:
        return None
    lines = [np.moveaxis(hat, axis, -1)[(0,) * (hat.ndim - 1)] for axis in range(hat.ndim)]
    found = [lines[0], *(line / hat.flat[0] for line in lines[1:])]
    product = reduce(np.multiply.outer, found)
    return found if np.abs(product - hat).max() <= 1e-15 * np.abs(hat).max() else None


def matrices(
    hat: np.ndarray, grid: Sequence[int], every: Sequence[slice], dtype: np.dtype
) -> tuple[np.ndarray, ...] | None:
    """A matrix (n_out, n) for each axis, which together filter, sample on `grid`, and keep `every` of the samples.

    None where the filter is no product, or the matrices are so large that transforms are faster.

    Parameters
    ----------
    hat : ndarray of shape (n, ...), float64
        Fourier transform of the filter.
    grid : sequence of int
        Samples of the filtered signal along each axis.
    every : sequence of slice
        Those of them that are kept.
    dtype : dtype
        Of the matrices.
    """
    outputs = [np.arange(m)[kept] * (n // m) for n, m, kept in zip(hat.shape, grid, every, strict=True)]
    sizes = [len(positions) * n for positions, n in zip(outputs, hat.shape, strict=True)]
    if sum(map(len, outputs)) > COLUMNS or max(sizes) > ENTRIES:
        return None
    found = factors(hat)
    if found is None:
        return None
    return tuple(_matrix(factor, positions).astype(dtype) for factor, positions in zip(found, outputs, strict=True))


def _matrix(factor: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Rows of the circulant matrix of a filter."""
    n = len(factor)
    response = np.fft.ifft(factor).real
    return np.asarray(response[(positions[:, None] - np.arange(n)) % n])

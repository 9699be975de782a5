"""How the numpy engine keeps arrays of signals in memory: the grid first, the signals beside each other at every point.

An array (*leading, *grid) is only seen that way: one line of memory holds the same point of all signals, the last of
the leading axes slowest. Filters then are small matrices, one for each frequency, and averages large ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def grid_first(signals: np.ndarray, ndim: int) -> np.ndarray:
    """A view (*grid, *reversed(leading)) of signals (*leading, *grid) on a grid of `ndim` axes."""
    n = signals.ndim - ndim
    return signals.transpose(*range(n, signals.ndim), *reversed(range(n)))


def grid_last(lanes: np.ndarray, ndim: int) -> np.ndarray:
    """A view (*leading, *grid) of what `grid_first` returns."""
    return lanes.transpose(*reversed(range(ndim, lanes.ndim)), *range(ndim))


def as_real(z: np.ndarray) -> np.ndarray:
    """Real and imaginary parts beside each other along the last axis; a view."""
    return z.view(z.real.dtype)


def along_axes(matrices: Sequence[np.ndarray], signals: np.ndarray) -> np.ndarray:
    """Signals (*leading, *grid) times a real matrix (n_out, n) along each axis of the grid."""
    ndim = len(matrices)
    lanes = grid_first(signals, ndim)
    if lanes.flags.c_contiguous and signals.ndim > ndim:
        return grid_last(_products(matrices, lanes, range(ndim)), ndim)
    return _products(matrices, np.ascontiguousarray(signals), range(signals.ndim - ndim, signals.ndim))


def _products(matrices: Sequence[np.ndarray], values: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """A C-contiguous array times a matrix along each of some axes, the last one first."""
    if np.iscomplexobj(values):  # a product with a complex matrix would cost twice as much
        parts = _products(matrices, as_real(values).reshape(*values.shape, 2), axes)
        return parts.view(values.dtype)[..., 0]
    for matrix, axis in zip(reversed(matrices), reversed(axes), strict=True):
        shape = values.shape
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        values = values.reshape(before, -1) @ matrix.T if after == 1 else matrix @ values.reshape(before, -1, after)
        values = values.reshape(*shape[:axis], len(matrix), *shape[axis + 1 :])
    return values

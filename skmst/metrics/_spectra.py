"""Power per octave: a physical observable of a field that does not depend on where anything is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def power_per_octave(
    fields: ArrayLike, n_octaves: int | None = None, *, grid_shape: tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """Spectral power of periodic fields in octaves of the wavenumber.

    Octave b holds the wavenumbers from ``2**b`` to below ``2**(b + 1)`` periods per domain (the length of the wave
    vector, for grids of more than one axis). The mean of the field belongs to none.

    Parameters
    ----------
    fields : array-like of shape (..., *grid_shape)
        Real fields.
    n_octaves : int or None, default=None
        Number of octaves, from the largest waves on. None takes all that the grid resolves.
    grid_shape : tuple of int or None, default=None
        Trailing axes that are the grid. None is a 1-D grid, the last axis.

    Returns
    -------
    ndarray of shape (..., n_octaves)
        Power in units of the field squared: the sum over all octaves is the mean square of the fluctuation.

    Raises
    ------
    ValueError
        If the trailing axes are not `grid_shape`, or the grid does not resolve `n_octaves`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.metrics import power_per_octave
    >>> x = 2 * np.pi * np.arange(32) / 32
    >>> np.round(power_per_octave(2 * np.cos(x) + np.sin(5 * x)), 6)
    array([2. , 0. , 0.5, 0. , 0. ])
    """
    u = np.asarray(fields, dtype=np.float64)
    grid = u.shape[-1:] if grid_shape is None else tuple(grid_shape)
    if u.ndim < len(grid) or u.shape[u.ndim - len(grid) :] != grid:
        raise ValueError(f"the trailing axes of fields, shape {u.shape}, must equal grid_shape={grid}.")
    axes = tuple(range(-len(grid), 0))
    wavenumbers = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in grid), indexing="ij")
    radius = np.sqrt(sum(k**2 for k in wavenumbers)).ravel()
    octave = np.full(radius.shape, -1)
    octave[1:] = np.floor(np.log2(radius[1:]) + 1e-12)
    resolved = int(octave.max()) + 1
    n = resolved if n_octaves is None else n_octaves
    if not 1 <= n <= resolved:
        raise ValueError(f"n_octaves={n_octaves} must lie between 1 and {resolved}, what a grid of {grid} resolves.")
    power = np.abs(np.fft.fftn(u, axes=axes)).reshape(*u.shape[: u.ndim - len(grid)], -1) ** 2
    return power @ (octave[:, None] == np.arange(n)) / np.prod(grid, dtype=float) ** 2

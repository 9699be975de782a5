"""Fields made of points: sums of Gaussians, as the densities of molecules are drawn before they are scattered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def gaussian_density(
    positions: np.ndarray,
    charges: np.ndarray,
    grid_shape: Sequence[int],
    sigma: float,
    *,
    dtype: type[np.floating] = np.float64,
) -> np.ndarray:
    """Periodic sums of Gaussians centred on points, sampled on a grid.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, n_points, n_axes)
        Where the points are, in grid steps; the first grid point is the origin. Points off the grid wrap around.
    charges : ndarray of shape (n_samples, n_points)
        Integral of each Gaussian; 0 for rows that only fill up the array.
    grid_shape : sequence of int
        Grid, one to three axes.
    sigma : float
        Standard deviation, grid steps. The samples sum to the charge within 2e-5 from 0.8 on, within 2e-8 from 1 on.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float64
        Of the result.

    Returns
    -------
    ndarray of shape (n_samples, *grid_shape)

    Raises
    ------
    ValueError
        If shapes do not fit together, values are not finite or sigma is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.scattering.densities import gaussian_density
    >>> water = np.array([[[8.0, 8.0, 8.0], [10.0, 8.0, 8.0], [7.5, 9.9, 8.0]]])
    >>> density = gaussian_density(water, np.array([[8.0, 1.0, 1.0]]), (16, 16, 16), sigma=1.0)
    >>> round(float(density.sum()), 6)
    10.0
    """
    positions, charges = np.asarray(positions, np.float64), np.asarray(charges, np.float64)
    grid_shape = tuple(grid_shape)
    if positions.ndim != 3 or positions.shape[2] != len(grid_shape):
        raise ValueError(
            f"positions of shape {positions.shape} must be (n_samples, n_points, {len(grid_shape)}): one coordinate "
            f"for each axis of grid_shape={grid_shape}."
        )
    if charges.shape != positions.shape[:2]:
        raise ValueError(f"charges of shape {charges.shape} must be one for each point, {positions.shape[:2]}.")
    if not (np.isfinite(positions).all() and np.isfinite(charges).all()):
        raise ValueError("positions and charges must be finite; give points that do not exist the charge 0.")
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma={sigma!r} must be positive and finite, in grid steps.")
    out = np.empty((len(positions), *grid_shape), dtype)
    for density, points, charge in zip(out, positions, charges, strict=True):
        present = charge != 0
        profiles = [_profile(x, n, sigma) for x, n in zip(points[present].T, grid_shape, strict=True)]
        density[...] = _sum_of_products(charge[present], profiles)
    return out


def _profile(centres: np.ndarray, n: int, sigma: float) -> np.ndarray:
    """Normalised Gaussians on a circle of n grid points, (n_centres, n): all images within 9 sigma."""
    images = np.ceil(9.0 * sigma / n) + 1
    offset = np.arange(n) - (centres % n)[:, None]
    repeated = offset[..., None] + n * np.arange(-images, images + 1)
    return np.asarray(np.exp(-0.5 * (repeated / sigma) ** 2).sum(-1) / (np.sqrt(2 * np.pi) * sigma))


def _sum_of_products(weights: np.ndarray, profiles: list[np.ndarray]) -> np.ndarray:
    """Sum over points of weight times the outer product of one profile per axis: one matrix product."""
    outer = weights[:, None]
    for profile in profiles[:-1]:
        outer = (outer[:, :, None] * profile[:, None, :]).reshape(len(weights), outer.shape[1] * profile.shape[1])
    return np.asarray((outer.T @ profiles[-1]).reshape([profile.shape[1] for profile in profiles]))

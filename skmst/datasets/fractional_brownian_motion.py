"""Fractional Brownian motion: self-similar paths with one exponent, sampled exactly."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_real


def make_fractional_brownian_motion(
    n_samples: int = 24,
    n_x: int = 1024,
    *,
    hurst: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Paths of fractional Brownian motion at the integers 0 to n_x - 1.

    The Gaussian process with B(0) = 0, mean zero and
    :math:`E[B(s) B(t)] = \tfrac12 (s^{2H} + t^{2H} - |s - t|^{2H})`, in units of the grid step: one step has
    unit variance. The increments are drawn by circulant embedding, so the law on the grid is exact. The
    paths are not periodic.

    Parameters
    ----------
    n_samples : int, default=24
        Number of independent paths.
    n_x : int, default=1024
        Number of points per path, the origin included.
    hurst : float, default=0.5
        The exponent H, between 0 and 1 (both excluded): 0.5 is Brownian motion.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    paths : ndarray of shape (n_samples, n_x), float64
        The paths.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Mandelbrot & Van Ness 1968, SIAM Rev. 10, 422. Davies & Harte 1987, Biometrika 74, 95 (the method).

    Examples
    --------
    >>> from skmst.datasets import make_fractional_brownian_motion
    >>> b = make_fractional_brownian_motion(2000, 101, hurst=0.3, random_state=0)
    >>> b.shape
    (2000, 101)
    >>> round(float(b[:, 100].std()), 1), round(100**0.3, 1)
    (4.0, 4.0)
    """
    n_samples = check_count("n_samples", n_samples)
    n_x = check_count("n_x", n_x, minimum=2)
    hurst = check_real("hurst", hurst)
    if not 0 < hurst < 1:
        raise ValueError(f"hurst must lie between 0 and 1, both excluded, got {hurst!r}.")

    n = n_x - 1
    lag = np.arange(n + 1, dtype=np.float64)
    covariance = 0.5 * (np.abs(lag - 1) ** (2 * hurst) - 2 * lag ** (2 * hurst) + (lag + 1) ** (2 * hurst))
    # Eigenvalues of the circulant with this row and its mirror image: never negative here but for round-off.
    eigenvalues = np.maximum(fft.fft(np.concatenate([covariance, covariance[n - 1 : 0 : -1]])).real, 0.0)
    size = len(eigenvalues)
    real, imaginary = check_random_state(random_state).standard_normal((2, n_samples, size))
    increments = fft.fft(np.sqrt(eigenvalues / size) * (real + 1j * imaginary)).real[:, :n]
    paths = np.zeros((n_samples, n_x))
    np.cumsum(increments, axis=1, out=paths[:, 1:])
    return paths

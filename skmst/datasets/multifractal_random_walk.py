"""The multifractal random walk: steps whose size is correlated as the logarithm of the distance."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive


def make_multifractal_random_walk(
    n_samples: int = 24,
    n_x: int = 1024,
    *,
    intermittency: float = 0.05,
    integral_scale: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Paths of the log-normal multifractal random walk at the integers 0 to n_x - 1.

    .. math:: X(t) = \sum_{k \le t} \epsilon_k e^{\omega_k}, \qquad
              \mathrm{Cov}(\omega_k, \omega_l) = \lambda^2 \ln \frac{R}{|k - l| + 1} \ \text{ for } |k - l| < R,

    and zero beyond the integral scale R, with :math:`\mathrm{E}\,\omega_k = -\mathrm{Var}\,\omega_k` and independent
    standard normal :math:`\epsilon_k`: a step has unit variance, and steps are uncorrelated but not independent.
    Between one step and the integral scale :math:`\mathrm{E}|X(t + s) - X(t)|^q \propto s^{\zeta(q)}` with

    .. math:: \zeta(q) = \frac{q - q (q - 2) \lambda^2}{2}, \qquad 0 < q < 1 / \lambda^2.

    The logarithms are drawn by circulant embedding, so the law on the grid is exact. The paths are not periodic.

    Parameters
    ----------
    n_samples : int, default=24
        Number of independent paths.
    n_x : int, default=1024
        Number of points per path, the origin included.
    intermittency : float, default=0.05
        The coefficient :math:`\lambda^2`, below 0.5; zero is Brownian motion.
    integral_scale : int, default=None
        The length R, in steps. None takes `n_x`.
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
    Bacry, Delour & Muzy 2001, Phys. Rev. E 64, 026103 (the walk and its exponents). Davies & Harte 1987, Biometrika 74,
    95 (circulant embedding).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.datasets import make_multifractal_random_walk
    >>> x = make_multifractal_random_walk(200, 4097, intermittency=0.1, random_state=0)
    >>> steps = np.diff(x)
    >>> x.shape
    (200, 4097)
    >>> bool((steps**4).mean() / (steps**2).mean() ** 2 > 4)  # a Gaussian law has 3
    True
    """
    n_samples = check_count("n_samples", n_samples)
    n_x = check_count("n_x", n_x, minimum=2)
    intermittency = check_positive("intermittency", intermittency, or_zero=True)
    if intermittency >= 0.5:
        raise ValueError(
            f"intermittency must be below 0.5, beyond which the walk has no limit on fine grids, got {intermittency!r}."
        )
    scale = n_x if integral_scale is None else check_count("integral_scale", integral_scale)
    rng = check_random_state(random_state)
    omega = _log_correlated(rng, n_samples, n_x - 1, intermittency, scale)
    paths = np.zeros((n_samples, n_x))
    np.cumsum(rng.standard_normal(omega.shape) * np.exp(omega), axis=1, out=paths[:, 1:])
    return paths


def _log_correlated(
    rng: np.random.RandomState, n_samples: int, n: int, intermittency: float, scale: int
) -> NDArray[np.float64]:
    """Gaussian sequences (n_samples, n) with the covariance of the logarithms, and mean minus their variance."""
    half = max(n, scale)
    covariance = intermittency * np.log(np.maximum(scale / (np.arange(half + 1) + 1.0), 1.0))
    # The covariance is convex and falls to zero, so no eigenvalue of the circulant is negative but for round-off.
    eigenvalues = np.maximum(fft.fft(np.concatenate([covariance, covariance[half - 1 : 0 : -1]])).real, 0.0)
    size = len(eigenvalues)
    real, imaginary = rng.standard_normal((2, n_samples, size))
    omega = fft.fft(np.sqrt(eigenvalues / size) * (real + 1j * imaginary)).real[:, :n]
    return omega - covariance[0]

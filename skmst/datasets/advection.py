"""Linear advection on a circle, solved exactly in Fourier space."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_initial_fields, check_positive, check_real
from skmst.datasets._random_fields import gaussian_fields


def make_advection(
    n_trajectories: int = 24,
    n_steps: int = 50,
    *,
    speed: float = 1.0,
    length: float = 2 * np.pi,
    n_x: int = 256,
    dt: float = 0.1,
    initial_condition: str | ArrayLike = "random",
    spectral_exponent: float = 2.0,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Trajectories of the advection equation: translation at constant speed, exact to round-off.

    .. math:: u_t + c\,u_x = 0, \qquad u(x + \mathrm{length}, t) = u(x, t),

    in dimensionless units: the Fourier coefficient at wavenumber k turns as :math:`e^{-i k c t}`. It is a
    negative control: features without position do not change at all.

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=50
        Number of saved steps per trajectory, the initial condition at t = 0 included.
    speed : float, default=1.0
        The speed c, of either sign.
    length : float, default=2 pi
        Length of the periodic domain.
    n_x : int, default=256
        Number of grid points, at ``x = length * i / n_x``.
    dt : float, default=0.1
        Time between two saved steps.
    initial_condition : "random" or array-like, default="random"
        "random": a Gaussian field with mean zero, expected variance one and power
        ``k ** -spectral_exponent`` at all wavenumbers from 1 to below ``n_x / 2``. An array of fields has
        shape (n_x,) or (n_trajectories, n_x); on an even grid it should have no power at the wavenumber
        ``n_x / 2``, whose phase the grid does not tell, so that it cannot be translated.
    spectral_exponent : float, default=2.0
        Exponent of the power of the random initial condition: 0 is white noise, 2 that of a Brownian path.
    random_state : int, RandomState instance or None, default=None
        Seed of the random initial condition.

    Returns
    -------
    u : ndarray of shape (n_trajectories, n_steps, n_x), float64
        The fields.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Trefethen 2000, Spectral Methods in MATLAB, SIAM, chapter 3 (translation of band-limited periodic grid
    functions).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.datasets import make_advection
    >>> u = make_advection(1, 5, n_x=64, dt=2 * np.pi / 64, random_state=0)
    >>> np.allclose(u[0, 3], np.roll(u[0, 0], 3))
    True
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    speed = check_real("speed", speed)
    length = check_positive("length", length)
    n_x = check_count("n_x", n_x, minimum=4)
    dt = check_positive("dt", dt)
    spectral_exponent = check_real("spectral_exponent", spectral_exponent)
    if isinstance(initial_condition, str) and initial_condition == "random":
        rng = check_random_state(random_state)
        start = gaussian_fields(rng, n_trajectories, n_x, spectral_exponent)
    else:
        start = check_initial_fields(initial_condition, n_trajectories, n_x, '"random"')

    k = 2 * np.pi / length * np.arange(n_x // 2 + 1)
    shift = np.exp(-1j * speed * dt * np.arange(n_steps)[:, np.newaxis] * k)
    return fft.irfft(fft.rfft(start)[:, np.newaxis] * shift, n_x)

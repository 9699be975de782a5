"""The Ornstein-Uhlenbeck process: linear relaxation with noise, all of whose statistics are known."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive


def make_ornstein_uhlenbeck(
    n_trajectories: int = 24,
    n_steps: int = 1000,
    *,
    theta: float = 1.0,
    diffusion: float = 1.0,
    n_features: int = 1,
    dt: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Stationary trajectories of the Ornstein-Uhlenbeck process.

    .. math:: dX = -\theta X\,dt + \sqrt{2D}\,dW,

    in dimensionless units. The discretisation
    :math:`X_{n+1} = e^{-\theta dt} X_n + \sqrt{(D/\theta)(1 - e^{-2\theta dt})}\,\xi_n` is exact for any
    `dt`. The variance is :math:`D/\theta`, the autocorrelation :math:`e^{-\theta t}`, and the Koopman rates
    are :math:`-n\theta`, n = 0, 1, 2, ...

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=1000
        Number of saved steps per trajectory.
    theta : float, default=1.0
        Rate of relaxation.
    diffusion : float, default=1.0
        The diffusion coefficient D.
    n_features : int, default=1
        Number of independent copies, one per feature.
    dt : float, default=0.1
        Time between two saved steps.
    random_state : int, RandomState instance or None, default=None
        Seed of the start, drawn from the stationary law, and of the noise.

    Returns
    -------
    x : ndarray of shape (n_trajectories, n_steps, n_features), float64
        The trajectories.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Uhlenbeck & Ornstein 1930, Phys. Rev. 36, 823. Gillespie 1996, Phys. Rev. E 54, 2084 (the
    exact update).

    Examples
    --------
    >>> from skmst.datasets import make_ornstein_uhlenbeck
    >>> x = make_ornstein_uhlenbeck(200, 100, theta=2.0, random_state=0)
    >>> x.shape
    (200, 100, 1)
    >>> round(float(x.var()), 1)
    0.5
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    theta = check_positive("theta", theta)
    diffusion = check_positive("diffusion", diffusion)
    n_features = check_count("n_features", n_features)
    dt = check_positive("dt", dt)

    x = check_random_state(random_state).standard_normal((n_trajectories, n_steps, n_features))
    # Unit variance at the start and 1 - decay^2 at every later step make the recursion stationary.
    x[:, 1:] *= np.sqrt(-np.expm1(-2 * theta * dt))
    decay = np.exp(-theta * dt)
    for i in range(1, n_steps):
        x[:, i] += decay * x[:, i - 1]
    return np.sqrt(diffusion / theta) * x

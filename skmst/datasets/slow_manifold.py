"""A planar system with a slow manifold whose Koopman spectrum is finite on three monomials."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive, check_real


def make_slow_manifold(
    n_trajectories: int = 24,
    n_steps: int = 50,
    *,
    mu: float = -0.05,
    lambda_: float = -1.0,
    dt: float = 0.1,
    amplitude: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Trajectories of a system that falls onto a parabola, exact to round-off.

    .. math:: \dot x = \mu x, \qquad \dot y = \lambda (y - x^2),

    in dimensionless units. On the observables x, y and x^2 it is linear with rates :math:`\mu, \lambda,
    2\mu`; the eigenfunction of :math:`\lambda` is :math:`y - b x^2` with :math:`b = \lambda / (\lambda -
    2\mu)`, and its zero set is the slow manifold.

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=50
        Number of saved steps per trajectory, the initial condition at t = 0 included.
    mu : float, default=-0.05
        The slow rate.
    lambda_ : float, default=-1.0
        The fast rate lambda. The resonance ``lambda_ = 2 * mu`` is solved as well.
    dt : float, default=0.1
        Time between two saved steps.
    amplitude : float, default=1.0
        Initial x and y are independent and uniform between ``-amplitude`` and ``amplitude``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial conditions.

    Returns
    -------
    xy : ndarray of shape (n_trajectories, n_steps, 2), float64
        x and y.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Brunton, Brunton, Proctor & Kutz 2016, PLoS ONE 11, e0150171 (the system and its invariant subspace).

    Examples
    --------
    >>> from skmst.datasets import make_slow_manifold
    >>> xy = make_slow_manifold(4, 200, random_state=0)
    >>> x, y = xy[:, -1].T
    >>> (y / x**2).round(3)  # on the slow manifold y = b x^2
    array([1.111, 1.111, 1.111, 1.111])
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    mu = check_real("mu", mu)
    lambda_ = check_real("lambda_", lambda_)
    dt = check_positive("dt", dt)
    amplitude = check_positive("amplitude", amplitude)

    rng = check_random_state(random_state)
    x0, y0 = rng.uniform(-amplitude, amplitude, size=(2, n_trajectories, 1))
    t = dt * np.arange(n_steps)
    # (e^(lambda t) - e^(2 mu t)) / (lambda - 2 mu), without the division that fails at resonance.
    response = t * np.exp(max(lambda_, 2 * mu) * t) * exprel(-abs(lambda_ - 2 * mu) * t)
    x = x0 * np.exp(mu * t)
    y = y0 * np.exp(lambda_ * t) - lambda_ * x0**2 * response
    return np.stack([x, y], axis=-1)

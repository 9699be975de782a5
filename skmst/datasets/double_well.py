"""Diffusion in a double well: rare transitions, one slow rate."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_integrated, check_positive, check_substeps


def make_double_well(
    n_trajectories: int = 24,
    n_steps: int = 1000,
    *,
    beta: float = 3.0,
    dt: float = 0.1,
    time_step: float = 0.01,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Stationary trajectories of a particle that diffuses in a double well.

    .. math:: dX = -V'(X)\,dt + \sqrt{2/\beta}\,dW, \qquad V(x) = (x^2 - 1)^2,

    in dimensionless units. The stationary density is proportional to :math:`e^{-\beta V}`; transitions
    between the wells are the slow process, with rate 0.0806199 at ``beta=3`` and the next rate at 3.4949.

    It is integrated by Heun's scheme, of weak order two for additive noise. At the default `time_step` the
    slow rate of the scheme itself is within 0.1 % of that of the equation for ``beta`` from 1 to 5.

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=1000
        Number of saved steps per trajectory.
    beta : float, default=3.0
        Inverse temperature; the barrier has height `beta` in units of the thermal energy.
    dt : float, default=0.1
        Time between two saved steps.
    time_step : float, default=0.01
        Longest internal step; `dt` is cut into equal steps no longer than this.
    random_state : int, RandomState instance or None, default=None
        Seed of the start, drawn from the stationary law, and of the noise.

    Returns
    -------
    x : ndarray of shape (n_trajectories, n_steps, 1), float64
        The trajectories.

    Raises
    ------
    ValueError
        If a parameter is out of range or the integration overflows (small `beta`: hot particles see steep
        walls).

    References
    ----------
    Kramers 1940, Physica 7, 284. Risken 1989, The Fokker-Planck Equation, Springer, chapter 5 (the spectrum).
    Kloeden & Platen 1992, Numerical Solution of Stochastic Differential Equations, Springer, section 15.1
    (the scheme).

    Examples
    --------
    >>> from skmst.datasets import make_double_well
    >>> x = make_double_well(50, 200, random_state=0)
    >>> x.shape
    (50, 200, 1)
    >>> round(float(abs(x).mean()), 1)  # most of the time in one of the wells at -1 and 1
    0.9
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    beta = check_positive("beta", beta)
    dt = check_positive("dt", dt)
    n_substeps, step = check_substeps(dt, time_step)

    rng = check_random_state(random_state)
    x = _stationary_sample(rng.uniform(size=n_trajectories), beta)
    states = np.empty((n_trajectories, n_steps, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(n_steps):
            states[:, i, 0] = x
            if i < n_steps - 1:
                for noise in np.sqrt(2 * step / beta) * rng.standard_normal((n_substeps, n_trajectories)):
                    x = _heun_step(x, noise, step)
    return check_integrated(states)


def _drift(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The force -V'(x)."""
    return 4 * x * (1 - x * x)


def _heun_step(x: NDArray[np.float64], noise: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """One step of the trapezoidal rule with an Euler predictor; `noise` is the random increment."""
    drift = _drift(x)
    return x + noise + 0.5 * step * (drift + _drift(x + step * drift + noise))


def _stationary_sample(uniform: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Map uniform numbers to the stationary law by inverting its distribution function on a fine grid."""
    # Beyond |x| = reach the density is below e^-40 of its maximum.
    reach = np.sqrt(1 + np.sqrt(40 / beta))
    x = np.linspace(-reach, reach, 20001)
    density = np.exp(-beta * (x * x - 1) ** 2)
    cumulative = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return np.interp(uniform, cumulative / cumulative[-1], x)

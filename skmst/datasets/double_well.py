"""Diffusion in a double well: rare transitions, one slow rate."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive, check_substeps
from skmst.datasets._langevin import langevin_trajectories


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

    # Beyond |x| = reach the density is below e^-40 of its maximum.
    reach = np.sqrt(1 + np.sqrt(40 / beta))
    grid = np.linspace(-reach, reach, 20001)
    return langevin_trajectories(
        _drift,
        np.sqrt(2 / beta),
        (grid, np.exp(-beta * (grid * grid - 1) ** 2)),
        (n_trajectories, n_steps, n_substeps),
        step,
        check_random_state(random_state),
    )


def _drift(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The force -V'(x)."""
    return 4 * x * (1 - x * x)

"""Diffusion in a potential with four wells: three slow processes, well separated from the fast ones."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive, check_substeps
from skmst.datasets._langevin import langevin_trajectories

#: Height, sharpness and place of the three barriers.
_BARRIERS = ((0.8, 80.0, 0.0), (0.2, 80.0, 0.5), (0.5, 40.0, -0.5))


def make_prinz(
    n_trajectories: int = 24,
    n_steps: int = 1000,
    *,
    dt: float = 0.01,
    time_step: float = 0.0005,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Stationary trajectories of a particle that diffuses in the four wells of Prinz et al.

    .. math:: dX = -V'(X)\,dt + \sqrt{2}\,dW, \qquad
              V(x) = 4\left(x^8 + 0.8\,e^{-80 x^2} + 0.2\,e^{-80 (x - 1/2)^2} + 0.5\,e^{-40 (x + 1/2)^2}\right),

    in units of the thermal energy and of the diffusion constant. The generator's eigenvalues are 0, -1.198994,
    -7.888502 and -15.361393 (three rates of exchange between the wells), then -82.08.

    It is integrated by Heun's scheme, of weak order two for additive noise. At the default `time_step` the three
    slow rates of the scheme itself are within 0.6 % of those of the equation.

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=1000
        Number of saved steps per trajectory.
    dt : float, default=0.01
        Time between two saved steps.
    time_step : float, default=0.0005
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
        If a parameter is out of range or the integration overflows.

    References
    ----------
    Prinz et al. 2011, J. Chem. Phys. 134, 174105, section V.A (the potential).
    Kloeden & Platen 1992, Numerical Solution of Stochastic Differential Equations, Springer, section 15.1
    (the scheme).

    Examples
    --------
    >>> from skmst.datasets import make_prinz
    >>> x = make_prinz(50, 20, random_state=0)
    >>> x.shape
    (50, 20, 1)
    >>> bool(abs(x).max() < 1.3)  # the walls are steep
    True
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    dt = check_positive("dt", dt)
    n_substeps, step = check_substeps(dt, time_step)
    grid = np.linspace(-1.5, 1.5, 20001)  # the density at the ends is below e^-100 of its maximum
    return langevin_trajectories(
        _drift,
        np.sqrt(2),
        (grid, np.exp(-_potential(grid))),
        (n_trajectories, n_steps, n_substeps),
        step,
        check_random_state(random_state),
    )


def _potential(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 4 * (x**8 + sum(a * np.exp(-b * (x - c) ** 2) for a, b, c in _BARRIERS))


def _drift(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The force -V'(x)."""
    return -4 * (8 * x**7 - sum(2 * a * b * (x - c) * np.exp(-b * (x - c) ** 2) for a, b, c in _BARRIERS))

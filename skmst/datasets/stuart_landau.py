"""The Stuart-Landau oscillator: the normal form of a Hopf bifurcation, solved in closed form."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive, check_real


def make_stuart_landau(
    n_trajectories: int = 24,
    n_steps: int = 200,
    *,
    mu: float = 1.0,
    omega: float = 1.0,
    shear: float = 0.0,
    dt: float = 0.1,
    initial_radius: tuple[float, float] = (0.1, 2.0),
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Trajectories of the Stuart-Landau oscillator, exact to round-off.

    .. math:: \dot z = (\mu + i\omega) z - (1 + i b)\,|z|^2 z, \qquad z = x + i y,

    in dimensionless units. For :math:`\mu > 0` all trajectories but z = 0 approach the limit cycle of radius
    :math:`\sqrt\mu` and angular frequency :math:`\omega - b\mu`; the Floquet exponent is :math:`-2\mu`, so
    the Koopman rates are :math:`i n (\omega - b\mu) - 2\mu m`.

    Parameters
    ----------
    n_trajectories : int, default=24
        Number of independent trajectories.
    n_steps : int, default=200
        Number of saved steps per trajectory, the initial condition at t = 0 included.
    mu : float, default=1.0
        Growth rate at the origin, of either sign.
    omega : float, default=1.0
        Angular frequency at the origin.
    shear : float, default=0.0
        The coefficient b: how much the frequency falls with the squared radius.
    dt : float, default=0.1
        Time between two saved steps.
    initial_radius : tuple of two floats, default=(0.1, 2.0)
        The initial radius is uniform between these two, the initial angle uniform on the circle.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial conditions.

    Returns
    -------
    x : ndarray of shape (n_trajectories, n_steps, 2), float64
        Real and imaginary part of z.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Landau 1944, C. R. Acad. Sci. URSS 44, 311; Stuart 1960, J. Fluid Mech. 9, 353. Bagheri 2013, J. Fluid
    Mech. 726, 596, section 2 (closed form and Koopman rates).

    Examples
    --------
    >>> import numpy as np
    >>> from skmst.datasets import make_stuart_landau
    >>> x = make_stuart_landau(3, 200, mu=0.25, random_state=0)
    >>> np.hypot(*x[:, -1].T).round(3)  # the limit cycle has radius sqrt(mu)
    array([0.5, 0.5, 0.5])
    """
    n_trajectories = check_count("n_trajectories", n_trajectories)
    n_steps = check_count("n_steps", n_steps)
    mu = check_real("mu", mu)
    omega = check_real("omega", omega)
    shear = check_real("shear", shear)
    dt = check_positive("dt", dt)
    if np.shape(initial_radius) != (2,):
        raise ValueError(f"initial_radius must be a pair (smallest, largest), got {initial_radius!r}.")
    smallest = check_positive("initial_radius[0]", initial_radius[0], or_zero=True)
    largest = check_positive("initial_radius[1]", initial_radius[1], or_zero=True)
    if smallest > largest:
        raise ValueError(f"initial_radius must be (smallest, largest), got {initial_radius!r}: swap them.")

    rng = check_random_state(random_state)
    radius = rng.uniform(smallest, largest, size=(n_trajectories, 1))
    angle = rng.uniform(0, 2 * np.pi, size=(n_trajectories, 1))
    t = dt * np.arange(n_steps)
    # s = |z|^2 obeys the logistic equation s' = 2 mu s - 2 s^2. Written with e^(-2 |mu| t), so nothing
    # overflows.
    fade = np.exp(-2 * abs(mu) * t)
    elapsed = -np.expm1(-2 * abs(mu) * t) / abs(mu) if mu != 0 else 2 * t
    growing, shrinking = (1.0, fade) if mu > 0 else (fade, 1.0)
    denominator = np.maximum(shrinking + radius**2 * elapsed, np.finfo(float).tiny)  # z = 0 stays there
    radius_t = radius * np.sqrt(growing / denominator)
    integral_of_s = 0.5 * np.log(denominator) + max(mu, 0.0) * t
    angle_t = angle + omega * t - shear * integral_of_s
    return np.stack([radius_t * np.cos(angle_t), radius_t * np.sin(angle_t)], axis=-1)

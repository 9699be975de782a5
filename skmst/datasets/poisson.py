"""Poisson shot noise: events at random places, sparse at fine scales and Gaussian at coarse ones."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skmst.datasets._checks import check_count, check_positive


def make_poisson(
    n_samples: int = 24,
    n_x: int = 1024,
    *,
    intensity: float = 0.01,
    n_dims: int = 1,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Numbers of independent events in the cells of a grid, in one or more dimensions.

    Each cell holds a Poisson number of events of mean `intensity`, independent of all others: mean and variance of the
    field are `intensity`. Filtered at scales that seldom hold an event, the field is a sum of separate copies of
    the filter, and the mean modulus is `intensity` times the L1 norm of the filter; at scales that hold many it is
    Gaussian, and the mean modulus is as of white noise, :math:`\sqrt{\pi\,\text{intensity}} / 2` times the L2 norm.

    Parameters
    ----------
    n_samples : int, default=24
        Number of independent fields.
    n_x : int, default=1024
        Number of cells in each direction.
    intensity : float, default=0.01
        Mean number of events per cell.
    n_dims : int, default=1
        Number of dimensions.
    random_state : int, RandomState instance or None, default=None
        Seed.

    Returns
    -------
    counts : ndarray of shape (n_samples, n_x, ..., n_x), float64
        The fields, with `n_dims` axes of the grid.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Kingman 1993, Poisson Processes, Oxford University Press, chapter 2. Bruna, Mallat, Bacry & Muzy 2015, Ann. Statist.
    43, 323, section 3.1 (scattering moments).

    Examples
    --------
    >>> from skmst.datasets import make_poisson
    >>> events = make_poisson(100, 64, intensity=0.02, n_dims=2, random_state=0)
    >>> events.shape
    (100, 64, 64)
    >>> round(float(events.mean()), 3), round(float(events.var()), 3)
    (0.02, 0.02)
    """
    n_samples = check_count("n_samples", n_samples)
    n_x = check_count("n_x", n_x)
    intensity = check_positive("intensity", intensity, or_zero=True)
    n_dims = check_count("n_dims", n_dims)
    shape = (n_samples, *(n_x,) * n_dims)
    return check_random_state(random_state).poisson(intensity, size=shape).astype(np.float64)

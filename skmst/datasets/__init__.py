"""Systems with known behaviour, as trajectories: each maker integrates one equation and returns arrays.

Fields have shape ``(n_trajectories, n_steps, n_x)``, in two dimensions ``(n_trajectories, n_steps, n_x, n_x)``, and
states of few variables ``(n_trajectories, n_steps, n_features)``. Random fields without time have shape
``(n_samples, n_x)`` or ``(n_samples, n_x, n_x)``.
"""

from skmst.datasets.advection import make_advection
from skmst.datasets.burgers import make_burgers
from skmst.datasets.double_well import make_double_well
from skmst.datasets.fractional_brownian_motion import make_fractional_brownian_motion
from skmst.datasets.heat import make_heat
from skmst.datasets.ising import make_ising
from skmst.datasets.kuramoto_sivashinsky import make_kuramoto_sivashinsky
from skmst.datasets.multifractal_random_walk import make_multifractal_random_walk
from skmst.datasets.navier_stokes import make_navier_stokes
from skmst.datasets.ornstein_uhlenbeck import make_ornstein_uhlenbeck
from skmst.datasets.poisson import make_poisson
from skmst.datasets.prinz import make_prinz
from skmst.datasets.slow_manifold import make_slow_manifold
from skmst.datasets.stuart_landau import make_stuart_landau

__all__ = [
    "make_advection",
    "make_burgers",
    "make_double_well",
    "make_fractional_brownian_motion",
    "make_heat",
    "make_ising",
    "make_kuramoto_sivashinsky",
    "make_multifractal_random_walk",
    "make_navier_stokes",
    "make_ornstein_uhlenbeck",
    "make_poisson",
    "make_prinz",
    "make_slow_manifold",
    "make_stuart_landau",
]

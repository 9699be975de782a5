"""Systems with known behaviour, as trajectories: each maker integrates one equation and returns arrays.

Fields have shape ``(n_trajectories, n_steps, n_x)``, states of few variables
``(n_trajectories, n_steps, n_features)``.
"""

from .advection import make_advection
from .burgers import make_burgers
from .double_well import make_double_well
from .fractional_brownian_motion import make_fractional_brownian_motion
from .heat import make_heat
from .kuramoto_sivashinsky import make_kuramoto_sivashinsky
from .ornstein_uhlenbeck import make_ornstein_uhlenbeck
from .slow_manifold import make_slow_manifold
from .stuart_landau import make_stuart_landau

__all__ = [
    "make_advection",
    "make_burgers",
    "make_double_well",
    "make_fractional_brownian_motion",
    "make_heat",
    "make_kuramoto_sivashinsky",
    "make_ornstein_uhlenbeck",
    "make_slow_manifold",
    "make_stuart_landau",
]

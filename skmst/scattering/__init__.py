"""Fields -> scattering coefficients, and statistics of them."""

from skmst.scattering._transformer import ScatteringTransformer
from skmst.scattering.branching import branching_matrix, normalised_ratios
from skmst.scattering.cascade import Setting
from skmst.scattering.statistics import band_energies

__all__ = ["ScatteringTransformer", "Setting", "band_energies", "branching_matrix", "normalised_ratios"]

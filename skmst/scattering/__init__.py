"""Fields -> scattering coefficients, statistics of them, and the way back to fields."""

from skmst.scattering._transformer import ScatteringTransformer
from skmst.scattering.branching import Branching, Ratios, branching_energies, branching_matrix, normalised_ratios
from skmst.scattering.densities import gaussian_density
from skmst.scattering.derived_channels import DerivedChannels
from skmst.scattering.encoding import Encoding
from skmst.scattering.inverse import Inversion, Reconstruction, invert
from skmst.scattering.joint import JointEncoding
from skmst.scattering.multiresolution import Multiresolution
from skmst.scattering.options import HarmonicMoments, Orthonormal, SolidHarmonic, Spectra
from skmst.scattering.order_energy import order_energies
from skmst.scattering.phase_harmonics import PhaseHarmonics
from skmst.scattering.reconstruction import ReconstructionReport, reconstruction_report
from skmst.scattering.rotation import RotationAverage
from skmst.scattering.scattering_spectra import ScatteringSpectra
from skmst.scattering.setting import Setting
from skmst.scattering.small_scales import (
    AffineCorrection,
    fine_tune,
    noise_floor,
    noise_level,
    remove_floor,
    white_noise_floor,
)
from skmst.scattering.solid_harmonics import SolidHarmonics
from skmst.scattering.statistics import Energies, band_energies
from skmst.scattering.vector_fields import divergence, velocity_of_vorticity, vorticity, with_derived

__all__ = [
    "AffineCorrection",
    "Branching",
    "DerivedChannels",
    "Encoding",
    "Energies",
    "HarmonicMoments",
    "Inversion",
    "JointEncoding",
    "Multiresolution",
    "Orthonormal",
    "PhaseHarmonics",
    "Ratios",
    "Reconstruction",
    "ReconstructionReport",
    "RotationAverage",
    "ScatteringSpectra",
    "ScatteringTransformer",
    "Setting",
    "SolidHarmonic",
    "SolidHarmonics",
    "Spectra",
    "band_energies",
    "branching_energies",
    "branching_matrix",
    "divergence",
    "fine_tune",
    "gaussian_density",
    "invert",
    "noise_floor",
    "noise_level",
    "normalised_ratios",
    "order_energies",
    "reconstruction_report",
    "remove_floor",
    "velocity_of_vorticity",
    "vorticity",
    "white_noise_floor",
    "with_derived",
]

"""Wavelets psi and low-pass phi on a periodic grid, given by their (real) Fourier transforms.

Two families. ``MorletBank`` has the filters that the scattering literature and kymatio use. ``TightBank`` is an exact
Littlewood-Paley partition of unity: log-cosine windows over octaves, times cosine powers over directions in 2-D and
3-D; energy identities rest on it. Scale j has centre frequency proportional to 2**-j; all filters have L1
normalisation, so ``psi_j_hat(w) = psi_0_hat(2**j w)``.
"""

from skmst.scattering.morlet import MorletBank
from skmst.scattering.tight import TightBank
from skmst.scattering.wavelets import Wavelet, directions, frequencies, littlewood_paley, mirror, orientations

__all__ = [
    "BANKS",
    "MorletBank",
    "TightBank",
    "Wavelet",
    "directions",
    "frequencies",
    "littlewood_paley",
    "mirror",
    "orientations",
]

BANKS: dict[str, type[MorletBank] | type[TightBank]] = {"morlet": MorletBank, "tight": TightBank}

"""Sampling by bandwidth: how coarsely moduli may be sampled for a given error of all coefficients.

The modulus of a band-passed signal does not see where the band is: it varies as fast as the band is wide, and may be
sampled so, however high its frequencies. Folding a spectrum onto a coarser grid moves its band there by itself, without
overlap as long as the grid is wider than the band. What the constants below ask for was measured on white noise and on
Brownian motion, with a margin of about two (tests/scattering/test_tolerance.py keeps the promise).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skmst.scattering.rectifiers import LogModulus, rectifier_of
from skmst.scattering.wavelets import Wavelet

if TYPE_CHECKING:
    from skmst.scattering.setting import Setting

SMALLEST, LARGEST = 1e-5, 0.1
_AT = 1e-3  # the tolerance at which the next ones were measured; errors fall with the square of both, or faster
_RATE = 4.0  # samples per cycle of a half-power bandwidth
_SAMPLES = 96.0  # on the only axis; few wavenumbers make an average over few samples a poor one
_PER_AXIS = 0.4  # and with every further axis so many times as many on each
_EDGES = math.sqrt(2)  # the bands of the tight bank have edges
_CUSPS = 4.0  # a logarithm is sharper near zeros than the modulus


def levels(layer: Sequence[Wavelet], setting: Setting) -> list[int]:
    """The log2 of the subsampling that averages of the rectified signals of some wavelets bear.

    Parameters
    ----------
    layer : sequence of Wavelet
        Wavelets.
    setting : Setting
        With a tolerance.
    """
    assert setting.tol is not None
    finer = max(0.5, math.sqrt(_AT / setting.tol))
    rate = finer * _RATE * (_EDGES if setting.wavelet == "tight" else 1.0)
    rate *= _CUSPS if isinstance(rectifier_of(setting.rectifier), LogModulus) else 1.0
    samples = finer * _SAMPLES * _PER_AXIS ** (len(setting.grid_shape) - 1)
    most = math.log2(max(1.0, min(setting.grid_shape) / samples))
    return [max(0, math.floor(min(most, -math.log2(rate * wavelet.bandwidth)))) for wavelet in layer]


def headroom(tol: float) -> int:
    """Octaves by which a signal is sampled finer than a wavelet that follows asks for: what aliases into its band."""
    return max(0, math.ceil(math.log10(_AT / tol) - 1e-9))

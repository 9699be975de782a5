"""The one door to kymatio: its 1-D Morlet filters, so that coefficients are those of the literature.

Only ``kymatio.scattering1d.filter_bank`` is imported, and only when filters are built: kymatio's front ends fail to
import with scipy 1.17 and newer, and an import here would cost every user who never builds a Morlet bank.
"""

from __future__ import annotations

import numpy as np

SIGMA_0 = 0.1  # kymatio's frequency width of the low-pass at scale 1, in cycles per sample
ALIASING_WIDTHS = 5.0  # kymatio's alpha: a filter ends this many widths from its centre


def morlet_parameters_1d(J: int, Q: int) -> list[tuple[float, float, int]]:
    """Centre frequency, width (cycles per sample) and log2 of the critical subsampling of each Morlet wavelet."""
    from kymatio.scattering1d.filter_bank import compute_params_filterbank

    centres, widths, resolutions = compute_params_filterbank(SIGMA_0 / 2**J, Q, ALIASING_WIDTHS)
    return [(float(xi), float(sigma), int(j)) for xi, sigma, j in zip(centres, widths, resolutions, strict=True)]


def morlet_1d(n: int, centre: float, width: float) -> np.ndarray:
    """Fourier transform of a Morlet wavelet on `n` periodic samples, unit L1 norm, float64 of shape (n,)."""
    from kymatio.scattering1d.filter_bank import morlet_1d as kymatio_morlet

    return np.asarray(kymatio_morlet(n, centre, width), dtype=np.float64)


def gauss_1d(n: int, width: float) -> np.ndarray:
    """Fourier transform of a Gaussian on `n` periodic samples, unit L1 norm, float64 of shape (n,)."""
    from kymatio.scattering1d.filter_bank import gauss_1d as kymatio_gauss

    return np.asarray(kymatio_gauss(n, width), dtype=np.float64)

"""Options of transforms that have more than a name: small objects that stand where a string may stand."""

from __future__ import annotations

from dataclasses import dataclass

from skmst.scattering.phase_harmonics import CLASSES


@dataclass(frozen=True)
class Orthonormal:
    """``wavelet="orthonormal"`` with options: `skmst.scattering.Multiresolution`.

    Parameters
    ----------
    vanishing_moments : int, default=4
        Of the wavelet, 1 (Haar) to 10.
    symmetric : bool, default=False
        Complex symmetric filters instead of Daubechies' real ones; odd `vanishing_moments`. Fields that are
        reflected at their edges need these, or Haar's.
    scale : float, default=1.0
        Unit of the fields. The Heisenberg rectifier is linear for details much smaller than ``pi / 2`` units and
        logarithmic for larger ones. For forecasts take several times the largest value of the fields: the inverse is a
        sine, which magnifies errors of larger details.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> from skmst.scattering import Orthonormal
    >>> fields = np.random.default_rng(0).standard_normal((2, 64))
    >>> scatter = ScatteringTransformer(wavelet=Orthonormal(vanishing_moments=6), rectifier="heisenberg")
    >>> bool(np.allclose(scatter.inverse_transform(scatter.fit_transform(fields)), fields, atol=1e-12))
    True
    """

    vanishing_moments: int = 4
    symmetric: bool = False
    scale: float = 1.0


@dataclass(frozen=True)
class SolidHarmonic:
    """``wavelet="solid_harmonics"`` with options: `skmst.scattering.SolidHarmonics`.

    Parameters
    ----------
    sigma : float, default=1.0
        Standard deviation of the finest Gaussian, grid steps.
    powers : tuple of float, default=(1.0,)
        The powers of the moduli that are integrated.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> from skmst.scattering import SolidHarmonic
    >>> fields = np.random.default_rng(0).random((2, 8, 8, 8))
    >>> wavelet = SolidHarmonic(powers=(0.5, 1.0, 2.0))
    >>> ScatteringTransformer(J=1, L=2, wavelet=wavelet, grid_shape=(8, 8, 8)).fit_transform(fields).shape
    (2, 30)
    """

    sigma: float = 1.0
    powers: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Spectra:
    """``statistics="spectra"`` with options: `skmst.scattering.ScatteringSpectra`.

    Parameters
    ----------
    normalise : bool, default=True
        Divide all but mean, variance and S2 by the powers of the bands, so that S2 alone holds the spectrum.
    compressed : bool, default=False
        For self-similar fields: averages over scales at fixed ratios of scales, which needs `normalise`. It is what
        ``statistics="self_similar_spectra"`` stands for.
    flatness : bool, default=False
        Add the fourth moments of the bands.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> from skmst.scattering import Spectra
    >>> fields = np.random.default_rng(0).standard_normal((2, 64))
    >>> scatter = ScatteringTransformer(J=2, wavelet="tight", statistics=Spectra(flatness=True)).fit(fields)
    >>> scatter.get_feature_names_out().tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['mean', 'variance', 'S1_j0', 'S1_j1', 'S2_j0', 'S2_j1', 'F_j0', 'F_j1',
     'S3_j0_j0_re', 'S3_j0_j0_im', 'S3_j1_j0_re', 'S3_j1_j0_im', 'S3_j1_j1_re', 'S3_j1_j1_im', 'S4_j0_j0_j1']
    """

    normalise: bool = True
    compressed: bool = False
    flatness: bool = False


@dataclass(frozen=True)
class HarmonicMoments:
    """``statistics="phase_harmonics"`` with options: `skmst.scattering.PhaseHarmonics`.

    Parameters
    ----------
    classes : tuple of str, default=("S11", "S00", "S01", "C01", "Cphase", "L")
        Which moments.
    n_shifts : int, default=0
        Translations along each axis at which covariances are taken too.
    normalise : bool, default=True
        Correlations in place of covariances; S11 keeps the spectrum.

    Examples
    --------
    >>> import numpy as np
    >>> from skmst import ScatteringTransformer
    >>> from skmst.scattering import HarmonicMoments
    >>> fields = np.random.default_rng(0).standard_normal((2, 64))
    >>> moments = HarmonicMoments(classes=("S11", "Cphase"))
    >>> scatter = ScatteringTransformer(J=2, wavelet="tight", statistics=moments).fit(fields)
    >>> scatter.get_feature_names_out().tolist()
    ['S11_j0', 'S11_j1', 'Cphase_j0_j1_re', 'Cphase_j0_j1_im']
    """

    classes: tuple[str, ...] = CLASSES
    n_shifts: int = 0
    normalise: bool = True

"""Fields -> scattering coefficients."""

from skmst.scattering._transformer import ScatteringTransformer

__all__ = ["ScatteringTransformer"]

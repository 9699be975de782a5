"""Reduced-order models of fields: scattering transform, Koopman operator, master equation."""

from skmst.scattering import ScatteringTransformer

__version__ = "0.1.0.dev0"
__all__ = ["ScatteringTransformer", "__version__"]

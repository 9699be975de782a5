"""Reduced-order models of fields: scattering transform, Koopman operator, master equation."""

from skmst.forecasting import forecast, hindcast
from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.scattering import ScatteringTransformer
from skmst.trajectories import PerSnapshot
from skmst.utils._versions import show_versions

__version__ = "0.1.0.dev0"
__all__ = [
    "KoopmanRegressor",
    "MasterEquationPredictor",
    "PerSnapshot",
    "ScatteringTransformer",
    "__version__",
    "forecast",
    "hindcast",
    "show_versions",
]

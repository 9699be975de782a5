"""Linear dynamics of observables: Koopman operators from data."""

from skmst.koopman._regressor import KoopmanRegressor

__all__ = ["KoopmanRegressor"]

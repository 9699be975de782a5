"""How good a forecast is: skill, horizon, baselines, intervals, and a scorer for searches.

Forecasts are arrays of shape ``(n_forecasts, n_steps, n_outputs)``, or ``(n_forecasts, n_steps)`` for
one output; step i (from 0) holds the forecast for lead i + 1. A forecast that overflowed (NaN or infinity
in `y_pred`) counts as infinitely wrong; `y_true` has to be finite.
"""

from skmst.metrics._baselines import climatology, persistence
from skmst.metrics._bootstrap import bootstrap_interval
from skmst.metrics._conformal import conformal_radius, coverage
from skmst.metrics._scorer import forecast_scorer
from skmst.metrics._skill import relative_error, skill_by_lead, valid_prediction_time, variance_weighted_r2
from skmst.metrics._spectra import power_per_octave

__all__ = [
    "bootstrap_interval",
    "climatology",
    "conformal_radius",
    "coverage",
    "forecast_scorer",
    "persistence",
    "power_per_octave",
    "relative_error",
    "skill_by_lead",
    "valid_prediction_time",
    "variance_weighted_r2",
]

"""Keep forms of models of noisy data within what the data show: their variance, and their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skmst.master_equation._methods import Form
from skmst.master_equation.stability import (
    amplification,
    largest_drift,
    spectral_radius,
    stable_markov_term,
    stable_memory_fraction,
)
from skmst.utils.linalg import ridge_regression

Array = NDArray[np.float64]

#: Spectral radius above which a model counts as unstable; rounding moves that of a conserved quantity less.
STABLE = 1 + 1e-6
#: Forecasts may vary this much more than the data (variance), and drift this far off their mean (standard deviations).
_LARGEST_VARIANCE, _FARTHEST = 2.0, 3.0
#: Standard errors beyond which a drift is no chance.
_SIGNIFICANT = 4.0


def forecasts_vary_too_much(form: Form, covariance: Array) -> bool:
    """Say whether forecasts vary more than the data, which no conditional mean does; for a form or its remains."""
    n, d = form.encoder.shape[1], form.kernels.shape[1]
    start = form.start(covariance[d : d + n, d : d + n])
    return amplification(form.matrix, start, covariance[:d, :d]) > _LARGEST_VARIANCE


def with_stable_memory(form: Form, covariance: Array, ridge: float, n_windows: int) -> tuple[Form, float]:
    """Mix the form with the one-lag model until forecasts vary no more than the data; also the part that is kept."""
    d = form.kernels.shape[1]
    markov = ridge_regression(covariance[:d, d : 2 * d], covariance[d : 2 * d, d : 2 * d], ridge)
    markov = stable_markov_term(markov, n_windows)

    def sound(part: float) -> bool:
        mixed = form.with_memory(part, markov)
        # Directions that the data leave out may grow as well.
        return spectral_radius(mixed.matrix) <= STABLE and not forecasts_vary_too_much(mixed, covariance)

    fraction = stable_memory_fraction(sound)
    return form.with_memory(fraction, markov), fraction


def chance_drift(form: Form, mean: Array, covariance: Array, n_windows: int) -> float:
    """Find how far off the data a drift leads that is not significant, in standard deviations; 0 if not far.

    Runs that end elsewhere than they began give a model a constant change per step. Where nothing pulls back, a
    change that is chance leads away from all that was seen.
    """
    d = form.kernels.shape[1]
    step, variance = form.drift(mean), np.diag(covariance)[:d]
    one_lag = ridge_regression(covariance[:d, d : 2 * d], covariance[d : 2 * d, d : 2 * d])
    noise = variance - np.einsum("ij,ij->i", one_lag, covariance[:d, d : 2 * d])
    if np.any(step[:d] ** 2 > _SIGNIFICANT**2 * np.maximum(noise, 0) / n_windows):
        return 0.0
    distance = largest_drift(form.matrix, step, variance)
    return distance if distance > _FARTHEST else 0.0

"""First rates of stochastic processes from data, with intervals over trajectories."""

import numpy as np
import pytest
from sklearn.preprocessing import PolynomialFeatures

from skmst import KoopmanRegressor
from skmst.datasets import make_double_well, make_ornstein_uhlenbeck
from skmst.metrics import bootstrap_interval


def slowest_rate(model, trajectories):
    return -model.fit(trajectories).rates_[0].real


def test_ornstein_uhlenbeck_relaxes_at_theta():
    x = make_ornstein_uhlenbeck(200, 1000, theta=0.7, dt=0.1, random_state=0)
    model = KoopmanRegressor(lag=5, dt=0.1)
    low, high = bootstrap_interval(lambda runs: slowest_rate(model, runs), x, n_resamples=200, random_state=0)
    assert slowest_rate(model, x) == pytest.approx(0.7, rel=0.05)
    assert low < 0.7 < high
    assert high - low < 0.1


def test_ornstein_uhlenbeck_spectrum_is_a_lattice():
    x = make_ornstein_uhlenbeck(400, 1000, theta=1.0, dt=0.1, random_state=1)
    model = KoopmanRegressor(lag=5, dt=0.1, observables=PolynomialFeatures(2, include_bias=False)).fit(x)
    assert np.sort(-model.rates_.real) == pytest.approx([1.0, 2.0], rel=0.05)


def test_double_well_hops_at_the_reference_rate():
    # beta = 3: 0.0806199, from the Fokker-Planck operator (sinc-DVR).
    x = make_double_well(800, 1000, beta=3.0, dt=0.1, random_state=0)
    model = KoopmanRegressor(lag=10, dt=0.1, observables=PolynomialFeatures(5, include_bias=False))
    assert slowest_rate(model, x) == pytest.approx(0.0806199, rel=0.05)
    low, high = bootstrap_interval(lambda runs: slowest_rate(model, runs), x, n_resamples=60, random_state=0)
    assert low < 0.0806199 < high

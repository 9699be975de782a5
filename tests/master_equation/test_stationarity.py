"""The test of stationarity passes what is stationary and finds transients."""

import numpy as np

from skmst.datasets import make_double_well, make_ornstein_uhlenbeck
from skmst.master_equation import stationarity_test
from skmst.master_equation.stationarity import _correlation_time
from tests.linear_systems import linear_runs


def test_false_alarms_are_rare_even_for_slow_processes():
    found = [
        stationarity_test([make(n, length, random_state=seed)]).stationary
        for seed in range(20)
        for make in (make_ornstein_uhlenbeck, make_double_well)
        for n, length in [(1, 400), (5, 60), (40, 30)]
    ]
    assert np.mean(found) > 0.95


def test_a_transient_of_the_mean_is_found():
    noise = np.random.default_rng(0).normal(size=(30, 40, 2))
    moving = noise + 2 * np.exp(-np.arange(40) / 10)[:, None] * [1, 0]
    found = stationarity_test([moving])
    assert not found.stationary
    assert 0.5 < found.drift < 2
    assert stationarity_test([noise]).stationary


def test_a_decay_without_drift_is_found_in_the_variance():
    found = stationarity_test([linear_runs(40, 30)])
    assert not found.stationary
    assert found.variance_ratio > 2


def test_runs_of_unequal_length_count_together():
    noise = np.random.default_rng(0).normal(size=(30, 40, 1))
    moving = noise + 0.1 * np.arange(40)[:, None]
    assert not stationarity_test([moving[:10], moving[10:, :30]]).stationary
    assert stationarity_test([noise[:10], noise[10:, :30]]).stationary


def test_what_is_constant_or_too_short_says_nothing():
    constant = stationarity_test([np.full((3, 10, 2), 7.0)])
    assert (constant.stationary, constant.drift, constant.variance_ratio) == (True, 0.0, 1.0)
    assert stationarity_test([np.arange(3.0)[None, :, None]]).stationary


def test_how_runs_are_put_into_blocks_does_not_matter():
    runs = make_ornstein_uhlenbeck(12, 40, random_state=0)
    runs[0] *= 20  # one of them varies much more than the others
    apart, together = ([runs[:1], runs[1:]], [runs])
    times = [_correlation_time(blocks, np.array([True])) for blocks in (apart, together)]
    np.testing.assert_allclose(*times, rtol=1e-12)

"""Calibrated intervals hold what they promise, trajectory by trajectory."""

import numpy as np
import pytest

from skmst import KoopmanRegressor, MasterEquationPredictor, hindcast
from skmst.datasets import make_ornstein_uhlenbeck
from skmst.metrics import conformal_radius, coverage


class TestRadius:
    @pytest.mark.parametrize(("level", "rank"), [(0.9, 18), (0.5, 10), (0.95, 19)])
    def test_one_forecast_for_each_trajectory_is_split_conformal_prediction(self, level, rank):
        error = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
        signs = np.where(np.arange(19) % 2, 1, -1)
        found = conformal_radius((signs * error)[:, None], np.zeros((19, 1)), np.arange(19), level=level)
        assert found.tolist() == [rank]  # the smallest rank of at least level * (19 + 1)

    def test_a_trajectory_with_many_forecasts_weighs_as_much_as_any(self):
        error = np.r_[np.full(1000, 50.0), np.arange(1.0, 20.0)]
        labels = np.r_[np.zeros(1000, int), np.arange(1, 20)]
        assert conformal_radius(error[:, None], 0 * error[:, None], labels, level=0.9).tolist() == [19.0]

    def test_leads_and_outputs_are_calibrated_each(self):
        rng = np.random.default_rng(0)
        error = rng.normal(size=(5000, 2, 3)) * [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        found = conformal_radius(error + 7, np.full_like(error, 7), np.arange(5000) // 5)
        np.testing.assert_allclose(found, 1.645 * np.array([[1, 2, 3], [4, 5, 6]]), rtol=0.07)

    def test_a_spread_makes_intervals_follow_the_forecast(self):
        rng = np.random.default_rng(1)
        spread = np.exp(rng.normal(size=(4000, 1)))
        error = spread * rng.normal(size=(4000, 1))
        factor = conformal_radius(error, 0 * error, np.arange(4000), spread=spread)
        np.testing.assert_allclose(factor, 1.645, rtol=0.05)
        narrow = spread[:, 0] < 0.5
        even = conformal_radius(error, 0 * error, np.arange(4000))
        assert coverage(error[narrow], -even, even)[0] > 0.99
        width = factor * spread[narrow]
        assert 0.87 < coverage(error[narrow], -width, width)[0] < 0.93

    def test_forecasts_that_overflowed_are_infinitely_wrong(self):
        pred = np.zeros((20, 1))
        pred[:3, 0] = np.nan, np.inf, 1.0
        assert conformal_radius(np.zeros((20, 1)), pred, np.arange(20), level=0.9).tolist() == [np.inf]
        assert conformal_radius(np.zeros((20, 1)), pred, np.arange(20), level=0.8).tolist() == [0.0]

    @pytest.mark.parametrize(
        ("arguments", "params", "message"),
        [
            ((np.zeros((8, 1)), np.zeros((8, 1)), np.arange(8)), {}, "at least 9 trajectories, got 8"),
            ((np.zeros((40, 1)), np.zeros((40, 1)), np.arange(40) % 18), {"level": 0.95}, "at least 19"),
            ((np.zeros((9, 1)), np.zeros((9, 2)), np.arange(9)), {}, "must have one shape"),
            ((np.zeros((9, 1)), np.zeros((9, 1)), np.arange(8)), {}, "one entry per forecast"),
            ((np.full((9, 1), np.nan), np.zeros((9, 1)), np.arange(9)), {}, "y_true contains NaN"),
            ((np.zeros((9, 1)), np.zeros((9, 1)), np.arange(9)), {"level": 1.0}, "level must lie"),
            ((np.zeros((9, 1)), np.zeros((9, 1)), np.arange(9)), {"spread": np.zeros((9, 1))}, "spread must be pos"),
        ],
    )
    def test_what_is_not_valid_is_named(self, arguments, params, message):
        with pytest.raises(ValueError, match=message):
            conformal_radius(*arguments, **params)


class TestCoverage:
    def test_trajectories_weigh_the_same(self):
        true = np.array([[0.0], [0.0], [0.0], [9.0]])
        assert coverage(true, -1.0, 1.0).tolist() == [0.75]
        assert coverage(true, -1.0, 1.0, trajectory=[0, 0, 0, 1]).tolist() == [0.5]

    def test_shapes_must_match(self):
        with pytest.raises(ValueError, match="high has shape"):
            coverage(np.zeros((3, 2)), 0.0, np.zeros(3))
        with pytest.raises(ValueError, match="not be empty"):
            coverage(np.zeros((0, 2)), 0.0, 0.0)
        with pytest.raises(ValueError, match="one entry per forecast"):
            coverage(np.zeros((3, 2)), 0.0, 0.0, trajectory=[0])


def unlike_each_other(n, n_steps, seed):
    """Runs whose noise is as different in size as trajectories can be, with heavy tails."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(size=(n, 1, 1)))
    return size * np.cumsum(rng.standard_t(3, size=(n, n_steps, 1)), axis=1) * 0.9 ** np.arange(n_steps)[:, None]


@pytest.mark.parametrize("n_calibration", [9, 40])
def test_coverage_is_at_least_the_level_on_average_whatever_the_model(n_calibration):
    model = KoopmanRegressor().fit(make_ornstein_uhlenbeck(5, 50, random_state=0))  # of another system
    found = []
    for seed in range(150):
        X = unlike_each_other(n_calibration + 20, 12, seed)
        known, new = hindcast(model, X[:n_calibration], horizon=3), hindcast(model, X[n_calibration:], horizon=3)
        radius = conformal_radius(known.y_true, known.y_pred, known.trajectory)
        found.append(coverage(new.y_true, new.y_pred - radius, new.y_pred + radius, new.trajectory))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.mean(found, axis=0) > 0.9 - 3 * error).all()
    assert (np.mean(found, axis=0) < 0.9 + 1 / (n_calibration + 1) + 3 * error).all()


def test_ninety_per_cent_intervals_of_a_memory_model_cover_ninety_per_cent():
    X = make_ornstein_uhlenbeck(400, 80, theta=0.5, random_state=3)
    model = MasterEquationPredictor(n_memory=3).fit(X[:100])
    known, new = hindcast(model, X[100:200], horizon=20), hindcast(model, X[200:], horizon=20)
    radius = conformal_radius(known.y_true, known.y_pred, known.trajectory)
    found = coverage(new.y_true, new.y_pred - radius, new.y_pred + radius, new.trajectory)
    assert len(np.unique(new.trajectory)) == 200
    assert found.min() > 0.85
    assert found.max() < 0.95
    # Known errors: those of an autoregressive process of order one.
    lead = 0.1 * np.arange(1, 21)
    np.testing.assert_allclose(radius[:, 0], 1.645 * np.sqrt((1 - np.exp(-lead)) / 0.5), rtol=0.1)

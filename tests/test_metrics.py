"""Scores, baselines and intervals against values worked out by hand or by scikit-learn."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skmst.metrics import (
    bootstrap_interval,
    climatology,
    forecast_scorer,
    persistence,
    relative_error,
    skill_by_lead,
    valid_prediction_time,
    variance_weighted_r2,
)

PAIR_METRICS = [variance_weighted_r2, skill_by_lead, relative_error, valid_prediction_time]


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.fixture
def forecasts(rng):
    y_true = rng.standard_normal((30, 7, 3)) * [1.0, 5.0, 0.1] + [0.0, 10.0, -3.0]
    return y_true, y_true + rng.standard_normal((30, 7, 3)) * [0.5, 1.0, 0.2]


class TestVarianceWeightedR2:
    def test_it_is_scikit_learns_on_rows(self, forecasts):
        y_true, y_pred = forecasts
        rows = [y.reshape(-1, 3) for y in forecasts]
        assert variance_weighted_r2(y_true, y_pred) == pytest.approx(
            r2_score(*rows, multioutput="variance_weighted"), abs=1e-14
        )

    def test_it_is_scikit_learns_with_weights_and_a_constant_output(self, forecasts, rng):
        y_true, y_pred = forecasts
        y_true[..., 1] = 0.0
        weight = rng.uniform(size=30)
        weight[3] = 0
        y_pred[3] = np.nan  # not counted
        rows = [np.delete(y, 3, axis=0).reshape(-1, 3) for y in (y_true, y_pred)]
        expected = r2_score(*rows, multioutput="variance_weighted", sample_weight=np.repeat(np.delete(weight, 3), 7))
        assert variance_weighted_r2(y_true, y_pred, weight) == pytest.approx(expected, abs=1e-14)

    def test_an_output_that_is_constant_but_for_round_off_does_not_count(self, forecasts):
        y_true, y_pred = forecasts
        expected = variance_weighted_r2(y_true[..., [0, 2]], y_pred[..., [0, 2]])
        y_true[..., 1] = 0.1 + 1e-17 * np.sign(y_true[..., 1])
        assert variance_weighted_r2(y_true, y_pred) == expected

    def test_the_truth_scores_one_and_its_mean_zero(self, forecasts):
        y_true, _ = forecasts
        assert variance_weighted_r2(y_true, y_true) == 1
        mean = climatology(y_true, len(y_true), y_true.shape[1])
        assert variance_weighted_r2(y_true, mean) == pytest.approx(0, abs=1e-14)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
    def test_a_forecast_that_overflowed_scores_minus_infinity(self, forecasts, value):
        y_true, y_pred = forecasts
        y_pred[4, 5, 1] = value
        assert variance_weighted_r2(y_true, y_pred) == -np.inf

    @pytest.mark.parametrize("constant", [0.0, 0.1, 1e20])
    def test_no_variance_is_an_error(self, constant):
        with pytest.raises(ValueError, match="y_true has no variance"):
            variance_weighted_r2(np.full((5, 3), constant), np.zeros((5, 3)))

    @pytest.mark.parametrize("weight", [[1.0], [-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0]])
    def test_wrong_weights_are_an_error(self, weight):
        with pytest.raises(ValueError, match=r"sample_weight must hold one weight per forecast \(2\)"):
            variance_weighted_r2([[1.0], [2.0]], [[1.0], [2.0]], weight)


class TestSkillByLead:
    def test_without_reference_it_is_the_r2_of_each_lead(self, forecasts):
        y_true, y_pred = forecasts
        expected = [r2_score(y_true[:, i], y_pred[:, i], multioutput="variance_weighted") for i in range(7)]
        np.testing.assert_allclose(skill_by_lead(y_true, y_pred), expected, atol=1e-13)

    def test_a_large_constant_output_does_not_hide_a_small_one_that_varies(self):
        rng = np.random.default_rng(0)
        y_true = np.stack([np.full((50, 4), 1e10), 1e-7 * rng.standard_normal((50, 4))], axis=-1)
        np.testing.assert_allclose(skill_by_lead(y_true, y_true), 1.0)

    def test_halving_the_error_of_the_reference_is_a_skill_of_three_quarters(self, forecasts):
        y_true, reference = forecasts
        np.testing.assert_allclose(skill_by_lead(y_true, (y_true + reference) / 2, reference), 0.75)

    def test_training_climatology_is_easier_to_beat_than_the_mean_in_hindsight(self, forecasts):
        y_true, y_pred = forecasts
        reference = climatology(y_true + 0.5, 30, 7)
        assert (skill_by_lead(y_true, y_pred, reference) > skill_by_lead(y_true, y_pred)).all()

    def test_an_overflow_spoils_its_own_leads_only(self, forecasts):
        y_true, y_pred = forecasts
        expected = skill_by_lead(y_true, y_pred)
        y_pred[0, 5:] = np.inf
        skill = skill_by_lead(y_true, y_pred)
        np.testing.assert_array_equal(skill[:5], expected[:5])
        assert (skill[5:] == -np.inf).all()

    def test_one_forecast_has_no_climatology(self):
        with pytest.raises(ValueError, match="undefined at lead 1: it needs that y_true varies"):
            skill_by_lead([[1.0, 2.0]], [[1.0, 2.0]])

    def test_a_perfect_or_overflowed_reference_is_an_error(self, forecasts):
        y_true, y_pred = forecasts
        reference = y_pred.copy()
        reference[:, 2] = y_true[:, 2]
        with pytest.raises(ValueError, match="undefined at lead 3: it needs that reference differs"):
            skill_by_lead(y_true, y_pred, reference)
        reference[:, 2] = np.nan
        with pytest.raises(ValueError, match="reference contains NaN or infinity"):
            skill_by_lead(y_true, y_pred, reference)
        with pytest.raises(ValueError, match="reference has shape"):
            skill_by_lead(y_true, y_pred, reference[:, :3])


class TestErrorsOfSingleForecasts:
    def test_relative_error_is_a_ratio_of_norms(self, forecasts):
        y_true, _ = forecasts
        np.testing.assert_allclose(relative_error(y_true, 1.25 * y_true), 0.25)
        np.testing.assert_allclose(relative_error(y_true, np.zeros_like(y_true)), 1.0)

    def test_relative_error_of_an_overflow_is_infinite(self, forecasts):
        y_true, y_pred = forecasts
        y_pred[2, 0, 0] = np.nan
        assert np.flatnonzero(np.isinf(relative_error(y_true, y_pred))).tolist() == [2]

    def test_relative_error_to_zero_is_an_error(self):
        with pytest.raises(ValueError, match="forecast 1 is undefined"):
            relative_error([[1.0], [0.0]], [[1.0], [1.0]])

    def test_an_error_that_doubles_every_step_exceeds_the_threshold_on_time(self):
        # Two outputs of standard deviation 1 and errors 0.04, 0.08, ...: the first above 0.5 is 0.64.
        y_true = np.tile([[1.0, -1.0], [-1.0, 1.0]], (4, 5, 1))
        error = 0.04 * 2.0 ** np.arange(10)[:, np.newaxis] * [1.0, -1.0]
        np.testing.assert_allclose(valid_prediction_time(y_true, y_true + error, dt=0.25), 5 * 0.25)
        late = valid_prediction_time(y_true, y_true + error, dt=0.25, threshold=3.0)
        np.testing.assert_allclose(late, 8 * 0.25)
        scaled = valid_prediction_time(y_true, y_true + error, dt=0.25, scale=6.0)
        np.testing.assert_allclose(scaled, late)

    def test_a_forecast_that_stays_good_is_valid_over_the_whole_horizon(self, forecasts):
        y_true, _ = forecasts
        np.testing.assert_allclose(valid_prediction_time(y_true, y_true, dt=0.5), 3.5)

    def test_an_overflow_ends_validity(self, forecasts):
        y_true, _ = forecasts
        y_pred = y_true.copy()
        y_pred[:, 3] = np.nan
        np.testing.assert_allclose(valid_prediction_time(y_true, y_pred), 4.0)

    @pytest.mark.parametrize("name", ["dt", "threshold", "scale"])
    def test_numbers_must_be_positive(self, name):
        with pytest.raises(ValueError, match=f"{name} must be positive and finite, got -1"):
            valid_prediction_time([[1.0], [2.0]], [[1.0], [2.0]], **{name: -1})

    def test_no_variance_asks_for_a_scale(self):
        with pytest.raises(ValueError, match="pass scale"):
            valid_prediction_time([[1.0], [1.0]], [[1.0], [2.0]])
        np.testing.assert_array_equal(valid_prediction_time([[1.0, 1.0]], [[1.0, 1.2]], scale=1.0), [2.0])


@pytest.mark.parametrize("metric", PAIR_METRICS)
class TestAllComparisons:
    def test_one_output_needs_no_axis(self, metric, forecasts):
        y_true, y_pred = (y[..., 0] for y in forecasts)
        np.testing.assert_array_equal(metric(y_true, y_pred), metric(y_true[..., np.newaxis], y_pred[..., np.newaxis]))

    def test_the_callers_arrays_stay_as_they_are(self, metric, forecasts):
        copies = [y.copy() for y in forecasts]
        metric(*forecasts)
        for y, copy in zip(forecasts, copies, strict=True):
            np.testing.assert_array_equal(y, copy)

    def test_wrong_input_is_named(self, metric, forecasts):
        y_true, y_pred = forecasts
        with pytest.raises(ValueError, match="y_pred has shape"):
            metric(y_true, y_pred[:, :-1])
        with pytest.raises(ValueError, match="y_true must have shape"):
            metric(y_true[0, 0], y_pred[0, 0])
        with pytest.raises(ValueError, match="without empty axes"):
            metric(y_true[:0], y_pred[:0])
        y_true[0, 0, 0] = np.nan
        with pytest.raises(ValueError, match="y_true contains NaN or infinity"):
            metric(y_true, y_pred)


class TestBaselines:
    def test_climatology_weighs_every_step_alike_also_in_unequal_runs(self, rng):
        runs = [rng.standard_normal((n, 2)) for n in (3, 10, 1)]
        forecast = climatology(runs, 4, 5)
        assert forecast.shape == (4, 5, 2)
        np.testing.assert_allclose(forecast - np.concatenate(runs).mean(axis=0), 0, atol=1e-15)

    def test_persistence_repeats_the_last_values(self, rng):
        last = rng.standard_normal((4, 3))
        forecast = persistence(last, 6)
        assert forecast.shape == (4, 6, 3)
        assert (forecast == last[:, np.newaxis]).all()

    def test_wrong_input_is_named(self):
        with pytest.raises(ValueError, match="y_train must hold trajectories"):
            climatology([np.zeros((3, 2)), np.zeros((3, 1))], 1, 1)
        with pytest.raises(ValueError, match="y_train must hold trajectories"):
            climatology([], 1, 1)
        with pytest.raises(ValueError, match="y_train is empty or contains NaN"):
            climatology([np.full((3, 2), np.nan)], 1, 1)
        with pytest.raises(ValueError, match="n_forecasts must be a positive whole number"):
            climatology([np.zeros((3, 2))], 0, 1)
        with pytest.raises(ValueError, match="last_values must have shape"):
            persistence([1.0, 2.0], 3)
        with pytest.raises(ValueError, match=r"n_steps must be a positive whole number, got 1.5"):
            persistence([[1.0]], 1.5)


class TestBootstrapInterval:
    def test_the_interval_of_a_mean_is_the_normal_one(self, rng):
        x = rng.standard_normal(400)
        low, high = bootstrap_interval(np.mean, x, n_resamples=4000, random_state=0)
        half_width = 1.645 * x.std() / np.sqrt(400)
        assert low == pytest.approx(x.mean() - half_width, abs=0.05 * half_width)
        assert high == pytest.approx(x.mean() + half_width, abs=0.05 * half_width)

    def test_it_covers_the_truth_as_often_as_it_says(self, rng):
        intervals = [
            bootstrap_interval(np.mean, rng.exponential(size=60), n_resamples=200, random_state=i) for i in range(300)
        ]
        covered = np.mean([low < 1 < high for low, high in intervals])
        assert 0.83 < covered < 0.94

    def test_copies_within_a_trajectory_do_not_narrow_the_interval(self, rng):
        x = rng.standard_normal(40)
        groups = np.repeat(np.arange(40), 25)
        expected = bootstrap_interval(np.mean, x, random_state=0)
        shuffled = rng.permutation(1000)
        grouped = bootstrap_interval(np.mean, np.repeat(x, 25)[shuffled], groups=groups[shuffled], random_state=0)
        np.testing.assert_allclose(grouped, expected)
        naive = bootstrap_interval(np.mean, np.repeat(x, 25), random_state=0)
        assert naive[1] - naive[0] < 0.3 * (grouped[1] - grouped[0])

    def test_arrays_are_resampled_together_and_curves_come_back_as_curves(self, forecasts):
        y_true, _ = forecasts
        low, high = bootstrap_interval(
            skill_by_lead, y_true, y_true.copy(), groups=np.repeat(list("abcdef"), 5), n_resamples=20
        )
        np.testing.assert_array_equal(low, np.ones(7))
        np.testing.assert_array_equal(high, np.ones(7))

    def test_seeds_and_levels(self, rng):
        x = rng.standard_normal(50)
        narrow, wide = (bootstrap_interval(np.mean, x, level=level, random_state=3) for level in (0.5, 0.95))
        assert wide[0] < narrow[0] < narrow[1] < wide[1]
        assert narrow == bootstrap_interval(np.mean, x, level=0.5, random_state=3)

    def test_an_overflow_in_some_resamples_is_no_nan(self):
        scores = np.array([-np.inf, 1.0, 2.0, 3.0])
        low, high = bootstrap_interval(np.min, scores, random_state=0)
        assert low == -np.inf
        assert high >= 1.0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (((np.zeros(3),), {"groups": [0, 0, 0]}), "at least two trajectories, got 1"),
            (((np.zeros(3),), {"groups": [0, 1]}), r"groups must hold one entry per forecast \(3\)"),
            (((np.zeros(3), np.zeros(2)), {}), "all of the same length"),
            (((), {}), "at least one array"),
            (((np.zeros(3),), {"level": 90}), "level must lie between 0 and 1, got 90"),
            (((np.zeros(3),), {"n_resamples": 0}), "n_resamples must be a positive whole number"),
        ],
    )
    def test_wrong_input_is_named(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            bootstrap_interval(np.mean, *arguments[0], **arguments[1])


class Damping(BaseEstimator):
    """Forecasts that x falls by `factor` at every step, whatever the data."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def hindcast(self, X, y=None, *, horizon):
        target = X if y is None else y
        powers = self.factor ** np.arange(1, horizon + 1)[:, np.newaxis]
        n_origins = X.shape[1] - horizon
        origins = range(n_origins)
        return SimpleNamespace(
            y_true=np.concatenate([target[:, i + 1 : i + 1 + horizon] for i in origins]),
            y_pred=np.concatenate([X[:, i : i + 1] * powers for i in origins]),
        )


class Doubling(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return 2 * X


class TestForecastScorer:
    @pytest.fixture
    def decays(self, rng):
        return rng.standard_normal((12, 1, 2)) * 0.8 ** np.arange(10)[:, np.newaxis]

    def test_the_true_factor_scores_one_at_every_horizon(self, decays):
        for horizon in (1, 5):
            assert forecast_scorer(horizon)(Damping(0.8).fit(decays), decays) == pytest.approx(1)

    def test_it_scores_rolling_origins_in_one_pool(self, decays):
        past = Damping(0.5).hindcast(decays, horizon=3)
        expected = variance_weighted_r2(past.y_true, past.y_pred)
        assert forecast_scorer(3)(Damping(0.5).fit(decays), decays) == expected

    def test_it_walks_through_pipelines(self, decays):
        model = make_pipeline(Doubling(), Doubling(), Damping(0.8)).fit(decays)
        nested = make_pipeline(Doubling(), make_pipeline(Doubling(), Damping(0.8))).fit(decays)
        alone = make_pipeline(Damping(0.8)).fit(decays)
        scorer = forecast_scorer(4)
        assert scorer(model, decays, 4 * decays) == pytest.approx(1)
        assert scorer(nested, decays, 4 * decays) == pytest.approx(1)
        assert scorer(alone, decays) == pytest.approx(1)

    def test_a_search_with_several_horizons_finds_the_true_factor(self, decays):
        search = GridSearchCV(
            make_pipeline(Doubling(), Damping()),
            {"damping__factor": [0.5, 0.8, 1.0]},
            scoring={"h1": forecast_scorer(1), "h5": forecast_scorer(5)},
            refit="h5",
            cv=3,
        )
        search.fit(decays, 2 * decays)
        assert search.best_params_ == {"damping__factor": 0.8}
        np.testing.assert_allclose(search.cv_results_["mean_test_h1"][1], 1)
        assert forecast_scorer(5)(search, decays, 2 * decays) == pytest.approx(1)

    def test_cross_validation_without_y_scores_the_state_itself(self, decays):
        np.testing.assert_allclose(cross_val_score(Damping(0.8), decays, scoring=forecast_scorer(2), cv=3), 1)

    def test_it_can_be_pickled_and_says_what_it_is(self, decays):
        scorer = pickle.loads(pickle.dumps(forecast_scorer(3)))
        assert repr(scorer) == "forecast_scorer(3)"
        assert scorer(Damping(0.8).fit(decays), decays) == pytest.approx(1)

    def test_wrong_input_is_named(self, decays):
        with pytest.raises(ValueError, match="horizon must be a positive whole number, got 0"):
            forecast_scorer(0)
        with pytest.raises(TypeError, match="Doubling cannot forecast held-out trajectories"):
            forecast_scorer(1)(Doubling().fit(decays), decays)

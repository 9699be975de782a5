"""What both regressors of trajectories must do; on exactly linear data every forecast is exact."""

import pickle
from contextlib import nullcontext
from functools import partial
from itertools import pairwise

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.metrics import forecast_scorer, variance_weighted_r2
from tests.linear_systems import (
    FIXED_POINT,
    READ,
    A,
    affine_least_squares,
    linear_runs,
    noisy_runs,
    stacked_windows,
)


def koopman(terms=1, **params):
    return KoopmanRegressor(n_delays=terms, **params)


def memory(terms=1, **params):
    return MasterEquationPredictor(n_memory=terms, **params)


MODELS = [
    pytest.param(koopman, id="koopman"),
    pytest.param(partial(koopman, rank=3), id="koopman-rank"),
    pytest.param(partial(koopman, rank=3, solver="reduced_rank"), id="koopman-reduced-rank"),
    pytest.param(memory, id="memory"),
    *(pytest.param(partial(memory, method=m), id=m) for m in ("mori", "qmsm", "igme", "tcl", "embedding")),
    pytest.param(partial(memory, method="nonlinear", regressor=LinearRegression(), stabilize=False), id="nonlinear"),
]
BOTH = [pytest.param(koopman, id="koopman"), pytest.param(memory, id="memory")]
TRAIN, TEST = linear_runs(6, 30), linear_runs(4, 30, seed=1)
UNEQUAL = [run[:n] for run, n in zip(TRAIN, [30, 20, 25, 20, 30, 15], strict=True)]


def continued(start, n_steps):
    """The exact continuation x(t + k) = A^k x(t), shape (n_runs, n_steps, 3)."""
    powers = [np.linalg.matrix_power(A, k) for k in range(1, n_steps + 1)]
    return np.stack([(start - FIXED_POINT) @ P.T + FIXED_POINT for P in powers], axis=1)


# Decaying runs are not stationary, which these methods say; where every window is exact, it does not matter.
@pytest.mark.filterwarnings("ignore:method='(mori|qmsm|igme|tcl)' takes the data for stationary:UserWarning")
@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("terms", [1, 3])
@pytest.mark.parametrize("data", [TRAIN, UNEQUAL, TRAIN[0]], ids=["array", "list", "one run"])
class TestExactlyLinearData:
    def fit(self, make, lag, terms, data, y=None):
        return make(terms, lag=lag).fit(data, y)

    def test_score_is_one(self, make, lag, terms, data):
        model = self.fit(make, lag, terms, data)
        assert 1 - model.score(TEST) < 1e-10
        assert 1 - model.score(list(TEST)) < 1e-10
        assert 1 - forecast_scorer(5)(model, TEST) < 1e-10

    def test_forecast_is_a_power_of_the_matrix(self, make, lag, terms, data):
        model = self.fit(make, lag, terms, data)
        for n_observed in [lag, 10]:
            found = model.forecast(TEST[:, :n_observed], 15)
            np.testing.assert_allclose(found, continued(TEST[:, n_observed - 1], 15), atol=1e-9)

    def test_prediction_of_a_row_is_the_data_one_lag_later(self, make, lag, terms, data):
        model = self.fit(make, lag, terms, data)
        np.testing.assert_allclose(model.predict(TEST)[:, :-lag], TEST[:, lag:], atol=1e-9)

    def test_observables_are_forecast_at_the_right_step(self, make, lag, terms, data):
        y = [run @ READ.T for run in data] if isinstance(data, list) else data @ READ.T
        model = self.fit(make, lag, terms, data, y)
        truth = TEST @ READ.T
        assert 1 - model.score(TEST, truth) < 1e-10
        np.testing.assert_allclose(model.forecast(TEST[:, :10], 20), truth[:, 10:], atol=1e-9)
        np.testing.assert_allclose(model.forecast(TEST[:, :10], 20, state=True), TEST[:, 10:], atol=1e-9)
        np.testing.assert_allclose(model.predict(TEST)[:, :-lag], truth[:, lag:], atol=1e-9)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(("terms", "lag"), [(1, 1), (3, 1), (2, 3)])
class TestNoisyData:
    """The models against a plain reference: least squares on explicitly stacked windows."""

    X = noisy_runs(20, 40)

    def reference(self, terms, lag, known=None):
        past, future = stacked_windows(self.X, terms, lag)
        return affine_least_squares(past[:, : 3 * (known or terms)], future)

    def test_predictions_are_those_of_least_squares(self, make, terms, lag):
        past, _ = stacked_windows(self.X, terms, lag)
        coefficients, intercept = self.reference(terms, lag)
        found = make(terms, lag=lag).fit(self.X).predict(self.X)[:, (terms - 1) * lag : -lag]
        np.testing.assert_allclose(found.reshape(-1, 3), past @ coefficients.T + intercept, atol=1e-10)

    def test_early_rows_use_the_shorter_memory_of_the_same_windows(self, make, terms, lag):
        model = make(terms, lag=lag).fit(self.X)
        found = model.predict(self.X)
        for row in range((terms - 1) * lag):
            known = row // lag + 1
            coefficients, intercept = self.reference(terms, lag, known)
            past = np.concatenate([self.X[:, row - j * lag] for j in range(known)], axis=-1)
            np.testing.assert_allclose(found[:, row], past @ coefficients.T + intercept, atol=1e-9)

    def test_hindcasts_are_forecasts_from_each_origin(self, make, terms, lag):
        model = make(terms, lag=lag).fit(self.X)
        runs = [self.X[0], self.X[1, :20], self.X[2], self.X[3, :9]]
        past = model.hindcast(runs, horizon=4)
        first = terms * lag - 1
        expected = [(i, t) for i, run in enumerate(runs) for t in range(first, len(run) - 4)]
        assert list(zip(past.trajectory, past.origin, strict=True)) == expected
        for i in range(0, len(expected), 7):
            run, origin = runs[past.trajectory[i]], past.origin[i]
            np.testing.assert_allclose(past.y_pred[i], model.forecast(run[: origin + 1], 4), atol=1e-10)
            np.testing.assert_array_equal(past.y_true[i], run[origin + 1 : origin + 5])

    def test_the_score_is_that_of_the_hindcast(self, make, terms, lag):
        model = make(terms, lag=lag, horizon=4).fit(self.X)
        past = model.hindcast(self.X)
        assert past.y_true.shape[1] == 4
        expected = 1 - np.sum((past.y_true - past.y_pred) ** 2) / np.sum(
            (past.y_true - past.y_true.mean(axis=(0, 1))) ** 2
        )
        assert model.score(self.X) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("make", BOTH)
class TestContract:
    X = noisy_runs(8, 30)
    Y = noisy_runs(8, 30) ** 2

    @settings(deadline=None, max_examples=15)
    @given(cuts=st.sets(st.integers(1, 7)), with_y=st.booleans(), lag=st.integers(1, 2))
    def test_any_chunking_gives_the_model_of_all_the_data(self, make, cuts, with_y, lag):
        bounds = [0, *sorted(cuts), 8]
        whole = make(2, alpha=0.01, lag=lag).fit(self.X, self.Y if with_y else None)
        chunked = make(2, alpha=0.01, lag=lag)
        for a, b in pairwise(bounds):
            chunked.partial_fit(self.X[a:b], self.Y[a:b] if with_y else None)
        np.testing.assert_allclose(chunked.forecast(self.X, 5), whole.forecast(self.X, 5), atol=1e-11)
        np.testing.assert_allclose(chunked.residuals_, whole.residuals_, atol=1e-7)

    def test_partial_fit_continues_a_fit_and_fit_starts_anew(self, make):
        whole, again = make().fit(self.X), make().fit(self.Y).fit(self.X[:4]).partial_fit(self.X[4:])
        np.testing.assert_allclose(again.intercept_, whole.intercept_, atol=1e-12)

    def test_chunks_must_go_together(self, make):
        model = make(2).partial_fit(self.X, self.Y)
        with pytest.raises(ValueError, match="every chunk"):
            model.partial_fit(self.X)
        with pytest.raises(ValueError, match="2 features"):
            model.partial_fit(self.X[..., :2], self.Y)
        model.set_params(lag=2)
        with pytest.raises(ValueError, match="must not change"):
            model.partial_fit(self.X, self.Y)

    @pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
    def test_forecasts_have_the_shape_of_y(self, make, shape):
        y = np.broadcast_to(self.X[..., 0].reshape(8, 30, *np.ones(len(shape), int)), (8, 30, *shape))
        model = make(2).fit(self.X, y)
        assert model.forecast(self.X, 7).shape == (8, 7, *shape)
        assert model.predict(self.X).shape == (8, 30, *shape)
        assert model.forecast(self.X[0], 7).shape == (7, *shape)
        assert model.predict(self.X[0]).shape == (30, *shape)
        assert [p.shape for p in model.predict([self.X[0], self.X[1, :5]])] == [(30, *shape), (5, *shape)]
        assert model.forecast([self.X[0], self.X[1, :5]], 7).shape == (2, 7, *shape)
        assert model.forecast(self.X, 7, state=True).shape == (8, 7, 3)
        assert np.isfinite(model.score(self.X, y))

    def test_starts_of_unequal_length_are_continued_in_the_callers_order(self, make):
        model = make(3).fit(self.X)
        starts = [self.X[0], self.X[1, :2], self.X[2], self.X[3, :9]]
        each = np.stack([model.forecast(start, 5) for start in starts])
        np.testing.assert_allclose(model.forecast(starts, 5), each, atol=1e-12)

    def test_models_of_any_memory_start_at_the_same_origins(self, make):
        origins = [
            make(terms, lag=lag, n_context=6).fit(self.X).hindcast(self.X, horizon=3).origin
            for terms, lag in [(1, 1), (4, 1), (2, 4), (3, 5)]
        ]
        assert origins[0].min() == 5
        for other in origins[1:]:
            np.testing.assert_array_equal(other, origins[0])

    def test_the_default_horizon_is_ten_or_what_the_shortest_run_allows(self, make):
        model = make(2).fit(self.X)
        assert model.hindcast(self.X).y_true.shape[1] == 10
        assert model.hindcast([self.X[0], self.X[1, :6]]).y_true.shape[1] == 4
        assert model.hindcast([self.X[0], self.X[1, :2]]).y_true.shape[1] == 1

    def test_sample_weight_counts_trajectories_or_steps(self, make):
        model = make(1).fit(self.X)
        some = model.score(self.X, sample_weight=[1, 0, 1, 1, 0, 1, 1, 1])
        assert some == pytest.approx(model.score(self.X[[0, 2, 3, 5, 6, 7]]), abs=1e-12)
        weight = np.arange(30) < 15
        past = model.hindcast(self.X[0])
        expected = variance_weighted_r2(past.y_true[:15], past.y_pred[:15])
        assert model.score(self.X[0], sample_weight=weight) == pytest.approx(expected, abs=1e-12)
        with pytest.raises(ValueError, match="one weight for each of 8 trajectories"):
            model.score(self.X, sample_weight=np.ones(30))

    def test_units_do_not_matter(self, make):
        units, origin = np.array([1e-6, 1.0, 1e8]), np.array([1e-3, 0.0, -1e10])
        plain, scaled = make(2).fit(self.X), make(2).fit(self.X * units + origin)
        np.testing.assert_allclose(scaled.eigenvalues_, plain.eigenvalues_, atol=1e-8)
        forecast = (scaled.forecast(self.X * units + origin, 5) - origin) / units
        np.testing.assert_allclose(forecast, plain.forecast(self.X, 5), atol=1e-6)

    def test_float32_data_are_summed_in_float64(self, make):
        single = make(2).fit(self.X.astype(np.float32))
        double = make(2).fit(self.X.astype(np.float32).astype(np.float64))
        np.testing.assert_array_equal(single.forecast(self.X, 3), double.forecast(self.X, 3))

    def test_constant_and_zero_features_are_forecast_as_they_are(self, make):
        X = self.X.copy()
        X[..., 1], X[..., 2] = 0.1, 0.0
        forecast = make(2).fit(X).forecast(X, 5)
        np.testing.assert_allclose(forecast[..., 1:], np.broadcast_to([0.1, 0.0], (8, 5, 2)), atol=1e-14)
        assert np.isfinite(forecast).all()

    def test_data_that_do_not_vary_at_all_are_continued(self, make):
        model = make(2).fit(np.full((2, 10, 3), 7.0))
        np.testing.assert_allclose(model.forecast(np.full((2, 3), 7.0), 4), 7.0)
        assert model.eigenvalues_.shape == (0,)

    def test_nothing_of_the_callers_is_changed(self, make):
        X, y = self.X.copy(), self.Y.copy()
        X.flags.writeable = y.flags.writeable = False
        model = make(2, alpha=0.1).fit(X, y)
        model.predict(X), model.forecast(X, 3), model.score(X, y)
        np.testing.assert_array_equal(X, self.X)

    def test_a_pickled_model_forecasts_the_same_bits(self, make, tmp_path):
        model = make(2, lag=2).fit(self.X, self.Y)
        joblib.dump(model, tmp_path / "model.joblib")
        for copy in [pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")]:
            np.testing.assert_array_equal(copy.forecast(self.X, 9), model.forecast(self.X, 9))

    def test_parameters_set_after_the_fit_wait_for_the_next_one(self, make):
        model = make(2, lag=2).fit(self.X)
        expected, past = model.forecast(self.X, 5), model.hindcast(self.X)
        model.set_params(lag=7, alpha=1.0)
        np.testing.assert_array_equal(model.forecast(self.X, 5), expected)
        np.testing.assert_array_equal(model.hindcast(self.X).y_pred, past.y_pred)

    def test_a_clone_is_unfitted(self, make):
        with pytest.raises(NotFittedError):
            clone(make(2).fit(self.X)).forecast(self.X, 3)

    @pytest.mark.parametrize("method", ["fit", "partial_fit"])
    def test_an_interrupted_fit_leaves_the_fitted_state(self, make, method, monkeypatch):
        model = make(2).fit(self.X)
        expected = model.forecast(self.X, 5)

        def interrupt(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr("skmst._fitting.jittered_cholesky", interrupt)
        with pytest.raises(KeyboardInterrupt):
            getattr(model, method)(self.X[:3])
        with pytest.raises(KeyboardInterrupt):
            model.fit(self.X[..., :2])
        monkeypatch.undo()
        assert model.n_features_in_ == 3
        np.testing.assert_array_equal(model.forecast(self.X, 5), expected)

    def test_an_exploding_forecast_names_the_step(self, make):
        X = 10.0 ** np.arange(8)[None, :, None] * np.ones((2, 1, 1))
        X[1] *= 0.3
        with pytest.warns(UserWarning, match="unstable") if make is memory else nullcontext():
            model = make().fit(X)
        with pytest.raises(OverflowError, match=r"at step 302 of 500.*[Rr]aise alpha"):
            model.forecast(X[:1], 500)
        assert model.hindcast(X, horizon=2).y_pred.max() < 1e9

    def test_a_score_of_an_exploding_forecast_is_the_worst(self, make):
        X = 10.0 ** (50.0 * np.arange(4))[None, :, None] * np.ones((2, 1, 1))
        train = 10.0 ** np.arange(8)[None, :, None] * [[[1.0]], [[0.3]]]
        with pytest.warns(UserWarning, match="unstable") if make is memory else nullcontext():
            model = make(horizon=2).fit(train)
        model._model.advance.coefficients[:] = 1e200
        assert model.score(X) == -np.inf


@pytest.mark.parametrize("make", BOTH)
class TestErrors:
    X = noisy_runs(3, 20)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (X[0, :1], "n_samples=1"),
            (X[:, :1], "n_samples=1"),
            (X[:, :6], r"at lag=2 needs at least 7 steps"),
            ([X[0], X[1, :6]], "n_samples=6"),
            (1e200 * X, "rescale"),
        ],
    )
    def test_fit(self, make, data, message):
        with pytest.raises(ValueError, match=message):
            make(3, lag=2).fit(data)

    @pytest.mark.parametrize("n_steps", [0, -1, 2.0, "3", None, True])
    def test_number_of_steps(self, make, n_steps):
        with pytest.raises(ValueError, match="n_steps must be a whole number"):
            make().fit(self.X).forecast(self.X, n_steps)

    def test_too_short_a_start(self, make):
        with pytest.raises(ValueError, match="needs at least 3 observed steps"):
            make(1, lag=3).fit(self.X).forecast(self.X[:, :2], 5)

    def test_too_short_for_a_score(self, make):
        model = make(2).fit(self.X)
        with pytest.raises(ValueError, match="n_samples=1"):
            model.score(self.X[:, :1])
        with pytest.raises(ValueError, match="a context of 2 and a horizon of 19 need 21"):
            model.hindcast(self.X, horizon=19)

    def test_context_shorter_than_the_lag(self, make):
        with pytest.raises(ValueError, match="n_context=2 is shorter than lag=3"):
            make(1, lag=3, n_context=2).fit(self.X).score(self.X)

    def test_observables_missing_or_of_another_shape(self, make):
        model = make().fit(self.X, self.X[..., :2])
        with pytest.raises(ValueError, match="y is needed"):
            model.score(self.X)
        with pytest.raises(ValueError, match=r"shape \(3,\) per step where the model forecasts \(2,\)"):
            model.score(self.X, self.X)

    def test_a_score_without_variance(self, make):
        model = make().fit(self.X)
        with pytest.raises(ValueError, match="variance"):
            model.score(np.ones((3, 20, 3)))

    def test_a_prediction_that_overflows(self, make):
        model = make().fit(self.X, 1e6 * self.X)
        with pytest.raises(OverflowError, match="rescale X"):
            model.predict(np.full((1, 5, 3), 1e307))

    def test_values_that_are_no_numbers(self, make):
        model = make().fit(self.X)
        bad = np.where(np.arange(20)[:, None] == 5, np.nan, self.X)
        for call in [model.fit, model.predict, model.score, partial(model.forecast, n_steps=2)]:
            with pytest.raises(ValueError, match="NaN"):
                call(bad)

    def test_an_unfitted_model(self, make):
        for call in [make().predict, make().score, make().hindcast, partial(make().forecast, n_steps=2)]:
            with pytest.raises(NotFittedError):
                call(self.X)

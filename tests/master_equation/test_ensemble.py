"""Forecasts with noise, samples and residuals of fitted models."""

import pickle

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import MasterEquationPredictor, PerSnapshot, forecast
from skmst.master_equation import whiteness
from skmst.metrics import coverage
from tests.linear_systems import FIXED_POINT, linear_runs, noisy_runs
from tests.master_equation import hidden_variable

AR3 = np.array([0.6, -0.5, 0.3])


def autoregressive(n_runs, n_steps, seed=0, law="normal"):
    """x(t) = .6 x(t-1) - .5 x(t-2) + .3 x(t-3) + noise of variance 4; shape (n_runs, n_steps, 1)."""
    rng = np.random.default_rng(seed)
    draw = {"normal": rng.standard_normal, "skewed": lambda size: rng.standard_exponential(size) - 1}[law]
    return lfilter([1.0], np.r_[1.0, -AR3], 2 * draw((n_runs, n_steps + 200)))[:, 200:, None]


METHODS = ["regression", "mori", "qmsm", "igme", "tcl", "embedding", "nonlinear"]
X = autoregressive(60, 300)


@pytest.fixture(scope="module")
def model():
    return MasterEquationPredictor(4).fit(X)


class TestNoiseOfModels:
    def test_the_covariance_is_that_of_the_noise_put_in(self, model):
        np.testing.assert_allclose(model.noise_cov_, [[4.0]], rtol=0.05)
        X = hidden_variable.runs(100, 200)
        exact = hidden_variable.innovation_variance()
        np.testing.assert_allclose(MasterEquationPredictor(12).fit(X).noise_cov_, [[exact]], rtol=0.05)

    @pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
    @pytest.mark.parametrize("lag", [1, 2])
    @pytest.mark.parametrize("method", METHODS)
    def test_the_covariance_is_that_of_the_residuals(self, method, lag):
        regressor = LinearRegression() if method == "nonlinear" else None
        model = MasterEquationPredictor(3, method=method, lag=lag, regressor=regressor, stabilize=False).fit(X)
        residuals = model.orthogonal_noise(X)
        n_terms = {"igme": 1, "tcl": 1}.get(method, 3)
        assert residuals.shape == (60, 300 - n_terms * lag, 1)
        np.testing.assert_allclose(model.noise_cov_, np.cov(residuals.ravel()).reshape(1, 1), rtol=0.02)
        predicted = model.predict(X)[:, (n_terms - 1) * lag : -lag]
        np.testing.assert_allclose(residuals, X[:, n_terms * lag :] - predicted, atol=1e-10)

    def test_noise_of_enough_memory_is_white(self, model):
        assert whiteness([model.orthogonal_noise(X)], 12, n_fitted=4).p_value > 0.05
        assert whiteness([model.orthogonal_noise(autoregressive(10, 100, seed=1))], 6).p_value > 0.05
        assert whiteness([MasterEquationPredictor(2).fit(X).orthogonal_noise(X)], 12, n_fitted=2).p_value < 1e-6

    def test_exact_models_have_no_noise(self):
        model = MasterEquationPredictor(1).fit(linear_runs(6, 30))
        np.testing.assert_array_equal(model.noise_cov_, 0)
        members = model.forecast(linear_runs(2, 10), 5, n_ensemble=3, random_state=0)
        np.testing.assert_allclose(members - model.forecast(linear_runs(2, 10), 5), 0, atol=1e-9)

    def test_residuals_come_in_the_form_of_the_data(self, model):
        assert model.orthogonal_noise(X[0]).shape == (296, 1)
        assert [r.shape for r in model.orthogonal_noise([X[0], X[1, :7]])] == [(296, 1), (3, 1)]
        with pytest.raises(ValueError, match=r"4 steps, but noise needs.* 5 steps"):
            model.orthogonal_noise([X[0], X[1, :4]])


class TestWhereForecastsEnd:
    @pytest.mark.filterwarnings("ignore:method='(mori|qmsm|igme|tcl)' takes the data for stationary:UserWarning")
    @pytest.mark.parametrize("method", METHODS[:-1])
    def test_forecasts_relax_to_the_stationary_state(self, method):
        model = MasterEquationPredictor(3, method=method).fit(linear_runs(6, 60))
        np.testing.assert_allclose(model.stationary_, FIXED_POINT, atol=1e-6)
        noisy = MasterEquationPredictor(3, method=method).fit(noisy_runs(10, 60) + 7)
        np.testing.assert_allclose(noisy.forecast(noisy_runs(1, 10)[0], 500)[-1], noisy.stationary_, atol=1e-8)

    def test_probabilities_relax_to_the_stationary_law(self):
        T = np.array([[0.9, 0.3], [0.1, 0.7]])
        start = np.random.default_rng(0).dirichlet([1, 1], 20)
        p = np.stack([start @ np.linalg.matrix_power(T, k).T for k in range(5)], axis=1)
        np.testing.assert_allclose(MasterEquationPredictor(1).fit(p).stationary_, [0.75, 0.25], atol=1e-9)

    def test_growth_ends_nowhere(self):
        growing = 1.1 ** np.arange(30)[:, None] * np.array([1.0, 2.0])[:, None, None]
        with pytest.warns(UserWarning, match="unstable"):
            assert np.isnan(MasterEquationPredictor(2).fit(growing).stationary_).all()


class TestEnsembles:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("lag", [1, 2])
    @pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
    def test_members_scatter_around_the_forecast(self, method, lag):
        regressor = LinearRegression() if method == "nonlinear" else None
        model = MasterEquationPredictor(3, method=method, lag=lag, regressor=regressor).fit(X)
        noise = model.orthogonal_noise(X) if method in ("mori", "qmsm") else None
        members = model.forecast(X[:2], 10, n_ensemble=4000, noise=noise, random_state=0)
        assert members.shape == (4000, 2, 10, 1)
        np.testing.assert_allclose(members.mean(axis=0), model.forecast(X[:2], 10), atol=0.2)
        first = members[:, :, :lag].var(axis=0)
        np.testing.assert_allclose(first, np.broadcast_to(model.noise_cov_.item(), first.shape), rtol=0.15)

    def test_the_spread_is_that_of_the_future(self, model):
        response = lfilter([1.0], np.r_[1.0, -AR3], np.eye(1, 30)[0])
        members = model.forecast(X[:1], 30, n_ensemble=20000, random_state=0)
        np.testing.assert_allclose(members[:, 0, :, 0].var(axis=0), 4 * np.cumsum(response**2), rtol=0.06)

    @pytest.mark.parametrize(("method", "n_memory"), [("mori", 8), ("qmsm", 3), ("regression", 1), ("regression", 8)])
    def test_noise_from_residuals_has_the_spread_of_errors_whatever_the_kernels(self, method, n_memory):
        data, test = hidden_variable.runs(200, 100), hidden_variable.runs(200, 100, seed=1)
        model = MasterEquationPredictor(n_memory, method=method).fit(data)
        params = {"n_ensemble": 100, "random_state": 0}
        members = model.forecast(test[:, :30], 15, noise=model.orthogonal_noise(data), **params)
        past = model.hindcast(test, horizon=15)
        error = np.mean((past.y_true - past.y_pred) ** 2, axis=0)
        np.testing.assert_allclose(members.var(axis=0).mean(axis=0), error, rtol=0.07)
        if method in ("mori", "qmsm"):
            for draw in (lambda: model.forecast(test, 3, n_ensemble=2), model.sample):
                with pytest.raises(ValueError, match=r"not white.*noise=model.orthogonal_noise"):
                    draw()

    @pytest.mark.parametrize("law", ["normal", "skewed"])
    def test_ninety_per_cent_of_members_hold_ninety_per_cent_of_the_future(self, law):
        data = autoregressive(300, 40, seed=2, law=law)
        model = MasterEquationPredictor(4).fit(data[:100])
        noise = model.orthogonal_noise(data[:100]) if law == "skewed" else None
        members = model.forecast(data[100:, :20], 20, n_ensemble=400, noise=noise, random_state=0)
        low, high = np.quantile(members, [0.05, 0.95], axis=0)
        found = coverage(data[100:, 20:], low, high)
        assert 0.88 < found.mean() < 0.92
        assert found.min() > 0.82
        if law == "skewed":  # normal noise of the same variance puts its tails where there are none
            below = coverage(data[100:, 20:21], low[:, :1], np.inf).item()
            normal = np.quantile(model.forecast(data[100:, :20], 1, n_ensemble=400, random_state=0), 0.05, axis=0)
            assert abs(below - 0.95) < 0.04
            assert coverage(data[100:, 20:21], normal, np.inf).item() > 0.99

    def test_shapes_are_those_of_the_forecast_with_members_in_front(self):
        runs = noisy_runs(8, 30)
        y = runs[..., :1] * np.ones(6)
        model = MasterEquationPredictor(2).fit(runs, y.reshape(8, 30, 2, 3))
        assert model.forecast(runs, 7, n_ensemble=5).shape == (5, 8, 7, 2, 3)
        assert model.forecast(runs[0], 7, n_ensemble=5).shape == (5, 7, 2, 3)
        assert model.forecast(runs[0].tolist(), 7, n_ensemble=1).shape == (1, 7, 2, 3)
        assert model.forecast([runs[0], runs[1, :4]], 7, n_ensemble=5, state=True).shape == (5, 2, 7, 3)

    def test_members_of_starts_of_unequal_length_are_in_the_callers_order(self):
        runs = noisy_runs(4, 30)
        model = MasterEquationPredictor(3).fit(runs)
        starts = [runs[0], runs[1, :2], runs[2], runs[3, :9]]
        members = model.forecast(starts, 3, n_ensemble=3000, random_state=0)
        np.testing.assert_allclose(members.mean(axis=0), model.forecast(starts, 3), atol=0.15)

    def test_a_seed_gives_the_same_members_and_no_seed_gives_others(self, model):
        again = pickle.loads(pickle.dumps(model))
        first, second = (m.forecast(X[0], 5, n_ensemble=3, random_state=1) for m in (model, again))
        np.testing.assert_array_equal(first, second)
        assert not np.allclose(first, model.forecast(X[0], 5, n_ensemble=3))

    def test_what_is_conserved_is_conserved_by_every_member(self):
        rng = np.random.default_rng(0)
        p = rng.dirichlet([5, 5, 5], size=(20, 40))  # rows sum to one
        members = MasterEquationPredictor(2).fit(p).forecast(p, 200, n_ensemble=10, random_state=0)
        np.testing.assert_allclose(members.sum(axis=-1), 1, atol=1e-9)

    def test_pipelines_forecast_ensembles_and_take_them_back(self):
        runs = 100 * noisy_runs(8, 40) + 1000
        model = make_pipeline(PerSnapshot(StandardScaler()), MasterEquationPredictor(2)).fit(runs)
        params = {"n_ensemble": 2000, "random_state": 0}
        members = forecast(model, runs, 4, inverse=True, **params)
        assert members.shape == (2000, 8, 4, 3)
        np.testing.assert_allclose(members.mean(axis=0), forecast(model, runs, 4, inverse=True), atol=20)
        assert forecast(model, runs[0], 4, inverse=True, **params).shape == (2000, 4, 3)
        assert forecast(model, runs, 4, **params).shape == (2000, 8, 4, 3)

    def test_an_unstable_ensemble_names_the_step(self):
        growing = 10.0 ** np.arange(8)[None, :, None] * np.array([1.0, 0.3])[:, None, None]
        with pytest.warns(UserWarning, match="unstable"):
            model = MasterEquationPredictor(1).fit(growing)
        with pytest.raises(OverflowError, match="at step 302 of 400"):
            model.forecast(growing[:1], 400, n_ensemble=2)
        with pytest.raises(OverflowError, match="unstable"):
            model.sample(2, 400)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_ensemble": 0}, "n_ensemble must be a whole number"),
            ({"n_ensemble": 2.5}, "n_ensemble must be a whole number"),
            ({"n_ensemble": True}, "n_ensemble must be a whole number"),
            ({"noise": X}, "noise is for ensembles"),
            ({"n_ensemble": 2, "noise": noisy_runs(2, 9)}, "noise has 3 features where the model has 1"),
            ({"n_ensemble": 2, "noise": [[np.nan]]}, "NaN"),
        ],
    )
    def test_what_is_not_valid_is_named(self, model, params, message):
        with pytest.raises(ValueError, match=message):
            model.forecast(X, 3, **params)

    def test_models_of_propagators_make_their_own_noise(self):
        model = MasterEquationPredictor(2, method="tcl").fit(X)
        with pytest.raises(ValueError, match="leave noise out"):
            model.forecast(X, 3, n_ensemble=2, noise=model.orthogonal_noise(X))


class TestSamples:
    # A quasi-Markov model at lag 2 of these data is unstable.
    @pytest.mark.parametrize(("method", "lag"), [(m, n) for m in METHODS for n in (1, 2) if (m, n) != ("qmsm", 2)])
    def test_samples_have_the_law_of_the_data(self, method, lag):
        regressor = LinearRegression() if method == "nonlinear" else None
        data = hidden_variable.runs(200, 100)
        n_memory = {"igme": 3, "tcl": 3, "qmsm": 2}.get(method, 8)
        params = {"method": method, "lag": lag, "regressor": regressor, "stabilize": False}
        model = MasterEquationPredictor(n_memory, **params).fit(data)
        noise = model.orthogonal_noise(data) if method in ("mori", "qmsm") else None
        drawn = model.sample(300, 60, noise=noise, burn_in=0 if noise is None else 100, random_state=0)
        assert drawn.shape == (300, 60, 1)
        exact = hidden_variable.window_covariance(1 + 2 * lag)[0]
        assert abs(drawn.mean()) < 0.1
        np.testing.assert_allclose(drawn.var(axis=0), exact[0], rtol=0.35)
        np.testing.assert_allclose(drawn.var(), exact[0], rtol=0.05)
        np.testing.assert_allclose(np.mean(drawn[:, 1:] * drawn[:, :-1]), exact[lag], atol=0.12)
        if method in ("regression", "embedding", "nonlinear"):  # correlations beyond one lag need all the memory
            np.testing.assert_allclose(np.mean(drawn[:, 2:] * drawn[:, :-2]), exact[2 * lag], atol=0.12)

    def test_a_sample_from_residuals_keeps_their_law(self):
        data = autoregressive(100, 100, law="skewed")
        model = MasterEquationPredictor(4).fit(data)
        drawn = model.sample(200, 100, burn_in=30, noise=model.orthogonal_noise(data), random_state=0)
        assert drawn.shape == (200, 100, 1)

        def skewness(x):
            return np.mean((x - x.mean()) ** 3) / x.std() ** 3

        assert skewness(data) > 0.7
        np.testing.assert_allclose(skewness(drawn), skewness(data), rtol=0.2)
        assert abs(skewness(model.sample(200, 100, random_state=0))) < 0.1

    def test_numbers_out_of_range_are_named(self, model):
        with pytest.raises(ValueError, match="n_trajectories must be"):
            model.sample(0)
        with pytest.raises(ValueError, match="n_steps must be"):
            model.sample(1, 0)
        with pytest.raises(ValueError, match="burn_in must be"):
            model.sample(burn_in=-1)

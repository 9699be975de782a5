"""Koopman spectra and forecasts of systems whose answers are known."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from tests.linear_systems import EIGENVALUES, READ, A, linear_runs, noisy_runs

MU, LAMBDA = -0.05, -1.0


def add_square(X):
    return np.column_stack([X, X[:, 0] ** 2])


def slow_manifold(n_runs, n_steps, dt, seed=0):
    """Solutions of x' = mu x, y' = lambda (y - x^2) in closed form."""
    x0, y0 = np.random.default_rng(seed).uniform(-2, 2, (2, n_runs, 1))
    t, b = dt * np.arange(n_steps), LAMBDA / (LAMBDA - 2 * MU)
    x = x0 * np.exp(MU * t)
    return np.stack([x, b * x**2 + (y0 - b * x0**2) * np.exp(LAMBDA * t)], axis=-1)


def duffing(n_runs, n_steps, dt, seed=0):
    """Solutions of x'' + x' / 2 - x + x^3 = 0."""

    def velocity(t, state):
        x, v = state.reshape(2, n_runs)
        return np.concatenate([v, -0.5 * v + x - x**3])

    start = np.random.default_rng(seed).uniform(-2, 2, 2 * n_runs)
    times = dt * np.arange(n_steps)
    solved = solve_ivp(velocity, (0, times[-1]), start, t_eval=times, rtol=1e-10, atol=1e-12)
    return solved.y.reshape(2, n_runs, n_steps).transpose(1, 2, 0)


class TestLinearDynamics:
    X = linear_runs(6, 30)

    @pytest.mark.parametrize("lag", [1, 3])
    def test_matrix_eigenvalues_and_rates(self, lag):
        model = KoopmanRegressor(lag=lag, dt=0.1).fit(self.X)
        np.testing.assert_allclose(model.koopman_matrix_, np.linalg.matrix_power(A, lag), atol=1e-12)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES**lag, atol=1e-12)
        np.testing.assert_allclose(model.rates_, np.log(EIGENVALUES) / 0.1, atol=1e-10)
        np.testing.assert_allclose(model.timescales_, -0.1 / np.log(np.abs(EIGENVALUES)), rtol=1e-10)
        step = self.X[:, :-lag] @ model.koopman_matrix_.T + model.intercept_
        np.testing.assert_allclose(step, self.X[:, lag:], atol=1e-12)

    def test_modes_rebuild_what_is_forecast(self):
        y = self.X @ READ.T
        model = KoopmanRegressor().fit(self.X, y)
        terms = model.eigenfunctions(self.X) @ model.modes_.T
        fixed = y - terms.real
        np.testing.assert_allclose(terms.imag, 0, atol=1e-12)
        np.testing.assert_allclose(fixed, np.broadcast_to(fixed[0, 0], fixed.shape), atol=1e-10)

    @pytest.mark.parametrize("n_delays", [1, 3])
    def test_eigenfunctions_grow_by_their_eigenvalues(self, n_delays):
        model = KoopmanRegressor(n_delays=n_delays).fit(self.X)
        values = model.eigenfunctions(self.X)
        np.testing.assert_allclose(values[:, 1:], model.eigenvalues_ * values[:, :-1], atol=1e-9)

    def test_delays_of_exact_data_add_no_eigenvalues(self):
        model = KoopmanRegressor(n_delays=4).fit(self.X)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES, atol=1e-9)
        assert model.koopman_matrix_.shape == (12, 12)

    def test_residuals_tell_the_spurious_eigenvalues(self):
        noise = np.random.default_rng(0).normal(size=(6, 30, 2))
        model = KoopmanRegressor().fit(np.concatenate([self.X, noise], axis=-1))
        exact = np.abs(model.eigenvalues_[:, None] - EIGENVALUES).min(axis=1) < 1e-8
        assert exact.sum() == 3
        np.testing.assert_allclose(model.residuals_[exact], 0, atol=1e-6)
        assert (model.residuals_[~exact] > 0.5).all()


class TestRank:
    X = noisy_runs(10, 40, n_features=5)

    @pytest.mark.parametrize("solver", ["edmd", "reduced_rank"])
    def test_a_rank_lists_as_many_eigenvalues(self, solver):
        model = KoopmanRegressor(rank=2, solver=solver).fit(self.X)
        assert model.eigenvalues_.shape == (2,)
        assert model.modes_.shape == (5, 2)
        assert np.linalg.matrix_rank(model.koopman_matrix_) == 2

    @pytest.mark.parametrize("solver", ["edmd", "reduced_rank"])
    def test_a_rank_beyond_the_dimension_is_no_limit(self, solver):
        full, beyond = (KoopmanRegressor(rank=r, solver=solver).fit(self.X) for r in (None, 50))
        np.testing.assert_allclose(beyond.koopman_matrix_, full.koopman_matrix_, atol=1e-10)

    def test_the_ridge_is_relative_to_the_variance(self):
        one, thousand = (KoopmanRegressor(alpha=0.3).fit(c * self.X) for c in (1.0, 1000.0))
        np.testing.assert_allclose(one.koopman_matrix_, thousand.koopman_matrix_, atol=1e-12)
        free = KoopmanRegressor().fit(self.X)
        assert np.linalg.norm(one.koopman_matrix_) < np.linalg.norm(free.koopman_matrix_)

    def test_the_intercept_is_not_penalised(self):
        here, there = (KoopmanRegressor(alpha=0.3).fit(self.X + c) for c in (0.0, 100.0))
        np.testing.assert_allclose(there.forecast(self.X + 100, 5), here.forecast(self.X, 5) + 100, atol=1e-9)


class TestDelays:
    @pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
    @pytest.mark.parametrize("lag", [1, 2])
    def test_known_history_is_shifted_whatever_the_penalty(self, alpha, lag):
        X = noisy_runs(6, 40)
        koopman = KoopmanRegressor(n_delays=3, lag=lag, alpha=alpha).fit(X)
        np.testing.assert_allclose(koopman.koopman_matrix_[3:], np.eye(9)[:6], atol=1e-12)
        memory = MasterEquationPredictor(n_memory=3, lag=lag, alpha=alpha).fit(X)
        np.testing.assert_allclose(koopman.forecast(X, 10), memory.forecast(X, 10), atol=1e-10)
        np.testing.assert_allclose(koopman.eigenvalues_, memory.eigenvalues_, atol=1e-8)


class TestObservables:
    def test_slow_manifold_has_the_spectrum_mu_lambda_two_mu(self):
        lift = FunctionTransformer(add_square)
        model = KoopmanRegressor(observables=lift, dt=0.1).fit(slow_manifold(20, 60, 0.1))
        np.testing.assert_allclose(model.rates_, [MU, 2 * MU, LAMBDA], atol=1e-10)
        np.testing.assert_allclose(model.residuals_, 0, atol=1e-6)

    def test_a_larger_dictionary_keeps_the_exact_eigenvalues_and_marks_the_others(self):
        lift = PolynomialFeatures(2, include_bias=False)
        model = KoopmanRegressor(observables=lift, dt=0.1).fit(slow_manifold(20, 60, 0.1))
        exact = np.abs(model.rates_[:, None] - [MU, 2 * MU, LAMBDA]).min(axis=1) < 1e-6
        assert exact.sum() == 3
        assert model.residuals_[exact].max() < 1e-6 < 1e-3 < model.residuals_[~exact].min()

    def test_the_slow_manifold_is_forecast_exactly(self):
        X = slow_manifold(20, 60, 0.1)
        for step in ["linear", "relift"]:
            model = KoopmanRegressor(observables=FunctionTransformer(add_square), step=step).fit(X)
            np.testing.assert_allclose(model.forecast(X[:, :5], 55), X[:, 5:], atol=1e-9)

    def test_going_back_to_the_state_makes_duffing_accurate(self):
        train, test = duffing(200, 41, 0.1), duffing(50, 41, 0.1, seed=1)
        error = {}
        for step in ["linear", "relift", "auto"]:
            lift = PolynomialFeatures(5, include_bias=False)
            model = KoopmanRegressor(observables=lift, step=step).fit(train)
            error[step] = np.sqrt(np.mean((model.forecast(test[:, :1], 40)[:, -1] - test[:, -1]) ** 2))
        assert model.step_ == "relift"
        assert error["auto"] == error["relift"] < 1e-4
        assert error["linear"] > 0.3

    def test_observables_that_lose_the_state_step_linearly(self):
        X = noisy_runs(5, 40)
        model = KoopmanRegressor(observables=PCA(2)).fit(X)
        assert model.step_ == "linear"
        assert model.forecast(X, 3).shape == (5, 3, 3)

    def test_a_small_feature_that_is_lost_makes_steps_linear_in_any_units(self):
        X = noisy_runs(5, 60)[..., :2] * np.array([1e4, 1e-3])
        lose_the_sign = FunctionTransformer(lambda rows: np.c_[rows[:, 0], rows[:, 1] ** 2])
        assert KoopmanRegressor(observables=lose_the_sign).fit(X, X[..., :1]).step_ == "linear"

    def test_without_observables_steps_are_linear(self):
        assert KoopmanRegressor(step="relift").fit(noisy_runs(2, 20)).step_ == "linear"

    def test_observables_that_only_rescale_change_nothing(self):
        X = noisy_runs(5, 40)
        plain = KoopmanRegressor(n_delays=2).fit(X)
        for step in ["linear", "relift"]:
            scaled = KoopmanRegressor(n_delays=2, observables=StandardScaler(), step=step).fit(X)
            np.testing.assert_allclose(scaled.forecast(X, 6), plain.forecast(X, 6), atol=1e-9)
            np.testing.assert_allclose(scaled.predict(X), plain.predict(X), atol=1e-9)

    def test_other_observables_are_read_off_the_lifted_state(self):
        X = slow_manifold(20, 60, 0.1)
        energy = X[..., 0] ** 2 + X[..., 1]
        model = KoopmanRegressor(observables=FunctionTransformer(add_square)).fit(X, energy)
        np.testing.assert_allclose(model.forecast(X[:, :10], 50), energy[:, 10:], atol=1e-9)
        np.testing.assert_allclose(model.forecast(X[:, :10], 50, state=True), X[:, 10:], atol=1e-9)
        assert model.score(X, energy) > 1 - 1e-10

    def test_the_given_transformer_is_not_fitted(self):
        scaler = StandardScaler()
        model = KoopmanRegressor(observables=scaler).fit(noisy_runs(2, 20))
        assert not hasattr(scaler, "mean_")
        assert hasattr(model.observables_, "mean_")

    def test_partial_fit_keeps_the_observables_of_the_first_chunk(self):
        X = noisy_runs(6, 20)
        model = KoopmanRegressor(observables=StandardScaler()).partial_fit(X[:2])
        mean = model.observables_.mean_
        np.testing.assert_array_equal(model.partial_fit(X[2:]).observables_.mean_, mean)
        whole = KoopmanRegressor().fit(X)
        np.testing.assert_allclose(model.eigenvalues_, whole.eigenvalues_, atol=1e-10)

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda X: X[:, 0], "dense 2-D array"),
            (lambda X: X + 1j, "real numbers"),
            (lambda X: X + np.nan, "NaN or infinity"),
        ],
    )
    def test_observables_must_be_finite_real_rows(self, function, message):
        with pytest.raises(ValueError, match=message):
            KoopmanRegressor(observables=FunctionTransformer(function)).fit(noisy_runs(2, 20))

    def test_a_lifted_state_that_explodes_is_an_overflow_not_a_crash(self):
        X = slow_manifold(20, 60, 0.1)
        lift = PolynomialFeatures(3, include_bias=False)
        model = KoopmanRegressor(observables=lift, horizon=40).fit(X)
        with pytest.raises(OverflowError, match="leaves the range of floating-point numbers at step"):
            model.forecast(np.full((1, 1, 2), 1e30), 40)
        assert model.score(np.concatenate([X, np.full((1, 60, 2), 1e30)])) == -np.inf

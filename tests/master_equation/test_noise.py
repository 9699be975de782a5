"""The noise of models whose noise is known, and the relation between noise and memory."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from skmst.master_equation import (
    fluctuation_dissipation,
    fluctuation_dissipation_test,
    mori_kernels,
    noise_covariance,
    regression,
    residual_series,
    trajectory_moments,
    whiteness,
)
from skmst.master_equation.kernels import mori
from tests.master_equation import hidden_variable, lumped_chain


class TestCovariance:
    def test_the_noise_of_a_process_without_memory_is_its_own(self):
        A, noise = np.array([[0.9, 0.2], [0.0, 0.5]]), np.array([[2.0, 0.3], [0.3, 1.0]])
        S = solve_discrete_lyapunov(A, noise)
        covariance = np.block([[S, A @ S, A @ A @ S], [(A @ S).T, S, A @ S], [(A @ A @ S).T, (A @ S).T, S]])
        for kernels in (A[None], np.array([A, 0 * A]), regression(covariance, 2, 0.0)):
            np.testing.assert_allclose(noise_covariance(covariance, kernels), noise, atol=1e-12)

    def test_white_noise_is_all_noise(self):
        covariance = np.diag([3.0, 2.0, 3.0, 2.0, 3.0, 2.0])
        kernels = regression(covariance, 2, 0.0)
        np.testing.assert_allclose(kernels, 0, atol=1e-15)
        np.testing.assert_allclose(noise_covariance(covariance, kernels), np.diag([3.0, 2.0]), atol=1e-14)

    def test_long_memory_leaves_what_the_whole_past_does_not_know(self):
        exact = hidden_variable.innovation_variance()
        covariance = hidden_variable.window_covariance(41)
        found = [noise_covariance(covariance, regression(covariance[: n + 1, : n + 1], n, 0.0)) for n in (1, 2, 8, 40)]
        assert found[0] > 1.01 * exact
        assert np.all(np.diff(np.ravel(found)) < 0)
        np.testing.assert_allclose(found[-1], exact, rtol=1e-10)

    def test_degrees_of_freedom_make_it_unbiased(self):
        rng = np.random.default_rng(0)
        found = []
        for _ in range(400):  # 18 windows, 4 coefficients and a mean: raw residuals vary 28 % too little
            moments = trajectory_moments(rng.normal(size=(2, 11, 2)), 2)
            kernels = regression(moments.covariance, 2, 0.0)
            found.append(noise_covariance(moments.covariance, kernels, int(moments.n_windows.sum())))
        np.testing.assert_allclose(np.mean(found, axis=0), np.eye(2), atol=0.1)

    def test_too_many_kernels_are_refused(self):
        with pytest.raises(ValueError, match=r"kernels has 2 terms.*have 1"):
            noise_covariance(np.eye(2), np.zeros((2, 1, 1)))


class TestSeries:
    @pytest.mark.parametrize("lag", [1, 3])
    def test_residuals_are_the_noise_that_was_put_in(self, lag):
        rng = np.random.default_rng(0)
        kernels, intercept = 0.3 * rng.normal(size=(2, 2, 2)), np.array([1.0, -2.0])
        noise, X = rng.normal(size=(4, 50, 2)), rng.normal(size=(4, 50, 2))
        for t in range(2 * lag, 50):
            X[:, t] = X[:, t - lag] @ kernels[0].T + X[:, t - 2 * lag] @ kernels[1].T + intercept + noise[:, t]
        np.testing.assert_allclose(residual_series(X, kernels, intercept, lag), noise[:, 2 * lag :], atol=1e-12)

    def test_short_runs_are_refused(self):
        with pytest.raises(ValueError, match="no window of 2 terms"):
            residual_series(np.zeros((1, 4, 1)), np.zeros((2, 1, 1)), np.zeros(1), lag=2)


class TestWhiteness:
    def test_white_noise_is_rejected_as_often_as_the_level_says(self):
        rng = np.random.default_rng(0)
        p = [whiteness([rng.normal(size=(20, 50, 2)), rng.normal(size=(5, 80, 2))], 6).p_value for _ in range(400)]
        assert 0.03 < np.mean(np.array(p) < 0.05) < 0.08
        assert 0.43 < np.mean(np.array(p) < 0.5) < 0.57

    def test_residuals_of_enough_memory_are_white_and_of_too_little_are_not(self):
        rejected = {1: 0, 8: 0}
        for seed in range(40):
            X = hidden_variable.runs(20, 100, seed)
            moments = trajectory_moments(X, 8)
            for n in rejected:
                kernels = regression(moments.covariance[: n + 1, : n + 1], n, 0.0)
                p = whiteness([residual_series(X, kernels, np.zeros(1))], 14, n_fitted=n).p_value
                rejected[n] += p < 0.05
        assert rejected[1] == 40
        assert rejected[8] <= 6

    def test_overlapping_noise_of_a_long_lag_is_compared_beyond_its_overlap(self):
        white = np.random.default_rng(2).normal(size=(20, 200, 1))
        overlapping = white[:, 2:] + white[:, 1:-1] + white[:, :-2]
        assert whiteness([overlapping], 5, lag=3).p_value > 0.05
        assert whiteness([overlapping], 5).p_value < 1e-6

    def test_correlations_are_those_of_whitened_noise(self):
        white = np.random.default_rng(0).normal(size=(50, 400, 1))
        found = whiteness([7 * (white[:, 1:] + 0.5 * white[:, :-1]) + 3], 3)
        np.testing.assert_allclose(found.correlations.ravel(), [0.4, 0, 0], atol=0.03)

    @pytest.mark.parametrize("params", [{"n_lags": 3, "n_fitted": 3}, {"n_lags": 10}, {"n_lags": 5, "lag": 2}])
    def test_a_number_of_lags_without_meaning_is_refused(self, params):
        with pytest.raises(ValueError, match=f"n_lags={params['n_lags']} must be above"):
            whiteness([np.random.default_rng(0).normal(size=(2, 10, 1))], **params)

    def test_an_exact_model_has_no_noise_to_test(self):
        with pytest.raises(ValueError, match="model is exact"):
            whiteness([np.zeros((2, 10, 1))], 3)


class TestFluctuationDissipation:
    @pytest.mark.parametrize("system", [hidden_variable, lumped_chain])
    def test_kernels_are_correlations_of_the_noise(self, system):
        covariance = system.window_covariance(11)
        kernels = mori(covariance, 10, 0.0)
        d = kernels.shape[1]
        dissipation, fluctuation = fluctuation_dissipation(covariance, kernels)
        np.testing.assert_allclose(dissipation, fluctuation, atol=1e-12)
        # The closed form of the kernels, where noise is not mentioned; C_1 = Omega_0 C_0.
        exact = system.kernels(10)
        C1 = covariance[:d, d : 2 * d]
        np.testing.assert_allclose(fluctuation, -exact[1:] @ C1.T, atol=1e-12)
        assert np.abs(fluctuation[0]).max() > 1e-5

    def test_a_rotation_loses_nothing(self):
        C = np.cos(0.3 * np.arange(8))
        covariance = C[np.abs(np.subtract.outer(np.arange(8), np.arange(8)))]
        dissipation, fluctuation = fluctuation_dissipation(covariance, mori_kernels(C[:, None, None]))
        np.testing.assert_allclose(fluctuation, dissipation, atol=1e-12)
        np.testing.assert_allclose(dissipation[0].item(), np.sin(0.3) ** 2 * np.cos(0.3), atol=1e-12)

    def test_other_kernels_break_it(self):
        covariance = hidden_variable.window_covariance(6)
        dissipation, fluctuation = fluctuation_dissipation(covariance, regression(covariance, 5, 0.0))
        assert np.abs(dissipation - fluctuation).max() > 0.1

    def test_on_data_it_holds_where_it_should(self):
        p = [fluctuation_dissipation_test(hidden_variable.runs(60, 100, s), 5, n_resamples=99, random_state=0).p_value
             for s in range(40)]  # fmt: skip
        assert np.mean(np.array(p) < 0.1) < 0.25
        assert 0.3 < np.mean(p) < 0.7

    def test_on_data_it_fails_for_other_kernels_and_for_transients(self):
        X = hidden_variable.runs(60, 100)
        assert fluctuation_dissipation_test(X, 5, kernels=regression, n_resamples=99, random_state=0).p_value == 0.01
        starting = hidden_variable.runs(400, 6, start=np.diag([25.0, 0.0]))
        found = fluctuation_dissipation_test(starting, 5, n_resamples=99, random_state=0)
        assert found.p_value <= 0.02
        assert found.mismatch.max() > 2 * found.chance.max()

    def test_units_do_not_matter(self):
        X = np.concatenate([hidden_variable.runs(20, 60), hidden_variable.runs(20, 60, 1)], axis=-1)
        plain, scaled = (
            fluctuation_dissipation_test(x, 4, n_resamples=20, random_state=0) for x in (X, X * [1e6, 1e-3] + [1e5, 0])
        )
        np.testing.assert_allclose(scaled.mismatch, plain.mismatch, rtol=1e-6)
        assert scaled.p_value == plain.p_value

    def test_one_trajectory_and_one_term_are_refused(self):
        with pytest.raises(ValueError, match="at least 2"):
            fluctuation_dissipation_test(hidden_variable.runs(5, 20), 1)
        with pytest.raises(ValueError, match=r"one trajectory.*segments"):
            fluctuation_dissipation_test(hidden_variable.runs(1, 20)[0], 3)
        with pytest.raises(ValueError, match="3 steps is too short"):
            fluctuation_dissipation_test(hidden_variable.runs(5, 3), 3)

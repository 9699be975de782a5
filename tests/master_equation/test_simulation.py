"""Ensembles have the law that the model says, in every moment that is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from skmst.master_equation import (
    MasterEquationPredictor,
    companion_matrix,
    gaussian_noise,
    residual_noise,
    simulate,
    stationary_covariance,
    stationary_shift,
)
from skmst.master_equation.simulation import ensemble, propagator_ensemble
from tests.linear_systems import noisy_runs
from tests.master_equation import hidden_variable


def silent(n_members, rng):
    return lambda: np.zeros((n_members, 3))


class TestSimulation:
    @pytest.mark.parametrize(("lag", "n_memory"), [(1, 1), (1, 4), (3, 2)])
    @pytest.mark.parametrize("method", ["regression", "embedding", "nonlinear"])
    def test_without_noise_a_member_is_the_forecast(self, method, lag, n_memory):
        X = noisy_runs(6, 40)
        model = MasterEquationPredictor(n_memory, method=method, lag=lag).fit(X, X[..., :2])
        starts = [model._model.history(X, np.array([40 - lag + k]))[:, 0] for k in range(lag)]
        # Longer than what is written in front of a window before it is moved.
        found = ensemble(model._model, starts, 300, 2, silent, np.random.default_rng(0), as_state=False)
        assert found.shape == (2, 6, 300, 2)
        np.testing.assert_allclose(found, np.broadcast_to(model.forecast(X, 300), found.shape), atol=1e-10)

    def test_many_members_are_stepped_in_parts_that_do_not_show(self, monkeypatch):
        X = noisy_runs(6, 40)
        model = MasterEquationPredictor(3).fit(X)._model
        start = [model.history(X, np.array([39]))[:, 0]]
        whole = ensemble(model, start, 5, 4, silent, np.random.default_rng(0), as_state=True)
        monkeypatch.setattr("skmst.master_equation.simulation._TOGETHER", 1500)
        parts = ensemble(model, start, 5, 4, silent, np.random.default_rng(0), as_state=True)
        np.testing.assert_allclose(parts, whole, atol=1e-12)

    def test_the_spread_grows_as_the_response_to_noise_says(self):
        kernels = np.array([0.6, -0.5, 0.3])[:, None, None]
        step = companion_matrix(kernels)[:1]
        start, n = np.tile([1.0, -2.0, 0.5], (40000, 1)), 12
        noise = gaussian_noise(np.array([[4.0]]))(len(start), np.random.default_rng(0))
        found = simulate(lambda Z: Z @ step.T, [start], 1, n, noise, lambda Z: Z[:, :1])[..., 0]
        response = lfilter([1.0], np.r_[1.0, -kernels.ravel()], np.eye(1, n)[0])
        np.testing.assert_allclose(found.var(axis=0), 4 * np.cumsum(response**2), rtol=0.03)
        calm = simulate(lambda Z: Z @ step.T, [start[:1]], 1, n, lambda: np.zeros((1, 1)), lambda Z: Z[:, :1])[0, :, 0]
        np.testing.assert_allclose(found.mean(axis=0), calm, atol=0.06)

    def test_a_long_run_has_the_stationary_covariance(self):
        kernels = np.array([[[0.5, 0.2], [-0.3, 0.4]], [[0.2, 0.0], [0.1, 0.1]]])
        noise = np.array([[1.0, 0.5], [0.5, 2.0]])
        M = companion_matrix(kernels)
        exact = stationary_covariance(M, noise)
        np.testing.assert_allclose(exact, M @ exact @ M.T + np.pad(noise, (0, 2)), atol=1e-12)
        draw = gaussian_noise(noise)(400, np.random.default_rng(0))
        found = simulate(lambda Z: Z @ M[:2].T, [np.zeros((400, 4))], 2, 600, draw, lambda Z: Z)[:, 100:]
        np.testing.assert_allclose(np.cov(found.reshape(-1, 4).T), exact, atol=0.06)

    def test_an_unstable_model_has_no_stationary_covariance(self):
        with pytest.raises(ValueError, match=r"eigenvalue of modulus 1\b"):
            stationary_covariance(np.eye(2), np.eye(2))


class TestNoise:
    def test_normal_noise_keeps_to_the_range_of_its_covariance(self):
        covariance = np.array([[2.0, -1.0, -1.0], [-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])  # rows sum to zero
        draw = gaussian_noise(covariance)(50000, np.random.default_rng(0))
        first, second = draw(), draw()
        np.testing.assert_allclose(first.sum(axis=1), 0, atol=1e-12)
        np.testing.assert_allclose(np.cov(first.T), covariance, atol=0.05)
        np.testing.assert_allclose(first.T @ second / 50000, 0, atol=0.05)

    def test_residuals_keep_their_law_and_within_blocks_their_order(self):
        rng = np.random.default_rng(0)
        white = rng.exponential(size=(50, 201))
        residuals = white[:, 1:] + 0.8 * white[:, :-1] + 7
        draw = residual_noise(list(residuals[..., None]), block_length=20)(20000, rng)
        series = np.stack([draw()[:, 0] for _ in range(30)], axis=1)
        assert abs(series.mean()) < 0.02
        np.testing.assert_allclose(series.var(), residuals.var(), rtol=0.02)
        skewness = np.mean(series**3) / series.std() ** 3
        centred = residuals - residuals.mean()
        np.testing.assert_allclose(skewness, np.mean(centred**3) / residuals.std() ** 3, rtol=0.05)
        correlation = np.mean(series[:, 1:] * series[:, :-1]) / series.var()
        # A block of mean length 20 goes on 19 times of 20, unless its run of 200 ends.
        expected = 0.95 * 199 / 200 * 0.8 / 1.64
        np.testing.assert_allclose(correlation, expected, atol=0.02)

    def test_blocks_of_one_step_have_no_order(self):
        residuals = np.repeat(np.arange(10.0), 10)[None, :, None]
        draw = residual_noise(list(residuals), block_length=1)(20000, np.random.default_rng(0))
        first, second = draw()[:, 0], draw()[:, 0]
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


class TestPropagators:
    X = hidden_variable.runs(400, 60)

    @pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
    @pytest.mark.parametrize("method", ["tcl", "igme"])
    @pytest.mark.parametrize("lag", [1, 2])
    def test_errors_at_every_lead_are_those_of_the_propagator(self, method, lag):
        model = MasterEquationPredictor(4, method=method, lag=lag).fit(self.X)._model
        mean = np.zeros((2, 20, 1))
        found = propagator_ensemble(model, mean, 20000, np.random.default_rng(0), as_state=True)
        assert found.shape == (20000, 2, 20, 1)
        C0 = model.history_factor.item() ** 2
        steps = [T.coefficients.item() for T in model.propagators]
        while len(steps) < 20:
            steps.append(steps[-1] * model.continuation.coefficients.item())
        expected = np.repeat([C0 * (1 - T**2) for T in steps], lag)[:20]
        np.testing.assert_allclose(found[:, 0, :, 0].var(axis=0), expected, rtol=0.05)
        # Two lags in a row: the covariance of errors in a stationary state.
        product = np.mean(found[:, 0, lag, 0] * found[:, 0, 0, 0])
        np.testing.assert_allclose(product, C0 * (steps[0] - steps[1] * steps[0]), atol=0.05)


class TestStationaryShift:
    def test_it_stays(self):
        rng = np.random.default_rng(0)
        M, step = companion_matrix(0.2 * rng.normal(size=(3, 2, 2))), rng.normal(size=6)
        found = stationary_shift(M, step)
        np.testing.assert_allclose(M @ found + step, found, atol=1e-12)

    def test_what_is_conserved_stays_as_it_is(self):
        T, p = np.array([[0.9, 0.3], [0.1, 0.7]]), np.array([0.5, 0.5])  # columns sum to one
        np.testing.assert_allclose(p + stationary_shift(T, T @ p - p), [0.75, 0.25], atol=1e-12)
        np.testing.assert_allclose(stationary_shift(np.eye(2), np.zeros(2)), 0, atol=1e-15)

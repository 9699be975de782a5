"""Nonlinear regression projections."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, Ridge

from skmst.master_equation import (
    MasterEquationPredictor,
    joint_projection,
    quadratic_regressor,
    sequential_projections,
)
from tests.linear_systems import linear_runs, noisy_runs, stacked_windows


def henon(n_runs, n_steps, seed=0):
    """First coordinate of the Henon map: exactly quadratic with two terms of memory; (n_runs, n_steps, 1)."""
    x = np.random.default_rng(seed).uniform(-0.1, 0.1, size=(n_runs, n_steps + 50, 1))
    for t in range(2, n_steps + 50):
        x[:, t] = 1 - 1.4 * x[:, t - 1] ** 2 + 0.3 * x[:, t - 2]
    return x[:, 50:]


class TestHenonMap:
    X, test = henon(10, 60), henon(5, 40, seed=1)

    def test_a_quadratic_model_with_two_terms_is_exact(self):
        model = MasterEquationPredictor(n_memory=2, method="nonlinear").fit(self.X)
        np.testing.assert_allclose(model.predict(self.test)[:, 1:-1], self.test[:, 2:], atol=1e-9)
        np.testing.assert_allclose(model.forecast(self.test[:, :10], 8), self.test[:, 10:18], atol=1e-5)
        assert model.score(self.test) > 0.99

    def test_linear_memory_knows_little(self):
        assert MasterEquationPredictor(n_memory=2, horizon=3).fit(self.X).score(self.test) < 0.5

    def test_a_forecast_never_leaves_the_range_of_the_data_far(self):
        model = MasterEquationPredictor(n_memory=2, method="nonlinear").fit(self.X)
        low, high = self.X.min(), self.X.max()
        out = model.forecast(np.full((10, 1), 50.0), 100)
        assert out.min() >= 2 * low - high
        assert out.max() <= 2 * high - low

    def test_without_the_guard_an_explosion_is_an_error(self):
        model = MasterEquationPredictor(n_memory=2, method="nonlinear", stabilize=False).fit(self.X)
        with pytest.raises(OverflowError, match="leaves the range of floating-point numbers at step"):
            model.forecast(np.full((10, 1), 50.0), 100)

    def test_any_regressor_serves(self):
        trees = ExtraTreesRegressor(20, random_state=0)
        model = MasterEquationPredictor(n_memory=2, method="nonlinear", regressor=trees, horizon=1).fit(self.X)
        assert 0.9 < model.score(self.test) < 1

    def test_attributes_of_linear_models_do_not_stay(self):
        model = MasterEquationPredictor(n_memory=2).fit(self.X)
        model.set_params(method="nonlinear").fit(self.X)
        assert not hasattr(model, "memory_kernel_")
        assert not hasattr(model, "timescales_")
        assert hasattr(model, "projection_")
        assert not hasattr(model, "partial_fit")
        assert hasattr(model.set_params(method="mori"), "partial_fit")


def test_a_joint_linear_projection_is_joint_least_squares():
    X = noisy_runs(10, 40)
    joint = MasterEquationPredictor(3, method="nonlinear", regressor=LinearRegression()).fit(X)
    linear = MasterEquationPredictor(3).fit(X)
    np.testing.assert_allclose(joint.predict(X), linear.predict(X), atol=1e-9)
    np.testing.assert_allclose(joint.forecast(X, 10), linear.forecast(X, 10), atol=1e-9)


def test_sequential_linear_projections_are_moris_recursion():
    X = noisy_runs(40, 500)
    pair = (LinearRegression(), LinearRegression())
    step = MasterEquationPredictor(3, method="nonlinear", regressor=pair).fit(X).projection_
    kernels = MasterEquationPredictor(3, method="mori").fit(X).memory_kernel_
    for (regressor, _), kernel in zip(step.terms, kernels, strict=True):
        np.testing.assert_allclose(regressor.coef_, kernel, atol=0.01)


def test_each_term_is_a_regression_of_what_is_left():
    past, future = stacked_windows(noisy_runs(5, 30), 2, 1)
    step = sequential_projections(past, future, Ridge(1.0), Ridge(5.0))
    first = Ridge(1.0).fit(past[:, :3], future)
    second = Ridge(5.0).fit(past[:, 3:], future - first.predict(past[:, :3]))
    np.testing.assert_allclose(step(past), first.predict(past[:, :3]) + second.predict(past[:, 3:]), atol=1e-12)


@pytest.mark.parametrize("regressor", [None, LinearRegression(), (LinearRegression(), LinearRegression())])
def test_exactly_linear_data(regressor):
    X, test = linear_runs(6, 30), linear_runs(4, 30, seed=1)
    model = MasterEquationPredictor(3, method="nonlinear", regressor=regressor).fit(X)
    np.testing.assert_allclose(model.predict(test)[:, 2:-1], test[:, 3:], atol=1e-7)
    np.testing.assert_allclose(model.forecast(test[:, :10], 20), test[:, 10:], atol=1e-6)


def test_states_that_exploded_stay_so():
    past, future = stacked_windows(noisy_runs(5, 30), 2, 1)
    step = joint_projection(past, future, quadratic_regressor(2, 3, 0.1))
    out = step(np.stack([past[0], np.full(6, np.nan), np.full(6, 1e200)]))
    np.testing.assert_allclose(out[0], step(past[:1])[0])
    assert np.isnan(out[1:]).all()


@pytest.mark.parametrize("pair", [(LinearRegression(),), (LinearRegression(), "mean")])
def test_a_pair_is_two_regressors(pair):
    with pytest.raises(ValueError, match="regressor must be a regressor, a pair of them or None"):
        MasterEquationPredictor(method="nonlinear", regressor=pair).fit(noisy_runs(2, 30))

"""Optimised dynamic mode decomposition: exact rates, the same minimum as a general method, honest errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, optimize

from skmst.koopman.exponentials import Exponentials, from_rates
from skmst.koopman.optimised import optimised_dmd
from skmst.koopman.variable_projection import Series, fit_rates
from tests.linear_systems import EIGENVALUES, FIXED_POINT, A, linear_runs

RATES = np.array([-0.01 + 0.3j, -0.01 - 0.3j, -0.05 + 1.1j, -0.05 - 1.1j])


def signal(times, n_features=8, seed=0, rates=RATES):
    """Real sums of exponentials with the given rates, (n_times, n_features)."""
    rng = np.random.default_rng(seed)
    modes = rng.normal(size=(n_features, len(rates) // 2)) + 1j * rng.normal(size=(n_features, len(rates) // 2))
    return (np.exp(np.multiply.outer(times, rates[::2])) @ modes.T).real


def farthest(found, exact):
    return max(np.abs(found - rate).min() for rate in exact)


class TestExactData:
    @given(st.integers(0, 10_000))
    @settings(max_examples=20, deadline=None)
    def test_rates_at_irregular_times(self, seed):
        rng = np.random.default_rng(seed)
        times = np.cumsum(rng.uniform(0.2, 1.8, 60))
        model = optimised_dmd(signal(times, seed=seed), 4, times=times)
        assert farthest(model.rates, RATES) < 1e-9
        np.testing.assert_allclose(model(times - times[0])[0], signal(times, seed=seed), atol=1e-8)

    def test_rates_decay_slowest_first(self):
        model = optimised_dmd(signal(np.arange(100.0)), 4)
        np.testing.assert_allclose(model.rates, RATES, atol=1e-12)
        assert model.standard_errors is None

    @pytest.mark.parametrize("lag", [1.0, 2.5])
    def test_the_operator_steps_by_any_interval(self, lag):
        times = np.arange(60.0)
        left, right = optimised_dmd(signal(times), 4).operator(lag)
        np.testing.assert_allclose(signal(times) @ (left @ right).T, signal(times + lag), atol=1e-11)

    def test_runs_of_unequal_length_share_rates_modes_and_fixed_point(self):
        runs = [run[:n] for run, n in zip(linear_runs(6, 40), [40, 20, 9, 30, 4, 40], strict=True)]
        model = optimised_dmd(runs, constant=True)
        assert farthest(np.exp(model.rates), EIGENVALUES) < 1e-11
        left, right = model.operator(1.0)
        np.testing.assert_allclose(left @ right, A, atol=1e-10)
        np.testing.assert_allclose(model.constants, np.broadcast_to(FIXED_POINT, (6, 3)), atol=1e-9)
        fitted = model(np.arange(40))
        for run, values in zip(runs, fitted, strict=True):
            np.testing.assert_allclose(values[: len(run)], run, atol=1e-9)

    @pytest.mark.parametrize("matrix", [np.diag([0.9, -0.5]), np.diag([1.1, -1.0]), np.diag([-0.9, -0.5])])
    def test_what_changes_sign_at_every_sample(self, matrix):
        X = np.stack([np.linalg.matrix_power(matrix, k) @ [1.0, 2.0] for k in range(20)])
        left, right = optimised_dmd(X).operator(1.0)
        np.testing.assert_allclose(left @ right, matrix, atol=1e-9)

    def test_two_real_rates_are_found_from_a_conjugate_pair(self):
        times = np.arange(50.0)
        values = np.exp(-0.1 * times)[:, None] * [[1.0, 2.0]] + np.exp(-0.15 * times)[:, None] * [[1.0, -1.0]]
        functions = Exponentials(1, np.zeros(0))
        series = Series(times[None], values[None], np.ones((1, 1, 50)))
        parameters = fit_rates(functions, np.array([[-0.2, -0.04]]), series)
        np.testing.assert_allclose(functions.rates(parameters[0]), [-0.1, -0.15], atol=1e-9)

    def test_growth_is_found_and_can_be_forbidden(self):
        X = signal(np.arange(60.0), rates=np.array([0.02 + 0.5j, 0.02 - 0.5j]))
        np.testing.assert_allclose(optimised_dmd(X, 2).rates, [0.02 + 0.5j, 0.02 - 0.5j], atol=1e-10)
        assert optimised_dmd(X, 2, stable=True).rates.real.max() <= 0


class TestBasis:
    times = np.linspace(0, 5, 11)

    @pytest.mark.parametrize("d", [-4.0, -1e-3, 0.0, 1e-3, 2.0])
    def test_functions_are_the_exponentials(self, d):
        functions = Exponentials(1, np.array([0.0]), constant=True)
        basis, _ = functions.basis(np.array([-0.3, d, 0.1]), self.times)
        root = np.sqrt(complex(d))
        near = root if d else 1e-6
        first, second = np.exp((-0.3 + near) * self.times), np.exp((-0.3 - near) * self.times)
        expected = [(first + second) / 2, (first - second) / (2 * near), np.exp(0.1 * self.times), np.ones(11)]
        np.testing.assert_allclose(basis, np.stack(expected, axis=-1), atol=1e-9)

    @pytest.mark.parametrize("d", [-4.0, -1e-3, 1e-5, 2.0])
    def test_derivatives_are_those_of_the_functions(self, d):
        functions = Exponentials(1, np.array([0.0]))
        at, h = np.array([-0.3, d, 0.1]), 1e-6
        C = np.random.default_rng(0).normal(size=(3, 2))
        columns, rows, weights = functions.chain_rule()
        _, derivatives = functions.basis(at, self.times)
        for k in range(3):
            step = h * np.eye(3)[k]
            difference = (functions.basis(at + step, self.times)[0] - functions.basis(at - step, self.times)[0]) / (
                2 * h
            )
            found = (derivatives[:, columns] * weights[k]) @ C[rows]
            np.testing.assert_allclose(found, difference @ C, atol=1e-7)

    def test_parameters_stand_for_their_rates(self):
        rates = np.array([-0.1 + 2j, -0.1 - 2j, 0.3, -0.4, -0.5, -0.2 + 1j * np.pi])
        functions, parameters = from_rates(rates, 1.0)
        assert functions.n_rates == 6
        np.testing.assert_allclose(
            np.sort_complex(functions.rates(parameters)), np.sort_complex(rates.astype(complex)), atol=1e-14
        )


class TestNoisyData:
    times = np.arange(150.0)

    def noisy(self, noise, seed):
        X = signal(self.times, n_features=5)
        return X + noise * np.random.default_rng(seed).normal(size=X.shape)

    def test_the_minimum_is_that_of_a_general_method(self):
        X = self.noisy(0.3, 0)
        basis = np.linalg.svd(X, full_matrices=False)[2][:4].T
        Z = X @ basis

        def residual(p):
            columns = [f(w * self.times) * np.exp(a * self.times) for a, w in p.reshape(2, 2) for f in (np.cos, np.sin)]
            Q = linalg.qr(np.stack(columns, axis=-1), mode="economic")[0]
            return (Z - Q @ (Q.T @ Z)).ravel()

        start = np.array([-0.01, 0.3, -0.05, 1.1])
        peer = optimize.least_squares(residual, start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
        expected = [peer.x[0] + 1j * peer.x[1], peer.x[2] + 1j * peer.x[3]]
        assert farthest(optimised_dmd(X, 4).rates, expected) < 1e-6

    @pytest.mark.parametrize("seed", range(10))
    def test_times_at_random_are_as_good_as_regular_ones(self, seed):
        rng = np.random.default_rng(seed)
        times = np.sort(rng.uniform(0, 200, 200))
        rates = np.array([-0.002 + 0.3j, -0.002 - 0.3j, -0.003 + 1.1j, -0.003 - 1.1j])
        X = signal(times, n_features=30, seed=seed, rates=rates)
        X += 0.3 * X.std() * rng.normal(size=X.shape)
        assert farthest(optimised_dmd(X, 4, times=times).rates, rates) < 1e-3

    def test_bags_tell_the_error_of_one_fit(self):
        fits = [optimised_dmd(self.noisy(0.3, seed), 4, n_bags=100, random_state=seed) for seed in range(40)]
        errors = np.array([fit.rates - RATES for fit in fits])
        told = np.median([fit.standard_errors for fit in fits], axis=0)
        for part in (np.real, np.imag):
            ratio = np.sqrt(np.mean(part(errors) ** 2, axis=0)) / part(told)
            assert ((ratio > 0.6) & (ratio < 1.6)).all()

    def test_bags_of_runs_are_drawn_where_there_are_many(self, rng):
        runs = linear_runs(12, 30) + 0.01 * rng.normal(size=(12, 30, 3))
        model = optimised_dmd(runs, 3, constant=True, n_bags=50, random_state=0)
        assert farthest(np.exp(model.rates), EIGENVALUES) < 6 * np.abs(model.standard_errors).max()
        assert np.abs(model.standard_errors).max() < 0.05

    def test_the_same_seed_draws_the_same_bags(self):
        one, two = (optimised_dmd(self.noisy(0.3, 0), 4, n_bags=20, random_state=3) for _ in range(2))
        np.testing.assert_array_equal(one.rates, two.rates)
        np.testing.assert_array_equal(one.standard_errors, two.standard_errors)

    def test_long_runs_pin_rates_down_by_the_length_to_three_halves(self):
        """The Cramer-Rao bound for undamped oscillations (Rife & Boorstyn 1974), within twice."""
        rates, n = np.array([0.3j, -0.3j, 1.1j, -1.1j]), 20_000
        times = np.arange(float(n))
        X = signal(times, n_features=5, rates=rates)
        power = np.mean(X**2)
        X = X + 0.3 * np.random.default_rng(0).normal(size=X.shape)
        bound = 0.3 * np.sqrt(12 / (power * 5 * n**3))
        assert farthest(optimised_dmd(X, 4).rates, rates) < 4 * bound


class TestErrors:
    @pytest.mark.parametrize(
        ("times", "message"),
        [
            (np.arange(49), "one time for each step"),
            (np.zeros(50), "finite and increase"),
            ([np.arange(50)] * 2, "one time"),
        ],
    )
    def test_times(self, times, message):
        with pytest.raises(ValueError, match=message):
            optimised_dmd(signal(np.arange(50.0)), 4, times=times)

    def test_too_short_a_run(self):
        with pytest.raises(ValueError, match=r"no run long enough to fit 4 exponentials and a constant.*n_samples=5"):
            optimised_dmd(signal(np.arange(5.0)), 4, constant=True)

    def test_nothing_of_the_callers_is_changed(self):
        X = signal(np.arange(50.0))
        X.flags.writeable = False
        optimised_dmd(X, 4, n_bags=3)

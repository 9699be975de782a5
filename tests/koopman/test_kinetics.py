"""Powers and operators of longer lags: equal where observables are closed, and not where they are not."""

import numpy as np
import pytest

from skmst.datasets import make_ornstein_uhlenbeck
from skmst.koopman.kinetics import chapman_kolmogorov, timescales_by_lag
from tests.linear_systems import EIGENVALUES, affine_least_squares, linear_runs, noisy_runs, stacked_windows


class TestTimescales:
    def test_of_exact_dynamics_they_do_not_depend_on_the_lag(self):
        found = timescales_by_lag(linear_runs(6, 30), [1, 2, 5], dt=0.1, n_resamples=5, random_state=0)
        np.testing.assert_allclose(found.time, [0.1, 0.2, 0.5])
        for values in (found.timescales, found.low, found.high):
            np.testing.assert_allclose(values, np.tile(-0.1 / np.log(np.abs(EIGENVALUES)), (3, 1)), rtol=1e-6)

    def test_noise_on_the_states_is_forgotten_at_longer_lags(self):
        # Least squares underestimates: decay + log(1 + noise / variance) / lag.
        x = make_ornstein_uhlenbeck(300, 1000, theta=1.0, dt=0.1, random_state=0)
        noisy = x + 0.3 * x.std() * np.random.default_rng(0).normal(size=x.shape)
        found = timescales_by_lag(noisy, [1, 4, 10], 1, dt=0.1, n_resamples=100, random_state=0)
        expected = 1 / (1 + np.log(1.09) / found.time)
        np.testing.assert_allclose(found.timescales[:, 0], expected, rtol=0.06)
        assert ((found.low[:, 0] < expected) & (expected < found.high[:, 0])).sum() >= 2

    def test_what_grows_has_no_end(self):
        x = 1.1 ** np.arange(20.0)[:, None] * np.array([1.0, 2.0, -1.0])[:, None, None]
        assert np.isinf(timescales_by_lag(x, [1], 1, n_resamples=5).timescales).all()

    def test_missing_eigenvalues_are_nan(self):
        found = timescales_by_lag(noisy_runs(5, 30, n_features=2), [1], 3, n_resamples=5)
        assert np.isnan(found.timescales[0]).tolist() == [False, False, True]

    @pytest.mark.parametrize(
        ("params", "message"), [({"lags": [1], "dt": 0}, "dt must be"), ({"lags": [0]}, "lag must")]
    )
    def test_what_cannot_be_is_said(self, params, message):
        with pytest.raises(ValueError, match=message):
            timescales_by_lag(noisy_runs(5, 30), **params)


class TestChapmanKolmogorov:
    def test_operators_are_regressions_of_the_same_windows(self):
        X, lag = list(noisy_runs(4, 30)) + list(noisy_runs(2, 25, seed=1)), 2
        found = chapman_kolmogorov(X, lag, 3, n_resamples=5, random_state=0)
        past, future = stacked_windows(X, 3, lag)
        start, scale = past[:, -3:], past[:, -3:].std(axis=0)
        later = [past[:, 3:6], past[:, :3], future]
        for k, after in enumerate(later):
            K = affine_least_squares(start, after)[0] * scale / scale[:, None]
            np.testing.assert_allclose(found.estimated[k], K, atol=1e-10)
            np.testing.assert_allclose(found.predicted[k], np.linalg.matrix_power(found.estimated[0], k + 1))
        np.testing.assert_array_equal(found.lags, [2, 4, 6])

    def test_exact_dynamics_are_closed(self):
        found = chapman_kolmogorov(linear_runs(6, 20), n_resamples=20, random_state=0)
        np.testing.assert_allclose(found.predicted, found.estimated, atol=1e-8)
        assert found.consistent
        assert found.excess.max() < 1e-12

    def test_nine_of_ten_closed_noisy_systems_pass(self):
        runs = [noisy_runs(30, 40, seed=seed) for seed in range(40)]
        # noisy_runs draws another system for every seed
        passed = [chapman_kolmogorov(X, n_resamples=100, random_state=0).consistent for X in runs]
        assert 30 <= sum(passed) < 40

    def test_a_part_of_a_system_is_not_closed(self):
        found = chapman_kolmogorov(noisy_runs(60, 60, n_features=3)[..., :1], random_state=0)
        assert not found.consistent
        assert found.excess[0] == pytest.approx(0, abs=1e-12)
        assert found.excess[1:].max() > 0.01
        difference = (found.estimated - found.predicted)[1:]
        assert ((found.low[1:] <= difference) & (difference <= found.high[1:])).all()

    def test_exact_dynamics_seen_in_part_are_not_closed(self):
        assert not chapman_kolmogorov(linear_runs(6, 20)[..., :2], n_resamples=20, random_state=0).consistent

    def test_excess_is_the_part_of_the_variance_that_powers_miss(self):
        # Of a rotation by a, one component has the correlation cos a: powers say cos^2 a where there is cos 2a.
        a, phase = 0.3, np.linspace(0, 2 * np.pi, 100, endpoint=False)[:, None]
        X = np.cos(phase + a * np.arange(6))[..., None]
        found = chapman_kolmogorov(X, 1, 2, n_resamples=5)
        np.testing.assert_allclose(found.excess, [0, (np.cos(2 * a) - np.cos(a) ** 2) ** 2], atol=1e-12)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_multiples": 1}, "with itself"),
            ({"level": 0}, "level must"),
            ({"n_resamples": 0}, "n_resamples must"),
            ({"lag": 20}, "too short"),
            ({"lag": 0}, "lag"),
        ],
    )
    def test_what_cannot_be_is_said(self, params, message):
        with pytest.raises(ValueError, match=message):
            chapman_kolmogorov(noisy_runs(5, 30), **params)

    def test_data_that_do_not_vary_are_refused(self):
        with pytest.raises(ValueError, match="nothing varies"):
            chapman_kolmogorov(np.ones((3, 20, 2)))
